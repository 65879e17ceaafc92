package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Mistake is something in a scenario file that cannot be understood.
type Mistake struct {
	File string
	Line int
	Text string
}

func (m *Mistake) Error() string { return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Text) }

// word is a piece of a line: a word, a comma, or a text in quotes.
type word struct {
	text   string
	quoted bool
}

// words are a line that is being read. What is wrong with it is a panic with a
// *Mistake, which ends at Parse.
type words struct {
	file string
	line int
	rest []word
}

func (w *words) fail(format string, args ...any) {
	panic(&Mistake{w.file, w.line, fmt.Sprintf(format, args...)})
}

// split cuts a line into words and drops the comment.
func (w *words) split(text string) {
	w.rest = nil
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		switch text[0] {
		case '#':
			return
		case ',':
			w.rest, text = append(w.rest, word{text: ","}), text[1:]
		case '"':
			end := strings.IndexByte(text[1:], '"')
			if end < 0 {
				w.fail("a quotation mark is missing")
			}
			w.rest, text = append(w.rest, word{text[1 : end+1], true}), text[end+2:]
		default:
			end := w.end(text)
			w.rest, text = append(w.rest, word{text: text[:end]}), text[end:]
		}
	}
}

// end finds the end of a word; in key="some text" the quotes are part of it.
func (w *words) end(text string) int {
	inside := false
	for i, c := range text {
		switch {
		case c == '"':
			inside = !inside
		case !inside && strings.ContainsRune(" \t,#", c):
			return i
		}
	}
	if inside {
		w.fail("a quotation mark is missing")
	}
	return len(text)
}

func (w *words) peek() string {
	if len(w.rest) == 0 || w.rest[0].quoted {
		return ""
	}
	return w.rest[0].text
}

func (w *words) next(what string) string {
	if len(w.rest) == 0 {
		w.fail("%s is missing at the end of the line", what)
	}
	text := w.rest[0].text
	w.rest = w.rest[1:]
	return text
}

// accept takes these words if they come next.
func (w *words) accept(text string) bool {
	want := strings.Fields(text)
	if len(w.rest) < len(want) {
		return false
	}
	for i := range want {
		if w.rest[i].text != want[i] || w.rest[i].quoted {
			return false
		}
	}
	w.rest = w.rest[len(want):]
	return true
}

func (w *words) expect(text string) {
	if w.accept(text) {
		return
	}
	if len(w.rest) == 0 {
		w.fail("%q is missing at the end of the line", text)
	}
	w.fail("%q where %q belongs", w.rest[0].text, text)
}

func (w *words) done() {
	if len(w.rest) > 0 {
		w.fail("%q is too much", w.rest[0].text)
	}
}

// quoted takes a text in quotes if one comes next.
func (w *words) quoted() (string, bool) {
	if len(w.rest) == 0 || !w.rest[0].quoted {
		return "", false
	}
	return w.next(""), true
}

// list reads words between commas.
func (w *words) list(what string) []string {
	list := []string{w.next(what)}
	for w.accept(",") {
		list = append(list, w.next(what))
	}
	return list
}

func isRoom(name string) bool { return strings.HasPrefix(name, "room") }

func (w *words) rooms() []string {
	list := w.list("a room")
	for _, name := range list {
		if !isRoom(name) {
			w.fail("%q is not a room", name)
		}
	}
	return list
}

func (w *words) number(what string) int {
	text := w.next(what)
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		w.fail("%q is not %s", text, what)
	}
	return n
}

func (w *words) duration() time.Duration {
	text := w.next("a duration")
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		w.fail("%q is not a duration such as 3s", text)
	}
	return d
}

func (w *words) day() day {
	d, err := parseDay(w.next("a day"))
	if err != nil {
		w.fail("%v", err)
	}
	return d
}

