package elionasim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/elionasim"
	"ews/simulator/fault"
	"ews/simulator/stats"
)

// httpClient makes the requests of all tests here.
var httpClient = &http.Client{Timeout: 30 * time.Second}

// eliona is a served simulator and a client of it.
type eliona struct {
	*elionasim.Server
	t      *testing.T
	url    string
	key    string
	faults *fault.Registry
	stats  *stats.Counters
}

func start(t *testing.T, changes ...func(*elionasim.Switches)) *eliona {
	t.Helper()
	return startWith(t, elionasim.Options{}, changes...)
}

func startWith(t *testing.T, opts elionasim.Options, changes ...func(*elionasim.Switches)) *eliona {
	t.Helper()
	switches := elionasim.DefaultSwitches()
	for _, change := range changes {
		change(&switches)
	}
	a := &eliona{t: t, key: "secret", faults: fault.New(1), stats: stats.New()}
	opts.Switches, opts.Faults, opts.Stats = &switches, a.faults, a.stats
	server, err := elionasim.New(t.Context(), opts)
	require.NoError(t, err)
	a.Server = server
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)
	t.Cleanup(server.Close)
	a.url = web.URL + "/v2"
	return a
}

func (a *eliona) call(method, path, body string) (int, string) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	require.NoError(a.t, err)
	if a.key != "" {
		request.Header.Set("X-API-Key", a.key)
	}
	response, err := httpClient.Do(request)
	require.NoError(a.t, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(a.t, err)
	if len(answer) > 0 {
		require.Contains(a.t, response.Header.Get("Content-Type"), "application/json")
	}
	return response.StatusCode, string(answer)
}

// expect calls and checks the status.
func (a *eliona) expect(status int, method, path, body string) string {
	a.t.Helper()
	got, answer := a.call(method, path, body)
	require.Equal(a.t, status, got, "%s %s %s: %s", method, path, body, answer)
	return answer
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(body), &v), "body %s", body)
	return v
}

const (
	roomType = `{"name":"ews_room","custom":false,"vendor":"Microsoft","icon":null,"translation":{"en":"Exchange room"},"attributes":[
		{"name":"bookable","subtype":"property","enable":true,"isDigital":true},
		{"name":"email","subtype":"info"},
		{"name":"occupancy","subtype":"input","enable":true,"isDigital":true}]}`
	rootType   = `{"name":"ews_root"}`
	typesPath  = "/asset-types?expansions=AssetType.attributes"
	bulkPath   = "/assets-bulk?identifyBy=gai-projId"
	rootAsset  = `{"projectId":"10","globalAssetIdentifier":"ews_root","name":"ews","assetType":"ews_root","description":"Rooms","parentFunctionalIdentifier":"","parentLocationalIdentifier":""}`
	roomAssetF = `{"projectId":"10","globalAssetIdentifier":"ews_room_%s@example.com","name":"%s","assetType":"ews_room","parentFunctionalIdentifier":"ews_root","parentLocationalIdentifier":"ews_root"}`
)

func room(name string) string { return fmt.Sprintf(roomAssetF, name, name) }

// withRooms stores the asset types, a root and the rooms.
func (a *eliona) withRooms(names ...string) []elionasim.Asset {
	a.t.Helper()
	a.expect(200, "PUT", typesPath, rootType)
	a.expect(200, "PUT", typesPath, roomType)
	elements := []string{rootAsset}
	for _, name := range names {
		elements = append(elements, room(name))
	}
	return decode[[]elionasim.Asset](a.t, a.expect(200, "PUT", bulkPath, "["+strings.Join(elements, ",")+"]"))
}

func TestAuthentication(t *testing.T) {
	a := start(t)
	a.key = ""
	a.expect(401, "GET", "/users", "")
	a.expect(401, "PUT", "/data", "{}")
	a.expect(200, "GET", "/version", "")
	a.expect(200, "GET", "/version/openapi.json", "")
	a.key = "wrong"
	a.expect(401, "GET", "/users", "")
	a.key = "secret"
	a.expect(200, "GET", "/users", "")

	for token, want := range map[string]int{"Bearer a.b.c": 200, "Bearer secret": 401, "a.b.c": 401} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", a.url+"/users", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", token)
		response, err := httpClient.Do(request)
		require.NoError(t, err)
		_ = response.Body.Close()
		require.Equal(t, want, response.StatusCode, token)
	}
}

