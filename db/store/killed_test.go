package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
	"ews/db/store"
)

// everything is each method that writes, on a world in which it has something
// to write.
func everything(t *testing.T) (o *office, writes map[string]func(context.Context) error) {
	o = newOffice(t)
	room := o.room("lake@example.com", 10)
	o.read(room, entry("a", o.hour(9)), entry("b", o.hour(10)), entry("d", o.hour(13)))
	o.notify(engine.Notice{Subject: "exchange", Code: "down"}, engine.Notice{Subject: "s", Code: "due"})
	o.hurry()
	ctx, term := t.Context(), o.term
	claims, err := term.Claim(ctx, 2, nil)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	open, err := term.Begin(ctx, claims[0], engine.Intent{Side: meeting.Exchange, Kind: plan.CreateMeeting, Mailbox: "anna@example.com"})
	require.NoError(t, err)
	o.exec(`insert into ews.booking_tombstone (configuration_id, booking_id, tick, at) values ($1, 99, 1, now() - interval '1 year')`, o.config)
	window := o.window(room, entry("a", o.hour(11)), entry("c", o.hour(12)))
	due := window.Room
	o.exec(`update ews.room set poll_at = now() + interval '1 hour'`)
	notice := value[int64](o, `select min(id) from ews.notice`)
	next := o.clock.Now().Add(time.Minute)
	return o, map[string]func(context.Context) error{
		"SyncRooms": func(ctx context.Context) error {
			_, err := term.SyncRooms(ctx, []engine.RoomInfo{{Address: "new@example.com", Name: "New"}})
			return err
		},
		"PollRooms": func(ctx context.Context) error { return term.PollRooms(ctx, []meeting.RoomID{room}) },
		"SaveDelta": func(ctx context.Context) error {
			_, err := term.SaveDelta(ctx, due, engine.Delta{Token: "t1", Changed: true, Deleted: []meeting.ItemID{"x"}}, false, next)
			return err
		},
		"SaveWindow": func(ctx context.Context) error { _, err := term.SaveWindow(ctx, window); return err },
		"RoomFailed": func(ctx context.Context) error { return term.RoomFailed(ctx, room, "x", next) },
		"ObserveBooking": func(ctx context.Context) error {
			_, err := term.ObserveBooking(ctx, engine.BookingObservation{UID: "n", Ref: "n", Since: 1000, Booking: engine.Booking{
				ID: 7, Assets: []meeting.AssetID{10}, Span: o.hour(14), Organizer: "anna@example.com",
			}})
			return err
		},
		"Begin": func(ctx context.Context) error {
			_, err := term.Begin(ctx, claims[1], engine.Intent{Side: meeting.Eliona, Kind: plan.WriteBookings})
			return err
		},
		"Apply": func(ctx context.Context) error {
			return term.Apply(ctx, claims[0], &open, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
				m.CopyItem = "item"
				m.Occurrences[0].BookingWritten(8, o.hour(9), []meeting.AssetID{10}, at.Tick)
				return []engine.Notice{{Subject: "booking 8", Code: "x"}}, nil
			})
		},
		"Decided": func(ctx context.Context) error { return term.Decided(ctx, claims[0], open) },
		"Fail":    func(ctx context.Context) error { return term.Fail(ctx, claims[0], open, "x") },
		"Release": func(ctx context.Context) error {
			return term.Release(ctx, claims[1], 1, engine.Release{Failed: true, Due: next, Code: "x"})
		},
		"SaveAssets": func(ctx context.Context) error {
			return term.SaveAssets(ctx, []engine.Asset{{Project: "1", GAI: "g", ID: 11}})
		},
		"Notify": func(ctx context.Context) error {
			return term.Notify(ctx, []engine.Notice{{Subject: "s", Code: "c"}, {Subject: "s", Code: "d"}})
		},
		"Resolve":      func(ctx context.Context) error { _, err := term.Resolve(ctx, "exchange", "down"); return err },
		"SetStatus":    func(ctx context.Context) error { return term.SetStatus(ctx, "x", "x") },
		"Linked":       term.Linked,
		"TakeMessages": func(ctx context.Context) error { _, err := term.TakeMessages(ctx, 10); return err },
		"SaveReceipt":  func(ctx context.Context) error { return term.SaveReceipt(ctx, notice, "receipt") },
		"Postpone":     func(ctx context.Context) error { return term.Postpone(ctx, notice, time.Hour) },
		"Claim":        func(ctx context.Context) error { _, err := term.Claim(ctx, 10, nil); return err },
		"Report":       func(ctx context.Context) error { _, err := term.Report(ctx, store.Report{Heard: next}); return err },
		"Clean":        term.Clean,
		"Resync":       func(ctx context.Context) error { _, err := o.db.Resync(ctx, o.config, ""); return err },
	}
}

const (
	// dying ends the back end when its transaction has done all its work and
	// commits.
	dying = `
		create function public.die() returns trigger language plpgsql as $$
		begin
		  perform pg_terminate_backend(pg_backend_pid());
		  perform pg_sleep(1); -- it notices now
		  return null;
		end $$;
		do $$
		declare name text;
		begin
		  for name in select table_name from information_schema.tables where table_schema = 'ews' and table_type = 'BASE TABLE' loop
		    execute format('create constraint trigger die after insert or update or delete on ews.%I
		                    deferrable initially deferred for each row execute function public.die()', name);
		  end loop;
		end $$`
	surviving = `drop function public.die() cascade`

	// contents is everything there is, as one text.
	contents = `select string_agg(name || ': ' || (xpath('/row/c/text()', query_to_xml(
		format('select coalesce(json_agg(t order by t::text)::text, '''') as c from ews.%I t', name), false, true, '')))[1]::text, E'\n' order by name)
		from (select table_name::text as name from information_schema.tables where table_schema = 'ews' and table_type = 'BASE TABLE') x`
)

// A connection that dies when a transaction commits has stored nothing of it,
// and the next call has another one.
func TestAKilledBackEndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	o, writes := everything(t)
	before := value[string](o, contents)
	o.exec(dying)
	for name, write := range writes {
		err := write(t.Context())
		var died *pgconn.PgError
		require.ErrorAs(t, err, &died, "%s writes, and so it dies", name)
		require.Equal(t, "57P01", died.Code, name)
		require.NotErrorIs(t, err, engine.ErrFenced, name)
		require.NotErrorIs(t, err, engine.ErrClaimLost, name)
		require.Equal(t, before, value[string](o, contents), name)
	}
	o.exec(surviving)
	for _, name := range []string{"SaveWindow", "ObserveBooking", "Apply", "Release"} {
		require.NoError(t, writes[name](t.Context()), name)
	}
	require.NotEqual(t, before, value[string](o, contents))
}
