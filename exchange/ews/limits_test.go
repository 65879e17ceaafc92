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
	c := f.newClient(t, func(o *Options) { o.MaxConcurrent = 3 })
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
	require.Empty(t, c.limiter.boxes, "finished calls leave nothing behind")
	delete(peak, "all")
	for box, n := range peak {
		require.Equal(t, 1, n, box)
	}
}

func TestLimiterGivesUpWithItsContext(t *testing.T) {
	l := newLimiter(1, time.Now)
	release, err := l.acquire(t.Context(), "a")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2)
	for _, box := range []Mailbox{"a", "b"} {
		go func() { _, err := l.acquire(ctx, box); results <- err }()
	}
	cancel()
	require.ErrorIs(t, <-results, context.Canceled)
	require.ErrorIs(t, <-results, context.Canceled)
	release()
	release, err = l.acquire(t.Context(), "b")
	require.NoError(t, err)
	release()
	require.Empty(t, l.boxes)
	require.Zero(t, l.inUse)
	require.Empty(t, l.waiting)
}

func TestLimiterHalvesAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(10, time.Now)
		l.halve()
		l.halve()
		require.Equal(t, 2, l.limit)
		for range 10 {
			l.halve()
		}
		require.Equal(t, 1, l.limit)
		_, err := l.acquire(t.Context(), "a")
		require.NoError(t, err)
		<-time.After(3*time.Minute + time.Second)
		for i := range 3 {
			_, err = l.acquire(t.Context(), Mailbox(fmt.Sprint(i)))
			require.NoError(t, err)
		}
		require.Equal(t, 4, l.limit)
		<-time.After(time.Hour)
		_, err = l.acquire(t.Context(), "z")
		require.NoError(t, err)
		require.Equal(t, 10, l.limit)
	})
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

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		left, err := th.wait(short)
		require.NoError(t, err)
		require.Positive(t, left, "fails fast")
		require.Less(t, time.Since(sent), 2*time.Second)

		left, err = th.wait(t.Context())
		require.NoError(t, err)
		require.Zero(t, left)
		require.GreaterOrEqual(t, time.Since(sent), 6*time.Second)

		for _, want := range []time.Duration{10, 20, 40, 60, 60} {
			wait, _ = th.signal(time.Now(), 0)
			about(want*time.Second, wait)
			_, err = th.wait(t.Context())
			require.NoError(t, err)
		}
		wait, _ = th.signal(time.Now(), 10*time.Minute)
		about(10*time.Minute, wait)
		_, _ = th.wait(t.Context())
		th.success(time.Now())
		wait, _ = th.signal(time.Now(), 0)
		about(5*time.Second, wait)

		cancelled, stop := context.WithCancel(t.Context())
		stop()
		_, err = th.wait(cancelled)
		require.ErrorIs(t, err, context.Canceled)
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
			require.Equal(t, DefaultMaxConcurrent/2, c.limiter.limit)

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
