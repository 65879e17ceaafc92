package exchangesim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-ntlmssp"
	bodgit "github.com/bodgit/ntlmssp"
	"github.com/stretchr/testify/require"

	"ews/simulator/entrasim"
	"ews/simulator/fault"
	"ews/simulator/stats"
)

const lists = `<m:GetRoomLists/>`

func TestEndpoint(t *testing.T) {
	f := start(t, Options{})
	for path, want := range map[string]int{"/EWS/Exchange.asmx": 405, "/ews/exchange.asmx": 405, "/": 404, "/EWS": 404} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.http.URL+path, nil)
		require.NoError(t, err)
		resp, err := f.client.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, want, resp.StatusCode, path)
	}
}

func TestImpersonation(t *testing.T) {
	f := start(t, Options{})
	require.NoError(t, f.AddMailbox(Mailbox{Address: "dave@example.com", Aliases: []string{"d@example.com"}, Disabled: true}))
	f.SetImpersonation([]Impersonation{{Account: "eliona@example.com", Mailboxes: []string{alice, "dave@example.com", room1}}})
	for _, tt := range []struct{ user, sid, want string }{
		{"eliona@example.com", "<t:SmtpAddress>ALICE@example.com</t:SmtpAddress>", ""},
		{"eliona@example.com", "<t:PrincipalName>alice@example.com</t:PrincipalName>", ""},
		{"eliona@example.com", "<t:SmtpAddress>nobody@example.com</t:SmtpAddress>", "ErrorNonExistentMailbox"},
		{"eliona@example.com", "<t:PrimarySmtpAddress>d@example.com</t:PrimarySmtpAddress>", "ErrorNonPrimarySmtpAddress"},
		{"eliona@example.com", "<t:PrincipalName>nobody@example.com</t:PrincipalName>", "ErrorInvalidUserPrincipalName"},
		{"eliona@example.com", "<t:SID>S-1-5-21-1</t:SID>", "ErrorInvalidUserSid"},
		{"eliona@example.com", "<t:SmtpAddress>nobody</t:SmtpAddress>", "ErrorInvalidSmtpAddress"},
		{"eliona@example.com", "<t:SmtpAddress>bob@example.com</t:SmtpAddress>", "ErrorImpersonateUserDenied"},
		{"bob@example.com", "<t:SmtpAddress>alice@example.com</t:SmtpAddress>", "ErrorImpersonationDenied"},
		{"eliona@example.com", "<t:SmtpAddress></t:SmtpAddress>", "ErrorInvalidExchangeImpersonationHeaderData"},
		{"eliona@example.com", "", "ErrorInvalidExchangeImpersonationHeaderData"},
		{"eliona@example.com", "<t:SmtpAddress>d@example.com</t:SmtpAddress>", "ErrorAccountDisabled"},
	} {
		status, answer, err := f.post(tt.user, "<t:ExchangeImpersonation><t:ConnectingSID>"+tt.sid+"</t:ConnectingSID></t:ExchangeImpersonation>", lists)
		require.NoError(t, err)
		require.Equal(t, tt.want, answer.ChildText("detail", "ResponseCode"), tt.sid)
		require.Equal(t, tt.want == "", status == 200)
	}
	_, answer, err := f.post("eliona@example.com", `<t:MailboxCulture>en-US</t:MailboxCulture><t:MailboxCulture>en-US</t:MailboxCulture>`, lists)
	require.NoError(t, err)
	require.Equal(t, "ErrorDuplicateSOAPHeader", answer.ChildText("detail", "ResponseCode"))
	require.Equal(t, "ErrorAccessDenied", f.code(alice, `<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id="calendar"><t:Mailbox><t:EmailAddress>room-1@example.com</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId></m:FolderIds></m:GetFolder>`))
	require.Equal(t, "fault ErrorInvalidRequest", f.code("", `<m:GetDelegate IncludePermissions="true"/>`))
}

// send posts a raw request with a client and returns status and body.
func (f *fixture) send(client *http.Client, prepare func(*http.Request), header, body string) (*http.Response, string) {
	f.t.Helper()
	envelope := strings.Replace(strings.Replace(envelopeFormat, "%s", header, 1), "%s", body, 1)
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.http.URL+"/EWS/Exchange.asmx", strings.NewReader(envelope))
	require.NoError(f.t, err)
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	prepare(req)
	resp, err := client.Do(req)
	require.NoError(f.t, err)
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	return resp, string(content)
}

