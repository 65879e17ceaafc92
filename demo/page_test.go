package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type fixedBoard struct{ board }

func (f fixedBoard) snapshot() board { return f.board }

type switchApp struct{ running bool }

func (a *switchApp) start(context.Context) error {
	if a.running {
		return errRunning
	}
	a.running = true
	return nil
}

func (a *switchApp) kill() error {
	if !a.running {
		return errNotRunning
	}
	a.running = false
	return nil
}

// switchMishaps remember what was asked for.
type switchMishaps struct{ cuts, crashes int }

func (m *switchMishaps) cut(context.Context) error {
	if m.cuts > 0 {
		return errCut
	}
	m.cuts++
	return nil
}

func (m *switchMishaps) crash() error {
	m.crashes++
	return nil
}

// newTestPage serves a page in front of a control API that tells what it was
// asked.
func newTestPage(t *testing.T) (*httptest.Server, *page) {
	t.Helper()
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	}))
	t.Cleanup(control.Close)
	to, err := url.Parse(control.URL)
	require.NoError(t, err)
	p := &page{
		control: to, app: &switchApp{running: true}, mishaps: &switchMishaps{},
		watcher: fixedBoard{board{Status: "all is well", Rooms: []place{{Address: "room-1@example.com", Name: "Room 1"}}}},
		configs: func(context.Context) (json.RawMessage, error) { return json.RawMessage(`[{"id":1}]`), nil },
	}
	server := httptest.NewServer(p.handler())
	t.Cleanup(server.Close)
	return server, p
}

