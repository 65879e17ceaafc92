package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
)

// Database keeps the state of one configuration. It survives its processes.
type Database struct {
	world *World
	epoch int64
	tick  meeting.Tick
	keys  int64 // of rows

	meetings   map[meeting.ID]*row
	rooms      map[meeting.RoomID]*roomRow
	assets     []engine.Asset
	tombstones map[meeting.BookingID]meeting.Tick
	ledger     []*Episode
	status     string
	linked     bool // it knows which bookings belong to meetings
}

// row is a meeting with its work.
type row struct {
	*meeting.Meeting
	wantGen, doneGen int64
	due              time.Time // zero: not at all
	priority         int
	token            string // of the claim
	claimed          time.Time
	attempts         int
	failing          time.Time
	parked, code     string
	open             *engine.Operation
}

// roomRow is a room with its position in the change feed.
type roomRow struct {
	meeting.Room
	token             string
	version           int64
	deltaGen, readGen int64
	poll, audit       time.Time
	fails             int
	code              string
	guard             time.Time
	deleted           map[meeting.ItemID]bool
}

// Episode is an entry of the ledger of notices.
type Episode struct {
	engine.Notice
	Number       int
	due          time.Time
	Sent, Closed time.Time // zero: not
}

func newDatabase(w *World) *Database {
	return &Database{
		world: w, meetings: map[meeting.ID]*row{}, rooms: map[meeting.RoomID]*roomRow{},
		tombstones: map[meeting.BookingID]meeting.Tick{},
	}
}

func (d *Database) key() int64 { d.keys++; return d.keys }

func (d *Database) nextTick() meeting.Tick { d.tick++; return d.tick }

// now is the database's clock.
func (d *Database) now() time.Time { return micros(d.world.clock) }

// micros: the database keeps no finer instants.
func micros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// lead begins the term of a new owner. Claims of former ones are void; what
// failed need not wait, nor do rooms.
func (d *Database) lead(p *Process) *Term {
	d.epoch++
	for _, r := range d.meetings {
		r.token, r.claimed = "", time.Time{}
		if r.attempts > 0 {
			r.dueBy(d.now())
		}
	}
	for _, r := range d.rooms {
		if r.poll.After(d.now()) && r.guard.IsZero() {
			r.poll = d.now()
		}
	}
	return &Term{Database: d, process: p, epoch: d.epoch}
}

func (r *row) dueBy(t time.Time) {
	if r.due.IsZero() || t.Before(r.due) {
		r.due = t
	}
}

// makeDue marks meetings as changed: their work is due after settle, sooner
// if it was to be done sooner, and then at the better of both priorities.
func (d *Database) makeDue(rows []*row, priority int, settle time.Duration) {
	for _, r := range rows {
		r.wantGen++
		if r.due.IsZero() || priority < r.priority {
			r.priority = priority
		}
		r.dueBy(d.now().Add(settle))
		r.parked, r.attempts, r.failing = "", 0, time.Time{}
	}
}

func (d *Database) byUID(uid meeting.UID) *row {
	for _, r := range d.meetings {
		if r.UID == uid {
			return r
		}
	}
	return nil
}

func (d *Database) byBooking(id meeting.BookingID) (*row, *meeting.Occurrence) {
	for _, r := range d.meetings {
		for _, o := range r.Occurrences {
			if o.Booking == id {
				return r, o
			}
		}
	}
	return nil, nil
}

// slotOf returns what an occurrence's key in the database names.
func (d *Database) slotOf(id meeting.OccurrenceID) Slot {
	for _, r := range d.meetings {
		if o := r.Occurrence(id); o != nil {
			return Slot{r.UID, o.Key}
		}
	}
	return Slot{}
}

// sorted returns all rows in the order of their keys.
func (d *Database) sorted() []*row {
	rows := make([]*row, 0, len(d.meetings))
	for _, r := range d.meetings {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *row) int { return int(a.ID - b.ID) })
	return rows
}

// save stores a meeting as a transaction left it, or refuses it as the
// schema's constraints do.
func (d *Database) save(changed *meeting.Meeting, at meeting.Tick) (*row, error) {
	if err := d.check(changed); err != nil {
		d.world.violate("the schema refuses: %v", err)
		return nil, err
	}
	r := d.meetings[changed.ID]
	if r == nil {
		changed.ID = meeting.ID(d.key())
		r = &row{Meeting: &meeting.Meeting{}, wantGen: 1, priority: 1}
		d.meetings[changed.ID] = r
	}
	for _, o := range changed.Occurrences {
		if o.ID == 0 {
			o.ID = meeting.OccurrenceID(d.key())
		}
		if was := r.Occurrence(o.ID); was != nil {
			if was.Booking != 0 && was.Booking != o.Booking {
				d.tombstones[was.Booking] = at
			}
			d.freed(was, o)
			d.world.stored(Slot{r.UID, o.Key}, was, o)
		}
		o.Copy = o.Copy.OrUnknown()
		o.CopyCheckedAt, o.AskedAt = micros(o.CopyCheckedAt), micros(o.AskedAt)
		for i := range o.Cells {
			c := &o.Cells[i]
			if c.SeenAt.IsZero() {
				c.SeenAt = d.now()
			}
			c.SeenAt, c.AnsweredAt = micros(c.SeenAt), micros(c.AnsweredAt)
			if room := d.rooms[c.Room]; c.Reread || c.Believed {
				room.deltaGen++
				if c.Reread && room.fails == 0 && room.guard.IsZero() {
					room.poll = d.now()
				}
				c.Reread, c.Believed = false, false
			}
		}
		slices.SortFunc(o.Cells, func(a, b meeting.Cell) int { return int(a.Room - b.Room) })
	}
	slices.SortFunc(changed.Occurrences, func(a, b *meeting.Occurrence) int {
		switch {
		case a.Key < b.Key:
			return -1
		case a.Key > b.Key:
			return 1
		}
		return 0
	})
	r.Meeting = changed
	d.world.numbered(changed)
	return r, nil
}

