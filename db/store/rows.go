package store

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// Rows travel as JSON, all of a kind in one statement: a room's calendar has
// hundreds. The names are those of the columns.

type occurrenceRow struct {
	ID            meeting.OccurrenceID `json:"id"`
	Meeting       meeting.ID           `json:"meeting_id"`
	Config        meeting.ConfigID     `json:"configuration_id"`
	Key           meeting.Key          `json:"recurrence_key"`
	Booking       *meeting.BookingID   `json:"booking_id"`
	BaseLive      bool                 `json:"base_live"`
	BaseStart     *time.Time           `json:"base_start"`
	BaseEnd       *time.Time           `json:"base_end"`
	BookingLive   bool                 `json:"bk_live"`
	BookingStart  *time.Time           `json:"bk_start"`
	BookingEnd    *time.Time           `json:"bk_end"`
	Assets        []int32              `json:"bk_assets"`
	BookingTick   meeting.Tick         `json:"bk_tick"`
	Copy          meeting.CopyState    `json:"copy_state"`
	CopyStart     *time.Time           `json:"copy_start"`
	CopyEnd       *time.Time           `json:"copy_end"`
	CopyCheckedAt *time.Time           `json:"copy_checked_at"`
	ExchangeTick  meeting.Tick         `json:"ex_tick"`
	AskedBy       meeting.Asker        `json:"asked_by"`
	AskedAt       *time.Time           `json:"asked_at"`
	Refusal       meeting.Reason       `json:"refusal"`
	RefusalCode   string               `json:"refusal_code"`
	Withdraw      bool                 `json:"withdraw"`
}

// occurrenceColumns are those beside the keys.
const occurrenceColumns = `booking_id, base_live, base_start, base_end, bk_live, bk_start, bk_end, bk_assets, bk_tick,
	copy_state, copy_start, copy_end, copy_checked_at, ex_tick, asked_by, asked_at, refusal, refusal_code, withdraw`

func (t *Term) rowOf(r *record, o *meeting.Occurrence) occurrenceRow {
	row := occurrenceRow{
		ID: o.ID, Meeting: r.ID, Config: t.config, Key: o.Key,
		BaseLive: o.BaseLive, BaseStart: orNull(o.Base.Start), BaseEnd: orNull(o.Base.End),
		BookingLive: o.BookingLive, BookingStart: orNull(o.BookingSpan.Start), BookingEnd: orNull(o.BookingSpan.End),
		Assets: assetInts(o.Assets), BookingTick: o.BookingTick,
		Copy: o.Copy.OrUnknown(), CopyStart: orNull(o.CopySpan.Start), CopyEnd: orNull(o.CopySpan.End),
		CopyCheckedAt: orNull(o.CopyCheckedAt), ExchangeTick: o.ExchangeTick,
		AskedBy: o.AskedBy, AskedAt: orNull(o.AskedAt), Refusal: o.Refusal, RefusalCode: o.RefusalCode, Withdraw: o.Withdraw,
	}
	if o.Booking != 0 {
		row.Booking = &o.Booking
	}
	return row
}

// queueOccurrences stores the occurrences that are new or changed. The new ones
// get their numbers.
func (t *Term) queueOccurrences(batch *pgx.Batch, records []*record) {
	var added, changed []occurrenceRow
	type place struct {
		meeting meeting.ID
		key     meeting.Key
	}
	numberless := map[place]*meeting.Occurrence{}
	for _, r := range records {
		for _, o := range r.Occurrences {
			was := r.before(o)
			switch {
			case o.ID == 0:
				added = append(added, t.rowOf(r, o))
				numberless[place{r.ID, o.Key}] = o
			case was == nil || occurrenceChanged(was, o):
				changed = append(changed, t.rowOf(r, o))
			}
		}
	}
	if len(changed) > 0 {
		// That there are few of them has to be said: the table is not read for them.
		ids := make([]meeting.OccurrenceID, len(changed))
		for i, row := range changed {
			ids[i] = row.ID
		}
		batch.Queue(
			`update ews.occurrence o set booking_id = n.booking_id,
			   base_live = n.base_live, base_start = n.base_start, base_end = n.base_end,
			   bk_live = n.bk_live, bk_start = n.bk_start, bk_end = n.bk_end, bk_assets = n.bk_assets, bk_tick = n.bk_tick,
			   copy_state = n.copy_state, copy_start = n.copy_start, copy_end = n.copy_end,
			   copy_checked_at = n.copy_checked_at, ex_tick = n.ex_tick,
			   asked_by = n.asked_by, asked_at = n.asked_at, refusal = n.refusal, refusal_code = n.refusal_code, withdraw = n.withdraw
			 from jsonb_populate_recordset(null::ews.occurrence, $1::jsonb) n where o.id = n.id and o.id = any($2)`, changed, ids)
	}
	if len(added) > 0 {
		batch.Queue(
			`insert into ews.occurrence (meeting_id, configuration_id, recurrence_key, `+occurrenceColumns+`)
			 select meeting_id, configuration_id, recurrence_key, `+occurrenceColumns+`
			 from jsonb_populate_recordset(null::ews.occurrence, $1::jsonb)
			 returning id, meeting_id, recurrence_key`, added).Query(func(rows pgx.Rows) error {
			var at place
			var id meeting.OccurrenceID
			_, err := pgx.ForEachRow(rows, []any{&id, &at.meeting, &at.key}, func() error {
				o := numberless[at]
				if o == nil {
					return errors.New("an occurrence was stored that nobody asked for")
				}
				o.ID = id
				return nil
			})
			return err
		})
	}
}

