package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"ews/e2e/stage"
)

// configuration is what the app tells of a configuration.
type configuration struct {
	ID         int64  `json:"id"`
	Active     bool   `json:"active"`
	StatusText string `json:"statusText"`
}

func configurations(ctx context.Context, s *stage.Stage) ([]configuration, error) {
	var out []configuration
	err := s.Call(ctx, http.MethodGet, "/configs", nil, &out)
	return out, err
}

// watchEvery is the time between two looks at both sides.
const watchEvery = 200 * time.Millisecond

// watcher looks at both sides again and again for the page.
type watcher struct {
	control *stage.Control
	configs func(ctx context.Context) ([]configuration, error)
	left    func(now time.Time) (cut, start int64) // nil: nothing goes wrong
	day     string
	page    string

	mu      sync.Mutex
	board   board
	journal journal
	flow    flow
	told    int // notifications that are noted already
}

func newWatcher(s *stage.Stage, day time.Time) *watcher {
	return &watcher{
		control: s.Control, day: day.Format(time.DateOnly), page: s.API + "/status",
		configs: func(ctx context.Context) ([]configuration, error) { return configurations(ctx, s) },
	}
}

// snapshot returns both sides as they were last seen.
func (w *watcher) snapshot() board {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.board
}

// run looks until ctx ends.
func (w *watcher) run(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		seen, err := w.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			w.take(seen)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sight is one look at everything.
type sight struct {
	board   board
	notices []stage.Notification
	changes []stage.Change
}

// look asks the simulators and the app. Both sides are read at once, so that
// neither seems slower than the other.
func (w *watcher) look(ctx context.Context) (sight, error) {
	var s sight
	var rooms map[string][]stage.Room
	var assets []stage.Asset
	var bookings []stage.Booking
	var stats map[string]map[string]stage.Count
	calendars := make([][]stage.Entry, len(mailboxes()))
	asks := []func() error{
		func() (err error) { rooms, err = w.control.Rooms(ctx); return },
		func() (err error) { assets, err = w.control.Assets(ctx); return },
		func() (err error) { bookings, err = w.control.Bookings(ctx); return },
		func() (err error) { s.changes, err = w.control.Ledger(ctx, w.flow.last); return }, // only look touches it
		func() (err error) { stats, err = w.control.Stats(ctx); return },
		func() (err error) { s.notices, err = w.control.Notifications(ctx); return },
		func() error {
			configs, err := w.configs(ctx)
			s.board.App, s.board.Status = err == nil, statusOf(configs, err)
			return nil
		},
	}
	for i, person := range mailboxes() {
		asks = append(asks, func() (err error) { calendars[i], err = w.control.Calendar(ctx, person); return })
	}
	errs := make([]error, len(asks))
	var all sync.WaitGroup
	for i, ask := range asks {
		all.Go(func() { errs[i] = ask() })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return s, err
	}
	s.board.Now, s.board.Day, s.board.Page = time.Now(), w.day, w.page
	s.board.Counts = traffic{Exchange: requests(stats["exchange"]), Booking: requests(stats["booking"]), Eliona: requests(stats["eliona"])}
	if w.left != nil {
		s.board.Cut, s.board.Starts = w.left(s.board.Now)
	}
	s.board.Rooms = roomPlaces(rooms[roomList], assets)
	for _, person := range []string{alice, bob, carol, admin} {
		s.board.People = append(s.board.People, place{Address: person, Name: title(person)})
	}
	for i, person := range mailboxes() {
		s.board.Entries = append(s.board.Entries, outlookEntries(person, calendars[i])...)
	}
	s.board.Entries = append(s.board.Entries, elionaEntries(bookings, assetRooms(assets))...)
	for i := range s.board.Entries {
		s.board.Entries[i].Pair = s.board.Entries[i].where()
	}
	return s, nil
}

func requests(operations map[string]stage.Count) (n int64) {
	for _, c := range operations {
		n += c.Requests
	}
	return n
}

func statusOf(configs []configuration, err error) string {
	switch {
	case err != nil:
		return "the app is not running"
	case len(configs) == 0:
		return "no configuration yet"
	}
	i := slices.IndexFunc(configs, func(c configuration) bool { return c.StatusText != "" })
	switch {
	case i >= 0:
		return configs[i].StatusText
	case !configs[0].Active:
		return "the configuration is not active"
	}
	return "all is well"
}

// take remembers a look and notes what has changed since the last one.
func (w *watcher) take(s sight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range s.notices[min(w.told, len(s.notices)):] {
		w.journal.note(occurrence{Time: s.board.Now, Side: "notice", Text: title(n.Email) + " is told: " + n.Message["en"]})
	}
	w.told = len(s.notices)
	if s.board.App != w.board.App && !w.board.Now.IsZero() {
		text := "The app does not run any more"
		if s.board.App {
			text = "The app runs again"
		}
		w.journal.note(occurrence{Time: s.board.Now, Side: "app", Text: text})
	}
	s.board.Entries = withGone(s.board.Entries, w.board.Entries)
	w.journal.observe(s.board.Now, s.board.Entries)
	s.board.Events = w.journal.newest()
	s.board.Same, s.board.Differ = agreement(s.board.Entries)
	w.flow.take(s.changes)
	s.board.Flow = w.flow.newest()
	w.board = s.board
}
