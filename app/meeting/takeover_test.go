package meeting

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTakeOver(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 3, 1, 10, 0, 0, 0, time.UTC)
	week := func(n int) Span {
		start := now.AddDate(0, 0, 7*n).Add(time.Hour)
		return Span{start, start.Add(time.Hour)}
	}
	later := func(s Span) Span { return Span{s.Start.Add(3 * time.Hour), s.End.Add(3 * time.Hour)} }
	shows := func(key Key, span Span) *Occurrence {
		return &Occurrence{Key: key, Cells: []Cell{{Room: 1, Seen: Booked, SeenSpan: span}}}
	}
	date := func(n int, span Span) *Occurrence { return shows(KeyOf(week(n).Start), span) }
	booking := func(id BookingID, index int, span Span) Inherited {
		return Inherited{
			Legacy: Legacy{Booking: id, Index: index, Organizer: "anna@example.com", Group: 9},
			Live:   true, Covered: true, Span: span, Assets: []AssetID{10}, Rooms: []RoomID{1},
		}
	}
	edge := func(b Inherited) Inherited { b.Covered = false; return b }
	gone := booking(3, 3, Span{})
	gone.Live = false

	for name, c := range map[string]struct {
		occurrences []*Occurrence
		bookings    []Inherited
		want        map[Key]BookingID
		waits       []BookingID
	}{
		"a single meeting":                           {[]*Occurrence{shows("", week(0))}, []Inherited{booking(1, 0, week(0))}, map[Key]BookingID{"": 1}, nil},
		"one that moved meanwhile":                   {[]*Occurrence{shows("", week(1))}, []Inherited{booking(1, 0, week(0))}, map[Key]BookingID{"": 1}, nil},
		"one that is gone":                           {nil, []Inherited{booking(1, 0, week(0))}, map[Key]BookingID{"": 1}, nil},
		"one date of a series that is gone":          {nil, []Inherited{booking(1, 2, week(0))}, map[Key]BookingID{KeyOf(week(0).Start): 1}, nil},
		"a booking that the Booking app has not":     {[]*Occurrence{shows("", week(0))}, []Inherited{gone}, map[Key]BookingID{"": 0}, nil},
		"a booking beyond what was read":             {[]*Occurrence{date(1, week(1))}, []Inherited{edge(booking(1, 2, week(2)))}, map[Key]BookingID{KeyOf(week(1).Start): 0}, []BookingID{1}},
		"one at the edge that was read all the same": {[]*Occurrence{date(1, week(1))}, []Inherited{edge(booking(1, 1, week(1)))}, map[Key]BookingID{KeyOf(week(1).Start): 1}, nil},
		"a single one that became a series":          {[]*Occurrence{date(1, week(1)), date(2, week(2))}, []Inherited{booking(1, 0, week(1))}, map[Key]BookingID{KeyOf(week(1).Start): 1, KeyOf(week(2).Start): 0}, nil},
		"a series": {
			[]*Occurrence{date(2, week(2)), date(1, week(1)), date(3, week(3))},
			[]Inherited{booking(13, 3, week(3)), booking(11, 1, week(1)), booking(12, 2, week(2))},
			map[Key]BookingID{KeyOf(week(1).Start): 11, KeyOf(week(2).Start): 12, KeyOf(week(3).Start): 13}, nil,
		},
		"a series with one date moved, one cancelled": {
			[]*Occurrence{date(1, week(1)), date(3, later(week(3)))},
			[]Inherited{booking(11, 1, week(1)), booking(12, 2, week(2)), booking(13, 3, week(3))},
			map[Key]BookingID{KeyOf(week(1).Start): 11, KeyOf(week(2).Start): 12, KeyOf(week(3).Start): 13}, nil,
		},
		"a series that moved as a whole": {
			[]*Occurrence{shows(KeyOf(later(week(2)).Start), later(week(2))), shows(KeyOf(later(week(1)).Start), later(week(1)))},
			[]Inherited{booking(12, 2, week(2)), booking(11, 1, week(1))},
			map[Key]BookingID{KeyOf(later(week(1)).Start): 11, KeyOf(later(week(2)).Start): 12}, nil,
		},
		"two bookings of one meeting": {
			[]*Occurrence{shows("", week(0))},
			[]Inherited{booking(1, 0, later(week(0))), booking(2, 0, week(0))},
			map[Key]BookingID{"": 2, KeyOf(later(week(0)).Start): 1}, nil,
		},
		"a date that is taken": {
			[]*Occurrence{{Key: KeyOf(week(1).Start), Booking: 5}},
			[]Inherited{booking(1, 1, week(1))},
			map[Key]BookingID{KeyOf(week(1).Start): 5, KeyOf(week(1).Start.Add(time.Second)): 1}, nil,
		},
		"one that was linked already": {
			[]*Occurrence{{Booking: 1}}, []Inherited{booking(1, 0, week(0))}, map[Key]BookingID{"": 1}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &Meeting{Occurrences: c.occurrences}
			before := map[Key]BookingID{}
			for _, o := range c.occurrences {
				before[o.Key] = o.Booking
			}
			for _, b := range c.bookings {
				m.Legacy = append(m.Legacy, b.Legacy)
			}
			linked := m.TakeOver(c.bookings, Moment{Now: now, Tick: 5})
			got := map[Key]BookingID{}
			for _, o := range m.Occurrences {
				got[o.Key] = o.Booking
				if o.Booking == 0 || before[o.Key] != 0 {
					require.False(t, o.BaseLive)
					continue
				}
				require.Contains(t, linked, o.Booking)
				require.True(t, o.BookingLive && o.BaseLive && o.Base.Equal(o.BookingSpan))
				require.True(t, o.CellOf(1).BaseIn)
				require.Equal(t, []AssetID{10}, o.Assets)
				require.EqualValues(t, "anna@example.com", m.Organizer)
				require.EqualValues(t, 9, m.Group)
			}
			require.Equal(t, c.want, got)
			var waits []BookingID
			for _, l := range m.Legacy {
				require.False(t, l.Start.IsZero())
				waits = append(waits, l.Booking)
			}
			require.Equal(t, c.waits, waits)
		})
	}
}

