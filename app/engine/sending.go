package engine

import (
	"context"
	"errors"
	"time"
)

// sendTime is how soon after it was recorded a request that makes something
// must have left. After ambiguityTime whoever works on the meeting by then, be
// it another process, takes it for one that had no effect; a process that stood
// still in between, or waited for a connection, must not send it later.
const sendTime = 3 * time.Second

var errTooLate = errors.New("it was recorded too long ago")

type sendByKey struct{}

// sendSoon limits when the requests of ctx may leave.
func sendSoon(ctx context.Context, recorded time.Time) context.Context {
	return context.WithValue(ctx, sendByKey{}, recorded.Add(sendTime))
}

// MaySend tells whether a request that changes something may still be sent. The
// adapters ask it at the last moment before the request leaves, and fail with
// its *Error. A request that leaves in time may take as long as it does.
func MaySend(ctx context.Context) error {
	by, limited := SendBy(ctx)
	now := time.Now()
	// By both clocks: one of them stands still while the machine is suspended,
	// the other may be set.
	if !limited || !now.After(by) && !now.Round(0).After(by.Round(0)) {
		return nil
	}
	return &Error{Class: Throttled, Code: "not_sent_in_time", Err: errTooLate}
}

// SendBy is until when a request may leave, if that is limited: there is no use
// in waiting longer for the right to send it.
func SendBy(ctx context.Context) (by time.Time, limited bool) {
	by, limited = ctx.Value(sendByKey{}).(time.Time)
	return by, limited
}
