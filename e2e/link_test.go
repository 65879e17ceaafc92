package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// TestAConfigurationEnteredAgainKnowsItsBookings: somebody deletes a
// configuration and enters it again. Every booking keeps its number and its
// meeting, and people hear nothing of it (P14, I10).
func TestAConfigurationEnteredAgainKnowsItsBookings(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	config := w.configure(map[string]any{"projectIDs": []string{"10", "11"}})
	w.until("every room is an asset", func() bool { return len(w.rooms("10")) == len(w.rooms("11")) && len(w.rooms("11")) >= 4 })

	mine := w.eliona(alice, w.at(8), room1, room2)
	w.eliona("guest@elsewhere.example", w.at(9), room1)
	made := w.outlook(bob, w.at(10), room1)
	w.outlook(bob, w.at(10), room2)
	series := w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "book", Subject: "Weekly", Rooms: []string{room2},
		Recurrence: map[string]any{"pattern": "weekly", "count": 5},
	}.At(w.at(15), time.Hour))
	second := w.at(15).AddDate(0, 0, 7)
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "move", UID: series.UID, Occurrence: &second}.At(second.Add(2*time.Hour), time.Hour))
	w.until("both sides agree", func() bool {
		return len(w.live()) == 9 && w.acceptedAt(alice, w.at(8), room1, room2) && len(w.bookedAt(second.Add(2*time.Hour))) == 1
	})
	w.until("it is quiet", w.silent("booking", 2*time.Second))
	before, told, written := w.live(), len(w.told()), w.requestedWrites()

	require.NoError(t, w.Call(t.Context(), http.MethodDelete, config, nil, nil))
	w.configure(map[string]any{"projectIDs": []string{"10", "11"}})
	w.until("all bookings are linked", func() bool {
		return w.sql("select count(*) from ews.occurrence where bk_live and base_live") == 9 &&
			w.sql("select count(*) from ews.configuration where linked_at is not null") == 1
	})
	w.always(2*time.Second, "nothing is written", func() bool { return w.requestedWrites() == written })
	require.Equal(t, before, w.live())
	for _, n := range w.told()[told:] {
		require.Contains(t, n.Message["en"], "added as", "nobody is told of bookings")
	}

	w.moveBooking(mine, w.at(12))
	w.cancelMeeting(bob, made.UID)
	w.until("changes go on in both directions", func() bool {
		return w.acceptedAt(alice, w.at(12), room1, room2) && len(w.bookedAt(w.at(10))) == 1 && len(w.live()) == 8
	})
}

// What people did in Eliona with its bookings while there was no configuration is
// carried over: they are known by the UIDs of their meetings (P14, P51, P52).
func TestAConfigurationEnteredAgainFollowsItsBookings(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	config := w.configure(nil)
	w.until("every room is an asset", func() bool { return len(w.rooms("10")) >= 4 })
	const guest = "guest@elsewhere.example"
	moved, swapped := w.eliona(alice, w.at(8), room1, room2), w.eliona(guest, w.at(9), room1)
	gone, left := w.eliona(alice, w.at(10), room1), w.eliona(guest, w.at(11), room2)
	stays := w.eliona(carol, w.at(12), room3)
	w.outlook(bob, w.at(13), room1)
	w.until("both sides agree", func() bool {
		return w.acceptedAt(alice, w.at(8), room1, room2) && w.acceptedAt(alice, w.at(10), room1) && w.acceptedAt(carol, w.at(12), room3) &&
			w.acceptedAt(service, w.at(9), room1) && w.acceptedAt(service, w.at(11), room2) && len(w.live()) == 6
	})
	w.until("it is quiet", w.silent("booking", 2*time.Second))
	made := w.requests("exchange", "CreateItem")

	require.NoError(t, w.Call(t.Context(), http.MethodDelete, config, nil, nil))
	w.moveBooking(moved, w.at(14))
	w.act(stage.Action{Where: "eliona", Action: "change-rooms", BookingID: swapped, Rooms: []string{room4}})
	w.cancelBooking(gone)
	w.cancelBooking(left)
	w.configure(nil)
	w.until("what was changed is followed", func() bool {
		return w.acceptedAt(alice, w.at(14), room1, room2) && len(w.metAt(alice, w.at(8))) == 0 && w.acceptedAt(service, w.at(9), room4)
	})
	w.until("what was cancelled is gone", func() bool { return len(w.metAt(alice, w.at(10)))+len(w.metAt(service, w.at(11))) == 0 })
	w.settles(2*time.Second, "nothing is doubled", func() bool {
		return len(w.live()) == 4 && w.once(w.at(13)) && len(w.metAt(carol, w.at(12))) == 1 &&
			len(w.meetings(alice)) == 1 && len(w.meetings(service)) == 1 && len(w.meetings(room1)) == 2 &&
			len(w.meetings(room2)) == 1 && len(w.meetings(room3)) == 1 && len(w.meetings(room4)) == 1
	})
	require.False(t, w.booking(stays).Cancelled)
	require.Equal(t, made, w.requests("exchange", "CreateItem"), "each meeting is the one there was")
}

// requestedWrites counts what was written to Exchange and to the Booking app.
func (w *world) requestedWrites() (n int64) {
	for _, service := range []string{"exchange", "booking"} {
		for operation, count := range w.requested(service) {
			if changes(operation) || strings.Contains(operation, "Cancel") {
				n += count
			}
		}
	}
	return n
}

// linked tells whether every configuration knows which bookings belong to its
// meetings. Until then it looks for the meeting of a booking before it makes one.
func (w *world) linked() bool {
	return w.sql(`select count(*) from ews.configuration where linked_at is null`) == 0
}
