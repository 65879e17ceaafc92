package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
)

// inherit makes the database one that an earlier release left.
func (o *office) inherit(id meeting.BookingID, uid meeting.UID) {
	o.t.Helper()
	o.exec(`insert into ews.legacy_booking (booking_id, uid, group_id, organizer, instance_index) values ($1, $2, 9, 'anna@example.com', 1)`, id, uid)
}

func (o *office) observeOld(id meeting.BookingID, asset meeting.AssetID) engine.Observed {
	o.t.Helper()
	result, err := o.term.ObserveBooking(o.t.Context(), engine.BookingObservation{
		Booking: engine.Booking{ID: id, Span: o.hour(9), Assets: []meeting.AssetID{asset}}, Since: o.tick(), UID: "own", Ref: "ref",
	})
	require.NoError(o.t, err)
	return result
}

// takeOver does what the engine does once both sides have been read.
func (o *office) takeOver(c engine.Claim, found ...meeting.Inherited) {
	o.t.Helper()
	require.NoError(o.t, o.term.Apply(o.t.Context(), c, nil, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		m.TakeOver(found, at)
		return nil, nil
	}))
}

func TestABookingOfTheEarlierReleaseIsNoNewMeeting(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	o.inherit(7, "a")
	require.Equal(t, engine.Changed, o.observeOld(7, 10))
	require.Equal(t, 1, value[int](o, `select count(*) from ews.meeting`))
	legacy := meeting.Legacy{Booking: 7, Group: 9, Organizer: "anna@example.com", Index: 1}
	m := o.meeting("a")
	equal(t, []meeting.Legacy{legacy}, m.Legacy)
	require.Equal(t, meeting.Exchange, m.Origin)
	require.EqualValues(t, "anna@example.com", m.Organizer)
	require.Empty(t, m.Occurrences)

	c := o.claim()
	require.Equal(t, 1, o.load(c).Takeover.Unread)
	o.read(room, entry("b", o.hour(3)))
	loaded := o.load(c)
	require.Zero(t, loaded.Takeover.Unread)
	require.Contains(t, loaded.Takeover.ReadAt, room)
	require.Equal(t, 1, loaded.Takeover.Lost)
	o.read(room, entry("a", o.hour(9)), entry("b", o.hour(3)))
	loaded = o.load(c)
	require.Equal(t, 1, loaded.Takeover.Shown)
	require.Zero(t, loaded.Takeover.Lost)

	o.takeOver(c, meeting.Inherited{
		Legacy: legacy, Live: true, Covered: true, Span: o.hour(9), Assets: []meeting.AssetID{10}, Rooms: []meeting.RoomID{room},
	})
	loaded = o.load(c)
	require.Nil(t, loaded.Takeover)
	require.Empty(t, loaded.Meeting.Legacy)
	require.EqualValues(t, 7, loaded.Meeting.Occurrences[0].Booking)
	require.Equal(t, engine.Unchanged, o.observeOld(7, 10), "it is known now")
	require.Empty(t, o.meeting("a").Legacy)
	require.Nil(t, o.load(o.claimOf("b")).Takeover)
}

func (o *office) claimOf(uid meeting.UID) engine.Claim {
	o.t.Helper()
	const token = "00000000-0000-4000-8000-000000000001"
	o.exec(`update ews.meeting set claim_token = $2, claimed_until = now() + interval '1 minute' where uid = $1`, uid, token)
	return engine.Claim{Meeting: value[meeting.ID](o, `select id from ews.meeting where uid = $1`, uid), Token: token}
}

func TestBookingsThatWaitAreRemembered(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	o.inherit(7, "a")
	o.inherit(8, "a")
	o.read(room, entry("a", o.hour(9)))
	c := o.claim()
	far := o.hour(24 * 300)
	o.takeOver(c,
		meeting.Inherited{Legacy: meeting.Legacy{Booking: 7}},
		meeting.Inherited{Legacy: meeting.Legacy{Booking: 8}, Live: true, Span: far})
	equal(t, []meeting.Legacy{{Booking: 8, Group: 9, Organizer: "anna@example.com", Index: 1, Start: far.Start}}, o.load(c).Meeting.Legacy)

	// It comes into view, and the one that was not there is, after all.
	require.Equal(t, engine.Changed, o.observeOld(8, 10))
	require.Equal(t, engine.Changed, o.observeOld(7, 10))
	got := o.load(c).Meeting.Legacy
	require.Len(t, got, 2)
	for _, l := range got {
		require.Equal(t, time.Time{}, l.Start)
	}
	unknown, err := o.term.Unknown(t.Context(), []meeting.BookingID{7, 9})
	require.NoError(t, err)
	require.Equal(t, []meeting.BookingID{9}, unknown, "it cannot be one that we just made")
}

func TestBookingsOfTheEarlierReleaseBelongToOneConfiguration(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.inherit(7, "a")
	o.inherit(8, "a")
	other := o.configuration()
	o.exec(`update ews.legacy_booking set configuration_id = $1 where booking_id = 8`, other)
	require.Equal(t, engine.Changed, o.observeOld(7, 10))
	require.Len(t, o.meeting("a").Legacy, 1)
	require.Equal(t, int64(o.config), value[int64](o, `select configuration_id from ews.legacy_booking where booking_id = 7`))
	o.exec(`delete from ews.configuration where id = $1`, other)
	require.Len(t, o.meeting("a").Legacy, 2, "without that one they may be ours")
}
