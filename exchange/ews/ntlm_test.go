package ews

import (
	"crypto"
	"crypto/md5"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/exchange/budget"
)

func md5Of(s string) []byte { sum := md5.Sum([]byte(s)); return sum[:] }

func TestNTLMLogsOn(t *testing.T) {
	for _, test := range []struct {
		name   string
		secure bool
		user   string
		change func(*ntlmServer)
	}{
		{"plain http", false, `CONTOSO\jane`, nil},
		{"principal name", false, "jane@contoso.test", nil},
		{"TLS without Extended Protection", true, `CONTOSO\jane`, nil},
		{"TLS with Extended Protection", true, `CONTOSO\jane`, func(s *ntlmServer) { s.required = true }},
		{"Extended Protection and principal name", true, "jane@contoso.test", func(s *ntlmServer) { s.required = true }},
		{"Extended Protection without time stamp", true, `CONTOSO\jane`, func(s *ntlmServer) { s.required, s.noTimestamp = true, true }},
		{"under the name Negotiate", true, `CONTOSO\jane`, func(s *ntlmServer) { s.required, s.scheme = true, "Negotiate" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newNTLMServer(t, test.secure, test.change)
			c := s.client(t, test.user, s.password)
			for range 3 {
				_, err := c.ResolveNames(t.Context(), room, "x")
				require.NoError(t, err, "%v", s.refusals)
			}
			require.Equal(t, 1, s.logons, "the connection stays logged on")
			require.Empty(t, s.refusals)
			require.False(t, s.basic)
			full := 0
			for _, n := range s.bodies {
				if n > 0 {
					full++
				}
			}
			require.Equal(t, 3, full, "each body travels once: %v", s.bodies)
		})
	}
}

func TestNTLMWithoutTargetInformation(t *testing.T) {
	message, err := authenticateMessage([]byte("n"), (&ntlmServer{noInfo: true}).challenge(), "u", "p", []byte("binding"))
	require.NoError(t, err)
	require.NotEmpty(t, message)
}

