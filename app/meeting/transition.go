package meeting

import (
	"slices"
	"time"
)

// RoomAnswer is a room's line in the organizer's copy.
type RoomAnswer struct {
	Answer Answer
	At     time.Time // when it answered; zero if it did not
}

// Copy is the organizer's copy of one occurrence as it was read.
type Copy struct {
	Live    bool // false: cancelled, deleted, or in Deleted Items
	Mailbox Address
	Item    ItemID
	Version ChangeKey
	UID     UID
	Span    Span
	Rooms   map[Address]RoomAnswer // every attendee that may be a room
	Partial bool                   // some attendees could not be told: a room missing in Rooms may be there
}

// Sighting is an item in a room's own calendar.
type Sighting struct {
	UID       UID
	Key       Key
	Item      ItemID
	ChangeKey ChangeKey
	Span      Span
	Sequence  int
	Presence  Presence // Pending or Booked; a cancelled or free item is no sighting
	Organizer Address  // empty if Exchange does not tell
	Private   bool     // marked as private where the room's calendar shows it
}

// Moment is when something became known: the wall clock for patience, the
// logical clock for order.
type Moment struct {
	Now  time.Time
	Tick Tick
}

// cell returns the room's cell, adding it if there is none.
func (o *Occurrence) cell(room RoomID) *Cell {
	if c := o.CellOf(room); c != nil {
		return c
	}
	o.Cells = append(o.Cells, Cell{Room: room, Seen: None, Answer: NoAnswer})
	return &o.Cells[len(o.Cells)-1]
}

func (c *Cell) see(p Presence, span Span, now time.Time) bool {
	if p == None {
		span, c.Item, c.ChangeKey, c.Sequence = Span{}, "", "", 0
	}
	if c.Seen == p && c.SeenSpan.Equal(span) {
		return false
	}
	c.Seen, c.SeenSpan, c.SeenAt = p, span, now
	return true
}

// Wrote records that we made or changed the organizer's copy by a call that
// began at at.Now, and that the rooms owe an answer. Before a change the copy
// was looked at (see Looked), so that an answer given to the former state is
// not taken for one to this. What a room showed before says nothing of it
// either; but a room may have been faster than we were told of our success.
func (o *Occurrence) Wrote(c Copy, add, remove []RoomID, at Moment) {
	moved := o.Copy != CopyLive || !o.CopySpan.Equal(c.Span)
	o.Copy, o.CopySpan, o.CopyCheckedAt = CopyLive, c.Span, at.Now
	o.AskedBy, o.AskedAt, o.ExchangeTick = Us, at.Now, at.Tick
	forget := func(cell *Cell) {
		cell.Answer = NoAnswer
		since := cell.SeenAt.After(at.Now)
		if !since || !cell.SeenSpan.Equal(c.Span) {
			cell.Reread = cell.Reread || since && cell.Seen != None // it may be what a person did since
			cell.see(None, Span{}, at.Now)
		}
	}
	for _, room := range add {
		cell := o.cell(room)
		cell.Invited = true
		forget(cell)
	}
	for _, room := range remove {
		cell := o.cell(room)
		// Nobody has to answer to that: neither side has the room any more.
		cell.Invited, cell.Answer, cell.BaseIn = false, NoAnswer, false
		cell.see(None, Span{}, at.Now)
	}
	if moved {
		for i := range o.Cells {
			forget(&o.Cells[i])
		}
	}
}

