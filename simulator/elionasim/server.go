// Package elionasim simulates the part of the Eliona API v2 that an app with
// continuous asset creation uses: registration of the app and its patches,
// asset types, assets, data, notifications, users and projects.
//
// The simulator answers with the models of API v2.8.2 and validates strictly.
// It keeps everything in memory, except that registration and patches may
// live in a PostgreSQL database, as in a real installation. It is a tool for
// tests and demonstrations; it has no place in production.
package elionasim

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"ews/simulator/fault"
	"ews/simulator/front"
	"ews/simulator/ledger"
	"ews/simulator/stats"
)

// Service is the name of this simulator in faults and statistics.
const Service = "eliona"

const base = "/v2"

// Options configures a Server. The zero value is usable.
type Options struct {
	Seed     *Seed     // nil means DefaultSeed
	Switches *Switches // nil means DefaultSwitches
	// Database is the connection string of the database that holds the
	// registration of apps and patches. Empty means in memory.
	Database   string
	Faults     *fault.Registry
	Stats      *stats.Counters
	Journal    *front.Journal   // records requests; may be nil
	Ledger     *ledger.Ledger   // records requests that write; may be nil
	Log        *slog.Logger     // nil means discard
	Now        func() time.Time // nil means time.Now
	RandomSeed uint64
}

// Server is a simulated Eliona API. Its methods may be called concurrently.
type Server struct {
	token    string
	projects []Project
	users    []User
	apps     registration
	now      func() time.Time
	log      *slog.Logger
	front    *front.Front
	listen   *broadcast

	mu            sync.Mutex
	switches      Switches
	rng           *rand.Rand
	types         map[string]*AssetType
	widgetTypes   map[string]*WidgetType
	assets        *assetStore
	data          map[dataKey]Data
	notifications []SentNotification
}

// New returns a server; with a database it connects and creates the tables
// that are missing.
func New(ctx context.Context, opts Options) (*Server, error) {
	seed := DefaultSeed()
	if opts.Seed != nil {
		seed = *opts.Seed
	}
	switches := DefaultSwitches()
	if opts.Switches != nil {
		switches = *opts.Switches
	}
	if err := switches.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		token:       seed.Token,
		projects:    seed.Projects,
		users:       seed.Users,
		now:         opts.Now,
		log:         opts.Log,
		listen:      newBroadcast(),
		switches:    switches,
		rng:         rand.New(rand.NewPCG(opts.RandomSeed, opts.RandomSeed)),
		types:       map[string]*AssetType{},
		widgetTypes: map[string]*WidgetType{},
		assets:      newAssetStore(),
		data:        map[dataKey]Data{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.apps = newMemoryRegistration(seed.Apps)
	if opts.Database != "" {
		apps, err := openDatabaseRegistration(ctx, opts.Database, seed.Apps)
		if err != nil {
			return nil, err
		}
		s.apps = apps
	}
	s.front = front.New(s.routes(), front.Options{
		Service: Service, Base: base, Faults: opts.Faults, Stats: opts.Stats, Journal: opts.Journal, Ledger: opts.Ledger,
		Delay: func() time.Duration {
			return time.Duration(s.Switches().LatencyMilliseconds) * time.Millisecond
		},
	})
	return s, nil
}

// Close disconnects listeners and the database.
func (s *Server) Close() {
	s.listen.close()
	s.apps.close()
}

// Handler serves the API below /v2.
func (s *Server) Handler() http.Handler { return s.front }

// Switches returns the current switches.
func (s *Server) Switches() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches
}

// SetSwitches replaces the switches.
func (s *Server) SetSwitches(switches Switches) error {
	if err := switches.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches = switches
	return nil
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	open := map[string]front.Handler{
		"GET /version":              s.getVersion,
		"GET /version/openapi.json": s.getOpenAPI,
	}
	guarded := map[string]front.Handler{
		"GET /apps/{app}":                   s.getApp,
		"PATCH /apps/{app}":                 s.patchApp,
		"GET /apps/{app}/patches/{patch}":   s.getPatch,
		"PATCH /apps/{app}/patches/{patch}": s.patchPatch,
		"GET /asset-types":                  s.getAssetTypes,
		"PUT /asset-types":                  s.putAssetType,
		"GET /asset-types/{name}":           s.getAssetType,
		"PUT /assets-bulk":                  s.putAssetsBulk,
		"PUT /assets":                       s.putAsset,
		"GET /assets":                       s.getAssets,
		"GET /assets/{id}":                  s.getAsset,
		"DELETE /assets/{id}":               s.deleteAsset,
		"PUT /data":                         s.putData,
		"PUT /data-bulk":                    s.putDataBulk,
		"GET /data":                         s.getData,
		"POST /send-notification":           s.postNotification,
		"GET /message-receipts/{id}":        s.getMessageReceipt,
		"GET /users":                        s.getUsers,
		"GET /users/{id}":                   s.getUser,
		"GET /projects":                     s.getProjects,
		"GET /projects/{id}":                s.getProject,
		"PUT /widget-types":                 s.putWidgetType,
		"GET /widget-types/{name}":          s.getWidgetType,
		"GET /data-listener":                s.listenData,
		"GET /asset-listener":               s.listenAssets,
	}
	for pattern, h := range open {
		mux.HandleFunc(pathPattern(pattern), front.Route(h))
	}
	for pattern, h := range guarded {
		mux.HandleFunc(pathPattern(pattern), front.Route(s.authenticated(h)))
	}
	mux.HandleFunc("/", front.Route(func(http.ResponseWriter, *http.Request) error {
		return front.Refuse(http.StatusNotFound, "no such endpoint")
	}))
	return mux
}

// pathPattern puts the base path into "METHOD /path".
func pathPattern(pattern string) string {
	return strings.Replace(pattern, " ", " "+base, 1)
}

// authenticated refuses requests that carry neither the API token nor a
// bearer token of the form of a JWT. As in Eliona's apps the signature of the
// JWT is not the concern of the API behind the proxy.
func (s *Server) authenticated(next front.Handler) front.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		key := r.Header.Get("X-API-Key")
		jwt, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		byKey := subtle.ConstantTimeCompare([]byte(key), []byte(s.token)) == 1
		byJWT := key == "" && bearer && strings.Count(jwt, ".") == 2
		if !byKey && !byJWT {
			return front.Refuse(http.StatusUnauthorized, "unauthorized")
		}
		return next(w, r)
	}
}

func (s *Server) getVersion(w http.ResponseWriter, _ *http.Request) error {
	front.WriteJSON(w, http.StatusOK, map[string]string{"version": "2.8.2", "simulator": "true"})
	return nil
}

func (s *Server) getOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	front.WriteJSON(w, http.StatusOK, map[string]any{
		"openapi": "3.0.3",
		"info":    map[string]string{"title": "Eliona REST API (simulator)", "version": "2.8.2"},
		"paths":   map[string]any{},
	})
	return nil
}

var errNotFound = errors.New("not found")

// dependentMissing is the answer of Eliona when something that a request
// refers to does not exist.
func dependentMissing() error {
	return front.Refuse(http.StatusUnprocessableEntity, "error: dependent resource not found")
}
