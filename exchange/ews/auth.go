package ews

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"
)

// Auth is how the client proves who it is: OAuth, NTLM or Basic. The set is
// closed.
type Auth interface {
	scheme(o Options, endpoint *url.URL) (scheme, error)
}

// scheme sends one request with credentials. A 401 it returns is final.
type scheme interface {
	send(ctx context.Context, r *outgoing) (*http.Response, error)
	close()
}

// outgoing is one request that may need several HTTP messages.
type outgoing struct {
	url    *url.URL
	header http.Header
	body   []byte
	// may is asked right before the body leaves; nil means that it may.
	may func(context.Context) error
	// delivered is true while the server may have got the body and has not
	// refused it.
	delivered atomic.Bool
}

// message builds one HTTP message of the request; without body it is the empty
// POST that opens an NTLM logon.
func (r *outgoing) message(ctx context.Context, authorization string, withBody bool, trace *httptrace.ClientTrace) *http.Request {
	if trace == nil {
		trace = &httptrace.ClientTrace{}
	}
	if withBody {
		// From here on another goroutine may write at any moment, even while this
		// one already gives up; a later hook could come too late.
		observed := trace.GotConn
		trace.GotConn = func(i httptrace.GotConnInfo) {
			r.delivered.Store(true)
			if observed != nil {
				observed(i)
			}
		}
	}
	req := &http.Request{
		Method: http.MethodPost, URL: r.url, Host: r.url.Host, Header: r.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
	if withBody {
		req.ContentLength = int64(len(r.body))
		req.GetBody = func() (io.ReadCloser, error) {
			body := bytes.NewReader(r.body)
			if r.may == nil {
				return io.NopCloser(body), nil
			}
			return &lastCheck{reader: body, check: func() error { return r.may(ctx) }}, nil
		}
		req.Body, _ = req.GetBody()
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req.WithContext(httptrace.WithClientTrace(ctx, trace))
}

// lastCheck is a request body that asks once more before it leaves. The
// transport reads it when the connection is there and the header is written;
// when that fails it closes the connection, and the server has no request.
type lastCheck struct {
	reader *bytes.Reader
	check  func() error
}

// notSentError tells that a request did not leave.
type notSentError struct{ cause error }

func (e *notSentError) Error() string { return "not sent: " + e.cause.Error() }
func (e *notSentError) Unwrap() error { return e.cause }

func (b *lastCheck) Read(p []byte) (int, error) {
	if check := b.check; check != nil {
		if err := check(); err != nil {
			return 0, &notSentError{err}
		}
		b.check = nil
	}
	return b.reader.Read(p)
}

func (b *lastCheck) Close() error { return nil }

// refused notes that the last message was answered by 401: not executed.
func (r *outgoing) refused() { r.delivered.Store(false) }

// newTransport returns a transport for the endpoint. Requests go through it
// directly, without http.Client, so redirects are never followed.
func newTransport(o Options) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return &proxyError{status: answer.StatusCode}
		},
		TLSClientConfig:       &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   15 * time.Second,
		MaxIdleConnsPerHost:   o.Budget.InFlight(),
		IdleConnTimeout:       60 * time.Second, // below the 120 s of IIS
		ExpectContinueTimeout: time.Second,
		ForceAttemptHTTP2:     true,
	}
}

// proxyError is a proxy that opens no connection to the server.
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy opens no connection (HTTP %d)", e.status)
}

// proxyRefusal finds a proxyError that was passed on as text only.
var proxyRefusal = regexp.MustCompile(`the proxy opens no connection \(HTTP (\d+)\)`)

// maxRefusal bounds how much of a refusal's body is read to keep its
// connection.
const maxRefusal = 256 << 10

// discard drains and closes an answer nobody reads, so that its connection can
// be used again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxRefusal)
	_ = resp.Body.Close()
}

// Basic is HTTP basic authentication, for servers and simulators that want it.
// Like every scheme it works on plain http only with Options.AllowPlainHTTP.
type Basic struct {
	Username, Password string
}

// String hides the credentials.
func (Basic) String() string { return "Basic(…)" }

// GoString hides the credentials.
func (b Basic) GoString() string { return b.String() }

func (b Basic) scheme(o Options, _ *url.URL) (scheme, error) {
	if b.Username == "" {
		return nil, errors.New("the user name is missing")
	}
	token := base64.StdEncoding.EncodeToString([]byte(b.Username + ":" + b.Password))
	return &basicScheme{transport: newTransport(o), header: "Basic " + token}, nil
}

type basicScheme struct {
	transport *http.Transport
	header    string
}

func (b *basicScheme) send(ctx context.Context, r *outgoing) (*http.Response, error) {
	return b.transport.RoundTrip(r.message(ctx, b.header, true, nil))
}

func (b *basicScheme) close() { b.transport.CloseIdleConnections() }
