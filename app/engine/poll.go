package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ews/app/meeting"
)

// polling reads the change feeds of rooms that are due, and the calendars of
// those that changed. Each room is read by one reader at a time; one that does
// not answer occupies its reader and nobody else.
func (e *Engine) polling(ctx context.Context) error {
	group, reading := errgroup.WithContext(ctx)
	readers := e.reading
	look := min(max(e.RefreshInterval/20, 500*time.Millisecond), time.Second)
	group.Go(func() error {
		for {
			if wait := e.tempo.pausedFor(); wait > 0 && !pause(reading, wait) {
				return nil
			}
			rooms, err := e.store.DueRooms(reading, 4*e.Readers+readers.count())
			if err != nil && fatal(reading, err) {
				return err
			}
			if err != nil {
				e.log.WarnContext(reading, "due rooms not read", "error", err)
			}
			begun := false
			for _, room := range rooms {
				// What a room shows that came back is nothing to plan with before
				// that is known here, too.
				if e.room(room.ID).Retired || !readers.begin(reading, room.ID) {
					continue
				}
				begun = true
				group.Go(func() error {
					defer readers.end(room.ID)
					return e.pollOrReport(reading, room)
				})
			}
			if !begun && !pauseOr(reading, look, e.wakePoll) {
				return nil
			}
		}
	})
	return group.Wait()
}

// readers are the rooms being read.
type readers struct {
	free chan struct{} // holds one entry per reader at work
	mu   sync.Mutex
	busy map[meeting.RoomID]bool
	read map[meeting.RoomID]time.Time // when they were read last

	untold map[meeting.RoomID][]string // what the last read showed that no poll had told of
}

func newReaders(n int) *readers {
	return &readers{
		free: make(chan struct{}, n), busy: map[meeting.RoomID]bool{}, read: map[meeting.RoomID]time.Time{},
		untold: map[meeting.RoomID][]string{},
	}
}

// begin takes a reader for a room, waiting for a free one. It is false for a
// room that is being read already, and when ctx ended.
func (r *readers) begin(ctx context.Context, room meeting.RoomID) bool {
	if r.has(room) {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case r.free <- struct{}{}:
	}
	r.mu.Lock()
	r.busy[room] = true
	r.mu.Unlock()
	return true
}

func (r *readers) end(room meeting.RoomID) {
	r.mu.Lock()
	delete(r.busy, room)
	r.mu.Unlock()
	<-r.free
}

func (r *readers) done(room meeting.RoomID, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read[room] = now
}

// since tells whether the room was read after t, or may have been: by the
// process before this one.
func (r *readers) since(room meeting.RoomID, t time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	read, ok := r.read[room]
	return !ok || read.After(t)
}

func (r *readers) has(room meeting.RoomID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy[room]
}

func (r *readers) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.busy)
}

// pollOrReport isolates a room's failure: only losing the ownership of the
// configuration concerns the others.
func (e *Engine) pollOrReport(ctx context.Context, room DueRoom) error {
	err := e.poll(ctx, room)
	if err == nil {
		e.report(ctx, "exchange", nil)
		return nil
	}
	if fatal(ctx, err) {
		return err
	}
	if errors.Is(err, ErrClaimLost) {
		return nil // somebody else moved the feed on
	}
	failure := classOf(err)
	e.report(ctx, "exchange", failure)
	if failure.Class == Throttled {
		return e.postpone(ctx, room, failure)
	}
	e.log.WarnContext(ctx, "room not polled", "room", room.Address, "code", failure.Code, "error", err)
	if err := e.store.RoomFailed(ctx, room.ID, failure.Code, e.retryAt(failure, room.Fails)); err != nil {
		if fatal(ctx, err) {
			return err
		}
		e.log.WarnContext(ctx, "room's failure not stored", "room", room.Address, "error", err)
		if !pause(ctx, time.Second) {
			return nil
		}
	}
	return nil
}

// postpone lets polling rest as long as the calendar asks for. That is no failure
// of the room, which stays due.
func (e *Engine) postpone(ctx context.Context, room DueRoom, failure *Error) error {
	wait := max(failure.Pause, time.Second)
	if e.tempo.pause(wait) {
		e.log.WarnContext(ctx, "Exchange asks for a pause, rooms are polled later", "code", failure.Code, "wait", wait)
	}
	err := e.store.PollRooms(ctx, []meeting.RoomID{room.ID})
	if err != nil && fatal(ctx, err) {
		return err
	}
	return nil
}

