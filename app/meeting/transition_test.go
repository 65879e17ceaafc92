package meeting_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
)

var (
	ten    = meeting.SpanOf(at(10), at(11))
	eleven = meeting.SpanOf(at(11), at(12))
	now    = at(9)
	rooms  = map[meeting.RoomID]meeting.Room{
		1: {ID: 1, Address: "one@example.com", Assets: []meeting.AssetID{10, 11}},
		2: {ID: 2, Address: "two@example.com", Assets: []meeting.AssetID{20, 21}},
	}
)

// moment is some minutes after nine, with a tick to match.
func moment(minutes int) meeting.Moment {
	return meeting.Moment{Now: now.Add(time.Duration(minutes) * time.Minute), Tick: meeting.Tick(minutes)}
}

// copyAt is an organizer's copy that invites the rooms with these answers.
func copyAt(span meeting.Span, answers map[meeting.Address]meeting.RoomAnswer) meeting.Copy {
	return meeting.Copy{Live: true, Span: span, Rooms: answers}
}

type lines = map[meeting.Address]meeting.RoomAnswer

func silent() meeting.RoomAnswer { return meeting.RoomAnswer{Answer: meeting.NoAnswer} }

func said(a meeting.Answer, minute int) meeting.RoomAnswer {
	return meeting.RoomAnswer{Answer: a, At: moment(minute).Now}
}

func shows(span meeting.Span) *meeting.Sighting {
	return &meeting.Sighting{Item: "item", ChangeKey: "ck", Sequence: 3, Span: span, Presence: meeting.Booked}
}

// created is a meeting of ours in both rooms, booked, and not answered yet.
func created(t *testing.T) *meeting.Occurrence {
	t.Helper()
	o := &meeting.Occurrence{Copy: meeting.CopyUnknown}
	o.BookingWritten(7, ten, []meeting.AssetID{10, 11, 20, 21}, 0)
	o.Wrote(copyAt(ten, nil), []meeting.RoomID{1, 2}, nil, moment(1))
	return o
}

// held is the same after both rooms accepted.
func held(t *testing.T) *meeting.Occurrence {
	t.Helper()
	o := created(t)
	o.Looked(copyAt(ten, lines{"one@example.com": said(meeting.Accepted, 2), "two@example.com": said(meeting.Accepted, 2)}), rooms, moment(2))
	o.Answered(ten, []meeting.RoomID{1, 2}, moment(3))
	o.Agreed(ten, []meeting.RoomID{1, 2})
	return o
}

func TestWrote(t *testing.T) {
	t.Run("a new meeting: the rooms owe us an answer", func(t *testing.T) {
		o := created(t)
		require.Equal(t, meeting.CopyLive, o.Copy)
		require.Equal(t, ten, o.CopySpan)
		require.Equal(t, meeting.Us, o.AskedBy)
		require.Equal(t, moment(1).Now, o.AskedAt)
		require.Equal(t, moment(1).Now, o.CopyCheckedAt)
		require.Equal(t, meeting.Tick(1), o.ExchangeTick)
		require.Len(t, o.Cells, 2)
		require.Equal(t, meeting.Cell{Room: 1, Seen: meeting.None, Invited: true, Answer: meeting.NoAnswer}, o.Cells[0])
	})
	t.Run("a move: neither former answers nor former sightings count", func(t *testing.T) {
		o := held(t)
		o.Wrote(copyAt(eleven, nil), nil, nil, moment(5))
		for _, c := range o.Cells {
			require.Equal(t, meeting.NoAnswer, c.Answer)
			require.Equal(t, meeting.None, c.Seen)
			require.True(t, c.Invited)
			require.True(t, c.BaseIn, "the base is what was shared, not what is asked for")
		}
		require.Equal(t, meeting.Us, o.AskedBy)
	})
	t.Run("another room: the answers of the others stand", func(t *testing.T) {
		o := held(t)
		o.Wrote(copyAt(ten, nil), []meeting.RoomID{3}, []meeting.RoomID{2}, moment(5))
		require.Equal(t, meeting.Accepted, o.CellOf(1).Answer)
		require.Equal(t, meeting.Booked, o.CellOf(1).Seen)
		require.False(t, o.CellOf(2).Invited)
		require.Equal(t, meeting.None, o.CellOf(2).Seen)
		require.True(t, o.CellOf(3).Invited)
		require.Equal(t, meeting.NoAnswer, o.CellOf(3).Answer)
	})
}

