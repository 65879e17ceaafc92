package ews

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/exchange/ews/wire"
)

var update = flag.Bool("update", false, "rewrite the golden requests")

var (
	start  = time.Date(2026, 12, 1, 10, 0, 0, 123456, time.FixedZone("", 3600))
	end    = start.Add(time.Hour)
	itemID = ItemID{ID: "AAMk+/org=", ChangeKey: "DwAB"}
)

// goldenCalls are the calls whose requests are kept under testdata/requests.
var goldenCalls = []struct {
	name   string
	answer string
	call   func(context.Context, *Client) error
}{
	{"get_room_lists", envelope(`<m:GetRoomListsResponse ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:RoomLists/></m:GetRoomListsResponse>`),
		func(ctx context.Context, c *Client) error { _, err := c.GetRoomLists(ctx, room); return err }},
	{"get_rooms", envelope(`<m:GetRoomsResponse ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Rooms/></m:GetRoomsResponse>`),
		func(ctx context.Context, c *Client) error {
			_, err := c.GetRooms(ctx, room, "r&d<list>@contoso.test")
			return err
		}},
	{"get_rooms_without_impersonation", envelope(`<m:GetRoomsResponse ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode></m:GetRoomsResponse>`),
		func(ctx context.Context, c *Client) error {
			_, err := c.GetRooms(ctx, "", "b1@contoso.test")
			return err
		}},
	{"resolve_names", messages("ResolveNames", success("ResolveNames", "")),
		func(ctx context.Context, c *Client) error {
			_, err := c.ResolveNames(ctx, room, "/o=Ex/cn=Recipients/cn=jane")
			return err
		}},
	{"sync_first", messages("SyncFolderItems", success("SyncFolderItems", "<m:SyncState>S</m:SyncState><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>")),
		func(ctx context.Context, c *Client) error {
			_, err := c.SyncFolderItems(ctx, room, SyncRequest{Folder: Folder{Name: FolderCalendar, Owner: room}})
			return err
		}},
	{"sync_next", messages("SyncFolderItems", success("SyncFolderItems", "<m:SyncState>S</m:SyncState><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>")),
		func(ctx context.Context, c *Client) error {
			_, err := c.SyncFolderItems(ctx, room, SyncRequest{State: "H4sI+A==", MaxChanges: 10})
			return err
		}},
	{"calendar_view", messages("FindItem", success("FindItem", `<m:RootFolder IncludesLastItemInRange="true"><t:Items/></m:RootFolder>`)),
		func(ctx context.Context, c *Client) error {
			_, err := c.FindCalendarView(ctx, room, Folder{Name: FolderCalendar, Owner: room}, start, start.AddDate(0, 1, 0), 500)
			return err
		}},
	{"find_by_string", messages("FindItem", success("FindItem", `<m:RootFolder IncludesLastItemInRange="true"><t:Items/></m:RootFolder>`)),
		func(ctx context.Context, c *Client) error {
			_, err := c.FindByString(ctx, room, Calendar(), PublicString("BookingKey"), `a"<&>b`)
			return err
		}},
	{"find_by_goid", messages("FindItem", success("FindItem", `<m:RootFolder IncludesLastItemInRange="true"><t:Items/></m:RootFolder>`)),
		func(ctx context.Context, c *Client) error {
			_, err := c.FindByGlobalObjectID(ctx, room, DeletedItems(), UIDToGlobalObjectID("foreign@example.test"),
				NamedString("11111111-2222-3333-4444-555555555555", "Key"))
			return err
		}},
	{"subscribe", messages("Subscribe", success("Subscribe", "<m:SubscriptionId>S</m:SubscriptionId>")),
		func(ctx context.Context, c *Client) error {
			_, err := c.Subscribe(ctx, room, Calendar(), NewAffinity(room))
			return err
		}},
	{"unsubscribe", messages("Unsubscribe", success("Unsubscribe", "")),
		func(ctx context.Context, c *Client) error { return c.Unsubscribe(ctx, room, "JgBi+/==", nil) }},
	{"get_streaming_events", streamed(connection("Closed")),
		func(ctx context.Context, c *Client) error {
			_, err := c.GetStreamingEvents(ctx, room, StreamRequest{Subscriptions: []SubscriptionID{"JgBi+/==", "b"}}, func([]Notification) {})
			return err
		}},
	{"get_item", messages("GetItem", success("GetItem", calendarItem("1", "")), success("GetItem", calendarItem("2", "")), success("GetItem", calendarItem("3", ""))),
		func(ctx context.Context, c *Client) error {
			_, err := c.GetItems(ctx, room, []ItemRef{ByID(itemID), ByOccurrence(itemID, 3), MasterOf(ItemID{ID: "occ"})},
				GetOptions{Extended: []Property{PublicString("BookingKey")}})
			return err
		}},
	{"create_meeting", messages("CreateItem", success("CreateItem", calendarItem("1", ""))),
		func(ctx context.Context, c *Client) error {
			_, err := c.CreateMeeting(ctx, "jane@contoso.test", NewMeeting{
				Subject: "R&D <\x01weekly>\x00", Body: "Reference 4711\r\n]]>", UID: NewGlobalObjectID([16]byte{1, 2, 3}, start),
				Properties: []PropertyValue{{PublicString("BookingKey"), "cfg7:4711"}},
				Start:      start, End: end, Location: "Lab 1",
				Resources:         []Invitee{{Name: "Lab 1", Address: "room1@contoso.test"}, {Address: "room2@contoso.test"}},
				RequiredAttendees: []Invitee{{Address: "o'neil@contoso.test"}},
			})
			return err
		}},
	{"create_hostile", messages("CreateItem", success("CreateItem", calendarItem("1", ""))),
		func(ctx context.Context, c *Client) error {
			const text = "</t:Subject><t:X a=\"'\">&#0;]]>\x00\x0b\x1f\ufffe\xff\xed\xa0\x80<!--<?x?>\r\n\t\u2028😀"
			_, err := c.CreateMeeting(ctx, room, NewMeeting{
				Subject: text, Body: text, UID: text, Location: text, Start: start, End: end, TimeZoneID: text,
				Properties: []PropertyValue{{PublicString("BookingKey"), text}},
				Resources:  []Invitee{{Name: text, Address: text}}, RequiredAttendees: []Invitee{{Address: text}},
			})
			return err
		}},
	{"create_series", messages("CreateItem", success("CreateItem", calendarItem("1", ""))),
		func(ctx context.Context, c *Client) error {
			_, err := c.CreateMeeting(ctx, "jane@contoso.test", NewMeeting{
				Folder: Folder{Name: FolderCalendar, Owner: "jane@contoso.test"}, Subject: "Series", Start: start, End: end, AllDay: true,
				FreeBusy: Free, Sensitivity: "Private", TimeZoneID: "W. Europe Standard Time", Notify: SendToNone,
				OptionalAttendees: []Invitee{{Address: "bob@contoso.test"}},
				Recurrence: &Recurrence{
					Pattern: Weekly, Interval: 2, DaysOfWeek: []string{"Monday", "Friday"}, FirstDayOfWeek: "Monday",
					StartDate: Date{2026, time.December, 1}, Count: 5,
				},
			})
			return err
		}},
	{"update_times", messages("UpdateItem", success("UpdateItem", calendarItem("1", ""))),
		func(ctx context.Context, c *Client) error {
			allDay := false
			_, err := c.UpdateItem(ctx, room, ByID(itemID), ItemUpdate{Times: &TimeSpan{Start: start, End: end, TimeZoneID: "UTC", AllDay: &allDay}})
			return err
		}},
	{"update_everything", messages("UpdateItem", success("UpdateItem", calendarItem("1", ""))),
		func(ctx context.Context, c *Client) error {
			text, none := "new & better", []Invitee{}
			rooms := []Invitee{{Address: "room2@contoso.test"}}
			_, err := c.UpdateItem(ctx, room, ByOccurrence(itemID, 2), ItemUpdate{
				Subject: &text, Location: &text, Body: &text, Resources: &rooms, RequiredAttendees: &none, OptionalAttendees: &rooms,
				Recurrence: &Recurrence{Pattern: AbsoluteYearly, DayOfMonth: 24, Month: time.December, StartDate: Date{2026, 12, 24}},
				Properties: []PropertyValue{{PublicString("BookingKey"), "x"}}, Delete: []string{"item:Categories"},
				Notify: SendToChangedAndSaveCopy, Conflict: NeverOverwrite,
			})
			return err
		}},
	{"cancel_meeting", messages("CreateItem", success("CreateItem", "<m:Items/>")),
		func(ctx context.Context, c *Client) error {
			return c.CancelMeeting(ctx, room, itemID, "Cancelled & gone")
		}},
	{"decline_item", messages("CreateItem", success("CreateItem", "<m:Items/>")),
		func(ctx context.Context, c *Client) error { return c.DeclineItem(ctx, room, itemID, "No") }},
	{"delete_item", messages("DeleteItem", success("DeleteItem", "")),
		func(ctx context.Context, c *Client) error {
			return c.DeleteItem(ctx, room, ByID(itemID), DeleteOptions{Type: HardDelete, Notify: SendToNone})
		}},
	{"delete_occurrence", messages("DeleteItem", success("DeleteItem", "")),
		func(ctx context.Context, c *Client) error {
			return c.DeleteItem(ctx, room, ByOccurrence(itemID, 3), DeleteOptions{})
		}},
}

