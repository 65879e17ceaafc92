package control

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ews/simulator/bookingsim"
	"ews/simulator/exchangesim/recurrence"
)

// recurrenceRequest is a series, in the words of Microsoft Graph.
type recurrenceRequest struct {
	Pattern        string   `json:"pattern"`
	Interval       int      `json:"interval"`
	DaysOfWeek     []string `json:"daysOfWeek"`
	FirstDayOfWeek string   `json:"firstDayOfWeek"`
	Index          string   `json:"index"`
	DayOfMonth     int      `json:"dayOfMonth"`
	Month          int      `json:"month"`
	Count          int      `json:"count"`
	Until          string   `json:"until"` // last day, 2006-01-02
	TimeZone       string   `json:"timeZone"`
}

func patterns() map[string]recurrence.Kind {
	return map[string]recurrence.Kind{
		"daily":           recurrence.Daily,
		"weekly":          recurrence.Weekly,
		"absoluteMonthly": recurrence.AbsoluteMonthly,
		"relativeMonthly": recurrence.RelativeMonthly,
		"absoluteYearly":  recurrence.AbsoluteYearly,
		"relativeYearly":  recurrence.RelativeYearly,
	}
}

// zone finds the time zone of the request by its Windows name, or by the IANA
// name that stands for it. Without one it is UTC.
func (p personRequest) zone() (recurrence.Zone, error) {
	name, field := p.TimeZone, "timeZone"
	if p.Recurrence != nil && p.Recurrence.TimeZone != "" {
		name, field = p.Recurrence.TimeZone, "recurrence.timeZone"
	}
	if name == "" {
		return recurrence.UTC(), nil
	}
	if zone, err := recurrence.LoadZone(name); err == nil {
		return zone, nil
	}
	ids := recurrence.ZoneIDs()
	slices.Sort(ids)
	for _, id := range ids {
		if zone, err := recurrence.LoadZone(id); err == nil && zone.Location.String() == name {
			return zone, nil
		}
	}
	return recurrence.Zone{}, badInput(field, fmt.Sprintf("%q is not a known time zone", name))
}

// rule makes a recurrence rule of the request; nil if it has none. What the
// pattern needs and the request leaves out follows from the first start.
func (p personRequest) rule(start time.Time) (*recurrence.Rule, error) {
	q := p.Recurrence
	if q == nil {
		return nil, nil
	}
	kind, ok := patterns()[q.Pattern]
	if !ok {
		return nil, badInput("recurrence.pattern", fmt.Sprintf("%q is not a pattern", q.Pattern))
	}
	rule := recurrence.Rule{
		Kind: kind, Interval: max(q.Interval, 1), FirstDayOfWeek: title(q.FirstDayOfWeek), Index: title(q.Index),
		DayOfMonth: q.DayOfMonth, Month: time.Month(q.Month), Start: recurrence.Date(start), Count: q.Count,
	}
	for _, day := range q.DaysOfWeek {
		rule.Days = append(rule.Days, title(day))
	}
	relative := kind == recurrence.RelativeMonthly || kind == recurrence.RelativeYearly
	absolute := kind == recurrence.AbsoluteMonthly || kind == recurrence.AbsoluteYearly
	yearly := kind == recurrence.AbsoluteYearly || kind == recurrence.RelativeYearly
	if len(rule.Days) == 0 && (relative || kind == recurrence.Weekly) {
		rule.Days = []string{start.Weekday().String()}
	}
	if rule.DayOfMonth == 0 && absolute {
		rule.DayOfMonth = start.Day()
	}
	if rule.Month == 0 && yearly {
		rule.Month = start.Month()
	}
	if q.Until != "" {
		until, err := time.Parse(time.DateOnly, q.Until)
		if err != nil {
			return nil, badInput("recurrence.until", "is not a day such as 2031-03-03")
		}
		rule.End = until
	}
	if err := rule.Validate(); err != nil {
		return nil, badInput("recurrence", err.Error())
	}
	return &rule, nil
}

// title writes a name as "Monday", however it was written.
func title(name string) string {
	if strings.EqualFold(name, "weekendDay") {
		return "WeekendDay"
	}
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + strings.ToLower(name[1:])
}

// maxSlots bounds a series in Eliona.
const maxSlots = 999

// slots expands the request into what the frontend of the Booking app would
// book: one slot per occurrence, at the same time of day in the zone.
func (p personRequest) slots(start, end time.Time, assets []int32) ([]bookingsim.Slot, error) {
	zone, err := p.zone()
	if err != nil {
		return nil, err
	}
	first := start.In(zone.Location)
	rule, err := p.rule(first)
	if err != nil {
		return nil, err
	}
	if rule == nil {
		return []bookingsim.Slot{{AssetIDs: assets, Start: start, End: end}}, nil
	}
	if rule.Endless() {
		return nil, badInput("recurrence.count", "is missing, and so is until: a series in Eliona has an end")
	}
	var slots []bookingsim.Slot
	hour, minute, second := first.Clock()
	for _, day := range rule.Dates() {
		if len(slots) == maxSlots {
			return nil, badInput("recurrence", fmt.Sprintf("has more than %d occurrences", maxSlots))
		}
		at := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, second, 0, zone.Location).UTC()
		slots = append(slots, bookingsim.Slot{AssetIDs: assets, Start: at, End: at.Add(end.Sub(start))})
	}
	return slots, nil
}
