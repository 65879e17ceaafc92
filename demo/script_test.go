package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLinesStandInColumns(t *testing.T) {
	s := step{title: "booked in Eliona", expect: "meeting in Alice's calendar, Room 1 accepted"}
	for _, c := range []struct {
		name string
		o    outcome
		want string
	}{
		{"as expected", outcome{step: s, took: 1240 * time.Millisecond}, "ok     1.2 s  booked in Eliona: meeting in Alice's calendar, Room 1 accepted"},
		{"with a detail", outcome{step: s, took: 12 * time.Second, detail: "5 of them"},
			"ok    12.0 s  booked in Eliona: meeting in Alice's calendar, Room 1 accepted (5 of them)"},
		{"failed", outcome{step: s, took: 15 * time.Second, reason: "after 15s there was: none"},
			"FAIL  15.0 s  booked in Eliona: expected: meeting in Alice's calendar, Room 1 accepted\n               after 15s there was: none"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.o.line()) })
	}
}

func TestSummary(t *testing.T) {
	require.Equal(t, "\n3 of 3 steps happened as expected, in 4.5 s.", summary(3, 3, 0, 4500*time.Millisecond))
	require.Equal(t, "\n1 of 3 steps happened as expected, in 1.0 s; 1 did not; 1 not played.", summary(3, 2, 1, time.Second))
}

// after returns a condition that is met some time after the first look.
func after(d time.Duration) func(context.Context, *play) (string, error) {
	var met time.Time
	return func(context.Context, *play) (string, error) {
		if met.IsZero() {
			met = time.Now().Add(d)
		}
		if time.Now().Before(met) {
			return "nothing yet", nil
		}
		return "", nil
	}
}

func TestAStepIsMeasuredUntilItsConditionIsMet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		undone := false
		o := perform(t.Context(), &play{}, step{
			act:  func(context.Context, *play) error { return nil },
			seen: after(1200 * time.Millisecond),
			undo: func(context.Context, *play) error { undone = true; return nil },
		})
		require.Empty(t, o.reason)
		require.InDelta(t, 1.2, o.took.Seconds(), lookEvery.Seconds())
		require.True(t, undone)
	})
}

func TestAStepThatDoesNotHappenTellsWhatWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := perform(t.Context(), &play{}, step{limit: time.Second, seen: after(time.Hour)})
		require.Equal(t, "after 1s there was: nothing yet", o.reason)
	})
}

func TestAnErrorEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := perform(t.Context(), &play{}, step{seen: func(context.Context, *play) (string, error) { return "", errors.New("doubled") }})
		require.Equal(t, "doubled", o.reason)
		require.Zero(t, o.took)
		o = perform(t.Context(), &play{}, step{act: func(context.Context, *play) error { return errors.New("no action") }})
		require.Equal(t, "no action", o.reason)
	})
}

func TestAVitalStepEndsTheScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := step{title: "good", expect: "it is", seen: after(0)}
		bad := step{title: "bad", expect: "it is", limit: time.Second, seen: after(time.Hour)}
		var out strings.Builder
		require.Equal(t, 1, playAll(t.Context(), &out, &play{}, []step{good, bad, good}))
		require.Contains(t, out.String(), "2 of 3 steps happened as expected")

		out.Reset()
		bad.vital = true
		require.Equal(t, 2, playAll(t.Context(), &out, &play{}, []step{good, bad, good}))
		require.Contains(t, out.String(), "1 did not; 1 not played.")
	})
}

func TestAStoppedScriptSaysNothingOfTheStepItWasIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var out strings.Builder
		require.NotZero(t, playAll(ctx, &out, &play{}, []step{{title: "long", seen: after(time.Hour)}}))
		require.NotContains(t, out.String(), "FAIL")
	})
}

func TestTheScriptIsComplete(t *testing.T) {
	for _, s := range steps() {
		require.NotEmpty(t, s.title)
		require.NotEmpty(t, s.expect)
		require.NotNil(t, s.seen, s.title)
	}
}

func TestDifferences(t *testing.T) {
	require.Equal(t, []string{"a"}, without([]string{"a", "a", "b"}, []string{"a", "b", "c"}))
	require.Empty(t, without([]string{"a"}, []string{"a"}))
}
