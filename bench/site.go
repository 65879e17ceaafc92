package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/e2e/stage"
	"ews/simulator/exchangesim"
)

// site is an installation that is measured.
type site struct {
	*stage.Stage
	stage.Building
	database *pgx.Conn
	dir      string
	keep     bool
	say      func(format string, args ...any)

	statements bool // shown at the end
}

// setting is what the installations of the scenarios differ in.
type setting struct {
	building stage.Building
	latency  time.Duration // of each request to Exchange
	decision time.Duration // of a room
	booking  time.Duration // of each request to the Booking app
}

// open starts an installation without any configuration. The database writes to
// disk as it does in operation.
func (b *bench) open(ctx context.Context, s setting) (_ *site, err error) {
	o := &site{Building: s.building, keep: b.keep, say: b.say, statements: b.statements}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close(ctx))
		}
	}()
	if o.dir, err = b.folder(); err != nil {
		return o, err
	}
	seed := filepath.Join(o.dir, "seed.json")
	if err = o.Write(seed); err != nil {
		return o, err
	}
	o.Stage, err = stage.Start(ctx, stage.Options{
		Dir: o.dir, Binary: b.app,
		Database: map[string]string{
			"fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB",
			"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "top", "pg_stat_statements.track_planning": "on",
		},
		Simulator: []string{
			"-seed", seed, "-latency", s.latency.String(), "-decision-delay", s.decision.String(), "-random-seed", "1", "-log-level", "WARN",
		},
	})
	if err != nil {
		return o, err
	}
	if err = o.Control.Switch(ctx, map[string]any{"booking": map[string]any{"delayMilliseconds": s.booking.Milliseconds()}}); err != nil {
		return o, err
	}
	if err = o.StartApp(ctx); err != nil {
		return o, err
	}
	if o.database, err = pgx.Connect(ctx, o.URL()); err != nil {
		return o, fmt.Errorf("connecting to the database: %w", err)
	}
	_, err = o.database.Exec(ctx, `create extension if not exists pg_stat_statements`)
	return o, err
}

func (o *site) close(ctx context.Context) error {
	var errs []error
	if o.database != nil {
		if o.statements {
			errs = append(errs, o.showStatements(context.WithoutCancel(ctx)))
		}
		errs = append(errs, o.database.Close(context.WithoutCancel(ctx)))
	}
	if o.Stage != nil {
		errs = append(errs, o.Stage.Close())
	}
	if o.dir != "" && !o.keep {
		errs = append(errs, os.RemoveAll(o.dir))
	}
	return errors.Join(errs...)
}

// configure lets the app work on a room list, with the defaults of the product.
func (o *site) configure(ctx context.Context, list string, change map[string]any) error {
	c := o.Configuration()
	c["roomListUPN"] = list
	delete(c, "refreshInterval")
	maps.Copy(c, change)
	_, err := o.Configure(ctx, c)
	return err
}

// number asks the app's database for a number.
func (o *site) number(ctx context.Context, sql string) (int, error) {
	var n int
	err := o.database.QueryRow(ctx, sql).Scan(&n)
	return n, err
}

// The states that are waited for.
const (
	unreadRooms = `select count(*) from ews.room where read_at is null`
	roomCount   = `select count(*) from ews.room`
	dueMeetings = `select count(*) from (select from ews.meeting where due_at is not null limit 1) x`
	shownDates  = `select count(*) from ews.cell where seen = 'booked' and seen_end > now()`
	liveDates   = `select count(*) from ews.occurrence where bk_live`
)

// until waits until a number is as wanted.
func (o *site) until(ctx context.Context, patience time.Duration, what, sql string, ok func(n int) bool) error {
	return stage.Until(ctx, patience, what, func() (bool, error) {
		n, err := o.number(ctx, sql)
		return ok(n), err
	})
}

func zero(n int) bool { return n == 0 }

func atLeast(least int) func(int) bool { return func(n int) bool { return n >= least } }

// settled waits until the rooms are read and every meeting is at rest.
func (o *site) settled(ctx context.Context, rooms int, patience time.Duration) error {
	if err := o.until(ctx, patience, "the rooms are known", roomCount, atLeast(rooms)); err != nil {
		return err
	}
	if err := o.until(ctx, patience, "the rooms are read", unreadRooms, zero); err != nil {
		return err
	}
	return o.until(ctx, patience, "all meetings are at rest", dueMeetings, zero)
}

// requests counts the requests of the app to a service since the start.
func (o *site) requests(ctx context.Context, service string) (map[string]int64, error) {
	stats, err := o.Control.Stats(ctx)
	out := map[string]int64{}
	for operation, count := range stats[service] {
		out[operation] = count.Requests
	}
	return out, err
}

// since subtracts counts.
func since(now, before map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for operation, n := range now {
		if d := n - before[operation]; d != 0 {
			out[operation] = d
		}
	}
	return out
}

func sum(counts map[string]int64, of ...string) int64 {
	n := int64(0)
	for operation, count := range counts {
		for _, name := range of {
			if strings.HasPrefix(operation, name) {
				n += count
			}
		}
	}
	return n
}

// writes are the operations that change something on the far side.
func writes(counts map[string]int64) int64 {
	return sum(counts, "CreateItem", "UpdateItem", "DeleteItem", "POST ", "PUT ", "DELETE ")
}

// full is a calendar of about 200 occurrences within the default horizon.
func full(singles, series int) exchangesim.Fill {
	return exchangesim.Fill{Singles: singles, Series: series, Occurrences: 52}
}
