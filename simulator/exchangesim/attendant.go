package exchangesim

import (
	"time"
)

// askRoom lets a room decide about a meeting after its decision delay. The
// sequence and stamp are those of the request, so that a decision about an
// outdated request is skipped.
func (s *Server) askRoom(b *mailbox, goid string, original time.Time, sequence int, stamp time.Time) {
	if b.room == nil || b.room.Automate == NoAutomatic {
		return
	}
	delay := s.options.DecisionDelay
	if b.room.DecisionDelay != nil {
		delay = time.Duration(*b.room.DecisionDelay) * time.Millisecond
	}
	s.schedule(s.about(delay, s.options.DecisionJitter), func() { s.decide(b, goid, original, sequence, stamp) })
}

// request is what a room decides about: a whole item, or one occurrence of a
// series that it holds.
type request struct {
	box      *mailbox
	item     *item
	appt     *appointment
	original time.Time
	partial  bool // appt is an exception of the item's series
}

// pending finds the request that a decision was scheduled for, unless it has
// been replaced or withdrawn since.
func (b *mailbox) pending(goid string, original time.Time, sequence int, stamp time.Time) (request, bool) {
	r := request{box: b, original: original}
	if it := b.find(goid, original); it != nil {
		r.item, r.appt = it, it.appt
	} else if master := b.find(goid, time.Time{}); master != nil && master.appt.exceptions[original.Unix()] != nil {
		r.item, r.appt, r.partial = master, master.appt.exceptions[original.Unix()], true
	} else {
		return request{}, false
	}
	ok := r.appt.sequence == sequence && r.appt.stamp.Equal(stamp) && r.appt.myResponse == responseNone && !r.appt.cancelled
	return r, ok
}

// decide is the Resource Booking Attendant, in its order: outdated requests,
// policy, conflicts, answer.
func (s *Server) decide(b *mailbox, goid string, original time.Time, sequence int, stamp time.Time) {
	r, ok := b.pending(goid, original, sequence, stamp)
	if !ok || b.Disabled {
		return
	}
	response, declined := s.verdict(r)
	before := s.actor
	defer func() { s.actor = before }()
	s.actor = actor{name: b.Address} // it may be a client's request that lets time pass
	s.log.Debug("room decided", "room", b.Address, "response", response, "declined_instances", len(declined))
	s.respond(b, r.appt, r.original, response, declined)
	if response == responseDecline {
		s.refuse(r)
		return
	}
	s.book(r, response)
	for _, d := range declined {
		r.item.appt.drop(d)
		if r.item.appt.declined == nil {
			r.item.appt.declined = map[int64]bool{}
		}
		r.item.appt.declined[d.Unix()] = true
	}
	if b.room.ChangeIDOnAccept {
		s.move(r.item, r.item.folder)
	} else {
		s.touch(r.item, b.Name, true)
	}
}

// book enters the answer into the room's item and its exceptions.
func (s *Server) book(r request, response string) {
	state := busyBusy
	if response == responseTentative {
		state = busyTentative
	}
	enter := func(a *appointment) { a.myResponse, a.freeBusy, a.replied = response, state, s.now() }
	enter(r.appt)
	for _, e := range r.appt.exceptions {
		enter(e)
	}
	if !r.box.room.EnforceHorizon && r.appt.rule != nil {
		s.cut(r)
	}
}

// cut ends a series in the room's calendar at the booking window.
func (s *Server) cut(r request) {
	limit := s.horizon(r.box)
	rule := *r.appt.rule
	if rule.End.IsZero() || rule.End.After(limit) {
		rule.End, rule.Count = limit.Truncate(24*time.Hour), 0
		if last, ok := r.appt.last(); ok && last.original.Before(limit) {
			return // a numbered series that ends in time
		}
		r.appt.rule = &rule
	}
}

func (s *Server) refuse(r request) {
	if r.partial {
		r.item.appt.drop(r.original)
		s.touch(r.item, r.box.Name, true)
		return
	}
	s.remove(r.item)
}

func (s *Server) horizon(b *mailbox) time.Time {
	return s.now().AddDate(0, 0, b.room.HorizonDays)
}

// verdict applies the room's policy. declined lists occurrences that are
// refused although the series is accepted.
func (s *Server) verdict(r request) (response string, declined []time.Time) {
	p, a := r.box.room, r.appt
	tooLong := p.MaxMinutes > 0 && a.end.Sub(a.start) > time.Duration(p.MaxMinutes)*time.Minute
	if p.Automate == AutoDecline || tooLong || a.rule != nil && !p.AllowRecurring || s.beyondHorizon(r) {
		return responseDecline, nil
	}
	accepted := responseAccept
	if p.Automate == Tentative {
		accepted = responseTentative
	}
	if p.AllowConflicts {
		return accepted, nil
	}
	total, conflicts := s.conflicts(r)
	switch {
	case len(conflicts) == 0:
		return accepted, nil
	case a.rule == nil || len(conflicts) == total:
		return responseDecline, nil
	case p.ConflictPercentage > 0 && len(conflicts)*100 <= p.ConflictPercentage*total,
		p.MaxConflicts > 0 && len(conflicts) <= p.MaxConflicts:
		return accepted, conflicts
	}
	return responseDecline, nil
}

func (s *Server) beyondHorizon(r request) bool {
	limit := s.horizon(r.box)
	if r.appt.rule == nil {
		return r.appt.start.After(limit)
	}
	if r.appt.start.After(limit) {
		return true
	}
	if !r.box.room.EnforceHorizon {
		return false
	}
	last, ends := r.appt.last()
	return !ends || last.appt.end.After(limit)
}

// conflicts returns the original starts of the instances that collide with
// another booking, and the number of instances that were looked at.
func (s *Server) conflicts(r request) (total int, colliding []time.Time) {
	limit := s.horizon(r.box).AddDate(0, 0, 1)
	wanted := r.appt.instances(r.appt.start, later(limit, r.appt.end))
	if len(wanted) == 0 {
		return 0, nil
	}
	taken := s.bookings(r, wanted)
	for _, w := range wanted {
		for _, t := range taken {
			if overlaps(w.appt.start, w.appt.end, t.start, t.end) {
				colliding = append(colliding, w.original)
				break
			}
		}
	}
	return len(wanted), colliding
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// bookings returns what occupies the room near the wanted instances: all
// decided items except the meeting itself. Requests that wait for a decision
// do not count; first come, first served.
func (s *Server) bookings(r request, wanted []instance) []*appointment {
	from, to := wanted[0].appt.start, wanted[0].appt.end
	for _, w := range wanted {
		if w.appt.start.Before(from) {
			from = w.appt.start
		}
		to = later(to, w.appt.end)
	}
	var out []*appointment
	for _, it := range r.box.folders[folderCalendar].items {
		if it == r.item && !r.partial {
			continue
		}
		for _, inst := range it.appt.instances(from, to) {
			own := it.appt.goid == r.appt.goid && (inst.original.Equal(r.original) || r.original.IsZero())
			a := inst.appt
			if own || a.cancelled || a.freeBusy == busyFree || a.myResponse == responseNone {
				continue
			}
			out = append(out, a)
		}
	}
	return out
}
