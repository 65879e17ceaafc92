package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
	"ews/booking"
)

// request is what a far side was asked.
type request struct{ Method, URL, Body string }

// farSide answers like an app of Eliona.
type farSide struct {
	*httptest.Server
	mu    sync.Mutex
	asked []request
}

func newFarSide(t *testing.T, answer http.HandlerFunc) *farSide {
	t.Helper()
	f := &farSide{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.asked = append(f.asked, request{r.Method, r.URL.String(), string(body)})
		f.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *farSide) requests() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// says answers everything alike.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// bookingApp connects to a Booking app that answers so.
func bookingApp(t *testing.T, answer http.HandlerFunc) (*bookings, *farSide) {
	t.Helper()
	f := newFarSide(t, answer)
	client, err := booking.New(booking.Options{BaseURL: f.URL + "/v1"})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return &bookings{client: client}, f
}

var nine = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

func hours(from, to int) meeting.Span {
	return meeting.SpanOf(nine.Add(time.Duration(from)*time.Hour), nine.Add(time.Duration(to)*time.Hour))
}

func failure(t *testing.T, err error) *engine.Error {
	t.Helper()
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestBookingsAreWritten(t *testing.T) {
	t.Parallel()
	b, f := bookingApp(t, says(201, `{"id":17,"bookings":[
		{"id":201,"assetIds":[3,4],"organizerID":"alice@example.com","start":"2026-12-01T09:00:00Z","end":"2026-12-01T10:00:00Z"},
		{"id":202,"assetIds":[3],"organizerID":"alice@example.com","start":"2026-12-01T11:00:00Z","end":"2026-12-01T12:00:00Z"}]}`))
	group, ids, err := b.Write(t.Context(), 0, "alice@example.com", []plan.Item{
		{Occurrence: 1, Span: hours(0, 1), Assets: []meeting.AssetID{3, 4}},
		{Occurrence: 2, Booking: 202, Span: hours(2, 3), Assets: []meeting.AssetID{3}},
	})
	require.NoError(t, err)
	require.Equal(t, meeting.GroupID(17), group)
	require.Equal(t, []meeting.BookingID{201, 202}, ids)
	require.Len(t, f.requests(), 1)
	require.JSONEq(t, `{"occurrences":[
		{"bookingID":0,"assetIds":[3,4],"organizerID":"alice@example.com","start":"2026-12-01T09:00:00Z","end":"2026-12-01T10:00:00Z","cancelled":false},
		{"bookingID":202,"assetIds":[3],"organizerID":"alice@example.com","start":"2026-12-01T11:00:00Z","end":"2026-12-01T12:00:00Z","cancelled":false}]}`,
		f.requests()[0].Body)
}

func TestAGroupThatIsNotToldStays(t *testing.T) {
	t.Parallel()
	b, f := bookingApp(t, says(200, `{"bookings":[{"id":201,"assetIds":[3],"start":"2026-12-01T09:00:00Z","end":"2026-12-01T10:00:00Z"}]}`))
	group, ids, err := b.Write(t.Context(), 17, "alice@example.com", []plan.Item{{Booking: 201, Span: hours(0, 1), Assets: []meeting.AssetID{3}}})
	require.NoError(t, err)
	require.Equal(t, meeting.GroupID(17), group)
	require.Equal(t, []meeting.BookingID{201}, ids)
	require.Contains(t, f.requests()[0].Body, `"groupID":17`)
}

func TestIDsThatAreNotTold(t *testing.T) {
	t.Parallel()
	b, _ := bookingApp(t, says(200, `{"id":17}`))
	_, _, err := b.Write(t.Context(), 0, "alice@example.com", []plan.Item{{Span: hours(0, 1), Assets: []meeting.AssetID{3}}})
	e := failure(t, err)
	require.Equal(t, engine.Unmatched, e.Class)
	require.Equal(t, "booking_unmatched", e.Code)
	require.True(t, e.Ambiguous)
}

// A long series is written in parts, of which a later one may fail.
func TestAPartOfASeriesIsWritten(t *testing.T) {
	t.Parallel()
	parts := 0
	b, _ := bookingApp(t, func(w http.ResponseWriter, r *http.Request) {
		if parts++; parts > 1 {
			says(503, `"restarting"`)(w, r)
			return
		}
		var ids []string
		for i := range 100 {
			ids = append(ids, fmt.Sprintf(`{"id":%d}`, 201+i))
		}
		says(201, `{"id":17,"bookings":[`+strings.Join(ids, ",")+`]}`)(w, r)
	})
	items := make([]plan.Item, 101)
	for i := range items {
		items[i] = plan.Item{Span: hours(24*i, 24*i+1), Assets: []meeting.AssetID{3}}
	}
	group, ids, err := b.Write(t.Context(), 0, "alice@example.com", items)
	require.Equal(t, engine.Transient, failure(t, err).Class)
	require.False(t, failure(t, err).Ambiguous)
	require.Equal(t, meeting.GroupID(17), group)
	require.Equal(t, meeting.BookingID(300), ids[99])
	require.Zero(t, ids[100])
}

func TestWhatIsTooLateIsNotSent(t *testing.T) {
	t.Parallel()
	b, f := bookingApp(t, says(201, `{"id":17}`))
	late := &engine.Error{Class: engine.Throttled, Code: "not_sent_in_time"}
	client, err := booking.New(booking.Options{BaseURL: f.URL + "/v1", MaySend: func(context.Context) error { return late }})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	b.client = client
	_, _, err = b.Write(t.Context(), 0, "alice@example.com", []plan.Item{{Span: hours(0, 1), Assets: []meeting.AssetID{3}}})
	require.Equal(t, late.Class, failure(t, err).Class)
	require.Equal(t, late.Code, failure(t, err).Code)
	require.False(t, failure(t, err).Ambiguous)
	for _, r := range f.requests() {
		require.Empty(t, r.Body, "the header without the body is no request")
	}
	require.NoError(t, b.Cancel(t.Context(), 7, meeting.ReasonCancelled), "to cancel twice is harmless")
}

const one = `{"id":201,"groupID":17,"assetIds":[4,3],"organizerID":"alice@example.com","start":"2026-12-01T10:00:00.5+01:00","end":"2026-12-01T10:00:00Z"}`

func read() engine.Booking {
	return engine.Booking{ID: 201, Group: 17, Assets: []meeting.AssetID{3, 4}, Organizer: "alice@example.com", Span: hours(0, 1)}
}

func TestBookingsAreRead(t *testing.T) {
	t.Parallel()
	b, f := bookingApp(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/bookings/201":
			says(200, one)(w, r)
		case "/v1/bookings":
			says(200, `[`+one+`]`)(w, r)
		default:
			says(404, `"booking not found"`)(w, r)
		}
	})
	got, found, err := b.Get(t.Context(), 201)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, read(), got)
	_, found, err = b.Get(t.Context(), 202)
	require.NoError(t, err)
	require.False(t, found)
	list, err := b.List(t.Context(), 3, hours(0, 24))
	require.NoError(t, err)
	require.Equal(t, []engine.Booking{read()}, list)
	require.Equal(t, "/v1/bookings?assetId=3&end=2026-12-02T09%3A00%3A00Z&start=2026-12-01T09%3A00%3A00Z", f.requests()[2].URL)
}

