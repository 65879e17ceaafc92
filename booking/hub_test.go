package booking

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// link is one WebSocket as the server sees it.
type link struct {
	conn   *websocket.Conn
	assets []AssetID
	raw    string
	ended  chan struct{} // closed when the client has gone
	pings  chan struct{}
}

func (l *link) push(t *testing.T, message string) {
	t.Helper()
	require.NoError(t, l.conn.Write(t.Context(), websocket.MessageText, []byte(message)))
}

// hub is the server's side of subscriptions.
type hub struct {
	*httptest.Server
	links chan *link
	// refuse answers the handshake instead of the hub while it is true.
	mu     sync.Mutex
	refuse int
	dials  int
	deaf   bool // reads nothing after the subscription: no pongs
}

func newHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{links: make(chan *link, 32)}
	var open sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Done()
		h.serve(ctx, w, r)
	}))
	t.Cleanup(func() { stop(); h.Close(); open.Wait() })
	return h
}

func (h *hub) serve(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.dials++
	refuse, deaf := h.refuse, h.deaf
	h.mu.Unlock()
	if refuse != 0 || r.URL.Path != "/v1/sync/bookings-subscription" || r.URL.RawQuery != "" {
		w.WriteHeader(max(refuse, http.StatusNotFound))
		return
	}
	pings := make(chan struct{}, 1000)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OnPingReceived: func(context.Context, []byte) bool { pings <- struct{}{}; return true },
	})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	_, data, err := conn.Read(ctx)
	if err != nil {
		return
	}
	var first subscribeBody
	if json.Unmarshal(data, &first) != nil {
		return
	}
	l := &link{conn: conn, assets: first.AssetIDs, raw: string(data), ended: make(chan struct{}), pings: pings}
	h.links <- l
	if deaf {
		<-ctx.Done()
		return
	}
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	close(l.ended)
}

func (h *hub) setRefuse(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = status
}

// hearing records what the handler is told, in order.
type hearing struct {
	events  chan any // "connected", error (disconnected), nil error as "idle", Group
	block   chan struct{}
	changed func(Group) error
}

func newHearing() *hearing { return &hearing{events: make(chan any, 1000)} }

func (h *hearing) Connected(context.Context) error { h.events <- "connected"; return nil }

func (h *hearing) Disconnected(_ context.Context, err error) {
	if err == nil {
		h.events <- "idle"
		return
	}
	h.events <- err
}

func (h *hearing) Changed(ctx context.Context, group Group) error {
	h.events <- group
	if h.block != nil {
		select {
		case <-h.block:
		case <-ctx.Done():
		}
	}
	if h.changed != nil {
		return h.changed(group)
	}
	return nil
}

func quickly() StreamOptions {
	return StreamOptions{
		PingInterval: 20 * time.Millisecond, ReadTimeout: 5 * time.Second, SubscribeWait: time.Second,
		MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond, HealthyAfter: time.Hour,
	}
}

// patient pings often enough to outlive its read timeout of ten pings.
func patient() StreamOptions {
	options := quickly()
	options.PingInterval, options.ReadTimeout = 100*time.Millisecond, time.Second
	return options
}

// outlive waits until a patient connection has lasted longer than it could
// without pings.
func (l *link) outlive(t *testing.T) {
	t.Helper()
	for range 15 {
		next(t, l.pings)
	}
}

// listen runs a listener until the test ends and checks that Run comes back.
func listen(t *testing.T, h *hub, options Options, handler Handler, assets ...AssetID) *Listener {
	t.Helper()
	options.BaseURL = h.URL + "/v1"
	if options.Stream == (StreamOptions{}) {
		options.Stream = quickly()
	}
	listener := newClient(t, options).NewListener(handler)
	listener.SetAssets(assets)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- listener.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.ErrorIs(t, next(t, ended), context.Canceled)
	})
	return listener
}

func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(20 * time.Second):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// nextConnected skips failed attempts.
func nextConnected(t *testing.T, h *hearing) {
	t.Helper()
	for {
		switch event := next(t, h.events).(type) {
		case string:
			require.Equal(t, "connected", event)
			return
		case error:
		default:
			require.FailNow(t, "unexpected event", "%v", event)
		}
	}
}

const push = `{"id":17,"bookings":[{"ID":201,"assetIds":[502],"organizerID":"ann@corp.test","start":"2025-03-03T09:00:00Z","end":"2025-03-03T10:00:00Z","cancelled":false}]}`

func pushed() Group {
	return Group{ID: 17, Bookings: []Booking{{
		ID: 201, Group: 17, Assets: []AssetID{502}, Organizer: "ann@corp.test",
		Start: at("2025-03-03T09:00:00Z").UTC(), End: at("2025-03-03T10:00:00Z").UTC(),
	}}}
}
