package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/meeting"
)

// stage is a world with one engine at work.
type stage struct {
	*enginetest.World
	p     *enginetest.Process
	begin time.Time

	mu    sync.Mutex
	noted []made
}

// made is a call that was made, and when.
type made struct {
	enginetest.Call
	at time.Duration
}

// onStage plays a scene in a bubble of its own. It also proves that Run leaves
// nothing running: the bubble would not end.
func onStage(t *testing.T, s engine.Settings, scene func(*testing.T, *stage)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &stage{World: enginetest.New(enginetest.Options{Rooms: 3, Echoes: true, Hides: true}), begin: time.Now()}
		st.p = st.Start(t.Context(), "p1", s)
		defer func() {
			st.p.Stop()
			require.NoError(t, st.p.Wait())
			if t.Failed() {
				t.Log(st.Story())
			}
		}()
		for !st.Ready(len(s.Projects)) {
			pass(time.Second)
		}
		pass(2 * time.Second) // until the Booking app is heard
		scene(t, st)
		require.Empty(t, st.Broken())
	})
}

// fail lets calls fail, and notes those that are watched.
func (s *stage) fail(port enginetest.Port, method string, how func(n int, c enginetest.Call) *enginetest.Fault) {
	s.Calls(func(c enginetest.Call) *enginetest.Fault {
		if c.Port != port || c.Method != method {
			return nil
		}
		s.mu.Lock()
		s.noted = append(s.noted, made{c, time.Since(s.begin)})
		n := len(s.noted)
		s.mu.Unlock()
		return how(n, c)
	})
}

// always fails every call.
func always(err *engine.Error) func(int, enginetest.Call) *enginetest.Fault {
	return func(int, enginetest.Call) *enginetest.Fault { return &enginetest.Fault{Err: err} }
}

// first fails the first n calls.
func first(n int, f enginetest.Fault) func(int, enginetest.Call) *enginetest.Fault {
	return func(i int, _ enginetest.Call) *enginetest.Fault {
		if i > n {
			return nil
		}
		return &f
	}
}

// calls are those that are watched, so far.
func (s *stage) calls() []made {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.noted)
}

func (s *stage) gap(i int) time.Duration {
	calls := s.calls()
	return calls[i].at - calls[i-1].at
}

func (s *stage) hour(i int) meeting.Span {
	start := s.begin.Add(time.Duration(24+i) * time.Hour)
	return meeting.SpanOf(start, start.Add(time.Hour))
}

// book books the i-th hour for Dora, in one room unless told otherwise.
func (s *stage) book(i int, rooms ...meeting.Address) meeting.BookingID {
	if len(rooms) == 0 {
		rooms = s.Rooms()[:1]
	}
	return s.Book("dora@example.com", s.hour(i), rooms, new(enginetest.Dice))
}

func (s *stage) invite(i int, room meeting.Address) enginetest.Slot {
	slot := enginetest.Slot{UID: meeting.UID(fmt.Sprintf("outlook-%d-%s", i, room))}
	s.Invite("anna@example.com", slot, s.hour(i), []meeting.Address{room}, new(enginetest.Dice))
	return slot
}

func (s *stage) live(id meeting.BookingID) bool {
	_, _, live := s.Booking(id)
	return live
}

// granted tells whether a room holds what was booked.
func (s *stage) granted(id meeting.BookingID) bool {
	slot := s.SlotOf(id)
	return s.live(id) && slot.UID != "" && len(s.Holding(slot)) > 0
}

// same: both sides say the same, now or after the next poll.
func (s *stage) same(t *testing.T) {
	t.Helper()
	for range 12 {
		if len(s.Differences()) == 0 {
			return
		}
		pass(time.Second)
	}
	require.Empty(t, s.Differences())
}

// notices counts the episodes with a code.
func (s *stage) notices(code string) int {
	n := 0
	for _, e := range s.Episodes() {
		if e.Code == code {
			n++
		}
	}
	return n
}

func transient() *engine.Error { return &engine.Error{Class: engine.Transient, Code: "not_available"} }

func TestABookingReachesExchangeWithinASecond(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		id := s.book(0)
		pass(time.Second)
		require.True(t, s.granted(id))
	})
}

