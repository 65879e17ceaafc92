package engine

import (
	"context"
	"fmt"

	"ews/app/meeting"
)

// load returns the meeting as the last change left it, or else loads it.
func (j *job) load(ctx context.Context) (Loaded, error) {
	after := j.after
	j.after = nil
	if after == nil || len(after.Meeting.Legacy) > 0 {
		return j.store.Load(ctx, j.claim)
	}
	return *after, nil
}

// conclude changes the meeting's records at the end of an operation: f gets the
// meeting as it is now. If nothing is left to do then, the claim is given back
// with the change.
func (j *job) conclude(ctx context.Context, op *Operation, f func(*meeting.Meeting, meeting.Moment) ([]Notice, error)) error {
	var rest *Release
	after, err := j.store.Conclude(ctx, j.claim, op, func(now Loaded, at meeting.Moment) (Outcome, error) {
		notices, err := f(now.Meeting, at)
		if err != nil {
			return Outcome{}, err
		}
		rest = j.resting(now)
		return Outcome{Notices: notices, Release: rest}, nil
	})
	if err == nil {
		j.after, j.rest = &after, rest
	}
	return err
}

// resting returns how the work ends, if nothing is left to do for the meeting
// and nothing was told of it meanwhile.
func (j *job) resting(now Loaded) *Release {
	if now.Gen != j.gen || now.Open != nil || len(now.Meeting.Legacy) > 0 || j.linking.Load() != nil || j.renewal.Load() != nil {
		return nil
	}
	p := j.plan(now.Meeting)
	if len(p.Ops) > 0 || len(p.Findings) > 0 {
		return nil
	}
	return &Release{Due: p.Wake}
}

// change changes the meeting's records while the work goes on.
func (j *job) change(ctx context.Context, op *Operation, f func(*meeting.Meeting, meeting.Moment) ([]Notice, error)) error {
	j.after = nil
	return j.store.Apply(ctx, j.claim, op, f)
}

// begin records an operation that is about to be sent.
func (j *job) begin(ctx context.Context, i Intent) (Operation, error) {
	j.after = nil
	return j.store.Begin(ctx, j.claim, i)
}

// occurrenceChange changes an occurrence, and what the meeting says of all.
type occurrenceChange func(*meeting.Meeting, *meeting.Occurrence, meeting.Moment) []Notice

// apply ends an operation on one occurrence: f gets it as it is now.
func (j *job) apply(ctx context.Context, op *Operation, id meeting.OccurrenceID, f occurrenceChange) error {
	return j.conclude(ctx, op, onOccurrence(id, f))
}

func onOccurrence(id meeting.OccurrenceID, f occurrenceChange) func(*meeting.Meeting, meeting.Moment) ([]Notice, error) {
	return func(m *meeting.Meeting, at meeting.Moment) ([]Notice, error) {
		o := m.Occurrence(id)
		if o == nil {
			return nil, fmt.Errorf("occurrence %d: %w", id, ErrClaimLost)
		}
		return f(m, o, at), nil
	}
}

// end records that an operation failed, unless its end is unknown: then it
// stays open and is looked for first next time.
func (j *job) end(ctx context.Context, op Operation, err error) error {
	failure := classOf(err)
	if failure.Ambiguous || ctx.Err() != nil || failure.Class == Unmatched {
		return err
	}
	if stored := j.store.Fail(ctx, j.claim, op, failure.Code); stored != nil {
		// It still counts as open: nothing else may be sent because of its end.
		return fmt.Errorf("%s, not stored: %w", failure.Code, stored)
	}
	return err
}
