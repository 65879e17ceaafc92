package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// transaction is a transaction under way on a connection. Statements travel
// together where that is possible, with those that begin and end it: all that is
// done for a meeting is small, so that the way is longer than the work.
type transaction struct {
	*pgxpool.Conn
	last *pgx.Batch // travels with the end, for statements whose results nobody waits for
}

// inTx runs a transaction: what first queues, which travels with its begin, and
// then f. It is repeated when it lost a race.
func inTx(ctx context.Context, pool *pgxpool.Pool, first func(*pgx.Batch), f func(*transaction) error) error {
	return repeated(func() error {
		return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			tx := &transaction{conn, &pgx.Batch{}}
			err := tx.run(ctx, first, f)
			if err != nil {
				tx.rollBack(ctx)
			}
			return err
		})
	})
}

func (tx *transaction) run(ctx context.Context, first func(*pgx.Batch), f func(*transaction) error) error {
	batch := &pgx.Batch{}
	batch.Queue("begin")
	first(batch)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return err
	}
	tx.last.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() == "ROLLBACK" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return tx.SendBatch(ctx, tx.last).Close()
}

// sendIf carries out what is queued at once, or with the end of the transaction.
func (tx *transaction) sendIf(ctx context.Context, atOnce bool, queue func(*pgx.Batch)) error {
	if !atOnce {
		queue(tx.last)
		return nil
	}
	batch := &pgx.Batch{}
	queue(batch)
	return tx.SendBatch(ctx, batch).Close()
}

// beginSnapshot begins a transaction that reads everything at one moment.
const beginSnapshot = `begin isolation level repeatable read read only`

// rollBack ends a transaction that failed. A connection that stays in one is
// closed by the pool.
func (tx *transaction) rollBack(ctx context.Context) {
	const idle = 'I'
	if conn := tx.Conn.Conn(); conn.IsClosed() || conn.PgConn().TxStatus() == idle {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = tx.Exec(ctx, "rollback")
}

// nothing is queued with the begin of the transaction.
func nothing(*pgx.Batch) {}
