package engine_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/plan"
)

// TestAnAnswerCountsThoughTheRoomCannotBeRead: the organizer's copy tells that
// the room accepted, long before the room's calendar can be read. If somebody
// cancels meanwhile, a calendar without the meeting is a reason to ask again.
func TestAnAnswerCountsThoughTheRoomCannotBeRead(t *testing.T) {
	rules := settings()
	rules.Policy = plan.Policy{AnswerTimeout: time.Minute, Confirm: 75 * time.Second}
	onStage(t, rules, func(t *testing.T, s *stage) {
		room := s.Rooms()[0]
		var silent atomic.Bool
		silent.Store(true)
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			switch {
			case c.Port == enginetest.Calendar && c.Method == "Create":
				return &enginetest.Fault{Delay: 400 * time.Millisecond} // the record of it is younger than the request
			case silent.Load() && c.Port == enginetest.Calendar && c.Room == room:
				return &enginetest.Fault{Err: transient()}
			}
			return nil
		})
		id := s.book(0)
		pass(3 * time.Minute)
		require.Zero(t, s.notices(engine.CodeNoAnswer), "it did answer")

		s.CancelMeeting(s.SlotOf(id), new(enginetest.Dice))
		silent.Store(false)
		require.True(t, s.live(id))
		pass(3 * time.Minute) // until the room is polled again
		require.False(t, s.live(id))
	})
}
