package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// What operators see is read by every process, not only by the owner of a
// configuration, so it hangs on the DB and not on a Term.

// Overview is how the synchronisation of one configuration is going.
type Overview struct {
	Config  meeting.ConfigID
	Enabled bool
	Broken  bool // it has a status code
	Leader  *Leader
	Report  Report

	Rooms, Retired, Elsewhere, Unread, Failing, Guarded, Due int

	LastPoll, LastRead time.Time
	OldestPoll         time.Duration // since the poll of the room for which that is longest ago
	Polled             bool          // OldestPoll is known

	Meetings, Parked        int
	People, Changes, Import int // meetings that wait, by priority
	Repeated                int // those of them that failed
	Oldest                  time.Time
	Waited                  time.Duration // since Oldest
	Findings                int
}

// Waiting is how many meetings wait to be carried to the other side. Those
// whose rooms owe an answer do not.
func (o Overview) Waiting() int { return o.People + o.Changes + o.Import }

// Leader is the process that works on a configuration.
type Leader struct {
	Here  bool // it is this one
	Host  string
	PID   int
	Since time.Time
}

// waiting tells of a row of ews.meeting whether it waits for a worker. One that
// waits for its rooms is due later.
const waiting = `wanted_at is not null and parked_code = '' and (due_at <= now() + interval '5 seconds' or attempts > 0)`

