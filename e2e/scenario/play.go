package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/e2e/stage"
	"ews/simulator/exchangesim/recurrence"
)

// Play is a scenario that is being played.
type Play struct {
	world    *World
	scenario *Scenario
	suffix   string // of the local part of addresses
	almanac  almanac
	assets   map[string]int32  // of the scenario's rooms, by address
	things   map[string]*thing // by the names that the scenario gave
	made     map[int32]bool    // bookings made by people
	faults   []string          // ids of those to be stopped
	began    time.Time
	acted    bool // somebody did something since the last time of waiting
	logf     func(format string, args ...any)
}

// thing is what a name stands for.
type thing struct {
	meetings []meeting
	bookings []int32
	group    int32
	first    time.Time // the first start of the pattern
}

// action is what happens in a step.
type action interface {
	play(ctx context.Context, p *Play) error
}

// Play plays a scenario of this world. The error names the step that did not
// go as written.
func (w *World) Play(ctx context.Context, s *Scenario, logf func(format string, args ...any)) (err error) {
	zone, err := recurrence.LoadZone(s.Zone)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", s.File, s.Line, err)
	}
	p := &Play{
		world: w, scenario: s, suffix: w.suffixes[s], almanac: newAlmanac(time.Now(), zone.Location),
		things: map[string]*thing{}, made: map[int32]bool{}, began: time.Now(), logf: logf,
	}
	if err := p.findAssets(ctx); err != nil {
		return err
	}
	if s.Alone {
		defer func() {
			// It shall leave nothing behind, not even when it was stopped.
			err = errors.Join(err, w.calm(context.WithoutCancel(ctx), p.faults))
		}()
	} else {
		defer func() {
			for _, id := range p.faults {
				err = errors.Join(err, w.Control.Do(context.WithoutCancel(ctx), http.MethodDelete, "/faults/"+id, nil, nil))
			}
		}()
	}
	for _, step := range s.steps {
		if err := step.do.play(ctx, p); err != nil {
			return fmt.Errorf("%s:%d: %s\n%w\nthe app's log:\n%s", s.File, step.line, step.text, err, p.trace(ctx))
		}
	}
	return w.watch.doubles(p.assets)
}

func (p *Play) log(format string, args ...any) { p.logf(format, args...) }

func (p *Play) findAssets(ctx context.Context) error {
	all, err := p.world.assets(ctx)
	p.assets = map[string]int32{}
	for _, room := range p.scenario.Rooms {
		if id, ok := all[p.address(room)]; ok {
			p.assets[p.address(room)] = id
		}
	}
	return err
}

func (p *Play) address(name string) string { return p.world.address(p.scenario, name) }

func (p *Play) addresses(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, p.address(name))
	}
	return out
}

// patience is how long a scenario waits for what happens "in a few seconds",
// on a busy machine.
const patience = 20 * time.Second

func (p *Play) limit(wanted time.Duration) time.Duration {
	usual := max(patience, p.scenario.Patience)
	if p.world.unfriendly {
		return max(3*usual, wanted)
	}
	if wanted > 0 {
		return wanted
	}
	return usual
}

// thing finds what a name stands for; NAME.3 is the third of several.
func (p *Play) thing(name string) (*thing, error) {
	base, index, one := strings.Cut(name, ".")
	t := p.things[base]
	if t == nil {
		return nil, fmt.Errorf("%s was not seen", base)
	}
	if !one {
		return t, nil
	}
	n, err := strconv.Atoi(index)
	if err != nil || n < 1 || n > max(len(t.meetings), len(t.bookings)) {
		return nil, fmt.Errorf("%s has %d", base, max(len(t.meetings), len(t.bookings)))
	}
	out := &thing{first: t.first, group: t.group}
	if len(t.meetings) > 0 {
		out.meetings = t.meetings[n-1 : n]
	}
	if len(t.bookings) > 0 {
		out.bookings = t.bookings[n-1 : n]
	}
	return out, nil
}

