package engine_test

import (
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
