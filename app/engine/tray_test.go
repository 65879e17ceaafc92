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
	due    []Claim
	asked  int
	broken error
}

func (q *queue) Claim(_ context.Context, limit int) ([]Claim, error) {
	q.asked++
	slices.SortStableFunc(q.due, func(a, b Claim) int { return a.order() - b.order() })
	n := min(limit, len(q.due))
	claims := q.due[:n]
	q.due = q.due[n:]
	return claims, q.broken
}

func (q *queue) add(n int, imported bool) {
	for range n {
		q.due = append(q.due, Claim{Meeting: meeting.ID(len(q.due) + 1), Import: imported})
	}
}

func newTray(q *queue) *tray {
	return &tray{engine: &Engine{store: q, wakeWork: make(chan struct{}, 1)}}
}

func (t *tray) taken(test *testing.T, n int) (imported, urgent int) {
	test.Helper()
	claims, err := t.take(test.Context(), n)
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

func TestWhatIsClaimedIsWorkedOnThoughTheDatabaseFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.add(100, true)
		due := newTray(q)
		due.taken(t, 4)
		q.broken, q.due = errors.New("down"), nil
		pause(t.Context(), lookBetween+time.Millisecond)
		claims, err := due.take(t.Context(), 4)
		require.ErrorIs(t, err, q.broken)
		require.Len(t, claims, 4)
	})
}

func TestAClaimThatWaitedLongIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.add(100, true)
		due := newTray(q)
		due.taken(t, 4)
		left := len(q.due)
		pause(t.Context(), keepClaims+time.Second)
		imported, _ := due.taken(t, 4)
		require.Equal(t, 4, imported)
		require.Less(t, len(q.due), left, "others are claimed")
		for _, c := range due.claims {
			require.Less(t, time.Since(c.since), keepClaims)
		}
	})
}