func TestAMeetingReachesElionaWithTheNextPoll(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.invite(0, s.Rooms()[0])
		pass(12 * time.Second)
		require.Equal(t, 1, s.LiveBookings())
		s.same(t)
	})
}

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

// A person cancels a whole group, and before that is told, one of its dates
// leaves Outlook: the other bookings were not cancelled along with our one.
func TestAGroupThatAPersonCancelledIsNotMadeAgain(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		var dates []enginetest.Slot
		for i := range 3 {
			dates = append(dates, enginetest.Slot{UID: "series", Key: meeting.KeyOf(s.hour(i).Start)})
			s.Invite("anna@example.com", dates[i], s.hour(i), s.Rooms()[:1], new(enginetest.Dice))
		}
		pass(time.Minute)
		require.Equal(t, 3, s.LiveBookings())
		s.fail(enginetest.Bookings, "Write", func(int, enginetest.Call) *enginetest.Fault { return nil })

		lost := enginetest.Dice(5)
		s.CancelGroup(s.Bookings()[0], &lost)
		s.CancelMeeting(dates[0], new(enginetest.Dice))
		pass(5 * time.Minute)
		require.Zero(t, s.LiveBookings())
		require.Empty(t, s.calls(), "none is written again")
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

func TestAnUnknownEndIsWaitedForAndLookedUp(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("carried out: %v", after), func(t *testing.T) {
			onStage(t, settings(), func(t *testing.T, s *stage) {
				s.fail(enginetest.Calendar, "Create", first(1, enginetest.Fault{
					Err: &engine.Error{Class: engine.Transient, Code: "no_answer", Ambiguous: true}, After: after,
				}))
				id := s.book(0)
				pass(30 * time.Second)
				require.True(t, s.granted(id))
				require.Len(t, s.Meetings(), 1)
				if after {
					require.Len(t, s.calls(), 1)
				} else {
					require.Len(t, s.calls(), 2)
					require.GreaterOrEqual(t, s.gap(1), 5*time.Second)
				}
			})
		})
	}
}

func TestAWriteOfUnknownEndIsFoundAgain(t *testing.T) {
	for _, class := range []engine.Class{engine.Transient, engine.Unmatched} {
		t.Run(string(class), func(t *testing.T) {
			onStage(t, settings(), func(t *testing.T, s *stage) {
				s.fail(enginetest.Bookings, "Write", first(1, enginetest.Fault{
					Err: &engine.Error{Class: class, Code: "no_answer", Ambiguous: true}, After: true,
				}))
				s.invite(0, s.Rooms()[0])
				pass(time.Minute)
				require.Len(t, s.calls(), 1)
				require.Equal(t, 1, s.LiveBookings(), "and its echo was not taken for a stranger")
				require.Len(t, s.Meetings(), 1)
				s.same(t)
			})
		})
	}
}

// A person cancels in Outlook while it is not known whether the booking was
// made.
func TestAWriteOfUnknownEndIsFoundAgainAfterACancellation(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Bookings, "Write", first(1, enginetest.Fault{
			Err: &engine.Error{Class: engine.Transient, Code: "no_answer", Ambiguous: true}, After: true,
		}))
		other := s.invite(2, s.Rooms()[0])
		slot := s.invite(0, s.Rooms()[0])
		for s.LiveBookings() == 0 {
			pass(100 * time.Millisecond)
		}
		s.CancelMeeting(slot, new(enginetest.Dice))
		s.CancelMeeting(other, new(enginetest.Dice))
		s.PollNow()
		pass(time.Minute)
		require.Zero(t, s.LiveBookings())
		s.same(t)
	})
}

