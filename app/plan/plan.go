// Package plan decides what has to happen to make a meeting the same in
// Exchange and in Eliona.
//
// It is pure: it takes the three states of a meeting (what both sides last
// agreed on, what Exchange says, what the Booking app says) and the time, and
// returns operations. It performs none of them, reads no clock and keeps
// nothing, so every decision can be logged, counted and tested as a value.
//
// The policy, in one place:
//   - A cancellation beats an edit, on either side.
//   - Exchange decides about times and rooms; a change made in Eliona is a
//     request that the rooms answer.
//   - A room that has not answered has not declined.
//   - A booking made in Eliona is all or nothing: one declining room withdraws it.
//   - A booking that moves to where Exchange has no say leaves its meeting
//     without a room; neither is cancelled.
//   - What one side lacks was deleted there only if the base says it was there.
//   - The past stays as it is.
package plan

import (
	"slices"
	"time"

	"ews/app/meeting"
)

// Kind names an operation.
type Kind string

// The operations. Settle and Refuse change only our own records.
const (
	Settle        Kind = "settle"         // record what both sides agree on
	Refuse        Kind = "refuse"         // record that Exchange does not take the occurrence
	CancelMeeting Kind = "cancel_meeting" // cancel the occurrence in Exchange
	ReleaseRooms  Kind = "release_rooms"  // free rooms that still show what its organizer no longer has
	UpdateMeeting Kind = "update_meeting" // change time or rooms in Exchange
	CreateMeeting Kind = "create_meeting" // make the meeting in Exchange
	AskOrganizer  Kind = "ask_organizer"  // read the organizer's copy: time, rooms, answers
	WriteBookings Kind = "write_bookings" // create or change bookings of the meeting's group
	CancelBooking Kind = "cancel_booking" // cancel one booking
)

// Op is one operation on one occurrence; WriteBookings covers several.
type Op struct {
	Kind       Kind
	Occurrence meeting.OccurrenceID

	Span   meeting.Span     // CreateMeeting, UpdateMeeting, Settle
	Rooms  []meeting.RoomID // CreateMeeting: all; ReleaseRooms: those to free; Settle: those that hold it
	Add    []meeting.RoomID // UpdateMeeting
	Remove []meeting.RoomID // UpdateMeeting

	Items  []Item         // WriteBookings
	Reason meeting.Reason // CancelBooking, Refuse

	Code     string         // Refuse: the cause, for people
	Room     meeting.RoomID // Refuse: the room that declined, 0 if none in particular
	Withdraw bool           // Refuse: the meeting must not stay in Exchange

	Answered bool // Settle: no answer is outstanding any more
	Agreed   bool // Settle: Span and Rooms become the base; an invalid Span clears it
	Forgiven bool // Settle: the refusal is dealt with
}

// Item is the wanted state of one booking.
type Item struct {
	Occurrence meeting.OccurrenceID
	Booking    meeting.BookingID // 0 to create
	Span       meeting.Span
	Assets     []meeting.AssetID

	// What Exchange shows, if that is not what is written: what was changed there
	// is in the booking then, and what differs is Eliona's wish. Else invalid.
	Shown meeting.Span
	In    []meeting.RoomID
}

// Finding is something a person should be able to see; it changes nothing.
type Finding struct {
	Occurrence meeting.OccurrenceID
	Room       meeting.RoomID
	Code       string
}

// Codes of findings and refusals.
const (
	CodeNoAnswer = "room_not_answering"
	CodeDeclined = "room_declined"
)

// Plan is what to do now, in order, and when to look again.
type Plan struct {
	Ops      []Op
	Findings []Finding
	Wake     time.Time // zero: only when something changes
}

// Policy holds the limits of patience.
type Policy struct {
	AnswerTimeout time.Duration // until a silent room is reported
	Confirm       time.Duration // how long an unexplained disagreement may last
}

// DefaultPolicy is used where a configuration says nothing.
func DefaultPolicy() Policy {
	return Policy{AnswerTimeout: time.Minute, Confirm: time.Minute}
}

// Input is everything a decision depends on.
type Input struct {
	Meeting *meeting.Meeting
	Rooms   map[meeting.RoomID]meeting.Room
	RoomOf  map[meeting.AssetID]meeting.RoomID // RoomsByAsset(Rooms), for who plans often; nil: it is made
	Window  meeting.Span                       // in which the rooms' calendars are read; invalid: all of them
	Now     time.Time
	Policy  Policy
	Told    bool // changes in its rooms' calendars are told at once
}

// order is the order in which operations are worth doing: what frees rooms
// first, Exchange before the Booking app.
var order = []Kind{
	Settle, Refuse, CancelMeeting, ReleaseRooms, UpdateMeeting, CreateMeeting,
	AskOrganizer, WriteBookings, CancelBooking,
}

