package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"ews/app/meeting"
)

// dice is a finite source of chance: every roll takes a digit. The zero dice
// always rolls zero, which everywhere below means "at once, and no mishap",
// so that a failing history shrinks to the plainest one.
type dice uint64

func (d *dice) roll(n int) int {
	v := int(uint64(*d) % uint64(n))
	*d = dice(uint64(*d) / uint64(n))
	return v
}

func (d *dice) mishap(oneIn int) bool { return d.roll(oneIn) == oneIn-1 }

func (d *dice) delay() time.Duration {
	return [...]time.Duration{0, 0, time.Second, 5 * time.Second, 20 * time.Second, 45 * time.Second}[d.roll(6)]
}

// slotKey names an occurrence in Exchange, for good.
type slotKey struct {
	uid meeting.UID
	key meeting.Key
}

// seat is one room's place in one occurrence.
type seat struct {
	slotKey
	room meeting.RoomID
}

// fate is what really happened to an occurrence: the measure of invariants.
type fate struct {
	cancelled bool // by a person, on either side
	declined  bool // by a room, at least once
	silent    bool // a message was lost or a room never decides
	ghost     bool // deleted in Outlook without telling the rooms
	unheard   bool // cancelled in Eliona before we knew of the booking, or when it was refused or cancelled by us as well
	touched   bool // changed in Outlook by a person
	renewed   bool // changed in Outlook after it was cancelled in Eliona and had no room
	exRemoved bool // a person took a room out in Outlook
	bkRemoved bool // a person took a room out in Eliona
}

// attendee is a room's line in an organizer's copy.
type attendee struct {
	answer meeting.Answer
	at     time.Time
	seq    int // of the request it was last sent
}

// orgCopy is the organizer's copy of one occurrence.
type orgCopy struct {
	slotKey
	ref  string
	live bool
	span meeting.Span
	seq  int
	ck   int // changes with every change, answers included
	atts map[meeting.RoomID]*attendee
}

// item is an entry of a room's calendar.
type item struct {
	slotKey
	id       int
	ck       int
	seq      int
	span     meeting.Span
	presence meeting.Presence
}

// booking is a booking of the Booking app. ref and of are set for those we made.
type booking struct {
	id        meeting.BookingID
	group     meeting.GroupID
	assets    []meeting.AssetID
	span      meeting.Span
	cancelled bool
	ref       string
	of        slotKey
	wish      wish // of the person who booked it; without meaning for those we made
}

// wish is what a person last asked for in Eliona.
type wish struct {
	span   meeting.Span
	assets []meeting.AssetID
}

type event struct {
	at time.Time
	do func()
}

// world is everything outside of us: Exchange, the Booking app and the time.
type world struct {
	now      time.Time
	rooms    map[meeting.RoomID]meeting.Room
	copies   []*orgCopy
	items    map[meeting.RoomID][]*item
	handled  map[seat]int // highest sequence a room has processed
	events   []event
	bookings []*booking
	pushes   []meeting.BookingID
	groups   meeting.GroupID
	numbers  int
	fates    map[slotKey]*fate
	answered time.Time // of the last answer: reply times tell no two answers within a second apart

	resets   bool // a move clears the answers in the organizer's copy
	sendsAll bool // every change of attendees is sent to all of them
}

func newWorld(start time.Time, rooms int) *world {
	w := &world{
		now: start, rooms: map[meeting.RoomID]meeting.Room{}, items: map[meeting.RoomID][]*item{},
		handled: map[seat]int{}, fates: map[slotKey]*fate{},
	}
	for i := 1; i <= rooms; i++ {
		id := meeting.RoomID(i)
		w.rooms[id] = meeting.Room{
			ID: id, Address: meeting.Address(fmt.Sprintf("room%d@example.com", i)),
			Assets: []meeting.AssetID{meeting.AssetID(10 * i), meeting.AssetID(10*i + 1)},
		}
	}
	return w
}

func (w *world) roomIDs() []meeting.RoomID { return slices.Sorted(maps.Keys(w.rooms)) }

func (w *world) number() int { w.numbers++; return w.numbers }

func (w *world) fate(k slotKey) *fate {
	if w.fates[k] == nil {
		w.fates[k] = &fate{}
	}
	return w.fates[k]
}

