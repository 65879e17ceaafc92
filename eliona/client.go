package eliona

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

// ClientReference names this app in everything it writes.
const ClientReference = "ews-app"

// Defaults of [Options].
const (
	DefaultTimeout      = 30 * time.Second
	DefaultMaxBodyBytes = 64 << 20
)

// Options configures a [Client]. Endpoint and Token are required.
type Options struct {
	// Endpoint is the base address including the version, for example
	// http://api-v2:3000/v2.
	Endpoint string
	Token    string // sent as X-API-Key
	// HTTPClient carries all requests; redirects are never followed, so the
	// token goes to no other host. By default the client has its own
	// connections.
	HTTPClient   *http.Client
	Timeout      time.Duration // of one request
	Logger       *slog.Logger
	MaxBodyBytes int64            // of one answer
	Now          func() time.Time // the clock, for Retry-After dates
}

// Client talks to one Eliona. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	token   string
	http    *http.Client
	timeout time.Duration
	log     *slog.Logger
	maxBody int64
	now     func() time.Time
}

// New checks the options and makes a client. It contacts nobody.
func New(options Options) (*Client, error) {
	base, err := parseEndpoint(options.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("eliona api endpoint: %w", err)
	}
	client := &Client{
		base: base, token: options.Token, timeout: options.Timeout, log: options.Logger,
		maxBody: options.MaxBodyBytes, now: options.Now, http: ownHTTPClient(options.HTTPClient),
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
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

func parseEndpoint(text string) (*url.URL, error) {
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

// request is one call of the API. Path segments must be escaped.
type request struct {
	operation string
	method    string
	path      string
	query     url.Values
	body      any     // encoded as JSON unless nil; json.RawMessage goes as it is
	as        *Caller // nil: the app itself
}

// do sends a request and gives the body of a 2xx answer.
func (c *Client) do(ctx context.Context, r request) ([]byte, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, bug(r.operation, "cannot encode the request")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	target := c.base.JoinPath(r.path)
	target.RawQuery = r.query.Encode()
	httpRequest, err := http.NewRequestWithContext(traced, r.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, bug(r.operation, "cannot make the request")
	}
	c.authorize(httpRequest.Header, r.as)
	httpRequest.Header.Set("Accept", "application/json")
	if body != nil {
		httpRequest.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(httpRequest)
	if err != nil {
		return nil, &Error{
			Operation: r.operation, Class: Transient, Message: "no answer", cause: withoutURL(err),
			Ambiguous: r.method != http.MethodGet && sent.Load(),
		}
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, c.maxBody+1))
	if err == nil && int64(len(answer)) > c.maxBody {
		err = fmt.Errorf("answer is longer than %d bytes", c.maxBody)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, c.failure(r, response, answer)
	}
	if err != nil {
		return nil, &Error{
			Operation: r.operation, Status: response.StatusCode, Class: Transient,
			Message: "answer cannot be read", cause: err, Ambiguous: r.method != http.MethodGet,
		}
	}
	return answer, nil
}

// authorize says in whose name a request is made.
func (c *Client) authorize(header http.Header, as *Caller) {
	switch {
	case as == nil:
		header.Set("X-API-Key", c.token)
	case as.Key != "":
		header.Set("X-API-Key", as.Key)
	default:
		header.Set("Authorization", "Bearer "+as.Token)
	}
}

func (c *Client) failure(r request, response *http.Response, body []byte) *Error {
	failure := &Error{
		Operation:  r.operation,
		Status:     response.StatusCode,
		Class:      classOf(response.StatusCode),
		Message:    http.StatusText(response.StatusCode),
		RetryAfter: retryAfter(response.Header.Get("Retry-After"), c.now()),
		Ambiguous:  r.method != http.MethodGet && mayBeApplied(response.StatusCode),
	}
	if !strings.Contains(response.Header.Get("Content-Type"), "html") {
		var text string
		if json.Unmarshal(body, &text) != nil {
			text = string(body)
		}
		if text = cleanMessage(text); text != "" {
			failure.Message = text
		}
	}
	return failure
}

// unreadable reports a 2xx answer that makes no sense; it repeats no content.
func unreadable(r request, what string) *Error {
	return &Error{
		Operation: r.operation, Class: Transient, Message: "answer cannot be read: " + what,
		Ambiguous: r.method != http.MethodGet,
	}
}

// withoutURL takes the address out of an error of net/http.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// hasClass tells whether err is an [Error] of that class.
func hasClass(err error, class Class) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.Class == class
}
