package eliona

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func blue() Asset {
	return Asset{Project: "10", GAI: "ews_room_blue@corp.test", Name: "Blue", Type: RoomType, Parent: "ews_root"}
}

func root() Asset {
	return Asset{Project: "10", GAI: "ews_root", Name: "Exchange", Type: RootType}
}

func TestUpsertAssetsMatchesByIdentifier(t *testing.T) {
	a := newAPI(t, (&store{}).serve)
	ids, err := a.client(t).UpsertAssets(t.Context(), []Asset{root(), blue()})
	require.NoError(t, err)
	require.Equal(t, map[GAI]AssetID{"ews_root": 501, "ews_room_blue@corp.test": 502}, ids)
	calls := a.seen()
	require.Len(t, calls, 1)
	require.JSONEq(t, `[
		{"projectId":"10","globalAssetIdentifier":"ews_root","name":"Exchange","assetType":"ews_root","description":""},
		{"projectId":"10","globalAssetIdentifier":"ews_room_blue@corp.test","name":"Blue","assetType":"ews_room","description":"",
		 "parentFunctionalIdentifier":"ews_root","parentLocationalIdentifier":"ews_root"}]`, calls[0].Body)
}

func TestUpsertAssetsOfNothingSendsNothing(t *testing.T) {
	a := newAPI(t, says(http.StatusOK, `[]`))
	ids, err := a.client(t).UpsertAssets(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, ids)
	require.Empty(t, a.seen())
}

func TestUpsertAssetsNamesWhatIsMissing(t *testing.T) {
	a := newAPI(t, (&store{lose: "ews_room_blue@corp.test"}).serve)
	ids, err := a.client(t).UpsertAssets(t.Context(), []Asset{root(), blue()})
	failure := asError(t, err)
	require.Equal(t, Transient, failure.Class)
	require.Contains(t, err.Error(), "ews_room_blue@corp.test")
	require.Equal(t, map[GAI]AssetID{"ews_root": 501}, ids)
}

func TestUpsertAssetsRefusesMixedProjects(t *testing.T) {
	a := newAPI(t, says(http.StatusOK, `[]`))
	other := blue()
	other.Project = "11"
	_, err := a.client(t).UpsertAssets(t.Context(), []Asset{blue(), other})
	require.Equal(t, Bug, asError(t, err).Class)
	require.Empty(t, a.seen())
}

func TestUpsertAssetsInParts(t *testing.T) {
	a := newAPI(t, (&store{}).serve)
	assets := []Asset{root()}
	for i := range 1100 {
		room := blue()
		room.GAI = RoomGAI(fmt.Sprintf("room-%d@corp.test", i))
		assets = append(assets, room)
	}
	ids, err := a.client(t).UpsertAssets(t.Context(), assets)
	require.NoError(t, err)
	require.Len(t, ids, 1101)
	require.Len(t, a.seen(), 3)
}

func TestUpsertAssetsFallsBackToSingleCallsWithNumbers(t *testing.T) {
	s := &store{noBulk: true}
	s.upsert(map[string]any{"projectId": "11", "globalAssetIdentifier": "ews_root", "assetType": "ews_root"})
	s.upsert(map[string]any{"projectId": "10", "globalAssetIdentifier": "ews_root", "assetType": "ews_root"})
	a := newAPI(t, s.serve)
	client := a.client(t)
	ids, err := client.UpsertAssets(t.Context(), []Asset{blue()})
	require.NoError(t, err)
	require.Equal(t, map[GAI]AssetID{"ews_room_blue@corp.test": 503}, ids)
	calls := a.seen()
	var sent map[string]any
	require.NoError(t, json.Unmarshal([]byte(calls[len(calls)-1].Body), &sent))
	require.InDelta(t, 502, sent["parentLocationalAssetId"], 0, "the root of the same project")
	require.InDelta(t, 502, sent["parentFunctionalAssetId"], 0)

	ids, err = client.UpsertAssets(t.Context(), []Asset{root(), blue()})
	require.NoError(t, err)
	require.Equal(t, AssetID(502), ids["ews_root"])

	orphan := blue()
	orphan.Parent = "nobody"
	_, err = client.UpsertAssets(t.Context(), []Asset{orphan})
	require.Equal(t, Refused, asError(t, err).Class)
}

func TestAMissingAssetTypeIsRefused(t *testing.T) {
	a := newAPI(t, says(http.StatusUnprocessableEntity, `"error: dependent resource not found"`))
	_, err := a.client(t).UpsertAssets(t.Context(), []Asset{root()})
	failure := asError(t, err)
	require.Equal(t, Refused, failure.Class)
	require.Equal(t, "error: dependent resource not found", failure.Message)
}

