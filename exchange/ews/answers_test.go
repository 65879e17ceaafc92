package ews

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHeaders(t *testing.T) {
	f := newFake(t, answers(messages("ResolveNames", success("ResolveNames", ""))))
	c := f.newClient(t, func(o *Options) { o.UserAgent = "product/1" })
	for range 2 {
		_, err := c.ResolveNames(t.Context(), room, "x")
		require.NoError(t, err)
	}
	_, err := c.ResolveNames(t.Context(), "", "x")
	require.NoError(t, err)
	got := f.requests()
	require.Equal(t, "text/xml; charset=utf-8", got[0].header.Get("Content-Type"))
	require.Equal(t, "product/1", got[0].header.Get("User-Agent"))
	require.Equal(t, string(room), got[0].header.Get("X-AnchorMailbox"))
	require.Equal(t, "true", got[0].header.Get("return-client-request-id"))
	require.Equal(t, "gzip", got[0].header.Get("Accept-Encoding"))
	require.Len(t, got[0].header.Get("client-request-id"), 36)
	require.NotEqual(t, got[0].header.Get("client-request-id"), got[1].header.Get("client-request-id"))
	require.NotContains(t, got[2].header, "X-Anchormailbox")
	require.NotContains(t, string(got[2].body), "ExchangeImpersonation")
}

func TestGetRooms(t *testing.T) {
	one := `<t:Room><t:Id><t:Name>R&amp;D</t:Name><t:EmailAddress>lab@contoso.test</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Id></t:Room>`
	answer := func(n int) string {
		return envelope(`<m:GetRoomsResponse ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Rooms>` + strings.Repeat(one, n) + `</m:Rooms></m:GetRoomsResponse>`)
	}
	f := newFake(t, answers(answer(1), answer(100), answer(101),
		envelope(`<m:GetRoomsResponse ResponseClass="Error"><m:MessageText>No results were found.</m:MessageText><m:ResponseCode>ErrorNameResolutionNoResults</m:ResponseCode></m:GetRoomsResponse>`),
		envelope(`<m:GetRoomsResponse/>`)))
	c := f.newClient(t)
	rooms, err := c.GetRooms(t.Context(), room, "l@contoso.test")
	require.NoError(t, err)
	require.Equal(t, Rooms{Rooms: []Address{{Name: "R&D", Address: "lab@contoso.test", RoutingType: "SMTP"}}}, rooms)
	rooms, err = c.GetRooms(t.Context(), room, "l@contoso.test")
	require.NoError(t, err)
	require.True(t, rooms.Truncated)
	rooms, err = c.GetRooms(t.Context(), room, "l@contoso.test")
	require.NoError(t, err)
	require.False(t, rooms.Truncated)
	_, err = c.GetRooms(t.Context(), room, "l@contoso.test")
	require.Equal(t, ClassConfig, ClassOf(err))
	_, err = c.GetRooms(t.Context(), room, "l@contoso.test")
	require.Equal(t, CodeInvalidAnswer, asError(t, err).Code, "neither success nor an error code")
}

func TestGetRoomLists(t *testing.T) {
	f := newFake(t, answers(envelope(`<m:GetRoomListsResponse ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:RoomLists>`+
		`<t:Address><t:Name>B1</t:Name><t:EmailAddress>b1@contoso.test</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType><t:MailboxType>PublicDL</t:MailboxType></t:Address>`+
		`</m:RoomLists></m:GetRoomListsResponse>`)))
	lists, err := f.newClient(t).GetRoomLists(t.Context(), room)
	require.NoError(t, err)
	require.Equal(t, []Address{{"B1", "b1@contoso.test", "SMTP", "PublicDL"}}, lists)
}

