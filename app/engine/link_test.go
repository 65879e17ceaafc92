package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/meeting"
)

// loseMappings lets another process begin that knows nothing, and does not know
// either what happened meanwhile.
func (s *stage) loseMappings(t *testing.T, meanwhile ...func()) {
	t.Helper()
	s.p.Stop()
	require.NoError(t, s.p.Wait())
	s.LoseMappings()
	for _, happens := range meanwhile {
		happens()
	}
	s.p = s.Start(t.Context(), "p2", settings())
}

func (s *stage) series(rooms ...meeting.Address) []enginetest.Slot {
	var dates []enginetest.Slot
	for i := range 4 {
		slot := enginetest.Slot{UID: "series", Key: meeting.KeyOf(s.hour(2 * i).Start)}
		s.Invite("anna@example.com", slot, s.hour(2*i), rooms, new(enginetest.Dice))
		dates = append(dates, slot)
	}
	return dates
}

// I10: meetings and bookings find each other again, and nothing is written.
func TestBookingsAreLinkedAgainAfterTheLossOfAllMappings(t *testing.T) {
	rooms := func(s *stage) []meeting.Address { return s.Rooms() }
	tests := map[string]func(s *stage){
		"a meeting of Outlook":              func(s *stage) { s.invite(0, rooms(s)[0]) },
		"a meeting of Outlook in two rooms": func(s *stage) { s.inviteAll(0, rooms(s)[:2]...) },
		"two meetings at the same time": func(s *stage) {
			s.invite(0, rooms(s)[0])
			s.invite(0, rooms(s)[1])
		},
		"a series": func(s *stage) { s.series(rooms(s)[0]) },
		"a series with a date that was moved": func(s *stage) {
			dates := s.series(rooms(s)[:2]...)
			s.Move(dates[1], s.hour(3), new(enginetest.Dice))
		},
		"a booking of Eliona":                     func(s *stage) { s.book(0) },
		"a booking in two rooms":                  func(s *stage) { s.book(0, rooms(s)[:2]...) },
		"a booking of somebody without a mailbox": func(s *stage) { s.Book("finn@elsewhere.net", s.hour(0), rooms(s)[:1], new(enginetest.Dice)) },
		"a group of bookings": func(s *stage) {
			s.BookGroup("dora@example.com", []meeting.Span{s.hour(0), s.hour(4)}, rooms(s)[:1], new(enginetest.Dice))
		},
		"an ad-hoc booking": func(s *stage) { s.Book("", s.hour(0), rooms(s)[:1], new(enginetest.Dice)) },
	}
	for name, before := range tests {
		t.Run(name, func(t *testing.T) {
			onStage(t, settings(), func(t *testing.T, s *stage) {
				before(s)
				pass(2 * time.Minute)
				s.same(t)
				bookings, writes := s.Bookings(), s.Writes()
				require.NotEmpty(t, bookings)

				s.loseMappings(t)
				pass(5 * time.Minute)
				require.Equal(t, writes, s.Writes(), "nothing is written")
				require.Equal(t, bookings, s.Bookings())
				s.same(t)

				s.CancelBooking(bookings[0], new(enginetest.Dice))
				pass(time.Minute)
				require.Len(t, s.Bookings(), len(bookings)-1)
				s.same(t)
			})
		})
	}
}

