package exchangesim

import (
	"slices"
	"time"

	"ews/simulator/ledger"
)

// sendMode says who hears of a change by the organizer.
type sendMode struct {
	send    bool
	changed bool // only attendees that were added or removed
}

// sendModes are the values of SendMeetingInvitations, -OrCancellations and
// -Cancellations.
var sendModes = map[string]sendMode{
	"SendToNone":               {},
	"SendOnlyToAll":            {send: true},
	"SendToAllAndSaveCopy":     {send: true},
	"SendOnlyToChanged":        {send: true, changed: true},
	"SendToChangedAndSaveCopy": {send: true, changed: true},
}

// invitation is a meeting request on its way: the organizer's view of the
// meeting, or of one occurrence when original is set.
type invitation struct {
	appt     *appointment
	original time.Time
}

// publishNew sends the invitations of a meeting that was just created.
func (s *Server) publishNew(it *item, mode sendMode) {
	a := it.appt
	if !mode.send || len(a.attendees) == 0 {
		return
	}
	a.sent = true
	a.stamp = s.stampNow()
	for _, to := range a.attendees {
		s.sendRequest(to.address, invitation{appt: a.clone()})
	}
}

// publishUpdate sends what follows from a change that the organizer made: a
// is the new version of the meeting or of the occurrence, before the old one.
func (s *Server) publishUpdate(before, a *appointment, original time.Time, mode sendMode) {
	rescheduled := !sameSchedule(before, a)
	if rescheduled {
		a.supersede()
		resetRows(a)
		for _, e := range a.exceptions {
			e.sequence = a.sequence
		}
	}
	if !mode.send {
		return
	}
	if len(a.attendees) > 0 {
		a.sent = true
	}
	a.stamp = s.stampNow()
	for _, old := range before.attendees {
		if a.attendeeRow(old.address) == nil {
			s.sendCancellation(old.address, a.clone(), original)
		}
	}
	for _, to := range a.attendees {
		if mode.changed && before.attendeeRow(to.address) != nil {
			continue
		}
		s.sendRequest(to.address, invitation{appt: a.clone(), original: original})
	}
}

// supersede gives what is sent about a meeting a number above all that was sent
// before: who was invited to one occurrence knows the number of that, which is
// above that of the series if it was moved more often.
func (a *appointment) supersede() {
	for _, e := range a.exceptions {
		a.sequence = max(a.sequence, e.sequence)
	}
	a.sequence++
}

func resetRows(a *appointment) {
	for i := range a.attendees {
		a.attendees[i].response, a.attendees[i].responded = responseUnknown, time.Time{}
	}
	for _, e := range a.exceptions {
		resetRows(e)
	}
}

// stampNow returns a moment that is later than every other one it returned,
// because updates must stay in order, within one second and when the clock is
// set back.
func (s *Server) stampNow() time.Time {
	stamp := s.options.Clock().UTC()
	if !stamp.After(s.lastStamp) {
		stamp = s.lastStamp.Add(1)
	}
	s.lastStamp = stamp
	return stamp
}

// withdrawAll tells all attendees that the meeting, or one occurrence, does
// not take place. Attendees of single exceptions are told as well.
func (s *Server) withdrawAll(a *appointment, original time.Time) {
	told := map[string]bool{}
	for _, to := range a.attendees {
		told[to.address] = true
		s.sendCancellation(to.address, a.clone(), original)
	}
	for _, e := range a.sortedExceptions() {
		for _, to := range e.attendees {
			if !told[to.address] {
				told[to.address] = true
				s.sendCancellation(to.address, a.clone(), original)
			}
		}
	}
}

// cancelMeeting withdraws a whole meeting; the organizer's item goes to
// Deleted Items.
func (s *Server) cancelMeeting(it *item) {
	s.note(ledger.Cancelled, it.box(), it.appt, time.Time{})
	it.appt.supersede()
	it.appt.stamp = s.stampNow()
	it.appt.cancelled = true
	it.appt.freeBusy = busyFree
	s.withdrawAll(it.appt, time.Time{})
	s.move(it, it.box().folders[folderDeleted])
}

// cancelOccurrence withdraws one occurrence of a series.
func (s *Server) cancelOccurrence(it *item, inst instance, mode sendMode) {
	s.note(ledger.Cancelled, it.box(), inst.appt, inst.original)
	if mode.send {
		a := inst.appt.clone()
		a.sequence++
		a.stamp = s.stampNow()
		s.withdrawAll(a, inst.original)
	}
	it.appt.drop(inst.original)
	s.touch(it, it.box().Name, true)
}

func (s *Server) sendRequest(to string, inv invitation) {
	s.schedule(0, func() {
		if b := s.lookup(to); b != nil && !b.Disabled && b.Address != inv.appt.organizer {
			s.receiveRequest(b, inv)
		}
	})
}

