package enginetest

import (
	"maps"
	"slices"
	"time"

	"ews/app/meeting"
	"ews/app/plan"
)

// Rooms returns the addresses of all rooms.
func (w *World) Rooms() []meeting.Address { return w.exchange.rooms }

// Meetings returns the live meetings of people in Exchange, ours included.
func (w *World) Meetings() []Slot {
	defer w.lock()()
	var out []Slot
	for _, c := range w.exchange.copies {
		if c.live {
			out = append(out, c.Slot)
		}
	}
	return out
}

// Bookings returns the live bookings that a person would touch: those whose
// number we have not stored yet are left alone.
func (w *World) Bookings() []meeting.BookingID {
	defer w.lock()()
	var out []meeting.BookingID
	for _, b := range w.app.touchable() {
		out = append(out, b.ID)
	}
	return out
}

func (a *app) touchable() []*booking {
	return slices.DeleteFunc(a.live(), func(b *booking) bool {
		r, _ := a.w.database.byBooking(b.ID)
		return b.ours && r == nil
	})
}

// Outlook.

// Invite makes a meeting in Outlook.
func (w *World) Invite(organizer meeting.Address, s Slot, span meeting.Span, rooms []meeting.Address, d *Dice) {
	defer w.lock()()
	w.note("- %s invites %v to %v at %v", organizer, rooms, s, span)
	w.exchange.invite(orgCopy{Slot: s, mailbox: organizer, span: span}, rooms, d)
}

// Extend adds a date to the series that a date belongs to, in the same rooms.
func (w *World) Extend(s Slot, span meeting.Span, d *Dice) {
	defer w.lock()()
	c, added := w.exchange.copyOf(s), Slot{s.UID, meeting.KeyOf(span.Start)}
	if c == nil || !c.live || c.ref != "" || len(c.rooms) == 0 || w.exchange.copyOf(added) != nil {
		return
	}
	rooms := slices.Sorted(maps.Keys(c.rooms))
	w.note("- %v is added at %v in %v", added, span, rooms)
	w.exchange.invite(orgCopy{Slot: added, mailbox: c.mailbox, span: span}, rooms, d)
}

// Move changes a meeting's time in Outlook.
func (w *World) Move(s Slot, span meeting.Span, d *Dice) {
	defer w.lock()()
	if c := w.touch(s); c != nil {
		w.note("- %v is moved to %v", s, span)
		w.exchange.change(c, span, nil, nil, d)
	}
}

// SwapRoom invites a room in Outlook, or takes it out.
func (w *World) SwapRoom(s Slot, room meeting.Address, d *Dice) {
	defer w.lock()()
	c := w.touch(s)
	switch {
	case c == nil:
	case c.rooms[room] == nil:
		w.note("- %v also in %v", s, room)
		w.exchange.change(c, c.span, []meeting.Address{room}, nil, d)
	default:
		w.note("- %v without %v", s, room)
		w.fate(s).Emptied = true
		w.exchange.change(c, c.span, nil, []meeting.Address{room}, d)
	}
}

// touch: a person changes a meeting in Outlook. One that was cancelled in
// Eliona, and meanwhile lost its rooms as well, is thereby made anew. So is one
// whose organizer's copy we may not cancel.
func (w *World) touch(s Slot) *orgCopy {
	c := w.exchange.copyOf(s)
	if c == nil || !c.live {
		return nil
	}
	f := w.fate(s)
	f.Touched, c.touched = true, w.clock
	if !f.Cancelled {
		return c
	}
	standing := slices.ContainsFunc(w.app.live(), func(b *booking) bool { return b.of == s })
	for _, room := range w.exchange.rooms {
		standing = standing || w.exchange.itemOf(seat{s, room}) != nil
	}
	if !standing || !hasMailbox(c.mailbox) {
		f.Cancelled, f.Renewed = false, true
	}
	return c
}

// CancelMeeting cancels an occurrence in Outlook.
func (w *World) CancelMeeting(s Slot, d *Dice) {
	defer w.lock()()
	if c := w.exchange.copyOf(s); c != nil && c.live {
		w.note("- %v is cancelled in Outlook", s)
		w.fate(s).Cancelled = true
		w.exchange.cancel(c, d)
	}
}

// DeleteMeeting deletes the organizer's copy without telling the rooms.
func (w *World) DeleteMeeting(s Slot) {
	defer w.lock()()
	if c := w.exchange.copyOf(s); c != nil && c.live {
		w.note("- %v is deleted in Outlook", s)
		w.fate(s).Ghost, w.fate(s).Touched = true, true
		c.live = false
	}
}

// Eliona.

// Ready tells whether every room has its asset in each of so many projects.
func (w *World) Ready(projects int) bool {
	defer w.lock()()
	for _, room := range w.database.roomMap() {
		if len(room.Assets) < projects {
			return false
		}
	}
	return len(w.database.rooms) > 0
}

// AssetsOf returns the assets that stand for the rooms.
func (w *World) AssetsOf(rooms ...meeting.Address) []meeting.AssetID {
	defer w.lock()()
	return w.assetsOf(rooms)
}

