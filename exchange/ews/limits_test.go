package ews

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/exchange/budget"
)

func TestConcurrencyCaps(t *testing.T) {
	var mu sync.Mutex
	running, peak := map[string]int{}, map[string]int{}
	enter := func(key string, by int) {
		mu.Lock()
		defer mu.Unlock()
		running[key] += by
		peak[key] = max(peak[key], running[key])
	}
	var arrived atomic.Int32
	gate := make(chan struct{})
	f := newFake(t, func(_ int, s seen, w http.ResponseWriter) {
		box := s.header.Get("X-AnchorMailbox")
		enter("all", 1)
		enter(box, 1)
		if arrived.Add(1) == 3 {
			close(gate) // three calls are in at once
		}
		<-gate
		enter("all", -1)
		enter(box, -1)
		sendXML(w, 200, messages("ResolveNames", success("ResolveNames", "")))
	})
	c := f.newClient(t, func(o *Options) { o.Budget = budget.New(budget.Options{InFlight: 3}) })
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			// Upper and lower case name the same mailbox.
			box := Mailbox(fmt.Sprintf("%s%d@contoso.test", []string{"r", "R"}[i/4%2], i%4))
			_, err := c.ResolveNames(t.Context(), box, "x")
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 3, peak["all"])
	require.Len(t, f.requests(), 24)
	delete(peak, "all")
	for box, n := range peak {
		require.Equal(t, 1, n, box)
	}
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := &throttle{base: 5 * time.Second, max: time.Minute, now: time.Now}
		about := func(want, got time.Duration) {
			t.Helper()
			require.GreaterOrEqual(t, got, want)
			require.LessOrEqual(t, got, want+want/10)
		}
		sent := time.Now()
		<-time.After(time.Second)
		wait, fresh := th.signal(sent, 0)
		about(5*time.Second, wait)
		require.True(t, fresh)
		_, fresh = th.signal(sent, 0)
		require.False(t, fresh, "another answer of the same burst")

		for _, want := range []time.Duration{10, 20, 40, 60, 60} {
			<-time.After(wait)
			wait, _ = th.signal(time.Now(), 0)
			about(want*time.Second, wait)
		}
		<-time.After(wait)
		wait, _ = th.signal(time.Now(), 10*time.Minute)
		about(10*time.Minute, wait)
		<-time.After(wait)
		th.success(time.Now())
		wait, _ = th.signal(time.Now(), 0)
		about(5*time.Second, wait)
	})
}

func TestBackOffIsShared(t *testing.T) {
	for _, test := range []struct {
		name    string
		respond func(w http.ResponseWriter)
		least   time.Duration
	}{
		{"fault with advice", func(w http.ResponseWriter) {
			sendXML(w, 500, fault("ErrorServerBusy", `<t:Value Name="BackOffMilliseconds">297749</t:Value>`))
		}, 297749 * time.Millisecond},
		{"fault without advice", func(w http.ResponseWriter) {
			sendXML(w, 500, fault("ErrorExceededConnectionCount", `<t:Value Name="Policy">MaxConcurrency</t:Value>`))
		}, DefaultBackOffBase},
		{"advice of nothing", func(w http.ResponseWriter) {
			sendXML(w, 500, fault("ErrorServerBusy", `<t:Value Name="BackOffMilliseconds">0</t:Value>`))
		}, DefaultBackOffBase},
		{"response message", func(w http.ResponseWriter) {
			sendXML(w, 200, messages("CreateItem", failed("CreateItem", "Error", "ErrorServerBusy")))
		}, DefaultBackOffBase},
		{"429", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "120"); w.WriteHeader(429) }, 2 * time.Minute},
		{"503 with date", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			w.WriteHeader(503)
		}, 59 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t, func(_ int, _ seen, w http.ResponseWriter) { test.respond(w) })
			c := f.newClient(t)
			require.True(t, c.NotBefore().IsZero())
			e := asError(t, create(t.Context(), c))
			require.Equal(t, ClassThrottled, e.Class)
			require.GreaterOrEqual(t, e.BackOff, test.least)
			require.LessOrEqual(t, e.BackOff, test.least*112/100+time.Minute)
			require.True(t, c.NotBefore().After(time.Now()))

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			e = asError(t, create(ctx, c))
			require.Equal(t, CodeBackOff, e.Code)
			require.Equal(t, ClassThrottled, e.Class)
			require.Positive(t, e.BackOff)
			require.False(t, e.Ambiguous)
			require.Len(t, f.requests(), 1, "nothing is sent during the back-off")
		})
	}
}

func TestCallsWaitForTheBackOff(t *testing.T) {
	f := newFake(t, answers(fault("ErrorServerBusy", ""), messages("ResolveNames", success("ResolveNames", ""))))
	c := f.newClient(t, func(o *Options) { o.BackOffBase = 30 * time.Millisecond })
	_, err := c.ResolveNames(t.Context(), room, "x")
	require.Error(t, err)
	until := c.NotBefore()
	_, err = c.ResolveNames(t.Context(), room, "x")
	require.NoError(t, err)
	require.False(t, time.Now().Before(until))
}
