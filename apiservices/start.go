package apiservices

import (
	"net/http"
	"sync/atomic"

	"ews/apiserver"
)

// Gate is what the app answers from its very start. Until the API is there it
// tells the platform that the process lives and is not ready, and everybody
// else to come back.
type Gate struct {
	open    atomic.Pointer[http.Handler]
	waiting http.Handler
}

// NewGate returns a closed gate.
func NewGate() *Gate {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+BasePath+"/health/live", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, alive())
	})
	mux.HandleFunc("GET "+BasePath+"/health/ready", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusServiceUnavailable, apiserver.Health{Checks: []apiserver.HealthCheck{
			{Name: "registered", Text: "the app waits for its database, or to be registered in Eliona; its log tells for which"},
		}})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "5")
		writeError(w, http.StatusServiceUnavailable, apiserver.Error{Error: "the app is starting; its log tells what it waits for"})
	})
	return &Gate{waiting: headers(cleanPath(mux))}
}

// Open lets all requests through to the API from now on.
func (g *Gate) Open(api http.Handler) { g.open.Store(&api) }

// ServeHTTP implements http.Handler.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if api := g.open.Load(); api != nil {
		(*api).ServeHTTP(w, r)
		return
	}
	g.waiting.ServeHTTP(w, r)
}
