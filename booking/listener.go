package booking

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// StreamOptions tunes the WebSocket. The zero value means the defaults.
type StreamOptions struct {
	PingInterval time.Duration // 30 s
	// ReadTimeout ends a connection on which nothing arrives, not even the
	// answer to a ping. 75 s
	ReadTimeout time.Duration
	// SubscribeWait bounds the wait for a sign that the server has read the
	// subscription. A server that gives no sign is used nevertheless. 2 s
	SubscribeWait time.Duration
	// MinBackoff and MaxBackoff bound the pause before the next attempt, which
	// doubles and is jittered by a half. 1 s and 60 s
	MinBackoff, MaxBackoff time.Duration
	// HealthyAfter is how long a connection must last to make the next pause
	// short again. 10 s
	HealthyAfter time.Duration
	// Queue is how many changes may wait for the handler. When it is full the
	// connection is closed, so that the handler reconciles. 256
	Queue int
}

func (o StreamOptions) withDefaults() StreamOptions {
	setDefault(&o.PingInterval, 30*time.Second)
	setDefault(&o.ReadTimeout, 75*time.Second)
	setDefault(&o.SubscribeWait, 2*time.Second)
	setDefault(&o.MinBackoff, time.Second)
	setDefault(&o.MaxBackoff, time.Minute)
	setDefault(&o.HealthyAfter, 10*time.Second)
	setDefault(&o.Queue, 256)
	return o
}

// pause makes intervals whose jittered values stay between the two bounds.
func (o StreamOptions) pause() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: 2 * o.MinBackoff, MaxInterval: 2 * o.MaxBackoff / 3,
		Multiplier: 2, RandomizationFactor: 0.5,
	}
}

func setDefault[T ~int | ~int64](value *T, fallback T) {
	if *value <= 0 {
		*value = fallback
	}
}

// Handler receives what a [Listener] hears. Its methods are called one after
// the other, never at the same time, with a context that ends with the
// listener. They may take their time: pings are answered meanwhile.
//
// An error from Connected or Changed means that the news could not be kept: the
// connection is closed and made anew after a pause, which brings Connected
// again.
type Handler interface {
	// Connected: the subscription stands. What happened before was not heard
	// and is not replayed, so reconcile now.
	Connected(ctx context.Context) error
	// Disconnected: the connection was lost, or an attempt to make one failed.
	// The error is nil when there is no asset left to listen for.
	Disconnected(ctx context.Context, err error)
	// Changed: bookings were created, changed or cancelled. The same change may
	// come twice, and it may be our own.
	Changed(ctx context.Context, group Group) error
}

// Reasons for closing a connection from this side.
var (
	errOverflow = errors.New("more changes than the handler could take")
	errSilent   = errors.New("the server has fallen silent")
)

// Listener keeps one WebSocket open for a changing set of assets.
type Listener struct {
	client  *Client
	handler Handler
	options StreamOptions
	changed chan struct{} // holds one token when the set was replaced

	mu      sync.Mutex
	assets  []AssetID
	version int
}

// NewListener makes a listener for no assets yet.
func (c *Client) NewListener(handler Handler) *Listener {
	return &Listener{client: c, handler: handler, options: c.stream, changed: make(chan struct{}, 1)}
}

// Listen listens for the assets until ctx ends; see [Listener.Run].
func (c *Client) Listen(ctx context.Context, assets []AssetID, handler Handler) error {
	listener := c.NewListener(handler)
	listener.SetAssets(assets)
	return listener.Run(ctx)
}

// SetAssets replaces the assets, at any time. A new connection is opened and
// subscribed before the old one is closed, so nothing is missed between them;
// Connected is called for the new one, Disconnected is not for the old one.
// Without assets there is no connection.
func (l *Listener) SetAssets(assets []AssetID) {
	assets = assetSet(assets)
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Equal(l.assets, assets) {
		return
	}
	l.assets = assets
	l.version++
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l *Listener) wanted() ([]AssetID, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.assets, l.version
}

