package contract

import (
	"slices"
	"strings"
	"time"
)

// Items and folders.

func getDeleted(w *world) answer {
	i := w.book(appointment{span: w.slot()})
	w.ok(w.Organizer, erase("HardDelete", itemID(i)))
	return w.as(w.Organizer, getItems(shape(), itemID(i)))
}

// An id is its mailbox's.
func getForeign(w *world) answer {
	i := w.book(appointment{span: w.slot()})
	return w.as(w.rooms[0], getItems(shape(), itemID(i)))
}

func getMalformed(w *world) answer {
	i := w.book(appointment{span: w.slot()})
	return w.as(w.Organizer, getItems(shape(), itemID(id{id: "no id"}), itemID(id{id: i.id[:len(i.id)/2]})))
}

func getEmpty(w *world) answer { return w.as(w.Organizer, getItems(shape(), `<t:ItemId Id=""/>`)) }

func getWrongProperty(w *world) answer {
	i := w.book(appointment{span: w.slot()})
	return w.as(w.Organizer, getItems(shape("folder:DisplayName"), itemID(i)))
}

const archive = `<t:DistinguishedFolderId Id="archiveroot"/>`

func openArchive(w *world) answer {
	got := w.as(w.Organizer, getFolder(archive))
	if slices.Equal(got.codes(), []string{"NoError"}) {
		w.without("a mailbox without archive")
	}
	return got
}

func syncArchive(w *world) answer {
	got := w.as(w.Organizer, strings.Replace(syncFolder("", "10"), calendarFolder, archive, 1))
	if slices.Equal(got.codes(), []string{"NoError"}) {
		w.without("a mailbox without archive")
	}
	return got
}

func syncMalformed(w *world) answer { return w.as(w.Organizer, syncFolder("bm9uc2Vuc2U=", "10")) }

// A state is that of one folder of one mailbox.
func syncForeign(w *world) answer {
	_, _, state := w.sync("", "512")
	return w.as(w.rooms[0], syncFolder(state, "10"))
}

// Searches.

func viewTooLong(w *world) answer {
	s := w.slot()
	return w.as(w.Organizer, search(calendarView(span{s.start, s.start.AddDate(3, 0, 0)}, ""), "", calendarFolder))
}

func viewOfInbox(w *world) answer {
	return w.as(w.Organizer, search(calendarView(w.slot(), ""), "", inbox))
}

func viewBackwards(w *world) answer {
	s := w.slot()
	return w.as(w.Organizer, search(calendarView(span{s.end, s.start}, ""), "", calendarFolder))
}

func searchUID(w *world) answer {
	return w.as(w.Organizer, search("", equal(`<t:FieldURI FieldURI="calendar:UID"/>`, "uid"), calendarFolder))
}

// Occurrences.

func (w *world) series() (span, id) {
	s := w.slot()
	return s, w.book(appointment{span: s, behind: daily(s.start, "4")})
}

func occurrenceBehindEnd(w *world) answer {
	_, master := w.series()
	return w.as(w.Organizer, getItems(shape(), occurrenceID(master, "5")))
}

func occurrenceDeleted(w *world) answer {
	_, master := w.series()
	w.ok(w.Organizer, erase("MoveToDeletedItems", occurrenceID(master, "2")))
	return w.as(w.Organizer, erase("MoveToDeletedItems", occurrenceID(w.fresh(w.Organizer, master), "2")))
}

func occurrenceOfSingle(w *world) answer {
	return w.as(w.Organizer, getItems(shape(), occurrenceID(w.book(appointment{span: w.slot()}), "1")))
}

func masterOfSingle(w *world) answer {
	i := w.book(appointment{span: w.slot()})
	return w.as(w.Organizer, getItems(shape(), `<t:RecurringMasterItemId OccurrenceId="`+text(i.id)+`"/>`))
}

// moveSecond gives the second of four days another time.
func (w *world) moveSecond(to func(s span) span) answer {
	s, master := w.series()
	second := idOf(w.get(w.Organizer, occurrenceID(master, "2")))
	return w.as(w.Organizer, update("AlwaysOverwrite", itemID(second), moved(to(s.later(day)))))
}

func occurrenceAcross(w *world) answer {
	return w.moveSecond(func(s span) span { return s.later(day + 2*time.Hour) })
}

