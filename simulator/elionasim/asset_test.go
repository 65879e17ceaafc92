package elionasim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"ews/simulator/elionasim"
)

func gais(assets []elionasim.Asset) []string {
	out := []string{}
	for _, asset := range assets {
		out = append(out, asset.GlobalAssetIdentifier)
	}
	return out
}

func TestBulkCreatesATree(t *testing.T) {
	a := start(t)
	assets := a.withRooms("blue", "red")
	require.Equal(t, []string{"ews_root", "ews_room_blue@example.com", "ews_room_red@example.com"}, gais(assets))
	require.Equal(t, []int32{501, 502, 503}, []int32{*assets[0].ID, *assets[1].ID, *assets[2].ID})
	require.Equal(t, []int32{501}, assets[0].LocationalAssetIDPath)
	require.Nil(t, assets[0].ParentLocationalAssetID, "an empty identifier means no parent")
	require.Equal(t, []int32{501, 502}, assets[1].LocationalAssetIDPath)
	require.Equal(t, []int32{501, 502}, assets[1].FunctionalAssetIDPath)
	require.Equal(t, int32(501), *assets[1].ParentFunctionalAssetID)

	// A later batch finds the parent among the stored assets.
	later := decode[[]elionasim.Asset](t, a.expect(200, "PUT", bulkPath, "["+room("green")+"]"))
	require.Equal(t, []int32{501, 504}, later[0].LocationalAssetIDPath)

	read := decode[elionasim.Asset](t, a.expect(200, "GET", "/assets/502", ""))
	require.Empty(t, cmp.Diff(assets[1], read))
	require.Len(t, decode[[]elionasim.Asset](t, a.expect(200, "GET", "/assets?projectId=10&assetTypeName=ews_room", "")), 3)
	require.Empty(t, decode[[]elionasim.Asset](t, a.expect(200, "GET", "/assets?projectId=11", "")))
}

func TestBulkWithNothing(t *testing.T) {
	a := start(t)
	for _, body := range []string{"null", "[]", ""} {
		require.Equal(t, "[]", a.expect(200, "PUT", bulkPath, body))
	}
}

func TestBulkOverwritesByKey(t *testing.T) {
	a := start(t)
	a.withRooms("blue")
	again := decode[[]elionasim.Asset](t, a.expect(200, "PUT", bulkPath,
		`[{"projectId":"10","globalAssetIdentifier":"ews_room_blue@example.com","name":"Azure","assetType":"ews_root"}]`))
	require.Equal(t, int32(502), *again[0].ID)
	require.Equal(t, "Azure", *again[0].Name)
	require.Equal(t, "ews_root", again[0].AssetType)
	require.Nil(t, again[0].ParentLocationalAssetID, "what is not sent is cleared")

	other := decode[[]elionasim.Asset](t, a.expect(200, "PUT", bulkPath,
		`[{"projectId":"11","globalAssetIdentifier":"ews_room_blue@example.com","assetType":"ews_room"}]`))
	require.Equal(t, int32(503), *other[0].ID, "the same GAI in another project is another asset")
}

