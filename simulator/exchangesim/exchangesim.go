// Package exchangesim is an Exchange server as far as meeting rooms need it:
// calendars, meetings with invitations and answers, room mailboxes that accept
// or decline by policy, and Exchange Web Services in front of them.
//
// It exists to test clients against, so it is strict where Exchange is strict:
// requests are validated against the schema, change keys grow stale, item ids
// change when items move, rooms answer late. Its behaviour follows the "EWS
// reference for Exchange" and "Set-CalendarProcessing" pages of Microsoft
// Learn; where these are silent, Options and Policy have a switch.
//
// The parts, each in its own files: the store of mailboxes and their change
// logs (store, ids, sync), appointments and series (occurrence, and package
// recurrence), meetings between mailboxes (meeting, delivery, attendant), the
// protocol (http, auth, operation, op_*, shape, package soap) and the
// interface for control programs and tests (model).
//
// Everything lives in memory, and every answer is meant for tests: passwords
// are kept in clear text.
package exchangesim

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"ews/simulator/entrasim"
	"ews/simulator/fault"
	"ews/simulator/ledger"
	"ews/simulator/ntlm"
	"ews/simulator/stats"
)

// Service is the name under which rules of package fault and counters of
// package stats address this simulator.
const Service = "exchange"

// BearerVerifier checks access tokens; *entrasim.Authority is one.
type BearerVerifier interface {
	Verify(token string) (entrasim.Claims, error)
}

// Options configure a server. The zero value of each field is usable; a Seed
// without mailboxes and rooms means DefaultSeed.
type Options struct {
	Seed          Seed
	Latency       time.Duration // added to every answer
	DecisionDelay time.Duration // from the arrival of a request to the room's decision
	ResponseDelay time.Duration // from the decision to its arrival at the organizer

	// The delays are longer by chance, by up to this; so is that of a room with a
	// delay of its own.
	LatencyJitter, DecisionJitter, ResponseJitter time.Duration

	Faults     *fault.Registry
	Stats      *stats.Counters
	Ledger     *ledger.Ledger   // records changes; may be nil
	RecordDir  string           // every request and response is written here
	Clock      func() time.Time // default time.Now
	AuthBearer BearerVerifier   // nil refuses OAuth tokens
	Audiences  []string         // accepted in tokens; default those of Exchange Online

	// ServerCertificate is the leaf certificate that the TLS listener shows;
	// it is what channel bindings are checked against.
	ServerCertificate     *x509.Certificate
	RequireChannelBinding bool
	DisableBasic          bool // offer NTLM and OAuth only
	DisableNTLM           bool // offer OAuth (and Basic) only

	RandomSeed uint64 // of ids and UIDs; 0 draws one
	Logger     *slog.Logger

	PageSize       int // most changes, or items found, in one answer where clients ask for more; 0 means no other limit
	MaxConcurrency int // concurrent requests per account; 0 means 27
	OrganizerStyle OrganizerStyle
	Heartbeat      time.Duration // of streaming connections; default 45 s
	PlainFaults    bool          // answer faults like servers that send them with status 200 and without details
}

// OrganizerStyle is how GetItem shows the organizer of a meeting.
type OrganizerStyle string

// The styles seen on real servers.
const (
	OrganizerSMTP     OrganizerStyle = "smtp" // name and SMTP address; the default
	OrganizerLegacyDN OrganizerStyle = "ex"   // name and X.500 address
	OrganizerName     OrganizerStyle = "name" // display name only
	OrganizerMissing  OrganizerStyle = "missing"
)

// OrganizerStyles lists them.
func OrganizerStyles() []OrganizerStyle {
	return []OrganizerStyle{OrganizerSMTP, OrganizerLegacyDN, OrganizerName, OrganizerMissing}
}

