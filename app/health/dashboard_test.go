package health_test

import (
	"encoding/json"
	"net/http"
	"testing"

	elionaapi "github.com/eliona-smart-building-assistant/go-eliona-api-client/v2"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/resources"
)

// TestTheDashboardIsOneOfEliona reads the template with Eliona's own client,
// which knows every field and refuses any other.
func TestTheDashboardIsOneOfEliona(t *testing.T) {
	t.Parallel()
	d := open(t)
	_, err := d.term.SyncRooms(t.Context(), []engine.RoomInfo{
		{Address: "room-1@example.com", Name: "Room 1"}, {Address: "lake@example.com", Name: "Lake"},
	})
	require.NoError(t, err)
	require.NoError(t, d.term.SaveAssets(t.Context(), []engine.Asset{{Project: "10", GAI: "l", Room: "lake@example.com", ID: 18, Described: true}}))
	names := template(t)
	require.Len(t, names, 1)

	status, body := d.call(http.MethodGet, "/v1/dashboard-templates/Exchange%20Rooms?projectId=10")
	require.Equal(t, http.StatusOK, status, body)
	var dashboard elionaapi.Dashboard
	require.NoError(t, json.Unmarshal([]byte(body), &dashboard))
	require.Equal(t, names[0], dashboard.Name)
	require.Equal(t, "10", dashboard.ProjectId)
	attributes := attributes(t)
	var assets []int32
	for i, w := range dashboard.Widgets {
		require.EqualValues(t, i+1, *w.Sequence.Get())
		assets = append(assets, *w.AssetId.Get())
		for _, data := range w.Data {
			require.Equal(t, w.AssetId.Get(), data.AssetId.Get())
			require.Equal(t, attributes[data.Data["attribute"].(string)], data.Data["subtype"], "the asset type has it")
		}
	}
	require.Equal(t, []int32{18, 17}, assets, "by name")

	status, body = d.call(http.MethodGet, "/v1/dashboard-templates/Exchange%20Rooms?projectId=11")
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, `"widgets":[]`)
	status, body = d.call(http.MethodGet, "/v1/dashboard-templates/Exchange%20Rooms")
	require.Equal(t, http.StatusBadRequest, status, body)
	require.Contains(t, body, `{"field":"projectId","message":"is required"}`)
	status, body = d.call(http.MethodGet, "/v1/dashboard-templates/Others?projectId=10")
	require.Equal(t, http.StatusNotFound, status, body)
}

// template is the list of templates in the app's metadata.
func template(t *testing.T) []string {
	t.Helper()
	var metadata struct{ DashboardTemplateNames []string }
	require.NoError(t, json.Unmarshal([]byte(text(t, "../../metadata.json")), &metadata))
	return metadata.DashboardTemplateNames
}

// attributes are those of a room's asset type, with their subtypes.
func attributes(t *testing.T) map[string]string {
	t.Helper()
	files, err := resources.AssetTypes()
	require.NoError(t, err)
	file, err := files.Open("ews_room.json")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	var assetType struct {
		Attributes []struct{ Name, Subtype string }
	}
	require.NoError(t, json.NewDecoder(file).Decode(&assetType))
	found := map[string]string{}
	for _, a := range assetType.Attributes {
		found[a.Name] = a.Subtype
	}
	return found
}
