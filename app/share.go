package app

import (
	"slices"
	"time"

	"ews/app/meeting"
	"ews/db/store"
)

// share decides which configurations this process works on when there are others
// on the same database: each takes its fair part, and what nobody takes after a
// while is taken by whoever sees it.
type share struct {
	free map[int64]time.Time // configurations nobody works on, and since when
	gave time.Time           // when configurations were last given to others
}

const (
	// freeLimit is how long a configuration may be left to others by a process
	// that has its part already.
	freeLimit = 5 * time.Second
	// giveEvery is the time between two times of giving to others, and giveParts
	// how much of the surplus goes each time: moving one interrupts it for a few
	// seconds.
	giveEvery = 10 * time.Second
	giveParts = 2
)

// decide returns which of the wanted configurations to start with, in order, and
// which of those that run to give to others. Those that cannot be started now are
// left to others, if there are any.
func (s *share) decide(now time.Time, wanted, running []int64, unable func(int64) bool, standing store.Standing) (take, give []int64) {
	part := (len(wanted) + standing.Processes - 1) / standing.Processes
	free := map[int64]time.Time{}
	mine := len(running)
	for _, id := range slices.Sorted(slices.Values(wanted)) {
		if slices.Contains(running, id) || standing.Taken[meeting.ConfigID(id)] {
			continue
		}
		free[id] = now
		if since, known := s.free[id]; known {
			free[id] = since
		}
		if !unable(id) && (mine < part || now.Sub(free[id]) >= freeLimit) {
			take = append(take, id)
			mine++
		}
	}
	s.free = free
	surplus := len(running) - part
	if surplus <= 0 || len(free) > 0 || now.Sub(s.gave) < giveEvery {
		return take, nil
	}
	s.gave = now
	last := slices.Sorted(slices.Values(running))
	return take, last[len(last)-(surplus+giveParts-1)/giveParts:]
}
