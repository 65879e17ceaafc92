package exchange_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
	"ews/exchange"
	"ews/simulator/exchangesim"
	"ews/simulator/fault"
)

// hasty is patience for tests.
var hasty = exchange.Watching{
	BackOff: 20 * time.Millisecond, BackOffMax: 100 * time.Millisecond, Healthy: 50 * time.Millisecond, Refused: 400 * time.Millisecond,
}

// lookout is a calendar that watches.
type lookout struct {
	*simulation
	*world
	line *line
	stop func()

	mu      sync.Mutex
	hints   map[meeting.Address]int
	covered map[meeting.Address]bool
}

// watch watches the first n rooms of a simulated organization until the test
// ends.
func watch(t *testing.T, n int, s simulation, how exchange.Watching, faults ...fault.Rule) *lookout {
	t.Helper()
	t.Parallel()
	s.Heartbeat = 50 * time.Millisecond
	sim := simulate(t, s)
	for _, rule := range faults {
		sim.fault(t, rule)
	}
	l := &lookout{simulation: sim, line: newLine(t, sim.settings.URL), hints: map[meeting.Address]int{}, covered: map[meeting.Address]bool{}}
	sim.settings.Watching = how
	l.world = newWorld(t, sim.organization())
	settings := l.Settings // with the count of calls; the simulator counts streams when they end
	settings.URL = l.line.url
	calendar := l.connect(settings)
	var rooms []meeting.Address
	for _, room := range l.rooms[:n] {
		rooms = append(rooms, room.Address, room.Address)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- calendar.Watch(ctx, rooms, l) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(l.stop)
	return l
}

// Changed implements engine.Lookout.
func (l *lookout) Changed(room meeting.Address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hints[room]++
}

// Watched implements engine.Lookout.
func (l *lookout) Watched(rooms []meeting.Address, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, room := range rooms {
		l.covered[room] = on
	}
}

// covers tells whether all of the rooms are watched, or none of them.
func (l *lookout) covers(on bool, rooms ...meeting.Room) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.ContainsFunc(rooms, func(r meeting.Room) bool { return l.covered[r.Address] != on })
}

// heard returns how many of the rooms there were hints for, and forgets them.
func (l *lookout) heard(rooms ...meeting.Room) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, room := range rooms {
		if l.hints[room.Address] > 0 {
			n++
		}
	}
	return n
}

func (l *lookout) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.hints)
}

// watched waits until there are hints for all of the rooms, and forgets them.
func (l *lookout) watched(rooms ...meeting.Room) {
	l.t.Helper()
	l.until("hints for all rooms", func() bool { return l.heard(rooms...) == len(rooms) })
	l.forget()
}

// line is a network between a client and a server that can be cut.
type line struct {
	url    string
	target string
	mu     sync.Mutex
	open   map[net.Conn]bool
	done   sync.WaitGroup
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
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			l.done.Go(func() { l.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut()
		l.done.Wait()
	})
	return l
}

func (l *line) carry(near net.Conn) {
	far, err := net.Dial("tcp", l.target)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	l.open[near] = true
	l.mu.Unlock()
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
	delete(l.open, near)
	l.mu.Unlock()
}

// cut breaks all connections there are.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		_ = conn.Close()
	}
}

func TestWatching(t *testing.T) {
	for name, s := range map[string]simulation{"OAuth": {}, "NTLM": {ntlm: true}} {
		t.Run(name, func(t *testing.T) {
			l := watch(t, 2, s, hasty)
			l.watched(l.rooms[:2]...)
			h := l.book(l.slot(), l.rooms[:1])
			l.watched(l.rooms[0])
			l.accepted(l.rooms[0], h, 1)
			l.forget()
			l.move(h, time.Time{}, later(h.span, time.Hour))
			l.watched(l.rooms[0])
			l.withdraw(h, time.Time{})
			l.watched(l.rooms[0])
			require.Zero(t, l.heard(l.rooms[1]))
			require.True(t, l.covers(true, l.rooms[:2]...))
			l.stop()
			require.True(t, l.covers(false, l.rooms...), "nobody is told any more")
			require.Equal(t, []int{2, 1, 2}, []int{l.requests("Subscribe"), l.count("GetStreamingEvents"), l.requests("Unsubscribe")})
		})
	}
}

func TestWatchingInGroups(t *testing.T) {
	how := hasty
	how.Rooms = 2
	l := watch(t, 5, simulation{}, how)
	l.watched(l.rooms...)
	for _, room := range l.rooms {
		l.book(l.slot(), []meeting.Room{room})
		l.watched(room)
	}
	require.Equal(t, 3, l.count("GetStreamingEvents"))
	require.Equal(t, 5, l.requests("Subscribe"))
}

func TestBrokenConnectionsAreReplaced(t *testing.T) {
	l := watch(t, 2, simulation{}, hasty)
	l.watched(l.rooms[:2]...)
	l.line.cut()
	l.watched(l.rooms[:2]...) // what happened meanwhile may be lost
	require.Equal(t, 2, l.requests("Subscribe"), "the subscriptions are still good")
	l.book(l.slot(), l.rooms[1:2])
	l.watched(l.rooms[1])
}

func TestLostSubscriptionsAreRenewed(t *testing.T) {
	l := watch(t, 2, simulation{}, hasty)
	l.watched(l.rooms[:2]...)
	l.DropSubscriptions()
	l.line.cut()
	l.watched(l.rooms[:2]...)
	require.Equal(t, 4, l.requests("Subscribe"))
	l.book(l.slot(), l.rooms[:1])
	l.watched(l.rooms[0])
}