func (f *fixture) pinned() *http.Transport {
	transport := f.client.Transport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = 1
	f.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func TestNTLM(t *testing.T) {
	f := start(t, Options{DisableBasic: true})
	for user, want := range map[string]int{`EXAMPLE\alice`: 200, "alice@example.com": 200, `OTHER\alice`: 401, "room-1@example.com": 401} {
		client := &http.Client{Transport: ntlmssp.Negotiator{RoundTripper: f.pinned()}}
		resp, _ := f.send(client, func(r *http.Request) { r.SetBasicAuth(user, "secret") }, "", lists)
		require.Equal(t, want, resp.StatusCode, user)
	}
	resp, _ := f.send(&http.Client{Transport: f.pinned()}, func(*http.Request) {}, "", lists)
	require.Equal(t, 401, resp.StatusCode, "another connection is not authenticated")
	require.Equal(t, []string{"Negotiate", "NTLM"}, resp.Header.Values("WWW-Authenticate"))
}

func TestNTLMWithChannelBindings(t *testing.T) {
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	f := start(t, Options{RequireChannelBinding: true, ServerCertificate: certificate.Certificate(), DisableBasic: true})
	plain := &http.Client{Transport: ntlmssp.Negotiator{RoundTripper: f.pinned()}}
	resp, _ := f.send(plain, func(r *http.Request) { r.SetBasicAuth("alice@example.com", "secret") }, "", lists)
	require.Equal(t, 401, resp.StatusCode, "a client without bindings is refused")

	for _, send := range []bool{true, false} {
		require.Equal(t, send, f.bind(t, send) == 200)
	}
}

// bind does the handshake by hand with an independent NTLM client.
func (f *fixture) bind(t *testing.T, send bool) int {
	t.Helper()
	client, err := bodgit.NewClient(bodgit.SetUserInfo("alice", "secret"), bodgit.SetDomain("EXAMPLE"), bodgit.SetWorkstation("PC"))
	require.NoError(t, err)
	httpClient := &http.Client{Transport: f.pinned()}
	negotiate, err := client.Authenticate(nil, nil)
	require.NoError(t, err)
	step := func(message []byte) *http.Response {
		resp, _ := f.send(httpClient, func(r *http.Request) {
			r.Header.Set("Authorization", "NTLM "+base64.StdEncoding.EncodeToString(message))
		}, "", lists)
		return resp
	}
	first := step(negotiate)
	require.Equal(t, 401, first.StatusCode)
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(first.Header.Get("WWW-Authenticate"), "NTLM "))
	require.NoError(t, err)
	var bindings *bodgit.ChannelBindings
	if send {
		hash := sha256.Sum256(f.http.Certificate().Raw)
		bindings = &bodgit.ChannelBindings{ApplicationData: append([]byte(bodgit.TLSServerEndPoint+":"), hash[:]...)}
	}
	authenticate, err := client.Authenticate(challenge, bindings)
	require.NoError(t, err)
	return step(authenticate).StatusCode
}

func TestBearer(t *testing.T) {
	now := time.Now()
	seed := DefaultSeed()
	authority, err := entrasim.New(entrasim.Options{Clients: seed.Clients, Clock: func() time.Time { return now }})
	require.NoError(t, err)
	login := httptest.NewTLSServer(authority.Handler())
	defer login.Close()
	f := start(t, Options{AuthBearer: authority, Seed: seed})
	token := func() string {
		resp, err := login.Client().PostForm(login.URL+"/"+seed.Clients[0].Tenant+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"client"}, "client_secret": {"secret"}, "scope": {"https://outlook.office365.com/.default"},
		})
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		content, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(content), `"access_token":"`)
		access, _, _ := strings.Cut(rest, `"`)
		return access
	}
	call := func(access, header string) (int, string) {
		resp, body := f.send(f.client, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) }, header, lists)
		return resp.StatusCode, body + resp.Header.Get("x-ms-diagnostics")
	}
	const as = "<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>alice@example.com</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
	access := token()
	status, _ := call(access, as)
	require.Equal(t, 200, status)
	status, body := call(access, "")
	require.Equal(t, 500, status)
	require.Contains(t, body, "ExchangeImpersonation SOAP header must be present for this type of OAuth token.")
	status, body = call("x.y.z", as)
	require.Equal(t, 401, status)
	require.Contains(t, body, "2000001;")
	now = now.Add(2 * time.Hour)
	status, body = call(access, as)
	require.Equal(t, 401, status)
	require.Contains(t, body, "2000002;")
	require.NoError(t, authority.SetRoles("client", []string{}))
	status, _ = call(token(), as)
	require.Equal(t, 403, status)
}

