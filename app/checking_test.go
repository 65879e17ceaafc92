package app

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/apiserver"
	"ews/apiservices"
	"ews/conf"
	"ews/eliona"
)

// unreachable is a configuration whose every server is a closed port.
func unreachable() conf.Configuration {
	c := conf.Default()
	c.ClientID, c.ClientSecret, c.TenantID = "id", "s3cr3t", "example.com"
	c.EWSURL, c.AuthorityURL = "https://127.0.0.1:1/EWS/Exchange.asmx", "https://127.0.0.1:1"
	c.ServiceUserUPN, c.RoomListUPN, c.BookingAppURL = "eliona@example.com", "floor@example.com", "http://127.0.0.1:1/v1"
	return c
}

func newTestChecker(t *testing.T) *checker {
	t.Helper()
	client, err := eliona.New(eliona.Options{Endpoint: "http://127.0.0.1:1/v2", Token: "t"})
	require.NoError(t, err)
	return newChecker(client, slog.New(slog.DiscardHandler))
}

// codes returns how the first step of each name ended.
func codes(r apiserver.CheckReport) map[string]string {
	out := map[string]string{}
	for _, s := range r.Steps {
		if _, again := out[s.Name]; !again {
			out[s.Name] = string(s.Status) + " " + s.Code
		}
	}
	return out
}

func TestAllThatIsIndependentIsCheckedAtOnce(t *testing.T) {
	t.Parallel()
	r, err := newTestChecker(t).Check(t.Context(), unreachable(), "")
	require.NoError(t, err)
	got := codes(r)
	require.Equal(t, "ok ", got["configuration"])
	require.Equal(t, "failed ClientConnectionRefused", got["connection"])
	require.Equal(t, "failed booking_app_unreachable", got["booking_app"])
	require.Equal(t, "failed eliona_unreachable", got["eliona"])
	require.Equal(t, "skipped earlier_step_failed", got["token"])
}

func TestConfigurationsThatCannotEvenBeTried(t *testing.T) {
	t.Parallel()
	lost := unreachable()
	lost.SecretError = &conf.SecretError{}
	r, err := newTestChecker(t).Check(t.Context(), lost, "")
	require.NoError(t, err)
	require.Equal(t, "failed secret_unreadable", codes(r)["configuration"])
	require.Equal(t, "skipped earlier_step_failed", codes(r)["exchange"])
	require.Equal(t, "failed booking_app_unreachable", codes(r)["booking_app"], "others are looked at")

	old := unreachable()
	old.BookingAppURL, old.TenantID = "booking", "ex ample"
	r, err = newTestChecker(t).Check(t.Context(), old, "")
	require.NoError(t, err)
	require.Equal(t, "failed configuration_invalid", codes(r)["configuration"])
	require.Contains(t, r.Steps[0].Detail, "tenantId must be")
	require.Contains(t, r.Steps[0].Detail, "; bookingAppURL must start with")
	require.Equal(t, "skipped earlier_step_failed", codes(r)["booking_app"])
}

func TestChecksAtOnceAreLimited(t *testing.T) {
	t.Parallel()
	k := newTestChecker(t)
	for range checksAtOnce {
		k.free <- struct{}{}
	}
	_, err := k.Check(t.Context(), unreachable(), "")
	require.ErrorIs(t, err, apiservices.ErrBusy)
	<-k.free
	_, err = k.Check(t.Context(), unreachable(), "")
	require.NoError(t, err)
	require.Len(t, k.free, checksAtOnce-1)
}
