package exchangesim

import (
	"time"

	"ews/simulator/exchangesim/soap"
	"ews/simulator/ledger"
)

// creators make what the children of CreateItem's Items describe.
var creators = map[string]func(c *call, e *soap.Element) ([]*soap.Element, *ewsError){
	"CalendarItem":          (*call).createCalendarItem,
	"CancelCalendarItem":    (*call).cancelCalendarItem,
	"AcceptItem":            (*call).answerMeeting,
	"TentativelyAcceptItem": (*call).answerMeeting,
	"DeclineItem":           (*call).answerMeeting,
}

func (s *Server) opCreateItem(c *call) *soap.Element {
	var outcomes []outcome
	for _, e := range c.op.Child("Items").Children {
		create := creators[e.Name]
		if create == nil {
			outcomes = append(outcomes, outcome{err: failWith("ErrorInvalidItemForOperationCreateItem", "Items of this kind cannot be created here.")})
			continue
		}
		made, err := create(c, e)
		if err != nil {
			outcomes = append(outcomes, outcome{err: err})
			continue
		}
		outcomes = append(outcomes, outcome{body: []*soap.Element{soap.NewM("Items", made...)}})
	}
	return c.respond(outcomes)
}

func (c *call) createCalendarItem(e *soap.Element) ([]*soap.Element, *ewsError) {
	mode, ok := c.op.LookupAttr("SendMeetingInvitations")
	if !ok {
		return nil, failWith("ErrorSendMeetingInvitationsRequired", "SendMeetingInvitations attribute is required for calendar items.")
	}
	f := c.box.folders[folderCalendar]
	if target := c.op.Child("SavedItemFolderId"); target != nil {
		var err *ewsError
		if f, err = c.folderOf(target.Children[0]); err != nil {
			return nil, err
		}
		if f.name != folderCalendar {
			return nil, failWith("ErrorCannotCreateCalendarItemInNonCalendarFolder", "Calendar items can be created in calendar folders only.")
		}
	}
	a, err := c.readAppointment(e)
	if err != nil {
		return nil, err
	}
	it := c.server.newItem(f, a, c.box.Name)
	shown := soap.New("CalendarItem", c.server.itemID("ItemId", whole(it)))
	c.server.note(ledger.Created, c.box, a, time.Time{})
	c.server.publishNew(it, sendModes[mode])
	return []*soap.Element{shown}, nil
}

func (c *call) blank() *appointment {
	return &appointment{
		sensitivity: "Normal", importance: "Normal", freeBusy: busyBusy, bodyType: "HTML",
		organizer: c.box.Address, myResponse: responseOrganizer, reminderSet: true, reminderMinutes: 15,
		stamp: c.server.stampNow(), properties: map[propertyKey]propertyValue{},
	}
}

func (c *call) readAppointment(e *soap.Element) (*appointment, *ewsError) {
	a := c.blank()
	w := &writer{call: c, appt: a, master: true}
	for _, name := range []string{"StartTimeZone", "EndTimeZone"} { // times depend on them
		if z := e.Child(name); z != nil {
			w.zoneGiven = true
			if err := w.write("calendar:"+name, z); err != nil {
				return nil, err
			}
		}
	}
	if a.endZone.Location == nil {
		a.endZone = a.startZone
	}
	for _, p := range e.Children {
		var err *ewsError
		if p.Name == "ExtendedProperty" {
			err = w.writeProperty(p)
		} else {
			err = w.write(uriOf(p.Name), p)
		}
		if err != nil {
			return nil, err
		}
	}
	if !w.startSet {
		a.start = c.server.now().Truncate(30 * time.Minute).Add(30 * time.Minute)
	}
	if !w.endSet {
		a.end = a.start.Add(30 * time.Minute)
	}
	if a.uid == "" {
		a.uid = newUID(c.server.options.Clock(), c.server.rng)
		a.goid = cleanGOID(a.uid)
	}
	return a, w.finish()
}

