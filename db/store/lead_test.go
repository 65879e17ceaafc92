package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/db/store"
)

func epoch(o *office) int64 {
	return value[int64](o, `select owner_epoch from ews.configuration where id = $1`, o.config)
}

func TestAConfigurationHasOneOwnerAtATime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.EqualValues(t, 1, epoch(o))

	_, err := o.open(o.url).Lead(t.Context(), o.config)
	require.ErrorIs(t, err, store.ErrTaken)
	require.EqualValues(t, 1, epoch(o), "who is refused changes nothing")
}

func TestClosingATermLetsAnotherLead(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.NoError(t, o.term.Close(t.Context()))
	require.NoError(t, o.term.Close(t.Context()), "closing twice is harmless")

	o.lead(o.open(o.url))
	require.EqualValues(t, 2, epoch(o))
	select {
	case <-o.term.Lost():
		require.Fail(t, "a term that was closed was not lost")
	default:
	}
}

func TestConfigurationsHaveOwnersOfTheirOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.config = o.configuration()
	o.lead(o.open(o.url))
}

func TestAnUnknownConfigurationHasNoOwner(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for range 2 { // the second would fail differently if the first kept the lock
		_, err := o.db.Lead(t.Context(), 4711)
		require.ErrorContains(t, err, "no rows")
	}
}

