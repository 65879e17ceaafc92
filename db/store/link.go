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

// Shown implements engine.Store.
func (t *Term) Shown(ctx context.Context, rooms []meeting.RoomID, span meeting.Span) (by []engine.Known, unread bool, err error) {
	// A room that fails again and again must not keep all others waiting.
	err = t.db.pool.QueryRow(ctx,
		`select exists (select from ews.room
		                where id = any($1) and retired_at is null and read_at is null and fail_count < 3)`, rooms).Scan(&unread)
	if err != nil {
		return nil, false, fmt.Errorf("reading the state of rooms: %w", err)
	}
	rows, err := t.db.pool.Query(ctx,
		`select distinct m.uid, m.organizer, m.private
		 from ews.cell c join ews.occurrence o on o.id = c.occurrence_id join ews.meeting m on m.id = o.meeting_id
		 where c.room_id = any($1) and c.seen <> 'none' and c.seen_start = $2 and c.seen_end = $3
		   and o.booking_id is null and m.origin = 'exchange'
		 order by m.uid`, rooms, span.Start, span.End)
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
