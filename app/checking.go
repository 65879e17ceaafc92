package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"ews/apiserver"
	"ews/apiservices"
	"ews/app/check"
	"ews/app/engine"
	"ews/app/health"
	"ews/app/meeting"
	"ews/booking"
	"ews/conf"
	"ews/eliona"
	"ews/exchange"
)

// checker tries configurations out for the API.
type checker struct {
	eliona *eliona.Client
	log    *slog.Logger
	free   chan struct{} // holds a value per check under way
}

var _ apiservices.Checker = (*checker)(nil)

// checksAtOnce bounds what callers of the API can make the app do at a time.
const checksAtOnce = 4

func newChecker(client *eliona.Client, log *slog.Logger) *checker {
	return &checker{eliona: client, log: log, free: make(chan struct{}, checksAtOnce)}
}

// Check implements apiservices.Checker.
func (k *checker) Check(ctx context.Context, c conf.Configuration, mailbox string) (apiserver.CheckReport, error) {
	select {
	case k.free <- struct{}{}:
		defer func() { <-k.free }()
	default:
		return apiserver.CheckReport{}, apiservices.ErrBusy
	}
	chain := check.Chain{
		Known: []check.Step{values(c)}, RoomList: c.Discovers(), Mailbox: meeting.AddressOf(mailbox), Projects: c.ProjectIDs,
		Eliona: &elionaProbe{k.eliona},
	}
	if settings, err := engineSettings(c); err == nil {
		chain.Wanted = func(r check.Room) bool { return settings.Wanted(engine.RoomInfo{Address: r.Address, Name: r.Name}) }
	}
	if chain.Known[0].Status == check.OK {
		probe, err := exchange.NewProbe(calendarSettings(c, k.log))
		if err != nil {
			return apiserver.CheckReport{}, err
		}
		defer probe.Close()
		chain.Calendar = probe
	}
	if client, err := booking.New(booking.Options{BaseURL: c.BookingAppURL, Logger: k.log}); err == nil {
		defer client.CloseIdleConnections()
		chain.Bookings = &bookingProbe{client}
	}
	report := chain.Run(ctx)
	first, _ := report.First(check.Failed)
	k.log.InfoContext(ctx, "configuration checked", "config", c.ID, "result", report.Status(), "failed", first.Name, "code", first.Code,
		"duration", report.Duration)
	return health.PresentCheck(report), nil
}

// pageSource is what the operators' page shows and does: what the desk tells,
// and checks of what is stored.
type pageSource struct {
	*health.Desk
	configurations *conf.Repository
	checker        *checker
}

// Check implements page.Source.
func (s pageSource) Check(ctx context.Context, config int64, mailbox string) (apiserver.CheckReport, error) {
	c, err := s.configurations.Get(ctx, config)
	if err != nil {
		return apiserver.CheckReport{}, err
	}
	return s.checker.Check(ctx, c, mailbox)
}

// values tells whether the values of a configuration can be used at all. Those
// of an earlier release may obey fewer rules.
func values(c conf.Configuration) check.Step {
	step := check.Step{Name: check.NameConfiguration, Status: check.OK}
	if c.SecretError != nil || c.ClientSecret.Sealed() || c.Password.Sealed() {
		step.Status, step.Code = check.Failed, "secret_unreadable"
		return step
	}
	problems := c.Validate()
	if len(problems) == 0 {
		return step
	}
	words := make([]string, 0, len(problems))
	for _, p := range problems {
		words = append(words, p.Error())
	}
	step.Status, step.Code, step.Detail = check.Failed, "configuration_invalid", strings.Join(words, "; ")
	return step
}

// bookingProbe lets a check look at the Booking app.
type bookingProbe struct{ client *booking.Client }

var _ check.Bookings = (*bookingProbe)(nil)

// Reach implements check.Bookings.
func (b *bookingProbe) Reach(ctx context.Context) error {
	return asProblem(bookingError(b.client.Reach(ctx)))
}

// Groups implements check.Bookings.
func (b *bookingProbe) Groups(ctx context.Context) error {
	return asProblem(bookingError(b.client.Groups(ctx)))
}

// Changes implements check.Bookings.
func (b *bookingProbe) Changes(ctx context.Context) error {
	err := b.client.TryListening(ctx)
	if err == nil {
		return nil
	}
	problem := &check.Problem{Code: "booking_socket_closed", Err: err}
	if e, ok := errors.AsType[*booking.Error](err); ok && e.Status != 0 {
		problem.Detail = fmt.Sprintf("the answer has the status %d", e.Status)
	}
	return problem
}

// elionaProbe lets a check look at Eliona.
type elionaProbe struct{ client *eliona.Client }

var _ check.Eliona = (*elionaProbe)(nil)

// Reach implements check.Eliona.
func (p *elionaProbe) Reach(ctx context.Context) error {
	return elionaProblem(p.client.Reach(ctx))
}

// Project implements check.Eliona.
func (p *elionaProbe) Project(ctx context.Context, id string) (bool, error) {
	exists, err := p.client.ProjectExists(ctx, eliona.ProjectID(id))
	return exists, elionaProblem(err)
}

// Assets implements check.Eliona.
func (p *elionaProbe) Assets(ctx context.Context) error {
	err := p.client.MayWriteAssets(ctx)
	if e, ok := errors.AsType[*eliona.Error](err); ok && e.Class == eliona.Refused {
		return &check.Problem{Code: "asset_type_missing", Err: err}
	}
	return elionaProblem(err)
}

func elionaProblem(err error) error {
	if err == nil {
		return nil
	}
	return asProblem(elionaError(err))
}

// asProblem keeps the code of an error of the engine's ports.
func asProblem(err error) error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return &check.Problem{Code: e.Code, Err: err}
	}
	return err
}
