package engine

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"ews/app/meeting"
	"ews/app/plan"
)

// execute does one operation and stores what was proven by it.
func (j *job) execute(ctx context.Context, op plan.Op) error {
	if op.Kind == plan.WriteBookings {
		return j.writeApart(ctx, op)
	}
	o := j.m.Occurrence(op.Occurrence)
	if o == nil {
		return fmt.Errorf("occurrence %d is not of this meeting", op.Occurrence)
	}
	switch op.Kind {
	case plan.Settle:
		return j.settle(ctx, op)
	case plan.Refuse:
		return j.refuse(ctx, op, "")
	case plan.CreateMeeting:
		return j.createMeeting(ctx, o, op)
	case plan.UpdateMeeting:
		return j.updateMeeting(ctx, o, op)
	case plan.CancelMeeting:
		return j.cancelMeeting(ctx, o, op)
	case plan.ReleaseRooms:
		return j.releaseRooms(ctx, o, op)
	case plan.AskOrganizer:
		return j.askOrganizer(ctx, o)
	case plan.CancelBooking:
		return j.cancelBooking(ctx, o, op)
	case plan.WriteBookings:
	}
	return fmt.Errorf("unknown operation %q", op.Kind)
}

func (j *job) settle(ctx context.Context, op plan.Op) error {
	return j.apply(ctx, nil, op.Occurrence, func(_ *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		if op.Answered && !op.Forgiven {
			j.answered(o, op, at)
		}
		if op.Agreed {
			o.Agreed(op.Span, op.Rooms)
		}
		if op.Forgiven {
			o.Forgiven()
		}
		return nil
	})
}

// answered believes that a room shows what it accepted, as its line in the
// organizer's copy says. Its calendar is read again if it may tell otherwise: it
// was read since the copy was, and did not show it; or that it shows nothing was
// not noted with the question (see Wrote), but seen before, when the line may be
// as old, or since.
func (j *job) answered(o *meeting.Occurrence, op plan.Op, at meeting.Moment) {
	var doubtful []meeting.RoomID
	for _, c := range o.Cells {
		if c.Seen == meeting.None && (!c.SeenAt.Equal(o.AskedAt) || j.reading.since(c.Room, o.CopyCheckedAt)) {
			doubtful = append(doubtful, c.Room)
		}
	}
	o.Answered(op.Span, op.Rooms, at)
	for _, id := range doubtful {
		c := o.CellOf(id)
		c.Reread = c.Seen == meeting.Booked
	}
}

func (j *job) refuse(ctx context.Context, op plan.Op, cause string) error {
	return j.apply(ctx, nil, op.Occurrence, func(_ *meeting.Meeting, o *meeting.Occurrence, _ meeting.Moment) []Notice {
		o.Refused(op.Reason, op.Code, op.Withdraw)
		if !j.NotifyUsers {
			return nil
		}
		n := j.notice(o, op.Code, op.Room)
		n.Cause = cause
		return []Notice{n}
	})
}

// place says where the organizer's copy of the occurrence is looked for.
func (j *job) place(o *meeting.Occurrence) Place {
	p := Place{Mailbox: j.m.CopyMailbox, UID: j.m.UID, Key: o.Key, Span: o.CopySpan}
	if p.Mailbox == "" {
		p.Mailbox = j.m.Organizer
	}
	if o.Key == "" {
		p.Item = j.m.CopyItem
	}
	for _, span := range []meeting.Span{o.Base, o.BookingSpan} {
		if !p.Span.Valid() {
			p.Span = span
		}
	}
	for _, c := range o.Cells {
		if !p.Span.Valid() {
			p.Span = c.SeenSpan
		}
	}
	return p
}

func (j *job) draft(op plan.Op) Draft {
	return Draft{UID: j.m.UID, Ref: j.m.Ref, Span: op.Span, Rooms: j.roomList(op.Rooms)}
}

