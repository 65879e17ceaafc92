package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ews/app/meeting"
)

// inbox holds bookings to look at. A booking is in it at most once; what was
// told last of it stands.
type inbox struct {
	mu      sync.Mutex
	wrote   map[meeting.BookingID]time.Time // by us, a minute ago at most
	pruned  time.Time
	waiting map[meeting.BookingID]hint
	ready   chan struct{}
	audit   chan struct{}
}

// hint is what a message told of a booking. It is a reason to look, not a fact.
type hint struct {
	Booking
	told bool // by a message; false: by its absence from a list
	at   time.Time
	try  int
}

func newInbox() *inbox {
	return &inbox{waiting: map[meeting.BookingID]hint{}, wrote: map[meeting.BookingID]time.Time{}, ready: make(chan struct{}, 1), audit: make(chan struct{}, 1)}
}

func (b *inbox) put(h hint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.waiting[h.ID]; ok && old.told && !h.told {
		return
	}
	b.waiting[h.ID] = h
	wake(b.ready)
}

// take returns the hints that are due and when the next one is.
func (b *inbox) take(now time.Time) (due []hint, next time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next = time.Minute
	for id, h := range b.waiting {
		if h.at.After(now) {
			next = min(next, h.at.Sub(now))
			continue
		}
		due = append(due, h)
		delete(b.waiting, id)
	}
	slices.SortFunc(due, func(x, y hint) int { return int(x.ID) - int(y.ID) })
	return b.first(due), next
}

// atOnce is how many bookings are looked at before the inbox is opened again.
const atOnce = 32

// first keeps the most urgent hints and puts the others back. What we wrote a
// moment ago is told as well, and thousands of such messages during an import
// must not keep a person's waiting.
func (b *inbox) first(due []hint) []hint {
	if len(due) <= atOnce {
		return due
	}
	slices.SortStableFunc(due, func(x, y hint) int { return b.wrote[x.ID].Compare(b.wrote[y.ID]) })
	for _, h := range due[atOnce:] {
		b.waiting[h.ID] = h
	}
	return due[:atOnce]
}

// written notes that we wrote bookings.
func (b *inbox) written(ids []meeting.BookingID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if now.Sub(b.pruned) > 10*time.Second {
		maps.DeleteFunc(b.wrote, func(_ meeting.BookingID, at time.Time) bool { return now.Sub(at) > time.Minute })
		b.pruned = now
	}
	for _, id := range ids {
		b.wrote[id] = now
	}
}

// listening hears the Booking app's messages.
func (e *Engine) listening(ctx context.Context) error {
	return e.bookings.Listen(ctx, e.watched, (*ear)(e))
}

// ear is the Listener side of the engine.
type ear Engine

// Connected implements Listener: what happened while nobody listened is found
// by comparing.
func (e *ear) Connected(context.Context) {
	e.watch.Listening(true)
	e.connects.Add(1)
	wake(e.inbox.audit)
}

// Disconnected implements Listener.
func (e *ear) Disconnected(err error) {
	e.watch.Listening(false)
	e.log.Info("connection to the Booking app lost", "error", err)
}

// Changed implements Listener.
func (e *ear) Changed(_ context.Context, bookings []Booking) {
	e.watch.Heard(len(bookings))
	for _, b := range bookings {
		e.inbox.put(hint{Booking: b, told: true})
	}
}

// observing looks at bookings that something was told of.
func (e *Engine) observing(ctx context.Context) error {
	for {
		due, next := e.inbox.take(time.Now())
		group, looking := errgroup.WithContext(ctx)
		group.SetLimit(e.Workers)
		for _, h := range due {
			group.Go(func() error { return e.observeOrRepeat(looking, h) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if len(due) > 0 {
			wake(e.wakeWork)
			continue
		}
		if !pauseOr(ctx, next, e.inbox.ready) {
			return nil
		}
	}
}

func (e *Engine) observeOrRepeat(ctx context.Context, h hint) error {
	connects := e.connects.Load()
	deferred, err := e.look(ctx, h)
	switch {
	case err == nil && !deferred && connects == e.connects.Load():
		return nil
	case err != nil && fatal(ctx, err):
		return err
	case err != nil:
		failure := classOf(err)
		e.report(ctx, "booking", failure)
		e.log.WarnContext(ctx, "booking not read", "booking", h.ID, "code", failure.Code, "error", err)
		h.at = time.Now().Add(retryIn(failure, h.try))
	default:
		h.at = time.Now().Add(min(200*time.Millisecond<<min(h.try, 4), 2*time.Second))
	}
	h.try++
	e.inbox.put(h)
	return nil
}

// look asks the Booking app what is true now and stores it. A booking that it
// does not show is cancelled, unless it is still listed.
func (e *Engine) look(ctx context.Context, h hint) (deferred bool, err error) {
	since, err := e.store.Tick(ctx)
	if err != nil {
		return false, err
	}
	now, found, err := e.bookings.Get(ctx, h.ID)
	if err != nil {
		return false, err
	}
	if !found {
		now = h.Booking
		if !h.Cancelled {
			if now.Cancelled, err = e.unlisted(ctx, h); err != nil {
				return false, err
			}
		}
	}
	if now.Group == 0 {
		now.Group = h.Group
	}
	e.report(ctx, "booking", nil)
	if aside, err := e.setAsideShown(ctx, now); err != nil || aside {
		return false, err
	}
	return e.observe(ctx, now, since)
}

func (e *Engine) unlisted(ctx context.Context, h hint) (bool, error) {
	if !h.told || len(h.Assets) == 0 {
		return true, nil
	}
	listed, err := e.bookings.List(ctx, h.Assets[0], h.Span)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(listed, func(b Booking) bool { return b.ID == h.ID }), nil
}

func (e *Engine) observe(ctx context.Context, b Booking, since meeting.Tick) (deferred bool, err error) {
	if b.ID == 0 || !b.Cancelled && !b.Span.Valid() {
		return false, nil
	}
	ref := e.reference(b.ID)
	result, err := e.store.ObserveBooking(ctx, BookingObservation{
		Booking: b, Since: since, UID: e.calendar.UIDFor(ref), Ref: ref,
	})
	if err != nil {
		return false, err
	}
	if result == Changed {
		e.log.DebugContext(ctx, "booking observed", "booking", b.ID, "cancelled", b.Cancelled)
		wake(e.wakeWork)
	}
	return result == Deferred || result == Outdated, nil
}
