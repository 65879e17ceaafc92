package store

import (
	"context"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// save writes back what changed of a record, including new meetings,
// occurrences and cells. Nothing is ever removed here.
func (t *Term) save(ctx context.Context, tx pgx.Tx, r *record, at meeting.Tick) error {
	if r.fresh {
		err := tx.QueryRow(ctx,
			`insert into ews.meeting (configuration_id, uid, origin, organizer, booking_group_id, ref, copy_mailbox, copy_item)
			 values ($1, $2, $3, $4, nullif($5, 0), $6, $7, $8) returning id, want_gen`,
			t.config, r.UID, r.Origin, r.Organizer, r.Group, r.Ref, r.CopyMailbox, r.CopyItem).Scan(&r.ID, &r.wantGen)
		if err != nil {
			return fmt.Errorf("inserting a meeting: %w", err)
		}
		r.Config = t.config
	} else if headChanged(r.was, r.Meeting) {
		_, err := tx.Exec(ctx,
			`update ews.meeting set uid = $2, organizer = $3, booking_group_id = nullif($4, 0), ref = $5,
			        copy_mailbox = $6, copy_item = $7 where id = $1`,
			r.ID, r.UID, r.Organizer, r.Group, r.Ref, r.CopyMailbox, r.CopyItem)
		if err != nil {
			return fmt.Errorf("updating a meeting: %w", err)
		}
	}
	batch := &pgx.Batch{}
	for _, o := range r.Occurrences {
		var was *meeting.Occurrence
		if r.was != nil && o.ID != 0 {
			was = r.was.Occurrence(o.ID)
		}
		if o.ID == 0 {
			if err := t.insertOccurrence(ctx, tx, r.ID, o); err != nil {
				return err
			}
		} else if was == nil || occurrenceChanged(was, o) {
			queueOccurrence(batch, o)
		}
		if was != nil && was.Booking != 0 && o.Booking != was.Booking {
			batch.Queue(
				`insert into ews.booking_tombstone (configuration_id, booking_id, tick) values ($1, $2, $3)
				 on conflict (configuration_id, booking_id) do update set tick = excluded.tick, at = now()`,
				t.config, was.Booking, at)
		}
		queueCells(batch, was, o)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("saving a meeting: %w", err)
	}
	return nil
}

func headChanged(a, b *meeting.Meeting) bool {
	return a.UID != b.UID || a.Organizer != b.Organizer || a.Group != b.Group || a.Ref != b.Ref ||
		a.CopyMailbox != b.CopyMailbox || a.CopyItem != b.CopyItem
}

func occurrenceChanged(a, b *meeting.Occurrence) bool {
	x, y := *a, *b
	x.Cells, y.Cells = nil, nil
	return !reflect.DeepEqual(x, y)
}

func (t *Term) insertOccurrence(ctx context.Context, tx pgx.Tx, of meeting.ID, o *meeting.Occurrence) error {
	err := tx.QueryRow(ctx,
		`insert into ews.occurrence (meeting_id, configuration_id, recurrence_key) values ($1, $2, $3) returning id`,
		of, t.config, o.Key).Scan(&o.ID)
	if err != nil {
		return fmt.Errorf("inserting an occurrence: %w", err)
	}
	batch := &pgx.Batch{}
	queueOccurrence(batch, o)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("inserting an occurrence: %w", err)
	}
	return nil
}

func queueOccurrence(batch *pgx.Batch, o *meeting.Occurrence) {
	batch.Queue(
		`update ews.occurrence set booking_id = nullif($2, 0),
		   base_live = $3, base_start = $4, base_end = $5,
		   bk_live = $6, bk_start = $7, bk_end = $8, bk_assets = $9, bk_tick = $10,
		   copy_state = $11, copy_start = $12, copy_end = $13, copy_checked_at = $14, ex_tick = $15,
		   asked_by = $16, asked_at = $17, refusal = $18, refusal_code = $19, withdraw = $20
		 where id = $1`,
		o.ID, int32(o.Booking),
		o.BaseLive, orNull(o.Base.Start), orNull(o.Base.End),
		o.BookingLive, orNull(o.BookingSpan.Start), orNull(o.BookingSpan.End), assetInts(o.Assets), o.BookingTick,
		o.Copy.OrUnknown(), orNull(o.CopySpan.Start), orNull(o.CopySpan.End), orNull(o.CopyCheckedAt), o.ExchangeTick,
		o.AskedBy, orNull(o.AskedAt), o.Refusal, o.RefusalCode, o.Withdraw)
}

func queueCells(batch *pgx.Batch, was, o *meeting.Occurrence) {
	for _, c := range o.Cells {
		if was != nil {
			if old := was.CellOf(c.Room); old != nil && *old == c {
				continue
			}
		}
		batch.Queue(
			`insert into ews.cell (occurrence_id, room_id, base_in, seen, seen_start, seen_end, seen_sequence,
			                       item_id, change_key, invited, answer, answered_at, seen_at)
			 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, coalesce($13, now()))
			 on conflict (occurrence_id, room_id) do update set
			   base_in = excluded.base_in, seen = excluded.seen, seen_start = excluded.seen_start,
			   seen_end = excluded.seen_end, seen_sequence = excluded.seen_sequence,
			   item_id = excluded.item_id, change_key = excluded.change_key, invited = excluded.invited,
			   answer = excluded.answer, answered_at = excluded.answered_at, seen_at = excluded.seen_at`,
			o.ID, c.Room, c.BaseIn, c.Seen, orNull(c.SeenSpan.Start), orNull(c.SeenSpan.End), c.Sequence,
			c.Item, c.ChangeKey, c.Invited, c.Answer, orNull(c.AnsweredAt), orNull(c.SeenAt))
	}
}

// makeDue marks meetings as changed: their work is due after settle, sooner
// if it was to be done sooner, and at their best priority.
func makeDue(ctx context.Context, tx pgx.Tx, ids []meeting.ID, priority int, settle float64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx,
		`update ews.meeting set want_gen = want_gen + 1,
		   due_at = least(due_at, now() + make_interval(secs => $3)),
		   priority = least(priority, $2), parked_code = '', parked_at = null,
		   attempts = 0, failing_since = null
		 where id = any($1)`, ids, priority, settle)
	if err != nil {
		return fmt.Errorf("making meetings due: %w", err)
	}
	return nil
}
