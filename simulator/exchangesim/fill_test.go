package exchangesim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFilledCalendars(t *testing.T) {
	seed := DefaultSeed()
	seed.Fill = Fill{Singles: 180, Series: 20, Occurrences: 52}
	s, err := New(Options{Seed: seed})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	now := time.Now()
	organized := map[string]int{}
	for n := 1; n <= 8; n++ {
		entries, err := s.Calendar(fmt.Sprintf("room-%d@example.com", n), now, now.AddDate(2, 0, 0))
		require.NoError(t, err)
		require.Len(t, entries, 180+20*52)
		for i, e := range entries {
			require.Equal(t, []string{responseAccept, busyBusy}, []string{e.Response, e.FreeBusy})
			require.False(t, i > 0 && entries[i-1].End.After(e.Start), "the room is booked twice at %s", e.Start)
			require.NotContains(t, []time.Weekday{time.Saturday, time.Sunday}, e.Start.Weekday())
			organized[e.Organizer]++
		}
	}
	require.Len(t, organized, 4, "everybody organizes some")
	mine, err := s.Calendar("alice@example.com", now, now.AddDate(2, 0, 0))
	require.NoError(t, err)
	require.Len(t, mine, organized["alice@example.com"])
	require.False(t, slices.ContainsFunc(mine, func(e Entry) bool { return e.Rooms[0].Response != responseAccept }))
	require.Zero(t, s.Pending(), "nobody waits for anything")
}

func TestCalendarsThatCannotBeFilled(t *testing.T) {
	for _, f := range []Fill{{Singles: -1}, {Series: 1}, {Series: 200, Occurrences: 2}, {Singles: 85 * 25}} {
		seed := DefaultSeed()
		seed.Fill = f
		_, err := New(Options{Seed: seed})
		require.Error(t, err, f)
	}
}

func BenchmarkFill(b *testing.B) {
	seed := DefaultSeed()
	seed.Fill = Fill{Singles: 44, Series: 6, Occurrences: 26}
	for b.Loop() {
		s, err := New(Options{Seed: seed})
		require.NoError(b, err)
		s.Close()
	}
}
