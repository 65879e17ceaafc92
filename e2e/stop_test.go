package e2e

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// TestStopsInTheMiddle: SIGTERM is obeyed within ten seconds, and nothing that
// was under way is lost or done twice.
func TestStopsInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]time.Duration{"Exchange is slow": time.Second, "Exchange does not answer": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopsInTheMiddle(t, delay)
		})
	}
}

func stopsInTheMiddle(t *testing.T, delay time.Duration) {
	t.Helper()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	w.until("all bookings are known", w.linked)
	require.NoError(t, w.Control.Fault(ctx(t), map[string]any{
		"service": "exchange", "kind": "delay", "delayMilliseconds": delay.Milliseconds(),
	}))
	const each = 5
	for i := range each {
		w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(6+i), 50*time.Minute))
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Round", Rooms: []string{room2}}.At(w.at(6+i), 50*time.Minute))
	}
	w.until("work is under way", func() bool {
		return one(t, w.Stage, `select count(*)::text from ews.operation where status = 'sending'`) != "0"
	})
	took, err := w.StopApp()
	require.NoError(t, err)
	t.Logf("it stopped after %v", took)
	require.Less(t, took, 10*time.Second)
	code, _ := w.ExitCode()
	require.Zero(t, code)
	require.Equal(t, "0", one(t, w.Stage, `select count(*)::text from ews.configuration where active`))
	requireQuiet(t, w.Stage)

	require.NoError(t, w.Control.NoFaults(ctx(t)))
	require.NoError(t, w.StartApp(t.Context()))
	w.settles(3*time.Second, "everything is there once", func() bool {
		return len(w.meetings(alice)) == each && accepted(w.meetings(alice)) == each &&
			len(w.meetings(room1)) == each && len(w.meetings(room2)) == each &&
			len(w.slots(room1)) == each && len(w.slots(room2)) == each && len(w.bookings()) == 2*each
	})
}

// Each configuration has a few seconds to bring what is under way to its end, and
// one that is being stopped already takes them from no other.
func TestStopsWhileAConfigurationIsStopped(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	first := w.configure(map[string]any{"assetFilter": named("^Room [123]$")})
	second := w.configure(map[string]any{"assetFilter": named("^Room [45]$")})
	w.until("the rooms are assets", func() bool { return len(w.names("10")) == 5 && w.active(first) && w.active(second) })
	w.until("all bookings are known", w.linked)
	require.NoError(t, w.Control.Fault(ctx(t), map[string]any{
		"service": "exchange", "operation": "CreateItem", "kind": "delay", "delayMilliseconds": time.Hour.Milliseconds(),
	}))
	w.eliona(alice, w.at(6), room1)
	w.eliona(alice, w.at(7), room4)
	w.until("both are at work", func() bool {
		return one(t, w.Stage, `select count(*)::text from ews.operation where status = 'sending'`) == "2"
	})
	w.put(first, map[string]any{"enable": false})
	w.until("one is being stopped: it takes leave of Exchange", func() bool {
		raw, err := os.ReadFile(w.AppLog())
		require.NoError(t, err)
		return bytes.Contains(raw, []byte("op=Unsubscribe"))
	})
	took, err := w.StopApp()
	require.NoError(t, err)
	require.Less(t, took, 10*time.Second)
	code, _ := w.ExitCode()
	require.Zero(t, code)
}
