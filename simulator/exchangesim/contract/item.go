package contract

import (
	"slices"
	"strings"
	"time"
)

// syncFolder reads changes of the organizer's calendar.
func syncFolder(state, most string) string {
	if state != "" {
		state = `<m:SyncState>` + state + `</m:SyncState>`
	}
	return `<m:SyncFolderItems>` + shape() + `<m:SyncFolderId>` + calendarFolder + `</m:SyncFolderId>` + state + `<m:MaxChangesReturned>` + most +
		`</m:MaxChangesReturned></m:SyncFolderItems>`
}

// change is one that a synchronization told.
type syncChange struct{ kind, id string }

// sync reads changes to the end, in pages of the given size, and returns the
// state then.
func (w *world) sync(state, most string) (changes []syncChange, pages int, next string) {
	w.t.Helper()
	for {
		m := w.ok(w.Organizer, syncFolder(state, most))[0]
		pages++
		w.NotEmpty(m.text("SyncState"))
		if len(m.at("Changes").Children) > 0 {
			w.NotEqual(state, m.text("SyncState"), "the state goes on with what was told")
		}
		state = m.text("SyncState")
		for _, c := range m.at("Changes").Children {
			item := c
			if c.XMLName.Local != "Delete" && c.XMLName.Local != "ReadFlagChange" {
				w.Len(c.Children, 1)
				item = c.Children[0]
			}
			changes = append(changes, syncChange{c.XMLName.Local, idOf(item).id})
		}
		if m.text("IncludesLastItemInRange") == "true" {
			return changes, pages, state
		}
	}
}

// of returns what was told of an item.
func of(changes []syncChange, i id) []string {
	var kinds []string
	for _, c := range changes {
		if c.id == i.id && c.kind != "ReadFlagChange" {
			kinds = append(kinds, c.kind)
		}
	}
	return kinds
}

func syncLife(w *world) {
	_, _, state := w.sync("", "512")
	i := w.book(appointment{span: w.slot()})
	changes, _, created := w.sync(state, "512")
	w.Equal([]string{"Create"}, of(changes, i))
	w.change(i, set("calendar:Location", `<t:Location>Elsewhere</t:Location>`))
	changes, _, changed := w.sync(created, "512")
	w.Equal([]string{"Update"}, of(changes, i))
	w.ok(w.Organizer, erase("MoveToDeletedItems", itemID(i)))
	changes, _, _ = w.sync(changed, "512")
	w.Equal([]string{"Delete"}, of(changes, i))

	changes, _, _ = w.sync(state, "512")
	w.Empty(of(changes, i), "what came and went since a state is not told")
	changes, _, _ = w.sync(created, "512")
	w.Equal([]string{"Delete"}, of(changes, i), "an older state tells what happened since")
}

func syncPages(w *world) {
	_, _, state := w.sync("", "512")
	s := w.slot()
	first, second, third := w.book(appointment{span: s}), w.book(appointment{span: s}), w.book(appointment{span: s})
	changes, pages, next := w.sync(state, "1")
	w.GreaterOrEqual(pages, 3)
	for _, i := range []id{first, second, third} {
		w.Equal([]string{"Create"}, of(changes, i))
	}
	position := func(i id) int { return slices.Index(changes, syncChange{"Create", i.id}) }
	w.Less(position(third), position(first), "the newest comes first")
	changes, _, _ = w.sync(next, "512")
	w.Empty(slices.DeleteFunc(changes, func(c syncChange) bool { return c.id != first.id && c.id != second.id && c.id != third.id }))
}

// A series is one item: occurrences are never told of, a change of one is a
// change of the series.
func syncOccurrence(w *world) {
	s := w.slot()
	series := w.book(appointment{span: s, behind: daily(s.start, "3")})
	_, _, state := w.sync("", "512")
	w.ok(w.Organizer, erase("MoveToDeletedItems", occurrenceID(w.fresh(w.Organizer, series), "2")))
	changes, _, next := w.sync(state, "512")
	w.Equal([]string{"Update"}, of(changes, series))
	w.Len(changes, 1)
	third := w.get(w.Organizer, occurrenceID(series, "3"))
	w.ok(w.Organizer, update("AlwaysOverwrite", itemID(idOf(third)), moved(s.later(2*day+time.Hour))))
	changes, _, _ = w.sync(next, "512")
	w.Equal([]string{"Update"}, of(changes, series))
	w.Empty(of(changes, idOf(third)))
}

// order is that of the properties of a calendar item, as far as this suite asks
// for them.
var order = strings.Fields(`ItemId ParentFolderId ItemClass Subject Sensitivity Body DateTimeReceived Size Importance DateTimeSent DateTimeCreated
	ReminderDueBy ReminderIsSet ReminderMinutesBeforeStart HasAttachments ExtendedProperty LastModifiedName LastModifiedTime UID RecurrenceId
	DateTimeStamp Start End OriginalStart IsAllDayEvent LegacyFreeBusyStatus Location When IsMeeting IsCancelled IsRecurring MeetingRequestWasSent
	IsResponseRequested CalendarItemType MyResponseType Organizer RequiredAttendees OptionalAttendees Resources AppointmentReplyTime
	AppointmentSequenceNumber AppointmentState Recurrence FirstOccurrence LastOccurrence ModifiedOccurrences DeletedOccurrences StartTimeZone
	EndTimeZone StartTimeZoneId EndTimeZoneId`)

