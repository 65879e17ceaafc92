package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

const service = "eliona@example.com"

// once tells whether exactly one live booking starts then, made once.
func (w *world) once(start time.Time) bool {
	w.t.Helper()
	found := w.bookedAt(start)
	return len(found) == 1 && created(found[0]) == 1
}

func created(b stage.Booking) int {
	n := 0
	for _, h := range b.History {
		if h.Action == "created" {
			n++
		}
	}
	return n
}

func (w *world) moveMeeting(person, uid string, start time.Time) {
	w.t.Helper()
	w.act(stage.Action{Person: person, Where: "outlook", Action: "move", UID: uid}.At(start, time.Hour))
}

func (w *world) cancelMeeting(person, uid string) {
	w.t.Helper()
	w.act(stage.Action{Person: person, Where: "outlook", Action: "cancel", UID: uid})
}

func (w *world) moveBooking(id int32, start time.Time) {
	w.t.Helper()
	w.act(stage.Action{Where: "eliona", Action: "move", BookingID: id}.At(start, time.Hour))
}

func (w *world) cancelBooking(id int32) {
	w.t.Helper()
	w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: id})
}

// TestBookingAppDown plays P44 and P56.
func TestBookingAppDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	moved, gone := w.outlook(bob, w.at(6), room1), w.outlook(bob, w.at(6), room2)
	cancelled, shifted := w.eliona(alice, w.at(6), room3), w.eliona(alice, w.at(6), room4)
	w.until("all is in step", func() bool {
		return len(w.bookedAt(w.at(6))) == 4 && len(w.metAt(alice, w.at(6))) == 2
	})

	w.fault(map[string]any{"service": "booking", "kind": "status", "status": 503}, map[string]any{"service": "booking", "kind": "dropSockets"})
	w.outlook(bob, w.at(7), room1)
	w.moveMeeting(bob, moved.UID, w.at(8))
	w.cancelMeeting(bob, gone.UID)
	w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "book", Subject: "Series", Rooms: []string{room2},
		Recurrence: map[string]any{"pattern": "daily", "count": 3},
	}.At(w.at(9), time.Hour))
	short := w.outlook(bob, w.at(10), room2)
	w.cancelBooking(cancelled)
	w.moveBooking(shifted, w.at(11))
	w.eliona(alice, w.at(12), room5)
	brief := w.eliona(alice, w.at(13), room5)
	w.until("writing has failed a few times", func() bool {
		_, failed := w.count("booking", "POST /bookings/group")
		return failed >= 6
	})
	w.cancelMeeting(bob, short.UID)
	w.cancelBooking(brief)
	require.Len(t, w.bookedAt(w.at(6)), 2, "nothing has arrived yet")

	w.noFaults()
	arrived := func() bool {
		return w.once(w.at(7)) && w.once(w.at(8)) && w.once(w.at(9)) && w.once(w.at(9).AddDate(0, 0, 1)) && w.once(w.at(9).AddDate(0, 0, 2)) &&
			w.acceptedAt(alice, w.at(11), room4) && w.acceptedAt(alice, w.at(12), room5) &&
			len(w.meetings(alice)) == 2 && len(w.live()) == 7
	}
	w.until("everything has arrived", arrived)
	w.settles(3*time.Second, "exactly once", arrived)
	require.EqualValues(t, 3, w.requests("exchange", "CreateItem"), "nobody made what was cancelled in time")
	require.Len(t, w.bookings(), 9+1, "nothing was made twice") // with the booking that was cancelled at once
}

