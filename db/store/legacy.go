package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
	"ews/app/meeting"
)

// legacyOf selects the bookings of an earlier app that a row of ews.meeting has
// and that are not linked yet. Before they were seen they may belong to any
// configuration. The names are those of the fields of meeting.Legacy.
const legacyOf = `
	(select jsonb_agg(jsonb_build_object(
	          'Booking', l.booking_id, 'Group', coalesce(l.group_id, 0), 'Organizer', l.organizer,
	          'Index', l.instance_index, 'Start', l.starts_at)
	        order by l.instance_index, l.booking_id)
	 from ews.legacy_booking l
	 where l.uid = meeting.uid and l.linked_at is null
	   and coalesce(l.configuration_id, meeting.configuration_id) = meeting.configuration_id)`

// queueLegacy records what became of the bookings of an earlier app: those that
// the meeting no longer waits for, and where the others lie.
func (t *Term) queueLegacy(batch *pgx.Batch, r *record) {
	if r.was == nil || len(r.was.Legacy) == 0 {
		return
	}
	waiting := map[meeting.BookingID]time.Time{}
	for _, l := range r.Legacy {
		waiting[l.Booking] = l.Start
	}
	for _, l := range r.was.Legacy {
		switch start, ok := waiting[l.Booking]; {
		case !ok:
			batch.Queue(
				`update ews.legacy_booking set linked_at = now(), starts_at = null, configuration_id = $2
				 where booking_id = $1`, int32(l.Booking), t.config)
		case !start.Equal(l.Start):
			batch.Queue(
				`update ews.legacy_booking set starts_at = $3, configuration_id = $2 where booking_id = $1`,
				int32(l.Booking), t.config, orNull(start))
		}
	}
}

// observeLegacy handles a booking that an earlier app kept in step: it is not
// made a meeting, it has one. That meeting is worked on, whether Exchange
// shows it or not. The result is empty if it is no such booking.
func (t *Term) observeLegacy(ctx context.Context, tx *transaction, o engine.BookingObservation) (engine.Observed, error) {
	var uid meeting.UID
	var organizer meeting.Address
	err := tx.QueryRow(ctx,
		`select uid, organizer from ews.legacy_booking
		 where booking_id = $1 and coalesce(configuration_id, $2) = $2`, int32(o.Booking.ID), t.config).Scan(&uid, &organizer)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for a booking of an earlier release: %w", err)
	}
	records, err := load(ctx, tx, `configuration_id = $1 and uid = $2`, t.config, uid)
	if err != nil {
		return "", err
	}
	switch {
	case len(records) > 0 && records[0].has(o.Booking.ID):
		return t.observeKnown(ctx, tx, records[0], o) // it was linked while we waited for the meeting
	case len(records) == 0:
		records = []*record{{fresh: true, Meeting: &meeting.Meeting{
			Config: t.config, UID: uid, Origin: meeting.Exchange, Organizer: organizer,
		}}}
	}
	if err := t.save(ctx, tx, o.Since, records...); err != nil {
		return "", err
	}
	// One that was settled as gone is not, after all.
	tx.last.Queue(
		`update ews.legacy_booking set linked_at = null, starts_at = null, configuration_id = $2 where booking_id = $1`,
		int32(o.Booking.ID), t.config)
	makeDue(tx.last, []meeting.ID{records[0].ID}, priorityChange, settle)
	return engine.Changed, nil
}

func (r *record) has(id meeting.BookingID) bool {
	return slices.ContainsFunc(r.Occurrences, func(o *meeting.Occurrence) bool { return o.Booking == id })
}

// takeover tells how far both sides of a database taken over are known.
func (t *Term) takeover(ctx context.Context, tx *transaction) (*engine.Takeover, error) {
	out := &engine.Takeover{ReadAt: map[meeting.RoomID]time.Time{}}
	// A room that fails again and again must not keep all others waiting.
	rows, err := tx.Query(ctx,
		`select id, read_at, retired_at is null and read_at is null and fail_count < 3 from ews.room where configuration_id = $1`, t.config)
	if err != nil {
		return nil, fmt.Errorf("reading the state of rooms: %w", err)
	}
	var id meeting.RoomID
	var at *time.Time
	var unread bool
	_, err = pgx.ForEachRow(rows, []any{&id, &at, &unread}, func() error {
		if at != nil {
			out.ReadAt[id] = orZero(at)
		}
		if unread {
			out.Unread++
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the state of rooms: %w", err)
	}
	if out.Unread > 0 {
		return out, nil // what was lost cannot be told yet
	}
	err = tx.QueryRow(ctx,
		`select count(*) filter (where shown), count(*) filter (where waits and not shown)
		 from (select m.id, bool_or(l.linked_at is null) as waits,
		              exists (select from ews.occurrence o join ews.cell c on c.occurrence_id = o.id
		                      where o.meeting_id = m.id and c.seen <> 'none') as shown
		       from ews.legacy_booking l join ews.meeting m on m.uid = l.uid
		       where m.configuration_id = $1 and coalesce(l.configuration_id, $1) = $1
		       group by m.id) as meetings`, t.config).Scan(&out.Shown, &out.Lost)
	if err != nil {
		return nil, fmt.Errorf("counting meetings of an earlier release: %w", err)
	}
	return out, nil
}
