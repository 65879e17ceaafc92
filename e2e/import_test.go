package e2e

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
	"ews/simulator/exchangesim"
)

// TestFirstContact is P45: a room list with a thousand meetings and two hundred
// series is imported, what starts soonest first. Operators see how it gets on,
// and people are not held up.
func TestFirstContact(t *testing.T) {
	t.Parallel()
	const rooms, singles, series, dates = 5, 200, 40, 10
	building := stage.Building{Rooms: rooms, People: 7, Fill: exchangesim.Fill{Singles: singles, Series: series, Occurrences: dates}}
	seed := filepath.Join(t.TempDir(), "seed.json")
	require.NoError(t, building.Write(seed))
	s := newStage(t, stage.Options{Simulator: []string{"-seed", seed, "-decision-delay", "300ms"}, Verbose: true})
	w := worldOf(t, s)
	starts := map[string]time.Time{} // of each meeting's first date
	for n := range rooms {
		for _, e := range w.meetings(building.Room(n)) {
			if first, ok := starts[e.UID]; !ok || e.Start.Before(first) {
				starts[e.UID] = e.Start
			}
		}
	}
	require.Len(t, starts, rooms*(singles+series))
	// A Booking app that takes its time makes the import last.
	require.NoError(t, s.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"delayMilliseconds": 100}}))
	require.NoError(t, s.StartApp(t.Context()))
	configuration := s.Configuration()
	configuration["roomListUPN"] = building.Lists()[0]
	_, err := s.Configure(t.Context(), configuration)
	require.NoError(t, err)
	left := func() float64 { return w.get("/configs/1/status")["work"].(map[string]any)["import"].(float64) }
	imported := func() []time.Time {
		groups := map[int32]time.Time{}
		for _, b := range w.live() {
			if first, ok := groups[b.GroupID]; b.ClientReference == "ews-app" && (!ok || b.Start.Before(first)) {
				groups[b.GroupID] = b.Start
			}
		}
		return slices.SortedFunc(maps.Values(groups), time.Time.Compare)
	}

	w.until("the import is under way", func() bool { return left() > 100 && len(imported()) > 50 })
	before := left()
	for hour := range 3 {
		began := stage.StartStopwatch()
		w.eliona(alice, w.at(19+hour), building.Room(hour))
		w.until("a booking made meanwhile is a meeting", func() bool { return w.acceptedAt(alice, w.at(19+hour), building.Room(hour)) })
		require.Less(t, began.Took(), 5*time.Second)
		began = stage.StartStopwatch()
		w.outlook(bob, w.at(19+hour), building.Room(hour+2))
		w.until("a meeting made meanwhile is a booking", func() bool {
			return slices.ContainsFunc(w.bookedAt(w.at(19+hour)), func(b stage.Booking) bool { return b.Organizer == bob })
		})
		require.Less(t, began.Took(), 8*time.Second)
	}
	done := imported()
	waiting := left()
	require.Positive(t, waiting, "it goes on: %d are imported", len(done))
	require.Less(t, waiting, before, "the status shows how it gets on")
	t.Logf("%d of %d are imported after people booked six times", len(done), len(starts))

	require.Less(t, misplaced(done, slices.SortedFunc(maps.Values(starts), time.Time.Compare)), len(done)/10, "what starts soonest comes first")

	require.NoError(t, stage.Until(t.Context(), 2*time.Minute, "all dates are bookings", func() (bool, error) {
		return len(w.live()) >= rooms*(singles+series*dates)+6, nil
	}))
	w.settles(2*time.Second, "once", func() bool { return len(w.bookings()) == rooms*(singles+series*dates)+6 })
	w.until("nothing waits", func() bool { return left() == 0 })
	require.NotEmpty(t, logged(t, s, "meetings wait"), "the log tells how it gets on, too")
	requireQuiet(t, s)
}

// misplaced counts what is done although a quarter of what is not done starts
// earlier.
func misplaced(done, all []time.Time) int {
	waiting := slices.Clone(all)
	for _, start := range done {
		if i := slices.IndexFunc(waiting, start.Equal); i >= 0 {
			waiting = slices.Delete(waiting, i, i+1)
		}
	}
	if len(waiting) == 0 {
		return 0
	}
	limit, n := waiting[len(waiting)/4], 0
	for _, start := range done {
		if start.After(limit) {
			n++
		}
	}
	return n
}