func (w *world) after(d time.Duration, do func()) {
	w.events = append(w.events, event{w.now.Add(d), do})
	w.happen()
}

// happen lets everything take place that is due.
func (w *world) happen() {
	until := w.now
	for {
		next := -1
		for i, e := range w.events {
			if !e.at.After(until) && (next < 0 || e.at.Before(w.events[next].at)) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		e := w.events[next]
		w.events = slices.Delete(w.events, next, next+1)
		w.now = e.at
		e.do()
	}
	w.now = until
}

func (w *world) advance(d time.Duration) {
	until := w.now.Add(d)
	w.now = until
	w.happen()
	w.now = until
}

// Exchange: organizers.

func (w *world) copyOf(k slotKey) *orgCopy {
	for _, c := range w.copies {
		if c.slotKey == k {
			return c
		}
	}
	return nil
}

func (w *world) byRef(ref string) *orgCopy {
	for _, c := range w.copies {
		if c.ref == ref {
			return c
		}
	}
	return nil
}

func (w *world) invite(k slotKey, ref string, span meeting.Span, rooms []meeting.RoomID, d *dice) *orgCopy {
	c := &orgCopy{slotKey: k, ref: ref, live: true, span: span, atts: map[meeting.RoomID]*attendee{}}
	w.copies = append(w.copies, c)
	w.change(c, span, rooms, nil, d)
	return c
}

func (w *world) change(c *orgCopy, span meeting.Span, add, remove []meeting.RoomID, d *dice) {
	moved := !c.span.Equal(span)
	c.seq++
	c.ck++
	c.span = span
	for _, room := range remove {
		if c.atts[room] != nil {
			delete(c.atts, room)
			w.send(c, room, true, d)
		}
	}
	for _, room := range add {
		c.atts[room] = &attendee{answer: meeting.NoAnswer}
	}
	for _, room := range slices.Sorted(maps.Keys(c.atts)) {
		if moved || w.sendsAll || slices.Contains(add, room) {
			a := c.atts[room]
			a.seq = c.seq
			if moved && w.resets {
				a.answer, a.at = meeting.NoAnswer, time.Time{}
			}
			w.send(c, room, false, d)
		}
	}
}

func (w *world) cancelCopy(c *orgCopy, d *dice) {
	c.live = false
	c.seq++
	c.ck++
	for _, room := range slices.Sorted(maps.Keys(c.atts)) {
		w.send(c, room, true, d)
	}
}

func (w *world) read(k slotKey) meeting.Copy {
	c := w.copyOf(k)
	if c == nil || !c.live {
		return meeting.Copy{UID: k.uid}
	}
	out := meeting.Copy{Live: true, UID: c.uid, Span: c.span, Rooms: map[meeting.Address]meeting.RoomAnswer{}}
	for room, a := range c.atts {
		out.Rooms[w.rooms[room].Address] = meeting.RoomAnswer{Answer: a.answer, At: a.at}
	}
	return out
}

// Exchange: rooms and their attendants.

func (w *world) item(s seat) *item {
	for _, it := range w.items[s.room] {
		if it.slotKey == s.slotKey {
			return it
		}
	}
	return nil
}

func (w *world) drop(s seat) {
	w.items[s.room] = slices.DeleteFunc(w.items[s.room], func(it *item) bool { return it.slotKey == s.slotKey })
}

// send carries a request or a cancellation to a room.
func (w *world) send(c *orgCopy, room meeting.RoomID, cancel bool, d *dice) {
	s, seq, span := seat{c.slotKey, room}, c.seq, c.span
	deaf := d.mishap(60)
	if deaf {
		w.fate(s.slotKey).silent = true
		if d.roll(2) == 0 {
			return // lost on the way
		}
	}
	arrive, decide, reply := d.delay(), d.delay(), d.delay()
	tentative, readd := d.mishap(8), d.mishap(3)
	w.after(arrive, func() {
		if seq <= w.handled[s] {
			return // overtaken by a newer message
		}
		w.handled[s] = seq
		if cancel {
			w.drop(s)
			return
		}
		it := w.item(s)
		if it == nil {
			it = &item{slotKey: s.slotKey, id: w.number()}
			w.items[room] = append(w.items[room], it)
		}
		it.span, it.seq, it.presence = span, seq, meeting.Pending
		it.ck++
		if tentative {
			w.after(reply, func() { w.answer(s, seq, meeting.Tentative) })
			decide += 90 * time.Second
		}
		if !deaf {
			w.after(decide, func() { w.decide(s, seq, reply, readd) })
		}
	})
}

// decide: the attendant accepts if the room is free, else declines.
func (w *world) decide(s seat, seq int, reply time.Duration, readd bool) {
	it := w.item(s)
	if it == nil || w.handled[s] != seq {
		return
	}
	for _, other := range w.items[s.room] {
		if other != it && other.presence == meeting.Booked && other.span.Overlaps(it.span) {
			w.fate(s.slotKey).declined = true
			w.drop(s)
			w.after(reply, func() { w.answer(s, seq, meeting.Declined) })
			return
		}
	}
	it.presence = meeting.Booked
	it.ck++
	if readd {
		it.id = w.number()
	}
	w.after(reply, func() { w.answer(s, seq, meeting.Accepted) })
}

func (w *world) answer(s seat, seq int, a meeting.Answer) {
	c := w.copyOf(s.slotKey)
	if c == nil || !c.live || c.atts[s.room] == nil || c.atts[s.room].seq != seq {
		return // an answer to what was asked before is no answer
	}
	c.ck++
	if w.answered = w.answered.Add(time.Second); w.answered.Before(w.now) {
		w.answered = w.now
	}
	c.atts[s.room].answer, c.atts[s.room].at = a, w.answered
}

func (w *world) release(s seat) {
	if w.item(s) != nil {
		w.drop(s)
		w.answer(s, w.handled[s], meeting.Declined)
	}
}

func (w *world) sightings(room meeting.RoomID) []meeting.Sighting {
	var out []meeting.Sighting
	for _, it := range w.items[room] {
		out = append(out, meeting.Sighting{
			UID: it.uid, Key: it.key, Item: meeting.ItemID(strconv.Itoa(it.id)),
			ChangeKey: meeting.ChangeKey(strconv.Itoa(it.ck)), Span: it.span, Sequence: it.seq,
			Presence: it.presence, Organizer: "anna@example.com",
		})
	}
	return out
}

// The Booking app.

func (w *world) booking(id meeting.BookingID) *booking {
	if id < 1 || int(id) > len(w.bookings) {
		return nil
	}
	return w.bookings[id-1]
}

func (w *world) book(group meeting.GroupID, span meeting.Span, assets []meeting.AssetID, d *dice) *booking {
	if group == 0 {
		w.groups++
		group = w.groups
	}
	b := &booking{id: meeting.BookingID(len(w.bookings) + 1), group: group, span: span, assets: assets, wish: wish{span, assets}}
	b.of = slotKey{uid: elionaUID(b.id)}
	w.bookings = append(w.bookings, b)
	w.push(b, d)
	return b
}

// push tells subscribers, who may not hear of it, or twice, or late.
func (w *world) push(b *booking, d *dice) {
	switch d.roll(6) {
	case 4:
		w.pushes = append(w.pushes, b.id, b.id)
	case 5:
	default:
		w.pushes = append(w.pushes, b.id)
	}
}

func (w *world) liveBookings() []*booking {
	var out []*booking
	for _, b := range w.bookings {
		if !b.cancelled {
			out = append(out, b)
		}
	}
	return out
}

func elionaUID(id meeting.BookingID) meeting.UID {
	return meeting.UID("eliona-" + strconv.Itoa(int(id)))
}

func (w *world) assetsOf(rooms []meeting.RoomID) []meeting.AssetID {
	var out []meeting.AssetID
	for _, room := range rooms {
		out = append(out, w.rooms[room].Assets...)
	}
	slices.Sort(out)
	return out
}

func (w *world) roomsOf(assets []meeting.AssetID) []meeting.RoomID {
	var out []meeting.RoomID
	for _, room := range w.roomIDs() {
		if slices.Contains(assets, w.rooms[room].Assets[0]) {
			out = append(out, room)
		}
	}
	return out
}
