package enginetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
)

// app is the Booking app.
type app struct {
	w        *World
	bookings []*booking
	groups   meeting.GroupID
	echoes   bool
	hides    bool
	lines    []*connection
	down     bool // nobody can connect
}

// booking is a booking of the Booking app.
type booking struct {
	engine.Booking
	of      Slot           // the occurrence it stands for; empty until we know it
	ours    bool           // made by us
	wish    wish           // of the person who changed it last
	person  bool           // cancelled by a person
	because meeting.Reason // cancelled by us
	spans   []meeting.Span
}

// wish is what a person last asked for in Eliona.
type wish struct {
	span  meeting.Span
	rooms []meeting.Address
}

// connection is one subscription to what happens to bookings.
type connection struct {
	assets  []meeting.AssetID
	pending []message
	news    chan struct{}
	dropped chan struct{}
}

type message struct {
	at       time.Time
	bookings []engine.Booking
}

func newApp(w *World, o Options) app { return app{w: w, echoes: o.Echoes, hides: o.Hides} }

func (a *app) find(id meeting.BookingID) *booking {
	if id < 1 || int(id) > len(a.bookings) {
		return nil
	}
	return a.bookings[id-1]
}

func (a *app) live() []*booking {
	return slices.DeleteFunc(slices.Clone(a.bookings), func(b *booking) bool { return b.Cancelled })
}

func (a *app) book(group meeting.GroupID, organizer string, span meeting.Span, assets []meeting.AssetID) *booking {
	if group == 0 {
		a.groups++
		group = a.groups
	}
	b := &booking{Booking: engine.Booking{
		ID: meeting.BookingID(len(a.bookings) + 1), Group: group, Organizer: organizer, Span: span, Assets: slices.Clone(assets),
	}}
	a.bookings = append(a.bookings, b)
	return b
}

// claim notes which occurrence a booking stands for.
func (a *app) claim(b *booking, of Slot) {
	b.of = of
	for _, other := range a.live() {
		if other != b && !b.Cancelled && other.of == of {
			a.w.violate("I2: bookings %d and %d both live for %v", other.ID, b.ID, of)
		}
	}
}

// numbered notes which occurrences of a meeting our bookings stand for. After a
// write of unknown end that is a guess of the engine's, and as good as any other:
// bookings of one meeting differ in nothing but what they say.
func (w *World) numbered(m *meeting.Meeting) {
	for _, o := range m.Occurrences {
		w.app.mistake(o.Booking, m, o)
		if b := w.app.find(o.Booking); b != nil && b.ours && b.of.UID == m.UID {
			b.of.Key = o.Key
		}
	}
	for _, o := range m.Occurrences {
		if b := w.app.find(o.Booking); b != nil && b.ours && b.of.UID == m.UID {
			w.app.claim(b, b.of)
		}
	}
}

// mistake: a person booked what we wanted to book for the same organizer as well,
// and neither is known yet, or ours was never made. Nothing tells which is which,
// nor does it matter: if there is another one, that is the person's.
func (a *app) mistake(id meeting.BookingID, m *meeting.Meeting, o *meeting.Occurrence) {
	b, of := a.find(id), Slot{m.UID, o.Key}
	if b == nil || b.ours || b.of != (Slot{}) || !a.wanted(b, m, o) {
		return
	}
	for _, t := range a.live() {
		known, _ := a.w.database.byBooking(t.ID)
		if known == nil && t.ours && t.of == of && t.Span.Equal(b.Span) && slices.Equal(t.Assets, b.Assets) {
			t.ours, t.of, t.wish = false, Slot{}, b.wish
			a.w.note("    booking %d is taken for a person's", t.ID)
		}
	}
	a.w.note("    booking %d is taken for that of %v", id, of)
	b.ours, b.of = true, of
}

// wanted tells whether an operation of unknown end was to make such a booking.
func (a *app) wanted(b *booking, m *meeting.Meeting, o *meeting.Occurrence) bool {
	r := a.w.database.byUID(m.UID)
	return r != nil && r.open != nil && slices.ContainsFunc(r.open.Intent.New, func(n engine.NewBooking) bool {
		return n.Occurrence == o.ID && n.Span.Equal(b.Span) && slices.Equal(n.Assets, b.Assets)
	})
}