func TestResolveNames(t *testing.T) {
	set := func(last string, n int) string {
		return `<m:ResolutionSet IncludesLastItemInRange="` + last + `">` +
			strings.Repeat(`<t:Resolution><t:Mailbox><t:EmailAddress>j@contoso.test</t:EmailAddress></t:Mailbox>`+
				`<t:Contact><t:DisplayName>Jane</t:DisplayName><t:OfficeLocation> Tower 2 </t:OfficeLocation></t:Contact></t:Resolution>`, n) + `</m:ResolutionSet>`
	}
	several := `<m:ResolveNamesResponseMessage ResponseClass="Warning"><m:ResponseCode>ErrorNameResolutionMultipleResults</m:ResponseCode>` + set("false", 2) + `</m:ResolveNamesResponseMessage>`
	f := newFake(t, answers(
		messages("ResolveNames", success("ResolveNames", set("true", 1))),
		messages("ResolveNames", several),
		messages("ResolveNames", failed("ResolveNames", "Error", "ErrorNameResolutionNoResults")),
		fault("ErrorNameResolutionNoResults", ""),
		messages("ResolveNames", failed("ResolveNames", "Error", "ErrorNameResolutionNoMailbox")),
	))
	c := f.newClient(t)
	for _, want := range []struct {
		n        int
		complete bool
	}{{1, true}, {2, false}, {0, true}, {0, true}} {
		r, err := c.ResolveNames(t.Context(), room, "x")
		require.NoError(t, err)
		require.Len(t, r.Candidates, want.n)
		require.Equal(t, want.complete, r.Complete)
		for _, candidate := range r.Candidates {
			require.Equal(t, "Tower 2", candidate.Office)
		}
	}
	_, err := c.ResolveNames(t.Context(), room, "x")
	require.Equal(t, ClassNotFoundMailbox, ClassOf(err))
}

func TestSyncKeepsOrderAndKinds(t *testing.T) {
	page := func(state, last, changes string) string {
		return messages("SyncFolderItems", success("SyncFolderItems", "<m:SyncState>"+state+"</m:SyncState><m:IncludesLastItemInRange>"+last+"</m:IncludesLastItemInRange><m:Changes>"+changes+"</m:Changes>"))
	}
	f := newFake(t, answers(
		page("S1", "false", `<t:Delete><t:ItemId Id="1" ChangeKey="a"/></t:Delete><t:Create><t:CalendarItem><t:ItemId Id="2" ChangeKey="b"/></t:CalendarItem></t:Create>`+
			`<t:Update><t:Message><t:ItemId Id="3"/><t:Subject>x</t:Subject></t:Message></t:Update><t:Future><t:ItemId Id="9"/></t:Future>`+
			`<t:ReadFlagChange><t:ItemId Id="4"/><t:IsRead>true</t:IsRead></t:ReadFlagChange><t:Create><t:CalendarItem><t:ItemId Id="5"/></t:CalendarItem></t:Create>`),
		page("S2", "true", ""),
	))
	var pages []SyncPage
	require.NoError(t, f.newClient(t).SyncAllFolderItems(t.Context(), room, SyncRequest{}, func(p SyncPage) error {
		pages = append(pages, p)
		return nil
	}))
	require.Equal(t, []SyncPage{{State: "S1", Changes: []Change{
		{ChangeDelete, "", ItemID{"1", "a"}},
		{ChangeCreate, "CalendarItem", ItemID{"2", "b"}},
		{ChangeUpdate, "Message", ItemID{"3", ""}},
		{ChangeReadFlag, "", ItemID{"4", ""}},
		{ChangeCreate, "CalendarItem", ItemID{"5", ""}},
	}}, {State: "S2", Last: true}}, pages)
	require.Contains(t, string(f.requests()[1].body), "<m:SyncState>S1</m:SyncState>")
}

