package engine

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"ews/app/plan"
)

func TestOnlySoManyWriteBookingsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &job{Engine: New(Settings{Writes: 2}, Ports{})}
		first, ok := j.mayWrite(t.Context())
		require.True(t, ok)
		second, ok := j.mayWrite(t.Context())
		require.True(t, ok)
		defer second()

		writing := make(chan struct{})
		go func() {
			third, ok := j.mayWrite(t.Context())
			if ok {
				defer third()
			}
			close(writing)
		}()
		synctest.Wait()
		select {
		case <-writing:
			require.Fail(t, "three write at once")
		default:
		}
		first()
		first() // and not once more
		<-writing
		require.Len(t, j.writing, 1)

		third, ok := j.mayWrite(t.Context())
		require.True(t, ok)
		defer third()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, ok = j.mayWrite(ended)
		require.False(t, ok)
	})
}

func TestAnImportWritesNotAsManyBookingsAtOnce(t *testing.T) {
	e := New(Settings{Writes: 4}, Ports{})
	imported := &job{Engine: e, claim: Claim{Import: true}}
	for range 3 {
		_, ok := imported.mayWrite(t.Context())
		require.True(t, ok)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, ok := imported.mayWrite(ended)
	require.False(t, ok)
	written, ok := (&job{Engine: e}).mayWrite(t.Context())
	require.True(t, ok, "one is left for what people wait for")
	written()
	require.Len(t, e.writing, 3)
}

// When the process is to end, what waits for the Booking app does not begin when
// that answers another one.
func TestWhoWaitsToWriteBeginsNothingOnceStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		j := &job{Engine: New(Settings{Writes: 1}, Ports{}), stop: stop}
		first, ok := j.mayWrite(t.Context())
		require.True(t, ok)
		defer first()
		began := make(chan bool)
		go func() {
			_, ok := j.mayWrite(t.Context())
			began <- ok
		}()
		synctest.Wait()
		close(stop)
		require.False(t, <-began)
		require.NoError(t, j.writeBookings(t.Context(), plan.Op{}), "that is no failure")
	})
}
