package ews

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ews/exchange/budget"
	"ews/exchange/ews/wire"
)

// invocation is one call on its way through the client.
type invocation struct {
	operation string
	mailbox   Mailbox
	request   any  // wire request
	writes    bool // a repeated execution would do harm
	affinity  *Affinity
	streaming bool // the answer goes on and on
	// present tells whether the answer holds the expected response element.
	present func(*wire.Body) bool

	requestID string // client-request-id of the last attempt
	sentAt    time.Time
	status    int
	header    http.Header
	delivered bool
	outcome   string // code of the first response message that is no success
}

var (
	errRequestTimeout = errors.New("the request timeout passed")
	errTooLarge       = errors.New("the answer exceeds the size limit")
)

// do sends a request and returns the body of its answer, which holds the
// expected element and no fault. Response messages are for the caller to check.
func (c *Client) do(ctx context.Context, inv *invocation) (*wire.Body, error) {
	if err := validMailbox(inv.mailbox); err != nil {
		return nil, &Error{Operation: inv.operation, Code: CodeInvalidRequest, Class: ClassBug, Err: err}
	}
	for attempt := 1; ; attempt++ {
		leave, failure := c.enter(ctx, inv, strings.ToLower(string(inv.mailbox)))
		if failure != nil {
			return nil, failure
		}
		if held := c.breaker.permit(inv.operation); held != nil {
			leave()
			return nil, held
		}
		version := c.version.Load()
		body, failure := c.attempt(ctx, inv, schemaVersions[version])
		c.breaker.settle(failure)
		leave()
		c.observe(inv, attempt, failure)
		if failure == nil {
			return body, nil
		}
		if attempt == 1 && versionCodes[failure.Code] && int(version)+1 < len(schemaVersions) {
			c.version.CompareAndSwap(version, version+1)
			continue
		}
		return nil, failure
	}
}

// enter waits until the request may be sent. Requests of the same key are sent
// one after the other.
func (c *Client) enter(ctx context.Context, inv *invocation, key string) (leave func(), _ *Error) {
	if inv.writes && c.options.SendBy != nil {
		if by, limited := c.options.SendBy(ctx); limited {
			waiting, cancel := context.WithDeadlineCause(ctx, by, &notSentError{context.DeadlineExceeded})
			defer cancel()
			ctx = waiting
		}
	}
	leave, err := c.options.Budget.Enter(ctx, c.options.Urgency(ctx), key)
	var pause *budget.PauseError
	switch {
	case err == nil:
		return leave, nil
	case errors.As(err, &pause):
		return nil, &Error{
			Operation: inv.operation, Code: CodeBackOff, Class: ClassThrottled, BackOff: pause.Left, Err: err,
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return nil, c.transportError(inv, err)
}

// validMailbox keeps addresses out that could not be one or that would not
// survive a header line.
func validMailbox(m Mailbox) error {
	if m == "" {
		return nil
	}
	at := strings.LastIndexByte(string(m), '@')
	if at <= 0 || at == len(m)-1 || len(m) > 320 || strings.ContainsFunc(string(m), func(r rune) bool {
		return r <= ' ' || r == 0x7F || strings.ContainsRune(`<>,;:"\()[]`, r)
	}) {
		return errors.New("the mailbox is not an SMTP address")
	}
	return nil
}

// attempt performs one request with one schema version.
func (c *Client) attempt(ctx context.Context, inv *invocation, version string) (*wire.Body, *Error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.RequestTimeout, errRequestTimeout)
	defer cancel()
	resp, failure := c.send(ctx, inv, version)
	if failure != nil {
		return nil, failure
	}
	defer func() { _ = resp.Body.Close() }()
	return c.read(ctx, inv, resp)
}

// send sends one request and returns the answer as far as its header, unless
// the server refused the credentials.
func (c *Client) send(ctx context.Context, inv *invocation, version string) (*http.Response, *Error) {
	inv.sentAt, inv.status, inv.header, inv.delivered = c.options.Now(), 0, nil, false
	inv.requestID = newRequestID()
	payload, err := wire.EncodeEnvelope(wire.Header{Version: version, Impersonate: string(inv.mailbox)}, inv.request)
	if err != nil {
		return nil, &Error{Operation: inv.operation, Code: CodeInvalidRequest, Class: ClassBug, Err: err}
	}
	out := &outgoing{url: c.endpoint, header: c.headers(inv), body: payload}
	if inv.writes {
		out.may = c.options.MaySend
	}
	resp, err := c.scheme.send(ctx, out)
	inv.delivered = out.delivered.Load()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return nil, c.transportError(inv, err)
	}
	inv.status, inv.header = resp.StatusCode, resp.Header
	inv.affinity.learn(resp)
	if resp.StatusCode == http.StatusUnauthorized {
		inv.delivered = false
		discard(resp)
		return nil, c.statusError(inv)
	}
	return resp, nil
}

