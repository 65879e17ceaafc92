package store

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
	"ews/app/meeting"
)

// settle is how long a change seen in a room's calendar rests before it is
// worked on, so that the rooms of one meeting are taken together. Changes that
// somebody waits for are worked on at once.
const (
	settle          = 0.5
	priorityHuman   = 0
	priorityChange  = 1
	priorityArchive = 2
)

var errSuspicious = errors.New("suspiciously many entries vanished")

// SaveWindow implements engine.Store.
func (t *Term) SaveWindow(ctx context.Context, w engine.WindowRead) (engine.WindowResult, error) {
	var result engine.WindowResult
	err := t.tx(ctx, "storing a room's calendar", func(tx *transaction) error {
		result = engine.WindowResult{}
		at, err := tick(ctx, tx)
		if err != nil {
			return err
		}
		records, err := t.windowRecords(ctx, tx, w)
		if err != nil {
			return err
		}
		x := &windowDiff{WindowRead: w, now: t.db.now(), records: records, config: t.config}
		x.apply()
		if len(x.missing) > 0 && !w.Confirmed {
			tombs, err := tombstones(ctx, tx, w.Room.ID)
			if err != nil {
				return err
			}
			if n := x.unexplained(tombs); n > 5 && 2*n > x.before {
				result.Suspected = n
				return errSuspicious
			}
		}
		result.Changed, result.Stale = x.changed, x.stale
		if err := t.save(ctx, tx, at, x.records...); err != nil {
			return err
		}
		x.makeDue(tx.last)
		closeRead(tx.last, w, t.until(w.NextAudit), x.stale)
		return nil
	})
	if errors.Is(err, errSuspicious) {
		return result, t.guard(ctx, w.Room.ID, result.Suspected)
	}
	return result, err
}

// makeDue makes the meetings due that the read changed. Of an import, what
// starts soonest comes first, whichever room it was read from.
func (x *windowDiff) makeDue(batch *pgx.Batch) {
	var now, soon []meeting.ID
	var after []float64
	priority := priorityOf(x.changed)
	for _, r := range x.records {
		switch {
		case !r.dirty:
		case awaited(r.Meeting):
			now = append(now, r.ID)
		default:
			soon = append(soon, r.ID)
			wait := settle
			if priority == priorityArchive {
				wait += untilNext(r.Meeting, x.now).Seconds() / 1e7
			}
			after = append(after, wait)
		}
	}
	makeDue(batch, now, priorityHuman, 0)
	makeDueAfter(batch, soon, after, priority)
}

// untilNext returns how soon a room shows the meeting to begin; nothing if none
// shows it any more, or one does now.
func untilNext(m *meeting.Meeting, now time.Time) time.Duration {
	var next time.Time
	for _, o := range m.Occurrences {
		for _, c := range o.Cells {
			if c.SeenSpan.End.After(now) && (next.IsZero() || c.SeenSpan.Start.Before(next)) {
				next = c.SeenSpan.Start
			}
		}
	}
	return max(0, next.Sub(now))
}

// priorityOf lets a first import yield to what people do now.
func priorityOf(changed int) int {
	if changed > 50 {
		return priorityArchive
	}
	return priorityChange
}

func awaited(m *meeting.Meeting) bool {
	for _, o := range m.Occurrences {
		if o.AskedBy != meeting.Nobody {
			return true
		}
	}
	return false
}

// windowRecords loads the meetings that the read speaks of: those it shows,
// and those it should show.
func (t *Term) windowRecords(ctx context.Context, tx *transaction, w engine.WindowRead) ([]*record, error) {
	uids := make([]string, len(w.Sightings))
	for i, s := range w.Sightings {
		uids[i] = string(s.UID)
	}
	return load(ctx, tx,
		`id in (
		   select id from ews.meeting where configuration_id = $1 and uid = any($2)
		   union
		   select o.meeting_id from ews.cell c join ews.occurrence o on o.id = c.occurrence_id
		   where c.room_id = $3 and c.seen <> 'none' and c.seen_end > $4 and c.seen_start < $5)`,
		t.config, uids, w.Room.ID, w.Span.Start, w.Span.End)
}

func tombstones(ctx context.Context, tx *transaction, room meeting.RoomID) (map[meeting.ItemID]bool, error) {
	rows, err := tx.Query(ctx, `select item_id from ews.room_tombstone where room_id = $1`, room)
	if err != nil {
		return nil, err
	}
	items, err := pgx.CollectRows(rows, pgx.RowTo[meeting.ItemID])
	if err != nil {
		return nil, err
	}
	set := make(map[meeting.ItemID]bool, len(items))
	for _, id := range items {
		set[id] = true
	}
	return set, nil
}

