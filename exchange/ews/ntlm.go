package ews

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/go-ntlmssp"
)

// NTLM is Windows authentication for on-premises servers: NTLMv2 over HTTP/1.1,
// with channel bindings on https, so that it works where Extended Protection is
// required. Basic authentication is never offered instead.
type NTLM struct {
	// Username is DOMAIN\user or user@domain.
	Username string
	Password string
}

// String hides the password.
func (a NTLM) String() string { return "NTLM(" + a.Username + ")" }

// GoString hides the password.
func (a NTLM) GoString() string { return a.String() }

func (a NTLM) scheme(o Options, _ *url.URL) (scheme, error) {
	if a.Username == "" || a.Password == "" {
		return nil, errors.New("user name and password are required")
	}
	return &ntlmScheme{auth: a, options: o, first: make(chan struct{}, 1)}, nil
}

// ntlmScheme keeps a stack of workers. NTLM authenticates a connection, so
// each worker owns a transport that never has more than one.
type ntlmScheme struct {
	auth    NTLM
	options Options
	first   chan struct{} // held during a logon while none has succeeded yet

	mu     sync.Mutex
	idle   []*ntlmWorker
	proven bool      // the last logon succeeded
	held   time.Time // no logon before this instant
}

type ntlmWorker struct {
	transport *http.Transport
	name      string   // authentication scheme the server wants: NTLM or Negotiate
	conn      net.Conn // the connection that is logged on, for comparison only
	unbound   bool     // sends no channel bindings, as programs that know none
}

// logonError is a logon the server refused, or one not tried.
type logonError struct {
	class   Class
	status  int // 401 when the server refused
	hold    time.Duration
	reason  string
	offered []string // what the server offers instead of NTLM
}

func (e *logonError) Error() string { return "NTLM logon: " + e.reason }

func (s *ntlmScheme) send(ctx context.Context, r *outgoing) (*http.Response, error) {
	w := s.take()
	resp, err := s.exchange(ctx, w, r)
	if err != nil {
		w.reset()
		s.put(w)
		return nil, err
	}
	resp.Body = &returningBody{ReadCloser: resp.Body, done: sync.OnceFunc(func() { s.put(w) })}
	return resp, nil
}

// returningBody gives the worker back once nobody reads from its connection.
type returningBody struct {
	io.ReadCloser
	done func()
}

func (b *returningBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

func (s *ntlmScheme) take() *ntlmWorker {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Last in, first out: the most recently used connection is the warmest.
	if n := len(s.idle); n > 0 {
		w := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return w
	}
	return newWorker(s.options)
}

func newWorker(o Options) *ntlmWorker {
	t := newTransport(o)
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost = 1, 1
	return &ntlmWorker{transport: t, name: "NTLM"}
}

func (s *ntlmScheme) put(w *ntlmWorker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, w)
}

func (s *ntlmScheme) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.idle {
		w.reset()
	}
}

// reset makes the next message open a connection of its own.
func (w *ntlmWorker) reset() {
	w.transport.CloseIdleConnections()
	w.conn = nil
}

// roundTrip sends one message and tells which connection carried it.
func (w *ntlmWorker) roundTrip(ctx context.Context, r *outgoing, token []byte, withBody bool) (*http.Response, net.Conn, error) {
	authorization := ""
	if token != nil {
		authorization = w.name + " " + base64.StdEncoding.EncodeToString(token)
	}
	var conn net.Conn
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { conn = i.Conn }}
	resp, err := w.transport.RoundTrip(r.message(ctx, authorization, withBody, trace))
	return resp, conn, err
}

// exchange sends the request on a connection that is logged on, logging on
// first where needed: once, and after a refusal once more on a fresh connection.
func (s *ntlmScheme) exchange(ctx context.Context, w *ntlmWorker, r *outgoing) (*http.Response, error) {
	if w.conn != nil {
		resp, conn, err := w.roundTrip(ctx, r, nil, true)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized {
			w.conn = conn
			return resp, nil
		}
		// The transport had to open another connection, or the server wants a logon
		// per request.
		r.refused()
		discard(resp)
		w.conn = nil
	}
	release, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	for range 2 {
		resp, err := s.logon(ctx, w, r)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized {
			s.settle(true)
			return resp, nil
		}
		r.refused()
		discard(resp)
		w.reset()
	}
	return nil, &logonError{class: ClassAuth, status: http.StatusUnauthorized, hold: s.settle(false), reason: "the server refused the credentials"}
}

