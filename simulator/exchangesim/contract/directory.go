package contract

import (
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

func roomLists(w *world) {
	answer := w.ok(w.ServiceUser, roomListsRequest)
	w.Len(answer, 1)
	w.Equal("GetRoomListsResponse", answer[0].XMLName.Local, "the class stands at the answer itself")
	lists := answer[0].at("RoomLists").all("Address")
	at := slices.IndexFunc(lists, func(l *node) bool { return strings.EqualFold(l.text("EmailAddress"), w.RoomList) })
	w.GreaterOrEqual(at, 0, "the list is not listed")
	w.Equal("SMTP", lists[at].text("RoutingType"))
	w.NotEmpty(lists[at].text("Name"))

	rooms := w.ok(w.ServiceUser, `<m:GetRooms><m:RoomList><t:EmailAddress>`+text(w.RoomList)+`</t:EmailAddress></m:RoomList></m:GetRooms>`)
	w.Len(rooms, 1)
	w.Equal("GetRoomsResponse", rooms[0].XMLName.Local)
	for _, r := range rooms[0].at("Rooms").all("Room") {
		w.Contains(r.text("Id", "EmailAddress"), "@")
		w.Equal("SMTP", r.text("Id", "RoutingType"))
		w.Equal("Mailbox", r.text("Id", "MailboxType"))
		w.NotEmpty(r.text("Id", "Name"))
	}
}

func resolveNames(entry string) string {
	return `<m:ResolveNames ReturnFullContactData="true" SearchScope="ActiveDirectory" ContactDataShape="Default"><m:UnresolvedEntry>` +
		text(entry) + `</m:UnresolvedEntry></m:ResolveNames>`
}

func resolvedNames(w *world) {
	for _, entry := range []string{w.Organizer, "smtp:" + strings.ToUpper(w.Organizer)} {
		set := w.ok(w.ServiceUser, resolveNames(entry))[0].at("ResolutionSet")
		w.Equal("1", set.attr("TotalItemsInView"))
		w.Equal("true", set.attr("IncludesLastItemInRange"))
		w.Equal(strings.ToLower(w.Organizer), strings.ToLower(set.text("Resolution", "Mailbox", "EmailAddress")))
		w.Equal("Mailbox", set.text("Resolution", "Mailbox", "MailboxType"))
		w.NotNil(set.at("Resolution", "Contact"))
	}
}

func members(w *world) {
	expansion := w.ok(w.ServiceUser, `<m:ExpandDL><m:Mailbox><t:EmailAddress>`+text(w.RoomList)+`</t:EmailAddress></m:Mailbox></m:ExpandDL>`)[0].at("DLExpansion")
	w.Equal("true", expansion.attr("IncludesLastItemInRange"))
	var found []string
	for _, m := range expansion.all("Mailbox") {
		found = append(found, m.text("EmailAddress"))
	}
	w.Subset(found, w.rooms)
}

// utcRules are a zone without daylight saving time, in the form of
// GetUserAvailability.
const utcRules = `<t:TimeZone><t:Bias>0</t:Bias>` +
	`<t:StandardTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime>` +
	`<t:DaylightTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>`

func availability(s span, addresses ...string) string {
	var b strings.Builder
	for _, a := range addresses {
		b.WriteString(`<t:MailboxData><t:Email><t:Address>` + text(a) + `</t:Address></t:Email><t:AttendeeType>Room</t:AttendeeType><t:ExcludeConflicts>false</t:ExcludeConflicts></t:MailboxData>`)
	}
	const local = "2006-01-02T15:04:05"
	return `<m:GetUserAvailabilityRequest>` + utcRules + `<m:MailboxDataArray>` + b.String() + `</m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>` +
		s.start.Format(local) + `</t:StartTime><t:EndTime>` + s.end.Format(local) + `</t:EndTime></t:TimeWindow>` +
		`<t:MergedFreeBusyIntervalInMinutes>30</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>DetailedMerged</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>`
}

// Times have no offset: they are in the zone of the request. A server may show
// less than it was asked for.
func availabilityDetailed(w *world) {
	s := w.slot()
	w.book(appointment{span: s})
	got := w.as(w.Organizer, availability(span{s.start.Add(-time.Hour), s.end.Add(time.Hour)}, w.Organizer))
	w.succeeded(got)
	answer := got.body()
	w.Equal("GetUserAvailabilityResponse", answer.XMLName.Local)
	view := answer.at("FreeBusyResponseArray", "FreeBusyResponse", "FreeBusyView")
	w.Equal(nsMessages, view.XMLName.Space)
	if merged := view.text("MergedFreeBusy"); strings.Contains(view.text("FreeBusyViewType"), "Merged") {
		w.Regexp(`^[0-5]{6}$`, merged)
		w.Equal("22", merged[2:4], "busy for two half hours")
	}
	events := view.at("CalendarEventArray").all("CalendarEvent")
	w.True(slices.ContainsFunc(events, func(e *node) bool {
		return e.text("StartTime") == s.start.Format("2006-01-02T15:04:05") && e.text("EndTime") == s.end.Format("2006-01-02T15:04:05") && e.text("BusyType") == "Busy"
	}), "the appointment is not among the events")
}