func TestALostLockIsNoticed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.exec(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'
	        and database = (select oid from pg_database where datname = current_database())`)

	db := o.open(o.url)
	var other *store.Term
	require.Eventually(t, func() (led bool) {
		var err error
		other, err = db.Lead(t.Context(), o.config)
		return err == nil
	}, 5*time.Second, 10*time.Millisecond, "the lock goes with its connection")
	o.closeAfter(other)
	require.ErrorIs(t, o.term.SetStatus(t.Context(), "x", "x"), engine.ErrFenced)
	select {
	case <-o.term.Lost():
	case <-time.After(10 * time.Second):
		require.Fail(t, "the loss was not noticed")
	}
	require.NoError(t, other.SetStatus(t.Context(), "x", "x"))
}

func TestClaimsEndWithTheTerm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.read(o.room("lake@example.com", 10), entry("a", o.hour(9)))
	claim := o.claim()

	o.term = o.usurp()
	_, err := o.term.Load(t.Context(), claim)
	require.ErrorIs(t, err, engine.ErrClaimLost)
	require.Equal(t, claim.Meeting, o.claim().Meeting, "the next owner need not wait")
}

// Whatever an owner still does that does not know that it was replaced has no
// effect.
func TestAFormerOwnerChangesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	o.read(room, entry("a", o.hour(9)))
	require.NoError(t, o.term.Notify(t.Context(), []engine.Notice{{Subject: "exchange", Code: "down"}}))
	claim := o.claim()
	due, window := o.due(room), o.window(room)
	operation, err := o.term.Begin(t.Context(), claim, engine.Intent{Kind: "create_meeting", Side: meeting.Exchange})
	require.NoError(t, err)
	before := value[string](o, dump)
	stale := o.term
	o.usurp()

	next := o.clock.Now().Add(time.Minute)
	for name, do := range map[string]func(context.Context) error{
		"SyncRooms": func(ctx context.Context) error { _, err := stale.SyncRooms(ctx, nil); return err },
		"PollRooms": func(ctx context.Context) error { return stale.PollRooms(ctx, []meeting.RoomID{room}) },
		"SaveDelta": func(ctx context.Context) error {
			_, err := stale.SaveDelta(ctx, due, engine.Delta{}, true, next)
			return err
		},
		"SaveWindow":  func(ctx context.Context) error { _, err := stale.SaveWindow(ctx, window); return err },
		"RoomFailed":  func(ctx context.Context) error { return stale.RoomFailed(ctx, room, "x", next) },
		"Claim":       func(ctx context.Context) error { _, err := stale.Claim(ctx, 1, nil); return err },
		"ClaimUrgent": func(ctx context.Context) error { _, err := stale.ClaimUrgent(ctx, 1, nil); return err },
		"Load":        func(ctx context.Context) error { _, err := stale.Load(ctx, claim); return err },
		"Begin":       func(ctx context.Context) error { _, err := stale.Begin(ctx, claim, engine.Intent{}); return err },
		"Apply":       func(ctx context.Context) error { return stale.Apply(ctx, claim, nil, nil) },
		"Decided":     func(ctx context.Context) error { return stale.Decided(ctx, claim, operation) },
		"Conclude":    func(ctx context.Context) error { _, err := stale.Conclude(ctx, claim, nil, nil); return err },
		"Fail":        func(ctx context.Context) error { return stale.Fail(ctx, claim, operation, "x") },
		"Release":     func(ctx context.Context) error { return stale.Release(ctx, claim, 1, engine.Release{}) },
		"SaveAssets": func(ctx context.Context) error {
			return stale.SaveAssets(ctx, []engine.Asset{{Project: "1", GAI: "g"}})
		},
		"Notify":      func(ctx context.Context) error { return stale.Notify(ctx, []engine.Notice{{Subject: "s", Code: "c"}}) },
		"Resolve":     func(ctx context.Context) error { _, err := stale.Resolve(ctx, "exchange", "down"); return err },
		"SetStatus":   func(ctx context.Context) error { return stale.SetStatus(ctx, "x", "x") },
		"Linked":      stale.Linked,
		"TakeMessage": func(ctx context.Context) error { _, err := stale.TakeMessages(ctx, 1); return err },
		"Postpone":    func(ctx context.Context) error { return stale.Postpone(ctx, 1, time.Second) },
		"SaveReceipt": func(ctx context.Context) error { return stale.SaveReceipt(ctx, 1, "x") },
		"Clean":       stale.Clean,
		"Report":      func(ctx context.Context) error { _, err := stale.Report(ctx, store.Report{}); return err },
		"ObserveBooking": func(ctx context.Context) error {
			_, err := stale.ObserveBooking(ctx, engine.BookingObservation{UID: "b", Booking: engine.Booking{
				ID: 7, Assets: []meeting.AssetID{10}, Span: o.hour(10),
			}})
			return err
		},
	} {
		require.ErrorIs(t, do(t.Context()), engine.ErrFenced, name)
	}
	require.Equal(t, before, value[string](o, dump))
}

// dump is everything that a former owner could have changed.
const dump = `select concat_ws(E'\n',
	(select json_agg(json_build_array(status, status_code)) from ews.configuration),
	(select json_agg(to_jsonb(r) - 'poll_at' order by id) from ews.room r),
	(select json_agg(a order by id) from ews.asset a),
	(select json_agg(to_jsonb(m) - 'claim_token' - 'claimed_until' order by id) from ews.meeting m),
	(select json_agg(o order by id) from ews.occurrence o),
	(select json_agg(c order by occurrence_id, room_id) from ews.cell c),
	(select json_agg(p order by id) from ews.operation p),
	(select json_agg(n order by id) from ews.notice n))`

func TestATermEndsWithItsConfiguration(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	o.read(room, entry("a", o.hour(9)))
	claim, window := o.claim(), o.window(room)
	_, err := o.term.Begin(t.Context(), claim, engine.Intent{Kind: "create_meeting", Side: meeting.Exchange})
	require.NoError(t, err)
	require.NoError(t, o.term.Notify(t.Context(), []engine.Notice{{Subject: "s", Code: "c"}}))

	o.exec(`delete from ews.configuration where id = $1`, o.config)

	for _, table := range []string{"asset", "room", "meeting", "occurrence", "cell", "operation", "notice"} {
		require.Zero(t, value[int](o, `select count(*) from ews.`+table), table)
	}
	_, err = o.term.SaveWindow(t.Context(), window)
	require.ErrorIs(t, err, engine.ErrFenced)
	require.ErrorIs(t, o.term.Release(t.Context(), claim, 1, engine.Release{}), engine.ErrFenced)
	rooms, err := o.term.DueRooms(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, rooms)
}
