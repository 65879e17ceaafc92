package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
)

// written is the last change that an import makes to a meeting.
func written(o *office, end *engine.Release) func(engine.Loaded, meeting.Moment) (engine.Outcome, error) {
	return func(now engine.Loaded, at meeting.Moment) (engine.Outcome, error) {
		now.Meeting.Group = 3
		now.Meeting.Occurrences[0].BookingWritten(7, o.hour(9), []meeting.AssetID{10}, at.Tick)
		return engine.Outcome{Notices: []engine.Notice{{Subject: "booking 7", Code: "x"}}, Release: end}, nil
	}
}

func TestWhatAChangeLeavesNeedNotBeLoaded(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	c := o.claim()
	operation, err := o.term.Begin(t.Context(), c, engine.Intent{Side: meeting.Eliona, Kind: plan.WriteBookings})
	require.NoError(t, err)
	after, err := o.term.Conclude(t.Context(), c, nil, written(o, nil))
	require.NoError(t, err)
	loaded := o.load(c)
	require.NotNil(t, after.Open, "it was not ended")
	same(t, *loaded.Open, *after.Open)
	loaded.Open, after.Open = nil, nil
	equal(t, loaded, after)

	after, err = o.term.Conclude(t.Context(), c, &operation, func(now engine.Loaded, at meeting.Moment) (engine.Outcome, error) {
		require.Nil(t, now.Open, "it ends with this")
		return written(o, nil)(now, at)
	})
	require.NoError(t, err)
	equal(t, o.load(c), after)
}

func TestTheLastChangeGivesTheClaimBack(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	c := o.claim()
	after, err := o.term.Conclude(t.Context(), c, nil, written(o, &engine.Release{Due: o.clock.Now().Add(time.Hour)}))
	require.NoError(t, err)
	require.EqualValues(t, 3, after.Meeting.Group)
	require.Equal(t, 1, value[int](o, `select count(*) from ews.notice`))
	_, err = o.term.Load(t.Context(), c)
	require.ErrorIs(t, err, engine.ErrClaimLost)
	require.ErrorIs(t, o.term.Release(t.Context(), c, after.Gen, engine.Release{}), engine.ErrClaimLost)
	require.Empty(t, claims(o), "it is not due for an hour")

	o.read(room, entry("a", o.hour(12)))
	o.hurry()
	require.Len(t, claims(o), 1, "a change makes it due")
}

func TestAMeetingThatChangedMeanwhileStaysDue(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	c := o.claim()
	known := o.load(c)
	o.read(room, entry("a", o.hour(12)))
	_, err := o.term.Conclude(t.Context(), c, nil, func(now engine.Loaded, at meeting.Moment) (engine.Outcome, error) {
		require.Greater(t, now.Gen, known.Gen, "who looks at it knows")
		return written(o, nil)(now, at)
	})
	require.NoError(t, err)
	require.NoError(t, o.term.Release(t.Context(), c, known.Gen, engine.Release{}))
	require.Len(t, claims(o), 1)
}

func TestWhoNoLongerOwnsAMeetingConcludesNothing(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	c := o.claim()
	lost := c
	lost.Token = "00000000-0000-0000-0000-000000000000"
	_, err := o.term.Conclude(t.Context(), lost, nil, written(o, &engine.Release{}))
	require.ErrorIs(t, err, engine.ErrClaimLost)
	require.Zero(t, o.load(c).Meeting.Group)
	stale := o.term
	o.usurp()
	_, err = stale.Conclude(t.Context(), c, nil, written(o, &engine.Release{}))
	require.ErrorIs(t, err, engine.ErrFenced)
}