// Run listens until ctx ends and returns its error. Everything it has started
// has ended by then. It may be called once at a time.
func (l *Listener) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()

	run := &listening{
		Listener: l, all: &all,
		events:   make(chan event, l.options.Queue),
		rejected: make(chan error, 1),
		pause:    l.options.pause(),
	}
	all.Go(func() { run.dispatch(ctx) })
	for ctx.Err() == nil {
		run.connect(ctx)
		run.await(ctx)
	}
	return ctx.Err()
}

// event is one call of the handler.
type event struct {
	from  *session // nil for eventDisconnected
	kind  eventKind
	group Group
	err   error
}

type eventKind int

const (
	eventConnected eventKind = iota
	eventDisconnected
	eventChanged
)

// listening is the state of one Run, owned by its goroutine.
type listening struct {
	*Listener
	all      *sync.WaitGroup
	events   chan event
	rejected chan error // the handler could not keep something
	pause    *backoff.ExponentialBackOff

	current *session
	version int       // of the assets of current
	retry   time.Time // no attempt before; zero = at once
}

// dispatch calls the handler. Once it could not keep something of a connection,
// the rest of that connection is left out: Connected of the next one follows,
// and with it the reconciliation.
func (r *listening) dispatch(ctx context.Context) {
	var given *session // the connection that was given up
	for {
		var e event
		select {
		case <-ctx.Done():
			return
		case e = <-r.events:
		}
		if ctx.Err() != nil {
			return
		}
		if e.from != nil && e.from == given {
			continue
		}
		var err error
		switch e.kind {
		case eventConnected:
			err = r.handler.Connected(ctx)
		case eventDisconnected:
			r.handler.Disconnected(ctx, e.err)
		case eventChanged:
			err = r.handler.Changed(ctx, e.group)
		}
		if err != nil {
			given = e.from
			select {
			case r.rejected <- err:
			default:
			}
		}
	}
}

// tell queues a call of the handler; connections stay alive while it waits.
func (r *listening) tell(ctx context.Context, e event) {
	select {
	case r.events <- e:
	case <-ctx.Done():
	}
}

// connect makes what is and what is wanted the same, if it is time to.
func (r *listening) connect(ctx context.Context) {
	assets, version := r.wanted()
	if len(assets) == 0 {
		if r.current != nil {
			r.current.close()
			r.current = nil
			r.tell(ctx, event{kind: eventDisconnected})
		}
		return
	}
	if r.current != nil && r.version == version || time.Now().Before(r.retry) {
		return
	}
	next, err := r.open(ctx, assets)
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		r.retry = time.Now().Add(r.pause.NextBackOff())
		if r.current == nil {
			r.tell(ctx, event{kind: eventDisconnected, err: err})
		} else { // nobody else will hear of it
			r.client.log.WarnContext(ctx, "cannot listen for the new assets yet", "error", err)
		}
		return
	}
	if r.current != nil {
		r.current.mute()
	}
	r.tell(ctx, event{kind: eventConnected, from: next})
	next.release(r.events)
	if r.current != nil {
		r.current.close()
	}
	r.current, r.version = next, version
}

// await blocks until there is something to do for connect.
func (r *listening) await(ctx context.Context) {
	var lost <-chan struct{}
	if r.current != nil {
		lost = r.current.done
	}
	var due <-chan time.Time
	if wait := time.Until(r.retry); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	} else if _, version := r.wanted(); r.current != nil && r.version != version {
		return
	}
	select {
	case <-ctx.Done():
	case <-due:
	case <-r.changed:
		r.retry = time.Time{}
	case err := <-r.rejected:
		// Also when the news came from a connection that is replaced already:
		// only a new Connected makes the handler look again.
		if r.current != nil {
			r.current.fail(err)
		}
	case <-lost:
		if time.Since(r.current.since) >= r.options.HealthyAfter {
			r.pause.Reset()
		}
		r.retry = time.Now().Add(r.pause.NextBackOff())
		r.tell(ctx, event{kind: eventDisconnected, err: r.current.reason()})
		r.current = nil
	}
}
