package ews

import (
	"fmt"
	"strings"
	"time"

	"ews/exchange/ews/wire"
)

// Date is a calendar day in the zone of a series.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// IsZero reports whether d is unset.
func (d Date) IsZero() bool { return d == Date{} }

// String returns the day as 2006-01-02.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// Pattern names the shape of a Recurrence.
type Pattern string

// Values of Pattern, and the Recurrence fields each uses.
const (
	Daily           Pattern = "Daily"           // Interval
	Weekly          Pattern = "Weekly"          // Interval, DaysOfWeek, FirstDayOfWeek
	AbsoluteMonthly Pattern = "AbsoluteMonthly" // Interval, DayOfMonth
	RelativeMonthly Pattern = "RelativeMonthly" // Interval, DaysOfWeek (one), Index
	AbsoluteYearly  Pattern = "AbsoluteYearly"  // DayOfMonth, Month
	RelativeYearly  Pattern = "RelativeYearly"  // DaysOfWeek (one), Index, Month
)

// Recurrence is the rule of a series. At most one of EndDate and Count is set;
// none of them means no end.
type Recurrence struct {
	Pattern        Pattern
	Interval       int      // every n-th day, week or month, from 1
	DaysOfWeek     []string // Sunday…Saturday, Day, Weekday, WeekendDay
	Index          string   // First…Fourth, Last
	DayOfMonth     int
	Month          time.Month
	FirstDayOfWeek string
	StartDate      Date
	EndDate        Date
	Count          int
}

func newRecurrence(w *wire.Recurrence) *Recurrence {
	if w == nil {
		return nil
	}
	r := &Recurrence{}
	for _, p := range []struct {
		name Pattern
		wire *wire.Pattern
	}{
		{Daily, w.Daily},
		{Weekly, w.Weekly},
		{AbsoluteMonthly, w.AbsoluteMonthly},
		{RelativeMonthly, w.RelativeMonthly},
		{AbsoluteYearly, w.AbsoluteYearly},
		{RelativeYearly, w.RelativeYearly},
	} {
		if p.wire == nil {
			continue
		}
		r.Pattern, r.Interval = p.name, number(p.wire.Interval)
		r.DaysOfWeek, r.Index = strings.Fields(p.wire.DaysOfWeek), p.wire.DayOfWeekIndex
		r.DayOfMonth, r.Month = number(p.wire.DayOfMonth), month(p.wire.Month)
		r.FirstDayOfWeek = p.wire.FirstDayOfWeek
	}
	for _, x := range []*wire.Range{w.NoEnd, w.EndDate, w.Numbered} {
		if x != nil {
			r.StartDate, r.EndDate, r.Count = date(x.StartDate), date(x.EndDate), number(x.NumberOfOccurrences)
		}
	}
	return r
}

func month(name string) time.Month {
	for m := time.January; m <= time.December; m++ {
		if m.String() == strings.TrimSpace(name) {
			return m
		}
	}
	return 0
}

func date(s string) Date {
	y, m, d, err := wire.ParseDate(s)
	if err != nil {
		return Date{}
	}
	return Date{Year: y, Month: m, Day: d}
}

// request converts to the wire; only the fields of the pattern are sent.
func (r *Recurrence) request() (*wire.RecurrenceRequest, error) {
	if r == nil {
		return nil, nil
	}
	out, days := &wire.RecurrenceRequest{}, strings.Join(r.DaysOfWeek, " ")
	interval := max(r.Interval, 1)
	switch r.Pattern {
	case Daily:
		out.Daily = &wire.PatternRequest{Interval: interval}
	case Weekly:
		out.Weekly = &wire.PatternRequest{Interval: interval, DaysOfWeek: days, FirstDayOfWeek: r.FirstDayOfWeek}
	case AbsoluteMonthly:
		out.AbsoluteMonthly = &wire.PatternRequest{Interval: interval, DayOfMonth: r.DayOfMonth}
	case RelativeMonthly:
		out.RelativeMonthly = &wire.PatternRequest{Interval: interval, DaysOfWeek: days, DayOfWeekIndex: r.Index}
	case AbsoluteYearly:
		out.AbsoluteYearly = &wire.PatternRequest{DayOfMonth: r.DayOfMonth, Month: r.Month.String()}
	case RelativeYearly:
		out.RelativeYearly = &wire.PatternRequest{DaysOfWeek: days, DayOfWeekIndex: r.Index, Month: r.Month.String()}
	default:
		return nil, fmt.Errorf("the recurrence pattern %.20q is unknown", string(r.Pattern))
	}
	if r.StartDate.IsZero() {
		return nil, fmt.Errorf("the recurrence has no start date")
	}
	x := &wire.RangeRequest{StartDate: r.StartDate.String()}
	switch {
	case r.Count > 0:
		x.NumberOfOccurrences, out.Numbered = r.Count, x
	case !r.EndDate.IsZero():
		x.EndDate, out.EndDate = r.EndDate.String(), x
	default:
		out.NoEnd = x
	}
	return out, nil
}
