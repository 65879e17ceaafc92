// Package engine keeps the meetings of one configuration the same in Exchange
// and in Eliona.
//
// Everything that arrives, from either side, is stored as an observation and
// marks the meeting it concerns as due; nothing is decided on the way in.
// Workers claim due meetings one at a time, ask the planner what has to
// happen, do the first of it, store the proven result, and ask again until
// nothing is left. So a lost, repeated or late message changes nothing but
// time, and a crash at any point repeats work that is harmless to repeat:
//
//   - An effect is recorded before it is sent (Store.Begin). If its end stays
//     unknown it is looked for by its reference before anything else happens
//     to the meeting (resolve.go).
//   - A position in a change feed is stored only with what it covered.
//   - A read that began before a later write of ours is recognised by the
//     logical clock and repeated.
//
// The engine knows no network, no database and no configuration file: it talks
// to the ports in ports.go.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ews/app/meeting"
	"ews/app/plan"
)

// Settings are the choices of one configuration.
type Settings struct {
	Config          meeting.ConfigID
	Installation    string        // identity of this installation, part of every reference
	RefreshInterval time.Duration // between polls of a room, and between discoveries
	Horizon         time.Duration // how far ahead rooms are synchronised
	Policy          plan.Policy
	Projects        []string
	Discover        bool                // false: the rooms stay as they are
	Wanted          func(RoomInfo) bool // asset filter; nil: all
	NotifyUsers     bool
	Stream          bool          // let the calendar tell of changes, if it can
	Requests        int           // to the calendar per minute that are granted; 0: any number
	GiveUpAfter     time.Duration // how long a booking may fail to reach Exchange; 0 means 10 minutes
	Workers         int           // meetings worked on at once; 0 means 12
	Writes          int           // requests at once that write bookings; 0 means 8
	Readers         int           // rooms polled at once; 0 means 16
	Grace           time.Duration // for work under way when stopped; 0 means 7 seconds
}

// Engine runs one configuration. Create it with New and call Run once.
type Engine struct {
	Settings
	calendar Calendar
	bookings Bookings
	assets   Assets
	store    Store
	watch    Observer
	log      *slog.Logger
	now      func() time.Time

	rooms     atomic.Pointer[map[meeting.RoomID]meeting.Room]
	roomOf    atomic.Pointer[assetIndex]
	renewal   atomic.Pointer[chan struct{}] // closed once the rooms are known again; nil if they are
	wakeWork  chan struct{}
	wakePoll  chan struct{}
	wakeWatch chan struct{}
	wakeRooms chan struct{}
	reading   *readers
	tempo     *tempo
	watched   chan []meeting.AssetID
	inbox     *inbox

	health  chan struct{}        // holds one token while these are in use:
	broken  map[string]bool      // codes told to the administrator
	worked  map[string]bool      // sides that answered in this run
	failing map[string]time.Time // sides that do not, and since when

	doubt    bool // the last reconciliation was suspicious
	relisted bool // the room list may have changed since bookings were compared because of that

	handover atomic.Bool  // rooms are about to be taken over from another configuration
	connects atomic.Int64 // to the Booking app: a look that began before one may have missed what happened until then
	compared atomic.Bool  // the lists of bookings were read in this run
	held     sync.Once    // warns of meetings that are held back

	writing    chan struct{}           // holds one token for each request that writes bookings
	importing  chan struct{}           // and this for each of an import
	imports    atomic.Int32            // meetings of an import that are worked on
	imported   chan struct{}           // tells that one of them is done
	linking    atomic.Pointer[linking] // nil once all bookings are known
	linkedUpTo atomic.Int64            // the highest number of a booking that was ever listed while they were linked
	wakeLink   chan struct{}
}

// Ports are what the engine works with.
type Ports struct {
	Calendar Calendar
	Bookings Bookings
	Assets   Assets
	Store    Store
	Observer Observer         // nil: nobody
	Log      *slog.Logger     // names the configuration
	Now      func() time.Time // nil means the system clock
}

