package soak

import (
	"fmt"
	"slices"
	"time"

	"ews/e2e/stage"
)

// history is what the simulators' ledger told so far.
type history struct {
	book     *book
	changes  []stage.Change
	bookings map[int32]*booked
	meetings map[string]*met
	numbers  map[int]int       // the unit of work that a request changed, by the request's number
	busy     map[int]time.Time // when the last request for a unit of work was answered
	writes   int               // requests of the app that wrote, or tried to
	problems []problem
}

// booked is a booking.
type booked struct {
	id     int32
	thing  *thing
	start  time.Time
	end    time.Time
	assets []int32
	who    string // organizer
	ours   bool   // made by the app
	live   bool
	ended  stage.Change // of its cancellation
}

// met is a meeting, with all its dates.
type met struct {
	uid      string
	mailbox  string
	things   []*thing
	ours     bool
	live     bool
	declines []stage.Change // by rooms
	undone   []stage.Change // cancellations by the app
}

// problem is a rule that was broken, and where.
type problem struct {
	rule  string
	text  string
	thing *thing
}

func newHistory(b *book) *history {
	return &history{book: b, bookings: map[int32]*booked{}, meetings: map[string]*met{}, numbers: map[int]int{}, busy: map[int]time.Time{}}
}

func (h *history) find(rule string, t *thing, format string, args ...any) {
	p := problem{rule, fmt.Sprintf(format, args...), t}
	if !slices.Contains(h.problems, p) {
		h.problems = append(h.problems, p)
	}
}

// the app, as the ledger calls it.
const client = "client"

// follow enters what the ledger has behind what is known.
func (h *history) follow(changes []stage.Change) {
	for _, c := range changes {
		h.changes = append(h.changes, c)
		switch {
		case c.Kind == "request":
			h.request(c)
		case c.Service == "booking":
			h.onBooking(c)
		case c.Service == "exchange":
			h.onMeeting(c)
		}
	}
}

func (h *history) seq() int {
	if len(h.changes) == 0 {
		return 0
	}
	return h.changes[len(h.changes)-1].Seq
}

