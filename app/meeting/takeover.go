package meeting

import (
	"cmp"
	"slices"
	"time"
)

// Legacy is a booking that an earlier app knew as belonging to this meeting
// and that no occurrence has yet.
type Legacy struct {
	Booking   BookingID
	Group     GroupID // 0 if unknown
	Organizer Address
	Index     int       // position in the series, from 1; 0 for a single meeting
	Start     time.Time // where it lies beyond what was read of the calendars; else zero
}

// Inherited is a legacy booking with what the Booking app says of it.
type Inherited struct {
	Legacy
	Live    bool // there is such a booking, and it is not over
	Span    Span
	Assets  []AssetID
	Rooms   []RoomID
	Covered bool // its rooms' calendars were read for its time: what is not there is nowhere
}

// TakeOver gives legacy bookings to the occurrences they belong to, and returns
// those. The base becomes what the booking says: where Exchange says something
// else, the booking follows. A booking whose occurrence is not in Exchange any
// more gets one that only the booking has: it is gone on the other side.
//
// Occurrences are told by their time, by their original time, and at last by
// their order. Bookings that are over, or that the Booking app does not know,
// are forgotten.
func (m *Meeting) TakeOver(found []Inherited, at Moment) []BookingID {
	bookings := slices.DeleteFunc(slices.Clone(found), func(b Inherited) bool {
		done := !b.Live || slices.ContainsFunc(m.Occurrences, func(o *Occurrence) bool { return o.Booking == b.Booking })
		if done {
			m.settleLegacy(b.Booking)
		}
		return done
	})
	slices.SortFunc(bookings, func(a, b Inherited) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), a.Span.Start.Compare(b.Span.Start), cmp.Compare(a.Booking, b.Booking))
	})
	t := &takeover{meeting: m, at: at, bookings: bookings}
	for _, o := range m.Occurrences {
		if o.Booking == 0 && o.shown(at.Now) {
			t.occurrences = append(t.occurrences, o)
		}
	}
	slices.SortFunc(t.occurrences, func(a, b *Occurrence) int { return cmp.Compare(a.Key, b.Key) })

	t.match(func(o *Occurrence, b Inherited) bool { return o.ShownAt(b.Span, b.Rooms) })
	t.match(func(o *Occurrence, b Inherited) bool { return o.ShownAt(b.Span, nil) })
	t.match(func(o *Occurrence, b Inherited) bool { return o.Key == KeyOf(b.Span.Start) })
	t.match(func(_ *Occurrence, b Inherited) bool { return b.Covered })
	for _, b := range t.bookings {
		if b.Covered {
			t.link(m.place(b), b)
			continue
		}
		i := slices.IndexFunc(m.Legacy, func(l Legacy) bool { return l.Booking == b.Booking })
		if i >= 0 {
			m.Legacy[i].Start = b.Span.Start
		}
	}
	return t.linked
}

// Shown tells whether a room shows an occurrence that is not over.
func (m *Meeting) Shown(now time.Time) bool {
	return slices.ContainsFunc(m.Occurrences, func(o *Occurrence) bool { return o.shown(now) })
}

func (o *Occurrence) shown(now time.Time) bool {
	return slices.ContainsFunc(o.Cells, func(c Cell) bool { return c.Seen != None && c.SeenSpan.End.After(now) })
}

// ShownAt tells whether a room shows the occurrence at this time; with rooms,
// whether one of them does.
func (o *Occurrence) ShownAt(span Span, rooms []RoomID) bool {
	return slices.ContainsFunc(o.Cells, func(c Cell) bool {
		return c.Seen != None && c.SeenSpan.Equal(span) && (rooms == nil || slices.Contains(rooms, c.Room))
	})
}

func (m *Meeting) settleLegacy(id BookingID) {
	m.Legacy = slices.DeleteFunc(m.Legacy, func(l Legacy) bool { return l.Booking == id })
}

// place adds an occurrence for a booking that has none. Only a single meeting
// has one without a key; where the date is taken, by an occurrence that was
// moved away from there, the next free second names it.
func (m *Meeting) place(b Inherited) *Occurrence {
	taken := func(key Key) bool {
		return slices.ContainsFunc(m.Occurrences, func(o *Occurrence) bool { return o.Key == key })
	}
	key, start := Key(""), b.Span.Start
	if b.Index > 0 || len(m.Occurrences) > 0 {
		key = KeyOf(start)
	}
	for taken(key) {
		start = start.Add(time.Second)
		key = KeyOf(start)
	}
	o := &Occurrence{Key: key, Copy: CopyUnknown}
	m.Occurrences = append(m.Occurrences, o)
	return o
}

type takeover struct {
	meeting     *Meeting
	at          Moment
	bookings    []Inherited
	occurrences []*Occurrence
	linked      []BookingID
}

// match links what belongs together, each booking with the first occurrence.
func (t *takeover) match(together func(*Occurrence, Inherited) bool) {
	t.bookings = slices.DeleteFunc(t.bookings, func(b Inherited) bool {
		i := slices.IndexFunc(t.occurrences, func(o *Occurrence) bool { return together(o, b) })
		if i < 0 {
			return false
		}
		t.link(t.occurrences[i], b)
		t.occurrences = slices.Delete(t.occurrences, i, i+1)
		return true
	})
}

func (t *takeover) link(o *Occurrence, b Inherited) {
	t.meeting.Link(o, b, t.at)
	t.linked = append(t.linked, b.Booking)
}

// Link makes a booking that exists the booking of an occurrence. What the
// booking says is the base.
func (m *Meeting) Link(o *Occurrence, b Inherited, at Moment) {
	o.Booking, o.BookingLive, o.BookingSpan = b.Booking, true, b.Span
	o.Assets = slices.Sorted(slices.Values(b.Assets))
	o.agree(b.Span, b.Rooms)
	for i := range o.Cells {
		if o.Cells[i].SeenAt.IsZero() {
			o.Cells[i].SeenAt = at.Now
		}
	}
	if m.Group == 0 {
		m.Group = b.Group
	}
	if m.Organizer == "" {
		m.Organizer = b.Organizer
	}
	m.settleLegacy(b.Booking)
}

// Recover makes a meeting that was taken for one of Exchange that of the
// occurrence's booking again: it was made for it, with this reference. What
// Exchange shows is the base, so that where the booking says something else, that
// was changed in Eliona.
func (m *Meeting) Recover(o *Occurrence, organizer Address, ref string) {
	if m.CopyMailbox == "" {
		m.CopyMailbox = m.Organizer
	}
	m.Origin, m.Ref, m.Organizer = Eliona, ref, ""
	if organizer.Valid() {
		m.Organizer = organizer
	}
	o.agree(o.showing())
}

// showing is the newest that rooms show of the occurrence, and which do.
func (o *Occurrence) showing() (span Span, rooms []RoomID) {
	var newest *Cell
	for i := range o.Cells {
		c := &o.Cells[i]
		switch {
		case c.Seen == None:
		case newest == nil, c.Seen == Booked && newest.Seen != Booked,
			c.Seen == newest.Seen && (c.Sequence > newest.Sequence || c.Sequence == newest.Sequence && c.SeenAt.After(newest.SeenAt)):
			newest = c
		}
	}
	if newest == nil {
		return Span{}, nil
	}
	for _, c := range o.Cells {
		if c.Seen != None && c.SeenSpan.Equal(newest.SeenSpan) {
			rooms = append(rooms, c.Room)
		}
	}
	return newest.SeenSpan, rooms
}
