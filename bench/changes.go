package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ews/e2e/stage"
)

// The circumstances of the scenario changes. Rooms answer at once, so that what
// is measured begins when the room's calendar shows the change.
const (
	changeRooms   = 50
	changeLatency = 50 * time.Millisecond
	changeEvery   = 400 * time.Millisecond
	pollInterval  = 10 * time.Second // without streaming
)

// changes measures scenario (b): from a change in Outlook to the change in
// Eliona, with notifications and without.
func changes(ctx context.Context, b *bench) error {
	// A notification leads to a poll, a view and, for what is new, its details.
	if err := change(ctx, b, true, row{
		measure: "change in Outlook to change in Eliona, streaming", limit: seconds(3 * changeLatency), target: "p95 < 1.50 s",
	}, 1500*time.Millisecond); err != nil {
		return err
	}
	return change(ctx, b, false, row{
		measure: fmt.Sprintf("the same, polling every %v", pollInterval), limit: seconds(pollInterval + 3*changeLatency),
		target: "p95 < interval + 2 s",
	}, pollInterval+2*time.Second)
}

func change(ctx context.Context, b *bench, streaming bool, r row, most time.Duration) (err error) {
	count := 90
	if b.quick {
		count = 12
	}
	o, err := b.open(ctx, setting{building: stage.Building{Rooms: changeRooms, People: 5}, latency: changeLatency})
	if err != nil {
		return err
	}
	defer func() { err = closed(err, o.close(ctx)) }()
	settings := map[string]any{"streaming": streaming}
	if !streaming {
		settings["refreshInterval"] = int(pollInterval / time.Second)
	}
	if err := o.configure(ctx, o.Lists()[0], settings); err != nil {
		return err
	}
	if err := o.settled(ctx, changeRooms, time.Minute); err != nil {
		return err
	}
	if streaming {
		if err := o.calm(ctx); err != nil {
			return err
		}
	}
	var took durations
	// Meetings are made, moved and cancelled, each kind in its turn.
	meetings, err := o.outlook(ctx, count/3)
	if err != nil {
		return err
	}
	for _, act := range []func(m *booking) stage.Action{(*booking).book, (*booking).move, (*booking).cancel} {
		for _, m := range meetings {
			m.at = time.Now()
			made, err := o.Control.Act(ctx, act(m))
			if err != nil {
				return fmt.Errorf("acting in Outlook: %w", err)
			}
			if made.UID != "" {
				m.uid = made.UID
			}
			if !sleep(ctx, changeEvery) {
				return ctx.Err()
			}
		}
		more, err := o.followed(ctx, meetings, most)
		if err != nil {
			return err
		}
		took = append(took, more...)
	}
	r.scenario, r.median, r.p95, r.met = "b", seconds(took.median()), seconds(took.p95()), metIf(took.p95() < most)
	b.add(r)
	return nil
}

// booking is a meeting of a person in a room of its own, and the booking that
// follows it.
type booking struct {
	person, room string
	start        time.Time
	uid          string
	at           time.Time // of the latest change
	cancelled    bool
}

func (o *site) outlook(_ context.Context, count int) ([]*booking, error) {
	if count > changeRooms {
		return nil, errors.New("there are not enough rooms")
	}
	start := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 5)
	var out []*booking
	for n := range count {
		out = append(out, &booking{
			person: o.Person(n % o.People), room: o.Room(n), start: start.Add(time.Duration(n) * 10 * time.Minute),
		})
	}
	return out, nil
}

func (m *booking) book() stage.Action {
	return stage.Action{Person: m.person, Where: "outlook", Action: "book", Subject: "x", Rooms: []string{m.room}}.At(m.start, time.Hour)
}

func (m *booking) move() stage.Action {
	m.start = m.start.Add(3 * time.Hour)
	return stage.Action{Person: m.person, Where: "outlook", Action: "move", UID: m.uid}.At(m.start, time.Hour)
}

func (m *booking) cancel() stage.Action {
	m.cancelled = true
	return stage.Action{Person: m.person, Where: "outlook", Action: "cancel", UID: m.uid}
}

// followed waits until the bookings are as the meetings, and returns how long
// each took by the clock of the Booking app.
func (o *site) followed(ctx context.Context, meetings []*booking, most time.Duration) (took durations, err error) {
	err = stage.Until(ctx, 3*most, "the bookings follow", func() (bool, error) {
		all, err := o.Control.Bookings(ctx)
		if err != nil {
			return false, err
		}
		took = nil
		for _, m := range meetings {
			for _, k := range all {
				if last := k.History[len(k.History)-1]; k.Start.Equal(m.start) && k.Cancelled == m.cancelled {
					took = append(took, last.Time.Sub(m.at))
				}
			}
		}
		return len(took) == len(meetings), nil
	})
	return took, err
}