// The dates of a series are moved, so that nothing names them but what was
// written; it is cancelled while it is not known whether that was made, and its
// organizer books the room in Eliona for another time.
func TestBookingsOfUnknownEndAreFoundBesideAnotherOfTheSameOrganizer(t *testing.T) {
	for _, age := range []string{"the other is older", "the other is younger"} {
		t.Run(age, func(t *testing.T) {
			onStage(t, settings(), func(t *testing.T, s *stage) {
				other := func() { s.Book("anna@example.com", s.hour(5), s.Rooms()[:1], new(enginetest.Dice)) }
				s.fail(enginetest.Bookings, "Write", func(n int, _ enginetest.Call) *enginetest.Fault {
					if n > 1 {
						return nil
					}
					return &enginetest.Fault{
						Err: &engine.Error{Class: engine.Transient, Code: "no_answer", Ambiguous: true}, After: true,
					}
				})
				var dates []enginetest.Slot
				for i := range 3 {
					slot := enginetest.Slot{UID: "series", Key: meeting.KeyOf(s.hour(24 * i).Start)}
					s.Invite("anna@example.com", slot, s.hour(24*i), s.Rooms()[:1], new(enginetest.Dice))
					s.Move(slot, s.hour(24*i+2), new(enginetest.Dice))
					dates = append(dates, slot)
				}
				s.PollNow()
				if age == "the other is older" {
					s.DropConnections(true)
					other()
				}
				for s.LiveBookings() < 3 {
					pass(100 * time.Millisecond)
				}
				if age == "the other is younger" {
					other()
				}
				for _, slot := range dates {
					s.CancelMeeting(slot, new(enginetest.Dice))
				}
				s.DropConnections(false)
				s.PollNow()
				pass(time.Minute)
				require.Equal(t, 1, s.LiveBookings())
				s.same(t)
			})
		})
	}
}

// The write had no effect. A booking that its organizer makes in the same room
// for another day is nobody else's.
func TestABookingOfTheSameOrganizerIsNotTakenForOneOfUnknownEnd(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Bookings, "Write", first(1, enginetest.Fault{
			Err: &engine.Error{Class: engine.Transient, Code: "no_answer", Ambiguous: true},
		}))
		s.invite(0, s.Rooms()[0])
		for len(s.calls()) == 0 {
			pass(100 * time.Millisecond)
		}
		id := s.Book("anna@example.com", s.hour(30), s.Rooms()[:1], new(enginetest.Dice))
		pass(time.Minute)
		span, _, live := s.Booking(id)
		require.True(t, live)
		require.Equal(t, s.hour(30), span)
		require.Equal(t, 2, s.LiveBookings())
		require.Len(t, s.Meetings(), 2)
		s.same(t)
	})
}

// Both sides change at once, the time here and the room there, and the app hears
// of Outlook first.
func TestAChangeInElionaThatIsNotKnownYetIsNotUndone(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		slot := s.invite(0, s.Rooms()[0])
		pass(15 * time.Second)
		id := s.Bookings()[0]
		s.DropConnections(true)
		s.ChangeRooms(id, s.Rooms()[1:2], new(enginetest.Dice))
		s.Move(slot, s.hour(3), new(enginetest.Dice))
		s.PollNow()
		pass(20 * time.Second)
		s.DropConnections(false)
		pass(20 * time.Second)
		span, rooms, live := s.Booking(id)
		require.True(t, live)
		require.Equal(t, s.hour(3), span)
		require.Equal(t, s.Rooms()[1:2], rooms)
		s.same(t)
	})
}

func TestTheHorizonMovesOnWithTheDays(t *testing.T) {
	near := settings()
	near.Horizon, near.RefreshInterval = 48*time.Hour, time.Hour
	onStage(t, near, func(t *testing.T, s *stage) {
		s.invite(12, s.Rooms()[0]) // in a day and a half
		s.invite(36, s.Rooms()[0]) // in two and a half
		pass(2 * time.Hour)
		require.Equal(t, 1, s.LiveBookings(), "the other is too far ahead")
		pass(25 * time.Hour)
		require.Equal(t, 2, s.LiveBookings(), "a day later it is not, though nobody changed anything")
	})
}

func TestTheServiceUserBooksForThoseWithoutAMailbox(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		var mailboxes []meeting.Address
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			if c.Method == "Create" {
				mailboxes = append(mailboxes, c.Mailbox)
			}
			return nil
		})
		finn := s.Book("finn@elsewhere.net", s.hour(0), s.Rooms()[:1], new(enginetest.Dice))
		pass(10 * time.Second)
		carl := s.Book("Carl", s.hour(1), s.Rooms()[:1], new(enginetest.Dice))
		pass(10 * time.Second)
		require.Equal(t, []meeting.Address{"finn@elsewhere.net", enginetest.Service, enginetest.Service}, mailboxes)
		require.True(t, s.granted(finn))
		require.True(t, s.granted(carl))
	})
}

