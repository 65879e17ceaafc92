package exchange

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

// Watching says how rooms are watched. Every zero value means the default.
type Watching struct {
	// Rooms are watched in groups of this size, one connection each; 0 means 200,
	// the most that Exchange allows.
	Rooms int
	// BackOff is the wait after a connection that failed; it doubles up to
	// BackOffMax. 0 means 1 second and 5 minutes: the first one often is a dead
	// connection of the pool, which says nothing about the server.
	BackOff, BackOffMax time.Duration
	// Healthy is how long a connection must last to count as a success; 0 means
	// 10 seconds.
	Healthy time.Duration
	// Refused is how long rooms go unwatched after the server refused to notify
	// of them; 0 means 30 minutes.
	Refused time.Duration
}

func (w Watching) withDefaults() Watching {
	if w.Rooms <= 0 || w.Rooms > ews.MaxStreamSubscriptions {
		w.Rooms = ews.MaxStreamSubscriptions
	}
	for d, standard := range map[*time.Duration]time.Duration{
		&w.BackOff: time.Second, &w.BackOffMax: 5 * time.Minute, &w.Healthy: 10 * time.Second, &w.Refused: 30 * time.Minute,
	} {
		if *d <= 0 {
			*d = standard
		}
	}
	return w
}

// backOff returns the wait after n failures in a row.
func (w Watching) backOff(n int) time.Duration {
	d := w.BackOff
	for i := 1; i < n && d < w.BackOffMax; i++ {
		d *= 2
	}
	return scatter(min(d, w.BackOffMax))
}

// scatter keeps what failed together from coming back together.
func scatter(d time.Duration) time.Duration {
	return d - d/8 + time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // no secret depends on it
}

var _ engine.Watcher = (*Calendar)(nil)

// Watch implements engine.Watcher by streaming notifications. Rooms of which
// the server does not notify, for whatever reason, are left out and tried again
// after a while; that is no error. It returns when ctx ends.
func (c *Calendar) Watch(ctx context.Context, rooms []meeting.Address, l engine.Lookout) error {
	rooms = slices.Clone(rooms)
	slices.Sort(rooms)
	rooms = slices.Compact(rooms)
	settings := c.watching.withDefaults()
	if most := settings.Rooms * ews.DefaultMaxStreams; len(rooms) > most {
		c.log.InfoContext(ctx, "more rooms than can be watched, the others are polled only", "rooms", len(rooms), "watched", most)
		rooms = rooms[:most]
	}
	var groups sync.WaitGroup
	for group := range slices.Chunk(rooms, settings.Rooms) {
		groups.Go(func() { c.newWatch(settings, group, l).run(ctx) })
	}
	groups.Wait()
	<-ctx.Done()
	return nil
}

// pauseUntil waits, and reports false if ctx ended first.
func pauseUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