// checkRegistration walks through what an app does at its first and second
// start.
func checkRegistration(t *testing.T, a *eliona) {
	t.Helper()
	require.JSONEq(t, `{"name":"ews","active":true,"registered":false,"version":"v0.0.0"}`, a.expect(200, "GET", "/apps/ews", ""))
	require.Empty(t, a.expect(200, "PATCH", "/apps/ews?registered=true", ""))
	require.JSONEq(t, `{"name":"ews","active":true,"registered":true,"version":"v0.0.0"}`, a.expect(200, "GET", "/apps/ews", ""))
	require.Empty(t, a.expect(200, "PATCH", "/apps/ews", ""))
	a.expect(400, "PATCH", "/apps/ews?registered=maybe", "")

	require.JSONEq(t, `{"appName":"ews","name":"000400","applied":false}`, a.expect(200, "GET", "/apps/ews/patches/000400", ""))
	a.expect(200, "PATCH", "/apps/ews/patches/000400?apply=true", "")
	a.expect(200, "PATCH", "/apps/ews/patches/000400?apply=true", "")
	require.JSONEq(t, `{"appName":"ews","name":"000400","applied":true}`, a.expect(200, "GET", "/apps/ews/patches/000400", ""))
	require.JSONEq(t, `{"appName":"ews","name":"010000","applied":false}`, a.expect(200, "GET", "/apps/ews/patches/010000", ""))
	a.expect(200, "PATCH", "/apps/ews/patches/000400?apply=false", "")
	require.Contains(t, a.expect(200, "GET", "/apps/ews/patches/000400", ""), `"applied":false`)

	for _, path := range []string{"/apps/none", "/apps/none/patches/1"} {
		a.expect(404, "GET", path, "")
	}
	a.expect(404, "PATCH", "/apps/none?registered=true", "")
	a.expect(404, "PATCH", "/apps/none", "")
	a.expect(404, "PATCH", "/apps/none/patches/1?apply=true", "")
}

func TestRegistrationInMemory(t *testing.T) { checkRegistration(t, start(t)) }

func TestAssetTypes(t *testing.T) {
	a := start(t)
	stored := decode[elionasim.AssetType](t, a.expect(200, "PUT", typesPath, roomType))
	require.Len(t, stored.Attributes, 3)
	require.True(t, *stored.Attributes[1].Enable, "attributes are enabled by default")

	require.Empty(t, decode[elionasim.AssetType](t, a.expect(200, "GET", "/asset-types/ews_room", "")).Attributes)

	// Attributes are upserted, and only with the expansion.
	a.expect(200, "PUT", typesPath, `{"name":"ews_room","attributes":[{"name":"presence","subtype":"input"}]}`)
	a.expect(200, "PUT", "/asset-types", `{"name":"ews_room","attributes":[{"name":"ignored","subtype":"input"}]}`)
	stored = decode[elionasim.AssetType](t, a.expect(200, "GET", "/asset-types/ews_room?expansions=AssetType.attributes", ""))
	require.Len(t, stored.Attributes, 4)

	a.expect(404, "GET", "/asset-types/none", "")
	for body, status := range map[string]int{
		`{"name":""}`:                  422,
		``:                             422,
		`{"name":"x","colour":"red"}`:  400,
		`{"name":"x","icon":"rocket"}`: 422,
		`{"name":"x","attributes":[{"name":"","subtype":"input"}]}`:                    422,
		`{"name":"x","attributes":[{"name":"a"}]}`:                                     422,
		`{"name":"x","attributes":[{"name":"a","subtype":"inputs"}]}`:                  422,
		`{"name":"x","attributes":[{"name":"a","subtype":"input","categoryName":""}]}`: 400,
	} {
		a.expect(status, "PUT", typesPath, body)
	}
	require.Len(t, decode[[]elionasim.AssetType](t, a.expect(200, "GET", "/asset-types", "")), 1)
}