// What Exchange told of the organizer counts more than what the earlier app noted.
func TestTakeOverKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	m := &Meeting{Organizer: "ben@example.com", Group: 4}
	now := time.Date(2030, 3, 1, 10, 0, 0, 0, time.UTC)
	m.TakeOver([]Inherited{{
		Legacy: Legacy{Booking: 1, Organizer: "anna@example.com", Group: 9},
		Live:   true, Covered: true, Span: Span{now, now.Add(time.Hour)},
	}}, Moment{Now: now})
	require.EqualValues(t, "ben@example.com", m.Organizer)
	require.EqualValues(t, 4, m.Group)
	require.False(t, m.Shown(now))
}

func TestWhatIsRecoveredHasForItsBaseWhatTheRoomsShow(t *testing.T) {
	t.Parallel()
	hour := func(n int) Span {
		start := time.Date(2030, 3, 1, n, 0, 0, 0, time.UTC)
		return Span{start, start.Add(time.Hour)}
	}
	nine, ten := hour(9), hour(10)
	m := &Meeting{Origin: Exchange, Organizer: "service@example.com", Occurrences: []*Occurrence{{
		Booking: 7, BookingLive: true, BookingSpan: hour(12), Assets: []AssetID{10},
		Cells: []Cell{
			{Room: 1, Seen: Booked, SeenSpan: ten, Sequence: 1},
			{Room: 2, Seen: Booked, SeenSpan: nine},
			{Room: 3, Seen: Pending, SeenSpan: ten, Sequence: 2},
			{Room: 4, Seen: None},
		},
	}}}
	o := m.Occurrences[0]
	m.Recover(o, "not an address", "ref")
	require.Equal(t, Eliona, m.Origin)
	require.Empty(t, m.Organizer)
	require.Equal(t, Address("service@example.com"), m.CopyMailbox)
	require.True(t, o.BaseLive)
	require.True(t, o.Base.Equal(ten), "the newest that a room has accepted")
	for room, in := range map[RoomID]bool{1: true, 2: false, 3: true, 4: false} {
		require.Equal(t, in, o.CellOf(room).BaseIn, room)
	}
}