func (e *Engine) poll(ctx context.Context, room DueRoom) error {
	baseline, changed := room.Token == "", false
	var told []meeting.ItemID
	if room.Near {
		e.tempo.stir(e.RefreshInterval, room.ID)
	}
	ctx = withUrgency(ctx, ForChange)
	if baseline {
		ctx = withUrgency(ctx, ForRecords)
	}
	for {
		delta, err := e.calendar.Changes(ctx, room.Address, room.Token)
		if err != nil && classOf(err).Class == InvalidToken && !baseline {
			// The feed starts anew. That deletes nothing: the full read that
			// follows compares with what is known.
			e.log.InfoContext(ctx, "change feed starts anew", "room", room.Address)
			baseline, room.Token = true, ""
			continue
		}
		if err != nil {
			return err
		}
		told = append(told, delta.Told...)
		if delta.Changed && !baseline {
			changed = true
			e.tempo.stir(changedFor, room.ID)
		}
		next := e.now().Add(e.tempo.next(room.ID, room.Address, len(*e.rooms.Load())))
		if room, err = e.store.SaveDelta(ctx, room, delta, baseline, next); err != nil {
			return err
		}
		baseline = false
		if !delta.More {
			break
		}
	}
	if !room.Read {
		return nil
	}
	if !changed {
		ctx = withUrgency(ctx, ForRecords)
	}
	return e.read(ctx, room, told)
}

// read compares a room's whole calendar with what is known of it. Its
// position in the change feed was stored before, so a change during the read
// leads to another one.
func (e *Engine) read(ctx context.Context, room DueRoom, told []meeting.ItemID) error {
	since, err := e.store.Tick(ctx)
	if err != nil {
		return err
	}
	known, err := e.store.Known(ctx, room.ID)
	if err != nil {
		return err
	}
	span := e.window()
	sightings, err := e.calendar.Window(ctx, room.Address, span, known)
	if err != nil {
		return err
	}
	e.reading.done(room.ID, e.now())
	fresh := untold(sightings, known, told)
	result, err := e.store.SaveWindow(ctx, WindowRead{
		Room: room, Since: since, Span: span, Sightings: sightings,
		Ahead: e.reading.ahead(room.ID, fresh), Confirmed: room.Guarded, NextAudit: e.now().Add(jitter(24 * time.Hour)),
	})
	if err != nil {
		return err
	}
	if result.Suspected > 0 {
		e.log.WarnContext(ctx, "many entries vanished at once: looking again before believing it",
			"room", room.Address, "entries", result.Suspected)
		return nil
	}
	e.reading.showed(room.ID, fresh)
	if result.Changed > 0 {
		e.log.DebugContext(ctx, "calendar read", "room", room.Address, "changed", result.Changed)
		wake(e.wakeWork)
	}
	return nil
}

// untold returns what a read shows that the change feed has not told of, as it
// came after the poll: items, and UIDs of series. Should such a thing be gone before
// the next poll, that tells nothing of it, neither that it came nor that it went. Of a
// series the feed tells the master, a read the dates: as many may be new as were told
// and are not shown themselves.
func untold(sightings []meeting.Sighting, known map[meeting.ItemID]Known, told []meeting.ItemID) []string {
	var items []string
	masters, series := map[meeting.ItemID]bool{}, map[meeting.UID]bool{}
	for _, id := range told {
		masters[id] = true
	}
	for _, s := range sightings {
		_, seen := known[s.Item]
		announced := masters[s.Item]
		delete(masters, s.Item)
		switch {
		case seen || announced:
		case s.Key == "":
			items = append(items, string(s.Item))
		default:
			series[s.UID] = true
		}
	}
	for _, k := range known {
		delete(series, k.UID)
	}
	if len(series) > len(masters) {
		for uid := range series {
			items = append(items, string(uid))
		}
	}
	return items
}

// ahead tells whether a read has to be repeated with the next poll: it shows what
// was not told, and the one before did not. What is shown, but counts for nothing, is
// not looked at for ever.
func (r *readers) ahead(room meeting.RoomID, untold []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(untold, func(item string) bool { return !slices.Contains(r.untold[room], item) })
}

// showed notes what a read that was stored showed.
func (r *readers) showed(room meeting.RoomID, untold []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.untold, room)
	if len(untold) > 0 {
		r.untold[room] = untold
	}
}
