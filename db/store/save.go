package store

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// save writes back what changed of the records, including new meetings,
// occurrences and cells: with the end of the transaction, and in one round trip
// each before for what is new, since what is below needs its number. Nothing is
// ever removed here.
func (t *Term) save(ctx context.Context, tx *transaction, at meeting.Tick, records ...*record) error {
	err := tx.sendIf(ctx, slices.ContainsFunc(records, func(r *record) bool { return r.fresh }), func(batch *pgx.Batch) {
		for _, r := range records {
			t.queueHead(batch, r)
			t.queueLegacy(batch, r)
		}
	})
	if err != nil {
		return fmt.Errorf("saving meetings: %w", err)
	}
	err = tx.sendIf(ctx, slices.ContainsFunc(records, (*record).grew), func(batch *pgx.Batch) {
		t.queueOccurrences(batch, records)
	})
	if err != nil {
		return fmt.Errorf("saving occurrences: %w", err)
	}
	var cells cellRows
	for _, r := range records {
		for _, o := range r.Occurrences {
			was := r.before(o)
			t.queueTombstone(tx.last, was, o, at)
			r.noteFreed(was, o)
			cells.collect(was, o)
		}
	}
	cells.queue(tx.last)
	for _, r := range records {
		for _, o := range r.Occurrences {
			queueReread(tx.last, o)
		}
	}
	return nil
}

// grew tells whether the meeting has occurrences that are not stored yet.
func (r *record) grew() bool {
	return slices.ContainsFunc(r.Occurrences, func(o *meeting.Occurrence) bool { return o.ID == 0 })
}

// before returns the occurrence as it was loaded, or nil if it is new.
func (r *record) before(o *meeting.Occurrence) *meeting.Occurrence {
	if r.was == nil || o.ID == 0 {
		return nil
	}
	return r.was.Occurrence(o.ID)
}

func (t *Term) queueHead(batch *pgx.Batch, r *record) {
	switch {
	case r.fresh:
		r.Config = t.config
		batch.Queue(
			`insert into ews.meeting (configuration_id, uid, origin, organizer, booking_group_id, ref, copy_mailbox, copy_item, private)
			 values ($1, $2, $3, $4, nullif($5, 0), $6, $7, $8, $9) returning id, want_gen`,
			t.config, r.UID, r.Origin, r.Organizer, r.Group, r.Ref, r.CopyMailbox, r.CopyItem, r.Private).
			QueryRow(func(row pgx.Row) error { return row.Scan(&r.ID, &r.wantGen) })
	case headChanged(r.was, r.Meeting):
		if r.UID != r.was.UID {
			// The server chose another UID than ours, and a room may have shown
			// it to us already as a meeting of its own.
			batch.Queue(
				`delete from ews.meeting m where configuration_id = $1 and uid = $2 and id <> $3
				   and not exists (select from ews.occurrence o where o.meeting_id = m.id and o.booking_id is not null)`,
				t.config, r.UID, r.ID)
		}
		batch.Queue(
			`update ews.meeting m set uid = case when exists (
			          select from ews.meeting x
			          where x.configuration_id = m.configuration_id and x.uid = $2 and x.id <> m.id)
			        then uid else $2 end, organizer = $3, booking_group_id = nullif($4, 0), ref = $5,
			        copy_mailbox = $6, copy_item = $7, private = $8, origin = $9 where id = $1 returning uid`,
			r.ID, r.UID, r.Organizer, r.Group, r.Ref, r.CopyMailbox, r.CopyItem, r.Private, r.Origin).
			QueryRow(func(row pgx.Row) error { return row.Scan(&r.UID) })
	}
}

func headChanged(a, b *meeting.Meeting) bool {
	return a.UID != b.UID || a.Organizer != b.Organizer || a.Group != b.Group || a.Ref != b.Ref ||
		a.CopyMailbox != b.CopyMailbox || a.Private != b.Private || a.CopyItem != b.CopyItem || a.Origin != b.Origin
}

func occurrenceChanged(a, b *meeting.Occurrence) bool {
	x, y := *a, *b
	x.Cells, y.Cells = nil, nil
	return !reflect.DeepEqual(x, y)
}

