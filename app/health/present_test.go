package health_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// status returns the status of the configuration, or of its room.
func (d *desk) status(path string) map[string]any {
	d.t.Helper()
	code, body := d.call(http.MethodGet, path)
	require.Equal(d.t, http.StatusOK, code, body)
	return decode(d.t, body).(map[string]any)
}

// meetings adds meetings that wait with a priority, seen in the room.
func (d *desk) meetings(n, priority int, waits string) {
	d.t.Helper()
	_, err := d.db.Pool().Exec(d.t.Context(), `
		with m as (
		  insert into ews.meeting (configuration_id, uid, origin, priority, wanted_at, due_at)
		  select c.id, 'p' || $2::int || '-' || i, 'exchange', $2::int, now() - $3::interval, now() from ews.configuration c, generate_series(1, $1::int) i
		  returning id, configuration_id),
		o as (insert into ews.occurrence (meeting_id, configuration_id) select id, configuration_id from m returning id)
		insert into ews.cell (occurrence_id, room_id, seen, seen_start, seen_end)
		select o.id, r.id, 'booked', now(), now() + interval '1 hour' from o, ews.room r`, n, priority, waits)
	require.NoError(d.t, err)
}

func TestTheProgressOfAnImportIsTold(t *testing.T) {
	t.Parallel()
	d := open(t)
	progress := d.status("/v1/configs/1/status")["import"].(map[string]any)
	require.Equal(t, map[string]any{"rooms": 1., "roomsRead": 0., "meetings": 0., "meetingsDone": 0., "percent": 0.}, progress)
	d.exec(`update ews.room set read_at = now(), polled_at = now()`)
	require.Nil(t, d.status("/v1/configs/1/status")["import"], "nothing is to be imported")

	d.meetings(8, 2, "1 minute")
	d.exec(`update ews.meeting set wanted_at = null, due_at = null where uid in ('p2-1', 'p2-2', 'p2-3', 'p2-4', 'p2-5', 'p2-6')`)
	progress = d.status("/v1/configs/1/status")["import"].(map[string]any)
	require.Equal(t, map[string]any{"rooms": 1., "roomsRead": 1., "meetings": 8., "meetingsDone": 6., "percent": 75.}, progress)
	d.exec(`update ews.configuration set enable = false`)
	require.Nil(t, d.status("/v1/configs/1/status")["import"], "while it is switched off nothing gets on")
}

func TestTheLagIsToldByDirection(t *testing.T) {
	t.Parallel()
	d := open(t)
	require.Nil(t, d.status("/v1/configs/1/rooms/room-1@example.com")["fromExchange"].(map[string]any)["lagSeconds"], "it was never asked")

	d.exec(`update ews.room set polled_at = now() - interval '90 seconds', read_at = now()`)
	d.meetings(2, 0, "40 seconds")
	room := d.status("/v1/configs/1/rooms/room-1@example.com")
	fromExchange, fromBookings := room["fromExchange"].(map[string]any), room["fromBookings"].(map[string]any)
	require.InDelta(t, 90, fromExchange["lagSeconds"], 20, "what changed since it was asked is not known")
	require.InDelta(t, 0, fromExchange["waiting"], 0)
	require.InDelta(t, 40, fromBookings["lagSeconds"], 20)
	require.InDelta(t, 2, fromBookings["waiting"], 0)
	require.Nil(t, fromBookings["lastCarried"])

	d.meetings(1, 1, "10 minutes")
	room = d.status("/v1/configs/1/rooms/room-1@example.com")
	require.InDelta(t, 600, room["fromExchange"].(map[string]any)["lagSeconds"], 30, "an older change waits")
	status := d.status("/v1/configs/1/status")
	require.InDelta(t, 1, status["fromExchange"].(map[string]any)["waiting"], 0)
	require.InDelta(t, 2, status["fromBookings"].(map[string]any)["waiting"], 0)
	require.InDelta(t, 40, status["fromBookings"].(map[string]any)["lagSeconds"], 20)
	require.Nil(t, status["fromBookings"].(map[string]any)["lastCarried"])
}