// trace returns what the app logged of the scenario: lines with one of its
// addresses or bookings, and what follows of their meetings.
func (p *Play) trace(ctx context.Context) string {
	raw, err := os.ReadFile(p.world.AppLog())
	if err != nil {
		return err.Error()
	}
	wanted := []*regexp.Regexp{regexp.MustCompile(regexp.QuoteMeta(p.suffix) + "@")}
	if sights, err := p.bookings(context.WithoutCancel(ctx)); err == nil {
		for _, s := range sights {
			wanted = append(wanted, regexp.MustCompile(fmt.Sprintf(`(booking=|bookings="?\[([\d ]* )?)%d\b`, s.booking.ID)))
		}
	}
	lines := strings.Split(string(raw), "\n")
	ours := func(line string) bool {
		return slices.ContainsFunc(wanted, func(w *regexp.Regexp) bool { return w.MatchString(line) })
	}
	meetings := map[string]bool{}
	for _, line := range lines {
		if m := meetingInLog.FindString(line); m != "" && ours(line) {
			meetings[m] = true
		}
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return !ours(line) && !meetings[meetingInLog.FindString(line)] })
	const most = 100
	return strings.Join(lines[max(len(lines)-most, 0):], "\n")
}

var meetingInLog = regexp.MustCompile(`\bmeeting=\d+\b`)

// booking books, in Outlook or in Eliona.
type booking struct {
	who, side string // nobody: ad hoc; a room: in its own calendar
	rooms     []string
	when      when
	subject   string
	series    *series
	private   bool
	free      bool   // it does not hold its time
	uid       string // as another program chose it
	with      []string
	as        string
}

func (b *booking) play(ctx context.Context, p *Play) error {
	spans := b.when.on(p.almanac)
	if b.series != nil {
		spans = spans[:1]
	}
	t := &thing{first: spans[0].start}
	p.acted = true
	for _, s := range spans {
		made, err := p.act(ctx, b.request(p, s))
		if err != nil {
			return err
		}
		if b.side == outlook {
			t.meetings = append(t.meetings, meeting{p.address(b.who), made.UID})
		}
		t.bookings, t.group = append(t.bookings, made.BookingIDs...), made.GroupID
	}
	p.things[b.as] = t
	return nil
}

func (b *booking) request(p *Play, s span) map[string]any {
	request := map[string]any{"where": b.side, "action": "book", "start": s.start, "end": s.end}
	if b.who == "" {
		request["action"] = "ad-hoc"
	} else {
		request["person"] = p.address(b.who)
	}
	if len(b.rooms) > 0 {
		request["rooms"] = p.addresses(b.rooms)
	}
	if b.subject != "" {
		request["subject"] = b.subject
	}
	if b.series != nil {
		request["recurrence"] = b.series.request(p)
	}
	if b.side == outlook {
		request["timeZone"] = p.scenario.Zone
		if b.subject == "" {
			request["subject"] = "Meeting"
		}
		if b.when.hours.allDay > 0 {
			request["allDay"] = true
		}
		if b.private {
			request["private"] = true
		}
		if b.free {
			request["showAs"] = "Free"
		}
		if b.uid != "" {
			request["uid"] = b.uid + p.suffix
		}
		if len(b.with) > 0 {
			request["attendees"] = p.addresses(b.with)
		}
	}
	return request
}

// composure is how long people wait at most before they change something.
const composure = 15 * time.Second

