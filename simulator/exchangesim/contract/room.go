package contract

import "time"

// A room that accepts holds the time, and the organizer's item knows.
func roomAccepts(w *world) {
	s := w.slot()
	i := w.book(appointment{span: s, rooms: w.rooms[:2]})
	item := w.answered(i, w.rooms[0], "Accept")
	w.answered(i, w.rooms[1], "Accept")
	for _, room := range w.rooms[:2] {
		theirs := w.copyIn(room, item.text("UID"), "the room has accepted", func(c *node) bool { return c.text("MyResponseType") == "Accept" })
		w.Equal("Busy", theirs.text("LegacyFreeBusyStatus"))
		w.Equal(utc(s.start), theirs.text("Start"))
		w.Equal("true", theirs.text("IsMeeting"))
		w.Equal("3", theirs.text("AppointmentState"), "a meeting that was received")
		w.Equal(item.text("AppointmentSequenceNumber"), theirs.text("AppointmentSequenceNumber"))
	}
}

func roomDeclines(w *world) {
	s := w.slot()
	first := w.book(appointment{span: s, rooms: w.rooms[:1]})
	w.answered(first, w.rooms[0], "Accept")
	second := w.book(appointment{span: s.later(30 * time.Minute), rooms: w.rooms[:1]})
	item := w.answered(second, w.rooms[0], "Decline")
	w.until("the room has let go", func() bool { return !w.holds(w.rooms[0], item.text("UID"), s.start.Add(30*time.Minute)) })
	third := w.book(appointment{span: s.later(time.Hour), rooms: w.rooms[:1]})
	w.answered(third, w.rooms[0], "Accept") // what follows at once does not overlap
}

// A room answers a changed time anew: it follows to where it is free, and
// declines and lets go where it is not.
func roomFollows(w *world) {
	s := w.slot()
	i := w.book(appointment{span: s, rooms: w.rooms[:1]})
	before := w.answered(i, w.rooms[0], "Accept")
	uid := before.text("UID")
	w.change(i, moved(s.later(2*time.Hour)))
	w.copyIn(w.rooms[0], uid, "the room has followed", func(c *node) bool {
		return c.text("Start") == utc(s.start.Add(2*time.Hour)) && c.text("MyResponseType") == "Accept"
	})
	after := w.answered(i, w.rooms[0], "Accept")
	w.Greater(after.text("AppointmentSequenceNumber"), before.text("AppointmentSequenceNumber"))
	w.Equal(uid, after.text("UID"))
	w.False(w.holds(w.rooms[0], uid, s.start))

	other := w.book(appointment{span: s.later(5 * time.Hour), rooms: w.rooms[:1]})
	w.answered(other, w.rooms[0], "Accept")
	w.change(i, moved(s.later(5*time.Hour)))
	w.answered(i, w.rooms[0], "Decline")
	w.until("the room has let go", func() bool { return !w.holds(w.rooms[0], uid, s.start.Add(2*time.Hour)) })
}

// A room that is taken off a meeting is told, one that is added is asked, and
// one that stays keeps its answer.
func roomRemoved(w *world) {
	s := w.slot()
	i := w.book(appointment{span: s, rooms: w.rooms[:1]})
	uid := w.answered(i, w.rooms[0], "Accept").text("UID")
	w.change(i, set("calendar:Resources", attendees("Resources", w.rooms[:2]...)))
	w.Equal("Accept", responseOf(w.answered(i, w.rooms[1], "Accept"), w.rooms[0]))
	w.change(i, set("calendar:Resources", attendees("Resources", w.rooms[1])))
	w.until("the room is free", func() bool { return !w.holds(w.rooms[0], uid, s.start) })
	w.True(w.holds(w.rooms[1], uid, s.start))
}

// A room has a series as one item, without the dates that were cancelled.
func roomSeries(w *world) {
	s := w.slot()
	master := w.book(appointment{span: s, rooms: w.rooms[:1], behind: daily(s.start, "3")})
	uid := w.answered(master, w.rooms[0], "Accept").text("UID")
	theirs := w.copyIn(w.rooms[0], uid, "the room has the series", func(c *node) bool { return c.text("CalendarItemType") == "RecurringMaster" })
	w.Equal("3", theirs.text("Recurrence", "NumberedRecurrence", "NumberOfOccurrences"))
	second := w.get(w.Organizer, occurrenceID(w.fresh(w.Organizer, master), "2"))
	w.ok(w.Organizer, respond("CancelCalendarItem", idOf(second)))
	w.until("the date is free", func() bool { return !w.holds(w.rooms[0], uid, s.start.Add(day)) })
	w.True(w.holds(w.rooms[0], uid, s.start))
	w.True(w.holds(w.rooms[0], uid, s.start.Add(2*day)))
	w.Len(w.get(w.Organizer, itemID(id{id: master.id})).at("DeletedOccurrences").all("DeletedOccurrence"), 1)
}
