package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// TestTwentyBookingsAtOnce is P48: bookings do not wait for each other's rooms.
func TestTwentyBookingsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "1s"}}, nil)
	first := stage.StartStopwatch()
	for i := range 20 {
		room := fmt.Sprintf("room-%d@example.com", i%5+1)
		w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room}}.At(w.at(6+i/5), 50*time.Minute))
	}
	require.Less(t, first.Took(), time.Second, "the bookings are made within one second")
	w.until("20 meetings are in Outlook", func() bool { return len(w.meetings(alice)) >= 20 })
	took := first.Took()
	t.Logf("20 bookings are meetings after %v", took)
	require.Less(t, took, 5*time.Second)
	w.until("all rooms accept", func() bool { return accepted(w.meetings(alice)) == 20 })
	w.always(2*time.Second, "none is doubled or lost", func() bool {
		return len(w.meetings(alice)) == 20 && len(w.live()) == 20
	})
}

func accepted(entries []stage.Entry) int {
	n := 0
	for _, e := range entries {
		for _, r := range e.Rooms {
			if r.Response == "Accept" {
				n++
			}
		}
	}
	return n
}

// TestKillAtAnyMoment is P56 and P44: the app is killed again and again while
// people book on both sides. Nothing is lost, nothing is doubled.
func TestKillAtAnyMoment(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms", "-latency", "30ms"}}, nil)
	const rounds = 8
	for round := range rounds {
		start := w.at(6 + round)
		w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(start, 50*time.Minute))
		made := w.act(stage.Action{
			Person: bob, Where: "outlook", Action: "book", Subject: "Round", Rooms: []string{room2},
		}.At(start, 50*time.Minute))
		require.NoError(t, stage.Until(t.Context(), time.Minute, "", afterDelay(dice.IntN(1500))))
		require.NoError(t, w.KillApp())
		if round%2 == 1 {
			w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: made.UID})
		}
		require.NoError(t, w.StartApp(t.Context()))
	}
	agree := func() bool {
		return len(w.meetings(alice)) == rounds && accepted(w.meetings(alice)) == rounds &&
			maps.Equal(w.slotsOf(w.meetings(room1)), w.slots(room1)) &&
			maps.Equal(w.slotsOf(w.meetings(room2)), w.slots(room2)) &&
			len(w.slots(room1)) == rounds && len(w.slots(room2)) == rounds/2
	}
	w.settles(4*time.Second, "both sides agree", agree)
}

// slots counts the live bookings of a room by their start.
func (w *world) slots(room string) map[time.Time]int {
	w.t.Helper()
	slots := map[time.Time]int{}
	for _, b := range w.live() {
		if slices.Contains(b.AssetIDs, w.asset(room)) {
			slots[b.Start.UTC()]++
		}
	}
	return slots
}

// slotsOf counts calendar entries by their start.
func (w *world) slotsOf(entries []stage.Entry) map[time.Time]int {
	slots := map[time.Time]int{}
	for _, e := range entries {
		slots[e.Start.UTC()]++
	}
	return slots
}

// afterDelay says yes once some milliseconds have passed.
func afterDelay(ms int) func() (bool, error) {
	at := time.Now().Add(time.Duration(ms) * time.Millisecond)
	return func() (bool, error) { return !time.Now().Before(at), nil }
}

// TestALongSeriesIsWrittenInParts is U19: the Booking app takes a hundred dates at
// once, and fails after the first hundred.
func TestALongSeriesIsWrittenInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, nil)
	require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"delayMilliseconds": 400, "maxOccurrences": 100}}))
	w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "book", Subject: "Stand-up", Rooms: []string{room1},
		Recurrence: map[string]any{"pattern": "daily", "count": 130},
	}.At(w.at(8), 15*time.Minute))
	w.until("the first part is written", func() bool { return len(w.bookings()) == 100 })
	w.fault(map[string]any{"service": "booking", "operation": "POST /bookings/group", "kind": "status", "status": 503, "count": 1})
	w.until("the rest is written, too", func() bool { return len(w.live()) >= 130 })
	w.settles(3*time.Second, "once, and as one group", func() bool {
		groups := map[int32]bool{}
		for _, b := range w.bookings() {
			groups[b.GroupID] = true
		}
		return len(w.bookings()) == 130 && len(groups) == 1
	})
	hits, err := w.Control.Applied(t.Context(), "POST /bookings/group")
	require.NoError(t, err)
	require.Equal(t, 1, hits)
}
