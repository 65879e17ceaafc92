package exchangesim

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/exchangesim/soap"
)

// The limits of GetUserAvailability.
const (
	maxAvailabilityMailboxes = 100
	maxAvailabilityWindow    = 42 * 24 * time.Hour
)

// availability is a checked GetUserAvailability request.
type availability struct {
	loc      *time.Location
	from, to time.Time
	interval time.Duration
	view     string
}

func (s *Server) opGetUserAvailability(c *call) *soap.Element {
	list := soap.NewM("FreeBusyResponseArray")
	answer := soap.NewM("GetUserAvailabilityResponse", list)
	mailboxes := c.op.Child("MailboxDataArray").Children
	q, err := c.readAvailability(len(mailboxes))
	for _, m := range mailboxes {
		if err != nil {
			list.Add(freeBusyError(err))
			continue
		}
		b := s.lookup(m.ChildText("Email", "Address"))
		if b == nil || b.Disabled {
			list.Add(freeBusyError(fail("ErrorMailRecipientNotFound")))
			continue
		}
		list.Add(soap.NewM("FreeBusyResponse", status(soap.NewM("ResponseMessage"), nil), q.show(b)))
	}
	return answer
}

func freeBusyError(err *ewsError) *soap.Element {
	return soap.NewM("FreeBusyResponse", status(soap.NewM("ResponseMessage"), err))
}

func (c *call) readAvailability(mailboxes int) (availability, *ewsError) {
	q := availability{view: "FreeBusy", interval: 30 * time.Minute}
	options := c.op.Child("FreeBusyViewOptions")
	switch {
	case mailboxes > maxAvailabilityMailboxes:
		return q, failWith("ErrorMailboxDataArrayTooBig", "The number of mailboxes exceeds the limit.")
	case options == nil:
		return q, failWith("ErrorInvalidFreeBusyViewType", "FreeBusyViewOptions are needed.")
	}
	switch zone := c.op.Child("TimeZone"); {
	case zone != nil:
		q.loc = serializableZone(zone)
	case c.local:
		q.loc = c.zone.Location
	default:
		return q, failWith("ErrorTimeZone", "The time zone is missing.")
	}
	var err1, err2 error
	q.from, err1 = parseTime(options.ChildText("TimeWindow", "StartTime"), q.loc)
	q.to, err2 = parseTime(options.ChildText("TimeWindow", "EndTime"), q.loc)
	if n, err := strconv.Atoi(options.ChildText("MergedFreeBusyIntervalInMinutes")); err == nil {
		if n < 5 || n > 1440 {
			return q, failWith("ErrorInvalidMergedFreeBusyInterval", "The merged free/busy interval is invalid.")
		}
		q.interval = time.Duration(n) * time.Minute
	}
	q.view = cmp.Or(options.ChildText("RequestedView"), q.view)
	switch {
	case err1 != nil || err2 != nil || !q.to.After(q.from):
		return q, failWith("ErrorInvalidTimeInterval", "The time window is invalid.")
	case q.to.Sub(q.from) > maxAvailabilityWindow:
		return q, failWith("ErrorTimeIntervalTooBig", "The time window exceeds the limit of 42 days.")
	}
	return q, nil
}

// serializableZone finds a known zone that follows the given rules, so that
// daylight saving time is applied; otherwise the zone has its standard offset
// all year.
func serializableZone(e *soap.Element) *time.Location {
	number := func(path ...string) int {
		n, _ := strconv.Atoi(e.ChildText(path...)) // the schema has checked it
		return n
	}
	standard := -(number("Bias") + number("StandardTime", "Bias"))
	daylight := -(number("Bias") + number("DaylightTime", "Bias"))
	month := number("DaylightTime", "Month")
	if month != 0 && standard != daylight {
		for _, id := range recurrence.ZoneIDs() {
			z, err := recurrence.LoadZone(id)
			if err != nil {
				continue
			}
			for _, t := range z.Transitions(ruleYear) {
				_, before := time.Date(ruleYear, 1, 1, 0, 0, 0, 0, z.Location).Zone()
				if t.Daylight && int(t.Month) == month && t.To == time.Duration(daylight)*time.Minute && before == standard*60 {
					return z.Location
				}
			}
		}
	}
	return time.FixedZone("", standard*60)
}

// busyDigits are the characters of MergedFreeBusy.
var busyDigits = map[string]byte{busyFree: '0', busyTentative: '1', busyBusy: '2', "OOF": '3', "WorkingElsewhere": '4', "NoData": '4'}

func (q availability) show(b *mailbox) *soap.Element {
	found := b.folders[folderCalendar].appearances(q.from, q.to)
	out := soap.NewM("FreeBusyView", soap.Text("FreeBusyViewType", q.view))
	if strings.Contains(q.view, "Merged") {
		out.Add(soap.Text("MergedFreeBusy", q.merged(found)))
	}
	if q.view == "MergedOnly" || q.view == "None" {
		return out
	}
	events := soap.New("CalendarEventArray")
	local := func(name string, t time.Time) *soap.Element {
		return soap.Text(name, t.In(q.loc).Format("2006-01-02T15:04:05"))
	}
	for _, v := range found {
		event := soap.New("CalendarEvent", local("StartTime", v.appt.start), local("EndTime", v.appt.end), soap.Text("BusyType", v.appt.freeBusy))
		if strings.HasPrefix(q.view, "Detailed") {
			event.Add(soap.New("CalendarEventDetails",
				soap.Text("ID", fmt.Sprintf("%064X", v.item.number)), soap.Text("Subject", v.appt.subject), soap.Text("Location", v.appt.location),
				soap.Bool("IsMeeting", v.appt.isMeeting()), soap.Bool("IsRecurring", v.isOccurrence()),
				soap.Bool("IsException", v.kind() == kindException), soap.Bool("IsReminderSet", v.appt.reminderSet),
				soap.Bool("IsPrivate", v.appt.sensitivity == "Private")))
		}
		events.Add(event)
	}
	if len(events.Children) > 0 {
		out.Add(events)
	}
	return out
}

func (q availability) merged(found []view) string {
	var b strings.Builder
	for at := q.from; at.Before(q.to); at = at.Add(q.interval) {
		digit := byte('0')
		for _, v := range found {
			if overlaps(v.appt.start, v.appt.end, at, at.Add(q.interval)) {
				digit = max(digit, busyDigits[v.appt.freeBusy])
			}
		}
		b.WriteByte(digit)
	}
	return b.String()
}