// enter lets one logon at a time through until one has succeeded, so that a
// wrong password costs two attempts and not two per worker; an account locks
// out quickly.
func (s *ntlmScheme) enter(ctx context.Context) (release func(), err error) {
	select {
	case s.first <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release = sync.OnceFunc(func() { <-s.first })
	s.mu.Lock()
	proven, hold := s.proven, s.held.Sub(s.options.Now())
	s.mu.Unlock()
	if hold > 0 {
		release()
		return nil, &logonError{class: ClassAuth, hold: hold, reason: "not tried, the server refused the credentials a moment ago"}
	}
	if proven {
		release()
	}
	return release, nil
}

// settle records how a logon ended and returns how long to hold the next one.
func (s *ntlmScheme) settle(ok bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proven = ok
	if ok {
		s.held = time.Time{}
		return 0
	}
	s.held = s.options.Now().Add(s.options.LogonHold)
	return s.options.LogonHold
}

// logon performs the NTLM messages on one connection; the last one carries the
// request. The first is an empty POST, as Windows clients send it, so that the
// body travels once.
func (s *ntlmScheme) logon(ctx context.Context, w *ntlmWorker, r *outgoing) (*http.Response, error) {
	negotiate, err := ntlmssp.NewNegotiateMessage("", "")
	if err != nil {
		return nil, fmt.Errorf("build the NTLM negotiate message: %w", err)
	}
	var resp *http.Response
	var first net.Conn
	var challenge []byte
	for range 2 {
		if resp, first, err = w.roundTrip(ctx, r, negotiate, false); err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized {
			return s.withoutLogon(ctx, w, r, resp)
		}
		discard(resp)
		var offered []string
		challenge, offered = readChallenge(resp.Header, w.name)
		if challenge != nil {
			break
		}
		other := otherScheme(w.name, offered)
		if other == "" {
			return nil, &logonError{class: ClassConfig, offered: offered, reason: fmt.Sprintf("the server does not offer it (it offers %q)", offered)}
		}
		w.name = other
	}
	if challenge == nil {
		return nil, &logonError{class: ClassConfig, offered: []string{"Negotiate"}, reason: "the server sent no challenge"}
	}
	var binding []byte
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 && !w.unbound {
		binding = channelBinding(resp.TLS.PeerCertificates[0])
	}
	authenticate, err := authenticateMessage(negotiate, challenge, s.auth.Username, s.auth.Password, binding)
	if err != nil {
		return nil, &logonError{class: ClassConfig, reason: err.Error()}
	}
	resp, last, err := w.roundTrip(ctx, r, authenticate, true)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusUnauthorized && first == last {
		w.conn = last
	}
	return resp, nil
}

// withoutLogon handles a server that answered the opening message with
// something else than a challenge. Where that looks like an answer of EWS to the
// empty body, no logon is wanted and the request goes out plainly; a failure of
// the front end is the result.
func (s *ntlmScheme) withoutLogon(ctx context.Context, w *ntlmWorker, r *outgoing, resp *http.Response) (*http.Response, error) {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusBadRequest, http.StatusLengthRequired, http.StatusInternalServerError:
		discard(resp)
		resp, _, err := w.roundTrip(ctx, r, nil, true)
		return resp, err
	}
	return resp, nil
}

// readChallenge returns the token of the named scheme, and the schemes offered.
func readChallenge(h http.Header, name string) (token []byte, offered []string) {
	for _, line := range h.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(line, ",") {
			scheme, value, _ := strings.Cut(strings.TrimSpace(part), " ")
			if scheme == "" || strings.Contains(scheme, "=") {
				continue // a parameter of the scheme before
			}
			offered = append(offered, scheme)
			if !strings.EqualFold(scheme, name) || value == "" {
				continue
			}
			if t, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value)); err == nil && len(t) > 0 {
				token = t
			}
		}
	}
	return token, offered
}

// otherScheme returns the scheme to try after tried brought no challenge: NTLM
// messages may also travel under the name Negotiate.
func otherScheme(tried string, offered []string) string {
	want := "Negotiate"
	if tried == want {
		want = "NTLM"
	}
	for _, o := range offered {
		if strings.EqualFold(o, tried) {
			return ""
		}
	}
	for _, o := range offered {
		if strings.EqualFold(o, want) {
			return want
		}
	}
	return ""
}
