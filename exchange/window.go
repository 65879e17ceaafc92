package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	view, err := again(ctx, func() (ews.CalendarView, error) {
		return c.client.FindCalendarView(ctx, ews.Mailbox(room), ews.Calendar(), span.Start, span.End, viewLimit)
	})
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

// uidOf returns the meeting's identity. An entry without one is a meeting of
// its own.
func uidOf(item *ews.CalendarItem) meeting.UID {
	if item.UID != "" {
		return bounded(ews.NormaliseUID(item.UID))
	}
	if len(item.CleanGlobalObjectID) > 0 {
		if uid, err := ews.GlobalObjectIDToUID(item.CleanGlobalObjectID); err == nil {
			return bounded(uid)
		}
	}
	return bounded("item:" + item.ID)
}

// maxUID is longer than any identifier that is not made to do harm.
const maxUID = 1000

// bounded keeps identities short enough for an index of the database: whoever
// invites a room chooses the UID, and must not stop its calendar from being
// stored.
func bounded(uid string) meeting.UID {
	if len(uid) <= maxUID {
		return meeting.UID(uid)
	}
	sum := sha256.Sum256([]byte(uid))
	return meeting.UID("sha256:" + hex.EncodeToString(sum[:]))
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
