package engine

import (
	"context"
	"slices"
	"time"

	"ews/app/meeting"
)

// linkOrRecover finds what belongs together and is not known yet. It reports
// whether the meeting has to be loaded again, or when to look again.
func (j *job) linkOrRecover(ctx context.Context) (again bool, wait time.Time, err error) {
	l := j.linking.Load()
	switch {
	case j.m.Origin == meeting.Eliona:
		return j.recoverTold(ctx)
	case l != nil:
		return j.link(ctx, l)
	default:
		return false, time.Time{}, nil
	}
}

// mayBeMade tells whether a booking may have a meeting that is not known.
func (j *job) mayBeMade(o *meeting.Occurrence) bool {
	return j.linking.Load() != nil || int64(o.Booking) <= j.linkedUpTo.Load()
}

// recover links a meeting that was made for a booking with that booking, whatever
// either says by now: its UID is derived from the booking's number. What Exchange
// shows is the base, so what differs was changed in Eliona meanwhile. A booking
// that was cancelled takes its meeting with it, unless another says the same: it
// may have been booked again for the same meeting.
func (j *job) recover(ctx context.Context, l *linking, ref string) (again bool, wait time.Time, err error) {
	o := j.m.Occurrences[0]
	if len(j.m.Occurrences) > 1 || o.Key != "" {
		l.setForeign(ref) // somebody made it a series
		return true, time.Time{}, nil
	}
	if o.Booking != 0 {
		return false, time.Time{}, nil
	}
	// Rooms that are still to be read may show the meeting, too.
	unread, err := j.unread(ctx)
	if err != nil || unread || !j.allListed(l) {
		return false, j.now().Add(l.wait()), err
	}
	b, ok := l.of(ref)
	if !ok || b.Cancelled {
		if again, wait, err = j.linkShown(ctx, l); again || err != nil || !wait.IsZero() {
			return again, wait, err
		}
	}
	if !ok {
		return false, j.now().Add(l.wait()), nil // see findCancelled
	}
	l.recovered(b)
	links := map[meeting.OccurrenceID]meeting.Inherited{o.ID: {
		Legacy: meeting.Legacy{Booking: b.ID, Group: b.Group, Organizer: meeting.AddressOf(b.Organizer)},
		Live:   !b.Cancelled, Span: b.Span, Assets: b.Assets,
	}}
	return true, time.Time{}, j.linked(ctx, l, links, func(m *meeting.Meeting, o *meeting.Occurrence, b meeting.Inherited, at meeting.Moment) {
		m.Link(o, b, at)
		m.Recover(o, b.Organizer, ref)
		o.SeeBooking(b.Live, b.Span, b.Assets, at.Tick)
	})
}

// recoverTold finds the meeting of a booking that was told of before a room that
// shows its meeting was read.
func (j *job) recoverTold(ctx context.Context) (again bool, wait time.Time, err error) {
	for _, o := range j.m.Occurrences {
		shown := slices.ContainsFunc(o.Cells, func(c meeting.Cell) bool { return c.Seen != meeting.None })
		if !shown || !j.mayBeMade(o) || !o.BookingLive || o.BaseLive || o.Copy != meeting.CopyUnknown || o.AskedBy != meeting.Nobody || o.Refusal != "" {
			continue
		}
		found, err := j.findMade(ctx, o)
		if err != nil || found {
			return found, time.Time{}, err
		}
		// In a mailbox that is not known: the rooms are all there is.
		if unread, err := j.unread(ctx); err != nil || unread {
			return false, j.now().Add(jitter(linkStep)), err
		}
		return true, time.Time{}, j.apply(ctx, nil, o.ID, func(m *meeting.Meeting, o *meeting.Occurrence, _ meeting.Moment) []Notice {
			m.Recover(o, m.Organizer, m.Ref)
			return nil
		})
	}
	return false, time.Time{}, nil
}

// unread tells whether a room is still to be read.
func (e *Engine) unread(ctx context.Context) (bool, error) {
	var rooms []meeting.RoomID
	for id, room := range *e.rooms.Load() {
		if !room.Retired {
			rooms = append(rooms, id)
		}
	}
	_, unread, err := e.store.Shown(ctx, rooms, meeting.Span{}, "")
	return unread, err
}

