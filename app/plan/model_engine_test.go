package plan_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"ews/app/meeting"
	"ews/app/plan"
)

// model is the engine as far as the planner's decisions need one: it keeps
// stored values and intents, which a crash leaves alone, and workers and reads
// under way, which a crash forgets. A worker advances one stage at a time, so
// that everything else may happen between any two of them.
type model struct {
	*world
	fail func(format string, args ...any)
	log  []line // for the report of a failing history

	tick     meeting.Tick
	meetings []*meeting.Meeting
	intents  map[meeting.ID]*intent
	ours     map[meeting.BookingID]bool // every booking that ever was an occurrence's
	numbered meeting.OccurrenceID

	workers map[meeting.ID]*worker
	looks   map[meeting.RoomID]*look
	gets    map[meeting.BookingID]*get

	writes int // writing operations ever sent
}

// intent is an operation that was recorded before it was sent.
type intent struct {
	op  plan.Op
	ref string
}

type line struct {
	at     time.Time
	format string
	args   []any
}

type worker struct{ next func() }

type look struct {
	since     meeting.Tick
	sightings []meeting.Sighting
}

type get struct {
	since  meeting.Tick
	live   bool
	group  meeting.GroupID
	span   meeting.Span
	assets []meeting.AssetID
}

func newModel(w *world, fail func(string, ...any)) *model {
	e := &model{
		world: w, fail: fail, intents: map[meeting.ID]*intent{}, ours: map[meeting.BookingID]bool{},
	}
	e.crash()
	return e
}

func (e *model) note(format string, args ...any) {
	e.log = append(e.log, line{e.now, format, args})
}

// story tells the history so far.
func (e *model) story() string {
	out := ""
	for _, l := range e.log {
		for i, arg := range l.args {
			if op, ok := arg.(plan.Op); ok {
				l.args[i] = brief(op)
			}
		}
		out += "\n" + l.at.Sub(epoch).String() + " " + fmt.Sprintf(l.format, l.args...)
	}
	return strings.NewReplacer(" +0000 UTC", "", "2026-05-05 ", "", ":00:00", "").Replace(out)
}

// crash forgets everything that is not stored.
func (e *model) crash() {
	e.workers, e.looks, e.gets = map[meeting.ID]*worker{}, map[meeting.RoomID]*look{}, map[meeting.BookingID]*get{}
	e.pushes = nil
}

// brief shows an operation without its empty fields.
func brief(op plan.Op) string {
	out := ""
	for i, v := 0, reflect.ValueOf(op); i < v.NumField(); i++ {
		if f := v.Field(i); !f.IsZero() {
			out += fmt.Sprintf("%s=%v ", v.Type().Field(i).Name, f.Interface())
		}
	}
	return out
}

// moment is the next point of both clocks: nothing takes no time at all.
func (e *model) moment() meeting.Moment {
	e.tick++
	e.advance(time.Millisecond)
	return meeting.Moment{Now: e.now, Tick: e.tick}
}

func (e *model) began() meeting.Tick { return e.moment().Tick }

func (e *model) plan(m *meeting.Meeting) plan.Plan {
	return plan.For(plan.Input{Meeting: m, Rooms: e.rooms, Now: e.now, Policy: plan.DefaultPolicy()})
}

// Observation.

func (e *model) lookAt(room meeting.RoomID) {
	e.looks[room] = &look{e.began(), e.sightings(room)}
}

func (e *model) storeLook(room meeting.RoomID) {
	l := e.looks[room]
	if l == nil {
		return
	}
	delete(e.looks, room)
	seen := map[slotKey]bool{}
	for _, s := range l.sightings {
		seen[slotKey{s.UID, s.Key}] = true
		m := e.meeting(s.UID)
		if m == nil {
			m = e.newMeeting(meeting.Meeting{UID: s.UID, Origin: meeting.Exchange, Organizer: s.Organizer, CopyMailbox: s.Organizer})
		}
		o := e.occurrence(m, s.Key)
		if o == nil {
			o = e.newOccurrence(m, meeting.Occurrence{Key: s.Key})
		}
		o.See(room, &s, l.since, e.now)
	}
	for _, m := range e.meetings {
		for _, o := range m.Occurrences {
			if !seen[slotKey{m.UID, o.Key}] {
				o.See(room, nil, l.since, e.now)
			}
		}
	}
}

