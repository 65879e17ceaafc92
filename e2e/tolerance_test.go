package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
	"ews/simulator/bookingsim"
)

// apart are positions that a test of its own proves.
var apart = []string{
	"groupWrites=false",     // TestBookingAppWithoutGroups
	"maxOccurrences=100",    // TestALongSeriesIsWrittenInParts; the script's groups are shorter
	"deleteScope=group",     // TestDeletionOfWholeGroups
	"notifyOrganizer=false", // TestRefusedByExchange
	"occupancyWriter=false", // nothing of the app's
	"occupancyLookAheadMinutes=0",
}

// positions lists every switch of the Booking app in every position but the
// first, which all other tests have.
func positions() []map[string]any {
	var all []map[string]any
	for _, choice := range bookingsim.Choices() {
		for _, position := range choice.Positions[1:] {
			if !slices.Contains(apart, fmt.Sprintf("%s=%v", choice.Name, position)) {
				all = append(all, map[string]any{choice.Name: position})
			}
		}
	}
	return append(all, map[string]any{
		"pushContent": "changed-only", "pushIDKey": "id", "duplicatesPerAsset": true, "echoSuppression": false,
		"replayOnSubscribe": true, "extendedBooking": true, "responseOrder": "shuffled", "getCancelled": 200,
		"deleteStatus": 200, "emptyList": "[]", "updateCancelled": "revive", "cancelledValidation": "strict",
		"groupAnswer": "longer", "writeStatus": 202, "timeFormat": "offset",
	})
}

// TestTolerance plays the same script with every behaviour that the Booking app
// may show: both sides agree in the end, and no booking is doubled (U1-U28).
func TestTolerance(t *testing.T) {
	t.Parallel()
	const stages = 4
	all := positions()
	for n := range stages {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
			require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room5, "automate": "decline"}))
			if n == 0 {
				w.adHoc()
			}
			before := map[string]any{}
			for i := n; i < len(all); i += stages {
				clean, position := w.day, all[i]
				w.day = w.day.AddDate(0, 0, 7*(i/stages+1))
				change := maps.Clone(before)
				maps.Copy(change, position)
				require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": change}))
				if position["replayOnSubscribe"] != nil || position["idleSeconds"] != nil {
					w.fault(map[string]any{"service": "booking", "kind": "dropSockets"})
				}
				began := time.Now()
				w.script(fmt.Sprint(position))
				t.Logf("%v: %v", position, time.Since(began).Round(100*time.Millisecond))
				w.day = clean
				for _, choice := range bookingsim.Choices() {
					if _, changed := position[choice.Name]; changed {
						before[choice.Name] = choice.Positions[0]
					}
				}
			}
		})
	}
}

// adHoc is U28: somebody came into a room two minutes ago.
func (w *world) adHoc() {
	w.t.Helper()
	began := time.Now().UTC().Truncate(time.Minute).Add(-2 * time.Minute)
	made := w.act(stage.Action{Where: "eliona", Action: "ad-hoc", Rooms: []string{room1}}.At(began, 30*time.Minute))
	w.until("the service user has a meeting that began already", func() bool { return w.acceptedAt(service, began, room1) })
	require.False(w.t, w.booking(made.BookingIDs[0]).Cancelled)
}

// TestBookingAppWithoutGroups is U26: what an old Booking app cannot do is
// told, and done as soon as there is a newer one.
func TestBookingAppWithoutGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"groupWrites": false}}))
	w.outlook(bob, w.at(6), room1)
	w.until("the status tells what is wrong", func() bool { return w.get("/configs/1")["statusCode"] == "booking_app_too_old" })
	w.eliona(alice, w.at(7), room2)
	w.until("the other direction works", func() bool { return w.acceptedAt(alice, w.at(7), room2) })
	require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"groupWrites": true}}))
	require.NoError(t, stage.Until(t.Context(), time.Minute, "the booking is made", func() (bool, error) { return w.once(w.at(6)), nil }))
	w.until("the status is clear", func() bool { return w.get("/configs/1")["statusCode"] == "" })
}

// TestDeletionOfWholeGroups is U14: the Booking app cancels a whole group where
// it was asked to cancel one booking. What Exchange still has is booked again,
// and never cancelled there.
func TestDeletionOfWholeGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	for week, echo := range []bool{true, false} {
		w.day = w.day.AddDate(0, 0, 7*week)
		require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"deleteScope": "group", "echoSuppression": echo}}))
		series := w.act(stage.Action{
			Person: bob, Where: "outlook", Action: "book", Subject: "Series", Rooms: []string{room3},
			Recurrence: map[string]any{"pattern": "daily", "count": 4},
		}.At(w.at(10), time.Hour))
		date := func(n int) time.Time { return w.at(10).AddDate(0, 0, n) }
		booked := func(dates ...int) bool {
			for n := range 4 {
				wanted := 0
				if slices.Contains(dates, n) {
					wanted = 1
				}
				if len(w.bookedAt(date(n))) != wanted || len(w.metAt(bob, date(n))) != wanted {
					return false
				}
			}
			return true
		}
		w.until("all dates are booked", func() bool { return booked(0, 1, 2, 3) })
		second := date(1)
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: series.UID, Occurrence: &second})
		w.settles(3*time.Second, "exactly that one is gone", func() bool { return booked(0, 2, 3) })
		w.cancelMeeting(bob, series.UID)
		w.settles(2*time.Second, "all are gone", func() bool { return booked() })
	}
}

