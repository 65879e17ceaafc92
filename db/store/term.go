package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
	"ews/app/meeting"
)

// lockClass is the first key of our advisory locks: "ews" in ASCII.
const lockClass = 0x657773

// ErrTaken means that another process works on the configuration.
var ErrTaken = errors.New("another process works on this configuration")

// Term is one process's time of ownership of one configuration. It is the
// engine's Store for that time.
type Term struct {
	db     *DB
	config meeting.ConfigID
	epoch  int64
	conn   *pgx.Conn
	lost   chan struct{}
	stop   context.CancelFunc
	wait   sync.WaitGroup
}

var _ engine.Store = (*Term)(nil)

// How soon an owner is given up that is not heard of any more: because its host
// is gone, because it stands still, or because the network is cut. The database
// server ends the session that holds the lock, and with it the lock.
const (
	pingEvery    = 3 * time.Second
	pingTimeout  = 3 * time.Second
	silenceLimit = 10 * time.Second
)

// Lead tries to become the owner of a configuration. It fails with ErrTaken
// while another process owns it. The lock lives on a connection of its own,
// which is watched from both ends: here Lost is closed when it is in doubt, and
// the server ends it when it falls silent.
func (db *DB) Lead(ctx context.Context, config meeting.ConfigID) (*Term, error) {
	taken, err := db.taken(ctx, config)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, ErrTaken // without the price of a connection
	}
	ctx, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("connecting for the lock of configuration %d: %w", config, err)
	}
	t := &Term{db: db, config: config, conn: conn, lost: make(chan struct{})}
	if err := t.begin(ctx); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return nil, errors.Join(err, t.disconnect(closing))
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	t.stop = stop
	t.wait.Go(func() { t.watch(watching) })
	return t, nil
}

// beginTimeout bounds how long becoming the owner takes: a transaction of the
// former one may have to end first.
const beginTimeout = 20 * time.Second

// taken tells whether somebody holds the lock of a configuration.
func (db *DB) taken(ctx context.Context, config meeting.ConfigID) (taken bool, err error) {
	err = db.pool.QueryRow(ctx,
		`select exists (select from pg_locks where locktype = 'advisory' and classid::bigint = $1::bigint and objid::bigint = $2
		   and objsubid = 2 and granted and database = (select oid from pg_database where datname = current_database()))`,
		int64(lockClass), int64(config)).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("looking for the owner of configuration %d: %w", config, err)
	}
	return taken, nil
}

// configure changes settings of this session. Servers that do not know one do
// without it.
func configure(ctx context.Context, conn *pgx.Conn, settings map[string]string) error {
	_, err := conn.Exec(ctx,
		`select set_config(s.name, w.value, false) from json_each_text($1::json) w join pg_settings s on s.name = w.key`, settings)
	if err != nil {
		return fmt.Errorf("setting up a connection: %w", err)
	}
	return nil
}

// silence are the settings of the session that holds a lock: the server asks
// the other end itself whether it is still there, and wants to hear of it.
var silence = map[string]string{
	"idle_session_timeout": milliseconds(silenceLimit),
	"tcp_keepalives_idle":  "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "2",
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (t *Term) begin(ctx context.Context) error {
	if err := configure(ctx, t.conn, silence); err != nil {
		return err
	}
	var got bool
	err := t.conn.QueryRow(ctx, `select pg_try_advisory_lock($1, $2)`, int32(lockClass), int32(t.config)).Scan(&got)
	if err != nil {
		return fmt.Errorf("locking configuration %d: %w", t.config, err)
	}
	if !got {
		return ErrTaken
	}
	err = pgx.BeginFunc(ctx, t.conn, func(tx pgx.Tx) error {
		// Nothing but this lock waits for the transactions of a former owner.
		if _, err := tx.Exec(ctx, `select from ews.configuration where id = $1 for update`, t.config); err != nil {
			return err
		}
		err := tx.QueryRow(ctx,
			`update ews.configuration set owner_epoch = owner_epoch + 1 where id = $1 returning owner_epoch`,
			t.config).Scan(&t.epoch)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx,
			`insert into ews.leader (configuration_id, host, pid) values ($1, $2, $3)
			 on conflict (configuration_id) do update set host = excluded.host, pid = excluded.pid, since = now(),
			   connected_at = null, wait_until = null`, t.config, t.db.host, t.db.pid)
		if err != nil {
			return err
		}
		// Claims of former owners are void: they can no longer commit. What failed
		// need not wait, nor do rooms: a setting may have been mended, or the
		// interval be another.
		_, err = tx.Exec(ctx,
			`update ews.meeting set claim_token = null, claimed_until = null,
			   due_at = case when attempts > 0 then least(due_at, now()) else due_at end
			 where configuration_id = $1 and (claim_token is not null or attempts > 0)`, t.config)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx,
			`update ews.room set poll_at = now() where configuration_id = $1 and poll_at > now() and guard_since is null`,
			t.config)
		return err
	})
	if err != nil {
		return fmt.Errorf("beginning a term for configuration %d: %w", t.config, err)
	}
	return nil
}