func ask(t *testing.T, method, url, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header = header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

func TestKnownPathsReachTheControlAPI(t *testing.T) {
	server, _ := newTestPage(t)
	for path, want := range map[string]string{
		"GET /control/bookings":                              "GET /bookings ",
		"GET /control/calendars/alice@example.com?start=now": "GET /calendars/alice@example.com?start=now ",
		"POST /control/people":                               `POST /people {"action":"book"}`,
		"POST /control/rooms":                                `POST /rooms {"action":"book"}`,
	} {
		method, path, _ := strings.Cut(path, " ")
		body := ""
		if method == http.MethodPost {
			body = `{"action":"book"}`
		}
		response, text := ask(t, method, server.URL+path, body, nil)
		require.Equal(t, http.StatusOK, response.StatusCode, path)
		require.Equal(t, want, text)
		require.Empty(t, response.Header.Get("Access-Control-Allow-Origin"), "other pages must not read the answer")
	}
}

func TestOtherPathsAndMethodsAreRefused(t *testing.T) {
	server, _ := newTestPage(t)
	for _, c := range []struct {
		request string
		status  int
	}{
		{"GET /control/faults", http.StatusNotFound},
		{"POST /control/faults", http.StatusNotFound},
		{"PUT /control/switches", http.StatusNotFound},
		{"DELETE /control/assets/1", http.StatusNotFound},
		{"GET /control/calendars/a/b", http.StatusNotFound},
		{"GET /control/calendars/a%2f..%2f..%2ffaults/b", http.StatusNotFound},
		{"GET /api/", http.StatusNotFound},
		{"GET /etc/passwd", http.StatusNotFound},
		{"DELETE /control/bookings", http.StatusMethodNotAllowed},
		{"POST /control/bookings", http.StatusMethodNotAllowed},
		{"PUT /control/rooms", http.StatusMethodNotAllowed},
		{"GET /control/people", http.StatusMethodNotAllowed},
		{"GET /api/app", http.StatusMethodNotAllowed},
		{"POST /api/board", http.StatusMethodNotAllowed},
		{"POST /", http.StatusMethodNotAllowed},
		{"GET /api/network", http.StatusMethodNotAllowed},
		{"GET /site/", http.StatusNotFound},
		{"GET /site/..%2fmain.go", http.StatusBadRequest},
		{"GET /site/nothing.js", http.StatusNotFound},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		response, _ := ask(t, method, server.URL+path, "", nil)
		require.Equal(t, c.status, response.StatusCode, c.request)
	}
}

func TestOtherPagesMayNotAct(t *testing.T) {
	server, p := newTestPage(t)
	foreign := http.Header{"Origin": {"http://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}
	response, _ := ask(t, http.MethodPost, server.URL+"/api/app", `{"action":"kill"}`, foreign)
	require.Equal(t, http.StatusForbidden, response.StatusCode)
	require.True(t, p.app.(*switchApp).running)
}

func TestTheAppIsKilledAndStarted(t *testing.T) {
	server, p := newTestPage(t)
	for _, c := range []struct {
		body    string
		status  int
		running bool
	}{
		{`{"action":"start"}`, http.StatusConflict, true},
		{`{"action":"kill"}`, http.StatusNoContent, false},
		{`{"action":"kill"}`, http.StatusConflict, false},
		{`{"action":"start"}`, http.StatusNoContent, true},
		{`{"action":"pause"}`, http.StatusBadRequest, true},
		{`kill`, http.StatusBadRequest, true},
	} {
		response, _ := ask(t, http.MethodPost, server.URL+"/api/app", c.body, nil)
		require.Equal(t, c.status, response.StatusCode, c.body)
		require.Equal(t, c.running, p.app.(*switchApp).running, c.body)
	}
}

func TestBoardAndConfigurations(t *testing.T) {
	server, p := newTestPage(t)
	_, text := ask(t, http.MethodGet, server.URL+"/api/board", "", nil)
	var b board
	require.NoError(t, json.Unmarshal([]byte(text), &b))
	require.Equal(t, "Room 1", b.Rooms[0].Name)

	_, text = ask(t, http.MethodGet, server.URL+"/api/configs", "", nil)
	require.JSONEq(t, `[{"id":1}]`, text)
	p.configs = func(context.Context) (json.RawMessage, error) { return nil, errors.New("refused") }
	response, text := ask(t, http.MethodGet, server.URL+"/api/configs", "", nil)
	require.Equal(t, http.StatusBadGateway, response.StatusCode)
	require.JSONEq(t, `{"error":"refused"}`, text)
}

func TestMishapsHappenOnDemand(t *testing.T) {
	server, p := newTestPage(t)
	response, _ := ask(t, http.MethodPost, server.URL+"/api/network", "{}", nil)
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	response, text := ask(t, http.MethodPost, server.URL+"/api/network", "{}", nil)
	require.Equal(t, http.StatusConflict, response.StatusCode)
	require.Contains(t, text, "cut already")
	response, _ = ask(t, http.MethodPost, server.URL+"/api/app", `{"action":"crash"}`, nil)
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	require.Equal(t, &switchMishaps{cuts: 1, crashes: 1}, p.mishaps)
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	server, _ := newTestPage(t)
	files, err := fs.Glob(site, "site/*")
	require.NoError(t, err)
	require.Contains(t, files, "site/index.html")
	for _, name := range files {
		path := "/" + name
		if name == "site/index.html" {
			path = "/"
		}
		response, text := ask(t, http.MethodGet, server.URL+path, "", nil)
		require.Equal(t, http.StatusOK, response.StatusCode, name)
		require.Equal(t, policy, response.Header.Get("Content-Security-Policy"))
		require.NotRegexp(t, `https?:|@import|@font-face|\burl\(|<iframe|<img|importScripts|WebSocket`, text, name)
		for _, reference := range regexp.MustCompile(`\b(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			require.Regexp(t, `^(site/[a-z]+\.(css|js)|data:,|#)$`, reference[1], name)
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, http.NotFoundHandler()) }()
	response, _ := ask(t, http.MethodGet, "http://"+listener.Addr().String(), "", nil)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	cancel()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		require.Fail(t, "it did not end")
	}
}
