package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ews/e2e/stage"
)

// steps is the script.
func steps() []step {
	return append([]step{
		{
			title: "configuration posted", expect: "5 rooms are bookable assets in Eliona below one root, and the administrator was told once",
			vital: true, limit: 20 * time.Second,
			act:  func(ctx context.Context, p *play) error { return p.configure(ctx) },
			seen: func(ctx context.Context, p *play) (string, error) { return p.roomsAreAssets(ctx) },
		},
		{
			title: "booked in Eliona", expect: "meeting in Alice's calendar, Room 1 accepted",
			act: func(ctx context.Context, p *play) (err error) {
				p.eliona, err = p.bookInEliona(ctx, p.slot(alice, 8, 1))
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				e, instead, err := p.meeting(ctx, p.eliona.slot)
				p.eliona.uid = e.UID
				return instead, err
			},
		},
		{
			title: "booked in Outlook", expect: "booking of Room 2 for Bob in Eliona",
			act: func(ctx context.Context, p *play) (err error) {
				p.outlook, err = p.bookInOutlook(ctx, p.slot(bob, 8, 2), "Review")
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				b, instead, err := p.booking(ctx, p.outlook.slot)
				p.outlook.booking = b.ID
				return instead, err
			},
		},
		{
			title: "moved in Outlook", expect: "the same booking has the new time",
			act: func(ctx context.Context, p *play) error {
				if err := needs(p.outlook.booking != 0, "Bob's booking"); err != nil {
					return err
				}
				p.outlook.slot = p.outlook.slot.moved(2)
				_, err := p.act(ctx, stage.Action{Person: bob, Where: "outlook", Action: "move", UID: p.outlook.uid}.
					At(p.outlook.slot.start, time.Hour))
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				b, instead, err := p.booking(ctx, p.outlook.slot)
				if instead == "" && err == nil && b.ID != p.outlook.booking {
					return "", fmt.Errorf("it is another booking: %d, before %d", b.ID, p.outlook.booking)
				}
				return instead, err
			},
		},
		{
			title: "moved in Eliona", expect: "the same meeting has the new time, Room 1 accepted again",
			act: func(ctx context.Context, p *play) error {
				if err := needs(p.eliona.uid != "", "Alice's meeting"); err != nil {
					return err
				}
				p.eliona.slot = p.eliona.slot.moved(1)
				_, err := p.act(ctx, stage.Action{Where: "eliona", Action: "move", BookingID: p.eliona.booking}.
					At(p.eliona.slot.start, time.Hour))
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				e, instead, err := p.meeting(ctx, p.eliona.slot)
				if instead == "" && err == nil && e.UID != p.eliona.uid {
					return "", errors.New("it is another meeting")
				}
				return instead, err
			},
		},
		{
			title: "cancelled in Outlook", expect: `booking cancelled with the reason "cancelled"`,
			act: func(ctx context.Context, p *play) error {
				if err := needs(p.outlook.booking != 0, "Bob's booking"); err != nil {
					return err
				}
				_, err := p.act(ctx, stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: p.outlook.uid})
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				return p.cancelled(ctx, p.outlook.booking, "cancelled")
			},
		},
		{
			title: "cancelled in Eliona", expect: "meeting gone from the calendars of Alice and Room 1",
			act: func(ctx context.Context, p *play) error {
				if err := needs(p.eliona.uid != "", "Alice's meeting"); err != nil {
					return err
				}
				_, err := p.act(ctx, stage.Action{Where: "eliona", Action: "cancel", BookingID: p.eliona.booking})
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				if instead, err := p.free(ctx, alice, p.eliona.slot.start); instead != "" || err != nil {
					return instead, err
				}
				return p.free(ctx, room(1), p.eliona.slot.start)
			},
		},
	}, laterSteps()...)
}

