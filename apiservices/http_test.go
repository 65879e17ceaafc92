package apiservices_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"ews/apiservices"
	"ews/conf"
)

func TestP07TheVersionIsTheOneOfTheBuild(t *testing.T) {
	t.Parallel()
	version := serveStore(t, failing{}).call(t, http.MethodGet, "/v1/version", nil)
	require.Equal(t, http.StatusOK, version.status)
	require.Equal(t, map[string]any{"commit": "3f2a1bc", "timestamp": "2026-11-22T09:00:00Z"}, version.object(t))
}

func TestP08TheDescriptionIsServedAsJSON(t *testing.T) {
	t.Parallel()
	a := serveStore(t, failing{})
	text, err := os.ReadFile("../openapi.yaml")
	require.NoError(t, err)
	var document any
	require.NoError(t, yaml.Unmarshal(text, &document))
	want, err := json.Marshal(document)
	require.NoError(t, err)
	for _, path := range []string{"/v1/version/openapi.json", "/v1//version/openapi.json", "//v1/version//openapi.json/"} {
		served := a.call(t, http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, served.status, path)
		require.Equal(t, "application/json", served.header.Get("Content-Type"))
		require.JSONEq(t, string(want), served.text, "generated from the current openapi.yaml")
	}
}

func TestWhatIsNotThereIsAnsweredInJSON(t *testing.T) {
	t.Parallel()
	a := serveStore(t, failing{})
	for _, path := range []string{"/", "/v1", "/v2/configs", "/v1/configs/1/2", "/configs"} {
		missing := a.call(t, http.MethodGet, path, nil)
		require.Equal(t, http.StatusNotFound, missing.status, path)
		require.NotEmpty(t, missing.object(t)["error"])
	}
	for path, allowed := range map[string]string{"/v1/configs": "GET, POST", "/v1/configs/1": "GET, PUT, DELETE", "/v1/version": "GET"} {
		refused := a.call(t, http.MethodPatch, path, "{}")
		require.Equal(t, http.StatusMethodNotAllowed, refused.status, path)
		require.Equal(t, allowed, refused.header.Get("Allow"))
		require.NotEmpty(t, refused.object(t)["error"])
	}
}

func TestPathsMayHaveFurtherSlashes(t *testing.T) {
	t.Parallel()
	a := serve(t)
	created := a.call(t, http.MethodPost, "/v1//configs/", minimal())
	require.Equal(t, http.StatusCreated, created.status, "no redirect, which would lose the body")
}

func TestInternalErrorsAreLoggedOnceAndNotShown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		do   func() error
		line string
	}{
		"an error": {func() error { return errors.New("connection to 10.1.2.3 refused") }, "connection to 10.1.2.3 refused"},
		"a panic":  {func() error { panic("index out of range at 10.1.2.3") }, "index out of range at 10.1.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, request := range [][2]string{
				{http.MethodGet, "/v1/configs"}, {http.MethodPost, "/v1/configs"},
				{http.MethodPut, "/v1/configs/1"}, {http.MethodDelete, "/v1/configs/1"},
			} {
				a := serveStore(t, failing{do: tc.do})
				var body any
				if request[0] == http.MethodPost || request[0] == http.MethodPut {
					body = minimal()
				}
				failed := a.call(t, request[0], request[1], body)
				require.Equal(t, http.StatusInternalServerError, failed.status)
				require.NotContains(t, failed.text, "10.1.2.3")
				require.NotEmpty(t, failed.object(t)["error"])
				require.Regexp(t, `^time=\S+ level=ERROR [^\n]*`+tc.line+`[^\n]*\n$`, a.log.String())
				require.Empty(t, a.changed.all())
			}
		})
	}
}

func TestAChangeThatNeverGetsThroughIsAConflict(t *testing.T) {
	t.Parallel()
	a := serveStore(t, failing{do: func() error { return conf.ErrConflict }})
	refused := a.call(t, http.MethodPut, "/v1/configs/1", minimal())
	require.Equal(t, http.StatusConflict, refused.status)
	require.NotEmpty(t, refused.object(t)["error"])
}

func TestTheStoreIsRequired(t *testing.T) {
	t.Parallel()
	_, err := apiservices.NewHandler(apiservices.Deps{})
	require.Error(t, err)
	_, err = apiservices.NewHandler(apiservices.Deps{Configurations: failing{}})
	require.Error(t, err)
	_, err = apiservices.NewHandler(apiservices.Deps{Configurations: failing{}, Operations: struct{ apiservices.Operations }{}})
	require.Error(t, err)
}
