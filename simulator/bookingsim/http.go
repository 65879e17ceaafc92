package bookingsim

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"ews/simulator/front"
)

func (s *Server) listBookings(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	for _, name := range []string{"start", "end", "assetId"} {
		if query.Get(name) == "" {
			return front.Missing(name)
		}
	}
	start, err := queryTime(r, "start")
	if err != nil {
		return err
	}
	end, err := queryTime(r, "end")
	if err != nil {
		return err
	}
	asset, err := parseID(query.Get("assetId"), "assetId")
	if err != nil {
		return err
	}
	if asset == 0 {
		return front.Missing("assetId")
	}

	s.mu.Lock()
	var answer []bookingAnswer
	for _, b := range s.sortedLocked() {
		// Inclusive on both sides: back-to-back bookings are part of it.
		if !b.cancelled && sharesAsset(b.assets, []int32{asset}) && !b.start.After(end) && !b.end.Before(start) {
			answer = append(answer, s.answerLocked(*b))
		}
	}
	s.shuffleLocked(answer)
	if answer == nil && s.switches.EmptyList == EmptyListArray {
		answer = []bookingAnswer{}
	}
	s.mu.Unlock()
	front.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func queryTime(r *http.Request, name string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, r.URL.Query().Get(name))
	if err != nil {
		return time.Time{}, front.Refuse(http.StatusBadRequest, "parameter '%s': %v", name, err)
	}
	return t, nil
}

func parseID(text, name string) (int32, error) {
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, front.Refuse(http.StatusBadRequest, "parameter '%s': %q is not an int32", name, text)
	}
	return int32(id), nil
}

// answerLocked shows a booking as HTTP answers do.
func (s *Server) answerLocked(b booking) bookingAnswer {
	answer := bookingAnswer{
		ID: b.id, AssetIDs: b.assets, Start: s.switches.instant(b.start), End: s.switches.instant(b.end),
		OrganizerID: b.organizer, OrganizerName: s.opts.OrganizerName(b.organizer),
	}
	if s.switches.ExtendedBooking {
		answer.GroupID, answer.Cancelled = b.group, b.cancelled
	}
	return answer
}

func (s *Server) shuffleLocked(answer []bookingAnswer) {
	if s.switches.ResponseOrder == OrderShuffled && len(answer) > 1 {
		// A rotation by at least one is never the order that was asked for.
		k := 1 + s.rng.IntN(len(answer)-1)
		copy(answer, append(append([]bookingAnswer{}, answer[k:]...), answer[:k]...))
	}
}

func (s *Server) createBooking(w http.ResponseWriter, r *http.Request) error {
	var sent createRequest
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	if err := checkFields(sent.AssetIDs, sent.OrganizerID, sent.Start, sent.End); err != nil {
		return err
	}
	outcome, err := s.write(0, []intent{{
		bookingID: sent.BookingID, assets: sent.AssetIDs, organizer: sent.OrganizerID, start: sent.Start, end: sent.End,
	}}, authorOf(r))
	if err != nil {
		return err
	}
	status, text := http.StatusCreated, "Booking created successfully"
	if sent.BookingID != 0 {
		status, text = http.StatusOK, "Booking updated successfully"
	}
	status = cmp.Or(s.Switches().WriteStatus, status)
	if s.Switches().CreateAnswer == AnswerString {
		front.WriteJSON(w, status, text)
		return nil
	}
	s.mu.Lock()
	answer := s.answerLocked(outcome.bookings[0])
	s.mu.Unlock()
	front.WriteJSON(w, status, answer)
	return nil
}

// checkFields refuses an active booking that lacks something.
func checkFields(assets []int32, organizer string, start, end time.Time) error {
	switch {
	case len(assets) == 0:
		return front.Missing("assetIds")
	case organizer == "":
		return front.Missing("organizerID")
	}
	return checkSlot(assets, start, end)
}

func checkSlot(assets []int32, start, end time.Time) error {
	for _, asset := range assets {
		if asset <= 0 {
			return front.Refuse(http.StatusUnprocessableEntity, "asset id %d is not positive", asset)
		}
	}
	switch {
	case len(assets) == 0:
		return front.Missing("assetIds")
	case start.IsZero():
		return front.Missing("start")
	case end.IsZero():
		return front.Missing("end")
	case !end.After(start):
		return front.Refuse(http.StatusBadRequest, "end time must be after start time")
	}
	return nil
}

func (s *Server) upsertGroup(w http.ResponseWriter, r *http.Request) error {
	switches := s.Switches()
	if !switches.GroupWrites {
		http.NotFound(w, r) // as a router answers that has no such path
		return nil
	}
	var sent groupRequest
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	if sent.Occurrences == nil {
		return front.Missing("occurrences")
	}
	if n := switches.MaxOccurrences; n > 0 && len(sent.Occurrences) > n {
		return front.Refuse(http.StatusGatewayTimeout, "%d occurrences take too long", len(sent.Occurrences))
	}
	intents, err := s.groupIntents(sent)
	if err != nil {
		return err
	}
	outcome, err := s.write(sent.GroupID, intents, authorOf(r))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if outcome.created {
		status = http.StatusCreated
	}
	status = cmp.Or(switches.WriteStatus, status)
	switch switches.GroupAnswer {
	case GroupNothing:
		w.WriteHeader(http.StatusNoContent)
	case GroupString:
		front.WriteJSON(w, status, "Group saved successfully")
	case GroupMissing:
		front.WriteJSON(w, status, map[string]int32{"id": outcome.id})
	default:
		front.WriteJSON(w, status, s.groupAnswer(outcome))
	}
	return nil
}

