package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"ews/simulator/bookingsim"
	"ews/simulator/control"
	"ews/simulator/elionasim"
	"ews/simulator/entrasim"
	"ews/simulator/exchangesim"
	"ews/simulator/fault"
	"ews/simulator/front"
	"ews/simulator/ledger"
	"ews/simulator/stats"
)

// shutdownTimeout bounds how long running requests may take at the end.
const shutdownTimeout = 5 * time.Second

// program is the running simulators.
type program struct {
	config    config
	log       *slog.Logger
	listeners map[string]net.Listener
	servers   []*http.Server
	exchange  *exchangesim.Server
	eliona    *elionasim.Server
	booking   *bookingsim.Server

	// cancel ends what runs in the background; group waits for it.
	cancel context.CancelFunc
	group  *errgroup.Group
}

// endpoint is an address that is served.
type endpoint struct {
	name   string // as printed
	scheme string
	path   string // appended to the printed address
	listen string
}

// endpoints in the order in which they are printed.
func (c config) endpoints() []endpoint {
	const ewsPath = "/EWS/Exchange.asmx"
	return []endpoint{
		{"EXCHANGE_HTTPS", "https", ewsPath, c.exchangeHTTPS},
		{"EXCHANGE_HTTP", "http", ewsPath, c.exchangeHTTP},
		{"ENTRA", "https", "", c.entra},
		{"ELIONA", "http", "/v2", c.eliona},
		{"BOOKING", "http", "/v1", c.booking},
		{"CONTROL", "http", "", c.control},
	}
}

// start builds and serves everything, or nothing if something fails.
func start(ctx context.Context, c config, log *slog.Logger) (*program, error) {
	p := &program{config: c, log: log, listeners: map[string]net.Listener{}}
	if err := p.build(ctx); err != nil {
		p.abandon()
		return nil, err
	}
	log.Info("simulators run", "random_seed", c.randomSeed)
	return p, nil
}

func (p *program) build(ctx context.Context) error {
	c := p.config
	seed, err := loadSeeds(c.seedFile)
	if err != nil {
		return err
	}
	certs, err := newCertificates(c.hostname)
	if err != nil {
		return err
	}
	if c.caFile != "" {
		if err := os.WriteFile(c.caFile, certs.authorityPEM, 0o644); err != nil {
			return fmt.Errorf("writing the CA certificate: %w", err)
		}
	}
	if c.recordDir != "" {
		if err := os.MkdirAll(c.recordDir, 0o755); err != nil {
			return fmt.Errorf("creating the directory of records: %w", err)
		}
	}
	faults, counters, journal, changes := fault.New(c.randomSeed), stats.New(), front.NewJournal(), ledger.New()
	clock := &clock{}

	entra, err := entrasim.New(entrasim.Options{
		Clients: seed.exchange.Clients, Clock: clock.now, Faults: faults, Stats: counters,
	})
	if err != nil {
		return fmt.Errorf("starting Entra: %w", err)
	}
	p.exchange, err = exchangesim.New(exchangesim.Options{
		Seed: seed.exchange, Latency: c.latency, DecisionDelay: c.decisionDelay, ResponseDelay: c.responseDelay,
		LatencyJitter: c.jitter.latency, DecisionJitter: c.jitter.decision, ResponseJitter: c.jitter.response, PageSize: c.pageSize,
		Faults: faults, Stats: counters,
		Ledger: changes, Clock: clock.now, RecordDir: c.recordDir, AuthBearer: entra, ServerCertificate: certs.server.Leaf,
		RequireChannelBinding: c.requireChannelBinding, OrganizerStyle: c.organizerStyle, RandomSeed: c.randomSeed, Logger: p.log.With("service", "exchange"),
	})
	if err != nil {
		return fmt.Errorf("starting Exchange: %w", err)
	}
	p.eliona, err = elionasim.New(ctx, elionasim.Options{
		Seed: &seed.eliona, Database: c.elionaDB, Faults: faults, Stats: counters, Journal: journal, Ledger: changes,
		Log: p.log.With("service", elionasim.Service), RandomSeed: c.randomSeed,
	})
	if err != nil {
		return fmt.Errorf("starting Eliona: %w", err)
	}
	if err := p.listen(ctx); err != nil {
		return err
	}
	p.booking, err = bookingsim.New(bookingsim.Options{
		Faults: faults, Stats: counters, Journal: journal, Ledger: changes, ElionaURL: p.reachable("ELIONA") + "/v2", ElionaToken: seed.eliona.Token,
		OrganizerName: p.eliona.UserName, Log: p.log.With("service", bookingsim.Service), RandomSeed: c.randomSeed,
	})
	if err != nil {
		return fmt.Errorf("starting the Booking app: %w", err)
	}
	controls := control.New(control.Options{
		Exchange: calendars{p.exchange}, Entra: entra, Eliona: p.eliona, Booking: p.booking,
		Faults: faults, Stats: counters, Journal: journal, Ledger: changes, SetClock: clock.set,
	})
	p.serve(ctx, certs, map[string]http.Handler{
		"EXCHANGE_HTTPS": p.exchange.Handler(),
		"EXCHANGE_HTTP":  p.exchange.Handler(),
		"ENTRA":          entra.Handler(),
		"ELIONA":         p.eliona.Handler(),
		"BOOKING":        p.booking.Handler(),
		"CONTROL":        controls.Handler(),
	})
	return nil
}

