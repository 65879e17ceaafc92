package exchangesim

import (
	"fmt"
	"strings"
	"time"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/exchangesim/soap"
)

// The constructors of common fields.

func textField(uri string, get func(v view) string) field {
	return field{uri: uri, show: func(_ *renderer, v view) *soap.Element {
		s := get(v)
		if s == "" {
			return nil
		}
		return soap.Text(lastPart(uri), s)
	}}
}

func boolField(uri string, get func(v view) bool) field {
	return field{uri: uri, show: func(_ *renderer, v view) *soap.Element { return soap.Bool(lastPart(uri), get(v)) }}
}

func intField(uri string, get func(v view) int) field {
	return field{uri: uri, show: func(_ *renderer, v view) *soap.Element { return soap.Int(lastPart(uri), get(v)) }}
}

func timeField(uri string, get func(v view) time.Time) field {
	return field{uri: uri, show: func(r *renderer, v view) *soap.Element { return r.time(lastPart(uri), get(v)) }}
}

func customField(uri string, show func(r *renderer, v view) *soap.Element) field {
	return field{uri: uri, show: show}
}

func heavyField(uri string, show func(r *renderer, v view) *soap.Element) field {
	return field{uri: uri, heavy: true, show: show}
}

// masterField is shown on recurring masters only.
func masterField(uri string, show func(r *renderer, v view) *soap.Element) field {
	return heavyField(uri, func(r *renderer, v view) *soap.Element {
		if v.kind() != kindMaster {
			return nil
		}
		return show(r, v)
	})
}

func lastPart(uri string) string {
	_, name, _ := strings.Cut(uri, ":")
	return name
}

// fieldsOf lists the properties of every class in the order of their elements
// in the schema. The entry without a path stands for the extended properties.
var fieldsOf = map[itemClass][]field{
	calendarItem:        concat(itemFields, lateItemFields, meetingIdentity, calendarFields, calendarTail),
	meetingRequest:      concat(itemFields, lateItemFields, messageFields, requestFields, calendarFields),
	meetingResponse:     concat(itemFields, lateItemFields, messageFields, shortMeetingFields),
	meetingCancellation: concat(itemFields, lateItemFields, messageFields, shortMeetingFields),
}

