package contract

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"
)

// span is a time from start to end.
type span struct{ start, end time.Time }

func (s span) later(d time.Duration) span { return span{s.start.Add(d), s.end.Add(d)} }

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// id names an item.
type id struct{ id, key string }

func idOf(item *node) id {
	return id{item.at("ItemId").attr("Id"), item.at("ItemId").attr("ChangeKey")}
}

// xml are its attributes.
func (i id) xml() string {
	if i.key == "" {
		return `Id="` + text(i.id) + `"`
	}
	return `Id="` + text(i.id) + `" ChangeKey="` + text(i.key) + `"`
}

const calendarFolder = `<t:DistinguishedFolderId Id="calendar"/>`

// attendees is a collection of them.
func attendees(collection string, addresses ...string) string {
	if len(addresses) == 0 {
		return ""
	}
	var b strings.Builder
	for _, a := range addresses {
		b.WriteString(`<t:Attendee><t:Mailbox><t:EmailAddress>` + text(a) + `</t:EmailAddress></t:Mailbox></t:Attendee>`)
	}
	return `<t:` + collection + `>` + b.String() + `</t:` + collection + `>`
}

// appointment is the request that creates one. Its parts are what follows in
// the order of the schema: properties before UID, UID, people, rooms, and behind
// them.
type appointment struct {
	span
	uid, properties, behind string
	people, rooms           []string
	silent                  bool // no invitations
}

func (w *world) create(a appointment) string {
	mode, uid := "SendToAllAndSaveCopy", a.uid
	if a.silent {
		mode = "SendToNone"
	}
	if uid != "" {
		uid = `<t:UID>` + text(uid) + `</t:UID>`
	}
	return `<m:CreateItem SendMeetingInvitations="` + mode + `"><m:SavedItemFolderId>` + calendarFolder + `</m:SavedItemFolderId><m:Items><t:CalendarItem>` +
		`<t:Subject>` + text(w.subject) + `</t:Subject><t:Body BodyType="Text">Agenda</t:Body><t:ReminderIsSet>false</t:ReminderIsSet>` + a.properties +
		uid + `<t:Start>` + utc(a.start) + `</t:Start><t:End>` + utc(a.end) + `</t:End><t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>` +
		`<t:Location>Lab</t:Location>` + attendees("RequiredAttendees", a.people...) + attendees("Resources", a.rooms...) + a.behind + `</t:CalendarItem></m:Items></m:CreateItem>`
}

// daily is a recurrence.
func daily(start time.Time, count string) string {
	return `<t:Recurrence><t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence><t:NumberedRecurrence><t:StartDate>` +
		start.Format(time.DateOnly) + `</t:StartDate><t:NumberOfOccurrences>` + count + `</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence>`
}

// shape asks for properties.
func shape(uris ...string) string {
	if len(uris) == 0 {
		return `<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>`
	}
	var b strings.Builder
	for _, u := range uris {
		if strings.HasPrefix(u, "<") {
			b.WriteString(u)
			continue
		}
		b.WriteString(`<t:FieldURI FieldURI="` + u + `"/>`)
	}
	return `<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>` + b.String() + `</t:AdditionalProperties></m:ItemShape>`
}

// The extended properties of this suite.
const (
	globalObjectID = `<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="3" PropertyType="Binary"/>`
	cleanObjectID  = `<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="35" PropertyType="Binary"/>`
	ownKey         = `<t:ExtendedFieldURI DistinguishedPropertySetId="PublicStrings" PropertyName="ContractTestKey" PropertyType="String"/>`
)

// full is what a client for meeting rooms asks for.
var full = shape(
	"item:Subject", "item:Sensitivity", "item:LastModifiedTime", "item:DateTimeCreated", "calendar:UID", "calendar:RecurrenceId", "calendar:Start",
	"calendar:End", "calendar:OriginalStart", "calendar:StartTimeZoneId", "calendar:IsAllDayEvent", "calendar:LegacyFreeBusyStatus",
	"calendar:Location", "calendar:IsMeeting", "calendar:IsCancelled", "calendar:IsRecurring", "calendar:CalendarItemType",
	"calendar:MyResponseType", "calendar:Organizer", "calendar:Resources", "calendar:RequiredAttendees", "calendar:AppointmentSequenceNumber",
	"calendar:AppointmentState", "calendar:Recurrence", "calendar:FirstOccurrence", "calendar:LastOccurrence", "calendar:ModifiedOccurrences",
	"calendar:DeletedOccurrences", globalObjectID, cleanObjectID, ownKey,
)

