package booking

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one request that a test server has seen.
type call struct {
	Method, Path, Query, Body string
}

// app is a Booking app whose answers a test chooses.
type app struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

func newApp(t *testing.T, answer http.HandlerFunc) *app {
	t.Helper()
	a := &app{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the request: %v", err)
			return
		}
		a.mu.Lock()
		a.calls = append(a.calls, call{r.Method, r.URL.Path, r.URL.RawQuery, string(body)})
		a.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *app) seen() []call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]call(nil), a.calls...)
}

func (a *app) client(t *testing.T) *Client {
	t.Helper()
	return newClient(t, Options{BaseURL: a.URL + "/v1"})
}

func newClient(t *testing.T, options Options) *Client {
	t.Helper()
	if options.Logger == nil {
		options.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	client, err := New(options)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// says answers everything alike.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { say(w, status, body) }
}

func say(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func at(text string) time.Time {
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return parsed
}

// week is a weekly series of new bookings of asset 502.
func week(n int) []Occurrence {
	start := at("2025-03-03T09:00:00Z")
	var occurrences []Occurrence
	for i := range n {
		from := start.AddDate(0, 0, 7*i)
		occurrences = append(occurrences, Occurrence{Assets: []AssetID{502}, Start: from, End: from.Add(time.Hour)})
	}
	return occurrences
}

func series(occurrences ...Occurrence) GroupRequest {
	return GroupRequest{Organizer: "ann@corp.test", Occurrences: occurrences}
}

func decodeBody(t *testing.T, body string) groupRequestBody {
	t.Helper()
	var decoded groupRequestBody
	decoder := json.NewDecoder(bytes.NewBufferString(body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&decoded))
	return decoded
}

func asError(t *testing.T, err error) *Error {
	t.Helper()
	var failure *Error
	require.ErrorAs(t, err, &failure)
	return failure
}
