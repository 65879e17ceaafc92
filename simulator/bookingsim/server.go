// Package bookingsim simulates the Booking app of Eliona: its HTTP API, its
// WebSocket subscription, and the people who book in its frontend.
//
// Where the contract of the real app is not certain, a switch chooses between
// the possible behaviours; the defaults are the ones a client is most likely
// to meet. Everything is kept in memory. It is a tool for tests and
// demonstrations; it has no place in production.
package bookingsim

import (
	"context"
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
const Service = "booking"

const base = "/v1"

// Options configures a Server. The zero value is usable.
type Options struct {
	Switches *Switches // nil means DefaultSwitches
	Faults   *fault.Registry
	Stats    *stats.Counters
	Journal  *front.Journal // records requests; may be nil
	Ledger   *ledger.Ledger // records changes; may be nil

	// ElionaURL is the base URL of the Eliona API including /v2, to which
	// notifications and occupancy go. Empty means nowhere.
	ElionaURL   string
	ElionaToken string
	// Client makes the calls to Eliona; nil means one with a timeout.
	Client *http.Client

	// OrganizerName finds the display name for an address. Nil leaves names
	// out of the answers.
	OrganizerName func(address string) string
	// OccupancyInterval is the pace of the occupancy writer; 0 means a second.
	OccupancyInterval time.Duration
	Log               *slog.Logger     // nil means discard
	Now               func() time.Time // nil means time.Now
	RandomSeed        uint64
}

// Server is a simulated Booking app. Its methods may be called concurrently.
type Server struct {
	opts   Options
	front  *front.Front
	eliona *elionaClient

	mu            sync.Mutex
	switches      Switches
	config        Config
	rng           *rand.Rand
	bookings      map[int32]*booking
	groups        map[int32][]int32 // booking ids in the order of creation
	nextBooking   int32
	nextGroup     int32
	subscriptions map[*subscription]struct{}
	closed        bool
	serving       sync.WaitGroup // one per subscription
	notices       []notice
	noticed       chan struct{} // holds an element when notices is not empty
}

// New returns a server. Notifications and occupancy are written while Run
// runs.
func New(opts Options) (*Server, error) {
	switches := DefaultSwitches()
	if opts.Switches != nil {
		switches = *opts.Switches
	}
	if err := switches.Validate(); err != nil {
		return nil, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.OccupancyInterval == 0 {
		opts.OccupancyInterval = time.Second
	}
	if opts.OrganizerName == nil {
		opts.OrganizerName = func(string) string { return "" }
	}
	s := &Server{
		opts:          opts,
		eliona:        newElionaClient(opts),
		switches:      switches,
		config:        defaultConfig(),
		rng:           rand.New(rand.NewPCG(opts.RandomSeed, opts.RandomSeed)),
		bookings:      map[int32]*booking{},
		groups:        map[int32][]int32{},
		nextBooking:   firstBooking,
		nextGroup:     firstGroup,
		subscriptions: map[*subscription]struct{}{},
		noticed:       make(chan struct{}, 1),
	}
	s.front = front.New(s.routes(), front.Options{
		Service: Service, Base: base, Faults: opts.Faults, Stats: opts.Stats, Journal: opts.Journal, Ledger: opts.Ledger,
		Delay: func() time.Duration { return time.Duration(s.Switches().DelayMilliseconds) * time.Millisecond },
	})
	return s, nil
}

// Run writes notifications and occupancy to Eliona until ctx ends.
func (s *Server) Run(ctx context.Context) {
	ticker := time.NewTicker(s.opts.OccupancyInterval)
	defer ticker.Stop()
	written := occupancy{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.writeOccupancy(ctx, written)
		case <-s.noticed:
			s.sendNotices(ctx)
		}
	}
}

// Close drops all subscriptions, refuses new ones, and waits until the last
// has ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.DropSockets()
	s.serving.Wait()
}

// Handler serves the API below /v1.
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
	for pattern, h := range map[string]front.Handler{
		"GET /bookings":                            s.listBookings,
		"POST /bookings":                           s.createBooking,
		"POST /bookings/group":                     s.upsertGroup,
		"GET /bookings/{bookingId}":                s.getBooking,
		"DELETE /bookings/{bookingId}":             s.cancelBooking,
		"POST /bookings/{bookingId}/registerGuest": s.registerGuest,
		"GET /sync/bookings-subscription":          s.subscribe,
		"GET /config":                              s.getConfig,
		"PUT /config":                              s.setConfig,
		"POST /config":                             s.setConfig,
		"GET /version":                             s.getVersion,
		"GET /version/openapi.json":                s.getOpenAPI,
	} {
		mux.HandleFunc(strings.Replace(pattern, " ", " "+base, 1), front.Route(h))
	}
	mux.HandleFunc("/", front.Route(func(http.ResponseWriter, *http.Request) error {
		return front.Refuse(http.StatusNotFound, "no such endpoint")
	}))
	return mux
}
