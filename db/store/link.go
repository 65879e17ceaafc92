package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
	"ews/app/meeting"
)

// Fresh implements engine.Store.
func (t *Term) Fresh(ctx context.Context) (bool, error) {
	var fresh bool
	err := t.db.pool.QueryRow(ctx,
		`select linked_at is null
		        or not exists (select from ews.occurrence where configuration_id = $1 and booking_id is not null)
		        or exists (select from ews.active_room a join ews.room r on r.id = a.id
		                   join ews.room other on other.mailbox = r.mailbox and other.id <> r.id
		                   where a.configuration_id = $1 and other.polled_at > coalesce(r.polled_at, '-infinity'))
		 from ews.configuration where id = $1`, t.config).Scan(&fresh)
	if err != nil {
		return false, fmt.Errorf("reading whether bookings are known: %w", err)
	}
	return fresh, nil
}

// Linked implements engine.Store.
func (t *Term) Linked(ctx context.Context) error {
	return t.tx(ctx, "storing that bookings are known", func(tx *transaction) error {
		tx.last.Queue(`update ews.configuration set linked_at = now() where id = $1`, t.config)
		return nil
	})
}

// neverRead is the condition for a room to be waited for. One that fails again
// and again must not keep all others waiting.
const neverRead = ` retired_at is null and read_at is null and fail_count < 3 `

// Shown implements engine.Store.
func (t *Term) Shown(ctx context.Context, rooms []meeting.RoomID, span meeting.Span, uid meeting.UID) (by []engine.Known, unread bool, err error) {
	err = t.db.pool.QueryRow(ctx,
		`select exists (select from ews.room where id = any($1) and`+neverRead+`)`, rooms).Scan(&unread)
	if err != nil {
		return nil, false, fmt.Errorf("reading the state of rooms: %w", err)
	}
	rows, err := t.db.pool.Query(ctx,
		`select m.uid, m.organizer, m.private
		 from ews.cell c join ews.occurrence o on o.id = c.occurrence_id join ews.meeting m on m.id = o.meeting_id
		 where c.room_id = any($1) and c.seen <> 'none' and c.seen_start = $2 and c.seen_end = $3
		   and o.booking_id is null and m.origin = 'exchange'
		 union
		 select m.uid, m.organizer, m.private
		 from ews.meeting m join ews.occurrence o on o.meeting_id = m.id join ews.cell c on c.occurrence_id = o.id
		 where m.configuration_id = $4 and m.uid = $5 and c.seen <> 'none' and o.booking_id is null and m.origin = 'exchange'
		 order by 1`, rooms, orNull(span.Start), orNull(span.End), t.config, uid)
	if err != nil {
		return nil, false, fmt.Errorf("looking for a booking's meeting: %w", err)
	}
	by, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k engine.Known, err error) {
		return k, row.Scan(&k.UID, &k.Organizer, &k.Private)
	})
	if err != nil {
		return nil, false, fmt.Errorf("looking for a booking's meeting: %w", err)
	}
	return by, unread, nil
}

// Unbooked implements engine.Store.
func (t *Term) Unbooked(ctx context.Context) ([]meeting.UID, error) {
	rows, err := t.db.pool.Query(ctx,
		`select m.uid from ews.meeting m join ews.occurrence o on o.meeting_id = m.id
		 where m.configuration_id = $1 and m.origin = 'exchange' and o.recurrence_key = '' and o.booking_id is null
		   and exists (select from ews.cell c where c.occurrence_id = o.id and c.seen <> 'none' and c.seen_end > now())
		 order by m.uid`, t.config)
	if err != nil {
		return nil, fmt.Errorf("looking for meetings without bookings: %w", err)
	}
	uids, err := pgx.CollectRows(rows, pgx.RowTo[meeting.UID])
	if err != nil {
		return nil, fmt.Errorf("looking for meetings without bookings: %w", err)
	}
	return uids, nil
}
