package ews

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ews/exchange/budget"
	"ews/exchange/ews/wire"
)

// streamed is one document of a streaming answer.
func streamed(content string) string {
	return messages("GetStreamingEvents", success("GetStreamingEvents", content))
}

func connection(status string) string {
	return "<m:ConnectionStatus>" + status + "</m:ConnectionStatus>"
}

func notification(id string, events ...string) string {
	var b strings.Builder
	for _, kind := range events {
		fmt.Fprintf(&b, `<t:%[1]s><t:TimeStamp>2026-12-01T09:00:07Z</t:TimeStamp><t:ItemId Id="%[2]s-item" ChangeKey="AQAAAA=="/>`+
			`<t:ParentFolderId Id="F" ChangeKey="AQAAAA=="/></t:%[1]s>`, kind, id)
	}
	return "<m:Notifications><m:Notification><t:SubscriptionId>" + id + "</t:SubscriptionId>" + b.String() + "</m:Notification></m:Notifications>"
}

// noLeaks fails the test if it leaves goroutines behind.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// newStreamFake answers streams by a function that may keep them open until
// the test ends. Other operations are answered as the table says.
func newStreamFake(t *testing.T, others map[string]string, serve func(w http.ResponseWriter, send func(string), ended <-chan struct{})) *fake {
	t.Helper()
	noLeaks(t)
	ended := make(chan struct{})
	f := newFake(t, func(_ int, s seen, w http.ResponseWriter) {
		if s.operation != "GetStreamingEvents" {
			sendXML(w, 200, others[s.operation])
			return
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		serve(w, func(text string) {
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		}, ended)
	})
	t.Cleanup(func() { close(ended) })
	return f
}

// ear collects what is notified.
type ear struct {
	mu    sync.Mutex
	calls [][]Notification
	news  chan struct{}
}

func newEar() *ear { return &ear{news: make(chan struct{}, 100)} }

func (e *ear) visit(n []Notification) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, n)
	e.news <- struct{}{}
}

// hear waits for the next call and returns its notifications.
func (e *ear) hear(t *testing.T) []Notification {
	t.Helper()
	select {
	case <-e.news:
	case <-time.After(5 * time.Second):
		require.FailNow(t, "nothing is heard")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls[len(e.calls)-len(e.news)-1]
}

var (
	subscribed = map[string]string{
		"Subscribe":       messages("Subscribe", success("Subscribe", "<m:SubscriptionId> S </m:SubscriptionId>")),
		"ResolveNames":    messages("ResolveNames", success("ResolveNames", "")),
		"Unsubscribe":     messages("Unsubscribe", success("Unsubscribe", "")),
		"GetRoomLists":    envelope(`<m:GetRoomListsResponse ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode></m:GetRoomListsResponse>`),
		"SyncFolderItems": messages("SyncFolderItems", failed("SyncFolderItems", "Error", "ErrorServerBusy")),
	}
	twoIDs = StreamRequest{Subscriptions: []SubscriptionID{"a", "b"}}
)

func TestNotificationsArriveWhileTheConnectionStaysOpen(t *testing.T) {
	script := make(chan string)
	f := newStreamFake(t, nil, func(_ http.ResponseWriter, send func(string), ended <-chan struct{}) {
		for {
			select {
			case text, ok := <-script:
				if !ok {
					return
				}
				send(text)
			case <-ended:
				return
			}
		}
	})
	c := f.newClient(t, func(o *Options) { o.RequestTimeout = 300 * time.Millisecond })
	heard := newEar()
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := c.GetStreamingEvents(t.Context(), room, twoIDs, heard.visit)
		done <- err
	}()
	script <- "\xEF\xBB\xBF" + streamed(connection("OK"))
	require.Empty(t, heard.hear(t))
	// One document in many parts, with what XML does not allow.
	text := streamed(strings.Replace(notification("a", "CreatedEvent", "ModifiedEvent"), "a-item", "a&#x1A;\x01-item", 1))
	for part := range slices.Chunk([]byte(text), 97) {
		script <- string(part)
	}
	got := heard.hear(t)
	require.Equal(t, []Notification{{Subscription: "a", Events: []Event{{Kind: EventCreated, ItemID: "a-item"}, {Kind: EventModified, ItemID: "a-item"}}}}, got)
	// Several documents in one part.
	script <- streamed(notification("b", "MovedEvent")) + "\r\n" + streamed(notification("b", statusEvent)) + streamed(connection("OK"))
	require.Len(t, heard.hear(t), 1)
	require.Empty(t, heard.hear(t))
	require.Empty(t, heard.hear(t))
	for time.Since(began) < 400*time.Millisecond {
		script <- streamed(connection("OK")) // the timeout of requests does not apply
		heard.hear(t)
	}
	// Namespaces as the schema has them, events of folders, unknown elements.
	plain := strings.NewReplacer("m:Notification>", "t:Notification>", "t:ItemId", "t:FolderId").Replace(notification("a", "DeletedEvent", "FreeBusyChangedEvent"))
	script <- streamed(strings.Replace(plain, "<t:DeletedEvent", "<t:MoreEvents>false</t:MoreEvents><t:PreviousWatermark>w</t:PreviousWatermark><t:DeletedEvent", 1) + connection("Closed"))
	require.Equal(t, []Notification{{Subscription: "a", Events: []Event{{Kind: EventDeleted, FolderID: "a-item"}, {Kind: "FreeBusyChangedEvent", FolderID: "a-item"}}}}, heard.hear(t))
	require.NoError(t, <-done)
	require.Equal(t, "identity", f.requests()[0].header.Get("Accept-Encoding"))
}

