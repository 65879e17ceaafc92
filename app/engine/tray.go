package engine

import (
	"context"
	"slices"
	"time"
)

// Of an import, whose meetings nobody waits for, so many are claimed ahead: one
// by one, claiming would be the most of the work. What is urgent is looked for
// meanwhile, and comes first.
const (
	importAhead = 40
	lookBetween = 100 * time.Millisecond
)

// tray holds meetings that were claimed and not begun yet. They need not be
// given back: the next term makes all claims void.
type tray struct {
	engine *Engine
	claims []Claim
	looked time.Time
}

// take returns up to n claimed meetings, the urgent ones first.
func (t *tray) take(ctx context.Context, n int) ([]Claim, error) {
	var err error
	if len(t.claims) < n || awake(t.engine.wakeWork) || time.Since(t.looked) > lookBetween {
		err = t.claim(ctx, n)
	}
	some := t.claims[:min(n, len(t.claims))]
	t.claims = t.claims[len(some):]
	return some, err
}

func (t *tray) claim(ctx context.Context, n int) error {
	t.looked = time.Now()
	ahead := 0
	for {
		claims, err := t.engine.store.Claim(ctx, max(n, ahead))
		if err != nil {
			return err
		}
		t.claims = append(t.claims, claims...)
		slices.SortStableFunc(t.claims, func(a, b Claim) int { return a.order() - b.order() })
		if ahead > 0 || len(claims) < n || !claims[n-1].Import || len(t.claims) >= importAhead {
			return nil
		}
		ahead = importAhead
	}
}

func (c Claim) order() int {
	if c.Import {
		return 1
	}
	return 0
}