func (s *Server) sendCancellation(to string, a *appointment, original time.Time) {
	s.schedule(0, func() {
		if b := s.lookup(to); b != nil && !b.Disabled && b.Address != a.organizer {
			s.receiveCancellation(b, a, original)
		}
	})
}

// copyFor turns the organizer's view into what an attendee's calendar holds.
func (s *Server) copyFor(b *mailbox, a *appointment) *appointment {
	c := a.clone()
	c.properties = map[propertyKey]propertyValue{} // the organizer's own properties stay with the organizer
	c.myResponse, c.freeBusy, c.replied = responseNone, busyTentative, time.Time{}
	c.reminderSet = b.room == nil
	for i := range c.attendees {
		c.attendees[i].response, c.attendees[i].responded = responseUnknown, time.Time{}
	}
	if p := b.room; p != nil {
		if !p.KeepSubject {
			c.subject = s.nameOf(a.organizer)
		}
		if !p.KeepBody {
			c.body = ""
		}
		if !p.KeepPrivate {
			c.sensitivity = "Normal"
		}
	}
	for unix, e := range c.exceptions {
		if e.attendeeRow(b.Address) == nil {
			c.drop(time.Unix(unix, 0)) // not invited to this one
			continue
		}
		c.exceptions[unix] = s.copyFor(b, e)
	}
	return c
}

func (s *Server) nameOf(address string) string {
	if b := s.lookup(address); b != nil {
		return b.Name
	}
	return address
}

// outdated tells whether a message of this sequence and stamp is older than
// what the mailbox knows.
func outdated(sequence int, stamp time.Time, knownSequence int, known time.Time) bool {
	return sequence < knownSequence || sequence == knownSequence && stamp.Before(known)
}

// receiveRequest is the Calendar Attendant: it puts a tentative item into the
// calendar, or brings the one that is there up to date.
func (s *Server) receiveRequest(b *mailbox, inv invitation) {
	a, calendar := inv.appt, b.folders[folderCalendar]
	if a.stamp.Before(b.withdrawn[a.goid]) {
		return // sent before the cancellation that is here already
	}
	if b.room == nil {
		s.deliverMessage(b, meetingRequest, a, inv.original, "")
	}
	if !inv.original.IsZero() {
		if master := b.find(a.goid, time.Time{}); master != nil && master.appt.rule != nil {
			s.receiveException(b, master, inv)
			return
		}
	}
	it := b.find(a.goid, inv.original)
	if it == nil {
		c := s.copyFor(b, a)
		c.original = inv.original
		s.newItem(calendar, c, b.Name)
		s.askRoom(b, c.goid, inv.original, c.sequence, c.stamp)
		return
	}
	if it.appt.myResponse == responseOrganizer || outdated(a.sequence, a.stamp, it.appt.sequence, it.appt.stamp) {
		return
	}
	old := it.appt
	c := s.copyFor(b, a)
	c.original = inv.original
	keep := sameSchedule(old, c) && old.myResponse != responseNone && !old.cancelled
	if keep {
		c.myResponse, c.freeBusy, c.replied = old.myResponse, old.freeBusy, old.replied
		for unix := range old.declined {
			c.drop(time.Unix(unix, 0))
		}
		c.declined = old.declined
	}
	it.appt = c
	s.touch(it, b.Name, true)
	if !keep {
		s.askRoom(b, c.goid, inv.original, c.sequence, c.stamp)
	}
}

// receiveException brings one occurrence of a series in an attendee's calendar
// up to date.
func (s *Server) receiveException(b *mailbox, master *item, inv invitation) {
	unix := inv.original.Unix()
	old := master.appt.exceptions[unix]
	if old != nil && outdated(inv.appt.sequence, inv.appt.stamp, old.sequence, old.stamp) {
		return
	}
	if old == nil {
		if inst, ok := master.appt.at(inv.original); ok {
			old = inst.appt
		}
	}
	delete(master.appt.deleted, unix) // a refused or withdrawn occurrence may come back
	delete(master.appt.declined, unix)
	c := s.copyFor(b, inv.appt)
	c.original, c.rule, c.exceptions, c.deleted = inv.original, nil, nil, nil
	keep := old != nil && sameSchedule(old, c) && old.myResponse != responseNone
	if keep {
		c.myResponse, c.freeBusy, c.replied = old.myResponse, old.freeBusy, old.replied
	}
	if master.appt.exceptions == nil {
		master.appt.exceptions = map[int64]*appointment{}
	}
	master.appt.exceptions[unix] = c
	s.touch(master, b.Name, true)
	if !keep {
		s.askRoom(b, c.goid, inv.original, c.sequence, c.stamp)
	}
}