func occurrenceTooLong(w *world) answer {
	return w.moveSecond(func(s span) span { return span{s.start, s.end.Add(day)} })
}

func (w *world) recurring(pattern string) answer {
	s := w.slot()
	for s.start.Weekday() != time.Tuesday {
		s = s.later(day)
	}
	return w.as(w.Organizer, w.create(appointment{span: s, silent: true, behind: `<t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval>` + pattern +
		`</t:WeeklyRecurrence><t:EndDateRecurrence><t:StartDate>` + s.start.Format(time.DateOnly) + `</t:StartDate><t:EndDate>` +
		s.start.Add(day).Format(time.DateOnly) + `</t:EndDate></t:EndDateRecurrence></t:Recurrence>`}))
}

func recurrenceWithoutDay(w *world) answer { return w.recurring(`<t:DaysOfWeek></t:DaysOfWeek>`) }

// From Tuesday to Wednesday there is no Monday.
func recurrenceWithoutDate(w *world) answer {
	return w.recurring(`<t:DaysOfWeek>Monday</t:DaysOfWeek>`)
}

// Writing.

func createBackwards(w *world) answer {
	s := w.slot()
	return w.as(w.Organizer, w.create(appointment{span: span{s.end, s.start}, silent: true}))
}

func createTooLong(w *world) answer {
	s := w.slot()
	return w.as(w.Organizer, w.create(appointment{span: span{s.start, s.start.AddDate(6, 0, 0)}, silent: true}))
}

// bare takes the attribute away that says who is told.
func bare(request, attribute string) string {
	before, rest, _ := strings.Cut(request, attribute+`="`)
	_, after, _ := strings.Cut(rest, `"`)
	return before + after
}

func createWithoutMode(w *world) answer {
	return w.as(w.Organizer, bare(w.create(appointment{span: w.slot()}), "SendMeetingInvitations"))
}

var elsewhere = set("calendar:Location", `<t:Location>Elsewhere</t:Location>`)

func updateWithoutMode(w *world) answer {
	i := w.book(appointment{span: w.slot()})
	return w.as(w.Organizer, bare(update("AutoResolve", itemID(i), elsewhere), "SendMeetingInvitationsOrCancellations"))
}

func deleteWithoutMode(w *world) answer {
	i := w.book(appointment{span: w.slot()})
	return w.as(w.Organizer, bare(erase("HardDelete", itemID(i)), "SendMeetingCancellations"))
}

func createInInbox(w *world) answer {
	return w.as(w.Organizer, strings.Replace(w.create(appointment{span: w.slot(), silent: true}), calendarFolder, inbox, 1))
}

func inviteNobody(w *world) answer {
	return w.as(w.Organizer, w.create(appointment{span: w.slot(), rooms: []string{"no address of anybody"}}))
}

// updated sends changes to an appointment under the given id.
func (w *world) updated(resolution string, key func(i id) id, change string) answer {
	return w.as(w.Organizer, update(resolution, itemID(key(w.book(appointment{span: w.slot()}))), change))
}

func current(i id) id { return i }

func updateTwoAtOnce(w *world) answer {
	return w.updated("AutoResolve", current, set("calendar:Location", `<t:LegacyFreeBusyStatus>Free</t:LegacyFreeBusyStatus><t:Location>Elsewhere</t:Location>`))
}

func updateAnother(w *world) answer {
	return w.updated("AutoResolve", current, set("calendar:Location", `<t:LegacyFreeBusyStatus>Free</t:LegacyFreeBusyStatus>`))
}

func updateReadOnly(w *world) answer {
	return w.updated("AutoResolve", current, set("calendar:CalendarItemType", `<t:CalendarItemType>RecurringMaster</t:CalendarItemType>`))
}

func updateWithoutKey(w *world) answer {
	return w.updated("AlwaysOverwrite", func(i id) id { return id{id: i.id} }, elsewhere)
}

func updateGarbledKey(w *world) answer {
	return w.updated("AlwaysOverwrite", func(i id) id { return id{i.id, "bm8ga2V5"} }, elsewhere)
}

func (w *world) old(i id) id {
	w.change(i, elsewhere)
	return i
}

func updateOldKey(w *world) answer { return w.updated("NeverOverwrite", w.old, elsewhere) }
