package exchange

import (
	"context"
	"errors"
	"sync"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

const (
	// farewell is how long a watch that ends may take to end its subscriptions;
	// those that are left end by themselves.
	farewell = 2 * time.Second
	// tries is how often in a row something may fail before it is given up for
	// something else: a subscription, a server, a round of subscribing.
	tries = 3
)

// watch is the watch over a group of rooms that share a connection.
type watch struct {
	*Calendar
	Watching
	told     engine.Lookout
	rooms    []*watchedRoom // the first one is the anchor
	affinity *ews.Affinity
	fails    int // connections in a row that came to nothing
	rounds   int // rounds of subscribing in a row that failed
}

// watchedRoom is a room with its subscription, if it has one.
type watchedRoom struct {
	address meeting.Address
	id      ews.SubscriptionID
	next    time.Time // no subscription is tried before
	fails   int       // subscriptions in a row that were not given
	losses  int       // subscriptions in a row that were lost
}

func (c *Calendar) newWatch(settings Watching, rooms []meeting.Address, told engine.Lookout) *watch {
	w := &watch{Calendar: c, Watching: settings, told: told}
	for _, address := range rooms {
		w.rooms = append(w.rooms, &watchedRoom{address: address})
	}
	w.affinity = ews.NewAffinity(w.anchor())
	return w
}

func (w *watch) anchor() ews.Mailbox { return ews.Mailbox(w.rooms[0].address) }

// run watches until ctx ends.
func (w *watch) run(ctx context.Context) {
	defer w.unsubscribe(ctx)
	for again := time.Now(); pauseUntil(ctx, again); {
		w.subscribe(ctx)
		if len(w.subscribed()) == 0 {
			again = w.due()
			continue
		}
		again = time.Now().Add(w.connect(ctx))
	}
}

// subscribed returns the rooms by their subscriptions.
func (w *watch) subscribed() map[ews.SubscriptionID]*watchedRoom {
	out := map[ews.SubscriptionID]*watchedRoom{}
	for _, r := range w.rooms {
		if r.id != "" {
			out[r.id] = r
		}
	}
	return out
}

// due returns when the next room is to be subscribed to; zero if all are.
func (w *watch) due() time.Time {
	var due time.Time
	for _, r := range w.rooms {
		if r.id == "" && (due.IsZero() || r.next.Before(due)) {
			due = r.next
		}
	}
	return due
}

// subscribe subscribes to the rooms that are due, and reports whether it got
// one of them.
func (w *watch) subscribe(ctx context.Context) (got bool) {
	failed := 0
	for _, r := range w.rooms {
		if r.id != "" || r.next.After(time.Now()) {
			continue
		}
		id, err := w.client.Subscribe(ctx, ews.Mailbox(r.address), ews.Calendar(), w.affinity)
		switch {
		case err == nil:
			r.id, r.fails, failed, got = id, 0, 0, true
			w.rounds = 0
			continue
		case ctx.Err() != nil:
			return got
		case refusesAll(err):
			w.log.InfoContext(ctx, "the server does not notify of changes, rooms are polled only", "rooms", len(w.rooms), "error", err)
			w.postpone(w.refusal(err))
			return got
		case refusesRoom(err):
			w.log.InfoContext(ctx, "no notifications for this room, it is polled only", "room", r.address, "error", err)
			r.next = time.Now().Add(w.refusal(err))
		default:
			w.log.DebugContext(ctx, "not subscribed", "room", r.address, "error", err)
			r.fails++
			r.next = time.Now().Add(max(w.backOff(r.fails), advice(err)))
			if failed++; failed == tries { // it is not the room
				w.rounds++
				w.postpone(max(w.backOff(w.rounds), advice(err)))
				return got
			}
		}
	}
	return got
}

// refusal is how long to wait after a failure that repeating does not mend. Busy
// servers refuse credentials now and then.
func (w *watch) refusal(err error) time.Duration {
	if ews.ClassOf(err) == ews.ClassAuth {
		return max(scatter(w.BackOffMax), advice(err))
	}
	return max(scatter(w.Refused), advice(err))
}

// postpone lets all rooms without subscription wait.
func (w *watch) postpone(d time.Duration) {
	until := time.Now().Add(d)
	for _, r := range w.rooms {
		if r.id == "" && r.next.Before(until) {
			r.next = until
		}
	}
}

// connect keeps one connection as long as it lasts, and returns how long to
// wait before the next one.
func (w *watch) connect(ctx context.Context) time.Duration {
	rooms := w.subscribed()
	request := ews.StreamRequest{Affinity: w.affinity}
	for _, r := range w.rooms {
		if r.id != "" {
			request.Subscriptions = append(request.Subscriptions, r.id)
		}
	}
	connected, cancel := context.WithCancel(ctx)
	defer cancel()
	var joining sync.WaitGroup
	joined := false
	if due := w.due(); !due.IsZero() {
		joining.Go(func() {
			joined = w.join(connected, due)
			if joined {
				cancel() // the next connection serves them as well
			}
		})
	}
	watched := make([]meeting.Address, 0, len(rooms))
	for _, r := range rooms {
		watched = append(watched, r.address)
	}
	began, opened := time.Now(), false
	end, err := w.client.GetStreamingEvents(connected, w.anchor(), request, func(news []ews.Notification) {
		if !opened {
			// What happened before may never be told.
			opened = true
			w.log.DebugContext(ctx, "rooms are watched", "rooms", len(rooms))
			w.told.Watched(watched, true)
			for _, address := range watched {
				w.told.Changed(address)
			}
		}
		for _, n := range news {
			if r := rooms[n.Subscription]; r != nil {
				w.told.Changed(r.address)
			}
		}
	})
	w.told.Watched(watched, false)
	cancel()
	joining.Wait()
	if ctx.Err() != nil || joined && errors.Is(err, context.Canceled) {
		return 0
	}
	w.log.DebugContext(ctx, "rooms are no longer watched", "rooms", len(rooms), "after", time.Since(began), "lost", len(end.Lost), "error", err)
	return w.ended(ctx, rooms, end, err, time.Since(began))
}

// join subscribes to rooms that are not watched yet, beside the connection of
// the others. It returns true as soon as it got some.
func (w *watch) join(ctx context.Context, due time.Time) bool {
	for pauseUntil(ctx, due) {
		if w.subscribe(ctx) {
			return true
		}
		due = w.due()
	}
	return false
}

// ended draws the conclusions from how a connection ended, and returns how long
// to wait before the next one.
func (w *watch) ended(ctx context.Context, rooms map[ews.SubscriptionID]*watchedRoom, end ews.StreamEnd, err error, lasted time.Duration) time.Duration {
	if w.fails++; end.Opened && lasted >= w.Healthy {
		w.fails = 0
		for _, r := range rooms {
			r.losses = 0
		}
	}
	for _, id := range end.Lost {
		if r := rooms[id]; r != nil {
			w.lost(ctx, r)
		}
	}
	code := ""
	if e, ok := errors.AsType[*ews.Error](err); ok {
		code = e.Code
	}
	switch {
	case err == nil, len(end.Lost) > 0:
	case ews.ClassOf(err) == ews.ClassGone, ews.ClassOf(err) == ews.ClassConflict:
		w.forget() // whoever has the subscriptions now
	case code == "ErrorExceededConnectionCount", refusesAll(err), refusesRoom(err):
		w.log.InfoContext(ctx, "the server does not notify of changes, rooms are polled only", "rooms", len(w.rooms), "error", err)
		w.unsubscribe(ctx)
		w.postpone(w.refusal(err))
		w.fails = 0
		return 0
	case isProxyTrouble(code), w.fails > 0 && w.fails%tries == 0:
		// The server that keeps the subscriptions is not the right one any more.
		w.unsubscribe(ctx)
		w.affinity = ews.NewAffinity(w.anchor())
	}
	if w.fails <= 1 && (end.Opened || len(end.Lost) > 0) {
		return advice(err)
	}
	return max(w.backOff(w.fails), advice(err))
}

// lost notes that a subscription was lost. A room that loses one after the other
// must not keep the others from being watched.
func (w *watch) lost(ctx context.Context, r *watchedRoom) {
	r.id = ""
	if r.losses++; r.losses < tries {
		return
	}
	r.losses, r.next = 0, time.Now().Add(scatter(w.Refused))
	w.log.InfoContext(ctx, "subscriptions do not last, the room is polled only", "room", r.address)
}

func (w *watch) forget() {
	for _, r := range w.rooms {
		r.id = ""
	}
}

// unsubscribe ends the subscriptions as far as that is possible quickly.
func (w *watch) unsubscribe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	var ending sync.WaitGroup
	for id, r := range w.subscribed() {
		ending.Go(func() {
			if err := w.client.Unsubscribe(ctx, ews.Mailbox(r.address), id, w.affinity); err != nil {
				w.log.DebugContext(ctx, "not unsubscribed", "room", r.address, "error", err)
			}
		})
	}
	ending.Wait()
	w.forget()
}