// For plans one meeting.
func For(in Input) Plan {
	p := &planner{Input: in}
	if p.RoomOf == nil {
		p.RoomOf = RoomsByAsset(in.Rooms)
	}
	for _, o := range in.Meeting.Occurrences {
		p.occurrence(o)
	}
	if len(p.items) > 0 {
		p.plan.Ops = append(p.plan.Ops, Op{Kind: WriteBookings, Items: p.items})
	}
	slices.SortStableFunc(p.plan.Ops, func(a, b Op) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	return p.plan
}

// RoomsByAsset tells which room an asset stands for.
func RoomsByAsset(rooms map[meeting.RoomID]meeting.Room) map[meeting.AssetID]meeting.RoomID {
	out := make(map[meeting.AssetID]meeting.RoomID, len(rooms))
	for id, room := range rooms {
		for _, asset := range room.Assets {
			out[asset] = id
		}
	}
	return out
}

type planner struct {
	Input
	items []Item
	plan  Plan
}

func (p *planner) add(op Op) { p.plan.Ops = append(p.plan.Ops, op) }

// wake asks to be called again at t at the latest.
func (p *planner) wake(t time.Time) {
	if !t.After(p.Now) {
		t = p.Now.Add(time.Second)
	}
	if p.plan.Wake.IsZero() || t.Before(p.plan.Wake) {
		p.plan.Wake = t
	}
}

func (p *planner) occurrence(o *meeting.Occurrence) {
	if slices.ContainsFunc(o.Cells, func(c meeting.Cell) bool { _, known := p.Rooms[c.Room]; return !known }) {
		p.wake(p.Now.Add(5 * time.Second)) // a room that was added a moment ago
		return
	}
	if o.Refusal != "" {
		p.refused(o)
		return
	}
	k, b := p.booking(o), p.base(o)
	if len(k.rooms) == 0 && len(o.Cells) > 0 && !slices.ContainsFunc(o.Cells, func(c meeting.Cell) bool { return p.active(c.Room) }) {
		return // all its rooms left the room list: neither side is touched
	}
	e := p.exchange(o, k)
	if p.over(o, e, k, b) {
		return
	}
	cancelledInEliona, considering := o.Booking != 0 && !k.live, p.considering(o)
	switch {
	case cancelledInEliona && (e.live || o.Copy == meeting.CopyLive || len(considering) > 0):
		rooms := append(e.all(), considering...)
		slices.Sort(rooms)
		p.add(Op{Kind: CancelMeeting, Occurrence: o.ID, Rooms: slices.Compact(rooms)})
	case len(e.orphans) > 0:
		p.add(Op{Kind: ReleaseRooms, Occurrence: o.ID, Rooms: e.orphans})
	case e.ask:
		p.add(Op{Kind: AskOrganizer, Occurrence: o.ID})
	case o.AskedBy != meeting.Nobody:
		p.asked(o, e, k, b)
	case e.hold:
		p.wake(e.until)
	default:
		p.compare(o, e, k, b)
	}
}

// considering are the rooms that show the occurrence and have not decided. They
// hold nothing, but would, should they accept one day.
func (p *planner) considering(o *meeting.Occurrence) (rooms []meeting.RoomID) {
	for _, c := range o.Cells {
		if c.Seen == meeting.Pending && p.active(c.Room) {
			rooms = append(rooms, c.Room)
		}
	}
	return rooms
}

// refused leads an occurrence that Exchange does not take to its end: nothing
// of ours stays in Exchange, the booking is cancelled with the reason.
func (p *planner) refused(o *meeting.Occurrence) {
	switch {
	case o.Withdraw && o.Copy == meeting.CopyLive:
		p.add(Op{Kind: CancelMeeting, Occurrence: o.ID, Rooms: cellRooms(o)})
	case o.BookingLive:
		p.add(Op{Kind: CancelBooking, Occurrence: o.ID, Reason: o.Refusal})
	default:
		p.add(Op{Kind: Settle, Occurrence: o.ID, Agreed: true, Answered: true, Forgiven: true})
	}
}

// asked handles an occurrence whose rooms owe an answer to a change.
func (p *planner) asked(o *meeting.Occurrence, e exchangeView, k, b view) {
	if o.AskedBy == meeting.Us && k.live {
		add, remove := p.rest(o, k)
		if !k.span.Equal(o.CopySpan) || len(add)+len(remove) > 0 {
			p.add(Op{Kind: UpdateMeeting, Occurrence: o.ID, Span: k.span, Add: add, Remove: remove})
			return
		}
	}
	if len(e.declined) > 0 && o.AskedBy == meeting.Us {
		ours := p.Meeting.Origin == meeting.Eliona
		if ours || len(e.in)+len(e.waiting) == 0 {
			p.add(p.refuse(o, e, ours))
			return
		}
	}
	if len(e.waiting) > 0 {
		p.await(o, e)
		return
	}
	agreed := k.live && k.span.Equal(e.span) && k.rooms.equal(e.in) && (len(e.in) > 0 || k.elsewhere())
	if o.AskedBy == meeting.Us && k.live && !agreed && !b.same(k) {
		// The answers are not what was asked for, and asking again would bring the
		// same ones: from here on Exchange is the side that differs.
		p.add(Op{Kind: Settle, Occurrence: o.ID, Agreed: true, Span: k.span, Rooms: k.rooms.sorted()})
		return
	}
	p.add(Op{
		Kind: Settle, Occurrence: o.ID, Answered: true, Agreed: agreed,
		Span: e.span, Rooms: e.in.sorted(),
	})
}

func (p *planner) refuse(o *meeting.Occurrence, e exchangeView, withdraw bool) Op {
	return Op{
		Kind: Refuse, Occurrence: o.ID, Reason: meeting.ReasonConflict,
		Code: CodeDeclined, Room: e.declined.first(), Withdraw: withdraw,
	}
}

// rest is what the organizer's copy still lacks of, or has beyond, the rooms
// booked in Eliona. Rooms that a person invited in Outlook and that were never
// part of the booking are theirs.
func (p *planner) rest(o *meeting.Occurrence, k view) (add, remove []meeting.RoomID) {
	for id := range k.rooms {
		if c := o.CellOf(id); c == nil || !c.Invited {
			add = append(add, id)
		}
	}
	for _, c := range o.Cells {
		if c.Invited && !p.Rooms[c.Room].Retired && !k.rooms[c.Room] &&
			(c.BaseIn || p.Meeting.Origin == meeting.Eliona) {
			remove = append(remove, c.Room)
		}
	}
	slices.Sort(add)
	return add, remove
}

// await polls the organizer's copy at 0.5 s, 1 s, 2 s, 4 s ... after the
// change, and from 2 s on where rooms tell by themselves that they accept; a room
// that was still silent when its time was over is reported and then asked rarely,
// since its own change feed tells as well. A time in which the copy could not be
// read says nothing of the room.
func (p *planner) await(o *meeting.Occurrence, e exchangeView) {
	first := 500 * time.Millisecond
	if p.Told {
		first = 2 * time.Second
	}
	step := min(max(o.CopyCheckedAt.Sub(o.AskedAt), first), 30*time.Second)
	if p.Now.Sub(o.AskedAt) > p.Policy.AnswerTimeout {
		if o.CopyCheckedAt.Before(o.AskedAt.Add(p.Policy.AnswerTimeout)) {
			p.add(Op{Kind: AskOrganizer, Occurrence: o.ID})
			return
		}
		step = 5 * time.Minute
		for room := range e.waiting {
			c := o.CellOf(room)
			answered := c != nil && (c.Answer == meeting.Tentative || c.Answer == meeting.Accepted && o.AskedBy == meeting.Us)
			if c != nil && !answered {
				p.plan.Findings = append(p.plan.Findings, Finding{Occurrence: o.ID, Room: room, Code: CodeNoAnswer})
			}
		}
	}
	next := o.CopyCheckedAt.Add(step)
	if p.Now.Before(next) {
		p.wake(next)
		return
	}
	p.add(Op{Kind: AskOrganizer, Occurrence: o.ID})
}

// compare merges three states of which none is in motion.
func (p *planner) compare(o *meeting.Occurrence, e exchangeView, k, b view) {
	switch {
	case !e.live && !k.live:
		if b.live {
			p.add(Op{Kind: Settle, Occurrence: o.ID, Agreed: true})
		}
	case k.live && len(e.declined) > 0 && p.standing(o, b):
		p.add(p.refuse(o, e, true))
	case !e.live && !b.live && o.Copy == meeting.CopyUnknown && p.Meeting.Origin == meeting.Eliona:
		if len(k.rooms) > 0 {
			p.add(Op{Kind: CreateMeeting, Occurrence: o.ID, Span: k.span, Rooms: k.rooms.sorted()})
		}
	case !e.live && b.live && len(b.rooms) == 0 && o.Copy == meeting.CopyUnknown:
		// The rooms that held it left the room list: only the organizer's copy can
		// tell what became of it.
		if o.CopyCheckedAt.IsZero() {
			p.add(Op{Kind: AskOrganizer, Occurrence: o.ID})
		}
	case !e.live:
		reason := meeting.ReasonCancelled
		if len(e.declined) > 0 {
			reason = meeting.ReasonConflict
		}
		p.add(Op{Kind: CancelBooking, Occurrence: o.ID, Reason: reason})
	case !k.live:
		p.write(o, e.span, e.in, k)
	default:
		p.merge(o, e, k, b)
	}
}

// standing: a meeting of ours is as it was agreed, and nobody moved it in
// Outlook since. A room that declines it after all declines our request.
func (p *planner) standing(o *meeting.Occurrence, b view) bool {
	return p.Meeting.Origin == meeting.Eliona && b.live && b.span.Equal(o.CopySpan)
}

// merge brings two live sides together.
func (p *planner) merge(o *meeting.Occurrence, e exchangeView, k, b view) {
	span := e.span
	if b.live && e.span.Equal(b.span) {
		span = k.span
	}
	rooms := set{}
	for _, all := range []set{e.in, k.rooms, b.rooms} {
		for id := range all {
			followBooking := b.live && e.in[id] == b.rooms[id]
			if followBooking && k.rooms[id] || !followBooking && e.in[id] {
				rooms[id] = true
			}
		}
	}
	if len(rooms) == 0 && !k.elsewhere() {
		if p.awaitLate(o, e, k) {
			return
		}
		if len(e.in) > 0 {
			// Each side removed what the other still has: Exchange decides.
			p.write(o, e.span, e.in, k)
			return
		}
		// Each side removed what the other still had: the meeting has no room.
		p.add(Op{Kind: CancelBooking, Occurrence: o.ID, Reason: meeting.ReasonCancelled})
		return
	}
	if !span.Equal(e.span) || !rooms.equal(e.in) {
		changed := b.live && !(e.span.Equal(b.span) && e.in.equal(b.rooms))
		if changed && !(span.Equal(k.span) && slices.Equal(p.assets(rooms, k), k.assets)) {
			// Both sides changed it. The booking follows first: while the rooms answer
			// to our change, what it lacks of theirs would seem to be asked for.
			p.writeBeside(o, span, rooms, k, e)
			return
		}
		p.add(Op{
			Kind: UpdateMeeting, Occurrence: o.ID, Span: span,
			Add: rooms.minus(e.in).sorted(), Remove: e.in.minus(rooms).sorted(),
		})
		return
	}
	if !span.Equal(k.span) || !slices.Equal(p.assets(rooms, k), k.assets) {
		p.write(o, span, rooms, k)
		return
	}
	if !b.live || !b.span.Equal(span) || !b.rooms.equal(rooms) {
		p.add(Op{Kind: Settle, Occurrence: o.ID, Agreed: true, Span: span, Rooms: rooms.sorted()})
	}
}

// awaitLate: a room of the booking that is late was not taken out in Exchange.
// Once it is asked about, its calendar is read anew.
func (p *planner) awaitLate(o *meeting.Occurrence, e exchangeView, k view) bool {
	if len(e.late.minus(k.rooms)) == len(e.late) {
		return false
	}
	var seen time.Time
	for _, c := range o.Cells {
		if c.Seen != meeting.None && c.SeenAt.After(seen) {
			seen = c.SeenAt
		}
	}
	known, over := o.Copy == meeting.CopyLive || p.Meeting.Organizer != "", seen.Add(p.Policy.Confirm)
	switch {
	case p.Now.Before(over):
		p.wake(over)
	case known && o.CopyCheckedAt.Before(over):
		p.add(Op{Kind: AskOrganizer, Occurrence: o.ID})
	default:
		p.wake(p.Now.Add(5 * time.Minute))
	}
	return true
}

// write wants the booking to be at span in rooms.
func (p *planner) write(o *meeting.Occurrence, span meeting.Span, rooms set, k view) {
	assets := p.assets(rooms, k)
	if len(assets) == 0 {
		p.wake(p.Now.Add(30 * time.Second)) // the rooms' assets are not made yet
		return
	}
	p.items = append(p.items, Item{Occurrence: o.ID, Booking: o.Booking, Span: span, Assets: assets})
}

// writeBeside does so while Exchange shows something else.
func (p *planner) writeBeside(o *meeting.Occurrence, span meeting.Span, rooms set, k view, e exchangeView) {
	before := len(p.items)
	p.write(o, span, rooms, k)
	for i := range p.items[before:] {
		p.items[before+i].Shown, p.items[before+i].In = e.span, e.in.sorted()
	}
}

// assets lists what a booking of these rooms covers: each room's asset in
// every project, and what other apps' assets it has already.
func (p *planner) assets(rooms set, k view) []meeting.AssetID {
	assets := slices.Clone(k.foreign)
	for id := range rooms {
		assets = append(assets, p.Rooms[id].Assets...)
	}
	slices.Sort(assets)
	return slices.Compact(assets)
}