// queueTombstone remembers a booking that was given up.
func (t *Term) queueTombstone(batch *pgx.Batch, was, o *meeting.Occurrence, at meeting.Tick) {
	if was == nil || was.Booking == 0 || was.Booking == o.Booking {
		return
	}
	batch.Queue(
		`insert into ews.booking_tombstone (configuration_id, booking_id, tick) values ($1, $2, $3)
		 on conflict (configuration_id, booking_id) do update set tick = excluded.tick, at = now()`,
		t.config, was.Booking, at)
}

// slotFreed is where a booking was and is no longer.
type slotFreed struct {
	assets []meeting.AssetID
	span   meeting.Span
}

func (r *record) noteFreed(was, o *meeting.Occurrence) {
	if was == nil || !was.BookingLive ||
		o.BookingLive && was.BookingSpan.Equal(o.BookingSpan) && slices.Equal(was.Assets, o.Assets) {
		return
	}
	r.freed = append(r.freed, slotFreed{was.Assets, was.BookingSpan})
}

// wakeRefused lets meetings try again that the Booking app refused, or is about
// to refuse: a booking left its slot, and it may be the one that was in their
// way. It is a transaction of its own, because it waits for meetings that are
// being worked on; if it is lost, they are tried again after an hour.
func (t *Term) wakeRefused(ctx context.Context, r *record) error {
	if r == nil || len(r.freed) == 0 {
		return nil
	}
	return t.tx(ctx, "waking meetings that were refused", func(tx *transaction) error {
		var waiting []meeting.ID
		for _, slot := range r.freed {
			rows, err := tx.Query(ctx,
				`select m.id from ews.meeting m
				 where m.configuration_id = $1 and m.id <> $5 and (m.parked_code <> '' or m.claim_token is not null) and exists (
				   select from ews.occurrence x join ews.cell c on c.occurrence_id = x.id
				   join ews.room r on r.id = c.room_id
				   join ews.asset a on a.configuration_id = r.configuration_id and a.provider_id = r.mailbox
				   where x.meeting_id = m.id and c.seen <> 'none' and a.asset_id = any($2)
				     and c.seen_start < $4 and c.seen_end > $3)
				 order by m.id for update`,
				t.config, assetInts(slot.assets), slot.span.Start, slot.span.End, r.ID)
			if err != nil {
				return err
			}
			some, err := pgx.CollectRows(rows, pgx.RowTo[meeting.ID])
			if err != nil {
				return err
			}
			waiting = append(waiting, some...)
		}
		makeDue(tx.last, waiting, priorityChange, 0)
		return nil
	})
}

// queueReread has calendars read that may show what was missed, now or with the
// next poll. Rooms that fail, or whose last read was suspicious, keep the time set
// for them.
func queueReread(batch *pgx.Batch, o *meeting.Occurrence) {
	var rooms []meeting.RoomID
	var now []bool
	for i := range o.Cells {
		if c := &o.Cells[i]; c.Reread || c.Believed {
			rooms, now = append(rooms, c.Room), append(now, c.Reread)
			c.Reread, c.Believed = false, false
		}
	}
	if len(rooms) > 0 {
		batch.Queue(
			`update ews.room set delta_gen = delta_gen + 1,
			   poll_at = case when x.now and fail_count = 0 and guard_since is null then least(poll_at, now()) else poll_at end
			 from unnest($1::bigint[], $2::bool[]) as x (room, now)
			 where id = x.room and retired_at is null`, rooms, now)
	}
}

// makeDue marks meetings as changed: their work is due after settle seconds,
// sooner if it was to be done sooner, and then at the better of both priorities.
func makeDue(batch *pgx.Batch, ids []meeting.ID, priority int, settle float64) {
	makeDueAfter(batch, ids, slices.Repeat([]float64{settle}, len(ids)), priority)
}

// makeDueAfter does it with a time for each of the meetings.
func makeDueAfter(batch *pgx.Batch, ids []meeting.ID, after []float64, priority int) {
	if len(ids) == 0 {
		return
	}
	batch.Queue(
		`update ews.meeting m set want_gen = want_gen + 1,
		   due_at = least(due_at, now() + make_interval(secs => d.after)),
		   priority = case when due_at is null then $3 else least(priority, $3) end,
		   wanted_at = coalesce(wanted_at, now()),
		   parked_code = '', parked_at = null,
		   attempts = 0, failing_since = null
		 from unnest($1::bigint[], $2::float8[]) as d (id, after)
		 where m.id = d.id`, ids, after, priority)
}
