package engine

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestOnlySoManyWriteBookingsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &job{Engine: New(Settings{Writes: 2}, Ports{})}
		first, err := j.mayWrite(t.Context())
		require.NoError(t, err)
		second, err := j.mayWrite(t.Context())
		require.NoError(t, err)
		defer second()

		writing := make(chan struct{})
		go func() {
			third, err := j.mayWrite(t.Context())
			if err == nil {
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

		third, err := j.mayWrite(t.Context())
		require.NoError(t, err)
		defer third()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = j.mayWrite(ended)
		require.ErrorIs(t, err, context.Canceled)
	})
}