// What people do with bookings of Eliona while nothing is known is carried over:
// their meetings are known by the UID that the booking's number leads to.
func TestBookingsChangedDuringTheLossAreCarriedOver(t *testing.T) {
	tests := map[string]struct {
		change func(s *stage, id meeting.BookingID)
		lives  bool
	}{
		"moved": {func(s *stage, id meeting.BookingID) { s.MoveBooking(id, s.hour(4), new(enginetest.Dice)) }, true},
		"moved to where its meeting is": {func(s *stage, id meeting.BookingID) {
			s.MoveBooking(id, meeting.SpanOf(s.hour(0).Start.Add(30*time.Minute), s.hour(0).End.Add(30*time.Minute)), new(enginetest.Dice))
		}, true},
		"other rooms":   {func(s *stage, id meeting.BookingID) { s.ChangeRooms(id, s.Rooms()[1:], new(enginetest.Dice)) }, true},
		"one room less": {func(s *stage, id meeting.BookingID) { s.ChangeRooms(id, s.Rooms()[:1], new(enginetest.Dice)) }, true},
		"moved to another room": {func(s *stage, id meeting.BookingID) {
			s.MoveBooking(id, s.hour(4), new(enginetest.Dice))
			s.ChangeRooms(id, s.Rooms()[2:], new(enginetest.Dice))
		}, true},
		"cancelled": {func(s *stage, id meeting.BookingID) { s.CancelBooking(id, new(enginetest.Dice)) }, false},
	}
	for name, test := range tests {
		for _, booker := range []string{"dora@example.com", "finn@elsewhere.net", ""} {
			t.Run(name+" by "+booker, func(t *testing.T) {
				onStage(t, settings(), func(t *testing.T, s *stage) {
					id := s.Book(booker, s.hour(0), s.Rooms()[:2], new(enginetest.Dice))
					other := s.book(7)
					pass(2 * time.Minute)
					s.same(t)

					s.loseMappings(t, func() { test.change(s, id) })
					pass(3 * time.Minute)
					s.same(t)
					require.Equal(t, test.lives, s.granted(id))
					require.True(t, s.granted(other))
					require.Zero(t, s.notices(engine.CodeDeclined)+s.notices(engine.CodeNotChanged))
					require.Len(t, s.Meetings(), s.LiveBookings(), "no meeting stays that nobody wants, none is made twice")
				})
			})
		}
	}
}

// Two configurations of two projects may list the same rooms. What the other one
// made of its bookings are meetings like any other.
func TestTheMeetingOfABookingInAnotherProjectIsLeftAlone(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		id := s.book(0, s.Rooms()[0])
		pass(2 * time.Minute)
		writes := s.Writes()
		s.loseMappings(t, func() { s.GiveAway(id, 9001) })
		pass(5 * time.Minute)
		require.True(t, s.live(id))
		require.Len(t, s.Bookings(), 2, "the room is taken here, too")
		require.Equal(t, writes+1, s.Writes(), "its booking is all that is written")
	})
}

// The same where a person is told of before the lists or the calendars were read.
func TestABookingChangedWhileRoomsAreReadIsNotMadeTwice(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		id := s.book(0)
		pass(2 * time.Minute)
		s.loseMappings(t, func() {
			s.Calls(func(c enginetest.Call) *enginetest.Fault {
				if c.Method == "Window" || c.Method == "List" {
					return &enginetest.Fault{Delay: 20 * time.Second}
				}
				return nil
			})
		})
		pass(5 * time.Second)
		s.MoveBooking(id, s.hour(4), new(enginetest.Dice))
		pass(10 * time.Second)
		s.Calls(nil)
		pass(3 * time.Minute)
		s.same(t)
		require.True(t, s.granted(id))
		require.Len(t, s.Meetings(), 1)
	})
}

// Of a meeting that was made for a booking, people made a series.
func TestTheFirstDateOfASeriesKeepsTheBookingItWasMadeFor(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		id := s.book(0, s.Rooms()[0])
		pass(2 * time.Minute)
		s.same(t)
		made := s.Meetings()[0]
		s.loseMappings(t, func() {
			s.CancelMeeting(made, new(enginetest.Dice))
			pass(time.Minute)
			for i := range 2 {
				date := enginetest.Slot{UID: made.UID, Key: meeting.KeyOf(s.hour(2 * i).Start)}
				s.Invite("dora@example.com", date, s.hour(2*i), s.Rooms()[:1], new(enginetest.Dice))
			}
		})
		pass(15 * time.Minute)
		require.True(t, s.live(id))
		require.Len(t, s.Bookings(), 2)
		require.Zero(t, s.notices(engine.CodeDeclined))
	})
}

