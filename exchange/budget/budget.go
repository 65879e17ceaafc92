// Package budget decides when calls to a server may begin, so that a client
// stays within what the server grants, and what people wait for comes first.
//
// A Budget limits three things: the calls in flight, those in flight that have
// the same key (such as a mailbox), and the calls per minute. What there is of
// the first and the third is divided among classes of calls by shares: a class
// gets its share whatever the others want, and what a class does not use is
// lent to the others. A server that asks for a pause gets it, from all calls.
package budget

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// Class tells how urgent a call is.
type Class int

// The classes, most urgent first.
const (
	Human      Class = iota // a person waits for it
	Change                  // something changed, or may have
	Background              // imports and audits
	classes
)

// Defaults of Options.
const (
	DefaultInFlight  = 10
	DefaultPerMinute = 6000
)

// Options configure a Budget. Every zero value means the default.
type Options struct {
	// InFlight is how many calls may be under way at a time.
	InFlight int
	// PerMinute is how many calls may begin within any minute. A fifth of them
	// may come at once after a quiet time; a lasting demand is spread evenly.
	PerMinute int
	// Patience is the longest pause that a call waits for; calls fail at once
	// with a *PauseError if it is longer. Zero means that they wait for any.
	Patience time.Duration
}

// PauseError says that the server asked for a pause that outlasts the call's
// patience.
type PauseError struct{ Left time.Duration }

func (e *PauseError) Error() string {
	return fmt.Sprintf("the server asked for a pause of another %v", e.Left.Round(time.Millisecond))
}

// shareOf is the part of the budget that is reserved for a class.
func shareOf(c Class) float64 { return [classes]float64{0.5, 0.35, 0.15}[c] }

// burstShare is the part of a minute's calls that may come at once. With the
// rest spread over the minute, no minute has more calls than allowed.
const burstShare = 0.2

// regainAfter is how long a quiet period gives one lost slot back.
const regainAfter = time.Minute

// Budget is shared by all calls of one client. It is safe for concurrent use.
type Budget struct {
	full     int              // calls in flight when all is well
	rate     float64          // calls per second that are earned
	capacity [classes]float64 // calls that a class can save up
	patience time.Duration

	mu       sync.Mutex
	saved    [classes]float64 // calls that may begin at once
	counted  time.Time        // when saved was brought up to date
	turns    [classes]float64 // what each class got of late, in proportion to its share
	limit    int              // of calls in flight now
	changed  time.Time        // when limit last went down or up
	inFlight [classes]int
	busy     map[string]bool // keys of calls in flight
	waiting  [classes][]*call
	paused   time.Time // no call begins before
	timer    *time.Timer
}

// call is one that waits to begin.
type call struct {
	key   string
	until time.Time  // its deadline; zero if it has none
	ready chan error // gets one value when it may begin, or never will
}

// New returns a Budget with all its burst at hand.
func New(o Options) *Budget {
	if o.InFlight <= 0 {
		o.InFlight = DefaultInFlight
	}
	if o.PerMinute <= 0 {
		o.PerMinute = DefaultPerMinute
	}
	b := &Budget{
		full: o.InFlight, limit: o.InFlight, patience: o.Patience,
		counted: time.Now(), busy: map[string]bool{},
	}
	burst := 0.0
	for c := range classes {
		b.capacity[c] = max(1, float64(o.PerMinute)*burstShare*shareOf(c))
		burst += b.capacity[c]
	}
	b.saved = b.capacity
	b.rate = max(1, float64(o.PerMinute)-burst) / time.Minute.Seconds()
	return b
}

// InFlight returns how many calls may be under way at a time.
func (b *Budget) InFlight() int { return b.full }

// Enter waits until a call may begin, and returns the function to call when it
// is over. Calls of the same key are never in flight together; an empty key is
// none.
func (b *Budget) Enter(ctx context.Context, class Class, key string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &call{key: key, ready: make(chan error, 1)}
	c.until, _ = ctx.Deadline()
	class = min(max(class, Human), classes-1)
	b.queue(class, c)
	select {
	case err = <-c.ready:
	case <-ctx.Done():
		if b.withdraw(class, c) || <-c.ready != nil {
			return nil, ctx.Err()
		}
		b.leave(class, key) // it was let in at the same moment
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { b.leave(class, key) }), nil
}

func (b *Budget) queue(class Class, c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting[class]) == 0 {
		b.catchUp(class)
	}
	b.waiting[class] = append(b.waiting[class], c)
	b.refuse()
	b.admit()
}

// withdraw takes a call from its queue; false means that it left it already.
func (b *Budget) withdraw(class Class, c *call) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting[class], c)
	if i >= 0 {
		b.waiting[class] = slices.Delete(b.waiting[class], i, i+1)
	}
	return i >= 0
}

func (b *Budget) leave(class Class, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight[class]--
	delete(b.busy, key)
	b.admit()
}

