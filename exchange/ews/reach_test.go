package ews

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client returns a client of the endpoint at address that trusts the roots.
func endpointOf(t *testing.T, address string, roots *x509.CertPool) Server {
	t.Helper()
	c, err := New(Options{URL: address + "/EWS/Exchange.asmx", Auth: NTLM{Username: "u", Password: "p"}, RootCAs: roots, AllowPlainHTTP: true})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c.Endpoint()
}

// greet connects, and returns the failure.
func greet(t *testing.T, s Server) *Error {
	t.Helper()
	_, err := s.Greet(t.Context())
	var e *Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestServersAreGreetedWithoutCredentials(t *testing.T) {
	var seen http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		w.Header().Add("WWW-Authenticate", "NTLM")
		w.Header().Add("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	g, err := endpointOf(t, server.URL, pool(server)).Greet(t.Context())
	require.NoError(t, err, "any answer will do")
	require.Empty(t, seen.Get("Authorization"))
	require.Equal(t, Greeting{
		HTTPStatus: http.StatusUnauthorized, TLS: "TLS 1.3", NotAfter: server.Certificate().NotAfter, Schemes: []string{"NTLM", "Basic"},
	}, g)
}

func TestWhatIsWrongWithTLS(t *testing.T) {
	serve := func(config *tls.Config) *httptest.Server {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = quiet()
		server.TLS = config
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	modern := serve(nil)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	old := serve(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	picky := serve(&tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12})

	unknown := greet(t, endpointOf(t, modern.URL, x509.NewCertPool()))
	require.Equal(t, CodeUnknownAuthority, unknown.Code)
	require.Equal(t, ClassConfig, unknown.Class)
	require.Contains(t, unknown.Detail[DetailIssuer], "Acme")

	_, port, err := net.SplitHostPort(modern.Listener.Addr().String())
	require.NoError(t, err)
	name := greet(t, endpointOf(t, "https://localhost:"+port, pool(modern)))
	require.Equal(t, CodeWrongName, name.Code)
	require.Contains(t, name.Detail[DetailNames], "example.com, ")

	require.Equal(t, CodeOldTLS, greet(t, endpointOf(t, old.URL, pool(old))).Code)
	require.Equal(t, CodeHandshake, greet(t, endpointOf(t, picky.URL, pool(picky))).Code)
	require.Equal(t, CodeNotTLS, greet(t, endpointOf(t, strings.Replace(plain.URL, "http:", "https:", 1), nil)).Code)
}

func TestServersOutOfReach(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	require.Equal(t, CodeConnectionRefused, greet(t, endpointOf(t, closed.URL, nil)).Code)

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = endpointOf(t, "http://"+silent.Addr().String(), nil).Greet(ctx)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, CodeTimeout, e.Code)

	cutting := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(cutting.Close)
	require.Equal(t, CodeNoAnswer, greet(t, endpointOf(t, cutting.URL, nil)).Code)
}

func TestNamesAreResolved(t *testing.T) {
	route, err := endpointOf(t, "https://127.0.0.1:8443", nil).Resolve(t.Context())
	require.NoError(t, err)
	require.Equal(t, Route{Host: "127.0.0.1:8443"}, route)

	_, err = endpointOf(t, "https://mail..example.com", nil).Resolve(t.Context()) // refused before anybody is asked
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, CodeHostUnknown, e.Code)
	require.Equal(t, CodeTimeout, reachError("Resolve", t.Context(), &net.DNSError{IsTimeout: true}).Code)
	require.Equal(t, CodeNoAnswer, reachError("Resolve", t.Context(), &net.DNSError{Err: "server misbehaving"}).Code)

	behind := endpointOf(t, "https://mail.example.com", nil)
	behind.transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.1:3128"})
	route, err = behind.Resolve(t.Context())
	require.NoError(t, err, "the proxy resolves the server's name")
	require.Equal(t, Route{Host: "127.0.0.1:3128", Proxy: true}, route)
}

func TestProxiesThatDoNotConnect(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusBadGateway, http.StatusProxyAuthRequired} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(proxy.Close)
		u, err := url.Parse(proxy.URL)
		require.NoError(t, err)
		behind := endpointOf(t, "https://mail.example.com", nil)
		behind.transport.Proxy = http.ProxyURL(u)
		e := greet(t, behind)
		require.Equal(t, CodeProxyRefused, e.Code)
		require.Equal(t, strconv.Itoa(status), e.Detail[DetailStatus])
	}
}

func TestTheAuthorityIsThatOfTheTokens(t *testing.T) {
	var path string
	login := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(login.Close)
	c, err := New(Options{
		URL: "https://mail.example.com/EWS/Exchange.asmx", RootCAs: pool(login),
		Auth: OAuth{TenantID: "example.com", ClientID: "c", ClientSecret: "s", AuthorityHost: login.URL + "/"},
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	authority, ok := c.Authority()
	require.True(t, ok)
	_, err = authority.Greet(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/example.com/v2.0/.well-known/openid-configuration", path)
	_, ok = newNTLMServer(t, true, nil).client(t, "u", "p").Authority()
	require.False(t, ok)
}

func TestLogonsAreTriedWithoutARequest(t *testing.T) {
	for _, secure := range []bool{true, false} {
		s := newNTLMServer(t, secure, nil)
		require.NoError(t, s.client(t, `CONTOSO\jane`, s.password).TryLogon(t.Context()))
		require.Equal(t, 1, s.logons)
		require.Equal(t, []int{0, 0}, s.bodies)
	}
}

func TestWhyALogonFails(t *testing.T) {
	for name, c := range map[string]struct {
		secure   bool
		password string
		change   func(*ntlmServer)
		code     string
		offered  string
		logons   int
	}{
		"wrong password":              {true, "wrong", nil, CodeLogonRefused, "", 2},
		"wrong password, plain http":  {false, "wrong", nil, CodeLogonRefused, "", 1},
		"TLS that ends in between":    {true, "", func(s *ntlmServer) { s.elsewhere = true }, CodeChannelBinding, "", 2},
		"the same, nobody without it": {true, "", func(s *ntlmServer) { s.elsewhere, s.required = true, true }, CodeLogonRefused, "", 2},
		"Basic only":                  {true, "", func(s *ntlmServer) { s.scheme = "Digest" }, CodeNTLMNotOffered, "Digest, Basic", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newNTLMServer(t, c.secure, c.change)
			password := c.password
			if password == "" {
				password = s.password
			}
			err := s.client(t, `CONTOSO\jane`, password).TryLogon(t.Context())
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.code, e.Code)
			require.Equal(t, c.offered, e.Detail[DetailOffered])
			require.Equal(t, c.logons, s.logons)
			require.False(t, s.basic)
		})
	}
	gone := newNTLMServer(t, true, nil)
	client := gone.client(t, `CONTOSO\jane`, gone.password)
	gone.Close()
	var e *Error
	require.ErrorAs(t, client.TryLogon(t.Context()), &e)
	require.Equal(t, CodeConnectionRefused, e.Code)
}
