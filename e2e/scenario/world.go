package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ews/e2e/stage"
)

// World is a stage for several scenarios, each with people and rooms of its
// own.
type World struct {
	*stage.Stage
	unfriendly bool
	suffixes   map[*Scenario]string
	switches   map[string]any // as they were at the start
	watch      *watch
	stop       context.CancelFunc
}

// Options choose how a world is.
type Options struct {
	Dir        string // for the seed file
	Binary     string // of the app; empty builds it
	Unfriendly bool   // things go wrong by accident
	Seed       uint64 // of accidents
	Records    string // folder for every request to Exchange and its answer; empty: none
}

const (
	domain    = "example.com"
	serviceBy = "eliona@" + domain
	list      = "first.floor@" + domain
	maxRooms  = 50 // of a stage: with more, the app would have to hurry
)

// NewWorld puts a stage up for these scenarios, with the app at work.
func NewWorld(ctx context.Context, scenarios []*Scenario, o Options) (w *World, err error) {
	w = &World{unfriendly: o.Unfriendly, suffixes: map[*Scenario]string{}}
	seed := seedFor(w, scenarios)
	raw, err := json.Marshal(seed)
	if err != nil {
		return w, fmt.Errorf("encoding the seed: %w", err)
	}
	file := filepath.Join(o.Dir, "seed.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return w, fmt.Errorf("writing the seed: %w", err)
	}
	flags := []string{"-seed", file, "-decision-delay", "300ms"}
	if o.Records != "" {
		flags = append(flags, "-record", o.Records)
	}
	if o.Unfriendly {
		flags = append(flags, UnfriendlyFlags(o.Seed)...)
	}
	if w.Stage, err = stage.Start(ctx, stage.Options{Simulator: flags, Binary: o.Binary, Verbose: true}); err != nil {
		return w, err
	}
	defer func() {
		if err != nil {
			_ = w.Close()
		}
	}()
	if o.Unfriendly {
		if err := w.accidents(ctx, scenarios, o.Seed); err != nil {
			return w, err
		}
	}
	if err := w.Control.Do(ctx, http.MethodGet, "/switches", nil, &w.switches); err != nil {
		return w, err
	}
	if err := w.StartApp(ctx); err != nil {
		raw, _ := os.ReadFile(w.AppLog())
		return w, fmt.Errorf("%w\n%s", err, raw)
	}
	configuration := w.Configuration()
	configuration["horizonDays"] = 730
	id, err := w.Configure(ctx, configuration)
	if err != nil {
		return w, err
	}
	wanted := len(seed.RoomLists[0].Rooms)
	err = stage.Until(ctx, time.Minute, fmt.Sprintf("%d rooms are assets", wanted), func() (bool, error) {
		assets, err := w.assets(ctx)
		return len(assets) >= wanted, err
	})
	if err == nil {
		err = w.heard(ctx, id)
	}
	if err != nil {
		return w, err
	}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.watch, w.stop = newWatch(w.Control), cancel
	go w.watch.run(watching)
	return w, nil
}

// heard waits until the app hears of bookings.
func (w *World) heard(ctx context.Context, configuration int64) error {
	return stage.Until(ctx, time.Minute, "the app hears of bookings", func() (bool, error) {
		var status struct {
			From struct {
				Connected bool `json:"connected"`
			} `json:"fromBookings"`
		}
		err := w.Call(ctx, http.MethodGet, fmt.Sprintf("/configs/%d/status", configuration), nil, &status)
		return status.From.Connected, err
	})
}

// Close takes the stage down.
func (w *World) Close() error {
	if w.stop != nil {
		w.stop()
		<-w.watch.done
	}
	if w.Stage == nil {
		return nil
	}
	return w.Stage.Close()
}

type (
	seedMailbox struct {
		Address  string `json:"address"`
		Name     string `json:"name"`
		Password string `json:"password,omitempty"`
	}
	seedList struct {
		Address string        `json:"address"`
		Rooms   []seedMailbox `json:"rooms"`
	}
	seedFile struct {
		Domain        string           `json:"domain"`
		Mailboxes     []seedMailbox    `json:"mailboxes"`
		RoomLists     []seedList       `json:"roomLists"`
		Impersonation []map[string]any `json:"impersonation"`
		Clients       []map[string]any `json:"clients"`
	}
)