func TestFaultRules(t *testing.T) {
	faults, counters := fault.New(1), stats.New()
	f := start(t, Options{Faults: faults, Stats: counters})
	rule := func(r fault.Rule) {
		r.Service, r.Count = Service, 1
		_, err := faults.Add(r)
		require.NoError(t, err)
	}
	rule(fault.Rule{Kind: fault.Status, Status: 503, RetryAfterSeconds: 7})
	resp, _ := f.send(f.client, func(r *http.Request) { r.SetBasicAuth(alice, "secret") }, "", lists)
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, "7", resp.Header.Get("Retry-After"))

	rule(fault.Rule{Kind: fault.Throttle, Operation: "GetRoomLists", BackOffMilliseconds: 1234})
	status, body := f.as("", lists)
	require.Equal(t, 500, status)
	require.Equal(t, "ErrorServerBusy", body.ChildText("detail", "ResponseCode"))
	require.Equal(t, "1234", body.ChildText("detail", "MessageXml", "Value"))

	rule(fault.Rule{Kind: fault.SOAPFault, Code: "ErrorMailboxMoveInProgress", Mailbox: "ALICE@example.com"})
	require.Equal(t, "NoError", f.code(bob, lists))
	require.Equal(t, "fault ErrorMailboxMoveInProgress", f.code(alice, lists))

	rule(fault.Rule{Kind: fault.ResponseCode, Code: "ErrorInternalServerTransientError"})
	require.Equal(t, "ErrorInternalServerTransientError", f.code(alice, simple(2)))
	require.Empty(t, f.Calendars(alice))

	rule(fault.Rule{Kind: fault.ResetAfterBody, Operation: "CreateItem"})
	_, _, err := f.post(alice, "", simple(2))
	require.Error(t, err)
	require.Len(t, f.Calendars(alice), 1, "the effect has been applied")

	rule(fault.Rule{Kind: fault.ResetBefore, Operation: "CreateItem"})
	_, _, err = f.post(alice, "", simple(3))
	require.Error(t, err)
	require.Len(t, f.Calendars(alice), 1)

	rule(fault.Rule{Kind: fault.Truncate})
	_, _, err = f.post(alice, "", lists)
	require.Error(t, err)

	rule(fault.Rule{Kind: fault.Status, Status: 500, Operation: "CancelCalendarItem"})
	require.Equal(t, "NoError", f.code(alice, simple(4)))
	resp, _ = f.send(f.client, func(r *http.Request) { r.SetBasicAuth(alice, "secret") }, "",
		`<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:CancelCalendarItem><t:ReferenceItemId Id="x"/></t:CancelCalendarItem></m:Items></m:CreateItem>`)
	require.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
	require.EqualValues(t, 1, counters.Snapshot()[Service]["CancelCalendarItem"].Errors)
}

func TestLimits(t *testing.T) {
	f := start(t, Options{MaxConcurrency: 1, Latency: 50 * time.Millisecond})
	codes := make(chan string, 4)
	for range 4 {
		go func() {
			_, answer, err := f.post(alice, "", lists)
			if err != nil {
				codes <- err.Error()
				return
			}
			codes <- answer.ChildText("detail", "ResponseCode")
		}()
	}
	refused := 0
	for range 4 {
		if <-codes == "ErrorExceededConnectionCount" {
			refused++
		}
	}
	require.Positive(t, refused)
	big := strings.Replace(simple(2), "Agenda", strings.Repeat("x", maxRequest), 1)
	require.Equal(t, "fault ErrorRequestStreamTooBig", f.code(alice, big))
}

func TestStreaming(t *testing.T) {
	f := start(t, Options{Heartbeat: 20 * time.Millisecond})
	sub := f.ok(alice, `<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId Id="calendar"/></t:FolderIds><t:EventTypes><t:EventType>CreatedEvent</t:EventType><t:EventType>MovedEvent</t:EventType></t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>`)[0].ChildText("SubscriptionId")
	f.create(alice, simple(2))
	request := `<m:GetStreamingEvents><m:SubscriptionIds><t:SubscriptionId>` + sub + `</t:SubscriptionId></m:SubscriptionIds><m:ConnectionTimeout>1</m:ConnectionTimeout></m:GetStreamingEvents>`
	body := strings.Replace(strings.Replace(envelopeFormat, "%s", "<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>alice@example.com</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>", 1), "%s", request, 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.http.URL+"/EWS/Exchange.asmx", strings.NewReader(body))
	require.NoError(t, err)
	req.SetBasicAuth("eliona@example.com", "secret")
	resp, err := f.client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var seen bytes.Buffer
	dec := xml.NewDecoder(io.TeeReader(resp.Body, &seen))
	for i := 0; i < 5 || !strings.Contains(seen.String(), "CreatedEvent"); i++ {
		var envelope struct {
			XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		}
		require.NoError(t, dec.Decode(&envelope))
	}
	require.Contains(t, seen.String(), "<m:ConnectionStatus>OK</m:ConnectionStatus>")
	require.Contains(t, seen.String(), "<m:Notification>")
	f.ok(alice, `<m:Unsubscribe><m:SubscriptionId>`+sub+`</m:SubscriptionId></m:Unsubscribe>`)
	require.Equal(t, "ErrorInvalidSubscription", f.code(alice, request))
}
