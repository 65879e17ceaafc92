package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// checkReport is what a check answers.
type checkReport struct {
	Status string      `json:"status"`
	Steps  []checkStep `json:"steps"`
}

type checkStep struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	About  string `json:"about"`
	Status string `json:"status"`
	Code   string `json:"code"`
	Text   string `json:"text"`
	Fix    string `json:"fix"`
	Detail string `json:"detail"`
}

// find returns the steps with a status.
func (r checkReport) find(status string) []checkStep {
	var out []checkStep
	for _, s := range r.Steps {
		if s.Status == status {
			out = append(out, s)
		}
	}
	return out
}

// trouble is an organization in which much can be wrong.
const trouble = `{
  "domain": "example.com",
  "mailboxes": [
    {"address": "alice@example.com", "name": "Alice Example", "password": "secret"},
    {"address": "eliona@example.com", "name": "Eliona Service", "password": "secret"},
    {"address": "limited@example.com", "name": "Limited Service", "password": "secret"},
    {"address": "plain@example.com", "name": "Plain Account", "password": "secret"}
  ],
  "roomLists": [
    {"address": "first.floor@example.com", "name": "First floor", "rooms": [
      {"address": "room-1@example.com", "name": "Room 1"}, {"address": "room-2@example.com", "name": "Room 2"}]},
    {"address": "roof@example.com", "name": "Roof", "rooms": []}
  ],
  "impersonation": [{"account": "eliona@example.com"}, {"account": "client"}, {"account": "bare"},
    {"account": "limited@example.com", "mailboxes": ["room-1@example.com"]}],
  "clients": [
    {"tenant": "11111111-2222-3333-4444-555555555555", "id": "client", "secret": "secret"},
    {"tenant": "11111111-2222-3333-4444-555555555555", "id": "bare", "secret": "secret", "roles": []}
  ]
}`

// troubled starts the whole product in that organization.
func troubled(t *testing.T, further ...string) *world {
	t.Helper()
	seed := filepath.Join(t.TempDir(), "seed.json")
	require.NoError(t, os.WriteFile(seed, []byte(trouble), 0o600))
	s := newStage(t, stage.Options{Simulator: append([]string{"-seed", seed}, further...)})
	require.NoError(t, s.StartApp(t.Context()))
	return worldOf(t, s)
}

func (w *world) check(configuration map[string]any) checkReport {
	w.t.Helper()
	var r checkReport
	require.NoError(w.t, w.Call(w.t.Context(), http.MethodPost, "/configs/check?mailbox=alice%40example.com", configuration, &r))
	return r
}

// misconfiguration is something that administrators get wrong, and what the
// check has to say of it.
type misconfiguration struct {
	name  string
	set   func(w *world, configuration map[string]any)
	fault map[string]any

	step, about, code string
	text, fix         string // parts of them
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := troubled(t)
	ca := newAuthority(t)
	for _, c := range misconfigurations(t, ca) {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			configuration := w.Configuration()
			if c.set != nil {
				c.set(w, configuration)
			}
			if c.fault != nil {
				w.fault(c.fault)
				defer w.noFaults()
			}
			r := w.check(configuration)
			raw, err := json.MarshalIndent(r, "", " ")
			require.NoError(t, err)
			require.Equal(t, "failed", r.Status, "%s", raw)
			failed := r.find("failed")
			require.Len(t, failed, 1, "%s", raw)
			got := failed[0]
			require.Equal(t, []string{c.step, c.code}, []string{got.Name, got.Code}, "%s", raw)
			require.Contains(t, got.About, c.about)
			require.Contains(t, got.Text, c.text)
			require.Contains(t, got.Fix, c.fix)
			require.NotEmpty(t, got.Title)
			for _, secret := range []string{"secret", "mistyped-5517"} {
				value, _ := json.Marshal(got.Detail)
				require.NotContains(t, string(value), secret)
			}
			for _, s := range r.find("skipped") {
				require.Equal(t, "earlier_step_failed", s.Code, "%+v", s)
			}
		})
	}
	require.Equal(t, "0", one(t, w.Stage, `select count(*)::text from ews.configuration`), "nothing was stored")
	require.NotContains(t, whole(t, w.Stage), "mistyped-5517")
}