func TestWhatHappenedWhileNobodyListenedIsFoundAfterTheConnect(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		cancelled, moved := s.book(0), s.book(1)
		pass(5 * time.Second)
		s.DropConnections(true)
		s.CancelBooking(cancelled, new(enginetest.Dice))
		s.MoveBooking(moved, s.hour(3), new(enginetest.Dice))
		made := s.book(5)
		pass(10 * time.Minute)
		require.False(t, s.granted(made))
		s.DropConnections(false)
		pass(10 * time.Second)
		require.True(t, s.granted(made))
		s.same(t)
	})
}

func TestAComparisonStoresOnlyWhatDiffers(t *testing.T) {
	one := settings()
	one.Projects = []string{"east"}
	onStage(t, one, func(t *testing.T, s *stage) {
		for i := range 5 {
			s.book(i)
		}
		moved := s.book(6)
		pass(5 * time.Second)
		s.DropConnections(true)
		s.MoveBooking(moved, s.hour(9), new(enginetest.Dice))
		s.fail(enginetest.Store, "ObserveBooking", func(int, enginetest.Call) *enginetest.Fault { return nil })
		s.DropConnections(false)
		pass(10 * time.Second)
		require.Len(t, s.calls(), 1)
		s.same(t)
	})
}

func TestAListThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	one := settings()
	one.Projects = []string{"east"}
	onStage(t, one, func(t *testing.T, s *stage) {
		for _, room := range s.Rooms() {
			s.book(0, room)
		}
		pass(5 * time.Second)
		require.Len(t, s.Meetings(), 3)
		s.DropConnections(true)
		for _, id := range s.Bookings() {
			s.CancelBooking(id, new(enginetest.Dice))
		}
		s.fail(enginetest.Bookings, "List", first(1, enginetest.Fault{Err: transient()}))
		s.DropConnections(false)
		for len(s.calls()) < 3 {
			pass(100 * time.Millisecond)
		}
		pass(500 * time.Millisecond)
		require.Len(t, s.Meetings(), 1, "the others were compared")
		pass(2 * time.Second)
		require.Empty(t, s.Meetings())
		require.Len(t, s.calls(), 4, "only what was left is read again")
	})
}

func TestABookingAppThatIsGoneIsNotAskedForEveryList(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Bookings, "List", always(transient()))
		s.DropConnections(true)
		s.DropConnections(false)
		pass(20 * time.Minute)
		require.Greater(t, len(s.calls()), 20)
		require.Less(t, len(s.calls()), 100, "of six lists at most three, every two minutes")
		s.Calls(nil)
		pass(3 * time.Minute)
		s.same(t)
	})
}

func TestManyBookingsThatVanishAtOnceAreDoubted(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		var ids []meeting.BookingID
		for i := range 8 {
			ids = append(ids, s.book(i))
		}
		pass(10 * time.Second)
		require.Len(t, s.Meetings(), 8)
		s.DropConnections(true)
		for _, id := range ids {
			s.CancelBooking(id, new(enginetest.Dice))
		}
		s.DropConnections(false)
		pass(100 * time.Second)
		require.Len(t, s.Meetings(), 8, "it is looked again before it is believed")
		pass(time.Minute)
		require.Empty(t, s.Meetings())
	})
}

func TestManyEntriesThatVanishAtOnceAreDoubted(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		room := s.Rooms()[0]
		for i := range 8 {
			s.invite(i, room)
		}
		pass(20 * time.Second)
		require.Equal(t, 8, s.LiveBookings())
		s.Vanish(room)
		s.ForgetPositions()
		pass(100 * time.Second)
		require.Equal(t, 8, s.LiveBookings())
		pass(time.Minute)
		require.Zero(t, s.LiveBookings())
	})
}

func TestManyMessagesOfABookingAreOneLook(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		id := s.book(0)
		pass(5 * time.Second)
		s.fail(enginetest.Bookings, "Get", func(int, enginetest.Call) *enginetest.Fault {
			return &enginetest.Fault{Delay: 50 * time.Millisecond}
		})
		for i := range 100 {
			s.MoveBooking(id, s.hour(i%5), new(enginetest.Dice))
		}
		pass(10 * time.Second)
		require.Less(t, len(s.calls()), 10)
		s.same(t)
	})
}

