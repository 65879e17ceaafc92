package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
	"ews/app/meeting"
)

// ObserveBooking implements engine.Store.
func (t *Term) ObserveBooking(ctx context.Context, o engine.BookingObservation) (engine.Observed, error) {
	result := engine.Unchanged
	var changed *record
	err := t.tx(ctx, "storing a booking", func(tx *transaction) (err error) {
		result, changed, err = t.observe(ctx, tx, o)
		return err
	})
	if err != nil {
		return result, err
	}
	return result, t.wakeRefused(ctx, changed)
}

func (t *Term) observe(ctx context.Context, tx *transaction, o engine.BookingObservation) (engine.Observed, *record, error) {
	records, err := load(ctx, tx,
		`id = (select meeting_id from ews.occurrence where configuration_id = $1 and booking_id = $2)`,
		t.config, o.Booking.ID)
	if err != nil {
		return "", nil, err
	}
	if len(records) > 0 {
		result, err := t.observeKnown(ctx, tx, records[0], o)
		return result, records[0], err
	}
	result, err := t.observeUnknown(ctx, tx, o)
	return result, nil, err
}

func (t *Term) observeUnknown(ctx context.Context, tx *transaction, o engine.BookingObservation) (engine.Observed, error) {
	if o.Booking.Cancelled {
		return t.observeStranger(ctx, tx)
	}
	if !o.Booking.Span.End.After(t.db.now()) {
		return engine.Ignored, nil
	}
	hold, err := t.heldBack(ctx, tx, o)
	if err != nil || hold == engine.Ignored {
		return hold, err
	}
	inherited, err := t.observeLegacy(ctx, tx, o)
	if err != nil || inherited != "" {
		return inherited, err
	}
	if hold != "" {
		return hold, nil
	}
	return t.observeNew(ctx, tx, o)
}

func (t *Term) observeKnown(ctx context.Context, tx *transaction, r *record, o engine.BookingObservation) (engine.Observed, error) {
	for _, occurrence := range r.Occurrences {
		if occurrence.Booking != o.Booking.ID {
			continue
		}
		changed, stale := occurrence.SeeBooking(!o.Booking.Cancelled, o.Booking.Span, o.Booking.Assets, o.Since)
		if stale {
			return engine.Outdated, nil
		}
		if r.Group == 0 && o.Booking.Group != 0 {
			r.Group = o.Booking.Group
		}
		if err := t.save(ctx, tx, o.Since, r); err != nil {
			return "", err
		}
		if !changed {
			return engine.Unchanged, nil
		}
		makeDue(tx.last, []meeting.ID{r.ID}, priorityHuman, 0)
		return engine.Changed, nil
	}
	return engine.Unchanged, nil
}

// observeStranger judges the cancellation of a booking that nobody knows. It
// may be one that we made a moment ago and whose number is not stored yet: a
// person can be that quick.
func (t *Term) observeStranger(ctx context.Context, tx *transaction) (engine.Observed, error) {
	var open bool
	err := tx.QueryRow(ctx,
		`select exists (select from ews.operation p join ews.meeting m on m.id = p.meeting_id
		                where m.configuration_id = $1 and p.status = 'sending' and p.kind = 'write_bookings')`,
		t.config).Scan(&open)
	if err != nil {
		return "", fmt.Errorf("looking for open writes: %w", err)
	}
	if open {
		return engine.Deferred, nil
	}
	return engine.Ignored, nil
}

