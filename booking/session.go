package booking

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const subscriptionPath = "sync/bookings-subscription"

// session is one WebSocket with its goroutines: one reads, one pings.
type session struct {
	conn     *websocket.Conn
	since    time.Time
	cancel   context.CancelCauseFunc
	ctx      context.Context // of the goroutines; its cause is why the session ended
	watchdog *time.Timer
	done     chan struct{} // closed when both goroutines have ended

	confirm   sync.Once
	confirmed chan struct{} // closed at the first sign of life after subscribing

	mu       sync.Mutex
	released bool    // Connected is queued, changes may follow
	muted    bool    // a newer connection tells the same
	pending  []Group // changes that came earlier
}

// open connects and subscribes. The caller queues Connected and then releases
// the changes.
func (r *listening) open(ctx context.Context, assets []AssetID) (*session, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &session{
		ctx: ctx, cancel: cancel,
		done: make(chan struct{}), confirmed: make(chan struct{}),
	}
	s.watchdog = time.AfterFunc(r.options.ReadTimeout, func() { s.fail(errSilent) })
	conn, err := r.client.dial(ctx, s)
	if err == nil {
		s.conn, s.since = conn, time.Now()
		err = r.client.subscribe(ctx, conn, assets)
	}
	if err != nil {
		s.watchdog.Stop()
		s.cancel(err)
		if conn != nil {
			_ = conn.CloseNow()
		}
		return nil, err
	}
	s.alive(r.options.ReadTimeout)
	var both sync.WaitGroup
	both.Go(func() { s.fail(r.readAll(s)) })
	both.Go(func() { s.fail(r.pingAll(s)) })
	r.all.Go(func() {
		both.Wait()
		s.watchdog.Stop()
		_ = conn.CloseNow()
		close(s.done)
	})
	s.awaitSign(r.options.SubscribeWait)
	return s, nil
}

// awaitSign waits until the server has shown that it reads this connection: the
// answer to the first ping follows the subscription, so a reconciliation that
// starts now misses nothing.
func (s *session) awaitSign(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.confirmed:
	case <-s.ctx.Done():
	case <-timer.C:
	}
}

// fail ends the session; the first reason counts.
func (s *session) fail(reason error) { s.cancel(reason) }

func (s *session) reason() error { return context.Cause(s.ctx) }

// close says goodbye and waits for the end of the goroutines.
func (s *session) close() {
	_ = s.conn.Close(websocket.StatusNormalClosure, "")
	s.cancel(context.Canceled)
	<-s.done
}

// alive notes that something arrived.
func (s *session) alive(timeout time.Duration) { s.watchdog.Reset(timeout) }

// dial makes the WebSocket handshake.
func (c *Client) dial(ctx context.Context, s *session) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	sign := func() {
		s.alive(c.stream.ReadTimeout)
		s.confirm.Do(func() { close(s.confirmed) })
	}
	//nolint:bodyclose // Dial closes the body itself
	conn, response, err := websocket.Dial(ctx, c.socketURL(), &websocket.DialOptions{
		HTTPClient:     c.http,
		OnPingReceived: func(context.Context, []byte) bool { s.alive(c.stream.ReadTimeout); return true },
		OnPongReceived: func(context.Context, []byte) { sign() },
	})
	if err != nil {
		return nil, c.dialFailure(response, err)
	}
	conn.SetReadLimit(c.maxBody)
	return conn, nil
}

func (c *Client) socketURL() string {
	target := c.base.JoinPath(subscriptionPath)
	switch target.Scheme {
	case "https":
		target.Scheme = "wss"
	default:
		target.Scheme = "ws"
	}
	return target.String()
}

func (c *Client) dialFailure(response *http.Response, err error) *Error {
	failure := &Error{Operation: "subscribe", Class: Transient, Message: "cannot connect", cause: withoutURL(err)}
	if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
		failure.Status = response.StatusCode
		failure.Class = classOf(response.StatusCode)
		failure.Message = "the server does not open a WebSocket"
		failure.RetryAfter = retryAfter(response.Header.Get("Retry-After"), c.now())
		failure.cause = nil
	}
	return failure
}

