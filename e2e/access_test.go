package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// TestEveryCallNeedsACaller: where the proxy is not trusted, Eliona is asked
// about everybody who calls.
func TestEveryCallNeedsACaller(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{Env: []string{"API_AUTHENTICATION=token"}})
	require.NoError(t, s.StartApp(t.Context()))
	w := worldOf(t, s)
	root := strings.TrimSuffix(s.API, "/v1")
	status := func(path string, header ...string) int {
		code, _ := get(t, root+path, header...)
		return code
	}
	for _, path := range []string{"/v1/configs", "/v1/status", "/metrics", "/v1/version", "/v1/configs/1/findings"} {
		require.Equal(t, http.StatusUnauthorized, status(path), path)
		require.Equal(t, http.StatusUnauthorized, status(path, "X-API-Key", "not-the-key"), path)
	}
	require.Equal(t, http.StatusOK, status("/v1/health/live"))
	require.Equal(t, http.StatusOK, status("/v1/health/ready"))

	asked := w.requests("eliona", "GET /apps/{}")
	for range 5 {
		require.Equal(t, http.StatusOK, status("/metrics", "Authorization", "Bearer secret"), "as Prometheus can")
	}
	require.LessOrEqual(t, w.requests("eliona", "GET /apps/{}"), asked+1, "an answer is remembered")
	require.Equal(t, http.StatusOK, status("/v1/configs", "X-API-Key", "secret"))
	_, err := s.Configure(t.Context(), s.Configuration()) // with the token of user 42
	require.NoError(t, err)
	entries := w.list("/configs/1/audit")
	require.Len(t, entries, 1)
	require.Equal(t, "42", entries[0]["userId"])
	require.Equal(t, "create", entries[0]["action"])

	// A token that Eliona does not accept, and one about which it cannot be asked.
	w.fault(map[string]any{"service": "eliona", "operation": "GET /apps/{}", "kind": "status", "status": 401})
	require.Equal(t, http.StatusUnauthorized, status("/v1/configs", "Authorization", "Bearer expired.token.1"))
	w.noFaults()
	w.fault(map[string]any{"service": "eliona", "operation": "GET /apps/{}", "kind": "status", "status": 503})
	require.Equal(t, http.StatusServiceUnavailable, status("/v1/configs", "Authorization", "Bearer unknown.token.2"))
	require.Equal(t, http.StatusOK, status("/v1/configs", "X-API-Key", "secret"), "who was admitted a moment ago still is")
	w.noFaults()
	require.Equal(t, http.StatusOK, status("/v1/configs", "Authorization", "Bearer unknown.token.2"))
	require.NotContains(t, whole(t, s), "not-the-key")
	requireQuiet(t, s)
}
