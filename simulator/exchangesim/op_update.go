package exchangesim

import (
	"strings"
	"time"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/exchangesim/soap"
	"ews/simulator/ledger"
)

func (s *Server) opUpdateItem(c *call) *soap.Element {
	mode, hasMode := c.op.LookupAttr("SendMeetingInvitationsOrCancellations")
	var outcomes []outcome
	for _, change := range c.op.Child("ItemChanges").Children {
		v, err := c.updateItem(change, mode, hasMode)
		if err != nil {
			outcomes = append(outcomes, outcome{err: err})
			continue
		}
		shown := soap.New(string(v.item.class), s.itemID("ItemId", v))
		outcomes = append(outcomes, outcome{body: []*soap.Element{
			soap.NewM("Items", shown), soap.NewM("ConflictResults", soap.Int("Count", 0)),
		}})
	}
	return c.respond(outcomes)
}

func (c *call) updateItem(change *soap.Element, mode string, hasMode bool) (view, *ewsError) {
	id := change.Children[0]
	v, err := c.viewOf(id)
	if err != nil {
		return view{}, err
	}
	if err := c.checkUpdateKey(v, id); err != nil {
		return view{}, err
	}
	switch {
	case v.item.class != calendarItem:
		return view{}, failWith("ErrorInvalidOperation", "Meeting messages cannot be updated.")
	case !hasMode:
		return view{}, failWith("ErrorSendMeetingInvitationsOrCancellationsRequired", "SendMeetingInvitationsOrCancellations attribute is required for calendar items.")
	case v.item.folder.name == folderDeleted:
		return view{}, failWith("ErrorCalendarCannotUpdateDeletedItem", "Update operation is invalid for deleted calendar items.")
	}
	before := v.appt.clone()
	after := v.appt.clone()
	w := &writer{call: c, appt: after, master: !v.isOccurrence()}
	if err := w.apply(change.Child("Updates")); err != nil {
		return view{}, err
	}
	if err := w.finish(); err != nil {
		return view{}, err
	}
	if v.isOccurrence() {
		return c.saveOccurrence(v, before, after, sendModes[mode])
	}
	inherit(before, after)
	v.item.appt = after
	if after.myResponse == responseOrganizer {
		c.server.note(ledger.Changed, c.box, after, time.Time{})
		c.server.publishUpdate(before, after, time.Time{}, sendModes[mode])
	}
	c.server.touch(v.item, c.box.Name, true)
	return whole(v.item), nil
}

// checkUpdateKey applies ConflictResolution: AutoResolve tolerates the
// tracking of responses, which touches no property that clients write.
func (c *call) checkUpdateKey(v view, id *soap.Element) *ewsError {
	resolution := c.op.Attr("ConflictResolution")
	err := checkKey(v, id.Attr("ChangeKey"), "ErrorChangeKeyRequiredForWriteOperations", "ErrorIrresolvableConflict", resolution == "AutoResolve")
	if err != nil && err.code == "ErrorIrresolvableConflict" && resolution == "AlwaysOverwrite" {
		return nil
	}
	return err
}

// saveOccurrence turns an occurrence into an exception.
func (c *call) saveOccurrence(v view, before, after *appointment, mode sendMode) (view, *ewsError) {
	master := v.item.appt
	if err := master.checkNeighbours(v.inst, after); err != nil {
		return view{}, err
	}
	after.rule, after.exceptions, after.deleted = nil, nil, nil
	after.original = v.inst.original
	if master.exceptions == nil {
		master.exceptions = map[int64]*appointment{}
	}
	master.exceptions[v.inst.original.Unix()] = after
	if after.myResponse == responseOrganizer {
		c.server.note(ledger.Changed, c.box, after, v.inst.original)
		c.server.publishUpdate(before, after, v.inst.original, mode)
	}
	c.server.touch(v.item, c.box.Name, true)
	inst, _ := master.at(v.inst.original)
	return view{item: v.item, inst: inst, appt: inst.appt}, nil
}

// checkNeighbours keeps the occurrences of a series in order and on different
// days, as Exchange does.
func (a *appointment) checkNeighbours(inst instance, changed *appointment) *ewsError {
	loc := a.zone()
	for _, delta := range []int{-1, 1} {
		index := inst.index + delta
		neighbour, deleted, ok := a.number(index)
		for ok && deleted {
			index += delta
			neighbour, deleted, ok = a.number(index)
		}
		if !ok {
			continue
		}
		n := neighbour.appt
		sameDay := recurrence.Date(n.start.In(loc)).Equal(recurrence.Date(changed.start.In(loc)))
		crossed := delta < 0 && changed.start.Before(n.start) || delta > 0 && changed.start.After(n.start)
		switch {
		case crossed || sameDay && !recurrence.Date(inst.original.In(loc)).Equal(recurrence.Date(n.start.In(loc))):
			return failWith("ErrorOccurrenceCrossingBoundary", "Modified occurrence is crossing or overlapping adjacent occurrence.")
		case overlaps(changed.start, changed.end, n.start, n.end):
			return failWith("ErrorOccurrenceTimeSpanTooBig", "Modified occurrence is too long.")
		}
	}
	return nil
}

