package exchange_test

import (
	"context"
	"strings"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

// reference is the property that carries our reference.
var reference = ews.PublicString("ElionaBookingKey")

const ref = "0f8fad5b-d9cb-469f-a165-70867728950e"

// draft is a meeting to be made for a booking; its reference is new.
func (w *world) draft(rooms ...meeting.Room) engine.Draft {
	w.t.Helper()
	r := random()
	d := engine.Draft{Ref: ref[:24] + hexOf(r[:6]), Span: w.slot(), Rooms: rooms}
	d.UID = w.calendar.UIDFor(d.Ref)
	return d
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, x := range b {
		out.WriteByte(digits[x>>4])
		out.WriteByte(digits[x&15])
	}
	return out.String()
}

// create makes a meeting through the calendar under test.
func (w *world) create(d engine.Draft) (held, meeting.Copy) {
	w.t.Helper()
	made, err := w.calendar.Create(w.ctx, w.organizer, d)
	w.NoError(err)
	h := held{mailbox: w.organizer, uid: made.UID, id: ews.ItemID{ID: string(made.Item)}, span: d.Span}
	w.removeLater(h)
	return h, made
}

func createMeeting(w *world) {
	both := w.rooms[:2]
	d := w.draft(both...)
	d.Attendees = []meeting.Address{w.ServiceUser}
	h, made := w.create(d)
	w.Equal(meeting.Copy{Live: true, Mailbox: w.organizer, Item: made.Item, UID: d.UID, Span: d.Span}, made)

	item := w.item(w.organizer, h.id, reference)
	w.Equal(string(d.UID), ews.NormaliseUID(item.UID))
	w.Equal(d.Ref, item.Extended[reference.Name()])
	w.Equal(subject, item.Subject)
	w.Equal(both[0].Name+"; "+both[1].Name, item.Location)
	w.Equal(d.Span, meeting.SpanOf(item.Start, item.End))
	w.Len(item.Resources, 2)
	w.Len(item.RequiredAttendees, 1)
	w.Empty(item.OptionalAttendees)
	w.Equal(ews.Busy, item.FreeBusy)
	for i, room := range both {
		w.Equal(room.Address, meeting.AddressOf(item.Resources[i].Address.Address))
		w.Equal(d.UID, w.accepted(room, h, 1)[""].UID)
	}
}

// Whoever has no mailbox, or none that we may use, has none for the engine: it
// books as the service user then.
func createWithoutMailbox(w *world) {
	d := w.draft(w.rooms[0])
	_, err := w.calendar.Create(w.ctx, w.nobody, d)
	e := w.class(engine.NoMailbox, err)
	w.False(e.Ambiguous)
	w.Empty(w.window(w.rooms[0], around(d.Span)))
	made, err := w.calendar.Create(w.ctx, w.calendar.ServiceUser(), d)
	w.NoError(err)
	h := held{mailbox: w.ServiceUser, uid: made.UID, span: d.Span}
	w.removeLater(h)
	w.Equal(w.ServiceUser, w.accepted(w.rooms[0], h, 1)[""].Organizer)
}

func findMeeting(w *world) {
	d := w.draft(w.rooms[0])
	_, found, err := w.calendar.Find(w.ctx, w.organizer, d)
	w.NoError(err)
	w.False(found, "there is none yet")

	h, made := w.create(d)
	w.book(later(d.Span, time.Hour), w.rooms[:1]) // of somebody else, without our reference
	c, found, err := w.calendar.Find(w.ctx, w.organizer, d)
	w.NoError(err)
	w.True(found)
	w.True(c.Live)
	w.Equal(made.Item, c.Item)
	w.Equal(d.UID, c.UID)
	w.Equal(d.Span, c.Span)
	w.Contains(c.Rooms, w.rooms[0].Address)

	w.accepted(w.rooms[0], h, 1)
	w.withdraw(h, time.Time{})
	c, found, err = w.calendar.Find(w.ctx, w.organizer, d)
	w.NoError(err)
	w.True(found, "it was made, and cancelled: it lies among the deleted items")
	w.Equal(meeting.Copy{Mailbox: w.organizer, UID: d.UID}, c)

	second, _ := w.create(d)
	c, found, err = w.calendar.Find(w.ctx, w.organizer, d)
	w.NoError(err)
	w.True(found && c.Live, "a living one is preferred")
	w.NoError(w.outlook.DeleteItem(w.ctx, ews.Mailbox(w.organizer), ews.ByID(w.present(second, time.Time{})), ews.DeleteOptions{}))
	c, found, err = w.calendar.Find(w.ctx, w.organizer, d)
	w.NoError(err)
	w.True(found && !c.Live)

	_, _, err = w.calendar.Find(w.ctx, w.nobody, d)
	w.class(engine.NoMailbox, err)
}

func copyAnswers(w *world) {
	both := w.rooms[:2]
	blocker := w.book(w.slot(), both[1:])
	w.accepted(both[1], blocker, 1)
	h := w.book(blocker.span, both)
	before := time.Now().Add(-time.Hour)
	c := w.answered(h.place(), map[meeting.Address]meeting.Answer{both[0].Address: meeting.Accepted, both[1].Address: meeting.Declined})
	w.False(c.Partial)
	w.Equal(h.uid, c.UID)
	w.Equal(h.span, c.Span)
	w.Equal(w.organizer, c.Mailbox)
	w.NotEmpty(c.Item)
	w.NotEmpty(c.Version)
	for _, a := range c.Rooms {
		w.True(a.At.After(before) && a.At.Before(time.Now().Add(time.Hour)), "answered at %v", a.At)
	}
}

func copyMoved(w *world) {
	h := w.book(w.slot(), w.rooms[:1])
	w.accepted(w.rooms[0], h, 1)
	first := w.answered(h.place(), map[meeting.Address]meeting.Answer{w.rooms[0].Address: meeting.Accepted})
	to := later(h.span, 50*time.Hour)
	w.move(h, time.Time{}, to)
	w.until("the room has followed", func() bool { return w.sightings(w.rooms[0], h)[""].Span == to })
	moved := w.answered(h.place(), map[meeting.Address]meeting.Answer{w.rooms[0].Address: meeting.Accepted})
	w.Equal(to, moved.Span, "the time of the place is a belief only")
	w.NotEqual(first.Version, moved.Version)

	w.withdraw(h, time.Time{})
	for _, hint := range []meeting.ItemID{"", first.Item} {
		p := h.place()
		p.Item = hint
		w.Equal(meeting.Copy{Mailbox: w.organizer, UID: h.uid}, w.read(p))
	}
}

func copyNeverThere(w *world) {
	uid := meeting.UID(ews.NewGlobalObjectID(random(), time.Now()))
	for _, uid := range []meeting.UID{uid, "not-a-global-object-id@example.com", "item:AAMkAD"} {
		p := engine.Place{Mailbox: w.organizer, UID: uid, Span: w.slot()}
		w.Equal(meeting.Copy{Mailbox: w.organizer, UID: uid}, w.read(p))
		p.Key = meeting.KeyOf(p.Span.Start)
		w.False(w.read(p).Live)
	}
	_, err := w.calendar.Copy(w.ctx, engine.Place{Mailbox: w.nobody, UID: uid})
	w.class(engine.NoMailbox, err)
}

// The item of a place is a hint: what another item says does not count.
func copyOutdatedHint(w *world) {
	h := w.book(w.slot(), w.rooms[:1])
	other := w.book(later(h.span, 2*time.Hour), w.rooms[:1])
	own := w.read(h.place())
	for _, hint := range []string{other.id.ID, "bm9pdGVt"} {
		p := h.place()
		p.Item = meeting.ItemID(hint)
		c := w.read(p)
		w.True(c.Live)
		w.Equal(own.Item, c.Item)
	}
}

func copySeries(w *world) {
	h := w.book(w.slot(), w.rooms[:1], daily(4))
	w.accepted(w.rooms[0], h, 4)
	second, third := h.span.Start.AddDate(0, 0, 1), h.span.Start.AddDate(0, 0, 2)
	c := w.answered(h.occurrence(second), map[meeting.Address]meeting.Answer{w.rooms[0].Address: meeting.Accepted})
	w.Equal(hour(second), c.Span)
	w.Equal(h.uid, c.UID)

	w.False(w.read(h.place()).Live, "a series is no single meeting")
	w.False(w.read(h.occurrence(second.Add(time.Hour))).Live, "no date of the series")
	w.withdraw(h, third)
	w.Equal(meeting.Copy{Mailbox: w.organizer, UID: h.uid}, w.read(h.occurrence(third)))
	w.True(w.read(h.occurrence(second)).Live)
	w.withdraw(h, time.Time{})
	w.False(w.read(h.occurrence(second)).Live)
}

// A date that a person moved is found, however far from where it is believed.
func copyExceptions(w *world) {
	h := w.book(w.slot(), w.rooms[:1], daily(3))
	w.accepted(w.rooms[0], h, 3)
	for n, by := range map[int]time.Duration{0: 3 * time.Hour, 2: 5*24*time.Hour + time.Hour} {
		original := h.span.Start.AddDate(0, 0, n)
		to := hour(original.Add(by))
		w.move(h, original, to)
		c := w.read(h.occurrence(original))
		w.True(c.Live)
		w.Equal(to, c.Span)
		p := h.occurrence(original)
		p.Span = to
		w.Equal(c.Item, w.read(p).Item)
		p.Item = c.Item
		w.Equal(to, w.read(p).Span)
	}
}

// People often invite a room like a person.
func copyAttendees(w *world) {
	both := w.rooms[:2]
	h := w.book(w.slot(), both[:1], func(m *ews.NewMeeting) {
		m.RequiredAttendees, m.OptionalAttendees = invite(both[1]), []ews.Invitee{{Address: string(w.ServiceUser)}}
	})
	w.answered(h.place(), map[meeting.Address]meeting.Answer{
		both[0].Address: meeting.Accepted, both[1].Address: meeting.Accepted, w.ServiceUser: meeting.NoAnswer,
	})
}

func uidFor(w *world) {
	uid := w.calendar.UIDFor(ref)
	w.Equal(uid, w.connect(w.Settings).UIDFor(ref), "whoever asks")
	w.Equal(uid, w.calendar.UIDFor(strings.ToUpper(ref)))
	w.Equal(meeting.UID(ews.NormaliseUID(string(uid))), uid)
	w.NotEqual(uid, w.calendar.UIDFor("0f8fad5b-d9cb-469f-a165-70867728950f"))
	w.Equal(meeting.UID("booking-17"), w.calendar.UIDFor("booking-17"))
	back, ours := w.calendar.RefOf(uid)
	w.True(ours)
	w.Equal(ref, back)
	for _, other := range []string{
		"7kukuqrfedlm2f9t@google.com", "", string(uid[:len(uid)-2]),
		ews.NewGlobalObjectID([16]byte{1}, time.Now()),
	} {
		_, ours := w.calendar.RefOf(meeting.UID(other))
		w.False(ours, other)
	}
	w.Equal(w.Settings.ServiceUser, w.calendar.ServiceUser())
}

// Every method ends with its context.
func endedContext(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	d, room := w.draft(w.rooms[0]), w.rooms[0].Address
	p := engine.Place{Mailbox: w.organizer, UID: d.UID, Span: d.Span}
	for name, call := range map[string]func() error{
		"Rooms":   func() error { _, err := w.calendar.Rooms(ctx); return err },
		"Changes": func() error { _, err := w.calendar.Changes(ctx, room, ""); return err },
		"Window":  func() error { _, err := w.calendar.Window(ctx, room, d.Span, nil); return err },
		"Create":  func() error { _, err := w.calendar.Create(ctx, w.organizer, d); return err },
		"Find":    func() error { _, _, err := w.calendar.Find(ctx, w.organizer, d); return err },
		"Copy":    func() error { _, err := w.calendar.Copy(ctx, p); return err },
		"Cancel":  func() error { _, err := w.calendar.Cancel(ctx, p); return err },
		"Release": func() error { return w.calendar.Release(ctx, room, p) },
		"Update": func() error {
			_, err := w.calendar.Update(ctx, p, meeting.Copy{Item: "x", Version: "y", Span: d.Span}, engine.Change{Span: later(d.Span, time.Hour)})
			return err
		},
	} {
		err := call()
		e := w.class(engine.Transient, err)
		w.ErrorIs(err, context.Canceled, name)
		w.False(e.Ambiguous, name)
	}
}
