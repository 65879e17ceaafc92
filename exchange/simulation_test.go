package exchange_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ews/app/meeting"
	"ews/exchange"
	"ews/simulator/entrasim"
	"ews/simulator/exchangesim"
	"ews/simulator/fault"
	"ews/simulator/stats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alice   = "alice@example.com"
	service = "eliona@example.com"
	floor   = "first.floor@example.com"
	room1   = "room-1@example.com"
	room2   = "room-2@example.com"
)

// simulation is a simulated organization behind TLS.
type simulation struct {
	exchangesim.Options
	ntlm    bool                        // with channel bindings required, in place of OAuth
	rewrite func(op, xml string) string // changes answers before they are sent; may be nil
	roles   []string                    // of the app's tokens; nil: full_access_as_app
	rbac    bool                        // the server admits the app without a permission in its token

	*exchangesim.Server
	settings exchange.Settings
	logs     *logs
	network  *network
}

// network counts what a server in front of the simulation sees.
type network struct {
	connections, logons atomic.Int64
}

// count is the ConnState of an http.Server.
func (n *network) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		n.connections.Add(1)
	}
}

// watch counts the last messages of NTLM logons.
func (n *network) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "NTLM "))
		if bytes.HasPrefix(message, []byte("NTLMSSP\x00\x03")) {
			n.logons.Add(1)
		}
		h.ServeHTTP(w, r)
	})
}

// simulate starts a simulation.
func simulate(t *testing.T, s simulation) *simulation {
	t.Helper()
	s.Options.Seed = exchangesim.DefaultSeed()
	s.Faults, s.Stats, s.logs, s.network = fault.New(1), stats.New(), &logs{}, &network{}
	// The default room list comes with names to be put into lower case.
	s.Options.Seed.RoomLists[0].Rooms[2].Address = "Room-3@Example.com"
	if s.roles != nil {
		s.Options.Seed.Clients[0].Roles = s.roles
	}
	authority, err := entrasim.New(entrasim.Options{Clients: s.Options.Seed.Clients, Stats: s.Stats})
	require.NoError(t, err)
	login := httptest.NewTLSServer(authority.Handler())
	t.Cleanup(login.Close)
	s.AuthBearer, s.ServerCertificate = verifier{authority, s.rbac}, login.Certificate() // httptest has one for all servers
	s.DisableBasic, s.RequireChannelBinding, s.DisableNTLM = true, s.ntlm, !s.ntlm
	s.Server, err = exchangesim.New(s.Options)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(s.network.watch(s.handler()))
	server.Config.ConnState = s.network.count
	server.Config.ConnContext = s.ConnContext
	server.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
	server.StartTLS()
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	s.settings = exchange.Settings{
		URL: server.URL + "/EWS/Exchange.asmx", Timeout: 10 * time.Second,
		CACertificates: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		ServiceUser:    service, RoomList: floor, Subject: subject,
		Log: slog.New(slog.NewTextHandler(s.logs, nil)),
	}
	if s.ntlm {
		s.settings.Username, s.settings.Password = `EXAMPLE\eliona`, "secret"
	} else {
		c := s.Options.Seed.Clients[0]
		s.settings.TenantID, s.settings.ClientID, s.settings.ClientSecret = c.Tenant, c.ID, c.Secret
		s.settings.AuthorityURL = login.URL
	}
	return &s
}

// verifier accepts the tokens of the authority.
type verifier struct {
	*entrasim.Authority
	rbac bool
}

// Verify implements exchangesim.BearerVerifier. With RBAC for Applications it is
// the server that knows what an app may do.
func (v verifier) Verify(token string) (entrasim.Claims, error) {
	claims, err := v.Authority.Verify(token)
	if v.rbac {
		claims.Roles = append(claims.Roles, "full_access_as_app")
	}
	return claims, err
}

func addressOf(s string) meeting.Address { return meeting.AddressOf(s) }

func (s *simulation) organization() organization {
	return organization{
		Settings: s.settings, organizer: alice, nobody: "nobody@example.com",
		patience: 10 * time.Second, pace: 10 * time.Millisecond,
	}
}

// handler is the server's, with answers rewritten.
func (s *simulation) handler() http.Handler {
	if s.rewrite == nil {
		return s.Server.Handler()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		s.Server.Handler().ServeHTTP(answer, r)
		body := answer.Body.String()
		for name, values := range answer.Header() {
			if name != "Content-Length" {
				w.Header()[name] = values
			}
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write([]byte(s.rewrite(operationOf(body), body)))
	})
}

// operationOf reads the operation off an answer.
func operationOf(xml string) string {
	for _, op := range []string{"SyncFolderItems", "GetItem", "FindItem", "GetRooms", "ResolveNames", "CreateItem", "UpdateItem", "DeleteItem"} {
		if bytes.Contains([]byte(xml), []byte(":"+op+"Response")) {
			return op
		}
	}
	return ""
}

// requests returns how often an operation was asked for.
func (s *simulation) requests(operation string) int {
	return int(s.Stats.Snapshot()[exchangesim.Service][operation].Requests)
}

// fault makes the next requests of an operation go wrong.
func (s *simulation) fault(t *testing.T, r fault.Rule) {
	t.Helper()
	r.Service = exchangesim.Service
	_, err := s.Faults.Add(r)
	require.NoError(t, err)
}

// policy changes how a room answers.
func (s *simulation) policy(t *testing.T, room meeting.Address, change func(*exchangesim.Policy)) {
	t.Helper()
	p, ok := s.Room(string(room))
	require.True(t, ok)
	change(&p)
	require.NoError(t, s.SetRoom(string(room), p))
}

// logs collects what is logged.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
