package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

const (
	viewLimit   = 1000          // entries per view; more are cut by the server's own limit
	minimumView = 6 * time.Hour // a busier span than viewLimit per this is no calendar
	viewTries   = 3             // until the calendar keeps still for one read
)

// errMoved means that an entry of a view was gone when its details were read:
// the view and the details do not belong together.
var errMoved = errors.New("the calendar changed while it was read")

// Window implements engine.Calendar.
func (c *Calendar) Window(ctx context.Context, room meeting.Address, span meeting.Span,
	known map[meeting.ItemID]engine.Known,
) ([]meeting.Sighting, error) {
	for try := 1; ; try++ {
		items, err := c.view(ctx, room, span)
		if err != nil {
			return nil, convert(err)
		}
		details, err := c.details(ctx, room, items, known, try == viewTries)
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return nil, convert(err)
		}
		return sightings(items, details), nil
	}
}

func sightings(items []ews.CalendarItem, details map[meeting.ItemID]engine.Known) []meeting.Sighting {
	out := make([]meeting.Sighting, 0, len(items))
	for _, item := range items {
		presence := presenceOf(item)
		if presence == meeting.None {
			continue
		}
		d := details[meeting.ItemID(item.ID)]
		s := meeting.Sighting{
			UID: d.UID, Key: d.Key, Sequence: d.Sequence, Organizer: d.Organizer, Private: d.Private,
			Item: meeting.ItemID(item.ID), ChangeKey: meeting.ChangeKey(item.ChangeKey),
			Span: meeting.SpanOf(item.Start, item.End), Presence: presence,
		}
		if d.ChangeKey == "" {
			s.ChangeKey = "" // its details are to be read again
		}
		if s.Span.Valid() {
			out = append(out, s)
		}
	}
	return out
}

// view reads a calendar view, in halves where the server cuts the answer.
func (c *Calendar) view(ctx context.Context, room meeting.Address, span meeting.Span) ([]ews.CalendarItem, error) {
	view, err := c.client.FindCalendarView(ctx, ews.Mailbox(room), ews.Calendar(), span.Start, span.End, viewLimit)
	if err != nil && ews.ClassOf(err) != ews.ClassTooLarge {
		return nil, err
	}
	if err == nil && view.Complete {
		if len(view.Unreadable) > 0 {
			return nil, fmt.Errorf("%d entries of the calendar cannot be read", len(view.Unreadable))
		}
		return view.Items, nil
	}
	half := span.End.Sub(span.Start) / 2
	if half < minimumView {
		return nil, fmt.Errorf("more than %d entries in %v", viewLimit, 2*half)
	}
	middle := span.Start.Add(half).Truncate(time.Second)
	items, err := c.view(ctx, room, meeting.Span{Start: span.Start, End: middle})
	if err != nil {
		return nil, err
	}
	later, err := c.view(ctx, room, meeting.Span{Start: middle, End: span.End})
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		seen[item.ID] = true
	}
	for _, item := range later {
		if !seen[item.ID] { // an entry across the middle is in both halves
			items = append(items, item)
		}
	}
	return items, nil
}