// Server is a simulated Exchange organisation. Its methods may be called
// concurrently.
type Server struct {
	options  Options
	log      *slog.Logger
	ids      idCodec
	bindings []byte
	wake     chan struct{}
	closed   chan struct{}
	closing  sync.Once
	running  sync.WaitGroup

	mu            sync.Mutex // guards everything below
	rng           *rand.Rand
	lastItem      uint64
	lastSerial    uint64
	boxes         map[string]*mailbox // by primary address
	byGUID        map[string]*mailbox
	names         map[string]string // proxy addresses, user names and legacy DNs to primary addresses
	lists         []*roomList
	impersonation []Impersonation
	queue         []delivery
	style         OrganizerStyle
	subscriptions map[string]*subscription
	streams       int           // streaming connections
	dropped       chan struct{} // closed to cut the streaming connections there are
	lastStamp     time.Time
	actor         actor
	active        map[string]int // running requests by account
	recorded      int
}

// New builds an organisation from the seed.
func New(o Options) (*Server, error) {
	if len(o.Seed.Mailboxes) == 0 && len(o.Seed.RoomLists) == 0 {
		o.Seed = DefaultSeed()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.RandomSeed == 0 {
		o.RandomSeed = rand.Uint64()
	}
	if o.RequireChannelBinding && o.ServerCertificate == nil {
		return nil, errors.New("RequireChannelBinding needs ServerCertificate")
	}
	o.MaxConcurrency = cmp.Or(o.MaxConcurrency, 27)
	o.OrganizerStyle = cmp.Or(o.OrganizerStyle, OrganizerSMTP)
	o.Heartbeat = cmp.Or(o.Heartbeat, 45*time.Second)
	if len(o.Audiences) == 0 {
		o.Audiences = []string{"https://outlook.office365.com", "https://outlook.office.com"}
	}
	rng := rand.New(rand.NewPCG(o.RandomSeed, o.RandomSeed))
	s := &Server{
		options: o, log: o.Logger, rng: rng, ids: newIDCodec(rng), style: o.OrganizerStyle,
		wake: make(chan struct{}, 1), closed: make(chan struct{}),
		boxes: map[string]*mailbox{}, byGUID: map[string]*mailbox{}, names: map[string]string{},
		impersonation: slices.Clone(o.Seed.Impersonation),
		subscriptions: map[string]*subscription{}, dropped: make(chan struct{}), active: map[string]int{},
	}
	if o.ServerCertificate != nil {
		s.bindings = ntlm.ServerEndPoint(o.ServerCertificate)
	}
	if err := s.load(o.Seed); err != nil {
		return nil, fmt.Errorf("load seed: %w", err)
	}
	return s, nil
}

// now returns the present in whole seconds, which is what EWS shows.
func (s *Server) now() time.Time { return s.options.Clock().UTC().Truncate(time.Second) }

// Run carries out deliveries and decisions of rooms when they are due. It
// returns when ctx ends or Close is called.
func (s *Server) Run(ctx context.Context) error {
	if !s.started() {
		return nil
	}
	defer s.running.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closed:
			return nil
		case <-timer.C:
		case <-s.wake:
		}
		if next, ok := s.RunDue(); ok {
			timer.Reset(max(next.Sub(s.options.Clock()), time.Millisecond))
		}
	}
}

// Close stops Run and waits for it; streaming connections end too.
func (s *Server) Close() {
	s.closing.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.closed)
	})
	s.running.Wait()
}

// started counts a Run, unless the server is closed already. The lock orders it
// against Close, which waits for the count.
func (s *Server) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return false
	default:
		s.running.Add(1)
		return true
	}
}

// SetOrganizerStyle changes how GetItem shows organizers from now on.
func (s *Server) SetOrganizerStyle(style OrganizerStyle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.style = style
}

// Handler serves Exchange Web Services. NTLM needs ConnContext as the
// ConnContext of the http.Server, and HTTP/1.1.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.URL.Path, "/EWS/Exchange.asmx") {
			s.serve(w, r)
			return
		}
		http.NotFound(w, r)
	})
	return mux
}