func TestAssetsToleratesWhatOtherVersionsAnswer(t *testing.T) {
	a := newAPI(t, says(http.StatusOK, `[
		{"id":502,"projectId":"10","globalAssetIdentifier":"g","name":null,"assetType":"ews_room","allowedInactivity":null,"new":[1]},
		{"id":null,"projectId":"10","globalAssetIdentifier":"h","assetType":"ews_room"},
		{"id":7,"projectId":"11","globalAssetIdentifier":"i","assetType":"ews_room"},
		{"id":8,"projectId":"10","globalAssetIdentifier":"j","assetType":"other"}]`))
	assets, err := a.client(t).Assets(t.Context(), "10", RoomType)
	require.NoError(t, err)
	require.Equal(t, []Asset{{ID: 502, Project: "10", GAI: "g", Type: RoomType}}, assets)
	require.Equal(t, []string{"GET /v2/assets?assetTypeName=ews_room&projectId=10"}, a.lines())

	for _, empty := range []string{``, `null`, `[]`} {
		assets, err := newAPI(t, says(http.StatusOK, empty)).client(t).Assets(t.Context(), "10", RoomType)
		require.NoError(t, err)
		require.Empty(t, assets)
	}
	_, err = newAPI(t, says(http.StatusOK, `{"x":1}`)).client(t).Assets(t.Context(), "10", RoomType)
	require.Equal(t, Transient, asError(t, err).Class)
}

func TestAssetExists(t *testing.T) {
	for status, want := range map[int]bool{http.StatusOK: true, http.StatusNotFound: false} {
		a := newAPI(t, says(status, `{"id":502}`))
		exists, err := a.client(t).AssetExists(t.Context(), 502)
		require.NoError(t, err)
		require.Equal(t, want, exists)
		require.Equal(t, []string{"GET /v2/assets/502"}, a.lines())
	}
	_, err := newAPI(t, says(http.StatusBadGateway, "")).client(t).AssetExists(t.Context(), 502)
	require.Equal(t, Transient, asError(t, err).Class)
}

func TestEnsureRoomsCreatesOnlyWhatIsMissing(t *testing.T) {
	s := &store{}
	a := newAPI(t, s.serve)
	client := a.client(t)
	rooms := []Room{{Address: "Blue@Corp.test", Name: "Blue"}, {Address: "red@corp.test"}}
	results, err := client.EnsureRooms(t.Context(), "10", rooms)
	require.NoError(t, err)
	require.Equal(t, []RoomResult{
		{AssetID: 502, GAI: "ews_room_blue@corp.test", Created: true},
		{AssetID: 503, GAI: "ews_room_red@corp.test", Created: true},
	}, results)
	require.Equal(t, "Exchange", s.assets[0]["name"])
	require.Equal(t, "red@corp.test", s.assets[2]["name"])

	s.assets[0]["name"], s.assets[1]["name"] = "My root", "My blue room"
	results, err = client.EnsureRooms(t.Context(), "10", append(rooms, Room{Address: "new@corp.test"}, Room{Address: "NEW@corp.test"}))
	require.NoError(t, err)
	require.Equal(t, []RoomResult{
		{AssetID: 502, GAI: "ews_room_blue@corp.test"},
		{AssetID: 503, GAI: "ews_room_red@corp.test"},
		{AssetID: 504, GAI: "ews_room_new@corp.test", Created: true},
		{AssetID: 504, GAI: "ews_room_new@corp.test", Created: true},
	}, results)
	require.Equal(t, "My root", s.assets[0]["name"])
	require.Equal(t, "My blue room", s.assets[1]["name"])

	before := len(a.seen())
	_, err = client.EnsureRooms(t.Context(), "10", rooms)
	require.NoError(t, err)
	require.Len(t, a.seen(), before+1, "nothing missing: one look and no write")
}

func TestEnsureRoomsAdoptsOlderSpellings(t *testing.T) {
	s := &store{}
	s.upsert(map[string]any{"projectId": "10", "globalAssetIdentifier": "ews_room_Blue@Corp.test", "assetType": "ews_room"})
	results, err := newAPI(t, s.serve).client(t).EnsureRooms(t.Context(), "10", []Room{{Address: "blue@corp.test"}})
	require.NoError(t, err)
	require.Equal(t, []RoomResult{{AssetID: 501, GAI: "ews_room_Blue@Corp.test"}}, results)
}

func TestEnsureRoomsMakesNoRootWithoutRooms(t *testing.T) {
	a := newAPI(t, (&store{}).serve)
	results, err := a.client(t).EnsureRooms(t.Context(), "10", nil)
	require.NoError(t, err)
	require.Empty(t, results)
	require.Empty(t, a.seen())
	_, err = a.client(t).EnsureRooms(t.Context(), "10", []Room{{Address: " "}})
	require.Error(t, err)
}

func TestEnsureRoomsGivesNothingBesideAnError(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, c call) {
		if c.Method == http.MethodPut {
			say(w, http.StatusServiceUnavailable, "")
			return
		}
		say(w, http.StatusOK, "[]")
	})
	results, err := a.client(t).EnsureRooms(t.Context(), "10", []Room{{Address: "blue@corp.test"}})
	require.Equal(t, Transient, asError(t, err).Class)
	require.Nil(t, results)
}

