package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ews/app/meeting"
)

// gather is how long a hint rests: one action of a person causes several.
const gather = 300 * time.Millisecond

// watching lets the calendar tell of changes and makes the rooms it tells of
// due. Nothing depends on it but time: rooms are polled all the same.
func (e *Engine) watching(ctx context.Context) error {
	watcher, ok := e.calendar.(Watcher)
	if !ok || !e.Stream {
		return nil
	}
	group, running := errgroup.WithContext(ctx)
	hints := &hints{due: map[meeting.Address]time.Time{}, ready: make(chan struct{}, 1), tempo: e.tempo, observer: e.watch}
	group.Go(func() error { return e.following(running, hints) })
	group.Go(func() error {
		e.watchAll(withUrgency(running, ForRecords), watcher, hints)
		return nil
	})
	return group.Wait()
}

// watchAll watches the rooms there are, anew whenever they change.
func (e *Engine) watchAll(ctx context.Context, watcher Watcher, hints *hints) {
	for ctx.Err() == nil {
		rooms := e.watchable()
		if len(rooms) == 0 {
			pauseOr(ctx, time.Minute, e.wakeWatch)
			continue
		}
		watched, cancel := context.WithCancel(ctx)
		var err error
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			err = watcher.Watch(watched, rooms, hints)
		}()
		again := e.awaitOtherRooms(ctx, rooms, ended)
		cancel()
		<-ended
		if !again && ctx.Err() == nil {
			e.log.WarnContext(ctx, "rooms are not watched", "error", err)
			pause(ctx, jitter(time.Minute))
		}
	}
}

// awaitOtherRooms returns true when other rooms are to be watched, and false
// when watching ended.
func (e *Engine) awaitOtherRooms(ctx context.Context, rooms []meeting.Address, ended <-chan struct{}) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ended:
			return false
		case <-e.wakeWatch:
			if !slices.Equal(rooms, e.watchable()) {
				return true
			}
		}
	}
}

// watchable returns the rooms worked on, in order.
func (e *Engine) watchable() []meeting.Address {
	var out []meeting.Address
	for _, room := range *e.rooms.Load() {
		if !room.Retired {
			out = append(out, room.Address)
		}
	}
	slices.Sort(out)
	return out
}

// following makes rooms due that hints came for. A room that is being read waits
// until that is over: nobody can tell whether the change is in what is read, and
// the reader sets when the room is due next.
func (e *Engine) following(ctx context.Context, hints *hints) error {
	for {
		hinted, next := hints.take()
		var due []meeting.RoomID
		for id, room := range *e.rooms.Load() {
			switch {
			case !hinted[room.Address] || room.Retired:
			case e.reading.has(id):
				hints.Changed(room.Address)
			default:
				due = append(due, id)
			}
		}
		if len(due) > 0 {
			if err := e.store.PollRooms(ctx, due); err != nil {
				if fatal(ctx, err) {
					return err
				}
				e.log.WarnContext(ctx, "hinted rooms not made due", "rooms", len(due), "error", err)
				for _, id := range due {
					hints.Changed(e.room(id).Address)
				}
				pause(ctx, time.Second)
			}
			wake(e.wakePoll)
			continue
		}
		if !pauseOr(ctx, next, hints.ready) {
			return nil
		}
	}
}

// hints are rooms in whose calendars something may have changed, each once. They
// are the engine's Lookout.
type hints struct {
	mu       sync.Mutex
	due      map[meeting.Address]time.Time
	ready    chan struct{}
	tempo    *tempo
	observer Observer
}

// Watched implements Lookout.
func (h *hints) Watched(rooms []meeting.Address, on bool) {
	h.mu.Lock() // numbers are told in the order in which they come about
	defer h.mu.Unlock()
	h.observer.Watching(h.tempo.watch(rooms, on))
}

// Changed implements Lookout.
func (h *hints) Changed(room meeting.Address) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.due[room]; !ok {
		h.due[room] = later(time.Now().Add(gather), h.tempo.restless(room))
	}
	wake(h.ready)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// take returns the rooms whose hints have rested, and how long the next one has
// to.
func (h *hints) take() (rooms map[meeting.Address]bool, next time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	rooms, next = map[meeting.Address]bool{}, time.Minute
	for room, due := range h.due {
		if due.After(now) {
			next = min(next, due.Sub(now))
			continue
		}
		rooms[room] = true
		delete(h.due, room)
	}
	return rooms, next
}
