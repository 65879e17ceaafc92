package eliona

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ews/db/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Suite{M: m}) }

const token = "test token"

// call is one request that a test server has seen.
type call struct {
	Method, Path, Query, Body string
}

func (c call) line() string {
	line := c.Method + " " + c.Path
	if c.Query != "" {
		line += "?" + c.Query
	}
	return line
}

// api is an Eliona whose answers a test chooses.
type api struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

func newAPI(t *testing.T, answer func(w http.ResponseWriter, c call)) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the request: %v", err)
			return
		}
		if key := r.Header.Get("X-API-Key"); key != token {
			t.Errorf("X-API-Key is %q, not %q", key, token)
		}
		c := call{r.Method, r.URL.Path, r.URL.RawQuery, string(body)}
		a.mu.Lock()
		a.calls = append(a.calls, c)
		a.mu.Unlock()
		answer(w, c)
	}))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections() //nolint:forbidigo // gives back what the library has opened with it
		a.Close()
	})
	return a
}

func (a *api) seen() []call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]call(nil), a.calls...)
}

func (a *api) lines() (lines []string) {
	for _, c := range a.seen() {
		lines = append(lines, c.line())
	}
	return lines
}

func (a *api) client(t *testing.T) *Client {
	t.Helper()
	client, err := New(Options{
		Endpoint: a.URL + "/v2", Token: token, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// says answers everything alike.
func says(status int, body string) func(http.ResponseWriter, call) {
	return func(w http.ResponseWriter, _ call) { say(w, status, body) }
}

func say(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func asError(t *testing.T, err error) *Error {
	t.Helper()
	var failure *Error
	require.ErrorAs(t, err, &failure)
	return failure
}

// store is an Eliona that keeps assets. Its answers hold keys that only newer
// versions have, and come in another order than they were asked for.
type store struct {
	mu     sync.Mutex
	assets []map[string]any
	noBulk bool
	lose   string // leaves this identifier out of answers
}

func (s *store) serve(w http.ResponseWriter, c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c.line() {
	case "PUT /v2/assets-bulk?identifyBy=gai-projId":
		var sent []map[string]any
		if s.noBulk {
			say(w, http.StatusNotFound, "404 page not found")
			return
		}
		if json.Unmarshal([]byte(c.Body), &sent) != nil {
			say(w, http.StatusBadRequest, `"malformed"`)
			return
		}
		answer := []map[string]any{}
		for _, asset := range sent {
			if stored := s.upsert(asset); stored["globalAssetIdentifier"] != s.lose {
				answer = append([]map[string]any{stored}, answer...)
			}
		}
		s.say(w, answer)
	case "PUT /v2/assets?identifyBy=gai-projId":
		var sent map[string]any
		if json.Unmarshal([]byte(c.Body), &sent) != nil || sent["parentLocationalIdentifier"] != nil {
			say(w, http.StatusBadRequest, `"unknown key"`)
			return
		}
		s.say(w, s.upsert(sent))
	default: // ignores every filter
		s.say(w, s.assets)
	}
}

func (s *store) upsert(asset map[string]any) map[string]any {
	asset["allowedInactivity"] = nil
	asset["somethingNew"] = map[string]any{"x": 1}
	for i, known := range s.assets {
		if known["globalAssetIdentifier"] == asset["globalAssetIdentifier"] && known["projectId"] == asset["projectId"] {
			asset["id"] = known["id"]
			s.assets[i] = asset
			return asset
		}
	}
	asset["id"] = 501 + len(s.assets)
	s.assets = append(s.assets, asset)
	return asset
}

func (s *store) say(w http.ResponseWriter, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	say(w, http.StatusOK, string(body))
}
