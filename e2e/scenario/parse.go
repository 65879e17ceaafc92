package scenario

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Scenario is one scenario as it was read.
type Scenario struct {
	File     string
	Line     int
	Title    string
	Proves   []string // P numbers
	Alone    bool     // plays without others beside it
	Friendly bool     // not to be played where things go wrong by accident
	Long     bool     // there only to be played if time is not short
	Zone     string   // Windows name
	Patience time.Duration
	Rooms    []string // local names
	Late     []string // those of Rooms that join the room list later
	People   []string // local names

	steps []step
}

// Name names the scenario for tests: file, line and title.
func (s *Scenario) Name() string {
	return strings.TrimSuffix(filepath.Base(s.File), ".txt") + "/" + s.Title
}

type step struct {
	line int
	text string
	do   action
}

// Files reads all scenarios of some files.
func Files(pattern string) ([]*Scenario, error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no scenarios in %s: %w", pattern, err)
	}
	var all []*Scenario
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading scenarios: %w", err)
		}
		some, err := Parse(file, string(raw))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

var number = regexp.MustCompile(`^P\d\d$`)

// Parse reads the scenarios of a file. A mistake is a *Mistake.
func Parse(file, text string) (all []*Scenario, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			mistake, ok := cause.(*Mistake)
			if !ok {
				panic(cause)
			}
			err = mistake
		}
	}()
	r := &reader{words: words{file: file}}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		r.line++
		line := lines.Text()
		if r.split(line); len(r.rest) == 0 {
			continue
		}
		r.read(line, strings.HasPrefix(line, " "))
		r.done()
	}
	r.finish()
	if len(r.all) == 0 {
		r.fail("no scenario")
	}
	return r.all, nil
}

// reader reads a file line by line.
type reader struct {
	words
	all   []*Scenario
	now   *Scenario
	block *comparison // that indented lines belong to
	names map[string]bool
}

func (r *reader) read(line string, indented bool) {
	if indented {
		if r.block == nil {
			r.fail("an indented line belongs to nothing")
		}
		r.block.entries = append(r.block.entries, r.entry())
		return
	}
	r.block = nil
	switch {
	case r.accept("scenario"):
		r.begin()
	case r.now == nil:
		r.fail("a scenario begins with a line \"scenario P39: title\"")
	case r.header():
	default:
		at := r.line
		r.now.steps = append(r.now.steps, step{line: at, text: strings.TrimSpace(line), do: r.step()})
	}
}

// begin reads "scenario P40 P51: title"; the title may have any words.
func (r *reader) begin() {
	r.finish()
	s := &Scenario{File: r.file, Line: r.line, Zone: "W. Europe Standard Time"}
	for titled := false; !titled; {
		var text string
		text, titled = strings.CutSuffix(r.next("the title"), ":")
		if !number.MatchString(text) {
			r.fail("%q is not a number such as P39", text)
		}
		s.Proves = append(s.Proves, text)
	}
	var title strings.Builder
	for i, word := range r.rest {
		if i > 0 && word.text != "," {
			title.WriteByte(' ')
		}
		title.WriteString(word.text)
	}
	if s.Title, r.rest = title.String(), nil; s.Title == "" {
		r.fail("the title is missing")
	}
	for _, other := range r.all {
		if other.Title == s.Title {
			r.fail("this title is in line %d already", other.Line)
		}
	}
	r.now, r.names = s, map[string]bool{}
	r.all = append(r.all, s)
}

// finish checks the scenario that ends.
func (r *reader) finish() {
	s := r.now
	if s == nil {
		return
	}
	if len(s.steps) == 0 {
		r.fail("the scenario of line %d has no steps", s.Line)
	}
	if last, ok := s.steps[len(s.steps)-1].do.(*comparison); !ok || !last.settled {
		r.fail("the scenario of line %d does not end with calendars", s.Line)
	}
	slices.Sort(s.Rooms)
	slices.Sort(s.People)
}

func (r *reader) header() bool {
	s := r.now
	if len(s.steps) > 0 {
		return false
	}
	switch {
	case r.accept("alone"):
		s.Alone = true
	case r.accept("friendly only"):
		s.Friendly = true
	case r.accept("long"):
		s.Long = true
	case r.accept("patience"):
		s.Patience = r.duration()
	case r.accept("zone"):
		name, ok := r.quoted()
		if !ok {
			r.fail("the name of a zone in quotes is missing")
		}
		s.Zone = name
	default:
		return false
	}
	return true
}

