package ews

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"ews/exchange/ews/wire"
)

// Limits of one streaming connection.
const (
	// MaxStreamSubscriptions is how many subscriptions it may serve.
	MaxStreamSubscriptions = 200
	// MaxStreamTime is how long the server may be asked to keep it.
	MaxStreamTime = 30 * time.Minute
	// maxNotification bounds one document of the answer.
	maxNotification = 2 << 20
)

// errSilence is the cause when a streaming connection is given up.
var errSilence = errors.New("the server was silent for too long")

// EventKind says what happened to an item.
type EventKind string

// Values of EventKind.
const (
	EventCreated  EventKind = "CreatedEvent"
	EventModified EventKind = "ModifiedEvent"
	EventDeleted  EventKind = "DeletedEvent"
	EventMoved    EventKind = "MovedEvent"
)

// statusEvent says that a subscription has no news.
const statusEvent = "StatusEvent"

// Event is one entry of a notification. The id is that of an item, or of a
// folder; its change key is a dummy and therefore left out.
type Event struct {
	Kind     EventKind
	ItemID   string
	FolderID string
}

// Notification tells what happened to one subscription. One action of a person
// causes several events, and some may get lost: take it as a reason to look.
type Notification struct {
	Subscription SubscriptionID
	Events       []Event
}

// StreamRequest asks for the notifications of some subscriptions.
type StreamRequest struct {
	// Subscriptions are 1..MaxStreamSubscriptions ids, each used by no other
	// connection.
	Subscriptions []SubscriptionID
	// Time is after how long the server ends the connection, in whole minutes up
	// to MaxStreamTime; 0 means 29 minutes.
	Time time.Duration
	// Affinity is that of the subscriptions.
	Affinity *Affinity
}

// StreamEnd is how a streaming connection ended.
type StreamEnd struct {
	// Opened is true if the server began to send notifications.
	Opened bool
	// Lost are the subscriptions the server does not serve any more. As long as
	// they are asked for, it sends no notifications for the others either.
	Lost []SubscriptionID
}

// GetStreamingEvents opens a streaming connection and calls visit for every
// message that arrives on it: first when the connection is established, then for
// notifications and signs of life, the latter without notifications. visit must
// be quick. See "GetStreamingEvents operation".
//
// It returns without error when the server ends the connection as agreed.
// What happens until the next connection is established may never be notified.
// An error of ClassGone means that subscriptions were lost, see StreamEnd;
// one of ClassConflict that another connection took a subscription over.
//
// Options.MaxStreams connections may exist at a time, further ones wait. No
// timeout applies but Options.StreamSilence.
func (c *Client) GetStreamingEvents(ctx context.Context, mailbox Mailbox, r StreamRequest, visit func([]Notification)) (StreamEnd, error) {
	inv, err := newStream(mailbox, r)
	if err != nil {
		return StreamEnd{}, &Error{Operation: "GetStreamingEvents", Code: CodeInvalidRequest, Class: ClassBug, Err: err}
	}
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	case <-ctx.Done():
		return StreamEnd{}, c.transportError(inv, ctx.Err())
	}
	for attempt := 1; ; attempt++ {
		version := c.version.Load()
		s := &stream{Client: c, inv: inv, asked: r.Subscriptions, attempt: attempt, visit: visit}
		failure := s.run(ctx, schemaVersions[version])
		if failure == nil {
			return s.end, nil
		}
		if !s.end.Opened && !inv.sentAt.IsZero() { // what is held back is no call
			c.observe(inv, attempt, failure)
			if attempt == 1 && versionCodes[failure.Code] && int(version)+1 < len(schemaVersions) {
				c.version.CompareAndSwap(version, version+1)
				continue
			}
		}
		return s.end, failure
	}
}

func newStream(mailbox Mailbox, r StreamRequest) (*invocation, error) {
	if err := validMailbox(mailbox); err != nil {
		return nil, err
	}
	if n := len(r.Subscriptions); n == 0 || n > MaxStreamSubscriptions {
		return nil, fmt.Errorf("%d subscriptions on one connection", n)
	}
	if r.Time == 0 {
		r.Time = 29 * time.Minute
	}
	if r.Time < time.Minute || r.Time > MaxStreamTime {
		return nil, fmt.Errorf("a connection of %v", r.Time)
	}
	request := wire.GetStreamingEvents{Minutes: int(r.Time / time.Minute)}
	for _, id := range r.Subscriptions {
		request.IDs = append(request.IDs, wire.Text(id))
	}
	return &invocation{
		operation: "GetStreamingEvents", mailbox: mailbox, affinity: r.Affinity, streaming: true, request: request,
	}, nil
}

