package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
	"ews/app/meeting"
)

// ErrTaken means that another process works on the configuration.
var ErrTaken = errors.New("another process works on this configuration")

// Term is one process's time of ownership of one configuration. It is the
// engine's Store for that time.
type Term struct {
	db     *DB
	config meeting.ConfigID
	epoch  int64
	locks  *session
}

var _ engine.Store = (*Term)(nil)

// beginTimeout bounds how long becoming the owner takes: a transaction of the
// former one may have to end first.
const beginTimeout = 20 * time.Second

// Lead tries to become the owner of a configuration. It fails with ErrTaken
// while somebody owns it, be it this process.
func (db *DB) Lead(ctx context.Context, config meeting.ConfigID) (*Term, error) {
	ctx, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	locks, err := db.session(ctx)
	if err != nil {
		return nil, err
	}
	if err := locks.lock(ctx, config); err != nil {
		return nil, err
	}
	t := &Term{db: db, config: config, locks: locks}
	if err := t.begin(ctx); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return nil, errors.Join(err, t.Close(closing))
	}
	return t, nil
}

func (t *Term) begin(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, t.db.pool, func(tx pgx.Tx) error {
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
			   connected_at = null, wait_until = null, watched_rooms = 0, watched_at = null`, t.config, t.db.host, t.db.pid)
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

// Lost is closed when this process can no longer be sure to be the owner.
func (t *Term) Lost() <-chan struct{} { return t.locks.lost }

// Close ends the term and frees the lock. A second call does nothing.
func (t *Term) Close(ctx context.Context) error { return t.locks.unlock(ctx, t.config) }

// tx runs f in a transaction that only the present owner can commit: the next
// one waits for it, and so does whoever deletes the configuration. Whoever
// changes its settings does not.
func (t *Term) tx(ctx context.Context, what string, f func(*transaction) error) error {
	return t.txAfter(ctx, what, nothing, f)
}

// txAfter is tx with statements that travel together with those that begin the
// transaction. What they queue may be executed although it turns out that we do
// not own the configuration: then it is rolled back.
func (t *Term) txAfter(ctx context.Context, what string, queue func(*pgx.Batch), f func(*transaction) error) error {
	err := inTx(ctx, t.db.pool, func(batch *pgx.Batch) {
		t.queueOwner(batch, "for key share")
		queue(batch)
	}, f)
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

// exists tells the owner whether there are such rows: of the configuration $1,
// with further parameters from $2 on. What is looked at every second and seldom
// there is looked at without a transaction.
func (t *Term) exists(ctx context.Context, rows string, args ...any) (bool, error) {
	var mine, there bool
	err := t.db.pool.QueryRow(ctx,
		fmt.Sprintf(`select exists (select from ews.configuration where id = $1 and owner_epoch = $%d), exists (select from %s)`, len(args)+2, rows),
		append(append([]any{t.config}, args...), t.epoch)...).Scan(&mine, &there)
	switch {
	case err != nil:
		return false, fmt.Errorf("looking for work: %w", err)
	case !mine:
		return false, engine.ErrFenced
	}
	return there, nil
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
	return t.tx(ctx, "storing the status", func(tx *transaction) error {
		_, err := tx.Exec(ctx,
			`update ews.configuration
			 set status_since = case when $2 = '' then null when status_code = $2 then coalesce(status_since, now()) else now() end,
			     status_code = $2, status = $3
			 where id = $1 and (status_code, status) is distinct from ($2, $3)`,
			t.config, code, text)
		return err
	})
}
