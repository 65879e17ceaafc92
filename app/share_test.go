package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
	"ews/db/store"
)

// group are processes that share configurations, one step of the clock at a time.
type group struct {
	wanted  []int64
	shares  []*share
	running []map[int64]bool
	now     time.Time
	moves   int
}

func newGroup(configurations int) *group {
	g := &group{now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)}
	for id := range configurations {
		g.wanted = append(g.wanted, int64(id+1))
	}
	return g
}

func (g *group) join() {
	g.shares = append(g.shares, &share{})
	g.running = append(g.running, map[int64]bool{})
}

func (g *group) leave(i int) {
	g.shares = append(g.shares[:i], g.shares[i+1:]...)
	g.running = append(g.running[:i], g.running[i+1:]...)
}

// pass lets time pass, with unable telling what the first process cannot start.
func (g *group) pass(d time.Duration, unable func(int64) bool) {
	for ; d > 0; d -= lookEvery {
		g.now = g.now.Add(lookEvery)
		for i, s := range g.shares {
			standing := store.Standing{Processes: len(g.shares), Taken: map[meeting.ConfigID]bool{}}
			for _, r := range g.running {
				for id := range r {
					standing.Taken[meeting.ConfigID(id)] = true
				}
			}
			var mine []int64
			for id := range g.running[i] {
				mine = append(mine, id)
			}
			take, give := s.decide(g.now, g.wanted, mine, func(id int64) bool { return i == 0 && unable != nil && unable(id) }, standing)
			for _, id := range take {
				g.running[i][id] = true
			}
			for _, id := range give {
				delete(g.running[i], id)
				g.moves++
			}
		}
	}
}

func (g *group) sizes() []int {
	var out []int
	for _, r := range g.running {
		out = append(out, len(r))
	}
	return out
}

func TestProcessesShareConfigurations(t *testing.T) {
	t.Parallel()
	t.Run("one alone takes all at once", func(t *testing.T) {
		g := newGroup(50)
		g.join()
		g.pass(lookEvery, nil)
		require.Equal(t, []int{50}, g.sizes())
	})
	t.Run("two that start together take a half each", func(t *testing.T) {
		g := newGroup(5)
		g.join()
		g.join()
		g.pass(time.Minute, nil)
		require.Equal(t, []int{3, 2}, g.sizes())
		require.Zero(t, g.moves)
	})
	t.Run("one that comes later gets its part, and that is all", func(t *testing.T) {
		g := newGroup(50)
		g.join()
		g.pass(time.Minute, nil)
		g.join()
		g.pass(2*time.Minute, nil)
		require.Equal(t, []int{25, 25}, g.sizes())
		require.Equal(t, 25, g.moves)
		g.join()
		g.pass(2*time.Minute, nil)
		require.Equal(t, []int{17, 17, 16}, g.sizes())
		moves := g.moves
		g.pass(time.Hour, nil)
		require.Equal(t, moves, g.moves, "then there is peace")
	})
	t.Run("what one leaves behind is taken by the others at once", func(t *testing.T) {
		g := newGroup(4)
		g.join()
		g.join()
		g.pass(time.Minute, nil)
		g.leave(0)
		g.pass(lookEvery, nil)
		require.Equal(t, []int{4}, g.sizes())
	})
	t.Run("what one cannot start is taken by another", func(t *testing.T) {
		g := newGroup(2)
		g.join()
		g.join()
		g.pass(freeLimit+time.Second, func(id int64) bool { return id == 1 })
		require.Equal(t, 2, g.sizes()[0]+g.sizes()[1])
		require.True(t, g.running[1][1])
	})
	t.Run("one configuration stays where it is", func(t *testing.T) {
		g := newGroup(1)
		g.join()
		g.pass(time.Minute, nil)
		g.join()
		g.pass(time.Hour, nil)
		require.Equal(t, []int{1, 0}, g.sizes())
	})
}