func TestSyncFailures(t *testing.T) {
	endless := messages("SyncFolderItems", success("SyncFolderItems", "<m:SyncState>S</m:SyncState><m:IncludesLastItemInRange>false</m:IncludesLastItemInRange>"))
	f := newFake(t, answers(
		messages("SyncFolderItems", failed("SyncFolderItems", "Error", "ErrorInvalidSyncStateData")),
		messages("SyncFolderItems", success("SyncFolderItems", "")),
		messages("SyncFolderItems"),
		endless,
	))
	c := f.newClient(t)
	_, err := c.SyncFolderItems(t.Context(), room, SyncRequest{})
	require.Equal(t, ClassInvalidSyncState, ClassOf(err))
	_, err = c.SyncFolderItems(t.Context(), room, SyncRequest{})
	require.ErrorContains(t, err, "no SyncState")
	_, err = c.SyncFolderItems(t.Context(), room, SyncRequest{})
	require.Equal(t, CodeInvalidAnswer, asError(t, err).Code)
	err = c.SyncAllFolderItems(t.Context(), room, SyncRequest{State: "S"}, func(SyncPage) error { return nil })
	require.Equal(t, CodeRepeatedAnswer, asError(t, err).Code)
	stop := context.Canceled
	require.ErrorIs(t, c.SyncAllFolderItems(t.Context(), room, SyncRequest{}, func(SyncPage) error { return stop }), stop)
}

const fullItem = `<t:Subject>Jane &#x1A;Doe` + "\x02" + `</t:Subject><t:Sensitivity>Private</t:Sensitivity>
<t:ExtendedProperty><t:ExtendedFieldURI PropertySetId="6ed8da90-450b-101b-98da-00aa003f1305" PropertyId="35" PropertyType="Binary"/><t:Value>BAAA</t:Value></t:ExtendedProperty>
<t:ExtendedProperty><t:ExtendedFieldURI DistinguishedPropertySetId="PublicStrings" PropertyName="BookingKey" PropertyType="String"/><t:Value>k1</t:Value></t:ExtendedProperty>
<t:LastModifiedTime>2026-11-30T08:00:00.123Z</t:LastModifiedTime>
<t:UID>040000008200e000</t:UID><t:Start>2026-12-01T10:00:00+01:00</t:Start><t:End>2026-12-01T10:00:00Z</t:End>
<t:IsAllDayEvent>false</t:IsAllDayEvent><t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus><t:IsMeeting>true</t:IsMeeting><t:IsCancelled>true</t:IsCancelled>
<t:CalendarItemType>RecurringMaster</t:CalendarItemType><t:MyResponseType>Accept</t:MyResponseType>
<t:Organizer><t:Mailbox><t:Name>Jane</t:Name><t:EmailAddress>/o=Ex/cn=jane</t:EmailAddress><t:RoutingType>EX</t:RoutingType></t:Mailbox></t:Organizer>
<t:Resources><t:Attendee><t:Mailbox><t:EmailAddress>room1@contoso.test</t:EmailAddress></t:Mailbox><t:ResponseType>Accept</t:ResponseType><t:LastResponseTime>4501-01-01T00:00:00Z</t:LastResponseTime></t:Attendee></t:Resources>
<t:AppointmentSequenceNumber>3</t:AppointmentSequenceNumber><t:AppointmentState>7</t:AppointmentState>
<t:Recurrence><t:WeeklyRecurrence><t:Interval>2</t:Interval><t:DaysOfWeek>Monday Friday</t:DaysOfWeek></t:WeeklyRecurrence><t:EndDateRecurrence><t:StartDate>2026-12-01-08:00</t:StartDate><t:EndDate>2027-03-01Z</t:EndDate></t:EndDateRecurrence></t:Recurrence>
<t:ModifiedOccurrences><t:Occurrence><t:ItemId Id="occ" ChangeKey="c"/><t:Start>2026-12-04T09:00:00Z</t:Start><t:End>2026-12-04T10:00:00Z</t:End><t:OriginalStart>2026-12-04T08:00:00Z</t:OriginalStart></t:Occurrence></t:ModifiedOccurrences>
<t:DeletedOccurrences><t:DeletedOccurrence><t:Start>2026-12-11T09:00:00Z</t:Start></t:DeletedOccurrence></t:DeletedOccurrences>`