// Looked records what the organizer's copy says; at.Now is when the read
// began, so that what a room shows since then calls for another look. A copy
// that differs from what we wrote was changed by a person, and the rooms now
// answer to them.
func (o *Occurrence) Looked(c Copy, rooms map[RoomID]Room, at Moment) {
	o.CopyCheckedAt, o.ExchangeTick = at.Now, at.Tick
	if !c.Live {
		for i := range o.Cells {
			cell := &o.Cells[i]
			cell.Reread = cell.Invited && cell.Seen == None // it may show what nobody will withdraw
		}
		o.gone(at)
		return
	}
	known := o.Copy == CopyLive
	moved := known && !o.CopySpan.Equal(c.Span)
	// What the booking asks for is our own change, even if a crash kept us from
	// recording that we made it.
	wanted := o.BookingLive && o.BookingSpan.Equal(c.Span)
	differs := o.AskedBy == Nobody && o.BaseLive && !o.Base.Equal(c.Span)
	theirs, unrecorded, owing := moved && !wanted, wanted && (moved || differs), false
	for id, room := range rooms {
		answer, invited := c.Rooms[room.Address]
		cell := o.CellOf(id)
		if cell == nil && !invited {
			continue
		}
		cell = o.cell(id)
		invited = invited || c.Partial && cell.Invited
		theirs = theirs || known && cell.Invited && !invited && o.books(room)
		if moved || invited && !cell.Invited {
			cell.Answer = NoAnswer
		}
		cell.Invited = invited
		if cell.SeenAt.IsZero() {
			cell.SeenAt = at.Now
		}
		if !invited && !c.Partial && !cell.BaseIn && !cell.SeenAt.After(at.Now) {
			// It was taken out, or is about to leave: if it shows the occurrence
			// from then on, somebody put it back.
			cell.see(None, Span{}, at.Now)
		}
		fresh := answer.At.IsZero() || !answer.At.Equal(cell.AnsweredAt) || answer.Answer != cell.AnsweredAs
		if answer.Answer != "" && answer.Answer != NoAnswer && fresh {
			cell.Answer, cell.AnsweredAt, cell.AnsweredAs = answer.Answer, answer.At, answer.Answer
			if unrecorded && answer.Answer == Accepted {
				cell.Answer = NoAnswer
			}
		}
		shown := cell.Seen == Booked && cell.SeenSpan.Equal(c.Span)
		owing = owing || invited && cell.Answer != Declined && !shown
	}
	o.Copy, o.CopySpan = CopyLive, c.Span
	switch {
	case theirs && o.AskedBy == Us:
		o.AskedBy = Them
	case owing && differs:
		o.AskedBy, o.AskedAt = Them, at.Now
		if wanted {
			o.AskedBy = Us
		}
	}
	for i := range o.Cells {
		// The acceptance may be one of what was asked before: the room's own
		// calendar tells.
		cell := &o.Cells[i]
		accepted := cell.Answer == Accepted && o.AskedBy == Them || cell.AnsweredAs == Accepted && unrecorded
		behind := cell.Seen == Booked && !cell.SeenSpan.Equal(o.CopySpan)
		cell.Reread = accepted && cell.Invited && (cell.Seen == None || behind)
	}
}

// books tells whether the booking covers the room.
func (o *Occurrence) books(room Room) bool {
	return o.BookingLive && slices.ContainsFunc(room.Assets, func(a AssetID) bool { return slices.Contains(o.Assets, a) })
}

// gone: what the rooms show stays as it was seen. They still show it until they
// have processed a cancellation, or for good if they were never sent one.
func (o *Occurrence) gone(at Moment) {
	o.Copy, o.CopySpan, o.CopyCheckedAt, o.ExchangeTick = CopyGone, Span{}, at.Now, at.Tick
	o.AskedBy, o.AskedAt = Nobody, time.Time{}
	for i := range o.Cells {
		c := &o.Cells[i]
		c.Invited, c.Answer = false, NoAnswer
	}
}

// MeetingCancelled records that we cancelled the occurrence in Exchange.
func (o *Occurrence) MeetingCancelled(at Moment) {
	o.gone(at)
	if !o.BookingLive {
		o.unbook()
	}
}

// RoomsReleased records that rooms were freed of an occurrence that its
// organizer no longer has.
func (o *Occurrence) RoomsReleased(rooms []RoomID, at Moment) {
	o.CopyCheckedAt, o.ExchangeTick = at.Now, at.Tick
	for _, room := range rooms {
		o.cell(room).see(None, Span{}, at.Now)
	}
}

// BookingWritten records that the Booking app has this booking.
func (o *Occurrence) BookingWritten(id BookingID, span Span, assets []AssetID, tick Tick) {
	o.Booking, o.BookingLive, o.BookingSpan, o.BookingTick = id, true, span, tick
	o.Assets = slices.Clone(assets)
}

// BookingCancelled records that we cancelled the booking. Its number is given
// up: were the room held again, it would be another booking.
func (o *Occurrence) BookingCancelled(tick Tick) {
	o.BookingTick = tick
	o.unbook()
	o.Refusal, o.RefusalCode, o.Withdraw = "", "", false
	o.AskedBy, o.AskedAt = Nobody, time.Time{}
}