// receiveCancellation removes or marks what the organizer has withdrawn.
func (s *Server) receiveCancellation(b *mailbox, a *appointment, original time.Time) {
	if b.room == nil {
		s.deliverMessage(b, meetingCancellation, a, original, "")
	}
	if original.IsZero() {
		b.withdrawn[a.goid] = a.stamp
		for _, it := range slices.Clone(b.meetings[a.goid]) {
			if it.appt.myResponse != responseOrganizer && !outdated(a.sequence, a.stamp, it.appt.sequence, it.appt.stamp) {
				s.withdrawItem(b, it, a)
			}
		}
		return
	}
	if master := b.find(a.goid, time.Time{}); master != nil && master.appt.rule != nil {
		master.appt.drop(original)
		s.touch(master, b.Name, true)
		return
	}
	if it := b.find(a.goid, original); it != nil {
		s.withdrawItem(b, it, a)
	}
}

func (s *Server) withdrawItem(b *mailbox, it *item, a *appointment) {
	if b.room != nil && !b.room.KeepCancelled {
		s.remove(it)
		return
	}
	withdraw := func(x *appointment) {
		x.cancelled, x.freeBusy = true, busyFree
		x.subject = "Canceled: " + x.subject
		x.sequence, x.stamp = a.sequence, a.stamp
	}
	withdraw(it.appt)
	for _, e := range it.appt.exceptions {
		withdraw(e)
	}
	s.touch(it, b.Name, true)
}

// deliverMessage puts a meeting message into an inbox.
func (s *Server) deliverMessage(b *mailbox, class itemClass, a *appointment, original time.Time, response string) {
	m := a.clone()
	m.properties = map[propertyKey]propertyValue{}
	now := s.now()
	it := &item{
		class: class, appt: m, created: now, modified: now, author: s.nameOf(a.organizer),
		from: a.organizer, response: response, instance: original,
	}
	prefix := map[itemClass]string{
		meetingCancellation: "Canceled: ",
		meetingResponse:     map[string]string{responseAccept: "Accepted: ", responseDecline: "Declined: ", responseTentative: "Tentative: "}[response],
	}[class]
	m.subject = prefix + m.subject
	s.add(b.folders[folderInbox], it)
}

// respond sends an attendee's answer to the organizer. declined lists the
// occurrences that are refused while the series is accepted.
func (s *Server) respond(b *mailbox, a *appointment, original time.Time, response string, declined []time.Time) {
	s.noteAnswer(b, a, original, response)
	for _, d := range declined {
		s.noteAnswer(b, a, d, responseDecline)
	}
	if a.noResponse {
		return
	}
	goid, organizer, sequence := a.goid, a.organizer, a.sequence
	at := s.now()
	s.schedule(s.about(s.options.ResponseDelay, s.options.ResponseJitter), func() {
		to := s.lookup(organizer)
		if to == nil {
			return
		}
		if !s.track(to, b, goid, original, sequence, response, at) {
			return
		}
		for _, d := range declined {
			s.track(to, b, goid, d, sequence, responseDecline, at)
		}
	})
}

// track enters an answer into the organizer's meeting; it reports false when
// the meeting is gone or has moved on.
func (s *Server) track(to, from *mailbox, goid string, original time.Time, sequence int, response string, at time.Time) bool {
	it := to.find(goid, time.Time{})
	if it == nil || it.appt.myResponse != responseOrganizer {
		return false
	}
	a := it.appt
	if !original.IsZero() {
		if _, ok := a.at(original); !ok {
			return false
		}
		a = a.except(original)
	}
	if sequence < a.sequence {
		return false
	}
	row := a.attendeeRow(from.Address)
	if row == nil || row.response != responseUnknown && at.Before(row.responded) {
		return false // answers may overtake each other on the way
	}
	row.response, row.responded = response, at
	for _, e := range a.exceptions {
		if r := e.attendeeRow(from.Address); r != nil && r.response == responseUnknown {
			r.response, r.responded = response, at // an answer to the series covers its exceptions
		}
	}
	s.touch(it, from.Name, false)
	message := a.clone()
	message.organizer = from.Address
	if to.room == nil {
		s.deliverMessage(to, meetingResponse, message, original, response)
	}
	return true
}

// reply is an attendee's own answer through AcceptItem and its siblings.
func (s *Server) reply(it *item, inst instance, response string, send bool) {
	b, a := it.box(), it.appt
	original := time.Time{}
	if inst.kind == kindOccurrence || inst.kind == kindException {
		original = inst.original
	} else if !a.original.IsZero() {
		original = a.original
	}
	answered := a
	if inst.kind == kindOccurrence || inst.kind == kindException {
		answered = a.except(inst.original)
	}
	answered.myResponse, answered.replied = response, s.now()
	answered.freeBusy = map[string]string{responseAccept: busyBusy, responseTentative: busyTentative, responseDecline: busyFree}[response]
	if send {
		s.respond(b, answered, original, response, nil)
	}
	switch {
	case response != responseDecline:
		s.touch(it, b.Name, true)
	case answered != a:
		a.drop(inst.original)
		s.touch(it, b.Name, true)
	default:
		s.move(it, b.folders[folderDeleted])
	}
}