// groupAnswer tells of a write what the switch GroupAnswer lets it tell.
func (s *Server) groupAnswer(outcome group) groupAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := groupAnswer{ID: outcome.id, Bookings: []bookingAnswer{}}
	for _, b := range outcome.bookings {
		answer.Bookings = append(answer.Bookings, s.answerLocked(b))
	}
	switch s.switches.GroupAnswer {
	case GroupShorter:
		answer.Bookings = answer.Bookings[:max(len(answer.Bookings)-1, 0)]
	case GroupLonger:
		answer.Bookings = nil
		for _, id := range s.groups[outcome.id] {
			one := s.answerLocked(*s.bookings[id])
			one.Cancelled = s.bookings[id].cancelled
			answer.Bookings = append(answer.Bookings, one)
		}
	}
	s.shuffleLocked(answer.Bookings)
	return answer
}

func (s *Server) groupIntents(sent groupRequest) ([]intent, error) {
	lenient := s.Switches().CancelledValidation == Lenient
	var intents []intent
	organizer := ""
	for _, o := range sent.Occurrences {
		if o.Cancelled && o.BookingID == 0 {
			return nil, front.Missing("bookingID")
		}
		if !o.Cancelled || !lenient {
			if err := checkFields(o.AssetIDs, o.OrganizerID, o.Start, o.End); err != nil {
				return nil, err
			}
		}
		if !o.Cancelled {
			if organizer != "" && organizer != o.OrganizerID {
				return nil, front.Refuse(http.StatusUnprocessableEntity, "occurrences of a group have one organizer")
			}
			organizer = o.OrganizerID
		}
		intents = append(intents, intent{
			bookingID: o.BookingID, assets: o.AssetIDs, organizer: o.OrganizerID,
			start: o.Start, end: o.End, cancel: o.Cancelled,
		})
	}
	return intents, nil
}

func (s *Server) getBooking(w http.ResponseWriter, r *http.Request) error {
	id, err := parseID(r.PathValue("bookingId"), "bookingId")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bookings[id]
	if b == nil || b.cancelled && s.switches.GetCancelled == http.StatusNotFound {
		return front.Refuse(http.StatusNotFound, "booking %d not found", id)
	}
	answer := s.answerLocked(*b)
	answer.Cancelled = b.cancelled
	front.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) cancelBooking(w http.ResponseWriter, r *http.Request) error {
	id, err := parseID(r.PathValue("bookingId"), "bookingId")
	if err != nil {
		return err
	}
	if id == 0 {
		return front.Refuse(http.StatusNotFound, "booking 0 not found")
	}
	switches := s.Switches()
	if err := s.cancel(id, authorOf(r), r.URL.Query().Get("reason")); err != nil {
		return err
	}
	if switches.DeleteScope == DeleteGroup {
		if err := s.cancelSiblings(id, authorOf(r), r.URL.Query().Get("reason")); err != nil {
			return err
		}
	}
	w.WriteHeader(switches.DeleteStatus)
	return nil
}

func (s *Server) registerGuest(w http.ResponseWriter, r *http.Request) error {
	id, err := parseID(r.PathValue("bookingId"), "bookingId")
	if err != nil {
		return err
	}
	var sent guestRequest
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	if sent.MessageEn == "" {
		return front.Missing("messageEn")
	}
	s.mu.Lock()
	b := s.bookings[id]
	if b == nil {
		s.mu.Unlock()
		return front.Refuse(http.StatusNotFound, "booking %d not found", id)
	}
	recipients := []string{b.organizer, sent.NotificationRecipient}
	s.mu.Unlock()
	for _, recipient := range recipients {
		s.note(notice{user: recipient, text: text{En: sent.MessageEn, De: sent.MessageDe, Fr: sent.MessageFr, It: sent.MessageIt}})
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) getConfig(w http.ResponseWriter, _ *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	front.WriteJSON(w, http.StatusOK, s.config)
	return nil
}

func (s *Server) setConfig(w http.ResponseWriter, r *http.Request) error {
	var sent Config
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	begin := sent.DayStartHours*60 + sent.DayStartMins + sent.DayStartMinutes
	end := sent.DayEndHours*60 + sent.DayEndMins + sent.DayEndMinutes
	if end <= begin {
		return front.Refuse(http.StatusBadRequest, "end time must be after start time")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = sent
	front.WriteJSON(w, http.StatusCreated, s.config)
	return nil
}

func (s *Server) getVersion(w http.ResponseWriter, _ *http.Request) error {
	front.WriteJSON(w, http.StatusOK, map[string]string{"commit": "simulator", "timestamp": "2024-06-11T00:00:00Z"})
	return nil
}

func (s *Server) getOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	front.WriteJSON(w, http.StatusOK, map[string]any{
		"openapi": "3.0.3",
		"info":    map[string]string{"title": "Booking app API (simulator)", "version": "2024.6.11"},
		"paths":   map[string]any{},
	})
	return nil
}