func TestGoldenRequests(t *testing.T) {
	for _, g := range goldenCalls {
		t.Run(g.name, func(t *testing.T) {
			f := newFake(t, answers(g.answer))
			require.NoError(t, g.call(t.Context(), f.newClient(t)))
			got := f.requests()
			require.Len(t, got, 1)
			_, err := wire.DecodeEnvelope(bytes.NewReader(got[0].body))
			require.NoError(t, err)
			file := filepath.Join("testdata", "requests", g.name+".xml")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
				require.NoError(t, os.WriteFile(file, got[0].body, 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err, "run the test with -update to create it")
			require.Equal(t, string(want), string(got[0].body))
		})
	}
}

func TestAllRecurrencePatterns(t *testing.T) {
	for _, r := range recurrences() {
		_, err := r.request()
		require.NoError(t, err)
	}
	_, err := (&Recurrence{Pattern: "Hourly"}).request()
	require.Error(t, err)
	_, err = (&Recurrence{Pattern: Daily}).request()
	require.Error(t, err)
}

func recurrences() []Recurrence {
	day := Date{2026, time.December, 1}
	return []Recurrence{
		{Pattern: Daily, StartDate: day},
		{Pattern: Weekly, DaysOfWeek: []string{"Monday"}, StartDate: day, EndDate: Date{2027, 1, 1}},
		{Pattern: AbsoluteMonthly, Interval: 2, DayOfMonth: 31, StartDate: day, Count: 3},
		{Pattern: RelativeMonthly, DaysOfWeek: []string{"Weekday"}, Index: "Last", StartDate: day},
		{Pattern: AbsoluteYearly, DayOfMonth: 1, Month: time.May, StartDate: day},
		{Pattern: RelativeYearly, DaysOfWeek: []string{"Sunday"}, Index: "First", Month: time.March, StartDate: day},
	}
}

// TestEnvelopesValidateAgainstSchema checks the requests against the published
// Exchange schemas with the script "validate" in $EWS_SCHEMA_DIR.
func TestEnvelopesValidateAgainstSchema(t *testing.T) {
	schemas := os.Getenv("EWS_SCHEMA_DIR")
	if schemas == "" {
		t.Skip("EWS_SCHEMA_DIR is not set: it must name a directory with the EWS schemas and a script \"validate\"")
	}
	dir := t.TempDir()
	var files []string
	write := func(name string, body []byte) {
		file := filepath.Join(dir, name+".xml")
		require.NoError(t, os.WriteFile(file, body, 0o600))
		files = append(files, file)
	}
	for _, g := range goldenCalls {
		f := newFake(t, answers(g.answer))
		require.NoError(t, g.call(t.Context(), f.newClient(t)))
		write(g.name, f.requests()[0].body)
	}
	for _, r := range recurrences() {
		f := newFake(t, answers(messages("CreateItem", success("CreateItem", calendarItem("1", "")))))
		_, err := f.newClient(t).CreateMeeting(t.Context(), room, NewMeeting{Start: start, End: end, Recurrence: &r})
		require.NoError(t, err)
		write("recurrence_"+string(r.Pattern), f.requests()[0].body)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(schemas, "validate"), files...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