func TestNTLMRefusalHoldsFurtherLogons(t *testing.T) {
	s := newNTLMServer(t, true, nil)
	now := time.Now()
	var mu sync.Mutex
	c := s.client(t, `CONTOSO\jane`, "wrong", func(o *Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			_, err := c.ResolveNames(t.Context(), Mailbox(fmt.Sprintf("r%d@contoso.test", i)), "x")
			if ClassOf(err) != ClassAuth {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 2, s.logons, "a wrong password costs two attempts whatever the concurrency")
	_, err := c.ResolveNames(t.Context(), room, "x")
	e := asError(t, err)
	require.Equal(t, DefaultLogonHold, e.BackOff)
	require.Equal(t, CodeCredentials, e.Code)
	require.NotContains(t, err.Error(), "wrong")
	require.False(t, s.basic, "Basic is offered but not used")
	mu.Lock()
	now = now.Add(DefaultLogonHold)
	mu.Unlock()
	_, err = c.ResolveNames(t.Context(), room, "x")
	require.Equal(t, http.StatusUnauthorized, asError(t, err).HTTPStatus)
	require.Equal(t, 4, s.logons)
}

func TestNTLMRetriesOnceOnAFreshConnection(t *testing.T) {
	s := newNTLMServer(t, true, func(s *ntlmServer) { s.refuse = 1 })
	c := s.client(t, `CONTOSO\jane`, s.password)
	require.NoError(t, resolve(t, c))
	require.Equal(t, 2, s.logons)
	s.CloseClientConnections()
	require.NoError(t, resolve(t, c), "a lost connection is replaced: %v", s.refusals)
	require.Equal(t, 3, s.logons)
}

func resolve(t *testing.T, c *Client) error {
	t.Helper()
	// The transport may notice a closed connection only when it writes to it; a
	// reading call may simply be repeated.
	_, err := c.ResolveNames(t.Context(), room, "x")
	if err != nil && ClassOf(err) == ClassTransient {
		_, err = c.ResolveNames(t.Context(), room, "x")
	}
	return err
}

func TestNTLMLogonPerRequest(t *testing.T) {
	s := newNTLMServer(t, true, func(s *ntlmServer) { s.required, s.perRequest = true, true })
	c := s.client(t, `CONTOSO\jane`, s.password)
	for range 3 {
		_, err := c.ResolveNames(t.Context(), room, "x")
		require.NoError(t, err)
	}
	require.Equal(t, 3, s.logons)
}

func TestNTLMParallelCalls(t *testing.T) {
	s := newNTLMServer(t, true, func(s *ntlmServer) { s.required = true })
	c := s.client(t, `CONTOSO\jane`, s.password, func(o *Options) { o.Budget = budget.New(budget.Options{InFlight: 4}) })
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			_, err := c.ResolveNames(t.Context(), Mailbox(fmt.Sprintf("r%d@contoso.test", i)), "x")
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, s.peak, 4)
	require.LessOrEqual(t, s.logons, 4, "one logon per connection")
	require.Empty(t, s.refusals)
}

func TestNTLMOtherAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		class   Class
		ok      bool
	}{
		{"only other schemes", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="https://x,y", Basic realm="a"`)
			w.WriteHeader(401)
		}, ClassConfig, false},
		{"garbled challenge", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "NTLM TlRMTVNTUAACAAAA")
			w.WriteHeader(401)
		}, ClassConfig, false},
		{"no challenge ever", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "NTLM")
			w.WriteHeader(401)
		}, ClassConfig, false},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, ClassConfig, false},
		{"busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, ClassThrottled, false},
		{"no logon wanted", func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength == 0 {
				sendXML(w, 500, fault("ErrorInvalidRequest", ""))
				return
			}
			sendXML(w, 200, messages("CreateItem", success("CreateItem", calendarItem("1", ""))))
		}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t, nil)
			f.Config.Handler = test.handler
			c := f.newClient(t, func(o *Options) { o.Auth = NTLM{Username: "u", Password: "p"} })
			err := create(t.Context(), c)
			if test.ok {
				require.NoError(t, err)
				return
			}
			require.Equal(t, test.class, ClassOf(err), "%v", err)
			require.False(t, IsAmbiguous(err), "the request itself was never sent")
		})
	}
}

func TestMalformedChallenges(t *testing.T) {
	good := (&ntlmServer{}).challenge()
	for n := range good {
		_, _ = authenticateMessage(nil, good[:n], "u", "p", nil) // must not panic
	}
	for _, change := range []func([]byte){
		func(b []byte) { b[0] = 'X' },
		func(b []byte) { b[8] = 3 },
		func(b []byte) { b[44] = 0xFF; b[47] = 0xFF },
		func(b []byte) { b[challengeTargetInfo] = 6 },
		func(b []byte) { b[challengeTargetInfo] = 1 },
	} {
		b := append([]byte{}, good...)
		change(b)
		_, err := authenticateMessage(nil, b, "u", "p", nil)
		require.Error(t, err)
	}
	_, err := authenticateMessage(nil, good, "u", "p", nil)
	require.NoError(t, err)
}

// TestChannelBindingToken pins the token of a known certificate hash, a value
// other NTLM implementations use in their tests as well.
func TestChannelBindingToken(t *testing.T) {
	hash, err := hex.DecodeString("E3CA49271E5089CC48CE82109F1324F41DBEDDC29A777410C738F7868C4FF405")
	require.NoError(t, err)
	require.Equal(t, "6EA19DF066DA4622051F9C4F92C6DF74", strings.ToUpper(hex.EncodeToString(bindingToken(hash))))
}

func TestChannelBindingHash(t *testing.T) {
	for algorithm, hash := range map[x509.SignatureAlgorithm]crypto.Hash{
		x509.MD5WithRSA: crypto.SHA256, x509.SHA1WithRSA: crypto.SHA256, x509.ECDSAWithSHA1: crypto.SHA256,
		x509.SHA256WithRSA: crypto.SHA256, x509.SHA256WithRSAPSS: crypto.SHA256, x509.ECDSAWithSHA256: crypto.SHA256,
		x509.SHA384WithRSA: crypto.SHA384, x509.SHA384WithRSAPSS: crypto.SHA384, x509.ECDSAWithSHA384: crypto.SHA384,
		x509.SHA512WithRSA: crypto.SHA512, x509.SHA512WithRSAPSS: crypto.SHA512, x509.ECDSAWithSHA512: crypto.SHA512,
	} {
		h := hash.New()
		h.Write([]byte("certificate"))
		got := channelBinding(&x509.Certificate{Raw: []byte("certificate"), SignatureAlgorithm: algorithm})
		require.Equal(t, bindingToken(h.Sum(nil)), got, algorithm.String())
	}
}