func TestNotifications(t *testing.T) {
	now := time.Date(2031, 3, 3, 9, 0, 0, 0, time.UTC)
	a := startWith(t, elionasim.Options{Now: func() time.Time { return now }})
	body := a.expect(201, "POST", "/send-notification", `{"user":"42","projectId":"10","message":{"de":"2 neue Assets","en":"2 new assets"}}`)
	require.JSONEq(t, `{"id":"N-1","scheduledAt":"2031-03-03T09:00:00Z","status":"scheduled"}`, body)
	a.expect(201, "POST", "/send-notification", `{"user":"Alice@example.com","message":{"fr":"x"}}`)
	a.expect(200, "GET", "/message-receipts/N-2", "")
	a.expect(404, "GET", "/message-receipts/N-3", "")

	for body, status := range map[string]int{
		`{"user":"","message":{"en":"x"}}`:                    422,
		`{"user":"42"}`:                                       422,
		`{"user":"42","message":null}`:                        422,
		`{"user":"42","message":{}}`:                          422,
		`{"user":"42","message":{"en":""}}`:                   422,
		`{"user":"42","message":{"es":"x"}}`:                  400,
		`{"user":"42","message":"x"}`:                         400,
		`{"user":"nobody@example.com","message":{"en":"x"}}`:  404,
		`{"user":"42","projectId":"12","message":{"en":"x"}}`: 422,
		`{`: 400,
	} {
		a.expect(status, "POST", "/send-notification", body)
	}
	sent := a.Notifications()
	require.Len(t, sent, 2)
	require.Equal(t, "admin@example.com", sent[0].Email)
	require.Equal(t, "alice@example.com", sent[1].Email)
}

func TestUsersAndProjects(t *testing.T) {
	a := start(t)
	require.Len(t, decode[[]elionasim.User](t, a.expect(200, "GET", "/users", "")), 5)
	require.Equal(t, "admin@example.com", decode[elionasim.User](t, a.expect(200, "GET", "/users/42", "")).Email)
	a.expect(404, "GET", "/users/1", "")
	require.Len(t, decode[[]elionasim.Project](t, a.expect(200, "GET", "/projects", "")), 2)
	a.expect(200, "GET", "/projects/11", "")
	a.expect(404, "GET", "/projects/12", "")
	require.Equal(t, "Alice Example", a.UserName("alice@example.com"))
	require.Empty(t, a.UserName("nobody@example.com"))
}

func TestWidgetTypes(t *testing.T) {
	a := start(t)
	path := "/widget-types?expansions=WidgetType.elements"
	stored := decode[elionasim.WidgetType](t, a.expect(200, "PUT", path, `{"name":"w","translation":{"en":"W"},"elements":[{"category":"Booking"}]}`))
	require.Equal(t, int32(1), *stored.ID)
	a.expect(200, "PUT", path, `{"name":"w","translation":{"en":"W"},"elements":[]}`)
	require.Empty(t, decode[elionasim.WidgetType](t, a.expect(200, "GET", "/widget-types/w", "")).Elements)
	a.expect(404, "GET", "/widget-types/v", "")
	a.expect(422, "PUT", path, `{"translation":{}}`)
	a.expect(422, "PUT", path, `{"name":"w"}`)
	a.expect(422, "PUT", path, `{"name":"w","translation":{},"elements":[{"category":""}]}`)
}

func TestFaultsAndStats(t *testing.T) {
	a := start(t)
	_, err := a.faults.Add(fault.Rule{Service: "eliona", Operation: "GET /users/{}", Kind: fault.Status, Status: 503, Count: 2})
	require.NoError(t, err)
	a.expect(503, "GET", "/users/42", "")
	a.expect(200, "GET", "/users", "")
	a.expect(503, "GET", "/users/42", "")
	a.expect(200, "GET", "/users/42", "")
	a.expect(404, "GET", "/nothing", "")
	counts := a.stats.Snapshot()["eliona"]
	require.Equal(t, int64(3), counts["GET /users/{}"].Requests)
	require.Equal(t, int64(2), counts["GET /users/{}"].Errors)
	require.Equal(t, int64(1), counts["GET (unknown)"].Requests)
}