// Whatever fails when a connection is opened, the rooms are watched in the end.
func TestConnectionsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		rule         fault.Rule
		subscribes   int
		unsubscribes int
		atOnce       bool
	}{
		"reset":             {fault.Rule{Kind: fault.ResetBefore, Count: 2}, 2, 0, true},
		"reset for longer":  {fault.Rule{Kind: fault.ResetBefore, Count: 3}, 4, 2, true},
		"unavailable":       {fault.Rule{Kind: fault.Status, Status: 502, Count: 1}, 2, 0, true},
		"too many":          {fault.Rule{Kind: fault.SOAPFault, Code: "ErrorInvalidRequest", Count: 1}, 4, 2, false},
		"not known":         {fault.Rule{Kind: fault.SOAPFault, Code: "ErrorSubscriptionNotFound", Count: 1}, 4, 0, true},
		"taken over":        {fault.Rule{Kind: fault.SOAPFault, Code: "ErrorNewEventStreamConnectionOpened", Count: 1}, 4, 0, true},
		"on another server": {fault.Rule{Kind: fault.SOAPFault, Code: "ErrorProxyRequestNotAllowed", Count: 1}, 4, 2, true},
		"forbidden":         {fault.Rule{Kind: fault.Status, Status: 403, Count: 1}, 4, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Operation = "GetStreamingEvents"
			began := time.Now()
			l := watch(t, 2, simulation{}, hasty, c.rule)
			l.watched(l.rooms[:2]...)
			require.Equal(t, c.subscribes, l.requests("Subscribe"))
			require.Equal(t, c.unsubscribes, l.requests("Unsubscribe"))
			if !c.atOnce {
				require.Greater(t, time.Since(began), hasty.Refused*7/8)
			}
			l.book(l.slot(), l.rooms[:1])
			l.watched(l.rooms[0])
		})
	}
}

// Some servers allow few connections; their limit says nothing of other calls.
func TestTooManyConnections(t *testing.T) {
	l := watch(t, 2, simulation{}, hasty, fault.Rule{Operation: "GetStreamingEvents", Kind: fault.SOAPFault, Code: "ErrorExceededConnectionCount"})
	l.until("the rooms are left to polling", func() bool { return l.requests("Unsubscribe") == 2 })
	l.until("that is logged", func() bool { return strings.Contains(l.logs.String(), "polled only") })
	_, err := l.calendar.Changes(l.ctx, l.rooms[0].Address, "")
	require.NoError(t, err)
	require.Equal(t, 1, l.count("GetStreamingEvents"))
	require.Zero(t, l.heard(l.rooms...))
}

func TestRoomsWithoutNotifications(t *testing.T) {
	for name, rule := range map[string]fault.Rule{
		"too many subscriptions": {Kind: fault.ResponseCode, Code: "ErrorExceededSubscriptionCount"},
		"not allowed":            {Kind: fault.SOAPFault, Code: "ErrorImpersonateUserDenied"},
		"out of order":           {Kind: fault.ResponseCode, Code: "ErrorMailboxFailover"},
	} {
		t.Run(name, func(t *testing.T) {
			rule.Operation, rule.Mailbox = "Subscribe", room1
			how := hasty
			how.Refused = 2 * time.Second
			if name == "too many subscriptions" {
				rule.Count = 1 // the server's advice is to wait for a minute
			}
			l := watch(t, 3, simulation{}, how, rule)
			first, others := l.rooms[0], l.rooms[1:3]
			require.EqualValues(t, room1, first.Address)
			l.watched(others...)
			l.book(l.slot(), others[:1])
			l.watched(others[0])
			require.Zero(t, l.heard(first))
			if name == "too many subscriptions" {
				return
			}
			require.Equal(t, 1, l.count("GetStreamingEvents"), "the others are not disturbed")
			l.Faults.Clear("")
			l.watched(l.rooms[:3]...) // on a new connection
			require.Equal(t, 2, l.count("GetStreamingEvents"))
		})
	}
}

func TestServersWithoutNotifications(t *testing.T) {
	l := watch(t, 5, simulation{}, hasty, fault.Rule{Operation: "Subscribe", Kind: fault.SOAPFault, Code: "ErrorInvalidRequest", Count: 2})
	l.watched(l.rooms...)
	require.Equal(t, 7, l.requests("Subscribe"), "not every room is tried")
	require.Equal(t, 2, strings.Count(l.logs.String(), "rooms are polled only"))
}

func TestServersOutOfOrder(t *testing.T) {
	l := watch(t, 5, simulation{}, hasty, fault.Rule{Operation: "Subscribe", Kind: fault.Status, Status: 502, Count: 3})
	l.watched(l.rooms...)
	require.NotContains(t, l.logs.String(), "polled only")
}

// Rooms whose subscriptions never last are left alone for a while.
func TestSubscriptionsThatDoNotLast(t *testing.T) {
	l := watch(t, 2, simulation{}, hasty, fault.Rule{Operation: "GetStreamingEvents", Kind: fault.ResponseCode, Code: "ErrorSubscriptionNotFound", Count: 3})
	l.watched(l.rooms[:2]...)
	require.Equal(t, 8, l.requests("Subscribe"))
	require.Equal(t, 2, strings.Count(l.logs.String(), "do not last"))
}

func TestWatchingNothing(t *testing.T) {
	t.Parallel()
	sim := simulate(t, simulation{Options: exchangesim.Options{}})
	w := newWorld(t, sim.organization())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.NoError(t, w.calendar.Watch(ctx, nil, &lookout{}))
	require.Zero(t, sim.requests("Subscribe"))
}
