package ews

import "ews/exchange/ews/wire"

const (
	// meetingPropertySet is PSETID_Meeting.
	meetingPropertySet = "6ED8DA90-450B-101B-98DA-00AA003F1305"
	// cleanGlobalObjectIDNumber is PidLidCleanGlobalObjectId, 0x23.
	cleanGlobalObjectIDNumber = 35
)

// Property is the path of an extended property. Use the constructors.
type Property struct {
	path wire.ExtendedPath
}

// PublicString is a named string property of the PublicStrings set. It is kept
// on the item it was written to; attendees' copies need not have it.
func PublicString(name string) Property {
	return Property{wire.ExtendedPath{Set: "PublicStrings", Name: wire.Text(name), Type: "String"}}
}

// NamedString is a named string property of the property set with this GUID.
func NamedString(setGUID, name string) Property {
	return Property{wire.ExtendedPath{SetID: setGUID, Name: wire.Text(name), Type: "String"}}
}

// CleanGlobalObjectID is PidLidCleanGlobalObjectId, which is equal for all
// copies and all occurrences of a meeting.
func CleanGlobalObjectID() Property {
	return Property{wire.ExtendedPath{Set: "Meeting", ID: cleanGlobalObjectIDNumber, Type: "Binary"}}
}

// Name returns the property's name, or "" for numbered ones.
func (p Property) Name() string { return string(p.path.Name) }

// PropertyValue is a property with the string to store in it.
type PropertyValue struct {
	Property Property
	Value    string
}

// Folder is a well-known folder. Owner may be empty for the impersonated
// mailbox.
type Folder struct {
	Name  string
	Owner Mailbox
}

// Names of folders.
const (
	FolderCalendar     = "calendar"
	FolderDeletedItems = "deleteditems"
)

// Calendar returns the calendar folder of the impersonated mailbox.
func Calendar() Folder { return Folder{Name: FolderCalendar} }

// DeletedItems returns the deleted-items folder of the impersonated mailbox.
func DeletedItems() Folder { return Folder{Name: FolderDeletedItems} }

func (f Folder) ref() wire.FolderRef {
	if f.Name == "" {
		f.Name = FolderCalendar
	}
	return wire.NewFolderRef(f.Name, string(f.Owner))
}

// fullFields are the properties GetItems asks for, after "GetItem operation";
// all exist with schema Exchange2013_SP1.
var fullFields = []string{
	"item:Subject", "item:Sensitivity", "item:LastModifiedTime", "item:DateTimeCreated",
	"calendar:UID", "calendar:RecurrenceId", "calendar:Start", "calendar:End", "calendar:OriginalStart",
	"calendar:StartTimeZoneId", "calendar:IsAllDayEvent", "calendar:LegacyFreeBusyStatus", "calendar:Location",
	"calendar:IsMeeting", "calendar:IsCancelled", "calendar:IsRecurring", "calendar:CalendarItemType",
	"calendar:MyResponseType", "calendar:Organizer", "calendar:Resources", "calendar:RequiredAttendees",
	"calendar:OptionalAttendees", "calendar:AppointmentSequenceNumber", "calendar:AppointmentState",
	"calendar:Recurrence", "calendar:FirstOccurrence", "calendar:LastOccurrence",
	"calendar:ModifiedOccurrences", "calendar:DeletedOccurrences",
}

// briefFields are those of fullFields that every entry has and that the server
// need not expand.
var briefFields = []string{
	"item:Sensitivity", "calendar:UID", "calendar:RecurrenceId", "calendar:Start", "calendar:End", "calendar:OriginalStart",
	"calendar:LegacyFreeBusyStatus", "calendar:IsMeeting", "calendar:IsCancelled", "calendar:IsRecurring",
	"calendar:CalendarItemType", "calendar:MyResponseType", "calendar:Organizer",
	"calendar:AppointmentSequenceNumber", "calendar:AppointmentState",
}

// viewFields say of an entry of a calendar view which meeting it is, when, and
// how it holds its calendar. A view has hundreds of entries: what nobody asks
// for costs the server and us.
var viewFields = []string{
	"item:Sensitivity", "item:LastModifiedTime", "calendar:UID", "calendar:Start", "calendar:End", "calendar:OriginalStart",
	"calendar:LegacyFreeBusyStatus", "calendar:IsMeeting", "calendar:IsCancelled", "calendar:CalendarItemType",
	"calendar:MyResponseType", "calendar:AppointmentSequenceNumber", "calendar:AppointmentState",
}

// findFields are enough to choose among several hits of a search.
var findFields = []string{
	"item:Subject", "item:LastModifiedTime", "calendar:UID", "calendar:Start", "calendar:End", "calendar:IsMeeting",
	"calendar:IsCancelled", "calendar:CalendarItemType", "calendar:AppointmentSequenceNumber", "calendar:AppointmentState",
	"calendar:MyResponseType", "calendar:LegacyFreeBusyStatus",
}

func shape(fields []string, extended []Property) wire.ItemShape {
	paths := make([]any, 0, len(fields)+len(extended))
	for _, f := range fields {
		paths = append(paths, wire.Path{URI: f})
	}
	for _, p := range extended {
		paths = append(paths, p.path)
	}
	return wire.NewItemShape(paths...)
}
