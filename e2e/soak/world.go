package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/e2e/stage"
)

const (
	domain  = "@example.com"
	service = "eliona" + domain
	// partner has a mailbox in which the app may do nothing.
	partner = "partner" + domain
)

// people have mailboxes; guests have none, and are booked for by the service
// user.
var (
	people = []string{"alice" + domain, "bob" + domain, "carol" + domain, "dave" + domain, "erin" + domain, "frank" + domain}
	guests = []string{"gina@elsewhere.net", "Greg from next door"}
	floors = [][]string{rooms(1, 6), rooms(7, 10)}
)

func rooms(from, to int) []string {
	var out []string
	for n := from; n <= to; n++ {
		out = append(out, fmt.Sprintf("room-%d%s", n, domain))
	}
	return out
}

// world is an installation with the people who use it.
type world struct {
	*stage.Stage
	options Options
	tally   *tally
	apps    []*stage.App
	dir     string // with logs

	mu      sync.Mutex // guards what follows
	book    *book
	history *history
	assets  map[string]int32 // by room
	dates   *almanac
}

// newWorld puts everything on its feet: two room lists with a configuration
// each, one with OAuth, the other with NTLM.
func newWorld(ctx context.Context, o Options) (w *world, err error) {
	w = &world{options: o, tally: newTally(), dir: o.Dir, book: newBook(), assets: map[string]int32{}}
	w.history = newHistory(w.book)
	w.dates = newAlmanac(dice(o.Seed, "dates"))
	seed := filepath.Join(o.Dir, "seed.json")
	if err := writeSeed(seed); err != nil {
		return w, err
	}
	w.Stage, err = stage.Start(ctx, stage.Options{
		Dir: o.Dir, Verbose: true, Binary: o.Binary, Simulator: []string{
			"-seed", seed, "-decision-delay", "300ms", "-latency", "10ms", "-random-seed", strconv.FormatUint(o.Seed, 10),
		},
	})
	if err != nil {
		return w, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if err := w.peculiarities(ctx); err != nil {
		return w, err
	}
	second, err := w.Replica(ctx, "app-2")
	if err != nil {
		return w, err
	}
	w.apps = []*stage.App{w.App(), second}
	if err := w.StartApp(ctx); err != nil {
		return w, err
	}
	return w, w.configure(ctx)
}

// peculiarities are the ways of the far side that differ between installations.
func (w *world) peculiarities(ctx context.Context) error {
	d := dice(w.options.Seed, "peculiarities")
	err := w.Control.Switch(ctx, map[string]any{"booking": map[string]any{
		"duplicatesPerAsset": d.IntN(2) == 0, "echoSuppression": d.IntN(2) == 0, "replayOnSubscribe": d.IntN(2) == 0,
		"responseOrder": pick(d, "as-sent", "shuffled"), "pushContent": pick(d, "full-group", "changed-only"),
		"pushIDKey": pick(d, "ID", "id"), "emptyList": pick(d, "null", "[]"), "extendedBooking": d.IntN(2) == 0,
		"notifyOrganizer": false, "delayMilliseconds": 5,
	}, "eliona": map[string]any{"bulkShuffled": true, "unknownFields": "everywhere"}})
	if err != nil {
		return err
	}
	for _, room := range flat(floors...) {
		err := w.Control.SetRoom(ctx, map[string]any{
			"room": room, "decisionDelayMilliseconds": d.IntN(1200), "keepCancelled": d.IntN(4) == 0, "changeIdOnAccept": d.IntN(2) == 0,
		})
		if err != nil {
			return err
		}
	}
	return w.Control.Do(ctx, http.MethodPut, "/clock", map[string]any{"aheadMilliseconds": 1000 * (d.IntN(181) - 90)}, nil)
}

func flat(floors ...[]string) []string {
	var out []string
	for _, f := range floors {
		out = append(out, f...)
	}
	return out
}

func (w *world) configure(ctx context.Context) error {
	for i, list := range []string{"first.floor", "second.floor"} {
		c := w.Configuration()
		c["roomListUPN"], c["horizonDays"], c["answerTimeout"] = list+domain, horizonDays, 20
		if i == 1 {
			delete(c, "clientId")
			delete(c, "clientSecret")
			delete(c, "tenantId")
			c["username"], c["password"] = service, "secret"
		}
		if _, err := w.Configure(ctx, c); err != nil {
			return err
		}
	}
	wanted := len(flat(floors...))
	return stage.Until(ctx, time.Minute, "the rooms are assets", func() (bool, error) {
		all, err := w.Control.Assets(ctx)
		for _, a := range all {
			if len(a.GAI) > len("ews_room_") && a.Type == "ews_room" {
				w.assets[a.GAI[len("ews_room_"):]] = a.ID
			}
		}
		return len(w.assets) == wanted, err
	})
}

func writeSeed(file string) error {
	type mailbox struct {
		Address  string `json:"address"`
		Name     string `json:"name"`
		Password string `json:"password,omitempty"`
	}
	var users, access []string
	boxes := []mailbox{{service, "Eliona Service", "secret"}, {partner, "Partner Corp", "secret"}}
	for _, p := range people {
		boxes = append(boxes, mailbox{p, name(p) + " Example", "secret"})
		users = append(users, p)
	}
	access = append(append(access, service), users...)
	var lists []map[string]any
	for i, list := range []string{"first.floor", "second.floor"} {
		var members []mailbox
		for _, room := range floors[i] {
			members = append(members, mailbox{Address: room, Name: "The " + name(room)})
			access = append(access, room)
		}
		lists = append(lists, map[string]any{"address": list + domain, "rooms": members})
	}
	raw, err := json.Marshal(map[string]any{
		"domain": domain[1:], "mailboxes": boxes, "roomLists": lists,
		"impersonation": []map[string]any{{"account": service, "mailboxes": access}, {"account": "client", "mailboxes": access}},
		"clients": []map[string]any{{
			"tenant": "11111111-2222-3333-4444-555555555555", "id": "client", "secret": "secret", "roles": []string{"full_access_as_app"},
		}},
	})
	if err != nil {
		return fmt.Errorf("encoding the seed: %w", err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return fmt.Errorf("writing the seed: %w", err)
	}
	return nil
}

// look brings the history up to date.
func (w *world) look(ctx context.Context) error {
	w.mu.Lock()
	after := w.history.seq()
	w.mu.Unlock()
	changes, err := w.Control.Ledger(ctx, after)
	if err != nil {
		return fmt.Errorf("reading the ledger: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(changes) > 0 && changes[0].Seq == w.history.seq()+1 {
		w.history.follow(changes)
	}
	return nil
}

// query asks the app's database for one value, beside what is tested.
func query[T any](ctx context.Context, w *world, sql string, args ...any) (T, error) {
	var v T
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, w.URL())
	if err != nil {
		return v, fmt.Errorf("asking the app's database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := conn.QueryRow(ctx, sql, args...).Scan(&v); err != nil {
		return v, fmt.Errorf("asking the app's database: %w", err)
	}
	return v, nil
}

// dice returns the source of chance for one purpose.
func dice(seed uint64, purpose string) *rand.Rand {
	var salt uint64 = 14695981039346656037
	for _, c := range []byte(purpose) {
		salt = (salt ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, salt))
}

func pick[T any](d *rand.Rand, from ...T) T { return from[d.IntN(len(from))] }

// rest waits, and reports false if ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
