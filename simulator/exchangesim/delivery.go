package exchangesim

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// delivery is something that happens to a mailbox later: a message arrives, or
// a room decides.
type delivery struct {
	due    time.Time
	serial uint64
	run    func()
}

// schedule queues work; the caller holds the lock.
func (s *Server) schedule(after time.Duration, run func()) {
	s.lastSerial++
	d := delivery{due: s.options.Clock().Add(after), serial: s.lastSerial, run: run}
	at, _ := slices.BinarySearchFunc(s.queue, d, func(a, b delivery) int {
		if c := a.due.Compare(b.due); c != 0 {
			return c
		}
		return int(int64(a.serial) - int64(b.serial))
	})
	s.queue = slices.Insert(s.queue, at, d)
	select {
	case s.wake <- struct{}{}:
	default: // Run has been told already
	}
}

// RunDue carries out everything that is due by the clock and returns when the
// next delivery is due, if there is one.
func (s *Server) RunDue() (next time.Time, pending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	if len(s.queue) == 0 {
		return time.Time{}, false
	}
	return s.queue[0].due, true
}

func (s *Server) runDue() {
	for len(s.queue) > 0 && !s.queue[0].due.After(s.options.Clock()) {
		s.runFirst()
	}
}

func (s *Server) runFirst() {
	d := s.queue[0]
	s.queue = slices.Delete(s.queue, 0, 1)
	d.run()
}

// Settle carries out every pending delivery at once, in the order in which
// they are due, instead of waiting for their time. Afterwards all rooms have
// answered and all organizers know the answers.
func (s *Server) Settle(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("settle with %d deliveries pending: %w", len(s.queue), err)
		}
		s.runFirst()
	}
	return nil
}

// Pending returns the number of deliveries and decisions to come.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}
