package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/db/dbtest"
	"ews/db/store"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// office is a database with one configuration and a term that leads it.
type office struct {
	t      testing.TB
	url    string
	db     *store.DB
	config meeting.ConfigID
	term   *store.Term
	clock  *clock
}

// clock stands still unless it is set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{t: t, url: dbtest.New(t), clock: &clock{now: time.Now().UTC().Truncate(time.Second)}}
	o.db = o.open(o.url)
	o.config = o.configuration()
	o.term = o.lead(o.db)
	return o
}

func (o *office) open(url string) *store.DB {
	o.t.Helper()
	db, err := store.Open(o.t.Context(), store.Options{URL: url, Now: o.clock.Now})
	require.NoError(o.t, err)
	o.t.Cleanup(db.Close)
	return db
}

func (o *office) configuration() meeting.ConfigID {
	o.t.Helper()
	return value[meeting.ConfigID](o, `insert into ews.configuration default values returning id`)
}

func (o *office) lead(db *store.DB) *store.Term {
	o.t.Helper()
	term, err := db.Lead(o.t.Context(), o.config)
	require.NoError(o.t, err)
	o.closeAfter(term)
	return term
}

func (o *office) closeAfter(term *store.Term) {
	o.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(o.t.Context()), 5*time.Second)
		defer cancel()
		require.NoError(o.t, term.Close(ctx))
	})
}

// usurp lets another process take the configuration over while this one does
// not know yet: its term goes stale.
func (o *office) usurp() *store.Term {
	o.t.Helper()
	require.NoError(o.t, o.term.Close(o.t.Context()))
	return o.lead(o.open(o.url))
}

func (o *office) exec(sql string, args ...any) {
	o.t.Helper()
	_, err := o.db.Pool().Exec(o.t.Context(), sql, args...)
	require.NoError(o.t, err)
}

// value reads one value, beside what is tested.
func value[T any](o *office, sql string, args ...any) T {
	o.t.Helper()
	rows, err := o.db.Pool().Query(o.t.Context(), sql, args...)
	require.NoError(o.t, err)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(o.t, err)
	return v
}

// hour is that hour of tomorrow, and lasts one.
func (o *office) hour(n int) meeting.Span {
	start := o.clock.Now().Truncate(time.Hour).Add(time.Duration(24+n) * time.Hour)
	return meeting.Span{Start: start, End: start.Add(time.Hour)}
}

func (o *office) tick() meeting.Tick {
	o.t.Helper()
	tick, err := o.term.Tick(o.t.Context())
	require.NoError(o.t, err)
	return tick
}

// list stores a room list and returns the rooms by address.
func (o *office) list(addresses ...meeting.Address) map[meeting.Address]meeting.Room {
	o.t.Helper()
	infos := make([]engine.RoomInfo, len(addresses))
	for i, a := range addresses {
		infos[i] = engine.RoomInfo{Address: a, Name: "Room " + string(a)}
	}
	_, err := o.term.SyncRooms(o.t.Context(), infos)
	require.NoError(o.t, err)
	return o.rooms()
}

func (o *office) rooms() map[meeting.Address]meeting.Room {
	o.t.Helper()
	rooms, err := o.term.Rooms(o.t.Context())
	require.NoError(o.t, err)
	byAddress := map[meeting.Address]meeting.Room{}
	for _, room := range rooms {
		byAddress[room.Address] = room
	}
	return byAddress
}

// room lists one room more, with an asset.
func (o *office) room(address meeting.Address, asset meeting.AssetID) meeting.RoomID {
	o.t.Helper()
	all := []meeting.Address{address}
	for known := range o.rooms() {
		all = append(all, known)
	}
	id := o.list(all...)[address].ID
	require.NoError(o.t, o.term.SaveAssets(o.t.Context(), []engine.Asset{
		{Project: "1", GAI: string(address), Room: address, ID: asset},
	}))
	return id
}

// due returns the room as it is now, whenever its poll is due.
func (o *office) due(room meeting.RoomID) engine.DueRoom {
	o.t.Helper()
	o.exec(`update ews.room set poll_at = now() where id = $1`, room)
	rooms, err := o.term.DueRooms(o.t.Context(), 1000)
	require.NoError(o.t, err)
	for _, r := range rooms {
		if r.ID == room {
			return r
		}
	}
	require.Fail(o.t, "the room is not due")
	return engine.DueRoom{}
}