// BookingLost records that the Booking app cancelled the booking together with
// another one. Nobody wanted that: what Exchange has is booked anew.
func (o *Occurrence) BookingLost(tick Tick) {
	o.BookingTick = tick
	o.unbook()
}

func (o *Occurrence) unbook() {
	o.Booking, o.BookingLive, o.BookingSpan, o.Assets = 0, false, Span{}, nil
	o.agree(Span{}, nil)
}

func (o *Occurrence) agree(span Span, rooms []RoomID) {
	o.BaseLive, o.Base = span.Valid(), span
	for i := range o.Cells {
		o.Cells[i].BaseIn = slices.Contains(rooms, o.Cells[i].Room)
	}
	for _, room := range rooms {
		o.cell(room).BaseIn = true
	}
}

// Agreed records what both sides were proven to share; an invalid span
// records that neither has the occurrence.
func (o *Occurrence) Agreed(span Span, rooms []RoomID) { o.agree(span, rooms) }

// Answered records that no answer is outstanding: these rooms hold the span.
// A room that let go of its entry since the last look at the organizer's copy
// does not, whatever the copy said, nor does one that shows another time since:
// somebody moved the meeting in between.
func (o *Occurrence) Answered(span Span, rooms []RoomID, at Moment) {
	o.AskedBy, o.AskedAt, o.ExchangeTick = Nobody, time.Time{}, at.Tick
	for i := range o.Cells {
		c := &o.Cells[i]
		switch {
		case c.SeenAt.After(o.CopyCheckedAt) && (c.Seen == None || c.Seen == Booked && !c.SeenSpan.Equal(span)):
		case slices.Contains(rooms, c.Room):
			c.Believed = c.see(Booked, span, at.Now)
		case c.Invited:
			c.see(None, Span{}, at.Now)
		}
	}
}

// Refused records that Exchange does not take the occurrence.
func (o *Occurrence) Refused(reason Reason, code string, withdraw bool) {
	o.Refusal, o.RefusalCode, o.Withdraw = reason, code, withdraw
}

// Forgiven records that a refusal is dealt with.
func (o *Occurrence) Forgiven() {
	o.Refusal, o.RefusalCode, o.Withdraw = "", "", false
	o.AskedBy, o.AskedAt = Nobody, time.Time{}
	o.unbook()
}

// Reverted makes Exchange count as the side that differs, when a change made
// in Eliona cannot be carried out there: the booking then follows Exchange.
func (o *Occurrence) Reverted(rooms []RoomID) { o.agree(o.BookingSpan, rooms) }

// See records a room's calendar entry, or its absence (nil), read by a call
// that began at since. It reports whether anything changed, and whether the
// read is older than our last write and so says nothing.
func (o *Occurrence) See(room RoomID, s *Sighting, since Tick, now time.Time) (changed, stale bool) {
	if since < o.ExchangeTick {
		return false, true
	}
	if !now.After(o.CopyCheckedAt) {
		now = o.CopyCheckedAt.Add(time.Microsecond) // this is newer than the last look at the copy
	}
	if s == nil {
		c := o.CellOf(room)
		return c != nil && c.see(None, Span{}, now), false
	}
	c := o.cell(room)
	changed = c.see(s.Presence, s.Span, now)
	if anew := c.Item != "" && (c.Item != s.Item || s.Sequence > c.Sequence); anew && o.Copy == CopyLive && !c.Invited {
		// Not the entry that was to go, but another: the room was asked again.
		c.SeenAt, changed = now, true
	}
	c.Item, c.ChangeKey, c.Sequence = s.Item, s.ChangeKey, s.Sequence
	return changed, false
}

// SeeBooking records what the Booking app says of the booking, read by a call
// that began at since; live is false for a cancelled one. A read that began
// before our last write, or before the read that told the latest change, says
// nothing: it is stale.
func (o *Occurrence) SeeBooking(live bool, span Span, assets []AssetID, since Tick) (changed, stale bool) {
	if since < o.BookingTick {
		return false, true
	}
	sorted := slices.Sorted(slices.Values(assets))
	if live == o.BookingLive && (!live || o.BookingSpan.Equal(span) && slices.Equal(o.Assets, sorted)) {
		return false, false
	}
	o.BookingLive, o.BookingTick = live, since
	if live {
		o.BookingSpan, o.Assets = span, sorted
	}
	return true, false
}
