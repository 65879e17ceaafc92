package app

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/apiservices"
)

func TestAProbeBelievesAnAppThatAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(apiservices.NewGate())
	t.Cleanup(server.Close)
	require.NoError(t, Probe(t.Context(), environment("API_SERVER_PORT", portIn(t, server))))
}

func TestAProbeFailsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	port := portIn(t, server)
	require.ErrorContains(t, Probe(t.Context(), environment("API_SERVER_PORT", port)), "404")
	server.Close()
	require.ErrorContains(t, Probe(t.Context(), environment("API_SERVER_PORT", port)), "does not answer")
}

func TestAProbeWantsAPort(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, Probe(t.Context(), environment("API_SERVER_PORT", "http")), "API_SERVER_PORT")
}

func portIn(t *testing.T, server *httptest.Server) string {
	t.Helper()
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	return address.Port()
}
