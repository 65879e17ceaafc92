package plan

import (
	"maps"
	"slices"
	"time"

	"ews/app/meeting"
)

// set is a set of rooms.
type set map[meeting.RoomID]bool

func (s set) sorted() []meeting.RoomID { return slices.Sorted(maps.Keys(s)) }

func (s set) equal(o set) bool { return maps.Equal(s, o) }

func (s set) first() meeting.RoomID {
	if len(s) == 0 {
		return 0
	}
	return s.sorted()[0]
}

func (s set) minus(o set) set {
	out := set{}
	for id := range s {
		if !o[id] {
			out[id] = true
		}
	}
	return out
}

// view is the base, or the Booking app's side, of an occurrence. Rooms that
// left the room list count as foreign: they are neither missed nor removed.
type view struct {
	live    bool
	span    meeting.Span
	rooms   set
	assets  []meeting.AssetID
	foreign []meeting.AssetID
}

// elsewhere: the booking covers none of our rooms any more, but others.
func (v view) elsewhere() bool { return v.live && len(v.rooms) == 0 && len(v.foreign) > 0 }

func (v view) same(w view) bool {
	return v.live == w.live && v.span.Equal(w.span) && v.rooms.equal(w.rooms)
}

func (p *planner) base(o *meeting.Occurrence) view {
	v := view{live: o.BaseLive, span: o.Base, rooms: set{}}
	for _, c := range o.Cells {
		if c.BaseIn && p.active(c.Room) {
			v.rooms[c.Room] = true
		}
	}
	return v
}

func (p *planner) booking(o *meeting.Occurrence) view {
	v := view{live: o.BookingLive, span: o.BookingSpan, rooms: set{}, assets: slices.Sorted(slices.Values(o.Assets))}
	for _, asset := range v.assets {
		if room, ok := p.RoomOf[asset]; ok && p.active(room) {
			v.rooms[room] = true
		} else {
			v.foreign = append(v.foreign, asset)
		}
	}
	return v
}

func (p *planner) active(id meeting.RoomID) bool {
	room, ok := p.Rooms[id]
	return ok && !room.Retired
}

// exchangeView is what Exchange says of an occurrence, as far as it can be
// told from the rooms' calendars and the organizer's copy.
type exchangeView struct {
	live     bool
	span     meeting.Span
	in       set // hold the slot
	waiting  set // invited, owe an answer
	declined set
	orphans  []meeting.RoomID // show it although the organizer's copy is gone
	late     set              // show another time than the room that is newest, or consider it
	ask      bool             // only the organizer's copy can tell
	hold     bool             // in motion: look again at until
	until    time.Time
}

func (e exchangeView) all() []meeting.RoomID {
	all := maps.Clone(e.in)
	maps.Copy(all, e.waiting)
	return all.sorted()
}

func (p *planner) exchange(o *meeting.Occurrence, k view) exchangeView {
	e := exchangeView{in: set{}, waiting: set{}, declined: set{}, late: set{}}
	switch {
	case o.Copy == meeting.CopyGone:
		p.goneCopy(o, &e)
	case o.AskedBy != meeting.Nobody:
		p.askedCopy(o, &e)
	default:
		p.calendars(o, k, &e)
		if len(e.in) == 0 && o.Copy == meeting.CopyLive && p.roomless(o, k) {
			e.live, e.span = true, o.CopySpan
		}
	}
	return e
}

// roomless: the meeting has no room, and that is agreed on, or as it should be.
func (p *planner) roomless(o *meeting.Occurrence, k view) bool {
	if b := p.base(o); b.live && len(b.rooms) == 0 {
		return true
	}
	invited := slices.ContainsFunc(o.Cells, func(c meeting.Cell) bool { return c.Invited && p.active(c.Room) })
	return k.elsewhere() && !invited
}

// goneCopy: rooms need a moment to process a cancellation. What they show
// after that belongs to nobody.
func (p *planner) goneCopy(o *meeting.Occurrence, e *exchangeView) {
	grace := o.CopyCheckedAt.Add(p.Policy.Confirm)
	for _, c := range o.Cells {
		if c.Seen != meeting.Booked || !p.active(c.Room) {
			continue
		}
		if p.Now.Before(grace) {
			p.wake(grace)
			continue
		}
		e.orphans = append(e.orphans, c.Room)
	}
}