// hesitate lets the app come to rest where things go wrong by accident. What
// people do in the seconds in which the app does not know how its last request
// ended, may be lost; docs/decisions/0004 accepts that.
func (p *Play) hesitate(ctx context.Context) error {
	if !p.world.unfriendly || p.acted {
		return nil
	}
	p.acted = true // what follows is done in one go
	if _, ended := p.world.ExitCode(); ended {
		return nil
	}
	conn, err := pgx.Connect(ctx, p.world.URL())
	if err != nil {
		return fmt.Errorf("asking the app's database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	waiting, cancel := context.WithTimeout(ctx, composure)
	defer cancel()
	for waiting.Err() == nil {
		var busy int
		err := conn.QueryRow(waiting, `
			select count(*) from ews.meeting m
			where (m.want_gen > m.done_gen
			       or exists (select from ews.operation p where p.meeting_id = m.id and p.status = 'sending')
			       or exists (select from ews.occurrence o where o.meeting_id = m.id and o.asked_by <> ''))
			  and exists (select from ews.occurrence o
			              join ews.cell c on c.occurrence_id = o.id join ews.room r on r.id = c.room_id
			              where o.meeting_id = m.id and r.mailbox like $1)`, "%"+p.suffix+"@%").Scan(&busy)
		if err != nil && waiting.Err() == nil {
			return fmt.Errorf("asking the app's database: %w", err)
		}
		if err == nil && busy == 0 {
			break
		}
		rest(waiting, lookEvery)
	}
	return ctx.Err()
}

// act makes a person act.
func (p *Play) act(ctx context.Context, request map[string]any) (stage.Made, error) {
	var made stage.Made
	err := p.world.Control.Do(ctx, http.MethodPost, "/people", request, &made)
	for _, id := range made.BookingIDs {
		p.made[id] = true
	}
	return made, err
}

var units = map[string]string{"day": "daily", "week": "weekly", "month": "absoluteMonthly", "year": "absoluteYearly"}

// request writes the series in the words of the control API.
func (s *series) request(p *Play) map[string]any {
	request := map[string]any{"pattern": units[s.unit], "timeZone": p.scenario.Zone}
	if s.interval > 1 {
		request["interval"] = s.interval
	}
	if s.nth > 0 {
		request["pattern"] = strings.Replace(units[s.unit], "absolute", "relative", 1)
		request["index"] = ordinals[s.nth]
	}
	var on []string
	for _, d := range s.on {
		on = append(on, d.String())
	}
	if len(on) > 0 {
		request["daysOfWeek"] = on
	}
	if s.dom > 0 {
		request["dayOfMonth"] = s.dom
	}
	if s.times > 0 {
		request["count"] = s.times
	}
	if s.until != nil {
		request["until"] = s.until.on(p.almanac).Format(time.DateOnly)
	}
	return request
}

// change changes or cancels what was booked.
type change struct {
	who, what, side, name string
	on                    *day // which occurrence
	when                  when
	rooms                 []string
	subject               string
	series                *series
}

func (c *change) play(ctx context.Context, p *Play) error {
	t, err := p.thing(c.name)
	if err != nil {
		return err
	}
	if err := p.hesitate(ctx); err != nil {
		return err
	}
	if c.what == "repeat" {
		return c.repeat(ctx, p, t)
	}
	requests, err := c.targets(t)
	if err != nil {
		return err
	}
	for _, request := range requests {
		request["where"], request["action"] = c.side, c.what
		if c.what == "cancel-group" {
			request["action"] = "cancel"
		}
		if c.on != nil {
			clock := t.first.In(p.almanac.zone)
			request["occurrence"] = p.almanac.at(c.on.on(p.almanac), time.Duration(clock.Hour()*60+clock.Minute())*time.Minute)
		}
		switch c.what {
		case "move":
			s := c.when.on(p.almanac)[0]
			request["start"], request["end"] = s.start, s.end
			if c.on == nil {
				t.first = s.start
			}
		case "change-rooms":
			request["rooms"] = p.addresses(c.rooms)
		case "rename":
			request["subject"] = c.subject
		}
		if _, err := p.act(ctx, request); err != nil {
			return err
		}
	}
	return nil
}

// targets are the requests that name what is changed; only cancelling can be
// done to several at once.
func (c *change) targets(t *thing) ([]map[string]any, error) {
	var requests []map[string]any
	switch {
	case c.what == "cancel-group":
		return []map[string]any{{"groupID": t.group}}, nil
	case c.side == eliona:
		for _, id := range t.bookings {
			requests = append(requests, map[string]any{"bookingID": id})
		}
	default:
		for _, m := range t.meetings {
			requests = append(requests, map[string]any{"person": m.organizer, "uid": m.uid})
		}
	}
	if len(requests) == 0 {
		return nil, fmt.Errorf("%s is not in %s", c.name, c.side)
	}
	if len(requests) > 1 && c.what != "cancel" {
		return nil, fmt.Errorf("%s are %d", c.name, len(requests))
	}
	return requests, nil
}
