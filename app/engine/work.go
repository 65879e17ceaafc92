package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"ews/app/meeting"
	"ews/app/plan"
)

// maxSteps bounds the operations of one claim, so that a meeting that does not
// come to rest cannot keep a worker from the others.
const maxSteps = 40

// One in so many workers, and requests to the Booking app, is for what is not of
// an import: people wait for that, however slow the other side is.
const reserved = 4

// How often due meetings are looked for while nothing tells of any: often as long
// as something happened of late.
const (
	lookOften  = 250 * time.Millisecond
	lookSeldom = time.Second
	quietAfter = time.Minute
)

// working claims due meetings and works on them, several at once, each by one
// worker at a time.
//
// When ctx ends no new work is begun, and what is under way has a while to
// come to an end that is stored. Only when the configuration is owned by
// another process now, everything stops at once.
func (e *Engine) working(ctx context.Context) error {
	operations, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if !errors.Is(context.Cause(ctx), ErrFenced) {
			pause(operations, e.Grace)
		}
		cancel()
	})()
	free := make(chan struct{}, e.Workers)
	for range e.Workers {
		free <- struct{}{}
	}
	var workers sync.WaitGroup
	defer func() {
		workers.Wait()
		cancel() // ends the wait for them
	}()
	failed := make(chan error, 1)
	due := &tray{engine: e}
	active := time.Now()
	for {
		n := e.takeFree(ctx, free)
		if n == 0 {
			return firstError(failed)
		}
		claims, err := due.take(ctx, n, e.freeForImports())
		if err != nil && fatal(ctx, err) {
			return err
		}
		if err != nil {
			e.log.WarnContext(ctx, "no meetings claimed", "error", err)
		}
		for range n - len(claims) {
			free <- struct{}{}
		}
		for _, c := range claims {
			done := e.begin(c)
			workers.Go(func() {
				defer func() {
					done()
					free <- struct{}{}
				}()
				if err := e.work(operations, ctx.Done(), c); err != nil && fatal(operations, err) {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
		select {
		case err := <-failed:
			return err
		default:
		}
		if len(claims) > 0 {
			active = time.Now()
			continue
		}
		// What becomes due by time alone follows from something that happened.
		wait := lookOften
		if time.Since(active) > quietAfter {
			wait = lookSeldom
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-e.imported:
		case <-e.wakeWork:
			due.look, active = true, time.Now()
		case <-timer.C:
		}
		timer.Stop()
	}
}

// freeForImports is how many more meetings of imports may be worked on: the fewer
// the more rooms are being polled or read, for that comes first.
func (e *Engine) freeForImports() int {
	few := e.Workers / reserved
	return max(1, few, e.Workers-few-e.reading.count()) - int(e.imports.Load())
}

// begin counts the meetings of imports; what it returns is to be called when the
// work is done.
func (e *Engine) begin(c Claim) (done func()) {
	if !c.Import {
		return func() {}
	}
	e.imports.Add(1)
	return func() {
		e.imports.Add(-1)
		wake(e.imported)
	}
}

func firstError(failed <-chan error) error {
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// takeFree waits for a free worker and takes all that are free; 0 means that
// ctx ended.
func (e *Engine) takeFree(ctx context.Context, free chan struct{}) int {
	select {
	case <-ctx.Done():
		return 0
	case <-free:
	}
	n := 1
	for {
		select {
		case <-free:
			n++
		default:
			return n
		}
	}
}

// job is the work on one claimed meeting.
type job struct {
	*Engine
	claim Claim
	stop  <-chan struct{} // closed when no further operation is to begin
	m     *meeting.Meeting
	gen   int64
	after *Loaded  // the meeting as the last change left it, unless it has to be loaded
	rest  *Release // how the claim was given back with the last change
	log   *slog.Logger

	refused map[opKey]error // in this claim
	began   time.Time
	carried meeting.Origin                  // the side that a change was carried to
	planned map[meeting.RoomID]meeting.Room // the rooms as they were when it was planned
}

// work brings one meeting to rest, or as far as it gets.
func (e *Engine) work(ctx context.Context, stop <-chan struct{}, c Claim) error {
	j := &job{Engine: e, claim: c, stop: stop, log: e.log.With("meeting", c.Meeting), began: time.Now(), refused: map[opKey]error{}}
	if c.Import {
		ctx = withUrgency(ctx, ForRecords)
	}
	due, err := j.run(ctx)
	if err == nil && j.rest != nil {
		return nil
	}
	release := Release{Due: due}
	if err != nil {
		if fatal(ctx, err) || errors.Is(err, ErrClaimLost) {
			return err
		}
		release = j.failed(ctx, err)
		if j.m == nil {
			j.gen = math.MaxInt64 // nothing is known of it yet: wait all the same
		}
	}
	if err := e.store.Release(ctx, c, j.gen, release); err != nil && !errors.Is(err, ErrClaimLost) {
		j.log.WarnContext(ctx, "claim not released", "error", err)
		return err
	}
	return nil
}

// failed turns an error into what becomes of the meeting.
func (j *job) failed(ctx context.Context, err error) Release {
	failure := classOf(err)
	j.log.WarnContext(ctx, "meeting not finished", "code", failure.Code, "class", failure.Class,
		"attempt", j.claim.Attempts+1, "error", err)
	release := Release{Due: j.retryAt(failure, j.claim.Attempts), Failed: true, Code: failure.Code}
	switch failure.Class {
	case Throttled, Stale:
		release.Failed = false
	case Refused:
		if failure.Ambiguous { // how it ended comes first
			release.Due = j.now().Add(ambiguityTime)
			break
		}
		release.Parked, release.Due = failure.Code, j.now().Add(jitter(time.Hour))
	case Transient, Broken, InvalidToken, NoMailbox, NotFound, Unmatched:
		if failure.Ambiguous {
			release.Due = j.now().Add(ambiguityTime)
		}
	}
	return release
}

// run plans and acts until nothing is left to do, and returns when to look
// again; zero if only a change is a reason to.
func (j *job) run(ctx context.Context) (time.Time, error) {
	var written []meeting.OccurrenceID
	for range maxSteps {
		if j.rest != nil {
			if j.rest.Due.IsZero() {
				j.settled()
			}
			return j.rest.Due, nil
		}
		select {
		case <-j.stop:
			return j.now(), nil
		default:
		}
		loaded, err := j.load(ctx)
		if err != nil {
			return time.Time{}, err
		}
		if written != nil && loaded.Gen != j.gen {
			// Something was told of the meeting while we wrote to the Booking
			// app. Our record of the write may have covered it: look again.
			j.lookAgain(loaded.Meeting, written)
		}
		written = nil
		if loaded.Gen != j.gen {
			clear(j.refused) // something changed: it may be taken now
		}
		j.m, j.gen = loaded.Meeting, loaded.Gen
		if loaded.Open != nil {
			wait, err := j.resolve(ctx, *loaded.Open)
			if err != nil || !wait.IsZero() {
				return wait, err
			}
			continue
		}
		if loaded.Takeover != nil {
			again, wait, err := j.takeOver(ctx, *loaded.Takeover)
			if err != nil || !wait.IsZero() {
				return wait, err
			}
			if again {
				continue
			}
		}
		again, wait, err := j.linkOrRecover(ctx)
		if err != nil || !wait.IsZero() {
			return wait, err
		}
		if again {
			continue
		}
		if !j.roomsKnown(ctx) {
			return j.now(), nil
		}
		j.planned = *j.rooms.Load()
		p := j.plan(j.m)
		if err := j.tell(ctx, p.Findings); err != nil {
			return time.Time{}, err
		}
		if len(p.Ops) == 0 {
			if p.Wake.IsZero() {
				j.settled()
			}
			return p.Wake, nil
		}
		op, err := j.next(p.Ops)
		if err != nil {
			return time.Time{}, err
		}
		started := time.Now()
		j.follow(op)
		if err := j.execute(ctx, op); err != nil {
			j.watch.Operated(op.Kind, classOf(err).Code, time.Since(started))
			err = fmt.Errorf("%s: %w", op.Kind, err)
			if !refusal(err) {
				return time.Time{}, err
			}
			j.refused[keyOf(op)] = err
			continue
		}
		j.watch.Operated(op.Kind, "", time.Since(started))
		for _, item := range op.Items {
			written = append(written, item.Occurrence)
		}
		j.log.DebugContext(ctx, "operation done", "op", op.Kind, "took", time.Since(started))
	}
	return j.now().Add(time.Second), nil
}

// roomsKnown waits while rooms return, see syncRooms. It is false when no further
// operation is to begin.
func (j *job) roomsKnown(ctx context.Context) bool {
	if renewal := j.renewal.Load(); renewal != nil {
		select {
		case <-j.stop:
		case <-ctx.Done():
		case <-*renewal:
		}
	}
	select {
	case <-j.stop:
		return false
	default:
		return ctx.Err() == nil
	}
}

// next is the first operation that was not refused in this claim: what the far
// side does not take for one date must not keep the other dates waiting. When
// nothing else is left, it fails with the first refusal.
func (j *job) next(ops []plan.Op) (plan.Op, error) {
	for _, op := range ops {
		if j.refused[keyOf(op)] == nil {
			return op, nil
		}
	}
	return plan.Op{}, j.refused[keyOf(ops[0])]
}

// opKey names an operation within a meeting.
type opKey struct {
	kind       plan.Kind
	occurrence meeting.OccurrenceID
}

func keyOf(op plan.Op) opKey { return opKey{op.Kind, op.Occurrence} }

// assetIndex tells which rooms assets stand for, while the rooms are these.
type assetIndex struct {
	rooms *map[meeting.RoomID]meeting.Room
	room  map[meeting.AssetID]meeting.RoomID
}

func (j *job) plan(m *meeting.Meeting) plan.Plan {
	rooms, of := j.rooms.Load(), j.roomOf.Load()
	if of == nil || of.rooms != rooms {
		of = &assetIndex{rooms: rooms, room: plan.RoomsByAsset(*rooms)}
		j.roomOf.Store(of)
	}
	return plan.For(plan.Input{
		Meeting: m, Rooms: *rooms, RoomOf: of.room, Window: j.window(), Now: j.now(), Policy: j.Policy, Told: j.told(m, *rooms),
	})
}

// told tells whether the calendar notifies of changes in all of the meeting's
// rooms.
func (j *job) told(m *meeting.Meeting, rooms map[meeting.RoomID]meeting.Room) bool {
	for _, o := range m.Occurrences {
		for _, c := range o.Cells {
			if !j.tempo.tells(rooms[c.Room].Address) {
				return false
			}
		}
	}
	return true
}

func (j *job) lookAgain(m *meeting.Meeting, occurrences []meeting.OccurrenceID) {
	for _, id := range occurrences {
		if o := m.Occurrence(id); o != nil && o.Booking != 0 {
			j.inbox.put(hint{Booking: Booking{ID: o.Booking}})
		}
	}
}

// tell records findings that a person should know of.
func (j *job) tell(ctx context.Context, findings []plan.Finding) error {
	notices := make([]Notice, 0, len(findings))
	for _, f := range findings {
		o := j.m.Occurrence(f.Occurrence)
		notices = append(notices, j.notice(o, f.Code, f.Room))
	}
	return j.store.Notify(ctx, notices)
}

// notice is about one booking, for the person who made it.
func (j *job) notice(o *meeting.Occurrence, code string, room meeting.RoomID) Notice {
	n := Notice{
		Subject: fmt.Sprintf("booking %d", o.Booking), Code: code, Room: room,
		Span: o.BookingSpan, Recipient: string(j.m.Organizer),
	}
	if !n.Span.Valid() {
		n.Span = o.Base
	}
	if room == 0 && len(o.Cells) > 0 {
		n.Room = o.Cells[0].Room
	}
	return n
}