func itemOrder(w *world) {
	s := w.slot()
	i := w.book(appointment{span: s, properties: `<t:ExtendedProperty>` + ownKey + `<t:Value>key</t:Value></t:ExtendedProperty>`, rooms: w.rooms[:1]})
	item := w.get(w.Organizer, itemID(i))
	w.Equal("CalendarItem", item.XMLName.Local)
	last := 0
	for _, p := range item.Children {
		at := slices.Index(order, p.XMLName.Local)
		w.GreaterOrEqual(at, last, "%s is not where it belongs", p.XMLName.Local)
		w.Equal(nsTypes, p.XMLName.Space)
		last = at
	}
	for property, value := range map[string]string{
		"Subject": w.subject, "Start": utc(s.start), "End": utc(s.end), "IsAllDayEvent": "false", "LegacyFreeBusyStatus": "Busy", "Location": "Lab",
		"IsMeeting": "true", "IsCancelled": "false", "IsRecurring": "false", "CalendarItemType": "Single", "MyResponseType": "Organizer",
		"AppointmentSequenceNumber": "0", "AppointmentState": "1", "Sensitivity": "Normal",
	} {
		w.Equal(value, item.text(property), property)
	}
	w.Nil(item.at("Recurrence"))
	w.Nil(item.at("Body"), "what is not asked for is not sent")
	w.Equal(strings.ToLower(w.Organizer), strings.ToLower(item.text("Organizer", "Mailbox", "EmailAddress")))
	w.Equal("key", w.property(item, "PropertyName", "ContractTestKey"))
}

// property reads an extended property by an attribute of its path.
func (w *world) property(item *node, attr, value string) string {
	w.t.Helper()
	for _, p := range item.all("ExtendedProperty") {
		if p.at("ExtendedFieldURI").attr(attr) == value {
			return p.text("Value")
		}
	}
	w.FailNow("the item lacks a property", value)
	return ""
}

func itemSeries(w *world) {
	s := w.slot()
	master := w.book(appointment{span: s, behind: daily(s.start, "4")})
	w.ok(w.Organizer, erase("MoveToDeletedItems", occurrenceID(w.fresh(w.Organizer, master), "2")))
	third := w.get(w.Organizer, occurrenceID(w.fresh(w.Organizer, master), "3"))
	w.Equal("Occurrence", third.text("CalendarItemType"))
	w.Equal(utc(s.start.Add(2*day)), third.text("Start"))
	w.Nil(third.at("Recurrence"))
	w.Nil(third.at("DeletedOccurrences"))
	w.Equal(w.fresh(w.Organizer, master).key, idOf(third).key, "occurrences have the change key of their series")
	w.ok(w.Organizer, update("AlwaysOverwrite", itemID(idOf(third)), moved(s.later(2*day+time.Hour))))
	third = w.get(w.Organizer, itemID(id{id: idOf(third).id}))
	w.Equal("Exception", third.text("CalendarItemType"))
	w.Equal(utc(s.start.Add(2*day)), third.text("OriginalStart"))
	w.Equal(utc(s.start.Add(2*day+time.Hour)), third.text("Start"))

	item := w.get(w.Organizer, `<t:RecurringMasterItemId OccurrenceId="`+text(idOf(third).id)+`"/>`)
	w.Equal(master.id, idOf(item).id)
	w.Equal("RecurringMaster", item.text("CalendarItemType"))
	w.Equal("true", item.text("IsRecurring"))
	w.Equal("4", item.text("Recurrence", "NumberedRecurrence", "NumberOfOccurrences"))
	w.Equal("1", item.text("Recurrence", "DailyRecurrence", "Interval"))
	w.Equal(utc(s.start), item.text("FirstOccurrence", "Start"))
	w.Equal(utc(s.start.Add(3*day)), item.text("LastOccurrence", "Start"))
	w.Equal(utc(s.start.Add(day)), item.text("DeletedOccurrences", "DeletedOccurrence", "Start"))
	w.Len(item.at("ModifiedOccurrences").all("Occurrence"), 1)
	w.Equal(utc(s.start.Add(2*day)), item.text("ModifiedOccurrences", "Occurrence", "OriginalStart"))
	w.Equal(utc(s.start.Add(2*day+time.Hour)), item.text("ModifiedOccurrences", "Occurrence", "Start"))
	w.Equal(idOf(third).id, idOf(item.at("ModifiedOccurrences", "Occurrence")).id)
	w.Equal(item.text("UID"), third.text("UID")[:32]+"00000000"+third.text("UID")[40:], "all dates have one UID, but for the day in it")
}

// Rooms are resources, people are attendees, and only the organizer's item has
// their answers.
func itemAttendees(w *world) {
	i := w.book(appointment{span: w.slot(), rooms: w.rooms[:1]})
	item := w.get(w.Organizer, itemID(i))
	w.Nil(item.at("RequiredAttendees"))
	rows := item.at("Resources").all("Attendee")
	w.Len(rows, 1)
	w.Equal(strings.ToLower(w.rooms[0]), strings.ToLower(rows[0].text("Mailbox", "EmailAddress")))
	w.NotEmpty(rows[0].text("Mailbox", "Name"))
	w.Contains([]string{"", "Unknown", "NoResponseReceived", "Accept"}, rows[0].text("ResponseType"))
	row := w.answered(i, w.rooms[0], "Accept").at("Resources").all("Attendee")[0]
	_, err := time.Parse(time.RFC3339, row.text("LastResponseTime"))
	w.NoError(err)
}
