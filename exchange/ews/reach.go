package ews

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Codes of failures on the way to a server. Calls report them more coarsely, as
// CodeNoAnswer and CodeUntrustedServer.
const (
	CodeHostUnknown        = "ClientHostUnknown"        // the name service knows no such host
	CodeConnectionRefused  = "ClientConnectionRefused"  // nobody listens
	CodeTimeout            = "ClientTimeout"            // no answer in time, as behind a firewall
	CodeNotTLS             = "ClientNotTLS"             // https, and the port speaks something else
	CodeOldTLS             = "ClientOldTLS"             // the server knows no TLS 1.2
	CodeHandshake          = "ClientHandshake"          // TLS fails for another reason
	CodeUnknownAuthority   = "ClientUnknownAuthority"   // the certificate is signed by nobody we trust
	CodeWrongName          = "ClientWrongName"          // the certificate is for other names
	CodeCertificateExpired = "ClientCertificateExpired" // or not valid yet
)

// Server is one of the servers that a client's requests go to.
type Server struct {
	url       *url.URL
	method    string
	transport *http.Transport
}

// Endpoint returns the server that offers Exchange Web Services.
func (c *Client) Endpoint() Server {
	return Server{url: c.endpoint, method: http.MethodPost, transport: c.bare()}
}

// Authority returns the server that issues tokens, if the client uses any.
func (c *Client) Authority() (Server, bool) {
	s, ok := c.scheme.(*oauthScheme)
	if !ok {
		return Server{}, false
	}
	u, err := url.Parse(s.auth.AuthorityHost)
	if err != nil {
		return Server{}, false // newCredential has checked it
	}
	u = u.JoinPath(url.PathEscape(s.auth.TenantID), "v2.0", ".well-known", "openid-configuration")
	return Server{url: u, method: http.MethodGet, transport: c.bare()}, true
}

// bare returns a transport whose connections nobody else uses.
func (c *Client) bare() *http.Transport {
	t := newTransport(c.options)
	t.DisableKeepAlives = true
	return t
}

// Host is the name and port of the server.
func (s Server) Host() string { return s.url.Host }

// Secure tells whether the server is reached by TLS.
func (s Server) Secure() bool { return s.url.Scheme == "https" }

// Route says what is connected to first: the server itself, or a proxy.
type Route struct {
	Host  string // name and port
	Proxy bool
}

// Resolve looks up the name that has to be known to reach the server.
func (s Server) Resolve(ctx context.Context) (Route, error) {
	target, route := s.url, Route{}
	proxy, err := s.transport.Proxy(&http.Request{URL: s.url})
	if err != nil {
		return Route{}, &Error{Operation: "Resolve", Code: CodeProxyRefused, Class: ClassConfig, Err: errors.New("the proxy's address is malformed")}
	}
	if proxy != nil {
		target, route.Proxy = proxy, true
	}
	route.Host = target.Host
	if _, err := net.DefaultResolver.LookupHost(ctx, target.Hostname()); err != nil {
		return route, reachError("Resolve", ctx, err)
	}
	return route, nil
}

// Greeting is what a server shows to somebody it does not know.
type Greeting struct {
	HTTPStatus int
	TLS        string    // version, "" without TLS
	NotAfter   time.Time // end of the certificate
	Schemes    []string  // ways to log on that it offers
}

// Greet connects to the server and sends one request without credentials. Any
// answer is a success.
func (s Server) Greet(ctx context.Context) (Greeting, error) {
	defer s.transport.CloseIdleConnections()
	request := (&http.Request{
		Method: s.method, URL: s.url, Host: s.url.Host, Header: http.Header{}, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	answer, err := s.transport.RoundTrip(request)
	if err != nil {
		return Greeting{}, reachError("Connect", ctx, err)
	}
	defer discard(answer)
	g := Greeting{HTTPStatus: answer.StatusCode}
	_, g.Schemes = readChallenge(answer.Header, "")
	if answer.TLS != nil {
		g.TLS = tls.VersionName(answer.TLS.Version)
		if len(answer.TLS.PeerCertificates) > 0 {
			g.NotAfter = answer.TLS.PeerCertificates[0].NotAfter
		}
	}
	if answer.StatusCode == http.StatusProxyAuthRequired {
		return g, &Error{Operation: "Connect", HTTPStatus: answer.StatusCode, Class: ClassConfig}
	}
	return g, nil
}

// reachError says which part of the way is broken.
func reachError(operation string, ctx context.Context, err error) *Error { //nolint:revive // reads best in this order
	e := &Error{Operation: operation, Class: ClassConfig, Err: err}
	var name *net.DNSError
	var proxy *proxyError
	var timeout net.Error
	switch {
	case errors.As(err, &proxy):
		e.Code, e.Detail = CodeProxyRefused, map[string]string{DetailStatus: strconv.Itoa(proxy.status)}
	case errors.As(err, &name) && name.IsNotFound:
		e.Code = CodeHostUnknown
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Code = CodeConnectionRefused
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		e.Code, e.Class = CodeTimeout, ClassTransient
	default:
		if e.Code, e.Detail = tlsFailure(err); e.Code == "" {
			e.Code, e.Class = CodeNoAnswer, ClassTransient
		}
	}
	return e
}

// Keys of Error.Detail for failures on the way.
const (
	DetailStatus = "Status" // of a proxy
	DetailIssuer = "Issuer" // who signed the certificate
	DetailNames  = "Names"  // which names the certificate has
	DetailValid  = "Valid"  // from when to when it is valid
)

// tlsFailure names what keeps the two sides from talking in secret, "" if it is
// something else.
func tlsFailure(err error) (code string, detail map[string]string) {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unproven *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host):
		return CodeWrongName, describe(host.Certificate, DetailNames)
	case errors.As(err, &authority):
		return CodeUnknownAuthority, describe(authority.Cert, DetailIssuer)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return CodeCertificateExpired, describe(invalid.Cert, DetailValid)
	case errors.As(err, &invalid):
		return CodeUntrustedServer, describe(invalid.Cert, DetailIssuer)
	case errors.As(err, &unproven):
		return CodeUntrustedServer, nil
	case errors.As(err, &record):
		return CodeNotTLS, nil
	case strings.Contains(err.Error(), "protocol version"):
		return CodeOldTLS, nil
	case strings.Contains(err.Error(), "tls: "):
		return CodeHandshake, nil
	}
	return "", nil
}

const maxNames = 5

// describe tells one thing of a certificate.
func describe(c *x509.Certificate, key string) map[string]string {
	if c == nil {
		return nil
	}
	value := ""
	switch key {
	case DetailIssuer:
		value = c.Issuer.String()
	case DetailNames:
		names := append([]string{}, c.DNSNames...)
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		if len(names) > maxNames {
			names = append(names[:maxNames], "…")
		}
		value = strings.Join(names, ", ")
	case DetailValid:
		value = c.NotBefore.UTC().Format(time.DateOnly) + " to " + c.NotAfter.UTC().Format(time.DateOnly)
	}
	return map[string]string{key: shorten(value)}
}
