package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ews/e2e/stage"
)

// The circumstances of the scenario bookings.
const (
	bookingRooms    = 50
	bookingCount    = 100
	bookingTime     = time.Second // in which all of them are made
	bookingLatency  = 50 * time.Millisecond
	bookingDecision = time.Second
)

// bookings measures scenario (a): many bookings made in Eliona at once, until
// the rooms have accepted the meetings and both sides agree.
func bookings(ctx context.Context, b *bench) (err error) {
	rooms, count := bookingRooms, bookingCount
	if b.quick {
		rooms, count = 10, 20
	}
	o, err := b.open(ctx, setting{
		building: stage.Building{Rooms: rooms, People: count}, latency: bookingLatency, decision: bookingDecision,
	})
	if err != nil {
		return err
	}
	defer func() { err = closed(err, o.close(ctx)) }()
	if err := o.configure(ctx, o.Lists()[0], nil); err != nil {
		return err
	}
	if err := o.settled(ctx, rooms, time.Minute); err != nil {
		return err
	}
	if err := o.calm(ctx); err != nil {
		return err
	}
	before, err := o.requests(ctx, "exchange")
	if err != nil {
		return err
	}
	made, err := o.bookAll(ctx, rooms, count)
	if err != nil {
		return err
	}
	took, last, err := o.agreed(ctx, made)
	if err != nil {
		return err
	}
	after, err := o.requests(ctx, "exchange")
	if err != nil {
		return err
	}
	if err := o.accepted(ctx, count); err != nil {
		return err
	}
	spent := since(after, before)
	// A booking takes one request to make the meeting and one to read the answer.
	single := bookingLatency + bookingDecision + bookingLatency
	b.add(row{
		scenario: "a", measure: fmt.Sprintf("%d bookings in Eliona within %v: each accepted", count, bookingTime),
		median: seconds(took.median()), p95: seconds(took.p95()), limit: seconds(single),
		target: "p95 < 2.50 s", met: metIf(took.p95() < 2500*time.Millisecond),
	})
	b.add(row{
		scenario: "a", measure: "all accepted, after the last one was made", median: seconds(last), limit: seconds(single),
		target: "< 4.00 s", met: metIf(last < 4*time.Second),
	})
	b.add(row{
		scenario: "a", measure: "requests to Exchange per booking", limit: "2",
		median: fmt.Sprintf("%.1f", float64(total(spent))/float64(count)),
	})
	b.say("%v", spent)
	return nil
}

func total(counts map[string]int64) int64 {
	n := int64(0)
	for _, count := range counts {
		n += count
	}
	return n
}

// calm waits until the rooms are watched, and nothing is asked of Exchange.
func (o *site) calm(ctx context.Context) error {
	quiet, last := time.Now(), int64(-1)
	return stage.Until(ctx, time.Minute, "Exchange is left alone", func() (bool, error) {
		now, err := o.requests(ctx, "exchange")
		if n := total(now); n != last {
			quiet, last = time.Now(), n
		}
		return time.Since(quiet) > 2*time.Second, err
	})
}

// booked is when a booking was made.
type booked map[int32]time.Time

// bookAll makes bookings of different people in all rooms, spread evenly.
func (o *site) bookAll(ctx context.Context, rooms, count int) (booked, error) {
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 3)
	made := booked{}
	var mu sync.Mutex
	var failed error
	var people sync.WaitGroup
	for n := range count {
		people.Go(func() {
			if !sleep(ctx, time.Duration(n)*bookingTime/time.Duration(count)) {
				return
			}
			start := day.Add(time.Duration(6+n/rooms) * time.Hour)
			at := time.Now()
			answer, err := o.Control.Act(ctx, stage.Action{
				Person: o.Person(n), Where: "eliona", Action: "book", Rooms: []string{o.Room(n % rooms)},
			}.At(start, time.Hour))
			mu.Lock()
			defer mu.Unlock()
			if err != nil || len(answer.BookingIDs) == 0 {
				failed = fmt.Errorf("making a booking: %w", err)
				return
			}
			made[answer.BookingIDs[0]] = at
		})
	}
	people.Wait()
	return made, failed
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// agreed waits until the app knows of every booking that the room holds the
// meeting. It returns how long each took, and how long the last one took since
// the last one was made.
func (o *site) agreed(ctx context.Context, made booked) (durations, time.Duration, error) {
	open := map[int32]time.Time{}
	var lastMade time.Time
	for id, at := range made {
		open[id] = at
		if at.After(lastMade) {
			lastMade = at
		}
	}
	var took durations
	var last time.Duration
	err := stage.Until(ctx, time.Minute, "all bookings are accepted", func() (bool, error) {
		rows, err := o.database.Query(ctx, `select booking_id from ews.occurrence where base_live and asked_by = '' and bk_live`)
		if err != nil {
			return false, err
		}
		defer rows.Close()
		now := time.Now()
		for rows.Next() {
			var id int32
			if err := rows.Scan(&id); err != nil {
				return false, err
			}
			if at, ok := open[id]; ok {
				delete(open, id)
				took, last = append(took, now.Sub(at)), now.Sub(lastMade)
			}
		}
		return len(open) == 0, rows.Err()
	})
	return took, last, err
}

// accepted checks that every person's meeting is accepted, and no booking was
// cancelled: that the app is not only fast.
func (o *site) accepted(ctx context.Context, count int) error {
	for n := range count {
		entries, err := o.Control.Calendar(ctx, o.Person(n))
		if err != nil {
			return err
		}
		if len(entries) != 1 || entries[0].Cancelled || len(entries[0].Rooms) != 1 || entries[0].Rooms[0].Response != "Accept" {
			return fmt.Errorf("the calendar of %s is not as it should be: %+v", o.Person(n), entries)
		}
	}
	all, err := o.Control.Bookings(ctx)
	if err != nil {
		return err
	}
	if len(all) != count || slices.ContainsFunc(all, func(k stage.Booking) bool { return k.Cancelled }) {
		return fmt.Errorf("%d bookings were made, %d are there, or some are cancelled", count, len(all))
	}
	return nil
}
