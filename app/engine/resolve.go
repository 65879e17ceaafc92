package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"ews/app/meeting"
	"ews/app/plan"
)

// ambiguityTime is how long an operation whose end is unknown may still be
// under way on the far side. Before that, not finding its effect proves
// nothing.
const ambiguityTime = 5 * time.Second

// resolve finds out how an operation ended that was sent by an attempt whose
// end is unknown. It returns when to look again, or zero when the meeting can
// be planned.
func (j *job) resolve(ctx context.Context, open Operation) (time.Time, error) {
	switch open.Intent.Kind {
	case plan.CreateMeeting:
		return j.resolveCreate(ctx, open)
	case plan.UpdateMeeting:
		return j.resolveUpdate(ctx, open)
	case plan.WriteBookings:
		return j.resolveWrite(ctx, open)
	case plan.CancelBooking:
		if open.Intent.Reason == "" {
			return time.Time{}, j.store.Fail(ctx, j.claim, open, "not_sent")
		}
		if o := j.m.Occurrence(open.Intent.Occurrence); o != nil && o.Booking != 0 {
			open.Attempt++
			return time.Time{}, j.sendCancellation(ctx, o, open)
		}
		return time.Time{}, j.store.Fail(ctx, j.claim, open, "booking_gone")
	default:
		// Everything else says what is wanted, not what to change, and begins
		// by looking: it is simply planned again.
		return time.Time{}, j.store.Fail(ctx, j.claim, open, "end_unknown")
	}
}

// resolveCreate looks for the meeting by its reference, among the cancelled
// and deleted ones too: a person may have cancelled it already.
func (j *job) resolveCreate(ctx context.Context, open Operation) (time.Time, error) {
	op := plan.Op{Kind: open.Intent.Kind, Occurrence: open.Intent.Occurrence, Span: open.Intent.Span}
	o := j.m.Occurrence(op.Occurrence)
	if o == nil {
		return time.Time{}, j.store.Fail(ctx, j.claim, open, "occurrence_gone")
	}
	op.Rooms = roomsOf(o.Assets, *j.rooms.Load())
	began := j.now()
	found, ok, err := j.calendar.Find(ctx, open.Intent.Mailbox, j.draft(op))
	if err != nil && classOf(err).Class != NoMailbox {
		return time.Time{}, err
	}
	if !ok {
		return j.notFound(ctx, open, began)
	}
	j.log.InfoContext(ctx, "meeting found after an unknown end", "booking", o.Booking, "live", found.Live)
	if !found.Live {
		return time.Time{}, j.apply(ctx, &open, o.ID, func(m *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
			m.CopyMailbox = found.Mailbox
			o.Looked(found, nil, at)
			return nil
		})
	}
	// It has the rooms that were booked when it was sent.
	return time.Time{}, j.created(ctx, open, found, invitedTo(found, *j.rooms.Load()), open.StartedAt)
}

