// Package app wires the parts of the Exchange app together and runs them: the
// configuration API, and one synchronisation per configuration.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/errgroup"

	"ews/apiservices"
	"ews/app/access"
	"ews/app/health"
	"ews/conf"
	"ews/db"
	"ews/db/store"
	"ews/db/upgrade"
	"ews/eliona"
	"ews/page"
	"ews/resources"
)

// stopTime is how long stopping may take: work under way is finished, then
// connections are closed. Platforms kill a process after 10 seconds.
const stopTime = 9 * time.Second

// Run works until ctx ends, which is no error. It waits for PostgreSQL and for
// the Eliona API rather than fail; meanwhile it tells that it lives, and is not
// ready.
func Run(ctx context.Context, o Options) error {
	o.Log.DebugContext(ctx, "starting", "commit", o.Commit, "built", o.Built, "port", o.Port)
	client, err := eliona.New(eliona.Options{
		Endpoint: o.APIEndpoint, Token: o.APIToken, Logger: o.Log.With("component", "eliona"),
	})
	if err != nil {
		return fmt.Errorf("preparing the Eliona API: %w", err)
	}
	defer client.CloseIdleConnections()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+strconv.Itoa(o.Port))
	if err != nil {
		return fmt.Errorf("listening for the API: %w", err)
	}
	database, err := store.Open(ctx, store.Options{URL: o.ConnectionString, Log: o.Log.With("component", "db")})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer database.Close() //nolint:contextcheck // it is part of no call
	gate := apiservices.NewGate()
	server := &http.Server{
		Handler: gate, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(o.Log.With("component", "api").Handler(), slog.LevelWarn),
	}

	// The end of one is the end of all.
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving the API: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		if err := register(running, client, o); err != nil {
			if running.Err() != nil {
				return nil //nolint:nilerr // stopped while waiting
			}
			return err
		}
		return work(running, o, client, database, func(api http.Handler) {
			gate.Open(api)
			o.Log.InfoContext(ctx, "ready", "port", listener.Addr().(*net.TCPAddr).Port)
		})
	})
	group.Go(func() error {
		<-running.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		return server.Shutdown(stopping)
	})
	err = group.Wait()
	o.Log.InfoContext(ctx, "stopped")
	return err
}

// register initialises the app in the database and in Eliona, once.
func register(ctx context.Context, client *eliona.Client, o Options) error {
	types, err := resources.AssetTypes()
	if err != nil {
		return fmt.Errorf("reading the asset types: %w", err)
	}
	return eliona.Register(ctx, client, eliona.RegistrationOptions{
		InitConnectionString: o.InitConnectionString,
		Init:                 func(ctx context.Context, conn eliona.Connection) error { return db.Init(ctx, conn) },
		AssetTypes:           types,
		Patches:              patches(client, types),
		Logger:               o.Log.With("component", "init"),
	})
}

// patches are what Init does not do on the database of an earlier release. The
// last one also brings the asset types up to date.
func patches(client *eliona.Client, types fs.FS) []eliona.Patch {
	var out []eliona.Patch
	all := upgrade.Patches()
	for i, p := range all {
		out = append(out, eliona.Patch{Name: p.Name, Func: func(ctx context.Context, conn eliona.Connection) error {
			if err := p.Run(ctx, conn); err != nil || i < len(all)-1 {
				return err
			}
			return client.PutAssetTypes(ctx, types)
		}})
	}
	return out
}

// work opens the API and supervises the configurations.
func work(ctx context.Context, o Options, client *eliona.Client, database *store.DB, open func(http.Handler)) error {
	handle := stdlib.OpenDBFromPool(database.Pool())
	defer func() { _ = handle.Close() }()
	configurations := conf.NewRepository(handle, o.Keys)
	metrics := health.NewMetrics(database, o.Commit, o.Built)
	supervisor := newSupervisor(o.Log.With("component", "sync"), configurations, database, client, metrics)
	desk := health.NewDesk(health.DeskOptions{
		Configurations: configurations, DB: database, Metrics: metrics, Supervised: supervisor.awake,
	})
	checker := newChecker(client, o.Log.With("component", "check"))
	operators, err := page.New(page.Options{Source: pageSource{desk, configurations, checker}, Logger: o.Log.With("component", "page")})
	if err != nil {
		return fmt.Errorf("preparing the page: %w", err)
	}
	var callers apiservices.Callers // of an interface: without a door it has to be nil
	if o.DemandToken {
		callers = access.New(askEliona(client), o.Log.With("component", "api"))
	}
	api, err := apiservices.NewHandler(apiservices.Deps{
		Callers: callers, AllowedOrigins: o.AllowedOrigins,
		Configurations: configurations, Operations: desk, Page: operators, Rooms: desk,
		Checker: checker,
		Changed: func(int64) { supervisor.look() },
		Version: apiservices.Version{Commit: o.Commit, Timestamp: o.Built},
		Logger:  o.Log.With("component", "api"),
	})
	if err != nil {
		return fmt.Errorf("preparing the API: %w", err)
	}
	reseal(ctx, configurations, o.Log)
	open(api)
	supervisor.run(ctx)
	return nil
}

// reseal brings the stored secrets into the form the keys ask for. It gives up
// only when ctx ends.
func reseal(ctx context.Context, configurations *conf.Repository, log *slog.Logger) {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := configurations.Reseal(ctx, log)
		if err == nil {
			return
		}
		log.WarnContext(ctx, "secrets not resealed, trying again", "error", err)
		if !sleep(ctx, wait) {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// askEliona asks Eliona whether it lets a caller see this app.
func askEliona(client *eliona.Client) access.Ask {
	return func(ctx context.Context, c apiservices.Credential) error {
		err := client.Admits(ctx, eliona.Caller(c))
		e, ok := errors.AsType[*eliona.Error](err)
		switch {
		case ok && e.Status == http.StatusUnauthorized:
			return apiservices.ErrNotAdmitted
		case ok && e.Status == http.StatusForbidden:
			return apiservices.ErrNotAllowed
		}
		return err
	}
}
