package main

import (
	"context"
	"fmt"
	"time"

	"ews/e2e/stage"
)

// The circumstances of the scenario scale: lists have 100 rooms, the most that
// Exchange tells of one, and each is a configuration. In every room stand a few
// meetings and two weekly series, about 60 dates within the horizon.
const (
	scaleSingles     = 8
	scaleSeries      = 2
	scaleOccurrences = 26
	scaleRest        = 60 * time.Second
	scalePatience    = time.Hour
)

// scale measures what one process carries, and what a second one takes from it.
// It takes long, so it runs only when it is asked for.
func scale(ctx context.Context, b *bench) (err error) {
	rooms, lasts := b.sizes[len(b.sizes)-1], scaleRest
	if b.quick {
		rooms, lasts = 200, 10*time.Second
	}
	fill := full(scaleSingles, scaleSeries)
	fill.Occurrences = scaleOccurrences
	o, err := b.open(ctx, setting{building: stage.Building{Rooms: rooms, People: 500, Fill: fill}})
	if err != nil {
		return err
	}
	defer func() { err = closed(err, o.close(ctx)) }()
	if err := b.firstContact(ctx, o, rooms); err != nil {
		return err
	}
	if err := b.steady(ctx, o, lasts, "one process"); err != nil {
		return err
	}
	if err := b.stored(ctx, o); err != nil {
		return err
	}
	return b.second(ctx, o, lasts)
}

func (b *bench) value(format string, of string, args ...any) {
	b.add(row{scenario: "scale", measure: of, median: fmt.Sprintf(format, args...)})
}

// firstContact measures how long it takes until the rooms are known, read, and
// their meetings booked.
func (b *bench) firstContact(ctx context.Context, o *site, rooms int) error {
	began := time.Now()
	bill, err := o.bill()
	if err != nil {
		return err
	}
	for _, list := range o.Lists() {
		if err := o.configure(ctx, list, nil); err != nil {
			return err
		}
	}
	what := fmt.Sprintf("%d rooms in %d lists: ", rooms, len(o.Lists()))
	for _, step := range []struct {
		name, sql string
		done      func(int) bool
	}{
		{"known, with their assets", `select count(*) from ews.asset where provider_id <> '' and described_at is not null`, atLeast(rooms)},
		{"all calendars read once", unreadRooms, zero},
		{"all meetings booked", dueMeetings, zero},
	} {
		if err := o.until(ctx, scalePatience, step.name, step.sql, step.done); err != nil {
			return err
		}
		b.value("%v", what+step.name, time.Since(began).Round(time.Second))
	}
	took := time.Since(began)
	costs, err := o.bill()
	if err != nil {
		return err
	}
	asked, err := o.requests(ctx, "exchange")
	if err != nil {
		return err
	}
	wrote, err := o.requests(ctx, "booking")
	if err != nil {
		return err
	}
	meetings, err := o.number(ctx, `select count(*) from ews.meeting`)
	if err != nil {
		return err
	}
	if err := o.same(ctx); err != nil {
		return err
	}
	b.value("%.1f", "requests to Exchange per room until then", float64(total(asked))/float64(rooms))
	b.value("%d in %d requests, %.0f a second", "meetings booked", meetings, sum(wrote, "POST "), float64(meetings)/took.Seconds())
	b.value("%s", "processor time of it: app, PostgreSQL, simulators", costs.minus(bill))
	return nil
}

// steady measures what it costs to watch calendars in which nothing happens.
func (b *bench) steady(ctx context.Context, o *site, lasts time.Duration, who string) error {
	if !sleep(ctx, restPause) {
		return ctx.Err()
	}
	simulators, err := used(o.SimulatorPID())
	if err != nil {
		return err
	}
	now, err := o.idle(ctx, lasts)
	if err != nil {
		return err
	}
	simulatorsNow, err := used(o.SimulatorPID())
	if err != nil {
		return err
	}
	connections, err := o.number(ctx, `select count(*) from pg_stat_activity where application_name = 'ews'`)
	if err != nil {
		return err
	}
	b.value("%.1f", who+" at rest: requests to Exchange per second", now.requests)
	b.value("%.1f %%", who+" at rest: part of one core, the first process", 100*now.app)
	b.value("%.1f %%", who+" at rest: part of one core, PostgreSQL", 100*now.database)
	b.value("%.1f %%", who+" at rest: part of one core, simulators", 100*share(simulators, simulatorsNow))
	b.value("%d MB", who+" at rest: resident memory of the first process", now.memory)
	b.value("%d", who+" at rest: connections to PostgreSQL", connections)
	b.add(row{
		scenario: "scale", measure: who + " at rest: writes to Exchange and the Booking app", median: fmt.Sprint(now.writes),
		target: "0", met: metIf(now.writes == 0),
	})
	return nil
}

// stored measures the size of the database.
func (b *bench) stored(ctx context.Context, o *site) error {
	if _, err := o.database.Exec(ctx, `vacuum analyze`); err != nil {
		return fmt.Errorf("cleaning the database: %w", err)
	}
	bytes, err := o.number(ctx, `select sum(pg_total_relation_size(c.oid))::bigint from pg_class c
		join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'ews' and c.relkind = 'r'`)
	if err != nil {
		return err
	}
	dates, err := o.number(ctx, `select count(*) from ews.occurrence`)
	if err != nil {
		return err
	}
	b.value("%d MB, %d bytes per date", fmt.Sprintf("the app's tables with %d dates", dates), bytes>>20, bytes/max(1, dates))
	return nil
}

// second measures what a second process takes over, and how soon it takes all.
func (b *bench) second(ctx context.Context, o *site, lasts time.Duration) error {
	another, err := o.Replica(ctx, "app-2")
	if err != nil {
		return err
	}
	began := time.Now()
	if err := another.Start(ctx); err != nil {
		return err
	}
	lists := len(o.Lists())
	err = o.until(ctx, 10*time.Minute, "the second process has its part",
		fmt.Sprintf(`select count(*) from ews.leader where pid = %d`, another.PID()), atLeast(lists/2))
	if err != nil {
		return err
	}
	b.value("%v", "a second process has its half", time.Since(began).Round(time.Second))
	if err := b.steady(ctx, o, lasts, "two processes"); err != nil {
		return err
	}
	began = time.Now()
	if err := o.KillApp(); err != nil {
		return err
	}
	err = o.until(ctx, 5*time.Minute, "the second process has all",
		fmt.Sprintf(`select count(*) from ews.leader where pid = %d`, another.PID()), atLeast(lists))
	if err != nil {
		return err
	}
	took := time.Since(began)
	b.add(row{
		scenario: "scale", measure: "the other one has all after kill -9", median: fmt.Sprint(took.Round(100 * time.Millisecond)),
		target: "< 15s", met: metIf(took < 15*time.Second),
	})
	return nil
}
