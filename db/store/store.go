// Package store keeps the state of the synchronisation in PostgreSQL.
//
// A configuration is worked on by one process at a time: the one that holds
// its advisory lock. The lock only avoids waste. What makes the state correct
// is that each term of ownership has a number, which every transaction checks
// under a lock, and that the schema's constraints admit no doubles. All
// decisions are made by the pure transitions of package meeting; this package
// loads, lets them work, and saves what they changed, in one transaction.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is the database of the app. It is safe for concurrent use.
type DB struct {
	pool *pgxpool.Pool
	now  func() time.Time
	log  *slog.Logger
	host string // with pid: this process, for people
	pid  int

	connecting sync.Mutex // guards locks
	locks      *session
}

// Options are the settings of a DB.
type Options struct {
	URL      string           // PostgreSQL connection URL
	MaxConns int32            // of the pool; 0 means 16
	Now      func() time.Time // nil means the system clock
	Log      *slog.Logger     // nil: nothing is logged
}

// Open creates the pool. It does not connect yet.
func Open(ctx context.Context, o Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errors.New("parsing the connection string: not a PostgreSQL URL")
	}
	config.MaxConns = 16
	if o.MaxConns > 0 {
		config.MaxConns = o.MaxConns
	}
	config.ConnConfig.RuntimeParams["application_name"] = "ews"
	config.ConnConfig.ConnectTimeout = 10 * time.Second
	// A process that stands still in a transaction must not keep its rows from
	// the next owner.
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		return configure(ctx, conn, map[string]string{
			"idle_in_transaction_session_timeout": milliseconds(silenceLimit),
			"jit":                                 "off", // to compile a statement takes longer than any of ours should
		})
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("creating the connection pool: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	// The database keeps microseconds. Finer instants would change their order
	// by being stored.
	now := func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &DB{pool: pool, now: now, log: o.Log, host: host, pid: os.Getpid()}, nil
}

// Pool returns the pool, for packages that keep other tables.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Close frees all locks and closes all connections.
func (db *DB) Close() {
	db.connecting.Lock()
	if db.locks != nil {
		db.locks.close()
		db.locks = nil
	}
	db.connecting.Unlock()
	db.pool.Close()
}

// Installation returns the identity of this installation, a UUID.
func (db *DB) Installation(ctx context.Context) (string, error) {
	var id string
	if err := db.pool.QueryRow(ctx, `select id::text from ews.installation`).Scan(&id); err != nil {
		return "", fmt.Errorf("reading the installation's identity: %w", err)
	}
	return id, nil
}

// repeated repeats what lost a race against another transaction. f has no effect
// outside of its own.
func repeated(f func() error) error {
	const tries = 5
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == tries || !repeatable(err) {
			return err
		}
	}
}

// repeatable tells errors of races: serialisation failures, deadlocks, and
// inserts of what another transaction inserted since we looked, which the next
// try finds.
func repeatable(err error) bool {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return false
	}
	switch state.SQLState() {
	case "40001", "40P01", "23505":
		return true
	}
	return false
}

// orNull stores a zero time as null.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