func invitedTo(c meeting.Copy, rooms map[meeting.RoomID]meeting.Room) []meeting.RoomID {
	var out []meeting.RoomID
	for id, room := range rooms {
		if _, ok := c.Rooms[room.Address]; ok {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// resolveUpdate looks whether the copy is as we wanted it: then it was us who
// changed it, even if the booking asks for something else by now. All else is
// planned again, once the change can no longer be under way: it would be taken
// for a person's.
func (j *job) resolveUpdate(ctx context.Context, open Operation) (time.Time, error) {
	o := j.m.Occurrence(open.Intent.Occurrence)
	if o == nil {
		return time.Time{}, j.store.Fail(ctx, j.claim, open, "occurrence_gone")
	}
	began := j.now()
	seen, err := j.readCopy(ctx, j.place(o))
	if err != nil && classOf(err).Class != NoMailbox {
		return time.Time{}, err
	}
	rooms := *j.rooms.Load()
	if err != nil || !carriedOut(open.Intent, o, seen, rooms) {
		return j.notFound(ctx, open, began)
	}
	return time.Time{}, j.apply(ctx, &open, o.ID, func(m *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		m.CopyMailbox = seen.Mailbox
		if o.Key == "" {
			m.CopyItem = seen.Item
		}
		invited := invitedTo(seen, rooms)
		added := slices.DeleteFunc(slices.Clone(invited), func(id meeting.RoomID) bool {
			c := o.CellOf(id)
			return c != nil && c.Invited
		})
		var removed []meeting.RoomID
		for _, c := range o.Cells {
			if c.Invited && !seen.Partial && !slices.Contains(invited, c.Room) {
				removed = append(removed, c.Room)
			}
		}
		written := seen
		written.Span = open.Intent.Span
		o.Wrote(written, added, removed, meeting.Moment{Now: open.StartedAt, Tick: at.Tick})
		if !seen.Span.Equal(written.Span) {
			o.Looked(seen, rooms, meeting.Moment{Now: began, Tick: at.Tick})
		}
		return nil
	})
}

func invitedBefore(o *meeting.Occurrence) []meeting.RoomID {
	var out []meeting.RoomID
	for _, c := range o.Cells {
		if c.Invited {
			out = append(out, c.Room)
		}
	}
	slices.Sort(out)
	return out
}

// carriedOut tells whether the copy, which differed from what was wanted when
// the change was sent, has the wanted rooms now, or the wanted time if the rooms
// were the same before. What a person did since, adding rooms or moving it, is
// another matter.
func carriedOut(wanted Intent, o *meeting.Occurrence, seen meeting.Copy, rooms map[meeting.RoomID]meeting.Room) bool {
	if !seen.Live {
		return false
	}
	invited, in := invitedTo(seen, rooms), roomsOf(wanted.Assets, rooms)
	before := invitedBefore(o)
	if slices.Equal(before, in) && !seen.Span.Equal(wanted.Span) {
		return false
	}
	for _, id := range in {
		if !slices.Contains(invited, id) && !seen.Partial {
			return false
		}
	}
	for _, c := range o.Cells {
		if c.Invited && slices.Contains(invited, c.Room) && !slices.Contains(in, c.Room) {
			return false // it was to be taken out
		}
	}
	return true
}

// notFound believes that an operation had no effect if it could no longer be
// under way when the search for it began.
func (j *job) notFound(ctx context.Context, open Operation, began time.Time) (time.Time, error) {
	if until := open.StartedAt.Add(ambiguityTime); began.Before(until) {
		return until, nil
	}
	return time.Time{}, j.store.Fail(ctx, j.claim, open, "no_effect")
}

// resolveWrite looks for bookings that may be ours: unknown, of the same
// assets and organizer, and younger than the attempt.
func (j *job) resolveWrite(ctx context.Context, open Operation) (time.Time, error) {
	began := j.now()
	if until := open.StartedAt.Add(ambiguityTime); began.Before(until) {
		return until, nil
	}
	found, err := j.lookUp(ctx, open)
	if err != nil || found {
		return time.Time{}, err
	}
	return j.notFound(ctx, open, began)
}

// lookUp looks for what an operation made, and ends it if it finds something.
func (j *job) lookUp(ctx context.Context, open Operation) (bool, error) {
	found, err := j.strangers(ctx, open)
	if err != nil {
		return false, err
	}
	adopted := j.adopt(open, found)
	if len(adopted) == 0 {
		return false, nil
	}
	j.log.InfoContext(ctx, "bookings found after an unknown end", "bookings", len(adopted))
	return true, j.change(ctx, &open, func(m *meeting.Meeting, at meeting.Moment) ([]Notice, error) {
		for id, b := range adopted {
			if o := m.Occurrence(id); o != nil && o.Booking == 0 {
				o.BookingWritten(b.ID, b.Span, b.Assets, at.Tick)
			}
			if m.Group == 0 {
				m.Group = b.Group
			}
		}
		return nil, nil
	})
}

func (j *job) strangers(ctx context.Context, open Operation) ([]Booking, error) {
	span := j.window()
	byID := map[meeting.BookingID]Booking{}
	for _, asset := range open.Intent.Assets {
		listed, err := j.bookings.List(ctx, asset, span)
		if err != nil {
			return nil, err
		}
		for _, b := range listed {
			foreign := j.m.Group != 0 && b.Group != 0 && b.Group != j.m.Group
			if b.ID > open.Floor && !foreign && strings.EqualFold(b.Organizer, string(j.organizer())) {
				byID[b.ID] = b
			}
		}
	}
	ids := make([]meeting.BookingID, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	unknown, err := j.store.Unknown(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Booking, 0, len(unknown))
	for _, id := range unknown {
		out = append(out, byID[id])
	}
	return out, nil
}

// adopt gives unknown bookings to occurrences that have none. What was asked for
// tells them: the occurrence may have left Exchange meanwhile, and the same
// organizer may have booked the same rooms for another time. Where the Booking
// app tells groups, those of the meeting's group are its own, moved or not.
func (j *job) adopt(open Operation, found []Booking) map[meeting.OccurrenceID]Booking {
	out := map[meeting.OccurrenceID]Booking{}
	group := j.m.Group
	match := func(is func(NewBooking, Booking) bool) {
		for _, wanted := range open.Intent.New {
			o := j.m.Occurrence(wanted.Occurrence)
			if _, has := out[wanted.Occurrence]; has || o == nil || o.Booking != 0 {
				continue
			}
			i := slices.IndexFunc(found, func(b Booking) bool { return is(wanted, b) })
			if i < 0 {
				continue
			}
			out[wanted.Occurrence] = found[i]
			if group == 0 {
				group = found[i].Group
			}
			found = slices.Delete(slices.Clone(found), i, i+1)
		}
	}
	match(func(wanted NewBooking, b Booking) bool {
		return b.Span.Equal(wanted.Span) && sameAssets(b.Assets, wanted.Assets)
	})
	match(func(_ NewBooking, b Booking) bool { return group != 0 && b.Group == group })
	return out
}

func sameAssets(a, b []meeting.AssetID) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
