package contract_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ews/simulator/entrasim"
	"ews/simulator/exchangesim"
	"ews/simulator/exchangesim/contract"
	"ews/simulator/exchangesim/schematest"
	"ews/simulator/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "11111111-2222-3333-4444-555555555555"

// seed is an organization that lacks nothing of what the suite asks for.
func seed() exchangesim.Seed {
	s := exchangesim.DefaultSeed()
	s.Mailboxes = append(s.Mailboxes,
		exchangesim.Mailbox{Address: "scoped@example.com", Password: "secret"},
		exchangesim.Mailbox{Address: "powerless@example.com", Password: "secret"},
		exchangesim.Mailbox{Address: "dave@example.com", Aliases: []string{"d@example.com"}},
		exchangesim.Mailbox{Address: "erin@example.com", Disabled: true},
	)
	for _, account := range []string{"scoped", "scoped@example.com"} {
		s.Impersonation = append(s.Impersonation, exchangesim.Impersonation{Account: account, Mailboxes: []string{"alice@example.com"}})
	}
	for _, client := range []string{"scoped", "powerless"} {
		s.Clients = append(s.Clients, entrasim.Client{Tenant: tenant, ID: client, Secret: "secret"})
	}
	s.RoomLists[0].Rooms[1].Policy = []byte(`{"keepCancelled": true}`)
	return s
}

// simulated starts a simulator over TLS.
func simulated(t *testing.T, logon contract.Logon, records string) contract.Target {
	t.Helper()
	record := filepath.Join(records, strings.ReplaceAll(t.Name(), "/", " "))
	require.NoError(t, os.Mkdir(record, 0o700))
	faults, organization := fault.New(1), seed()
	authority, err := entrasim.New(entrasim.Options{Clients: organization.Clients})
	require.NoError(t, err)
	login := httptest.NewTLSServer(authority.Handler())
	server, err := exchangesim.New(exchangesim.Options{
		Seed: organization, Faults: faults, AuthBearer: authority, DecisionDelay: 10 * time.Millisecond, DisableBasic: true, RecordDir: record,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		_ = server.Run(ctx) // it ends with the context
	}()
	listener := httptest.NewUnstartedServer(server.Handler())
	listener.Config.ConnContext, listener.Config.ErrorLog = server.ConnContext, log.New(io.Discard, "", 0)
	listener.TLS = &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	listener.StartTLS()
	t.Cleanup(func() {
		cancel()
		<-ran
		server.Close()
		listener.Close()
		login.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(listener.Certificate())
	roots.AddCert(login.Certificate())
	as := func(client, user string) contract.Credentials {
		if logon == contract.Windows {
			return contract.Credentials{Username: user + "@example.com", Password: "secret"}
		}
		return contract.Credentials{
			TokenURL: login.URL + "/" + tenant + "/oauth2/v2.0/token", ClientID: client, ClientSecret: "secret", Scope: "https://outlook.office365.com/.default",
		}
	}
	scoped, powerless := as("scoped", "scoped"), as("powerless", "powerless")
	return contract.Target{
		URL: listener.URL + "/EWS/Exchange.asmx", Roots: roots, Service: as("client", "eliona"), Scoped: &scoped, Powerless: &powerless,
		ServiceUser: "eliona@example.com", Organizer: "alice@example.com", RoomList: "first.floor@example.com", Nobody: "nobody@example.com",
		Proxy: "d@example.com", Disabled: "erin@example.com", Attendee: "bob@example.com",
		Faults: faults, Patience: 30 * time.Second, Pace: 5 * time.Millisecond,
	}
}

func TestSimulator(t *testing.T) {
	t.Parallel()
	records := t.TempDir()
	t.Cleanup(func() {
		if n := schematest.Validate(t, records); schematest.Schemas() != "" {
			require.NotZero(t, n, "nothing was recorded")
		}
	})
	for name, logon := range map[string]contract.Logon{"OAuth": contract.OAuth, "NTLM": contract.Windows} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract.Check(t, logon, func(t *testing.T) contract.Target {
				t.Parallel()
				t.Cleanup(func() { require.False(t, t.Skipped(), "a simulator lacks nothing that a case could need") })
				return simulated(t, logon, records)
			})
		})
	}
}

// TestRealExchange needs the first two rooms of the list for some free hours
// one to four months ahead. It takes away what it makes; mails of invitations
// remain.
func TestRealExchange(t *testing.T) {
	target := contract.FromEnvironment(t)
	contract.Check(t, target.Service.Logon(), func(*testing.T) contract.Target { return target })
}
