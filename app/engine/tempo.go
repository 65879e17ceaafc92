package engine

import (
	"sync"
	"time"

	"ews/app/meeting"
)

const (
	// changedFor is how long a room counts as active after its calendar changed,
	// askedFor after it was asked to hold a meeting.
	changedFor = 10 * time.Minute
	askedFor   = 2 * time.Minute
	// decided is how long after a request of ours a room's calendar is left alone
	// unless its turn comes: rooms that decide take about a second.
	decided = 1300 * time.Millisecond
	// calmAfter is how long no room is polled early after the calendar asked for
	// a pause.
	calmAfter = 5 * time.Minute
	// quickest is the shortest time between two polls of an active room, unless
	// all rooms are polled faster.
	quickest = 5 * time.Second
	// quicker is how much more often active rooms are polled, if that can be
	// afforded.
	quicker = 6
)

// tempo decides when rooms are polled next. No room waits longer than the
// refresh interval. Active rooms are polled more often, as far as the requests
// suffice: those whose calendar changed, that owe an answer, or that have a
// meeting soon. Where the calendar itself tells of changes there is no need to.
type tempo struct {
	interval time.Duration
	spare    float64 // polls per second; negative: no limit

	mu      sync.Mutex
	active  map[meeting.RoomID]time.Time // until when
	watched map[meeting.Address]bool
	asked   map[meeting.Address]time.Time // rooms that deal with a request of ours, until when
	calm    time.Time                     // until then no room is polled early
	paused  time.Time                     // until then none is polled at all
}

// pollShare is the part of all requests that polling may use.
const pollShare = 0.35

func newTempo(s Settings) *tempo {
	t := &tempo{
		interval: s.RefreshInterval, spare: -1,
		active: map[meeting.RoomID]time.Time{}, watched: map[meeting.Address]bool{},
		asked: map[meeting.Address]time.Time{},
	}
	if s.Requests > 0 {
		t.spare = pollShare * float64(s.Requests) / time.Minute.Seconds()
	}
	return t
}

// stir makes rooms count as active for a while.
func (t *tempo) stir(d time.Duration, rooms ...meeting.RoomID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	until := time.Now().Add(d)
	for _, room := range rooms {
		if until.After(t.active[room]) {
			t.active[room] = until
		}
	}
}

// ask notes that rooms are sent a request of ours. Their calendars change when it
// arrives and again when they have decided: one look afterwards is enough.
func (t *tempo) ask(rooms []meeting.Room) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for room, until := range t.asked {
		if !now.Before(until) {
			delete(t.asked, room)
		}
	}
	for _, room := range rooms {
		t.asked[room.Address] = now.Add(decided)
	}
}

// restless returns until when the room deals with a request of ours, or the zero
// time.
func (t *tempo) restless(room meeting.Address) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked[room]
}

// watch notes whether the calendar tells of changes in these rooms by itself, and
// returns of how many it does.
func (t *tempo) watch(rooms []meeting.Address, on bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, room := range rooms {
		if on {
			t.watched[room] = true
		} else {
			delete(t.watched, room)
		}
	}
	return len(t.watched)
}

// tells reports whether the calendar tells of changes in the room by itself.
func (t *tempo) tells(room meeting.Address) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.watched[room]
}

// pause notes that the calendar wants no calls for a while. It reports whether
// that is news.
func (t *tempo) pause(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	news := !now.Before(t.paused)
	if until := now.Add(d); until.After(t.paused) {
		t.paused, t.calm = until, until.Add(calmAfter)
	}
	return news
}

// pausedFor returns how long no room is to be polled.
func (t *tempo) pausedFor() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, time.Until(t.paused))
}

// next returns the time until the next poll of a room, one of so many.
func (t *tempo) next(id meeting.RoomID, address meeting.Address, rooms int) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for room, until := range t.active {
		if !now.Before(until) {
			delete(t.active, room)
		}
	}
	if _, active := t.active[id]; !active || t.watched[address] || now.Before(t.calm) {
		return jitter(t.interval)
	}
	early := max(t.interval/quicker, quickest)
	if t.spare >= 0 {
		left := t.spare - float64(rooms)/t.interval.Seconds()
		if left <= 0 {
			return jitter(t.interval)
		}
		early = max(early, time.Duration(float64(len(t.active))/left*float64(time.Second)))
	}
	return jitter(min(early, t.interval))
}
