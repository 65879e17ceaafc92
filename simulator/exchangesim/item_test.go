package exchangesim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/exchangesim/soap"
)

func (f *fixture) sync(who, state string, limit int) (changes []string, next string, last bool) {
	f.t.Helper()
	m := f.ok(who, fmt.Sprintf(`<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="item:Subject"/><t:FieldURI FieldURI="calendar:Organizer"/></t:AdditionalProperties></m:ItemShape>
<m:SyncFolderId><t:DistinguishedFolderId Id="calendar"><t:Mailbox><t:EmailAddress>%s</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId></m:SyncFolderId><m:SyncState>%s</m:SyncState><m:MaxChangesReturned>%d</m:MaxChangesReturned></m:SyncFolderItems>`, who, state, limit))[0]
	for _, c := range m.Child("Changes").Children {
		item := c.Child("CalendarItem")
		if item == nil {
			item = c
		}
		changes = append(changes, c.Name+" "+item.Child("ItemId").Attr("Id"))
	}
	return changes, m.ChildText("SyncState"), m.ChildText("IncludesLastItemInRange") == "true"
}

func simple(day int) string {
	return meeting(fmt.Sprintf("2026-12-%02dT09:00:00Z", day), fmt.Sprintf("2026-12-%02dT10:00:00Z", day), "")
}

func TestSync(t *testing.T) {
	f := start(t, Options{})
	var ids []string
	for day := 1; day <= 5; day++ {
		ids = append(ids, f.create(alice, simple(day)).Attr("Id"))
	}
	page, state, last := f.sync(alice, "", 2)
	require.Equal(t, []string{"Create " + ids[4], "Create " + ids[3]}, page, "newest first")
	require.False(t, last)

	first := f.create(alice, simple(6)).Attr("Id") // while pages remain
	page, state, last = f.sync(alice, state, 2)
	require.Equal(t, []string{"Create " + ids[2], "Create " + ids[1]}, page)
	require.False(t, last)
	page, state, last = f.sync(alice, state, 2)
	require.Equal(t, []string{"Create " + ids[0]}, page)
	require.True(t, last)

	f.update(alice, ids[1], "item:Subject", "<t:Subject>new</t:Subject>", "SendToNone")
	f.update(alice, ids[1], "item:Subject", "<t:Subject>newer</t:Subject>", "SendToNone")
	f.ok(alice, `<m:DeleteItem DeleteType="HardDelete" SendMeetingCancellations="SendToNone"><m:ItemIds><t:ItemId Id="`+ids[0]+`"/></m:ItemIds></m:DeleteItem>`)
	passing := f.create(alice, simple(7)).Attr("Id")
	f.ok(alice, `<m:DeleteItem DeleteType="MoveToDeletedItems" SendMeetingCancellations="SendToNone"><m:ItemIds><t:ItemId Id="`+passing+`"/></m:ItemIds></m:DeleteItem>`)
	page, next, last := f.sync(alice, state, 512)
	require.True(t, last)
	require.Equal(t, []string{"Delete " + ids[0], "Update " + ids[1], "Create " + first}, page)
	page, _, _ = f.sync(alice, next, 512)
	require.Empty(t, page)
	page, _, _ = f.sync(alice, state, 512)
	require.Len(t, page, 3, "an old state may be used again")

	foreign := func(state string) string {
		return f.code(bob, `<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="calendar"/></m:SyncFolderId><m:SyncState>`+state+`</m:SyncState><m:MaxChangesReturned>5</m:MaxChangesReturned></m:SyncFolderItems>`)
	}
	require.Equal(t, "ErrorInvalidSyncStateData", foreign(next))
	require.Equal(t, "ErrorInvalidSyncStateData", foreign("garbled"))
	require.Equal(t, "ErrorInvalidSyncStateData", foreign(strings.ToLower(next)))
}

// update sets one field with the current change key.
func (f *fixture) update(who, itemID, uri, element, send string) *soap.Element {
	f.t.Helper()
	return f.ok(who, updateRequest(id(f.get(who, `Id="`+itemID+`"`).Child("ItemId")), uri, element, "AutoResolve", send))[0].Child("Items", "CalendarItem", "ItemId")
}

func updateRequest(attributes, uri, element, resolution, send string) string {
	return `<m:UpdateItem ConflictResolution="` + resolution + `" SendMeetingInvitationsOrCancellations="` + send + `"><m:ItemChanges><t:ItemChange><t:ItemId ` + attributes +
		`/><t:Updates><t:SetItemField><t:FieldURI FieldURI="` + uri + `"/><t:CalendarItem>` + element + `</t:CalendarItem></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`
}

