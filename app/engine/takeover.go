package engine

import (
	"context"
	"slices"
	"time"

	"ews/app/meeting"
)

// Waiting for what a takeover depends on.
const (
	takeoverStep  = 2 * time.Second  // until the calendars have been read for the first time
	takeoverRoom  = time.Minute      // until a room that fails can be read
	takeoverHeld  = 10 * time.Minute // between two looks at a meeting that is held back
	takeoverEdge  = 10 * time.Minute // a read of a calendar takes less
	takeoverGuard = 5                // so many meetings may be gone without a doubt
)

// takeOver links the bookings that an earlier app kept for this meeting. Until
// that is done nothing is planned, so no second booking is made for what has
// one already. It waits for the first read of all calendars: a booking whose
// meeting is in none of them is gone in Exchange.
//
// It reports whether the meeting has to be loaded again, or when to look again.
func (j *job) takeOver(ctx context.Context, t Takeover) (again bool, wait time.Time, err error) {
	until := j.now().Add(j.Horizon)
	due := slices.DeleteFunc(slices.Clone(j.m.Legacy), func(l meeting.Legacy) bool { return !l.Start.Before(until) })
	if len(due) == 0 {
		return false, time.Time{}, nil
	}
	if t.Unread > 0 {
		return false, j.now().Add(jitter(takeoverStep)), nil
	}
	var found []meeting.Inherited
	live := false
	for _, l := range due {
		b, ours, ready, err := j.inherit(ctx, l, t)
		if err != nil {
			j.report(ctx, "booking", classOf(err))
			return false, time.Time{}, err
		}
		if !ready {
			return false, j.now().Add(jitter(takeoverRoom)), nil
		}
		if ours {
			found = append(found, b)
			live = live || b.Live
		}
	}
	if live && !j.m.Shown(j.now()) {
		if wait := j.holdBack(ctx, t); !wait.IsZero() {
			return false, wait, nil
		}
	}
	if len(found) == 0 {
		return false, time.Time{}, nil
	}
	again, err = j.adoptLegacy(ctx, found)
	return again, time.Time{}, err
}

// inherit asks the Booking app for a legacy booking. It is not ours if none of
// its rooms are, and not ready before the calendars of its rooms were read.
func (j *job) inherit(ctx context.Context, l meeting.Legacy, t Takeover) (b meeting.Inherited, ours, ready bool, err error) {
	b = meeting.Inherited{Legacy: l}
	told, exists, err := j.bookings.Get(ctx, l.Booking)
	if err != nil {
		return b, false, false, err
	}
	if !exists || told.Cancelled || !told.Span.End.After(j.now()) {
		return b, true, true, nil
	}
	b.Live, b.Span, b.Assets, b.Covered = true, told.Span, told.Assets, true
	if told.Group != 0 {
		b.Group = told.Group
	}
	rooms := *j.rooms.Load()
	b.Rooms = slices.DeleteFunc(roomsOf(told.Assets, rooms), func(id meeting.RoomID) bool { return rooms[id].Retired })
	for _, id := range b.Rooms {
		read, ok := t.ReadAt[id]
		if !ok {
			return b, true, false, nil
		}
		b.Covered = b.Covered && told.Span.Start.Before(read.Add(j.Horizon-takeoverEdge))
	}
	return b, len(b.Rooms) > 0, true, nil
}

// holdBack protects the bookings of meetings that are in no calendar when
// there are suspiciously many of them: rather than their cancellation, a wrong
// room list or lost access explains that.
func (j *job) holdBack(ctx context.Context, t Takeover) time.Time {
	switch {
	case !j.compared.Load():
		return j.now().Add(jitter(takeoverStep)) // how many there are is not known yet
	case t.Lost > takeoverGuard && t.Lost > t.Shown:
		j.held.Do(func() {
			j.Engine.log.WarnContext(ctx, "many meetings of the earlier release are not in Exchange: their bookings are left alone",
				"missing", t.Lost, "found", t.Shown)
		})
		return j.now().Add(jitter(takeoverHeld))
	}
	return time.Time{}
}

func (j *job) adoptLegacy(ctx context.Context, found []meeting.Inherited) (changed bool, err error) {
	var linked []meeting.BookingID
	before := len(j.m.Legacy)
	left := before
	err = j.change(ctx, nil, func(m *meeting.Meeting, at meeting.Moment) ([]Notice, error) {
		linked = m.TakeOver(found, at)
		left = len(m.Legacy)
		return nil, nil
	})
	if err != nil {
		return false, err
	}
	for _, id := range linked {
		// It may have changed since we asked, when it was nobody's yet.
		j.inbox.put(hint{Booking: Booking{ID: id}})
	}
	if left < before {
		j.log.InfoContext(ctx, "bookings of the earlier release taken over", "bookings", linked, "over", before-left-len(linked))
	}
	return left < before, nil
}
