package exchangesim

import (
	"strconv"
	"time"

	"ews/simulator/exchangesim/soap"
	"ews/simulator/ledger"
)

// viewOf finds what an ItemId, OccurrenceItemId or RecurringMasterItemId names.
func (c *call) viewOf(id *soap.Element) (view, *ewsError) {
	switch id.Name {
	case "OccurrenceItemId":
		return c.occurrenceView(id)
	case "RecurringMasterItemId":
		v, err := c.decodeView(id.Attr("OccurrenceId"))
		if err != nil {
			return view{}, err
		}
		if !v.isOccurrence() {
			return view{}, failWith("ErrorCalendarCannotUseIdForRecurringMasterId", "The id is not that of an occurrence.")
		}
		return whole(v.item), nil
	case "RecurringMasterItemIdRanges":
		return view{}, fail("ErrorInvalidRequest")
	}
	return c.decodeView(id.Attr("Id"))
}

func (c *call) decodeView(id string) (view, *ewsError) {
	if id == "" {
		return view{}, failWith("ErrorInvalidIdEmpty", "Id must be non-empty.")
	}
	guid, numbers, err := c.server.ids.decode(itemIDKind, id, 2)
	if err != nil {
		return view{}, fail("ErrorInvalidIdMalformed")
	}
	box := c.server.byGUID[guid]
	if box != c.box {
		return view{}, fail("ErrorItemNotFound") // of another mailbox, whose existence is not revealed
	}
	it := box.items[numbers[0]]
	if it == nil {
		return view{}, fail("ErrorItemNotFound")
	}
	if numbers[1] == 0 {
		return whole(it), nil
	}
	inst, ok := it.appt.at(time.Unix(int64(numbers[1]), 0).UTC())
	if !ok {
		return view{}, fail("ErrorItemNotFound")
	}
	return view{item: it, inst: inst, appt: inst.appt}, nil
}

func (c *call) occurrenceView(id *soap.Element) (view, *ewsError) {
	v, err := c.decodeView(id.Attr("RecurringMasterId"))
	if err != nil {
		return view{}, err
	}
	if v.isOccurrence() || v.appt.rule == nil {
		return view{}, failWith("ErrorCalendarCannotUseIdForOccurrenceId", "The id is not that of a recurring master.")
	}
	index, _ := strconv.Atoi(id.Attr("InstanceIndex")) // the schema has checked it
	inst, deleted, ok := v.appt.number(index)
	switch {
	case !ok:
		return view{}, failWith("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "Occurrence with this index is out of recurrence range.")
	case deleted:
		return view{}, failWith("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "Occurrence with this index was previously deleted from the recurrence.")
	}
	return view{item: v.item, inst: inst, appt: inst.appt}, nil
}

func (s *Server) opGetItem(c *call) *soap.Element {
	shape := readShape(c.op.Child("ItemShape"))
	r := c.renderer(shape)
	var outcomes []outcome
	for _, id := range c.op.Child("ItemIds").Children {
		v, err := c.viewOf(id)
		if err == nil {
			err = shape.check()
		}
		if err != nil {
			outcomes = append(outcomes, outcome{err: err})
			continue
		}
		outcomes = append(outcomes, outcome{body: []*soap.Element{soap.NewM("Items", r.item(v))}})
	}
	return c.respond(outcomes)
}

// checkKey verifies a change key where one is required. stale is the error for
// an old one; tolerant accepts keys older than changes that no client made.
func checkKey(v view, key string, missing, stale string, tolerant bool) *ewsError {
	if key == "" {
		return fail(missing)
	}
	number, version, err := readChangeKey(key)
	if err != nil || number != v.item.number || version > v.item.version {
		return fail("ErrorInvalidChangeKey")
	}
	if version == v.item.version || tolerant && version >= v.item.clientVersion {
		return nil
	}
	return fail(stale)
}

func (s *Server) opDeleteItem(c *call) *soap.Element {
	mode, hasMode := c.op.LookupAttr("SendMeetingCancellations")
	var outcomes []outcome
	for _, id := range c.op.Child("ItemIds").Children {
		v, err := c.viewOf(id)
		switch {
		case err != nil:
		case v.item.class == calendarItem && !hasMode:
			err = failWith("ErrorSendMeetingCancellationsRequired", "SendMeetingCancellations attribute is required for calendar items.")
		default:
			s.deleteView(v, c.op.Attr("DeleteType"), sendModes[mode])
		}
		outcomes = append(outcomes, outcome{err: err})
	}
	return c.respond(outcomes)
}

func (s *Server) deleteView(v view, disposal string, mode sendMode) {
	it, a := v.item, v.item.appt
	own := it.class == calendarItem && a.myResponse == responseOrganizer && it.folder.name == folderCalendar
	if own && !v.isOccurrence() {
		s.note(ledger.Cancelled, it.box(), a, time.Time{})
	}
	switch {
	case v.isOccurrence() && own:
		s.cancelOccurrence(it, v.inst, sendMode{send: mode.send && len(v.appt.attendees) > 0})
		return
	case v.isOccurrence():
		if mode.send {
			s.respond(it.box(), v.appt, v.inst.original, responseDecline, nil)
		}
		a.drop(v.inst.original)
		s.touch(it, it.box().Name, true)
		return
	case own && mode.send && len(a.attendees) > 0:
		a.sequence++
		a.stamp = s.stampNow()
		a.cancelled = true
		s.withdrawAll(a, time.Time{})
	case it.class == calendarItem && mode.send && !own && !a.cancelled && it.folder.name == folderCalendar:
		s.respond(it.box(), a, a.original, responseDecline, nil)
	}
	if disposal == "MoveToDeletedItems" && it.folder.name != folderDeleted {
		s.move(it, it.box().folders[folderDeleted])
		return
	}
	s.remove(it)
}
