package eliona

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/eliona-smart-building-assistant/go-eliona/app"
	elionaclient "github.com/eliona-smart-building-assistant/go-eliona/client"
	"github.com/eliona-smart-building-assistant/go-utils/db"
	"github.com/jackc/pgx/v5/pgconn"
)

// AppName is the technical name of the app, and of its schema.
const AppName = "ews"

// Step changes the database. It may run again after it has succeeded, so it is
// idempotent; the connection is a transaction.
type Step func(ctx context.Context, conn Connection) error

// Patch is an upgrade step. Published names are never changed or used again. All
// patches run once on a fresh installation too, right after Init.
type Patch struct {
	Name string // six digits, two each for major, minor and patch
	Func Step
}

// RegistrationOptions configures [Register].
type RegistrationOptions struct {
	// InitConnectionString is the PostgreSQL URL of the role that may create
	// the schema; once everything is done any role that may connect will do.
	InitConnectionString string
	AppName              string // AppName by default
	Init                 Step
	// AssetTypes is a folder of JSON files that Init registers too; nil = none.
	AssetTypes fs.FS
	Patches    []Patch
	Logger     *slog.Logger
	// MinBackoff and MaxBackoff bound the pauses between attempts. 1 s and 60 s
	MinBackoff, MaxBackoff time.Duration

	connect func(context.Context) (session, error) // tests replace PostgreSQL
}

// Register makes sure that the app is initialised in the database and in Eliona
// and that all patches are applied. It waits, with one warning per attempt, for
// as long as Eliona or PostgreSQL are down or Eliona does not know the app. An
// error means that waiting does not help, or that ctx has ended.
//
// Of several replicas that start together one does the work.
//
// The library that does the registration ends the process or panics when
// something fails, and reads its address and token from the environment.
// Register calls it only when there is something to do, with steps that abort
// instead of failing, and after the state was written to Eliona already. Where
// the library cannot work - the answer holds what it does not understand, or the
// environment names another Eliona than the client - its steps are done here.
func Register(ctx context.Context, client *Client, options RegistrationOptions) error {
	r := &registration{client: client, options: options, log: options.Logger}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.options.AppName == "" {
		r.options.AppName = AppName
	}
	if r.options.MinBackoff <= 0 {
		r.options.MinBackoff = time.Second
	}
	if r.options.MaxBackoff <= 0 {
		r.options.MaxBackoff = time.Minute
	}
	if r.options.connect == nil {
		connect, err := connector(options.InitConnectionString, r.options.AppName)
		if err != nil {
			return fmt.Errorf("registering the app: %w", err)
		}
		r.options.connect = connect
	}
	if err := r.persist(ctx); err != nil {
		return fmt.Errorf("registering the app: %w", err)
	}
	return nil
}

type registration struct {
	client  *Client
	options RegistrationOptions
	log     *slog.Logger
}

// persist repeats attempts until one succeeds or none can.
func (r *registration) persist(ctx context.Context) error {
	pause := &backoff.ExponentialBackOff{
		InitialInterval: r.options.MinBackoff, MaxInterval: r.options.MaxBackoff,
		Multiplier: 2, RandomizationFactor: 0.2,
	}
	for {
		err := r.attempt(ctx)
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		wait := min(pause.NextBackOff(), r.options.MaxBackoff)
		if failure, ok := errors.AsType[*Error](err); ok {
			wait = max(wait, failure.RetryAfter)
		}
		r.log.WarnContext(ctx, "waiting to register the app", "error", err, "retry_in", wait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func (r *registration) attempt(ctx context.Context) error {
	conn, err := r.options.connect(ctx)
	if err != nil {
		return fmt.Errorf("connecting to the database: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx) // also gives up what was not committed
	}()
	// The lock ends with the connection.
	if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtext($1))", "register "+r.options.AppName); err != nil {
		return fmt.Errorf("locking the registration: %w", err)
	}
	if err := r.init(ctx, conn); err != nil {
		return fmt.Errorf("initialising: %w", err)
	}
	for _, patch := range r.options.Patches {
		if err := r.patch(ctx, conn, patch); err != nil {
			return fmt.Errorf("applying patch %s: %w", patch.Name, err)
		}
	}
	return nil
}

func (r *registration) init(ctx context.Context, conn session) error {
	name := r.options.AppName
	state, err := r.client.appMark(ctx, name)
	if err != nil || state.set {
		return err
	}
	steps := []Step{r.options.Init, func(ctx context.Context, _ Connection) error {
		if r.options.AssetTypes == nil {
			return nil
		}
		return r.client.PutAssetTypes(ctx, r.options.AssetTypes)
	}}
	confirm := func(ctx context.Context) error { return r.client.setRegistered(ctx, name) }
	return r.perform(ctx, conn, state, steps, confirm, func(conn db.Connection, steps []func(db.Connection) error) {
		app.Init(conn, name, steps...)
	})
}

func (r *registration) patch(ctx context.Context, conn session, patch Patch) error {
	name := r.options.AppName
	state, err := r.client.patchMark(ctx, name, patch.Name)
	if err != nil || state.set {
		return err
	}
	confirm := func(ctx context.Context) error { return r.client.setApplied(ctx, name, patch.Name) }
	return r.perform(ctx, conn, state, []Step{patch.Func}, confirm,
		func(conn db.Connection, steps []func(db.Connection) error) {
			app.Patch(conn, name, patch.Name, steps...)
		})
}

// perform runs steps through the library, or here if the library cannot.
func (r *registration) perform(
	ctx context.Context, conn session, state mark, steps []Step, confirm func(context.Context) error,
	library func(db.Connection, []func(db.Connection) error),
) error {
	g := &guard{session: conn, ctx: ctx, confirm: confirm}
	wrapped := make([]func(db.Connection) error, 0, len(steps))
	for _, step := range steps {
		if step != nil {
			wrapped = append(wrapped, g.step(step))
		}
	}
	return caught(func() {
		if state.plain && r.libraryMeansUs() {
			library(g, wrapped)
			return
		}
		r.ourselves(ctx, g, wrapped)
	})
}

// libraryMeansUs tells whether the environment, from which the library takes
// them, holds the client's address and token.
func (r *registration) libraryMeansUs() bool {
	endpoint, err := parseEndpoint(elionaclient.ApiEndpointString())
	return err == nil && endpoint.String() == r.client.base.String() && os.Getenv("API_TOKEN") == r.client.token
}

// ourselves does what the library does.
func (r *registration) ourselves(ctx context.Context, g *guard, steps []func(db.Connection) error) {
	tx, err := g.Begin(ctx)
	abortOn(err)
	for _, step := range steps {
		abortOn(step(tx))
	}
	abortOn(tx.Commit(ctx))
	// The guard confirms after this statement.
	if _, err := g.Exec(ctx, "select fixprivilege($1, $2)", r.options.AppName, db.Username()); err != nil {
		r.log.WarnContext(ctx, "cannot grant the schema to the app's role", "error", err)
	}
}

// passing tells whether another attempt can end better.
func passing(err error) bool {
	if failure, ok := errors.AsType[*Error](err); ok {
		return failure.Class == Transient || failure.Class == Denied || failure.Class == NotFound
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch server.Code[:min(2, len(server.Code))] {
		case "08", "40", "53", "55", "57", "58": // connection, rollback, resources, in use, shutdown, system
			return true
		}
		return false
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}