// request checks that requests for one meeting do not overlap (I8).
func (h *history) request(c stage.Change) {
	if c.Service == "eliona" {
		return
	}
	h.writes++
	key, known := h.numbers[c.Number]
	if !known {
		return // it changed nothing
	}
	if before := h.busy[key]; c.Began.Before(before) {
		h.find("I8", h.book.things[key-1], "%s arrived at %s, while another request for the same meeting was under way until %s",
			c.Operation, clock(c.Began), clock(before))
	}
	if c.Time.After(h.busy[key]) {
		h.busy[key] = c.Time
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

func (h *history) onBooking(c stage.Change) {
	b := h.bookings[c.Booking]
	if b == nil {
		b = &booked{id: c.Booking, ours: c.By == client}
		h.bookings[c.Booking] = b
	}
	if c.Kind == "cancelled" {
		b.live, b.ended = false, c
		h.attribute(c, b.thing)
		if b.thing != nil && b.thing.booking == b.id {
			b.thing.booking = 0
		}
		return
	}
	t := h.book.at(c.Start)
	switch {
	case t == nil:
		h.find("I4", nil, "booking %d is at %s, which nobody wished for", b.id, c.Start.Format(minutes))
		return
	case b.thing != nil && b.thing != t:
		h.find("I4", t, "booking %d of %v was moved to the time of %v", b.id, b.thing, t)
	}
	b.thing, b.start, b.end, b.assets, b.live, b.who = t, c.Start, c.End, c.Assets, true, c.Organizer
	t.booking = b.id
	if t.origin == eliona {
		t.group = c.Group
	}
	h.attribute(c, t)
	for _, other := range h.bookings {
		if other != b && other.live && other.thing == t && shares(other.assets, b.assets) &&
			(other.start.Equal(b.start) || t.origin == eliona) {
			h.find("I2", t, "the bookings %d and %d were alive at once at %s, since %s", other.id, b.id, b.start.Format(minutes), clock(c.Time))
		}
	}
}

func shares(a, b []int32) bool {
	return slices.ContainsFunc(a, func(x int32) bool { return slices.Contains(b, x) })
}

// attribute remembers which meeting a request was about.
func (h *history) attribute(c stage.Change, t *thing) {
	if t != nil && c.Number != 0 {
		h.numbers[c.Number] = t.key()
	}
}

func (h *history) onMeeting(c stage.Change) {
	m := h.meetings[c.UID]
	if c.Kind == "created" {
		h.created(c, m)
		return
	}
	if m == nil {
		return // a room's own entry
	}
	t := m.date(c)
	h.attribute(c, t)
	switch c.Kind {
	case "changed":
		m.shows(c)
		if other := h.book.at(c.Start); c.By == client && (other == nil || other != t) && t != nil {
			h.find("I4", t, "its meeting was moved to %s, which was never wished for", c.Start.Format(minutes))
		}
	case "cancelled":
		if c.Original.IsZero() {
			m.live = false
		}
		if c.By == client {
			m.undone = append(m.undone, c)
		}
	case "answered":
		if c.Answer == "Decline" && c.By != client && c.By != "person" {
			m.declines = append(m.declines, c)
		}
	}
}

func (h *history) created(c stage.Change, m *met) {
	t := h.book.at(c.Start)
	if t == nil {
		h.find("I4", nil, "a meeting was made at %s, which nobody wished for", c.Start.Format(minutes))
		return
	}
	h.attribute(c, t)
	if m != nil && c.By == client {
		if m.live {
			h.find("I2", t, "its meeting was made a second time at %s, in the calendar of %s", clock(c.Time), name(c.Mailbox))
		}
		m.live, m.mailbox, t.mailbox = true, c.Mailbox, c.Mailbox
		m.shows(c)
		return
	}
	m = &met{uid: c.UID, mailbox: c.Mailbox, ours: c.By == client, live: true, things: []*thing{t}}
	if t.series != nil && t.origin == outlook {
		m.things = t.series.things
	}
	for _, x := range m.things {
		if x.uid != "" && x.uid != c.UID {
			h.find("I2", x, "it has two meetings: %s and %s", x.uid, c.UID)
		}
		x.uid, x.mailbox = c.UID, c.Mailbox
		x.shown = x.wishes[0]
		x.shown.rooms = c.Rooms
	}
	h.meetings[c.UID] = m
	if m.ours {
		m.shows(c)
	}
}

// shows remembers what the organizer's copy says after a change.
func (m *met) shows(c stage.Change) {
	if t := m.date(c); t != nil && len(m.things) == 1 || !c.Original.IsZero() {
		if t != nil {
			t.shown = wish{start: c.Start, end: c.End, rooms: c.Rooms}
		}
		return
	}
	for _, t := range m.things { // the whole series was moved, as its dates wished
		t.shown = t.last()
	}
}

// date is the thing that a change of a meeting is about.
func (m *met) date(c stage.Change) *thing {
	for _, t := range m.things {
		if len(m.things) == 1 || t.original.Equal(c.Original) {
			return t
		}
	}
	if len(m.things) > 0 && c.Original.IsZero() {
		return m.things[0]
	}
	return nil
}

// declined are the rooms that declined a thing.
func (h *history) declined(t *thing) map[string]bool {
	out := map[string]bool{}
	if m := h.meetings[t.uid]; m != nil {
		for _, c := range m.declines {
			if c.Original.IsZero() || c.Original.Equal(t.original) {
				out[c.Mailbox] = true
			}
		}
	}
	return out
}

// undone is the app's cancellation of a thing's meeting, if there is one.
func (h *history) undone(t *thing) (stage.Change, bool) {
	if m := h.meetings[t.uid]; m != nil {
		for _, c := range m.undone {
			if c.Original.IsZero() || c.Original.Equal(t.original) {
				return c, true
			}
		}
	}
	return stage.Change{}, false
}

// of returns the live bookings of a thing.
func (h *history) of(t *thing) []*booked {
	var out []*booked
	for _, b := range h.bookings {
		if b.live && b.thing == t {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b *booked) int { return int(a.id - b.id) })
	return out
}
