package store_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
	"ews/db/store"
)

// clerk returns the address of the database for a role that may use the
// tables and sequences, and nothing else.
func (o *office) clerk() string {
	o.t.Helper()
	name := "clerk_" + value[string](o, `select current_database()`)
	role := pgx.Identifier{name}.Sanitize()
	o.exec(`create role ` + role + ` login password 'clerk'`)
	o.t.Cleanup(func() {
		ctx := context.WithoutCancel(o.t.Context())
		pool := o.db.Pool()
		_, err := pool.Exec(ctx, `drop owned by `+role)
		require.NoError(o.t, err)
		_, err = pool.Exec(ctx, `drop role `+role)
		require.NoError(o.t, err)
	})
	o.exec(`grant usage on schema ews to ` + role)
	o.exec(`grant select, insert, update, delete on all tables in schema ews to ` + role)
	o.exec(`grant usage on all sequences in schema ews to ` + role)
	u, err := url.Parse(o.url)
	require.NoError(o.t, err)
	u.User = url.UserPassword(name, "clerk")
	return u.String()
}

func TestNoMoreRightsAreNeededThanToUseTheTables(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.NoError(t, o.term.Close(t.Context()))
	clerk := o.open(o.clerk())
	_, err := clerk.Pool().Exec(t.Context(), `create table ews.more (id int)`)
	require.ErrorContains(t, err, "permission denied", "the role has no other rights")
	o.term = o.lead(clerk)
	ctx, term := t.Context(), o.term

	_, err = clerk.Installation(ctx)
	require.NoError(t, err)
	room := o.room("lake@example.com", 10)
	_, err = term.Assets(ctx)
	require.NoError(t, err)
	due := o.delta(o.due(room), engine.Delta{Token: "t1", Changed: true, Deleted: []meeting.ItemID{"x"}}, true)
	require.NoError(t, term.RoomFailed(ctx, due.ID, "x", time.Now()))
	require.NoError(t, term.PollRooms(ctx, []meeting.RoomID{room}))
	o.read(room, entry("a", o.hour(9)))
	_, err = term.Known(ctx, room)
	require.NoError(t, err)

	c := o.claim()
	operation, err := term.Begin(ctx, c, engine.Intent{Side: meeting.Eliona, Kind: plan.WriteBookings, Assets: []meeting.AssetID{10}})
	require.NoError(t, err)
	require.NoError(t, term.Apply(ctx, c, &operation, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		m.Occurrences[0].BookingWritten(7, o.hour(9), []meeting.AssetID{10}, at.Tick)
		return []engine.Notice{{Subject: "booking 7", Code: "x"}}, nil
	}))
	operation, err = term.Begin(ctx, c, engine.Intent{Side: meeting.Eliona, Kind: plan.CancelBooking})
	require.NoError(t, err)
	require.NoError(t, term.Fail(ctx, c, operation, "x"))
	o.release(c, o.load(c).Gen, engine.Release{})
	_, err = term.BookingsOf(ctx, 10, o.hour(9))
	require.NoError(t, err)
	_, err = term.Unknown(ctx, []meeting.BookingID{7})
	require.NoError(t, err)

	b := o.booking()
	b.Booking.Cancelled = true
	require.Equal(t, engine.Changed, o.observe(b))
	o.apply(func(occurrence *meeting.Occurrence, at meeting.Moment) { occurrence.BookingCancelled(at.Tick) })
	messages := o.take(10)
	require.Len(t, messages, 1)
	require.NoError(t, term.SaveReceipt(ctx, messages[0].ID, "r"))
	require.True(t, o.resolve("booking 7", "x"))
	require.NoError(t, term.SetStatus(ctx, "x", "x"))
	require.NoError(t, term.Clean(ctx))
	_, err = term.Report(ctx, store.Report{Heard: time.Now()})
	require.NoError(t, err)
	_, err = clerk.Overviews(ctx, o.config)
	require.NoError(t, err)
	_, err = clerk.RoomViews(ctx, o.config, "", o.hour(9))
	require.NoError(t, err)
	_, err = clerk.Flows(ctx, o.config)
	require.NoError(t, err)
	_, err = clerk.Findings(ctx, o.config)
	require.NoError(t, err)
	require.ErrorIs(t, clerk.Retry(ctx, o.config, "meeting-0"), store.ErrNoFinding)
	_, err = clerk.Resync(ctx, o.config, "")
	require.NoError(t, err)
	o.list()
	o.list("lake@example.com")
	_, err = clerk.Pool().Exec(ctx, `delete from ews.configuration`)
	require.NoError(t, err)
}