func (e *model) getBooking(id meeting.BookingID) {
	b := e.booking(id)
	e.gets[id] = &get{e.began(), !b.cancelled, b.group, b.span, slices.Clone(b.assets)}
}

func (e *model) storeGet(id meeting.BookingID) {
	g := e.gets[id]
	if g == nil {
		return
	}
	delete(e.gets, id)
	for _, m := range e.meetings {
		for _, o := range m.Occurrences {
			if o.Booking == id {
				if _, stale := o.SeeBooking(g.live, g.span, g.assets, g.since); stale || e.intents[m.ID] != nil {
					e.pushes = append(e.pushes, id)
				}
				return
			}
		}
	}
	if e.maybeOurs() {
		e.pushes = append(e.pushes, id)
		return
	}
	if !g.live || e.ours[id] {
		return
	}
	m := e.newMeeting(meeting.Meeting{
		UID: elionaUID(id), Origin: meeting.Eliona, Group: g.group, CopyMailbox: "anna@example.com", Ref: "ref " + string(elionaUID(id)),
	})
	e.newOccurrence(m, meeting.Occurrence{Booking: id, BookingLive: true, BookingSpan: g.span, Assets: g.assets})
	e.ours[id] = true
}

// maybeOurs: while a creation is unconfirmed, an unknown booking may be what it
// made. Its assets do not tell: a person may have changed them already.
func (e *model) maybeOurs() bool {
	for _, in := range e.intents {
		if slices.ContainsFunc(in.op.Items, func(it plan.Item) bool { return it.Booking == 0 }) {
			return true
		}
	}
	return false
}

func (e *model) meeting(uid meeting.UID) *meeting.Meeting {
	for _, m := range e.meetings {
		if m.UID == uid {
			return m
		}
	}
	return nil
}

func (e *model) occurrence(m *meeting.Meeting, key meeting.Key) *meeting.Occurrence {
	for _, o := range m.Occurrences {
		if o.Key == key {
			return o
		}
	}
	return nil
}

func (e *model) newMeeting(m meeting.Meeting) *meeting.Meeting {
	m.ID = meeting.ID(len(e.meetings) + 1)
	e.meetings = append(e.meetings, &m)
	return &m
}

func (e *model) newOccurrence(m *meeting.Meeting, o meeting.Occurrence) *meeting.Occurrence {
	e.numbered++
	o.ID = e.numbered
	if o.Copy == "" {
		o.Copy = meeting.CopyUnknown
	}
	m.Occurrences = append(m.Occurrences, &o)
	return &o
}

func clone(m *meeting.Meeting) *meeting.Meeting {
	c := *m
	c.Occurrences = nil
	for _, o := range m.Occurrences {
		oc := *o
		oc.Assets, oc.Cells = slices.Clone(o.Assets), slices.Clone(o.Cells)
		c.Occurrences = append(c.Occurrences, &oc)
	}
	return &c
}

// Work.

// work advances the meeting's worker by one stage, starting one if there is
// none; it reports false when there is nothing to do.
func (e *model) work(m *meeting.Meeting, d *dice) bool {
	w := e.workers[m.ID]
	if w == nil {
		w = &worker{next: func() { e.begin(m, d) }}
		e.workers[m.ID] = w
	}
	w.next()
	return e.workers[m.ID] != nil
}

func (e *model) then(m *meeting.Meeting, next func()) { e.workers[m.ID].next = next }

// again plans anew, from what is stored then.
func (e *model) again(m *meeting.Meeting) {
	delete(e.intents, m.ID)
	e.then(m, func() { e.begin(m, new(dice)) })
}

func (e *model) begin(m *meeting.Meeting, d *dice) {
	if e.intents[m.ID] != nil {
		e.recover(m)
		return
	}
	ops := e.plan(clone(m)).Ops
	if len(ops) == 0 {
		delete(e.workers, m.ID)
		return
	}
	op := ops[0]
	own := op.Kind == plan.Settle || op.Kind == plan.Refuse
	e.then(m, func() {
		if !own {
			e.intents[m.ID] = &intent{op, fmt.Sprintf("op %d", e.number())}
			e.then(m, func() { e.execute(m, op, d) })
			return
		}
		e.note("  meeting %d: %s", m.ID, op)
		if b := e.booking(m.Occurrence(op.Occurrence).Booking); op.Forgiven && b != nil && b.cancelled {
			e.fate(b.of).unheard = true
		}
		settle(m.Occurrence(op.Occurrence), op, e.moment())
		e.again(m)
	})
}

