package bookingsim_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"ews/simulator/bookingsim"
)

// waitFor bounds what must happen soon.
const waitFor = 5 * time.Second

// subscriber is a connected WebSocket.
type subscriber struct {
	t    *testing.T
	conn *websocket.Conn
}

// subscribe connects and returns when the announcement has arrived.
func (a *app) subscribe(reference string, assets ...int32) subscriber {
	a.t.Helper()
	before := len(a.Subscriptions())
	conn, response, err := websocket.Dial(a.t.Context(), strings.Replace(a.url, "http", "ws", 1)+"/sync/bookings-subscription", nil)
	require.NoError(a.t, err)
	if response.Body != nil {
		_ = response.Body.Close()
	}
	a.t.Cleanup(func() { _ = conn.CloseNow() })
	s := subscriber{a.t, conn}
	s.announce(reference, assets...)
	require.Eventually(a.t, func() bool {
		subs := a.Subscriptions()
		if len(subs) <= before {
			return false
		}
		for _, sub := range subs {
			if sub.ClientReference == reference && len(sub.AssetIDs) == len(assets) {
				return true
			}
		}
		return false
	}, waitFor, time.Millisecond)
	return s
}

func (s subscriber) announce(reference string, assets ...int32) {
	s.t.Helper()
	message, err := json.Marshal(map[string]any{"assetIDs": assets, "clientReference": reference})
	require.NoError(s.t, err)
	require.NoError(s.t, s.conn.Write(s.t.Context(), websocket.MessageText, message))
}

type pushed struct {
	ID       int32            `json:"id"`
	Bookings []map[string]any `json:"bookings"`
}

func (s subscriber) next() pushed {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), waitFor)
	defer cancel()
	kind, message, err := s.conn.Read(ctx)
	require.NoError(s.t, err)
	require.Equal(s.t, websocket.MessageText, kind)
	return decode[pushed](s.t, string(message))
}

// ids returns the booking ids of a message, cancelled ones negative.
func (p pushed) ids(t *testing.T) []int {
	t.Helper()
	out := []int{}
	for _, b := range p.Bookings {
		key := "ID"
		if _, ok := b["id"]; ok {
			key = "id"
		}
		id := int(b[key].(float64))
		if b["cancelled"].(bool) {
			id = -id
		}
		out = append(out, id)
	}
	return out
}

func slot(from, to string, assets ...int32) bookingsim.Slot {
	return bookingsim.Slot{AssetIDs: assets, Start: at(from), End: at(to)}
}

// mark makes a change whose message tells that nothing else came before it.
func (a *app) mark(t *testing.T, s subscriber, asset int32) {
	t.Helper()
	placed, err := a.Book("mark@example.com", slot("22:00", "23:00", asset))
	require.NoError(t, err)
	require.Equal(t, placed.GroupID, s.next().ID, "an unexpected message came first")
}

func TestPushContents(t *testing.T) {
	a := start(t, bookingsim.Options{})
	s := a.subscribe("ews-app", 502, 503)

	placed, err := a.Book("alice@example.com", slot("09:00", "10:00", 502))
	require.NoError(t, err)
	message := s.next()
	require.Equal(t, placed.GroupID, message.ID)
	require.Equal(t, []map[string]any{{
		"ID": 1.0, "assetIds": []any{502.0}, "organizerID": "alice@example.com",
		"start": day + "09:00:00Z", "end": day + "10:00:00Z", "cancelled": false,
	}}, message.Bookings)

	require.NoError(t, a.Move(1, at("10:00"), at("11:00")))
	message = s.next()
	require.Equal(t, day+"10:00:00Z", message.Bookings[0]["start"])
	require.NoError(t, a.ChangeAssets(1, []int32{999}))
	require.Equal(t, []any{999.0}, s.next().Bookings[0]["assetIds"], "who watched the former asset learns of the change")
	require.NoError(t, a.ChangeAssets(1, []int32{503}))
	s.next()
	require.NoError(t, a.Cancel(1))
	require.Equal(t, []int{-1}, s.next().ids(t))

	_, err = a.Book("alice@example.com", slot("09:00", "10:00", 999))
	require.NoError(t, err)
	_, err = a.AdHoc(slot("09:00", "10:00", 502))
	require.NoError(t, err)
	message = s.next()
	organizer, present := message.Bookings[0]["organizerID"].(string)
	require.True(t, present)
	require.Empty(t, organizer)
	require.NoError(t, a.NoShow(3))
	require.Equal(t, []int{-3}, s.next().ids(t))
	require.Equal(t, "no-show", a.Bookings()[2].Reason)
}