// watch pings the lock's connection; the lock is gone when the connection is.
func (t *Term) watch(ctx context.Context) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		ping, cancel := context.WithTimeout(ctx, pingTimeout)
		err := t.conn.Ping(ping)
		cancel()
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "lock connection lost", "config", t.config, "error", err)
			close(t.lost)
			return
		}
	}
}

// Lost is closed when this process can no longer be sure to be the owner.
func (t *Term) Lost() <-chan struct{} { return t.lost }

// Close ends the term and frees the lock.
func (t *Term) Close(ctx context.Context) error {
	t.stop()
	t.wait.Wait()
	if err := t.disconnect(ctx); err != nil {
		return fmt.Errorf("closing the lock's connection of configuration %d: %w", t.config, err)
	}
	return nil
}

// disconnect closes the lock's connection. The server takes a moment to notice
// that, so the lock is freed first where that is possible.
func (t *Term) disconnect(ctx context.Context) error {
	if !t.conn.IsClosed() {
		_, _ = t.conn.Exec(ctx, `select pg_advisory_unlock_all()`)
	}
	return t.conn.Close(ctx)
}

// tx runs f in a transaction that only the present owner can commit: the next
// one waits for it, and so does whoever deletes the configuration. Whoever
// changes its settings does not.
func (t *Term) tx(ctx context.Context, what string, f func(pgx.Tx) error) error {
	return t.txAfter(ctx, what, func(*pgx.Batch) {}, f)
}

// txAfter is tx with statements that travel together with those that begin the
// transaction. What they queue may be executed although it turns out that we do
// not own the configuration: then it is rolled back.
func (t *Term) txAfter(ctx context.Context, what string, queue func(*pgx.Batch), f func(pgx.Tx) error) error {
	err := inTx(ctx, t.db.pool, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		t.queueOwner(batch, "for key share")
		queue(batch)
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		return f(tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// queueOwner checks that this process owns the configuration.
func (t *Term) queueOwner(batch *pgx.Batch, lock string) {
	batch.Queue(`select 1 from ews.configuration where id = $1 and owner_epoch = $2 `+lock, t.config, t.epoch).
		QueryRow(found(engine.ErrFenced))
}

// found fails with an error of ours if there is no row.
func found(missing error) func(pgx.Row) error {
	return func(row pgx.Row) error {
		var one int
		err := row.Scan(&one)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing
		}
		return err
	}
}

// Tick implements engine.Store.
func (t *Term) Tick(ctx context.Context) (meeting.Tick, error) {
	return tick(ctx, t.db.pool)
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func tick(ctx context.Context, q querier) (meeting.Tick, error) {
	var n int64
	if err := q.QueryRow(ctx, `select nextval('ews.tick')`).Scan(&n); err != nil {
		return 0, fmt.Errorf("reading the logical clock: %w", err)
	}
	return meeting.Tick(n), nil
}

// SetStatus implements engine.Store.
func (t *Term) SetStatus(ctx context.Context, code, text string) error {
	return t.tx(ctx, "storing the status", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx,
			`update ews.configuration
			 set status_since = case when $2 = '' then null when status_code = $2 then coalesce(status_since, now()) else now() end,
			     status_code = $2, status = $3
			 where id = $1 and (status_code, status) is distinct from ($2, $3)`,
			t.config, code, text)
		return err
	})
}
