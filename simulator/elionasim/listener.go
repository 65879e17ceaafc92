package elionasim

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/coder/websocket"

	"ews/simulator/front"
)

// listenerBacklog is how many messages a slow listener may be behind before
// it is disconnected.
const listenerBacklog = 256

// broadcast hands changes of assets and data to connected listeners. Nothing
// is replayed.
type broadcast struct {
	mu        sync.Mutex
	closed    bool
	listeners map[*listener]struct{}
	serving   sync.WaitGroup // one per listener
}

type listener struct {
	wants    func(any) bool
	messages chan []byte
	// cancel ends the connection of a listener that fell behind.
	cancel context.CancelFunc
}

// assetEvent and dataEvent are the model with the kind of change as status.
type assetEvent struct {
	Asset
	StatusCode int `json:"statusCode"`
}

type dataEvent struct {
	Data
	StatusCode int `json:"statusCode"`
}

func newBroadcast() *broadcast { return &broadcast{listeners: map[*listener]struct{}{}} }

func (b *broadcast) asset(asset Asset, status int) { b.send(assetEvent{asset, status}) }
func (b *broadcast) data(data Data, status int)    { b.send(dataEvent{data, status}) }

func (b *broadcast) send(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		if !l.wants(event) {
			continue
		}
		message, err := json.Marshal(event)
		if err != nil {
			continue
		}
		select {
		case l.messages <- message:
		default:
			l.cancel()
		}
	}
}

func (b *broadcast) add(l *listener) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.serving.Add(1)
	b.listeners[l] = struct{}{}
	return true
}

func (b *broadcast) remove(l *listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, l)
	b.serving.Done()
}

// close disconnects all listeners, refuses new ones, and waits until the last
// has gone.
func (b *broadcast) close() {
	b.mu.Lock()
	b.closed = true
	for l := range b.listeners {
		l.cancel()
	}
	b.mu.Unlock()
	b.serving.Wait()
}

func (s *Server) listenAssets(w http.ResponseWriter, r *http.Request) error {
	return s.serveListener(w, r, func(event any) bool {
		_, ok := event.(assetEvent)
		return ok
	})
}

func (s *Server) listenData(w http.ResponseWriter, r *http.Request) error {
	id, err := optionalID(r, "assetId")
	if err != nil {
		return err
	}
	subtype := r.URL.Query().Get("dataSubtype")
	return s.serveListener(w, r, func(event any) bool {
		data, ok := event.(dataEvent)
		return ok && (id == 0 || data.AssetID == id) && matches(subtype, data.Subtype)
	})
}

func (s *Server) serveListener(w http.ResponseWriter, r *http.Request, wants func(any) bool) error {
	if r.Header.Get("Upgrade") == "" {
		return front.Refuse(http.StatusBadRequest, "this endpoint speaks WebSocket")
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		// Accept has answered already.
		return nil
	}
	defer func() { _ = conn.CloseNow() }()
	ctx, cancel := context.WithCancel(conn.CloseRead(r.Context()))
	defer cancel()
	l := &listener{wants: wants, messages: make(chan []byte, listenerBacklog), cancel: cancel}
	if !s.listen.add(l) {
		return nil
	}
	defer s.listen.remove(l)
	for {
		select {
		case <-ctx.Done():
			return nil
		case message := <-l.messages:
			if err := conn.Write(ctx, websocket.MessageText, message); err != nil {
				return nil
			}
		}
	}
}
