package ews

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"ews/exchange/budget"
)

// Mailbox is the SMTP address of the mailbox a call impersonates. The empty
// value sends no impersonation header: the call acts as the account itself,
// which app-only OAuth tokens are not allowed to do.
type Mailbox string

// Defaults of Options.
const (
	DefaultRequestTimeout   = 60 * time.Second
	DefaultMaxResponseBytes = 64 << 20
	DefaultBackOffBase      = 5 * time.Second
	DefaultBackOffMax       = 5 * time.Minute
	DefaultLogonHold        = 60 * time.Second
	DefaultRefusalHold      = 15 * time.Second
	DefaultMaxStreams       = 10
	DefaultStreamSilence    = 100 * time.Second
	DefaultUserAgent        = "go-ews/1.0"
)

// Options configure a Client. URL and Auth are required; every other zero value
// means the default.
type Options struct {
	// URL of the endpoint, such as https://mail.contoso.test/EWS/Exchange.asmx.
	URL string
	// Auth is OAuth, NTLM or Basic.
	Auth Auth
	// RequestTimeout bounds one request including logon and reading the answer;
	// waiting for the budget is bounded by the context only.
	RequestTimeout time.Duration
	// Budget decides when requests are sent; those to one mailbox are sent one
	// after the other. It learns when the server asks for a pause. Clients may
	// share one. Nil means one of its own with the defaults.
	Budget *budget.Budget
	// Urgency tells how urgent the calls made with a context are; nil means that
	// a person waits for all of them.
	Urgency func(context.Context) budget.Class
	// MaxStreams caps the streaming connections; they are not in flight in the
	// terms of Budget once they are open.
	MaxStreams int
	// StreamSilence is how long a streaming connection may be silent before it
	// is given up. Servers show every 45 seconds that they are there.
	StreamSilence time.Duration
	// RootCAs verifies the server; nil means the system's pool.
	RootCAs *x509.CertPool
	// AllowPlainHTTP permits an http:// URL, on which credentials and calendars
	// travel readable.
	AllowPlainHTTP bool
	// UserAgent should stay constant over versions: administrators put it on
	// allow lists.
	UserAgent string
	// Logger gets debug records without personal content; nil means none.
	Logger *slog.Logger
	// MaxResponseBytes caps one answer after decompression.
	MaxResponseBytes int64
	// BackOffBase is the first wait after a throttled answer without advice; it
	// doubles up to BackOffMax.
	BackOffBase, BackOffMax time.Duration
	// LogonHold is how long calls fail at once after the server refused an NTLM
	// logon twice, so that a wrong password does not lock the account.
	LogonHold time.Duration
	// RefusalHold is how long calls fail at once after the server refused several
	// in a row for lack of credentials or permission; it doubles up to BackOffMax.
	RefusalHold time.Duration
	// Observe, when set, is told about every attempt. It must be quick and safe
	// for concurrent use.
	Observe func(Call)
	// MaySend, when set, is asked with the context of a call that writes right
	// before its request leaves; an error keeps it from leaving.
	MaySend func(context.Context) error
	// SendBy, when set, tells until when MaySend will agree: a call that writes
	// waits no longer for its turn.
	SendBy func(context.Context) (by time.Time, limited bool)
	// Now is the clock for back-off and durations; nil means time.Now.
	Now func() time.Time
}

// Call describes one attempt for metrics. It names no mailbox.
type Call struct {
	Operation  string
	Duration   time.Duration
	HTTPStatus int    // 0 when no answer arrived
	Code       string // response code, "NoError", or a client code
	Class      string // class of the failure, "" on success
	Attempt    int    // 1, or 2 after the schema version was lowered
}

// Client speaks to one endpoint as one identity. It is safe for concurrent use.
type Client struct {
	options  Options
	endpoint *url.URL
	scheme   scheme
	throttle *throttle
	breaker  *breaker
	streams  chan struct{} // holds one value per streaming connection
	version  atomic.Int32  // index into schemaVersions
	log      *slog.Logger
}

// schemaVersions are the request versions, best first. Exchange 2013 SP1 is
// what 2013 SP1, 2016, 2019, Subscription Edition and Online accept.
var schemaVersions = [...]string{"Exchange2013_SP1", "Exchange2013"}

// New checks the options and returns a Client. It does not contact the server.
func New(o Options) (*Client, error) {
	u, err := endpointURL(o.URL, o.AllowPlainHTTP)
	if err != nil {
		return nil, err
	}
	if o.Auth == nil {
		return nil, errors.New("ews: Options.Auth is missing")
	}
	o = o.withDefaults()
	c := &Client{options: o, endpoint: u, log: o.Logger}
	c.streams = make(chan struct{}, o.MaxStreams)
	c.throttle = &throttle{base: o.BackOffBase, max: o.BackOffMax, now: o.Now}
	c.breaker = &breaker{base: o.RefusalHold, max: o.BackOffMax, now: o.Now}
	if c.scheme, err = o.Auth.scheme(o, u); err != nil {
		return nil, fmt.Errorf("ews: set up authentication: %w", err)
	}
	return c, nil
}

func endpointURL(raw string, allowPlain bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		// The parser's message repeats the address, which may contain a password.
		return nil, errors.New("ews: the URL is malformed")
	}
	switch {
	case u.Host == "":
		return nil, errors.New("ews: the URL has no host")
	case u.User != nil:
		return nil, errors.New("ews: the URL must not contain credentials")
	case u.Scheme == "https", u.Scheme == "http" && allowPlain:
		return u, nil
	case u.Scheme == "http":
		return nil, errors.New("ews: an http:// URL sends credentials readable; use https")
	}
	return nil, fmt.Errorf("ews: the URL scheme must be https, not %.20q", u.Scheme)
}

func (o Options) withDefaults() Options {
	setDefault(&o.RequestTimeout, DefaultRequestTimeout)
	setDefault(&o.MaxStreams, DefaultMaxStreams)
	setDefault(&o.StreamSilence, DefaultStreamSilence)
	setDefault(&o.MaxResponseBytes, DefaultMaxResponseBytes)
	setDefault(&o.BackOffBase, DefaultBackOffBase)
	setDefault(&o.BackOffMax, DefaultBackOffMax)
	setDefault(&o.LogonHold, DefaultLogonHold)
	setDefault(&o.RefusalHold, DefaultRefusalHold)
	if o.Budget == nil {
		o.Budget = budget.New(budget.Options{})
	}
	if o.Urgency == nil {
		o.Urgency = func(context.Context) budget.Class { return budget.Human }
	}
	if o.UserAgent == "" {
		o.UserAgent = DefaultUserAgent
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Close closes idle connections. Calls under way go on; later calls open new
// connections.
func (c *Client) Close() { c.scheme.close() }

// NotBefore returns until when the server wants no requests; the zero time if
// it takes them.
func (c *Client) NotBefore() time.Time { return c.options.Budget.Paused() }