func TestBookingsAreCancelled(t *testing.T) {
	t.Parallel()
	b, f := bookingApp(t, says(204, ""))
	require.NoError(t, b.Cancel(t.Context(), 201, meeting.ReasonConflict))
	require.Equal(t, "DELETE", f.requests()[0].Method)
	require.Contains(t, f.requests()[0].URL, "/v1/bookings/201?")
	require.Contains(t, f.requests()[0].URL, "reason=conflict")
	for _, reason := range []meeting.Reason{meeting.ReasonCancelled, meeting.ReasonConflict, meeting.ReasonError} {
		require.Contains(t, []booking.Reason{booking.ReasonCancelled, booking.ReasonConflict, booking.ReasonError}, booking.Reason(reason))
	}
}

func TestErrorsOfTheBookingApp(t *testing.T) {
	t.Parallel()
	want := map[booking.Class]engine.Error{
		booking.Transient: {Class: engine.Transient, Code: "booking_app_unreachable"},
		booking.Refused:   {Class: engine.Refused, Code: engine.CodeClash},
		booking.NotFound:  {Class: engine.NotFound, Code: "booking_not_found"},
		booking.TooOld:    {Class: engine.Broken, Code: "booking_app_too_old"},
		booking.Bug:       {Class: engine.Refused, Code: "booking_request_refused"},
	}
	unknown := booking.Class(0).String()
	for class := booking.Transient; class.String() != unknown; class++ {
		require.Contains(t, want, class)
		cause := &booking.Error{Class: class, Ambiguous: true}
		e := want[class]
		e.Ambiguous, e.Err = true, fmt.Errorf("wrapped: %w", cause)
		require.Equal(t, &e, bookingError(e.Err))
		require.ErrorIs(t, bookingError(e.Err), cause)
	}
	require.NoError(t, bookingError(nil))
	paused := failure(t, bookingError(&booking.Error{Class: booking.Transient, RetryAfter: time.Minute}))
	require.Equal(t, engine.Throttled, paused.Class)
	require.Equal(t, time.Minute, paused.Pause)
	require.Equal(t, engine.Transient, failure(t, bookingError(errors.New("other"))).Class)
}

