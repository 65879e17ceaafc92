package page

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"strconv"
	"time"

	"ews/apiserver"
)

var errNoConfiguration = errors.New("there is no such configuration")

// frame is what every page has around its content.
type frame struct {
	Lang      string
	Languages []languageLink
	Home      string // address of the page without a choice
	Style     template.CSS
	Script    template.JS
}

type languageLink struct {
	Tag, Name, Query string
	Current          bool
}

func frameOf(s *speech, here place) frame {
	f := frame{
		Lang: s.tag, Home: place{Lang: here.Lang}.Query(),
		Style: template.CSS(style), Script: template.JS(script), //nolint:gosec // both are part of the program
	}
	here.Done = ""
	for _, l := range spoken() {
		here.Lang = l.tag
		f.Languages = append(f.Languages, languageLink{Tag: l.tag, Name: l.name, Query: here.Query(), Current: l.tag == s.tag})
	}
	return f
}

// refusal is a page that says one thing.
type refusal struct {
	Frame frame
	Text  string
}

// view is the page, in words.
type view struct {
	Frame    frame
	AsOf     moment
	Zone     string
	Refresh  string
	Feedback *feedback
	Configs  []configView
	Several  bool // configurations
	Chosen   *chosenView
}

// moment is an instant for people and for machines.
type moment struct{ Text, Machine string }

// configView is a configuration in the list of all.
type configView struct {
	ID       string
	RoomList string
	Query    string
	Current  bool
	State    mark
	Waiting  int
	Findings int
}

// mark is a state: its class, and its word.
type mark struct{ Class, Text string }

// chosenView is the configuration that is shown in full.
type chosenView struct {
	configView
	Trouble  *trouble
	Facts    []fact
	Import   *progress
	Findings []findingView
	Day      dayView
	Rooms    []roomView
}

// trouble is why something does not work.
type trouble struct {
	Text, Fix, Code, Since string
}

// progress is how far an import is.
type progress struct {
	Percent int
	Text    string
}

// look reads what the page shows.
func (p *Page) look(ctx context.Context, s *speech, here place) (view, error) {
	now := p.now()
	summaries, err := p.source.Summaries(ctx)
	if err != nil {
		return view{}, fmt.Errorf("reading the status of all configurations: %w", err)
	}
	chosen := (*apiserver.ConfigurationSummary)(nil)
	for i, c := range summaries {
		id := strconv.FormatInt(c.Id, 10)
		if id == here.Config || here.Config == "" && len(summaries) == 1 {
			chosen = &summaries[i]
		}
	}
	if chosen == nil && here.Config != "" {
		return view{}, errNoConfiguration
	}
	clock := reader{speech: s, now: now}
	if chosen != nil {
		clock.now = now.In(zoneOf(*chosen, now))
	}
	v := view{
		Frame: frameOf(s, here), AsOf: clock.second(now), Zone: clock.zone(now), Several: len(summaries) > 1, Feedback: s.feedback(here.Done),
	}
	here.Done = ""
	v.Refresh = here.Query()
	for i, c := range summaries {
		v.Configs = append(v.Configs, clock.config(c, here, &summaries[i] == chosen))
	}
	if chosen != nil {
		if v.Chosen, err = p.chosen(ctx, clock, *chosen, here); err != nil {
			return view{}, err
		}
	}
	return v, nil
}

// zoneOf is the time zone of a configuration: its own, or that of the app.
func zoneOf(c apiserver.ConfigurationSummary, now time.Time) *time.Location {
	if zone, err := time.LoadLocation(c.TimeZone); err == nil && c.TimeZone != "" {
		return zone
	}
	return now.Location()
}

func (p *Page) chosen(ctx context.Context, clock reader, c apiserver.ConfigurationSummary, here place) (*chosenView, error) {
	findings, err := p.source.Findings(ctx, c.Id)
	if err != nil {
		return nil, fmt.Errorf("reading the findings of configuration %d: %w", c.Id, err)
	}
	day := dayOf(here.Day, clock.now)
	rooms, err := p.source.RoomsBetween(ctx, c.Id, day.start, day.end)
	if err != nil {
		return nil, fmt.Errorf("reading the rooms of configuration %d: %w", c.Id, err)
	}
	v := &chosenView{
		configView: clock.config(c, here, true), Trouble: clock.trouble(c.Status),
		Facts: clock.facts(c.Status), Import: clock.imported(c.Status),
	}
	for _, f := range findings {
		v.Findings = append(v.Findings, clock.finding(f))
	}
	line := newAxis(day, rooms)
	v.Day = clock.day(day, line, here)
	for i, r := range rooms {
		v.Rooms = append(v.Rooms, clock.room(v.ID, i, r, line))
	}
	return v, nil
}

func (r reader) config(c apiserver.ConfigurationSummary, here place, current bool) configView {
	id := strconv.FormatInt(c.Id, 10)
	here.Config = id
	return configView{
		ID: id, RoomList: c.RoomListUPN, Query: here.Query(), Current: current, State: r.state(c.Status),
		Waiting: c.Status.Work.Waiting, Findings: c.Status.Counts.Findings,
	}
}

func (r reader) state(s apiserver.ConfigurationStatus) mark {
	switch s.State {
	case apiserver.Broken:
		return mark{"bad", r.say("does not work")}
	case apiserver.Starting:
		return mark{"wait", r.say("starting")}
	case apiserver.Disabled:
		return mark{"off", r.say("switched off")}
	case apiserver.Running:
	}
	if s.Counts.Findings > 0 {
		return mark{"warn", r.say("works, with findings")}
	}
	return mark{"good", r.say("works")}
}

func (r reader) trouble(s apiserver.ConfigurationStatus) *trouble {
	if s.StatusCode == "" {
		return nil
	}
	return &trouble{Text: r.say(s.StatusText), Fix: r.say(s.StatusFix), Code: s.StatusCode, Since: r.since(s.StatusSince)}
}

// imported is the progress of an import, nil when there is none.
func (r reader) imported(s apiserver.ConfigurationStatus) *progress {
	if s.Import == nil {
		return nil
	}
	return &progress{Percent: s.Import.Percent, Text: r.say("rooms read: %d of %d; meetings on both sides: %d of %d, those that begin soonest first",
		s.Import.RoomsRead, s.Import.Rooms, s.Import.MeetingsDone, s.Import.Meetings)}
}