func misconfigurations(t *testing.T, ca *authority) []misconfiguration {
	set := func(values ...any) func(*world, map[string]any) {
		return func(_ *world, configuration map[string]any) {
			for i := 0; i < len(values); i += 2 {
				configuration[values[i].(string)] = values[i+1]
			}
		}
	}
	windows := func(user, password string) func(*world, map[string]any) {
		return func(w *world, configuration map[string]any) {
			withWindows(configuration, w.Addresses["EXCHANGE_HTTPS"], user, password)
		}
	}
	return []misconfiguration{
		{
			name: "wrong client secret", set: set("clientSecret", "mistyped-5517"),
			step: "token", code: "AADSTS7000215", text: "refuses the client secret", fix: "value of the secret, not its id",
		},
		{
			name: "wrong tenant", set: set("tenantId", "99999999-2222-3333-4444-555555555555"),
			step: "token", code: "AADSTS90002", text: "no organization by this tenant id", fix: "Correct tenantId",
		},
		{
			name: "wrong client id", set: set("clientId", "client-of-another-tenant"),
			step: "token", code: "AADSTS700016", text: "no app registration", fix: "Correct clientId",
		},
		{
			name: "wrong scope", set: set("oauthScope", "https://mail.example.com/.default"),
			step: "token", code: "AADSTS500011", text: "no resource by this scope", fix: "Correct oauthScope",
		},
		{
			name: "scope of another service", set: set("oauthScope", "https://graph.microsoft.com/.default"),
			step: "exchange", code: "ClientAudienceRefused", text: "issued for another resource", fix: "Correct oauthScope",
		},
		{
			name: "no consent", set: set("clientId", "bare"),
			step: "exchange", code: "consent_missing", text: "lacks the permission full_access_as_app", fix: "grant admin consent",
		},
		{
			name: "EWS blocked", fault: map[string]any{"service": "exchange", "kind": "status", "status": 403},
			step: "exchange", code: "exchange_blocked", text: "1 April 2027", fix: "EwsAllowedAppIDs",
		},
		{
			name: "not EWS at the address", set: func(w *world, configuration map[string]any) {
				configuration["ewsURL"] = strings.TrimSuffix(w.Addresses["EXCHANGE_HTTPS"], "/EWS/Exchange.asmx") + "/owa/"
			},
			step: "exchange", code: "HTTP404", text: "not Exchange Web Services", fix: "ends in /EWS/Exchange.asmx",
		},
		{
			name: "wrong password", set: windows(`EXAMPLE\eliona`, "mistyped-5517"),
			step: "logon", code: "ClientLogonRefused", text: "refuses user name and password", fix: "Check username",
		},
		{
			name: "no impersonation right", set: windows(`EXAMPLE\plain`, "secret"),
			step: "impersonation", about: "eliona@example.com", code: "ErrorImpersonationDenied",
			text: "may act for nobody", fix: "ApplicationImpersonation",
		},
		{
			name: "impersonation right for some mailboxes only", set: windows(`EXAMPLE\limited`, "secret"),
			step: "impersonation", about: "eliona@example.com", code: "ErrorImpersonateUserDenied",
			text: "may not act for this mailbox", fix: "ApplicationImpersonation",
		},
		{
			name: "unknown service user", set: set("serviceUserUPN", "nobody@example.com"),
			step: "impersonation", about: "nobody@example.com", code: "ErrorNonExistentMailbox", text: "no mailbox", fix: "serviceUserUPN",
		},
		{
			name: "wrong room list", set: set("roomListUPN", "no.such.floor@example.com"),
			step: "room_list", code: "room_list_not_found", text: "no room list by this address", fix: "Correct roomListUPN",
		},
		{
			name: "a person in place of a room list", set: set("roomListUPN", "alice@example.com"),
			step: "room_list", code: "not_a_room_list", text: "not that of a room list", fix: "Enter the address of a room list",
		},
		{
			name: "empty room list", set: set("roomListUPN", "roof@example.com"),
			step: "room_list", code: "room_list_empty", text: "no room", fix: "Add rooms",
		},
		{
			name: "a filter that takes no room", set: set("assetFilter", [][]map[string]string{{{"parameter": "name", "regex": "^Hall"}}}),
			step: "asset_filter", code: "filter_takes_none", text: "No room", fix: "Correct the rules",
		},
		{
			name: "a room that cannot be read", fault: map[string]any{
				"service": "exchange", "mailbox": "room-2@example.com", "kind": "soapFault", "code": "ErrorAccessDenied",
			},
			step: "room", about: "room-2@example.com", code: "ErrorAccessDenied", text: "no right to the mailbox", fix: "scope",
		},
		{
			name: "a user's mailbox that cannot be opened", fault: map[string]any{
				"service": "exchange", "mailbox": "alice@example.com", "kind": "soapFault", "code": "ErrorImpersonateUserDenied",
			},
			step: "user_mailbox", about: "alice@example.com", code: "ErrorImpersonateUserDenied", text: "may not act", fix: "widen the scope",
		},
		{
			name: "unknown host", set: set("ewsURL", "https://mail..example.com/EWS/Exchange.asmx"), // no name server is asked for this
			step: "name_resolution", about: "mail..example.com", code: "ClientHostUnknown", text: "no server", fix: "spelling",
		},
		{
			name: "nobody listens", set: func(_ *world, configuration map[string]any) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				require.NoError(t, err)
				configuration["ewsURL"] = "https://" + l.Addr().String() + "/EWS/Exchange.asmx"
				require.NoError(t, l.Close())
			},
			step: "connection", code: "ClientConnectionRefused", text: "nobody answers", fix: "port",
		},
		{
			name: "unknown authority", set: func(_ *world, configuration map[string]any) {
				configuration["ewsURL"] = ca.serve(t, time.Now().AddDate(1, 0, 0))
			},
			step: "connection", about: "127.0.0.1:", code: "ClientUnknownAuthority", text: "not trusted", fix: "caCertificates",
		},
		{
			name: "expired certificate", set: func(_ *world, configuration map[string]any) {
				configuration["ewsURL"], configuration["caCertificates"] = ca.serve(t, time.Now().AddDate(0, 0, -1)), ca.pem
			},
			step: "connection", code: "ClientCertificateExpired", text: "expired", fix: "Renew",
		},
		{
			name: "certificate of another name", set: func(w *world, configuration map[string]any) {
				configuration["ewsURL"] = w.relay(t, "127.0.0.2:0", nil, false)
			},
			step: "connection", about: "127.0.0.2:", code: "ClientWrongName", text: "for other names", fix: "Use a name of the certificate",
		},
		{
			name: "authority that is not trusted", set: func(_ *world, configuration map[string]any) {
				u, err := url.Parse(ca.serve(t, time.Now().AddDate(1, 0, 0)))
				require.NoError(t, err)
				configuration["authorityURL"] = "https://" + u.Host
			},
			step: "connection", code: "ClientUnknownAuthority", text: "not trusted", fix: "caCertificates",
		},
		{
			name: "https to a server without TLS", set: func(w *world, configuration map[string]any) {
				configuration["ewsURL"] = strings.Replace(w.Addresses["EXCHANGE_HTTP"], "http://", "https://", 1)
			},
			step: "connection", code: "ClientNotTLS", text: "does not speak TLS", fix: "Correct the port",
		},
		{
			// Extended Protection as it is set up by default admits programs that
			// know nothing of it, which gives the cause away.
			name: "TLS ends at a proxy", set: func(w *world, configuration map[string]any) {
				withWindows(configuration, w.relay(t, "127.0.0.1:0", ca, true), `EXAMPLE\eliona`, "secret")
				configuration["caCertificates"] = ca.pem
			},
			step: "logon", code: "ClientChannelBinding", text: "Extended Protection is on", fix: "Let TLS pass",
		},
		{
			name: "Booking app unreachable", set: set("bookingAppURL", "http://127.0.0.1:1/v1"),
			step: "booking_app", code: "booking_app_unreachable", text: "does not answer", fix: "bookingAppURL",
		},
		{
			name: "not the Booking app", set: func(w *world, configuration map[string]any) {
				configuration["bookingAppURL"] = w.Addresses["ELIONA"]
			},
			step: "booking_app", code: "booking_request_refused", text: "refuses", fix: "bookingAppURL ends in /v1",
		},
		{
			name: "Booking app too old", fault: map[string]any{
				"service": "booking", "operation": "POST /bookings/group", "kind": "status", "status": 404,
			},
			step: "booking_groups", code: "booking_app_too_old", text: "no groups", fix: "Update the Booking app",
		},
		{
			name: "a proxy that knows no WebSocket", fault: map[string]any{
				"service": "booking", "operation": "GET /sync/bookings-subscription", "kind": "status", "status": 502,
			},
			step: "booking_changes", code: "booking_socket_closed", text: "opens no WebSocket", fix: "Upgrade",
		},
		{
			name: "missing project", set: set("projectIDs", []string{"10", "99"}),
			step: "project", about: "99", code: "project_not_found", text: "no project with this id", fix: "Correct projectIDs",
		},
		{
			name: "Eliona down", fault: map[string]any{"service": "eliona", "kind": "status", "status": 503},
			step: "eliona", code: "eliona_unreachable", text: "does not answer", fix: "API_ENDPOINT",
		},
	}
}

