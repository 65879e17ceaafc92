// Package control serves the control API of the simulators: it lets a test or
// a demonstration look into them, act as the people who use the simulated
// systems, and make things go wrong.
//
// The API is JSON over HTTP without authentication and with open CORS, so
// that a web page may call it. It is part of a test tool and belongs on a
// loopback address.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"ews/simulator/bookingsim"
	"ews/simulator/elionasim"
	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/fault"
	"ews/simulator/front"
	"ews/simulator/ledger"
	"ews/simulator/stats"
)

// ErrNotFound is what an Exchange wraps when a person, a room, a list or a
// meeting does not exist.
var ErrNotFound = errors.New("not found")

// Meeting is what somebody books in Outlook.
type Meeting struct {
	Organizer string
	Subject   string
	Body      string
	Location  string
	Start     time.Time
	End       time.Time
	AllDay    bool
	Private   bool
	ShowAs    string // Free, Tentative, Busy or OOF; empty: Busy
	UID       string // empty: one like Outlook's
	Rooms     []string
	Attendees []string
	Rule      *recurrence.Rule // nil for a single meeting
	Zone      recurrence.Zone
}

// MeetingRef names a meeting, or one occurrence of a series by its original
// start.
type MeetingRef struct {
	Organizer  string
	UID        string
	Occurrence time.Time // zero for the whole meeting
}

// RoomChange holds the settings of a room that shall change.
type RoomChange struct {
	Automate                  *string `json:"automate"` // accept, tentative, decline, none
	HorizonDays               *int    `json:"horizonDays"`
	EnforceHorizon            *bool   `json:"enforceHorizon"`
	MaxMinutes                *int    `json:"maxMinutes"`
	AllowConflicts            *bool   `json:"allowConflicts"`
	AllowRecurring            *bool   `json:"allowRecurring"`
	ConflictPercentage        *int    `json:"conflictPercentage"`
	MaxConflicts              *int    `json:"maxConflicts"`
	KeepSubject               *bool   `json:"keepSubject"`
	KeepBody                  *bool   `json:"keepBody"`
	KeepPrivate               *bool   `json:"keepPrivate"`
	KeepCancelled             *bool   `json:"keepCancelled"`
	ChangeIDOnAccept          *bool   `json:"changeIdOnAccept"`
	DecisionDelayMilliseconds *int    `json:"decisionDelayMilliseconds"`
	Replaced                  *bool   `json:"replaced"` // an empty mailbox has taken its place
}

// Exchange is what the control API needs of the Exchange simulator.
type Exchange interface {
	// Calendar lists what stands in a calendar between two moments.
	Calendar(address string, from, to time.Time) (any, error)
	// Book creates a meeting, invites, and returns the UID.
	Book(ctx context.Context, m Meeting) (uid string, err error)
	Move(ref MeetingRef, start, end time.Time) error
	ChangeRooms(ref MeetingRef, rooms []string) error
	// Rename changes the subject and tells nobody, as Outlook offers it.
	Rename(ref MeetingRef, subject string) error
	Cancel(ref MeetingRef) error

	// DropStreams cuts the streaming connections, as a restart of the server
	// does, and tells how many there were.
	DropStreams() int

	// Mailboxes lists the addresses of users and rooms.
	Mailboxes() []string
	AddMailbox(address, name, password string) error
	DisableMailbox(address string, disabled bool) error

	// Rooms lists room lists with their rooms and settings.
	Rooms() any
	SetRoom(room string, change RoomChange) error
	AddRoom(list, room, name string) error
	RemoveRoom(list, room string) error
}

// Entra is what the control API needs of the authority.
type Entra interface {
	// Revoke makes every token issued so far invalid.
	Revoke()
	// SetLifetime changes how long tokens issued from now on are valid.
	SetLifetime(d time.Duration)
}

// Options configures a Server; all but Journal, Ledger, SetClock, Log and Now
// are required.
type Options struct {
	Exchange Exchange
	Entra    Entra
	Eliona   *elionasim.Server
	Booking  *bookingsim.Server
	Faults   *fault.Registry
	Stats    *stats.Counters
	Journal  *front.Journal // may be nil
	Ledger   *ledger.Ledger // may be nil
	// SetClock sets the clocks of Exchange and Entra ahead, or behind.
	SetClock func(ahead time.Duration)
	Log      *slog.Logger     // nil means discard
	Now      func() time.Time // nil means time.Now
}

// Server serves the control API.
type Server struct {
	opts Options
	mux  *http.ServeMux
}

// New returns a server.
func New(opts Options) *Server {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Server{opts: opts, mux: http.NewServeMux()}
	routes := map[string]handler{
		"GET /stats":            s.getStats,
		"GET /notifications":    s.getNotifications,
		"GET /assets":           s.getAssets,
		"DELETE /assets/{id}":   s.deleteAsset,
		"GET /bookings":         s.getBookings,
		"GET /calendars/{smtp}": s.getCalendar,
		"GET /requests":         s.getRequests,
		"DELETE /requests":      s.deleteRequests,
		"GET /ledger":           s.getLedger,
		"PUT /clock":            s.putClock,
		"GET /faults":           s.getFaults,
		"POST /faults":          s.postFaults,
		"DELETE /faults":        s.deleteFaults,
		"DELETE /faults/{id}":   s.deleteFaults,
		"POST /people":          s.postPeople,
		"GET /rooms":            s.getRooms,
		"POST /rooms":           s.postRooms,
		"GET /mailboxes":        s.getMailboxes,
		"POST /mailboxes":       s.postMailboxes,
		"POST /tokens/revoke":   s.revokeTokens,
		"PUT /tokens":           s.putTokens,
		"GET /switches":         s.getSwitches,
		"PUT /switches":         s.putSwitches,
		"GET /sockets":          s.getSockets,
		"POST /sockets/drop":    s.dropSockets,
	}
	for pattern, h := range routes {
		s.mux.HandleFunc(pattern, s.serve(h))
	}
	patterns := []string{}
	for pattern := range routes {
		patterns = append(patterns, pattern)
	}
	slices.Sort(patterns)
	s.mux.HandleFunc("GET /{$}", s.serve(func(*http.Request) (answer, error) {
		return ok(map[string]any{"endpoints": patterns}), nil
	}))
	s.mux.HandleFunc("/", s.serve(func(r *http.Request) (answer, error) {
		return answer{}, front.Refuse(http.StatusNotFound, "no endpoint %s %s", r.Method, r.URL.Path)
	}))
	return s
}

