package ews

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ews/exchange/ews/wire"
)

// Notify says who is told about a write.
type Notify string

// Values of Notify. The last two are for UpdateItem only.
const (
	SendToNone               Notify = "SendToNone"
	SendOnlyToAll            Notify = "SendOnlyToAll"
	SendToAllAndSaveCopy     Notify = "SendToAllAndSaveCopy"
	SendOnlyToChanged        Notify = "SendOnlyToChanged"
	SendToChangedAndSaveCopy Notify = "SendToChangedAndSaveCopy"
)

// ConflictResolution says what UpdateItem does when the item changed meanwhile.
type ConflictResolution string

// Values of ConflictResolution.
const (
	NeverOverwrite  ConflictResolution = "NeverOverwrite"
	AutoResolve     ConflictResolution = "AutoResolve"
	AlwaysOverwrite ConflictResolution = "AlwaysOverwrite"
)

// DeleteType says where DeleteItem leaves the item.
type DeleteType string

// Values of DeleteType.
const (
	MoveToDeletedItems DeleteType = "MoveToDeletedItems"
	SoftDelete         DeleteType = "SoftDelete"
	HardDelete         DeleteType = "HardDelete"
)

// Invitee is a mailbox to invite. Name may be empty.
type Invitee struct {
	Name, Address string
}

// NewMeeting describes a meeting to create in the organiser's calendar.
type NewMeeting struct {
	Folder  Folder // zero means the calendar
	Subject string
	Body    string // plain text
	// UID is the meeting's identity in all calendars; "" lets the server choose.
	// Use NewGlobalObjectID.
	UID               string
	Properties        []PropertyValue
	Start, End        time.Time // exact instants; for all-day meetings midnights of TimeZoneID
	AllDay            bool
	FreeBusy          FreeBusy // "" means Busy
	Sensitivity       string   // "" means Normal
	Location          string
	Resources         []Invitee // rooms
	RequiredAttendees []Invitee
	OptionalAttendees []Invitee
	Recurrence        *Recurrence
	// TimeZoneID is the Windows name of the zone the meeting is held in. It is
	// needed for series and all-day meetings, see "Time zones and EWS in Exchange".
	TimeZoneID string
	Notify     Notify // "" means SendToAllAndSaveCopy
}

// CreateMeeting creates a meeting and sends its invitations, see "CreateItem
// operation (calendar item)". It is not idempotent: after an Ambiguous error look
// for the UID or a property first.
func (c *Client) CreateMeeting(ctx context.Context, organizer Mailbox, m NewMeeting) (ItemID, error) {
	item, err := m.item()
	if err != nil {
		return ItemID{}, &Error{Operation: "CreateItem", Code: CodeInvalidRequest, Class: ClassBug, Err: err}
	}
	folder := m.Folder.ref()
	inv := &invocation{
		operation: "CreateItem", mailbox: organizer, writes: true,
		request: wire.CreateItem{
			Invitations: string(orDefault(m.Notify, SendToAllAndSaveCopy)), Folder: &folder,
			Items: wire.ItemList{Items: []any{item}},
		},
	}
	return c.writeOne(ctx, inv, func(b *wire.Body) *wire.ItemResponse { return b.CreateItem }, true)
}

func (m *NewMeeting) item() (*wire.CalendarItem, error) {
	if m.Start.IsZero() || !m.End.After(m.Start) {
		return nil, errors.New("the meeting's end is not after its start")
	}
	recurrence, err := m.Recurrence.request()
	if err != nil {
		return nil, err
	}
	no, yes, allDay := false, true, m.AllDay
	subject := wire.Text(m.Subject)
	item := &wire.CalendarItem{
		Subject: &subject, Sensitivity: m.Sensitivity, Body: wire.NewBodyText(m.Body), ReminderIsSet: &no,
		UID: wire.Text(m.UID), Start: wire.FormatTime(m.Start), End: wire.FormatTime(m.End), IsAllDayEvent: &allDay,
		FreeBusy: string(orDefault(m.FreeBusy, Busy)), IsResponseRequested: &yes,
		Required: attendees(m.RequiredAttendees), Optional: attendees(m.OptionalAttendees), Resources: attendees(m.Resources),
		Recurrence: recurrence, StartTimeZone: zone(m.TimeZoneID), EndTimeZone: zone(m.TimeZoneID),
	}
	if m.Location != "" {
		location := wire.Text(m.Location)
		item.Location = &location
	}
	for _, p := range m.Properties {
		item.Extended = append(item.Extended, wire.ExtendedValue{Path: p.Property.path, Value: wire.Text(p.Value)})
	}
	return item, nil
}

