package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ews/e2e/stage"
)

// How long mishaps last.
const (
	cutTime     = 10 * time.Second
	restartTime = 4 * time.Second // until the app is started again, as a platform does
)

var errCut = errors.New("the network is cut already")

// mishaps are what goes wrong when somebody asks for it, and what puts it
// right again.
type mishaps struct {
	app     *app
	control *stage.Control
	group   *errgroup.Group // waits for what puts it right
	ctx     context.Context // of the demonstration: a mishap outlives the request for it

	mu       sync.Mutex
	cutUntil time.Time
	startsAt time.Time
}

// cut cuts the network between the app and everything else. Connections that
// are open break, and requests get no answer.
func (m *mishaps) cut(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Now().Before(m.cutUntil) {
		return errCut
	}
	for _, service := range []string{"exchange", "entra", "booking", "eliona"} {
		if err := m.control.Fault(ctx, map[string]any{"service": service, "kind": "resetBefore"}); err != nil {
			return fmt.Errorf("cutting the network: %w", errors.Join(err, m.control.NoFaults(context.WithoutCancel(ctx))))
		}
	}
	for _, service := range []string{"exchange", "booking"} {
		if err := m.control.Fault(ctx, map[string]any{"service": service, "kind": "dropSockets"}); err != nil {
			return fmt.Errorf("breaking connections: %w", errors.Join(err, m.control.NoFaults(context.WithoutCancel(ctx))))
		}
	}
	m.cutUntil = time.Now().Add(cutTime)
	m.group.Go(func() error {
		if !pause(m.ctx, cutTime) {
			return nil
		}
		if err := m.control.NoFaults(m.ctx); err != nil && m.ctx.Err() == nil {
			return fmt.Errorf("mending the network: %w", err)
		}
		return nil
	})
	return nil
}

// crash kills the app, and starts it again a little later.
func (m *mishaps) crash() error {
	if err := m.app.kill(); err != nil {
		return err
	}
	m.mu.Lock()
	m.startsAt = time.Now().Add(restartTime)
	m.mu.Unlock()
	m.group.Go(func() error {
		if !pause(m.ctx, restartTime) {
			return nil
		}
		if err := m.app.start(m.ctx); err != nil && !errors.Is(err, errRunning) && m.ctx.Err() == nil {
			return fmt.Errorf("starting the app again: %w", err)
		}
		return nil
	})
	return nil
}

// left is how long the network stays cut, and how long until the app is
// started, in milliseconds; 0 if neither.
func (m *mishaps) left(now time.Time) (cut, start int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(0, m.cutUntil.Sub(now).Milliseconds()), max(0, m.startsAt.Sub(now).Milliseconds())
}

// pause waits, and tells whether it was left alone.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
