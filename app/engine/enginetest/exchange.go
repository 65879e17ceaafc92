package enginetest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ews/app/meeting"
)

// exchange is an organization: organizers' calendars, rooms with their
// attendants, and the messages between them.
type exchange struct {
	w        *World
	rooms    []meeting.Address
	listed   map[meeting.Address]bool // in the room list
	copies   []*orgCopy
	items    map[meeting.Address][]*item
	handled  map[seat]int // highest sequence a room has processed
	feeds    map[meeting.Address]*feed
	streams  []*stream
	answered map[seat]time.Time // of a room's last answer, in whole seconds, never the same one twice
	resets   bool
	sendsAll bool
}

// seat is one room's place in one occurrence.
type seat struct {
	Slot
	room meeting.Address
}

// orgCopy is the organizer's copy of one occurrence.
type orgCopy struct {
	Slot
	mailbox meeting.Address
	ref     string
	live    bool
	span    meeting.Span
	item    string
	seq     int
	version int // changes with every change, answers included
	rooms   map[meeting.Address]*attendee
	touched time.Time // by a person
}

// attendee is a room's line in an organizer's copy.
type attendee struct {
	answer meeting.Answer
	at     time.Time
	seq    int // of the request it was last sent
}

// item is an entry of a room's calendar.
type item struct {
	Slot
	id        string
	version   int
	seq       int
	span      meeting.Span
	presence  meeting.Presence
	organizer meeting.Address
}

// feed is the change feed of a room.
type feed struct {
	life    int // positions of a former one are unusable
	entries []entry
}

type entry struct {
	item    string
	deleted bool
}

// cameAndWent tells whether an item was made after a position, and is gone: who
// asks from there hears nothing of it.
func (f *feed) cameAndWent(item string, from int) bool {
	is := func(e entry) bool { return e.item == item }
	made := slices.IndexFunc(f.entries, is)
	return made >= from && slices.ContainsFunc(f.entries[made:], func(e entry) bool { return is(e) && e.deleted })
}

func newExchange(w *World, o Options) exchange {
	x := exchange{
		w: w, listed: map[meeting.Address]bool{}, items: map[meeting.Address][]*item{}, handled: map[seat]int{}, answered: map[seat]time.Time{},
		feeds: map[meeting.Address]*feed{}, resets: o.Resets, sendsAll: o.SendsAll,
	}
	for i := range o.Rooms {
		room := meeting.Address(fmt.Sprintf("room%d@example.com", i+1))
		x.rooms = append(x.rooms, room)
		x.listed[room] = true
		x.feeds[room] = &feed{life: 1}
	}
	return x
}

// hasMailbox tells whether we may use this person's calendar.
func hasMailbox(a meeting.Address) bool { return strings.HasSuffix(string(a), "@example.com") }

func (x *exchange) copyOf(s Slot) *orgCopy {
	for _, c := range x.copies {
		if c.Slot == s {
			return c
		}
	}
	return nil
}

// invite makes a meeting.
func (x *exchange) invite(c orgCopy, rooms []meeting.Address, d *Dice) *orgCopy {
	for _, other := range x.copies {
		if c.ref != "" && other.ref == c.ref && other.live {
			x.w.violate("I2: a second live meeting with reference %s", c.ref)
		}
	}
	c.live, c.item, c.rooms = true, "copy "+strconv.Itoa(x.w.next()), map[meeting.Address]*attendee{}
	x.copies = append(x.copies, &c)
	x.change(&c, c.span, rooms, nil, d)
	return &c
}

// change moves a meeting, or invites other rooms.
func (x *exchange) change(c *orgCopy, span meeting.Span, add, remove []meeting.Address, d *Dice) {
	moved := !c.span.Equal(span)
	c.seq++
	c.version++
	c.span = span
	for _, room := range remove {
		if c.rooms[room] != nil {
			delete(c.rooms, room)
			x.send(c, room, true, d)
		}
	}
	for _, room := range add {
		c.rooms[room] = &attendee{answer: meeting.NoAnswer}
		if !x.listed[room] {
			x.w.fate(c.Slot).Unlisted = true
		}
	}
	for _, room := range slices.Sorted(maps.Keys(c.rooms)) {
		if moved || x.sendsAll || slices.Contains(add, room) {
			a := c.rooms[room]
			a.seq = c.seq
			if moved && x.resets {
				a.answer, a.at = meeting.NoAnswer, time.Time{}
			}
			x.send(c, room, false, d)
		}
	}
}

func (x *exchange) cancel(c *orgCopy, d *Dice) {
	c.live = false
	c.seq++
	c.version++
	for _, room := range slices.Sorted(maps.Keys(c.rooms)) {
		x.send(c, room, true, d)
	}
}

