package booking

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Defaults of [Options].
const (
	DefaultClientReference = "ews-app"
	DefaultTimeout         = 30 * time.Second
	DefaultMaxBodyBytes    = 8 << 20
)

// Options configures a [Client]. Everything except BaseURL has a default.
type Options struct {
	// BaseURL is the address of the API including its version, for example
	// http://booking:3000/v1.
	BaseURL string
	// ClientReference names this writer: the Booking app does not push a change
	// to the subscription that announced the same reference.
	ClientReference string
	// HTTPClient carries all requests, also the WebSocket handshake. Redirects
	// are never followed. By default the client has its own connections.
	HTTPClient *http.Client
	Timeout    time.Duration // of one request, and of a WebSocket handshake
	Logger     *slog.Logger
	// MaxBodyBytes bounds an answer and a pushed message.
	MaxBodyBytes int64
	// Stream tunes the WebSocket.
	Stream StreamOptions
	// MaySend, when set, is asked with the context of a call that writes a group
	// right before its request leaves; an error keeps it from leaving.
	MaySend func(context.Context) error
	// Now is the clock, for Retry-After dates.
	Now func() time.Time
}

// Client talks to one Booking app. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	reference string
	http      *http.Client
	timeout   time.Duration
	log       *slog.Logger
	maxBody   int64
	stream    StreamOptions
	maySend   func(context.Context) error
	now       func() time.Time
}

// New checks the options and makes a client. It contacts nobody: a Booking app
// that is down at start is found out, and waited for, by the calls.
func New(options Options) (*Client, error) {
	base, err := parseBaseURL(options.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("booking app address: %w", err)
	}
	client := &Client{
		base:      base,
		reference: options.ClientReference,
		timeout:   options.Timeout,
		log:       options.Logger,
		maxBody:   options.MaxBodyBytes,
		stream:    options.Stream.withDefaults(),
		maySend:   options.MaySend,
		now:       options.Now,
	}
	if client.reference == "" {
		client.reference = DefaultClientReference
	}
	if client.timeout <= 0 {
		client.timeout = DefaultTimeout
	}
	if client.log == nil {
		client.log = slog.New(slog.DiscardHandler)
	}
	if client.maxBody <= 0 {
		client.maxBody = DefaultMaxBodyBytes
	}
	if client.now == nil {
		client.now = time.Now
	}
	client.http = ownHTTPClient(options.HTTPClient)
	return client, nil
}

func ownHTTPClient(given *http.Client) *http.Client {
	var own http.Client
	if given != nil {
		own = *given
	}
	if own.Transport == nil {
		if standard, ok := http.DefaultTransport.(*http.Transport); ok {
			own.Transport = standard.Clone()
		}
	}
	// A redirected POST would arrive as a GET: report instead of follow.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

func parseBaseURL(text string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("is not a URL") // url.Error would repeat a password
	}
	if base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("scheme must be http or https, not %q", base.Scheme)
	}
	if base.Hostname() == "" {
		return nil, errors.New("has no host")
	}
	if base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("must have no query and no fragment")
	}
	return base, nil
}

// CloseIdleConnections gives back connections that nothing uses.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// request is one call of the API.
type request struct {
	operation string
	method    string
	path      string
	query     url.Values
	body      []byte
}

// answer is what came back. readErr is set when a status arrived and the body
// did not, or was too long.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	readErr error
}

func (a answer) ok() bool { return a.status >= 200 && a.status <= 299 }

// do sends a request. An error means that no status was read.
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})

	target := c.base.JoinPath(r.path)
	target.RawQuery = r.query.Encode()
	httpRequest, err := http.NewRequestWithContext(traced, r.method, target.String(), bytes.NewReader(r.body))
	if err != nil {
		return answer{}, &Error{Operation: r.operation, Class: Bug, Message: "cannot make the request"}
	}
	if r.method == http.MethodPost && c.maySend != nil {
		httpRequest.GetBody = func() (io.ReadCloser, error) {
			return &lastCheck{reader: bytes.NewReader(r.body), check: func() error { return c.maySend(ctx) }}, nil
		}
		httpRequest.Body, _ = httpRequest.GetBody()
	}
	httpRequest.Header.Set("Accept", "application/json")
	if r.body != nil {
		httpRequest.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(httpRequest)
	if notSent, ok := errors.AsType[*notSentError](err); ok {
		return answer{}, &Error{Operation: r.operation, Class: Transient, Message: "not sent", cause: notSent.cause}
	}
	if err != nil {
		return answer{}, &Error{
			Operation: r.operation, Class: Transient, Message: "no answer", cause: withoutURL(err),
			Ambiguous: r.method != http.MethodGet && sent.Load(),
		}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.maxBody+1))
	if err == nil && int64(len(body)) > c.maxBody {
		err = fmt.Errorf("answer is longer than %d bytes", c.maxBody)
	}
	return answer{status: response.StatusCode, header: response.Header, body: body, readErr: err}, nil
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

// failure describes an answer that is not 2xx.
func (c *Client) failure(r request, a answer) *Error {
	failure := &Error{
		Operation:  r.operation,
		Status:     a.status,
		Class:      classOf(a.status),
		Message:    errorText(a),
		RetryAfter: retryAfter(a.header.Get("Retry-After"), c.now()),
		Ambiguous:  r.method != http.MethodGet && mayBeApplied(a.status),
	}
	if failure.Class == NotFound && notTheApp(a) {
		failure.Class = Transient
		failure.Message = "the address does not lead to the Booking app's API"
	}
	return failure
}

// notTheApp recognises a 404 of a router or proxy in front of the app, or of a
// wrong base path. Taking it for "this booking is gone" would cancel meetings.
func notTheApp(a answer) bool {
	if strings.Contains(a.header.Get("Content-Type"), "html") {
		return true
	}
	return strings.EqualFold(strings.TrimSpace(string(a.body)), "404 page not found")
}

// errorText reads the JSON string, or the text, of an error answer.
func errorText(a answer) string {
	if strings.Contains(a.header.Get("Content-Type"), "html") {
		return http.StatusText(a.status)
	}
	var text string
	if json.Unmarshal(a.body, &text) != nil {
		text = string(a.body)
	}
	if text = cleanMessage(text); text != "" {
		return text
	}
	return http.StatusText(a.status)
}

// withoutURL takes the address out of an error of net/http.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