func TestLooked(t *testing.T) {
	t.Run("answers", func(t *testing.T) {
		o := created(t)
		o.Looked(copyAt(ten, lines{"one@example.com": said(meeting.Declined, 2), "two@example.com": silent()}), rooms, moment(3))
		require.Equal(t, meeting.Declined, o.CellOf(1).Answer)
		require.Equal(t, moment(2).Now, o.CellOf(1).AnsweredAt)
		require.Equal(t, meeting.NoAnswer, o.CellOf(2).Answer)
		require.Equal(t, meeting.Us, o.AskedBy)
		require.Equal(t, moment(1).Now, o.AskedAt, "a look does not renew the question")
		require.Equal(t, moment(3).Now, o.CopyCheckedAt)
		require.Equal(t, meeting.Tick(3), o.ExchangeTick)
	})
	t.Run("an answer to the former time is none to ours", func(t *testing.T) {
		o := held(t)
		o.Wrote(copyAt(eleven, nil), nil, nil, moment(5))
		former := lines{"one@example.com": said(meeting.Accepted, 2), "two@example.com": said(meeting.Accepted, 2)}
		o.Looked(copyAt(eleven, former), rooms, moment(6))
		require.Equal(t, meeting.NoAnswer, o.CellOf(1).Answer)

		former["one@example.com"] = said(meeting.Accepted, 6)
		o.Looked(copyAt(eleven, former), rooms, moment(7))
		require.Equal(t, meeting.Accepted, o.CellOf(1).Answer)
		require.Equal(t, meeting.NoAnswer, o.CellOf(2).Answer)
	})
	t.Run("a room takes its answer back", func(t *testing.T) {
		o := held(t)
		o.Looked(copyAt(ten, lines{"one@example.com": said(meeting.Declined, 8), "two@example.com": said(meeting.Accepted, 2)}), rooms, moment(9))
		require.Equal(t, meeting.Declined, o.CellOf(1).Answer)
		require.Equal(t, meeting.Accepted, o.CellOf(2).Answer)
	})
	t.Run("a person moved it while the rooms owed us an answer: they answer that person", func(t *testing.T) {
		o := created(t)
		o.Looked(copyAt(eleven, lines{"one@example.com": silent(), "two@example.com": silent()}), rooms, moment(3))
		require.Equal(t, meeting.Them, o.AskedBy)
		require.Equal(t, eleven, o.CopySpan)
	})
	t.Run("what the booking asks for is our own change, were it not recorded", func(t *testing.T) {
		o := created(t)
		o.SeeBooking(true, eleven, []meeting.AssetID{10, 11}, 2)
		o.Looked(copyAt(eleven, lines{"one@example.com": said(meeting.Accepted, 3)}), rooms, moment(4))
		require.Equal(t, meeting.Us, o.AskedBy)
		require.Equal(t, meeting.NoAnswer, o.CellOf(1).Answer, "it may have accepted the former time")
		require.True(t, o.CellOf(1).Reread, "its own calendar tells")
		require.False(t, o.CellOf(2).Invited)
	})
	t.Run("a person took out a room that is still booked", func(t *testing.T) {
		o := created(t)
		o.Looked(copyAt(ten, lines{"one@example.com": said(meeting.Accepted, 2)}), rooms, moment(3))
		require.Equal(t, meeting.Them, o.AskedBy)
		require.False(t, o.CellOf(2).Invited)
		require.Equal(t, meeting.Accepted, o.CellOf(1).Answer, "that says nothing of the other room")
	})
	t.Run("some attendees could not be told: nobody was taken out", func(t *testing.T) {
		o := created(t)
		c := copyAt(ten, lines{"one@example.com": silent()})
		c.Partial = true
		o.Looked(c, rooms, moment(3))
		require.True(t, o.CellOf(2).Invited)
		require.Equal(t, meeting.Us, o.AskedBy)
	})
	t.Run("a person invited a room", func(t *testing.T) {
		o := &meeting.Occurrence{Copy: meeting.CopyLive, CopySpan: ten}
		o.Looked(copyAt(ten, lines{"two@example.com": silent(), "guest@example.com": said(meeting.Accepted, 1)}), rooms, moment(3))
		require.Len(t, o.Cells, 1, "a guest is no room, an uninvited room no cell")
		require.True(t, o.CellOf(2).Invited)
		require.Equal(t, meeting.Nobody, o.AskedBy)
	})
	t.Run("first look at a meeting of people, at rest", func(t *testing.T) {
		o := &meeting.Occurrence{Copy: meeting.CopyUnknown}
		o.See(1, shows(ten), 1, now)
		o.Agreed(ten, []meeting.RoomID{1})
		o.Looked(copyAt(ten, lines{"one@example.com": said(meeting.Accepted, -60)}), rooms, moment(3))
		require.Equal(t, meeting.CopyLive, o.Copy)
		require.Equal(t, meeting.Nobody, o.AskedBy)
	})
	t.Run("first look at a meeting that was moved, but not in its room yet", func(t *testing.T) {
		o := &meeting.Occurrence{Copy: meeting.CopyUnknown}
		o.See(1, shows(ten), 1, now)
		o.Agreed(ten, []meeting.RoomID{1})
		o.Looked(copyAt(eleven, lines{"one@example.com": silent()}), rooms, moment(3))
		require.Equal(t, meeting.Them, o.AskedBy)
		require.Equal(t, moment(3).Now, o.AskedAt)
	})
	t.Run("a room that leaves is news when it shows the meeting again", func(t *testing.T) {
		o := created(t)
		o.See(2, shows(ten), 1, moment(2).Now)
		o.Looked(copyAt(ten, lines{"one@example.com": silent()}), rooms, moment(3))
		require.Equal(t, meeting.None, o.CellOf(2).Seen)
		changed, stale := o.See(2, shows(ten), 4, moment(4).Now)
		require.True(t, changed)
		require.False(t, stale)
		require.True(t, o.CellOf(2).SeenAt.After(o.CopyCheckedAt), "the copy has to be looked at")
	})
	t.Run("it is gone: no room is in it, none owes an answer, what they show is another matter", func(t *testing.T) {
		o := held(t)
		o.Looked(meeting.Copy{}, rooms, moment(4))
		require.Equal(t, meeting.CopyGone, o.Copy)
		require.Equal(t, meeting.Span{}, o.CopySpan)
		require.Equal(t, meeting.Nobody, o.AskedBy)
		for _, c := range o.Cells {
			require.False(t, c.Invited)
			require.Equal(t, meeting.Booked, c.Seen)
			require.True(t, c.BaseIn)
		}
		require.True(t, o.BookingLive, "the booking is another matter")
	})
}

