package exchange_test

import (
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

func accepts(rooms ...meeting.Room) map[meeting.Address]meeting.Answer {
	out := map[meeting.Address]meeting.Answer{}
	for _, r := range rooms {
		out[r.Address] = meeting.Accepted
	}
	return out
}

// update changes a copy that was just read.
func (w *world) update(p engine.Place, c engine.Change) meeting.Copy {
	w.t.Helper()
	before := w.read(p)
	w.True(before.Live)
	if !c.Span.Valid() {
		c.Span = before.Span
	}
	after, err := w.calendar.Update(w.ctx, p, before, c)
	w.NoError(err)
	w.Equal(c.Span, after.Span)
	w.NotEqual(before.Version, after.Version)
	return after
}

func updateTime(w *world) {
	room := w.rooms[0]
	h, _ := w.create(w.draft(room))
	w.answered(h.place(), accepts(room))
	to := later(h.span, 90*time.Minute)
	after := w.update(h.place(), engine.Change{Span: to})
	w.Equal(after.Item, w.read(h.place()).Item)
	w.until("the room has moved", func() bool { return w.accepted(room, h, 1)[""].Span == to })
	c := w.answered(h.place(), accepts(room))
	w.Equal(to, c.Span)
	w.Equal(subject, w.item(w.organizer, h.id).Subject)
}

func updateRooms(w *world) {
	first, second := w.rooms[0], w.rooms[1]
	h, _ := w.create(w.draft(first))
	w.answered(h.place(), accepts(first))
	w.update(h.place(), engine.Change{Add: []meeting.Room{second}})
	w.accepted(second, h, 1)
	w.answered(h.place(), accepts(first, second))
	w.Equal(first.Name+"; "+second.Name, w.item(w.organizer, h.id).Location)

	to := later(h.span, time.Hour)
	w.update(h.place(), engine.Change{Span: to, Remove: []meeting.Room{first}})
	w.gone(first, h)
	w.until("the other room has moved", func() bool { return w.accepted(second, h, 1)[""].Span == to })
	w.answered(h.place(), accepts(second))

	w.update(h.place(), engine.Change{Add: []meeting.Room{first}, Remove: []meeting.Room{second}})
	w.accepted(first, h, 1)
	w.gone(second, h)
	w.answered(h.place(), accepts(first))
	item := w.item(w.organizer, h.id)
	w.Len(item.Resources, 1)
	w.Equal(first.Name, item.Location)
}

// A room that declined stays listed. It is asked again, now that it is free.
func updateAsksAgain(w *world) {
	first, second := w.rooms[0], w.rooms[1]
	d := w.draft(first, second)
	other := w.book(d.Span, []meeting.Room{second})
	w.accepted(second, other, 1)
	h, _ := w.create(d)
	w.answered(h.place(), map[meeting.Address]meeting.Answer{first.Address: meeting.Accepted, second.Address: meeting.Declined})
	w.withdraw(other, time.Time{})
	w.gone(second, other)

	w.update(h.place(), engine.Change{Add: []meeting.Room{second}, Remove: []meeting.Room{first}})
	w.accepted(second, h, 1)
	w.gone(first, h)
	w.answered(h.place(), accepts(second))
}

// Only the rooms named are touched, wherever a person listed them.
func updateKeepsOthers(w *world) {
	first, second := w.rooms[0], w.rooms[1]
	h := w.book(w.slot(), nil, func(m *ews.NewMeeting) {
		m.RequiredAttendees = append(invite(first), ews.Invitee{Address: string(w.ServiceUser)})
	})
	people := accepts(first)
	people[w.ServiceUser] = meeting.NoAnswer
	w.answered(h.place(), people)
	w.update(h.place(), engine.Change{Add: []meeting.Room{second}, Remove: []meeting.Room{first}})
	w.accepted(second, h, 1)
	w.gone(first, h)
	delete(people, first.Address)
	people[second.Address] = meeting.Accepted
	w.answered(h.place(), people)
	item := w.item(w.organizer, h.id)
	w.Len(item.RequiredAttendees, 1)
	w.Len(item.Resources, 1)
	w.Equal(subject, item.Subject)
}

func updateStale(w *world) {
	room := w.rooms[0]
	h, _ := w.create(w.draft(room))
	before := w.answered(h.place(), accepts(room))
	to := later(h.span, time.Hour)
	w.move(h, time.Time{}, to)
	for _, c := range []engine.Change{
		{Span: later(h.span, 2*time.Hour)},
		{Span: h.span, Add: w.rooms[1:2]},
		{Span: later(h.span, 2*time.Hour), Remove: w.rooms[:1]},
	} {
		_, err := w.calendar.Update(w.ctx, h.place(), before, c)
		w.class(engine.Stale, err)
	}
	w.until("the person's change stands", func() bool { return w.accepted(room, h, 1)[""].Span == to })

	before = w.answered(h.place(), accepts(room))
	w.withdraw(h, time.Time{})
	for _, c := range []engine.Change{{Span: to, Add: w.rooms[1:2]}, {Span: h.span}} {
		_, err := w.calendar.Update(w.ctx, h.place(), before, c)
		w.class(engine.NotFound, err)
	}
}

func updateOccurrence(w *world) {
	both := w.rooms[:2]
	h := w.book(w.slot(), both[:1], daily(3))
	w.accepted(both[0], h, 3)
	second := h.span.Start.AddDate(0, 0, 1)
	w.answered(h.occurrence(second), accepts(both[0]))
	to := hour(second.Add(2 * time.Hour))
	w.update(h.occurrence(second), engine.Change{Span: to})
	w.until("that date has moved, and no other", func() bool {
		now := w.accepted(both[0], h, 3)
		return now[meeting.KeyOf(second)].Span == to && now[meeting.KeyOf(h.span.Start)].Span == h.span
	})
	w.answered(h.occurrence(second), accepts(both[0]))
	w.update(h.occurrence(second), engine.Change{Add: both[1:], Remove: both[:1]})
	w.until("that date has changed its room", func() bool {
		return len(w.sightings(both[0], h)) == 2 && len(w.accepted(both[1], h, 1)) == 1
	})
	w.Equal(to, w.sightings(both[1], h)[meeting.KeyOf(second)].Span)
	w.answered(h.occurrence(second), accepts(both[1]))
	w.answered(h.occurrence(h.span.Start), accepts(both[0]))
}

// cancel cancels and tells whether there was something to cancel.
func (w *world) cancel(p engine.Place) bool {
	w.t.Helper()
	done, err := w.calendar.Cancel(w.ctx, p)
	w.NoError(err)
	return done
}

func cancelMeeting(w *world) {
	both := w.rooms[:2]
	h, made := w.create(w.draft(both...))
	w.answered(h.place(), accepts(both...))
	p := h.place()
	p.Item = made.Item
	w.True(w.cancel(p))
	for _, room := range both {
		w.gone(room, h)
	}
	w.False(w.read(h.place()).Live)
	w.False(w.cancel(p), "it is cancelled already")
	w.False(w.cancel(h.place()))
	w.False(w.cancel(engine.Place{Mailbox: w.organizer, UID: "never-there@example.com", Span: h.span}))
	_, err := w.calendar.Cancel(w.ctx, engine.Place{Mailbox: w.nobody, UID: h.uid})
	w.class(engine.NoMailbox, err)
}

func cancelOccurrence(w *world) {
	room := w.rooms[0]
	h := w.book(w.slot(), []meeting.Room{room}, daily(3))
	w.accepted(room, h, 3)
	second := h.span.Start.AddDate(0, 0, 1)
	w.True(w.cancel(h.occurrence(second)))
	w.until("that date is free", func() bool { return len(w.sightings(room, h)) == 2 })
	w.NotContains(w.sightings(room, h), meeting.KeyOf(second))
	w.False(w.cancel(h.occurrence(second)))
	w.False(w.cancel(h.place()), "the series is not ours to cancel as a whole")
	w.accepted(room, h, 2)

	far := hour(h.span.Start.AddDate(0, 0, 7))
	third := h.span.Start.AddDate(0, 0, 2)
	w.move(h, third, far)
	w.True(w.cancel(h.occurrence(third)), "wherever it was moved to")
	w.until("that date is free", func() bool { return len(w.sightings(room, h)) == 1 })
}

// Only the organizer's copy can be cancelled.
func cancelNotOrganizer(w *world) {
	h := w.book(w.slot(), w.rooms[:1], func(m *ews.NewMeeting) {
		m.RequiredAttendees = []ews.Invitee{{Address: string(w.ServiceUser)}}
	})
	w.accepted(w.rooms[0], h, 1)
	invited := h.place()
	invited.Mailbox = w.ServiceUser
	w.until("the attendee has the meeting", func() bool { return w.read(invited).Live })
	_, err := w.calendar.Cancel(w.ctx, invited)
	e := w.class(engine.Refused, err)
	w.Equal("ErrorCalendarIsNotOrganizer", e.Code)
	w.True(w.read(h.place()).Live)
	w.accepted(w.rooms[0], h, 1)
}

// A meeting whose last attendee was removed can be cancelled all the same.
func cancelWithoutAttendees(w *world) {
	room := w.rooms[0]
	h, _ := w.create(w.draft(room))
	w.answered(h.place(), accepts(room))
	w.update(h.place(), engine.Change{Remove: []meeting.Room{room}})
	w.gone(room, h)
	w.True(w.read(h.place()).Live)
	w.True(w.cancel(h.place()))
	w.False(w.read(h.place()).Live)
	w.False(w.cancel(h.place()))
}

// release frees a room of a meeting.
func (w *world) release(room meeting.Room, p engine.Place) {
	w.t.Helper()
	w.NoError(w.calendar.Release(w.ctx, room.Address, p))
}

// A room declines in its own name: the organizer learns of it.
func releaseRoom(w *world) {
	both := w.rooms[:2]
	h := w.book(w.slot(), both)
	item := w.accepted(both[0], h, 1)[""].Item
	w.answered(h.place(), accepts(both...))
	p := engine.Place{Mailbox: both[0].Address, UID: h.uid, Item: item, Span: h.span}
	w.release(both[0], p)
	w.gone(both[0], h)
	answers := accepts(both[1])
	answers[both[0].Address] = meeting.Declined
	w.answered(h.place(), answers)
	w.accepted(both[1], h, 1)
	w.release(both[0], p) // nothing is left to free
	p.Item = ""
	w.release(both[0], p)

	w.release(both[1], h.place()) // without a hint, and with another mailbox in the place
	w.gone(both[1], h)
	w.release(both[0], engine.Place{UID: "never-there@example.com", Span: h.span})
}

func releaseOccurrence(w *world) {
	room := w.rooms[0]
	h := w.book(w.slot(), []meeting.Room{room}, daily(3))
	w.accepted(room, h, 3)
	second := h.span.Start.AddDate(0, 0, 1)
	w.release(room, h.occurrence(second))
	w.until("that date is free", func() bool { return len(w.sightings(room, h)) == 2 })
	w.answered(h.occurrence(second), map[meeting.Address]meeting.Answer{room.Address: meeting.Declined})
	w.answered(h.occurrence(h.span.Start), accepts(room))
	w.release(room, h.occurrence(second))
	w.accepted(room, h, 2)
}

func releaseDirect(w *world) {
	room := w.rooms[0]
	h := w.bookIn(room.Address, w.slot(), nil)
	w.accepted(room, h, 1)
	w.release(room, h.place())
	w.gone(room, h)
	w.release(room, h.place())
}
