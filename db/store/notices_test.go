package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/db/store"
)

func (o *office) notify(notices ...engine.Notice) {
	o.t.Helper()
	require.NoError(o.t, o.term.Notify(o.t.Context(), notices))
}

func (o *office) take(limit int) []store.Message {
	o.t.Helper()
	messages, err := o.term.TakeMessages(o.t.Context(), limit)
	require.NoError(o.t, err)
	return messages
}

func (o *office) resolve(subject, code string) bool {
	o.t.Helper()
	told, err := o.term.Resolve(o.t.Context(), subject, code)
	require.NoError(o.t, err)
	return told
}

func TestANoticeIsToldOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	n := engine.Notice{
		Subject: "booking 7", Code: "declined", Recipient: "anna@example.com", Room: room, Span: o.hour(9), Project: "1", Amount: 3,
		Cause: "ErrorQuotaExceeded",
	}
	o.notify()
	o.notify(n, n)
	o.notify(n)
	taken := o.take(10)
	equal(t, []store.Message{{
		Subject: "booking 7", Code: "declined", Recipient: "anna@example.com", Room: "Room lake@example.com",
		Start: o.hour(9).Start, End: o.hour(9).End, Project: "1", Amount: 3, Cause: "ErrorQuotaExceeded",
	}}, taken, cmpopts.IgnoreFields(store.Message{}, "ID"))
	o.notify(n)
	require.Empty(t, o.take(10))

	require.NoError(t, o.term.SaveReceipt(t.Context(), taken[0].ID, "receipt"))
	require.Equal(t, "receipt", value[string](o, `select receipt_id from ews.notice where id = $1`, taken[0].ID))
}

func TestAPostponedNoticeIsTakenAgain(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.notify(engine.Notice{Subject: "booking 7", Code: "declined"})
	taken := o.take(10)
	require.NoError(t, o.term.Postpone(t.Context(), taken[0].ID, time.Hour))
	require.Empty(t, o.take(10), "its time has not come")
	o.notify(engine.Notice{Subject: "booking 7", Code: "declined"})
	require.NoError(t, o.term.Postpone(t.Context(), taken[0].ID, 0))
	require.Equal(t, taken, o.take(10))
	require.Empty(t, o.take(10))
}

func TestNoticesOfOtherSubjectsAndCodesAreTheirOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.notify(engine.Notice{Subject: "a", Code: "x"}, engine.Notice{Subject: "a", Code: "y"}, engine.Notice{Subject: "b", Code: "x"})
	var got []string
	for _, m := range append(o.take(2), o.take(2)...) {
		got = append(got, m.Subject+m.Code)
		require.Zero(t, m.Start)
		require.Empty(t, m.Room)
	}
	require.Equal(t, []string{"ax", "ay", "bx"}, got, "in their order")
}

func TestTroubleThatEndsCanComeBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	n := engine.Notice{Subject: "exchange", Code: "down"}
	for episode := 1; episode <= 3; episode++ {
		o.notify(n)
		o.notify(n)
		require.Len(t, o.take(10), 1)
		require.Equal(t, episode, value[int](o, `select episode from ews.notice where closed_at is null`))
		require.True(t, o.resolve("exchange", "down"), "it was told")
		require.False(t, o.resolve("exchange", "down"), "it is over already")
	}
	require.False(t, o.resolve("exchange", "unheard of"))
}

func TestAllTroubleOfASubjectEnds(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.notify(engine.Notice{Subject: "exchange", Code: "down"}, engine.Notice{Subject: "booking", Code: "down"})
	o.take(10)
	o.notify(engine.Notice{Subject: "exchange", Code: "slow", Delay: time.Minute},
		engine.Notice{Subject: "exchange", Code: engine.CodeRecovered})
	require.True(t, o.resolve("exchange", ""), "one of them was told")
	require.False(t, o.resolve("exchange", ""), "they are over")
	require.Equal(t, "booking down, exchange recovered", value[string](o,
		`select string_agg(subject || ' ' || code, ', ' order by subject) from ews.notice where closed_at is null`))
}

func TestTroubleThatEndsSoonIsNotTold(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	n := engine.Notice{Subject: "exchange", Code: "down", Delay: time.Minute}
	o.notify(n)
	require.Empty(t, o.take(10))
	require.False(t, o.resolve("exchange", "down"))
	o.exec(`update ews.notice set due_at = now()`)
	require.Empty(t, o.take(10))

	o.notify(n)
	o.exec(`update ews.notice set due_at = now() where closed_at is null`)
	require.Len(t, o.take(10), 1)
	require.True(t, o.resolve("exchange", "down"))
}

func TestNoticesAreTakenOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const notices = 200
	require.NoError(t, inParallel(t, 4, func(ctx context.Context, _ int) error { // the same trouble is found by several
		for i := range notices {
			if err := o.term.Notify(ctx, []engine.Notice{{Subject: fmt.Sprint(i), Code: "x"}}); err != nil {
				return err
			}
		}
		return nil
	}))
	var mu sync.Mutex
	taken := map[string]int{}
	require.NoError(t, inParallel(t, 8, func(ctx context.Context, _ int) error {
		for range notices / 5 {
			messages, err := o.term.TakeMessages(ctx, 7)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, m := range messages {
				taken[m.Subject]++
			}
			mu.Unlock()
		}
		return nil
	}))
	require.Len(t, taken, notices)
	for subject, times := range taken {
		require.Equal(t, 1, times, subject)
	}
}

func TestConfigurationsHaveNoticesOfTheirOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.notify(engine.Notice{Subject: "exchange", Code: "down"})
	o.config = o.configuration()
	o.term = o.lead(o.db)
	require.Empty(t, o.take(10))
	require.False(t, o.resolve("exchange", "down"))
	o.notify(engine.Notice{Subject: "exchange", Code: "down"})
	require.Len(t, o.take(10), 1)
}

func TestTheStatusIsForPeople(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	set := func(code, text string) *time.Time {
		require.NoError(t, o.term.SetStatus(t.Context(), code, text))
		require.Equal(t, code+"/"+text, value[string](o, `select status_code || '/' || status from ews.configuration`))
		return value[*time.Time](o, `select status_since from ews.configuration`)
	}
	since := set("down", "Exchange is down")
	require.Equal(t, since, set("down", "Exchange is down"), "since when is kept")
	require.Equal(t, since, set("down", "Exchange is down, in other words"), "since when is kept")
	require.Nil(t, set("", ""), "all is well")
}

func TestTheInstallationHasOneIdentity(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, err := o.db.Installation(t.Context())
	require.NoError(t, err)
	second, err := o.open(o.url).Installation(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Len(t, first, 36)
}

// The logical clock never shows the same twice.
func TestTheLogicalClockRises(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var last meeting.Tick
	for range 10 {
		now := o.tick()
		require.Greater(t, now, last)
		last = now
	}
}