func TestWhereSomethingMayHaveBeenMissedARoomIsReadAnew(t *testing.T) {
	reread := func(o *meeting.Occurrence) (out []meeting.RoomID) {
		for _, c := range o.Cells {
			if c.Reread {
				out = append(out, c.Room)
			}
		}
		return out
	}
	t.Run("it showed another time after our change was sent", func(t *testing.T) {
		o := held(t)
		o.See(1, shows(eleven), 4, moment(6).Now)
		o.Wrote(copyAt(meeting.SpanOf(at(14), at(15)), nil), nil, nil, moment(5))
		require.Equal(t, []meeting.RoomID{1}, reread(o))
	})
	t.Run("what it showed before is of no account", func(t *testing.T) {
		o := held(t)
		o.Wrote(copyAt(eleven, nil), nil, nil, moment(5))
		require.Empty(t, reread(o))
	})
	t.Run("the meeting is gone, and it was never seen to have it", func(t *testing.T) {
		o := created(t)
		o.See(1, shows(ten), 2, moment(2).Now)
		o.Looked(meeting.Copy{}, rooms, moment(3))
		require.Equal(t, []meeting.RoomID{2}, reread(o))
	})
	t.Run("it accepted what a person made of it, or what was before", func(t *testing.T) {
		o := held(t)
		o.See(1, nil, 4, moment(4).Now)
		accepted := lines{"one@example.com": said(meeting.Accepted, 2), "two@example.com": silent()}
		o.Looked(copyAt(eleven, accepted), rooms, moment(5))
		require.Equal(t, meeting.Them, o.AskedBy)
		require.Empty(t, reread(o), "that line is known")
		accepted["one@example.com"] = said(meeting.Accepted, 6)
		o.Looked(copyAt(eleven, accepted), rooms, moment(7))
		require.Equal(t, []meeting.RoomID{1}, reread(o))
	})
	t.Run("it accepted, but shows what was before", func(t *testing.T) {
		o := held(t)
		o.Looked(copyAt(eleven, lines{"one@example.com": said(meeting.Accepted, 6), "two@example.com": silent()}), rooms, moment(7))
		require.Equal(t, []meeting.RoomID{1}, reread(o))
	})
}

