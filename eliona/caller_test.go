package eliona

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCallersAreAskedAboutInTheirOwnName(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Path+" "+r.Header.Get("X-API-Key")+" "+r.Header.Get("Authorization"))
		switch {
		case r.Header.Get("X-API-Key") == "weak":
			say(w, http.StatusForbidden, `"forbidden"`)
		case r.Header.Get("X-API-Key") != "good" && r.Header.Get("Authorization") != "Bearer a.b.c":
			say(w, http.StatusUnauthorized, `"unauthorized"`)
		default:
			say(w, http.StatusOK, `{"name": "ews", "registered": true}`)
		}
	}))
	t.Cleanup(server.Close)
	c, err := New(Options{Endpoint: server.URL + "/v2", Token: "of the app"})
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	require.NoError(t, c.Admits(t.Context(), Caller{Key: "good"}))
	require.NoError(t, c.Admits(t.Context(), Caller{Token: "a.b.c"}))
	for caller, status := range map[Caller]int{
		{Key: "bad"}: http.StatusUnauthorized, {Token: "x.y.z"}: http.StatusUnauthorized, {Key: "weak"}: http.StatusForbidden, {}: http.StatusUnauthorized,
	} {
		var e *Error
		require.ErrorAs(t, c.Admits(t.Context(), caller), &e)
		require.Equal(t, status, e.Status)
		require.Equal(t, Denied, e.Class)
	}
	require.Equal(t, []string{"/v2/apps/ews good ", "/v2/apps/ews  Bearer a.b.c"}, seen[:2])
	require.Len(t, seen, 5, "nothing is asked about nobody")
}
