package store_test

import (
	"fmt"
	"testing"
	"time"

	"ews/app/meeting"
)

// BenchmarkSaveWindow stores a calendar of 300 entries, while the database
// holds those of 100 other rooms:
//
//	go test -run '^$' -bench SaveWindow -benchtime 10x ./db/store
func BenchmarkSaveWindow(b *testing.B) {
	o := newOffice(b)
	calendar := func(name string) []meeting.Sighting {
		entries := make([]meeting.Sighting, 300)
		for i := range entries {
			entries[i] = entry(meeting.UID(fmt.Sprintf("%s-%d", name, i)), o.hour(i))
		}
		return entries
	}
	for i := range 100 {
		name := fmt.Sprint("other", i)
		o.read(o.room(meeting.Address(name+"@example.com"), meeting.AssetID(i+1000)), calendar(name)...)
	}
	o.exec(`analyze`)
	room, rooms := o.room("lake@example.com", 10), 0
	entries := calendar("lake")
	measure := func(name string, prepare func() meeting.RoomID) {
		b.Run(name, func(b *testing.B) {
			var spent time.Duration
			for range b.N {
				w := o.window(prepare(), entries...)
				began := time.Now()
				o.save(w)
				spent += time.Since(began)
			}
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "ms/read")
		})
	}
	measure("first", func() meeting.RoomID {
		rooms++
		entries = calendar(fmt.Sprint("lake", rooms))
		return o.room(meeting.Address(fmt.Sprintf("lake%d@example.com", rooms)), meeting.AssetID(rooms))
	})
	entries = calendar("lake")
	o.read(room, entries...)
	measure("unchanged", func() meeting.RoomID { return room })
	measure("all moved", func() meeting.RoomID {
		for i := range entries {
			entries[i].Span.End = entries[i].Span.End.Add(time.Minute)
		}
		return room
	})
}