func settle(o *meeting.Occurrence, op plan.Op, at meeting.Moment) {
	if op.Kind == plan.Refuse {
		o.Refused(op.Reason, op.Code, op.Withdraw)
		return
	}
	if op.Answered {
		o.Answered(op.Span, op.Rooms, at)
	}
	if op.Agreed {
		o.Agreed(op.Span, op.Rooms)
	}
	if op.Forgiven {
		o.Forgiven()
	}
}

// recover finishes what a crash interrupted. A creation is looked up by its
// reference, also among what was cancelled since. A change of a meeting that can
// be seen was made by us: the answers to it are answers to us. A cancelled
// booking is cancelled again, or it would look as if a person had done it.
// Everything else is safe to decide again.
func (e *model) recover(m *meeting.Meeting) {
	in := e.intents[m.ID]
	switch in.op.Kind { //nolint:exhaustive // what is not named is safe to decide again
	case plan.CreateMeeting:
		if c := e.byRef(m.Ref); c != nil {
			e.then(m, func() { e.created(m, in.op, e.read(c.slotKey)) })
			return
		}
	case plan.UpdateMeeting:
		o := m.Occurrence(in.op.Occurrence)
		if c := e.read(slotKey{m.UID, o.Key}); e.shows(c, in.op) {
			e.then(m, func() {
				o.Wrote(c, in.op.Add, in.op.Remove, e.moment())
				e.again(m)
			})
			return
		}
	case plan.CancelBooking:
		e.then(m, func() { e.execute(m, in.op, new(dice)) })
		return
	case plan.WriteBookings:
		if ids := e.made(in); ids != nil {
			e.then(m, func() { e.written(m, in.op, ids) })
			return
		}
	}
	e.note("meeting %d: %s is decided anew", m.ID, in.op.Kind)
	e.again(m)
}

// shows tells whether the copy is as the update left it.
func (e *model) shows(c meeting.Copy, op plan.Op) bool {
	shown := c.Live && c.Span.Equal(op.Span)
	for _, room := range op.Add {
		_, in := c.Rooms[e.rooms[room].Address]
		shown = shown && in
	}
	for _, room := range op.Remove {
		_, in := c.Rooms[e.rooms[room].Address]
		shown = shown && !in
	}
	return shown
}

// made finds what an interrupted write has created, nil if nothing. A write is
// carried out as a whole, so one creation proves the changes beside it.
func (e *model) made(in *intent) []meeting.BookingID {
	ids, created := make([]meeting.BookingID, len(in.op.Items)), false
	for i, it := range in.op.Items {
		ids[i] = it.Booking
		for _, b := range e.world.bookings {
			if it.Booking == 0 && b.ref == in.itemRef(it) {
				ids[i], created = b.id, true
			}
		}
	}
	if !created {
		return nil
	}
	return ids
}

func (in *intent) itemRef(it plan.Item) string { return fmt.Sprintf("%s/%d", in.ref, it.Occurrence) }

func (e *model) execute(m *meeting.Meeting, op plan.Op, d *dice) {
	e.note("  meeting %d: %s", m.ID, op)
	o := m.Occurrence(op.Occurrence)
	var k slotKey
	if o != nil {
		k = slotKey{m.UID, o.Key}
	}
	if op.Kind != plan.AskOrganizer {
		e.writes++
	}
	switch op.Kind {
	case plan.AskOrganizer:
		e.looked(m, o, func() { e.again(m) })
	case plan.CancelMeeting:
		if c := e.copyOf(k); c != nil && c.live {
			e.cancelCopy(c, d)
		}
		e.then(m, func() {
			o.MeetingCancelled(e.moment())
			e.again(m)
		})
	case plan.ReleaseRooms:
		if e.read(k).Live {
			e.looked(m, o, func() { e.again(m) })
			return
		}
		for _, room := range op.Rooms {
			e.release(seat{k, room})
		}
		e.then(m, func() {
			o.RoomsReleased(op.Rooms, e.moment())
			e.again(m)
		})
	case plan.CreateMeeting:
		e.invite(k, m.Ref, op.Span, op.Rooms, d)
		c := e.read(k)
		e.then(m, func() { e.created(m, op, c) })
	case plan.UpdateMeeting:
		e.update(m, o, k, op, d)
	case plan.WriteBookings:
		e.write(m, op, d)
	case plan.CancelBooking:
		id := o.Booking
		b := e.booking(id)
		if b.cancelled && e.fate(b.of).cancelled {
			e.fate(b.of).unheard = true
		}
		b.cancelled = true
		e.push(b, d)
		e.then(m, func() {
			o.BookingCancelled(e.moment().Tick)
			e.again(m)
		})
	default:
		e.fail("unknown operation %s", op.Kind)
	}
}

