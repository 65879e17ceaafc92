package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"ews/e2e/stage"
)

// crowd are the people who book, and their chance.
type crowd struct {
	*world
	dice *rand.Rand
}

// deed is something a person can do; it reports false if it could not be done.
type deed struct {
	name   string
	weight int
	do     func(*crowd, context.Context) (bool, error)
}

var deeds = []deed{
	{"outlook: book", 14, (*crowd).invite},
	{"outlook: book a series", 4, (*crowd).inviteToSeries},
	{"outlook: move", 8, (*crowd).move},
	{"outlook: extend", 3, (*crowd).extend},
	{"outlook: change rooms", 5, (*crowd).changeRooms},
	{"outlook: rename", 2, (*crowd).rename},
	{"outlook: cancel", 7, (*crowd).cancel},
	{"outlook: move a whole series", 1, (*crowd).moveSeries},
	{"outlook: cancel a whole series", 1, (*crowd).cancelSeries},
	{"eliona: book", 14, (*crowd).reserve},
	{"eliona: book a series", 3, (*crowd).reserveSeries},
	{"eliona: ad-hoc", 2, (*crowd).adHoc},
	{"eliona: move", 8, (*crowd).moveBooking},
	{"eliona: extend", 3, (*crowd).extendBooking},
	{"eliona: change rooms", 5, (*crowd).changeBookedRooms},
	{"eliona: cancel", 7, (*crowd).cancelBooking},
	{"eliona: no-show", 1, (*crowd).noShow},
	{"eliona: cancel a group", 1, (*crowd).cancelGroup},
}

// act lets people act until ctx ends, so many times a second on average.
func (c *crowd) act(ctx context.Context, perSecond float64) error {
	total := 0
	for _, d := range deeds {
		total += d.weight
	}
	for rest(ctx, time.Duration(c.dice.ExpFloat64()/perSecond*float64(time.Second))) {
		n := c.dice.IntN(total)
		for _, d := range deeds {
			if n -= d.weight; n >= 0 {
				continue
			}
			done, err := d.do(c, ctx)
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			if done {
				c.tally.deed(d.name)
			}
			break
		}
	}
	return nil
}

// perform makes a person act. What the simulators refuse was not possible.
func (c *crowd) perform(ctx context.Context, request map[string]any) (stage.Made, bool, error) {
	var made stage.Made
	err := c.Control.Do(context.WithoutCancel(ctx), http.MethodPost, "/people", request, &made)
	if err != nil && (strings.Contains(err.Error(), ": 400 ") || strings.Contains(err.Error(), ": 404 ") || strings.Contains(err.Error(), ": 409 ")) {
		return made, false, nil
	}
	return made, err == nil, err
}

func (c *crowd) length() time.Duration { return time.Duration(15+5*c.dice.IntN(10)) * time.Minute }

// someRooms draws rooms of a floor: mostly one.
func (c *crowd) someRooms(floor int) []string {
	all := slices.Clone(floors[floor])
	c.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:pick(c.dice, 1, 1, 1, 2, 3)]
}

func (c *crowd) organizer() string {
	if c.dice.IntN(10) == 0 {
		return partner
	}
	return pick(c.dice, people...)
}

func (c *crowd) booker() string {
	if c.dice.IntN(6) == 0 {
		return pick(c.dice, guests...)
	}
	return pick(c.dice, people...)
}

// wished enters things before the request is made: the ledger may tell of it
// before its answer is here.
func (c *crowd) wished(origin, person string, dates []time.Time, d time.Duration, rooms []string, floor int) []*thing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*thing
	for _, at := range dates {
		t := &thing{origin: origin, person: person, floor: floor}
		c.book.add(t, wish{side: origin, start: at, end: at.Add(d), rooms: slices.Clone(rooms)})
		all = append(all, t)
	}
	if len(all) > 1 {
		s := &series{things: all}
		for i, t := range all {
			t.series, t.original = s, dates[i]
		}
	}
	for _, t := range all {
		t.note("%s books it in %s: %v", name(person), origin, t.last())
	}
	return all
}

func (c *crowd) invite(ctx context.Context) (bool, error) {
	return c.inviteTo(ctx, []time.Time{c.oneDate()}, nil)
}

func (c *crowd) oneDate() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dates.one()
}

func (c *crowd) inviteToSeries(ctx context.Context) (bool, error) {
	dates, pattern := c.series(4)
	return c.inviteTo(ctx, dates, pattern)
}

// series returns the dates of a series of less than 2+most, and its pattern.
func (c *crowd) series(most int) ([]time.Time, map[string]any) {
	n, every := 2+c.dice.IntN(most), pick(c.dice, 1, 7)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dates.dates(n, every), map[string]any{"pattern": "daily", "interval": every, "count": n, "timeZone": "UTC"}
}

func (c *crowd) inviteTo(ctx context.Context, dates []time.Time, pattern map[string]any) (bool, error) {
	floor := c.dice.IntN(len(floors))
	who, d, rooms := c.organizer(), c.length(), c.someRooms(floor)
	things := c.wished(outlook, who, dates, d, rooms, floor)
	request := map[string]any{
		"person": who, "where": outlook, "action": "book", "subject": "Meeting", "rooms": rooms, "start": dates[0], "end": dates[0].Add(d),
	}
	if pattern != nil {
		request["recurrence"], request["timeZone"] = pattern, "UTC"
	}
	made, ok, err := c.perform(ctx, request)
	if err != nil || !ok {
		return false, fmt.Errorf("the simulators do not take %v: %w", request, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range things {
		t.uid, t.mailbox = made.UID, who
	}
	return true, nil
}

func (c *crowd) reserve(ctx context.Context) (bool, error) {
	return c.reserveAt(ctx, []time.Time{c.oneDate()}, nil)
}

func (c *crowd) reserveSeries(ctx context.Context) (bool, error) {
	dates, pattern := c.series(3)
	return c.reserveAt(ctx, dates, pattern)
}

func (c *crowd) reserveAt(ctx context.Context, dates []time.Time, pattern map[string]any) (bool, error) {
	floor := c.dice.IntN(len(floors))
	who, d, rooms := c.booker(), c.length(), c.someRooms(floor)
	things := c.wished(eliona, who, dates, d, rooms, floor)
	request := map[string]any{
		"person": who, "where": eliona, "action": "book", "rooms": rooms, "project": "10", "start": dates[0], "end": dates[0].Add(d),
	}
	if pattern != nil {
		request["recurrence"], request["timeZone"] = pattern, "UTC"
	}
	return c.placed(ctx, things, request)
}

func (c *crowd) adHoc(ctx context.Context) (bool, error) {
	floor := c.dice.IntN(len(floors))
	at, d, rooms := c.oneDate(), c.length(), c.someRooms(floor)[:1]
	things := c.wished(eliona, "", []time.Time{at}, d, rooms, floor)
	return c.placed(ctx, things, map[string]any{
		"where": eliona, "action": "ad-hoc", "rooms": rooms, "project": "10", "start": at, "end": at.Add(d),
	})
}

func (c *crowd) placed(ctx context.Context, things []*thing, request map[string]any) (bool, error) {
	made, ok, err := c.perform(ctx, request)
	if err != nil || !ok || len(made.BookingIDs) != len(things) {
		return false, fmt.Errorf("the simulators do not take %v: %w", request, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, t := range things {
		t.booking, t.group = made.BookingIDs[i], made.GroupID
	}
	return true, nil
}