func (w *words) dayRanges() []dayRange {
	var ranges []dayRange
	for _, text := range w.list("a day") {
		from, to, is := strings.Cut(text, "..")
		if is && strings.HasPrefix(to, "m") && strings.Contains(from, "/") {
			to = from[:strings.Index(from, "/")+1] + to
		}
		if !is {
			to = from
		}
		r := dayRange{}
		var err error
		if r.from, err = parseDay(from); err == nil {
			r.to, err = parseDay(to)
		}
		if err != nil {
			w.fail("%v", err)
		}
		ranges = append(ranges, r)
	}
	return ranges
}

func (w *words) days() days {
	d := days{ranges: w.dayRanges(), every: 1}
	if w.accept("every") {
		d.every = w.number("a number")
	}
	if w.accept("except") {
		d.except = w.dayRanges()
	}
	return d
}

func (w *words) hours() hours {
	if w.accept("all day") {
		h := hours{allDay: 1}
		if w.accept("for") {
			h.allDay = w.number("a number of days")
			w.expect("days")
		}
		return h
	}
	text := w.next("a time")
	from, to, _ := strings.Cut(text, "-")
	h := hours{from: w.clock(from, text), to: w.clock(to, text)}
	if h.to <= h.from {
		w.fail("%q ends before it begins", text)
	}
	return h
}

func (w *words) clock(text, whole string) time.Duration {
	if text == "24:00" {
		return 24 * time.Hour
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		w.fail("%q is not a time such as 10:00-11:00", whole)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

func (w *words) when() when { return when{days: w.days(), hours: w.hours()} }

// one reads a single day with a time.
func (w *words) one() when {
	d := w.day()
	return when{days: days{ranges: []dayRange{{d, d}}}, hours: w.hours()}
}

// series is how a meeting repeats.
type series struct {
	interval int
	unit     string // day, week, month, year
	on       []time.Weekday
	nth, dom int // as in day
	times    int
	until    *day
}

var ordinals = []string{"", "first", "second", "third", "fourth", "last"}

func (w *words) series() *series {
	if !w.accept("every") {
		return nil
	}
	s := &series{interval: 1}
	if n, err := strconv.Atoi(w.peek()); err == nil {
		s.interval = n
		w.next("")
	}
	s.unit = strings.TrimSuffix(w.next("day, week, month or year"), "s")
	if !slices.Contains([]string{"day", "week", "month", "year"}, s.unit) {
		w.fail("every %q", s.unit)
	}
	if w.accept("on") {
		w.pattern(s)
	}
	switch {
	case w.accept("until"):
		d := w.day()
		s.until = &d
	case w.accept("without end"):
	default:
		s.times = w.number("a number of times")
		w.expect("times")
	}
	return s
}

func (w *words) pattern(s *series) {
	switch {
	case w.accept("day"):
		s.dom = w.number("a day of the month")
	case w.accept("the"):
		if s.nth = slices.Index(ordinals, w.next("first ... fourth, last")); s.nth < 1 {
			w.fail("which one is not first ... fourth, last")
		}
		s.on = w.weekdays()
	default:
		s.on = w.weekdays()
	}
}

func (w *words) weekdays() []time.Weekday {
	var on []time.Weekday
	for _, name := range w.list("a day of the week") {
		if d := weekdayOf(name); d >= 0 {
			on = append(on, d)
			continue
		}
		w.fail("%q is not a day of the week", name)
	}
	return on
}

// values reads key=value pairs up to the end of the line. What is in quotes is
// a text, the rest may be a number or a truth.
func (w *words) values() map[string]any {
	values := map[string]any{}
	for len(w.rest) > 0 {
		text := w.next("")
		key, value, ok := strings.Cut(text, "=")
		if !ok || value == "" {
			w.fail("%q is not key=value", text)
		}
		if unquoted, err := strconv.Unquote(value); err == nil {
			values[key] = unquoted
		} else if n, err := strconv.ParseFloat(value, 64); err == nil {
			values[key] = n
		} else if b, err := strconv.ParseBool(value); err == nil {
			values[key] = b
		} else {
			values[key] = value
		}
	}
	if len(values) == 0 {
		w.fail("key=value is missing at the end of the line")
	}
	return values
}
