package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// What was recorded is sent soon or not at all: later, another process may have
// taken it for lost, and done it itself.
func TestARequestLeavesSoonOrNotAtAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := sendSoon(t.Context(), time.Now())
		require.NoError(t, MaySend(ctx))
		pass := func(d time.Duration) { <-time.After(d) }
		pass(sendTime)
		require.NoError(t, MaySend(ctx))
		pass(time.Millisecond)
		failure := classOf(MaySend(ctx))
		require.Equal(t, Throttled, failure.Class, "it is no failed attempt")
		require.False(t, failure.Ambiguous)
		require.NoError(t, MaySend(context.WithoutCancel(t.Context())), "what may be sent twice is not limited")
		require.Less(t, sendTime, ambiguityTime)
	})
}
