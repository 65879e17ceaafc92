package apiservices_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/apiservices"
)

func TestTheSummaryIsTheStatusOfAll(t *testing.T) {
	t.Parallel()
	a := serve(t)
	require.Empty(t, a.call(t, http.MethodGet, "/v1/status", nil).list(t))
	path, _ := a.led(t)
	summaries := a.call(t, http.MethodGet, "/v1/status", nil).list(t)
	require.Len(t, summaries, 1)
	one := summaries[0]
	require.Equal(t, a.call(t, http.MethodGet, path+"/status", nil).object(t)["owner"], one["status"].(map[string]any)["owner"])
	require.Equal(t, []any{}, one["projectIDs"])
	require.Contains(t, one, "roomListUPN")
	require.Contains(t, one, "timeZone")
}

func TestBrowsersGetThePage(t *testing.T) {
	t.Parallel()
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Method + " page")) })
	a := serve(t)
	handler, err := apiservices.NewHandler(apiservices.Deps{Configurations: a.repository, Operations: a.operations, Checker: a.checker, Page: page})
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	a.url = server.URL
	for accept, want := range map[string]string{
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "GET page",
		"text/html":                           "GET page",
		"application/json;q=0.5, text/html":   "GET page",
		"application/json, text/html;q=0.5":   "[]\n",
		"text/html;q=0, application/json":     "[]\n",
		"application/json":                    "[]\n",
		"*/*":                                 "[]\n",
		"":                                    "[]\n",
		"text/html;q=much, nonsense/;;, */*":  "[]\n",
		"application/json, text/plain, */*":   "[]\n",
		"Text/HTML; charset=utf-8, */*;q=0.1": "GET page",
	} {
		require.Equal(t, want, a.call(t, http.MethodGet, "/v1/status", nil, "Accept", accept).text, accept)
	}
	require.Equal(t, "GET page", a.call(t, http.MethodGet, "//v1/status/", nil, "Accept", "text/html").text)
	require.Equal(t, "POST page", a.call(t, http.MethodPost, "/v1/status", "do=resync").text)
	refused := a.call(t, http.MethodDelete, "/v1/status", nil)
	require.Equal(t, http.StatusMethodNotAllowed, refused.status)
	require.Equal(t, "GET, POST", refused.header.Get("Allow"))
}
