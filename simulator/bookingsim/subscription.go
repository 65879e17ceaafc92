package bookingsim

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"ews/simulator/front"
)

// writeTimeout is how long a subscriber may take to accept a message.
const writeTimeout = 10 * time.Second

// maxAnnouncement is the size of an announcement; a building has many assets.
const maxAnnouncement = 4 << 20

// subscription is one WebSocket. Its fields, except conn and woken, are
// guarded by the server's lock.
type subscription struct {
	conn      *websocket.Conn
	assets    map[int32]bool
	reference string
	queue     [][]byte
	woken     chan struct{} // holds an element when queue is not empty
}

// Subscription describes a connected subscriber.
type Subscription struct {
	AssetIDs        []int32 `json:"assetIDs"`
	ClientReference string  `json:"clientReference"`
}

// Subscriptions returns the subscribers that are connected now.
func (s *Server) Subscriptions() []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Subscription{}
	for sub := range s.subscriptions {
		assets := []int32{}
		for asset := range sub.assets {
			assets = append(assets, asset)
		}
		slices.Sort(assets)
		out = append(out, Subscription{AssetIDs: assets, ClientReference: sub.reference})
	}
	return out
}

// DropSockets cuts every subscription without a closing handshake and tells
// how many there were.
func (s *Server) DropSockets() int {
	s.mu.Lock()
	subs := make([]*subscription, 0, len(s.subscriptions))
	for sub := range s.subscriptions {
		subs = append(subs, sub)
	}
	s.mu.Unlock()
	for _, sub := range subs {
		_ = sub.conn.CloseNow()
	}
	return len(subs)
}

func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Upgrade") == "" {
		return front.Refuse(http.StatusBadRequest, "this endpoint speaks WebSocket")
	}
	heard := make(chan struct{}, 1)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true,
		OnPingReceived:     func(context.Context, []byte) bool { touch(heard); return true },
	})
	if err != nil {
		// Accept has answered already.
		return nil
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxAnnouncement)
	sub := &subscription{conn: conn, assets: map[int32]bool{}, woken: make(chan struct{}, 1)}
	if !s.join(sub) {
		return nil
	}
	defer s.leave(sub)

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var beside sync.WaitGroup
	beside.Go(func() { s.deliver(ctx, sub) })
	beside.Go(func() { s.cutIdle(ctx, sub, heard) })
	s.listen(ctx, sub, heard)
	cancel()
	beside.Wait()
	return nil
}

func touch(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// cutIdle ends a subscription that was silent for too long.
func (s *Server) cutIdle(ctx context.Context, sub *subscription, heard <-chan struct{}) {
	idle := time.Duration(s.Switches().IdleSeconds) * time.Second
	if idle == 0 {
		return
	}
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-heard:
			timer.Reset(idle)
		case <-timer.C:
			_ = sub.conn.CloseNow()
			return
		}
	}
}

func (s *Server) join(sub *subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.serving.Add(1)
	s.subscriptions[sub] = struct{}{}
	return true
}

func (s *Server) leave(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subscriptions, sub)
	s.serving.Done()
}

// listen reads announcements until the connection ends. Each adds assets;
// none can be taken back.
func (s *Server) listen(ctx context.Context, sub *subscription, heard chan<- struct{}) {
	for {
		_, message, err := sub.conn.Read(ctx)
		if err != nil {
			return
		}
		touch(heard)
		var request subscribeRequest
		if err := front.DecodeJSON(message, &request); err != nil {
			_ = sub.conn.Close(websocket.StatusPolicyViolation, "not a subscription request")
			return
		}
		s.announce(sub, request)
	}
}

func (s *Server) announce(sub *subscription, request subscribeRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if request.ClientReference != "" {
		sub.reference = request.ClientReference
	}
	fresh := map[int32]bool{}
	for _, asset := range request.AssetIDs {
		if !sub.assets[asset] {
			fresh[asset] = true
		}
		sub.assets[asset] = true
	}
	if !s.switches.ReplayOnSubscribe {
		return
	}
	replayed := map[int32]bool{}
	for _, b := range s.sortedLocked() {
		concerns := slices.ContainsFunc(b.assets, func(asset int32) bool { return fresh[asset] })
		if b.cancelled || !concerns || replayed[b.group] {
			continue
		}
		replayed[b.group] = true
		sub.enqueue(s.messageLocked(b.group, s.groups[b.group]))
	}
}

// deliver is the only writer of data to the connection.
func (s *Server) deliver(ctx context.Context, sub *subscription) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-sub.woken:
		}
		s.mu.Lock()
		messages := sub.queue
		sub.queue = nil
		s.mu.Unlock()
		for _, message := range messages {
			timeout, cancel := context.WithTimeout(ctx, writeTimeout)
			err := sub.conn.Write(timeout, websocket.MessageText, message)
			cancel()
			if err != nil {
				_ = sub.conn.CloseNow()
				return
			}
		}
	}
}

func (sub *subscription) enqueue(message []byte) {
	sub.queue = append(sub.queue, message)
	select {
	case sub.woken <- struct{}{}:
	default:
	}
}

// pushLocked queues the change for everybody who watches one of the assets
// concerned and did not cause it. Queueing happens under the lock that
// guards the bookings, so messages arrive in the order of the changes.
func (s *Server) pushLocked(groupID int32, changed, assets []int32, reference string) {
	if len(changed) == 0 {
		return
	}
	content := changed
	if s.switches.PushContent == FullGroup {
		content = s.groups[groupID]
	}
	message := s.messageLocked(groupID, content)
	for sub := range s.subscriptions {
		if s.switches.EchoSuppression && reference != "" && reference == sub.reference {
			continue
		}
		copies := 0
		for _, asset := range assets {
			if sub.assets[asset] {
				copies++
			}
		}
		if !s.switches.DuplicatesPerAsset {
			copies = min(copies, 1)
		}
		for range copies {
			sub.enqueue(message)
		}
	}
}

func (s *Server) messageLocked(groupID int32, ids []int32) []byte {
	message := pushedGroup{ID: groupID, Bookings: []any{}}
	for _, id := range ids {
		b := s.bookings[id]
		pushed := pushedBooking{
			ID: b.id, AssetIDs: b.assets, OrganizerID: b.organizer, Cancelled: b.cancelled,
			Start: s.switches.instant(b.start), End: s.switches.instant(b.end),
		}
		if s.switches.PushIDKey == PushIDLowerCase {
			message.Bookings = append(message.Bookings, pushedBookingLower(pushed))
		} else {
			message.Bookings = append(message.Bookings, pushed)
		}
	}
	encoded, err := json.Marshal(message)
	if err != nil {
		// Only times beyond the year 9999 cannot be encoded; decoding has
		// refused them.
		s.opts.Log.Error("encoding a pushed group", "group", groupID, "error", err)
	}
	return encoded
}