func (c *Client) headers(inv *invocation) http.Header {
	h := http.Header{
		"Content-Type":             {"text/xml; charset=utf-8"},
		"Accept":                   {"text/xml"},
		"User-Agent":               {c.options.UserAgent},
		"Client-Request-Id":        {inv.requestID},
		"Return-Client-Request-Id": {"true"},
	}
	if inv.mailbox != "" {
		h.Set("X-AnchorMailbox", string(inv.mailbox))
	}
	inv.affinity.apply(h)
	if inv.streaming {
		// A compressing server would hold events back until a block is full.
		h.Set("Accept-Encoding", "identity")
	}
	return h
}

// read decodes an answer of any status: Exchange sends faults with 500, other
// servers with 200.
func (c *Client) read(ctx context.Context, inv *invocation, resp *http.Response) (*wire.Body, *Error) {
	if !mayBeXML(resp.Header.Get("Content-Type")) || resp.StatusCode >= 300 && resp.StatusCode < 400 {
		discard(resp)
		return nil, c.statusError(inv)
	}
	limited := &limitReader{r: resp.Body, left: c.options.MaxResponseBytes}
	env, err := wire.DecodeEnvelope(limited)
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, wire.ErrTooMany):
		return nil, c.newError(inv, CodeAnswerTooLarge, verdict{class: ClassTooLarge, mayRun: true}, "", nil, err)
	case err != nil && ctx.Err() != nil:
		return nil, c.transportError(inv, fmt.Errorf("%w: %w", context.Cause(ctx), err))
	case err != nil && resp.StatusCode != http.StatusOK:
		return nil, c.statusError(inv)
	case errors.Is(err, wire.ErrNotEnvelope):
		return nil, c.newError(inv, CodeInvalidAnswer, statusVerdicts[http.StatusOK], "", nil, err)
	case err != nil:
		return nil, c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient, mayRun: true}, "", nil, err)
	}
	if f := env.Body.Fault; f != nil {
		return nil, c.codeError(inv, f.Code(), f.Text(), f.Detail.MessageXML.Map())
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.statusError(inv)
	}
	if !inv.present(&env.Body) {
		return nil, c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient, mayRun: true}, "",
			nil, errors.New("the answer lacks the response element"))
	}
	inv.outcome = "NoError"
	for _, m := range env.Body.Messages() {
		if !m.Ok() {
			inv.outcome = codeOf(m.ResponseCode)
			break
		}
	}
	if verdictOfCode(inv.operation, inv.outcome).class != ClassThrottled {
		c.throttle.success(inv.sentAt)
	}
	return &env.Body, nil
}

func mayBeXML(contentType string) bool {
	if contentType == "" {
		return true // the root element decides
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err != nil || strings.HasSuffix(media, "xml") && media != "application/xhtml+xml"
}

// limitReader fails, instead of ending, when more than left bytes come.
type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		return int(l.left), errTooLarge
	}
	l.left -= int64(n)
	return n, err
}

// messageError turns a response message that is no success into an error, or
// returns nil.
func (c *Client) messageError(inv *invocation, m wire.ResponseMessage) *Error {
	if m.Ok() {
		return nil
	}
	code := codeOf(m.ResponseCode)
	if code == "" || code == "NoError" {
		return c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient, mayRun: true}, m.MessageText,
			nil, errors.New("the response message reports neither success nor an error code"))
	}
	return c.codeError(inv, code, m.MessageText, m.MessageXML.Map())
}

// maxCode is longer than any response code.
const maxCode = 100

// codeOf returns a response code as the server sent it. What cannot be one is
// replaced: codes go into logs, metrics and the database.
func codeOf(sent string) string {
	code := strings.TrimSpace(sent)
	if len(code) > maxCode || strings.ContainsFunc(code, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_'
	}) {
		return CodeInvalidAnswer
	}
	return code
}

// codeError classifies a response code and starts the back-off where it asks
// for one.
func (c *Client) codeError(inv *invocation, code, message string, detail map[string]string) *Error {
	// A throttled inner call may hide behind the unspecific code.
	if inner := detail["InnerErrorResponseCode"]; inner != "" && code == "ErrorInternalServerError" {
		code = inner
	}
	code = codeOf(code)
	v := refine(verdictOfCode(inv.operation, code), message)
	if ms, err := strconv.ParseInt(detail["BackOffMilliseconds"], 10, 64); err == nil && ms > 0 {
		v.backOff = time.Duration(min(ms, int64(24*time.Hour/time.Millisecond))) * time.Millisecond
	}
	return c.newError(inv, code, v, message, detail, nil)
}

