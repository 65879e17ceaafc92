package ews

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ews/exchange/ews/wire"
)

// ItemID identifies one item in one mailbox. ID is case-sensitive and changes
// when the item moves; ChangeKey changes with every write.
type ItemID struct {
	ID, ChangeKey string
}

// ItemType is the role of a calendar item in a series.
type ItemType string

// Values of ItemType.
const (
	Single          ItemType = "Single"
	OccurrenceItem  ItemType = "Occurrence"
	ExceptionItem   ItemType = "Exception"
	RecurringMaster ItemType = "RecurringMaster"
)

// Response is an attendee's answer.
type Response string

// Values of Response.
const (
	ResponseUnknown     Response = "Unknown"
	ResponseOrganizer   Response = "Organizer"
	ResponseTentative   Response = "Tentative"
	ResponseAccept      Response = "Accept"
	ResponseDecline     Response = "Decline"
	ResponseNotReceived Response = "NoResponseReceived"
)

// FreeBusy is how an item blocks its calendar.
type FreeBusy string

// Values of FreeBusy.
const (
	Free             FreeBusy = "Free"
	Tentative        FreeBusy = "Tentative"
	Busy             FreeBusy = "Busy"
	OutOfOffice      FreeBusy = "OOF"
	WorkingElsewhere FreeBusy = "WorkingElsewhere"
	NoFreeBusy       FreeBusy = "NoData"
)

// Bits of CalendarItem.AppointmentState, MS-OXOCAL 2.2.1.10.
const (
	StateMeeting   = 1
	StateReceived  = 2
	StateCancelled = 4
)

// Address is a mailbox as the server names it. RoutingType is SMTP or EX; with
// EX the address is a directory name that ResolveNames turns into SMTP.
type Address struct {
	Name, Address, RoutingType, MailboxType string
}

// Attendee is an invited mailbox and its answer. The answer means something in
// the organiser's copy only; LastResponse is zero when there is none.
type Attendee struct {
	Address
	Response     Response
	LastResponse time.Time
}

// CalendarItem is an item as read. Every value may be missing, because it was
// not requested, does not apply or is not visible: then it is zero.
type CalendarItem struct {
	// Kind is the element name: CalendarItem, or Message and the like for the
	// other items that occur in calendar folders.
	Kind string
	ItemID
	UID             string // as sent by the server; see NormaliseUID
	Subject         string // in a room's copy often the organiser's name
	Location        string
	Body            string
	Sensitivity     string // Normal, Personal, Private, Confidential
	Start, End      time.Time
	OriginalStart   time.Time // of occurrences and exceptions
	RecurrenceID    time.Time
	StartTimeZoneID string // Windows name
	AllDay          bool
	FreeBusy        FreeBusy
	IsMeeting       bool
	IsCancelled     bool
	IsRecurring     bool
	Type            ItemType
	MyResponse      Response
	// Organizer is nil when absent.
	Organizer         *Address
	Resources         []Attendee
	RequiredAttendees []Attendee
	OptionalAttendees []Attendee
	SequenceNumber    int
	AppointmentState  int // bit set, see StateMeeting
	Created           time.Time
	LastModified      time.Time
	// Extended holds named extended properties by name.
	Extended map[string]string
	// CleanGlobalObjectID is the series key in binary form when it was requested.
	CleanGlobalObjectID []byte
	// Recurrence and the fields after it belong to recurring masters.
	Recurrence                      *Recurrence
	FirstOccurrence, LastOccurrence *Occurrence
	ModifiedOccurrences             []Occurrence
	DeletedOccurrences              []time.Time // original starts
}

// IsCalendarItem reports whether the item is an appointment or meeting at all.
func (i *CalendarItem) IsCalendarItem() bool { return i.Kind == "CalendarItem" }

// Occurrence is one instance named by its master.
type Occurrence struct {
	ItemID
	Start, End, OriginalStart time.Time
}

// timeReader parses several times and keeps the first failure.
type timeReader struct{ err error }

func (r *timeReader) parse(name, s string) time.Time {
	t, err := wire.ParseTime(s)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("read %s: %w", name, err)
	}
	return t
}