// inherit lets exceptions follow what changed in the series, where they had
// the series' value before, and gives them new original starts when the whole
// series moved in time.
func inherit(before, after *appointment) {
	if after.rule == nil {
		return
	}
	for _, e := range after.exceptions {
		if e.subject == before.subject {
			e.subject = after.subject
		}
		if e.location == before.location {
			e.location = after.location
		}
		if e.body == before.body {
			e.body, e.bodyType = after.body, after.bodyType
		}
		var rows []attendee
		for _, a := range after.attendees {
			had, in := before.attendeeRow(a.address), e.attendeeRow(a.address)
			switch {
			case in != nil:
				rows = append(rows, *in)
			case had == nil:
				rows = append(rows, a) // new in the series
			}
		}
		for _, a := range e.attendees {
			if before.attendeeRow(a.address) == nil && after.attendeeRow(a.address) == nil {
				rows = append(rows, a) // invited to this occurrence only
			}
		}
		e.attendees = rows
	}
	if sameSchedule(before, after) {
		return
	}
	// Exchange drops exceptions when the times or the pattern of a series
	// change; deleted days stay deleted.
	clear(after.exceptions)
	keepDeletedDays(before, after)
}

// keepDeletedDays deletes the instances of a changed series on the days on
// which instances had been deleted before.
func keepDeletedDays(before, after *appointment) {
	days := map[time.Time]bool{}
	for _, start := range before.deletedStarts() {
		days[recurrence.Date(start.In(before.zone()))] = true
	}
	for _, start := range after.starts() {
		if len(days) == 0 {
			return
		}
		day := recurrence.Date(start.In(after.zone()))
		if days[day] {
			after.drop(start)
		}
		for d := range days {
			if !d.After(day) {
				delete(days, d)
			}
		}
	}
}

// apply carries out the change descriptions in order.
func (w *writer) apply(updates *soap.Element) *ewsError {
	for _, u := range updates.Children { // zones first: times depend on them
		if z := u.Child("CalendarItem", "StartTimeZone"); z != nil {
			w.zoneGiven = true
			if err := w.write("calendar:StartTimeZone", z); err != nil {
				return err
			}
		}
		if z := u.Child("CalendarItem", "EndTimeZone"); z != nil {
			w.zoneGiven = true
			if err := w.write("calendar:EndTimeZone", z); err != nil {
				return err
			}
		}
	}
	for _, u := range updates.Children {
		if err := w.applyOne(u); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) applyOne(u *soap.Element) *ewsError {
	path := u.Children[0]
	if path.Name == "IndexedFieldURI" {
		return failWith("ErrorInvalidPropertySet", "Indexed properties do not exist on calendar items.")
	}
	if u.Name == "DeleteItemField" {
		return w.applyDelete(path)
	}
	object := u.Children[1]
	if object.Name != "CalendarItem" {
		return failWith("ErrorUpdatePropertyMismatch", "The object does not match the item that is updated.")
	}
	if len(object.Children) != 1 {
		return failWith("ErrorIncorrectUpdatePropertyCount", "An object within a change description must contain one and only one property to modify.")
	}
	p := object.Children[0]
	if path.Name == "ExtendedFieldURI" {
		return w.applyExtended(u, path, p)
	}
	uri := path.Attr("FieldURI")
	if lastPart(uri) != p.Name {
		return failWith("ErrorUpdatePropertyMismatch", "The property path does not match the property that is set.")
	}
	if !strings.HasPrefix(uri, "calendar:") && !strings.HasPrefix(uri, "item:") {
		return failAt("ErrorInvalidPropertySet", texts["ErrorInvalidPropertySet"], uri)
	}
	if u.Name == "AppendToItemField" {
		return w.applyAppend(uri, p)
	}
	return w.write(uri, p)
}

func (w *writer) applyExtended(u, path, p *soap.Element) *ewsError {
	if u.Name == "AppendToItemField" {
		return failWith("ErrorInvalidPropertyAppend", "Append action is invalid for this property.")
	}
	asked, err := readPath(path)
	if err != nil {
		return err
	}
	if p.Name != "ExtendedProperty" {
		return failWith("ErrorUpdatePropertyMismatch", "The property path does not match the property that is set.")
	}
	if given, err := readPath(p.Child("ExtendedFieldURI")); err != nil || given != asked {
		return failWith("ErrorUpdatePropertyMismatch", "The property path does not match the property that is set.")
	}
	return w.writeProperty(p)
}

func (w *writer) applyDelete(path *soap.Element) *ewsError {
	if path.Name == "ExtendedFieldURI" {
		k, err := readPath(path)
		if err != nil {
			return err
		}
		delete(w.appt.properties, k)
		return nil
	}
	uri := path.Attr("FieldURI")
	blank := blanks[uri]
	if blank == nil || uri == "calendar:Recurrence" && !w.master {
		return failAt("ErrorInvalidPropertyDelete", texts["ErrorInvalidPropertyDelete"], uri)
	}
	blank(w.appt)
	return nil
}

// applyAppend adds attendees, or text to the body.
func (w *writer) applyAppend(uri string, p *soap.Element) *ewsError {
	switch uri {
	case "item:Body":
		w.appt.body += p.Text
		return nil
	case "calendar:RequiredAttendees", "calendar:OptionalAttendees", "calendar:Resources":
		rows, err := w.readAttendees(p)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if w.appt.attendeeRow(row.address) == nil {
				w.appt.attendees = append(w.appt.attendees, row)
			}
		}
		return nil
	}
	return failAt("ErrorInvalidPropertyAppend", "Append action is invalid for this property.", uri)
}