// TestExchangeDown is P56 with a throttling, failing and unreachable Exchange.
func TestExchangeDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)

	// Each time it is refused, the app waits longer: 5, 11 and 22 seconds if no two
	// requests are under way at once.
	w.fault(map[string]any{"service": "exchange", "kind": "throttle", "backOffMilliseconds": 1500, "count": 3})
	w.eliona(alice, w.at(6), room1)
	w.outlook(bob, w.at(6), room2)
	require.NoError(t, stage.Until(t.Context(), time.Minute+patience, "a throttling server is obeyed, then all is in step", func() (bool, error) {
		return w.acceptedAt(alice, w.at(6), room1) && len(w.bookedAt(w.at(6))) == 2, nil
	}))

	require.NoError(t, w.Control.RevokeTokens(t.Context()))
	w.eliona(alice, w.at(7), room1)
	w.until("an expired token is renewed", func() bool { return w.acceptedAt(alice, w.at(7), room1) })
	w.fault(map[string]any{"service": "exchange", "kind": "status", "status": 401, "operation": "CreateItem", "count": 1})
	w.eliona(alice, w.at(10), room1)
	w.until("so is one that a server refuses", func() bool { return w.acceptedAt(alice, w.at(10), room1) })
	w.noFaults()

	w.fault(map[string]any{"service": "exchange", "kind": "status", "status": 500, "count": 8})
	w.eliona(alice, w.at(8), room1)
	w.outlook(bob, w.at(8), room2)
	w.until("after errors all is in step", func() bool {
		return w.acceptedAt(alice, w.at(8), room1) && len(w.bookedAt(w.at(8))) == 2
	})
	w.noFaults()

	w.fault(map[string]any{"service": "exchange", "kind": "status", "status": 503, "operation": "CreateItem", "count": 1})
	w.eliona(alice, w.at(9), room1)
	w.until("a server that is not available is waited for", func() bool { return w.acceptedAt(alice, w.at(9), room1) })
	w.settles(2*time.Second, "nothing is doubled", func() bool {
		return len(w.meetings(alice)) == 5 && len(w.meetings(bob)) == 2 && len(w.live()) == 7
	})
	require.Len(t, w.bookings(), 7)
}

// TestExchangeRefusesLogon is P56: credentials are refused for a while.
func TestExchangeRefusesLogon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	w.fault(map[string]any{"service": "exchange", "kind": "status", "status": 401, "operation": "CreateItem", "mailbox": alice, "count": 2})
	id := w.eliona(alice, w.at(6), room1)
	began := time.Now()
	w.outlook(bob, w.at(6), room2)
	w.until("others are not concerned", func() bool { return len(w.bookedAt(w.at(6))) == 2 })
	require.NoError(t, stage.Until(t.Context(), 45*time.Second, "the booking is made", func() (bool, error) {
		return w.acceptedAt(alice, w.at(6), room1), nil
	}))
	t.Logf("made after %v", time.Since(began).Round(time.Second))
	require.False(t, w.booking(id).Cancelled)
	w.until("the status is clear", func() bool { return w.get("/configs/1")["statusCode"] == "" })
}

// TestLostAnswers is P56: requests are carried out and nobody hears of it.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	lost := func(service, operation, mailbox, kind string) {
		w.fault(map[string]any{"service": service, "operation": operation, "mailbox": mailbox, "kind": kind, "count": 1})
	}
	applied := func(n int) {
		hits, err := w.Control.Applied(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, n, hits, "faults that happened")
		w.noFaults()
	}

	lost("exchange", "CreateItem", alice, "resetAfterBody")
	lost("exchange", "CreateItem", carol, "truncate")
	lost("booking", "POST /bookings/group", "", "resetAfterBody")
	lost("exchange", "SyncFolderItems", room5, "truncate")
	lost("exchange", "FindItem", room5, "truncate")
	one, two := w.eliona(alice, w.at(6), room1), w.eliona(carol, w.at(6), room2)
	meeting, other := w.outlook(bob, w.at(6), room3), w.outlook(bob, w.at(7), room5)
	w.until("what was made is found", func() bool {
		return w.acceptedAt(alice, w.at(6), room1) && w.acceptedAt(carol, w.at(6), room2) && len(w.live()) == 4
	})
	applied(5)

	lost("exchange", "UpdateItem", alice, "resetAfterBody")
	lost("exchange", "UpdateItem", carol, "truncate")
	lost("booking", "POST /bookings/group", "", "resetAfterBody")
	lost("booking", "DELETE /bookings/{}", "", "resetAfterBody")
	w.moveBooking(one, w.at(8))
	w.moveBooking(two, w.at(8))
	w.moveMeeting(bob, meeting.UID, w.at(8))
	w.cancelMeeting(bob, other.UID)
	w.until("what was changed is in step", func() bool {
		return w.acceptedAt(alice, w.at(8), room1) && w.acceptedAt(carol, w.at(8), room2) &&
			len(w.bookedAt(w.at(8))) == 3 && len(w.live()) == 3
	})
	applied(4)

	lost("exchange", "CancelCalendarItem", alice, "resetAfterBody")
	lost("exchange", "CancelCalendarItem", carol, "truncate")
	w.cancelBooking(one)
	w.cancelBooking(two)
	w.until("what was cancelled is gone", func() bool { return len(w.meetings(alice))+len(w.meetings(carol)) == 0 })
	w.settles(6*time.Second, "nothing comes back, nothing is doubled", func() bool {
		return len(w.live()) == 1 && len(w.meetings(alice))+len(w.meetings(carol))+len(w.meetings(room1))+len(w.meetings(room2)) == 0 &&
			len(w.meetings(bob)) == 1 && len(w.bookings()) == 4
	})
	require.False(t, slices.ContainsFunc(w.bookings(), func(b stage.Booking) bool { return created(b) != 1 }))
	require.EqualValues(t, 2, w.requests("exchange", "CreateItem"))
}