// createMeeting makes the meeting in the booker's calendar, or, where the
// booker has none that we may use, in the service user's.
func (j *job) createMeeting(ctx context.Context, o *meeting.Occurrence, op plan.Op) error {
	mailbox := j.m.Organizer
	if mailbox == "" {
		mailbox = j.calendar.ServiceUser()
	}
	if found, err := j.findMade(ctx, o); err != nil || found {
		return err
	}
	err := j.createIn(ctx, mailbox, op)
	if err != nil && classOf(err).Class == NoMailbox && mailbox != j.calendar.ServiceUser() {
		j.log.InfoContext(ctx, "organizer has no mailbox here, the service user books", "booking", o.Booking)
		err = j.createIn(ctx, j.calendar.ServiceUser(), op)
	}
	if err == nil {
		j.report(ctx, "exchange", nil)
		j.log.InfoContext(ctx, "meeting created", "booking", o.Booking)
		return nil
	}
	failure := classOf(err)
	j.report(ctx, "exchange", failure)
	lasting := !j.claim.Failing.IsZero() && j.now().Sub(j.claim.Failing) > j.GiveUpAfter
	if failure.Ambiguous || ctx.Err() != nil || failure.Class != Refused && failure.Class != NoMailbox && !lasting {
		return err
	}
	j.log.WarnContext(ctx, "Exchange does not take the booking", "booking", o.Booking, "code", failure.Code, "error", err)
	return j.refuse(ctx, plan.Op{
		Occurrence: o.ID, Reason: meeting.ReasonError, Code: CodeFailed, Withdraw: true,
	}, failure.Code)
}

func (j *job) createIn(ctx context.Context, mailbox meeting.Address, op plan.Op) error {
	intent := Intent{
		Occurrence: op.Occurrence, Side: meeting.Exchange, Kind: op.Kind, Mailbox: mailbox, Span: op.Span,
	}
	recorded := time.Now()
	sent, err := j.begin(ctx, intent)
	if err != nil {
		return err
	}
	began := j.now()
	draft := j.draft(op)
	j.tempo.ask(draft.Rooms)
	made, err := j.calendar.Create(sendSoon(ctx, recorded), mailbox, draft)
	if err != nil {
		return j.end(ctx, sent, err)
	}
	j.tempo.stir(askedFor, op.Rooms...)
	return j.created(ctx, sent, made, op.Rooms, began)
}

// created stores a meeting of ours that was found or made by a call that began
// at began.
func (j *job) created(ctx context.Context, sent Operation, made meeting.Copy, rooms []meeting.RoomID, began time.Time) error {
	return j.apply(ctx, &sent, sent.Intent.Occurrence, func(m *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		m.CopyMailbox, m.CopyItem = made.Mailbox, made.Item
		if made.UID != "" {
			m.UID = made.UID
		}
		o.Wrote(made, rooms, nil, meeting.Moment{Now: began, Tick: at.Tick})
		return nil
	})
}