// details returns what a view does not tell of its entries: it is known for
// those whose version did not change, and read for the others. last is true
// if the calendar will not be looked at again.
func (c *Calendar) details(ctx context.Context, room meeting.Address, items []ews.CalendarItem,
	known map[meeting.ItemID]engine.Known, last bool,
) (map[meeting.ItemID]engine.Known, error) {
	out := make(map[meeting.ItemID]engine.Known, len(items))
	var missing []ews.ItemRef
	shown := map[meeting.ItemID]*ews.CalendarItem{}
	for i, item := range items {
		id := meeting.ItemID(item.ID)
		if k, ok := known[id]; ok && k.ChangeKey == meeting.ChangeKey(item.ChangeKey) {
			out[id] = k
		} else if presenceOf(item) != meeting.None {
			missing = append(missing, ews.ByID(item.ItemID))
			shown[id] = &items[i]
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	results, err := c.client.GetItems(ctx, ews.Mailbox(room), missing, ews.GetOptions{})
	if err != nil {
		return nil, err
	}
	var unanswered error
	for _, r := range results {
		id := meeting.ItemID(r.Ref.ItemID().ID)
		switch {
		case r.Err == nil:
			if out[id], err = c.detail(ctx, r.Item); err != nil && convert(err).Class != engine.Transient {
				return nil, err
			}
			// The other names are looked up all the same: each counts its failures.
			unanswered = cmp.Or(unanswered, err)
		case r.Err.Class == ews.ClassGone && !last:
			return nil, errMoved
		case !ofItem[r.Err.Class]:
			return nil, r.Err
		default:
			k, ok := known[id]
			if !ok {
				k = identity(shown[id])
			}
			k.ChangeKey = ""
			out[id] = k
			c.log.WarnContext(ctx, "an entry of the room's calendar cannot be read and is taken as the calendar shows it",
				"room", room, "code", r.Err.Code, "start", shown[id].Start)
		}
	}
	return out, unanswered
}

// ofItem are the classes of failures that concern one entry. The slot is taken
// all the same, and the other entries of the room have nothing to do with it.
var ofItem = map[ews.Class]bool{
	ews.ClassPermanent: true, ews.ClassDenied: true, ews.ClassConflict: true, ews.ClassTooLarge: true,
	ews.ClassBug: true, ews.ClassStale: true, ews.ClassGone: true, ews.ClassNotFoundMailbox: true,
}

// identity is what an entry tells of itself without its people.
func identity(item *ews.CalendarItem) engine.Known {
	return engine.Known{
		ChangeKey: meeting.ChangeKey(item.ChangeKey), UID: uidOf(item), Key: keyOf(item),
		Sequence: item.SequenceNumber, Private: item.Sensitivity == "Private" || item.Sensitivity == "Confidential",
	}
}

func (c *Calendar) detail(ctx context.Context, item *ews.CalendarItem) (engine.Known, error) {
	k := identity(item)
	if item.Organizer == nil {
		return k, nil
	}
	organizer, certain, err := c.names.organizer(ctx, *item.Organizer)
	if err != nil {
		return engine.Known{}, err
	}
	if !certain {
		k.ChangeKey = ""
	}
	k.Organizer = organizer
	return k, nil
}

// uidOf returns the meeting's identity. An entry without one is a meeting of
// its own.
func uidOf(item *ews.CalendarItem) meeting.UID {
	if item.UID != "" {
		return meeting.UID(ews.NormaliseUID(item.UID))
	}
	if len(item.CleanGlobalObjectID) > 0 {
		if uid, err := ews.GlobalObjectIDToUID(item.CleanGlobalObjectID); err == nil {
			return meeting.UID(uid)
		}
	}
	return meeting.UID("item:" + item.ID)
}

// keyOf returns which occurrence of its meeting an entry is. A room that was
// invited to one date of a series only has a single entry that tells the date,
// or whose identifier carries it.
func keyOf(item *ews.CalendarItem) meeting.Key {
	switch {
	case item.Type == ews.OccurrenceItem || item.Type == ews.ExceptionItem:
		if !item.OriginalStart.IsZero() {
			return meeting.KeyOf(item.OriginalStart)
		}
		if !item.RecurrenceID.IsZero() {
			return meeting.KeyOf(item.RecurrenceID)
		}
		return meeting.KeyOf(item.Start)
	case !item.RecurrenceID.IsZero():
		return meeting.KeyOf(item.RecurrenceID)
	case !strings.EqualFold(ews.NormaliseUID(item.UID), strings.TrimSpace(item.UID)):
		return meeting.KeyOf(item.Start)
	}
	return ""
}

// presenceOf reads how an entry holds the room. Only flags count, never the
// subject's prefix, which depends on the server's language.
func presenceOf(item ews.CalendarItem) meeting.Presence {
	switch {
	case item.IsCancelled, item.AppointmentState&ews.StateCancelled != 0,
		item.FreeBusy == ews.Free, item.MyResponse == ews.ResponseDecline:
		return meeting.None
	case item.MyResponse == ews.ResponseAccept, item.MyResponse == ews.ResponseOrganizer:
		return meeting.Booked
	case item.FreeBusy == ews.Tentative, item.MyResponse == ews.ResponseTentative,
		item.MyResponse == ews.ResponseNotReceived:
		return meeting.Pending
	}
	return meeting.Booked
}