// TestLostPositionsAndSockets: change feeds start anew and the WebSocket breaks
// while people book.
func TestLostPositionsAndSockets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	meeting, id := w.outlook(bob, w.at(6), room1), w.eliona(alice, w.at(6), room2)
	w.until("both are in step", func() bool { return len(w.bookedAt(w.at(6))) == 2 && w.acceptedAt(alice, w.at(6), room2) })

	w.fault(map[string]any{"service": "exchange", "operation": "SyncFolderItems", "kind": "responseCode", "code": "ErrorInvalidSyncStateData", "count": 5})
	w.moveMeeting(bob, meeting.UID, w.at(7))
	w.outlook(bob, w.at(8), room3)
	for hour := range 4 {
		w.fault(map[string]any{"service": "booking", "kind": "dropSockets"})
		w.eliona(alice, w.at(9+hour), room2)
	}
	w.moveBooking(id, w.at(13))
	w.fault(map[string]any{"service": "booking", "kind": "dropSockets"})
	w.cancelBooking(w.eliona(alice, w.at(14), room2))
	w.until("all is in step", func() bool {
		for hour := range 5 {
			if !w.acceptedAt(alice, w.at(9+hour), room2) {
				return false
			}
		}
		return w.once(w.at(7)) && w.once(w.at(8))
	})
	w.settles(2*time.Second, "once", func() bool {
		return len(w.meetings(alice)) == 5 && len(w.meetings(bob)) == 2 && len(w.live()) == 7 && len(w.meetings(room2)) == 5
	})
}

// TestDatabaseOutage is P56: PostgreSQL restarts, and dies, while people book.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms", "-latency", "30ms"}}, nil)
	w.eliona(alice, w.at(6), room1)
	w.outlook(bob, w.at(6), room2)
	require.NoError(t, w.Database.Restart(t.Context()))
	w.eliona(alice, w.at(7), room1)
	w.outlook(bob, w.at(7), room2)
	w.until("all is in step after a restart", func() bool {
		return w.acceptedAt(alice, w.at(6), room1) && w.acceptedAt(alice, w.at(7), room1) &&
			len(w.bookedAt(w.at(6))) == 2 && len(w.bookedAt(w.at(7))) == 2
	})

	moved := w.eliona(alice, w.at(8), room3)
	require.NoError(t, w.Database.Kill())
	w.eliona(alice, w.at(9), room4)
	w.outlook(bob, w.at(9), room2)
	w.moveBooking(moved, w.at(10))
	require.NoError(t, stage.Until(t.Context(), 10*time.Second, "", afterDelay(2000)))
	require.NoError(t, w.Database.Restart(t.Context()))
	agree := func() bool {
		return w.acceptedAt(alice, w.at(9), room4) && w.acceptedAt(alice, w.at(10), room3) && len(w.bookedAt(w.at(9))) == 2 &&
			len(w.meetings(alice)) == 4 && len(w.meetings(bob)) == 3 && len(w.live()) == 7 && len(w.bookings()) == 7
	}
	w.until("all is in step after a crash", agree)
	w.settles(3*time.Second, "nothing is doubled", agree)
	w.until("the API works", func() bool { return w.active("/configs/1") })
}