func TestBulkRefusals(t *testing.T) {
	element := func(project, gai, kind, parent string) string {
		return fmt.Sprintf(`{"projectId":%q,"globalAssetIdentifier":%q,"assetType":%q,"parentLocationalIdentifier":%q}`, project, gai, kind, parent)
	}
	missing := "error: dependent resource not found"
	tests := map[string]struct {
		body   string
		status int
		text   string
	}{
		"malformed":            {`[`, 400, ""},
		"not an array":         {`{}`, 400, ""},
		"unknown key":          {`[{"projectId":"10","gai":"x"}]`, 400, ""},
		"no project":           {"[" + element("", "x", "ews_room", "") + "]", 422, "required field 'projectId' is zero value."},
		"no GAI":               {"[" + element("10", "", "ews_room", "") + "]", 422, "required field 'globalAssetIdentifier' is zero value."},
		"no type":              {"[" + element("10", "x", "", "") + "]", 422, "required field 'assetType' is zero value."},
		"unknown project":      {"[" + element("12", "x", "ews_room", "") + "]", 422, missing},
		"unknown type":         {"[" + element("10", "x", "ews_desk", "") + "]", 422, missing},
		"unknown parent":       {"[" + element("10", "x", "ews_room", "y") + "]", 422, missing},
		"parent comes later":   {"[" + element("10", "x", "ews_room", "y") + "," + element("10", "y", "ews_room", "") + "]", 422, missing},
		"parent elsewhere":     {"[" + element("11", "x", "ews_room", "ews_root") + "]", 422, missing},
		"its own parent":       {"[" + element("10", "ews_root", "ews_root", "ews_root") + "]", 422, ""},
		"its own ancestor":     {"[" + element("10", "ews_root", "ews_root", "ews_room_blue@example.com") + "]", 422, ""},
		"the second is faulty": {"[" + element("10", "x", "ews_room", "") + "," + element("10", "y", "ews_desk", "") + "]", 422, missing},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			a.withRooms("blue")
			text := decode[string](t, a.expect(test.status, "PUT", bulkPath, test.body))
			if test.text != "" {
				require.Equal(t, test.text, text)
			}
			require.Len(t, a.Assets(), 2, "all or nothing")
		})
	}
	start(t).expect(400, "PUT", "/assets-bulk?identifyBy=name", "[]")
}

func TestSingleAsset(t *testing.T) {
	a := start(t)
	a.withRooms()
	created := decode[elionasim.Asset](t, a.expect(200, "PUT", "/assets",
		`{"projectId":"10","globalAssetIdentifier":"x","assetType":"ews_room","parentLocationalAssetId":501,"parentFunctionalAssetId":501}`))
	require.Equal(t, []int32{501, 502}, created.LocationalAssetIDPath)
	a.expect(422, "PUT", "/assets", `{"projectId":"10","globalAssetIdentifier":"y","assetType":"ews_room","parentLocationalAssetId":77}`)
	a.expect(422, "PUT", "/assets", `{}`)

	renamed := decode[elionasim.Asset](t, a.expect(200, "PUT", "/assets?identifyBy=id",
		`{"id":502,"projectId":"10","globalAssetIdentifier":"x","assetType":"ews_room","name":"X","parentLocationalIdentifier":"501"}`))
	require.Equal(t, int32(502), *renamed.ID)
	require.Equal(t, []int32{501, 502}, renamed.LocationalAssetIDPath)
	byResource := decode[elionasim.Asset](t, a.expect(200, "PUT", "/assets?identifyBy=resourceId",
		fmt.Sprintf(`{"resourceId":%q,"projectId":"10","globalAssetIdentifier":"x","assetType":"ews_room","name":"Y"}`, *renamed.ResourceID)))
	require.Equal(t, int32(502), *byResource.ID)
}

func TestDeletedAsset(t *testing.T) {
	a := start(t)
	a.withRooms("blue")
	a.expect(204, "DELETE", "/assets/502", "")
	a.expect(404, "DELETE", "/assets/502", "")
	a.expect(404, "GET", "/assets/502", "")
	a.expect(404, "GET", "/assets/999", "")
	a.expect(400, "GET", "/assets/blue", "")
	a.expect(404, "PUT", "/data", `{"assetId":502,"subtype":"info","data":{"email":"x"}}`)
	require.Len(t, decode[[]elionasim.Asset](t, a.expect(200, "GET", "/assets", "")), 1)
	require.True(t, a.Assets()[1].Archived)
}

func TestSwitchArchivedPolicy(t *testing.T) {
	for policy, want := range map[string]struct {
		status int
		id     int32
	}{
		elionasim.ArchivedRevive: {200, 502}, elionasim.ArchivedRefuse: {422, 0}, elionasim.ArchivedNew: {200, 503},
	} {
		t.Run(policy, func(t *testing.T) {
			a := start(t, func(s *elionasim.Switches) { s.ArchivedPolicy = policy })
			a.withRooms("blue")
			a.DeleteAsset(502)
			body := a.expect(want.status, "PUT", bulkPath, "["+room("blue")+"]")
			if want.id == 0 {
				a.expect(404, "GET", "/assets/502", "")
				return
			}
			require.Equal(t, want.id, *decode[[]elionasim.Asset](t, body)[0].ID)
			a.expect(200, "GET", fmt.Sprintf("/assets/%d", want.id), "")
		})
	}
}

