package enginetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
)

// SaveWindow implements engine.Store.
func (t *Term) SaveWindow(ctx context.Context, w engine.WindowRead) (engine.WindowResult, error) {
	return tx(ctx, t, "SaveWindow", 0, func() (engine.WindowResult, error) {
		room := t.rooms[w.Room.ID]
		x := &windowDiff{WindowRead: w, now: t.clock(), meetings: t.windowMeetings(w), dirty: map[meeting.UID]bool{}}
		x.apply()
		if n := x.unexplained(room.deleted); n > 5 && 2*n > x.before && !w.Confirmed {
			if room.guard.IsZero() {
				room.guard = t.now()
			}
			room.poll = t.now().Add(2 * time.Minute)
			return engine.WindowResult{Suspected: n}, nil
		}
		var now, soon []*row
		at := t.nextTick()
		for _, m := range x.meetings {
			r, err := t.save(m, at)
			switch {
			case err != nil:
				return engine.WindowResult{}, err
			case !x.dirty[m.UID]:
			case slices.ContainsFunc(m.Occurrences, func(o *meeting.Occurrence) bool { return o.AskedBy != meeting.Nobody }):
				now = append(now, r)
			default:
				soon = append(soon, r)
			}
		}
		t.makeDue(now, priorityHuman, 0)
		priority := priorityChange
		if x.changed > 50 {
			priority = priorityArchive
		}
		t.makeDue(soon, priority, settle)
		t.closeRead(room, w, x.stale)
		return engine.WindowResult{Changed: x.changed, Stale: x.stale}, nil
	})
}

func (t *Term) closeRead(room *roomRow, w engine.WindowRead, stale bool) {
	room.fails, room.code, room.guard = 0, "", time.Time{}
	if w.Ahead {
		room.deltaGen++
	}
	if stale {
		room.audit = t.now()
		if soon := t.now().Add(time.Second); soon.Before(room.poll) {
			room.poll = soon
		}
	} else {
		room.readGen, room.audit = max(room.readGen, w.Room.DeltaGen), t.until(w.NextAudit)
	}
	if room.readGen >= room.deltaGen {
		clear(room.deleted)
	}
}

// windowMeetings returns the meetings that the read speaks of: those it shows,
// and those it should show.
func (t *Term) windowMeetings(w engine.WindowRead) []*meeting.Meeting {
	var out []*meeting.Meeting
	for _, r := range t.sorted() {
		shown := slices.ContainsFunc(w.Sightings, func(s meeting.Sighting) bool { return s.UID == r.UID })
		due := slices.ContainsFunc(r.Occurrences, func(o *meeting.Occurrence) bool {
			c := o.CellOf(w.Room.ID)
			return c != nil && c.Seen != meeting.None && c.SeenSpan.Overlaps(w.Span)
		})
		if shown || due {
			out = append(out, r.Clone())
		}
	}
	return out
}

// windowDiff compares a read with what is known of the room.
type windowDiff struct {
	engine.WindowRead
	now      time.Time
	meetings []*meeting.Meeting
	dirty    map[meeting.UID]bool

	changed int
	stale   bool
	before  int // meetings there were
	missing map[meeting.UID][]meeting.ItemID
}

func (x *windowDiff) apply() {
	byUID := map[meeting.UID]*meeting.Meeting{}
	for _, m := range x.meetings {
		byUID[m.UID] = m
	}
	shown := map[Slot]*meeting.Sighting{}
	for i := range x.Sightings {
		s := &x.Sightings[i]
		if best := shown[Slot{s.UID, s.Key}]; best == nil || better(s, best) {
			shown[Slot{s.UID, s.Key}] = s
		}
	}
	held := map[meeting.UID]bool{}
	x.missing = map[meeting.UID][]meeting.ItemID{}
	for _, at := range slices.SortedFunc(maps.Keys(shown), Slot.compare) {
		s, m := shown[at], byUID[at.UID]
		if m == nil {
			m = &meeting.Meeting{UID: at.UID, Origin: meeting.Exchange, Organizer: s.Organizer}
			byUID[at.UID] = m
			x.meetings = append(x.meetings, m)
		}
		if m.Origin == meeting.Exchange && s.Organizer != "" {
			m.Organizer = s.Organizer
		}
		m.Private = s.Private
		o := occurrenceOf(m, at.Key)
		if c := o.CellOf(x.Room.ID); c != nil && c.Seen != meeting.None {
			held[at.UID] = true
		}
		x.note(m, o, s)
	}
	for _, m := range x.meetings {
		for _, o := range m.Occurrences {
			c := o.CellOf(x.Room.ID)
			if c == nil || c.Seen == meeting.None || shown[Slot{m.UID, o.Key}] != nil ||
				!c.SeenSpan.Overlaps(x.Span) || !c.SeenSpan.End.After(x.now) {
				continue
			}
			item := c.Item
			if x.note(m, o, nil) {
				held[m.UID] = true
				x.missing[m.UID] = append(x.missing[m.UID], item)
			}
		}
	}
	x.before = len(held)
}

func (s Slot) compare(o Slot) int {
	return cmp.Or(cmp.Compare(s.UID, o.UID), cmp.Compare(s.Key, o.Key))
}

func (x *windowDiff) note(m *meeting.Meeting, o *meeting.Occurrence, s *meeting.Sighting) bool {
	changed, stale := o.See(x.Room.ID, s, x.Since, x.now)
	x.stale = x.stale || stale
	if changed {
		x.changed++
		x.dirty[m.UID] = true
	}
	return changed
}

// unexplained counts the meetings that vanished without the change feed having
// told of it.
func (x *windowDiff) unexplained(deleted map[meeting.ItemID]bool) int {
	n := 0
	for _, items := range x.missing {
		if slices.ContainsFunc(items, func(id meeting.ItemID) bool { return id == "" || !deleted[id] }) {
			n++
		}
	}
	return n
}

// better picks among several items of one occurrence.
func better(a, b *meeting.Sighting) bool {
	if (a.Presence == meeting.Booked) != (b.Presence == meeting.Booked) {
		return a.Presence == meeting.Booked
	}
	return a.Sequence > b.Sequence
}