// adopted: the engine took a booking for the meeting of a person.
func (w *World) adopted(id meeting.BookingID, of Slot) {
	b := w.app.find(id)
	if b.ours {
		w.violate("I2: our own booking %d of %v was taken for a stranger", id, b.of)
		return
	}
	w.app.claim(b, of)
	if b.person {
		w.fate(of).Cancelled = true
	}
}

// push tells subscribers, who may not hear of it, or twice, or late.
func (a *app) push(d *Dice, old []meeting.AssetID, list ...*booking) {
	for _, b := range list {
		b.spans = append(b.spans, b.Span)
	}
	times := 1
	switch d.Roll(6) {
	case 4:
		times = 2
	case 5:
		times = 0
	}
	for range times {
		m := message{at: a.w.clock.Add(d.delay())}
		for _, b := range list {
			m.bookings = append(m.bookings, b.said())
		}
		for _, line := range a.lines {
			if slices.ContainsFunc(line.assets, func(x meeting.AssetID) bool {
				return slices.Contains(old, x) || slices.ContainsFunc(m.bookings, func(b engine.Booking) bool { return slices.Contains(b.Assets, x) })
			}) {
				line.pending = append(line.pending, m)
				wake(line.news)
			}
		}
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (b *booking) said() engine.Booking {
	out := b.Booking
	out.Assets = slices.Clone(b.Assets)
	return out
}

// bookings is one process's way to the Booking app.
type bookings struct {
	w *World
	p *Process
}

var _ engine.Bookings = (*bookings)(nil)

// Write implements engine.Bookings. It is carried out as a whole or not at all.
func (b *bookings) Write(ctx context.Context, group meeting.GroupID, organizer meeting.Address, items []plan.Item) (meeting.GroupID, []meeting.BookingID, error) {
	var ids []meeting.BookingID
	what := Call{Port: Bookings, Method: "Write", UID: b.slotOf(items[0].Occurrence).UID, Writes: true}
	for _, item := range items {
		what.Spans = append(what.Spans, item.Span)
	}
	written, err := call(ctx, b.p, what, func() (meeting.GroupID, error) {
		a, group := &b.w.app, group
		for _, item := range items {
			if known := a.find(item.Booking); item.Booking != 0 && (known == nil || known.Cancelled) {
				return 0, &engine.Error{Class: engine.NotFound, Code: "booking_not_found"}
			}
		}
		var changed []*booking
		var old []meeting.AssetID
		made := make([]meeting.BookingID, 0, len(items))
		for _, item := range items {
			one := a.find(item.Booking)
			if one == nil {
				one = a.book(group, string(organizer), item.Span, item.Assets)
				one.ours = true
				a.claim(one, b.w.database.slotOf(item.Occurrence))
			} else {
				old = append(old, one.Assets...)
			}
			one.Span, one.Assets = item.Span, slices.Clone(item.Assets)
			group = one.Group
			changed, made = append(changed, one), append(made, one.ID)
			b.w.note("    booking %d of %v: %v in %v", one.ID, one.of, one.Span, one.Assets)
		}
		if d := b.w.dice(); a.echoes {
			a.push(d, old, changed...)
		} else {
			for _, one := range changed {
				one.spans = append(one.spans, one.Span)
			}
		}
		ids = made
		return group, nil
	})
	if err != nil {
		return 0, nil, err
	}
	return written, ids, nil
}

func (b *bookings) slotOf(id meeting.OccurrenceID) Slot {
	defer b.w.lock()()
	return b.w.database.slotOf(id)
}

// Cancel implements engine.Bookings.
func (b *bookings) Cancel(ctx context.Context, id meeting.BookingID, reason meeting.Reason) error {
	what := Call{Port: Bookings, Method: "Cancel", Booking: id, UID: b.uidOf(id), Writes: true}
	_, err := call(ctx, b.p, what, func() (struct{}, error) {
		one := b.w.app.find(id)
		if one.person {
			b.w.fate(one.of).Unheard = true
		}
		if one.Cancelled {
			return struct{}{}, nil
		}
		b.w.note("    because %s", reason)
		b.w.weCancel(one.of, "booking", false)
		one.Cancelled, one.because = true, reason
		if d := b.w.dice(); b.w.app.echoes {
			b.w.app.push(d, nil, one)
		}
		return struct{}{}, nil
	})
	return err
}

func (b *bookings) uidOf(id meeting.BookingID) meeting.UID {
	defer b.w.lock()()
	if r, _ := b.w.database.byBooking(id); r != nil {
		return r.UID
	}
	return ""
}

// Get implements engine.Bookings.
func (b *bookings) Get(ctx context.Context, id meeting.BookingID) (out engine.Booking, found bool, err error) {
	_, err = call(ctx, b.p, Call{Port: Bookings, Method: "Get", Booking: id}, func() (struct{}, error) {
		if one := b.w.app.find(id); one != nil && !(one.Cancelled && b.w.app.hides) {
			out, found = one.said(), true
			out.Group = 0 // it is told in messages only
		}
		return struct{}{}, nil
	})
	if err != nil {
		return engine.Booking{}, false, err
	}
	return out, found, nil
}

// List implements engine.Bookings.
func (b *bookings) List(ctx context.Context, asset meeting.AssetID, span meeting.Span) ([]engine.Booking, error) {
	return call(ctx, b.p, Call{Port: Bookings, Method: "List", Asset: asset}, func() ([]engine.Booking, error) {
		var out []engine.Booking
		for _, one := range b.w.app.live() {
			if slices.Contains(one.Assets, asset) && one.Span.Overlaps(span) {
				said := one.said()
				said.Group = 0
				out = append(out, said)
			}
		}
		return out, nil
	})
}

var errDropped = errors.New("the connection was lost")

// Listen implements engine.Bookings.
func (b *bookings) Listen(ctx context.Context, assets <-chan []meeting.AssetID, l engine.Listener) error {
	var watched []meeting.AssetID
	for {
		if len(watched) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-b.p.dead:
				return errKilled
			case watched = <-assets:
				continue
			}
		}
		line := b.w.connect(watched)
		if line == nil {
			l.Disconnected(errDropped)
			if err := b.p.travel(ctx, 2*time.Second); err != nil {
				return stopped(err)
			}
			continue
		}
		l.Connected(ctx)
		next, err := b.hear(ctx, line, assets, l)
		b.w.hangUp(line)
		if err != nil {
			return stopped(err)
		}
		if next != nil {
			watched = next
			continue
		}
		l.Disconnected(errDropped)
		if err := b.p.travel(ctx, time.Second); err != nil {
			return stopped(err)
		}
	}
}

