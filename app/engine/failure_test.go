package engine_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/meeting"
)

func TestATransientFailureIsRepeatedMoreAndMoreSlowly(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Calendar, "Create", first(5, enginetest.Fault{Err: transient()}))
		id := s.book(0)
		pass(2 * time.Minute)
		require.True(t, s.granted(id))
		require.Len(t, s.calls(), 6)
		for i := 1; i <= 5; i++ {
			wait := time.Second << (i - 1)
			require.InDelta(t, 0.9*wait.Seconds(), s.gap(i).Seconds(), 0.1*wait.Seconds()+0.5)
		}
	})
}

func TestAPauseThatIsAskedForIsKept(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Calendar, "Create", first(3, enginetest.Fault{
			Err: &engine.Error{Class: engine.Throttled, Code: "busy", Pause: 17 * time.Second},
		}))
		id := s.book(0)
		pass(time.Minute)
		require.True(t, s.granted(id))
		for i := 1; i <= 3; i++ {
			require.InDelta(t, 17, s.gap(i).Seconds(), 1)
		}
	})
}

func TestAStaleReadIsRepeatedAtOnce(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		id := s.book(0)
		pass(5 * time.Second)
		s.fail(enginetest.Calendar, "Update", first(3, enginetest.Fault{Err: &engine.Error{Class: engine.Stale, Code: "stale"}}))
		s.MoveBooking(id, s.hour(3), new(enginetest.Dice))
		pass(4 * time.Second)
		require.Len(t, s.calls(), 4)
		s.same(t)
		require.True(t, s.granted(id))
	})
}

// One date that the Booking app does not take keeps neither the other dates of
// the series out of Eliona, nor other meetings of the room.
func TestADateThatTheBookingAppRefusesWaitsAlone(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		taken := s.hour(3)
		s.fail(enginetest.Bookings, "Write", func(_ int, c enginetest.Call) *enginetest.Fault {
			if slices.ContainsFunc(c.Spans, taken.Equal) {
				return &enginetest.Fault{Err: &engine.Error{Class: engine.Refused, Code: engine.CodeClash}}
			}
			return nil
		})
		room := s.Rooms()[0]
		for i := range 6 {
			slot := enginetest.Slot{UID: "series", Key: meeting.KeyOf(s.hour(i).Start)}
			s.Invite("anna@example.com", slot, s.hour(i), []meeting.Address{room}, new(enginetest.Dice))
		}
		pass(time.Minute)
		require.Equal(t, 5, s.LiveBookings())
		require.Equal(t, []string{engine.CodeClash}, s.Parked())
		s.invite(8, room)
		pass(time.Minute)
		require.Equal(t, 6, s.LiveBookings(), "other meetings of the room pass")
		tried := len(s.calls())
		pass(30 * time.Minute)
		require.Len(t, s.calls(), tried, "it is not tried again and again")

		s.Calls(nil)
		pass(40 * time.Minute)
		require.Equal(t, 7, s.LiveBookings(), "it is tried again")
		require.Empty(t, s.Parked())
		s.same(t)
	})
}

// A date whose booking cannot be cancelled keeps no other date waiting.
func TestARefusedOperationHoldsUpNoOtherDate(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		room := s.Rooms()[0]
		date := func(i int) enginetest.Slot {
			return enginetest.Slot{UID: "series", Key: meeting.KeyOf(s.hour(i).Start)}
		}
		for i := range 4 {
			s.Invite("anna@example.com", date(i), s.hour(i), []meeting.Address{room}, new(enginetest.Dice))
		}
		pass(time.Minute)
		require.Equal(t, 4, s.LiveBookings())
		bookings := s.Bookings()
		s.fail(enginetest.Bookings, "Cancel", func(_ int, c enginetest.Call) *enginetest.Fault {
			if c.Booking == bookings[0] {
				return &enginetest.Fault{Err: &engine.Error{Class: engine.Refused, Code: "refused"}}
			}
			return nil
		})
		for i := range 3 {
			s.CancelMeeting(date(i), new(enginetest.Dice))
		}
		pass(time.Minute)
		require.Equal(t, 2, s.LiveBookings())
		require.Equal(t, []string{"refused"}, s.Parked())
		tried := len(s.calls())
		pass(30 * time.Minute)
		require.Len(t, s.calls(), tried)
		s.Calls(nil)
		pass(time.Hour)
		require.Equal(t, 1, s.LiveBookings())
		s.same(t)
	})
}

func TestWhatTheBookingAppRefusesIsParkedUntilSomethingChanges(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Bookings, "Write", always(&engine.Error{Class: engine.Refused, Code: engine.CodeClash}))
		slot := s.invite(0, s.Rooms()[0])
		pass(40 * time.Minute)
		require.Len(t, s.calls(), 1)
		require.Equal(t, []string{engine.CodeClash}, s.Parked())
		require.LessOrEqual(t, s.notices(engine.CodeClash), 1)
		s.Calls(nil)
		s.Move(slot, s.hour(2), new(enginetest.Dice))
		pass(30 * time.Second)
		require.Empty(t, s.Parked())
		s.same(t)
	})
}

func TestWhatExchangeRefusesIsWithdrawnWithOneNotice(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Calendar, "Create", always(&engine.Error{Class: engine.Refused, Code: "too_long"}))
		id := s.book(0)
		pass(time.Hour)
		require.False(t, s.live(id))
		require.Len(t, s.calls(), 1)
		require.Equal(t, 1, s.notices(engine.CodeFailed))
	})
}

