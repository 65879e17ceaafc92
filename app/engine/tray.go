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
	// until the work is done. Then the meeting is claimed again.
	keepClaims = time.Minute
)

// tray holds meetings that were claimed and not begun yet. They need not be
// given back: the next term makes all claims void.
type tray struct {
	engine *Engine
	claims []heldClaim
	lapsed []Claim // held for too long
	looked time.Time
	look   bool // something became due, or more may be
}

type heldClaim struct {
	Claim
	since time.Time
}

// take returns up to n claimed meetings, the urgent ones first, and of those of an
// import only so many.
func (t *tray) take(ctx context.Context, n, imports int) ([]Claim, error) {
	t.claims = slices.DeleteFunc(t.claims, func(c heldClaim) bool {
		late := time.Since(c.since) > keepClaims
		if late {
			t.lapsed = append(t.lapsed, c.Claim)
		}
		return late
	})
	look := awake(t.engine.wakeWork) || t.look || time.Since(t.looked) > lookBetween
	t.look = false
	var err error
	switch {
	case imports > 0 && len(t.claims) < min(n, imports):
		err = t.claim(ctx, n)
	case look:
		err = t.claimUrgent(ctx, n)
	}
	var some []Claim
	t.claims = slices.DeleteFunc(t.claims, func(c heldClaim) bool {
		if len(some) >= n || c.Import && imports <= 0 {
			return false
		}
		if c.Import {
			imports--
		}
		some = append(some, c.Claim)
		return true
	})
	return some, err
}

func (t *tray) claim(ctx context.Context, n int) error {
	t.looked = time.Now()
	ahead := 0
	for {
		claims, err := t.engine.store.Claim(ctx, max(n, ahead), t.lapsed)
		if err != nil {
			return err
		}
		t.put(claims)
		if ahead > 0 || len(claims) < n || !claims[n-1].Import || len(t.claims) >= importAhead {
			return nil
		}
		ahead = importAhead
	}
}

func (t *tray) claimUrgent(ctx context.Context, n int) error {
	t.looked = time.Now()
	held := slices.Clone(t.lapsed)
	for _, c := range t.claims {
		held = append(held, c.Claim)
	}
	claims, err := t.engine.store.ClaimUrgent(ctx, n, held)
	t.put(claims)
	t.look = len(claims) == n
	return err
}

// put lays claims down, the urgent ones first. One that is claimed again is held
// once.
func (t *tray) put(claims []Claim) {
	for _, c := range claims {
		t.claims = slices.DeleteFunc(t.claims, func(old heldClaim) bool { return old.Meeting == c.Meeting })
		t.lapsed = slices.DeleteFunc(t.lapsed, func(old Claim) bool { return old.Meeting == c.Meeting })
		t.claims = append(t.claims, heldClaim{c, t.looked})
	}
	slices.SortStableFunc(t.claims, func(a, b heldClaim) int { return a.order() - b.order() })
}

func (c Claim) order() int {
	if c.Import {
		return 1
	}
	return 0
}
