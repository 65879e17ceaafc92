package exchangesim

import (
	"strconv"
	"strings"
	"time"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/exchangesim/soap"
)

// writer applies property values of a request to an appointment.
type writer struct {
	call      *call
	appt      *appointment
	master    bool // false for an occurrence, whose recurrence and UID are fixed
	zoneGiven bool
	startSet  bool
	endSet    bool
	ruleSet   bool
}

// setter writes one property. Errors carry the code of a response message.
type setter func(w *writer, e *soap.Element) *ewsError

// setters are the writable properties by path; everything else is read-only.
var setters = map[string]setter{
	"item:Subject":     func(w *writer, e *soap.Element) *ewsError { w.appt.subject = e.Text; return nil },
	"item:Sensitivity": func(w *writer, e *soap.Element) *ewsError { w.appt.sensitivity = e.Text; return nil },
	"item:Importance":  func(w *writer, e *soap.Element) *ewsError { w.appt.importance = e.Text; return nil },
	"item:Body": func(w *writer, e *soap.Element) *ewsError {
		w.appt.body, w.appt.bodyType = e.Text, e.Attr("BodyType")
		return nil
	},
	"item:Categories": func(w *writer, e *soap.Element) *ewsError {
		w.appt.categories = nil
		for _, c := range e.Children {
			w.appt.categories = append(w.appt.categories, c.Text)
		}
		return nil
	},
	"item:ReminderIsSet": func(w *writer, e *soap.Element) *ewsError { w.appt.reminderSet = isTrue(e.Text); return nil },
	"item:ReminderMinutesBeforeStart": func(w *writer, e *soap.Element) *ewsError {
		w.appt.reminderMinutes, _ = strconv.Atoi(e.Text) // the schema has checked it
		return nil
	},
	"item:ReminderDueBy": ignore, "item:Culture": ignore, "item:ItemClass": ignore, "item:Flag": ignore,
	"calendar:UID": (*writer).setUID,
	"calendar:Start": func(w *writer, e *soap.Element) *ewsError {
		w.startSet = true
		return w.setTime(&w.appt.start, e, w.appt.startZone)
	},
	"calendar:End": func(w *writer, e *soap.Element) *ewsError {
		w.endSet = true
		return w.setTime(&w.appt.end, e, w.appt.endZone)
	},
	"calendar:IsAllDayEvent":        func(w *writer, e *soap.Element) *ewsError { w.appt.allDay = isTrue(e.Text); return nil },
	"calendar:LegacyFreeBusyStatus": func(w *writer, e *soap.Element) *ewsError { w.appt.freeBusy = e.Text; return nil },
	"calendar:Location":             func(w *writer, e *soap.Element) *ewsError { w.appt.location = e.Text; return nil },
	"calendar:EnhancedLocation": func(w *writer, e *soap.Element) *ewsError {
		w.appt.location = e.ChildText("DisplayName")
		return nil
	},
	"calendar:IsResponseRequested": func(w *writer, e *soap.Element) *ewsError { w.appt.noResponse = !isTrue(e.Text); return nil },
	"calendar:AllowNewTimeProposal": func(w *writer, e *soap.Element) *ewsError {
		w.appt.noProposal = !isTrue(e.Text)
		return nil
	},
	"calendar:ConferenceType": func(w *writer, e *soap.Element) *ewsError {
		w.appt.conference, _ = strconv.Atoi(e.Text) // the schema has checked it
		return nil
	},
	"calendar:MeetingWorkspaceUrl": func(w *writer, e *soap.Element) *ewsError { w.appt.workspaceURL = e.Text; return nil },
	"calendar:NetShowUrl":          func(w *writer, e *soap.Element) *ewsError { w.appt.netShowURL = e.Text; return nil },
	"calendar:RequiredAttendees":   (*writer).setAttendees,
	"calendar:OptionalAttendees":   (*writer).setAttendees,
	"calendar:Resources":           (*writer).setAttendees,
	"calendar:Recurrence":          (*writer).setRecurrence,
	"calendar:StartTimeZone":       func(w *writer, e *soap.Element) *ewsError { return w.setZone(&w.appt.startZone, e) },
	"calendar:EndTimeZone":         func(w *writer, e *soap.Element) *ewsError { return w.setZone(&w.appt.endZone, e) },
	"calendar:MeetingTimeZone":     ignore,
	"calendar:DateTimeStamp":       ignore,
}

func ignore(*writer, *soap.Element) *ewsError { return nil }

func isTrue(s string) bool { s = strings.TrimSpace(s); return s == "true" || s == "1" }

