package ews

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Class says what a caller can do about a failure.
type Class int

// The classes. The zero value is ClassPermanent, the cautious reading.
const (
	// ClassPermanent concerns this item or request only; the same request will
	// fail again. Unknown response codes are of this class.
	ClassPermanent Class = iota
	// ClassTransient may succeed when repeated later.
	ClassTransient
	// ClassThrottled means the server asked for less traffic; see Error.BackOff.
	ClassThrottled
	// ClassStale means an id or change key is out of date: read again, then repeat.
	ClassStale
	// ClassGone means the object does not exist (any more).
	ClassGone
	// ClassNotFoundMailbox means the impersonated address has no mailbox here.
	ClassNotFoundMailbox
	// ClassDenied means there is no right to this mailbox or object.
	ClassDenied
	// ClassAuth means the client's own credentials were refused.
	ClassAuth
	// ClassConfig means nothing will work until an administrator acts.
	ClassConfig
	// ClassInvalidSyncState means synchronisation must start without a state.
	ClassInvalidSyncState
	// ClassConflict means the calendar's state contradicts the request.
	ClassConflict
	// ClassTooLarge means the request or its answer must be made smaller.
	ClassTooLarge
	// ClassBug means the request itself is malformed; repeating is pointless.
	ClassBug
)

// classNames is indexed by Class.
var classNames = [...]string{
	"permanent", "transient", "throttled", "stale", "gone", "mailbox_not_found", "denied",
	"auth", "config", "invalid_sync_state", "conflict", "too_large", "bug",
}

// String returns a fixed lower-case word, fit for metrics and logs.
func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return "unknown"
	}
	return classNames[c]
}

// Error is the failure of one call, or of one item within a call.
type Error struct {
	Operation  string // such as "GetItem"
	Code       string // ResponseCode, a client code (see the Code constants), or "" for a bare HTTP failure
	HTTPStatus int    // 0 when no answer arrived
	Class      Class
	// Message is the server's text, shortened. It may name addresses; it never
	// contains what the client sent.
	Message string
	// BackOff is how long the server, or the policy for this code, wants the
	// caller to wait. 0 means no advice.
	BackOff time.Duration
	// RequestID is the server's request id, else the client-request-id sent.
	RequestID string
	// Detail holds machine-readable extras: the values of MessageXml and the
	// diagnostic headers X-FEServer, X-TargetBEServer, X-DiagInfo,
	// X-CasErrorCode and x-ms-diagnostics. It may be nil.
	Detail map[string]string
	// Ambiguous is true for a writing operation whose request may have been
	// executed although no success was read. The caller must look before it
	// sends the request again.
	Ambiguous bool
	// Err is the cause when there is one (a network or decoding error).
	Err error
}

// Codes of failures the client detects itself.
const (
	CodeNoAnswer         = "ClientNoAnswer"         // network failure, timeout or cancellation
	CodeInvalidAnswer    = "ClientInvalidAnswer"    // not SOAP, truncated, or without the expected element
	CodeAnswerTooLarge   = "ClientAnswerTooLarge"   // more than Options.MaxResponseBytes
	CodeInvalidRequest   = "ClientInvalidRequest"   // refused before sending
	CodeBackOff          = "ClientBackOff"          // not sent: the back-off outlasts the context
	CodeNotSent          = "ClientNotSent"          // Options.MaySend kept it from leaving
	CodeCredentials      = "ClientCredentials"      //nolint:gosec // no secret but a code: the token service or the server refused them
	CodeNoToken          = "ClientNoToken"          //nolint:gosec // no secret but a code: the token service cannot be reached, or has trouble
	CodeProxyRefused     = "ClientProxyRefused"     // a proxy opens no connection to the server
	CodeUntrustedServer  = "ClientUntrustedServer"  // TLS certificate not accepted
	CodeRepeatedAnswer   = "ClientRepeatedAnswer"   // paging does not advance
	CodeIncompleteAnswer = "ClientIncompleteAnswer" // fewer response messages than requested ids
)

const maxMessage = 300

// Error names operation, code, status and the server's text. It contains no
// request content, no token and no password.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("ews: ")
	b.WriteString(e.Operation)
	if e.Code != "" {
		b.WriteString(": ")
		b.WriteString(e.Code)
	}
	if e.HTTPStatus != 0 && (e.HTTPStatus != 200 || e.Code == "") {
		fmt.Fprintf(&b, " (HTTP %d)", e.HTTPStatus)
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.RequestID != "" {
		b.WriteString(" [request ")
		b.WriteString(e.RequestID)
		b.WriteString("]")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of err: that of the *Error it wraps, else
// ClassPermanent. Use it on non-nil errors.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ClassPermanent
}

// IsAmbiguous reports whether err is a writing request whose outcome is unknown.
func IsAmbiguous(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Ambiguous
}

// shorten makes foreign text fit for one line of a log.
func shorten(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(s) <= maxMessage {
		return s
	}
	cut := maxMessage
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