// freed lets meetings try again that the Booking app refused: a booking left
// its slot, and it may be the one that was in their way.
func (d *Database) freed(was, o *meeting.Occurrence) {
	if !was.BookingLive || o.BookingLive && was.BookingSpan.Equal(o.BookingSpan) && slices.Equal(was.Assets, o.Assets) {
		return
	}
	rooms := d.roomMap()
	for _, r := range d.meetings {
		if r.parked != "" && slices.ContainsFunc(r.Occurrences, func(x *meeting.Occurrence) bool {
			return slices.ContainsFunc(x.Cells, func(c meeting.Cell) bool {
				return c.Seen != meeting.None && c.SeenSpan.Overlaps(was.BookingSpan) &&
					slices.ContainsFunc(rooms[c.Room].Assets, func(a meeting.AssetID) bool { return slices.Contains(was.Assets, a) })
			})
		}) {
			r.parked, r.due = "", d.now()
		}
	}
}

// check holds the constraints of the schema.
func (d *Database) check(m *meeting.Meeting) error {
	if other := d.byUID(m.UID); m.UID == "" || other != nil && other.ID != m.ID {
		return fmt.Errorf("meeting %q: UID not unique", m.UID)
	}
	seen := map[meeting.BookingID]bool{}
	for _, o := range m.Occurrences {
		other, _ := d.byBooking(o.Booking)
		switch {
		case o.Booking != 0 && (seen[o.Booking] || other != nil && other.ID != m.ID):
			return fmt.Errorf("booking %d belongs to two occurrences", o.Booking)
		case o.BaseLive && !o.Base.Valid():
			return errors.New("live base without a span")
		case o.BookingLive && (!o.BookingSpan.Valid() || o.Booking == 0):
			return errors.New("live booking without a number or a span")
		case o.Copy == meeting.CopyLive && !o.CopySpan.Valid():
			return errors.New("live copy without a span")
		case o.AskedAt.IsZero() != (o.AskedBy == meeting.Nobody):
			return errors.New("asked by nobody, or at no time")
		}
		seen[o.Booking] = true
		for _, c := range o.Cells {
			if c.Seen != meeting.None && !c.SeenSpan.Valid() {
				return errors.New("a room shows an occurrence without a span")
			}
			if d.rooms[c.Room] == nil {
				return fmt.Errorf("no room %d", c.Room)
			}
		}
	}
	return nil
}

// Episodes returns the ledger of notices.
func (w *World) Episodes() []Episode {
	defer w.lock()()
	w.database.send()
	out := make([]Episode, 0, len(w.database.ledger))
	for _, e := range w.database.ledger {
		out = append(out, *e)
	}
	return out
}

// Status returns the code of the configuration's state.
func (w *World) Status() string {
	defer w.lock()()
	return w.database.status
}

// Parked returns the codes of parked meetings.
func (w *World) Parked() []string {
	defer w.lock()()
	var out []string
	for _, r := range w.database.sorted() {
		if r.parked != "" {
			out = append(out, r.parked)
		}
	}
	return out
}

// PollNow makes all rooms due.
func (w *World) PollNow() {
	defer w.lock()()
	for _, r := range w.database.rooms {
		r.poll = w.database.now()
	}
}

// ForgetPositions loses all positions in change feeds and what was read.
func (w *World) ForgetPositions() {
	defer w.lock()()
	for _, r := range w.database.rooms {
		r.token, r.version, r.deltaGen, r.readGen = "", r.version+1, r.deltaGen+1, 0
		r.poll, r.audit = w.database.now(), w.database.now()
	}
}

// LoseMappings loses all that is known of meetings and bookings, as if the
// configuration were deleted and entered again. No process may be at work.
func (w *World) LoseMappings() {
	defer w.lock()()
	d := w.database
	w.note("- all mappings are lost")
	d.meetings, d.rooms = map[meeting.ID]*row{}, map[meeting.RoomID]*roomRow{}
	d.tombstones, d.linked = map[meeting.BookingID]meeting.Tick{}, false
}
