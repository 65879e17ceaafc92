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
	freed   []slotFreed
}

// reading is meetings on their way from the database.
type reading struct {
	records     []*record
	byID        map[meeting.ID]*record
	occurrences map[meeting.OccurrenceID]*meeting.Occurrence
}

func newReading() *reading {
	return &reading{byID: map[meeting.ID]*record{}, occurrences: map[meeting.OccurrenceID]*meeting.Occurrence{}}
}

const (
	selectMeetings = `select id, configuration_id, uid, origin, organizer, private, coalesce(booking_group_id, 0), ref,
	       copy_mailbox, copy_item, want_gen, ` + legacyOf + ` from ews.meeting where `
	selectOccurrences = `select id, meeting_id, recurrence_key, coalesce(booking_id, 0),
	       base_live, base_start, base_end, bk_live, bk_start, bk_end, bk_assets, bk_tick,
	       copy_state, copy_start, copy_end, copy_checked_at, ex_tick,
	       asked_by, asked_at, refusal, refusal_code, withdraw from ews.occurrence where `
	// By occurrence, never joined with them: on tables without statistics that
	// reads both.
	selectCells = `select occurrence_id, room_id, base_in, seen, seen_start, seen_end, seen_sequence,
	       item_id, change_key, invited, answer, answered_at, seen_at, answered_as from ews.cell where `
)

// load reads meetings with everything below them. The rows are locked in the
// order of their ids, so that transactions that lock several cannot deadlock.
func load(ctx context.Context, tx *transaction, where string, args ...any) ([]*record, error) {
	l := newReading()
	for _, part := range []struct {
		scan func(pgx.Rows) error
		sql  string
		args func() []any
	}{
		{l.meetings, selectMeetings + where + ` order by id for update`, func() []any { return args }},
		{l.dates, selectOccurrences + `meeting_id = any($1) order by recurrence_key`,
			func() []any { return []any{slices.Collect(maps.Keys(l.byID))} }},
		{l.cells, selectCells + `occurrence_id = any($1) order by room_id`,
			func() []any { return []any{slices.Collect(maps.Keys(l.occurrences))} }},
	} {
		rows, err := tx.Query(ctx, part.sql, part.args()...)
		if err == nil {
			err = part.scan(rows)
		}
		if err != nil {
			return nil, fmt.Errorf("loading meetings: %w", err)
		}
		if len(l.records) == 0 {
			return nil, nil
		}
	}
	return l.done(), nil
}

// queue asks for one meeting in a single round trip. If it does not fulfil the
// condition, further parameters from $2 on, there is no record.
func (l *reading) queue(batch *pgx.Batch, id meeting.ID, condition, lock string, args ...any) {
	batch.Queue(selectMeetings+`id = $1 and `+condition+` `+lock, append([]any{id}, args...)...).Query(l.meetings)
	batch.Queue(selectOccurrences+`meeting_id = $1 order by recurrence_key`, id).Query(l.dates)
	batch.Queue(selectCells+`occurrence_id = any(array(select id from ews.occurrence where meeting_id = $1)) order by room_id`, id).
		Query(l.cells)
}

// done returns what was read.
func (l *reading) done() []*record {
	for _, r := range l.records {
		r.was = r.Meeting.Clone()
	}
	return l.records
}

func (l *reading) meetings(rows pgx.Rows) error {
	var err error
	l.records, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*record, error) {
		r := &record{Meeting: &meeting.Meeting{}}
		return r, row.Scan(&r.ID, &r.Config, &r.UID, &r.Origin, &r.Organizer, &r.Private, &r.Group, &r.Ref,
			&r.CopyMailbox, &r.CopyItem, &r.wantGen, &r.Legacy)
	})
	for _, r := range l.records {
		l.byID[r.ID] = r
	}
	return err
}

func (l *reading) dates(rows pgx.Rows) error {
	var of meeting.ID
	var t [8]*time.Time
	o := meeting.Occurrence{}
	var assets []int32
	_, err := pgx.ForEachRow(rows, []any{
		&o.ID, &of, &o.Key, &o.Booking,
		&o.BaseLive, &t[0], &t[1], &o.BookingLive, &t[2], &t[3], &assets, &o.BookingTick,
		&o.Copy, &t[4], &t[5], &t[6], &o.ExchangeTick,
		&o.AskedBy, &t[7], &o.Refusal, &o.RefusalCode, &o.Withdraw,
	}, func() error {
		r := l.byID[of]
		if r == nil {
			return nil // of a meeting that did not fulfil the condition
		}
		c := o
		c.Base = meeting.Span{Start: orZero(t[0]), End: orZero(t[1])}
		c.BookingSpan = meeting.Span{Start: orZero(t[2]), End: orZero(t[3])}
		c.CopySpan = meeting.Span{Start: orZero(t[4]), End: orZero(t[5])}
		c.CopyCheckedAt, c.AskedAt = orZero(t[6]), orZero(t[7])
		c.Assets = assetIDs(assets)
		l.occurrences[c.ID] = &c
		r.Occurrences = append(r.Occurrences, &c)
		return nil
	})
	return err
}

func (l *reading) cells(rows pgx.Rows) error {
	var of meeting.OccurrenceID
	var t [4]*time.Time
	c := meeting.Cell{}
	_, err := pgx.ForEachRow(rows, []any{
		&of, &c.Room, &c.BaseIn, &c.Seen, &t[0], &t[1], &c.Sequence,
		&c.Item, &c.ChangeKey, &c.Invited, &c.Answer, &t[2], &t[3], &c.AnsweredAs,
	}, func() error {
		o := l.occurrences[of]
		if o == nil {
			return nil
		}
		cell := c
		cell.SeenSpan = meeting.Span{Start: orZero(t[0]), End: orZero(t[1])}
		cell.AnsweredAt, cell.SeenAt = orZero(t[2]), orZero(t[3])
		o.Cells = append(o.Cells, cell)
		return nil
	})
	return err
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
