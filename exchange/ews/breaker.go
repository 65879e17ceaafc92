package ews

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// breaker keeps a client from asking again and again with credentials or a
// permission that the server refuses: after breakAfter refusals in a row nothing
// is sent for a while, and then one call probes. Refusals of single mailboxes do
// not get there, because others succeed in between.
type breaker struct {
	base, max time.Duration
	now       func() time.Time

	mu      sync.Mutex
	row     int // refusals without anything else in between
	opened  int // times in a row that calls were held back
	until   time.Time
	probing bool
	last    *Error
}

const breakAfter = 5

var errNotTried = errors.New("not tried, the server refused the calls before")

// permit returns nil when a call may be sent; it has to be followed by settle.
func (b *breaker) permit(operation string) *Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened == 0 {
		return nil
	}
	wait := b.until.Sub(b.now())
	if wait <= 0 && !b.probing {
		b.probing = true
		return nil
	}
	return &Error{
		Operation: operation, Code: b.last.Code, HTTPStatus: b.last.HTTPStatus, Class: b.last.Class,
		Message: b.last.Message, BackOff: max(wait, time.Second), Err: errNotTried,
	}
}

// settle records how a call ended; nil is success.
func (b *breaker) settle(failure *Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case isRefusal(failure):
		b.last = failure
		if b.row++; b.probing || b.opened == 0 && b.row >= breakAfter {
			b.until = b.now().Add(min(b.base<<min(b.opened, 16), b.max))
			b.opened++
		}
	case failure == nil || failure.HTTPStatus != 0:
		b.row, b.opened, b.last = 0, 0, nil
	}
	b.probing = false
}

// isRefusal tells whether a failure concerns the client as a whole. Refused NTLM
// logons are held back by the scheme itself.
func isRefusal(e *Error) bool {
	if e == nil {
		return false
	}
	if _, ok := errors.AsType[*logonError](e.Err); ok {
		return false
	}
	return e.Class == ClassAuth || e.HTTPStatus == http.StatusForbidden
}
