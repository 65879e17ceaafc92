package contract

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// A client may choose the UID, as text or in the form of a GlobalObjectId, and
// the room's copy has the same one.
func ownUID(w *world) {
	random := strings.ReplaceAll(uuid.NewString(), "-", "")
	for _, uid := range []string{"contract-" + random, goidHeader + strings.Repeat("0", 40) + "10000000" + strings.ToUpper(random)} {
		i := w.book(appointment{span: w.slot(), uid: uid, rooms: w.rooms[:1]})
		w.Equal(strings.ToLower(uid), strings.ToLower(w.get(w.Organizer, itemID(i)).text("UID")))
		theirs := w.copyIn(w.rooms[0], uid, "the room has a copy", func(*node) bool { return true })
		w.Equal(strings.ToLower(uid), strings.ToLower(theirs.text("UID")))
	}
}

// Setting a collection replaces it, appending keeps it, deleting empties it.
func writeCollections(w *world) {
	s := w.slot()
	i := w.book(appointment{span: s, rooms: w.rooms[:1]})
	rooms := func() []string {
		var addresses []string
		for _, a := range w.get(w.Organizer, itemID(id{id: i.id})).at("Resources").all("Attendee") {
			addresses = append(addresses, strings.ToLower(a.text("Mailbox", "EmailAddress")))
		}
		return addresses
	}
	one, other := strings.ToLower(w.rooms[0]), strings.ToLower(w.rooms[1])
	w.change(i, set("calendar:Resources", attendees("Resources", other)))
	w.Equal([]string{other}, rooms())
	w.change(i, `<t:AppendToItemField><t:FieldURI FieldURI="calendar:Resources"/><t:CalendarItem>`+attendees("Resources", one)+`</t:CalendarItem></t:AppendToItemField>`)
	w.ElementsMatch([]string{one, other}, rooms())
	w.change(i, `<t:DeleteItemField><t:FieldURI FieldURI="calendar:Resources"/></t:DeleteItemField>`)
	w.Empty(rooms())
	w.change(i, set("calendar:Location", `<t:Location>Elsewhere</t:Location>`), moved(s.later(time.Hour)))
	item := w.get(w.Organizer, itemID(id{id: i.id}))
	w.Equal([]string{"Elsewhere", utc(s.start.Add(time.Hour)), utc(s.end.Add(time.Hour)), w.subject},
		[]string{item.text("Location"), item.text("Start"), item.text("End"), item.text("Subject")})
}

// Every write gives a new change key; NeverOverwrite takes only the newest.
func changeKeys(w *world) {
	i := w.book(appointment{span: w.slot()})
	change := set("calendar:Location", `<t:Location>Elsewhere</t:Location>`)
	got := w.as(w.Organizer, update("NeverOverwrite", itemID(i), change))
	m := w.succeeded(got)[0]
	w.Equal("0", m.text("ConflictResults", "Count"))
	now := idOf(m.at("Items", "CalendarItem"))
	w.Equal(i.id, now.id)
	w.NotEqual(i.key, now.key)
	w.Equal([]string{"ErrorIrresolvableConflict"}, w.as(w.Organizer, update("NeverOverwrite", itemID(i), change)).codes())
	w.ok(w.Organizer, update("AlwaysOverwrite", itemID(i), change))
}

// deleted finds what the case has in the organizer's deleted items.
func (w *world) deleted() []*node {
	w.t.Helper()
	return w.ok(w.Organizer, search("", equal(bySubject, w.subject), `<t:DistinguishedFolderId Id="deleteditems"/>`))[0].at("RootFolder", "Items").Children
}

// A cancelled meeting leaves the calendar under another id, and its room is
// told.
func cancelMeeting(w *world) {
	i := w.book(appointment{span: w.slot(), rooms: w.rooms[:1]})
	item := w.answered(i, w.rooms[0], "Accept")
	uid := item.text("UID")
	got := w.as(w.Organizer, respond("CancelCalendarItem", idOf(item)))
	w.succeeded(got)
	w.Equal("CreateItemResponse", got.body().XMLName.Local)
	w.Equal([]string{"ErrorItemNotFound"}, w.as(w.Organizer, getItems(shape(), itemID(i))).codes())
	w.Empty(w.copies(w.Organizer, uid))
	w.until("the room is told", func() bool {
		for _, c := range w.copies(w.rooms[0], uid) {
			if c.text("IsCancelled") != "true" {
				return false
			}
			w.Equal("7", c.text("AppointmentState"), "a meeting that was received and cancelled")
		}
		return true
	})
}

// Deleting an occurrence cancels it; the answer has no items.
func deleteOccurrence(w *world) {
	s := w.slot()
	master := w.book(appointment{span: s, rooms: w.rooms[:1], behind: daily(s.start, "3")})
	uid := w.answered(master, w.rooms[0], "Accept").text("UID")
	got := w.as(w.Organizer, erase("MoveToDeletedItems", occurrenceID(w.fresh(w.Organizer, master), "2")))
	w.Nil(w.succeeded(got)[0].at("Items"))
	w.Equal("DeleteItemResponseMessage", got.messages()[0].XMLName.Local)
	w.Equal(utc(s.start.Add(day)), w.get(w.Organizer, itemID(id{id: master.id})).text("DeletedOccurrences", "DeletedOccurrence", "Start"))
	w.until("the room is told", func() bool { return !w.holds(w.rooms[0], uid, s.start.Add(day)) })
	w.True(w.holds(w.rooms[0], uid, s.start))
	w.True(w.holds(w.rooms[0], uid, s.start.Add(2*day)))
}

// holds tells whether a mailbox holds an hour for a meeting.
func (w *world) holds(mailbox, uid string, start time.Time) bool {
	w.t.Helper()
	for _, i := range w.view(mailbox, span{start, start.Add(time.Minute)}) {
		item := w.get(mailbox, itemID(idOf(i)))
		if item.text("Start") == utc(start) && item.text("IsCancelled") != "true" && cleanGOID(item.text("UID")) == cleanGOID(uid) {
			return true
		}
	}
	return false
}

// Without invitations nobody knows of a meeting: neither when it is made nor
// when it is deleted, which leaves the room with what it has.
func tellNobody(w *world) {
	s := w.slot()
	quiet := w.get(w.Organizer, itemID(w.book(appointment{span: s, rooms: w.rooms[:1], silent: true}))).text("UID")
	told := w.book(appointment{span: s.later(day), rooms: w.rooms[:1]})
	uid := w.answered(told, w.rooms[0], "Accept").text("UID")
	w.Empty(w.copies(w.rooms[0], quiet), "a later request has arrived, this has none")
	w.ok(w.Organizer, strings.Replace(erase("HardDelete", itemID(told)), "SendToAllAndSaveCopy", "SendToNone", 1))
	next := w.book(appointment{span: s.later(2 * day), rooms: w.rooms[:1]})
	w.answered(next, w.rooms[0], "Accept")
	w.True(w.holds(w.rooms[0], uid, s.start.Add(day)))
	for _, c := range w.copies(w.rooms[0], uid) { // nobody else will take it away
		w.ok(w.rooms[0], strings.Replace(erase("HardDelete", itemID(idOf(c))), "SendToAllAndSaveCopy", "SendToNone", 1))
	}
}