func TestGivingUpOnABooking(t *testing.T) {
	patience := settings()
	patience.GiveUpAfter = 3 * time.Minute
	onStage(t, patience, func(t *testing.T, s *stage) {
		s.fail(enginetest.Calendar, "Create", always(transient()))
		id := s.book(0)
		pass(170 * time.Second)
		require.True(t, s.live(id), "it may still succeed")
		pass(5 * time.Minute)
		require.False(t, s.live(id))
		require.Equal(t, 1, s.notices(engine.CodeFailed))
		require.Empty(t, s.Parked())
	})
}

// That a server does not answer is no matter for a moment. While it lasts it is
// why nothing is synchronized.
func TestASideThatDoesNotAnswerIsTheStatus(t *testing.T) {
	failing := func(class engine.Class, code string) func(c enginetest.Call) *enginetest.Fault {
		return func(c enginetest.Call) *enginetest.Fault {
			if c.Port != enginetest.Calendar {
				return nil
			}
			return &enginetest.Fault{Err: &engine.Error{Class: class, Code: code, Pause: 10 * time.Second}}
		}
	}
	tests := map[string]struct {
		class  engine.Class
		passes time.Duration
		lasts  time.Duration
		told   bool
	}{
		"no answer":                {engine.Transient, 10 * time.Second, 40 * time.Second, true},
		"a pause is asked for":     {engine.Throttled, 4 * time.Minute, 6 * time.Minute, true},
		"something of one mailbox": {engine.NotFound, time.Minute, 10 * time.Minute, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			onStage(t, settings(), func(t *testing.T, s *stage) {
				s.Calls(failing(test.class, "away"))
				pass(test.passes)
				require.Empty(t, s.Status())
				s.Calls(nil)
				pass(3 * time.Minute)

				s.Calls(failing(test.class, "away"))
				pass(test.lasts)
				require.Equal(t, test.told, s.Status() == "away")
				s.Calls(failing(test.class, "otherwise"))
				pass(10 * time.Minute)
				require.Equal(t, test.told, s.Status() == "away", "the first name stays")
				require.Zero(t, s.notices("otherwise"))

				s.Calls(nil)
				pass(5 * time.Minute)
				require.Empty(t, s.Status())
				require.Equal(t, s.notices("away"), s.notices(engine.CodeRecovered))
			})
		})
	}
}

// One room that cannot be read says nothing of the others.
func TestARoomThatDoesNotAnswerIsNotTheStatus(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			if c.Port == enginetest.Calendar && c.Room == s.Rooms()[0] {
				return &enginetest.Fault{Err: transient()}
			}
			return nil
		})
		pass(10 * time.Minute)
		require.Empty(t, s.Status())
	})
}

// The database is not one of the sides.
func TestALostDatabaseIsNotTheStatus(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			if c.Method == "SaveDelta" || c.Method == "ObserveBooking" {
				return &enginetest.Fault{Err: errors.New("the database does not answer")}
			}
			return nil
		})
		pass(10 * time.Minute)
		require.Empty(t, s.Status())
	})
}

func TestABrokenSideIsToldOnceAndSoIsItsRecovery(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		broken := func(c enginetest.Call) *enginetest.Fault {
			if c.Port == enginetest.Calendar {
				return &enginetest.Fault{Err: &engine.Error{Class: engine.Broken, Code: "denied"}}
			}
			return nil
		}
		polls := 0
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			if c.Method == "Changes" {
				polls++
			}
			return broken(c)
		})
		pass(30 * time.Minute)
		require.Equal(t, 1, s.notices("denied"))
		require.Equal(t, "denied", s.Status())
		require.Less(t, polls, 30*60/30*3+10, "it is tried every half minute at most, in each room")
		s.Calls(nil)
		pass(20 * time.Minute)
		require.Equal(t, 1, s.notices(engine.CodeRecovered))
		require.Empty(t, s.Status())
		s.Calls(broken)
		pass(time.Minute)
		s.Calls(nil)
		pass(20 * time.Minute)
		require.Equal(t, 1, s.notices(engine.CodeRecovered), "what was not told is not told to be over")
	})
}

func TestARoomThatFailsHoldsUpNoOther(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		bad, good := s.Rooms()[0], s.Rooms()[1]
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			switch {
			case c.Room != bad:
				return nil
			case c.Method == "Window":
				return &enginetest.Fault{Err: transient()}
			}
			return &enginetest.Fault{Delay: time.Minute}
		})
		s.invite(0, bad)
		pass(time.Minute)
		for i := range 10 {
			s.invite(i, good)
			pass(15 * time.Second)
			require.Equal(t, i+1, s.LiveBookings())
		}
	})
}

func TestAMeetingThatFailsHoldsUpNoOther(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		poison := s.book(0)
		pass(5 * time.Second)
		uid := s.SlotOf(poison).UID
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			if c.UID == uid && c.Port == enginetest.Calendar {
				return &enginetest.Fault{Err: transient()}
			}
			return nil
		})
		s.MoveBooking(poison, s.hour(5), new(enginetest.Dice))
		for i := 6; i < 16; i++ {
			id := s.book(i)
			pass(3 * time.Second)
			require.True(t, s.granted(id))
		}
	})
}
