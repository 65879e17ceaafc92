package contract

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// mine keeps what the case has made.
func (w *world) mine(items []*node) []*node {
	return slices.DeleteFunc(slices.Clone(items), func(i *node) bool { return i.text("Subject") != w.subject })
}

func starts(items []*node) []string {
	var times []string
	for _, i := range items {
		times = append(times, i.text("Start"))
	}
	slices.Sort(times)
	return times
}

// A view shows dates and never the series; without a view it is the other way
// round.
func findView(w *world) {
	s := w.slot()
	w.book(appointment{span: s, behind: daily(s.start, "4")})
	single := w.book(appointment{span: s.later(2 * time.Hour)})
	shown := w.mine(w.view(w.Organizer, span{s.start, s.start.Add(2 * day)}))
	w.Equal([]string{utc(s.start), utc(s.start.Add(2 * time.Hour)), utc(s.start.Add(day))}, starts(shown))
	for _, i := range shown {
		w.Contains([]string{"Occurrence", "Single"}, i.text("CalendarItemType"))
		w.Nil(i.at("Resources"), "lists of attendees are not found")
	}
	found := w.ok(w.Organizer, search("", equal(bySubject, w.subject), calendarFolder))[0].at("RootFolder")
	w.Equal("true", found.attr("IncludesLastItemInRange"))
	w.Len(found.at("Items").Children, 2)
	kinds := map[string]string{}
	for _, i := range found.at("Items").Children {
		kinds[i.text("CalendarItemType")] = idOf(i).id
	}
	w.Contains(kinds, "RecurringMaster")
	w.Equal(single.id, kinds["Single"])
}

// What begins when a view ends does not overlap it. What ends when it begins is
// a border case, which the documentation leaves open.
func findBounds(w *world) {
	s := w.slot()
	w.book(appointment{span: s})
	count := func(from, to time.Time) int { return len(w.mine(w.view(w.Organizer, span{from, to}))) }
	w.Equal(1, count(s.start, s.end))
	w.Equal(1, count(s.start.Add(10*time.Minute), s.start.Add(20*time.Minute)))
	w.Equal(1, count(s.start.Add(-time.Hour), s.start.Add(time.Minute)))
	w.Equal(0, count(s.start.Add(-time.Hour), s.start))
	w.Equal(0, count(s.end.Add(time.Minute), s.end.Add(time.Hour)))
}

func findTruncated(w *world) {
	s := w.slot()
	w.book(appointment{span: s, behind: daily(s.start, "3")})
	all := span{s.start, s.start.Add(3 * day)}
	root := w.ok(w.Organizer, search(calendarView(all, "2"), "", calendarFolder))[0].at("RootFolder")
	w.Equal("false", root.attr("IncludesLastItemInRange"))
	w.Len(root.at("Items").Children, 2)
	root = w.ok(w.Organizer, search(calendarView(all, "1000"), "", calendarFolder))[0].at("RootFolder")
	w.Equal("true", root.attr("IncludesLastItemInRange"))
	w.Len(w.mine(root.at("Items").Children), 3)
}

func findPages(w *world) {
	s := w.slot()
	for range 3 {
		w.book(appointment{span: s})
	}
	found := map[string]bool{}
	for offset, last := "0", false; !last; {
		root := w.ok(w.Organizer, search(`<m:IndexedPageItemView MaxEntriesReturned="2" Offset="`+offset+`" BasePoint="Beginning"/>`,
			equal(bySubject, w.subject), calendarFolder))[0].at("RootFolder")
		w.Equal("3", root.attr("TotalItemsInView"))
		for _, i := range root.at("Items").Children {
			found[idOf(i).id] = true
		}
		offset, last = root.attr("IndexedPagingOffset"), root.attr("IncludesLastItemInRange") == "true"
	}
	w.Len(found, 3)
}

// The GlobalObjectId is the same in all mailboxes, is shown as UID, and finds
// the copies. In occurrences it has the day.
func findGOID(w *world) {
	s := w.slot()
	master := w.book(appointment{span: s, rooms: w.rooms[:1], behind: daily(s.start, "2")})
	item := w.get(w.Organizer, itemID(master))
	uid := item.text("UID")
	w.Equal(goidHeader, uid[:32])
	w.Equal(strings.Repeat("0", 8), uid[32:40])
	w.Equal("10000000", uid[72:80], "the length of what follows, little endian")
	w.Len(uid, 112)
	raw, err := hex.DecodeString(uid)
	w.NoError(err)
	w.Equal(strings.ToUpper(uid), uid)
	w.Equal(base64.StdEncoding.EncodeToString(raw), w.property(item, "PropertyId", "3"))
	w.Equal(base64.StdEncoding.EncodeToString(raw), w.property(item, "PropertyId", "35"))

	first := w.get(w.Organizer, occurrenceID(master, "1"))
	dated, err := base64.StdEncoding.DecodeString(w.property(first, "PropertyId", "3"))
	w.NoError(err)
	y, m, d := s.start.Date()
	w.Equal([]byte{byte(y >> 8), byte(y), byte(m), byte(d)}, dated[16:20])
	w.Equal(w.property(item, "PropertyId", "35"), w.property(first, "PropertyId", "35"))

	w.Len(w.copies(w.Organizer, uid), 1)
	theirs := w.copyIn(w.rooms[0], uid, "the room has a copy", func(*node) bool { return true })
	w.Equal(uid, theirs.text("UID"))
	w.NotEqual(master.id, idOf(theirs).id, "ids are the mailbox's")
}

func findProperty(w *world) {
	s := w.slot()
	marked := w.book(appointment{span: s, properties: `<t:ExtendedProperty>` + ownKey + `<t:Value>` + text(w.subject) + `</t:Value></t:ExtendedProperty>`})
	w.book(appointment{span: s})
	found := w.ok(w.Organizer, search("", equal(ownKey, w.subject), calendarFolder))[0].at("RootFolder", "Items").Children
	w.Len(found, 1, "a search sees what was written just before")
	w.Equal(marked.id, idOf(found[0]).id)
}

// The number of an occurrence counts those that were deleted.
func findIndex(w *world) {
	s := w.slot()
	master := w.book(appointment{span: s, behind: daily(s.start, "4")})
	w.ok(w.Organizer, erase("MoveToDeletedItems", occurrenceID(master, "2")))
	master = w.fresh(w.Organizer, master)
	got := w.as(w.Organizer, getItems(full, occurrenceID(master, "1"), occurrenceID(master, "2"), occurrenceID(master, "3"), occurrenceID(master, "5")))
	w.Equal([]string{"NoError", "ErrorCalendarOccurrenceIsDeletedFromRecurrence", "NoError", "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"}, got.codes())
	w.Equal(utc(s.start.Add(2*day)), got.messages()[2].text("Items", "CalendarItem", "Start"))
}
