package ews

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// throttle is the back-off all calls of a Client share, after "EWS throttling
// in Exchange": requests during a back-off prolong it.
type throttle struct {
	base, max time.Duration
	now       func() time.Time

	mu        sync.Mutex
	notBefore time.Time
	signalled time.Time // when the last back-off was set
	repeats   int       // back-offs without a success in between
}

// signal records that a request sent at sentAt was throttled. The server's
// advice is obeyed even beyond the cap. It returns the remaining wait, and whether
// this is a new event rather than another answer of the same burst.
func (t *throttle) signal(sentAt time.Time, advice time.Duration) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	// Requests already under way when the back-off began belong to the same
	// burst: they must not double the wait once each.
	fresh := !sentAt.Before(t.signalled)
	if fresh {
		t.repeats++
	}
	wait := t.base
	for i := 1; i < t.repeats && wait < t.max; i++ {
		wait *= 2
	}
	wait = max(min(wait, t.max), advice)
	wait += time.Duration(rand.Int64N(int64(wait)/10 + 1)) //nolint:gosec // jitter, not a secret
	t.signalled = now
	if until := now.Add(wait); until.After(t.notBefore) {
		t.notBefore = until
	}
	return t.notBefore.Sub(now), fresh
}

// success ends the doubling.
func (t *throttle) success(sentAt time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sentAt.After(t.signalled) {
		t.repeats = 0
	}
}

// remaining returns how long calls have to wait now, and until when.
func (t *throttle) remaining() (time.Duration, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.notBefore.Sub(t.now()); d > 0 {
		return d, t.notBefore
	}
	return 0, time.Time{}
}

// check returns the remaining wait when ctx ends before it, else 0.
func (t *throttle) check(ctx context.Context) time.Duration {
	wait, until := t.remaining()
	if deadline, ok := ctx.Deadline(); ok && wait > 0 && deadline.Before(until) {
		return wait
	}
	return 0
}

// wait blocks until the back-off is over. A positive result means that ctx ends
// earlier and nothing was waited for.
func (t *throttle) wait(ctx context.Context) (time.Duration, error) {
	for {
		if too := t.check(ctx); too > 0 {
			return too, nil
		}
		d, _ := t.remaining()
		if d == 0 {
			return 0, ctx.Err()
		}
		timer := time.NewTimer(d)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, ctx.Err()
		case <-timer.C:
		}
	}
}
