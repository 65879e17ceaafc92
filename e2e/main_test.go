package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/scenario"
	"ews/e2e/stage"
	"ews/simulator/exchangesim/schematest"
)

// atATime is how many tests run side by side: each is a few processes that
// mostly wait, so the number of processors says little.
const atATime = "5"

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(atATime)
	}
	if schematest.Schemas() == "" {
		fmt.Fprintln(os.Stderr, schematest.Unset)
	}
	code := m.Run()
	if err := stage.Clean(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

const (
	alice = "alice@example.com"
	bob   = "bob@example.com"
	room1 = "room-1@example.com"
	room2 = "room-2@example.com"
)

// patience is how long a test waits for what the product promises "in a few
// seconds", on a busy machine.
const patience = 20 * time.Second

// world is a stage with a configuration at work.
type world struct {
	*stage.Stage
	t   *testing.T
	day time.Time // a working day in the near future, at midnight UTC
}

// start puts a stage up. With UNFRIENDLY_SEED=n its servers are unfriendly.
func start(t *testing.T, o stage.Options) *stage.Stage {
	t.Helper()
	o = recorded(t, o)
	var seed uint64
	if text := os.Getenv("UNFRIENDLY_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "UNFRIENDLY_SEED")
		o.Simulator = append(scenario.UnfriendlyFlags(seed), o.Simulator...)
	}
	s, err := stage.Start(t.Context(), o)
	require.NoError(t, err)
	if seed != 0 {
		require.NoError(t, scenario.Unfriendly(t.Context(), s.Control, seed))
	}
	return s
}

// newWorld starts the whole product with the rooms of the first floor in Eliona.
func newWorld(t *testing.T, o stage.Options, change func(configuration map[string]any)) *world {
	t.Helper()
	o.Verbose = true
	s := start(t, o)
	w := &world{Stage: s, t: t, day: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2)}
	t.Cleanup(func() {
		if t.Failed() {
			w.show()
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing the stage: %v", err)
		}
	})
	require.NoError(t, s.StartApp(t.Context()))
	configuration := s.Configuration()
	if change != nil {
		change(configuration)
	}
	_, err := s.Configure(t.Context(), configuration)
	require.NoError(t, err)
	w.until("the rooms are assets", func() bool {
		return len(w.rooms("10")) >= 5
	})
	return w
}

// show prints what helps to understand a failure: both sides and the log.
func (w *world) show() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if bookings, err := w.Control.Bookings(ctx); err == nil {
		for _, b := range bookings {
			w.t.Logf("booking %+v", b)
		}
	}
	for _, mailbox := range []string{alice, bob, "eliona@example.com", room1, room2} {
		entries, err := w.Control.Calendar(ctx, mailbox)
		for _, e := range entries {
			w.t.Logf("%s: %+v %v", mailbox, e, err)
		}
	}
	raw, err := os.ReadFile(w.AppLog())
	if err != nil {
		w.t.Log(err)
		return
	}
	if len(raw) > 12000 {
		raw = raw[len(raw)-12000:]
	}
	w.t.Logf("the app's log:\n%s", raw)
}

// until waits for something to become true.
func (w *world) until(what string, yes func() bool) {
	w.t.Helper()
	require.NoError(w.t, stage.Until(w.t.Context(), patience, what, func() (bool, error) { return yes(), nil }))
}

// always checks that something stays true for a while.
func (w *world) always(d time.Duration, what string, yes func() bool) {
	w.t.Helper()
	err := stage.Until(w.t.Context(), d, "", func() (bool, error) {
		if !yes() {
			return false, fmt.Errorf("no longer true: %s", what)
		}
		return false, nil
	})
	require.ErrorContains(w.t, err, "did not happen within", "%s", what)
}

// settles waits until something has been true for a while without a break. What
// was read of a calendar just before somebody changed it may be acted on, and
// put right by the next look.
func (w *world) settles(d time.Duration, what string, yes func() bool) {
	w.t.Helper()
	since := time.Now()
	w.until(what+" for "+d.String(), func() bool {
		if !yes() {
			since = time.Now()
		}
		return time.Since(since) >= d
	})
}

func (w *world) at(hour int) time.Time { return w.day.Add(time.Duration(hour) * time.Hour) }

func (w *world) act(a stage.Action) stage.Made {
	w.t.Helper()
	made, err := w.Control.Act(w.t.Context(), a)
	require.NoError(w.t, err)
	return made
}

// rooms returns the assets of rooms in a project.
func (w *world) rooms(project string) []stage.Asset {
	w.t.Helper()
	all, err := w.Control.Assets(w.t.Context())
	require.NoError(w.t, err)
	var rooms []stage.Asset
	for _, a := range all {
		if a.Type == "ews_room" && a.Project == project {
			rooms = append(rooms, a)
		}
	}
	return rooms
}

func (w *world) asset(room string) int32 {
	w.t.Helper()
	for _, a := range w.rooms("10") {
		if a.GAI == "ews_room_"+room {
			return a.ID
		}
	}
	require.Fail(w.t, "no asset", room)
	return 0
}

func (w *world) bookings() []stage.Booking {
	w.t.Helper()
	all, err := w.Control.Bookings(w.t.Context())
	require.NoError(w.t, err)
	return all
}

// live returns the bookings that are not cancelled.
func (w *world) live() []stage.Booking {
	w.t.Helper()
	var live []stage.Booking
	for _, b := range w.bookings() {
		if !b.Cancelled {
			live = append(live, b)
		}
	}
	return live
}

func (w *world) booking(id int32) stage.Booking {
	w.t.Helper()
	for _, b := range w.bookings() {
		if b.ID == id {
			return b
		}
	}
	require.Fail(w.t, "no booking", "%d", id)
	return stage.Booking{}
}

// meetings returns what stands in a calendar and is not cancelled.
func (w *world) meetings(mailbox string) []stage.Entry {
	w.t.Helper()
	all, err := w.Control.Calendar(w.t.Context(), mailbox)
	require.NoError(w.t, err)
	var live []stage.Entry
	for _, e := range all {
		if !e.Cancelled {
			live = append(live, e)
		}
	}
	return live
}

// response is what the organizer's copy says of a room.
func response(e stage.Entry, room string) string {
	for _, r := range e.Rooms {
		if r.Address == room {
			return r.Response
		}
	}
	return ""
}

func ctx(t *testing.T) context.Context { return t.Context() }
