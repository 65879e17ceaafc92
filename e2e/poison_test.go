package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// findings are those of a kind.
func (w *world) findings(config, kind string) []map[string]any {
	w.t.Helper()
	var found []map[string]any
	for _, f := range w.list(config + "/findings") {
		if f["kind"] == kind {
			found = append(found, f)
		}
	}
	return found
}

// TestWhatCannotBeProcessedHoldsUpNothing: it is put aside with a reason, shown,
// and tried again when something changes or somebody asks.
func TestWhatCannotBeProcessedHoldsUpNothing(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms", "-organizer-style", "ex"}})
	config := w.configure(nil)
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	for _, room := range []string{room1, room4} {
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room, "allowConflicts": true}))
	}
	w.outlook(alice, w.at(5), room1)
	w.until("alice is known by her directory name", func() bool {
		b := w.bookedAt(w.at(5))
		return len(b) == 1 && b[0].Organizer == alice
	})

	t.Run("an organizer whom the directory cannot tell", func(t *testing.T) {
		w.fault(map[string]any{"service": "exchange", "operation": "ResolveNames", "kind": "responseCode", "code": "ErrorInvalidRequest"})
		w.outlook(bob, w.at(6), room1)
		w.outlook(alice, w.at(7), room1)
		w.until("both meetings are booked, the one in nobody's name", func() bool {
			unknown, known := w.bookedAt(w.at(6)), w.bookedAt(w.at(7))
			return len(unknown) == 1 && unknown[0].Organizer == service && len(known) == 1 && known[0].Organizer == alice
		})
		require.Empty(t, w.list(config+"/findings"))
		w.noFaults()
	})

	t.Run("a time that Exchange does not take", func(t *testing.T) {
		made := w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room2}, Project: "10"}.At(w.at(8), 6*365*24*time.Hour))
		w.eliona(alice, w.at(9), room2)
		w.until("the other booking of the room is accepted", func() bool { return w.acceptedAt(alice, w.at(9), room2) })
		w.until("the one is cancelled", func() bool { return w.booking(made.BookingIDs[0]).Cancelled })
		require.Equal(t, "error", w.booking(made.BookingIDs[0]).Reason)
		w.until("it is shown", func() bool { return len(w.findings(config, "refusal")) == 1 })
		refusal := w.findings(config, "refusal")[0]
		require.EqualValues(t, made.BookingIDs[0], refusal["bookingId"])
		require.Equal(t, false, refusal["retryable"])
		require.NotEmpty(t, refusal["fix"])
		require.ErrorContains(t, w.Call(t.Context(), http.MethodPost, config+"/findings/"+refusal["id"].(string)+"/retry", nil, nil), "409")
	})

	t.Run("one date that the Booking app does not take", func(t *testing.T) {
		first := w.outlook(bob, w.at(12), room4)
		w.until("the slot is taken", func() bool { return len(w.bookedAt(w.at(12))) == 1 })
		require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"overlapPolicy": "409"}}))
		half := w.at(12).Add(30*time.Minute).AddDate(0, 0, -1)
		w.act(stage.Action{
			Person: carol, Where: "outlook", Action: "book", Subject: "Series", Rooms: []string{room4},
			Recurrence: map[string]any{"pattern": "daily", "count": 4},
		}.At(half, time.Hour))
		w.outlook(alice, w.at(15), room4)
		booked := func(days ...int) bool {
			for _, day := range days {
				if len(w.bookedAt(half.AddDate(0, 0, day))) != 1 {
					return false
				}
			}
			return true
		}
		w.until("the other dates and the other meeting are booked", func() bool { return booked(0, 2, 3) && w.once(w.at(15)) })
		w.until("the date is shown", func() bool { return len(w.findings(config, "clash")) == 1 })
		clash := w.findings(config, "clash")[0]
		require.Equal(t, room4, clash["room"])
		require.Equal(t, half.AddDate(0, 0, 1).Format(time.RFC3339), clash["start"])
		require.Equal(t, "booking_clash", clash["code"])
		require.False(t, booked(1))

		before := w.requests("booking", "POST /bookings/group")
		w.post(config + "/findings/" + clash["id"].(string) + "/retry")
		w.until("it is tried again when somebody asks", func() bool { return w.requests("booking", "POST /bookings/group") > before })
		w.until("and refused again", func() bool { return len(w.findings(config, "clash")) == 1 })

		w.cancelMeeting(bob, first.UID)
		w.until("it is tried again when the time becomes free", func() bool { return booked(0, 1, 2, 3) && len(w.findings(config, "clash")) == 0 })
		require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"overlapPolicy": "accept"}}))
	})

	t.Run("an organizer of a domain that is not allowed", func(t *testing.T) {
		require.NoError(t, w.Control.Mailbox(t.Context(), "chief@example.org", "Chief"))
		w.put(config, map[string]any{"allowedOrganizerDomains": []string{"example.com"}})
		w.discovered(2) // by now it counts
		id := w.eliona("chief@example.org", w.at(16), room3)
		w.eliona(alice, w.at(17), room3)
		w.until("the service user books for the one, the other books as ever", func() bool {
			return w.acceptedAt(service, w.at(16), room3) && w.acceptedAt(alice, w.at(17), room3)
		})
		require.Empty(t, w.meetings("chief@example.org"))
		w.moveBooking(id, w.at(18))
		w.until("it can be moved", func() bool { return w.acceptedAt(service, w.at(18), room3) })
		w.cancelBooking(id)
		w.until("and cancelled", func() bool { return len(w.metAt(service, w.at(18))) == 0 && len(w.metAt(room3, w.at(18))) == 0 })

		w.put(config, map[string]any{"allowedOrganizerDomains": nil})
		w.discovered(2)
		w.eliona("chief@example.org", w.at(19), room3)
		w.until("without the restriction the booker's mailbox is used", func() bool { return w.acceptedAt("chief@example.org", w.at(19), room3) })
	})
	requireQuiet(t, w.Stage)
}