func getItems(shape string, ids ...string) string {
	return `<m:GetItem>` + shape + `<m:ItemIds>` + strings.Join(ids, "") + `</m:ItemIds></m:GetItem>`
}

func itemID(i id) string { return `<t:ItemId ` + i.xml() + `/>` }

// occurrenceID names the occurrence of a series by its number.
func occurrenceID(master id, index string) string {
	return `<t:OccurrenceItemId RecurringMasterId="` + text(master.id) + `" ChangeKey="` + text(master.key) + `" InstanceIndex="` + index + `"/>`
}

// search finds the items of a folder. Its parts stand around ParentFolderIds.
func search(view, restriction, folder string) string {
	return `<m:FindItem Traversal="Shallow">` + shape("item:Subject", "calendar:Start", "calendar:End", "calendar:CalendarItemType", "calendar:UID") +
		view + restriction + `<m:ParentFolderIds>` + folder + `</m:ParentFolderIds></m:FindItem>`
}

func calendarView(s span, most string) string {
	if most != "" {
		most = `MaxEntriesReturned="` + most + `" `
	}
	return `<m:CalendarView ` + most + `StartDate="` + utc(s.start) + `" EndDate="` + utc(s.end) + `"/>`
}

// equal restricts a search to a value of a property.
func equal(path, value string) string {
	return `<m:Restriction><t:IsEqualTo>` + path + `<t:FieldURIOrConstant><t:Constant Value="` + text(value) + `"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>`
}

const bySubject = `<t:FieldURI FieldURI="item:Subject"/>`

// set is a change of one property.
func set(uri, value string) string {
	return `<t:SetItemField><t:FieldURI FieldURI="` + uri + `"/><t:CalendarItem>` + value + `</t:CalendarItem></t:SetItemField>`
}

// moved sets both times.
func moved(to span) string {
	return set("calendar:Start", `<t:Start>`+utc(to.start)+`</t:Start>`) + set("calendar:End", `<t:End>`+utc(to.end)+`</t:End>`)
}

// update changes what ref names.
func update(resolution, ref string, changes ...string) string {
	return `<m:UpdateItem ConflictResolution="` + resolution + `" SendMeetingInvitationsOrCancellations="SendToAllAndSaveCopy"><m:ItemChanges><t:ItemChange>` +
		ref + `<t:Updates>` + strings.Join(changes, "") + `</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`
}

// respond sends a response object.
func respond(kind string, i id) string {
	return `<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:` + kind + `><t:ReferenceItemId ` + i.xml() + `/></t:` + kind + `></m:Items></m:CreateItem>`
}

// erase deletes what ref names.
func erase(disposal, ref string) string {
	return `<m:DeleteItem DeleteType="` + disposal + `" SendMeetingCancellations="SendToAllAndSaveCopy"><m:ItemIds>` + ref + `</m:ItemIds></m:DeleteItem>`
}

// goidHeader starts every GlobalObjectId.
const goidHeader = "040000008200E00074C5B7101A82E008"

// cleanGOID is the clean GlobalObjectId of a UID in base64. A UID of another
// origin than Exchange is wrapped.
func cleanGOID(uid string) string {
	b, err := hex.DecodeString(uid)
	if err == nil && len(b) >= 40 && strings.EqualFold(uid[:32], goidHeader) {
		clear(b[16:20])
		return base64.StdEncoding.EncodeToString(b)
	}
	b, _ = hex.DecodeString(goidHeader) // a constant
	b = append(b, make([]byte, 20)...)
	content := "vCal-Uid\x01\x00\x00\x00" + uid + "\x00"
	b = append(b, byte(len(content)), byte(len(content)>>8), 0, 0)
	return base64.StdEncoding.EncodeToString(append(b, content...))
}