func orDefault[T ~string](v, def T) T {
	if v == "" {
		return def
	}
	return v
}

// attendees returns nil for an empty list: the schema has no empty collection.
func attendees(list []Invitee) *wire.AttendeeList {
	if len(list) == 0 {
		return nil
	}
	out := &wire.AttendeeList{}
	for _, i := range list {
		out.Attendees = append(out.Attendees, wire.AttendeeRequest{Name: wire.Text(i.Name), Address: wire.Text(i.Address)})
	}
	return out
}

func zone(id string) *wire.TimeZoneID {
	if id == "" {
		return nil
	}
	return &wire.TimeZoneID{ID: wire.Text(id)}
}

// TimeSpan is a new time for a meeting. Both ends always travel together.
type TimeSpan struct {
	Start, End time.Time
	TimeZoneID string // "" leaves the zone
	AllDay     *bool  // nil leaves the flag
}

// ItemUpdate lists the properties to change; nil leaves a property as it is.
type ItemUpdate struct {
	Times    *TimeSpan
	Subject  *string
	Location *string
	Body     *string // plain text
	// Resources and the attendees replace the whole collection; an empty list
	// removes it.
	Resources         *[]Invitee
	RequiredAttendees *[]Invitee
	OptionalAttendees *[]Invitee
	Recurrence        *Recurrence
	Properties        []PropertyValue
	// Delete removes properties by FieldURI, such as "calendar:Location".
	Delete   []string
	Notify   Notify             // "" means SendToAllAndSaveCopy
	Conflict ConflictResolution // "" means AutoResolve
}

// UpdateItem changes a calendar item and returns its new id, see "UpdateItem
// operation (calendar item)". The reference should carry a current change key;
// an outdated one is an error of ClassStale.
func (c *Client) UpdateItem(ctx context.Context, mailbox Mailbox, ref ItemRef, u ItemUpdate) (ItemID, error) {
	fields, err := u.fields()
	if err != nil {
		return ItemID{}, &Error{Operation: "UpdateItem", Code: CodeInvalidRequest, Class: ClassBug, Err: err}
	}
	request := wire.UpdateItem{
		ConflictResolution: string(orDefault(u.Conflict, AutoResolve)),
		Invitations:        string(orDefault(u.Notify, SendToAllAndSaveCopy)),
	}
	request.Change.Ref, request.Change.Updates.Fields = ref.wire(), fields
	inv := &invocation{operation: "UpdateItem", mailbox: mailbox, writes: true, request: request}
	return c.writeOne(ctx, inv, func(b *wire.Body) *wire.ItemResponse { return b.UpdateItem }, true)
}

// fields returns one change description per property, as the operation wants.
func (u *ItemUpdate) fields() ([]any, error) {
	var out []any
	set := func(uri string, item wire.CalendarItem) {
		out = append(out, wire.SetItemField{Path: wire.Path{URI: uri}, Item: item})
	}
	if u.Subject != nil {
		v := wire.Text(*u.Subject)
		set("item:Subject", wire.CalendarItem{Subject: &v})
	}
	if u.Body != nil {
		set("item:Body", wire.CalendarItem{Body: &wire.BodyText{Type: "Text", Text: wire.Text(*u.Body)}})
	}
	if t := u.Times; t != nil {
		if t.Start.IsZero() || !t.End.After(t.Start) {
			return nil, errors.New("the meeting's end is not after its start")
		}
		set("calendar:Start", wire.CalendarItem{Start: wire.FormatTime(t.Start)})
		set("calendar:End", wire.CalendarItem{End: wire.FormatTime(t.End)})
		if t.AllDay != nil {
			set("calendar:IsAllDayEvent", wire.CalendarItem{IsAllDayEvent: t.AllDay})
		}
		if z := zone(t.TimeZoneID); z != nil {
			set("calendar:StartTimeZone", wire.CalendarItem{StartTimeZone: z})
			set("calendar:EndTimeZone", wire.CalendarItem{EndTimeZone: z})
		}
	}
	if u.Location != nil {
		v := wire.Text(*u.Location)
		set("calendar:Location", wire.CalendarItem{Location: &v})
	}
	for _, collection := range []struct {
		uri  string
		list *[]Invitee
		item func(*wire.AttendeeList) wire.CalendarItem
	}{
		{"calendar:RequiredAttendees", u.RequiredAttendees, func(l *wire.AttendeeList) wire.CalendarItem { return wire.CalendarItem{Required: l} }},
		{"calendar:OptionalAttendees", u.OptionalAttendees, func(l *wire.AttendeeList) wire.CalendarItem { return wire.CalendarItem{Optional: l} }},
		{"calendar:Resources", u.Resources, func(l *wire.AttendeeList) wire.CalendarItem { return wire.CalendarItem{Resources: l} }},
	} {
		switch {
		case collection.list == nil:
		case len(*collection.list) == 0:
			out = append(out, wire.DeleteItemField{Path: wire.Path{URI: collection.uri}})
		default:
			set(collection.uri, collection.item(attendees(*collection.list)))
		}
	}
	if u.Recurrence != nil {
		r, err := u.Recurrence.request()
		if err != nil {
			return nil, err
		}
		set("calendar:Recurrence", wire.CalendarItem{Recurrence: r})
	}
	for _, p := range u.Properties {
		out = append(out, wire.SetItemField{Path: p.Property.path, Item: wire.CalendarItem{
			Extended: []wire.ExtendedValue{{Path: p.Property.path, Value: wire.Text(p.Value)}},
		}})
	}
	for _, uri := range u.Delete {
		out = append(out, wire.DeleteItemField{Path: wire.Path{URI: uri}})
	}
	if len(out) == 0 {
		return nil, errors.New("the update changes nothing")
	}
	return out, nil
}