// heldBack tells why an unknown booking must not become a meeting now. While a
// write is open whose bookings we do not know yet, any unknown booking of its
// rooms or of its organizer may be one of them, even if somebody moved it to
// another room already. What was there before the write began is not: people do
// not wait until an import, one write after the other, is over.
func (t *Term) heldBack(ctx context.Context, tx *transaction, o engine.BookingObservation) (engine.Observed, error) {
	assets := assetInts(o.Booking.Assets)
	var ours, ended, open bool
	err := tx.QueryRow(ctx,
		`select
		   exists (select from ews.owned_asset a join ews.room r
		           on r.configuration_id = a.configuration_id and r.mailbox = a.provider_id
		           where a.configuration_id = $1 and a.asset_id = any($2) and r.retired_at is null),
		   exists (select from ews.booking_tombstone where configuration_id = $1 and booking_id = $3 and tick > $4),
		   exists (select from ews.operation p join ews.meeting m on m.id = p.meeting_id
		           where m.configuration_id = $1 and p.status = 'sending' and p.side = 'booking'
		             and p.kind = 'write_bookings' and p.floor < $3 and (p.assets && $2 or m.organizer in ('', $5)))`,
		t.config, assets, int32(o.Booking.ID), int64(o.Since), meeting.AddressOf(o.Booking.Organizer)).Scan(&ours, &ended, &open)
	switch {
	case err != nil:
		return "", fmt.Errorf("looking for a booking's origin: %w", err)
	case !ours || ended:
		return engine.Ignored, nil
	case open:
		return engine.Deferred, nil
	}
	return "", nil
}

func (t *Term) observeNew(ctx context.Context, tx *transaction, o engine.BookingObservation) (engine.Observed, error) {
	records, err := load(ctx, tx, `configuration_id = $1 and uid = $2`, t.config, o.UID)
	if err != nil {
		return "", err
	}
	r := &record{fresh: true, Meeting: &meeting.Meeting{
		Config: t.config, UID: o.UID, Origin: meeting.Eliona, Ref: o.Ref, Group: o.Booking.Group,
	}}
	if organizer := meeting.AddressOf(o.Booking.Organizer); organizer.Valid() {
		r.Organizer = organizer
	}
	if len(records) > 0 {
		r = records[0]
	}
	occurrence := occurrenceOf(r, "")
	if occurrence.Booking != 0 {
		return engine.Ignored, nil // its place is taken: cannot be, since ref and UID come from the booking's number
	}
	if _, stale := occurrence.SeeBooking(true, o.Booking.Span, o.Booking.Assets, o.Since); stale {
		return engine.Outdated, nil
	}
	occurrence.Booking = o.Booking.ID
	if r.Origin == meeting.Exchange {
		// A room told of the meeting before the Booking app told of the booking.
		// Others that are still to be read may show it, too.
		var unread bool
		err := tx.QueryRow(ctx,
			`select exists (select from ews.active_room a join ews.room r on r.id = a.id where r.configuration_id = $1 and`+neverRead+`)`,
			t.config).Scan(&unread)
		if err != nil || unread {
			return engine.Deferred, err
		}
		r.Recover(occurrence, meeting.AddressOf(o.Booking.Organizer), o.Ref)
	}
	if err := t.save(ctx, tx, o.Since, r); err != nil {
		return "", err
	}
	makeDue(tx.last, []meeting.ID{r.ID}, priorityHuman, 0)
	return engine.Changed, nil
}

// BookingsOf implements engine.Store.
func (t *Term) BookingsOf(ctx context.Context, asset meeting.AssetID, span meeting.Span) ([]engine.Booking, error) {
	rows, err := t.db.pool.Query(ctx,
		`select booking_id, bk_assets, bk_start, bk_end,
		        exists (select from ews.operation p where p.meeting_id = o.meeting_id and p.status = 'sending')
		 from ews.occurrence o
		 where configuration_id = $1 and bk_live and bk_assets @> array[$2::int] and bk_end > $3 and bk_start < $4`,
		t.config, int32(asset), span.Start, span.End)
	if err != nil {
		return nil, fmt.Errorf("reading bookings of an asset: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b engine.Booking, err error) {
		var assets []int32
		var start, end time.Time
		var open bool
		if err := row.Scan(&b.ID, &assets, &start, &end, &open); err != nil || open {
			return engine.Booking{ID: b.ID}, err
		}
		b.Assets, b.Span = assetIDs(assets), meeting.SpanOf(start.UTC(), end.UTC())
		return b, nil
	})
}