func TestWriteData(t *testing.T) {
	a := newAPI(t, says(http.StatusCreated, ""))
	client := a.client(t)
	require.NoError(t, client.WriteData(t.Context(), RoomInfo(502, "Blue@Corp.test", "Tower 2")))
	require.NoError(t, client.WriteData(t.Context(), RoomBookable(502)))
	calls := a.seen()
	require.Len(t, calls, 2)
	require.Equal(t, "PUT /v2/data", calls[0].line())
	require.JSONEq(t, `{"assetId":502,"subtype":"info","assetTypeName":"ews_room","clientReference":"ews-app","data":{"email":"blue@corp.test","location":"Tower 2"}}`, calls[0].Body)
	require.JSONEq(t, `{"assetId":502,"subtype":"property","assetTypeName":"ews_room","clientReference":"ews-app","data":{"bookable":1}}`, calls[1].Body)

	for _, bad := range []Data{
		{AssetID: 502, Subtype: "input", Attributes: map[string]any{"occupancy": 1}},
		{AssetID: 502, Subtype: SubtypeInfo},
		{Subtype: SubtypeInfo, Attributes: map[string]any{"email": "x"}},
	} {
		require.Equal(t, Bug, asError(t, client.WriteData(t.Context(), bad)).Class)
	}
	require.Len(t, a.seen(), 2, "occupancy belongs to the Booking app")
}

func TestWriteBulk(t *testing.T) {
	a := newAPI(t, says(http.StatusCreated, ""))
	client := a.client(t)
	require.NoError(t, client.WriteBulk(t.Context(), nil))
	require.Empty(t, a.seen())
	agenda := Agenda{NextStart: "2026-12-01T13:00:00+01:00", NextEnd: "2026-12-01T14:00:00+01:00"}
	require.NoError(t, client.WriteBulk(t.Context(), []Data{RoomAgenda(502, agenda), RoomBookable(503)}))
	calls := a.seen()
	require.Len(t, calls, 1)
	require.Equal(t, "PUT /v2/data-bulk", calls[0].line())
	require.JSONEq(t, `[
		{"assetId":502,"subtype":"status","assetTypeName":"ews_room","clientReference":"ews-app",
		 "data":{"current_end":"","next_start":"2026-12-01T13:00:00+01:00","next_end":"2026-12-01T14:00:00+01:00"}},
		{"assetId":503,"subtype":"property","assetTypeName":"ews_room","clientReference":"ews-app","data":{"bookable":1}}]`, calls[0].Body)
	err := client.WriteBulk(t.Context(), []Data{RoomBookable(502), {AssetID: 503, Subtype: "input", Attributes: map[string]any{"occupancy": 1}}})
	require.Equal(t, Bug, asError(t, err).Class)
	require.Len(t, a.seen(), 1)
}

func TestNotify(t *testing.T) {
	text := Translation{De: "d", En: "e"}
	for body, want := range map[string]string{
		`{"id":"N-17","scheduledAt":null,"status":"scheduled","new":1}`: "N-17",
		`{"id":17}`:   "17",
		`{"id":null}`: "",
		`{}`:          "",
		``:            "",
		`"sent"`:      "",
	} {
		a := newAPI(t, says(http.StatusCreated, body))
		receipt, err := a.client(t).Notify(t.Context(), "42", "10", text)
		require.NoError(t, err)
		require.Equal(t, want, receipt, body)
		require.JSONEq(t, `{"user":"42","projectId":"10","message":{"de":"d","en":"e"}}`, a.seen()[0].Body)
	}
	a := newAPI(t, says(http.StatusNotFound, `"user ann@corp.test not found"`))
	_, err := a.client(t).Notify(t.Context(), "ann@corp.test", "", text)
	require.Equal(t, NotFound, asError(t, err).Class)
	require.NotContains(t, err.Error(), "ann")
	require.NotContains(t, a.seen()[0].Body, "projectId")
	_, err = a.client(t).Notify(t.Context(), "", "", text)
	require.Equal(t, Bug, asError(t, err).Class)
}

func TestErrorsHaveClassesAndHoldNoSecrets(t *testing.T) {
	for status, want := range map[int]Class{
		400: Bug, 401: Denied, 403: Denied, 404: NotFound, 409: Refused, 422: Refused, 429: Transient, 500: Transient, 503: Transient,
	} {
		a := newAPI(t, func(w http.ResponseWriter, _ call) {
			w.Header().Set("Retry-After", "3")
			say(w, status, `"text"`)
		})
		err := a.client(t).WriteData(t.Context(), RoomBookable(1))
		failure := asError(t, err)
		require.Equal(t, want, failure.Class, status)
		require.Equal(t, status == 500, failure.Ambiguous, status)
		require.InDelta(t, 3, failure.RetryAfter.Seconds(), 0)
	}
	a := newAPI(t, says(http.StatusOK, ""))
	client := a.client(t)
	a.Close()
	err := client.WriteData(t.Context(), RoomBookable(1))
	failure := asError(t, err)
	require.Equal(t, Transient, failure.Class)
	require.False(t, failure.Ambiguous)
	require.NotContains(t, err.Error(), token)
	require.NotContains(t, err.Error(), a.URL)
}

func TestNewChecksTheEndpoint(t *testing.T) {
	for _, bad := range []string{"", "eliona", "ftp://x/v2", "http:///v2", "http://user:secret@%zz"} {
		_, err := New(Options{Endpoint: bad})
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}