func TestStreamDocumentsInAnyParts(t *testing.T) {
	text := streamed(connection("OK")) + "  \n" + streamed(notification("a", "MovedEvent")) + streamed(connection("Closed"))
	for name, reader := range map[string]io.Reader{
		"bytes": iotest.OneByteReader(strings.NewReader(text)), "halves": iotest.HalfReader(strings.NewReader(text)),
		"error with data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		s := wire.NewStream(reader)
		for range 3 {
			e, err := s.Next()
			require.NoError(t, err, name)
			require.Len(t, e.Body.GetStreamingEvents.Messages, 1)
		}
		_, err := s.Next()
		require.Equal(t, io.EOF, err, name)
	}
	for cut := 1; cut < len(text); cut += 7 {
		s := wire.NewStream(strings.NewReader(text[:cut]))
		var err error
		for err == nil {
			_, err = s.Next()
		}
		complete := strings.TrimSpace(text[:cut])
		between := strings.HasSuffix(complete, "</s:Envelope>") || cut > 100 && strings.HasSuffix(complete, "?>")
		require.Equal(t, between, errors.Is(err, io.EOF), "%d: %v", cut, err)
		if !between {
			require.ErrorIs(t, err, wire.ErrTruncated)
		}
	}
}

func TestHowStreamsEnd(t *testing.T) {
	ok := streamed(connection("OK"))
	ids := "<m:ErrorSubscriptionIds><m:SubscriptionId> b </m:SubscriptionId></m:ErrorSubscriptionIds>"
	lost := messages("GetStreamingEvents", strings.Replace(failed("GetStreamingEvents", "Error", "ErrorInvalidSubscription"), "<m:Items/>", ids, 1))
	coded := func(code string) string {
		return messages("GetStreamingEvents", failed("GetStreamingEvents", "Error", code))
	}
	for name, e := range map[string]struct {
		status int
		text   string // … abort ends the connection
		class  Class
		code   string
		opened bool
		lost   []SubscriptionID
	}{
		"between documents":       {200, ok + ok, -1, "", true, nil},
		"closed":                  {200, ok + streamed(connection(" closed ")) + "rest", -1, "", true, nil},
		"within a document":       {200, ok + ok[:200], ClassTransient, CodeInvalidAnswer, true, nil},
		"reset":                   {200, ok + "abort", ClassTransient, CodeInvalidAnswer, true, nil},
		"reset at once":           {200, "abort", ClassTransient, CodeInvalidAnswer, false, nil},
		"not a word":              {200, "", ClassTransient, CodeInvalidAnswer, false, nil},
		"garbage":                 {200, ok + "<html>", ClassTransient, CodeInvalidAnswer, true, nil},
		"a web page":              {200, "<html/>", ClassConfig, CodeInvalidAnswer, false, nil},
		"another operation":       {200, messages("ResolveNames", success("ResolveNames", "")), ClassTransient, CodeInvalidAnswer, false, nil},
		"subscriptions lost":      {200, lost, ClassGone, "ErrorInvalidSubscription", false, []SubscriptionID{"b"}},
		"lost, called a success":  {200, streamed(ids), ClassGone, "ErrorInvalidSubscription", false, []SubscriptionID{"b"}},
		"lost later":              {200, ok + lost, ClassGone, "ErrorInvalidSubscription", true, []SubscriptionID{"b"}},
		"lost, not told which":    {200, coded("ErrorExpiredSubscription"), ClassGone, "ErrorExpiredSubscription", false, twoIDs.Subscriptions},
		"fault, not told which":   {500, fault("ErrorSubscriptionNotFound", ""), ClassGone, "ErrorSubscriptionNotFound", false, nil},
		"of another account":      {200, coded("ErrorSubscriptionAccessDenied"), ClassGone, "ErrorSubscriptionAccessDenied", false, twoIDs.Subscriptions},
		"taken over":              {200, ok + coded("ErrorNewEventStreamConnectionOpened"), ClassConflict, "ErrorNewEventStreamConnectionOpened", true, nil},
		"several mailboxes":       {200, coded("ErrorInvalidSubscriptionRequest"), ClassBug, "ErrorInvalidSubscriptionRequest", false, nil},
		"not supported":           {500, fault("ErrorInvalidRequest", ""), ClassBug, "ErrorInvalidRequest", false, nil},
		"too many connections":    {500, fault("ErrorExceededConnectionCount", ""), ClassTransient, "ErrorExceededConnectionCount", false, nil},
		"a fault with status 200": {200, fault("ErrorProxyRequestNotAllowed", ""), ClassTransient, "ErrorProxyRequestNotAllowed", false, nil},
		"forbidden":               {403, "", ClassConfig, "", false, nil},
		"credentials":             {401, "", ClassAuth, CodeCredentials, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newStreamFake(t, nil, func(w http.ResponseWriter, send func(string), _ <-chan struct{}) {
				w.WriteHeader(e.status)
				text, abort := strings.CutSuffix(e.text, "abort")
				send(text)
				if abort {
					panic(http.ErrAbortHandler)
				}
			})
			c := f.newClient(t)
			end, err := c.GetStreamingEvents(t.Context(), room, twoIDs, func([]Notification) {})
			require.Equal(t, e.opened, end.Opened)
			if e.class < 0 {
				require.NoError(t, err)
				return
			}
			failure := asError(t, err)
			require.Equal(t, e.class, failure.Class, "%v", err)
			require.Equal(t, e.code, failure.Code)
			require.False(t, failure.Ambiguous)
			if e.lost != nil {
				require.Equal(t, e.lost, end.Lost)
			}
			require.Zero(t, c.NotBefore(), "other calls go on")
		})
	}
}