// askedCopy: while rooms owe an answer, the organizer's copy tells the time,
// and a room is in when it accepted that time or shows it. An acceptance that
// the copy still tells of a room that let go of the entry is one of an earlier
// time: the answer to this one is on its way.
func (p *planner) askedCopy(o *meeting.Occurrence, e *exchangeView) {
	e.live, e.span = true, o.CopySpan
	for _, c := range o.Cells {
		e.ask = e.ask || p.active(c.Room) && c.SeenAt.After(o.CopyCheckedAt) && puzzling(o, c)
		switch {
		case !p.active(c.Room) || !c.Invited:
		case c.Seen == meeting.Booked && c.SeenSpan.Equal(o.CopySpan), c.Answer == meeting.Accepted && !p.leftSince(o, c) && !behind(o, c):
			e.in[c.Room] = true
		case c.Answer == meeting.Declined:
			e.declined[c.Room] = true
		default:
			e.waiting[c.Room] = true
			if c.Answer == meeting.Accepted {
				p.confirm(o, e)
			}
		}
	}
}

// confirm has the organizer's copy read once more when a room that accepted had
// time to show it.
func (p *planner) confirm(o *meeting.Occurrence, e *exchangeView) {
	until := o.AskedAt.Add(p.Policy.Confirm)
	if p.Now.Before(until) {
		p.wake(until)
		return
	}
	e.ask = e.ask || o.CopyCheckedAt.Before(until)
}

// behind: the room shows another time than the one a person asked it for, nobody
// knows when. It may have accepted what it shows: its own calendar tells.
func behind(o *meeting.Occurrence, c meeting.Cell) bool {
	return o.AskedBy == meeting.Them && c.Seen == meeting.Booked && !c.SeenSpan.Equal(o.CopySpan)
}

// puzzling: what the room shows since the organizer's copy was read, or no longer
// shows, is not what the copy said. A room that shows another time is behind, or
// the copy moved since; one that is not invited has not let go yet, or a person
// added it; one that let go may have been told of a cancellation.
func puzzling(o *meeting.Occurrence, c meeting.Cell) bool {
	switch c.Seen {
	case meeting.Booked:
		return !c.Invited || !c.SeenSpan.Equal(o.CopySpan)
	case meeting.None:
		return c.Invited
	default:
		return false
	}
}

// leftSince: the room let go of the entry since it was asked, or, where it never
// showed any, nobody saw it yet. When somebody else asked is not known: a room that
// shows nothing may have accepted before, and is read anew. Beyond what is read of
// its calendar it shows nothing anyway; then its answer counts once it had time to
// give another. So does one to our own question that the copy still tells of then:
// the calendar may be one that cannot be read, and nothing else will tell.
func (p *planner) leftSince(o *meeting.Occurrence, c meeting.Cell) bool {
	before := o.AskedBy == meeting.Them && !c.AnsweredAt.IsZero()
	switch {
	case c.Seen != meeting.None:
		return false
	case p.Window.Valid() && !p.Window.Overlaps(o.CopySpan):
		return before && p.Now.Before(o.AskedAt.Add(p.Policy.Confirm))
	}
	return before || c.SeenAt.After(o.AskedAt) && o.CopyCheckedAt.Before(o.AskedAt.Add(p.Policy.Confirm))
}

// calendars: at rest the rooms' own calendars are the truth. A room of the base
// or of the booking is missed when it does not show the occurrence.
func (p *planner) calendars(o *meeting.Occurrence, k view, e *exchangeView) {
	newest := p.newest(o)
	if newest != nil {
		e.live, e.span = true, newest.SeenSpan
	}
	var joining time.Time
	lost, undecided, silent := false, false, false
	for _, c := range o.Cells {
		if !p.active(c.Room) {
			continue
		}
		switch {
		case uninvited(o, c):
			// We removed this room, or a person added it after we last looked.
			e.ask = e.ask || o.CopyCheckedAt.Before(c.SeenAt)
		case c.Seen == meeting.Booked && c.SeenSpan.Equal(e.span):
			e.in[c.Room] = true
		case c.Seen == meeting.Booked:
			// This room has not processed a move yet, or never will.
			e.late[c.Room] = true
			p.doubt(e, newest.SeenAt)
		case !c.BaseIn && !k.rooms[c.Room]:
			invited := o.Copy == meeting.CopyLive && c.Invited && c.Answer != meeting.Declined
			silent = silent || invited && c.Seen == meeting.None
			if (c.Seen == meeting.Pending || invited) && c.SeenAt.After(joining) {
				joining = c.SeenAt
			}
		case c.Seen == meeting.Pending:
			undecided = true
			p.doubt(e, c.SeenAt)
			if newest != nil && c.BaseIn && c.SeenSpan.Equal(e.span) {
				e.in[c.Room] = true // it has the slot as long as it considers
			} else {
				e.late[c.Room] = true
			}
		default:
			lost = lost || o.CopyCheckedAt.Before(c.SeenAt)
			p.vanished(o, c, e)
		}
	}
	if len(e.in) > 0 {
		return
	}
	if undecided {
		// The room, or its delegate, considers a change: that is no decline, and
		// the slot is held as long as it takes.
		e.hold, e.until = true, p.Now.Add(5*time.Minute)
		return
	}
	if !joining.IsZero() {
		p.doubt(e, joining) // the last room went and another is about to come
	}
	if silent && e.hold {
		p.askAgain(o, e, joining)
	}
	// Where one mailbox tells whether the meeting was cancelled or only changes
	// its room, it is worth asking.
	e.ask = e.ask || lost && o.Copy == meeting.CopyUnknown && o.Key == "" && p.Meeting.Organizer != ""
}