func seedFor(w *World, scenarios []*Scenario) seedFile {
	seed := seedFile{
		Domain:        domain,
		Mailboxes:     []seedMailbox{{Address: serviceBy, Name: "Eliona Service", Password: "secret"}},
		RoomLists:     []seedList{{Address: list}},
		Impersonation: []map[string]any{{"account": serviceBy}, {"account": "client"}},
		Clients: []map[string]any{{
			"tenant": "11111111-2222-3333-4444-555555555555", "id": "client", "secret": "secret", "roles": []string{"full_access_as_app"},
		}},
	}
	for i, s := range scenarios {
		w.suffixes[s] = fmt.Sprintf(".s%d", i+1)
		for _, name := range s.People {
			if name == service {
				continue
			}
			seed.Mailboxes = append(seed.Mailboxes, seedMailbox{w.address(s, name), strings.ToUpper(name[:1]) + name[1:] + " " + w.suffixes[s][1:], "secret"})
		}
		rooms := &seed.RoomLists[0].Rooms
		for _, name := range s.Rooms {
			if !slices.Contains(s.Late, name) {
				*rooms = append(*rooms, seedMailbox{Address: w.address(s, name), Name: name + " " + w.suffixes[s][1:]})
			}
		}
	}
	return seed
}

// Share divides scenarios among worlds, so that none has too many rooms.
func Share(scenarios []*Scenario) [][]*Scenario {
	var worlds [][]*Scenario
	rooms := maxRooms
	for _, s := range scenarios {
		if rooms+len(s.Rooms) > maxRooms {
			worlds, rooms = append(worlds, nil), 0
		}
		rooms += len(s.Rooms)
		worlds[len(worlds)-1] = append(worlds[len(worlds)-1], s)
	}
	return worlds
}

// address is the address of somebody in a scenario.
func (w *World) address(s *Scenario, name string) string {
	switch {
	case name == service:
		return serviceBy
	case name == nobody:
		return ""
	case strings.Contains(name, "@"):
		return name
	}
	return name + w.suffixes[s] + "@" + domain
}

// assets are the assets of rooms, by the address of the room.
func (w *World) assets(ctx context.Context) (map[string]int32, error) {
	all, err := w.Control.Assets(ctx)
	assets := map[string]int32{}
	for _, a := range all {
		if room, ok := strings.CutPrefix(a.GAI, "ews_room_"); ok {
			assets[room] = a.ID
		}
	}
	return assets, err
}

// calm undoes what a scenario may have left: it stops the faults it made,
// restores the switches, and starts the app.
func (w *World) calm(ctx context.Context, faults []string) error {
	for _, id := range faults {
		if err := w.Control.Do(ctx, http.MethodDelete, "/faults/"+id, nil, nil); err != nil {
			return err
		}
	}
	if err := w.Control.Switch(ctx, w.switches); err != nil {
		return err
	}
	if _, ended := w.ExitCode(); ended {
		return w.StartApp(ctx)
	}
	return nil
}

// watch looks at all bookings again and again, for all scenarios at once.
type watch struct {
	control *stage.Control
	done    chan struct{}

	mu     sync.Mutex
	began  time.Time // of the latest look
	seen   []stage.Booking
	err    error
	fresh  chan struct{} // closed at the next look
	double map[int32]string
}

// lookEvery is the least time between two looks at something.
const lookEvery = 100 * time.Millisecond

func newWatch(control *stage.Control) *watch {
	return &watch{control: control, done: make(chan struct{}), fresh: make(chan struct{}), double: map[int32]string{}}
}

func (w *watch) run(ctx context.Context) {
	defer close(w.done)
	for ctx.Err() == nil {
		began := time.Now()
		seen, err := w.control.Bookings(ctx)
		w.mu.Lock()
		w.began, w.seen, w.err = began, seen, err
		w.findDoubles()
		close(w.fresh)
		w.fresh = make(chan struct{})
		w.mu.Unlock()
		rest(ctx, max(lookEvery, 3*time.Since(began)))
	}
}

// findDoubles notes live bookings of one room that nobody but this app can
// have made twice: same time and same organizer.
func (w *watch) findDoubles() {
	type slot struct {
		asset      int32
		who        string
		start, end int64
	}
	held := map[slot]int32{}
	for _, b := range w.seen {
		if b.Cancelled {
			continue
		}
		for _, asset := range b.AssetIDs {
			s := slot{asset, b.Organizer, b.Start.Unix(), b.End.Unix()}
			if other, ok := held[s]; ok && w.double[asset] == "" {
				w.double[asset] = fmt.Sprintf("the bookings %d and %d were the same at %s", other, b.ID, time.Now().Format(time.TimeOnly))
			}
			held[s] = b.ID
		}
	}
}

// bookings are those of a look that began after the call.
func (w *watch) bookings(ctx context.Context) ([]stage.Booking, error) {
	called := time.Now()
	for {
		w.mu.Lock()
		began, seen, err, fresh := w.began, w.seen, w.err, w.fresh
		w.mu.Unlock()
		if began.After(called) {
			return seen, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.done:
			return nil, context.Canceled
		case <-fresh:
		}
	}
}

// doubles tells what was seen twice of these assets.
func (w *watch) doubles(assets map[string]int32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, room := range slices.Sorted(maps.Keys(assets)) {
		if text := w.double[assets[room]]; text != "" {
			return fmt.Errorf("%s: %s", room, text)
		}
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