func TestSwitchPushContent(t *testing.T) {
	for content, want := range map[string][][]int{
		bookingsim.FullGroup:   {{1, 2, 3}, {1, -2, 3}, {-1, -2, -3}},
		bookingsim.ChangedOnly: {{1, 2, 3}, {-2}, {-1, -3}},
	} {
		t.Run(content, func(t *testing.T) {
			a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.PushContent = content })
			s := a.subscribe("ews-app", 502)
			placed, err := a.Book("alice@example.com", slot("09:00", "10:00", 502), slot("11:00", "12:00", 502), slot("13:00", "14:00", 502))
			require.NoError(t, err)
			require.NoError(t, a.Cancel(2))
			require.NoError(t, a.CancelGroup(placed.GroupID))
			for _, ids := range want {
				require.Equal(t, ids, s.next().ids(t))
			}
		})
	}
}

func TestSwitchPushIDKey(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.PushIDKey = bookingsim.PushIDLowerCase })
	s := a.subscribe("ews-app", 502)
	_, err := a.Book("alice@example.com", slot("09:00", "10:00", 502))
	require.NoError(t, err)
	message := s.next()
	require.Contains(t, message.Bookings[0], "id")
	require.NotContains(t, message.Bookings[0], "ID")
}

func TestSwitchDuplicatesPerAsset(t *testing.T) {
	for duplicates, copies := range map[bool]int{false: 1, true: 2} {
		a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.DuplicatesPerAsset = duplicates })
		s := a.subscribe("ews-app", 502, 503)
		_, err := a.Book("alice@example.com", slot("09:00", "10:00", 502, 503, 504))
		require.NoError(t, err)
		for range copies {
			require.Equal(t, []int{1}, s.next().ids(t))
		}
		a.mark(t, s, 502)
	}
}

func TestSwitchEchoSuppression(t *testing.T) {
	for suppressed, want := range map[bool]int{true: 0, false: 2} {
		a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.EchoSuppression = suppressed })
		own, other := a.subscribe("ews-app", 502), a.subscribe("other", 502)
		a.putGroup(0, occurrence(0, "09:00", "10:00", 502))
		status, _ := a.call("DELETE", "/bookings/1?clientReference=ews-app", nil)
		require.Equal(t, 204, status)
		for range 2 {
			other.next()
		}
		for range want {
			own.next()
		}
		a.mark(t, own, 502)
	}
}

func TestSwitchReplayOnSubscribe(t *testing.T) {
	for replay, want := range map[bool][][]int{false: nil, true: {{1, -2}, {4}}} {
		a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.ReplayOnSubscribe = replay })
		_, err := a.Book("alice@example.com", slot("09:00", "10:00", 502), slot("11:00", "12:00", 502))
		require.NoError(t, err)
		_, err = a.Book("alice@example.com", slot("09:00", "10:00", 999))
		require.NoError(t, err)
		_, err = a.Book("alice@example.com", slot("09:00", "10:00", 502))
		require.NoError(t, err)
		require.NoError(t, a.Cancel(2))
		s := a.subscribe("ews-app", 502)
		for _, ids := range want {
			require.Equal(t, ids, s.next().ids(t))
		}
		a.mark(t, s, 502)
	}
}

