package contract

import (
	"cmp"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"
)

// FromEnvironment is the organization that the environment names; without one
// the test is skipped. The variables are in the simulator's README.
func FromEnvironment(t *testing.T) Target {
	t.Helper()
	env := func(name string) string { return os.Getenv("EXCHANGE_TEST_" + name) }
	for _, name := range []string{"SERVICE_USER", "ROOM_LIST", "ORGANIZER"} {
		if env(name) == "" {
			t.Skipf("EXCHANGE_TEST_%s is not set: no real Exchange to test with", name)
		}
	}
	patience, err := time.ParseDuration(cmp.Or(env("PATIENCE"), "2m"))
	if err != nil {
		t.Fatalf("EXCHANGE_TEST_PATIENCE: %v", err)
	}
	var roots *x509.CertPool
	if file := env("CA_FILE"); file != "" {
		authorities, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("EXCHANGE_TEST_CA_FILE: %v", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(authorities) {
			t.Fatal("EXCHANGE_TEST_CA_FILE holds no certificate")
		}
	}
	credentials := func(prefix string) Credentials {
		c := Credentials{
			ClientID: env(prefix + "CLIENT_ID"), ClientSecret: env(prefix + "CLIENT_SECRET"),
			Username: env(prefix + "USERNAME"), Password: env(prefix + "PASSWORD"),
			Scope: cmp.Or(env("SCOPE"), "https://outlook.office365.com/.default"),
		}
		c.TokenURL = strings.TrimSuffix(cmp.Or(env("AUTHORITY_URL"), "https://login.microsoftonline.com"), "/") + "/" + env("TENANT_ID") + "/oauth2/v2.0/token"
		return c
	}
	other := func(prefix string) *Credentials {
		c := credentials(prefix)
		if c.ClientID+c.Username == "" {
			return nil
		}
		return &c
	}
	_, domain, _ := strings.Cut(env("ORGANIZER"), "@")
	return Target{
		URL: cmp.Or(env("URL"), "https://outlook.office365.com/EWS/Exchange.asmx"), Roots: roots,
		Service: credentials(""), Scoped: other("SCOPED_"), Powerless: other("POWERLESS_"),
		ServiceUser: env("SERVICE_USER"), Organizer: env("ORGANIZER"), RoomList: env("ROOM_LIST"),
		Nobody: cmp.Or(env("NOBODY"), "nobody-has-this-mailbox@"+domain),
		Proxy:  env("PROXY"), Disabled: env("DISABLED"), Attendee: env("ATTENDEE"),
		Patience: patience, Pace: 2 * time.Second,
	}
}
