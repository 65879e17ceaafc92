package booking

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Class says what an error means for the caller.
type Class int

// The classes of errors.
const (
	// Transient: the network, an overloaded or restarting server. Try later.
	Transient Class = iota + 1
	// Refused: overlap or validation. Repeating the same request is useless
	// until one of the two sides changes.
	Refused
	// NotFound: the group or booking does not exist (any more).
	NotFound
	// TooOld: this Booking app has no groups of bookings.
	TooOld
	// Bug: the request or the address is wrong; no repetition helps.
	Bug
)

// String names the class for logs.
func (c Class) String() string {
	switch c {
	case Transient:
		return "transient"
	case Refused:
		return "refused"
	case NotFound:
		return "not_found"
	case TooOld:
		return "too_old"
	case Bug:
		return "bug"
	default:
		return "unknown"
	}
}

// Error is every error of this package except [UnmatchedError]. Its text names
// no person and no subject.
type Error struct {
	Operation string // what was tried: upsert_group, cancel, get, list, subscribe
	Status    int    // HTTP status, 0 when there was none
	Class     Class
	Message   string // the server's text without addresses, or what happened
	// Ambiguous: the request may have been applied although no answer was read.
	Ambiguous bool
	// RetryAfter is how long the server asked to wait; 0 when it did not.
	RetryAfter time.Duration

	cause error
}

// Error implements error.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("booking app: ")
	text.WriteString(e.Operation)
	if e.Status != 0 {
		fmt.Fprintf(&text, ": status %d", e.Status)
	}
	if e.Message != "" {
		text.WriteString(": ")
		text.WriteString(e.Message)
	}
	if e.cause != nil {
		text.WriteString(": ")
		text.WriteString(e.cause.Error())
	}
	return text.String()
}

// Unwrap gives the cause, for example a context's end.
func (e *Error) Unwrap() error { return e.cause }

// ErrUnmatched is what every [UnmatchedError] is, for errors.Is.
var ErrUnmatched = errors.New("the answer does not tell the booking ids")

// UnmatchedError reports a write that the Booking app accepted with an answer
// from which not every id could be read. The bookings exist: look them up
// ([Client.List]) and never write them again.
type UnmatchedError struct {
	Group   GroupID // 0 when unknown
	Matched map[int]ID
	Missing []int // indexes of acknowledged occurrences whose id is unknown
	// Unsent are the indexes of occurrences that were not sent, because the id
	// of the group they belong to is unknown.
	Unsent []int
}

// Error implements error.
func (e *UnmatchedError) Error() string {
	return fmt.Sprintf("booking app: upsert_group: %v (group %d, %d matched, %d missing, %d not sent)",
		ErrUnmatched, e.Group, len(e.Matched), len(e.Missing), len(e.Unsent))
}

// Is makes errors.Is(err, ErrUnmatched) true.
func (e *UnmatchedError) Is(target error) bool { return target == ErrUnmatched }

// classOf maps a status that is not 2xx.
func classOf(status int) Class {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout,
		status == http.StatusTooEarly, status >= 500 && status != http.StatusNotImplemented:
		return Transient
	case status == http.StatusConflict, status == http.StatusUnprocessableEntity:
		return Refused
	case status == http.StatusNotFound, status == http.StatusGone:
		return NotFound
	default:
		return Bug
	}
}

// mayBeApplied tells whether a write answered with status can have had an
// effect: a gateway does not know, a failing server may have failed late.
func mayBeApplied(status int) bool {
	return status >= 500 && status != http.StatusServiceUnavailable && status != http.StatusNotImplemented
}

// maxRetryAfter is the longest pause that is believed.
const maxRetryAfter = time.Hour

// retryAfter reads seconds or a date; nonsense and the past are 0.
func retryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil {
		return time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(0, date.Sub(now)), maxRetryAfter)
	}
	return 0
}

const maxMessage = 200

// cleanMessage makes a foreign text fit for an error: one line, short, no mail
// addresses.
func cleanMessage(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	text = regexp.MustCompile(`[^\s"'<>]*@[^\s"'<>]*`).ReplaceAllString(text, "<address>")
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage]) + "…"
	}
	return text
}
