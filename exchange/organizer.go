package exchange

import (
	"context"
	"slices"
	"strings"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

// Create implements engine.Calendar.
func (c *Calendar) Create(ctx context.Context, mailbox meeting.Address, d engine.Draft) (meeting.Copy, error) {
	if err := c.mayOpen(mailbox); err != nil {
		return meeting.Copy{}, err
	}
	made, err := c.client.CreateMeeting(ctx, ews.Mailbox(mailbox), ews.NewMeeting{
		Subject: c.subject, UID: string(d.UID), Start: d.Span.Start, End: d.Span.End,
		Location: placeOf(invitees(d.Rooms)), Resources: invitees(d.Rooms), RequiredAttendees: people(d.Attendees),
		Properties: []ews.PropertyValue{{Property: ews.PublicString(referenceProperty), Value: d.Ref}},
	})
	if err != nil {
		return meeting.Copy{}, convert(err)
	}
	c.made.put(d.UID, mailbox)
	placed := meeting.Copy{Live: true, Mailbox: mailbox, Item: meeting.ItemID(made.ID), UID: d.UID, Span: d.Span}
	if c.keepsUIDs.Load() {
		return placed, nil
	}
	// The server may have chosen another UID. Not learning it is no failure:
	// the meeting is there.
	if item, err := c.get(ctx, mailbox, made); err == nil {
		placed.UID = uidOf(item)
		c.keepsUIDs.Store(placed.UID == d.UID)
	}
	return placed, nil
}

// Find implements engine.Calendar.
func (c *Calendar) Find(ctx context.Context, mailbox meeting.Address, d engine.Draft) (meeting.Copy, bool, error) {
	if err := c.mayOpen(mailbox); err != nil {
		return meeting.Copy{}, false, err
	}
	property := ews.PublicString(referenceProperty)
	deleted := false
	for _, folder := range []ews.Folder{ews.Calendar(), ews.DeletedItems()} {
		items, err := c.client.FindByString(ctx, ews.Mailbox(mailbox), folder, property, d.Ref)
		if err != nil {
			return meeting.Copy{}, false, convert(err)
		}
		for _, found := range items {
			item, err := c.get(ctx, mailbox, found.ItemID)
			if ews.ClassOf(err) == ews.ClassGone && err != nil {
				continue
			}
			if err != nil {
				return meeting.Copy{}, false, convert(err)
			}
			if folder.Name == ews.FolderCalendar && !item.IsCancelled {
				placed, err := c.copyOf(ctx, mailbox, item)
				return placed, err == nil, err
			}
			deleted = true
		}
	}
	return meeting.Copy{Mailbox: mailbox, UID: d.UID}, deleted, nil
}

// Copy implements engine.Calendar.
func (c *Calendar) Copy(ctx context.Context, p engine.Place) (meeting.Copy, error) {
	if err := c.mayOpen(p.Mailbox); err != nil {
		return meeting.Copy{}, err
	}
	item, err := c.find(ctx, p)
	if err != nil {
		return meeting.Copy{}, convert(err)
	}
	if item == nil || item.IsCancelled {
		return meeting.Copy{Mailbox: p.Mailbox, UID: p.UID}, nil
	}
	c.recent.put(item)
	return c.copyOf(ctx, p.Mailbox, item)
}

func (c *Calendar) get(ctx context.Context, mailbox meeting.Address, id ews.ItemID) (*ews.CalendarItem, error) {
	results, err := c.client.GetItems(ctx, ews.Mailbox(mailbox), []ews.ItemRef{ews.ByID(ews.ItemID{ID: id.ID})}, ews.GetOptions{})
	if err != nil {
		return nil, err
	}
	if results[0].Err != nil {
		return nil, results[0].Err
	}
	return results[0].Item, nil
}

// find returns the occurrence's item in a mailbox, or nil if its calendar has
// none.
func (c *Calendar) find(ctx context.Context, p engine.Place) (*ews.CalendarItem, error) {
	if p.Item != "" {
		item, err := c.get(ctx, p.Mailbox, ews.ItemID{ID: string(p.Item)})
		if err == nil && uidOf(item) == p.UID && keyOf(item) == p.Key && item.Type != ews.RecurringMaster {
			return item, nil
		}
		if class := ews.ClassOf(err); err != nil && class != ews.ClassGone && class != ews.ClassPermanent {
			return nil, err
		}
	}
	if p.Key != "" {
		return c.findOccurrence(ctx, p)
	}
	items, err := c.client.FindByGlobalObjectID(ctx, ews.Mailbox(p.Mailbox), ews.Calendar(), ews.UIDToGlobalObjectID(string(p.UID)))
	if err != nil {
		return nil, err
	}
	for _, found := range items {
		item, err := c.get(ctx, p.Mailbox, found.ItemID)
		if err != nil && ews.ClassOf(err) == ews.ClassGone {
			continue
		}
		if err != nil {
			return nil, err
		}
		if item.Type != ews.RecurringMaster && !item.IsCancelled {
			return item, nil
		}
	}
	return nil, nil
}

// findOccurrence looks for one date of a series where it is believed to be and
// where it originally was.
func (c *Calendar) findOccurrence(ctx context.Context, p engine.Place) (*ews.CalendarItem, error) {
	around := []meeting.Span{p.Span}
	if original, err := time.Parse(time.RFC3339, string(p.Key)); err == nil {
		around = append(around, meeting.SpanOf(original, original.Add(time.Hour)))
	}
	for _, span := range around {
		if !span.Valid() {
			continue
		}
		items, err := c.view(ctx, p.Mailbox, meeting.Span{Start: span.Start.Add(-24 * time.Hour), End: span.End.Add(24 * time.Hour)})
		if err != nil {
			return nil, err
		}
		for _, found := range items {
			if found.UID != "" && uidOf(&found) != p.UID {
				continue
			}
			item, err := c.get(ctx, p.Mailbox, found.ItemID)
			if err != nil && ews.ClassOf(err) == ews.ClassGone {
				continue
			}
			if err != nil {
				return nil, err
			}
			if uidOf(item) == p.UID && keyOf(item) == p.Key && !item.IsCancelled {
				return item, nil
			}
		}
	}
	return c.findMoved(ctx, p)
}

// findMoved looks for one date of a series that a person moved to where nobody
// looks for it: the series knows its exceptions.
func (c *Calendar) findMoved(ctx context.Context, p engine.Place) (*ews.CalendarItem, error) {
	items, err := c.client.FindByGlobalObjectID(ctx, ews.Mailbox(p.Mailbox), ews.Calendar(), ews.UIDToGlobalObjectID(string(p.UID)))
	if err != nil {
		return nil, err
	}
	for _, found := range items {
		if found.Type != ews.RecurringMaster {
			continue
		}
		series, err := c.get(ctx, p.Mailbox, found.ItemID)
		if err != nil && ews.ClassOf(err) == ews.ClassGone {
			continue
		}
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(series.ModifiedOccurrences, func(o ews.Occurrence) bool {
			return meeting.KeyOf(o.OriginalStart) == p.Key
		})
		if i < 0 {
			continue
		}
		item, err := c.get(ctx, p.Mailbox, series.ModifiedOccurrences[i].ItemID)
		if err != nil && ews.ClassOf(err) == ews.ClassGone {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !item.IsCancelled {
			return item, nil
		}
	}
	return nil, nil
}

func (c *Calendar) copyOf(ctx context.Context, mailbox meeting.Address, item *ews.CalendarItem) (meeting.Copy, error) {
	out := meeting.Copy{
		Live: true, Mailbox: mailbox, Item: meeting.ItemID(item.ID), Version: meeting.ChangeKey(item.ChangeKey),
		UID: uidOf(item), Span: meeting.SpanOf(item.Start, item.End), Rooms: map[meeting.Address]meeting.RoomAnswer{},
	}
	for _, list := range [][]ews.Attendee{item.OptionalAttendees, item.RequiredAttendees, item.Resources} {
		for _, a := range list {
			address, err := c.names.smtp(ctx, a.Address)
			if err != nil {
				return meeting.Copy{}, convert(err)
			}
			if address == "" {
				out.Partial = true
				continue
			}
			out.Rooms[address] = answerOf(a)
		}
	}
	return out, nil
}

var answers = map[ews.Response]meeting.Answer{
	ews.ResponseAccept:    meeting.Accepted,
	ews.ResponseTentative: meeting.Tentative,
	ews.ResponseDecline:   meeting.Declined,
}

func answerOf(a ews.Attendee) meeting.RoomAnswer {
	answer, ok := answers[a.Response]
	if !ok {
		return meeting.RoomAnswer{Answer: meeting.NoAnswer}
	}
	at := a.LastResponse
	if at.Year() < 1900 || at.Year() >= 4500 { // the far past and 4501 mean "never"
		at = time.Time{}
	}
	return meeting.RoomAnswer{Answer: answer, At: at}
}

// Update implements engine.Calendar.
func (c *Calendar) Update(ctx context.Context, p engine.Place, from meeting.Copy, change engine.Change) (meeting.Copy, error) {
	if err := c.mayOpen(p.Mailbox); err != nil {
		return meeting.Copy{}, err
	}
	id := ews.ItemID{ID: string(from.Item), ChangeKey: string(from.Version)}
	update := ews.ItemUpdate{Conflict: ews.NeverOverwrite, Notify: ews.SendToChangedAndSaveCopy}
	if !from.Span.Equal(change.Span) {
		update.Times = &ews.TimeSpan{Start: change.Span.Start, End: change.Span.End}
		update.Notify = ews.SendToAllAndSaveCopy
	}
	if slices.ContainsFunc(change.Add, func(r meeting.Room) bool { _, listed := from.Rooms[r.Address]; return listed }) {
		update.Notify = ews.SendToAllAndSaveCopy // it declined: for Exchange it is not new, and would not be asked
	}
	if len(change.Add)+len(change.Remove) > 0 {
		item := c.recent.take(id)
		if item == nil {
			var err error
			if item, err = c.get(ctx, p.Mailbox, id); err != nil {
				return meeting.Copy{}, convert(err)
			}
		}
		if item.ChangeKey != id.ChangeKey {
			return meeting.Copy{}, &engine.Error{Class: engine.Stale, Code: "ErrorStaleObject"}
		}
		if err := c.setRooms(ctx, &update, item, change); err != nil {
			return meeting.Copy{}, convert(err)
		}
	}
	c.made.forget(p.UID)
	changed, err := c.client.UpdateItem(ctx, ews.Mailbox(p.Mailbox), ews.ByID(id), update)
	if err != nil {
		return meeting.Copy{}, convert(err)
	}
	from.Item, from.Version, from.Span = meeting.ItemID(changed.ID), meeting.ChangeKey(changed.ChangeKey), change.Span
	return from, nil
}

// setRooms puts the rooms into the update's attendee collections, which replace
// the present ones: everybody else stays.
func (c *Calendar) setRooms(ctx context.Context, update *ews.ItemUpdate, item *ews.CalendarItem, change engine.Change) error {
	keep := func(list []ews.Attendee) (kept []ews.Invitee, removed bool, err error) {
		for _, a := range list {
			address, err := c.names.smtp(ctx, a.Address)
			if err != nil {
				return nil, false, err
			}
			if slices.ContainsFunc(change.Remove, func(r meeting.Room) bool { return r.Address == address }) {
				removed = true
				continue
			}
			if address == "" {
				address = meeting.Address(a.Address.Address)
			}
			kept = append(kept, ews.Invitee{Name: a.Name, Address: string(address)})
		}
		return kept, removed, nil
	}
	resources, _, err := keep(item.Resources)
	if err != nil {
		return err
	}
	required, requiredChanged, err := keep(item.RequiredAttendees)
	if err != nil {
		return err
	}
	optional, optionalChanged, err := keep(item.OptionalAttendees)
	if err != nil {
		return err
	}
	resources = append(resources, invitees(change.Add)...)
	update.Resources = &resources
	if requiredChanged {
		update.RequiredAttendees = &required
	}
	if optionalChanged {
		update.OptionalAttendees = &optional
	}
	before := make([]ews.Invitee, 0, len(item.Resources))
	for _, a := range item.Resources {
		before = append(before, ews.Invitee{Name: a.Name, Address: a.Address.Address})
	}
	if item.Location == "" || item.Location == placeOf(before) {
		place := placeOf(resources) // nobody typed anything else
		update.Location = &place
	}
	return nil
}

// Cancel implements engine.Calendar.
func (c *Calendar) Cancel(ctx context.Context, p engine.Place) (bool, error) {
	if err := c.mayOpen(p.Mailbox); err != nil {
		return false, err
	}
	const tries = 3
	for try := 1; ; try++ {
		item, err := c.find(ctx, p)
		if err != nil {
			return false, convert(err)
		}
		if item == nil || item.IsCancelled {
			return false, nil
		}
		if item.MyResponse != ews.ResponseOrganizer && item.IsMeeting && item.AppointmentState&ews.StateReceived != 0 {
			return false, &engine.Error{Class: engine.Refused, Code: "ErrorCalendarIsNotOrganizer"}
		}
		if len(item.Resources)+len(item.RequiredAttendees)+len(item.OptionalAttendees) > 0 {
			err = c.client.CancelMeeting(ctx, ews.Mailbox(p.Mailbox), item.ItemID, "")
		} else { // everybody was removed: there is nobody to send a cancellation to
			err = c.client.DeleteItem(ctx, ews.Mailbox(p.Mailbox), ews.ByID(item.ItemID), ews.DeleteOptions{})
		}
		if err == nil {
			return true, nil
		}
		failure := convert(err)
		if failure.Class != engine.Stale && failure.Class != engine.NotFound || try == tries {
			return false, failure
		}
	}
}

// Release implements engine.Calendar.
func (c *Calendar) Release(ctx context.Context, room meeting.Address, p engine.Place) error {
	p.Mailbox = room
	item, err := c.find(ctx, p)
	if err != nil {
		return convert(err)
	}
	if item == nil || presenceOf(*item) == meeting.None {
		return nil
	}
	if item.IsMeeting && item.MyResponse != ews.ResponseOrganizer {
		err = c.client.DeclineItem(ctx, ews.Mailbox(room), item.ItemID, "")
	} else {
		// Typed directly into the room's calendar: there is nobody to decline to.
		err = c.client.DeleteItem(ctx, ews.Mailbox(room), ews.ByID(item.ItemID), ews.DeleteOptions{})
	}
	if err != nil && ews.ClassOf(err) != ews.ClassGone {
		return convert(err)
	}
	return nil
}

func invitees(rooms []meeting.Room) []ews.Invitee {
	out := make([]ews.Invitee, 0, len(rooms))
	for _, r := range rooms {
		out = append(out, ews.Invitee{Name: r.Name, Address: string(r.Address)})
	}
	return out
}

func people(addresses []meeting.Address) []ews.Invitee {
	out := make([]ews.Invitee, 0, len(addresses))
	for _, a := range addresses {
		out = append(out, ews.Invitee{Address: string(a)})
	}
	return out
}

func placeOf(rooms []ews.Invitee) string {
	names := make([]string, 0, len(rooms))
	for _, r := range rooms {
		names = append(names, nameOf(r))
	}
	return strings.Join(names, "; ")
}

func nameOf(i ews.Invitee) string {
	if i.Name != "" {
		return i.Name
	}
	return i.Address
}
