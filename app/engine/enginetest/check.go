package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
)

// stored looks at a change of the engine's records.
func (w *World) stored(s Slot, was, now *meeting.Occurrence) {
	b := w.app.find(was.Booking)
	if before, after := knowledge(was), knowledge(now); !before.equal(after) {
		w.note("        %v: %v", s, after)
	}
	if now.Refusal == meeting.ReasonError {
		w.fate(s).Declined = true
	}
	if was.Refusal != "" && now.Refusal == "" && b != nil && b.person {
		w.fate(s).Unheard = true
	}
	// I7, of the Booking app's side: what is agreed on was so at some time.
	if now.BaseLive && !(was.BaseLive && was.Base.Equal(now.Base)) {
		if was.Booking == 0 {
			b = w.app.find(now.Booking) // it was just written
		}
		if b == nil || !slices.ContainsFunc(b.spans, now.Base.Equal) {
			w.violate("I7: %v: the base %v never was the time of booking %d", s, now.Base, now.Booking)
		}
	}
}

// known is what the engine knows of an occurrence, as far as a story tells it.
type known struct {
	meeting.Occurrence
}

func knowledge(o *meeting.Occurrence) known {
	k := known{*o}
	k.Cells = slices.Clone(o.Cells)
	return k
}

func (k known) equal(o known) bool {
	return k.Booking == o.Booking && k.BookingLive == o.BookingLive && k.BaseLive == o.BaseLive &&
		k.Copy == o.Copy && k.CopySpan.Equal(o.CopySpan) && k.AskedBy == o.AskedBy &&
		slices.EqualFunc(k.Cells, o.Cells, func(a, b meeting.Cell) bool {
			return a.Room == b.Room && a.Seen == b.Seen && a.SeenSpan.Equal(b.SeenSpan) && a.BaseIn == b.BaseIn &&
				a.Invited == b.Invited && a.Answer == b.Answer
		})
}

func (k known) String() string {
	o, out := k.Occurrence, &strings.Builder{}
	fmt.Fprintf(out, "booking %d %v, base %v, copy %s %v, asked by %q", o.Booking, o.BookingLive, o.BaseLive, o.Copy, o.CopySpan.Start.Format("15:04"), o.AskedBy)
	for _, c := range o.Cells {
		fmt.Fprintf(out, "; room %d %s %s", c.Room, c.Seen, c.SeenSpan.Start.Format("15:04"))
		if c.BaseIn {
			out.WriteString(" base")
		}
		if c.Invited {
			out.WriteString(" " + string(c.Answer))
		}
	}
	return out.String()
}

// excused tells whether something happened that may end an occurrence.
func (f *Fate) excused() bool {
	return f.Cancelled || f.Renewed || f.Declined || f.Ghost || f.Emptied || f.Unlisted
}

// weCancel looks at a cancellation of ours when it takes effect (I4).
func (w *World) weCancel(s Slot, what string, theirs bool) {
	f := w.fate(s)
	justified := f.excused()
	if theirs {
		justified = f.Cancelled || f.Renewed || f.Ghost
	}
	if !justified && !f.Silent {
		w.violate("I4: %v: we cancel the %s, though nobody cancelled it and no room declined", s, what)
	}
}

// Silent tells whether a room stayed silent, or a message was lost.
func (w *World) Silent() bool {
	defer w.lock()()
	for _, f := range w.fates {
		if f.Silent {
			return true
		}
	}
	return false
}

// Booking returns a booking as it is.
func (w *World) Booking(id meeting.BookingID) (span meeting.Span, rooms []meeting.Address, live bool) {
	defer w.lock()()
	b := w.app.find(id)
	if b == nil {
		return meeting.Span{}, nil, false
	}
	return b.Span, w.roomsOf(b.Assets), !b.Cancelled
}

// LiveBookings returns how many bookings live.
func (w *World) LiveBookings() int {
	defer w.lock()()
	return len(w.app.live())
}

// Holding returns the rooms that hold an occurrence.
func (w *World) Holding(s Slot) []meeting.Address {
	defer w.lock()()
	return w.holding(s)
}

func (w *World) holding(s Slot) []meeting.Address {
	var out []meeting.Address
	for _, room := range w.exchange.rooms {
		if it := w.exchange.itemOf(seat{s, room}); it != nil && it.presence == meeting.Booked {
			out = append(out, room)
		}
	}
	return out
}

// SlotOf returns the occurrence that a booking stands for.
func (w *World) SlotOf(id meeting.BookingID) Slot {
	defer w.lock()()
	if b := w.app.find(id); b != nil {
		return b.of
	}
	return Slot{}
}

