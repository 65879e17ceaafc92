package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
)

// lateEffect bounds how long a request of a process that is gone may still be
// under way.
const lateEffect = 4 * time.Second

// errStopped is how a process is asked to end.
var errStopped = errors.New("stopped")

// Process is one run of the app: what it holds in memory goes with it.
type Process struct {
	Name string

	world  *World
	term   *Term
	cancel context.CancelCauseFunc
	dead   chan struct{} // closed when it is killed
	done   chan struct{} // closed when Run has returned
	err    error

	mu      sync.Mutex
	skew    time.Duration
	calls   int
	killAt  int  // the call at which it dies; 0: it lives
	killing bool // it dies at the next call with an effect on either side
	after   bool
	resumed chan struct{} // closed when it goes on; nil unless it is paused
	busy    map[meeting.UID]int
}

// Start runs the engine in a new process that takes the configuration over.
func (w *World) Start(ctx context.Context, name string, s engine.Settings) *Process {
	p := w.NewProcess(name)
	running, cancel := context.WithCancelCause(ctx)
	p.cancel = cancel
	ports := engine.Ports{
		Calendar: &calendar{w, p}, Bookings: &bookings{w, p}, Assets: &assets{w, p}, Store: p.term,
		Log: w.Log(name), Now: p.now,
	}
	if w.mutant != nil {
		w.mutant.breaks(p, &ports)
	}
	e := engine.New(s, ports)
	go func() {
		defer close(p.done)
		p.err = e.Run(running)
	}()
	return p
}

// NewProcess returns a process that owns the configuration and runs nothing.
func (w *World) NewProcess(name string) *Process {
	p := &Process{
		Name: name, world: w, dead: make(chan struct{}), done: make(chan struct{}), busy: map[meeting.UID]int{},
		cancel: func(error) {},
	}
	defer w.lock()()
	w.note("%s starts", name)
	p.term = w.database.lead(p)
	return p
}

// Store returns the process's term of ownership.
func (p *Process) Store() *Term { return p.term }

// now is the process's wall clock.
func (p *Process) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.skew)
}

// Skew sets by how much the process's clock is ahead.
func (p *Process) Skew(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skew = d
}

// Kill ends the process at once: whatever it calls from now on has no effect,
// but what is on its way to the other side may arrive.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill()
}

func (p *Process) kill() {
	select {
	case <-p.dead:
		return
	default:
	}
	close(p.dead)
	p.cancel(engine.ErrFenced)
}

// KillAt ends the process at its n-th call from now, before or after its effect.
func (p *Process) KillAt(n int, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killAt, p.after = p.calls+n, after
}

// KillWriting ends the process at its next call that has an effect on either
// side, before or after it.
func (p *Process) KillWriting(after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killing, p.after = true, after
}

// Spare lets the process live.
func (p *Process) Spare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killAt, p.killing = 0, false
}

// CallCount returns how many calls the process made.
func (p *Process) CallCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// Pause lets the process stand still at its next calls, and the answers to
// those under way wait.
func (p *Process) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resumed == nil {
		p.resumed = make(chan struct{})
	}
}

// Resume lets it go on.
func (p *Process) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resumed != nil {
		close(p.resumed)
		p.resumed = nil
	}
}

// Stop asks the engine to end.
func (p *Process) Stop() { p.cancel(errStopped) }

// Wait waits for the engine to end and returns what Run returned.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Ended tells whether Run has returned.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Call is one call of a port.
type Call struct {
	Process string
	Port    Port
	Method  string
	Room    meeting.Address
	Mailbox meeting.Address
	UID     meeting.UID
	Booking meeting.BookingID
	Asset   meeting.AssetID
	Meeting meeting.ID     // of a call to the database
	Spans   []meeting.Span // of bookings to be written
	Writes  bool           // it has an effect on one of the two sides
}