// TestRefusedByExchange plays P54, and what silence is.
func TestRefusedByExchange(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"notifyOrganizer": false}}))

	w.fault(map[string]any{"service": "eliona", "kind": "status", "status": 503})
	w.configure(map[string]any{"answerTimeout": 5})
	w.until("Eliona is asked in vain", func() bool {
		_, failed := w.count("eliona", "")
		return failed >= 2
	})
	w.noFaults()
	w.until("once Eliona is back the rooms are discovered", func() bool { return len(w.rooms("10")) == 5 })
	w.until("the user is told once", func() bool { return len(w.told()) == 1 })

	// These take a while and go on beside the others.
	require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room4, "automate": "none"}))
	require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room5, "decisionDelayMilliseconds": 8000}))
	silent, late := w.eliona(bob, w.at(6), room4), w.eliona(bob, w.at(7), room5)

	about := func(person string) int {
		told := 0
		for _, n := range w.told() {
			if n.User == person || n.Email == person {
				told++
			}
		}
		return told
	}
	t.Run("P54 what Exchange refuses is cancelled, the meeting does not exist, the user is told once", func(t *testing.T) {
		w.fault(map[string]any{"service": "exchange", "operation": "CreateItem", "mailbox": alice, "kind": "responseCode", "code": "ErrorInvalidRecipients"})
		id := w.eliona(alice, w.at(8), room1)
		w.until("the booking is cancelled", func() bool { return w.booking(id).Cancelled })
		require.Equal(t, "error", w.booking(id).Reason)
		w.until("the user is told", func() bool { return about(alice) == 1 })
		require.Contains(t, w.told()[len(w.told())-1].Message["fr"], "Exchange n’accepte pas l’adresse de la salle.")
		w.always(2*time.Second, "once, and no meeting exists", func() bool {
			return about(alice) == 1 && len(w.meetings(alice))+len(w.meetings(service))+len(w.meetings(room1)) == 0
		})
		w.noFaults()
	})

	t.Run("P54 who cannot use their mailbox is booked for by the service user", func(t *testing.T) {
		for hour, code := range map[int]string{9: "ErrorQuotaExceeded", 10: "ErrorCreateItemAccessDenied", 11: "ErrorNonExistentMailbox"} {
			w.fault(map[string]any{"service": "exchange", "operation": "CreateItem", "mailbox": alice, "kind": "responseCode", "code": code})
			id := w.eliona(alice, w.at(hour), room1)
			w.until("the service user books", func() bool { return w.acceptedAt(service, w.at(hour), room1) })
			require.False(t, w.booking(id).Cancelled)
			w.noFaults()
		}
		require.Equal(t, 1, about(alice))
		require.Empty(t, w.meetings(alice))
	})

	t.Run("P54 what nobody may book is cancelled", func(t *testing.T) {
		w.fault(map[string]any{"service": "exchange", "operation": "CreateItem", "kind": "responseCode", "code": "ErrorCreateItemAccessDenied"})
		id := w.eliona(alice, w.at(12), room1)
		w.until("the booking is cancelled", func() bool { return w.booking(id).Cancelled && about(alice) == 2 })
		require.Equal(t, "error", w.booking(id).Reason)
		w.noFaults()
	})

	t.Run("P54 a change that Exchange refuses withdraws the booking", func(t *testing.T) {
		id := w.eliona(alice, w.at(13), room1)
		w.until("it is made", func() bool { return w.acceptedAt(alice, w.at(13), room1) })
		w.fault(map[string]any{"service": "exchange", "operation": "UpdateItem", "kind": "responseCode", "code": "ErrorCalendarDurationIsTooLong"})
		w.moveBooking(id, w.at(14))
		w.until("it is withdrawn", func() bool {
			return w.booking(id).Cancelled && len(w.meetings(alice)) == 0 && about(alice) == 3
		})
		require.Equal(t, "error", w.booking(id).Reason)
		w.noFaults()
	})

	t.Run("a room that is late is waited for, one that is silent is reported", func(t *testing.T) {
		w.until("the late room accepts", func() bool { return w.acceptedAt(bob, w.at(7), room5) })
		w.until("silence is reported", func() bool {
			return w.sql(`select count(*) from ews.notice where code = 'room_not_answering' and room = 'Room 4'`) == 1
		})
		w.until("in the log, too", func() bool { return len(logged(t, w.Stage, "room_not_answering")) > 0 })
		w.always(2*time.Second, "both bookings stay", func() bool {
			return !w.booking(silent).Cancelled && !w.booking(late).Cancelled && len(w.meetings(bob)) == 2
		})
		require.Len(t, w.metAt(bob, w.at(6)), 1)
		require.Zero(t, about(bob))
	})
}