func TestARoomSeenSinceTheLookBeganIsNotForgotten(t *testing.T) {
	o := created(t)
	o.See(3, shows(ten), 3, moment(3).Now) // a person invited it
	three := map[meeting.RoomID]meeting.Room{1: rooms[1], 2: rooms[2], 3: {ID: 3, Address: "three@example.com"}}
	before := copyAt(ten, lines{"one@example.com": silent(), "two@example.com": silent()})
	o.Looked(before, three, moment(2))
	require.Equal(t, meeting.Booked, o.CellOf(3).Seen)
	require.True(t, o.CellOf(3).SeenAt.After(o.CopyCheckedAt), "so the copy is looked at again")
	o.Looked(before, three, moment(4))
	require.Equal(t, meeting.None, o.CellOf(3).Seen)
}

func TestSee(t *testing.T) {
	t.Run("an entry, the same again, its end", func(t *testing.T) {
		o := &meeting.Occurrence{}
		changed, stale := o.See(1, shows(ten), 1, moment(1).Now)
		require.True(t, changed)
		require.False(t, stale)
		require.Equal(t, meeting.Cell{
			Room: 1, Seen: meeting.Booked, SeenSpan: ten, Sequence: 3, Item: "item", ChangeKey: "ck",
			Answer: meeting.NoAnswer, SeenAt: moment(1).Now,
		}, o.Cells[0])

		again := shows(ten)
		again.Item, again.ChangeKey = "moved", "newer"
		changed, _ = o.See(1, again, 2, moment(2).Now)
		require.False(t, changed, "another version of the item is no change")
		require.Equal(t, meeting.ItemID("moved"), o.Cells[0].Item)
		require.Equal(t, moment(1).Now, o.Cells[0].SeenAt)

		changed, _ = o.See(1, nil, 3, moment(3).Now)
		require.True(t, changed)
		require.Equal(t, meeting.Cell{Room: 1, Seen: meeting.None, Answer: meeting.NoAnswer, SeenAt: moment(3).Now}, o.Cells[0])
	})
	t.Run("the absence of what was never there is nothing", func(t *testing.T) {
		o := &meeting.Occurrence{}
		changed, stale := o.See(1, nil, 1, now)
		require.False(t, changed || stale)
		require.Empty(t, o.Cells)
	})
	t.Run("a read that began before our last write is stale", func(t *testing.T) {
		o := created(t)
		changed, stale := o.See(1, shows(ten), 0, moment(2).Now)
		require.False(t, changed)
		require.True(t, stale)
		require.Equal(t, meeting.None, o.CellOf(1).Seen)
		_, stale = o.See(1, shows(ten), 1, moment(2).Now)
		require.False(t, stale)
	})
	t.Run("another entry in a room that was taken out is news, the same one is not", func(t *testing.T) {
		o := held(t)
		o.Wrote(copyAt(ten, nil), nil, []meeting.RoomID{2}, moment(4))
		changed, _ := o.See(2, shows(ten), 5, moment(5).Now)
		require.True(t, changed)
		changed, _ = o.See(2, shows(ten), 6, moment(6).Now)
		require.False(t, changed)
		for _, anew := range []meeting.Sighting{
			{Item: "another", Sequence: 3, Span: ten, Presence: meeting.Booked},
			{Item: "another", Sequence: 4, Span: ten, Presence: meeting.Booked},
		} {
			changed, _ = o.See(2, &anew, 7, moment(7).Now)
			require.True(t, changed)
			require.Equal(t, moment(7).Now, o.CellOf(2).SeenAt)
		}
	})
	t.Run("it is newer than the last look at the copy, even at the same instant", func(t *testing.T) {
		o := created(t)
		o.See(1, shows(ten), 1, moment(1).Now)
		require.True(t, o.CellOf(1).SeenAt.After(o.CopyCheckedAt))
	})
}

