package exchangesim

import (
	"maps"
	"slices"
	"time"

	"ews/simulator/exchangesim/recurrence"
)

// The folders that every mailbox has, by distinguished name.
const (
	folderCalendar = "calendar"
	folderInbox    = "inbox"
	folderDeleted  = "deleteditems"
	folderRoot     = "root"
	folderTop      = "msgfolderroot"
)

// folderTree lists them with parents before children.
var folderTree = []struct{ name, display, class, parent string }{
	{folderRoot, "root", "", ""},
	{folderTop, "Top of Information Store", "IPF.Note", folderRoot},
	{folderCalendar, "Calendar", "IPF.Appointment", folderTop},
	{folderInbox, "Inbox", "IPF.Note", folderTop},
	{folderDeleted, "Deleted Items", "IPF.Note", folderTop},
	{"sentitems", "Sent Items", "IPF.Note", folderTop},
	{"drafts", "Drafts", "IPF.Note", folderTop},
	{"outbox", "Outbox", "IPF.Note", folderTop},
	{"junkemail", "Junk Email", "IPF.Note", folderTop},
}

// mailbox is a user, a room or another recipient with a store. Everything in
// it is guarded by the server's lock.
type mailbox struct {
	Mailbox
	guid     string
	room     *Policy // nil for users
	folders  map[string]*folder
	items    map[uint64]*item
	meetings map[string][]*item // calendar items by clean GlobalObjectId
	emit     func(event)
	original *mailbox // whose place this one has taken, see ReplaceMailbox

	// withdrawn holds when a meeting was cancelled, by clean GlobalObjectId, so
	// that a request that was sent before and arrives after the cancellation is
	// recognised as outdated.
	withdrawn map[string]time.Time
}

// folder holds items and remembers enough to tell any client what changed
// since any moment. counter grows with every change; an item's createdAt and
// changedAt are values of it.
type folder struct {
	box                        *mailbox
	number                     uint64
	name, display, class, base string
	counter                    uint64
	items                      map[uint64]*item
	gone                       map[uint64]tombstone
}

// tombstone is an item that left the folder.
type tombstone struct {
	createdAt, goneAt uint64
}

// itemClass names the element that shows an item.
type itemClass string

const (
	calendarItem        itemClass = "CalendarItem"
	meetingRequest      itemClass = "MeetingRequest"
	meetingResponse     itemClass = "MeetingResponse"
	meetingCancellation itemClass = "MeetingCancellation"
)

// messageClasses are the MAPI names of the item classes.
var messageClasses = map[itemClass]string{
	calendarItem:        "IPM.Appointment",
	meetingRequest:      "IPM.Schedule.Meeting.Request",
	meetingResponse:     "IPM.Schedule.Meeting.Resp",
	meetingCancellation: "IPM.Schedule.Meeting.Canceled",
}

// item is an object of a folder. Meeting messages carry a snapshot of the
// appointment they are about.
type item struct {
	number               uint64
	folder               *folder
	class                itemClass
	appt                 *appointment
	created, modified    time.Time
	author               string // display name of who changed it last
	version              uint64
	clientVersion        uint64 // version of the last change made by a client, not by tracking of responses
	createdAt, changedAt uint64

	from     string // meeting messages: sender
	response string // meeting responses: the answer
	instance time.Time
	read     bool
}

func (it *item) box() *mailbox { return it.folder.box }

// attendee is a row of a meeting's tracking table.
type attendee struct {
	address, name string
	role          string // RequiredAttendees, OptionalAttendees or Resources
	response      string
	responded     time.Time
}

// The attendee collections, which also name the roles.
const (
	roleRequired = "RequiredAttendees"
	roleOptional = "OptionalAttendees"
	roleResource = "Resources"
)

// The response types of EWS.
const (
	responseUnknown   = "Unknown"
	responseOrganizer = "Organizer"
	responseTentative = "Tentative"
	responseAccept    = "Accept"
	responseDecline   = "Decline"
	responseNone      = "NoResponseReceived"
)

// The free/busy states that the engine itself sets.
const (
	busyFree      = "Free"
	busyTentative = "Tentative"
	busyBusy      = "Busy"
)