func (c Call) String() string {
	out := []string{string(c.Port) + "." + c.Method}
	for _, part := range []any{c.Room, c.Mailbox, c.UID, c.Booking, c.Meeting} {
		if s := fmt.Sprint(part); s != "" && s != "0" {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

// Port names one of the engine's ports.
type Port string

// The engine's ports.
const (
	Calendar Port = "calendar"
	Bookings Port = "bookings"
	Assets   Port = "assets"
	Store    Port = "store"
)

// Fault is how a call fails, or that it is slow.
type Fault struct {
	Err   error
	After bool          // its effect takes place nevertheless
	Delay time.Duration // before its effect
}

var errKilled = fmt.Errorf("the process was killed: %w", engine.ErrFenced)

// call lets a process call one of its ports: it may be killed or stand still,
// the call takes a while, and may fail before or after its effect.
func call[T any](ctx context.Context, p *Process, c Call, effect func() (T, error)) (T, error) {
	var none T
	c.Process = p.Name
	killBefore, killAfter, err := p.begin(ctx, c)
	if err != nil {
		return none, err
	}
	defer p.end(c)
	there, back, fault := p.world.prospects(c)
	if err := p.travel(ctx, there); err != nil {
		if c.Writes && fault == nil {
			p.world.arriveLate(p, c, min(there, lateEffect), func() { _, _ = effect() })
		}
		return none, interrupted(c, err)
	}
	if killBefore {
		p.world.Note("%s dies before %s", p.Name, c)
		p.Kill()
		return none, errKilled
	}
	if fault != nil && !fault.After {
		p.world.Note("%s %s fails: %v", p.Name, c, fault.Err)
		return none, fault.Err
	}
	out, err := take(p.world, p, c, effect)
	if killAfter {
		p.world.Note("%s dies after %s", p.Name, c)
		p.Kill()
	}
	if c.Port != Store {
		if err := p.standStill(ctx); err != nil {
			return none, interrupted(c, err)
		}
	}
	if err := p.travel(ctx, back); err != nil {
		return none, interrupted(c, err)
	}
	if fault != nil {
		p.world.Note("%s %s is carried out, but fails: %v", p.Name, c, fault.Err)
		return none, fault.Err
	}
	return out, err
}

func (p *Process) begin(ctx context.Context, c Call) (killBefore, killAfter bool, err error) {
	if err := p.standStill(ctx); err != nil {
		return false, false, interrupted(c, err)
	}
	if c.Method == "Create" || c.Method == "Write" {
		if err := engine.MaySend(ctx); err != nil {
			p.world.Note("%s   %s comes too late", p.Name, c)
			return false, false, err
		}
	}
	if ctx.Err() != nil {
		return false, false, interrupted(c, ctx.Err())
	}
	select {
	case <-p.dead:
		return false, false, errKilled
	default:
	}
	hit, after, twice := p.count(c)
	if twice {
		p.world.Violate("I8: two writing calls in flight for meeting %s: %s", c.UID, c)
	}
	return hit && !after, hit && after, nil
}

func (p *Process) count(c Call) (hit, after, twice bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if c.Writes {
		p.busy[c.UID]++
	}
	return p.calls == p.killAt || p.killing && c.Writes, p.after, c.Writes && p.busy[c.UID] > 1
}

func (p *Process) end(c Call) {
	if c.Writes {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy[c.UID]--
	}
}

// Violate notes what must never happen.
func (w *World) Violate(format string, args ...any) {
	defer w.lock()()
	w.violate(format, args...)
}

// standStill waits while the process is paused.
func (p *Process) standStill(ctx context.Context) error {
	p.mu.Lock()
	resumed := p.resumed
	p.mu.Unlock()
	if resumed == nil {
		return nil
	}
	select {
	case <-resumed:
		return nil
	case <-p.dead:
		return errKilled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// travel waits as long as a message takes.
func (p *Process) travel(ctx context.Context, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.dead:
		case <-ctx.Done():
		}
	}
	select {
	case <-p.dead:
		return errKilled
	default:
		return ctx.Err()
	}
}

// interrupted is what a port returns when its caller gave up.
func interrupted(c Call, err error) error {
	if c.Port == Store || errors.Is(err, engine.ErrFenced) {
		return err
	}
	return &engine.Error{Class: engine.Transient, Code: "interrupted", Ambiguous: c.Writes, Err: err}
}

// prospects says how long a call takes each way, and whether it fails.
func (w *World) prospects(c Call) (there, back time.Duration, fault *Fault) {
	defer w.lock()()
	if w.faults != nil {
		fault = w.faults(c)
	}
	if fault != nil && fault.Err == nil {
		return fault.Delay, 0, nil
	}
	if !w.delays {
		return 0, 0, fault
	}
	if c.Port == Store {
		if w.roll(8) == 0 {
			there = time.Duration(w.roll(30)) * time.Millisecond
		}
		return there, 0, fault
	}
	there = time.Duration(1+w.roll(80)) * time.Millisecond
	back = time.Duration(1+w.roll(80)) * time.Millisecond
	if w.roll(10) == 0 {
		there += time.Duration(w.roll(1500)) * time.Millisecond
	}
	if w.roll(10) == 0 {
		back += time.Duration(w.roll(4000)) * time.Millisecond
	}
	return there, back, fault
}

// take lets an effect take place.
func take[T any](w *World, p *Process, c Call, effect func() (T, error)) (T, error) {
	defer w.lock()()
	if c.Writes {
		w.writes++
		w.note("%s   %s", p.Name, c)
	}
	return effect()
}

// arriveLate: a request that was sent arrives even if nobody waits for the
// answer, or it does not.
func (w *World) arriveLate(p *Process, c Call, in time.Duration, effect func()) {
	defer w.lock()()
	if w.roll(2) == 0 {
		return
	}
	w.after(in, func() {
		w.writes++
		w.note("%s   %s arrives late", p.Name, c)
		effect()
	})
}

// Random makes calls fail now and then: once in so many to the two sides, and
// to the database.
func (w *World) Random(sides, database int) func(Call) *Fault {
	return func(c Call) *Fault {
		oneIn := sides
		if c.Port == Store {
			oneIn = database
		}
		if oneIn == 0 || w.roll(oneIn) != 0 {
			return nil
		}
		if c.Port == Store {
			if c.Method == "Claim" || c.Method == "ClaimUrgent" {
				return &Fault{Err: errDatabase} // after it, the meetings rest until their claims end
			}
			return &Fault{Err: errDatabase, After: w.roll(2) == 0}
		}
		return w.mishap(c)
	}
}

// NoDatabase makes every call to the database fail.
func NoDatabase(c Call) *Fault {
	if c.Port != Store {
		return nil
	}
	return &Fault{Err: errDatabase}
}

var errDatabase = errors.New("the database does not answer")

func (w *World) mishap(c Call) *Fault {
	if c.Writes {
		switch w.roll(6) {
		case 0:
			return &Fault{Err: &engine.Error{Class: engine.Transient, Code: "no_answer", Ambiguous: true}}
		case 1, 2:
			return &Fault{Err: &engine.Error{Class: engine.Transient, Code: "no_answer", Ambiguous: true}, After: true}
		case 3:
			if c.Method == "Write" {
				return &Fault{Err: &engine.Error{Class: engine.Unmatched, Code: "unmatched", Ambiguous: true}, After: true}
			}
			if c.Method == "Update" {
				return &Fault{Err: &engine.Error{Class: engine.Stale, Code: "stale"}}
			}
		}
	}
	if c.Method == "Changes" && w.roll(3) == 0 {
		return &Fault{Err: &engine.Error{Class: engine.InvalidToken, Code: "invalid_token"}}
	}
	switch w.roll(5) {
	case 0:
		return &Fault{Err: &engine.Error{Class: engine.Throttled, Code: "busy", Pause: time.Duration(1+w.roll(8)) * time.Second}}
	case 1:
		return &Fault{Err: &engine.Error{Class: engine.Broken, Code: "denied"}}
	default:
		return &Fault{Err: &engine.Error{Class: engine.Transient, Code: "not_available"}}
	}
}
