package exchangesim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/simulator/exchangesim/soap"
)

// FuzzServer: whatever is posted, the server answers with SOAP, or tells that
// it is no XML.
func FuzzServer(f *testing.F) {
	const ids = `<m:ItemIds><t:ItemId Id="x"/><t:OccurrenceItemId RecurringMasterId="x" InstanceIndex="1"/></m:ItemIds>`
	for _, body := range []string{
		lists, `<m:GetRooms><m:RoomList><t:EmailAddress>first.floor@example.com</t:EmailAddress></m:RoomList></m:GetRooms>`,
		simple(2), meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", "", room1),
		meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", `<t:Recurrence><t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence><t:NoEndRecurrence><t:StartDate>2026-12-02</t:StartDate></t:NoEndRecurrence></t:Recurrence>`, room1),
		find("calendar", isEqual(`<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="35" PropertyType="Binary"/>`, "AAAA")),
		`<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:CalendarView StartDate="2026-12-01T00:00:00Z" EndDate="2027-01-01T00:00:00Z"/><m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>`,
		`<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="calendar"/></m:SyncFolderId><m:SyncState>AAAA</m:SyncState><m:MaxChangesReturned>5</m:MaxChangesReturned></m:SyncFolderItems>`,
		`<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>` + ids + `</m:GetItem>`,
		`<m:DeleteItem DeleteType="HardDelete" SendMeetingCancellations="SendToNone">` + ids + `</m:DeleteItem>`,
		updateRequest(`Id="x" ChangeKey="AAAA"`, "item:Subject", "<t:Subject>x</t:Subject>", "AutoResolve", "SendToNone"),
		`<m:ResolveNames ReturnFullContactData="true"><m:UnresolvedEntry>a</m:UnresolvedEntry></m:ResolveNames>`,
	} {
		f.Add("", body)
		f.Add(`<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>room-1@example.com</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>`, body)
	}
	f.Add(`<t:TimeZoneContext><t:TimeZoneDefinition Id="W. Europe Standard Time"/></t:TimeZoneContext>`, simple(3))
	server, err := New(Options{RandomSeed: 1})
	require.NoError(f, err)
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, header, body string) {
		if strings.Contains(body, "GetStreamingEvents") {
			return // it lasts a minute at least
		}
		envelope := fmt.Sprintf(strings.ReplaceAll(envelopeFormat, "\n", ""), header, body)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/EWS/Exchange.asmx", strings.NewReader(envelope))
		require.NoError(t, err)
		request.SetBasicAuth("eliona@example.com", "secret")
		recorder := httptest.NewRecorder()
		server.Handler().ServeHTTP(recorder, request)
		content, err := io.ReadAll(recorder.Body)
		require.NoError(t, err)
		if recorder.Code == http.StatusBadRequest && len(content) == 0 {
			return
		}
		if recorder.Code != http.StatusOK && recorder.Code != http.StatusInternalServerError {
			t.Fatalf("%d %s", recorder.Code, content)
		}
		root, err := soap.Parse(bytes.NewReader(content))
		require.NoError(t, err, "%s", content)
		require.Len(t, root.Child("Body").Children, 1)
	})
}