// appointment is the content of a calendar item, of one exception of a series,
// or of a meeting message.
type appointment struct {
	uid, goid                string // goid is clean
	subject, body, bodyType  string
	location                 string
	sensitivity, importance  string
	categories               []string
	start, end               time.Time
	allDay                   bool
	startZone, endZone       recurrence.Zone
	freeBusy                 string
	reminderSet              bool
	reminderMinutes          int
	organizer                string
	attendees                []attendee
	cancelled, sent          bool
	noResponse, noProposal   bool
	conference               int
	myResponse               string
	replied                  time.Time
	sequence                 int
	stamp                    time.Time
	rule                     *recurrence.Rule
	exceptions               map[int64]*appointment // by original start
	deleted                  map[int64]bool         // by original start
	original                 time.Time              // exceptions and standalone occurrences
	properties               map[propertyKey]propertyValue
	workspaceURL, netShowURL string
	declined                 map[int64]bool // room copies: instances that the room refused
}

// clone copies deeply; properties are shared copies too.
func (a *appointment) clone() *appointment {
	b := *a
	b.categories = slices.Clone(a.categories)
	b.attendees = slices.Clone(a.attendees)
	b.exceptions = map[int64]*appointment{}
	for k, e := range a.exceptions {
		b.exceptions[k] = e.clone()
	}
	b.deleted = map[int64]bool{}
	for k := range a.deleted {
		b.deleted[k] = true
	}
	b.declined = map[int64]bool{}
	for k := range a.declined {
		b.declined[k] = true
	}
	b.properties = map[propertyKey]propertyValue{}
	maps.Copy(b.properties, a.properties)
	if a.rule != nil {
		r := *a.rule
		r.Days = slices.Clone(a.rule.Days)
		b.rule = &r
	}
	return &b
}

func (a *appointment) isMeeting() bool {
	return len(a.attendees) > 0 || a.myResponse != responseOrganizer
}

// attendeeRow returns the row of an address, or nil.
func (a *appointment) attendeeRow(address string) *attendee {
	for i := range a.attendees {
		if a.attendees[i].address == address {
			return &a.attendees[i]
		}
	}
	return nil
}

// add puts an item into the folder under a new number.
func (s *Server) add(f *folder, it *item) *item {
	s.lastItem++
	it.number, it.folder = s.lastItem, f
	f.counter++
	it.createdAt, it.changedAt = f.counter, f.counter
	it.version++
	it.clientVersion = it.version
	f.items[it.number] = it
	f.box.items[it.number] = it
	if f.name == folderCalendar {
		f.box.meetings[it.appt.goid] = append(f.box.meetings[it.appt.goid], it)
	}
	f.box.emit(event{kind: eventCreated, folder: f, item: it})
	return it
}

// newItem stores a new calendar item.
func (s *Server) newItem(f *folder, a *appointment, author string) *item {
	now := s.now()
	return s.add(f, &item{class: calendarItem, appt: a, created: now, modified: now, author: author})
}

// touch records a change. client tells whether a client wrote properties; the
// tracking of responses does not count as that.
func (s *Server) touch(it *item, author string, client bool) {
	it.folder.counter++
	it.changedAt = it.folder.counter
	it.version++
	if client {
		it.clientVersion = it.version
	}
	it.modified, it.author = s.now(), author
	it.box().emit(event{kind: eventModified, folder: it.folder, item: it})
}

// remove takes an item out of its folder.
func (s *Server) remove(it *item) {
	s.detach(it)
	it.box().emit(event{kind: eventDeleted, folder: it.folder, item: it})
}

func (s *Server) detach(it *item) {
	f := it.folder
	f.counter++
	f.gone[it.number] = tombstone{createdAt: it.createdAt, goneAt: f.counter}
	delete(f.items, it.number)
	delete(f.box.items, it.number)
	if rest := slices.DeleteFunc(f.box.meetings[it.appt.goid], func(x *item) bool { return x == it }); len(rest) > 0 {
		f.box.meetings[it.appt.goid] = rest
	} else {
		delete(f.box.meetings, it.appt.goid)
	}
}

// move puts an item into another folder, or into the same one again; either
// way it gets a new id.
func (s *Server) move(it *item, to *folder) {
	old := *it
	s.detach(it)
	s.lastItem++
	it.number, it.folder = s.lastItem, to
	to.counter++
	it.createdAt, it.changedAt = to.counter, to.counter
	it.version++
	it.clientVersion = it.version
	to.items[it.number] = it
	to.box.items[it.number] = it
	if to.name == folderCalendar {
		to.box.meetings[it.appt.goid] = append(to.box.meetings[it.appt.goid], it)
	}
	to.box.emit(event{kind: eventMoved, folder: to, item: it, old: &old})
}

// find returns the calendar item of a meeting: the one of the whole meeting,
// or, given an original start, the standalone item of one occurrence.
func (b *mailbox) find(goid string, original time.Time) *item {
	for _, it := range b.meetings[goid] {
		if it.appt.original.Equal(original) {
			return it
		}
	}
	return nil
}
