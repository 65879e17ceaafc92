package bookingsim

import (
	"net/http"
	"slices"
	"time"

	"ews/simulator/front"
)

// The methods in this file act as a user of the frontend, or as the app's own
// automatic functions. They are pushed to every subscriber concerned, because
// they carry no client reference.

// Reasons of cancellations that do not come from a client.
const (
	ReasonUser   = "user"
	ReasonNoShow = "no-show"
)

// Slot is when and what somebody books.
type Slot struct {
	AssetIDs []int32
	Start    time.Time
	End      time.Time
}

// Placed tells the ids of what was booked, in the order of the slots.
type Placed struct {
	GroupID    int32
	BookingIDs []int32
}

// Book books one slot, or a series as one group.
func (s *Server) Book(organizer string, slots ...Slot) (Placed, error) {
	if organizer == "" {
		return Placed{}, front.Missing("organizerID")
	}
	return s.place(organizer, slots)
}

// AdHoc books without an organizer, as the app does when somebody is present
// in a free room.
func (s *Server) AdHoc(slot Slot) (Placed, error) {
	return s.place("", []Slot{slot})
}

func (s *Server) place(organizer string, slots []Slot) (Placed, error) {
	if len(slots) == 0 {
		return Placed{}, front.Missing("occurrences")
	}
	intents := make([]intent, 0, len(slots))
	for _, slot := range slots {
		if err := checkSlot(slot.AssetIDs, slot.Start, slot.End); err != nil {
			return Placed{}, err
		}
		intents = append(intents, intent{assets: slot.AssetIDs, organizer: organizer, start: slot.Start, end: slot.End})
	}
	outcome, err := s.write(0, intents, author{})
	if err != nil {
		return Placed{}, err
	}
	placed := Placed{GroupID: outcome.id}
	for _, b := range outcome.bookings {
		placed.BookingIDs = append(placed.BookingIDs, b.id)
	}
	return placed, nil
}

// Move changes the time of one booking.
func (s *Server) Move(bookingID int32, start, end time.Time) error {
	return s.edit(bookingID, func(i *intent) { i.start, i.end = start, end })
}

// ChangeAssets replaces what one booking books.
func (s *Server) ChangeAssets(bookingID int32, assets []int32) error {
	return s.edit(bookingID, func(i *intent) { i.assets = assets })
}

func (s *Server) edit(bookingID int32, change func(*intent)) error {
	s.mu.Lock()
	b := s.bookings[bookingID]
	if b == nil || b.cancelled {
		s.mu.Unlock()
		return front.Refuse(http.StatusNotFound, "booking %d not found", bookingID)
	}
	i := intent{bookingID: b.id, assets: b.assets, organizer: b.organizer, start: b.start, end: b.end}
	s.mu.Unlock()
	change(&i)
	if err := checkSlot(i.assets, i.start, i.end); err != nil {
		return err
	}
	_, err := s.write(0, []intent{i}, author{})
	return err
}

// Cancel cancels one booking.
func (s *Server) Cancel(bookingID int32) error { return s.end(bookingID, ReasonUser) }

// NoShow cancels one booking as the app does when nobody came.
func (s *Server) NoShow(bookingID int32) error { return s.end(bookingID, ReasonNoShow) }

func (s *Server) end(bookingID int32, reason string) error {
	if bookingID == 0 {
		return front.Refuse(http.StatusNotFound, "booking 0 not found")
	}
	return s.cancel(bookingID, author{}, reason)
}

// CancelGroup cancels every booking of a group at once.
func (s *Server) CancelGroup(groupID int32) error {
	s.mu.Lock()
	ids, ok := s.groups[groupID]
	ids = slices.Clone(ids)
	s.mu.Unlock()
	if !ok {
		return front.Refuse(http.StatusNotFound, "group %d not found", groupID)
	}
	intents := make([]intent, 0, len(ids))
	for _, id := range ids {
		intents = append(intents, intent{bookingID: id, cancel: true, reason: ReasonUser})
	}
	_, err := s.write(groupID, intents, author{})
	return err
}