// TestCheckThroughARequiredExtendedProtection: where Extended Protection admits
// nobody without it, a proxy in between cannot be told from a wrong password,
// so both are named.
func TestCheckThroughARequiredExtendedProtection(t *testing.T) {
	t.Parallel()
	w := troubled(t, "-require-channel-binding")
	ca := newAuthority(t)
	configuration := w.Configuration()
	withWindows(configuration, w.Addresses["EXCHANGE_HTTPS"], `EXAMPLE\eliona`, "secret")
	require.Equal(t, "ok", w.check(configuration).Status, "without a proxy")

	configuration["ewsURL"], configuration["caCertificates"] = w.relay(t, "127.0.0.1:0", ca, true), ca.pem
	failed := w.check(configuration).find("failed")
	require.Len(t, failed, 1)
	require.Equal(t, "logon", failed[0].Name)
	require.Equal(t, "ClientLogonRefused", failed[0].Code)
	require.Contains(t, failed[0].Text, "Extended Protection")
	require.Contains(t, failed[0].Fix, "let TLS pass to the Exchange server unbroken")
}

// TestCheckWithoutFault: a configuration that works has only green steps, before
// and after it is saved, and by either way to log on.
func TestCheckWithoutFault(t *testing.T) {
	t.Parallel()
	w := troubled(t)
	online, server := w.Configuration(), w.Configuration()
	withWindows(server, w.Addresses["EXCHANGE_HTTPS"], `EXAMPLE\eliona`, "secret")
	for name, configuration := range map[string]map[string]any{"OAuth": online, "NTLM": server} {
		r := w.check(configuration)
		require.Equal(t, "ok", r.Status, "%s: %+v", name, r)
		require.Empty(t, r.find("skipped"), name)
		for _, s := range r.Steps {
			require.Equal(t, "ok", s.Status, "%s: %+v", name, s)
			require.Empty(t, s.Code+s.Text+s.Fix)
		}
		rooms := 0
		for _, s := range r.Steps {
			if s.Name == "room" {
				rooms++
			}
		}
		require.Equal(t, 2, rooms, name)
	}

	id, err := w.Configure(t.Context(), online)
	require.NoError(t, err)
	path := "/configs/" + strconv.FormatInt(id, 10) + "/check"
	var r checkReport
	require.NoError(t, w.Call(t.Context(), http.MethodPost, path, nil, &r))
	require.Equal(t, "ok", r.Status, "%+v", r)
	require.Equal(t, []checkStep{{
		Name: "user_mailbox", Title: "Calendar of a user", Status: "skipped", Code: "not_asked_for",
		Text: r.find("skipped")[0].Text, Fix: r.find("skipped")[0].Fix,
	}}, r.find("skipped"))

	// A change is tried out with the stored secret.
	changed := maps.Clone(online)
	changed["clientSecret"], changed["roomListUPN"] = "********", "roof@example.com"
	require.NoError(t, w.Call(t.Context(), http.MethodPost, path, map[string]any{"configuration": changed, "mailbox": alice}, &r))
	require.Equal(t, "room_list_empty", r.find("failed")[0].Code)
	require.Equal(t, "first.floor@example.com", one(t, w.Stage, `select room_list_upn from ews.configuration`))
	// But the secret goes to no other place.
	changed["authorityURL"] = "https://127.0.0.1:1"
	err = w.Call(t.Context(), http.MethodPost, path, map[string]any{"configuration": changed}, &r)
	require.ErrorContains(t, err, "422")
	require.ErrorContains(t, err, "configuration.clientSecret")
}