// cellColumns are those beside the keys and the moment, which has a default.
const cellColumns = `base_in, seen, seen_start, seen_end, seen_sequence, item_id, change_key, invited, answer, answered_at, answered_as`

type cellRow struct {
	Occurrence meeting.OccurrenceID `json:"occurrence_id"`
	Room       meeting.RoomID       `json:"room_id"`
	BaseIn     bool                 `json:"base_in"`
	Seen       meeting.Presence     `json:"seen"`
	SeenStart  *time.Time           `json:"seen_start"`
	SeenEnd    *time.Time           `json:"seen_end"`
	Sequence   int                  `json:"seen_sequence"`
	Item       meeting.ItemID       `json:"item_id"`
	ChangeKey  meeting.ChangeKey    `json:"change_key"`
	Invited    bool                 `json:"invited"`
	Answer     meeting.Answer       `json:"answer"`
	AnsweredAt *time.Time           `json:"answered_at"`
	SeenAt     *time.Time           `json:"seen_at"`
	AnsweredAs meeting.Answer       `json:"answered_as"`
}

// cellRows are the rooms of occurrences whose state is new.
type cellRows struct {
	added, changed []cellRow
}

func (rows *cellRows) collect(was, o *meeting.Occurrence) {
	for _, c := range o.Cells {
		var old *meeting.Cell
		if was != nil {
			old = was.CellOf(c.Room)
		}
		switch {
		case old == nil:
			rows.added = append(rows.added, cellRowOf(o, c))
		case *old != c:
			rows.changed = append(rows.changed, cellRowOf(o, c))
		}
	}
}

func cellRowOf(o *meeting.Occurrence, c meeting.Cell) cellRow {
	return cellRow{
		Occurrence: o.ID, Room: c.Room, BaseIn: c.BaseIn,
		Seen: c.Seen, SeenStart: orNull(c.SeenSpan.Start), SeenEnd: orNull(c.SeenSpan.End), Sequence: c.Sequence,
		Item: c.Item, ChangeKey: c.ChangeKey, Invited: c.Invited,
		Answer: c.Answer, AnsweredAt: orNull(c.AnsweredAt), SeenAt: orNull(c.SeenAt), AnsweredAs: c.AnsweredAs,
	}
}

func (rows *cellRows) queue(batch *pgx.Batch) {
	if len(rows.changed) > 0 {
		occurrences := make([]meeting.OccurrenceID, len(rows.changed))
		for i, row := range rows.changed {
			occurrences[i] = row.Occurrence
		}
		batch.Queue(
			`update ews.cell c set base_in = n.base_in, seen = n.seen, seen_start = n.seen_start, seen_end = n.seen_end,
			   seen_sequence = n.seen_sequence, item_id = n.item_id, change_key = n.change_key, invited = n.invited,
			   answer = n.answer, answered_at = n.answered_at, answered_as = n.answered_as, seen_at = coalesce(n.seen_at, now())
			 from jsonb_populate_recordset(null::ews.cell, $1::jsonb) n
			 where c.occurrence_id = n.occurrence_id and c.room_id = n.room_id and c.occurrence_id = any($2)`,
			rows.changed, occurrences)
	}
	if len(rows.added) > 0 {
		batch.Queue(
			`insert into ews.cell (occurrence_id, room_id, `+cellColumns+`, seen_at)
			 select occurrence_id, room_id, `+cellColumns+`, coalesce(seen_at, now())
			 from jsonb_populate_recordset(null::ews.cell, $1::jsonb)`, rows.added)
	}
}
