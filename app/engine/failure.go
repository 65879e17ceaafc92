package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
)

// Codes of failures that concern the whole configuration.
const (
	codeUnknown = "unexpected_error"
	troubleTime = 3 * time.Minute // how long trouble lasts before people are told
)

// How long a side fails, without a single success, before that is the
// configuration's status: most of what passes is over by then. One that asks
// for a pause is there, and mostly takes up its work again.
const (
	silentTime = 15 * time.Second
	pausedTime = 5 * time.Minute
)

// classOf reads an error of a port. What is no *Error is taken as transient:
// trying again is harmless, giving up is not.
func classOf(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Class: Transient, Code: codeUnknown, Err: err}
}

// backoff grows from one second to two minutes, with jitter, so that what
// failed together does not come back together. It does not grow further: once
// the far side is back, people should not wait for a quarter of an hour.
func backoff(attempts int) time.Duration {
	d := time.Second << min(attempts, 10)
	return jitter(min(d, 2*time.Minute))
}

func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/5+1)) //nolint:gosec // no secret depends on it
}

// retryAt says when to try again after a failure.
func (e *Engine) retryAt(err *Error, attempts int) time.Time {
	return e.now().Add(retryIn(err, attempts))
}

// retryIn says how long to wait after a failure.
func retryIn(err *Error, attempts int) time.Duration {
	wait := backoff(attempts)
	switch err.Class {
	case Throttled:
		wait = max(err.Pause, time.Second)
	case Broken:
		wait = max(wait, min(5*time.Second<<min(attempts, 3), 30*time.Second), err.Pause)
	case Stale:
		wait = 200 * time.Millisecond
	case Transient, InvalidToken, NoMailbox, NotFound, Refused, Unmatched:
	}
	return wait
}

// report keeps the configuration's status: what only an administrator can mend,
// and a side that has not answered for a while. It is told once, after it has
// lasted, and once more when it is over. A nil failure is a success.
func (e *Engine) report(ctx context.Context, side string, failure *Error) {
	select {
	case e.health <- struct{}{}: // what follows waits for the database
	case <-ctx.Done():
		return
	}
	defer func() { <-e.health }()
	if failure == nil {
		delete(e.failing, side)
		for key := range e.broken {
			if ofSide(key, side) {
				e.recovered(ctx, key)
			}
		}
		if !e.worked[side] {
			e.worked[side] = true
			e.recovered(ctx, side+" ") // from whatever an earlier run told
		}
		return
	}
	key := side + " " + failure.Code
	if e.broken[key] || failure.Class != Broken && !e.lasts(side, failure) {
		return
	}
	e.broken[key] = true
	e.log.WarnContext(ctx, "configuration needs an administrator", "side", side, "code", failure.Code, "error", failure)
	if err := e.store.SetStatus(ctx, failure.Code, failure.Error()); err != nil {
		e.log.WarnContext(ctx, "status not stored", "error", err)
	}
	err := e.store.Notify(ctx, []Notice{{Subject: side, Code: failure.Code, Delay: troubleTime}})
	if err != nil {
		e.log.WarnContext(ctx, "notice not stored", "error", err)
	}
}

// lasts tells whether a failure that may pass is one of a side that has failed
// for a while. What it is called may change meanwhile: the first name stays.
func (e *Engine) lasts(side string, failure *Error) bool {
	limit := silentTime
	switch {
	case failure.Code == codeUnknown: // it is none of that side
		return false
	case failure.Class == Throttled:
		limit = pausedTime
	case failure.Class != Transient:
		return false
	}
	for key := range e.broken {
		if ofSide(key, side) {
			return false
		}
	}
	since, failing := e.failing[side]
	if !failing {
		since = time.Now()
		e.failing[side] = since
	}
	return time.Since(since) >= limit
}

// ofSide tells whether a key of what is broken is about the side.
func ofSide(key, side string) bool { return strings.HasPrefix(key, side+" ") }

func (e *Engine) recovered(ctx context.Context, key string) {
	delete(e.broken, key)
	side, code := key[:indexSpace(key)], key[indexSpace(key)+1:]
	told, err := e.store.Resolve(ctx, side, code)
	if err == nil && told {
		_, err = e.store.Resolve(ctx, side, CodeRecovered) // an earlier one: it is told again
		if err == nil {
			err = e.store.Notify(ctx, []Notice{{Subject: side, Code: CodeRecovered}})
		}
	}
	if err == nil && len(e.broken) == 0 {
		err = e.store.SetStatus(ctx, "", "")
	}
	if err != nil {
		e.log.WarnContext(ctx, "recovery not stored", "error", err)
	}
	if code != "" || told {
		e.log.InfoContext(ctx, "recovered", "side", side, "code", code)
	}
}

func indexSpace(s string) int {
	for i := range s {
		if s[i] == ' ' {
			return i
		}
	}
	return len(s)
}
