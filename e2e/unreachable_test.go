package e2e

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// gate is a way to a server that can be closed: while it is, connections are
// refused.
type gate struct {
	t       *testing.T
	address string // of the gate
	server  string
	mu      sync.Mutex
	open    map[net.Conn]bool
	way     net.Listener
	passing sync.WaitGroup
}

// newGate opens a gate to the server of an address, and returns the address that
// leads through it.
func newGate(t *testing.T, address string) (*gate, string) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	g := &gate{t: t, server: u.Host, address: "127.0.0.1:0", open: map[net.Conn]bool{}}
	g.Open()
	t.Cleanup(g.Close)
	u.Host = g.address
	return g, u.String()
}

// Open lets connections through.
func (g *gate) Open() {
	g.t.Helper()
	var err error
	g.way, err = new(net.ListenConfig).Listen(g.t.Context(), "tcp", g.address)
	require.NoError(g.t, err)
	g.address = g.way.Addr().String()
	g.passing.Go(func() {
		for {
			conn, err := g.way.Accept()
			if err != nil {
				return
			}
			g.pass(conn)
		}
	})
}

func (g *gate) pass(conn net.Conn) {
	server, err := new(net.Dialer).Dial("tcp", g.server)
	if err != nil {
		_ = conn.Close()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[conn], g.open[server] = true, true
	for _, pair := range [][2]net.Conn{{conn, server}, {server, conn}} {
		g.passing.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = pair[0].Close()
		})
	}
}

// Close ends all connections and takes no further ones.
func (g *gate) Close() {
	_ = g.way.Close()
	g.mu.Lock()
	for conn := range g.open {
		_ = conn.Close()
	}
	clear(g.open)
	g.mu.Unlock()
	g.passing.Wait()
}

// A server that nobody reaches is why nothing is synchronized: the configuration
// says so as long as it lasts, and not because of a moment.
func TestAServerThatCannotBeReachedIsTheStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ field, code, fix string }{
		{"ewsURL", "ClientNoAnswer", "ewsURL"},
		{"authorityURL", "ClientNoToken", "authorityURL"},
	} {
		t.Run(test.field, func(t *testing.T) {
			t.Parallel()
			var server *gate
			w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, func(c map[string]any) {
				server, c[test.field] = newGate(t, c[test.field].(string))
			})
			server.Close()
			require.NoError(t, stage.Until(t.Context(), 3*time.Second, "", afterDelay(1000)))
			server.Open()
			w.outlook(bob, w.at(6), room1)
			w.until("a moment is no matter", func() bool { return w.once(w.at(6)) })
			require.Empty(t, w.get("/configs/1")["statusCode"])

			server.Close()
			require.NoError(t, w.Control.RevokeTokens(t.Context()))
			require.NoError(t, stage.Until(t.Context(), 45*time.Second+patience, "the status tells what is wrong", func() (bool, error) {
				return w.get("/configs/1")["statusCode"] == test.code, nil
			}))
			require.Contains(t, w.get("/configs/1")["statusText"], test.fix)
			require.Equal(t, "broken", w.get("/configs/1/status")["state"])
			w.outlook(bob, w.at(8), room1)

			server.Open()
			require.NoError(t, stage.Until(t.Context(), 45*time.Second+patience, "the status is clear when it is over", func() (bool, error) {
				return w.get("/configs/1")["statusCode"] == "" && w.once(w.at(8)), nil
			}))
			require.Equal(t, "running", w.get("/configs/1/status")["state"])
			for _, n := range w.told() {
				require.NotContains(t, n.Message["en"], "Exchange cannot be reached", "people are told of what lasts")
			}
		})
	}
}
