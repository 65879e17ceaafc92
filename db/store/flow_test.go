package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
	"ews/db/store"
)

func (o *office) flow() store.Flow {
	o.t.Helper()
	flows, err := o.db.Flows(o.t.Context(), o.config)
	require.NoError(o.t, err)
	return flows[o.config]
}

// flowOf returns the flow of a room.
func (o *office) flowOf(address meeting.Address) store.Flow {
	o.t.Helper()
	views, err := o.db.RoomViews(o.t.Context(), o.config, address, o.hour(0))
	require.NoError(o.t, err)
	require.Len(o.t, views, 1)
	return views[0].Flow
}

func TestWhatWaitsIsCountedByDirection(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t) // seen in Exchange
	hill := o.room("hill@example.com", 20)
	o.read(hill)
	o.booked(9, o.hour(15)) // of the lake's asset
	o.exec(`update ews.meeting set due_at = now(), wanted_at = now() - case priority when 0 then interval '1 minute' else interval '1 hour' end`)

	for _, flow := range []store.Flow{o.flow(), o.flowOf("lake@example.com")} {
		require.Equal(t, 1, flow.ToBooking.Waiting)
		require.Equal(t, 1, flow.ToExchange.Waiting)
		require.InDelta(t, time.Hour.Seconds(), flow.ToBooking.Waited.Seconds(), 30)
		require.InDelta(t, time.Minute.Seconds(), flow.ToExchange.Waited.Seconds(), 30)
		require.Zero(t, flow.ToBooking.Carried)
	}
	require.Zero(t, o.flowOf("hill@example.com"), "nothing is about the other room")
	o.exec(`update ews.meeting set parked_code = 'booking_clash', parked_at = now()`)
	require.Zero(t, o.flow(), "what is parked waits for a person")
}

func TestTheLastSuccessIsKnownByDirectionAndRoom(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	hill := o.room("hill@example.com", 20)
	o.settled()
	operation := func(side, status, assets, at string) {
		o.exec(`insert into ews.operation (meeting_id, occurrence_id, side, kind, assets, status, finished_at)
			select m.id, o.id, $1, 'x', $2::int[], $3, $4::timestamptz from ews.meeting m join ews.occurrence o on o.meeting_id = m.id where m.uid = 'a'`,
			side, assets, status, at)
	}
	operation("booking", "done", "{10}", "2026-11-22T08:00:00Z")
	operation("booking", "done", "{10,20}", "2026-11-22T09:00:00Z")
	operation("booking", "failed", "{10}", "2026-11-22T10:00:00Z")
	operation("exchange", "done", "{}", "2026-11-22T07:00:00Z")
	at := func(hour int) time.Time { return time.Date(2026, 11, 22, hour, 0, 0, 0, time.UTC) }

	for address, toExchange := range map[meeting.Address]time.Time{"lake@example.com": at(7), "hill@example.com": {}} {
		flow := o.flowOf(address)
		require.True(t, at(9).Equal(flow.ToBooking.Carried), "%s: what failed does not count: %v", address, flow)
		require.True(t, toExchange.Equal(flow.ToExchange.Carried), "%s: a date concerns its rooms: %v", address, flow)
	}
	require.True(t, at(9).Equal(o.flow().ToBooking.Carried))
	require.True(t, at(7).Equal(o.flow().ToExchange.Carried))
	require.NotEqual(t, room, hill)

	other := o.configuration()
	flows, err := o.db.Flows(t.Context(), 0)
	require.NoError(t, err)
	require.Contains(t, flows, o.config)
	require.NotContains(t, flows, other, "nothing ever happened there")
}