func TestSilentStreamsAreGivenUp(t *testing.T) {
	for _, beats := range []int{0, 8} {
		f := newStreamFake(t, nil, func(_ http.ResponseWriter, send func(string), ended <-chan struct{}) {
			for range beats {
				send(streamed(connection("OK")))
				select {
				case <-ended:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
			send(streamed(connection("OK"))[:50]) // part of a document is no sign of life
			<-ended
		})
		began := time.Now()
		c := f.newClient(t, func(o *Options) { o.StreamSilence = 500 * time.Millisecond })
		end, err := c.GetStreamingEvents(t.Context(), room, twoIDs, func([]Notification) {})
		e := asError(t, err)
		require.Equal(t, ClassTransient, e.Class)
		require.Equal(t, CodeNoAnswer, e.Code)
		require.ErrorIs(t, err, errSilence)
		require.Equal(t, beats > 0, end.Opened)
		require.Greater(t, time.Since(began), time.Duration(beats+4)*100*time.Millisecond)
	}
}

func TestStreamsEndWithTheirContext(t *testing.T) {
	f := newStreamFake(t, nil, func(_ http.ResponseWriter, send func(string), ended <-chan struct{}) {
		send(streamed(connection("OK")))
		<-ended
	})
	c := f.newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	end, err := c.GetStreamingEvents(ctx, room, twoIDs, func([]Notification) { cancel() })
	require.True(t, end.Opened)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, ClassTransient, asError(t, err).Class)
	require.Empty(t, c.streams)
}

func TestDocumentsOfStreamsAreLimitedEach(t *testing.T) {
	sized := func(n int) string {
		return strings.Replace(streamed(connection("OK")), "<m:ResponseCode>", "<m:MessageText>"+strings.Repeat("x", n)+"</m:MessageText><m:ResponseCode>", 1)
	}
	f := newStreamFake(t, nil, func(_ http.ResponseWriter, send func(string), _ <-chan struct{}) {
		for range 2 {
			send(sized(maxNotification * 3 / 5))
		}
		send(sized(maxNotification + 64<<10))
	})
	n := 0
	_, err := f.newClient(t).GetStreamingEvents(t.Context(), room, twoIDs, func([]Notification) { n++ })
	require.Equal(t, 2, n)
	require.Equal(t, CodeAnswerTooLarge, asError(t, err).Code)
}

func TestStreamsLeaveRoomForCalls(t *testing.T) {
	var running sync.WaitGroup
	defer running.Wait()
	f := newStreamFake(t, subscribed, func(_ http.ResponseWriter, send func(string), ended <-chan struct{}) {
		send(streamed(connection("OK")))
		<-ended
	})
	c := f.newClient(t, func(o *Options) { o.Budget, o.MaxStreams = budget.New(budget.Options{InFlight: 1}), 2 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard := newEar()
	stream := func() {
		running.Go(func() { _, _ = c.GetStreamingEvents(ctx, room, twoIDs, heard.visit) })
	}
	stream()
	heard.hear(t)
	stream()
	heard.hear(t)
	_, err := c.ResolveNames(t.Context(), room, "x")
	require.NoError(t, err, "neither the limit of calls nor that of the mailbox is used up")
	waiting, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	end, err := c.GetStreamingEvents(waiting, room, twoIDs, heard.visit)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, end.Opened)
	require.Len(t, f.requests(), 3, "a third connection is not tried")
}

func TestStreamsWaitForTheEndOfABackOff(t *testing.T) {
	f := newStreamFake(t, subscribed, func(_ http.ResponseWriter, send func(string), _ <-chan struct{}) {
		send(streamed(connection("Closed")))
	})
	var calls []string
	c := f.newClient(t, func(o *Options) {
		o.BackOffBase, o.BackOffMax = time.Hour, time.Hour
		o.Observe = func(call Call) { calls = append(calls, call.Operation) }
	})
	_, err := c.SyncFolderItems(t.Context(), room, SyncRequest{})
	require.Equal(t, ClassThrottled, ClassOf(err))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = c.GetStreamingEvents(ctx, room, twoIDs, func([]Notification) {})
	require.Equal(t, CodeBackOff, asError(t, err).Code)
	require.Len(t, f.requests(), 1)
	require.Equal(t, []string{"SyncFolderItems"}, calls, "what is not sent has no duration")
}