// CancelMeeting cancels a meeting, or one occurrence by its own item id, as the
// organiser and tells everybody, see "CancelCalendarItem". The item moves to the
// deleted items. A meeting that is cancelled already is an error of ClassGone.
func (c *Client) CancelMeeting(ctx context.Context, organizer Mailbox, id ItemID, body string) error {
	return c.respond(ctx, organizer, wire.CancelCalendarItem{
		Reference: reference(id), NewBody: wire.NewBodyText(body),
	})
}

// DeclineItem declines a meeting as an attendee and tells the organiser, see
// "DeclineItem".
func (c *Client) DeclineItem(ctx context.Context, attendee Mailbox, id ItemID, body string) error {
	return c.respond(ctx, attendee, wire.DeclineItem{Body: wire.NewBodyText(body), Reference: reference(id)})
}

func reference(id ItemID) wire.ReferenceID {
	return wire.ReferenceID{ID: wire.Text(id.ID), ChangeKey: wire.Text(id.ChangeKey)}
}

// respond creates a response object; its answer is that of CreateItem.
func (c *Client) respond(ctx context.Context, mailbox Mailbox, object any) error {
	inv := &invocation{
		operation: "CreateItem", mailbox: mailbox, writes: true,
		request: wire.CreateItem{Disposition: "SendAndSaveCopy", Items: wire.ItemList{Items: []any{object}}},
	}
	_, err := c.writeOne(ctx, inv, func(b *wire.Body) *wire.ItemResponse { return b.CreateItem }, false)
	return err
}

// DeleteOptions tune DeleteItem.
type DeleteOptions struct {
	Type   DeleteType // "" means MoveToDeletedItems
	Notify Notify     // "" means SendToAllAndSaveCopy
}

// DeleteItem deletes an item, see "DeleteItem operation"; with an organiser's
// meeting it sends cancellations as well. What is deleted already is an error of
// ClassGone.
func (c *Client) DeleteItem(ctx context.Context, mailbox Mailbox, ref ItemRef, o DeleteOptions) error {
	inv := &invocation{
		operation: "DeleteItem", mailbox: mailbox, writes: true,
		request: wire.DeleteItem{
			DeleteType:    string(orDefault(o.Type, MoveToDeletedItems)),
			Cancellations: string(orDefault(o.Notify, SendToAllAndSaveCopy)), IDs: wire.IDs{Refs: []any{ref.wire()}},
		},
	}
	_, err := c.writeOne(ctx, inv, func(b *wire.Body) *wire.ItemResponse { return b.DeleteItem }, false)
	return err
}

// writeOne performs a writing operation on one item and returns the id in its
// answer, which wantID makes compulsory.
func (c *Client) writeOne(ctx context.Context, inv *invocation, pick func(*wire.Body) *wire.ItemResponse, wantID bool) (ItemID, error) {
	inv.present = func(b *wire.Body) bool { r := pick(b); return r != nil && len(r.List.Messages) > 0 }
	body, err := c.do(ctx, inv)
	if err != nil {
		return ItemID{}, err
	}
	messages := pick(body).List.Messages
	for i := range messages {
		if failure := c.messageError(inv, messages[i].ResponseMessage); failure != nil {
			return ItemID{}, failure
		}
	}
	if items := messages[0].Items.Entries; len(items) > 0 && items[0].ItemID.ID != "" {
		return ItemID(items[0].ItemID), nil
	}
	if !wantID {
		return ItemID{}, nil
	}
	return ItemID{}, c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient, mayRun: true}, "",
		nil, fmt.Errorf("the answer has no item id"))
}