func (o *office) isDue(room meeting.RoomID) bool {
	o.t.Helper()
	rooms, err := o.term.DueRooms(o.t.Context(), 1000)
	require.NoError(o.t, err)
	for _, r := range rooms {
		if r.ID == room {
			return true
		}
	}
	return false
}

// window is a read of the room's calendar that begins now.
func (o *office) window(room meeting.RoomID, sightings ...meeting.Sighting) engine.WindowRead {
	o.t.Helper()
	now := o.clock.Now()
	return engine.WindowRead{
		Room: o.due(room), Since: o.tick(),
		Span:      meeting.Span{Start: now.AddDate(0, 0, -7), End: now.AddDate(0, 0, 180)},
		Sightings: sightings, NextAudit: now.Add(24 * time.Hour),
	}
}

func (o *office) save(w engine.WindowRead) engine.WindowResult {
	o.t.Helper()
	result, err := o.term.SaveWindow(o.t.Context(), w)
	require.NoError(o.t, err)
	return result
}

func (o *office) read(room meeting.RoomID, sightings ...meeting.Sighting) engine.WindowResult {
	o.t.Helper()
	return o.save(o.window(room, sightings...))
}

// entry is a booked entry of a room's calendar.
func entry(uid meeting.UID, span meeting.Span) meeting.Sighting {
	return meeting.Sighting{
		UID: uid, Item: meeting.ItemID("item of " + uid), ChangeKey: "1", Span: span, Sequence: 1,
		Presence: meeting.Booked, Organizer: "anna@example.com",
	}
}

// claim claims the one meeting there is to work on.
func (o *office) claim() engine.Claim {
	o.t.Helper()
	o.hurry()
	claims, err := o.term.Claim(o.t.Context(), 10, nil)
	require.NoError(o.t, err)
	require.Len(o.t, claims, 1)
	return claims[0]
}

// hurry makes planned work due at once.
func (o *office) hurry() {
	o.t.Helper()
	o.exec(`update ews.meeting set due_at = now() where due_at > now()`)
}

func (o *office) load(c engine.Claim) engine.Loaded {
	o.t.Helper()
	loaded, err := o.term.Load(o.t.Context(), c)
	require.NoError(o.t, err)
	return loaded
}

func (o *office) release(c engine.Claim, gen int64, r engine.Release) {
	o.t.Helper()
	require.NoError(o.t, o.term.Release(o.t.Context(), c, gen, r))
}

// meeting returns a meeting as it is stored and leaves its dates alone.
func (o *office) meeting(uid meeting.UID) *meeting.Meeting {
	o.t.Helper()
	const token = "00000000-0000-4000-8000-000000000000"
	id := value[meeting.ID](o, `select id from ews.meeting where configuration_id = $1 and uid = $2`, o.config, uid)
	o.exec(`update ews.meeting set claim_token = $2, claimed_until = now() + interval '1 minute' where id = $1`, id, token)
	loaded := o.load(engine.Claim{Meeting: id, Token: token})
	o.exec(`update ews.meeting set claim_token = null, claimed_until = null where id = $1`, id)
	return loaded.Meeting
}

// only returns the meeting's only occurrence.
func (o *office) only(uid meeting.UID) *meeting.Occurrence {
	o.t.Helper()
	m := o.meeting(uid)
	require.Len(o.t, m.Occurrences, 1)
	return m.Occurrences[0]
}

// gen is the generation of what is known of a meeting.
func (o *office) gen(uid meeting.UID) int64 {
	o.t.Helper()
	return value[int64](o, `select want_gen from ews.meeting where configuration_id = $1 and uid = $2`, o.config, uid)
}

// settled brings all meetings to rest, as a worker does that finds nothing to do.
func (o *office) settled() {
	o.t.Helper()
	o.exec(`update ews.meeting set done_gen = want_gen, due_at = null, priority = 1, claim_token = null, claimed_until = null`)
}

// inParallel runs f n times at once and returns the first error. The context
// ends with it, and after a while, so that none waits for what the others no
// longer do.
func inParallel(t testing.TB, n int, f func(ctx context.Context, n int) error) error {
	t.Helper()
	group, ctx := errgroup.WithContext(soon(t))
	for i := range n {
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// equal compares values with the meaning of the domain: no difference between
// empty and nil.
func equal(t testing.TB, want, got any, options ...cmp.Option) {
	t.Helper()
	options = append(options, cmpopts.EquateEmpty())
	if diff := cmp.Diff(want, got, options...); diff != "" {
		require.Fail(t, "not as expected", "- want, + got:\n%s", diff)
	}
}
