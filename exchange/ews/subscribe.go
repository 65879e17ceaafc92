package ews

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"ews/exchange/ews/wire"
)

// SubscriptionID identifies a subscription. It belongs to the account that made
// it and ends by itself when no streaming connection uses it for a while.
type SubscriptionID string

// affinityCookie is how the front end finds the server that keeps a group's
// subscriptions.
const affinityCookie = "X-BackEndOverrideCookie"

// Affinity keeps the calls for a group of subscriptions on one server, see
// "Maintain affinity between a group of subscriptions and the Mailbox server in
// Exchange". The calls of one group share an Affinity; the first one should be
// a Subscribe for the anchor and have returned before others begin.
type Affinity struct {
	anchor Mailbox

	mu     sync.Mutex
	cookie *http.Cookie
}

// NewAffinity returns the Affinity of a new group. By convention the anchor is
// the first mailbox of the group in alphabetical order; what is no address is
// no anchor.
func NewAffinity(anchor Mailbox) *Affinity {
	if validMailbox(anchor) != nil {
		anchor = ""
	}
	return &Affinity{anchor: anchor}
}

func (a *Affinity) apply(h http.Header) {
	if a == nil {
		return
	}
	if a.anchor != "" {
		h.Set("X-AnchorMailbox", string(a.anchor))
	}
	h.Set("X-PreferServerAffinity", "true")
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cookie != nil {
		(&http.Request{Header: h}).AddCookie(a.cookie)
	}
}

func (a *Affinity) learn(resp *http.Response) {
	if a == nil {
		return
	}
	for _, c := range resp.Cookies() {
		if !strings.EqualFold(c.Name, affinityCookie) {
			continue
		}
		a.mu.Lock()
		if a.cookie = c; c.MaxAge < 0 || c.Value == "" {
			a.cookie = nil
		}
		a.mu.Unlock()
	}
}

// Subscribe subscribes to what happens to the items of a folder, for
// GetStreamingEvents, see "Subscribe operation". An affinity of nil means a
// group of its own.
func (c *Client) Subscribe(ctx context.Context, mailbox Mailbox, folder Folder, affinity *Affinity) (SubscriptionID, error) {
	inv := &invocation{
		operation: "Subscribe", mailbox: mailbox, affinity: affinity,
		request: wire.Subscribe{
			Folders:    folder.ref(),
			EventTypes: []string{string(EventCreated), string(EventModified), string(EventDeleted), string(EventMoved)},
		},
		present: func(b *wire.Body) bool { return b.Subscribe != nil && len(b.Subscribe.Messages) > 0 },
	}
	body, err := c.do(ctx, inv)
	if err != nil {
		return "", err
	}
	m := body.Subscribe.Messages[0]
	if failure := c.messageError(inv, m.ResponseMessage); failure != nil {
		return "", failure
	}
	id := strings.TrimSpace(m.SubscriptionID)
	if id == "" {
		return "", c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient}, "",
			nil, errors.New("the answer has no SubscriptionId"))
	}
	return SubscriptionID(id), nil
}

// Unsubscribe ends a subscription, see "Unsubscribe operation". One that is
// gone already is an error of ClassGone.
func (c *Client) Unsubscribe(ctx context.Context, mailbox Mailbox, id SubscriptionID, affinity *Affinity) error {
	inv := &invocation{
		operation: "Unsubscribe", mailbox: mailbox, affinity: affinity, request: wire.Unsubscribe{ID: wire.Text(id)},
		present: func(b *wire.Body) bool { return b.Unsubscribe != nil && len(b.Unsubscribe.Messages) > 0 },
	}
	body, err := c.do(ctx, inv)
	if err != nil {
		return err
	}
	if failure := c.messageError(inv, body.Unsubscribe.Messages[0]); failure != nil {
		return failure
	}
	return nil
}
