package soak

import (
	"math/rand/v2"
	"time"
)

// almanac gives away minutes, each once.
type almanac struct {
	dice  *rand.Rand
	first time.Time // a midnight
	taken map[int64]bool
}

// Wishes lie from two days ahead on, so that nothing is over before the end, and
// within what the configuration looks ahead.
const (
	almanacDays = 40
	horizonDays = 60
	dayEnds     = 22 * 60 // in minutes; what begins before ends on the same day
)

func newAlmanac(dice *rand.Rand) *almanac {
	first := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2)
	return &almanac{dice: dice, first: first, taken: map[int64]bool{}}
}

// one takes a minute of any day.
func (a *almanac) one() time.Time { return a.dates(1, 1)[0] }

// sameDay takes another minute of a day.
func (a *almanac) sameDay(day time.Time) time.Time {
	day = day.UTC().Truncate(24 * time.Hour)
	for {
		at := day.Add(time.Duration(a.dice.IntN(dayEnds)) * time.Minute)
		if a.take(at) {
			return at
		}
	}
}

// dates takes the same minute of n days, which are every so many days.
func (a *almanac) dates(n, every int) []time.Time {
	for {
		at := a.first.AddDate(0, 0, a.dice.IntN(almanacDays-(n-1)*every)).Add(time.Duration(a.dice.IntN(dayEnds)) * time.Minute)
		var all []time.Time
		for i := range n {
			all = append(all, at.AddDate(0, 0, i*every))
		}
		if a.take(all...) {
			return all
		}
	}
}

// again takes another minute of the days of some dates, the same for all.
func (a *almanac) again(dates []time.Time) []time.Time {
	for {
		clock := time.Duration(a.dice.IntN(dayEnds)) * time.Minute
		var all []time.Time
		for _, d := range dates {
			all = append(all, d.UTC().Truncate(24*time.Hour).Add(clock))
		}
		if a.take(all...) {
			return all
		}
	}
}

func (a *almanac) take(all ...time.Time) bool {
	for _, at := range all {
		if a.taken[at.Unix()] {
			return false
		}
	}
	for _, at := range all {
		a.taken[at.Unix()] = true
	}
	return true
}
