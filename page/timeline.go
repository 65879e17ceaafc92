package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ews/apiserver"
)

// day is one day in the time zone of the page. It may have 23 or 25 hours.
type day struct{ start, end time.Time }

// dayOf is the day with a date, or that of now.
func dayOf(date string, now time.Time) day {
	chosen, err := time.ParseInLocation(time.DateOnly, date, now.Location())
	if err != nil {
		chosen = now
	}
	return day{start: midnight(chosen, 0), end: midnight(chosen, 1)}
}

// The hours that are shown even when nothing happens in them.
const firstHour, lastHour = 7, 19

// axis is the part of a day that timelines show.
type axis struct{ day }

// newAxis covers the working day, and whatever is outside of it.
func newAxis(d day, rooms []apiserver.RoomStatus) axis {
	year, month, date := d.start.Date()
	hour := func(h int) time.Time { return time.Date(year, month, date, h, 0, 0, 0, d.start.Location()) }
	from, to := hour(firstHour), hour(lastHour)
	for _, r := range rooms {
		for _, e := range r.Today {
			for _, b := range boundsOf(e) {
				from, to = earlier(from, b.start), later(to, b.end)
			}
		}
	}
	from = later(d.start, from.Add(-time.Duration(from.Minute())*time.Minute))
	if past := time.Duration(to.In(d.start.Location()).Minute()) * time.Minute; past > 0 {
		to = to.Add(time.Hour - past)
	}
	return axis{day{start: from.In(d.start.Location()), end: earlier(d.end, to)}}
}

func boundsOf(e apiserver.RoomEntry) []day {
	var out []day
	if e.Exchange != nil {
		out = append(out, day{e.Exchange.Start, e.Exchange.End})
	}
	if e.Eliona != nil {
		out = append(out, day{e.Eliona.Start, e.Eliona.End})
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// at is where an instant is on the axis, as a percentage.
func (a axis) at(t time.Time) float64 {
	t = later(a.start, earlier(a.end, t))
	return 100 * float64(t.Sub(a.start)) / float64(a.end.Sub(a.start))
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) + "%" }

// hourView is a line at a full hour; Minor ones have no room on small screens.
type hourView struct {
	X, Text string
	Minor   bool
}

func (a axis) hours() []hourView {
	var out []hourView
	for t := a.start; t.Before(a.end); t = t.Add(time.Hour) {
		out = append(out, hourView{X: percent(a.at(t)), Text: t.Format("15"), Minor: len(out)%3 != 0})
	}
	return out
}

// bar is an entry of a timeline.
type bar struct {
	X, Width string
	Y        int
	Class    string
	Differs  bool
	Text     string // in it
	Title    string // when the pointer is over it
}

// The measures of timelines in pixels.
const (
	barHeight = 20
	laneGap   = 4
)

// lane is one side of a timeline. Entries that overlap lie below each other.
type lane struct {
	Y, Height int
	Bars      []bar

	ends []time.Time // of the last entry in each row
}

func (l *lane) add(b bar, d day) {
	row := slices.IndexFunc(l.ends, func(end time.Time) bool { return !end.After(d.start) })
	if row < 0 {
		row, l.ends = len(l.ends), append(l.ends, time.Time{})
	}
	l.ends[row] = d.end
	b.Y = row * (barHeight + 1)
	l.Bars = append(l.Bars, b)
	l.Height = max(l.Height, b.Y+barHeight)
}

// timeline is a day of a room: what Exchange has above what Eliona has.
type timeline struct {
	Height           int
	Exchange, Eliona lane
	Hours            []hourView
	ElionaText       int    // baseline of the name of the second lane
	Now              string // where the present is; empty: elsewhere
}

func (r reader) timeline(a axis, entries []apiserver.RoomEntry) timeline {
	t := timeline{Hours: a.hours(), Exchange: lane{Height: barHeight}, Eliona: lane{Height: barHeight}}
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(x, y apiserver.RoomEntry) int { return cmp.Compare(startOf(x).Unix(), startOf(y).Unix()) })
	for _, e := range sorted {
		agreement := r.agreement(e)
		put := func(l *lane, d day, class, state string) {
			from, to := a.at(d.start), a.at(d.end)
			if from == to {
				return // on another day
			}
			l.add(bar{
				X: percent(from), Width: percent(to - from), Class: class + " " + agreement.Class, Differs: agreement.Class == differs,
				Text: shortName(r.organizer(e)), Title: strings.Join([]string{r.span(d.start, d.end), r.organizer(e), state, agreement.Text}, ", "),
			}, d)
		}
		if x := e.Exchange; x != nil {
			put(&t.Exchange, day{x.Start, x.End}, string(x.State), r.exchangeState(x.State))
		}
		if b := e.Eliona; b != nil {
			put(&t.Eliona, day{b.Start, b.End}, string(b.State), r.elionaState(b.State))
		}
	}
	t.Eliona.Y = t.Exchange.Height + laneGap
	t.ElionaText = t.Eliona.Y + 14
	t.Height = t.Eliona.Y + t.Eliona.Height
	if !r.now.Before(a.start) && r.now.Before(a.end) {
		t.Now = percent(a.at(r.now))
	}
	return t
}

func startOf(e apiserver.RoomEntry) time.Time {
	if e.Exchange != nil {
		return e.Exchange.Start
	}
	if e.Eliona != nil {
		return e.Eliona.Start
	}
	return time.Time{}
}

// shortName is the part of an address that names a person.
func shortName(address string) string {
	name, _, _ := strings.Cut(address, "@")
	return name
}

// agreement tells whether both sides say the same.
func (r reader) agreement(e apiserver.RoomEntry) mark {
	x, b := e.Exchange, e.Eliona
	switch {
	case x != nil && b == nil && x.State == apiserver.Declined:
		return mark{same, r.say("declined by the room")}
	case x != nil && x.State != apiserver.Accepted && (b == nil || sameTimes(x, b)):
		return mark{open, r.say("the room has not accepted")}
	case b == nil:
		return mark{differs, r.say("only in Exchange")}
	case x == nil:
		return mark{differs, r.say("only in Eliona")}
	case !sameTimes(x, b):
		return mark{differs, r.say("at different times")}
	case b.State == apiserver.Refused:
		return mark{differs, r.say("about to be cancelled")}
	}
	return mark{same, r.say("the same on both sides")}
}

// The classes of agreement.
const (
	same    = "same"
	open    = "open" // the room has to answer first
	differs = "differs"
)

func sameTimes(x *apiserver.ExchangeEntry, b *apiserver.ElionaEntry) bool {
	return x.Start.Equal(b.Start) && x.End.Equal(b.End)
}