func TestGetItemReadsEverything(t *testing.T) {
	f := newFake(t, answers(messages("GetItem", success("GetItem", calendarItem("A", fullItem)), success("GetItem", calendarItem("B", "")),
		success("GetItem", `<m:Items><t:Message><t:ItemId Id="C"/></t:Message></m:Items>`),
		success("GetItem", calendarItem("D", "<t:Start>yesterday</t:Start>")), success("GetItem", "<m:Items/>"),
		failed("GetItem", "Error", "ErrorItemNotFound"))))
	refs := make([]ItemRef, 6)
	got, err := f.newClient(t).GetItems(t.Context(), room, refs, GetOptions{})
	require.NoError(t, err)
	at := func(s string) time.Time { v, _ := time.Parse(time.RFC3339, s); return v }
	require.Equal(t, &CalendarItem{
		Kind: "CalendarItem", ItemID: ItemID{"A", "CK"}, Subject: "Jane Doe", Sensitivity: "Private", UID: "040000008200e000",
		Start: at("2026-12-01T09:00:00Z"), End: at("2026-12-01T10:00:00Z"), LastModified: at("2026-11-30T08:00:00Z"),
		FreeBusy: Busy, IsMeeting: true, IsCancelled: true, Type: RecurringMaster, MyResponse: ResponseAccept,
		Organizer:      &Address{Name: "Jane", Address: "/o=Ex/cn=jane", RoutingType: "EX"},
		Resources:      []Attendee{{Address: Address{Address: "room1@contoso.test"}, Response: ResponseAccept}},
		SequenceNumber: 3, AppointmentState: StateMeeting | StateReceived | StateCancelled,
		Extended: map[string]string{"BookingKey": "k1"}, CleanGlobalObjectID: []byte{4, 0, 0},
		Recurrence: &Recurrence{Pattern: Weekly, Interval: 2, DaysOfWeek: []string{"Monday", "Friday"},
			StartDate: Date{2026, 12, 1}, EndDate: Date{2027, 3, 1}},
		ModifiedOccurrences: []Occurrence{{ItemID{"occ", "c"}, at("2026-12-04T09:00:00Z"), at("2026-12-04T10:00:00Z"), at("2026-12-04T08:00:00Z")}},
		DeletedOccurrences:  []time.Time{at("2026-12-11T09:00:00Z")},
	}, got[0].Item)
	require.Equal(t, &CalendarItem{Kind: "CalendarItem", ItemID: ItemID{"B", "CK"}}, got[1].Item)
	require.False(t, got[2].Item.IsCalendarItem())
	require.Equal(t, ClassPermanent, got[3].Err.Class)
	require.Equal(t, CodeInvalidAnswer, got[4].Err.Code)
	require.Equal(t, ClassGone, got[5].Err.Class)
}