// authority issues certificates that nobody trusts by default.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "House authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(2, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	a := &authority{key: key, pem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
	a.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

// issue makes a certificate for 127.0.0.1.
func (a *authority) issue(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, a.key.Public(), a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// serve starts a server that nobody gets far enough with to hear an answer.
func (a *authority) serve(t *testing.T, until time.Time) (address string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{a.issue(t, until)}})
	require.NoError(t, err)
	serveEach(t, l, func(c net.Conn) { _ = c.(*tls.Conn).Handshake() })
	return "https://" + l.Addr().String() + "/EWS/Exchange.asmx"
}

// relay passes connections on to the simulated Exchange: as they are, or with
// TLS that ends here, as it does at a load balancer.
func (w *world) relay(t *testing.T, listen string, ca *authority, ends bool) (address string) {
	t.Helper()
	u, err := url.Parse(w.Addresses["EXCHANGE_HTTPS"])
	require.NoError(t, err)
	trusted, err := os.ReadFile(w.CA())
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(trusted))
	l, err := net.Listen("tcp", listen)
	require.NoError(t, err)
	if ends {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, time.Now().AddDate(1, 0, 0))}, NextProtos: []string{"http/1.1"}})
	}
	serveEach(t, l, func(c net.Conn) {
		dial := func() (net.Conn, error) { return net.Dial("tcp", u.Host) }
		if ends {
			dial = func() (net.Conn, error) { return tls.Dial("tcp", u.Host, &tls.Config{RootCAs: pool}) }
		}
		server, err := dial()
		if err != nil {
			return
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(server, c); _ = server.Close() })
		both.Go(func() { _, _ = io.Copy(c, server); _ = c.Close() })
		both.Wait()
	})
	return "https://" + l.Addr().String() + "/EWS/Exchange.asmx"
}

// serveEach handles the connections of a listener until the test ends.
func serveEach(t *testing.T, l net.Listener, handle func(net.Conn)) {
	t.Helper()
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				handle(c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}
