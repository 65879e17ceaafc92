package bookingsim

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"ews/simulator/front"
	"ews/simulator/ledger"
)

// intent is what one occurrence shall become. With bookingID 0 it is created.
type intent struct {
	bookingID int32
	assets    []int32
	organizer string
	start     time.Time
	end       time.Time
	cancel    bool
	reason    string
}

// author is who writes: a client with its reference and the number of its
// request, or, as the zero value, a person.
type author struct {
	name      string
	request   int
	reference string
}

func authorOf(r *http.Request) author {
	name, request := front.Author(r.Context())
	return author{name, request, r.URL.Query().Get("clientReference")}
}

// noted are the actions that the ledger tells of.
var noted = map[string]ledger.Kind{
	actionCreated: ledger.Created, actionUpdated: ledger.Changed, actionCancelled: ledger.Cancelled,
}

func (s *Server) noteLocked(b *booking, action string, by author, reason string) {
	kind, ok := noted[action]
	if !ok {
		return
	}
	e := ledger.Entry{
		Service: Service, Kind: kind, By: by.name, Number: by.request, Booking: b.id, Group: b.group,
		Assets: slices.Clone(b.assets), Organizer: b.organizer, Start: b.start, End: b.end, Reason: reason,
	}
	if e.By == "" {
		e.By = ledger.Person
	}
	s.opts.Ledger.Add(e)
}

// group is the outcome of a write: the bookings in the order of the intents.
type group struct {
	id       int32
	created  bool
	bookings []booking
}

// write applies all intents or none, records them, and pushes the changes.
// Without a group id, known bookings are changed inside their own group and
// new ones join it; if there are only new ones, a group is created.
func (s *Server) write(groupID int32, intents []intent, by author) (group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groupID, err := s.targetLocked(groupID, intents)
	if err != nil {
		return group{}, err
	}
	if err := s.checkLocked(intents); err != nil {
		return group{}, err
	}

	outcome := group{id: groupID}
	if groupID == 0 {
		outcome.id, outcome.created = s.nextGroup, true
		s.groups[outcome.id] = nil
		s.nextGroup++
	}
	concerned := map[int32]bool{}
	var changed []int32
	for _, i := range intents {
		b, assets := s.applyLocked(outcome.id, i, by)
		if len(assets) > 0 {
			changed = append(changed, b.id)
		}
		for _, asset := range assets {
			concerned[asset] = true
		}
		outcome.bookings = append(outcome.bookings, *b)
	}
	s.pushLocked(outcome.id, changed, slices.Sorted(maps.Keys(concerned)), by.reference)
	return outcome, nil
}

// targetLocked finds the group that the intents belong to; 0 if it is new.
func (s *Server) targetLocked(groupID int32, intents []intent) (int32, error) {
	if _, ok := s.groups[groupID]; groupID != 0 && !ok {
		return 0, front.Refuse(http.StatusNotFound, "group %d not found", groupID)
	}
	seen := map[int32]bool{}
	for _, i := range intents {
		if i.bookingID == 0 {
			continue
		}
		b := s.bookings[i.bookingID]
		if b == nil || groupID != 0 && b.group != groupID {
			return 0, front.Refuse(http.StatusNotFound, "booking %d not found", i.bookingID)
		}
		if b.cancelled && !i.cancel && s.switches.UpdateCancelled == UpdateRefused {
			return 0, front.Refuse(http.StatusNotFound, "booking %d is cancelled", i.bookingID)
		}
		if seen[i.bookingID] {
			return 0, front.Refuse(http.StatusUnprocessableEntity, "booking %d occurs twice", i.bookingID)
		}
		seen[i.bookingID] = true
		groupID = b.group
	}
	return groupID, nil
}

// checkLocked refuses overlaps, if that is the policy: with bookings that are
// not part of the request, and within the request.
func (s *Server) checkLocked(intents []intent) error {
	status := http.StatusConflict
	switch s.switches.OverlapPolicy {
	case OverlapAccept:
		return nil
	case Overlap422:
		status = http.StatusUnprocessableEntity
	}
	others := maps.Clone(s.bookings)
	for _, i := range intents {
		delete(others, i.bookingID)
	}
	taken := slices.Collect(maps.Values(others))
	for _, i := range intents {
		if i.cancel {
			continue
		}
		if slices.ContainsFunc(taken, func(b *booking) bool { return b.overlaps(i.assets, i.start, i.end) }) {
			return front.Refuse(status, "an asset is already booked in this time range")
		}
		taken = append(taken, &booking{assets: i.assets, start: i.start, end: i.end})
	}
	return nil
}

// applyLocked carries out one intent and returns the assets concerned, those
// booked before and those booked now; none if nothing changed.
func (s *Server) applyLocked(groupID int32, i intent, by author) (*booking, []int32) {
	now := s.opts.Now().UTC()
	b := s.bookings[i.bookingID]
	action := actionUpdated
	switch {
	case b == nil:
		b = &booking{id: s.nextBooking, group: groupID, reference: by.reference, created: now}
		s.nextBooking++
		s.bookings[b.id] = b
		s.groups[groupID] = append(s.groups[groupID], b.id)
		action = actionCreated
	case i.cancel && b.cancelled, !i.cancel && b.same(i):
		action = actionUnchanged
	case i.cancel:
		action = actionCancelled
	}
	concerned := b.assets
	switch action {
	case actionCancelled:
		b.cancelled, b.reason = true, i.reason
	case actionCreated, actionUpdated:
		b.assets, b.organizer, b.start, b.end = slices.Clone(i.assets), i.organizer, i.start, i.end
		b.cancelled, b.reason = false, ""
		concerned = slices.Concat(concerned, b.assets)
	case actionUnchanged:
		concerned = nil
	}
	b.record(now, action, by.reference, i.reason)
	s.noteLocked(b, action, by, i.reason)
	return b, concerned
}

// cancel cancels one booking and lets its organizer know when the reason
// calls for it.
func (s *Server) cancel(id int32, by author, reason string) error {
	outcome, err := s.write(0, []intent{{bookingID: id, cancel: true, reason: reason}}, by)
	if err != nil {
		return err
	}
	b := outcome.bookings[0]
	if b.history[len(b.history)-1].Action == actionCancelled {
		s.noteCancellation(b, reason)
	}
	return nil
}

// cancelSiblings cancels what else the booking's group has.
func (s *Server) cancelSiblings(id int32, by author, reason string) error {
	s.mu.Lock()
	groupID := s.bookings[id].group
	var intents []intent
	for _, sibling := range s.groups[groupID] {
		if !s.bookings[sibling].cancelled {
			intents = append(intents, intent{bookingID: sibling, cancel: true, reason: reason})
		}
	}
	s.mu.Unlock()
	if len(intents) == 0 {
		return nil
	}
	_, err := s.write(groupID, intents, by)
	return err
}
