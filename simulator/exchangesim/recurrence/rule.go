// Package recurrence computes the occurrences of a repeating appointment as
// Exchange defines them ("Recurrence" and the recurrence pattern elements on
// Microsoft Learn), and knows the Windows names of time zones.
//
// A pattern yields calendar days; the time of day comes from the appointment,
// in its own time zone, so that a series keeps its wall-clock time when
// daylight saving time begins or ends.
package recurrence

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Kind names a pattern; the values are the names of its XML elements.
type Kind string

// The six patterns of EWS.
const (
	Daily           Kind = "DailyRecurrence"
	Weekly          Kind = "WeeklyRecurrence"
	AbsoluteMonthly Kind = "AbsoluteMonthlyRecurrence"
	RelativeMonthly Kind = "RelativeMonthlyRecurrence"
	AbsoluteYearly  Kind = "AbsoluteYearlyRecurrence"
	RelativeYearly  Kind = "RelativeYearlyRecurrence"
)

// Rule is a pattern with its range. Days are at midnight UTC; only their date
// counts. The JSON form is what the control interfaces of a simulator accept.
type Rule struct {
	Kind           Kind       `json:"kind"`
	Interval       int        `json:"interval,omitempty"`       // days, weeks or months; at least 1
	Days           []string   `json:"days,omitempty"`           // Monday ..., Day, Weekday, WeekendDay
	Index          string     `json:"index,omitempty"`          // First ... Fourth, Last
	DayOfMonth     int        `json:"dayOfMonth,omitempty"`     // 1-31; beyond a month's end it means its last day
	Month          time.Month `json:"month,omitempty"`          // yearly patterns
	FirstDayOfWeek string     `json:"firstDayOfWeek,omitempty"` // weekly patterns; default Sunday
	Start          time.Time  `json:"start"`                    // first day of the range
	End            time.Time  `json:"end,omitzero"`             // last day; zero means no such end
	Count          int        `json:"count,omitempty"`          // number of occurrences; 0 means no such end
}

// The reasons why Validate refuses a rule.
var (
	ErrInvalid      = errors.New("recurrence is invalid")
	ErrNoOccurrence = errors.New("recurrence has no occurrence")
)

// maxInstances bounds every enumeration. Exchange itself stores at most 999
// instances of a numbered series.
const maxInstances = 20000

