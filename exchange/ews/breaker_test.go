package ews

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// refusing is a server that answers with a status of one's choice.
func refusing(t *testing.T, status *atomic.Int32) *fake {
	return newFake(t, func(_ int, s seen, w http.ResponseWriter) {
		if s.header.Get("X-AnchorMailbox") == "fine@contoso.test" || status.Load() == http.StatusOK {
			sendXML(w, 200, messages("ResolveNames", success("ResolveNames", "")))
			return
		}
		w.WriteHeader(int(status.Load()))
	})
}

// TestRefusedCallsAreHeldBack: without credentials or permission the server is
// left alone, but for a probe now and then.
func TestRefusedCallsAreHeldBack(t *testing.T) {
	for _, refusal := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		t.Run(http.StatusText(refusal), func(t *testing.T) {
			var status atomic.Int32
			status.Store(int32(refusal))
			f, now := refusing(t, &status), time.Now()
			c := f.newClient(t, func(o *Options) { o.Now = func() time.Time { return now } })
			call := func() *Error {
				_, err := c.ResolveNames(t.Context(), "room@contoso.test", "x")
				if err == nil {
					return nil
				}
				return asError(t, err)
			}
			for range breakAfter {
				require.NotErrorIs(t, call(), errNotTried)
			}
			sent := len(f.requests())
			held := call()
			require.ErrorIs(t, held, errNotTried)
			require.Equal(t, refusal, held.HTTPStatus)
			require.InDelta(t, DefaultRefusalHold, held.BackOff, float64(time.Second))

			now = now.Add(DefaultRefusalHold)
			require.NotErrorIs(t, call(), errNotTried, "one call probes")
			require.ErrorIs(t, call(), errNotTried)
			require.Greater(t, len(f.requests()), sent)

			now = now.Add(DefaultRefusalHold)
			require.ErrorIs(t, call(), errNotTried, "the next probe comes later")
			status.Store(http.StatusOK)
			now = now.Add(DefaultRefusalHold)
			require.Nil(t, call())
			require.Nil(t, call())
		})
	}
}

// TestARefusedMailboxHoldsNothingBack: only refusals of everybody count.
func TestARefusedMailboxHoldsNothingBack(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusForbidden)
	c := refusing(t, &status).newClient(t)
	for range 3 * breakAfter {
		_, err := c.ResolveNames(t.Context(), "room@contoso.test", "x")
		require.NotErrorIs(t, err, errNotTried)
		_, err = c.ResolveNames(t.Context(), "fine@contoso.test", "x")
		require.NoError(t, err)
	}
}