func closeRead(batch *pgx.Batch, w engine.WindowRead, audit float64, stale bool) {
	batch.Queue(
		`update ews.room set read_at = now(), fail_count = 0, error_code = '', guard_since = null, guard_gone = 0,
		   delta_gen = delta_gen + case when $2 then 1 else 0 end
		 where id = $1`, w.Room.ID, w.Ahead)
	if stale {
		// Part of what the read says was overtaken: read again.
		batch.Queue(`update ews.room set audit_at = now(), poll_at = least(poll_at, now() + interval '1 second') where id = $1`,
			w.Room.ID)
	} else {
		batch.Queue(`update ews.room set read_gen = greatest(read_gen, $2), audit_at = now() + make_interval(secs => $3) where id = $1`,
			w.Room.ID, w.Room.DeltaGen, audit)
	}
	batch.Queue(
		`delete from ews.room_tombstone
		 where room_id = $1 and exists (select from ews.room where id = $1 and read_gen >= delta_gen)`, w.Room.ID)
}

func (t *Term) guard(ctx context.Context, room meeting.RoomID, gone int) error {
	return t.tx(ctx, "guarding a room", func(tx *transaction) error {
		_, err := tx.Exec(ctx,
			`update ews.room set guard_since = coalesce(guard_since, now()), guard_gone = $2,
			   poll_at = now() + interval '2 minutes' where id = $1`, room, gone)
		return err
	})
}

// windowDiff compares a read with what is known of the room.
type windowDiff struct {
	engine.WindowRead
	now     time.Time
	config  meeting.ConfigID
	records []*record

	changed int
	stale   bool
	before  int    // meetings there were
	missing []lost // entries that vanished
}

// lost is an entry that vanished.
type lost struct {
	uid  meeting.UID
	item meeting.ItemID
}

type slot struct {
	uid meeting.UID
	key meeting.Key
}

// compare gives new meetings an order, so that transactions that insert the
// same ones wait for one another instead of deadlocking.
func (s slot) compare(o slot) int {
	return cmp.Or(cmp.Compare(s.uid, o.uid), cmp.Compare(s.key, o.key))
}

func (x *windowDiff) apply() {
	byUID := make(map[meeting.UID]*record, len(x.records))
	for _, r := range x.records {
		byUID[r.UID] = r
	}
	shown := map[slot]*meeting.Sighting{}
	for i := range x.Sightings {
		s := &x.Sightings[i]
		if best := shown[slot{s.UID, s.Key}]; best == nil || better(s, best) {
			shown[slot{s.UID, s.Key}] = s
		}
	}
	held := map[meeting.UID]bool{}
	for _, at := range slices.SortedFunc(maps.Keys(shown), slot.compare) {
		s, r := shown[at], byUID[at.uid]
		if r == nil {
			r = &record{fresh: true, Meeting: &meeting.Meeting{
				Config: x.config, UID: at.uid, Origin: meeting.Exchange, Organizer: s.Organizer,
			}}
			byUID[at.uid] = r
			x.records = append(x.records, r)
		}
		if r.Origin == meeting.Exchange && s.Organizer != "" {
			r.Organizer = s.Organizer
		}
		r.Private = s.Private
		o := occurrenceOf(r, at.key)
		if c := o.CellOf(x.Room.ID); c != nil && c.Seen != meeting.None {
			held[at.uid] = true
		}
		x.note(r, o, s)
	}
	for _, r := range x.records {
		for _, o := range r.Occurrences {
			c := o.CellOf(x.Room.ID)
			if c == nil || c.Seen == meeting.None || shown[slot{r.UID, o.Key}] != nil || !c.SeenSpan.Overlaps(x.Span) {
				continue
			}
			if !c.SeenSpan.End.After(x.now) {
				continue // the past stays as it is
			}
			item := c.Item
			if x.note(r, o, nil) {
				held[r.UID] = true
				x.missing = append(x.missing, lost{r.UID, item})
			}
		}
	}
	x.before = len(held)
}

func (x *windowDiff) note(r *record, o *meeting.Occurrence, s *meeting.Sighting) bool {
	changed, stale := o.See(x.Room.ID, s, x.Since, x.now)
	x.stale = x.stale || stale
	if changed {
		x.changed++
		r.dirty = true
	}
	return changed
}

func (x *windowDiff) unexplained(tombs map[meeting.ItemID]bool) int {
	meetings := map[meeting.UID]bool{}
	for _, m := range x.missing {
		if m.item == "" || !tombs[m.item] {
			meetings[m.uid] = true
		}
	}
	return len(meetings)
}

// better picks among several items of one occurrence, as a cancelled and
// re-created meeting leaves them.
func better(a, b *meeting.Sighting) bool {
	if (a.Presence == meeting.Booked) != (b.Presence == meeting.Booked) {
		return a.Presence == meeting.Booked
	}
	return a.Sequence > b.Sequence
}

func occurrenceOf(r *record, key meeting.Key) *meeting.Occurrence {
	for _, o := range r.Occurrences {
		if o.Key == key {
			return o
		}
	}
	o := &meeting.Occurrence{Key: key, Copy: meeting.CopyUnknown}
	r.Occurrences = append(r.Occurrences, o)
	return o
}