// Differences tells what is not as it must be once nobody changes anything any
// more (I1, I3, I4), and what was never finished.
func (w *World) Differences() []string {
	defer w.lock()()
	j := judge{World: w, bookings: map[Slot]*booking{}, seen: map[Slot]bool{}}
	for _, c := range w.exchange.copies {
		j.slot(c.Slot)
	}
	for _, b := range w.app.bookings {
		if !b.Cancelled {
			j.bookings[b.of] = b
		}
		if b.of == (Slot{}) && !b.Cancelled {
			j.find("I1: booking %d was never noticed", b.ID)
		} else if b.of != (Slot{}) {
			j.slot(b.of)
		}
	}
	for _, s := range j.slots {
		j.judge(s)
	}
	j.notices()
	for _, r := range w.database.sorted() {
		stuck := r.token != "" && w.clock.Sub(r.claimed.Add(-claimTime)) > 30*time.Second
		if r.open != nil || r.parked != "" || stuck || r.wantGen > r.doneGen {
			j.find("I1: meeting %d is not finished: parked %q, claimed %v, open %v", r.ID, r.parked, stuck, r.open != nil)
		}
	}
	return j.out
}

type judge struct {
	*World
	bookings map[Slot]*booking
	seen     map[Slot]bool
	slots    []Slot
	out      []string
}

func (j *judge) slot(s Slot) {
	if !j.seen[s] {
		j.seen[s] = true
		j.slots = append(j.slots, s)
	}
}

func (j *judge) find(format string, args ...any) { j.out = append(j.out, fmt.Sprintf(format, args...)) }

func (j *judge) judge(s Slot) {
	f, b, c, holding := j.fate(s), j.bookings[s], j.exchange.copyOf(s), j.holding(s)
	if f.Silent {
		return // nobody can tell what a silent room thinks
	}
	live := c != nil && c.live
	switch {
	case b == nil && len(holding) > 0:
		j.find("I1: %v: rooms %v hold it, no booking does", s, holding)
	case b != nil && len(holding) == 0:
		j.find("I1: %v: booking %d is alive, no room holds it", s, b.ID)
	case b != nil:
		j.same(s, b, c, holding)
	}
	if f.Cancelled && !f.Unheard && (b != nil || len(holding) > 0) {
		j.find("I3: %v: a cancellation was lost", s)
	}
	if live && c.ref != "" && !f.Touched && b == nil {
		j.find("I4: %v: our meeting stays in Exchange without a booking", s)
	}
	if c != nil && c.ref != "" && !f.Touched && !f.Unlisted && b != nil && (!b.Span.Equal(b.wish.span) || !sameRooms(j.roomsOf(b.Assets), b.wish.rooms)) {
		j.find("I4: %v: neither granted nor refused: booking %d at %v in %v, wished %v", s, b.ID, b.Span, j.roomsOf(b.Assets), b.wish)
	}
	if c != nil && !c.live && c.ref == "" && !f.Cancelled && !f.Renewed && !f.Ghost {
		j.find("I4: %v: a meeting of people was cancelled", s)
	}
	if !f.excused() && (b == nil || len(holding) == 0 || !live) {
		j.find("I4: %v: nobody cancelled it: booking %v, copy %v, rooms %v", s, b != nil, live, holding)
	}
}

// notices: whoever made a booking that was refused is told once (I6).
func (j *judge) notices() {
	for _, b := range j.app.bookings {
		code := map[meeting.Reason]string{meeting.ReasonConflict: engine.CodeDeclined, meeting.ReasonError: engine.CodeFailed}[b.because]
		if code == "" {
			continue
		}
		told := 0
		for _, e := range j.database.ledger {
			if e.Subject == fmt.Sprintf("booking %d", b.ID) && e.Code == code {
				told++
			}
		}
		if told != 1 {
			j.find("I6: booking %d was cancelled because of %s: told %d times", b.ID, b.because, told)
		}
	}
}

func sameRooms(a, b []meeting.Address) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func (j *judge) same(s Slot, b *booking, c *orgCopy, holding []meeting.Address) {
	if c != nil && c.live && !c.span.Equal(b.Span) {
		j.find("I1: %v: the organizer has %v, booking %d %v", s, c.span, b.ID, b.Span)
	}
	for _, room := range holding {
		if it := j.exchange.itemOf(seat{s, room}); !it.span.Equal(b.Span) {
			j.find("I1: %v: %s shows %v, booking %d is at %v", s, room, it.span, b.ID, b.Span)
		}
	}
	if assets := slices.Sorted(slices.Values(b.Assets)); !slices.Equal(assets, j.assetsOf(holding)) {
		j.find("I1: %v: rooms %v hold it, booking %d covers %v", s, holding, b.ID, j.roomsOf(b.Assets))
	}
}
