package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
)

// BenchmarkCarry takes a meeting of an import through what the store does of it:
// it is claimed, loaded, its booking recorded before it is made, and after it
// together with the end of the work. The database holds 10,000 that wait.
//
//	go test -run '^$' -bench Carry -benchtime 2000x ./db/store
func BenchmarkCarry(b *testing.B) {
	o := newOffice(b)
	for i := range 50 {
		name := fmt.Sprint("room", i)
		entries := make([]meeting.Sighting, 200)
		for n := range entries {
			entries[n] = entry(meeting.UID(fmt.Sprintf("%s-%d", name, n)), o.hour(n))
		}
		o.read(o.room(meeting.Address(name+"@example.com"), meeting.AssetID(i+1000)), entries...)
	}
	o.hurry()
	spent, steps := map[string]time.Duration{}, []string{"claim", "load", "begin", "conclude"}
	step := func(name string, f func() error) {
		began := time.Now()
		require.NoError(b, f())
		spent[name] += time.Since(began)
	}
	ctx := b.Context()
	booking := meeting.BookingID(0)
	for b.Loop() {
		var claims []engine.Claim
		var loaded engine.Loaded
		var op engine.Operation
		step("claim", func() (err error) { claims, err = o.term.Claim(ctx, 1, nil); return err })
		require.Len(b, claims, 1)
		c := claims[0]
		step("load", func() (err error) { loaded, err = o.term.Load(ctx, c); return err })
		date := loaded.Meeting.Occurrences[0]
		booking++
		assets := []meeting.AssetID{1000}
		span := date.Cells[0].SeenSpan
		step("begin", func() (err error) {
			op, err = o.term.Begin(ctx, c, engine.Intent{Side: meeting.Eliona, Kind: plan.WriteBookings, Assets: assets, Span: span})
			return err
		})
		step("conclude", func() error {
			_, err := o.term.Conclude(ctx, c, &op, func(now engine.Loaded, at meeting.Moment) (engine.Outcome, error) {
				m := now.Meeting
				m.Group = meeting.GroupID(booking)
				m.Occurrences[0].BookingWritten(booking, span, assets, at.Tick)
				m.Occurrences[0].Agreed(span, []meeting.RoomID{date.Cells[0].Room})
				return engine.Outcome{Release: &engine.Release{}}, nil
			})
			return err
		})
	}
	for _, name := range steps {
		b.ReportMetric(float64(spent[name].Microseconds())/float64(b.N), name+"-µs/op")
	}
}