// TestMuchVanishesAtOnce: a room mailbox that is set up anew shows nothing of
// what was booked. Nothing is cancelled because of it, unless an operator says
// that it is right.
func TestMuchVanishesAtOnce(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	config := w.configure(nil)
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	var uids []string
	for i := range 8 {
		uids = append(uids, w.outlook(bob, w.at(6+i), room1).UID)
	}
	all := func(live bool) bool {
		for i := range uids {
			if (len(w.bookedAt(w.at(6+i))) == 1) != live {
				return false
			}
		}
		return true
	}
	w.until("all are booked", func() bool { return all(true) })
	guarded := func() bool { return len(w.findings(config, "guard")) == 1 }
	replaced := func(yes bool) {
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room1, "replaced": yes}))
	}

	t.Run("a doubt is shown, and passes when the calendar is back", func(t *testing.T) {
		replaced(true)
		w.until("the room is guarded", guarded)
		finding := w.findings(config, "guard")[0]
		require.Equal(t, room1, finding["room"])
		require.Equal(t, "entries_vanished", finding["code"])
		w.outlook(bob, w.at(15), room2)
		w.until("other rooms go on", func() bool { return w.once(w.at(15)) })
		w.always(3*time.Second, "nothing is cancelled", func() bool { return all(true) })
		replaced(false)
		w.post(config + "/rooms/" + room1 + "/resync")
		w.until("the doubt is gone", func() bool { return !guarded() })
		require.True(t, all(true))
		require.Len(t, w.bookings(), 9, "nothing was made twice")
	})

	t.Run("what is really gone is believed when an operator says so", func(t *testing.T) {
		w.fault(map[string]any{"service": "exchange", "operation": "SyncFolderItems", "mailbox": room1, "kind": "responseCode", "code": "ErrorMailboxStoreUnavailable"})
		for _, uid := range uids {
			w.cancelMeeting(bob, uid)
		}
		replaced(true)
		w.noFaults()
		w.until("the room is guarded", guarded)
		w.always(2*time.Second, "nothing is cancelled", func() bool { return all(true) })
		w.post(fmt.Sprintf("%s/findings/%s/retry", config, w.findings(config, "guard")[0]["id"]))
		w.until("the bookings are cancelled", func() bool { return all(false) && !guarded() })
		for i := range uids {
			require.Equal(t, "cancelled", w.booking(int32(i+1)).Reason)
		}
	})
	requireQuiet(t, w.Stage)
}
