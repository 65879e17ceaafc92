package booking

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

func TestListenSubscribesAndHandsChangesOver(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listen(t, h, Options{}, heard, 503, 502, 502)
	l := next(t, h.links)
	require.JSONEq(t, `{"assetIDs":[502,503],"clientReference":"ews-app"}`, l.raw)
	require.Contains(t, l.raw, `"assetIDs"`)
	require.Equal(t, "connected", next(t, heard.events))
	l.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
}

func TestU01U02GroupsAreHandedOverAsTheyCome(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listen(t, h, Options{}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	l.push(t, `{"id":17,"bookings":[{"ID":201,"cancelled":true}]}`)
	l.push(t, `{"id":17,"bookings":[{"ID":201,"cancelled":true},{"ID":202},{"ID":203}]}`)
	single, ok := next(t, heard.events).(Group)
	require.True(t, ok)
	require.Len(t, single.Bookings, 1, "a short message is not taken for a whole group")
	whole, ok := next(t, heard.events).(Group)
	require.True(t, ok)
	require.Len(t, whole.Bookings, 3)
	require.True(t, whole.Bookings[0].Cancelled)
	require.False(t, whole.Bookings[1].Cancelled)
}

func TestU03PushesAreReadInAnySpelling(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listen(t, h, Options{}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	l.push(t, `{"ID":17,"type":"update","Bookings":[{"id":201,"AssetIDs":[502],"organizerId":"ann@corp.test","Start":"2025-03-03T10:00:00+01:00","End":"2025-03-03T11:00:00.000+01:00","x":null}]}`)
	require.Equal(t, pushed(), next(t, heard.events))
}

func TestU05DuplicatesAreNotHidden(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listen(t, h, Options{}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	l.push(t, push)
	l.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
	require.Equal(t, pushed(), next(t, heard.events))
}

func TestU06EveryReconnectAsksForReconciliation(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listen(t, h, Options{}, heard, 502)
	for range 3 {
		l := next(t, h.links)
		nextConnected(t, heard)
		require.NoError(t, l.conn.Close(websocket.StatusGoingAway, "ann@corp.test"))
		err, ok := next(t, heard.events).(error)
		require.True(t, ok)
		require.Equal(t, Transient, asError(t, err).Class)
		require.NotContains(t, err.Error(), "ann")
	}
}

func TestU07TheReferenceIsAnnouncedOnBothWays(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listen(t, h, Options{ClientReference: "other"}, heard, 502)
	require.Contains(t, next(t, h.links).raw, `"clientReference":"other"`)

	a := storing(t)
	client := newClient(t, Options{BaseURL: a.URL, ClientReference: "other"})
	_, err := client.UpsertGroup(t.Context(), series(week(1)...))
	require.NoError(t, err)
	require.Equal(t, "clientReference=other", a.seen()[0].Query)
}

func TestU22NoAssetsNoConnection(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listener := listen(t, h, Options{}, heard)
	listener.SetAssets([]AssetID{502})
	l := next(t, h.links)
	require.Equal(t, []AssetID{502}, l.assets)
	require.Equal(t, "connected", next(t, heard.events))
	listener.SetAssets(nil)
	require.Equal(t, "idle", next(t, heard.events))
	next(t, l.ended)
	require.Equal(t, 1, h.dials)
}

func TestU22NewAssetsOnANewConnectionBeforeTheOldOneEnds(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listener := listen(t, h, Options{}, heard, 502)
	old := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))

	h.setRefuse(http.StatusServiceUnavailable)
	listener.SetAssets([]AssetID{502, 503})
	old.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events), "the old connection lives on while the new one fails")
	h.setRefuse(0)

	fresh := next(t, h.links)
	require.Equal(t, []AssetID{502, 503}, fresh.assets)
	require.Equal(t, "connected", next(t, heard.events), "no disconnection in between")
	next(t, old.ended)
	fresh.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))

	listener.SetAssets([]AssetID{503, 502, 503})
	fresh.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
	require.Empty(t, h.links, "the same set is no change")
}

func TestU23ASilentServerIsLeft(t *testing.T) {
	h, heard := newHub(t), newHearing()
	h.deaf = true
	options := quickly()
	options.ReadTimeout, options.SubscribeWait = 300*time.Millisecond, time.Millisecond
	listen(t, h, Options{Stream: options}, heard, 502)
	next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events), "a server that gives no sign is used nevertheless")
	err, ok := next(t, heard.events).(error)
	require.True(t, ok)
	require.ErrorIs(t, err, errSilent)
	next(t, h.links)
}

