package ews

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var errLate = errors.New("too late")

// TestMaySendIsAskedLast: logging on, connecting and waiting for a slot take
// their time; what counts is the moment at which the request leaves.
func TestMaySendIsAskedLast(t *testing.T) {
	plain := newFake(t, answers(messages("ResolveNames", success("ResolveNames", ""))))
	windows := newNTLMServer(t, true, nil)
	asked := 0
	late := func(o *Options) { o.MaySend = func(context.Context) error { asked++; return errLate } }
	for name, c := range map[string]*Client{
		"basic": plain.newClient(t, late), "ntlm": windows.client(t, `CONTOSO\jane`, "pässword", late),
	} {
		t.Run(name, func(t *testing.T) {
			asked = 0
			_, err := c.CreateMeeting(t.Context(), "a@contoso.test", NewMeeting{Start: time.Now(), End: time.Now().Add(time.Hour)})
			failure := asError(t, err)
			require.ErrorIs(t, err, errLate)
			require.Equal(t, CodeNotSent, failure.Code)
			require.Equal(t, ClassTransient, failure.Class)
			require.False(t, failure.Ambiguous, "it was not sent")
			require.Equal(t, 1, asked)
			_, err = c.ResolveNames(t.Context(), "a@contoso.test", "x")
			require.NoError(t, err, "reading changes nothing")
		})
	}
	bodies := 0
	for _, s := range plain.requests() {
		bodies += min(len(s.body), 1)
	}
	for _, size := range windows.bodies {
		bodies += min(size, 1)
	}
	require.Equal(t, 2, bodies, "those of the requests that read")
}

// A call that has to leave soon does not queue for longer.
func TestACallThatWritesWaitsNoLongerForItsTurn(t *testing.T) {
	gate := make(chan struct{})
	f := newFake(t, func(_ int, _ seen, w http.ResponseWriter) {
		<-gate
		sendXML(w, 200, messages("ResolveNames", success("ResolveNames", "")))
	})
	c := f.newClient(t, func(o *Options) {
		o.SendBy = func(context.Context) (time.Time, bool) { return time.Now().Add(30 * time.Millisecond), true }
	})
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = c.ResolveNames(t.Context(), "a@contoso.test", "x") })
	require.Eventually(t, func() bool { return len(f.requests()) == 1 }, 5*time.Second, time.Millisecond)
	_, err := c.CreateMeeting(t.Context(), "A@contoso.test", NewMeeting{Start: time.Now(), End: time.Now().Add(time.Hour)})
	require.Equal(t, CodeNotSent, asError(t, err).Code)
	require.False(t, asError(t, err).Ambiguous)
	close(gate)
	reading.Wait()
	require.Len(t, f.requests(), 1)
}