// vanishedLimit is how many bookings may be unknown to the Booking app without a
// doubt, unless as many are known.
const vanishedLimit = 5

// findCancelled finds the bookings of meetings of ours that no list has because
// they were cancelled. It tells whether meetings are left that wait for that.
func (e *Engine) findCancelled(ctx context.Context, l *linking) (left bool, err error) {
	unread, err := e.unread(ctx)
	if err != nil || (unread || e.assetsMissing()) && time.Since(l.began) < linkTime {
		return true, err
	}
	uids, err := e.store.Unbooked(ctx)
	if err != nil {
		return true, err
	}
	refs := map[string]bool{}
	for _, uid := range uids {
		if ref, ours := e.calendar.RefOf(uid); ours && !l.isForeign(ref) {
			refs[ref] = true
		}
	}
	if len(refs) == 0 {
		return false, nil
	}
	numbers := e.numbered(refs, l.highestListed())
	found, vanished := map[string]Booking{}, 0
	for ref, id := range numbers {
		b, exists, err := e.bookings.Get(ctx, id)
		if err != nil {
			return true, err
		}
		if !exists {
			vanished++
		}
		b.ID, b.Cancelled = id, b.Cancelled || !exists
		found[ref] = b
	}
	e.log.InfoContext(ctx, "meetings without bookings are of bookings that no list has", "meetings", len(refs), "numbers", len(numbers), "unknown", vanished)
	l.mu.Lock()
	defer l.mu.Unlock()
	doubt := vanished > vanishedLimit && vanished > len(found)-vanished+l.live
	if doubt {
		e.log.WarnContext(ctx, "the Booking app does not know many bookings of meetings in Exchange: the meetings are left alone", "bookings", vanished)
	}
	for ref := range refs {
		b, ok := found[ref]
		// One in assets of others may be another configuration's, of another project:
		// the meeting is booked in ours as well.
		others := !b.Cancelled && len(e.roomsHeld(b.Assets)) == 0
		if !ok || others || doubt && b.Cancelled {
			l.foreign[ref] = true
			continue
		}
		l.put(b, ref)
	}
	return true, nil
}

// assetsMissing tells whether rooms are about to get assets: those of a booking may
// be among them.
func (e *Engine) assetsMissing() bool {
	for _, room := range *e.rooms.Load() {
		if n := len(room.Assets); !room.Retired && n > 0 && n < len(e.Projects) {
			return true
		}
	}
	return e.handover.Load()
}

// findMade looks for the meeting of a booking before one is made, as long as it
// may have one that no room shows. It reports whether there was one: where it was
// cancelled in Outlook, so is the booking.
func (j *job) findMade(ctx context.Context, o *meeting.Occurrence) (bool, error) {
	if !j.mayBeMade(o) {
		return false, nil
	}
	mailboxes := []meeting.Address{j.m.Organizer, j.calendar.ServiceUser()}
	began, gone := j.now(), meeting.Copy{}
	for _, mailbox := range slices.Compact(slices.DeleteFunc(mailboxes, func(a meeting.Address) bool { return a == "" })) {
		made, ok, err := j.calendar.Find(ctx, mailbox, Draft{UID: j.m.UID, Ref: j.m.Ref})
		switch {
		case err != nil && classOf(err).Class != NoMailbox && !refusal(err):
			return false, err
		case err != nil || !ok: // what must not be looked for counts as not there
		case !made.Live:
			gone = made
		default:
			j.log.InfoContext(ctx, "the booking's meeting is there already", "booking", o.Booking)
			rooms := invitedTo(made, *j.rooms.Load())
			return true, j.apply(ctx, nil, o.ID, func(m *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
				m.CopyMailbox, m.CopyItem = made.Mailbox, made.Item
				o.Wrote(made, rooms, nil, meeting.Moment{Now: began, Tick: at.Tick})
				return nil
			})
		}
	}
	if gone.Mailbox == "" {
		return false, nil
	}
	j.log.InfoContext(ctx, "the booking's meeting was cancelled in Outlook", "booking", o.Booking)
	return true, j.apply(ctx, nil, o.ID, func(m *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		m.CopyMailbox = gone.Mailbox
		o.Looked(gone, nil, meeting.Moment{Now: began, Tick: at.Tick})
		return nil
	})
}