// Where a mailbox does not let us look for a meeting that may be there, one is
// made, or not, as for any other booking.
func TestAMailboxThatRefusesToBeSearchedHoldsUpNoBooking(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.book(7)
		pass(time.Minute)
		s.loseMappings(t)
		s.fail(enginetest.Calendar, "Find", func(int, enginetest.Call) *enginetest.Fault {
			return &enginetest.Fault{Err: &engine.Error{Class: engine.Refused, Code: "ErrorInvalidOperation"}}
		})
		added := s.book(0)
		pass(time.Minute)
		require.True(t, s.granted(added))
		s.same(t)
	})
}

// A Booking app that knows nothing any more is no reason to cancel all meetings.
func TestBookingsThatAllVanishedDuringTheLossCancelNothing(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		for i := range 8 {
			s.book(i)
		}
		pass(2 * time.Minute)
		meetings := s.Meetings()
		s.loseMappings(t, func() {
			for _, id := range s.Bookings() {
				s.CancelBooking(id, new(enginetest.Dice))
			}
		})
		pass(5 * time.Minute)
		require.Equal(t, meetings, s.Meetings())
	})
}

func (s *stage) inviteAll(i int, rooms ...meeting.Address) {
	s.Invite("anna@example.com", enginetest.Slot{UID: "outlook"}, s.hour(i), rooms, new(enginetest.Dice))
}

// What happened on either side while nothing was known is carried over.
func TestWhatHappenedDuringTheLossIsCarriedOver(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.invite(0, s.Rooms()[0])
		pass(time.Minute)
		s.loseMappings(t)
		added := s.book(3)
		s.invite(5, s.Rooms()[1])
		pass(2 * time.Minute)
		require.True(t, s.granted(added))
		require.Len(t, s.Bookings(), 3)
		s.same(t)
	})
}

// A process that begins where another one ended has nothing to link: it does not
// wait until the Booking app has listed everything.
func TestARestartWaitsForNoList(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.invite(0, s.Rooms()[0])
		pass(time.Minute)
		s.p.Stop()
		require.NoError(t, s.p.Wait())
		s.fail(enginetest.Bookings, "List", func(int, enginetest.Call) *enginetest.Fault {
			return &enginetest.Fault{Delay: time.Hour}
		})
		s.p = s.Start(t.Context(), "p2", settings())
		s.invite(3, s.Rooms()[0])
		pass(15 * time.Second)
		require.Equal(t, 2, s.LiveBookings())
	})
}

// A booking at the time of somebody else's meeting is none of that meeting.
func TestABookingOfAnotherOrganizerIsNotLinked(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.invite(0, s.Rooms()[0])
		pass(time.Minute)
		s.loseMappings(t)
		booked := s.book(0)
		pass(5 * time.Minute)
		require.False(t, s.live(booked), "the room is taken")
		require.Equal(t, 1, s.notices(engine.CodeDeclined))
		require.Equal(t, 1, s.LiveBookings())
		s.same(t)
	})
}

// New wishes are not held up by a room that cannot be read, nor meetings by a
// list that cannot.
func TestWhatCannotBeReadHoldsUpNoLink(t *testing.T) {
	onStage(t, settings(), func(t *testing.T, s *stage) {
		s.invite(0, s.Rooms()[0])
		s.book(1, s.Rooms()[1])
		pass(time.Minute)
		s.loseMappings(t)
		bad := s.Rooms()[2]
		assets := s.AssetsOf(bad)
		s.Calls(func(c enginetest.Call) *enginetest.Fault {
			if c.Port == enginetest.Calendar && c.Room == bad || c.Method == "List" && slices.Contains(assets, c.Asset) {
				return &enginetest.Fault{Err: transient()}
			}
			return nil
		})
		s.invite(3, s.Rooms()[0])
		added := s.book(4, s.Rooms()[1])
		pass(time.Minute)
		require.True(t, s.granted(added))
		require.Len(t, s.Bookings(), 4)
	})
}