func TestSeeBooking(t *testing.T) {
	t.Run("assets count as a set", func(t *testing.T) {
		o := created(t)
		changed, stale := o.SeeBooking(true, ten, []meeting.AssetID{21, 20, 11, 10}, 1)
		require.False(t, changed || stale)
	})
	t.Run("moved, changed, cancelled, and that again", func(t *testing.T) {
		o := created(t)
		changed, _ := o.SeeBooking(true, eleven, []meeting.AssetID{10, 11, 20, 21}, 1)
		require.True(t, changed)
		changed, _ = o.SeeBooking(true, eleven, []meeting.AssetID{11, 10}, 2)
		require.True(t, changed)
		require.Equal(t, []meeting.AssetID{10, 11}, o.Assets)
		changed, _ = o.SeeBooking(false, meeting.Span{}, nil, 3)
		require.True(t, changed)
		require.False(t, o.BookingLive)
		require.Equal(t, meeting.BookingID(7), o.Booking, "the number tells that it was cancelled there")
		changed, _ = o.SeeBooking(false, meeting.Span{}, nil, 4)
		require.False(t, changed)
	})
	t.Run("a read that began before our last write is stale", func(t *testing.T) {
		o := created(t)
		o.BookingWritten(7, eleven, []meeting.AssetID{10, 11}, 5)
		changed, stale := o.SeeBooking(false, meeting.Span{}, nil, 4)
		require.False(t, changed)
		require.True(t, stale)
		require.True(t, o.BookingLive)
	})
}

func TestAnsweredAndAgreed(t *testing.T) {
	o := created(t)
	o.See(2, &meeting.Sighting{Span: ten, Presence: meeting.Pending}, 1, moment(2).Now)
	o.Answered(ten, []meeting.RoomID{1}, moment(3))
	require.Equal(t, meeting.Nobody, o.AskedBy)
	require.True(t, o.AskedAt.IsZero())
	require.Equal(t, meeting.Tick(3), o.ExchangeTick, "what was read before says nothing")
	require.Equal(t, meeting.Booked, o.CellOf(1).Seen)
	require.Equal(t, ten, o.CellOf(1).SeenSpan)
	require.Equal(t, meeting.None, o.CellOf(2).Seen)
	require.False(t, o.BaseLive)

	o.Agreed(ten, []meeting.RoomID{1, 3})
	require.True(t, o.BaseLive)
	require.Equal(t, ten, o.Base)
	require.True(t, o.CellOf(1).BaseIn)
	require.False(t, o.CellOf(2).BaseIn)
	require.True(t, o.CellOf(3).BaseIn)

	o.Agreed(meeting.Span{}, nil)
	require.False(t, o.BaseLive)
	require.False(t, o.CellOf(1).BaseIn)
}

func TestAnAnswerDoesNotHideWhatARoomShowsSince(t *testing.T) {
	o := created(t)
	o.Looked(copyAt(ten, lines{"one@example.com": said(meeting.Accepted, 2), "two@example.com": said(meeting.Declined, 2)}), rooms, moment(3))
	// While this is worked on a person moves the meeting, and both rooms accept.
	o.See(1, &meeting.Sighting{Span: eleven, Presence: meeting.Booked}, 4, moment(4).Now)
	o.See(2, &meeting.Sighting{Span: eleven, Presence: meeting.Booked}, 4, moment(4).Now)
	o.Answered(ten, []meeting.RoomID{1}, moment(5))
	require.Equal(t, eleven, o.CellOf(1).SeenSpan)
	require.Equal(t, eleven, o.CellOf(2).SeenSpan)
}

func TestBookingLost(t *testing.T) {
	o := held(t)
	o.BookingWritten(7, ten, []meeting.AssetID{10}, 4)
	o.BookingLost(5)
	require.Zero(t, o.Booking, "else it would count as cancelled in Eliona")
	require.False(t, o.BookingLive || o.BaseLive)
	require.Equal(t, ten, o.CellOf(1).SeenSpan, "Exchange still has it")
}

