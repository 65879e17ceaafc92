package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/meeting"
)

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