// listen opens all listeners, so that every address is known before the
// first request.
func (p *program) listen(ctx context.Context) error {
	var config net.ListenConfig
	for _, e := range p.config.endpoints() {
		listener, err := config.Listen(ctx, "tcp", e.listen)
		if err != nil {
			return fmt.Errorf("listening for %s: %w", e.name, err)
		}
		p.listeners[e.name] = listener
	}
	return nil
}

// addresses returns the lines that tell where everything is.
func (p *program) addresses() []string {
	var lines []string
	for _, e := range p.config.endpoints() {
		lines = append(lines, e.name+"="+p.url(e, p.config.hostname)+e.path)
	}
	return lines
}

// reachable is the URL of an endpoint for this process itself.
func (p *program) reachable(name string) string {
	for _, e := range p.config.endpoints() {
		if e.name == name {
			return p.url(e, "")
		}
	}
	return ""
}

// url is the scheme, host and port of an endpoint. A listener on all
// interfaces is shown by its name, or as the loopback address.
func (p *program) url(e endpoint, hostname string) string {
	host, port, err := net.SplitHostPort(p.listeners[e.name].Addr().String())
	if err != nil {
		// The address of a TCP listener always has this form.
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if hostname != "" {
		host = hostname
	}
	return e.scheme + "://" + net.JoinHostPort(host, port)
}

// serve starts the servers and what runs beside them.
func (p *program) serve(ctx context.Context, certs certificates, handlers map[string]http.Handler) {
	ctx, p.cancel = context.WithCancel(ctx)
	p.group, ctx = errgroup.WithContext(ctx)
	for _, e := range p.config.endpoints() {
		server := &http.Server{
			Handler:           handlers[e.name],
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          slog.NewLogLogger(p.log.With("endpoint", e.name).Handler(), slog.LevelDebug),
			// NTLM authenticates a connection, which HTTP/2 has no notion of.
			Protocols: new(http.Protocols),
		}
		server.Protocols.SetHTTP1(true)
		if e.name == "EXCHANGE_HTTPS" || e.name == "EXCHANGE_HTTP" {
			server.ConnContext = p.exchange.ConnContext
		}
		listener := p.listeners[e.name]
		if e.scheme == "https" {
			listener = tls.NewListener(listener, &tls.Config{
				Certificates: []tls.Certificate{certs.server}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
			})
		}
		p.servers = append(p.servers, server)
		p.group.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving %s: %w", e.name, err)
			}
			return nil
		})
	}
	p.group.Go(func() error {
		p.booking.Run(ctx)
		return nil
	})
	deliveries := make(chan struct{})
	p.group.Go(func() error {
		defer close(deliveries)
		if err := p.exchange.Run(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("running Exchange: %w", err)
		}
		return nil
	})
	// When one part fails, or the caller wants to stop, everything stops.
	p.group.Go(func() error {
		<-ctx.Done()
		// Exchange is closed only after it runs no more.
		<-deliveries
		p.shutdown(context.WithoutCancel(ctx))
		return nil
	})
}

// wait returns when everything has stopped, because ctx ended or because a
// part failed.
func (p *program) wait(ctx context.Context) error {
	defer p.cancel()
	err := p.group.Wait()
	p.eliona.Close()
	if err == nil && ctx.Err() != nil {
		p.log.Info("simulators stopped")
	}
	return err
}

// shutdown ends long-lived connections first, then lets requests finish.
func (p *program) shutdown(ctx context.Context) {
	p.booking.Close()
	p.exchange.Close()
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	for _, server := range p.servers {
		if err := server.Shutdown(ctx); err != nil {
			p.log.Warn("closing connections", "error", err)
			_ = server.Close()
		}
	}
}

// abandon releases what a failed start has taken.
func (p *program) abandon() {
	for _, listener := range p.listeners {
		_ = listener.Close()
	}
	if p.eliona != nil {
		p.eliona.Close()
	}
	if p.exchange != nil {
		p.exchange.Close()
	}
}
