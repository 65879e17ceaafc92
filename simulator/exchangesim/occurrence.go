package exchangesim

import (
	"iter"
	"maps"
	"slices"
	"time"

	"ews/simulator/exchangesim/recurrence"
)

// instance is one appearance of an appointment in a calendar.
type instance struct {
	index    int       // from 1 over the original pattern; 0 for a single item
	original time.Time // original start; zero for a single item
	appt     *appointment
	kind     string // Single, Occurrence or Exception
}

// The values of CalendarItemType.
const (
	kindSingle     = "Single"
	kindOccurrence = "Occurrence"
	kindException  = "Exception"
	kindMaster     = "RecurringMaster"
)

// starts yields the original starts of a series over its pattern, deleted and
// modified ones included, numbered from 1.
func (a *appointment) starts() iter.Seq2[int, time.Time] {
	loc := a.startZone.Location
	h, m, sec := a.start.In(loc).Clock()
	return func(yield func(int, time.Time) bool) {
		for n, day := range a.rule.Dates() {
			y, mo, d := day.Date()
			if !yield(n, time.Date(y, mo, d, h, m, sec, 0, loc).UTC()) {
				return
			}
		}
	}
}

// derive returns an unmodified occurrence.
func (a *appointment) derive(original time.Time) *appointment {
	b := *a
	b.rule, b.exceptions, b.deleted = nil, nil, nil
	b.original = original
	b.start, b.end = original, original.Add(a.end.Sub(a.start))
	return &b
}

// at returns the instance with an original start, if the pattern has it and it
// was not deleted.
func (a *appointment) at(original time.Time) (instance, bool) {
	if a.rule == nil || a.deleted[original.Unix()] {
		return instance{}, false
	}
	for n, start := range a.starts() {
		if start.After(original) {
			break
		}
		if start.Equal(original) {
			return a.instance(n, start), true
		}
	}
	return instance{}, false
}

func (a *appointment) instance(n int, original time.Time) instance {
	if e := a.exceptions[original.Unix()]; e != nil {
		return instance{n, original, e, kindException}
	}
	return instance{n, original, a.derive(original), kindOccurrence}
}

// number returns the nth instance of the pattern; deleted tells that it was
// removed, ok that the pattern reaches so far.
func (a *appointment) number(index int) (found instance, deleted, ok bool) {
	if index < 1 {
		return instance{}, false, false
	}
	for n, start := range a.starts() {
		if n == index {
			if a.deleted[start.Unix()] {
				return instance{}, true, true
			}
			return a.instance(n, start), false, true
		}
	}
	return instance{}, false, false
}

// overlaps is the rule of calendar views and of conflicts: half-open
// intervals. An appointment without duration occupies its start.
func overlaps(aStart, aEnd, bStart, bEnd time.Time) bool {
	if aStart.Equal(aEnd) {
		return !aStart.Before(bStart) && aStart.Before(bEnd)
	}
	return aStart.Before(bEnd) && aEnd.After(bStart)
}

// instances returns what an appointment shows between two moments, in the
// order of starts.
func (a *appointment) instances(from, to time.Time) []instance {
	if a.rule == nil {
		if overlaps(a.start, a.end, from, to) {
			return []instance{{original: a.original, appt: a, kind: kindSingle}}
		}
		return nil
	}
	var out []instance
	length := a.end.Sub(a.start)
	latest := to
	for _, e := range a.exceptions {
		if overlaps(e.start, e.end, from, to) && !e.original.Before(latest) {
			latest = e.original.Add(time.Second) // moved into the window from behind it
		}
	}
	for n, start := range a.starts() {
		if !start.Before(latest) {
			break
		}
		if a.deleted[start.Unix()] {
			continue
		}
		if e := a.exceptions[start.Unix()]; e != nil {
			if overlaps(e.start, e.end, from, to) {
				out = append(out, a.instance(n, start))
			}
			continue
		}
		if overlaps(start, start.Add(length), from, to) {
			out = append(out, a.instance(n, start))
		}
	}
	slices.SortStableFunc(out, func(x, y instance) int { return x.appt.start.Compare(y.appt.start) })
	return out
}

