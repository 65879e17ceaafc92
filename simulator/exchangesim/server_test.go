package exchangesim

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/exchangesim/schematest"
	"ews/simulator/exchangesim/soap"
)

// testClock is a clock that a test moves.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *testClock {
	return &testClock{now: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fixture is a running server and a client of it.
type fixture struct {
	*Server
	t      *testing.T
	clock  *testClock
	http   *httptest.Server
	client *http.Client
}

// start runs a server over TLS. Every request and answer is recorded, and
// validated against the published schemas at the end when EWS_SCHEMA_DIR names
// a directory with them.
func start(t *testing.T, o Options) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: newClock()}
	if o.Clock == nil {
		o.Clock = f.clock.Now
	}
	o.RecordDir, o.RandomSeed = t.TempDir(), 1
	dummy := httptest.NewUnstartedServer(http.NotFoundHandler())
	dummy.StartTLS()
	if o.RequireChannelBinding || o.ServerCertificate == nil {
		o.ServerCertificate = dummy.Certificate()
	}
	dummy.Close()
	server, err := New(o)
	require.NoError(t, err)
	f.Server = server
	f.http = httptest.NewUnstartedServer(server.Handler())
	f.http.Config.ConnContext = server.ConnContext
	f.http.Config.ErrorLog = nil
	f.http.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
	f.http.StartTLS()
	f.client = f.http.Client()
	t.Cleanup(func() {
		server.Close()
		f.http.Close()
		schematest.Validate(t, o.RecordDir)
	})
	return f
}

const envelopeFormat = `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
<soap:Header><t:RequestServerVersion Version="Exchange2013_SP1"/>%s</soap:Header><soap:Body>%s</soap:Body></soap:Envelope>`

// as sends an operation as the service user who acts as somebody; "" sends it
// without impersonation. It returns the HTTP status and the SOAP body's child.
func (f *fixture) as(who, body string) (int, *soap.Element) {
	f.t.Helper()
	header := ""
	if who != "" {
		header = `<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>` + who + `</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>`
	}
	status, answer, err := f.post("eliona@example.com", header, body)
	require.NoError(f.t, err)
	return status, answer
}

func (f *fixture) post(user, header, body string) (int, *soap.Element, error) {
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.http.URL+"/EWS/Exchange.asmx", strings.NewReader(fmt.Sprintf(envelopeFormat, header, body)))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.SetBasicAuth(user, "secret")
	resp, err := f.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, nil, err
	}
	root, err := soap.Parse(bytes.NewReader(content))
	if err != nil {
		return resp.StatusCode, nil, err
	}
	return resp.StatusCode, root.Child("Body").Children[0], nil
}

// ok sends an operation and requires every response message to succeed.
func (f *fixture) ok(who, body string) []*soap.Element {
	f.t.Helper()
	status, answer := f.as(who, body)
	require.Equal(f.t, 200, status, "%s", soap.Marshal(answer))
	messages := answer.Child("ResponseMessages").Children
	for _, m := range messages {
		require.Equal(f.t, "NoError", m.ChildText("ResponseCode"), "%s", soap.Marshal(m))
	}
	return messages
}

// code sends an operation and returns the ResponseCode of its first message.
func (f *fixture) code(who, body string) string {
	f.t.Helper()
	_, answer := f.as(who, body)
	if answer.Name == "Fault" {
		return "fault " + answer.ChildText("detail", "ResponseCode")
	}
	if answer.Child("ResponseMessages") == nil {
		return answer.ChildText("ResponseCode")
	}
	return answer.Child("ResponseMessages").Children[0].ChildText("ResponseCode")
}

func (f *fixture) settle() {
	f.t.Helper()
	require.NoError(f.t, f.Settle(f.t.Context()))
}

// id is an item's id with its change key as attributes.
func id(e *soap.Element) string {
	return fmt.Sprintf(`Id=%q ChangeKey=%q`, e.Attr("Id"), e.Attr("ChangeKey"))
}

// meeting is the request that creates a meeting with rooms.
func meeting(start, end string, extra string, rooms ...string) string {
	resources := ""
	for _, r := range rooms {
		resources += `<t:Attendee><t:Mailbox><t:EmailAddress>` + r + `</t:EmailAddress></t:Mailbox></t:Attendee>`
	}
	if resources != "" {
		resources = `<t:Resources>` + resources + `</t:Resources>`
	}
	return `<m:CreateItem SendMeetingInvitations="SendToAllAndSaveCopy"><m:SavedItemFolderId><t:DistinguishedFolderId Id="calendar"/></m:SavedItemFolderId><m:Items><t:CalendarItem>
<t:Subject>Weekly &lt;sync&gt;</t:Subject><t:Body BodyType="Text">Agenda</t:Body><t:ReminderIsSet>false</t:ReminderIsSet>
<t:ExtendedProperty><t:ExtendedFieldURI DistinguishedPropertySetId="PublicStrings" PropertyName="Key" PropertyType="String"/><t:Value>key-1</t:Value></t:ExtendedProperty>
<t:Start>` + start + `</t:Start><t:End>` + end + `</t:End><t:Location>Lab</t:Location>` + resources + extra + `</t:CalendarItem></m:Items></m:CreateItem>`
}

// create makes a meeting and returns its ItemId element.
func (f *fixture) create(who, body string) *soap.Element {
	f.t.Helper()
	return f.ok(who, body)[0].Child("Items", "CalendarItem", "ItemId")
}

// get reads one item in full.
func (f *fixture) get(who, attributes string) *soap.Element {
	f.t.Helper()
	m := f.ok(who, `<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape><t:AdditionalProperties>
<t:ExtendedFieldURI DistinguishedPropertySetId="PublicStrings" PropertyName="Key" PropertyType="String"/>
<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="3" PropertyType="Binary"/>
<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="35" PropertyType="Binary"/>
</t:AdditionalProperties></m:ItemShape><m:ItemIds><t:ItemId `+attributes+`/></m:ItemIds></m:GetItem>`)
	return m[0].Child("Items").Children[0]
}

func goid64(uid string) string { return base64.StdEncoding.EncodeToString([]byte(cleanGOID(uid))) }