// New returns an engine that is ready to run.
func New(s Settings, p Ports) *Engine {
	if s.GiveUpAfter == 0 {
		s.GiveUpAfter = 10 * time.Minute
	}
	if s.Workers == 0 {
		s.Workers = 16
	}
	if s.Writes == 0 {
		s.Writes = 10
	}
	if s.Readers == 0 {
		s.Readers = 16
	}
	if s.Grace == 0 {
		s.Grace = 7 * time.Second
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Observer == nil {
		p.Observer = unobserved{}
	}
	e := &Engine{
		Settings: s, calendar: p.Calendar, bookings: p.Bookings, assets: p.Assets, store: p.Store,
		watch: p.Observer, log: p.Log, now: p.Now,
		wakeWork: make(chan struct{}, 1), wakePoll: make(chan struct{}, 1),
		wakeWatch: make(chan struct{}, 1), wakeRooms: make(chan struct{}, 1), wakeLink: make(chan struct{}, 1), reading: newReaders(s.Readers), tempo: newTempo(s),
		watched: make(chan []meeting.AssetID, 1), inbox: newInbox(),
		writing: make(chan struct{}, s.Writes), importing: make(chan struct{}, s.Writes-s.Writes/reserved), imported: make(chan struct{}, 1),
		health: make(chan struct{}, 1), broken: map[string]bool{}, worked: map[string]bool{}, failing: map[string]time.Time{},
	}
	e.rooms.Store(&map[meeting.RoomID]meeting.Room{})
	return e
}

// Run works until ctx ends, which is no error, or until this process no longer
// owns the configuration. When it returns, nothing of it runs any more.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.retryStore(ctx, e.beginLinking); err != nil && ctx.Err() == nil {
		return fmt.Errorf("reading whether bookings are known: %w", err)
	}
	// A meeting planned without knowing its rooms would seem to need nothing.
	if err := e.retryStore(ctx, e.loadRooms); err != nil && ctx.Err() == nil {
		return fmt.Errorf("reading the rooms: %w", err)
	}
	group, running := errgroup.WithContext(ctx)
	for _, loop := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"discovery", e.discovery},
		{"polling", e.polling},
		{"watching", e.watching},
		{"working", e.working},
		{"listening", e.listening},
		{"observing", e.observing},
		{"reconciling", e.reconciling},
		{"linking", e.linkingLeft},
	} {
		group.Go(func() error {
			if err := loop.run(running); err != nil && running.Err() == nil {
				return fmt.Errorf("%s: %w", loop.name, err)
			}
			return nil
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // being stopped is how Run ends
	}
	return err
}

// fatal tells whether the engine has to stop: it is being stopped, or it no
// longer owns the configuration.
func fatal(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, ErrFenced)
}

// pause waits, and reports false if ctx ended first.
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

// pauseOr waits until d has passed or something wakes it, and reports false if
// ctx ended first.
func pauseOr(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // already awake
	}
}

// LookAtRooms has the rooms looked at soon: configurations were changed, and a
// room may belong to another one now.
func (e *Engine) LookAtRooms() { wake(e.wakeRooms) }

// awake tells whether c was woken.
func awake(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// loadRooms renews what the engine knows of rooms and their assets, and tells
// the listener which assets to watch. Rooms that another configuration worked on
// come with what that knew, and not before it is done with them.
func (e *Engine) loadRooms(ctx context.Context) error {
	taken, waiting, err := e.store.Inherit(ctx)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		e.log.InfoContext(ctx, "rooms taken over from another configuration", "rooms", len(taken))
	}
	e.handover.Store(len(waiting) > 0)
	rooms, err := e.store.Rooms(ctx)
	if err != nil {
		return err
	}
	for _, id := range waiting {
		room := rooms[id]
		room.Retired, room.Assets = true, nil // as long as it is another one's
		rooms[id] = room
	}
	if maps.EqualFunc(*e.rooms.Load(), rooms, sameRoom) {
		return nil
	}
	e.linkGained(*e.rooms.Load(), rooms)
	e.rooms.Store(&rooms)
	wake(e.wakePoll)
	wake(e.wakeWatch)
	var assets []meeting.AssetID
	for _, room := range rooms {
		if !room.Retired {
			assets = append(assets, room.Assets...)
		}
	}
	select {
	case <-e.watched: // replace what was not taken yet
	default:
	}
	e.watched <- assets
	return nil
}

func sameRoom(a, b meeting.Room) bool {
	return a.Address == b.Address && a.Name == b.Name && a.Retired == b.Retired && slices.Equal(a.Assets, b.Assets)
}

func (e *Engine) room(id meeting.RoomID) meeting.Room { return (*e.rooms.Load())[id] }

func (e *Engine) roomList(ids []meeting.RoomID) []meeting.Room {
	out := make([]meeting.Room, 0, len(ids))
	for _, id := range ids {
		out = append(out, e.room(id))
	}
	return out
}

// window is the span in which calendars are kept the same.
func (e *Engine) window() meeting.Span {
	now := e.now()
	return meeting.SpanOf(now.Add(-24*time.Hour), now.Add(e.Horizon))
}
