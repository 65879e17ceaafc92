// Package app wires the parts of the Exchange app together and runs them: the
// configuration API, and one synchronisation per configuration.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/errgroup"

	"ews/apiservices"
	"ews/conf"
	"ews/db"
	"ews/db/store"
	"ews/eliona"
	"ews/resources"
)

// stopTime is how long stopping may take: work under way is finished, then
// connections are closed. Platforms kill a process after 10 seconds.
const stopTime = 9 * time.Second

// Run works until ctx ends, which is no error. It waits for PostgreSQL and for
// the Eliona API rather than fail.
func Run(ctx context.Context, o Options) error {
	o.Log.DebugContext(ctx, "starting", "commit", o.Commit, "built", o.Built, "port", o.Port)
	client, err := eliona.New(eliona.Options{
		Endpoint: o.APIEndpoint, Token: o.APIToken, Logger: o.Log.With("component", "eliona"),
	})
	if err != nil {
		return fmt.Errorf("preparing the Eliona API: %w", err)
	}
	defer client.CloseIdleConnections()
	if err := register(ctx, client, o); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while waiting
		}
		return err
	}
	database, err := store.Open(ctx, store.Options{URL: o.ConnectionString})
	if err != nil {
		return err
	}
	defer database.Close()
	return serve(ctx, o, client, database)
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
		Logger:               o.Log.With("component", "init"),
	})
}

// serve runs the API and the supervisor; the end of one is the end of both.
func serve(ctx context.Context, o Options, client *eliona.Client, database *store.DB) error {
	handle := stdlib.OpenDBFromPool(database.Pool())
	defer func() { _ = handle.Close() }()
	configurations := conf.NewRepository(handle, o.Keys)
	supervisor := newSupervisor(o.Log.With("component", "sync"), configurations, database, client)
	api, err := apiservices.NewHandler(apiservices.Deps{
		Configurations: configurations,
		Changed:        func(int64) { supervisor.look() },
		Version:        apiservices.Version{Commit: o.Commit, Timestamp: o.Built},
		Logger:         o.Log.With("component", "api"),
	})
	if err != nil {
		return fmt.Errorf("preparing the API: %w", err)
	}
	if err := prepare(ctx, configurations, o.Log); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+strconv.Itoa(o.Port))
	if err != nil {
		return fmt.Errorf("listening for the API: %w", err)
	}
	server := &http.Server{
		Handler: api, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(o.Log.With("component", "api").Handler(), slog.LevelWarn),
	}
	o.Log.InfoContext(ctx, "ready", "port", listener.Addr().(*net.TCPAddr).Port)

	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving the API: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		supervisor.run(running)
		return nil
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

// prepare brings the stored configurations into their state at start.
func prepare(ctx context.Context, configurations *conf.Repository, log *slog.Logger) error {
	for _, step := range []func() error{
		func() error { return configurations.Reseal(ctx, log) },
		func() error { return configurations.SetAllInactive(ctx) },
	} {
		for wait := time.Second; ; wait = min(2*wait, time.Minute) {
			err := step()
			if err == nil {
				break
			}
			log.WarnContext(ctx, "configurations not prepared, trying again", "error", err)
			if !sleep(ctx, wait) {
				return nil // stopped while waiting
			}
		}
	}
	return nil
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