// Handler serves the control API, with CORS open for web pages.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
		header.Set("Access-Control-Allow-Headers", "Content-Type")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		s.mux.ServeHTTP(w, r)
	})
}

// answer is a status with a body; no body if nil.
type answer struct {
	status int
	body   any
}

func ok(body any) answer { return answer{http.StatusOK, body} }

type handler func(r *http.Request) (answer, error)

// inputError is a mistake in a request; its text names the field.
type inputError struct{ text string }

func (e inputError) Error() string { return e.text }

func badInput(field, problem string) error { return inputError{field + ": " + problem} }

func (s *Server) serve(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := h(r)
		switch {
		case err != nil:
			front.WriteJSON(w, s.errorStatus(err), map[string]string{"error": err.Error()})
		case a.body == nil:
			w.WriteHeader(a.status)
		default:
			front.WriteJSON(w, a.status, a.body)
		}
	}
}

// errorStatus maps an error to a status. Refusals of the simulated systems
// keep theirs, except that 422 is bad input here as well.
func (s *Server) errorStatus(err error) int {
	if refusal := new(front.Error); errors.As(err, &refusal) && refusal.Status != http.StatusUnprocessableEntity {
		return refusal.Status
	}
	if errors.Is(err, ErrNotFound) {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

func (s *Server) getStats(*http.Request) (answer, error) { return ok(s.opts.Stats.Snapshot()), nil }

// getRequests lists the requests to Eliona and the Booking app, or to one of
// them.
func (s *Server) getRequests(r *http.Request) (answer, error) {
	return ok(s.opts.Journal.Entries(r.URL.Query().Get("service"))), nil
}

func (s *Server) deleteRequests(*http.Request) (answer, error) {
	s.opts.Journal.Clear()
	return answer{status: http.StatusNoContent}, nil
}

// getLedger lists what changed, behind the entry that the client knows already.
func (s *Server) getLedger(r *http.Request) (answer, error) {
	after := 0
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.Atoi(text); err != nil {
			return answer{}, badInput("after", "is not a number")
		}
	}
	return ok(s.opts.Ledger.After(after)), nil
}

// putClock sets the clocks of Exchange and Entra.
func (s *Server) putClock(r *http.Request) (answer, error) {
	var q struct {
		AheadMilliseconds int `json:"aheadMilliseconds"`
	}
	if err := readBody(r, &q); err != nil {
		return answer{}, err
	}
	if s.opts.SetClock == nil {
		return answer{}, front.Refuse(http.StatusNotImplemented, "the clocks cannot be set")
	}
	s.opts.SetClock(time.Duration(q.AheadMilliseconds) * time.Millisecond)
	return answer{status: http.StatusNoContent}, nil
}

func (s *Server) getNotifications(*http.Request) (answer, error) {
	return ok(s.opts.Eliona.Notifications()), nil
}

func (s *Server) getAssets(*http.Request) (answer, error) { return ok(s.opts.Eliona.Assets()), nil }

func (s *Server) deleteAsset(r *http.Request) (answer, error) {
	var id int32
	if err := json.Unmarshal([]byte(r.PathValue("id")), &id); err != nil {
		return answer{}, badInput("id", "not an asset id")
	}
	if !s.opts.Eliona.DeleteAsset(id) {
		return answer{}, front.Refuse(http.StatusNotFound, "id: no asset %d", id)
	}
	return answer{status: http.StatusNoContent}, nil
}

func (s *Server) getBookings(*http.Request) (answer, error) {
	return ok(s.opts.Booking.Bookings()), nil
}

// calendarPast and calendarFuture bound a calendar when the request does not.
const (
	calendarPast   = 30 * 24 * time.Hour
	calendarFuture = 400 * 24 * time.Hour
)

func (s *Server) getCalendar(r *http.Request) (answer, error) {
	query := r.URL.Query()
	from, to := s.opts.Now().Add(-calendarPast), s.opts.Now().Add(calendarFuture)
	for _, bound := range []struct {
		name string
		time *time.Time
	}{{"start", &from}, {"end", &to}} {
		if query.Get(bound.name) == "" {
			continue
		}
		t, err := parseTime(bound.name, query.Get(bound.name))
		if err != nil {
			return answer{}, err
		}
		*bound.time = t
	}
	calendar, err := s.opts.Exchange.Calendar(r.PathValue("smtp"), from, to)
	return ok(calendar), err
}

func (s *Server) getSockets(*http.Request) (answer, error) {
	return ok(s.opts.Booking.Subscriptions()), nil
}

func (s *Server) dropSockets(*http.Request) (answer, error) {
	return ok(map[string]int{"dropped": s.opts.Booking.DropSockets()}), nil
}

// parseTime reads an instant and names the field if it is none.
func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, badInput(field, "is missing")
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, badInput(field, "is not an RFC 3339 time such as 2031-03-03T09:00:00+01:00")
	}
	return t, nil
}
