package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
	"ews/simulator/exchangesim"
)

// TestEconomy holds the promises about traffic that do not depend on how fast
// the machine is: what a first import asks, and that nothing is written at rest.
// "make bench" measures the others.
func TestEconomy(t *testing.T) {
	t.Parallel()
	const rooms, singles, series, dates = 4, 30, 5, 12
	building := stage.Building{Rooms: rooms, People: 7, Fill: exchangesim.Fill{Singles: singles, Series: series, Occurrences: dates}}
	seed := filepath.Join(t.TempDir(), "seed.json")
	require.NoError(t, building.Write(seed))
	s := newStage(t, stage.Options{Simulator: []string{"-seed", seed}})
	w := worldOf(t, s)
	require.NoError(t, s.StartApp(t.Context()))
	configuration := s.Configuration()
	configuration["roomListUPN"], configuration["refreshInterval"], configuration["streaming"] = building.Lists()[0], 3600, false
	_, err := s.Configure(t.Context(), configuration)
	require.NoError(t, err)
	w.until("every date is a booking", func() bool { return len(w.live()) == rooms*(singles+series*dates) })

	asked := w.requested("exchange")
	require.Equal(t, map[string]int64{"GetRooms": 1, "SyncFolderItems": rooms, "FindItem": rooms, "GetItem": rooms}, asked,
		"one look at the changes, one at the calendar, one for the details")
	require.Equal(t, int64(1), w.requested("entra")["POST /{tenant}/oauth2/v2.0/token"])
	written := w.requested("booking")
	require.Equal(t, int64(rooms*(singles+series)), written["POST /bookings/group"], "one for each meeting")

	// From now on the rooms are polled every second, and read again once.
	w.put("/configs/1", map[string]any{"refreshInterval": 1, "streaming": true})
	w.until("the rooms are polled", func() bool { return w.requested("exchange")["SyncFolderItems"] >= 5*rooms })
	w.until("the rooms are watched", func() bool { return w.requested("exchange")["Subscribe"] == rooms })
	for service, before := range map[string]map[string]int64{"exchange": asked, "booking": written} {
		now := w.requested(service)
		for operation, n := range now {
			if changes(operation) {
				require.Equal(t, before[operation], n, "%s at rest", operation)
			}
		}
		require.Equal(t, before["GetItem"], now["GetItem"], "nothing is new")
	}
}

// requested counts the requests of a service by operation.
func (w *world) requested(service string) map[string]int64 {
	w.t.Helper()
	stats, err := w.Control.Stats(w.t.Context())
	require.NoError(w.t, err)
	out := map[string]int64{}
	for operation, count := range stats[service] {
		out[operation] = count.Requests
	}
	return out
}

// changes tells whether an operation changes something on the far side.
func changes(operation string) bool {
	for _, verb := range []string{"CreateItem", "UpdateItem", "DeleteItem", "POST ", "PUT ", "DELETE "} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}
