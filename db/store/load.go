package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// record is a meeting as loaded, and as it was, so that only what changed is
// written back.
type record struct {
	*meeting.Meeting
	was     *meeting.Meeting
	wantGen int64
	fresh   bool // to be inserted
	dirty   bool // something a plan depends on changed
}

// load reads meetings with everything below them. The rows are locked in the
// order of their ids, so that transactions that lock several cannot deadlock.
func load(ctx context.Context, tx pgx.Tx, where string, args ...any) ([]*record, error) {
	rows, err := tx.Query(ctx,
		`select id, configuration_id, uid, origin, organizer, private, coalesce(booking_group_id, 0), ref,
		        copy_mailbox, copy_item, want_gen, `+legacyOf+`
		 from ews.meeting where `+where+` order by id for update`, args...)
	if err != nil {
		return nil, fmt.Errorf("loading meetings: %w", err)
	}
	records, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*record, error) {
		r := &record{Meeting: &meeting.Meeting{}}
		return r, row.Scan(&r.ID, &r.Config, &r.UID, &r.Origin, &r.Organizer, &r.Private, &r.Group, &r.Ref,
			&r.CopyMailbox, &r.CopyItem, &r.wantGen, &r.Legacy)
	})
	if err != nil {
		return nil, fmt.Errorf("loading meetings: %w", err)
	}
	if len(records) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(records))
	byID := make(map[meeting.ID]*record, len(records))
	for i, r := range records {
		ids[i] = int64(r.ID)
		byID[r.ID] = r
	}
	if err := loadOccurrences(ctx, tx, ids, byID); err != nil {
		return nil, err
	}
	for _, r := range records {
		r.was = r.Meeting.Clone()
	}
	return records, nil
}

func loadOccurrences(ctx context.Context, tx pgx.Tx, ids []int64, byID map[meeting.ID]*record) error {
	rows, err := tx.Query(ctx,
		`select id, meeting_id, recurrence_key, coalesce(booking_id, 0),
		        base_live, base_start, base_end, bk_live, bk_start, bk_end, bk_assets, bk_tick,
		        copy_state, copy_start, copy_end, copy_checked_at, ex_tick,
		        asked_by, asked_at, refusal, refusal_code, withdraw
		 from ews.occurrence where meeting_id = any($1) order by recurrence_key`, ids)
	if err != nil {
		return fmt.Errorf("loading occurrences: %w", err)
	}
	occurrences := map[meeting.OccurrenceID]*meeting.Occurrence{}
	var of meeting.ID
	var t [8]*time.Time
	o := meeting.Occurrence{}
	var assets []int32
	_, err = pgx.ForEachRow(rows, []any{
		&o.ID, &of, &o.Key, &o.Booking,
		&o.BaseLive, &t[0], &t[1], &o.BookingLive, &t[2], &t[3], &assets, &o.BookingTick,
		&o.Copy, &t[4], &t[5], &t[6], &o.ExchangeTick,
		&o.AskedBy, &t[7], &o.Refusal, &o.RefusalCode, &o.Withdraw,
	}, func() error {
		c := o
		c.Base = meeting.Span{Start: orZero(t[0]), End: orZero(t[1])}
		c.BookingSpan = meeting.Span{Start: orZero(t[2]), End: orZero(t[3])}
		c.CopySpan = meeting.Span{Start: orZero(t[4]), End: orZero(t[5])}
		c.CopyCheckedAt, c.AskedAt = orZero(t[6]), orZero(t[7])
		c.Assets = assetIDs(assets)
		occurrences[c.ID] = &c
		byID[of].Occurrences = append(byID[of].Occurrences, &c)
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading occurrences: %w", err)
	}
	return loadCells(ctx, tx, occurrences)
}

func loadCells(ctx context.Context, tx pgx.Tx, occurrences map[meeting.OccurrenceID]*meeting.Occurrence) error {
	rows, err := tx.Query(ctx,
		`select occurrence_id, room_id, base_in, seen, seen_start, seen_end, seen_sequence,
		        item_id, change_key, invited, answer, answered_at, seen_at, answered_as
		 from ews.cell where occurrence_id = any($1) order by room_id`, slices.Collect(maps.Keys(occurrences)))
	if err != nil {
		return fmt.Errorf("loading cells: %w", err)
	}
	var of meeting.OccurrenceID
	var t [4]*time.Time
	c := meeting.Cell{}
	_, err = pgx.ForEachRow(rows, []any{
		&of, &c.Room, &c.BaseIn, &c.Seen, &t[0], &t[1], &c.Sequence,
		&c.Item, &c.ChangeKey, &c.Invited, &c.Answer, &t[2], &t[3], &c.AnsweredAs,
	}, func() error {
		cell := c
		cell.SeenSpan = meeting.Span{Start: orZero(t[0]), End: orZero(t[1])}
		cell.AnsweredAt, cell.SeenAt = orZero(t[2]), orZero(t[3])
		o := occurrences[of]
		o.Cells = append(o.Cells, cell)
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading cells: %w", err)
	}
	return nil
}

func assetIDs(in []int32) []meeting.AssetID {
	out := make([]meeting.AssetID, len(in))
	for i, n := range in {
		out[i] = meeting.AssetID(n)
	}
	return out
}

func assetInts(in []meeting.AssetID) []int32 {
	out := make([]int32, len(in))
	for i, n := range in {
		out[i] = int32(n)
	}
	return out
}