// looked stores a read of the organizer's copy, then goes on.
func (e *model) looked(m *meeting.Meeting, o *meeting.Occurrence, next func()) {
	began := e.moment().Now
	c := e.read(slotKey{m.UID, o.Key})
	e.then(m, func() {
		o.Looked(c, e.rooms, meeting.Moment{Now: began, Tick: e.moment().Tick})
		next()
	})
}

func (e *model) created(m *meeting.Meeting, op plan.Op, c meeting.Copy) {
	o := m.Occurrence(op.Occurrence)
	if c.Live {
		o.Wrote(c, op.Rooms, nil, e.moment())
	} else {
		o.Looked(c, e.rooms, e.moment())
	}
	e.again(m)
}

// update reads the copy first, and goes on only if what it says still calls
// for this very change; the change then fails if the copy changed in between.
func (e *model) update(m *meeting.Meeting, o *meeting.Occurrence, k slotKey, op plan.Op, d *dice) {
	version := 0
	if c := e.copyOf(k); c != nil {
		version = c.ck
	}
	e.looked(m, o, func() {
		ops := e.plan(clone(m)).Ops
		if len(ops) == 0 || !reflect.DeepEqual(ops[0], op) {
			e.again(m)
			return
		}
		e.then(m, func() {
			c := e.copyOf(k)
			if !c.live || c.ck != version {
				e.again(m)
				return
			}
			e.change(c, op.Span, op.Add, op.Remove, d)
			after := e.read(k)
			e.then(m, func() {
				o.Wrote(after, op.Add, op.Remove, e.moment())
				e.again(m)
			})
		})
	})
}

// write is refused as a whole if a person cancelled one of the bookings.
func (e *model) write(m *meeting.Meeting, op plan.Op, d *dice) {
	for _, it := range op.Items {
		if it.Booking != 0 && e.booking(it.Booking).cancelled {
			since := e.began()
			e.then(m, func() {
				if o := m.Occurrence(it.Occurrence); o.Booking == it.Booking {
					o.SeeBooking(false, meeting.Span{}, nil, since)
				}
				e.again(m)
			})
			return
		}
	}
	var ids []meeting.BookingID
	for _, it := range op.Items {
		b := e.booking(it.Booking)
		if b == nil {
			b = e.book(m.Group, it.Span, it.Assets, d)
			b.of, b.ref = slotKey{m.UID, m.Occurrence(it.Occurrence).Key}, e.intents[m.ID].itemRef(it)
		} else {
			b.span, b.assets = it.Span, it.Assets
			e.push(b, d)
		}
		ids = append(ids, b.id)
	}
	e.then(m, func() { e.written(m, op, ids) })
}

func (e *model) written(m *meeting.Meeting, op plan.Op, ids []meeting.BookingID) {
	at := e.moment()
	for i, id := range ids {
		it := op.Items[i]
		o := m.Occurrence(it.Occurrence)
		o.BookingWritten(id, it.Span, it.Assets, at.Tick)
		if it.Shown.Valid() {
			o.Agreed(it.Shown, it.In)
		}
		m.Group = e.booking(id).group
		e.ours[id] = true
	}
	e.again(m)
}

// Convenience for histories.

func (e *model) readAll() {
	for _, room := range e.roomIDs() {
		e.lookAt(room)
		e.storeLook(room)
	}
}

func (e *model) listAll() {
	for _, b := range e.world.bookings {
		e.getBooking(b.id)
		e.storeGet(b.id)
	}
}

// idle works on everything until nothing is left to do now.
func (e *model) idle(check func()) {
	for _, m := range e.meetings {
		for steps := 0; e.work(m, new(dice)); steps++ {
			if check(); steps > 200 {
				e.fail("meeting %d finds no rest: %+v", m.ID, e.plan(clone(m)).Ops)
			}
		}
	}
}

func (e *model) jumpTo(t time.Time) {
	if t.After(e.now) {
		e.advance(t.Sub(e.now))
	}
}