// meet notes who takes part.
func (r *reader) meet(names ...string) {
	for _, name := range names {
		list := &r.now.People
		switch {
		case strings.Contains(name, "@"), name == nobody, name == "":
			continue
		case isRoom(name):
			list = &r.now.Rooms
		case !regexp.MustCompile(`^[a-z]+$`).MatchString(name):
			r.fail("%q is not a person", name)
		}
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
}

// define notes a new name; use demands a known one.
func (r *reader) define(name string) string {
	if r.names[name] {
		r.fail("%q is the name of something else already", name)
	}
	r.names[name] = true
	return name
}

func (r *reader) use(what string) string {
	name := r.next(what)
	base, _, _ := strings.Cut(name, ".")
	if !r.names[base] {
		r.fail("there is no %q", name)
	}
	return name
}

func (r *reader) step() action {
	switch {
	case r.accept("calendars:"):
		return r.compare(&comparison{settled: true})
	case r.accept("until calendars:"):
		return r.compare(&comparison{})
	case r.accept("until"):
		return r.until(0)
	case r.accept("within"):
		limit := r.duration()
		if r.accept("calendars:") {
			return r.compare(&comparison{limit: limit})
		}
		return r.until(limit)
	case r.accept("nothing changes for"):
		return &stillness{r.duration()}
	case r.accept("no writes for"):
		return &silence{r.duration()}
	case r.accept("wait"):
		return &pause{r.duration()}
	case r.accept("fault"):
		return &fault{r.values()}
	case r.accept("faults end"):
		return &faultsEnd{}
	case r.accept("switch"):
		return &switching{service: r.next("booking or eliona"), values: r.values()}
	case r.accept("sockets drop"):
		return &event{"sockets drop"}
	case r.accept("tokens are revoked"):
		return &event{"tokens are revoked"}
	case r.accept("the app is"):
		what := r.next("stopped, killed or started")
		if !slices.Contains([]string{"stopped", "killed", "started"}, what) {
			r.fail("%q where stopped, killed or started belongs", what)
		}
		return &event{"the app is " + what}
	case r.accept("nobody comes to"):
		return &change{what: "no-show", side: eliona, name: r.use("a booking")}
	case r.accept("somebody takes"):
		a := &booking{side: eliona, rooms: r.rooms()}
		r.expect("on")
		a.when = r.one()
		r.expect("as")
		a.as = r.define(r.next("a name"))
		r.meet(a.rooms...)
		return a
	}
	return r.deed()
}

// deed reads what somebody does, or what is done to a room.
func (r *reader) deed() action {
	who := r.next("who")
	r.meet(who)
	switch {
	case isRoom(who) && r.accept("is set"):
		return &setting{room: who, values: r.values()}
	case isRoom(who) && r.accept("joins the room list"):
		r.now.Late = append(r.now.Late, who)
		return &listing{room: who, joins: true}
	case isRoom(who) && r.accept("leaves the room list"):
		return &listing{room: who}
	case isRoom(who):
		r.expect("books itself")
		return r.books(&booking{who: who})
	case r.accept("books"):
		rooms := r.rooms()
		r.meet(rooms...)
		return r.books(&booking{who: who, rooms: rooms})
	case r.accept("is told nothing"):
		return &told{who: who, nothing: true}
	case r.accept("moves"):
		c := r.changes(who, "move")
		r.expect("to")
		c.when = r.one()
		return c
	case r.accept("changes rooms of"):
		c := r.changes(who, "change-rooms")
		r.expect("to")
		c.rooms = r.rooms()
		r.meet(c.rooms...)
		return c
	case r.accept("cancels group"):
		return r.changes(who, "cancel-group")
	case r.accept("cancels"):
		return r.changes(who, "cancel")
	case r.accept("leaves the company"):
		return &leaving{who: who}
	case r.accept("renames"):
		c := r.changes(who, "rename")
		var ok bool
		if c.subject, ok = r.quoted(); !ok {
			r.fail("the subject in quotes is missing")
		}
		return c
	case r.accept("repeats"):
		c := r.changes(who, "repeat")
		if c.series = r.series(); c.series == nil {
			r.fail("\"every\" is missing")
		}
		return c
	}
	r.fail("nobody can do that: %s %s", who, r.peek())
	return nil
}

// changes reads "NAME [on DAY] in SIDE".
func (r *reader) changes(who, what string) *change {
	c := &change{who: who, what: what, name: r.use("a meeting or booking")}
	if r.accept("on") {
		d := r.day()
		c.on = &d
	}
	c.side = r.side()
	elionaOnly, outlookOnly := what == "cancel-group", what == "rename" || what == "repeat" || c.on != nil
	if c.side == outlook && elionaOnly || c.side == eliona && outlookOnly {
		r.fail("this cannot be done in %s", c.side)
	}
	return c
}

func (r *reader) side() string {
	r.expect("in")
	side := r.next("outlook or eliona")
	if side != outlook && side != eliona {
		r.fail("%q where outlook or eliona belongs", side)
	}
	return side
}

func (r *reader) books(b *booking) action {
	b.side = r.side()
	b.when = r.when()
	b.subject, _ = r.quoted()
	b.series = r.series()
	if b.side == outlook {
		b.private = r.accept("privately")
		b.free = r.accept("as free time")
		if r.accept("uid") {
			b.uid, _ = r.quoted()
		}
		if r.accept("with") {
			b.with = r.list("a person")
			r.meet(b.with...)
		}
	}
	r.expect("as")
	b.as = r.define(r.next("a name"))
	return b
}

func (r *reader) compare(c *comparison) action {
	r.block = c
	return c
}

// until reads what is waited for.
func (r *reader) until(limit time.Duration) action {
	who := r.peek()
	if who != eliona+":" && who != outlook {
		r.next("who")
		r.meet(who)
		r.expect("is told")
		return &told{who: who, limit: limit}
	}
	c := &comparison{limit: limit, some: true}
	c.entries = append(c.entries, r.entry())
	return c
}

// entry reads what stands, or does not stand, in a calendar.
func (r *reader) entry() *entry {
	e := &entry{line: r.line, side: eliona}
	if r.accept(outlook) {
		e.side = outlook
		var ok bool
		if e.mailbox, ok = strings.CutSuffix(r.next("whose calendar"), ":"); !ok {
			r.fail("a colon is missing after %q", e.mailbox)
		}
		r.meet(e.mailbox)
	} else {
		r.expect(eliona + ":")
	}
	if r.accept("nothing") {
		e.nothing = true
		return e
	}
	if base, _, _ := strings.Cut(r.peek(), "."); e.side == eliona && r.names[base] {
		e.name, e.loose = r.next(""), true
		r.expect("cancelled")
		e.reason = r.next("the reason")
		return e
	}
	e.when = r.when()
	e.subject, _ = r.quoted()
	switch {
	case e.side == eliona:
		e.rooms = r.rooms()
		e.who = r.next("who booked it")
		if r.accept("cancelled") {
			e.reason = r.next("the reason")
		}
	case isRoom(e.mailbox):
		e.who = r.next("who invited")
		e.answer = r.answer()
	case r.accept("invited by"):
		e.invited, e.who = true, r.next("who invited")
	case r.accept("no room"):
	default:
		for more := true; more; more = r.accept(",") {
			room := r.next("a room")
			r.meet(room)
			e.rooms = append(e.rooms, room+" "+r.answer())
		}
	}
	r.meet(e.who)
	if e.side == eliona {
		r.meet(e.rooms...)
	}
	r.label(e)
	slices.Sort(e.rooms)
	return e
}

// label reads what the entry is called, or must be.
func (r *reader) label(e *entry) {
	switch {
	case r.accept("in group"):
		e.group = r.use("a group")
	case r.peek() != "" && r.peek() != "as":
		e.name = r.use("a name")
	}
	if r.accept("as") {
		e.asGroup = r.accept("group")
		e.as = r.define(r.next("a name"))
	}
}

func (r *reader) answer() string {
	text := r.next("an answer")
	if !slices.Contains(slices.Collect(maps.Values(answers)), text) && text != canceled {
		r.fail("%q is not an answer", text)
	}
	return text
}
