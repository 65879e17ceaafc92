package exchange_test

import (
	"strings"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

func roomsOfTheList(w *world) {
	for _, r := range w.rooms {
		w.True(r.Address.Valid())
		w.Equal(strings.ToLower(string(r.Address)), string(r.Address))
		w.NotEmpty(r.Name)
	}
}

func unknownRoomList(w *world) {
	w.RoomList = w.nobody
	rooms, err := w.connect(w.Settings).Rooms(w.ctx)
	w.class(engine.Broken, err)
	w.Empty(rooms)
}

// drain reads the feed to its end.
func (w *world) drain(room meeting.Room, token string) engine.Delta {
	w.t.Helper()
	var all engine.Delta
	for more := true; more; {
		page, err := w.calendar.Changes(w.ctx, room.Address, token)
		w.NoError(err)
		w.NotEmpty(page.Token)
		token, more = page.Token, page.More
		all.Token, all.Changed = token, all.Changed || page.Changed
		all.Told, all.Deleted = append(all.Told, page.Told...), append(all.Deleted, page.Deleted...)
	}
	return all
}

func changesOfAMeeting(w *world) {
	room, span := w.rooms[0], w.slot()
	token := w.drain(room, "").Token
	quiet, err := w.calendar.Changes(w.ctx, room.Address, token)
	w.NoError(err)
	w.False(quiet.Changed)
	w.False(quiet.More)
	w.Empty(quiet.Deleted)

	h := w.book(span, []meeting.Room{room})
	entry := w.accepted(room, h, 1)[""]
	made := w.drain(room, token)
	w.True(made.Changed)
	w.NotContains(made.Deleted, entry.Item)

	w.move(h, time.Time{}, later(span, time.Hour))
	w.until("the room has moved", func() bool { return w.sightings(room, h)[""].Span == later(span, time.Hour) })
	moved := w.drain(room, made.Token)
	w.True(moved.Changed)

	entry = w.accepted(room, h, 1)[""]
	settled := w.drain(room, moved.Token)
	w.withdraw(h, time.Time{})
	w.gone(room, h)
	ended := w.drain(room, settled.Token)
	w.True(ended.Changed)
	for _, id := range ended.Deleted {
		w.Equal(entry.Item, id)
	}
	w.True(w.drain(room, made.Token).Changed, "an older token is good for another read")
}

func foreignToken(w *world) {
	token := w.drain(w.rooms[0], "").Token
	_, err := w.calendar.Changes(w.ctx, w.rooms[1].Address, token)
	w.class(engine.InvalidToken, err)
	_, err = w.calendar.Changes(w.ctx, w.rooms[0].Address, "bm90IGEgdG9rZW4=")
	w.class(engine.InvalidToken, err)
	_, err = w.calendar.Changes(w.ctx, w.nobody, "")
	w.class(engine.NoMailbox, err)
}

func windowSingle(w *world) {
	span := w.slot()
	h := w.book(span, w.rooms[:2], func(m *ews.NewMeeting) { m.UID = strings.ToLower(m.UID) })
	for _, room := range w.rooms[:2] {
		s := w.accepted(room, h, 1)[""]
		w.Equal(h.uid, s.UID, "as the organizer has it, in its normal form")
		w.Equal(span, s.Span)
		w.Equal(w.organizer, s.Organizer)
		w.NotEmpty(s.Item)
		w.NotEmpty(s.ChangeKey)
	}
	foreign := w.book(w.slot(), w.rooms[:1], func(m *ews.NewMeeting) { m.UID = "made-elsewhere-" + m.UID[80:] + "@calendar.test" })
	w.accepted(w.rooms[0], foreign, 1)
}

func windowSeries(w *world) {
	span, room := w.slot(), w.rooms[0]
	h := w.book(span, []meeting.Room{room}, daily(5))
	first := w.accepted(room, h, 5)
	for n := range 5 {
		date := later(span, time.Duration(n)*24*time.Hour)
		s := first[meeting.KeyOf(date.Start)]
		w.Equal(date, s.Span)
		w.Equal(w.organizer, s.Organizer)
	}
	second, third := span.Start.AddDate(0, 0, 1), span.Start.AddDate(0, 0, 2)
	w.move(h, second, hour(second.Add(4*time.Hour)))
	w.withdraw(h, third)
	w.until("the room follows", func() bool {
		now := w.accepted(room, h, 4)
		return now[meeting.KeyOf(second)].Span == hour(second.Add(4*time.Hour)) && now[meeting.KeyOf(third)].UID == ""
	})
}

// A room that is invited to one date only says which.
func windowOneDate(w *world) {
	span, both := w.slot(), w.rooms[:2]
	h := w.book(span, both[:1], daily(3))
	w.accepted(both[0], h, 3)
	second := span.Start.AddDate(0, 0, 1)
	rooms := invite(both...)
	w.change(h, second, ews.ItemUpdate{Resources: &rooms, Notify: ews.SendToChangedAndSaveCopy})
	s := w.accepted(both[1], h, 1)
	w.Equal(hour(second), s[meeting.KeyOf(second)].Span)
	w.answered(h.occurrence(second), accepts(both...))
	w.release(both[1], h.occurrence(second))
	w.gone(both[1], h)
	w.accepted(both[0], h, 3)
}

func windowMovedFar(w *world) {
	span, room := w.slot(), w.rooms[0]
	h := w.book(span, []meeting.Room{room}, daily(2))
	w.accepted(room, h, 2)
	second := span.Start.AddDate(0, 0, 1)
	far := hour(second.AddDate(0, 0, 6).Add(time.Hour))
	w.move(h, second, far)
	w.until("the room follows", func() bool { return w.sightings(room, h)[meeting.KeyOf(second)].Span == far })
	seen := w.window(room, meeting.SpanOf(far.Start.Add(-time.Hour), far.End))
	w.Len(seen, 1, "it stands where it was moved to")
	w.Equal(meeting.KeyOf(second), seen[0].Key)
}

// What is typed directly into a room's calendar has no organizer but the room.
func windowDirect(w *world) {
	span, room := w.slot(), w.rooms[0]
	h := w.bookIn(room.Address, span, nil)
	seen := w.window(room, around(span))
	w.Len(seen, 1)
	w.Equal(meeting.Booked, seen[0].Presence)
	w.Equal(h.uid, seen[0].UID)
	w.Contains([]meeting.Address{"", room.Address}, seen[0].Organizer)
}

func windowFree(w *world) {
	span, room := w.slot(), w.rooms[0]
	w.bookIn(room.Address, span, nil, func(m *ews.NewMeeting) { m.FreeBusy = ews.Free })
	w.bookIn(room.Address, later(span, time.Hour), nil, func(m *ews.NewMeeting) { m.FreeBusy = ews.OutOfOffice })
	seen := w.window(room, around(span))
	w.Len(seen, 1, "what is shown as free does not hold the room")
	w.Equal(later(span, time.Hour), seen[0].Span)
}

func windowAllDay(w *world) {
	span, room := w.slot(), w.rooms[0]
	day := span.Start.Truncate(24 * time.Hour)
	h := w.book(meeting.SpanOf(day, day.AddDate(0, 0, 1)), []meeting.Room{room}, func(m *ews.NewMeeting) {
		m.AllDay, m.TimeZoneID, m.Sensitivity = true, "UTC", "Private"
	})
	s := w.accepted(room, h, 1)[""]
	w.Equal(h.span, s.Span)
	w.Equal(w.organizer, s.Organizer)
}

// What overlaps the span is told, whatever ends with it or begins after it.
func windowBounds(w *world) {
	span, room := w.slot(), w.rooms[0]
	h := w.book(span, []meeting.Room{room})
	w.accepted(room, h, 1)
	minute := func(from, to int) meeting.Span {
		return meeting.SpanOf(span.Start.Add(time.Duration(from)*time.Minute), span.Start.Add(time.Duration(to)*time.Minute))
	}
	for part, want := range map[meeting.Span]int{
		minute(10, 20): 1, minute(-10, 1): 1, minute(59, 70): 1, minute(-10, 70): 1, minute(-10, 0): 0,
	} {
		w.Len(w.window(room, part), want, "%v", part)
	}
}

// told is what a store knows of an item after it was told.
func told(s meeting.Sighting) engine.Known {
	return engine.Known{
		ChangeKey: s.ChangeKey, UID: s.UID, Key: s.Key, Sequence: s.Sequence, Organizer: s.Organizer, Private: s.Private,
	}
}

// Details of versions that are known are not asked for again.
func windowKnown(w *world) {
	span, room := w.slot(), w.rooms[0]
	h := w.book(span, []meeting.Room{room}, daily(3))
	w.accepted(room, h, 3)
	other := w.book(later(span, 2*time.Hour), []meeting.Room{room})
	w.accepted(room, other, 1)
	known := map[meeting.ItemID]engine.Known{}
	first := w.window(room, around(span))
	w.Len(first, 4)
	for _, s := range first {
		known[s.Item] = told(s)
	}
	before := w.count("GetItem")
	again, err := w.calendar.Window(w.ctx, room.Address, around(span), known)
	w.NoError(err)
	w.ElementsMatch(first, again)
	w.Equal(before, w.count("GetItem"))

	w.move(other, time.Time{}, later(span, 3*time.Hour))
	w.until("the room has moved", func() bool {
		s := w.sightings(room, other)[""]
		return s.Span == later(span, 3*time.Hour) && s.Presence == meeting.Booked
	})
	before = w.count("GetItem")
	again, err = w.calendar.Window(w.ctx, room.Address, around(span), known)
	w.NoError(err)
	w.ElementsMatch(w.window(room, around(span)), again)
	w.GreaterOrEqual(w.count("GetItem"), before+1)
	for _, s := range again {
		if s.UID == other.uid {
			w.NotEqual(known[s.Item].ChangeKey, s.ChangeKey)
			w.Positive(s.Sequence, "an update has a higher number")
		}
	}
}
