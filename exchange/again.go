package exchange

import (
	"context"
	"time"

	"ews/exchange/ews"
)

// A large calendar is read with many requests. One of them that fails is sent
// again, so that the others need not be. Only a failure that came quickly is
// worth it: a server that does not answer costs the time limit each time.
const (
	readTries = 3
	readPause = 300 * time.Millisecond
	quickly   = 5 * time.Second
)

// again sends a request that only reads, until it succeeds or there is no
// reason to send it again.
func again[T any](ctx context.Context, read func() (T, error)) (T, error) {
	for try := 1; ; try++ {
		began := time.Now()
		out, err := read()
		if err == nil || try == readTries || ews.ClassOf(err) != ews.ClassTransient || time.Since(began) > quickly {
			return out, err
		}
		if !pauseUntil(ctx, time.Now().Add(time.Duration(try)*readPause)) {
			return out, err
		}
	}
}