func (w *World) assetsOf(rooms []meeting.Address) []meeting.AssetID {
	var out []meeting.AssetID
	for _, project := range slices.Sorted(maps.Keys(w.assets)) {
		for _, room := range rooms {
			if id := w.assets[project][room]; id != 0 {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (w *World) roomsOf(assets []meeting.AssetID) []meeting.Address {
	var out []meeting.Address
	for _, room := range w.exchange.rooms {
		if slices.ContainsFunc(w.assetsOf([]meeting.Address{room}), func(a meeting.AssetID) bool { return slices.Contains(assets, a) }) {
			out = append(out, room)
		}
	}
	return out
}

// Book makes a booking in Eliona; 0 if the rooms have no assets yet.
func (w *World) Book(organizer string, span meeting.Span, rooms []meeting.Address, d *Dice) meeting.BookingID {
	defer w.lock()()
	assets := w.assetsOf(rooms)
	if len(assets) == 0 {
		return 0
	}
	b := w.app.book(0, organizer, span, assets)
	b.wish = wish{span, rooms}
	w.note("- %s books %v at %v: booking %d", organizer, rooms, span, b.ID)
	w.app.push(d, nil, b)
	return b.ID
}

// BookGroup makes bookings of one group in Eliona, which are told together.
func (w *World) BookGroup(organizer string, spans []meeting.Span, rooms []meeting.Address, d *Dice) {
	defer w.lock()()
	assets := w.assetsOf(rooms)
	if len(assets) == 0 {
		return
	}
	var group meeting.GroupID
	var made []*booking
	for _, span := range spans {
		b := w.app.book(group, organizer, span, assets)
		b.wish, group = wish{span, rooms}, b.Group
		made = append(made, b)
		w.note("- %s books %v at %v: booking %d of group %d", organizer, rooms, span, b.ID, b.Group)
	}
	w.app.push(d, nil, made...)
}

// MoveBooking changes a booking's time in Eliona.
func (w *World) MoveBooking(id meeting.BookingID, span meeting.Span, d *Dice) {
	defer w.lock()()
	if b := w.app.find(id); !b.Cancelled {
		w.note("- booking %d is moved to %v", id, span)
		b.Span, b.wish = span, wish{span, w.roomsOf(b.Assets)}
		w.app.push(d, nil, b)
	}
}

// ChangeRooms changes a booking's rooms in Eliona.
func (w *World) ChangeRooms(id meeting.BookingID, rooms []meeting.Address, d *Dice) {
	defer w.lock()()
	if b := w.app.find(id); !b.Cancelled {
		w.note("- booking %d is now in %v", id, rooms)
		old := b.Assets
		b.Assets, b.wish = w.assetsOf(rooms), wish{b.Span, rooms}
		w.app.push(d, old, b)
	}
}

// GiveAway has a booking be one in another project, of whose assets the process
// knows nothing.
func (w *World) GiveAway(id meeting.BookingID, assets ...meeting.AssetID) {
	defer w.lock()()
	w.note("- booking %d is one of other assets: %v", id, assets)
	b := w.app.find(id)
	b.Assets, b.of, b.wish = assets, Slot{}, wish{}
}

// CancelBooking cancels a booking in Eliona.
func (w *World) CancelBooking(id meeting.BookingID, d *Dice) {
	defer w.lock()()
	if b := w.app.find(id); !b.Cancelled {
		w.cancelled(b)
		w.app.push(d, nil, b)
	}
}

// CancelGroup cancels a booking and all others of its group that a person
// would touch, which is told together.
func (w *World) CancelGroup(id meeting.BookingID, d *Dice) {
	defer w.lock()()
	var all []*booking
	for _, b := range w.app.touchable() {
		if b.Group == w.app.find(id).Group {
			w.cancelled(b)
			all = append(all, b)
		}
	}
	w.app.push(d, nil, all...)
}

func (w *World) cancelled(b *booking) {
	w.note("- booking %d is cancelled in Eliona", b.ID)
	b.Cancelled, b.person = true, true
	if b.of != (Slot{}) {
		f := w.fate(b.of)
		f.Cancelled = true
		c := w.exchange.copyOf(b.of)
		if c != nil && !hasMailbox(c.mailbox) && w.clock.Sub(c.touched) < 30*time.Second {
			f.Unheard = true // the organizer asks the rooms again at the same time
		}
		if r, _ := w.database.byBooking(b.ID); r != nil && r.open != nil && r.open.Intent.Kind == plan.CancelBooking {
			f.Unheard = true // nobody can tell it from a Booking app that cancels a whole group for us
		}
	}
}

// Administrators.

// ListRoom puts a room into the room list, or takes it out.
func (w *World) ListRoom(room meeting.Address, listed bool) {
	defer w.lock()()
	if w.exchange.listed[room] == listed {
		return
	}
	w.note("- %s is in the room list: %v", room, listed)
	w.exchange.listed[room] = listed
	for _, c := range w.exchange.copies {
		w.fate(c.Slot).Unlisted = w.fate(c.Slot).Unlisted || c.rooms[room] != nil
	}
	for _, b := range w.app.bookings {
		if b.of != (Slot{}) && slices.Contains(w.roomsOf(b.Assets), room) {
			w.fate(b.of).Unlisted = true
		}
	}
}

// ResetFeed lets a room's change feed start anew.
func (w *World) ResetFeed(room meeting.Address) {
	defer w.lock()()
	w.note("- the change feed of %s starts anew", room)
	f := w.exchange.feeds[room]
	f.life++
	f.entries = nil
	for _, it := range w.exchange.items[room] {
		f.entries = append(f.entries, entry{item: it.id})
	}
}

// Block puts an entry of somebody else into a room's calendar, which is free
// of it again after a while.
func (w *World) Block(room meeting.Address, s Slot, span meeting.Span) {
	defer w.lock()()
	w.exchange.put(room, &item{Slot: s, id: string(s.UID), span: span, presence: meeting.Booked})
}

// Vanish takes a room's entries away without the change feed telling of it.
func (w *World) Vanish(room meeting.Address) {
	defer w.lock()()
	for _, it := range w.exchange.items[room] {
		w.fate(it.Slot).Emptied = true
	}
	w.exchange.items[room] = nil
}