// newCalendarItem converts what arrived. On error the item holds what could be
// read, its id in any case.
func newCalendarItem(w *wire.Item) (*CalendarItem, error) {
	var t timeReader
	item := &CalendarItem{
		Kind: w.Kind, ItemID: ItemID(w.ItemID),
		UID: strings.TrimSpace(w.UID), Subject: w.Subject, Location: w.Location, Body: w.Body, Sensitivity: w.Sensitivity,
		Start: t.parse("Start", w.Start), End: t.parse("End", w.End),
		OriginalStart: t.parse("OriginalStart", w.OriginalStart), RecurrenceID: t.parse("RecurrenceId", w.RecurrenceID),
		StartTimeZoneID: w.StartTimeZoneID, AllDay: wire.ParseBool(w.IsAllDayEvent), FreeBusy: FreeBusy(w.FreeBusy),
		IsMeeting: wire.ParseBool(w.IsMeeting), IsCancelled: wire.ParseBool(w.IsCancelled), IsRecurring: wire.ParseBool(w.IsRecurring),
		Type: ItemType(w.CalendarItemType), MyResponse: Response(w.MyResponseType),
		Resources: newAttendees(w.Resources), RequiredAttendees: newAttendees(w.RequiredAttendees),
		OptionalAttendees: newAttendees(w.OptionalAttendees),
		SequenceNumber:    number(w.SequenceNumber), AppointmentState: number(w.AppointmentState),
		Created: t.parse("DateTimeCreated", w.DateTimeCreated), LastModified: t.parse("LastModifiedTime", w.LastModifiedTime),
	}
	if w.Organizer != nil {
		a := newAddress(*w.Organizer)
		item.Organizer = &a
	}
	item.Recurrence = newRecurrence(w.Recurrence)
	item.FirstOccurrence, item.LastOccurrence = t.occurrence(w.FirstOccurrence), t.occurrence(w.LastOccurrence)
	for i := range w.ModifiedOccurrences {
		item.ModifiedOccurrences = append(item.ModifiedOccurrences, *t.occurrence(&w.ModifiedOccurrences[i]))
	}
	for _, d := range w.DeletedOccurrenceList {
		item.DeletedOccurrences = append(item.DeletedOccurrences, t.parse("DeletedOccurrence", d.Start))
	}
	if err := item.readExtended(w.Extended); err != nil && t.err == nil {
		t.err = err
	}
	return item, t.err
}

func (r *timeReader) occurrence(w *wire.Occurrence) *Occurrence {
	if w == nil {
		return nil
	}
	return &Occurrence{
		ItemID: ItemID(w.ItemID), Start: r.parse("Start", w.Start), End: r.parse("End", w.End),
		OriginalStart: r.parse("OriginalStart", w.OriginalStart),
	}
}

func (i *CalendarItem) readExtended(list []wire.ExtendedProperty) error {
	for _, p := range list {
		switch {
		case p.Path.PropertyName != "":
			if i.Extended == nil {
				i.Extended = make(map[string]string)
			}
			i.Extended[p.Path.PropertyName] = p.Value
		case isCleanGlobalObjectID(p):
			raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(p.Value))
			if err != nil {
				return errors.New("read CleanGlobalObjectId: it is not base64")
			}
			i.CleanGlobalObjectID = raw
		}
	}
	return nil
}

func isCleanGlobalObjectID(p wire.ExtendedProperty) bool {
	id, err := strconv.ParseInt(strings.TrimSpace(p.Path.PropertyID), 0, 32)
	return err == nil && id == cleanGlobalObjectIDNumber &&
		(p.Path.DistinguishedPropertySetID == "Meeting" || strings.EqualFold(p.Path.PropertySetID, meetingPropertySet))
}

func newAddress(w wire.EmailAddress) Address {
	return Address{
		Name: w.Name, Address: strings.TrimSpace(w.EmailAddress),
		RoutingType: w.RoutingType, MailboxType: w.MailboxType,
	}
}

func newAttendees(list []wire.Attendee) []Attendee {
	var out []Attendee
	for _, w := range list {
		a := Attendee{Address: newAddress(w.Mailbox), Response: Response(w.ResponseType)}
		// A malformed response time must not hide the item.
		a.LastResponse, _ = wire.ParseTime(w.LastResponseTime)
		out = append(out, a)
	}
	return out
}

func number(s string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(s))
	return n
}
