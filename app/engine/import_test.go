package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine/enginetest"
	"ews/app/meeting"
)

// Of a room's first import many meetings wait for a Booking app that takes half a
// minute for each. Nobody who books meanwhile waits for that.
func TestAnImportHoldsUpNobody(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			if c.Port == enginetest.Bookings && c.Method == "Write" {
				return &enginetest.Fault{Delay: 30 * time.Second}
			}
			return nil
		})
		dates := make([]enginetest.Slot, 0, 60)
		for i := range cap(dates) {
			dates = append(dates, s.invite(2*i, s.Rooms()[0]))
		}
		s.PollNow()
		pass(10 * time.Second)
		require.Zero(t, s.LiveBookings())

		id := s.book(1, s.Rooms()[1])
		pass(5 * time.Second)
		require.True(t, s.granted(id), "what is booked in Eliona is in Exchange")

		for i, since := range []time.Duration{5 * time.Second, time.Minute} {
			pass(since)
			changed, wanted := dates[len(dates)-1-i], s.hour(2*len(dates)+i)
			s.Move(changed, wanted, new(enginetest.Dice))
			s.PollNow()
			pass(65 * time.Second)
			moved := slices.ContainsFunc(s.Bookings(), func(id meeting.BookingID) bool {
				span, _, _ := s.Booking(id)
				return span.Equal(wanted)
			})
			require.True(t, moved, "what changes in Outlook comes before what never did, after %v", since)
		}
	})
}