// updateMeeting carries a change made in Eliona into the organizer's copy. It
// is read first, and the plan is made again with what it says: if a person
// changed it meanwhile, that counts.
func (j *job) updateMeeting(ctx context.Context, o *meeting.Occurrence, op plan.Op) error {
	place, began := j.place(o), j.now()
	before, err := j.readCopy(ctx, place)
	if err != nil {
		return j.cannotChange(ctx, o, err)
	}
	if !before.Live && o.Copy != meeting.CopyLive {
		// Not found is no proof of a cancellation where we never saw the copy:
		// somebody else may hold it for the organizer.
		return j.cannotChange(ctx, o, &Error{Class: Refused, Code: "organizer_copy_not_found"})
	}
	if !j.stillPlanned(o, op, before, began) {
		return j.looked(ctx, o.ID, before, began)
	}
	// Should the end of the change stay unknown, what there was before tells.
	if err := j.change(ctx, nil, onOccurrence(o.ID, j.seen(before, began))); err != nil {
		return err
	}
	rooms := *j.rooms.Load()
	sent, err := j.begin(ctx, Intent{
		Occurrence: o.ID, Side: meeting.Exchange, Kind: op.Kind, Mailbox: place.Mailbox, Span: op.Span,
		Assets: assetsOfRooms(changed(invitedTo(before, rooms), op.Add, op.Remove), rooms),
	})
	if err != nil {
		return err
	}
	writing := j.now()
	after, err := j.calendar.Update(ctx, place, before, Change{
		Span: op.Span, Add: j.roomList(op.Add), Remove: j.roomList(op.Remove),
	})
	if err != nil {
		return j.cannotChange(ctx, o, j.end(ctx, sent, err))
	}
	j.tempo.stir(askedFor, roomsOf(o.Assets, rooms)...)
	return j.apply(ctx, &sent, o.ID, func(m *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		m.CopyMailbox = place.Mailbox
		if o.Key == "" {
			m.CopyItem = after.Item
		}
		o.Wrote(after, op.Add, op.Remove, meeting.Moment{Now: writing, Tick: at.Tick})
		return nil
	})
}

// changed returns the rooms after a change.
func changed(rooms, add, remove []meeting.RoomID) []meeting.RoomID {
	out := slices.DeleteFunc(slices.Concat(rooms, add), func(id meeting.RoomID) bool { return slices.Contains(remove, id) })
	slices.Sort(out)
	return slices.Compact(out)
}

func assetsOfRooms(ids []meeting.RoomID, rooms map[meeting.RoomID]meeting.Room) []meeting.AssetID {
	var out []meeting.AssetID
	for _, id := range ids {
		out = append(out, rooms[id].Assets...)
	}
	slices.Sort(out)
	return out
}

// stillPlanned tells whether the operation is what the copy, as it is now,
// asks for.
func (j *job) stillPlanned(o *meeting.Occurrence, op plan.Op, seen meeting.Copy, began time.Time) bool {
	m := j.m.Clone()
	m.Occurrence(o.ID).Looked(seen, *j.rooms.Load(), meeting.Moment{Now: began, Tick: o.ExchangeTick})
	ops := j.plan(m).Ops
	return len(ops) > 0 && reflect.DeepEqual(ops[0], op)
}

// readCopy reads the organizer's copy. A meeting whose organizer we do not
// know has none that we could read.
func (j *job) readCopy(ctx context.Context, place Place) (meeting.Copy, error) {
	if place.Mailbox == "" {
		return meeting.Copy{}, &Error{Class: NoMailbox, Code: "organizer_unknown"}
	}
	return j.calendar.Copy(ctx, place)
}

// cannotChange deals with a change that Exchange does not accept. A booking
// made in Eliona is withdrawn and the user told; for a meeting of people in
// Outlook the booking goes back to what Exchange says.
func (j *job) cannotChange(ctx context.Context, o *meeting.Occurrence, err error) error {
	failure := classOf(err)
	if failure.Ambiguous || ctx.Err() != nil || failure.Class != Refused && failure.Class != NoMailbox && failure.Class != NotFound {
		j.report(ctx, "exchange", failure)
		return err
	}
	j.log.WarnContext(ctx, "Exchange does not take the change", "booking", o.Booking, "code", failure.Code, "error", err)
	if j.m.Origin == meeting.Eliona {
		return j.refuse(ctx, plan.Op{Occurrence: o.ID, Reason: meeting.ReasonError, Code: CodeFailed, Withdraw: true}, failure.Code)
	}
	rooms := *j.rooms.Load()
	return j.apply(ctx, nil, o.ID, func(_ *meeting.Meeting, o *meeting.Occurrence, _ meeting.Moment) []Notice {
		o.Reverted(roomsOf(o.Assets, rooms))
		return []Notice{j.notice(o, CodeNotChanged, 0)}
	})
}

