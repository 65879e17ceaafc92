package e2e

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// prompt is how soon a change in Outlook has to be in Eliona when Exchange tells
// of it. The room's answer is part of it.
const prompt = 5 * time.Second

// promptly acts and waits for the effect, which polling could not bring.
func (w *world) promptly(what string, act func(), done func() bool) {
	w.t.Helper()
	began := stage.StartStopwatch()
	act()
	w.until(what, done)
	took := began.Took()
	w.t.Logf("%s after %v", what, took.Round(10*time.Millisecond))
	require.Less(w.t, took, prompt, what)
}

// awaitWatch waits until Exchange tells of changes for the n-th time.
func (w *world) awaitWatch(n int) {
	w.t.Helper()
	w.until("the rooms are watched", func() bool { return len(logged(w.t, w.Stage, "rooms are watched")) >= n })
}

func slowly(configuration map[string]any) { configuration["refreshInterval"] = 60 }

// TestStreaming is P39-P42 with a poll a minute: what happens in Outlook is in
// Eliona within seconds, because Exchange tells of it.
func TestStreaming(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world, map[string]any){
		"OAuth": func(*world, map[string]any) {},
		"NTLM": func(w *world, c map[string]any) {
			withWindows(c, w.Addresses["EXCHANGE_HTTPS"], `EXAMPLE\eliona`, "secret")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := worldOf(t, newStage(t, stage.Options{Verbose: true}))
			require.NoError(t, w.StartApp(t.Context()))
			configuration := w.Configuration()
			slowly(configuration)
			change(w, configuration)
			_, err := w.Configure(t.Context(), configuration)
			require.NoError(t, err)
			w.awaitWatch(1)
			w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
			w.always(2*time.Second, "the first polls are over", func() bool { return len(w.bookings()) == 0 })

			var made stage.Made
			w.promptly("a meeting is a booking", func() { made = w.outlook(bob, w.at(9), room1) }, func() bool { return w.once(w.at(9)) })
			w.promptly("a meeting is moved", func() { w.moveMeeting(bob, made.UID, w.at(11)) }, func() bool {
				return w.once(w.at(11)) && len(w.bookedAt(w.at(9))) == 0
			})
			w.promptly("a meeting is cancelled", func() { w.cancelMeeting(bob, made.UID) }, func() bool { return len(w.live()) == 0 })
			took, err := w.StopApp()
			require.NoError(t, err)
			require.Less(t, took, 8*time.Second)
			stats, err := w.Control.Stats(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 5, stats["exchange"]["Subscribe"].Requests)
			require.EqualValues(t, 5, stats["exchange"]["Unsubscribe"].Requests)
			require.EqualValues(t, 1, stats["exchange"]["GetStreamingEvents"].Requests)
			requireQuiet(t, w.Stage)
		})
	}
}

// TestStreamingRefused: a server that does not notify is polled.
func TestStreamingRefused(t *testing.T) {
	t.Parallel()
	w := worldOf(t, newStage(t, stage.Options{Verbose: true}))
	require.NoError(t, w.Control.Fault(t.Context(), map[string]any{
		"service": "exchange", "operation": "Subscribe", "kind": "soapFault", "code": "ErrorInvalidRequest",
	}))
	require.NoError(t, w.StartApp(t.Context()))
	configuration := w.Configuration()
	configuration["refreshInterval"] = 2
	_, err := w.Configure(t.Context(), configuration)
	require.NoError(t, err)
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	w.until("it is refused", func() bool { return len(logged(t, w.Stage, "polled only")) == 1 })
	made := w.outlook(bob, w.at(9), room1)
	w.until("a meeting is a booking", func() bool { return w.once(w.at(9)) })
	w.moveMeeting(bob, made.UID, w.at(11))
	w.until("a meeting is moved", func() bool { return w.once(w.at(11)) && len(w.bookedAt(w.at(9))) == 0 })
	w.cancelMeeting(bob, made.UID)
	w.until("a meeting is cancelled", func() bool { return len(w.live()) == 0 })
	refused, err := w.Control.Applied(t.Context(), "Subscribe")
	require.NoError(t, err)
	require.Equal(t, 1, refused)
	require.Equal(t, map[string]any{"enabled": true, "rooms": 0.0, "since": nil}, w.streaming())
	requireQuiet(t, w.Stage)
}

// TestStreamingOff: nobody has to be notified.
func TestStreamingOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, func(c map[string]any) { c["streaming"] = false })
	w.outlook(bob, w.at(9), room1)
	w.until("a meeting is a booking", func() bool { return w.once(w.at(9)) })
	stats, err := w.Control.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, stats["exchange"]["Subscribe"].Requests)
	require.Equal(t, false, w.streaming()["enabled"])
}

// TestStreamingInterrupted: what happens while no connection stands is not lost,
// and does not wait for the next poll either.
func TestStreamingInterrupted(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{Verbose: true})
	w := worldOf(t, s)
	line := newLine(t, s.Addresses["EXCHANGE_HTTPS"])
	require.NoError(t, w.StartApp(t.Context()))
	configuration := w.Configuration()
	slowly(configuration)
	configuration["ewsURL"] = line.url
	_, err := w.Configure(t.Context(), configuration)
	require.NoError(t, err)
	w.awaitWatch(1)
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	w.always(2*time.Second, "the first polls are over", func() bool { return len(w.bookings()) == 0 })

	line.cut(true)
	made := w.outlook(bob, w.at(9), room1)
	other := w.outlook(alice, w.at(9), room2)
	w.always(1500*time.Millisecond, "nothing gets through", func() bool { return len(w.bookings()) == 0 })
	line.mend()
	restored := time.Now()
	w.until("both meetings are bookings", func() bool { return len(w.bookedAt(w.at(9))) == 2 })
	t.Logf("known %v after the line was mended", time.Since(restored).Round(10*time.Millisecond))

	w.awaitWatch(2)
	w.always(11*time.Second, "the connection lasts", func() bool { return len(w.live()) == 2 })
	w.promptly("a meeting is moved while the connection breaks", func() {
		w.moveMeeting(bob, made.UID, w.at(11))
		line.cut(false)
		w.cancelMeeting(alice, other.UID)
	}, func() bool { return w.once(w.at(11)) && len(w.live()) == 1 })
	requireQuiet(t, s)
}

// line is a network between the app and a server that can be cut.
type line struct {
	url, target string
	done        sync.WaitGroup

	mu   sync.Mutex
	down bool
	open map[net.Conn]bool
}

func newLine(t *testing.T, target string) *line {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &line{url: strings.Replace(target, u.Host, listener.Addr().String(), 1), target: u.Host, open: map[net.Conn]bool{}}
	l.done.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			l.done.Go(func() { l.carry(near) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut(true)
		l.done.Wait()
	})
	return l
}

func (l *line) carry(near net.Conn) {
	far, err := net.Dial("tcp", l.target)
	if err != nil || !l.begin(near) {
		_ = near.Close()
		if far != nil {
			_ = far.Close()
		}
		return
	}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
		both.Go(func() {
			_, _ = io.Copy(to, from)
			_ = near.Close()
			_ = far.Close()
		})
	}
	both.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, near)
}

func (l *line) begin(near net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.down {
		l.open[near] = true
	}
	return !l.down
}

// cut breaks all connections; if it is down from then on, until it is mended.
func (l *line) cut(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	for near := range l.open {
		_ = near.Close()
	}
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}
