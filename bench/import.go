package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ews/e2e/stage"
)

// The circumstances of the scenario import: every calendar has 200 items, of
// which 20 are series of 52 dates.
const (
	importRooms   = 100
	importSingles = 180
	importSeries  = 20
	importLatency = 150 * time.Millisecond
	importBooking = 20 * time.Millisecond
	inFlight      = 10 // requests to Exchange
	workers       = 8  // meetings worked on at once
)

// imports measures scenario (c): the first import of a building.
func imports(ctx context.Context, b *bench) (err error) {
	rooms := importRooms
	if b.quick {
		rooms = 20
	}
	o, err := b.open(ctx, setting{
		building: stage.Building{Rooms: rooms, People: 200, Fill: full(importSingles, importSeries)},
		latency:  importLatency, booking: importBooking,
	})
	if err != nil {
		return err
	}
	defer func() { err = closed(err, o.close(ctx)) }()
	began := time.Now()
	bill, err := o.bill()
	if err != nil {
		return err
	}
	if err := o.configure(ctx, o.Lists()[0], map[string]any{"refreshInterval": 3600}); err != nil {
		return err
	}
	if err := o.until(ctx, time.Minute, "the rooms are known", roomCount, atLeast(rooms)); err != nil {
		return err
	}
	if err := o.until(ctx, 5*time.Minute, "the rooms are read", unreadRooms, zero); err != nil {
		return err
	}
	read := time.Since(began)
	asked, err := o.requests(ctx, "exchange")
	if err != nil {
		return err
	}
	if err := o.until(ctx, 15*time.Minute, "all meetings are at rest", dueMeetings, zero); err != nil {
		return err
	}
	took := time.Since(began)
	costs, err := o.bill()
	if err != nil {
		return err
	}
	wrote, err := o.requests(ctx, "booking")
	if err != nil {
		return err
	}
	if err := o.same(ctx); err != nil {
		return err
	}

	const items = importSingles + importSeries
	perRoom := float64(sum(asked, "SyncFolderItems", "FindItem", "GetItem")) / float64(rooms)
	allowed := 3 + float64(items)/100
	b.add(row{
		scenario: "c", measure: fmt.Sprintf("first import, %d rooms with %d items: requests per room to read it", rooms, items),
		median: fmt.Sprintf("%.2f", perRoom), limit: "4", target: fmt.Sprintf("<= %.0f", allowed), met: metIf(perRoom <= allowed),
	})
	limit := time.Duration(total(asked)) * importLatency / inFlight
	b.add(row{
		scenario: "c", measure: "all calendars read", median: seconds(read), limit: seconds(limit),
		target: fmt.Sprintf("< %s", seconds(limit*3/2)), met: metIf(read < limit*3/2),
	})
	written := sum(wrote, "POST ")
	limit = max(limit, time.Duration(written)*importBooking/workers)
	b.add(row{
		scenario: "c", measure: "all bookings made", median: seconds(took), limit: seconds(limit),
		target: fmt.Sprintf("< %s", seconds(limit*3/2)), met: metIf(took < limit*3/2),
	})
	b.add(row{
		scenario: "c", measure: "processor time for it: app, PostgreSQL, simulators", median: costs.minus(bill).String(),
	})
	b.say("Exchange %v, Booking app %v", asked, wrote)
	return nil
}

// same checks that every date that a room shows is a booking.
func (o *site) same(ctx context.Context) error {
	dates, err := o.number(ctx, shownDates)
	if err != nil {
		return err
	}
	live, err := o.number(ctx, liveDates)
	if err != nil {
		return err
	}
	if dates == 0 || dates != live {
		return fmt.Errorf("the rooms show %d dates, and %d are bookings", dates, live)
	}
	return nil
}

func closed(err, closing error) error { return errors.Join(err, closing) }
