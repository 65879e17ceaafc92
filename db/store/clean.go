package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Ages after which records serve nobody any more.
const (
	keepOperations = "30 days"
	keepNotices    = "90 days"
	keepTombstones = "7 days"
	keepPast       = "400 days"
)

// Clean removes what is too old to matter: ended operations, told notices,
// numbers of cancelled bookings, and meetings that lie in the past on every
// side. Nothing that is live or to come is touched.
func (t *Term) Clean(ctx context.Context) error {
	return t.tx(ctx, "removing old records", func(tx *transaction) error {
		batch := &pgx.Batch{}
		batch.Queue(
			`delete from ews.operation p using ews.meeting m
			 where m.id = p.meeting_id and m.configuration_id = $1 and p.status <> 'sending'
			   and p.finished_at < now() - $2::interval`, t.config, keepOperations)
		batch.Queue(
			`delete from ews.notice where configuration_id = $1
			   and coalesce(closed_at, sent_at) < now() - $2::interval`, t.config, keepNotices)
		batch.Queue(
			`delete from ews.booking_tombstone where configuration_id = $1 and at < now() - $2::interval`,
			t.config, keepTombstones)
		batch.Queue(
			`delete from ews.meeting m where configuration_id = $1 and due_at is null and claim_token is null
			   and created_at < now() - $2::interval
			   and not exists (select from ews.operation p where p.meeting_id = m.id and p.status = 'sending')
			   and not exists (
			     select from ews.occurrence o left join ews.cell c on c.occurrence_id = o.id
			     where o.meeting_id = m.id
			       and greatest(o.base_end, o.bk_end, o.copy_end, c.seen_end) > now() - $2::interval)`,
			t.config, keepPast)
		return tx.SendBatch(ctx, batch).Close()
	})
}