// first returns the first instance that was not deleted.
func (a *appointment) first() (instance, bool) {
	for n, start := range a.starts() {
		if !a.deleted[start.Unix()] {
			return a.instance(n, start), true
		}
	}
	return instance{}, false
}

// last returns the last instance that was not deleted; none for an endless
// series.
func (a *appointment) last() (found instance, ok bool) {
	if a.rule.Endless() {
		return instance{}, false
	}
	for n, start := range a.starts() {
		if !a.deleted[start.Unix()] {
			found, ok = a.instance(n, start), true
		}
	}
	return found, ok
}

// except makes sure that an instance has an exception of its own and returns
// it.
func (a *appointment) except(original time.Time) *appointment {
	if e := a.exceptions[original.Unix()]; e != nil {
		return e
	}
	e := a.derive(original).clone()
	e.exceptions, e.deleted = nil, nil
	if a.exceptions == nil {
		a.exceptions = map[int64]*appointment{}
	}
	a.exceptions[original.Unix()] = e
	return e
}

// drop deletes an instance from a series.
func (a *appointment) drop(original time.Time) {
	if a.deleted == nil {
		a.deleted = map[int64]bool{}
	}
	a.deleted[original.Unix()] = true
	delete(a.exceptions, original.Unix())
}

// deletedStarts returns the original starts of deleted instances in order.
func (a *appointment) deletedStarts() []time.Time {
	var out []time.Time
	for _, unix := range slices.Sorted(maps.Keys(a.deleted)) {
		out = append(out, time.Unix(unix, 0).UTC())
	}
	return out
}

// sortedExceptions returns the exceptions in the order of original starts.
func (a *appointment) sortedExceptions() []*appointment {
	var out []*appointment
	for _, unix := range slices.Sorted(maps.Keys(a.exceptions)) {
		out = append(out, a.exceptions[unix])
	}
	return out
}

// align moves a series' start and end to the first day of its pattern, as
// Exchange does when the given start is not on one, and forgets exceptions and
// deletions that the pattern no longer has.
func (a *appointment) align() {
	length := a.end.Sub(a.start)
	for _, start := range a.starts() {
		a.start, a.end = start, start.Add(length)
		break
	}
	if len(a.exceptions) == 0 && len(a.deleted) == 0 {
		return
	}
	var horizon int64
	for unix := range a.exceptions {
		horizon = max(horizon, unix)
	}
	for unix := range a.deleted {
		horizon = max(horizon, unix)
	}
	valid := map[int64]bool{}
	for _, start := range a.starts() {
		if start.Unix() > horizon {
			break
		}
		valid[start.Unix()] = true
	}
	maps.DeleteFunc(a.exceptions, func(unix int64, _ *appointment) bool { return !valid[unix] })
	maps.DeleteFunc(a.deleted, func(unix int64, _ bool) bool { return !valid[unix] })
}

// sameSchedule tells whether two versions of a meeting occupy the same times.
func sameSchedule(a, b *appointment) bool {
	if !a.start.Equal(b.start) || !a.end.Equal(b.end) || a.allDay != b.allDay || (a.rule == nil) != (b.rule == nil) {
		return false
	}
	return a.rule == nil || sameRule(*a.rule, *b.rule) && a.startZone.ID == b.startZone.ID
}

func sameRule(a, b recurrence.Rule) bool {
	return a.Kind == b.Kind && max(a.Interval, 1) == max(b.Interval, 1) && slices.Equal(a.Days, b.Days) && a.Index == b.Index &&
		a.DayOfMonth == b.DayOfMonth && a.Month == b.Month && a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Count == b.Count
}