// view reads for operators: all of it at one moment, and without compiling the
// statements, which takes the database longer than to run them.
func (db *DB) view(ctx context.Context, what string, read func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local jit = off`); err != nil {
			return err
		}
		return read(tx)
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	return nil
}

// Overviews returns the overview of one configuration, or of all for 0. One
// that does not exist has none.
func (db *DB) Overviews(ctx context.Context, config meeting.ConfigID) (list []Overview, err error) {
	err = db.view(ctx, "the state of configurations", func(tx pgx.Tx) error {
		// The lock tells the truth about who leads; the row tells who that is.
		rows, err := tx.Query(ctx,
			`select c.id, coalesce(c.enable, false), c.status_code <> '',
		        l.host is not null and exists (
		          select from pg_locks k
		          where k.locktype = 'advisory' and k.classid::bigint = $2::bigint and k.objid::bigint = c.id and k.objsubid = 2 and k.granted
		            and k.database = (select oid from pg_database where datname = current_database())),
		        coalesce(l.host, ''), coalesce(l.pid, 0), l.since, l.connected_at, l.heard_at, l.compared_at,
		        case when l.wait_until > now() then l.wait_until end, coalesce(l.watched_rooms, 0), l.watched_at,
		        r.active, r.retired, r.elsewhere, r.unread, r.failing, r.guarded, r.due, r.polled_at, r.read_at,
		        coalesce(extract(epoch from now() - r.oldest), 0)::float8, r.oldest is not null,
		        m.meetings, m.parked, m.people, m.changes, m.import, m.repeated, m.oldest,
		        coalesce(extract(epoch from now() - m.oldest), 0)::float8,
		        (select count(*) from ews.meeting m where m.configuration_id = c.id and `+troubled+`) +
		        (select count(*) from (`+otherFindings+`) f where f.configuration_id = c.id)
		 from ews.configuration c
		 left join ews.leader l on l.configuration_id = c.id
		 cross join lateral (
		   select count(*) filter (where active) as active, count(*) filter (where retired_at is not null) as retired,
		          count(*) filter (where retired_at is null and not active) as elsewhere,
		          count(*) filter (where active and read_at is null) as unread,
		          count(*) filter (where active and fail_count > 0) as failing,
		          count(*) filter (where active and guard_since is not null) as guarded,
		          count(*) filter (where active and poll_at <= now()) as due,
		          max(polled_at) as polled_at, max(read_at) as read_at,
		          min(polled_at) filter (where active) as oldest
		   from (select r.*, exists (select from ews.active_room x where x.id = r.id) as active
		         from ews.room r where r.configuration_id = c.id) rooms) r
		 cross join lateral (
		   select count(*) as meetings, count(*) filter (where parked_code <> '') as parked,
		          count(*) filter (where waits and priority = 0) as people,
		          count(*) filter (where waits and priority = 1) as changes,
		          count(*) filter (where waits and priority = 2) as import,
		          count(*) filter (where waits and attempts > 0) as repeated,
		          min(wanted_at) filter (where waits) as oldest
		   from (select *, `+waiting+` as waits from ews.meeting where configuration_id = c.id) meetings) m
		 where $1::bigint in (0, c.id) order by c.id`, int64(config), int64(lockClass))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, db.overview)
		return err
	})
	return list, err
}

func (db *DB) overview(row pgx.CollectableRow) (Overview, error) {
	var o Overview
	var led bool
	var leader Leader
	var since, connected, heard, compared, wait, watched, polled, read, oldest *time.Time
	var age, waited float64
	var report Report
	err := row.Scan(&o.Config, &o.Enabled, &o.Broken, &led, &leader.Host, &leader.PID, &since, &connected, &heard, &compared, &wait,
		&report.Watched, &watched,
		&o.Rooms, &o.Retired, &o.Elsewhere, &o.Unread, &o.Failing, &o.Guarded, &o.Due, &polled, &read, &age, &o.Polled,
		&o.Meetings, &o.Parked, &o.People, &o.Changes, &o.Import, &o.Repeated, &oldest, &waited, &o.Findings)
	o.Report = Report{Heard: orZero(heard), Compared: orZero(compared)}
	if led {
		leader.Here, leader.Since = leader.Host == db.host && leader.PID == db.pid, orZero(since)
		o.Leader = &leader
		o.Report.Connected, o.Report.WaitUntil = orZero(connected), orZero(wait)
		o.Report.Watched, o.Report.WatchedAt = report.Watched, orZero(watched)
	}
	o.LastPoll, o.LastRead, o.Oldest = orZero(polled), orZero(read), orZero(oldest)
	o.OldestPoll = time.Duration(age * float64(time.Second))
	o.Waited = time.Duration(waited * float64(time.Second))
	return o, err
}

// Backlog returns how many meetings of the configuration wait.
func (t *Term) Backlog(ctx context.Context) (int, error) {
	var n int
	err := t.db.pool.QueryRow(ctx,
		`select count(*) from ews.meeting where configuration_id = $1 and `+waiting, t.config).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting meetings that wait: %w", err)
	}
	return n, nil
}

// Report is what the owner of a configuration tells about itself. Instants that
// are not known are zero.
type Report struct {
	Connected time.Time // since when the Booking app's messages are heard
	Heard     time.Time // the last of them
	Compared  time.Time // when all bookings were last compared
	WaitUntil time.Time // Exchange asked for a pause until then
	Watched   int       // rooms whose changes Exchange tells at once
	WatchedAt time.Time // since when it is that many
}

// Report stores the report of the owner, and tells whether somebody asked for
// a comparison of all bookings since the last one. What is not known leaves
// what an earlier owner told of it.
func (t *Term) Report(ctx context.Context, r Report) (compare bool, err error) {
	told := []any{
		t.config, orNull(r.Connected), orNull(r.Heard), orNull(r.Compared), orNull(r.WaitUntil), r.Watched, orNull(r.WatchedAt),
	}
	if news, err := t.exists(ctx, `ews.leader where `+reportNews, told[1:]...); err != nil || !news {
		return false, err
	}
	err = t.tx(ctx, "reporting", func(tx *transaction) error {
		err := tx.QueryRow(ctx,
			`select compare from ews.leader where configuration_id = $1 for update`, t.config).Scan(&compare)
		if err != nil {
			return err
		}
		tx.last.Queue(
			`update ews.leader set connected_at = $2, heard_at = coalesce($3, heard_at),
			   compared_at = coalesce($4, compared_at), wait_until = $5,
			   watched_rooms = $6, watched_at = $7, compare = false
			 where `+reportNews, told...)
		return nil
	})
	return compare, err
}

// reportNews is true if a report differs from the stored one, or somebody asked
// for a comparison.
const reportNews = `configuration_id = $1
	and (compare or (connected_at, heard_at, compared_at, wait_until, watched_rooms, watched_at)
	     is distinct from ($2, coalesce($3, heard_at), coalesce($4, compared_at), $5, $6, $7))`
