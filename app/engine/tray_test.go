package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
)

// queue is a Store of which only the due meetings are used.
type queue struct {
	Store
	due     []Claim
	changed []meeting.ID // since they were claimed
	added   int
	asked   int
	broken  error
}

func (q *queue) Claim(_ context.Context, limit int, again []Claim) ([]Claim, error) {
	q.asked++
	q.due = append(slices.Clone(again), q.due...)
	slices.SortStableFunc(q.due, func(a, b Claim) int { return a.order() - b.order() })
	n := min(limit, len(q.due))
	claims := q.due[:n]
	q.due = q.due[n:]
	return claims, q.broken
}

func (q *queue) ClaimUrgent(_ context.Context, limit int, again []Claim) ([]Claim, error) {
	q.asked++
	var claims []Claim
	for _, c := range again {
		if slices.Contains(q.changed, c.Meeting) {
			claims = append(claims, Claim{Meeting: c.Meeting, Token: "anew"})
		}
	}
	q.due = slices.DeleteFunc(q.due, func(c Claim) bool {
		if c.Import || len(claims) == limit {
			return false
		}
		claims = append(claims, c)
		return true
	})
	return claims, q.broken
}

func (q *queue) add(n int, imported bool) {
	for range n {
		q.added++
		q.due = append(q.due, Claim{Meeting: meeting.ID(q.added), Import: imported})
	}
}

func newTray(q *queue) *tray {
	return &tray{engine: &Engine{store: q, wakeWork: make(chan struct{}, 1)}}
}

func (t *tray) taken(test *testing.T, n int) (imported, urgent int) {
	test.Helper()
	claims, err := t.take(test.Context(), n, n)
	require.NoError(test, err)
	for _, c := range claims {
		if c.Import {
			imported++
		} else {
			urgent++
		}
	}
	return imported, urgent
}

func TestAnImportIsClaimedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.add(400, true)
		due := newTray(q)
		for range 400 {
			imported, _ := due.taken(t, 1)
			require.Equal(t, 1, imported)
		}
		require.LessOrEqual(t, q.asked, 22)
		imported, urgent := due.taken(t, 8)
		require.Zero(t, imported+urgent)
	})
}

func TestWhatIsUrgentIsNotClaimedAhead(t *testing.T) {
	q := &queue{}
	q.add(20, false)
	due := newTray(q)
	_, urgent := due.taken(t, 8)
	require.Equal(t, 8, urgent)
	require.Len(t, q.due, 12, "one that is made due meanwhile may be more urgent")
}

func TestWhatIsUrgentGoesBeforeAnImport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.add(100, true)
		due := newTray(q)
		due.taken(t, 4)
		q.add(2, false)
		wake(due.engine.wakeWork)
		imported, urgent := due.taken(t, 3)
		require.Equal(t, 2, urgent, "when it was told of")
		require.Equal(t, 1, imported)

		q.add(1, false)
		pause(t.Context(), lookBetween+time.Millisecond)
		_, urgent = due.taken(t, 1)
		require.Equal(t, 1, urgent, "and soon, when it became due by itself")
	})
}

func TestAnImportLeavesWorkersForWhatIsUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.add(100, true)
		due := newTray(q)
		imports := func(n, free int) int {
			claims, err := due.take(t.Context(), n, free)
			require.NoError(t, err)
			return len(claims)
		}
		require.Equal(t, 3, imports(4, 3))
		require.Zero(t, imports(4, 0))
		asked := q.asked
		require.Equal(t, 1, imports(4, 1))
		require.Equal(t, asked, q.asked, "those that were claimed ahead are enough")

		q.add(2, false)
		due.look = true
		_, urgent := due.taken(t, 2)
		require.Equal(t, 2, urgent)
	})
}

func TestWhatAPersonChangesOfAnImportIsUrgent(t *testing.T) {
	q := &queue{}
	q.add(40, true)
	due := newTray(q)
	due.taken(t, 4)
	last := due.claims[len(due.claims)-1]
	q.changed = []meeting.ID{last.Meeting}
	due.look = true
	claims, err := due.take(t.Context(), 1, 1)
	require.NoError(t, err)
	require.Equal(t, []Claim{{Meeting: last.Meeting, Token: "anew"}}, claims)
	require.False(t, slices.ContainsFunc(due.claims, func(c heldClaim) bool { return c.Meeting == last.Meeting }), "it is claimed once")
}

func TestAllThatIsUrgentGoesBeforeAnImport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.add(40, true)
		due := newTray(q)
		due.taken(t, 4)
		q.add(20, false)
		due.look = true
		for range 5 {
			imported, urgent := due.taken(t, 4)
			require.Equal(t, []int{0, 4}, []int{imported, urgent})
		}
	})
}

func TestWhatIsClaimedIsWorkedOnThoughTheDatabaseFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.add(100, true)
		due := newTray(q)
		due.taken(t, 4)
		q.broken, q.due = errors.New("down"), nil
		pause(t.Context(), lookBetween+time.Millisecond)
		claims, err := due.take(t.Context(), 4, 4)
		require.ErrorIs(t, err, q.broken)
		require.Len(t, claims, 4)
	})
}

// Its meeting is claimed again: nobody else could until the claim ends.
func TestAClaimThatWaitedLongIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.add(40, true)
		due := newTray(q)
		due.taken(t, 4)
		require.Empty(t, q.due)
		pause(t.Context(), keepClaims+time.Second)
		imported, _ := due.taken(t, 4)
		require.Equal(t, 4, imported)
		require.Empty(t, due.lapsed)
		require.Len(t, due.claims, 32)
		for _, c := range due.claims {
			require.Less(t, time.Since(c.since), keepClaims)
		}
	})
}
