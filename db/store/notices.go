package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
)

// Notify implements engine.Store.
func (t *Term) Notify(ctx context.Context, notices []engine.Notice) error {
	if len(notices) == 0 {
		return nil
	}
	return t.tx(ctx, "recording notices", func(tx *transaction) error {
		t.openNotices(tx.last, notices)
		return nil
	})
}

// openNotices opens episodes. A subject and code with an open one is silent.
func (t *Term) openNotices(batch *pgx.Batch, notices []engine.Notice) {
	for _, n := range notices {
		batch.Queue(
			`insert into ews.notice (configuration_id, subject, code, episode, recipient, project_id, room, starts_at, ends_at, amount, due_at, cause)
			 select $1, $2, $3,
			        1 + coalesce((select max(episode) from ews.notice
			                      where configuration_id = $1 and subject = $2 and code = $3), 0),
			        $4, $5, coalesce((select name from ews.room where id = $6), ''), $7, $8, $9,
			        now() + make_interval(secs => $10), $11
			 on conflict do nothing`,
			t.config, n.Subject, n.Code, n.Recipient, n.Project, n.Room, orNull(n.Span.Start), orNull(n.Span.End), n.Amount, n.Delay.Seconds(), n.Cause)
	}
}

// Resolve implements engine.Store. An episode that was never sent is closed
// silently.
func (t *Term) Resolve(ctx context.Context, subject, code string) (told bool, err error) {
	err = t.tx(ctx, "closing a notice", func(tx *transaction) error {
		return tx.QueryRow(ctx,
			`with closed as (
			   update ews.notice set closed_at = now()
			   where configuration_id = $1 and subject = $2 and closed_at is null
			     and (code = $3 or $3 = '' and code <> $4)
			   returning sent_at)
			 select coalesce(bool_or(sent_at is not null), false) from closed`,
			t.config, subject, code, engine.CodeRecovered).Scan(&told)
	})
	return told, err
}

// Message is a notice to be sent now.
type Message struct {
	ID        int64
	Subject   string
	Code      string
	Cause     string // code of what lies behind it; empty if unknown
	Recipient string // as entered; empty: the configuration's user
	Project   string
	Room      string // display name
	Start     time.Time
	End       time.Time
	Amount    int
}

// TakeMessages marks due notices as sent and returns them. A crash before they
// are really sent loses the message, never the record of it; the other order
// would tell people twice.
func (t *Term) TakeMessages(ctx context.Context, limit int) ([]Message, error) {
	const dueNow = `configuration_id = $1 and sent_at is null and closed_at is null and due_at <= now()`
	if due, err := t.exists(ctx, `ews.notice where `+dueNow); err != nil || !due {
		return nil, err
	}
	var out []Message
	err := t.tx(ctx, "taking notices", func(tx *transaction) error {
		rows, err := tx.Query(ctx,
			`with taken as (
			   update ews.notice n set sent_at = now()
			   from (select id from ews.notice
			         where `+dueNow+`
			         order by id limit $2 for update skip locked) due
			   where n.id = due.id
			   returning n.*)
			 select id, subject, code, recipient, project_id, room, starts_at, ends_at, amount, cause from taken order by id`,
			t.config, limit)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Message, err error) {
			var start, end *time.Time
			err = row.Scan(&m.ID, &m.Subject, &m.Code, &m.Recipient, &m.Project, &m.Room, &start, &end, &m.Amount, &m.Cause)
			m.Start, m.End = orZero(start), orZero(end)
			return m, err
		})
		return err
	})
	return out, err
}

// SaveReceipt stores what the far side answered to a message.
func (t *Term) SaveReceipt(ctx context.Context, id int64, receipt string) error {
	return t.tx(ctx, "storing a receipt", func(tx *transaction) error {
		_, err := tx.Exec(ctx, `update ews.notice set receipt_id = $2 where id = $1`, id, receipt)
		return err
	})
}

// Postpone puts a message back that was taken and not delivered.
func (t *Term) Postpone(ctx context.Context, id int64, by time.Duration) error {
	return t.tx(ctx, "postponing a notice", func(tx *transaction) error {
		_, err := tx.Exec(ctx,
			`update ews.notice set sent_at = null, due_at = now() + make_interval(secs => $2) where id = $1`, id, by.Seconds())
		return err
	})
}
