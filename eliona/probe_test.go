package eliona

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProbesOfEliona(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, c call) {
		switch c.Method + " " + c.Path {
		case "GET /v2/apps/ews", "GET /v2/projects/10", "GET /v2/asset-types/ews_room":
			say(w, http.StatusOK, `{"name": "ews", "futureField": 1}`)
		case "GET /v2/projects", "PUT /v2/assets-bulk":
			say(w, http.StatusOK, "[]")
		default:
			say(w, http.StatusNotFound, `"not found"`)
		}
	})
	c := a.client(t)
	require.NoError(t, c.Reach(t.Context()))
	exists, err := c.ProjectExists(t.Context(), "10")
	require.NoError(t, err)
	require.True(t, exists)
	exists, err = c.ProjectExists(t.Context(), "1/1")
	require.NoError(t, err)
	require.False(t, exists)
	require.NoError(t, c.MayWriteAssets(t.Context()))
	last := a.seen()[len(a.seen())-1]
	require.Equal(t, call{http.MethodPut, "/v2/assets-bulk", "identifyBy=gai-projId", "null"}, last, "nothing is written")
	_, err = c.ProjectExists(t.Context(), "")
	require.Error(t, err)
}

func TestProbesOfAnElionaThatRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]int // by the last segment of the path; 200 otherwise
		reach   Class
		project any // class of the error, or whether it exists
		assets  Class
	}{
		"an Eliona without projects":              {answers: map[string]int{"10": 404, "projects": 404}, project: true},
		"a token without rights":                  {answers: map[string]int{"ews": 401, "10": 403, "assets-bulk": 403}, reach: Denied, project: Denied, assets: Denied},
		"an Eliona that is down":                  {answers: map[string]int{"ews": 503, "10": 502, "ews_room": 500}, reach: Transient, project: Transient, assets: Transient},
		"no asset type":                           {answers: map[string]int{"ews_room": 404}, project: true, assets: Refused},
		"an Eliona that wants assets in the list": {answers: map[string]int{"assets-bulk": 400}, project: true},
		"an Eliona without the bulk call":         {answers: map[string]int{"assets-bulk": 404}, project: true},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, func(w http.ResponseWriter, got call) {
				for end, status := range c.answers {
					if got.Path[len(got.Path)-len(end)-1:] == "/"+end {
						say(w, status, `"no"`)
						return
					}
				}
				say(w, http.StatusOK, "{}")
			}).client(t)
			classOfError := func(err error) Class {
				var e *Error
				if err == nil {
					return 0
				}
				require.ErrorAs(t, err, &e)
				return e.Class
			}
			require.Equal(t, c.reach, classOfError(a.Reach(t.Context())))
			exists, err := a.ProjectExists(t.Context(), "10")
			if class, ok := c.project.(Class); ok {
				require.Equal(t, class, classOfError(err))
			} else {
				require.NoError(t, err)
				require.Equal(t, c.project, exists)
			}
			require.Equal(t, c.assets, classOfError(a.MayWriteAssets(t.Context())))
		})
	}
}
