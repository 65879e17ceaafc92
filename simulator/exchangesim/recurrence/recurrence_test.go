package recurrence

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestDates(t *testing.T) {
	tests := []struct {
		name string
		rule Rule
		want []string
	}{
		{"every second day", Rule{Kind: Daily, Interval: 2, Start: day("2026-12-30"), Count: 3}, []string{"2026-12-30", "2027-01-01", "2027-01-03"}},
		{"days of a week, starting in its middle", Rule{Kind: Weekly, Days: []string{"Monday", "Wednesday"}, Start: day("2026-12-02"), Count: 3}, []string{"2026-12-02", "2026-12-07", "2026-12-09"}},
		{"every second week, week begins on Sunday", Rule{Kind: Weekly, Interval: 2, Days: []string{"Sunday", "Tuesday"}, FirstDayOfWeek: "Sunday", Start: day("2026-12-01"), Count: 3}, []string{"2026-12-01", "2026-12-13", "2026-12-15"}},
		{"every second week, week begins on Monday", Rule{Kind: Weekly, Interval: 2, Days: []string{"Sunday", "Tuesday"}, FirstDayOfWeek: "Monday", Start: day("2026-12-01"), Count: 3}, []string{"2026-12-01", "2026-12-06", "2026-12-15"}},
		{"the 31st means the last day", Rule{Kind: AbsoluteMonthly, DayOfMonth: 31, Start: day("2027-01-31"), Count: 3}, []string{"2027-01-31", "2027-02-28", "2027-03-31"}},
		{"the 15th, starting after it", Rule{Kind: AbsoluteMonthly, Interval: 2, DayOfMonth: 15, Start: day("2026-12-20"), Count: 2}, []string{"2027-02-15", "2027-04-15"}},
		{"last weekday of the month", Rule{Kind: RelativeMonthly, Days: []string{"Weekday"}, Index: "Last", Start: day("2027-01-01"), Count: 2}, []string{"2027-01-29", "2027-02-26"}},
		{"second Tuesday", Rule{Kind: RelativeMonthly, Days: []string{"Tuesday"}, Index: "Second", Start: day("2026-12-01"), Count: 2}, []string{"2026-12-08", "2027-01-12"}},
		{"leap day", Rule{Kind: AbsoluteYearly, DayOfMonth: 29, Month: time.February, Start: day("2027-01-01"), Count: 2}, []string{"2027-02-28", "2028-02-29"}},
		{"first Sunday of May", Rule{Kind: RelativeYearly, Days: []string{"Sunday"}, Index: "First", Month: time.May, Start: day("2026-06-01"), Count: 1}, []string{"2027-05-02"}},
		{"until a day, inclusive", Rule{Kind: Daily, Start: day("2026-12-01"), End: day("2026-12-02")}, []string{"2026-12-01", "2026-12-02"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.rule.Validate())
			var got []string
			for n, d := range tt.rule.Dates() {
				got = append(got, d.Format(time.DateOnly))
				require.Equal(t, len(got), n)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestValidate(t *testing.T) {
	require.ErrorIs(t, Rule{Kind: Weekly, Start: day("2026-12-01")}.Validate(), ErrInvalid)
	require.ErrorIs(t, Rule{Kind: "x", Start: day("2026-12-01")}.Validate(), ErrInvalid)
	require.ErrorIs(t, Rule{Kind: Weekly, Days: []string{"Sunday"}, Start: day("2026-12-01"), End: day("2026-12-02")}.Validate(), ErrNoOccurrence)
	require.ErrorIs(t, Rule{Kind: Daily, Start: day("2026-12-02"), End: day("2026-12-01")}.Validate(), ErrNoOccurrence)
	require.NoError(t, Rule{Kind: Daily, Start: day("2026-12-02")}.Validate())
}

func TestZones(t *testing.T) {
	for _, id := range ZoneIDs() {
		_, err := LoadZone(id)
		require.NoError(t, err, id)
	}
	z, err := LoadZone("w. europe standard time")
	require.NoError(t, err)
	require.Equal(t, "W. Europe Standard Time", z.ID)
	require.Equal(t, []Transition{
		{Month: time.March, Weekday: time.Sunday, Occurrence: -1, TimeOfDay: 2 * time.Hour, To: 2 * time.Hour, Daylight: true},
		{Month: time.October, Weekday: time.Sunday, Occurrence: -1, TimeOfDay: 3 * time.Hour, To: time.Hour},
	}, z.Transitions(2026))
	_, err = LoadZone("Europe/Berlin")
	require.Error(t, err, "EWS knows Windows names only")
}
