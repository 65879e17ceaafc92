package ews

import (
	"math/rand/v2"
	"sync"
	"time"
)

// throttle computes the back-off that all calls of a Client share, after "EWS
// throttling in Exchange": requests during a back-off prolong it.
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