// blanks are what DeleteItemField leaves behind; properties that are not here
// cannot be deleted.
var blanks = map[string]func(a *appointment){
	"item:Subject":                    func(a *appointment) { a.subject = "" },
	"item:Body":                       func(a *appointment) { a.body = "" },
	"item:Categories":                 func(a *appointment) { a.categories = nil },
	"item:ReminderMinutesBeforeStart": func(a *appointment) { a.reminderMinutes = 0 },
	"item:ReminderDueBy":              func(*appointment) {},
	"item:Culture":                    func(*appointment) {},
	"item:InReplyTo":                  func(*appointment) {},
	"item:Flag":                       func(*appointment) {},
	"calendar:Location":               func(a *appointment) { a.location = "" },
	"calendar:EnhancedLocation":       func(a *appointment) { a.location = "" },
	"calendar:MeetingWorkspaceUrl":    func(a *appointment) { a.workspaceURL = "" },
	"calendar:NetShowUrl":             func(a *appointment) { a.netShowURL = "" },
	"calendar:RequiredAttendees":      func(a *appointment) { a.dropRole(roleRequired) },
	"calendar:OptionalAttendees":      func(a *appointment) { a.dropRole(roleOptional) },
	"calendar:Resources":              func(a *appointment) { a.dropRole(roleResource) },
	"calendar:When":                   func(*appointment) {},
	"calendar:Recurrence": func(a *appointment) {
		a.rule, a.exceptions, a.deleted = nil, nil, nil
	},
}

func (a *appointment) dropRole(role string) {
	var rest []attendee
	for _, x := range a.attendees {
		if x.role != role {
			rest = append(rest, x)
		}
	}
	a.attendees = rest
}

// setUID keeps a client's own UID. Changing it later is refused.
func (w *writer) setUID(e *soap.Element) *ewsError {
	if w.appt.uid != "" && w.appt.uid != e.Text {
		return failAt("ErrorInvalidPropertySet", texts["ErrorInvalidPropertySet"], "calendar:UID")
	}
	if e.Text == "" {
		return failAt("ErrorInvalidPropertySet", texts["ErrorInvalidPropertySet"], "calendar:UID")
	}
	w.appt.uid, w.appt.goid = e.Text, cleanGOID(e.Text)
	return nil
}

// setTime reads an xs:dateTime. Without an offset it is in the given zone, else
// in that of TimeZoneContext, else in UTC ("Time zones and EWS in Exchange").
func (w *writer) setTime(to *time.Time, e *soap.Element, zone recurrence.Zone) *ewsError {
	loc := w.call.zone.Location
	if w.zoneGiven && zone.Location != nil {
		loc = zone.Location
	}
	t, err := parseTime(e.Text, loc)
	if err != nil {
		return failWith("ErrorInvalidPropertySet", "The date is invalid.")
	}
	*to = t
	return nil
}

// parseTime reads a dateTime with or without an offset.
func parseTime(s string, loc *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC().Truncate(time.Second), nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", s, loc)
	return t.UTC().Truncate(time.Second), err
}

func (w *writer) setZone(to *recurrence.Zone, e *soap.Element) *ewsError {
	z, err := recurrence.LoadZone(e.Attr("Id"))
	if err != nil {
		return fail("ErrorCalendarInvalidTimeZone")
	}
	*to = z
	return nil
}

// setAttendees replaces one collection. People who stay keep their answers.
func (w *writer) setAttendees(e *soap.Element) *ewsError {
	rows, err := w.readAttendees(e)
	if err != nil {
		return err
	}
	before := w.appt.attendees
	w.appt.attendees = nil
	for _, a := range before {
		if a.role != e.Name {
			w.appt.attendees = append(w.appt.attendees, a)
		}
	}
	for _, row := range rows {
		for _, old := range before {
			if old.address == row.address {
				row.response, row.responded = old.response, old.responded
			}
		}
		if w.appt.attendeeRow(row.address) == nil {
			w.appt.attendees = append(w.appt.attendees, row)
		}
	}
	return nil
}

func (w *writer) readAttendees(e *soap.Element) ([]attendee, *ewsError) {
	var rows []attendee
	for _, a := range e.Children {
		m := a.Child("Mailbox")
		address, name := m.ChildText("EmailAddress"), m.ChildText("Name")
		if address == "" {
			address = name // Exchange resolves names too
		}
		if b := w.call.server.lookup(address); b != nil {
			address, name = b.Address, b.Name
		} else if !strings.Contains(address, "@") {
			found, err := w.call.server.resolve(address)
			if err != nil || len(found) != 1 {
				return nil, failWith("ErrorInvalidRecipients", "At least one recipient is not valid.")
			}
			address, name = found[0].Address, found[0].Name
		}
		if name == "" {
			name = address
		}
		rows = append(rows, attendee{address: normalize(address), name: name, role: e.Name, response: responseUnknown})
	}
	return rows, nil
}