func TestSwitchBulkAnswers(t *testing.T) {
	a := start(t, func(s *elionasim.Switches) { s.BulkShuffled = true })
	order := []string{"ews_root", "ews_room_blue@example.com", "ews_room_red@example.com"}
	answer := gais(a.withRooms("blue", "red"))
	require.ElementsMatch(t, order, answer)
	require.NotEqual(t, order, answer)

	a = start(t, func(s *elionasim.Switches) { s.BulkIncomplete = true })
	require.Equal(t, order[:2], gais(a.withRooms("blue", "red")))
	require.Len(t, a.Assets(), 3)
}

func TestSwitchUnknownFields(t *testing.T) {
	for fields, want := range map[string][3]bool{
		elionasim.FieldsNone: {false, false, false}, elionasim.FieldsDocumented: {true, true, false}, elionasim.FieldsEverywhere: {true, true, true},
	} {
		a := start(t, func(s *elionasim.Switches) { s.UnknownFields = fields })
		a.withRooms("blue")
		asset := a.expect(200, "GET", "/assets/502", "")
		kind := a.expect(200, "GET", "/asset-types/ews_room?expansions=AssetType.attributes", "")
		require.Equal(t, want[0], strings.Contains(asset, `"allowedInactivity":null`), fields)
		require.Equal(t, want[1], strings.Contains(kind, `"categoryName"`), fields)
		require.Equal(t, want[2], strings.Contains(asset, `"futureField"`), fields)

		a.expect(201, "PUT", "/data", `{"assetId":502,"subtype":"info","data":{"email":"x"}}`)
		data := decode[[]elionasim.Data](t, a.expect(200, "GET", "/data?assetId=502", ""))
		require.Equal(t, map[string]any{"email": "x"}, data[0].Data, "stored values stay as they are")
	}
}

func TestSwitchAssetDeletion(t *testing.T) {
	a := start(t, func(s *elionasim.Switches) { s.AssetDeletion = elionasim.DeleteAfterGet })
	a.withRooms("blue")
	a.expect(200, "GET", "/assets/502", "")
	a.expect(404, "PUT", "/data", `{"assetId":502,"subtype":"info","data":{}}`)

	a = start(t)
	a.withRooms()
	switches := a.Switches()
	switches.AssetDeletion = elionasim.DeleteAfterUpsert
	require.NoError(t, a.SetSwitches(switches))
	a.expect(200, "PUT", bulkPath, "["+room("blue")+"]")
	a.expect(404, "GET", "/assets/502", "")
}

func TestSwitchLatency(t *testing.T) {
	a := start(t, func(s *elionasim.Switches) { s.LatencyMilliseconds = 40 })
	began := time.Now()
	a.expect(200, "GET", "/version", "")
	require.GreaterOrEqual(t, time.Since(began), 40*time.Millisecond)
}

func TestSwitchesAreChecked(t *testing.T) {
	a := start(t)
	switches := a.Switches()
	switches.ArchivedPolicy = "forget"
	require.ErrorContains(t, a.SetSwitches(switches), "archivedPolicy")
}