func TestAStopFinishesWhatIsUnderWay(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Calendar, "Create", func(int, enginetest.Call) *enginetest.Fault {
			return &enginetest.Fault{Delay: 3 * time.Second}
		})
		first := s.book(0)
		pass(time.Second)
		second := s.book(1)
		s.p.Stop()
		asked := time.Now()
		require.NoError(t, s.p.Wait())
		require.LessOrEqual(t, time.Since(asked), 3*time.Second)
		require.Len(t, s.Meetings(), 1)
		s.p = s.Start(t.Context(), "p2", settings())
		pass(20 * time.Second)
		require.Len(t, s.calls(), 2, "what was finished is not sent again")
		require.True(t, s.granted(first))
		require.True(t, s.granted(second))
	})
}

func TestAStopDoesNotWaitForever(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.fail(enginetest.Calendar, "Create", first(1, enginetest.Fault{Delay: time.Hour}))
		s.book(0)
		pass(time.Second)
		s.p.Stop()
		asked := time.Now()
		require.NoError(t, s.p.Wait())
		require.InDelta(t, 7, time.Since(asked).Seconds(), 1)
	})
}

func TestRunEndsAtAnyTime(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, 40 * time.Millisecond, 300 * time.Millisecond, time.Second, time.Minute} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := enginetest.New(enginetest.Options{Rooms: 3, Delays: true})
				p := w.Start(t.Context(), "p1", settings())
				pass(after)
				p.Stop()
				require.NoError(t, p.Wait())
			})
		})
	}
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

func TestALeaderThatWakesUpCannotStoreOrSend(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		old := s.p
		old.Pause()
		id := s.book(0)
		pass(5 * time.Second)
		require.Empty(t, s.Meetings())
		s.p = s.Start(t.Context(), "p2", settings())
		pass(10 * time.Second)
		require.True(t, s.granted(id))
		writes := s.Writes()
		old.Resume()
		require.ErrorIs(t, old.Wait(), engine.ErrFenced)
		pass(10 * time.Second)
		require.Equal(t, writes, s.Writes())
		s.same(t)
	})
}

// A process dies at any of its calls, before or after their effect, while
// people do all they can on both sides.
func TestACrashAtAnyCallIsHealed(t *testing.T) {
	t.Parallel()
	calls := 0
	for at := 1; ; at++ {
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { calls = crashAt(t, at, after) })
		}
		if at > calls || t.Failed() {
			require.Greater(t, at, 50)
			return
		}
	}
}

// crashAt returns how many calls the process would have made.
func crashAt(t *testing.T, at int, after bool) int {
	t.Helper()
	s := &stage{World: enginetest.New(enginetest.Options{Rooms: 3, Echoes: true}), begin: time.Now()}
	s.p = s.Start(t.Context(), "p1", settings())
	defer func() {
		s.p.Stop()
		_ = s.p.Wait()
	}()
	for !s.Ready(len(settings().Projects)) {
		pass(time.Second)
	}
	granted, moved, cancelled := s.book(0), s.book(1), s.book(2)
	pass(3 * time.Second)
	s.invite(3, s.Rooms()[1])
	ended := s.invite(4, s.Rooms()[1])
	pass(12 * time.Second)
	from := s.p.CallCount()
	s.p.KillAt(at, after)
	s.MoveBooking(moved, s.hour(6), new(enginetest.Dice))
	s.CancelBooking(cancelled, new(enginetest.Dice))
	s.CancelMeeting(ended, new(enginetest.Dice))
	s.book(7, s.Rooms()[1], s.Rooms()[2])
	s.invite(8, s.Rooms()[2])
	s.PollNow()
	for range 40 {
		pass(500 * time.Millisecond)
		if s.p.Ended() {
			s.p = s.Start(t.Context(), "p2", settings())
		}
	}
	pass(2 * time.Minute)
	if len(s.Broken()) > 0 || len(s.Differences()) > 0 || !s.granted(granted) {
		t.Log(s.Story())
		t.Fatalf("killed at call %d, after its effect: %v: %v %v", at, after, s.Broken(), s.Differences())
	}
	return min(s.p.CallCount()-from, 150)
}
