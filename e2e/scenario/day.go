package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// almanac tells which dates the days of a scenario are.
type almanac struct {
	today time.Time // midnight UTC of the date it is in the zone
	zone  *time.Location
}

func newAlmanac(now time.Time, zone *time.Location) almanac {
	return almanac{today: dateOf(now.In(zone)), zone: zone}
}

// dateOf drops time and zone: dates are midnights in UTC.
func dateOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// ahead is how far ahead scenarios play at least, so that nothing of them
// begins while they are played.
const ahead = 14

// week is the Monday of the reference week.
func (a almanac) week() time.Time {
	day := a.today.AddDate(0, 0, ahead)
	return day.AddDate(0, 0, (8-int(day.Weekday()))%7)
}

// month is the first day of the nth month, from 1.
func (a almanac) month(n int) time.Time {
	day := a.today.AddDate(0, 0, ahead)
	return time.Date(day.Year(), day.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
}

// change is the date of the nth change of clocks in Europe, from 1, with a
// week before it in the future.
func (a almanac) change(n int) time.Time {
	europe, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err) // the scenarios' own zone
	}
	for day := a.today.AddDate(0, 0, ahead); ; day = day.AddDate(0, 0, 1) {
		_, before := midnight(day, europe).Zone()
		_, after := midnight(day.AddDate(0, 0, 1), europe).Zone()
		if before != after {
			if n--; n == 0 {
				return day
			}
		}
	}
}

// midnight is when a date begins in a zone.
func midnight(date time.Time, zone *time.Location) time.Time {
	return time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, zone)
}

// at is a time of day on a date.
func (a almanac) at(date time.Time, clock time.Duration) time.Time {
	return time.Date(date.Year(), date.Month(), date.Day(), 0, int(clock.Minutes()), 0, 0, a.zone)
}

// day is a date that depends on when a scenario is played.
type day struct {
	kind    string // week, day, dst, month
	weekday time.Weekday
	nth     int // of the weekday in a month, 1 to 4, -1 for the last; 0: dom
	dom     int // day of the month
	n       int // weeks or days to add, or the month
	change  int // which change of clocks
}

var (
	weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	weekForm = regexp.MustCompile(`^(sun|mon|tue|wed|thu|fri|sat)(\+\d+)?$`)
	dayForm  = regexp.MustCompile(`^day\+(\d+)$`)
	dstForm  = regexp.MustCompile(`^dst(2?)([+-]\d+)?$`)
	// A range of months names the day once: 15/m1..m4.
	monthForm = regexp.MustCompile(`^(?:(\d{1,2})|([1-4]|last-)(sun|mon|tue|wed|thu|fri|sat))/m(\d+)$`)
)

func parseDay(text string) (day, error) {
	number := func(s string) int {
		n, _ := strconv.Atoi(s) // the pattern lets only numbers through
		return n
	}
	if m := weekForm.FindStringSubmatch(text); m != nil {
		return day{kind: "week", weekday: weekdayOf(m[1]), n: number(m[2])}, nil
	}
	if m := dayForm.FindStringSubmatch(text); m != nil {
		return day{kind: "day", n: number(m[1])}, nil
	}
	if m := dstForm.FindStringSubmatch(text); m != nil {
		return day{kind: "dst", n: number(m[2]), change: max(number(m[1]), 1)}, nil
	}
	if m := monthForm.FindStringSubmatch(text); m != nil {
		d := day{kind: "month", dom: number(m[1]), n: number(m[4])}
		if m[3] != "" {
			d.weekday, d.nth = weekdayOf(m[3]), number(m[2])
			if m[2] == "last-" {
				d.nth = -1
			}
		}
		return d, nil
	}
	return day{}, fmt.Errorf("%q is not a day", text)
}

func weekdayOf(name string) time.Weekday { return time.Weekday(slices.Index(weekdays, name)) }

func (d day) on(a almanac) time.Time {
	switch d.kind {
	case "week":
		return a.week().AddDate(0, 0, 7*d.n+(int(d.weekday)+6)%7)
	case "day":
		return a.today.AddDate(0, 0, d.n)
	case "dst":
		return a.change(d.change).AddDate(0, 0, d.n)
	}
	first := a.month(d.n)
	switch {
	case d.dom > 0:
		return first.AddDate(0, 0, d.dom-1)
	case d.nth < 0:
		last := first.AddDate(0, 1, -1)
		return last.AddDate(0, 0, -((int(last.Weekday()) - int(d.weekday) + 7) % 7))
	}
	return first.AddDate(0, 0, (int(d.weekday)-int(first.Weekday())+7)%7+7*(d.nth-1))
}

// dayRange are the days from one to another.
type dayRange struct{ from, to day }

func (r dayRange) on(a almanac) []time.Time {
	var dates []time.Time
	if r.from.kind == "month" {
		for d := r.from; d.n <= r.to.n; d.n++ {
			dates = append(dates, d.on(a))
		}
		return dates
	}
	step := 1
	if r.from.kind == "week" && r.to.kind == "week" && r.from.weekday == r.to.weekday {
		step = 7
	}
	for date, last := r.from.on(a), r.to.on(a); !date.After(last); date = date.AddDate(0, 0, step) {
		dates = append(dates, date)
	}
	return dates
}

// days are several days, some of them left out.
type days struct {
	ranges []dayRange
	every  int // takes every nth day of each range
	except []dayRange
}

func (d days) on(a almanac) []time.Time {
	var dates, without []time.Time
	for _, r := range d.except {
		without = append(without, r.on(a)...)
	}
	for _, r := range d.ranges {
		for i, date := range r.on(a) {
			if i%max(d.every, 1) == 0 {
				dates = append(dates, date)
			}
		}
	}
	return slices.DeleteFunc(dates, func(date time.Time) bool { return slices.Contains(without, date) })
}

// hours are a time of day, or whole days.
type hours struct {
	from, to time.Duration
	allDay   int // how many days; 0: a time of day
}

// span is when an appointment begins and ends.
type span struct{ start, end time.Time }

func (h hours) on(a almanac, date time.Time) span {
	if h.allDay > 0 {
		return span{midnight(date, a.zone).UTC(), midnight(date.AddDate(0, 0, h.allDay), a.zone).UTC()}
	}
	return span{a.at(date, h.from).UTC(), a.at(date, h.to).UTC()}
}

// when are the times of one or several appointments.
type when struct {
	days  days
	hours hours
}

func (w when) on(a almanac) []span {
	var spans []span
	for _, date := range w.days.on(a) {
		spans = append(spans, w.hours.on(a, date))
	}
	return spans
}

// text writes a span for people.
func (a almanac) text(s span) string {
	start, end := s.start.In(a.zone), s.end.In(a.zone)
	switch {
	case start.Equal(midnight(start, a.zone)) && end.Equal(midnight(end, a.zone)):
		if last := end.AddDate(0, 0, -1); last.After(start) {
			return start.Format("Mon 2006-01-02") + " to " + last.Format("Mon 2006-01-02")
		}
		return start.Format("Mon 2006-01-02") + " all day"
	case dateOf(start).Equal(dateOf(end)):
		return start.Format("Mon 2006-01-02 15:04") + end.Format("-15:04")
	}
	return start.Format("Mon 2006-01-02 15:04") + " to " + end.Format("Mon 2006-01-02 15:04")
}
