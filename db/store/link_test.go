package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
)

func TestWhatAConfigurationKnowsOfBookings(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	fresh := func() bool {
		f, err := o.term.Fresh(t.Context())
		require.NoError(t, err)
		return f
	}
	room := o.room("room1@example.com", 10)
	require.True(t, fresh(), "it is new")
	o.read(room, entry("a", o.hour(9)))
	o.exec(`update ews.occurrence set booking_id = 7`)
	require.True(t, fresh(), "others are not known yet")
	require.NoError(t, o.term.Linked(t.Context()))
	require.False(t, fresh())
	o.exec(`delete from ews.meeting`)
	require.True(t, fresh(), "what it knew was lost")
}

func TestMeetingsShownWithoutABooking(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	one, other := o.room("room1@example.com", 10), o.room("room2@example.com", 11)
	shown := func(span meeting.Span, rooms ...meeting.RoomID) (uids []meeting.UID, unread bool) {
		by, unread, err := o.term.Shown(t.Context(), rooms, span, "")
		require.NoError(t, err)
		for _, k := range by {
			uids = append(uids, k.UID)
		}
		return uids, unread
	}
	_, unread := shown(o.hour(9), one)
	require.True(t, unread, "the room was never read")

	series := entry("series", o.hour(11))
	series.Key = meeting.KeyOf(o.hour(11).Start)
	o.read(one, entry("a", o.hour(9)), entry("b", o.hour(9)), series)
	uids, unread := shown(o.hour(9), one)
	require.Equal(t, []meeting.UID{"a", "b"}, uids)
	require.False(t, unread)
	uids, unread = shown(o.hour(11), other, one)
	require.Equal(t, []meeting.UID{"series"}, uids)
	require.True(t, unread)
	uids, _ = shown(o.hour(10), one)
	require.Empty(t, uids, "another time")

	o.exec(`update ews.occurrence set booking_id = 7 where meeting_id = (select id from ews.meeting where uid = 'a')`)
	o.exec(`update ews.meeting set origin = 'eliona' where uid = 'b'`)
	uids, _ = shown(o.hour(9), one)
	require.Empty(t, uids, "one has a booking, the other is ours")

	for range 3 {
		require.NoError(t, o.term.RoomFailed(t.Context(), other, "x", o.hour(0).Start))
	}
	_, unread = shown(o.hour(11), other, one)
	require.False(t, unread, "a room that cannot be read keeps nobody waiting")
	var by []engine.Known
	by, _, err := o.term.Shown(t.Context(), []meeting.RoomID{one}, o.hour(11), "")
	require.NoError(t, err)
	require.Equal(t, series.Organizer, by[0].Organizer)
}

// A booking that was moved is found by the UID of its meeting, whenever and
// wherever that is.
func TestAMeetingIsShownByItsUID(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	one, other := o.room("room1@example.com", 10), o.room("room2@example.com", 11)
	series := entry("series", o.hour(11))
	series.Key = meeting.KeyOf(o.hour(11).Start)
	o.read(one, entry("a", o.hour(9)), series)
	by, unread, err := o.term.Shown(t.Context(), []meeting.RoomID{other}, o.hour(15), "a")
	require.NoError(t, err)
	require.Len(t, by, 1)
	require.True(t, unread, "its own room was read")
	by, _, err = o.term.Shown(t.Context(), nil, meeting.Span{}, "b")
	require.NoError(t, err)
	require.Empty(t, by)

	unbooked := func() []meeting.UID {
		uids, err := o.term.Unbooked(t.Context())
		require.NoError(t, err)
		return uids
	}
	require.Equal(t, []meeting.UID{"a"}, unbooked(), "series are made in Outlook")
	o.read(other)
	o.exec(`update ews.occurrence set booking_id = 7 where recurrence_key = ''`)
	require.Empty(t, unbooked())
	by, _, err = o.term.Shown(t.Context(), nil, meeting.Span{}, "a")
	require.NoError(t, err)
	require.Empty(t, by)
}

// The Booking app may tell of a booking right after its room told of the meeting:
// what the room shows is what both said before.
func TestABookingOfAMeetingThatIsShownIsItsOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("room1@example.com", 10)
	o.read(room, entry("uid of 7", o.hour(9)))
	result, err := o.term.ObserveBooking(t.Context(), engine.BookingObservation{
		Booking: engine.Booking{ID: 7, Assets: []meeting.AssetID{10}, Organizer: "Dora@example.com", Span: o.hour(12)},
		Since:   o.tick(), UID: "uid of 7", Ref: "ref of 7",
	})
	require.NoError(t, err)
	require.Equal(t, engine.Changed, result)
	m := o.meeting("uid of 7")
	require.Equal(t, meeting.Eliona, m.Origin)
	require.Equal(t, "ref of 7", m.Ref)
	require.EqualValues(t, "dora@example.com", m.Organizer)
	require.EqualValues(t, "anna@example.com", m.CopyMailbox, "where the rooms say it is")
	require.True(t, m.Occurrences[0].Base.Equal(o.hour(9)))
	require.True(t, m.Occurrences[0].BookingSpan.Equal(o.hour(12)))
	require.True(t, m.Occurrences[0].CellOf(room).BaseIn)
}