func TestGetItemsBatches(t *testing.T) {
	for _, test := range []struct {
		name    string
		refs    int
		respond func(n int, ids []string) string
		sizes   []int
		codes   map[int]string
	}{
		{"full batches", 60, func(_ int, ids []string) string { return items(ids, len(ids), "") }, []int{25, 25, 10}, nil},
		{"stopped batches go on behind", 30, func(_ int, ids []string) string { return items(ids, 20, "ErrorBatchProcessingStopped") }, []int{25, 10}, nil},
		{"one broken item stops a batch", 10, func(n int, ids []string) string {
			if n == 1 {
				return items(ids, 3, "ErrorItemCorrupt", "ErrorBatchProcessingStopped")
			}
			return items(ids, len(ids), "")
		}, []int{10, 6}, map[int]string{3: "ErrorItemCorrupt"}},
		{"fewer messages than ids", 4, func(n int, ids []string) string {
			if n == 1 {
				return items(ids[:1], 1, "")
			}
			return items(ids, len(ids), "")
		}, []int{4, 3}, nil},
		{"busy items halve", 8, func(n int, ids []string) string {
			if n == 1 {
				return items(ids, 4, "ErrorTimeoutExpired")
			}
			return items(ids, len(ids), "")
		}, []int{8, 4}, nil},
		{"timeouts of requests halve", 8, func(_ int, ids []string) string {
			if len(ids) > 2 {
				return fault("ErrorTimeoutExpired", "")
			}
			return items(ids, len(ids), "")
		}, []int{8, 4, 2, 2, 2, 2}, nil},
		{"answers that are too large halve, and one item alone has the error", 4, func(_ int, ids []string) string {
			if len(ids) > 2 || ids[0] == "id2" {
				return strings.Replace(items(ids, 1, ""), "<m:Items>", "<m:Items>"+strings.Repeat("<a/>", 20_001), 1)
			}
			return items(ids, len(ids), "")
		}, []int{4, 2, 2, 1, 1}, map[int]string{2: CodeAnswerTooLarge}},
		{"an item that never works ends", 2, func(_ int, ids []string) string { return items(ids, 0, "ErrorBatchProcessingStopped") },
			[]int{2, 1, 1}, map[int]string{0: "ErrorBatchProcessingStopped", 1: "ErrorBatchProcessingStopped"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sizes []int
			f := newFake(t, func(n int, s seen, w http.ResponseWriter) {
				var ids []string
				for part := range strings.SplitSeq(string(s.body), `<t:ItemId Id="`) {
					if id, _, ok := strings.Cut(part, `"></t:ItemId>`); ok {
						ids = append(ids, id)
					}
				}
				sizes = append(sizes, len(ids))
				sendXML(w, 200, test.respond(n, ids))
			})
			refs := make([]ItemRef, test.refs)
			for i := range refs {
				refs[i] = ByID(ItemID{ID: fmt.Sprintf("id%d", i)})
			}
			got, err := f.newClient(t).GetItems(t.Context(), room, refs, GetOptions{})
			require.NoError(t, err)
			require.Equal(t, test.sizes, sizes)
			for i, r := range got {
				require.Equal(t, refs[i], r.Ref)
				if code, ok := test.codes[i]; ok {
					require.Equal(t, code, r.Err.Code)
					require.Nil(t, r.Item)
					continue
				}
				require.Nil(t, r.Err)
				require.Equal(t, refs[i].ItemID().ID, r.Item.ID)
			}
		})
	}
}

// items answers the first n ids, the next ones with the given codes, of which
// the last one repeats.
func items(ids []string, n int, codes ...string) string {
	var list []string
	for i, id := range ids {
		if i < n {
			list = append(list, success("GetItem", calendarItem(id, "")))
			continue
		}
		list = append(list, failed("GetItem", "Warning", codes[min(i-n, len(codes)-1)]))
	}
	return messages("GetItem", list...)
}

func TestGetItemsReportsARequestFailure(t *testing.T) {
	f := newFake(t, answers(fault("ErrorNonExistentMailbox", "")))
	_, err := f.newClient(t).GetItems(t.Context(), room, make([]ItemRef, 3), GetOptions{})
	require.Equal(t, ClassNotFoundMailbox, ClassOf(err))
}

func TestCalendarView(t *testing.T) {
	item := func(id, times string) string {
		return `<t:CalendarItem><t:ItemId Id="` + id + `"/>` + times + `<t:CalendarItemType>Occurrence</t:CalendarItemType></t:CalendarItem>`
	}
	good := "<t:Start>2026-12-01T09:00:00Z</t:Start><t:End>2026-12-01T10:00:00Z</t:End>"
	f := newFake(t, answers(
		messages("FindItem", success("FindItem", `<m:RootFolder IncludesLastItemInRange="false" TotalItemsInView="9"><t:Items>`+item("1", good)+item("2", "<t:Start>?</t:Start>")+`</t:Items></m:RootFolder>`)),
		messages("FindItem", failed("FindItem", "Error", "ErrorCalendarViewRangeTooBig")),
		messages("FindItem", success("FindItem", "")),
	))
	c := f.newClient(t)
	v, err := c.FindCalendarView(t.Context(), room, Calendar(), start, end, 0)
	require.NoError(t, err)
	require.False(t, v.Complete)
	require.Len(t, v.Items, 1)
	require.Equal(t, OccurrenceItem, v.Items[0].Type)
	require.Equal(t, []ItemID{{ID: "2"}}, v.Unreadable)
	_, err = c.FindCalendarView(t.Context(), room, Calendar(), start, end, 0)
	require.Equal(t, ClassTooLarge, ClassOf(err))
	_, err = c.FindCalendarView(t.Context(), room, Calendar(), start, end, 0)
	require.ErrorContains(t, err, "RootFolder")
}