// subscribe announces the assets.
func (c *Client) subscribe(ctx context.Context, conn *websocket.Conn, assets []AssetID) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	message, err := json.Marshal(subscribeBody{AssetIDs: assets, ClientReference: c.reference})
	if err != nil {
		return &Error{Operation: "subscribe", Class: Bug, Message: "cannot encode the subscription"}
	}
	if err := conn.Write(ctx, websocket.MessageText, message); err != nil {
		return &Error{Operation: "subscribe", Class: Transient, Message: "cannot send the subscription", cause: err}
	}
	return nil
}

// readAll queues every change until the connection ends. It waits for nothing
// but the network: a full queue ends the connection.
func (r *listening) readAll(s *session) error {
	for {
		_, data, err := s.conn.Read(s.ctx)
		if err != nil {
			return streamEnd(err)
		}
		s.alive(r.options.ReadTimeout)
		s.confirm.Do(func() { close(s.confirmed) })
		group, ok := r.decode(s.ctx, data)
		if !ok {
			continue
		}
		if err := s.enqueue(r.events, group); err != nil {
			return err
		}
	}
}

// enqueue hands a change over without waiting for anybody.
func (s *session) enqueue(events chan<- event, group Group) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.muted:
		return nil
	case s.released:
		return s.send(events, group)
	}
	if len(s.pending) >= cap(events) {
		return errOverflow
	}
	s.pending = append(s.pending, group)
	return nil
}

// mute stops the changes of a connection that is about to be replaced: its
// successor is subscribed, and two connections could tell an old state last.
func (s *session) mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.muted = true
}

// release lets changes follow Connected, first those that came before it.
func (s *session) release(events chan<- event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released = true
	for _, group := range s.pending {
		if err := s.send(events, group); err != nil {
			s.fail(err)
			return
		}
	}
	s.pending = nil
}

func (s *session) send(events chan<- event, group Group) error {
	select {
	case events <- event{kind: eventChanged, from: s, group: group}:
		return nil
	default:
		return errOverflow
	}
}

// decode reads a pushed message. What cannot be read is reported, without its
// content, and left out.
func (r *listening) decode(ctx context.Context, data []byte) (Group, bool) {
	group, unreadable, err := decodeGroup(data)
	if err != nil {
		r.client.log.WarnContext(ctx, "unreadable message from the booking app",
			"bytes", len(data), "error", err)
		return Group{}, false
	}
	kept := group.Bookings[:0]
	for _, booking := range group.Bookings {
		if booking.ID == 0 {
			unreadable++
			continue
		}
		kept = append(kept, booking)
	}
	group.Bookings = kept
	if unreadable > 0 {
		r.client.log.WarnContext(ctx, "unreadable bookings in a message from the booking app",
			"bytes", len(data), "unreadable", unreadable, "read", len(kept))
	}
	return group, len(kept) > 0
}

// pingAll pings at once and then regularly. A missing answer is the watchdog's
// business.
func (r *listening) pingAll(s *session) error {
	ticker := time.NewTicker(r.options.PingInterval)
	defer ticker.Stop()
	for {
		if err := s.conn.Ping(s.ctx); err != nil {
			return streamEnd(err)
		}
		select {
		case <-s.ctx.Done():
			return s.reason()
		case <-ticker.C:
		}
	}
}

// streamEnd describes the end of a connection.
func streamEnd(err error) error {
	failure := &Error{Operation: "subscribe", Class: Transient, Message: "connection lost", cause: err}
	if closed, ok := errors.AsType[websocket.CloseError](err); ok { // the server's reason is foreign text
		failure.cause = nil
		failure.Message = "connection closed by the server: " + closed.Code.String()
	}
	return failure
}
