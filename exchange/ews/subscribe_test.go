package ews

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSubscriptionsOfOneGroupStayOnOneServer(t *testing.T) {
	cookies := []string{affinityCookie + "=first*1; path=/; secure; HttpOnly", "", affinityCookie + "=second~2; path=/", affinityCookie + "=gone; Max-Age=0", ""}
	f := newFake(t, func(n int, s seen, w http.ResponseWriter) {
		w.Header().Add("Set-Cookie", "exchangecookie=f00; path=/")
		if cookies[n-1] != "" {
			w.Header().Add("Set-Cookie", cookies[n-1])
		}
		if s.operation == "GetStreamingEvents" {
			sendXML(w, 200, streamed(connection("Closed")))
			return
		}
		sendXML(w, 200, subscribed[s.operation])
	})
	c := f.newClient(t)
	group := NewAffinity("anchor@contoso.test")
	for range 2 {
		id, err := c.Subscribe(t.Context(), room, Calendar(), group)
		require.NoError(t, err)
		require.Equal(t, SubscriptionID("S"), id)
	}
	_, err := c.GetStreamingEvents(t.Context(), room, StreamRequest{Subscriptions: []SubscriptionID{"S"}, Affinity: group}, func([]Notification) {})
	require.NoError(t, err)
	require.NoError(t, c.Unsubscribe(t.Context(), room, "S", group))
	require.NoError(t, c.Unsubscribe(t.Context(), room, "S", group))
	var sent []string
	for _, r := range f.requests() {
		sent = append(sent, r.header.Get("Cookie"))
		require.Equal(t, "true", r.header.Get("X-PreferServerAffinity"))
		require.Equal(t, "anchor@contoso.test", r.header.Get("X-AnchorMailbox"))
		require.Contains(t, string(r.body), string(room), "the mailbox itself is impersonated")
	}
	require.Equal(t, []string{"", affinityCookie + "=first*1", affinityCookie + "=first*1", affinityCookie + "=second~2", ""}, sent)
}

func TestOtherCallsCarryNoAffinity(t *testing.T) {
	f := newFake(t, func(_ int, s seen, w http.ResponseWriter) {
		w.Header().Add("Set-Cookie", affinityCookie+"=1")
		sendXML(w, 200, subscribed[s.operation])
	})
	c := f.newClient(t)
	for range 2 {
		_, err := c.ResolveNames(t.Context(), room, "x")
		require.NoError(t, err)
		_, err = c.Subscribe(t.Context(), room, Calendar(), NewAffinity("no address\r\nX: y"))
		require.NoError(t, err)
	}
	for i, r := range f.requests() {
		require.Empty(t, r.header.Get("Cookie"))
		require.Equal(t, i%2 == 1, r.header.Get("X-PreferServerAffinity") != "")
		require.Equal(t, string(room), r.header.Get("X-AnchorMailbox"))
	}
}

func TestSubscribingFails(t *testing.T) {
	for code, class := range map[string]Class{
		"ErrorExceededSubscriptionCount": ClassTransient, "ErrorInvalidSubscriptionRequest": ClassBug,
		"ErrorImpersonateUserDenied": ClassDenied, "ErrorNonExistentMailbox": ClassNotFoundMailbox,
	} {
		f := newFake(t, answers(messages("Subscribe", failed("Subscribe", "Error", code))))
		_, err := f.newClient(t).Subscribe(t.Context(), room, Calendar(), nil)
		e := asError(t, err)
		require.Equal(t, class, e.Class, code)
		require.False(t, e.Ambiguous)
	}
	f := newFake(t, answers(messages("Subscribe", success("Subscribe", ""))))
	_, err := f.newClient(t).Subscribe(t.Context(), room, Calendar(), nil)
	require.Equal(t, CodeInvalidAnswer, asError(t, err).Code)
	f = newFake(t, answers(messages("Unsubscribe", failed("Unsubscribe", "Error", "ErrorSubscriptionNotFound"))))
	require.Equal(t, ClassGone, ClassOf(f.newClient(t).Unsubscribe(t.Context(), room, "S", nil)))
}

func TestStreamRequestsAreChecked(t *testing.T) {
	f := newFake(t, answers(""))
	c := f.newClient(t)
	for _, r := range []StreamRequest{
		{}, {Subscriptions: make([]SubscriptionID, MaxStreamSubscriptions+1)},
		{Subscriptions: []SubscriptionID{"a"}, Time: time.Second}, {Subscriptions: []SubscriptionID{"a"}, Time: time.Hour},
	} {
		_, err := c.GetStreamingEvents(t.Context(), room, r, nil)
		require.Equal(t, CodeInvalidRequest, asError(t, err).Code)
	}
	_, err := c.GetStreamingEvents(t.Context(), "nobody", twoIDs, nil)
	require.Equal(t, CodeInvalidRequest, asError(t, err).Code)
	require.Empty(t, f.requests())
}

func TestStreamsLowerTheVersionToo(t *testing.T) {
	f := newFake(t, func(n int, _ seen, w http.ResponseWriter) {
		if n == 1 {
			sendXML(w, 500, fault("ErrorInvalidServerVersion", ""))
			return
		}
		sendXML(w, 200, streamed(connection("Closed")))
	})
	var mu sync.Mutex
	var calls []Call
	c := f.newClient(t, func(o *Options) {
		o.Observe = func(c Call) { mu.Lock(); calls = append(calls, c); mu.Unlock() }
	})
	_, err := c.GetStreamingEvents(t.Context(), room, twoIDs, func([]Notification) {})
	require.NoError(t, err)
	require.Contains(t, string(f.requests()[1].body), `Version="Exchange2013"`)
	require.Len(t, calls, 2)
	require.Equal(t, "GetStreamingEvents NoError 2", strings.Join([]string{calls[1].Operation, calls[1].Code, string(rune('0' + calls[1].Attempt))}, " "))
}

// With Windows authentication a stream occupies a connection that is logged on
// for it alone.
func TestStreamsWithNTLM(t *testing.T) {
	noLeaks(t)
	ended := make(chan struct{})
	s := newNTLMServer(t, true, func(s *ntlmServer) {
		other := s.respond
		s.respond = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-PreferServerAffinity") == "" {
				other(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/xml")
			_, _ = w.Write([]byte(streamed(connection("OK"))))
			_ = http.NewResponseController(w).Flush()
			<-ended
		}
	})
	t.Cleanup(func() { close(ended) })
	c := s.client(t, `CONTOSO\jane`, "pässword")
	ctx, cancel := context.WithCancel(t.Context())
	heard := newEar()
	done := make(chan error, 1)
	go func() {
		r := StreamRequest{Subscriptions: []SubscriptionID{"a"}, Affinity: NewAffinity(room)}
		_, err := c.GetStreamingEvents(ctx, room, r, heard.visit)
		done <- err
	}()
	heard.hear(t)
	for range 3 {
		_, err := c.ResolveNames(t.Context(), room, "x")
		require.NoError(t, err)
	}
	require.Equal(t, 2, s.logons)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	_, err := c.ResolveNames(t.Context(), room, "x")
	require.NoError(t, err, "the connection of the stream is not used again")
}
