package exchangesim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const room1 = "room-1@example.com"

func TestRoomsAndNames(t *testing.T) {
	f := start(t, Options{})
	_, lists := f.as("eliona@example.com", `<m:GetRoomLists/>`)
	require.Equal(t, "Success", lists.Attr("ResponseClass"))
	require.Len(t, lists.Child("RoomLists").Children, 2)
	_, rooms := f.as("", `<m:GetRooms><m:RoomList><t:EmailAddress>First.Floor@example.com</t:EmailAddress></m:RoomList></m:GetRooms>`)
	require.Len(t, rooms.Child("Rooms").Children, 5)
	require.Equal(t, "Room 1", rooms.ChildText("Rooms", "Room", "Id", "Name"))
	require.Equal(t, "ErrorNameResolutionNoResults", f.code("", `<m:GetRooms><m:RoomList><t:EmailAddress>x@example.com</t:EmailAddress></m:RoomList></m:GetRooms>`))
	names := func(entry string) string {
		return f.code("", `<m:ResolveNames ReturnFullContactData="true"><m:UnresolvedEntry>`+entry+`</m:UnresolvedEntry></m:ResolveNames>`)
	}
	require.Equal(t, "NoError", names("alice@example.com"))
	require.Equal(t, "NoError", names(f.lookup("bob@example.com").LegacyDN))
	require.Equal(t, "ErrorNameResolutionMultipleResults", names("room"))
	require.Equal(t, "ErrorNameResolutionNoResults", names("/o=Nowhere/cn=x"))
	f.ok("", `<m:ExpandDL><m:Mailbox><t:EmailAddress>second.floor@example.com</t:EmailAddress></m:Mailbox></m:ExpandDL>`)
	f.ok("", `<m:GetServerTimeZones ReturnFullTimeZoneData="true"/>`)
}

func TestMeetingWithRoom(t *testing.T) {
	f := start(t, Options{DecisionDelay: 1e9})
	item := f.create("alice@example.com", meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", "", room1))
	room := f.Calendars(room1)
	require.Len(t, room, 1)
	require.Equal(t, "NoResponseReceived", room[0].Response)
	require.Equal(t, "Tentative", room[0].FreeBusy)

	f.settle()
	room = f.Calendars(room1)
	require.Equal(t, "Accept", room[0].Response)
	require.Equal(t, "Busy", room[0].FreeBusy)
	require.Equal(t, "Alice Example", room[0].Subject)

	got := f.get("alice@example.com", id(item))
	require.Equal(t, "Accept", got.ChildText("Resources", "Attendee", "ResponseType"))
	require.NotEqual(t, item.Attr("ChangeKey"), got.Child("ItemId").Attr("ChangeKey"))
	require.Equal(t, "key-1", got.ChildText("ExtendedProperty", "Value"))
	received := f.get(room1, `Id="`+room[0].ItemID+`"`)
	require.Equal(t, "3", received.ChildText("AppointmentState"))
	require.Equal(t, got.ChildText("UID"), received.ChildText("UID"))
	require.Len(t, got.ChildText("UID"), 112)

	second := f.create("bob@example.com", meeting("2026-12-02T09:30:00Z", "2026-12-02T10:30:00Z", "", room1))
	adjacent := f.create("bob@example.com", meeting("2026-12-02T10:00:00Z", "2026-12-02T10:30:00Z", "", room1))
	f.settle()
	require.Equal(t, "Decline", f.get("bob@example.com", id(second)).ChildText("Resources", "Attendee", "ResponseType"))
	require.Equal(t, "Accept", f.get("bob@example.com", id(adjacent)).ChildText("Resources", "Attendee", "ResponseType"))
	require.Len(t, f.Calendars(room1), 2)
}

func TestSchemaValidation(t *testing.T) {
	f := start(t, Options{})
	for name, body := range map[string]string{
		"order":     `<m:GetItem><m:ItemIds><t:ItemId Id="x"/></m:ItemIds><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape></m:GetItem>`,
		"enum":      `<m:GetItem><m:ItemShape><t:BaseShape>Everything</t:BaseShape></m:ItemShape><m:ItemIds><t:ItemId Id="x"/></m:ItemIds></m:GetItem>`,
		"namespace": `<m:GetItem><m:ItemShape><m:BaseShape>IdOnly</m:BaseShape></m:ItemShape><m:ItemIds><t:ItemId Id="x"/></m:ItemIds></m:GetItem>`,
		"attribute": `<m:FindItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>`,
		"range":     `<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="calendar"/></m:SyncFolderId><m:MaxChangesReturned>513</m:MaxChangesReturned></m:SyncFolderItems>`,
		"property":  `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="calendar:Nothing"/></t:AdditionalProperties></m:ItemShape><m:ItemIds><t:ItemId Id="x"/></m:ItemIds></m:GetItem>`,
		"late uid":  meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", "<t:UID>x</t:UID>"),
	} {
		t.Run(name, func(t *testing.T) {
			status, fault := f.as("alice@example.com", body)
			require.Equal(t, 500, status)
			require.Equal(t, "ErrorSchemaValidation", fault.ChildText("detail", "ResponseCode"))
			require.NotEmpty(t, fault.ChildText("detail", "MessageXml", "LineNumber"))
			require.NotEmpty(t, fault.ChildText("detail", "MessageXml", "Violation"))
		})
	}
}