func TestUnchangedWriteIsNotPushed(t *testing.T) {
	a := start(t, bookingsim.Options{})
	a.putGroup(0, occurrence(0, "09:00", "10:00", 502))
	s := a.subscribe("other", 502)
	a.putGroup(0, occurrence(1, "09:00", "10:00", 502))
	a.mark(t, s, 502)
}

func TestFurtherAnnouncementsAddAssets(t *testing.T) {
	a := start(t, bookingsim.Options{})
	s := a.subscribe("ews-app")
	s.announce("", 502)
	s.announce("", 503)
	require.Eventually(t, func() bool { return len(a.Subscriptions()[0].AssetIDs) == 2 }, waitFor, time.Millisecond)
	require.Equal(t, "ews-app", a.Subscriptions()[0].ClientReference)
	a.mark(t, s, 502)
	a.mark(t, s, 503)

	many := make([]int32, 20_000)
	for i := range many {
		many[i] = int32(100_000 + i)
	}
	s.announce("", many...)
	require.Eventually(t, func() bool { return len(a.Subscriptions()[0].AssetIDs) == 2+len(many) }, waitFor, time.Millisecond)
}

func TestDropSockets(t *testing.T) {
	a := start(t, bookingsim.Options{})
	first, second := a.subscribe("a", 502), a.subscribe("b", 502)
	require.Equal(t, int64(2), a.stats.Snapshot()["booking"]["GET /sync/bookings-subscription"].Requests, "sockets count when they begin")
	require.Equal(t, 2, a.DropSockets())
	for _, s := range []subscriber{first, second} {
		ctx, cancel := context.WithTimeout(t.Context(), waitFor)
		_, _, err := s.conn.Read(ctx)
		cancel()
		require.Error(t, err)
		require.Equal(t, websocket.StatusCode(-1), websocket.CloseStatus(err), "no closing handshake")
	}
	require.Eventually(t, func() bool { return len(a.Subscriptions()) == 0 }, waitFor, time.Millisecond)
	// What happened meanwhile is lost for who comes back.
	_, err := a.Book("alice@example.com", slot("09:00", "10:00", 502))
	require.NoError(t, err)
	a.mark(t, a.subscribe("a", 502), 502)
}

func TestSwitchIdleSeconds(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.IdleSeconds = 1 })
	silent, alive := a.subscribe("silent", 502), a.subscribe("alive", 503)
	pings, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for pings.Err() == nil {
			_ = alive.conn.Ping(pings)
			<-ticker.C
		}
	}()
	go func() { _, _, _ = alive.conn.Read(pings) }() // a ping is answered to a reader
	_, _, err := silent.conn.Read(t.Context())
	require.Error(t, err)
	require.Eventually(t, func() bool { return len(a.Subscriptions()) == 1 }, waitFor, time.Millisecond)
	require.Equal(t, "alive", a.Subscriptions()[0].ClientReference)
	stop()
	<-ended
}

func TestSubscriptionRefusals(t *testing.T) {
	a := start(t, bookingsim.Options{})
	status, _ := a.call(http.MethodGet, "/sync/bookings-subscription", nil)
	require.Equal(t, 400, status)

	s := a.subscribe("ews-app", 502)
	require.NoError(t, s.conn.Write(t.Context(), websocket.MessageText, []byte(`{"assets":[1]}`)))
	_, _, err := s.conn.Read(t.Context())
	require.Equal(t, websocket.StatusPolicyViolation, websocket.CloseStatus(err))
}

func TestMessagesKeepTheOrderOfChanges(t *testing.T) {
	a := start(t, bookingsim.Options{})
	s := a.subscribe("ews-app", 502)
	const changes = 200
	_, err := a.Book("alice@example.com", slot("09:00", "10:00", 502))
	require.NoError(t, err)
	for i := range changes {
		require.NoError(t, a.Move(1, at("10:00").Add(time.Duration(i)*time.Minute), at("20:00")))
	}
	s.next()
	for i := range changes {
		want := at("10:00").Add(time.Duration(i) * time.Minute).Format(time.RFC3339)
		require.Equal(t, want, s.next().Bookings[0]["start"])
	}
}