// refusesAll tells whether a failure means that subscribing or connecting is
// not possible here, whatever the room.
func refusesAll(err error) bool {
	switch ews.ClassOf(err) {
	case ews.ClassBug, ews.ClassConfig, ews.ClassAuth, ews.ClassTooLarge:
		return true
	default:
		return false
	}
}

// refusesRoom tells whether a failure means that the room cannot be watched.
func refusesRoom(err error) bool {
	if e, ok := errors.AsType[*ews.Error](err); ok && e.Code == "ErrorExceededSubscriptionCount" {
		return true
	}
	switch ews.ClassOf(err) {
	case ews.ClassPermanent, ews.ClassDenied, ews.ClassNotFoundMailbox, ews.ClassGone:
		return true
	default:
		return false
	}
}

// isProxyTrouble tells whether a call did not find its way to the server that
// keeps the group's subscriptions.
func isProxyTrouble(code string) bool {
	switch code {
	case "ErrorProxyRequestProcessingFailed", "ErrorProxyRequestNotAllowed", "ErrorNoRespondingCASInDestinationSite":
		return true
	}
	return false
}

// advice is how long the server wants to be left alone.
func advice(err error) time.Duration {
	if e, ok := errors.AsType[*ews.Error](err); ok {
		return e.BackOff
	}
	return 0
}