// laterSteps are the less common things.
func laterSteps() []step {
	return []step{
		{
			title: "room declines a booking from Eliona", expect: `meeting withdrawn, booking cancelled with the reason "conflict", Carol notified`,
			act: func(ctx context.Context, p *play) error {
				if err := p.control.SetRoom(ctx, map[string]any{"room": room(5), "automate": "decline"}); err != nil {
					return err
				}
				return p.refuse(ctx, p.slot(carol, 8, 5))
			},
			seen: func(ctx context.Context, p *play) (string, error) { return p.refusedAndTold(ctx) },
			undo: func(ctx context.Context, p *play) error {
				return p.control.SetRoom(ctx, map[string]any{"room": room(5), "automate": "accept"})
			},
		},
		{
			title: "booked on both sides at once", expect: "Room 4 keeps Bob's meeting, Alice's booking is cancelled and she is notified",
			act: func(ctx context.Context, p *play) error {
				if _, err := p.bookInOutlook(ctx, p.slot(bob, 9, 4), "Interview"); err != nil {
					return err
				}
				return p.refuse(ctx, p.slot(alice, 9, 4))
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				if instead, err := p.refusedAndTold(ctx); instead != "" || err != nil {
					return instead, err
				}
				_, instead, err := p.booking(ctx, p.slot(bob, 9, 4))
				return instead, err
			},
		},
		{
			title: "booked in Eliona without a mailbox", expect: "the service user organizes the meeting, Room 3 accepted",
			act: func(ctx context.Context, p *play) error {
				_, err := p.bookInEliona(ctx, p.slot(admin, 8, 3))
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				_, instead, err := p.meeting(ctx, p.slot(serviceUser, 8, 3))
				return instead, err
			},
		},
		{
			title: "weekly series of 4 in Outlook", expect: "4 bookings in one group",
			act: func(ctx context.Context, p *play) error {
				a := p.slot(carol, 12, 4).book("outlook", "Weekly")
				a.Recurrence = map[string]any{"pattern": "weekly", "count": 4}
				_, err := p.act(ctx, a)
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) { return p.series(ctx, p.slot(carol, 12, 4), 4) },
		},
		{
			title: "meeting with two rooms in Outlook", expect: "one booking with both assets",
			act: func(ctx context.Context, p *play) (err error) {
				p.both, err = p.bookInOutlook(ctx, p.slot(bob, 11, 1, 2), "Workshop")
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				b, instead, err := p.booking(ctx, p.both.slot)
				p.both.booking = b.ID
				return instead, err
			},
		},
		{
			title: "one of the rooms removed", expect: "the same booking with one asset",
			act: func(ctx context.Context, p *play) error {
				if err := needs(p.both.booking != 0, "the booking of two rooms"); err != nil {
					return err
				}
				_, err := p.act(ctx, stage.Action{Person: bob, Where: "outlook", Action: "change-rooms", UID: p.both.uid, Rooms: []string{room(1)}})
				return err
			},
			seen: func(ctx context.Context, p *play) (string, error) {
				b, instead, err := p.booking(ctx, p.slot(bob, 11, 1))
				if instead == "" && err == nil && b.ID != p.both.booking {
					return "", fmt.Errorf("it is another booking: %d, before %d", b.ID, p.both.booking)
				}
				return instead, err
			},
		},
		{
			title: "20 bookings in Eliona within a second", expect: "20 meetings, none doubled, all accepted", limit: 20 * time.Second,
			act:  func(ctx context.Context, p *play) error { return p.bookMany(ctx) },
			seen: func(ctx context.Context, p *play) (string, error) { return p.meetings(ctx, p.many) },
		},
		{
			title: "app killed while it books, started again", expect: "nothing lost, nothing doubled", limit: 30 * time.Second,
			act: func(ctx context.Context, p *play) error { return p.crashWhileBooking(ctx) },
			seen: func(ctx context.Context, p *play) (string, error) {
				if instead, err := p.meetings(ctx, p.crash); instead != "" || err != nil {
					return instead, err
				}
				return p.bookedOnce(ctx, p.crash)
			},
		},
		{
			title: "all rooms compared", expect: "the rooms, the people and Eliona say the same",
			seen: func(ctx context.Context, p *play) (string, error) { return p.agree(ctx) },
		},
	}
}

// refuse books what will be refused.
func (p *play) refuse(ctx context.Context, s slot) error {
	told, err := p.notices(ctx, s.person)
	if err != nil {
		return err
	}
	p.told = len(told)
	p.refused, err = p.bookInEliona(ctx, s)
	return err
}

// bookMany books every room for four hours, all at once.
func (p *play) bookMany(ctx context.Context) error {
	people := []string{alice, bob, carol}
	for hour := 13; hour < 17; hour++ {
		for n := 1; n <= 5; n++ {
			p.many = append(p.many, p.slot(people[len(p.many)%len(people)], hour, n))
		}
	}
	errs := make([]error, len(p.many))
	var all sync.WaitGroup
	for i, s := range p.many {
		all.Go(func() { _, errs[i] = p.bookInEliona(ctx, s) })
	}
	all.Wait()
	p.detail = fmt.Sprintf("booked in %.2f s; the time is that of the last", time.Since(p.since).Seconds())
	return errors.Join(errs...)
}

// crashWhileBooking kills the app when the first of five bookings has reached
// Exchange, books on both sides while it is dead, and starts it again.
func (p *play) crashWhileBooking(ctx context.Context) error {
	for n := 1; n <= 5; n++ {
		s := p.slot(alice, 17, n)
		p.crash = append(p.crash, s)
		if _, err := p.bookInEliona(ctx, s); err != nil {
			return err
		}
	}
	err := stage.Until(ctx, usualLimit, "the first of five bookings is in Alice's calendar", func() (bool, error) {
		entries, err := p.control.Calendar(ctx, alice)
		return len(entriesAt(entries, p.crash[0].start)) > 0, err
	})
	if err != nil {
		return err
	}
	if err := p.app.kill(); err != nil {
		return err
	}
	for n, person := range []string{alice, bob, carol, bob} {
		s := p.slot(person, 18, n+1)
		p.crash = append(p.crash, s)
		if n < 2 {
			_, err = p.bookInEliona(ctx, s)
		} else {
			_, err = p.bookInOutlook(ctx, s, "Booked while the app was down")
		}
		if err != nil {
			return err
		}
	}
	if err := p.app.start(ctx); err != nil {
		return err
	}
	p.detail = "5 bookings when it was killed, 4 while it was down; the time counts from the start"
	p.clock()
	return nil
}
