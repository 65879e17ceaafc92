package ews

import (
	"context"
	"sync"
	"time"
)

// recoverAfter is how long a quiet period gives one lost slot back.
const recoverAfter = time.Minute

// limiter caps the calls in flight: in total, and one per mailbox. Throttling
// halves the total; each quiet minute gives one slot back.
type limiter struct {
	full int
	now  func() time.Time

	mu      sync.Mutex
	limit   int
	changed time.Time // when limit last went down or up
	inUse   int
	waiting []chan struct{}
	boxes   map[Mailbox]*boxSlot
}

type boxSlot struct {
	token chan struct{} // holds one value while a call runs
	users int           // calls that hold or want the token
}

func newLimiter(full int, now func() time.Time) *limiter {
	return &limiter{full: full, now: now, limit: full, boxes: make(map[Mailbox]*boxSlot)}
}

// acquire waits for the mailbox, then for a slot, and returns the release.
func (l *limiter) acquire(ctx context.Context, box Mailbox) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := l.join(box)
	select {
	case b.token <- struct{}{}:
	case <-ctx.Done():
		l.leave(box, b)
		return nil, ctx.Err()
	}
	if err := l.slot(ctx); err != nil {
		<-b.token
		l.leave(box, b)
		return nil, err
	}
	return sync.OnceFunc(func() {
		l.free()
		<-b.token
		l.leave(box, b)
	}), nil
}

func (l *limiter) join(box Mailbox) *boxSlot {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.boxes[box]
	if b == nil {
		b = &boxSlot{token: make(chan struct{}, 1)}
		l.boxes[box] = b
	}
	b.users++
	return b
}

func (l *limiter) leave(box Mailbox, b *boxSlot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.users--; b.users == 0 {
		delete(l.boxes, box)
	}
}

func (l *limiter) slot(ctx context.Context) error {
	l.mu.Lock()
	l.regain()
	if l.inUse < l.limit && len(l.waiting) == 0 {
		l.inUse++
		l.mu.Unlock()
		return nil
	}
	ready := make(chan struct{})
	l.waiting = append(l.waiting, ready)
	l.admit()
	l.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiting {
		if w == ready {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return ctx.Err()
		}
	}
	// Admitted in the same moment: hand the slot on.
	l.inUse--
	l.admit()
	return ctx.Err()
}

func (l *limiter) free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inUse--
	l.regain()
	l.admit()
}

// admit lets waiting calls in, first come first served. The lock is held.
func (l *limiter) admit() {
	for l.inUse < l.limit && len(l.waiting) > 0 {
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
		l.inUse++
	}
}

// regain raises the limit for the quiet time passed. The lock is held.
func (l *limiter) regain() {
	if l.limit >= l.full {
		return
	}
	steps := int(l.now().Sub(l.changed) / recoverAfter)
	if steps <= 0 {
		return
	}
	l.limit = min(l.full, l.limit+steps)
	l.changed = l.changed.Add(time.Duration(steps) * recoverAfter)
}

// halve reacts to throttling.
func (l *limiter) halve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = max(1, l.limit/2)
	l.changed = l.now()
}
