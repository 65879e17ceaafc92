package engine

import (
	"context"

	"ews/app/meeting"
	"ews/app/plan"
)

// cancelBooking cancels the booking of one occurrence.
func (j *job) cancelBooking(ctx context.Context, o *meeting.Occurrence, op plan.Op) error {
	intent := Intent{Occurrence: o.ID, Side: meeting.Eliona, Kind: op.Kind, Assets: o.Assets, Reason: op.Reason}
	if len(others(j.m, o)) > 1 {
		intent.Reason = "" // until it is known whether the others live
	}
	sent, err := j.begin(ctx, intent)
	if err != nil {
		return err
	}
	gone, err := j.goneAlready(ctx, o)
	if err != nil {
		return j.end(ctx, sent, err)
	}
	if len(gone) > 0 {
		if err := j.store.Fail(ctx, j.claim, sent, "booking_gone"); err != nil {
			return err
		}
		return j.seeGone(ctx, gone)
	}
	if sent.Intent.Reason == "" {
		sent.Intent.Reason = op.Reason
		if err := j.store.Decided(ctx, j.claim, sent); err != nil {
			return err
		}
	}
	return j.sendCancellation(ctx, o, sent)
}

// sendCancellation cancels a booking. It is repeated after an unknown end
// before anything else: the booking's disappearance must not be taken for a
// person's wish.
func (j *job) sendCancellation(ctx context.Context, o *meeting.Occurrence, sent Operation) error {
	reason := sent.Intent.Reason
	if err := j.bookings.Cancel(ctx, o.Booking, reason); err != nil {
		j.report(ctx, "booking", classOf(err))
		if sent.Attempt > 1 {
			return err // how an earlier attempt ended is as unknown as before
		}
		return j.end(ctx, sent, err)
	}
	j.log.InfoContext(ctx, "booking cancelled", "booking", o.Booking, "reason", reason)
	swept, err := j.sweptWith(ctx, o)
	if err != nil {
		return err // the cancellation stays open, and is repeated
	}
	if len(swept) > 0 {
		j.log.WarnContext(ctx, "the Booking app cancelled a whole group instead of one booking: the others are made again", "bookings", len(swept))
	}
	return j.apply(ctx, &sent, o.ID, func(m *meeting.Meeting, o *meeting.Occurrence, at meeting.Moment) []Notice {
		for _, id := range swept {
			if other := m.Occurrence(id); other != nil {
				other.BookingLost(at.Tick)
			}
		}
		var notices []Notice
		if reason == meeting.ReasonConflict && o.Refusal == "" && j.NotifyUsers {
			notices = append(notices, j.notice(o, plan.CodeDeclined, 0))
		}
		o.BookingCancelled(at.Tick)
		return notices
	})
}

// goneAlready lists the occurrences of the group that are without their bookings,
// although nobody told of it: a person cancelled them. It is asked before one
// booking of three or more is cancelled; what is gone after that, see sweptWith,
// lived until then.
func (j *job) goneAlready(ctx context.Context, given *meeting.Occurrence) ([]meeting.OccurrenceID, error) {
	rest := others(j.m, given)
	if len(rest) < 2 {
		return nil, nil
	}
	live := map[meeting.BookingID]bool{}
	if assets := rest[0].Assets; len(assets) > 0 {
		listed, err := j.bookings.List(ctx, assets[0], j.window())
		if err != nil {
			j.report(ctx, "booking", classOf(err))
			return nil, err
		}
		for _, b := range listed {
			live[b.ID] = !b.Cancelled
		}
	}
	var gone []meeting.OccurrenceID
	for _, o := range rest {
		if live[o.Booking] {
			continue
		}
		lives, err := j.lives(ctx, o)
		if err != nil {
			return nil, err
		}
		if !lives {
			gone = append(gone, o.ID)
		}
	}
	return gone, nil
}

// sweptWith lists the occurrences that lost their bookings when a single one was
// cancelled: all of the group but the given one, two at least, or none at all. It
// was the Booking app then, which may cancel a whole group where one booking was
// meant.
func (j *job) sweptWith(ctx context.Context, given *meeting.Occurrence) ([]meeting.OccurrenceID, error) {
	rest := others(j.m, given)
	if len(rest) < 2 {
		return nil, nil
	}
	swept := make([]meeting.OccurrenceID, 0, len(rest))
	for _, o := range rest {
		lives, err := j.lives(ctx, o)
		if err != nil || lives {
			return nil, err
		}
		swept = append(swept, o.ID)
	}
	return swept, nil
}

// lives asks the Booking app whether an occurrence's booking lives.
func (j *job) lives(ctx context.Context, o *meeting.Occurrence) (bool, error) {
	b, found, err := j.bookings.Get(ctx, o.Booking)
	if err != nil {
		j.report(ctx, "booking", classOf(err))
	}
	return found && !b.Cancelled, err
}

// others are the occurrences with a live booking but the given one.
func others(m *meeting.Meeting, given *meeting.Occurrence) []*meeting.Occurrence {
	var out []*meeting.Occurrence
	for _, o := range m.Occurrences {
		if o.ID != given.ID && o.BookingLive && o.Booking != 0 {
			out = append(out, o)
		}
	}
	return out
}