// uninvited: the room shows the occurrence, but the organizer's copy, where we
// know it, does not list the room.
func uninvited(o *meeting.Occurrence, c meeting.Cell) bool {
	return c.Seen == meeting.Booked && o.Copy == meeting.CopyLive && !c.Invited && !c.BaseIn
}

// newest is the cell whose room saw the latest version of the meeting.
func (p *planner) newest(o *meeting.Occurrence) *meeting.Cell {
	var best *meeting.Cell
	for i := range o.Cells {
		c := &o.Cells[i]
		if c.Seen != meeting.Booked || !p.active(c.Room) || uninvited(o, *c) {
			continue
		}
		if best == nil || c.Sequence > best.Sequence ||
			c.Sequence == best.Sequence && c.SeenAt.After(best.SeenAt) {
			best = c
		}
	}
	return best
}

// doubt holds the occurrence still until Confirm after since.
func (p *planner) doubt(e *exchangeView, since time.Time) {
	if until := since.Add(p.Policy.Confirm); p.Now.Before(until) {
		e.hold = true
		if e.until.IsZero() || until.Before(e.until) {
			e.until = until
		}
	}
}

// askAgain reads the organizer's copy at growing intervals while a room that is
// to take the place of the last one shows nothing: from its calendar a decline
// cannot be told from an answer to come.
func (p *planner) askAgain(o *meeting.Occurrence, e *exchangeView, since time.Time) {
	next := o.CopyCheckedAt.Add(max(o.CopyCheckedAt.Sub(since), 500*time.Millisecond))
	e.ask = e.ask || !p.Now.Before(next)
	if next.Before(e.until) {
		e.until = next
	}
}

// vanished judges a room that held the slot and no longer shows it. For a
// meeting of people in Outlook the room's calendar is all we have and need.
// For a meeting whose organizer's copy we know, that copy tells why.
func (p *planner) vanished(o *meeting.Occurrence, c meeting.Cell, e *exchangeView) {
	if o.Copy != meeting.CopyLive {
		return
	}
	switch {
	case o.CopyCheckedAt.Before(c.SeenAt):
		e.ask = true
	case !c.Invited:
	case c.Answer == meeting.Declined:
		e.declined[c.Room] = true
	default:
		p.doubt(e, c.SeenAt)
		if until := c.SeenAt.Add(p.Policy.Confirm); !p.Now.Before(until) && o.CopyCheckedAt.Before(until) {
			e.ask = true // it may have declined since
		}
	}
}

// over tells whether the occurrence is past on every side that has it, and in
// every room that shows it.
func (p *planner) over(o *meeting.Occurrence, e exchangeView, k, b view) bool {
	past, any := true, false
	for _, side := range []struct {
		live bool
		span meeting.Span
	}{{e.live, e.span}, {k.live, k.span}, {b.live, b.span}} {
		if side.live {
			any = true
			past = past && !side.span.End.After(p.Now)
		}
	}
	for _, c := range o.Cells {
		past = past && (c.Seen == meeting.None || !p.active(c.Room) || !c.SeenSpan.End.After(p.Now))
	}
	return any && past
}

func cellRooms(o *meeting.Occurrence) []meeting.RoomID {
	rooms := make([]meeting.RoomID, 0, len(o.Cells))
	for _, c := range o.Cells {
		rooms = append(rooms, c.Room)
	}
	slices.Sort(rooms)
	return rooms
}