// Every method fails with an engine.Error, also when the context has ended.
func TestFailuresOfTheBookingApp(t *testing.T) {
	t.Parallel()
	b, f := bookingApp(t, says(500, `"boom"`))
	calls := func(ctx context.Context) []error {
		_, _, write := b.Write(ctx, 0, "alice@example.com", []plan.Item{{Span: hours(0, 1), Assets: []meeting.AssetID{3}}})
		_, found, get := b.Get(ctx, 201)
		require.False(t, found)
		list, listing := b.List(ctx, 3, hours(0, 1))
		require.Empty(t, list)
		return []error{write, b.Cancel(ctx, 201, meeting.ReasonError), get, listing}
	}
	for i, err := range calls(t.Context()) {
		e := failure(t, err)
		require.Equal(t, engine.Transient, e.Class)
		require.Equal(t, i < 2, e.Ambiguous, "a write may have been carried out")
	}
	asked := len(f.requests())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range calls(ctx) {
		require.Equal(t, engine.Transient, failure(t, err).Class)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Len(t, f.requests(), asked)
}

// hearer is an engine's listener.
type hearer struct {
	connected chan struct{}
	lost      chan error
	heard     chan []engine.Booking
}

func (h hearer) Connected(context.Context)                            { h.connected <- struct{}{} }
func (h hearer) Disconnected(err error)                               { h.lost <- err }
func (h hearer) Changed(_ context.Context, bookings []engine.Booking) { h.heard <- bookings }

// link is one subscription as the Booking app sees it.
type link struct {
	asked string
	push  chan string // an empty one breaks the connection
}

// subscriptions is a Booking app that takes subscriptions until ctx ends.
func subscriptions(ctx context.Context, links chan<- link) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		_, first, err := conn.Read(ctx)
		if err != nil {
			return
		}
		l := link{asked: string(first), push: make(chan string)}
		links <- l
		gone := conn.CloseRead(ctx)
		for {
			select {
			case <-gone.Done():
				return
			case message := <-l.push:
				if message == "" {
					return
				}
				_ = conn.Write(ctx, websocket.MessageText, []byte(message))
			}
		}
	}
}

func TestListening(t *testing.T) {
	t.Parallel()
	links := make(chan link, 10)
	serving, cancel := context.WithCancel(t.Context())
	defer cancel()
	b, _ := bookingApp(t, subscriptions(serving, links))
	h := hearer{make(chan struct{}, 10), make(chan error, 10), make(chan []engine.Booking, 10)}
	assets := make(chan []meeting.AssetID)
	ended := make(chan error, 1)
	listening, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { ended <- b.Listen(listening, assets, h) }()

	assets <- []meeting.AssetID{4, 3}
	first := <-links
	var asked struct{ AssetIDs []int }
	require.NoError(t, json.Unmarshal([]byte(first.asked), &asked))
	require.Equal(t, []int{3, 4}, asked.AssetIDs)
	<-h.connected
	first.push <- `{"id":17,"bookings":[` + one + `,{"id":202,"assetIds":[3],"start":"2026-12-01T09:00:00Z","end":"2026-12-01T10:00:00Z","cancelled":true}]}`
	require.Equal(t, []engine.Booking{
		read(), {ID: 202, Group: 17, Assets: []meeting.AssetID{3}, Span: hours(0, 1), Cancelled: true},
	}, <-h.heard)

	assets <- []meeting.AssetID{5}
	second := <-links
	require.Contains(t, second.asked, "[5]")
	<-h.connected
	second.push <- ""
	require.Error(t, <-h.lost)
	stop()
	require.NoError(t, <-ended, "being stopped is how it ends")
}