func TestReverted(t *testing.T) {
	o := held(t)
	o.SeeBooking(true, eleven, []meeting.AssetID{10, 11}, 4)
	o.Reverted([]meeting.RoomID{1})
	require.Equal(t, eleven, o.Base, "Exchange now is the side that differs")
	require.True(t, o.CellOf(1).BaseIn)
	require.False(t, o.CellOf(2).BaseIn)
}

func TestEnds(t *testing.T) {
	noBooking := func(t *testing.T, o *meeting.Occurrence) {
		t.Helper()
		require.Zero(t, o.Booking)
		require.False(t, o.BookingLive)
		require.Empty(t, o.Assets)
		require.False(t, o.BaseLive)
		for _, c := range o.Cells {
			require.False(t, c.BaseIn)
		}
	}
	t.Run("we cancel the booking: its number is given up", func(t *testing.T) {
		o := held(t)
		o.Refused(meeting.ReasonConflict, "room_declined", true)
		o.BookingCancelled(6)
		noBooking(t, o)
		require.Equal(t, meeting.Tick(6), o.BookingTick)
		require.Empty(t, o.Refusal)
		require.False(t, o.Withdraw)
	})
	t.Run("we cancel the meeting of a cancelled booking: both have ended", func(t *testing.T) {
		o := held(t)
		o.SeeBooking(false, meeting.Span{}, nil, 4)
		o.MeetingCancelled(moment(5))
		noBooking(t, o)
		require.Equal(t, meeting.CopyGone, o.Copy)
		require.Equal(t, meeting.Tick(5), o.ExchangeTick)
	})
	t.Run("we withdraw a refused meeting: its booking is still to be cancelled", func(t *testing.T) {
		o := created(t)
		o.Refused(meeting.ReasonConflict, "room_declined", true)
		o.MeetingCancelled(moment(5))
		require.Equal(t, meeting.CopyGone, o.Copy)
		require.True(t, o.BookingLive)
		require.Equal(t, meeting.BookingID(7), o.Booking)
		require.Equal(t, meeting.ReasonConflict, o.Refusal)
	})
	t.Run("a refusal is forgiven", func(t *testing.T) {
		o := created(t)
		o.Refused(meeting.ReasonError, "exchange_error", true)
		o.Forgiven()
		noBooking(t, o)
		require.Empty(t, o.Refusal)
		require.Empty(t, o.RefusalCode)
	})
	t.Run("rooms are released", func(t *testing.T) {
		o := held(t)
		o.Looked(meeting.Copy{}, rooms, moment(4))
		o.See(1, shows(ten), 4, moment(5).Now)
		o.RoomsReleased([]meeting.RoomID{1}, moment(6))
		require.Equal(t, meeting.None, o.CellOf(1).Seen)
		require.Equal(t, meeting.Tick(6), o.ExchangeTick)
		require.Equal(t, moment(6).Now, o.CopyCheckedAt, "the rooms get another moment")
	})
}

func TestBookingWritten(t *testing.T) {
	assets := []meeting.AssetID{10, 11}
	o := &meeting.Occurrence{}
	o.BookingWritten(7, ten, assets, 3)
	assets[0] = 99
	require.Equal(t, meeting.BookingID(7), o.Booking)
	require.True(t, o.BookingLive)
	require.Equal(t, ten, o.BookingSpan)
	require.Equal(t, []meeting.AssetID{10, 11}, o.Assets, "kept as a copy")
	require.Equal(t, meeting.Tick(3), o.BookingTick)
	require.False(t, o.BaseLive, "the base is set when both sides were seen equal")
}

func TestUnreachable(t *testing.T) {
	o := created(t)
	o.See(1, shows(ten), 1, moment(2).Now)
	o.Unreachable(moment(3))
	require.Equal(t, meeting.CopyUnknown, o.Copy)
	require.Equal(t, meeting.Nobody, o.AskedBy)
	require.Equal(t, moment(3).Now, o.CopyCheckedAt, "asking again would bring nothing new")
	require.Equal(t, meeting.Booked, o.CellOf(1).Seen, "the room's calendar is what is left")
}