func TestChangeKeys(t *testing.T) {
	f := start(t, Options{})
	created := f.create(alice, meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", "", room1))
	f.settle() // the answer of the room changes the key
	change := func(attributes, resolution string) string {
		return f.code(alice, updateRequest(attributes, "item:Subject", "<t:Subject>x</t:Subject>", resolution, "SendToNone"))
	}
	require.Equal(t, "ErrorChangeKeyRequiredForWriteOperations", change(`Id="`+created.Attr("Id")+`"`, "AlwaysOverwrite"))
	require.Equal(t, "ErrorInvalidChangeKey", change(`Id="`+created.Attr("Id")+`" ChangeKey="AAAA"`, "AutoResolve"))
	require.Equal(t, "ErrorIrresolvableConflict", change(id(created), "NeverOverwrite"))
	require.Equal(t, "NoError", change(id(created), "AutoResolve"), "only an answer came between")
	require.Equal(t, "ErrorIrresolvableConflict", change(id(created), "AutoResolve"))
	require.Equal(t, "NoError", change(id(created), "AlwaysOverwrite"))
	cancel := func(attributes string) string {
		return f.code(alice, `<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:CancelCalendarItem><t:ReferenceItemId `+attributes+`/></t:CancelCalendarItem></m:Items></m:CreateItem>`)
	}
	require.Equal(t, "ErrorStaleObject", cancel(id(created)))
	require.Equal(t, "ErrorChangeKeyRequired", cancel(`Id="`+created.Attr("Id")+`"`))
	roomItem := f.get(room1, `Id="`+f.Calendars(room1)[0].ItemID+`"`).Child("ItemId")
	require.Equal(t, "ErrorCalendarIsNotOrganizer", f.code(room1, `<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:CancelCalendarItem><t:ReferenceItemId `+id(roomItem)+`/></t:CancelCalendarItem></m:Items></m:CreateItem>`))
	require.Equal(t, "NoError", cancel(id(f.get(alice, `Id="`+created.Attr("Id")+`"`).Child("ItemId"))))
	require.Equal(t, "ErrorItemNotFound", cancel(id(created)), "the item has moved to Deleted Items")
	require.Empty(t, f.Calendars(room1))
}

func find(folder, restriction string) string {
	return `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape><m:IndexedPageItemView MaxEntriesReturned="10" Offset="0" BasePoint="Beginning"/><m:Restriction>` +
		restriction + `</m:Restriction><m:ParentFolderIds><t:DistinguishedFolderId Id="` + folder + `"/></m:ParentFolderIds></m:FindItem>`
}

func (f *fixture) found(who, folder, restriction string) int {
	f.t.Helper()
	return len(f.ok(who, find(folder, restriction))[0].Child("RootFolder", "Items").Children)
}

func isEqual(path, value string) string {
	return `<t:IsEqualTo>` + path + `<t:FieldURIOrConstant><t:Constant Value="` + value + `"/></t:FieldURIOrConstant></t:IsEqualTo>`
}

func TestSearch(t *testing.T) {
	f := start(t, Options{})
	item := f.create(alice, meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", "", room1))
	f.create(alice, simple(4))
	f.settle()
	uid := f.get(alice, id(item)).ChildText("UID")
	clean := isEqual(`<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="35" PropertyType="Binary"/>`, goid64(uid))
	key := isEqual(`<t:ExtendedFieldURI PropertySetId="00020329-0000-0000-C000-000000000046" PropertyName="Key" PropertyType="String"/>`, "key-1")
	require.Equal(t, 1, f.found(alice, "calendar", clean))
	require.Equal(t, 1, f.found(room1, "calendar", clean))
	require.Equal(t, 2, f.found(alice, "calendar", key))
	require.Equal(t, 0, f.found(room1, "calendar", key), "extended properties stay with the organizer")
	require.Equal(t, 1, f.found(alice, "calendar", `<t:And>`+key+`<t:IsGreaterThan><t:FieldURI FieldURI="calendar:Start"/><t:FieldURIOrConstant><t:Constant Value="2026-12-03T00:00:00Z"/></t:FieldURIOrConstant></t:IsGreaterThan></t:And>`))
	require.Equal(t, 2, f.found(alice, "calendar", `<t:Contains ContainmentMode="Substring" ContainmentComparison="IgnoreCase"><t:FieldURI FieldURI="item:Subject"/><t:Constant Value="SYNC"/></t:Contains>`))
	require.Equal(t, 0, f.found(alice, "calendar", `<t:Not><t:Exists><t:ExtendedFieldURI DistinguishedPropertySetId="PublicStrings" PropertyName="Key" PropertyType="String"/></t:Exists></t:Not>`))
	require.Equal(t, "ErrorUnsupportedPathForQuery", f.code(alice, find("calendar", isEqual(`<t:FieldURI FieldURI="calendar:UID"/>`, uid))))

	require.NoError(t, f.Cancel(alice, uid, zero))
	require.Equal(t, 1, f.found(alice, "calendar", key))
	require.Equal(t, 1, f.found(alice, "deleteditems", key), "properties stay readable after a cancellation")
	require.Equal(t, 1, f.found(alice, "deleteditems", clean))
}

func TestClientChosenUID(t *testing.T) {
	f := start(t, Options{})
	for _, uid := range []string{"040000008200E00074C5B7101A82E00800000000C0F1A2B3C4D5DC01000000000000000010000000000102030405060708090A0B0C0D0E0F", "plain-text@example.org"} {
		body := strings.Replace(meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", "", room1), "<t:Start>", "<t:UID>"+uid+"</t:UID><t:Start>", 1)
		item := f.create(alice, body)
		require.Equal(t, uid, f.get(alice, id(item)).ChildText("UID"))
		require.Equal(t, 1, f.found(room1, "calendar", isEqual(`<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="35" PropertyType="Binary"/>`, goid64(uid))))
		require.NoError(t, f.Cancel(alice, uid, zero))
	}
}

var zero time.Time

const weekly = `<t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Wednesday</t:DaysOfWeek></t:WeeklyRecurrence><t:NumberedRecurrence><t:StartDate>2026-12-02+01:00</t:StartDate><t:NumberOfOccurrences>4</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence><t:StartTimeZone Id="W. Europe Standard Time"/>`

func TestSeriesOverSOAP(t *testing.T) {
	f := start(t, Options{})
	master := f.create(alice, meeting("2026-12-02T09:00:00", "2026-12-02T10:00:00", weekly, room1))
	f.settle()
	got := f.get(alice, id(master))
	require.Equal(t, "2026-12-02T08:00:00Z", got.ChildText("Start"), "local time of the given zone")
	require.Equal(t, "RecurringMaster", got.ChildText("CalendarItemType"))
	require.Equal(t, "2026-12-23T08:00:00Z", got.ChildText("LastOccurrence", "Start"))
	occurrence := func(n int) string {
		return fmt.Sprintf(`<t:OccurrenceItemId RecurringMasterId=%q InstanceIndex="%d"/>`, master.Attr("Id"), n)
	}
	get := func(id string) string {
		return `<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:ItemIds>` + id + `</m:ItemIds></m:GetItem>`
	}
	second := f.ok(alice, get(occurrence(2)))[0].Child("Items", "CalendarItem")
	require.Equal(t, "2026-12-09T08:00:00Z", second.ChildText("OriginalStart"))
	f.ok(alice, `<m:DeleteItem DeleteType="MoveToDeletedItems" SendMeetingCancellations="SendToAllAndSaveCopy"><m:ItemIds>`+occurrence(2)+`</m:ItemIds></m:DeleteItem>`)
	require.Equal(t, "ErrorCalendarOccurrenceIsDeletedFromRecurrence", f.code(alice, get(occurrence(2))))
	require.Equal(t, "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", f.code(alice, get(occurrence(5))))
	require.Equal(t, "ErrorItemNotFound", f.code(alice, get(`<t:ItemId `+id(second.Child("ItemId"))+`/>`)))
	third := f.ok(alice, get(occurrence(3)))[0].Child("Items", "CalendarItem", "ItemId")
	require.Equal(t, "NoError", f.code(alice, `<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:CancelCalendarItem><t:ReferenceItemId `+id(third)+`/></t:CancelCalendarItem></m:Items></m:CreateItem>`))
	fourth := f.ok(alice, get(occurrence(4)))[0].Child("Items", "CalendarItem", "ItemId")
	require.Equal(t, "ErrorCalendarCannotUseIdForRecurringMasterId", f.code(alice, get(fmt.Sprintf(`<t:RecurringMasterItemId OccurrenceId=%q/>`, master.Attr("Id")))))
	f.ok(alice, get(fmt.Sprintf(`<t:RecurringMasterItemId OccurrenceId=%q/>`, fourth.Attr("Id"))))
	moved := f.ok(alice, `<m:UpdateItem ConflictResolution="AutoResolve" SendMeetingInvitationsOrCancellations="SendToAllAndSaveCopy"><m:ItemChanges><t:ItemChange><t:ItemId `+id(fourth)+`/><t:Updates>
<t:SetItemField><t:FieldURI FieldURI="calendar:Start"/><t:CalendarItem><t:Start>2026-12-24T09:00:00Z</t:Start></t:CalendarItem></t:SetItemField>
<t:SetItemField><t:FieldURI FieldURI="calendar:End"/><t:CalendarItem><t:End>2026-12-24T10:00:00Z</t:End></t:CalendarItem></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`)
	require.Equal(t, fourth.Attr("Id"), moved[0].Child("Items", "CalendarItem", "ItemId").Attr("Id"))
	f.settle()
	for _, who := range []string{alice, room1} {
		m := f.ok(who, calendarView("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", ""))[0].Child("RootFolder")
		require.Len(t, m.Child("Items").Children, 2)
		require.Equal(t, "Exception", m.Child("Items").Children[1].ChildText("CalendarItemType"))
	}
	all := f.get(alice, `Id="`+master.Attr("Id")+`"`)
	require.Len(t, all.Child("DeletedOccurrences").Children, 2)
	require.Len(t, all.Child("ModifiedOccurrences").Children, 1)
	page, _, _ := f.sync(room1, "", 10)
	require.Len(t, page, 1, "synchronisation knows masters only")
}

func calendarView(from, to, limit string) string {
	return `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape><m:CalendarView ` + limit + ` StartDate="` + from + `" EndDate="` + to + `"/><m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>`
}

func TestCalendarViewLimits(t *testing.T) {
	f := start(t, Options{})
	for day := 2; day <= 5; day++ {
		f.create(alice, simple(day))
	}
	root := f.ok(alice, calendarView("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", `MaxEntriesReturned="3"`))[0].Child("RootFolder")
	require.Equal(t, "false", root.Attr("IncludesLastItemInRange"))
	require.Len(t, root.Child("Items").Children, 3)
	require.Empty(t, root.Child("Items").Children[0].Child("Organizer", "Mailbox").ChildText("EmailAddress"), "a name only")
	require.Equal(t, "ErrorCalendarViewRangeTooBig", f.code(alice, calendarView("2026-12-01T00:00:00Z", "2029-01-01T00:00:00Z", "")))
	require.Equal(t, "ErrorCalendarFolderIsInvalidForCalendarView", f.code(alice, strings.Replace(calendarView("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", ""), `Id="calendar"`, `Id="inbox"`, 1)))
	touching := f.ok(alice, calendarView("2026-12-02T10:00:00Z", "2026-12-03T09:00:00Z", ""))[0].Child("RootFolder", "Items")
	require.Empty(t, touching.Children, "half-open on both sides")
}

func TestIDsAreStrict(t *testing.T) {
	f := start(t, Options{})
	item := f.create(alice, simple(2))
	get := func(id string) string {
		return `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:ItemIds><t:ItemId Id="` + id + `"/></m:ItemIds></m:GetItem>`
	}
	require.Greater(t, len(item.Attr("Id")), 100)
	require.Equal(t, "ErrorInvalidIdMalformed", f.code(alice, get(strings.ToLower(item.Attr("Id")))))
	require.Equal(t, "ErrorInvalidIdEmpty", f.code(alice, get("")))
	require.Equal(t, "ErrorItemNotFound", f.code(bob, get(item.Attr("Id"))))
}

func TestAttendeeAnswers(t *testing.T) {
	f := start(t, Options{})
	people := `<t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>bob@example.com</t:EmailAddress></t:Mailbox></t:Attendee></t:RequiredAttendees>`
	body := strings.Replace(meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", ""), "</t:Location>", "</t:Location>"+people, 1)
	item := f.create(alice, body)
	inbox := f.ok(bob, `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>`)[0].Child("RootFolder", "Items")
	require.Len(t, inbox.Children, 1)
	require.Equal(t, "MeetingRequest", inbox.Children[0].Name)
	f.get(bob, id(inbox.Children[0].Child("ItemId")))
	answer := func(who, kind, attributes string) string {
		return f.code(who, `<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:`+kind+`><t:ReferenceItemId `+attributes+`/></t:`+kind+`></m:Items></m:CreateItem>`)
	}
	require.Equal(t, "ErrorCalendarIsOrganizerForAccept", answer(alice, "AcceptItem", id(item)))
	require.Equal(t, "NoError", answer(bob, "TentativelyAcceptItem", id(inbox.Children[0].Child("ItemId"))))
	require.Equal(t, "Tentative", f.get(alice, `Id="`+item.Attr("Id")+`"`).ChildText("RequiredAttendees", "Attendee", "ResponseType"))
	own := f.get(bob, `Id="`+f.Calendars(bob)[0].ItemID+`"`)
	require.Equal(t, "NoError", answer(bob, "DeclineItem", id(own.Child("ItemId"))))
	require.Equal(t, "Decline", f.get(alice, `Id="`+item.Attr("Id")+`"`).ChildText("RequiredAttendees", "Attendee", "ResponseType"))
	require.Empty(t, f.Calendars(bob))
	responses := f.ok(alice, `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>`)[0].Child("RootFolder", "Items")
	require.Len(t, responses.Children, 2)
}