// stopped: being stopped is how listening ends.
func stopped(err error) error {
	if errors.Is(err, engine.ErrFenced) {
		return err
	}
	return nil
}

// hear delivers messages until the connection is lost or other assets are
// wanted.
func (b *bookings) hear(ctx context.Context, line *connection, assets <-chan []meeting.AssetID, l engine.Listener) ([]meeting.AssetID, error) {
	for {
		if err := b.p.standStill(ctx); err != nil {
			return nil, err
		}
		due, wait := b.w.due(line)
		for _, m := range due {
			l.Changed(ctx, m.bookings)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-b.p.dead:
			timer.Stop()
			return nil, errKilled
		case <-line.dropped:
			timer.Stop()
			return nil, nil
		case next := <-assets:
			timer.Stop()
			if !slices.Equal(next, line.assets) {
				return next, nil
			}
		case <-line.news:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (w *World) connect(assets []meeting.AssetID) *connection {
	defer w.lock()()
	if w.app.down {
		return nil
	}
	line := &connection{assets: assets, news: make(chan struct{}, 1), dropped: make(chan struct{})}
	w.app.lines = append(w.app.lines, line)
	return line
}

func (w *World) hangUp(line *connection) {
	defer w.lock()()
	w.app.lines = slices.DeleteFunc(w.app.lines, func(l *connection) bool { return l == line })
}

// due takes the messages that have arrived, and tells how long the next takes.
func (w *World) due(line *connection) ([]message, time.Duration) {
	defer w.lock()()
	var due []message
	wait := time.Hour
	line.pending = slices.DeleteFunc(line.pending, func(m message) bool {
		if m.at.After(w.clock) {
			wait = min(wait, m.at.Sub(w.clock))
			return false
		}
		due = append(due, m)
		return true
	})
	return due, wait
}

// DropConnections ends all subscriptions, to rooms' calendars too; what was not delivered is lost.
// While down is set, nobody can connect again.
func (w *World) DropConnections(down bool) {
	defer w.lock()()
	w.app.down = down
	for _, line := range w.app.lines {
		close(line.dropped)
	}
	w.app.lines = nil
	w.exchange.dropStreams()
}
