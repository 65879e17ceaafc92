package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

const (
	alice = "alice@example.com"
	bob   = "bob@example.com"
	room1 = "room-1@example.com"
	room2 = "room-2@example.com"
)

// TestSingleMeetings plays P39-P55 for single meetings on one stage.
func TestSingleMeetings(t *testing.T) {
	w := newWorld(t, stage.Options{}, nil)

	t.Run("P47 a booking made in Eliona is a meeting in the booker's calendar with the room invited", func(t *testing.T) {
		made := w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(8), time.Hour))
		w.until("the room accepts", func() bool {
			m := w.meetings(alice)
			return len(m) == 1 && response(m[0], room1) == "Accept"
		})
		require.Equal(t, w.at(8), w.meetings(alice)[0].Start.UTC())
		require.False(t, w.booking(made.BookingIDs[0]).Cancelled)
		w.always(4*time.Second, "P46 no second booking appears", func() bool { return len(w.bookings()) == 1 })
	})

	t.Run("P51 a change in Eliona changes that meeting", func(t *testing.T) {
		id := w.live()[0].ID
		uid := w.meetings(alice)[0].UID
		w.act(stage.Action{Where: "eliona", Action: "move", BookingID: id}.At(w.at(9), time.Hour))
		w.until("the meeting is moved and accepted", func() bool {
			m := w.meetings(alice)
			return len(m) == 1 && m[0].UID == uid && m[0].Start.Equal(w.at(9)) && response(m[0], room1) == "Accept"
		})
		w.always(4*time.Second, "the booking stays where it was moved", func() bool {
			return w.booking(id).Start.Equal(w.at(9)) && !w.booking(id).Cancelled
		})
	})

	t.Run("P52 a cancellation in Eliona cancels the meeting", func(t *testing.T) {
		w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: w.live()[0].ID})
		w.until("the meeting is gone everywhere", func() bool {
			return len(w.meetings(alice)) == 0 && len(w.meetings(room1)) == 0
		})
		w.always(4*time.Second, "nothing comes back", func() bool { return len(w.live()) == 0 && len(w.meetings(alice)) == 0 })
	})

	t.Run("P39-P42 a meeting made in Outlook is a booking, moved and cancelled with it", func(t *testing.T) {
		made := w.act(stage.Action{
			Person: bob, Where: "outlook", Action: "book", Subject: "Review", Rooms: []string{room2},
		}.At(w.at(10), time.Hour))
		w.until("there is a booking", func() bool { return len(w.live()) == 1 })
		b := w.live()[0]
		require.Equal(t, bob, b.Organizer)
		require.Equal(t, []int32{w.asset(room2)}, b.AssetIDs)
		require.True(t, b.Start.Equal(w.at(10)) && b.End.Equal(w.at(11)))
		require.Equal(t, "ews-app", b.ClientReference)

		w.act(stage.Action{Person: bob, Where: "outlook", Action: "move", UID: made.UID}.At(w.at(12), time.Hour))
		w.until("the same booking is moved", func() bool {
			return len(w.live()) == 1 && w.live()[0].ID == b.ID && w.live()[0].Start.Equal(w.at(12))
		})

		w.act(stage.Action{Person: bob, Where: "outlook", Action: "change-rooms", UID: made.UID, Rooms: []string{room1}})
		w.until("P41 the booking is in the other room", func() bool {
			return len(w.live()) == 1 && w.live()[0].ID == b.ID && w.live()[0].AssetIDs[0] == w.asset(room1) &&
				len(w.live()[0].AssetIDs) == 1
		})

		w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: made.UID})
		w.until("the booking is cancelled", func() bool { return len(w.live()) == 0 })
		require.Equal(t, "cancelled", w.booking(b.ID).Reason)
	})

	t.Run("P53 a declining room withdraws the meeting and cancels exactly that booking", func(t *testing.T) {
		require.NoError(t, w.Control.SetRoom(ctx(t), map[string]any{"room": room2, "automate": "decline"}))
		told, err := w.Control.Notifications(ctx(t))
		require.NoError(t, err)
		made := w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room2}}.At(w.at(14), time.Hour))
		w.until("the booking is cancelled", func() bool { return w.booking(made.BookingIDs[0]).Cancelled })
		require.Equal(t, "conflict", w.booking(made.BookingIDs[0]).Reason)
		w.until("the meeting is withdrawn", func() bool { return len(w.meetings(alice)) == 0 })
		w.until("the user is told", func() bool {
			now, err := w.Control.Notifications(ctx(t))
			return err == nil && len(now) > len(told)
		})
		require.NoError(t, w.Control.SetRoom(ctx(t), map[string]any{"room": room2, "automate": "accept"}))
	})

	t.Run("P49 P50 who has no mailbox is booked for by the service user", func(t *testing.T) {
		w.act(stage.Action{Person: "guest@elsewhere.example", Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(15), time.Hour))
		w.act(stage.Action{Where: "eliona", Action: "ad-hoc", Rooms: []string{room2}})
		w.until("both meetings are in the service user's calendar and accepted", func() bool {
			m := w.meetings("eliona@example.com")
			return len(m) == 2 && response(m[0], room1)+response(m[0], room2) == "Accept" &&
				response(m[1], room1)+response(m[1], room2) == "Accept"
		})
	})

	t.Run("P55 P57 a meeting made in Outlook is cancelled when its booking is", func(t *testing.T) {
		before := len(w.live())
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Talk", Rooms: []string{room1}}.At(w.at(17), time.Hour))
		w.until("there is a booking", func() bool { return len(w.live()) == before+1 })
		var id int32
		for _, b := range w.live() {
			if b.Start.Equal(w.at(17)) {
				id = b.ID
			}
		}
		w.act(stage.Action{Where: "eliona", Action: "no-show", BookingID: id})
		w.until("the meeting is gone", func() bool { return len(w.meetings(bob)) == 0 })
		w.always(3*time.Second, "and stays so", func() bool { return len(w.live()) == before && len(w.meetings(bob)) == 0 })
	})
}