func concat(lists ...[]field) []field {
	var out []field
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

var itemFields = []field{
	customField("item:ItemId", func(r *renderer, v view) *soap.Element { return r.server.itemID("ItemId", v) }),
	customField("item:ParentFolderId", func(r *renderer, v view) *soap.Element { return r.server.folderID("ParentFolderId", v.item.folder) }),
	textField("item:ItemClass", func(v view) string {
		if v.isOccurrence() {
			return "IPM.Appointment.Occurrence"
		}
		return messageClasses[v.item.class]
	}),
	textField("item:Subject", func(v view) string { return v.appt.subject }),
	textField("item:Sensitivity", func(v view) string { return v.appt.sensitivity }),
	heavyField("item:Body", showBody),
	timeField("item:DateTimeReceived", func(v view) time.Time { return v.item.created }),
	intField("item:Size", func(v view) int { return 4000 + len(v.appt.body) + 200*len(v.appt.attendees) }),
	customField("item:Categories", func(_ *renderer, v view) *soap.Element {
		if len(v.appt.categories) == 0 {
			return nil
		}
		e := soap.New("Categories")
		for _, c := range v.appt.categories {
			e.Add(soap.Text("String", c))
		}
		return e
	}),
	textField("item:Importance", func(v view) string { return v.appt.importance }),
	boolField("item:IsSubmitted", func(view) bool { return false }),
	boolField("item:IsDraft", func(view) bool { return false }),
	boolField("item:IsFromMe", func(view) bool { return false }),
	boolField("item:IsResend", func(view) bool { return false }),
	boolField("item:IsUnmodified", func(view) bool { return false }),
	timeField("item:DateTimeSent", func(v view) time.Time { return v.item.created }),
	timeField("item:DateTimeCreated", func(v view) time.Time { return v.item.created }),
	timeField("item:ReminderDueBy", func(v view) time.Time { return v.appt.start }),
	boolField("item:ReminderIsSet", func(v view) bool { return v.appt.reminderSet }),
	intField("item:ReminderMinutesBeforeStart", func(v view) int { return v.appt.reminderMinutes }),
	textField("item:DisplayCc", func(v view) string { return v.names(roleOptional) }),
	textField("item:DisplayTo", func(v view) string { return v.names(roleRequired) }),
	boolField("item:HasAttachments", func(view) bool { return false }),
	{}, // extended properties
}

var lateItemFields = []field{
	textField("item:Culture", func(view) string { return "en-US" }),
	customField("item:EffectiveRights", func(*renderer, view) *soap.Element { return rights("EffectiveRights") }),
	textField("item:LastModifiedName", func(v view) string { return v.item.author }),
	timeField("item:LastModifiedTime", func(v view) time.Time { return v.item.modified }),
	boolField("item:IsAssociated", func(view) bool { return false }),
}

func rights(name string) *soap.Element {
	e := soap.New(name)
	for _, n := range []string{"CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read", "ViewPrivateItems"} {
		e.Add(soap.Bool(n, true))
	}
	return e
}

func showBody(r *renderer, v view) *soap.Element {
	kind := v.appt.bodyType
	if r.shape.bodyType == "Text" || r.shape.bodyType == "HTML" {
		kind = r.shape.bodyType
	}
	if kind == "" {
		kind = "Text"
	}
	content := v.appt.body
	if kind == "HTML" && v.appt.bodyType != "HTML" && content != "" {
		content = "<html><body>" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", "<br>").Replace(content) + "</body></html>"
	}
	return soap.Text("Body", content).With("BodyType", kind)
}

func (v view) names(role string) string {
	var out []string
	for _, a := range v.appt.attendees {
		if a.role == role {
			out = append(out, a.name)
		}
	}
	return strings.Join(out, "; ")
}

var meetingIdentity = []field{
	textField("calendar:UID", func(v view) string { return v.appt.uid }),
	timeField("calendar:RecurrenceId", func(v view) time.Time { return v.appt.original }),
	timeField("calendar:DateTimeStamp", func(v view) time.Time { return v.appt.stamp }),
}

var calendarFields = []field{
	timeField("calendar:Start", func(v view) time.Time { return v.appt.start }),
	timeField("calendar:End", func(v view) time.Time { return v.appt.end }),
	timeField("calendar:OriginalStart", func(v view) time.Time { return v.appt.original }),
	boolField("calendar:IsAllDayEvent", func(v view) bool { return v.appt.allDay }),
	textField("calendar:LegacyFreeBusyStatus", func(v view) string { return v.appt.freeBusy }),
	textField("calendar:Location", func(v view) string { return v.appt.location }),
	boolField("calendar:IsMeeting", func(v view) bool { return v.appt.isMeeting() }),
	boolField("calendar:IsCancelled", func(v view) bool { return v.appt.cancelled }),
	boolField("calendar:IsRecurring", func(v view) bool { return v.appt.rule != nil || v.isOccurrence() }),
	boolField("calendar:MeetingRequestWasSent", func(v view) bool { return v.appt.sent }),
	{uri: "calendar:IsResponseRequested", show: func(_ *renderer, v view) *soap.Element {
		if v.item.class != calendarItem {
			return nil // a message has it elsewhere
		}
		return soap.Bool("IsResponseRequested", !v.appt.noResponse)
	}},
	textField("calendar:CalendarItemType", view.kind),
	textField("calendar:MyResponseType", func(v view) string { return v.appt.myResponse }),
	customField("calendar:Organizer", (*renderer).organizer),
	heavyField("calendar:RequiredAttendees", func(r *renderer, v view) *soap.Element { return r.attendees(v, roleRequired) }),
	heavyField("calendar:OptionalAttendees", func(r *renderer, v view) *soap.Element { return r.attendees(v, roleOptional) }),
	heavyField("calendar:Resources", func(r *renderer, v view) *soap.Element { return r.attendees(v, roleResource) }),
	heavyField("calendar:ConflictingMeetingCount", func(*renderer, view) *soap.Element { return soap.Int("ConflictingMeetingCount", 0) }),
	heavyField("calendar:AdjacentMeetingCount", func(*renderer, view) *soap.Element { return soap.Int("AdjacentMeetingCount", 0) }),
	textField("calendar:Duration", func(v view) string { return duration(v.appt.end.Sub(v.appt.start)) }),
	textField("calendar:TimeZone", func(v view) string { return v.appt.startZone.ID }),
	timeField("calendar:AppointmentReplyTime", func(v view) time.Time { return v.appt.replied }),
	intField("calendar:AppointmentSequenceNumber", func(v view) int { return v.appt.sequence }),
	intField("calendar:AppointmentState", func(v view) int { return v.appt.state() }),
	masterField("calendar:Recurrence", func(_ *renderer, v view) *soap.Element { return showRule(*v.appt.rule) }),
	masterField("calendar:FirstOccurrence", func(r *renderer, v view) *soap.Element {
		inst, ok := v.appt.first()
		return r.occurrence("FirstOccurrence", v, inst, ok)
	}),
	masterField("calendar:LastOccurrence", func(r *renderer, v view) *soap.Element {
		inst, ok := v.appt.last()
		return r.occurrence("LastOccurrence", v, inst, ok)
	}),
	masterField("calendar:ModifiedOccurrences", showModified),
	masterField("calendar:DeletedOccurrences", func(r *renderer, v view) *soap.Element {
		if len(v.appt.deleted) == 0 {
			return nil
		}
		list := soap.New("DeletedOccurrences")
		for _, start := range v.appt.deletedStarts() {
			list.Add(soap.New("DeletedOccurrence", r.time("Start", start)))
		}
		return list
	}),
	heavyField("calendar:StartTimeZone", func(_ *renderer, v view) *soap.Element { return showZone("StartTimeZone", v.appt.startZone) }),
	heavyField("calendar:EndTimeZone", func(_ *renderer, v view) *soap.Element { return showZone("EndTimeZone", v.appt.endZone) }),
	intField("calendar:ConferenceType", func(v view) int { return v.appt.conference }),
	boolField("calendar:AllowNewTimeProposal", func(v view) bool { return !v.appt.noProposal }),
	boolField("calendar:IsOnlineMeeting", func(view) bool { return false }),
	textField("calendar:MeetingWorkspaceUrl", func(v view) string { return v.appt.workspaceURL }),
	textField("calendar:NetShowUrl", func(v view) string { return v.appt.netShowURL }),
	heavyField("calendar:EnhancedLocation", func(_ *renderer, v view) *soap.Element {
		if v.appt.location == "" {
			return nil
		}
		return soap.New("EnhancedLocation", soap.Text("DisplayName", v.appt.location))
	}),
	customField("calendar:StartWallClock", func(_ *renderer, v view) *soap.Element {
		return wallClock("StartWallClock", v.appt.start, v.appt.startZone)
	}),
	customField("calendar:EndWallClock", func(_ *renderer, v view) *soap.Element { return wallClock("EndWallClock", v.appt.end, v.appt.endZone) }),
	textField("calendar:StartTimeZoneId", func(v view) string { return v.appt.startZone.ID }),
	textField("calendar:EndTimeZoneId", func(v view) string { return v.appt.endZone.ID }),
}

var calendarTail = []field{
	boolField("calendar:IsOrganizer", func(v view) bool { return v.appt.myResponse == responseOrganizer }),
}

func wallClock(name string, t time.Time, z recurrence.Zone) *soap.Element {
	if z.Location == nil {
		z = recurrence.UTC()
	}
	return soap.Text(name, t.In(z.Location).Format("2006-01-02T15:04:05-07:00"))
}

var messageFields = []field{
	customField("message:Sender", func(r *renderer, v view) *soap.Element { return r.recipient("Sender", v.item.from) }),
	customField("message:From", func(r *renderer, v view) *soap.Element { return r.recipient("From", v.item.from) }),
	boolField("message:IsRead", func(v view) bool { return v.item.read }),
	boolField("message:IsResponseRequested", func(v view) bool { return !v.appt.noResponse }),
	customField("meeting:AssociatedCalendarItemId", func(r *renderer, v view) *soap.Element {
		if it := v.item.box().find(v.appt.goid, time.Time{}); it != nil {
			return r.server.itemID("AssociatedCalendarItemId", whole(it))
		}
		return nil
	}),
	boolField("meeting:IsDelegated", func(view) bool { return false }),
	boolField("meeting:IsOutOfDate", func(view) bool { return false }),
	boolField("meeting:HasBeenProcessed", func(view) bool { return true }),
	textField("meeting:ResponseType", func(v view) string {
		if v.item.response == "" {
			return responseNone
		}
		return v.item.response
	}),
	textField("calendar:UID", func(v view) string { return v.appt.uid }),
	timeField("calendar:RecurrenceId", func(v view) time.Time { return v.item.instance }),
	timeField("calendar:DateTimeStamp", func(v view) time.Time { return v.appt.stamp }),
	boolField("calendar:IsOrganizer", func(v view) bool { return v.item.from == v.item.box().Address }),
}

func (r *renderer) recipient(name, address string) *soap.Element {
	return soap.New(name, r.server.mailboxElement("Mailbox", address))
}

var requestFields = []field{
	textField("meetingRequest:MeetingRequestType", func(v view) string {
		if v.appt.sequence > 0 {
			return "FullUpdate"
		}
		return "NewMeetingRequest"
	}),
	textField("meetingRequest:IntendedFreeBusyStatus", func(view) string { return busyBusy }),
}

var shortMeetingFields = []field{
	timeField("calendar:Start", func(v view) time.Time { return v.appt.start }),
	timeField("calendar:End", func(v view) time.Time { return v.appt.end }),
	textField("calendar:Location", func(v view) string { return v.appt.location }),
	textField("calendar:CalendarItemType", view.kind),
}

func (r *renderer) occurrence(name string, master view, inst instance, ok bool) *soap.Element {
	if !ok {
		return nil
	}
	v := view{item: master.item, inst: inst, appt: inst.appt}
	return soap.New(name, r.server.itemID("ItemId", v), r.time("Start", inst.appt.start), r.time("End", inst.appt.end), r.time("OriginalStart", inst.original))
}

func showModified(r *renderer, v view) *soap.Element {
	list := soap.New("ModifiedOccurrences")
	for _, e := range v.appt.sortedExceptions() {
		inst, ok := v.appt.at(e.original)
		list.Add(r.occurrence("Occurrence", v, inst, ok))
	}
	if len(list.Children) == 0 {
		return nil
	}
	return list
}

// duration writes an xs:duration.
func duration(d time.Duration) string {
	out := "P"
	if days := d / (24 * time.Hour); days > 0 {
		out += fmt.Sprintf("%dD", days)
		d -= days * 24 * time.Hour
	}
	if d == 0 && out != "P" {
		return out
	}
	out += "T"
	if h := d / time.Hour; h > 0 {
		out += fmt.Sprintf("%dH", h)
		d -= h * time.Hour
	}
	if m := d / time.Minute; m > 0 || strings.HasSuffix(out, "T") {
		out += fmt.Sprintf("%dM", m)
	}
	return out
}

// showRule writes a Recurrence.
func showRule(r recurrence.Rule) *soap.Element {
	p := soap.New(string(r.Kind))
	monthly := r.Kind == recurrence.AbsoluteMonthly || r.Kind == recurrence.RelativeMonthly
	relative := r.Kind == recurrence.RelativeMonthly || r.Kind == recurrence.RelativeYearly
	if r.Kind == recurrence.Daily || r.Kind == recurrence.Weekly || monthly {
		p.Add(soap.Int("Interval", max(r.Interval, 1)))
	}
	if r.Kind == recurrence.Weekly || relative {
		p.Add(soap.Text("DaysOfWeek", strings.Join(r.Days, " ")))
	}
	if r.Kind == recurrence.Weekly && r.FirstDayOfWeek != "" {
		p.Add(soap.Text("FirstDayOfWeek", r.FirstDayOfWeek))
	}
	if relative {
		p.Add(soap.Text("DayOfWeekIndex", r.Index))
	}
	if r.Kind == recurrence.AbsoluteMonthly || r.Kind == recurrence.AbsoluteYearly {
		p.Add(soap.Int("DayOfMonth", r.DayOfMonth))
	}
	if r.Kind == recurrence.AbsoluteYearly || r.Kind == recurrence.RelativeYearly {
		p.Add(soap.Text("Month", r.Month.String()))
	}
	const day = "2006-01-02Z"
	start := soap.Text("StartDate", r.Start.Format(day))
	switch {
	case r.Count > 0:
		return soap.New("Recurrence", p, soap.New("NumberedRecurrence", start, soap.Int("NumberOfOccurrences", r.Count)))
	case !r.End.IsZero():
		return soap.New("Recurrence", p, soap.New("EndDateRecurrence", start, soap.Text("EndDate", r.End.Format(day))))
	}
	return soap.New("Recurrence", p, soap.New("NoEndRecurrence", start))
}