func roomsOf(assets []meeting.AssetID, rooms map[meeting.RoomID]meeting.Room) []meeting.RoomID {
	var out []meeting.RoomID
	for id, room := range rooms {
		if slices.ContainsFunc(room.Assets, func(a meeting.AssetID) bool { return slices.Contains(assets, a) }) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// cancelMeeting cancels for everybody. Where the organizer's copy cannot be
// cancelled, because it is gone or not ours to touch, the rooms are freed.
func (j *job) cancelMeeting(ctx context.Context, o *meeting.Occurrence, op plan.Op) error {
	place := j.place(o)
	sent, err := j.begin(ctx, Intent{
		Occurrence: o.ID, Side: meeting.Exchange, Kind: op.Kind, Mailbox: place.Mailbox,
	})
	if err != nil {
		return err
	}
	cancelled := false
	if place.Mailbox != "" {
		cancelled, err = j.calendar.Cancel(ctx, place)
		if class := classOf(err).Class; err != nil && class != NoMailbox && class != Refused {
			j.report(ctx, "exchange", classOf(err))
			return j.end(ctx, sent, err)
		}
	}
	if !cancelled {
		if err := j.release(ctx, o, op.Rooms); err != nil {
			return j.end(ctx, sent, err)
		}
	}
	j.log.InfoContext(ctx, "meeting cancelled", "booking", o.Booking)
	return j.apply(ctx, &sent, o.ID, func(_ *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		o.MeetingCancelled(at)
		return nil
	})
}

// release frees the rooms that show the occurrence.
func (j *job) release(ctx context.Context, o *meeting.Occurrence, rooms []meeting.RoomID) error {
	for _, id := range rooms {
		c := o.CellOf(id)
		if c == nil || c.Seen == meeting.None || j.room(id).Retired {
			continue
		}
		place := Place{Mailbox: j.room(id).Address, UID: j.m.UID, Key: o.Key, Item: c.Item, Span: c.SeenSpan}
		if err := j.calendar.Release(ctx, j.room(id).Address, place); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) releaseRooms(ctx context.Context, o *meeting.Occurrence, op plan.Op) error {
	began := j.now()
	seen, err := j.readCopy(ctx, j.place(o))
	if err != nil && classOf(err).Class != NoMailbox {
		return err
	}
	if seen.Live {
		return j.looked(ctx, o.ID, seen, began)
	}
	if err := j.release(ctx, o, op.Rooms); err != nil {
		return err
	}
	return j.apply(ctx, nil, o.ID, func(_ *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		o.RoomsReleased(op.Rooms, at)
		return nil
	})
}

func (j *job) askOrganizer(ctx context.Context, o *meeting.Occurrence) error {
	began := j.now()
	seen, err := j.readCopy(ctx, j.place(o))
	if err != nil && classOf(err).Class != NoMailbox {
		j.report(ctx, "exchange", classOf(err))
		return err
	}
	if err != nil || !seen.Live && o.Copy != meeting.CopyLive {
		// Not to be read, or not where it was looked for and never seen there:
		// the rooms' own calendars are all there is.
		return j.apply(ctx, nil, o.ID, func(_ *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
			o.Unreachable(at)
			return nil
		})
	}
	return j.looked(ctx, o.ID, seen, began)
}

// looked stores what the organizer's copy said to a read that began at began.
func (j *job) looked(ctx context.Context, id meeting.OccurrenceID, seen meeting.Copy, began time.Time) error {
	return j.apply(ctx, nil, id, j.seen(seen, began))
}

func (j *job) seen(seen meeting.Copy, began time.Time) occurrenceChange {
	rooms := *j.rooms.Load()
	return func(m *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		if seen.Live && o.Key == "" {
			m.CopyItem = seen.Item
		}
		o.Looked(seen, rooms, meeting.Moment{Now: began, Tick: at.Tick})
		return nil
	}
}