var weekdays = map[string][]time.Weekday{
	"Sunday": {time.Sunday}, "Monday": {time.Monday}, "Tuesday": {time.Tuesday}, "Wednesday": {time.Wednesday},
	"Thursday": {time.Thursday}, "Friday": {time.Friday}, "Saturday": {time.Saturday},
	"Day":        {time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday},
	"Weekday":    {time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
	"WeekendDay": {time.Sunday, time.Saturday},
}

var indexes = map[string]int{"First": 1, "Second": 2, "Third": 3, "Fourth": 4, "Last": -1}

// Validate checks the rule and that it has at least one occurrence.
func (r Rule) Validate() error {
	for _, d := range r.Days {
		if weekdays[d] == nil {
			return fmt.Errorf("%w: day %q", ErrInvalid, d)
		}
	}
	needDays := r.Kind == Weekly || r.Kind == RelativeMonthly || r.Kind == RelativeYearly
	needIndex := r.Kind == RelativeMonthly || r.Kind == RelativeYearly
	needMonthDay := r.Kind == AbsoluteMonthly || r.Kind == AbsoluteYearly
	needMonth := r.Kind == AbsoluteYearly || r.Kind == RelativeYearly
	known := slices.Contains([]Kind{Daily, Weekly, AbsoluteMonthly, RelativeMonthly, AbsoluteYearly, RelativeYearly}, r.Kind)
	switch {
	case !known:
		return fmt.Errorf("%w: kind %q", ErrInvalid, r.Kind)
	case needDays && len(r.Days) == 0, needIndex && indexes[r.Index] == 0,
		needMonthDay && (r.DayOfMonth < 1 || r.DayOfMonth > 31), needMonth && (r.Month < 1 || r.Month > 12):
		return fmt.Errorf("%w: pattern %s is incomplete", ErrInvalid, r.Kind)
	case r.Interval < 0 || r.Count < 0 || r.Start.IsZero():
		return fmt.Errorf("%w: negative number or missing start", ErrInvalid)
	case !r.End.IsZero() && r.End.Before(r.Start):
		return fmt.Errorf("%w: it ends before it starts", ErrNoOccurrence)
	}
	for range r.Dates() {
		return nil
	}
	return ErrNoOccurrence
}

// Endless tells whether the range has no end.
func (r Rule) Endless() bool { return r.End.IsZero() && r.Count == 0 }

// Date returns the day that t shows in its own location, as Rule wants it.
func Date(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Dates yields the days of the pattern within its range, numbered from 1. An
// endless series stops after a number of instances that no caller reaches.
func (r Rule) Dates() iter.Seq2[int, time.Time] {
	return func(yield func(int, time.Time) bool) {
		n := 0
		for day := range r.candidates() {
			if day.Before(Date(r.Start)) {
				continue
			}
			if !r.End.IsZero() && day.After(Date(r.End)) || n == maxInstances || r.Count > 0 && n == r.Count {
				return
			}
			n++
			if !yield(n, day) {
				return
			}
		}
	}
}

// candidates yields the days of the pattern, possibly some before the start.
func (r Rule) candidates() iter.Seq[time.Time] {
	interval := max(r.Interval, 1)
	start := Date(r.Start)
	switch r.Kind {
	case Daily:
		return func(yield func(time.Time) bool) {
			for day := start; ; day = day.AddDate(0, 0, interval) {
				if !yield(day) {
					return
				}
			}
		}
	case Weekly:
		return func(yield func(time.Time) bool) { r.weekly(start, interval, yield) }
	case AbsoluteMonthly, RelativeMonthly, AbsoluteYearly, RelativeYearly:
		// One day in each month or year, below.
	}
	step := interval
	first := time.Date(start.Year(), start.Month(), 1, 0, 0, 0, 0, time.UTC)
	if r.Kind == AbsoluteYearly || r.Kind == RelativeYearly {
		step = 12
		first = time.Date(start.Year(), r.Month, 1, 0, 0, 0, 0, time.UTC)
	}
	return func(yield func(time.Time) bool) {
		for month := first; ; month = month.AddDate(0, step, 0) {
			if !yield(r.dayIn(month)) {
				return
			}
		}
	}
}

func (r Rule) weekly(start time.Time, interval int, yield func(time.Time) bool) {
	firstDay := time.Sunday
	if d := weekdays[r.FirstDayOfWeek]; len(d) == 1 {
		firstDay = d[0]
	}
	wanted := r.weekdaySet()
	week := start.AddDate(0, 0, -int((start.Weekday()-firstDay+7)%7))
	for ; ; week = week.AddDate(0, 0, 7*interval) {
		for i := range 7 {
			if day := week.AddDate(0, 0, i); wanted[day.Weekday()] && !yield(day) {
				return
			}
		}
	}
}

func (r Rule) weekdaySet() [7]bool {
	var set [7]bool
	for _, name := range r.Days {
		for _, d := range weekdays[name] {
			set[d] = true
		}
	}
	return set
}

// dayIn returns the day of a monthly or yearly pattern in a month given by its
// first day.
func (r Rule) dayIn(month time.Time) time.Time {
	last := month.AddDate(0, 1, -1)
	if r.Kind == AbsoluteMonthly || r.Kind == AbsoluteYearly {
		return month.AddDate(0, 0, min(r.DayOfMonth, last.Day())-1)
	}
	wanted := r.weekdaySet()
	if indexes[r.Index] < 0 {
		for day := last; ; day = day.AddDate(0, 0, -1) {
			if wanted[day.Weekday()] {
				return day
			}
		}
	}
	seen := 0
	for day := month; ; day = day.AddDate(0, 0, 1) {
		if wanted[day.Weekday()] {
			if seen++; seen == indexes[r.Index] {
				return day
			}
		}
	}
}

// String describes the pattern for logs.
func (r Rule) String() string {
	return fmt.Sprintf("%s/%d %s", r.Kind, max(r.Interval, 1), strings.Join(r.Days, " "))
}
