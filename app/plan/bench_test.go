package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
	"ews/app/plan"
)

// BenchmarkFor plans a meeting that people made in Outlook, one room and so many
// dates, in buildings of different sizes: to be booked, and at rest.
func BenchmarkFor(b *testing.B) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, test := range []struct{ rooms, dates int }{{10, 1}, {10, 26}, {1000, 1}, {1000, 26}} {
		rooms := map[meeting.RoomID]meeting.Room{}
		for id := range meeting.RoomID(test.rooms) {
			rooms[id+1] = meeting.Room{ID: id + 1, Address: meeting.Address(fmt.Sprintf("room-%d@example.com", id)), Assets: []meeting.AssetID{meeting.AssetID(id + 1)}}
		}
		roomOf := plan.RoomsByAsset(rooms)
		m := &meeting.Meeting{ID: 1, UID: "u", Origin: meeting.Exchange, Organizer: "alice@example.com"}
		for n := range test.dates {
			start := now.AddDate(0, 0, 7*n+1)
			m.Occurrences = append(m.Occurrences, &meeting.Occurrence{
				ID: meeting.OccurrenceID(n + 1), Key: meeting.KeyOf(start), Copy: meeting.CopyUnknown,
				Cells: []meeting.Cell{{Room: 1, Seen: meeting.Booked, SeenSpan: meeting.SpanOf(start, start.Add(time.Hour)), SeenAt: now}},
			})
		}
		rested := m.Clone()
		for i, o := range rested.Occurrences {
			span := o.Cells[0].SeenSpan
			o.Booking, o.BookingLive, o.BookingSpan, o.Assets = meeting.BookingID(i+1), true, span, []meeting.AssetID{1}
			o.BaseLive, o.Base, o.Cells[0].BaseIn = true, span, true
		}
		for name, in := range map[string]*meeting.Meeting{"new": m, "rest": rested} {
			b.Run(fmt.Sprintf("%s/rooms=%d/dates=%d", name, test.rooms, test.dates), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p := plan.For(plan.Input{Meeting: in, Rooms: rooms, RoomOf: roomOf, Now: now, Policy: plan.DefaultPolicy()})
					require.Len(b, p.Ops, map[string]int{"new": 1, "rest": 0}[name])
				}
			})
		}
	}
}
