package main

import (
	"context"
	"fmt"
	"time"

	"ews/e2e/stage"
)

// The circumstances of the scenario rest: every room has about 200 dates within
// the horizon, most of them of series, and lists have 50 rooms.
const (
	restSingles = 4
	restSeries  = 8
	restTime    = 60 * time.Second // that is measured
	restPause   = 20 * time.Second // after the import
)

// rest measures scenarios (d) and (e): what it costs to keep watching calendars
// in which nothing happens, and how that grows with the number of rooms.
func rest(ctx context.Context, b *bench) (err error) {
	sizes, lasts, pause := b.sizes, restTime, restPause
	if b.quick {
		sizes, lasts, pause = []int{50, 100}, 10*time.Second, 3*time.Second
	}
	o, err := b.open(ctx, setting{
		building: stage.Building{Rooms: sizes[len(sizes)-1], PerList: 50, People: 500, Fill: full(restSingles, restSeries)},
	})
	if err != nil {
		return err
	}
	defer func() { err = closed(err, o.close(ctx)) }()
	configured := 0
	var first idle
	for _, rooms := range sizes {
		began := time.Now()
		for ; configured*50 < rooms; configured++ {
			if err := o.configure(ctx, o.Lists()[configured], nil); err != nil {
				return err
			}
		}
		if err := o.settled(ctx, rooms, 30*time.Minute); err != nil {
			return err
		}
		b.say("%d rooms imported in %v", rooms, time.Since(began).Round(time.Second))
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
		now, err := o.idle(ctx, lasts)
		if err != nil {
			return err
		}
		if now.dates, err = o.number(ctx, shownDates); err != nil {
			return err
		}
		if first.rooms == 0 {
			first = now
			first.rooms = rooms
		}
		now.rooms = rooms
		b.report(now, first)
	}
	return nil
}

// idle is what an installation does when nothing happens.
type idle struct {
	rooms, dates  int
	requests      float64 // to Exchange per second
	writes        int64   // to Exchange and the Booking app, in the whole time
	app, database float64 // part of one core
	memory        int     // megabytes of the app
}

func (o *site) idle(ctx context.Context, lasts time.Duration) (idle, error) {
	var out idle
	postgres, err := family(o.Database.PID())
	if err != nil {
		return out, err
	}
	look := func() (app, database usage, exchange, booking map[string]int64, err error) {
		if app, err = used(o.App().PID()); err != nil {
			return
		}
		if database, err = used(postgres...); err != nil {
			return
		}
		if exchange, err = o.requests(ctx, "exchange"); err != nil {
			return
		}
		booking, err = o.requests(ctx, "booking")
		return
	}
	app, database, exchange, booking, err := look()
	if err != nil {
		return out, err
	}
	if !sleep(ctx, lasts) {
		return out, ctx.Err()
	}
	appNow, databaseNow, exchangeNow, bookingNow, err := look()
	if err != nil {
		return out, err
	}
	asked := since(exchangeNow, exchange)
	o.say("at rest: Exchange %v, Booking app %v", asked, since(bookingNow, booking))
	out.requests = float64(total(asked)) / lasts.Seconds()
	out.writes = writes(asked) + writes(since(bookingNow, booking))
	out.app, out.database = share(app, appNow), share(database, databaseNow)
	out.memory, err = resident(o.App().PID())
	return out, err
}

// report adds what a size costs, compared with the smallest one.
func (b *bench) report(now, first idle) {
	what := fmt.Sprintf("%d rooms, %d dates at rest: ", now.rooms, now.dates)
	thousand := now.rooms == 1000
	grown := float64(now.rooms) / float64(first.rooms)
	linear := func(now, first float64) (string, verdict) {
		if grown == 1 {
			return "", ""
		}
		// What does not grow with the rooms makes small ones look better; measured
		// values differ by some percent.
		return fmt.Sprintf("<= %.2f x %.1f", first, grown), metIf(now <= 1.15*first*grown)
	}
	r := row{scenario: "e", measure: what + "requests to Exchange per second", median: fmt.Sprintf("%.1f", now.requests), limit: fmt.Sprintf("%.1f", float64(now.rooms)/60)}
	r.target, r.met = linear(now.requests, first.requests)
	b.add(r)
	r = row{scenario: "e", measure: what + "part of one core, the app", median: fmt.Sprintf("%.1f %%", 100*now.app)}
	r.target, r.met = linear(100*now.app, 100*first.app)
	if thousand {
		r.scenario, r.target, r.met = "d, e", "< 10 %", metIf(now.app < 0.10)
	}
	b.add(r)
	b.add(row{scenario: "e", measure: what + "part of one core, PostgreSQL", median: fmt.Sprintf("%.1f %%", 100*now.database)})
	r = row{scenario: "e", measure: what + "resident memory of the app", median: fmt.Sprintf("%d MB", now.memory)}
	r.target, r.met = linear(float64(now.memory), float64(first.memory))
	if thousand {
		r.scenario, r.target, r.met = "d, e", "< 200 MB", metIf(now.memory < 200)
	}
	b.add(r)
	b.add(row{
		scenario: "e", measure: what + "writes to Exchange and the Booking app", median: fmt.Sprint(now.writes), limit: "0",
		target: "0", met: metIf(now.writes == 0),
	})
}
