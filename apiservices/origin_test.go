package apiservices_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/apiservices"
)

const elsewhere = "https://eliona.example.com"

func TestPagesOfOtherOriginsMayNothing(t *testing.T) {
	t.Parallel()
	a := serve(t)
	for _, path := range []string{"/v1/configs", "/v1/configs/1", "/v1/version", "/elsewhere", "/metrics"} {
		preflight := a.call(t, http.MethodOptions, path, nil, "Origin", elsewhere, "Access-Control-Request-Method", "PUT")
		require.Equal(t, http.StatusOK, preflight.status)
		for _, answered := range []answer{preflight, a.call(t, http.MethodGet, path, nil, "Origin", elsewhere)} {
			for name := range answered.header {
				require.False(t, strings.HasPrefix(name, "Access-Control-"), "%s: %s", path, name)
			}
		}
	}
	own := strings.TrimPrefix(a.url, "http://")
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"a program":                          {nil, http.StatusCreated},
		"the page of the API's host":         {[]string{"Sec-Fetch-Site", "same-origin", "Origin", elsewhere}, http.StatusCreated},
		"the same, from an older browser":    {[]string{"Origin", "http://" + own}, http.StatusCreated},
		"the same, behind a proxy":           {[]string{"Origin", elsewhere, "X-Forwarded-Host", "eliona.example.com"}, http.StatusCreated},
		"the same, behind two proxies":       {[]string{"Origin", elsewhere, "X-Forwarded-Host", "eliona.example.com, api"}, http.StatusCreated},
		"the page of another site":           {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.com"}, http.StatusForbidden},
		"the page of another host":           {[]string{"Sec-Fetch-Site", "same-site", "Origin", elsewhere}, http.StatusForbidden},
		"another site, from an old browser":  {[]string{"Origin", "https://evil.example.com", "X-Forwarded-Host", "eliona.example.com"}, http.StatusForbidden},
		"a form without the form's encoding": {[]string{"Origin", "null", "Content-Type", "text/plain"}, http.StatusForbidden},
	} {
		answered := a.call(t, http.MethodPost, "/v1/configs", minimal(), c.headers...)
		require.Equal(t, c.status, answered.status, "%s: %s", name, answered.text)
		if c.status == http.StatusForbidden {
			require.Contains(t, answered.object(t)["error"], "API_ALLOWED_ORIGINS", name)
		}
	}
}

func TestPagesOfAllowedOriginsMayCall(t *testing.T) {
	t.Parallel()
	a := serve(t, func(d *apiservices.Deps) { d.AllowedOrigins = []string{elsewhere} })
	preflight := a.call(t, http.MethodOptions, "/v1/configs", nil, "Origin", elsewhere, "Access-Control-Request-Method", "POST")
	require.Equal(t, http.StatusOK, preflight.status)
	require.Equal(t, elsewhere, preflight.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "GET, POST, PUT, DELETE, OPTIONS", preflight.header.Get("Access-Control-Allow-Methods"))
	require.Equal(t, "Authorization, Content-Type, X-Api-Key", preflight.header.Get("Access-Control-Allow-Headers"))
	require.Empty(t, preflight.header.Get("Access-Control-Allow-Credentials"), "no cookies are sent along")
	foreign := []string{"Sec-Fetch-Site", "cross-site", "Origin", elsewhere}
	created := a.call(t, http.MethodPost, "/v1/configs", minimal(), foreign...)
	require.Equal(t, http.StatusCreated, created.status)
	require.Equal(t, elsewhere, created.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, elsewhere, a.call(t, http.MethodGet, "/v1/configs/4711", nil, foreign...).header.Get("Access-Control-Allow-Origin"), "errors, too")

	other := a.call(t, http.MethodGet, "/v1/configs", nil, "Origin", "https://evil.example.com")
	require.Empty(t, other.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", other.header.Get("Vary"), "caches must not give one origin's answer to another")
}

func TestAllOriginsCanBeAllowed(t *testing.T) {
	t.Parallel()
	a := serve(t, func(d *apiservices.Deps) { d.AllowedOrigins = []string{apiservices.AnyOrigin} })
	created := a.call(t, http.MethodPost, "/v1/configs", minimal(), "Sec-Fetch-Site", "cross-site", "Origin", elsewhere)
	require.Equal(t, http.StatusCreated, created.status)
	require.Equal(t, "*", created.header.Get("Access-Control-Allow-Origin"))
}

func TestOriginsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"", "eliona.example.com", "https://", elsewhere + "/", elsewhere + "/apps", "https://*.example.com/x"} {
		require.Error(t, apiservices.ValidateOrigin(origin), origin)
		_, err := apiservices.NewHandler(apiservices.Deps{
			Configurations: failing{}, Operations: struct{ apiservices.Operations }{}, Checker: &checker{}, AllowedOrigins: []string{origin},
		})
		require.Error(t, err)
	}
	require.NoError(t, apiservices.ValidateOrigin("http://localhost:8080"))
	require.NoError(t, apiservices.ValidateOrigin("*"))
}