// statusError classifies an answer without SOAP message.
func (c *Client) statusError(inv *invocation) *Error {
	e := c.newError(inv, "", verdictOfStatus(inv.status, inv.header.Get("Location")), "", nil, nil)
	switch inv.status {
	case http.StatusUnauthorized:
		e.Code = CodeCredentials
	case http.StatusOK:
		e.Code, e.Err = CodeInvalidAnswer, wire.ErrNotEnvelope
	}
	return e
}

// codeOfToken names a failed token request: only an answer tells that the
// credentials are wrong.
func codeOfToken(class Class) string {
	switch class {
	case ClassTransient:
		return CodeNoToken
	case ClassConfig:
		return CodeUntrustedServer
	default:
		return CodeCredentials
	}
}

// transportError classifies a failure to get any answer.
func (c *Client) transportError(inv *invocation, err error) *Error {
	v, code := verdict{class: ClassTransient, mayRun: true}, CodeNoAnswer
	var token *tokenError
	var logon *logonError
	var proxy *proxyError
	var notSent *notSentError
	switch {
	case errors.As(err, &notSent):
		v, code = verdict{class: ClassTransient}, CodeNotSent
	case errors.As(err, &token):
		v, code = verdict{class: token.class}, codeOfToken(token.class)
	case errors.As(err, &logon):
		inv.status = logon.status
		v, code = verdict{class: logon.class, backOff: logon.hold}, CodeCredentials
	case errors.As(err, &proxy):
		// One that cannot reach the server either may reach it later.
		if v = (verdict{class: ClassConfig}); proxy.status >= 500 {
			v.class = ClassTransient
		}
		code = CodeProxyRefused
	case isUntrusted(err):
		v, code = verdict{class: ClassConfig}, CodeUntrustedServer
	}
	return c.newError(inv, code, v, "", nil, err)
}

func isUntrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var notTLS tls.RecordHeaderError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid) || errors.As(err, &notTLS)
}

// diagnosticHeaders are worth keeping on failures, after "Instrumenting client
// requests for EWS and REST in Exchange".
var diagnosticHeaders = [...]string{"X-FEServer", "X-TargetBEServer", "X-DiagInfo", "X-CasErrorCode", "X-Ms-Diagnostics"}

func (c *Client) newError(inv *invocation, code string, v verdict, message string, detail map[string]string, cause error) *Error {
	e := &Error{
		Operation: inv.operation, Code: code, HTTPStatus: inv.status, Class: v.class,
		Message: shorten(message), BackOff: v.backOff, RequestID: inv.requestID, Detail: detail,
		Ambiguous: inv.writes && inv.delivered && v.mayRun, Err: cause,
	}
	if id := inv.header.Get("Request-Id"); id != "" {
		e.RequestID = shorten(id)
	}
	for _, name := range diagnosticHeaders {
		if value := inv.header.Get(name); value != "" {
			if e.Detail == nil {
				e.Detail = make(map[string]string)
			}
			e.Detail[name] = shorten(value)
		}
	}
	e.BackOff = max(e.BackOff, retryAfter(inv.header.Get("Retry-After"), c.options.Now()))
	if e.Class == ClassThrottled {
		wait, fresh := c.throttle.signal(inv.sentAt, e.BackOff)
		e.BackOff = wait
		c.options.Budget.Pause(c.options.Now().Add(wait))
		if fresh {
			c.options.Budget.Halve()
		}
	}
	return e
}

// retryAfter reads the header in both of its forms: seconds and date.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		return time.Duration(min(max(s, 0), 86400)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), 24*time.Hour)
	}
	return 0
}

func (c *Client) observe(inv *invocation, attempt int, failure *Error) {
	call := Call{
		Operation: inv.operation, Duration: c.options.Now().Sub(inv.sentAt), HTTPStatus: inv.status,
		Code: inv.outcome, Attempt: attempt,
	}
	if failure != nil {
		call.Code, call.Class = failure.Code, failure.Class.String()
	} else if call.Code != "NoError" {
		call.Class = verdictOfCode(inv.operation, call.Code).class.String()
	}
	c.log.Debug("ews call", "op", call.Operation, "duration", call.Duration,
		"status", call.HTTPStatus, "code", call.Code, "attempt", attempt,
		"request_id", inv.requestID)
	if c.options.Observe != nil {
		c.options.Observe(call)
	}
}

// newRequestID returns a random UUID.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