// read tells what an organizer's copy says.
func (c *orgCopy) read() meeting.Copy {
	out := meeting.Copy{
		Live: true, Mailbox: c.mailbox, Item: meeting.ItemID(c.item), Version: meeting.ChangeKey(strconv.Itoa(c.version)),
		UID: c.UID, Span: c.span, Rooms: map[meeting.Address]meeting.RoomAnswer{"guest@example.com": {Answer: meeting.Accepted}},
	}
	for room, a := range c.rooms {
		out.Rooms[room] = meeting.RoomAnswer{Answer: a.answer, At: a.at}
	}
	return out
}

// Rooms and their attendants.

func (x *exchange) itemOf(s seat) *item {
	for _, it := range x.items[s.room] {
		if it.Slot == s.Slot {
			return it
		}
	}
	return nil
}

func (x *exchange) put(room meeting.Address, it *item) {
	it.version++
	x.w.note("      %s shows %v at %v, %s", room, it.Slot, it.span, it.presence)
	if !slices.Contains(x.items[room], it) {
		x.items[room] = append(x.items[room], it)
	}
	x.feeds[room].entries = append(x.feeds[room].entries, entry{item: it.id})
	x.hint(room)
}

func (x *exchange) drop(room meeting.Address, it *item) {
	x.w.note("      %s no longer shows %v at %v", room, it.Slot, it.span)
	x.items[room] = slices.DeleteFunc(x.items[room], func(other *item) bool { return other == it })
	x.feeds[room].entries = append(x.feeds[room].entries, entry{it.id, true})
	x.hint(room)
}

// send carries a request or a cancellation to a room.
func (x *exchange) send(c *orgCopy, room meeting.Address, cancel bool, d *Dice) {
	s, seq, span, organizer := seat{c.Slot, room}, c.seq, c.span, c.mailbox
	deaf := d.Mishap(60)
	if deaf {
		x.w.fate(s.Slot).Silent = true
		if d.Roll(2) == 0 {
			return // lost on the way
		}
	}
	arrive, decide, reply := d.delay(), d.delay(), d.delay()
	tentative, again := d.Mishap(8), d.Mishap(3)
	x.w.after(arrive, func() {
		if seq <= x.handled[s] {
			return // overtaken by a newer message
		}
		x.handled[s] = seq
		it := x.itemOf(s)
		if cancel {
			if it != nil {
				x.drop(room, it)
			}
			return
		}
		if it == nil {
			it = &item{Slot: s.Slot, id: "item " + strconv.Itoa(x.w.next())}
		}
		it.span, it.seq, it.presence, it.organizer = span, seq, meeting.Pending, organizer
		x.put(room, it)
		if tentative {
			x.w.after(reply, func() { x.answer(s, seq, meeting.Tentative) })
			decide += 15 * time.Second
		}
		if !deaf {
			x.w.after(decide, func() { x.decide(s, seq, reply, again) })
		}
	})
}

// decide: the attendant accepts if the room is free, else declines. Some make
// the entry anew when they accept.
func (x *exchange) decide(s seat, seq int, reply time.Duration, again bool) {
	it := x.itemOf(s)
	if it == nil || x.handled[s] != seq {
		return
	}
	for _, other := range x.items[s.room] {
		if other != it && other.presence == meeting.Booked && other.span.Overlaps(it.span) {
			x.w.fate(s.Slot).Declined = true
			x.drop(s.room, it)
			x.w.after(reply, func() { x.answer(s, seq, meeting.Declined) })
			return
		}
	}
	if !again {
		it.presence = meeting.Booked
		x.put(s.room, it)
	} else {
		made := *it
		made.id, made.presence = "item "+strconv.Itoa(x.w.next()), meeting.Booked
		x.drop(s.room, it)
		x.put(s.room, &made)
	}
	x.w.after(reply, func() { x.answer(s, seq, meeting.Accepted) })
}

// answer reaches the organizer. One to what was asked before is no answer.
func (x *exchange) answer(s seat, seq int, a meeting.Answer) {
	c := x.copyOf(s.Slot)
	if c == nil || !c.live || c.rooms[s.room] == nil || c.rooms[s.room].seq != seq {
		return
	}
	c.version++
	x.w.note("      %s answers to %v: %s", s.room, s.Slot, a)
	at := x.w.clock.Truncate(time.Second)
	if next := x.answered[s].Add(time.Second); next.After(at) {
		at = next
	}
	x.answered[s] = at
	c.rooms[s.room].answer, c.rooms[s.room].at = a, at
}