func (w *writer) setRecurrence(e *soap.Element) *ewsError {
	if !w.master {
		return failAt("ErrorInvalidPropertySet", texts["ErrorInvalidPropertySet"], "calendar:Recurrence")
	}
	rule := readRule(e)
	w.appt.rule, w.ruleSet = &rule, true
	return nil
}

// readRule reads a Recurrence that the schema has accepted.
func readRule(e *soap.Element) recurrence.Rule {
	p, limits := e.Children[0], e.Children[1]
	r := recurrence.Rule{
		Kind: recurrence.Kind(p.Name), Index: p.ChildText("DayOfWeekIndex"), FirstDayOfWeek: p.ChildText("FirstDayOfWeek"),
		Days: strings.Fields(p.ChildText("DaysOfWeek")), Start: parseDay(limits.ChildText("StartDate")), End: parseDay(limits.ChildText("EndDate")),
	}
	r.Interval, _ = strconv.Atoi(p.ChildText("Interval"))
	r.DayOfMonth, _ = strconv.Atoi(p.ChildText("DayOfMonth"))
	r.Count, _ = strconv.Atoi(limits.ChildText("NumberOfOccurrences"))
	if limits.Name == "NumberedRecurrence" && r.Count < 1 {
		r.Count = -1 // refused by Validate
	}
	for m := time.January; m <= time.December; m++ {
		if m.String() == p.ChildText("Month") {
			r.Month = m
		}
	}
	return r
}

// parseDay reads an xs:date; its zone, if any, does not matter.
func parseDay(s string) time.Time {
	s = strings.TrimSpace(s)
	if len(s) < 10 {
		return time.Time{}
	}
	t, _ := time.Parse(time.DateOnly, s[:10]) // the schema has checked it
	return t
}

// write applies one property.
func (w *writer) write(uri string, e *soap.Element) *ewsError {
	set := setters[uri]
	if set == nil {
		return failAt("ErrorInvalidPropertySet", texts["ErrorInvalidPropertySet"], uri)
	}
	return set(w, e)
}

// uriOf finds the path of an element of a calendar item.
func uriOf(name string) string {
	for _, prefix := range []string{"calendar:", "item:"} {
		if setters[prefix+name] != nil {
			return prefix + name
		}
	}
	for _, f := range fieldsOf[calendarItem] {
		if lastPart(f.uri) == name {
			return f.uri
		}
	}
	return "item:" + name
}

// maxDuration is the longest appointment that Exchange stores.
const maxDuration = 5 * 366 * 24 * time.Hour

// finish checks the whole and derives what depends on several properties.
func (w *writer) finish() *ewsError {
	a := w.appt
	if a.startZone.Location == nil {
		a.startZone = w.call.zone
	}
	if a.endZone.Location == nil {
		a.endZone = a.startZone
	}
	if a.allDay {
		a.start = midnight(a.start, a.startZone, false)
		a.end = midnight(a.end, a.endZone, true)
		if !a.end.After(a.start) {
			a.end = midnight(a.start.Add(time.Second), a.startZone, true)
		}
	}
	switch {
	case a.end.Before(a.start):
		return fail("ErrorCalendarEndDateIsEarlierThanStartDate")
	case a.end.Sub(a.start) > maxDuration:
		return failWith("ErrorCalendarDurationIsTooLong", "Duration is too long.")
	}
	if a.rule != nil {
		if w.startSet && !w.ruleSet {
			a.rule.Start = recurrence.Date(a.start.In(a.zone())) // the series moves with its first occurrence
		}
		return w.finishRule()
	}
	return nil
}

func (w *writer) finishRule() *ewsError {
	a := w.appt
	if err := a.rule.Validate(); err != nil {
		code := "ErrorCalendarInvalidRecurrence"
		if strings.Contains(err.Error(), recurrence.ErrNoOccurrence.Error()) {
			code = "ErrorRecurrenceHasNoOccurrence"
		}
		return failWith(code, err.Error())
	}
	a.align()
	return nil
}

// midnight widens an all-day appointment to the days of its zone.
func midnight(t time.Time, z recurrence.Zone, up bool) time.Time {
	local := t.In(z.Location)
	y, m, d := local.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, z.Location)
	if up && day.Before(t) {
		day = time.Date(y, m, d+1, 0, 0, 0, 0, z.Location)
	}
	return day.UTC()
}
