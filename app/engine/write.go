package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ews/app/meeting"
	"ews/app/plan"
)

// writeBookings creates and changes bookings of the meeting's group.
//
// Bookings to be changed are read first, where they are few: what a person did a
// moment ago, and is not known yet, must not be undone by our change.
func (j *job) writeBookings(ctx context.Context, op plan.Op) error {
	done, ok := j.mayWrite(ctx)
	if !ok {
		return ctx.Err()
	}
	defer done()
	changed, err := j.changedMeanwhile(ctx, op.Items)
	if err != nil || changed {
		return err
	}
	intent := Intent{Side: meeting.Eliona, Kind: op.Kind, Assets: assetsOf(op.Items), Span: hull(op.Items), New: newBookings(op.Items)}
	if len(op.Items) == 1 {
		intent.Occurrence = op.Items[0].Occurrence
	}
	recorded := time.Now()
	sent, err := j.begin(ctx, intent)
	if err != nil {
		return err
	}
	group, ids, err := j.bookings.Write(sendSoon(ctx, recorded), j.m.Group, j.organizer(), op.Items)
	done()
	if err != nil {
		return j.notWritten(ctx, op, sent, group, ids, err)
	}
	j.report(ctx, "booking", nil)
	j.log.InfoContext(ctx, "bookings written", "bookings", ids)
	return j.conclude(ctx, &sent, j.written(op.Items, group, ids))
}

// mayWrite waits until the Booking app may be asked to write; what it returns is
// to be called when it answered. It is false if no further operation is to begin.
// There are more workers than requests at once, so that the database's part of
// some meetings is done while others wait for the Booking app.
func (j *job) mayWrite(ctx context.Context) (written func(), ok bool) {
	seats := []chan struct{}{j.writing}
	if j.claim.Import {
		seats = []chan struct{}{j.importing, j.writing}
	}
	for i, seat := range seats {
		select {
		case seat <- struct{}{}:
			continue
		case <-j.stop:
		case <-ctx.Done():
		}
		for _, taken := range seats[:i] {
			<-taken
		}
		return nil, false
	}
	return sync.OnceFunc(func() {
		for _, seat := range seats {
			<-seat
		}
	}), true
}

// writeApart writes bookings of the meeting's group, and those that the Booking
// app refuses together, in halves: a date that it does not take, because
// something else is booked there, must not keep the other dates out of Eliona.
// It fails with the refusal when nothing was taken; when a part was, the rest
// is planned again.
func (j *job) writeApart(ctx context.Context, op plan.Op) error {
	err := j.writeBookings(ctx, op)
	if len(op.Items) < 2 || !refusal(err) {
		return err
	}
	half := len(op.Items) / 2
	first := j.writeApart(ctx, plan.Op{Kind: op.Kind, Items: op.Items[:half]})
	if first != nil && !refusal(first) {
		return first
	}
	second := j.writeApart(ctx, plan.Op{Kind: op.Kind, Items: op.Items[half:]})
	if first == nil && refusal(second) {
		return nil
	}
	return second
}

// refusal tells that the far side will not have it, and did nothing.
func refusal(err error) bool {
	if err == nil {
		return false
	}
	failure := classOf(err)
	return failure.Class == Refused && !failure.Ambiguous
}

// written records bookings that were written; an id of 0 means that one was not.
func (j *job) written(items []plan.Item, group meeting.GroupID, ids []meeting.BookingID) func(*meeting.Meeting, meeting.Moment) ([]Notice, error) {
	j.m.Group = group // for what is written before the meeting is loaded again
	j.inbox.written(ids)
	rooms := j.planned
	return func(m *meeting.Meeting, at meeting.Moment) ([]Notice, error) {
		m.Group = group
		for i, item := range items {
			if o := m.Occurrence(item.Occurrence); o != nil && ids[i] != 0 {
				o.BookingWritten(ids[i], item.Span, item.Assets, at.Tick)
				if item.Shown.Valid() {
					o.Agreed(item.Shown, item.In)
					continue
				}
				// Written was what Exchange shows: this is what both share. If it
				// were recorded later, a person who moves the booking meanwhile
				// would be taken for a difference that Exchange decides.
				o.Agreed(item.Span, shared(o, roomsOf(item.Assets, rooms), rooms))
			}
		}
		return nil, nil
	}
}

// shared returns those of a booking's rooms that Exchange has as well. A room
// that left the room list stays in the booking whatever Exchange says.
func shared(o *meeting.Occurrence, booked []meeting.RoomID, rooms map[meeting.RoomID]meeting.Room) []meeting.RoomID {
	return slices.DeleteFunc(booked, func(id meeting.RoomID) bool {
		c := o.CellOf(id)
		return rooms[id].Retired && (c == nil || !c.BaseIn)
	})
}