func TestU23PingsKeepAnIdleConnection(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listen(t, h, Options{Stream: patient()}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	l.outlive(t)
	l.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
}

func TestU24AnAppThatIsDownIsTriedAgain(t *testing.T) {
	h, heard := newHub(t), newHearing()
	h.setRefuse(http.StatusBadGateway)
	listen(t, h, Options{}, heard, 502)
	for range 3 {
		err, ok := next(t, heard.events).(error)
		require.True(t, ok)
		failure := asError(t, err)
		require.Equal(t, Transient, failure.Class)
		require.Equal(t, http.StatusBadGateway, failure.Status)
	}
	h.setRefuse(0)
	nextConnected(t, heard)
}

func TestMalformedMessagesAreReportedWithoutContentAndSkipped(t *testing.T) {
	h, heard := newHub(t), newHearing()
	var mu sync.Mutex
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
	listen(t, h, Options{Logger: logger}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	for _, bad := range []string{
		``, `{`, `null`, `"ann@corp.test"`, `[{"id":17}]`, `{"id":"ann@corp.test"}`,
		`{"id":17,"bookings":[{"organizerID":"ann@corp.test"}]}`,
	} {
		l.push(t, bad)
	}
	l.push(t, `{"id":17,"bookings":[{"ID":"ann@corp.test"},`+push[len(`{"id":17,"bookings":[`):])
	require.Equal(t, pushed(), next(t, heard.events), "what is readable is kept")
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 8, bytes.Count(log.Bytes(), []byte("level=WARN")))
	require.NotContains(t, log.String(), "ann")
}

type lockedWriter struct {
	mu  *sync.Mutex
	out *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func TestTooLargeMessagesEndTheConnection(t *testing.T) {
	h, heard := newHub(t), newHearing()
	listen(t, h, Options{MaxBodyBytes: 1000}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	_ = l.conn.Write(t.Context(), websocket.MessageText, bytes.Repeat([]byte(" "), 2000))
	_, ok := next(t, heard.events).(error)
	require.True(t, ok)
	nextConnected(t, heard)
}

func TestAFullQueueReconnectsSoThatNothingIsLost(t *testing.T) {
	h, heard := newHub(t), newHearing()
	heard.block = make(chan struct{})
	options := quickly()
	options.Queue = 2
	listen(t, h, Options{Stream: options}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	l.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events)) // and the handler blocks
	for range 3 {
		l.push(t, push)
	}
	next(t, l.ended)
	close(heard.block)
	require.Equal(t, pushed(), next(t, heard.events), "what was queued is still handed over")
	require.Equal(t, pushed(), next(t, heard.events))
	err, ok := next(t, heard.events).(error)
	require.True(t, ok)
	require.ErrorIs(t, err, errOverflow)
	nextConnected(t, heard)
}

func TestNewsThatTheHandlerCannotKeepReconnects(t *testing.T) {
	h, heard := newHub(t), newHearing()
	lost := errors.New("database is down")
	failed := false
	heard.changed = func(Group) error {
		if failed {
			return nil
		}
		failed = true
		return lost
	}
	listen(t, h, Options{}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	l.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
	err, ok := next(t, heard.events).(error)
	require.True(t, ok)
	require.ErrorIs(t, err, lost)
	fresh := next(t, h.links)
	nextConnected(t, heard)
	fresh.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
}

func TestABusyHandlerDoesNotStopPings(t *testing.T) {
	h, heard := newHub(t), newHearing()
	heard.block = make(chan struct{})
	listen(t, h, Options{Stream: patient()}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	l.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
	l.outlive(t)
	close(heard.block)
	l.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
}

func TestListenEndsWhileTheHandlerIsBusy(t *testing.T) {
	h, heard := newHub(t), newHearing()
	heard.block = make(chan struct{}) // only the context ends it
	listen(t, h, Options{}, heard, 502)
	l := next(t, h.links)
	require.Equal(t, "connected", next(t, heard.events))
	l.push(t, push)
	require.Equal(t, pushed(), next(t, heard.events))
}

func TestListenReturnsTheContextsError(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	client := newClient(t, Options{BaseURL: "http://127.0.0.1:1/v1"})
	require.ErrorIs(t, client.Listen(ctx, []AssetID{1}, newHearing()), context.Canceled)
}

func TestChangesNeverOvertakeEachOther(t *testing.T) {
	events := make(chan event, 8)
	s := &session{}
	require.NoError(t, s.enqueue(events, Group{ID: 1}))
	require.NoError(t, s.enqueue(events, Group{ID: 2}))
	require.Empty(t, events, "nothing before Connected")
	s.release(events)
	require.NoError(t, s.enqueue(events, Group{ID: 3}))
	s.mute()
	require.NoError(t, s.enqueue(events, Group{ID: 4}), "its successor tells it")
	for _, want := range []GroupID{1, 2, 3} {
		require.Equal(t, want, (<-events).group.ID)
	}
	require.Empty(t, events)
}

func TestPausesStayWithinTheirBounds(t *testing.T) {
	client := newClient(t, Options{BaseURL: "http://booking/v1"})
	pause := client.stream.pause()
	for range 100 {
		wait := pause.NextBackOff()
		require.GreaterOrEqual(t, wait, time.Second)
		require.LessOrEqual(t, wait, time.Minute+time.Millisecond)
	}
}