func TestFindPages(t *testing.T) {
	page := func(last, offset string, ids ...string) string {
		var b strings.Builder
		for _, id := range ids {
			b.WriteString(`<t:CalendarItem><t:ItemId Id="` + id + `"/></t:CalendarItem>`)
		}
		return messages("FindItem", success("FindItem", `<m:RootFolder IncludesLastItemInRange="`+last+`"`+offset+`><t:Items>`+b.String()+`</t:Items></m:RootFolder>`))
	}
	f := newFake(t, answers(page("false", ` IndexedPagingOffset="2"`, "1", "2"), page("false", "", "3"), page("true", "", "4")))
	got, err := f.newClient(t).FindByGlobalObjectID(t.Context(), room, Calendar(), []byte{1, 2})
	require.NoError(t, err)
	require.Len(t, got, 4)
	require.Contains(t, string(f.requests()[1].body), `Offset="2"`)
	require.Contains(t, string(f.requests()[2].body), `Offset="3"`)
	require.Contains(t, string(f.requests()[0].body), base64.StdEncoding.EncodeToString([]byte{1, 2}))

	f = newFake(t, answers(page("false", "")))
	_, err = f.newClient(t).FindByString(t.Context(), room, Calendar(), PublicString("K"), "v")
	require.Equal(t, CodeRepeatedAnswer, asError(t, err).Code)
}

func TestWritesReturnIDs(t *testing.T) {
	f := newFake(t, answers(
		messages("CreateItem", success("CreateItem", calendarItem("new", ""))),
		messages("UpdateItem", success("UpdateItem", calendarItem("upd", "")+"<m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>")),
		messages("CreateItem", success("CreateItem", "<m:Items/>")),
		messages("DeleteItem", failed("DeleteItem", "Error", "ErrorCalendarOccurrenceIsDeletedFromRecurrence")),
		messages("CreateItem", failed("CreateItem", "Error", "ErrorCalendarIsNotOrganizer")),
	))
	c, subject := f.newClient(t), "s"
	id, err := c.CreateMeeting(t.Context(), room, NewMeeting{Start: start, End: end})
	require.NoError(t, err)
	require.Equal(t, ItemID{"new", "CK"}, id)
	id, err = c.UpdateItem(t.Context(), room, ByID(id), ItemUpdate{Subject: &subject})
	require.NoError(t, err)
	require.Equal(t, ItemID{"upd", "CK"}, id)
	_, err = c.CreateMeeting(t.Context(), room, NewMeeting{Start: start, End: end})
	require.Equal(t, CodeInvalidAnswer, asError(t, err).Code)
	require.True(t, IsAmbiguous(err), "a created item without id must be looked for")
	require.Equal(t, ClassGone, ClassOf(c.DeleteItem(t.Context(), room, ByOccurrence(id, 1), DeleteOptions{})))
	require.Equal(t, ClassConflict, ClassOf(c.CancelMeeting(t.Context(), room, id, "")))
	sent := len(f.requests())
	_, err = c.CreateMeeting(t.Context(), room, NewMeeting{Start: end, End: start})
	require.Equal(t, ClassBug, ClassOf(err))
	_, err = c.UpdateItem(t.Context(), room, ByID(id), ItemUpdate{})
	require.Equal(t, ClassBug, ClassOf(err))
	_, err = c.UpdateItem(t.Context(), room, ByID(id), ItemUpdate{Times: &TimeSpan{Start: start}})
	require.Equal(t, ClassBug, ClassOf(err))
	require.Len(t, f.requests(), sent, "nothing was sent")
}