func TestData(t *testing.T) {
	now := time.Date(2031, 3, 3, 9, 0, 0, 0, time.UTC)
	a := startWith(t, elionasim.Options{Now: func() time.Time { return now }})
	a.withRooms("blue")
	body := a.expect(201, "PUT", "/data", `{"assetId":502,"subtype":"info","assetTypeName":"ews_room","clientReference":"ews-app","data":{"email":"x","floor":1}}`)
	require.Empty(t, body)
	a.expect(201, "PUT", "/data", `{"assetId":502,"subtype":"info","data":{"email":"y"}}`)
	a.expect(201, "PUT", "/data-bulk", `[{"assetId":502,"subtype":"property","data":{"bookable":1}},{"assetId":501,"subtype":"info","data":{}}]`)

	require.JSONEq(t, `[{"assetId":502,"subtype":"info","timestamp":"2031-03-03T09:00:00Z","data":{"email":"y"},"assetTypeName":"ews_room"}]`,
		a.expect(200, "GET", "/data?assetId=502&dataSubtype=info", ""), "one (asset, subtype) is replaced as a whole")
	require.Len(t, decode[[]elionasim.Data](t, a.expect(200, "GET", "/data", "")), 3)
	require.Len(t, decode[[]elionasim.Data](t, a.expect(200, "GET", "/data?assetTypeName=ews_root", "")), 1)
	require.Equal(t, "[]", a.expect(200, "GET", "/data?assetId=999", ""))

	for body, status := range map[string]int{
		`{"assetId":999,"subtype":"info","data":{}}`:                           404,
		`{"subtype":"info","data":{}}`:                                         422,
		`{"assetId":502,"data":{}}`:                                            422,
		`{"assetId":502,"subtype":"information","data":{}}`:                    422,
		`{"assetId":502,"subtype":"info"}`:                                     422,
		`{"assetId":502,"subtype":"info","data":null}`:                         422,
		`{"assetId":502,"subtype":"info","data":[]}`:                           400,
		`{"assetId":502,"subtype":"info","data":{},"value":1}`:                 400,
		`{"assetId":502,"subtype":"info","data":{},"assetTypeName":"unknown"}`: 422,
	} {
		a.expect(status, "PUT", "/data", body)
	}
	a.expect(404, "PUT", "/data-bulk", `[{"assetId":502,"subtype":"status","data":{}},{"assetId":999,"subtype":"info","data":{}}]`)
	require.Equal(t, "[]", a.expect(200, "GET", "/data?assetId=502&dataSubtype=status", ""), "all or nothing")
	a.expect(400, "GET", "/data?dataSubtype=x", "")
}

func TestListeners(t *testing.T) {
	a := start(t)
	a.withRooms("blue")
	dial := func(path string) *websocket.Conn {
		conn, response, err := websocket.Dial(t.Context(), strings.Replace(a.url, "http", "ws", 1)+path,
			&websocket.DialOptions{HTTPHeader: http.Header{"X-API-Key": {"secret"}}})
		require.NoError(t, err)
		if response.Body != nil {
			_ = response.Body.Close()
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		return conn
	}
	data, assets := dial("/data-listener?assetId=502&dataSubtype=info"), dial("/asset-listener")
	a.expect(400, "GET", "/asset-listener", "")

	// The listener joins after the handshake; write until it hears.
	heard := make(chan string, 1)
	go func() {
		_, message, err := data.Read(t.Context())
		if err != nil {
			t.Errorf("reading an event: %v", err)
		}
		heard <- string(message)
	}()
	var message string
	require.Eventually(t, func() bool {
		a.expect(201, "PUT", "/data", `{"assetId":502,"subtype":"info","data":{"email":"x"},"clientReference":"me"}`)
		select {
		case message = <-heard:
			return true
		default:
			return false
		}
	}, 5*time.Second, time.Millisecond)
	event := decode[map[string]any](t, message)
	require.Equal(t, "me", event["clientReference"])
	require.Contains(t, []any{200.0, 201.0}, event["statusCode"])

	statuses := make(chan int, 10000)
	go func() {
		defer close(statuses)
		for {
			_, message, err := assets.Read(t.Context())
			if err != nil {
				return
			}
			var event struct {
				StatusCode int `json:"statusCode"`
			}
			if err := json.Unmarshal(message, &event); err != nil {
				t.Errorf("event %s: %v", message, err)
				return
			}
			statuses <- event.StatusCode
		}
	}()
	require.Eventually(t, func() bool {
		a.expect(200, "PUT", bulkPath, "["+room("blue")+"]")
		return len(statuses) > 0
	}, 5*time.Second, time.Millisecond)
	a.expect(204, "DELETE", "/assets/502", "")
	status := 0
	for status = range statuses {
		if status == 204 {
			break
		}
		require.Equal(t, 200, status)
	}
	require.Equal(t, 204, status)
}