func (w *writer) writeProperty(e *soap.Element) *ewsError {
	k, p, err := readProperty(e)
	if err != nil {
		return err
	}
	if w.appt.properties == nil {
		w.appt.properties = map[propertyKey]propertyValue{}
	}
	w.appt.properties[k] = p
	return nil
}

func (c *call) reference(e *soap.Element) (view, *ewsError) {
	ref := e.Child("ReferenceItemId")
	if ref == nil {
		return view{}, failWith("ErrorMissingInformationReferenceItemId", "ReferenceItemId is missing.")
	}
	if c.op.Attr("MessageDisposition") == "" {
		return view{}, failWith("ErrorMessageDispositionRequired", "Message disposition is required.")
	}
	v, err := c.decodeView(ref.Attr("Id"))
	if err != nil {
		return view{}, err
	}
	return v, checkKey(v, ref.Attr("ChangeKey"), "ErrorChangeKeyRequired", "ErrorStaleObject", false)
}

func (c *call) cancelCalendarItem(e *soap.Element) ([]*soap.Element, *ewsError) {
	v, err := c.reference(e)
	switch {
	case err != nil:
		return nil, err
	case v.item.class != calendarItem:
		return nil, failWith("ErrorInvalidItemForOperationCancelItem", "Only calendar items can be cancelled.")
	case v.appt.cancelled || v.item.folder.name != folderCalendar:
		return nil, failWith("ErrorCalendarIsCancelledForRemove", "The meeting is cancelled already.")
	case v.item.appt.myResponse != responseOrganizer:
		return nil, fail("ErrorCalendarIsNotOrganizer")
	case len(v.appt.attendees) == 0:
		return nil, failWith("ErrorInvalidItemForOperationCancelItem", "An appointment without attendees cannot be cancelled.")
	}
	if c.op.Attr("MessageDisposition") == "SaveOnly" {
		return nil, failWith("ErrorInvalidRequest", "A cancellation must be sent.")
	}
	if v.isOccurrence() {
		c.server.cancelOccurrence(v.item, v.inst, sendMode{send: true})
	} else {
		c.server.cancelMeeting(v.item)
	}
	return nil, nil
}

// answers maps response objects to response types and the ends of their error
// codes.
var answers = map[string]struct{ response, suffix string }{
	"AcceptItem":            {responseAccept, "Accept"},
	"TentativelyAcceptItem": {responseTentative, "Tentative"},
	"DeclineItem":           {responseDecline, "Decline"},
}

func (c *call) answerMeeting(e *soap.Element) ([]*soap.Element, *ewsError) {
	answer := answers[e.Name]
	v, err := c.reference(e)
	if err != nil {
		return nil, err
	}
	if v.item.class == meetingRequest {
		target := c.box.find(v.appt.goid, v.item.instance)
		if target == nil {
			return nil, failWith("ErrorCalendarMeetingRequestIsOutOfDate", "The meeting request is out of date.")
		}
		if outdated(v.appt.sequence, v.appt.stamp, target.appt.sequence, target.appt.stamp) {
			return nil, failWith("ErrorCalendarMeetingRequestIsOutOfDate", "The meeting request is out of date.")
		}
		c.server.remove(v.item) // answered requests leave the inbox
		v = whole(target)
	}
	switch {
	case v.item.class != calendarItem:
		return nil, failWith("ErrorInvalidItemForOperation"+map[string]string{"Accept": "AcceptItem", "Tentative": "Tentative", "Decline": "DeclineItem"}[answer.suffix],
			"The item is not a meeting request.")
	case v.item.appt.myResponse == responseOrganizer:
		return nil, failWith("ErrorCalendarIsOrganizerFor"+answer.suffix, "The organizer cannot answer the meeting.")
	case v.appt.cancelled:
		return nil, failWith("ErrorCalendarIsCancelledFor"+answer.suffix, "The meeting is cancelled.")
	}
	c.server.reply(v.item, v.inst, answer.response, c.op.Attr("MessageDisposition") != "SaveOnly")
	return nil, nil
}
