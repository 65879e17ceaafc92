package exchangesim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"ews/simulator/exchangesim/recurrence"
)

// Fill says what stands in the calendar of every room when the simulator
// starts: meetings of the users, taken in turns, which the rooms have accepted.
// They begin on the next days and lie on working days, between 6 and 18 o'clock
// UTC. Nobody gets messages about them.
type Fill struct {
	Singles     int `json:"singles"`     // meetings on one date, per room
	Series      int `json:"series"`      // weekly meetings, per room
	Occurrences int `json:"occurrences"` // dates of each series
}

const (
	fillSlots = 24 // half hours of a day
	fillDays  = 85 // working days that single meetings are spread over
)

// fill books what the seed asks for.
func (s *Server) fill(f Fill) error {
	var people, rooms []*mailbox
	for _, b := range s.boxes {
		if b.room != nil {
			rooms = append(rooms, b)
		} else {
			people = append(people, b)
		}
	}
	slices.SortFunc(people, byAddress)
	slices.SortFunc(rooms, byAddress)
	rows := (f.Singles + fillDays - 1) / fillDays
	switch {
	case f.Singles < 0 || f.Series < 0 || f.Series > 0 && f.Occurrences < 1:
		return errors.New("a number is negative, or a series has no occurrence")
	case f.Singles+f.Series > 0 && len(people) == 0:
		return errors.New("there are no users to organize meetings")
	case (f.Series+4)/5+rows > fillSlots:
		return fmt.Errorf("%d single meetings and %d series do not fit into a calendar", f.Singles, f.Series)
	}
	first := s.now().Truncate(24*time.Hour).AddDate(0, 0, 1)
	for first.Weekday() != time.Monday {
		first = first.AddDate(0, 0, 1)
	}
	for n, room := range rooms {
		for i := range f.Series + f.Singles {
			p := Person{Organizer: people[(n+i)%len(people)].Address, Subject: fmt.Sprintf("Meeting %d", i+1), Rooms: []string{room.Address}}
			if i < f.Series {
				p.Start = fillSlot(first, i%5, i/5)
				p.Recurrence = &recurrence.Rule{
					Kind: recurrence.Weekly, Interval: 1, Days: []string{p.Start.Weekday().String()}, Count: f.Occurrences,
				}
			} else {
				j := i - f.Series
				p.Start = fillSlot(first, j%fillDays, fillSlots-1-j/fillDays)
			}
			p.End = p.Start.Add(30 * time.Minute)
			if err := s.stand(room, p); err != nil {
				return fmt.Errorf("fill the calendar of %s: %w", room.Address, err)
			}
		}
	}
	return nil
}

func byAddress(a, b *mailbox) int {
	if a.Address < b.Address {
		return -1
	}
	return 1
}

// fillSlot is the start of a half hour on a working day, counted from a Monday.
func fillSlot(monday time.Time, day, slot int) time.Time {
	return monday.AddDate(0, 0, day/5*7+day%5).Add(6*time.Hour + time.Duration(slot)*30*time.Minute)
}

// stand puts an accepted meeting into the calendars of its organizer and of its
// room.
func (s *Server) stand(room *mailbox, p Person) error {
	organizer := s.lookup(p.Organizer)
	a, err := s.meetingOf(organizer, p)
	if err != nil {
		return err
	}
	a.sent = true
	c := s.copyFor(room, a)
	c.myResponse, c.freeBusy, c.replied = responseAccept, busyBusy, s.now()
	row := a.attendeeRow(room.Address)
	row.response, row.responded = responseAccept, s.now()
	s.newItem(organizer.folders[folderCalendar], a, organizer.Name)
	s.newItem(room.folders[folderCalendar], c, room.Name)
	return nil
}
