package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ews/app/agenda"
	"ews/app/engine"
	"ews/app/health"
	"ews/app/meeting"
	"ews/app/notice"
	"ews/app/place"
	"ews/app/plan"
	"ews/booking"
	"ews/conf"
	"ews/db/store"
	"ews/exchange"
)

// runner is one configuration at work.
type runner struct {
	version int64
	term    *store.Term
	cancel  context.CancelCauseFunc
	done    chan struct{}
	err     error // of the engine, once done is closed
	close   func()

	lookAtRooms func()
}

var errStopped = errors.New("stopped by the supervisor")

// newRunner starts a configuration, which begins to end when ctx does. It fails
// with store.ErrTaken while another process works on it.
func (s *supervisor) newRunner(ctx context.Context, c conf.Configuration, log *slog.Logger) (*runner, error) {
	if c.SecretError != nil {
		return nil, c.SecretError
	}
	settings, err := engineSettings(c)
	if err != nil {
		return nil, err
	}
	watch := s.metrics.NewWatch(c.ID, log)
	access := calendarSettings(c, log)
	access.Observe = watch.Call
	calendar, err := exchange.New(access)
	if err != nil {
		return nil, err
	}
	client, err := booking.New(booking.Options{
		BaseURL: c.BookingAppURL, Logger: log.With("component", "booking"), MaySend: engine.MaySend,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the Booking app: %w", err)
	}
	if settings.Installation, err = s.database.Installation(ctx); err != nil {
		return nil, err
	}
	term, err := s.database.Lead(ctx, settings.Config)
	if err != nil {
		return nil, err
	}
	e := engine.New(settings, engine.Ports{
		Calendar: calendar, Bookings: &bookings{client: client}, Assets: &assets{client: s.eliona},
		Store: worded{term}, Observer: watch, Log: log,
	})
	office := &notice.Office{
		Config: c.ID, Owner: c.UserID, Projects: c.ProjectIDs, Zone: c.Zone(), Log: log,
		Ledger: countedLedger{term, watch}, Sender: countedSender{s.eliona, watch},
	}
	board := &agenda.Board{Zone: c.Zone(), Source: term, Assets: s.eliona, Log: log}
	sign := &place.Sign{Rooms: term, Directory: calendar, Assets: s.eliona, Log: log}
	running, cancel := context.WithCancelCause(ctx)
	r := &runner{
		version: c.Version, term: term, cancel: cancel, done: make(chan struct{}), lookAtRooms: e.LookAtRooms,
		close: func() {
			calendar.Close()
			client.CloseIdleConnections()
		},
	}
	go r.run(running, e, log, office.Run, board.Run, sign.Run, func(ctx context.Context) {
		watch.Run(ctx, term, calendar.NotBefore, e.Compare)
	})
	return r, nil
}

// run works until it is stopped or ownership is lost, with others beside it.
func (r *runner) run(ctx context.Context, e *engine.Engine, log *slog.Logger, others ...func(context.Context)) {
	defer close(r.done)
	var beside sync.WaitGroup
	for _, other := range others {
		beside.Go(func() { other(ctx) })
	}
	beside.Go(func() {
		select {
		case <-ctx.Done():
		case <-r.term.Lost():
			r.cancel(engine.ErrFenced)
		}
	})
	beside.Go(func() { r.clean(ctx, log) })
	r.err = e.Run(ctx)
	r.cancel(errStopped)
	beside.Wait()
}

// clean removes old records now and then.
func (r *runner) clean(ctx context.Context, log *slog.Logger) {
	for sleep(ctx, time.Hour) {
		if err := r.term.Clean(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "old records not removed", "error", err)
		}
	}
}

func (r *runner) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// replaced tells whether another process works on the configuration, or is
// about to, once done is closed.
func (r *runner) replaced() bool {
	select {
	case <-r.term.Lost():
		return true
	default:
		return errors.Is(r.err, engine.ErrFenced)
	}
}

// stop ends the work, waits for what is under way, and gives the configuration
// back. It returns why the engine ended by itself, if it did.
func (r *runner) stop(ctx context.Context) error {
	r.cancel(errStopped)
	<-r.done
	r.close()
	closing, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return errors.Join(r.err, r.term.Close(closing))
}

// maxConfirm is how long rooms may disagree at most, however seldom they are read.
const maxConfirm = 10 * time.Minute

func engineSettings(c conf.Configuration) (engine.Settings, error) {
	filter, err := c.Filter()
	if err != nil {
		return engine.Settings{}, fmt.Errorf("reading the asset filter: %w", err)
	}
	policy := plan.DefaultPolicy()
	policy.AnswerTimeout = c.AnswerTimeout
	// The rooms of a meeting are not all read at the same time.
	policy.Confirm = max(policy.Confirm, min(c.RefreshInterval*5/4, maxConfirm))
	return engine.Settings{
		Config: meeting.ConfigID(c.ID), RefreshInterval: c.RefreshInterval, Horizon: c.Horizon(), Policy: policy,
		Projects: c.ProjectIDs, Discover: c.Discovers(), NotifyUsers: c.NotifyUsers, Stream: c.Streaming,
		Requests: c.MaxRequestsPerMinute,
		Wanted: func(r engine.RoomInfo) bool {
			return filter.Match(map[string]string{conf.FilterEmail: string(r.Address), conf.FilterName: r.Name})
		},
	}, nil
}

func calendarSettings(c conf.Configuration, log *slog.Logger) exchange.Settings {
	s := exchange.Settings{
		URL: c.Endpoint(), Timeout: c.RequestTimeout,
		CACertificates: c.CACertificates, AllowPlainHTTP: c.AllowPlainHTTP,
		ServiceUser: meeting.AddressOf(c.ServiceUserUPN), RoomList: meeting.AddressOf(c.RoomListUPN),
		OrganizerDomains: c.OrganizerDomains,
		Subject:          c.BookingSubject, Log: log.With("component", "exchange"),
		InFlight: c.MaxConcurrentRequests, PerMinute: c.MaxRequestsPerMinute,
	}
	if c.Method() == conf.MethodOAuth {
		s.ClientID, s.ClientSecret, s.TenantID = c.ClientID, c.ClientSecret.Reveal(), c.TenantID
		s.AuthorityURL, s.Scope = c.AuthorityURL, c.OAuthScope
	} else {
		s.Username, s.Password = c.Username, c.Password.Reveal()
	}
	return s
}

// worded puts the status of a configuration into words for its administrator.
type worded struct{ *store.Term }

// SetStatus implements engine.Store.
func (w worded) SetStatus(ctx context.Context, code, text string) error {
	return w.Term.SetStatus(ctx, code, statusText(code, text))
}

// statusText says what is wrong and what to do; the details follow for those
// who look into it.
func statusText(code, details string) string {
	if code == "" {
		return ""
	}
	text, fix := health.Explain(code)
	return text + " " + fix + " (" + details + ")"
}
