package budget

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load is a number of callers that call one after the other, each call taking
// a while.
type load struct {
	class   Class
	callers int
	takes   time.Duration
	key     string
}

// begun is a call that began.
type begun struct {
	at    time.Duration
	class Class
}

// run puts the loads on a budget for a while and returns the calls in order.
// What the callers share is checked on the way.
func run(t *testing.T, b *Budget, lasts time.Duration, loads ...load) []begun {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	start := time.Now()
	var mu sync.Mutex
	var calls []begun
	inFlight, busy := 0, map[string]int{}
	var callers sync.WaitGroup
	for _, l := range loads {
		for range l.callers {
			callers.Go(func() {
				for {
					leave, err := b.Enter(ctx, l.class, l.key)
					if err != nil {
						return
					}
					mu.Lock()
					calls = append(calls, begun{time.Since(start), l.class})
					inFlight++
					busy[l.key]++
					if inFlight > b.InFlight() {
						t.Errorf("%d calls in flight", inFlight)
					}
					if l.key != "" && busy[l.key] > 1 {
						t.Errorf("%d calls of %s in flight", busy[l.key], l.key)
					}
					mu.Unlock()
					wait(ctx, l.takes)
					mu.Lock()
					inFlight--
					busy[l.key]--
					mu.Unlock()
					leave()
				}
			})
		}
	}
	callers.Wait()
	return calls
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func count(calls []begun, c Class) int {
	n := 0
	for _, call := range calls {
		if call.class == c {
			n++
		}
	}
	return n
}

// most returns the highest number of calls that began within any span of time.
func most(calls []begun, span time.Duration) int {
	high, first := 0, 0
	for i := range calls {
		for calls[i].at-calls[first].at >= span {
			first++
		}
		high = max(high, i-first+1)
	}
	return high
}

// Invariant I8: whatever is asked for, no minute has more calls than allowed,
// nor has any shorter time more than the burst and what was earned in it.
func TestNoWindowExceedsTheBudget(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dice := rand.New(rand.NewPCG(seed, 0))
				o := Options{InFlight: 1 + dice.IntN(30), PerMinute: 60 + dice.IntN(6000)}
				var loads []load
				for range 1 + dice.IntN(5) {
					loads = append(loads, load{
						class: Class(dice.IntN(int(classes))), callers: 1 + dice.IntN(20),
						takes: time.Duration(dice.IntN(300)) * time.Millisecond, key: []string{"", "a", "b"}[dice.IntN(3)],
					})
				}
				calls := run(t, New(o), 5*time.Minute, loads...)
				require.LessOrEqual(t, most(calls, time.Minute), o.PerMinute)
				minute := float64(o.PerMinute)
				for _, span := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second} {
					allowed := minute*burstShare + minute*(1-burstShare)*span.Minutes() + 1
					require.LessOrEqual(t, most(calls, span), int(allowed), span)
				}
			})
		})
	}
}

func TestALastingDemandGetsNearlyTheWholeBudget(t *testing.T) {
	for class := range classes {
		synctest.Test(t, func(t *testing.T) {
			b := New(Options{PerMinute: 600})
			calls := run(t, b, 10*time.Minute, load{class: class, callers: 20, takes: 50 * time.Millisecond})
			require.InDelta(t, 480*10, len(calls), 130, "the shares of the others are lent to class %d", class)
		})
	}
}

// Shares hold whatever is scarce: calls per minute, or calls in flight because
// the server is slow.
func TestEveryClassGetsItsShareUnderFullLoad(t *testing.T) {
	for name, takes := range map[string]time.Duration{"calls per minute": 10 * time.Millisecond, "calls in flight": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Options{PerMinute: 600})
				calls := run(t, b, 5*time.Minute,
					load{class: Human, callers: 50, takes: takes},
					load{class: Change, callers: 50, takes: takes},
					load{class: Background, callers: 50, takes: takes})
				for class := range classes {
					require.InDelta(t, shareOf(class), float64(count(calls, class))/float64(len(calls)), 0.04, "class %d", class)
				}
			})
		})
	}
}

func TestPeopleNeedNotWaitForBackgroundWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{PerMinute: 600})
		ctx, cancel := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		busy.Go(func() {
			run(t, b, 5*time.Minute, load{class: Background, callers: 40, takes: 5 * time.Second}, load{class: Change, callers: 40, takes: 5 * time.Second})
		})
		wait(ctx, 2*time.Minute)
		for range 20 {
			began := time.Now()
			leave, err := b.Enter(ctx, Human, "")
			require.NoError(t, err)
			require.Zero(t, time.Since(began), "a slot and a call per minute are kept for people")
			leave()
			wait(ctx, time.Second)
		}
		cancel()
		busy.Wait()
	})
}

func TestCallsOfAClassBeginInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{InFlight: 1})
		leave, err := b.Enter(t.Context(), Human, "")
		require.NoError(t, err)
		var order []int
		var callers sync.WaitGroup
		for i := range 5 {
			callers.Go(func() {
				leave, err := b.Enter(t.Context(), Human, "")
				require.NoError(t, err)
				order = append(order, i)
				leave()
			})
			synctest.Wait()
		}
		leave()
		callers.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
	})
}

func TestABusyKeyHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{InFlight: 2})
		leaveA, err := b.Enter(t.Context(), Human, "a")
		require.NoError(t, err)
		var again sync.WaitGroup
		began := time.Now()
		again.Go(func() {
			leave, err := b.Enter(t.Context(), Human, "a")
			require.NoError(t, err)
			require.Equal(t, time.Minute, time.Since(began))
			leave()
		})
		synctest.Wait()
		leaveB, err := b.Enter(t.Context(), Human, "b")
		require.NoError(t, err)
		require.Zero(t, time.Since(began))
		leaveB()
		wait(t.Context(), time.Minute)
		leaveA()
		again.Wait()
		require.Empty(t, b.busy)
	})
}

func TestACallGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{InFlight: 1})
		leave, err := b.Enter(t.Context(), Human, "a")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		for _, key := range []string{"a", "b", ""} {
			callers.Go(func() {
				_, err := b.Enter(ctx, Change, key)
				require.ErrorIs(t, err, context.Canceled)
			})
		}
		synctest.Wait()
		cancel()
		callers.Wait()
		leave()
		leave() // leaving twice is harmless
		require.Empty(t, slices.Concat(b.waiting[:]...))
		require.Empty(t, b.busy)
		require.Zero(t, b.inFlight, "finished calls leave nothing behind")
		_, err = b.Enter(ctx, Human, "")
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestNoCallBeginsDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, other := New(Options{}), New(Options{})
		require.Zero(t, b.Paused())
		until := time.Now().Add(time.Minute)
		b.Pause(until)
		b.Pause(until.Add(-time.Second)) // a shorter one changes nothing
		require.Equal(t, until, b.Paused())
		_, err := other.Enter(t.Context(), Change, "")
		require.NoError(t, err)
		require.True(t, time.Now().Before(until), "other budgets go on")

		leave, err := b.Enter(t.Context(), Human, "")
		require.NoError(t, err)
		require.Equal(t, until, time.Now())
		leave()
		require.Zero(t, b.Paused())
	})
}

func TestAPauseThatLastsTooLongIsNotWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		patience, timeout time.Duration
		waits             bool
	}{
		"no limits":             {0, 0, true},
		"patience":              {time.Hour, 0, true},
		"too little patience":   {time.Second, 0, false},
		"time enough":           {0, time.Hour, true},
		"a call that ends soon": {0, time.Second, false},
	} {
		for _, queued := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, queued %v", name, queued), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := New(Options{InFlight: 1, Patience: test.patience})
					ctx, cancel := t.Context(), context.CancelFunc(func() {})
					if test.timeout > 0 {
						ctx, cancel = context.WithTimeout(ctx, test.timeout)
					}
					defer cancel()
					pause := func() { b.Pause(time.Now().Add(time.Minute)) }
					first, err := b.Enter(t.Context(), Human, "")
					require.NoError(t, err)
					if queued {
						go func() { wait(t.Context(), time.Millisecond); pause(); first() }()
					} else {
						first()
						pause()
					}
					began := time.Now()
					leave, err := b.Enter(ctx, Change, "")
					if test.waits {
						require.NoError(t, err)
						require.GreaterOrEqual(t, time.Since(began), time.Minute)
						leave()
						return
					}
					var paused *PauseError
					require.ErrorAs(t, err, &paused)
					require.Equal(t, time.Minute, paused.Left)
					require.Less(t, time.Since(began), time.Second)
				})
			})
		}
	}
}

func TestAnOverloadedServerGetsFewerCallsAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		atOnce := func() int {
			calls := run(t, b, time.Second, load{class: Human, callers: 50, takes: time.Hour})
			return len(calls)
		}
		require.Equal(t, DefaultInFlight, atOnce())
		b.Halve()
		b.Halve()
		require.Equal(t, 2, atOnce())
		for range 10 {
			b.Halve()
		}
		require.Equal(t, 1, atOnce())
		wait(t.Context(), 3*time.Minute)
		require.Equal(t, 4, atOnce())
		wait(t.Context(), time.Hour)
		require.Equal(t, DefaultInFlight, atOnce())
	})
}
