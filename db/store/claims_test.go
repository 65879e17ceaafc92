package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
)

// oneMeeting is an office with the meeting "a" in room lake.
func oneMeeting(t *testing.T) (*office, meeting.RoomID) {
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	o.read(room, entry("a", o.hour(9)))
	return o, room
}

func TestEachMeetingIsClaimedOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const meetings = 300
	var entries []meeting.Sighting
	for n := range meetings {
		entries = append(entries, entry(meeting.UID(fmt.Sprint(n)), o.hour(n)))
	}
	o.read(o.room("lake@example.com", 10), entries...)
	o.hurry()

	var mu sync.Mutex
	claimed := map[meeting.ID]string{}
	require.NoError(t, inParallel(t, 20, func(ctx context.Context, _ int) error {
		for {
			got, err := o.term.Claim(ctx, 7, nil)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, c := range got {
				if claimed[c.Meeting] != "" {
					err = fmt.Errorf("meeting %d was claimed twice", c.Meeting)
				}
				claimed[c.Meeting] = c.Token
			}
			all := len(claimed) == meetings
			mu.Unlock()
			if err != nil || all {
				return err
			}
		}
	}))
	require.Len(t, claimed, meetings)
}

// What happened with a meeting of an import makes it urgent, be it claimed or not.
func TestUrgentWorkIsClaimedThoughAnImportIs(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.read(o.room("lake@example.com", 10), entry("a", o.hour(1)), entry("b", o.hour(2)), entry("c", o.hour(3)))
	o.exec(`update ews.meeting set priority = 2, due_at = now() - interval '1s'`)
	none, err := o.term.ClaimUrgent(t.Context(), 10, nil)
	require.NoError(t, err)
	require.Empty(t, none)

	held, err := o.term.Claim(t.Context(), 2, nil)
	require.NoError(t, err)
	require.Len(t, held, 2)
	o.exec(`update ews.meeting set priority = 0 where id = $1`, held[0].Meeting)
	none, err = o.term.ClaimUrgent(t.Context(), 10, held[1:])
	require.NoError(t, err)
	require.Empty(t, none, "another one may be at work on it")
	anew, err := o.term.ClaimUrgent(t.Context(), 10, held)
	require.NoError(t, err)
	require.Len(t, anew, 1)
	require.Equal(t, held[0].Meeting, anew[0].Meeting)
	require.False(t, anew[0].Import)
	_, err = o.term.Load(t.Context(), held[0])
	require.ErrorIs(t, err, engine.ErrClaimLost)
	_, err = o.term.Load(t.Context(), anew[0])
	require.NoError(t, err)
}

func TestTheMostUrgentWorkComesFirst(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	order := []string{"person, old", "person", "change", "import"}
	o.read(o.room("lake@example.com", 10), entry("import", o.hour(1)), entry("change", o.hour(2)),
		entry("person", o.hour(3)), entry("person, old", o.hour(4)), entry("later", o.hour(5)))
	for uid, wait := range map[string]struct {
		priority int
		due      string
	}{"import": {2, "-1h"}, "change": {1, "-2s"}, "person": {0, "-1s"}, "person, old": {0, "-2s"}, "later": {0, "1h"}} {
		o.exec(`update ews.meeting set priority = $2, due_at = now() + $3::interval where uid = $1`, uid, wait.priority, wait.due)
	}
	got := claims(o)
	require.Len(t, got, len(order))
	for i, uid := range order {
		require.EqualValues(t, uid, o.load(got[i]).Meeting.UID)
	}
}

func TestClaimsAreLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(o *office, c *engine.Claim){
		"another token": func(_ *office, c *engine.Claim) { c.Token = "00000000-0000-4000-8000-000000000000" },
		"given back":    func(o *office, c *engine.Claim) { o.release(*c, 1, engine.Release{}) },
		"meeting gone":  func(o *office, _ *engine.Claim) { o.exec(`delete from ews.meeting`) },
		"claimed anew": func(o *office, c *engine.Claim) {
			o.exec(`update ews.meeting set claimed_until = now() - interval '1 second'`)
			require.NotEqual(o.t, c.Token, o.claim().Token)
		},
		"of another configuration": func(o *office, _ *engine.Claim) {
			o.config = o.configuration()
			o.term = o.lead(o.db)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := oneMeeting(t)
			c := o.claim()
			lose(o, &c)
			_, err := o.term.Load(t.Context(), c)
			require.ErrorIs(t, err, engine.ErrClaimLost)
			_, err = o.term.Begin(t.Context(), c, engine.Intent{Kind: plan.CreateMeeting, Side: meeting.Exchange})
			require.ErrorIs(t, err, engine.ErrClaimLost)
			require.ErrorIs(t, o.term.Apply(t.Context(), c, nil, nil), engine.ErrClaimLost)
			require.ErrorIs(t, o.term.Fail(t.Context(), c, engine.Operation{}, "x"), engine.ErrClaimLost)
			require.ErrorIs(t, o.term.Release(t.Context(), c, 1, engine.Release{}), engine.ErrClaimLost)
		})
	}
}

// same compares operations; how long one is under way is measured by the
// database, which takes a moment itself.
func same(t *testing.T, a, b engine.Operation) {
	t.Helper()
	require.WithinDuration(t, a.StartedAt, b.StartedAt, 10*time.Second)
	b.StartedAt = a.StartedAt
	equal(t, a, b)
}

func TestAnOperationIsSeenUntilItEnds(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	c := o.claim()
	require.Nil(t, o.load(c).Open)

	intent := engine.Intent{
		Occurrence: o.load(c).Meeting.Occurrences[0].ID, Side: meeting.Exchange, Kind: plan.CreateMeeting,
		Mailbox: "anna@example.com", Span: o.hour(9), Reason: meeting.ReasonConflict,
	}
	first, err := o.term.Begin(t.Context(), c, intent)
	require.NoError(t, err)
	equal(t, intent, first.Intent)
	require.Equal(t, 1, first.Attempt)
	require.Equal(t, o.clock.Now(), first.StartedAt)
	require.Zero(t, first.Floor)
	open := o.load(c).Open
	require.NotNil(t, open)
	same(t, first, *open)

	_, err = o.term.Begin(t.Context(), c, intent)
	require.Error(t, err, "one operation at a time")

	o.release(c, 1, engine.Release{Due: o.clock.Now()})
	c = o.claim()
	same(t, first, *o.load(c).Open) // whoever works on it next has to find out
	require.NoError(t, o.term.Fail(t.Context(), c, first, "refused"))
	require.Nil(t, o.load(c).Open)
	require.Equal(t, "failed refused", value[string](o, `select status || ' ' || result_code from ews.operation where finished_at is not null`))

	second, err := o.term.Begin(t.Context(), c, engine.Intent{
		Side: meeting.Eliona, Kind: plan.WriteBookings, Assets: []meeting.AssetID{11, 10},
		New: []engine.NewBooking{{Occurrence: intent.Occurrence, Span: o.hour(9), Assets: []meeting.AssetID{10, 11}}},
	})
	require.NoError(t, err)
	same(t, second, *o.load(c).Open)
	require.NoError(t, o.term.Apply(t.Context(), c, &second, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		m.Occurrences[0].BookingWritten(41, o.hour(9), []meeting.AssetID{10}, at.Tick)
		return nil, nil
	}))
	require.Nil(t, o.load(c).Open)
	require.Zero(t, value[int](o, `select count(bookings) from ews.operation`), "what has ended is not looked for")

	third, err := o.term.Begin(t.Context(), c, engine.Intent{Side: meeting.Eliona, Kind: plan.CancelBooking})
	require.NoError(t, err)
	require.EqualValues(t, 41, third.Floor, "the highest number known before it was sent")
	require.EqualValues(t, 41, o.load(c).Open.Floor)
	require.Empty(t, o.load(c).Open.Intent.Reason)
	third.Intent.Reason = meeting.ReasonCancelled
	require.NoError(t, o.term.Decided(t.Context(), c, third))
	same(t, third, *o.load(c).Open)
}