// notWritten deals with bookings that were not written, or not all of them: a
// long series is sent in parts.
func (j *job) notWritten(ctx context.Context, op plan.Op, sent Operation, group meeting.GroupID, ids []meeting.BookingID, err error) error {
	failure := classOf(err)
	j.report(ctx, "booking", failure)
	if slices.ContainsFunc(ids, func(id meeting.BookingID) bool { return id != 0 }) {
		ended := &sent
		if failure.Ambiguous || ctx.Err() != nil {
			ended = nil // how it ended for the others has to be found out
		}
		if stored := j.change(ctx, ended, j.written(op.Items, group, ids)); stored != nil {
			return fmt.Errorf("%s, and a part of it not stored: %w", failure.Code, stored)
		}
		if refusal(err) {
			return nil // it is the rest that was refused: it is planned again
		}
		return j.atOnce(ctx, sent, failure, err)
	}
	if failure.Class == Unmatched {
		return j.atOnce(ctx, sent, failure, err)
	}
	if err := j.end(ctx, sent, err); failure.Class != NotFound || failure.Ambiguous {
		return err
	}
	return j.lookForMissing(ctx, op.Items)
}

// atOnce looks for bookings that were made and are not told: they are there
// already, and the sooner their numbers are known, the less can people do with
// them that is not understood. What is not found is looked for later.
func (j *job) atOnce(ctx context.Context, sent Operation, failure *Error, err error) error {
	if failure.Class != Unmatched {
		return err
	}
	loaded, failed := j.store.Load(ctx, j.claim)
	if failed != nil {
		return failed
	}
	j.m = loaded.Meeting
	if found, failed := j.lookUp(ctx, sent); failed != nil || found {
		return failed
	}
	return err
}

// organizer is who the Booking app is told; it takes no empty one. For a
// meeting that is private in the room's calendar that is nobody in particular.
func (j *job) organizer() meeting.Address { return j.organizerOf(j.m) }

func (e *Engine) organizerOf(m *meeting.Meeting) meeting.Address {
	if m.Organizer == "" || m.Private && m.Origin == meeting.Exchange {
		return e.calendar.ServiceUser()
	}
	return m.Organizer
}

func assetsOf(items []plan.Item) []meeting.AssetID {
	var out []meeting.AssetID
	for _, item := range items {
		out = append(out, item.Assets...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func newBookings(items []plan.Item) (out []NewBooking) {
	for _, i := range items {
		if i.Booking == 0 {
			out = append(out, NewBooking{i.Occurrence, i.Span, i.Assets})
		}
	}
	return out
}

func hull(items []plan.Item) meeting.Span {
	span := items[0].Span
	for _, item := range items {
		if item.Span.Start.Before(span.Start) {
			span.Start = item.Span.Start
		}
		if item.Span.End.After(span.End) {
			span.End = item.Span.End
		}
	}
	return span
}

// readFirst is up to how many bookings are read before they are changed.
const readFirst = 10

func (j *job) changedMeanwhile(ctx context.Context, items []plan.Item) (bool, error) {
	known := slices.DeleteFunc(slices.Clone(items), func(i plan.Item) bool { return i.Booking == 0 })
	if len(known) == 0 || len(known) > readFirst {
		return false, nil
	}
	return j.observeNow(ctx, known)
}

// lookForMissing handles "there is no such booking". A person may have
// cancelled it and the message may still be on its way: a cancellation beats
// our edit, so what is gone is observed as gone.
func (j *job) lookForMissing(ctx context.Context, items []plan.Item) error {
	known := slices.DeleteFunc(slices.Clone(items), func(i plan.Item) bool { return i.Booking == 0 })
	if changed, err := j.observeNow(ctx, known); err != nil || changed {
		return err
	}
	// The group is gone, and none of its bookings: begin another.
	return j.change(ctx, nil, func(m *meeting.Meeting, _ meeting.Moment) ([]Notice, error) {
		m.Group = 0
		return nil, nil
	})
}

// observeNow looks at these bookings, and stores what is not as it was known.
func (j *job) observeNow(ctx context.Context, items []plan.Item) (bool, error) {
	since, err := j.store.Tick(ctx)
	if err != nil {
		return false, err
	}
	other := map[meeting.OccurrenceID]Booking{}
	for _, item := range items {
		b, found, err := j.bookings.Get(ctx, item.Booking)
		if err != nil {
			j.report(ctx, "booking", classOf(err))
			return false, err
		}
		b.Cancelled = b.Cancelled || !found
		o := j.m.Occurrence(item.Occurrence)
		if b.Cancelled || b.Span.Valid() && (!b.Span.Equal(o.BookingSpan) || !sameAssets(b.Assets, o.Assets)) {
			other[o.ID] = b
		}
	}
	if len(other) == 0 {
		return false, nil
	}
	return true, j.change(ctx, nil, func(m *meeting.Meeting, _ meeting.Moment) ([]Notice, error) {
		for _, o := range m.Occurrences {
			if b, ok := other[o.ID]; ok {
				o.SeeBooking(!b.Cancelled, b.Span, b.Assets, since)
			}
		}
		return nil, nil
	})
}

// seeGone stores that bookings no longer live, as a person's doing.
func (j *job) seeGone(ctx context.Context, gone []meeting.OccurrenceID) error {
	return j.change(ctx, nil, func(m *meeting.Meeting, at meeting.Moment) ([]Notice, error) {
		for _, id := range gone {
			if o := m.Occurrence(id); o != nil {
				o.SeeBooking(false, meeting.Span{}, nil, at.Tick)
			}
		}
		return nil, nil
	})
}
