package eliona

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eliona-smart-building-assistant/go-eliona/app"
	"github.com/stretchr/testify/require"
)

// The files of the app store lie in the root of the repository.
func storeFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	require.NoError(t, err)
	return content
}

func strict(t *testing.T, content []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into))
}

func TestMetadata(t *testing.T) {
	var metadata app.Metadata
	strict(t, storeFile(t, "metadata.json"), &metadata)
	require.Equal(t, AppName, metadata.Name)
	require.Regexp(t, `^v\d+\.\d+\.\d+$`, metadata.ElionaMinVersion)
	require.GreaterOrEqual(t, metadata.ElionaMinVersion, "v14.0.0", "parents by identifier")
	for _, language := range []string{"en", "de", "fr", "it"} {
		require.Equal(t, "Exchange", metadata.DisplayName[language])
		require.NotEmpty(t, metadata.Description[language])
	}
	require.Equal(t, []string{"Exchange Rooms"}, metadata.DashboardTemplateNames)
	require.Equal(t, "v1", metadata.ApiUrl)
	require.Equal(t, "/version/openapi.json", metadata.ApiSpecificationPath)
	require.Contains(t, metadata.DocumentationUrl, "https://")
	require.ElementsMatch(t, []string{"CONNECTION_STRING", "INIT_CONNECTION_STRING", "API_ENDPOINT", "API_TOKEN"}, metadata.UseEnvironment)
}

func TestIcon(t *testing.T) {
	content := string(storeFile(t, "icon"))
	require.LessOrEqual(t, len(content), 63*1024)
	encoded, isPNG := strings.CutPrefix(content, "data:image/png;base64,")
	require.True(t, isPNG)
	data, err := base64.StdEncoding.Strict().DecodeString(encoded)
	require.NoError(t, err, "no newline, padded")
	require.NotContains(t, content, "\n")
	picture, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, picture.Bounds().Dx(), picture.Bounds().Dy())
}

// assetType has exactly the keys the API knows, as far as the app uses them.
type assetType struct {
	Name        string            `json:"name"`
	Custom      *bool             `json:"custom"`
	Vendor      string            `json:"vendor"`
	Icon        *string           `json:"icon"`
	Translation map[string]string `json:"translation"`
	Attributes  []struct {
		Name        string            `json:"name"`
		Subtype     string            `json:"subtype"`
		Enable      *bool             `json:"enable"`
		IsDigital   bool              `json:"isDigital"`
		Translation map[string]string `json:"translation"`
	} `json:"attributes"`
}

func TestAssetTypes(t *testing.T) {
	files, err := filepath.Glob("../resources/asset-types/*.json")
	require.NoError(t, err)
	require.Len(t, files, 2)
	want := map[string]map[string]string{
		RootType: {},
		RoomType: {"bookable": "property digital", "email": "info", "location": "info", "occupancy": "input digital",
			"current_end": "status", "next_start": "status", "next_end": "status"},
	}
	for name, attributes := range want {
		var definition assetType
		strict(t, storeFile(t, "resources/asset-types/"+name+".json"), &definition)
		require.Equal(t, name, definition.Name)
		require.NotNil(t, definition.Custom)
		require.False(t, *definition.Custom)
		translated(t, definition.Translation)
		require.Len(t, definition.Attributes, len(attributes))
		for _, attribute := range definition.Attributes {
			kind := attribute.Subtype
			if attribute.IsDigital {
				kind += " digital"
			}
			require.Equal(t, attributes[attribute.Name], kind, attribute.Name)
			require.NotNil(t, attribute.Enable, "the default differs between versions")
			require.True(t, *attribute.Enable)
			translated(t, attribute.Translation)
		}
	}
}

func translated(t *testing.T, texts map[string]string) {
	t.Helper()
	require.Len(t, texts, 4)
	for _, language := range []string{"de", "en", "fr", "it"} {
		require.NotEmpty(t, texts[language])
	}
}

func TestResetScriptForgetsEverything(t *testing.T) {
	script := strings.ToLower(string(storeFile(t, "reset.sql")))
	position := 0
	for _, step := range []string{
		"set schema 'public'", "delete from versioning.patches", "insert into public.eliona_store",
		"insert into public.eliona_app", "initialized_at = null", "drop schema if exists ews cascade",
		"public.heap", "public.attribute_schema", "public.asset\n", "public.asset_type\n",
	} {
		at := strings.Index(script[position:], step)
		require.GreaterOrEqual(t, at, 0, step)
		position += at
	}
	require.NotContains(t, script, "'ews_%'", "the underscore must be escaped")
}
