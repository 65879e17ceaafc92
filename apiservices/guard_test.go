package apiservices_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/apiservices"
)

// callers admits by a list and notes who came.
type callers struct {
	mutex sync.Mutex
	know  map[apiservices.Credential]error
	came  []apiservices.Credential
}

func (c *callers) Admit(_ context.Context, credential apiservices.Credential) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.came = append(c.came, credential)
	err, known := c.know[credential]
	if !known {
		return apiservices.ErrNotAdmitted
	}
	return err
}

// guarded is an API that admits the user 42 and the API key "key".
func guarded(t *testing.T) (*api, *callers) {
	t.Helper()
	c := &callers{know: map[apiservices.Credential]error{
		{Token: token("42")}: nil, {Key: "key"}: nil, {Key: "powerless"}: apiservices.ErrNotAllowed, {Key: "unsure"}: errors.New("connection to 10.1.2.3 refused"),
	}}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the page")) })
	return serve(t, func(d *apiservices.Deps) { d.Callers, d.Page = c, page }), c
}

func TestNothingIsAnsweredToStrangers(t *testing.T) {
	t.Parallel()
	a, c := guarded(t)
	for _, request := range [][]string{
		{http.MethodGet, "/v1/configs"}, {http.MethodPost, "/v1/configs"}, {http.MethodPost, "/v1/configs/check"}, {http.MethodGet, "/v1/configs/1/audit"},
		{http.MethodGet, "/metrics"}, {http.MethodGet, "/v1/metrics"}, {http.MethodGet, "/v1//metrics/"}, {http.MethodGet, "/v1/version"},
		{http.MethodGet, "/v1/version/openapi.json"}, {http.MethodGet, "/v1/status"}, {http.MethodGet, "/v1/status", "Accept", "text/html"},
		{http.MethodPost, "/v1/status"}, {http.MethodGet, "/"}, {http.MethodGet, "/nowhere"}, {http.MethodPatch, "/v1/configs"},
		{http.MethodGet, "/v1/health"}, {http.MethodGet, "/v1/health/live/../../configs"}, {http.MethodGet, "/health/live"},
	} {
		refused := a.call(t, request[0], request[1], nil, request[2:]...)
		require.Equal(t, http.StatusUnauthorized, refused.status, request)
		require.Equal(t, `Bearer realm="Eliona"`, refused.header.Get("WWW-Authenticate"))
		require.Contains(t, refused.object(t)["error"], "is required")
	}
	require.Empty(t, c.came)
	for _, path := range []string{"/v1/health/live", "/v1/health/ready", "/v1//health/live/"} {
		require.Equal(t, http.StatusOK, a.call(t, http.MethodGet, path, nil).status, "the platform has no token")
	}
}

func TestWhatACallerCanShow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		headers []string
		status  int
		shown   apiservices.Credential
	}{
		"a token":                         {[]string{"Authorization", "Bearer " + token("42")}, 200, apiservices.Credential{Token: token("42")}},
		"a token, in lower case":          {[]string{"Authorization", "bearer " + token("42")}, 200, apiservices.Credential{Token: token("42")}},
		"a cookie":                        {[]string{"Cookie", "lang=de; elionaAuthorization=" + token("42")}, 200, apiservices.Credential{Token: token("42")}},
		"an API key":                      {[]string{"X-API-Key", "key"}, 200, apiservices.Credential{Key: "key"}},
		"an API key as Prometheus can":    {[]string{"Authorization", "Bearer key"}, 200, apiservices.Credential{Key: "key"}},
		"another user's token":            {[]string{"Authorization", "Bearer " + token("43")}, 401, apiservices.Credential{Token: token("43")}},
		"a key that is none":              {[]string{"X-API-Key", "kez"}, 401, apiservices.Credential{Key: "kez"}},
		"a wrong token and a right key":   {[]string{"Authorization", "Bearer " + token("43"), "X-API-Key", "key"}, 401, apiservices.Credential{Token: token("43")}},
		"a key without rights":            {[]string{"X-API-Key", "powerless"}, 403, apiservices.Credential{Key: "powerless"}},
		"a key nobody can say more about": {[]string{"X-API-Key", "unsure"}, 503, apiservices.Credential{Key: "unsure"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, seen := guarded(t)
			answered := a.call(t, http.MethodGet, "/v1/configs", nil, c.headers...)
			require.Equal(t, c.status, answered.status, answered.text)
			require.Equal(t, []apiservices.Credential{c.shown}, seen.came)
			require.Equal(t, c.status == 503, answered.header.Get("Retry-After") != "")
			require.Equal(t, c.status == 401, answered.header.Get("WWW-Authenticate") != "")
			require.NotContains(t, answered.text, "10.1.2.3")
			require.NotContains(t, a.log.String(), "key")
		})
	}
	a, seen := guarded(t)
	for _, headers := range [][]string{
		{"Authorization", "Basic dXNlcjpwYXNzd29yZA=="}, {"Authorization", "Bearer "}, {"X-API-Key", ""}, {"Cookie", "elionaAuthorization="},
		{"X-API-Key", strings.Repeat("k", 1<<15)},
	} {
		require.Equal(t, http.StatusUnauthorized, a.call(t, http.MethodGet, "/v1/configs", nil, headers...).status)
	}
	require.Empty(t, seen.came, "there is nothing to ask about")
}

func TestThePageAndTheMetricsAreForCallers(t *testing.T) {
	t.Parallel()
	a, _ := guarded(t)
	require.Equal(t, "the page", a.call(t, http.MethodGet, "/v1/status", nil, "Accept", "text/html", "Cookie", "elionaAuthorization="+token("42")).text)
	require.Contains(t, a.call(t, http.MethodGet, "/metrics", nil, "Authorization", "Bearer key").text, "ews_build_info")
}

// Who calls is read from what Eliona has accepted, and from nothing else that
// came with it.
func TestNobodyCallsInTheNameOfAnother(t *testing.T) {
	t.Parallel()
	a, _ := guarded(t)
	path := a.add(t, minimal(), "X-API-Key", "key", "Cookie", "elionaAuthorization="+token("99"))
	require.Empty(t, a.only(t).UserID, "a program is no user")
	changed := a.call(t, http.MethodPut, path, minimal(), "Authorization", "Bearer "+token("42"), "X-API-Key", "key", "Cookie", "elionaAuthorization="+token("99"))
	require.Equal(t, http.StatusOK, changed.status)
	require.Equal(t, "42", a.only(t).UserID)
	entries := a.call(t, http.MethodGet, path+"/audit", nil, "X-API-Key", "key").list(t)
	require.Equal(t, []any{"42", ""}, []any{entries[0]["userId"], entries[1]["userId"]})
}

func TestABrowserMayAskWhatItMayWithoutACredential(t *testing.T) {
	t.Parallel()
	c := &callers{}
	a := serve(t, func(d *apiservices.Deps) { d.Callers, d.AllowedOrigins = c, []string{elsewhere} })
	preflight := a.call(t, http.MethodOptions, "/v1/configs", nil, "Origin", elsewhere, "Access-Control-Request-Method", "POST")
	require.Equal(t, http.StatusOK, preflight.status)
	refused := a.call(t, http.MethodGet, "/v1/configs", nil, "Origin", elsewhere)
	require.Equal(t, http.StatusUnauthorized, refused.status)
	require.Equal(t, elsewhere, refused.header.Get("Access-Control-Allow-Origin"), "so that the page can tell why")
}
