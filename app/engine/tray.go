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
	// keepClaims is how long a claim waits to be begun at most: it has to last
	// until the work is done.
	keepClaims = time.Minute
)

// tray holds meetings that were claimed and not begun yet. They need not be
// given back: the next term makes all claims void.
type tray struct {
	engine *Engine
	claims []heldClaim
	looked time.Time
}

type heldClaim struct {
	Claim
	since time.Time
}

// take returns up to n claimed meetings, the urgent ones first.
func (t *tray) take(ctx context.Context, n int) ([]Claim, error) {
	var err error
	if len(t.claims) < n || awake(t.engine.wakeWork) || time.Since(t.looked) > lookBetween {
		err = t.claim(ctx, n)
	}
	t.claims = slices.DeleteFunc(t.claims, func(c heldClaim) bool { return time.Since(c.since) > keepClaims })
	some := make([]Claim, min(n, len(t.claims)))
	for i := range some {
		some[i] = t.claims[i].Claim
	}
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
		for _, c := range claims {
			t.claims = append(t.claims, heldClaim{c, t.looked})
		}
		slices.SortStableFunc(t.claims, func(a, b heldClaim) int { return a.order() - b.order() })
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