func TestFinishedWorkIsDueWhenSomethingChanges(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	c := o.claim()
	gen := o.load(c).Gen
	o.release(c, gen, engine.Release{})
	require.Empty(t, claimsNow(o))
	w := o.work("a")
	require.Equal(t, w.Want, w.Done)

	o.read(room, entry("a", o.hour(11)))
	require.Greater(t, o.load(o.claim()).Gen, gen)
}

func TestAChangeDuringWorkMakesItDueAgain(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]engine.Release{
		"done": {}, "to be looked at later": {Due: time.Now().Add(time.Hour)},
		"failed": {Due: time.Now().Add(time.Hour), Failed: true, Code: "x"},
		"parked": {Due: time.Now().Add(time.Hour), Failed: true, Parked: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, room := oneMeeting(t)
			c := o.claim()
			gen := o.load(c).Gen
			o.read(room, entry("a", o.hour(11)))
			require.Empty(t, claimsNow(o), "nobody else works on it meanwhile")
			o.release(c, gen, r)
			again := claims(o)
			require.Len(t, again, 1, "at once")
			require.Greater(t, o.load(again[0]).Gen, gen)
			require.Empty(t, value[string](o, `select parked_code from ews.meeting`))
		})
	}
}

func TestWorkCanBeDueLater(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	c := o.claim()
	o.clock.Set(o.clock.Now().Add(-3 * time.Hour)) // the clocks need not agree
	o.release(c, o.load(c).Gen, engine.Release{Due: o.clock.Now().Add(time.Hour)})
	require.Empty(t, claims(o))
	require.InDelta(t, time.Hour, o.work("a").Wait, float64(time.Minute))

	c = o.claim()
	o.release(c, o.load(c).Gen, engine.Release{Due: o.clock.Now().Add(-time.Hour)})
	require.Len(t, claims(o), 1, "what should have been done before is due now")
}

func TestFailuresAreCounted(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	fail := func() engine.Claim {
		c := o.claim()
		o.release(c, o.load(c).Gen, engine.Release{Due: o.clock.Now().Add(time.Hour), Failed: true, Code: "down"})
		return c
	}
	require.Zero(t, fail().Attempts)
	require.Equal(t, 1, fail().Attempts)
	last := fail()
	require.Equal(t, 2, last.Attempts)
	require.WithinDuration(t, time.Now(), last.Failing, time.Minute)
	require.Equal(t, "down", value[string](o, `select error_code from ews.meeting`))
	w := o.work("a")
	require.Greater(t, w.Want, w.Done, "it is not done")

	o.read(room, entry("a", o.hour(11)))
	c := o.claim()
	require.Zero(t, c.Attempts, "a change is a fresh start")
	require.Zero(t, c.Failing)
	o.release(c, o.load(c).Gen, engine.Release{Failed: true, Due: o.clock.Now()})
	c = o.claim()
	require.Equal(t, 1, c.Attempts)
	o.release(c, o.load(c).Gen, engine.Release{Due: o.clock.Now()})
	c = o.claim()
	require.Zero(t, c.Attempts, "so is a success")
	require.Zero(t, c.Failing)
}

func TestParkedWorkWaitsForAChange(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	c := o.claim()
	o.release(c, o.load(c).Gen, engine.Release{Parked: "refused", Failed: true, Due: o.clock.Now().Add(24 * time.Hour)})
	require.Empty(t, claims(o))
	require.Equal(t, "refused", value[string](o, `select parked_code from ews.meeting where parked_at is not null`))
	o.read(room, entry("a", o.hour(11)))
	require.Empty(t, value[string](o, `select parked_code from ews.meeting where parked_at is null`))
	require.InDelta(t, time.Second, o.work("a").Wait, float64(time.Second))
}