// Pause keeps calls from beginning before until; a later pause prolongs it.
func (b *Budget) Pause(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.paused) {
		b.paused = until
		b.refuse()
		b.admit()
	}
}

// Paused returns until when no call begins; the zero time if they may.
func (b *Budget) Paused() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.paused) {
		return b.paused
	}
	return time.Time{}
}

// Halve reacts to a server that is overloaded: half as many calls may be in
// flight, and each quiet minute gives one back.
func (b *Budget) Halve() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = max(1, b.limit/2)
	b.changed = time.Now()
}

// All methods below are called with the lock held.

// refuse sends away the calls that the pause lasts too long for.
func (b *Budget) refuse() {
	left := time.Until(b.paused)
	if left <= 0 {
		return
	}
	for class := range classes {
		b.waiting[class] = slices.DeleteFunc(b.waiting[class], func(c *call) bool {
			patient := b.patience == 0 || left <= b.patience
			if patient && (c.until.IsZero() || c.until.After(b.paused)) {
				return false
			}
			c.ready <- &PauseError{Left: left}
			return true
		})
	}
}

// catchUp keeps a class that wanted nothing from having saved up turns.
func (b *Budget) catchUp(class Class) {
	least, others := math.Inf(1), false
	for c := range classes {
		if len(b.waiting[c]) > 0 {
			least, others = min(least, b.turns[c]), true
		}
	}
	if !others {
		b.turns = [classes]float64{}
		return
	}
	b.turns[class] = max(b.turns[class], least)
}

// admit lets calls begin as long as there is room for them, and arranges to be
// called again where only time is missing.
func (b *Budget) admit() {
	now := time.Now()
	b.regain(now)
	b.earn(now)
	for !now.Before(b.paused) {
		class, i := b.next()
		if i < 0 {
			break
		}
		c := b.waiting[class][i]
		b.waiting[class] = slices.Delete(b.waiting[class], i, i+1)
		b.saved[class]--
		b.turns[class] += 1 / shareOf(class)
		b.inFlight[class]++
		if c.key != "" {
			b.busy[c.key] = true
		}
		c.ready <- nil
	}
	b.setTimer(now)
}

// next chooses among the calls that may begin: the first one of the class that
// got least for its share. There is none if i is negative.
func (b *Budget) next() (class Class, i int) {
	i = -1
	for c := range classes {
		if b.saved[c] < 1 || !b.room(c) || i >= 0 && b.turns[c] >= b.turns[class] {
			continue
		}
		n := slices.IndexFunc(b.waiting[c], func(w *call) bool { return w.key == "" || !b.busy[w.key] })
		if n >= 0 {
			class, i = c, n
		}
	}
	return class, i
}

// room tells whether another call of the class may be in flight. The last slot
// is kept for people, so that they need not wait for a slow call.
func (b *Budget) room(c Class) bool {
	others := b.inFlight[Change] + b.inFlight[Background]
	return b.inFlight[Human]+others < b.limit && (c == Human || b.limit == 1 || others < b.limit-1)
}

// earn adds what the time that passed allows. What a class cannot save up is
// lent to the others, the most urgent one first.
func (b *Budget) earn(now time.Time) {
	earned := max(0, now.Sub(b.counted).Seconds()) * b.rate
	b.counted = now
	spare := 0.0
	for c := range classes {
		spare += b.save(c, earned*shareOf(c))
	}
	for c := range classes {
		spare = b.save(c, spare)
	}
}

// save adds calls to a class and returns what did not fit.
func (b *Budget) save(c Class, calls float64) (rest float64) {
	sum := b.saved[c] + calls
	b.saved[c] = min(sum, b.capacity[c])
	return sum - b.saved[c]
}

// regain raises the limit for the quiet time passed.
func (b *Budget) regain(now time.Time) {
	steps := int(now.Sub(b.changed) / regainAfter)
	if b.limit >= b.full || steps <= 0 {
		return
	}
	b.limit = min(b.full, b.limit+steps)
	b.changed = b.changed.Add(time.Duration(steps) * regainAfter)
}

// setTimer arranges for admit to be called when the pause is over, and when a
// class that is waited for may have earned a call. Everything else that calls
// wait for comes with the end of another call.
func (b *Budget) setTimer(now time.Time) {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	wait, needed := time.Duration(0), false
	for c := range classes {
		need := b.paused.Sub(now)
		if missing := 1 - b.saved[c]; missing > 0 {
			// At most the whole rate may be lent to it.
			need = max(need, time.Duration(missing/b.rate*float64(time.Second)), time.Millisecond)
		}
		if len(b.waiting[c]) > 0 && need > 0 && (!needed || need < wait) {
			wait, needed = need, true
		}
	}
	if !needed {
		return
	}
	b.timer = time.AfterFunc(wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.admit()
	})
}