// stream is one streaming connection.
type stream struct {
	*Client
	inv     *invocation
	asked   []SubscriptionID
	attempt int
	visit   func([]Notification)
	end     StreamEnd
}

func (s *stream) run(ctx context.Context, version string) *Error {
	leave, failure := s.enter(ctx, s.inv, "")
	if failure != nil {
		return failure
	}
	leave() // it is sent, and then it is in nobody's way
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(s.options.StreamSilence, func() { cancel(errSilence) })
	defer watchdog.Stop()
	resp, failure := s.send(ctx, s.inv, version)
	if failure != nil {
		return failure
	}
	defer func() { _ = resp.Body.Close() }()
	if !mayBeXML(resp.Header.Get("Content-Type")) || resp.StatusCode >= 300 && resp.StatusCode < 400 {
		discard(resp)
		return s.statusError(s.inv)
	}
	limited := &limitReader{r: resp.Body}
	documents := wire.NewStream(limited)
	for {
		limited.left = maxNotification
		envelope, err := documents.Next()
		if errors.Is(err, io.EOF) && s.end.Opened {
			return nil // ended between two documents
		}
		if err != nil {
			return s.broken(ctx, err)
		}
		watchdog.Reset(s.options.StreamSilence)
		if closed, failure := s.read(&envelope.Body); closed || failure != nil {
			return failure
		}
	}
}

// broken classifies an answer that cannot be read on.
func (s *stream) broken(ctx context.Context, err error) *Error {
	transient := verdict{class: ClassTransient}
	switch {
	case errors.Is(err, errTooLarge):
		return s.newError(s.inv, CodeAnswerTooLarge, transient, "", nil, err)
	case ctx.Err() != nil:
		return s.transportError(s.inv, fmt.Errorf("%w: %w", context.Cause(ctx), err))
	case !s.end.Opened && s.inv.status != http.StatusOK:
		return s.statusError(s.inv)
	case !s.end.Opened && errors.Is(err, wire.ErrNotEnvelope):
		return s.newError(s.inv, CodeInvalidAnswer, statusVerdicts[http.StatusOK], "", nil, err)
	}
	return s.newError(s.inv, CodeInvalidAnswer, transient, "", nil, err)
}

// read takes one document of the answer, and reports whether it was the last.
func (s *stream) read(body *wire.Body) (closed bool, failure *Error) {
	if f := body.Fault; f != nil {
		return false, s.codeError(s.inv, f.Code(), f.Text(), f.Detail.MessageXML.Map())
	}
	if s.inv.status != http.StatusOK {
		return false, s.statusError(s.inv)
	}
	if body.GetStreamingEvents == nil || len(body.GetStreamingEvents.Messages) == 0 {
		return false, s.newError(s.inv, CodeInvalidAnswer, verdict{class: ClassTransient}, "",
			nil, errors.New("the answer lacks the response element"))
	}
	for _, m := range body.GetStreamingEvents.Messages {
		for _, id := range m.ErrorIDs {
			if id = strings.TrimSpace(id); id != "" {
				s.end.Lost = append(s.end.Lost, SubscriptionID(id))
			}
		}
		failure := s.messageError(s.inv, m.ResponseMessage)
		if failure == nil && len(s.end.Lost) > 0 {
			failure = s.codeError(s.inv, "ErrorInvalidSubscription", m.MessageText, nil)
		}
		if failure != nil {
			if failure.Class == ClassGone && len(s.end.Lost) == 0 {
				s.end.Lost = s.asked // the server does not say which
			}
			return false, failure
		}
		s.opened()
		s.visit(notifications(m.Notifications))
		closed = closed || strings.EqualFold(strings.TrimSpace(m.Connection), "Closed")
	}
	return closed, nil
}

func (s *stream) opened() {
	if s.end.Opened {
		return
	}
	s.end.Opened, s.inv.outcome = true, "NoError"
	s.observe(s.inv, s.attempt, nil)
	s.throttle.success(s.inv.sentAt)
}

func notifications(list []wire.Notification) []Notification {
	out := make([]Notification, 0, len(list))
	for _, n := range list {
		told := Notification{Subscription: SubscriptionID(strings.TrimSpace(n.SubscriptionID))}
		for _, e := range n.Events {
			if e.XMLName.Local != statusEvent && strings.HasSuffix(e.XMLName.Local, "Event") {
				told.Events = append(told.Events, Event{Kind: EventKind(e.XMLName.Local), ItemID: e.ItemID.ID, FolderID: e.FolderID.ID})
			}
		}
		if len(told.Events) > 0 {
			out = append(out, told)
		}
	}
	return out
}
