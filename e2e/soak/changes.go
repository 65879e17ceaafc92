package soak

import (
	"context"
	"slices"
	"time"
)

// patience is how long people leave a series alone whose dates all moved: what
// happens to the old dates meanwhile is up to chance.
const patience = 20 * time.Second

// some draws a live thing for which the condition holds; nil if there is none.
// The lock is held.
func (c *crowd) some(is func(*thing) bool) *thing {
	var all []*thing
	for _, t := range c.book.things {
		moving := t.series != nil && time.Since(t.series.moved) < patience
		if t.live() && !moving && is(t) {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[c.dice.IntN(len(all))]
}

// meeting draws a thing that its organizer can change in Outlook.
func (c *crowd) meeting(is func(*thing) bool) *thing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.some(func(t *thing) bool {
		return t.uid != "" && t.mailbox != "" && t.mailbox != service && (is == nil || is(t))
	})
}

// booked draws a thing whose booking a person can change in Eliona. A booking
// that the app made is left alone until the app knows its number.
func (c *crowd) booked(ctx context.Context, is func(*thing) bool) (*thing, int32) {
	c.mu.Lock()
	t := c.some(func(t *thing) bool { return t.booking != 0 && (is == nil || is(t)) })
	if t == nil {
		c.mu.Unlock()
		return nil, 0
	}
	id, own := t.booking, t.origin == eliona
	c.mu.Unlock()
	if own {
		return t, id
	}
	known, err := query[int](ctx, c.world, `select count(*) from ews.occurrence where booking_id = $1`, id)
	if err != nil || known == 0 {
		c.tally.deed("(left alone: the app may not know the booking's number)")
		return nil, 0
	}
	return t, id
}

// outlookRequest is a change in Outlook of a thing, or of one date.
func outlookRequest(t *thing, action string) map[string]any {
	request := map[string]any{"person": t.mailbox, "where": outlook, "action": action, "uid": t.uid}
	if t.series != nil && t.origin == outlook {
		request["occurrence"] = t.original
	}
	return request
}

// change performs a request that makes a wish come true, which is entered first.
func (c *crowd) change(ctx context.Context, t *thing, side string, request map[string]any, alter func(*wish)) (bool, error) {
	settled := c.settled(ctx, t)
	c.mu.Lock()
	before := len(t.wishes)
	w := c.seen(t, side)
	// What Eliona asks for in a partner's meeting nobody but the partner can do:
	// the booking goes back to what Exchange says.
	w.side, w.settled = side, settled && (side == outlook || t.mailbox != partner)
	alter(&w)
	request["start"], request["end"] = w.start, w.end
	if request["action"] == "change-rooms" {
		delete(request, "start")
		delete(request, "end")
		request["rooms"] = w.rooms
	}
	c.book.wish(t, w)
	c.mu.Unlock()
	_, ok, err := c.perform(ctx, request)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || !ok {
		t.wishes = slices.Delete(t.wishes, before, before+1) // its minute stays taken
		return false, err
	}
	note := ""
	if settled {
		note = " (all was settled)"
	}
	t.note("%v in %s: %v%s", request["action"], side, t.last(), note)
	return true, nil
}

// seen is what somebody sees of a thing, and changes a part of. The rooms are
// those of both sides: where Outlook still invites one that declined, it is asked
// again with every change. The lock is held.
func (c *crowd) seen(t *thing, side string) wish {
	w := t.last()
	if !t.shown.start.IsZero() {
		w.start, w.end, w.rooms = t.shown.start, t.shown.end, slices.Clone(t.shown.rooms)
	}
	for _, b := range c.history.of(t) {
		if side == eliona || t.shown.start.IsZero() {
			w.start, w.end = b.start, b.end
		}
		w.rooms = append(slices.Clone(w.rooms), c.roomsOf(b.assets)...)
	}
	slices.Sort(w.rooms)
	w.rooms = slices.Compact(w.rooms)
	return w
}

// settled tells whether both sides show the same of a thing, and the app knows
// it: then a person's next wish competes with no other.
func (c *crowd) settled(ctx context.Context, t *thing) bool {
	c.mu.Lock()
	all := c.history.of(t)
	same := len(all) == 1 && time.Since(t.touched) > 3*time.Second && !t.shown.start.IsZero() &&
		all[0].start.Equal(t.shown.start) && all[0].end.Equal(t.shown.end)
	if same {
		declined := c.history.declined(t)
		held := slices.DeleteFunc(slices.Clone(t.shown.rooms), func(r string) bool { return declined[r] })
		booked := c.roomsOf(all[0].assets)
		same = sameRooms(held, booked)
	}
	uid := t.uid
	c.mu.Unlock()
	if !same {
		return false
	}
	busy, err := query[int](ctx, c.world, `
		select count(*) from ews.meeting m
		where m.uid = $1 and (m.want_gen > m.done_gen or m.claim_token is not null
		  or exists (select from ews.operation p where p.meeting_id = m.id and p.status = 'sending')
		  or exists (select from ews.occurrence o where o.meeting_id = m.id and o.asked_by <> ''))`, uid)
	return err == nil && busy == 0
}

// roomsOf names the rooms that assets stand for. The lock is held.
func (w *world) roomsOf(assets []int32) []string {
	var out []string
	for room, asset := range w.assets {
		if slices.Contains(assets, asset) {
			out = append(out, room)
		}
	}
	slices.Sort(out)
	return out
}

func sameRooms(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func (c *crowd) move(ctx context.Context) (bool, error) {
	t := c.meeting(nil)
	if t == nil {
		return false, nil
	}
	return c.change(ctx, t, outlook, outlookRequest(t, "move"), c.elsewhen(t))
}

// elsewhen moves a wish to another time. One date of a series stays on its day.
func (c *crowd) elsewhen(t *thing) func(*wish) {
	return func(w *wish) {
		at, d := time.Time{}, c.length()
		if t.series != nil && t.origin == outlook {
			at = c.dates.sameDay(t.original)
		} else {
			at = c.dates.one()
		}
		w.start, w.end = at, at.Add(d)
	}
}

func (c *crowd) longer(w *wish) {
	w.end = w.start.Add(w.end.Sub(w.start)%(50*time.Minute) + 10*time.Minute)
}

func (c *crowd) extend(ctx context.Context) (bool, error) {
	t := c.meeting(nil)
	if t == nil {
		return false, nil
	}
	return c.change(ctx, t, outlook, outlookRequest(t, "move"), c.longer)
}

func (c *crowd) changeRooms(ctx context.Context) (bool, error) {
	t := c.meeting(nil)
	if t == nil {
		return false, nil
	}
	return c.change(ctx, t, outlook, outlookRequest(t, "change-rooms"), func(w *wish) { w.rooms = c.someRooms(t.floor) })
}

func (c *crowd) rename(ctx context.Context) (bool, error) {
	t := c.meeting(func(t *thing) bool { return t.series == nil })
	if t == nil {
		return false, nil
	}
	_, ok, err := c.perform(ctx, map[string]any{"person": t.mailbox, "where": outlook, "action": "rename", "uid": t.uid, "subject": "Renamed"})
	return ok, err
}

// gone performs a request that cancels things.
func (c *crowd) gone(ctx context.Context, things []*thing, side string, request map[string]any) (bool, error) {
	// From now on nobody else touches them, however the request ends.
	c.mu.Lock()
	for _, t := range things {
		t.cancelled, t.by = time.Now(), side
		t.note("%v in %s", request["action"], side)
	}
	c.mu.Unlock()
	_, ok, err := c.perform(ctx, request)
	if ok || err != nil {
		return ok, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range things {
		t.cancelled = time.Time{}
		t.note("that was not possible")
	}
	return false, nil
}

func (c *crowd) cancel(ctx context.Context) (bool, error) {
	t := c.meeting(nil)
	if t == nil {
		return false, nil
	}
	return c.gone(ctx, []*thing{t}, outlook, outlookRequest(t, "cancel"))
}

// whole draws a series of Outlook with its live dates.
func (c *crowd) whole(settled bool) (*thing, []*thing) {
	t := c.meeting(func(t *thing) bool { return t.series != nil && t.origin == outlook })
	if t == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var live []*thing
	for _, x := range t.series.things {
		if x.live() {
			live = append(live, x)
		}
		if settled && time.Since(x.touched) < patience {
			return nil, nil
		}
	}
	return t, live
}

func (c *crowd) cancelSeries(ctx context.Context) (bool, error) {
	t, live := c.whole(false)
	if t == nil {
		return false, nil
	}
	return c.gone(ctx, live, outlook, map[string]any{"person": t.mailbox, "where": outlook, "action": "cancel", "uid": t.uid})
}

// moveSeries gives all dates of a series another time of the day. That undoes
// what was changed for single dates.
func (c *crowd) moveSeries(ctx context.Context) (bool, error) {
	t, live := c.whole(true)
	if t == nil {
		return false, nil
	}
	for _, x := range live {
		// Whether rooms of one date only are told when the series moves, and the
		// date with it, is not known of Exchange.
		if !slices.Equal(x.last().rooms, t.series.things[0].wishes[0].rooms) || !c.settled(ctx, x) {
			return false, nil
		}
	}
	d := c.length()
	c.mu.Lock()
	all := t.series.things
	var dates []time.Time
	for _, x := range all {
		dates = append(dates, x.original)
	}
	moved := c.dates.again(dates)
	rooms := all[0].wishes[0].rooms
	for i, x := range all {
		c.book.wish(x, wish{side: outlook, start: moved[i], end: moved[i].Add(d), rooms: slices.Clone(rooms), settled: true})
		x.original = moved[i]
	}
	t.series.moved = time.Now()
	c.mu.Unlock()
	_, ok, err := c.perform(ctx, map[string]any{
		"person": t.mailbox, "where": outlook, "action": "move", "uid": t.uid, "start": moved[0], "end": moved[0].Add(d),
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range live {
		x.note("the whole series is moved: %v", x.last())
	}
	return ok, err
}

func (c *crowd) moveBooking(ctx context.Context) (bool, error) {
	t, id := c.booked(ctx, nil)
	if t == nil {
		return false, nil
	}
	return c.change(ctx, t, eliona, map[string]any{"where": eliona, "action": "move", "bookingID": id}, c.elsewhen(t))
}

func (c *crowd) extendBooking(ctx context.Context) (bool, error) {
	t, id := c.booked(ctx, nil)
	if t == nil {
		return false, nil
	}
	return c.change(ctx, t, eliona, map[string]any{"where": eliona, "action": "move", "bookingID": id}, c.longer)
}

func (c *crowd) changeBookedRooms(ctx context.Context) (bool, error) {
	t, id := c.booked(ctx, nil)
	if t == nil {
		return false, nil
	}
	request := map[string]any{"where": eliona, "action": "change-rooms", "bookingID": id, "project": "10"}
	return c.change(ctx, t, eliona, request, func(w *wish) { w.rooms = c.someRooms(t.floor) })
}

func (c *crowd) cancelBooking(ctx context.Context) (bool, error) {
	t, id := c.booked(ctx, nil)
	if t == nil {
		return false, nil
	}
	return c.gone(ctx, []*thing{t}, eliona, map[string]any{"where": eliona, "action": "cancel", "bookingID": id})
}

func (c *crowd) noShow(ctx context.Context) (bool, error) {
	t, id := c.booked(ctx, nil)
	if t == nil {
		return false, nil
	}
	return c.gone(ctx, []*thing{t}, eliona, map[string]any{"where": eliona, "action": "no-show", "bookingID": id})
}

func (c *crowd) cancelGroup(ctx context.Context) (bool, error) {
	t, _ := c.booked(ctx, func(t *thing) bool { return t.series != nil && t.origin == eliona })
	if t == nil {
		return false, nil
	}
	c.mu.Lock()
	var live []*thing
	for _, x := range t.series.things {
		if x.live() {
			live = append(live, x)
		}
	}
	c.mu.Unlock()
	return c.gone(ctx, live, eliona, map[string]any{"where": eliona, "action": "cancel", "groupID": t.group})
}
