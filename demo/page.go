package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// site is the page: what a browser loads, and nothing from elsewhere.
//
//go:embed site
var site embed.FS

// page serves the page and, so that it needs no other origin, what it asks of
// the simulators and the app.
type page struct {
	control *url.URL
	watcher interface{ snapshot() board }
	configs func(ctx context.Context) (json.RawMessage, error)
	app     interface {
		start(ctx context.Context) error
		kill() error
	}
	mishaps interface {
		cut(ctx context.Context) error
		crash() error
	}
}

// maxBody bounds what the page may send.
const maxBody = 64 << 10

// policy keeps the page from loading anything from anywhere else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// handler serves known paths only: the control API can do much more than a
// page needs.
func (p *page) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.getFile)
	mux.HandleFunc("GET /site/{file}", p.getFile)
	mux.HandleFunc("GET /api/board", p.getBoard)
	mux.HandleFunc("GET /api/configs", p.getConfigs)
	mux.HandleFunc("POST /api/app", p.postApp)
	mux.HandleFunc("POST /api/network", p.postNetwork)
	proxy := p.proxy()
	for _, pattern := range []string{
		"GET /control/stats", "GET /control/notifications", "GET /control/assets", "GET /control/bookings",
		"GET /control/rooms", "GET /control/calendars/{smtp}", "POST /control/people", "POST /control/rooms",
	} {
		mux.Handle(pattern, proxy)
	}
	return http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, maxBody))
}

func (p *page) getFile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "" {
		name = "index.html"
	}
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Cache-Control", "no-store")
	http.ServeFileFS(w, r, site, "site/"+name)
}

func (p *page) getBoard(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, p.watcher.snapshot())
}

func (p *page) getConfigs(w http.ResponseWriter, r *http.Request) {
	configs, err := p.configs(r.Context())
	if err != nil {
		refuse(w, http.StatusBadGateway, err)
		return
	}
	answer(w, http.StatusOK, configs)
}

// postNetwork cuts the network for a while.
func (p *page) postNetwork(w http.ResponseWriter, r *http.Request) {
	switch err := p.mishaps.cut(r.Context()); {
	case errors.Is(err, errCut):
		refuse(w, http.StatusConflict, err)
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// postApp kills or starts the app, or lets it crash and start again.
func (p *page) postApp(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Action string `json:"action"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("reading the request: %w", err))
		return
	}
	var err error
	switch asked.Action {
	case "start":
		// Whoever asked may close the page: the app starts nevertheless.
		err = p.app.start(context.WithoutCancel(r.Context()))
	case "kill":
		err = p.app.kill()
	case "crash":
		err = p.mishaps.crash()
	default:
		refuse(w, http.StatusBadRequest, errors.New(`action is none of "start", "kill" and "crash"`))
		return
	}
	switch {
	case errors.Is(err, errRunning), errors.Is(err, errNotRunning):
		refuse(w, http.StatusConflict, err)
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (p *page) proxy() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, "/control")
			r.Out.URL.RawPath = ""
			r.SetURL(p.control)
		},
		ModifyResponse: func(r *http.Response) error {
			for name := range r.Header { // other pages may not read here
				if strings.HasPrefix(name, "Access-Control-") {
					r.Header.Del(name)
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			refuse(w, http.StatusBadGateway, fmt.Errorf("asking the simulators: %w", err))
		},
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		refuse(w, http.StatusInternalServerError, fmt.Errorf("encoding the answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

func refuse(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"error": err.Error()})
}

// serve serves until ctx ends, and ends when nothing is under way any more.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving the page: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		err = errors.Join(err, server.Close())
		return fmt.Errorf("ending the page: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the page: %w", err)
	}
	return nil
}