// agreed compares both sides of one week: what stands in the rooms' calendars
// is booked once, and nothing else is.
func (w *world) agreed() bool {
	w.t.Helper()
	week := func(at time.Time) bool { return !at.Before(w.day) && at.Before(w.day.AddDate(0, 0, 7)) }
	booked, shown := map[string]int{}, map[string]int{}
	live := w.live()
	for _, room := range []string{room1, room2, room3, room4, room5} {
		asset := w.asset(room)
		for _, b := range live {
			if week(b.Start) && slices.Contains(b.AssetIDs, asset) {
				booked[fmt.Sprint(room, b.Start.UTC(), b.End.UTC(), b.Organizer)]++
			}
		}
		for _, e := range w.meetings(room) {
			if week(e.Start) {
				shown[fmt.Sprint(room, e.Start.UTC(), e.End.UTC(), e.Organizer)]++
			}
		}
	}
	return maps.Equal(booked, shown)
}

// script books, moves and cancels on both sides, with a decline, a series and
// meetings in two rooms.
func (w *world) script(name string) {
	w.t.Helper()
	days := func(start time.Time, n int) time.Time { return start.AddDate(0, 0, n) }
	a := w.eliona(alice, w.at(6), room1)
	b := w.outlook(bob, w.at(6), room2)
	c := w.eliona(alice, w.at(7), room1, room2)
	d := w.eliona(alice, w.at(8), room5) // it declines
	e := w.outlook(bob, w.at(9), room3, room4)
	series := w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "book", Subject: "Series", Rooms: []string{room3},
		Recurrence: map[string]any{"pattern": "daily", "count": 3},
	}.At(w.at(10), time.Hour))
	short := w.eliona(alice, w.at(11), room4)
	keeps := w.outlook(bob, w.at(12), room4)
	// Somebody else is faster: Exchange has the slot, and so has the Booking app.
	w.outlook(carol, w.at(13), room1)
	clash := w.eliona(alice, w.at(13), room1)
	w.cancelBooking(short)

	w.until(name+": everything is made", func() bool {
		return w.acceptedAt(alice, w.at(6), room1) && w.acceptedAt(alice, w.at(7), room1, room2) && w.booking(d).Cancelled &&
			len(w.bookedAt(w.at(6))) == 2 && len(w.bookedAt(w.at(9))) == 1 && len(w.bookedAt(w.at(9))[0].AssetIDs) == 2 &&
			w.once(w.at(10)) && w.once(days(w.at(10), 1)) && w.once(days(w.at(10), 2)) && w.once(w.at(12)) &&
			len(w.metAt(alice, w.at(11))) == 0 && w.booking(clash).Cancelled != (len(w.metAt(carol, w.at(13))) == 0) && len(w.bookedAt(w.at(13))) == 1
	})
	require.Equal(w.t, "conflict", w.booking(d).Reason)
	moved := w.bookedAt(w.at(12))[0].ID
	third := w.bookedAt(days(w.at(10), 2))[0]
	group := third.GroupID
	require.Equal(w.t, group, w.bookedAt(w.at(10))[0].GroupID)

	w.moveBooking(a, w.at(14))
	w.moveMeeting(bob, b.UID, w.at(14))
	w.cancelBooking(c)
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "change-rooms", UID: e.UID, Rooms: []string{room3}})
	second := days(w.at(10), 1)
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: series.UID, Occurrence: &second})
	w.cancelBooking(third.ID)
	w.moveBooking(moved, w.at(15))
	w.until(name+": everything is changed", func() bool {
		return w.acceptedAt(alice, w.at(14), room1) && len(w.bookedAt(w.at(14))) == 2 && len(w.metAt(alice, w.at(7))) == 0 &&
			len(w.bookedAt(w.at(9))) == 1 && len(w.bookedAt(w.at(9))[0].AssetIDs) == 1 && len(w.bookedAt(second)) == 0 &&
			len(w.metAt(bob, third.Start)) == 0 && len(w.metAt(room4, w.at(15))) == 1
	})
	w.settles(1500*time.Millisecond, name+": both sides agree", w.agreed)
	w.cancelMeeting(bob, b.UID)
	w.cancelMeeting(bob, keeps.UID)
	w.cancelBooking(a)
	w.until(name+": everything is cancelled", func() bool {
		return len(w.bookedAt(w.at(14)))+len(w.metAt(alice, w.at(14)))+len(w.bookedAt(w.at(15))) == 0 && w.agreed()
	})
	for _, x := range w.bookings() {
		require.Equal(w.t, 1, created(x), "%+v", x)
	}
}

// TestClash is U10: the Booking app refuses what Exchange allows. It is tried
// again when either side changes, and not all the time.
func TestClash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	for _, policy := range []string{"409", "422"} {
		w.day = w.day.AddDate(0, 0, 1)
		require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"overlapPolicy": policy}}))
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room2, "allowConflicts": true}))
		first, second := w.eliona(alice, w.at(6), room2), w.eliona(alice, w.at(8), room2)
		w.until("they are meetings", func() bool { return w.acceptedAt(alice, w.at(6), room2) && w.acceptedAt(alice, w.at(8), room2) })
		_, refused := w.count("booking", "POST /bookings/group")
		w.outlook(bob, w.at(6), room2)
		meeting := w.outlook(bob, w.at(8), room2)
		w.until("both are refused", func() bool { _, now := w.count("booking", "POST /bookings/group"); return now == refused+2 })
		w.always(3*time.Second, "they are not tried again and again", func() bool {
			_, now := w.count("booking", "POST /bookings/group")
			return now == refused+2
		})
		require.False(t, w.booking(first).Cancelled || w.booking(second).Cancelled)

		w.moveMeeting(bob, meeting.UID, w.at(10))
		w.until("the meeting that moved away is booked", func() bool { return w.once(w.at(10)) })
		w.cancelBooking(first)
		w.until("the meeting in the slot that became free is booked", func() bool {
			found := w.bookedAt(w.at(6))
			return len(found) == 1 && found[0].Organizer == bob
		})
	}
}
