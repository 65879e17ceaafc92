package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/eliona"
)

// elionaAPI connects to an Eliona API that answers so.
func elionaAPI(t *testing.T, answer http.HandlerFunc) (*assets, *farSide) {
	t.Helper()
	f := newFarSide(t, answer)
	client, err := eliona.New(eliona.Options{Endpoint: f.URL + "/v2", Token: "token"})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return &assets{client: client}, f
}

func TestAssetsAreEnsured(t *testing.T) {
	t.Parallel()
	a, f := elionaAPI(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			says(201, `[{"id":9,"projectId":"10","globalAssetIdentifier":"ews_room_room-1@example.com","assetType":"ews_room"}]`)(w, r)
		case r.URL.Query().Get("assetTypeName") == eliona.RoomType:
			says(200, `[{"id":8,"projectId":"10","globalAssetIdentifier":"ews_room_Room-2@Example.com","assetType":"ews_room"}]`)(w, r)
		default:
			says(200, `[{"id":7,"projectId":"10","globalAssetIdentifier":"ews_root","assetType":"ews_root"}]`)(w, r)
		}
	})
	rooms := []engine.RoomInfo{{Address: "room-1@example.com", Name: "Room 1"}, {Address: "room-2@example.com", Name: "Room 2"}}
	got, err := a.Ensure(t.Context(), "10", rooms)
	require.NoError(t, err)
	require.Equal(t, []engine.EnsuredAsset{
		{Created: true, Asset: engine.Asset{Project: "10", GAI: "ews_room_room-1@example.com", Room: "room-1@example.com", ID: 9}},
		{Asset: engine.Asset{Project: "10", GAI: "ews_room_Room-2@Example.com", Room: "room-2@example.com", ID: 8}},
	}, got)
	last := f.requests()[len(f.requests())-1]
	require.Contains(t, last.Body, `"name":"Room 1"`)
	require.NotContains(t, last.Body, "room-2")
}

// What makes an asset bookable is written last.
func TestAssetsAreDescribed(t *testing.T) {
	t.Parallel()
	gone := ""
	a, f := elionaAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if gone != "" {
			says(404, `"no such asset"`)(w, r)
			return
		}
		says(204, "")(w, r)
	})
	exists, err := a.Describe(t.Context(), 9, "room-1@example.com")
	require.NoError(t, err)
	require.True(t, exists)
	var subtypes []string
	for _, r := range f.requests() {
		var body struct {
			AssetID int            `json:"assetId"`
			Subtype string         `json:"subtype"`
			Data    map[string]any `json:"data"`
		}
		require.NoError(t, json.Unmarshal([]byte(r.Body), &body))
		require.Equal(t, 9, body.AssetID)
		subtypes = append(subtypes, body.Subtype)
		if body.Subtype == "info" {
			require.Equal(t, map[string]any{"email": "room-1@example.com", "location": ""}, body.Data)
		}
	}
	require.Equal(t, []string{"info", "property"}, subtypes)

	gone = "yes"
	exists, err = a.Describe(t.Context(), 9, "room-1@example.com")
	require.NoError(t, err)
	require.False(t, exists)
}

func TestErrorsOfEliona(t *testing.T) {
	t.Parallel()
	want := map[eliona.Class]engine.Error{
		eliona.Transient: {Class: engine.Transient, Code: "eliona_unreachable"},
		eliona.Refused:   {Class: engine.Broken, Code: "eliona_refused"},
		eliona.NotFound:  {Class: engine.NotFound, Code: "eliona_not_found"},
		eliona.Denied:    {Class: engine.Broken, Code: "eliona_token_refused"},
		eliona.Bug:       {Class: engine.Broken, Code: "eliona_request_refused"},
	}
	unknown := eliona.Class(0).String()
	for class := eliona.Transient; class.String() != unknown; class++ {
		require.Contains(t, want, class)
		e := want[class]
		e.Ambiguous, e.Err = true, fmt.Errorf("wrapped: %w", &eliona.Error{Class: class, Ambiguous: true})
		require.Equal(t, &e, elionaError(e.Err))
	}
	paused := failure(t, elionaError(&eliona.Error{Class: eliona.Transient, RetryAfter: time.Minute}))
	require.Equal(t, engine.Throttled, paused.Class)
	require.Equal(t, time.Minute, paused.Pause)
	require.Equal(t, engine.Transient, failure(t, elionaError(errors.New("other"))).Class)
}

func TestFailuresOfEliona(t *testing.T) {
	t.Parallel()
	a, f := elionaAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, "slower")
	})
	rooms := []engine.RoomInfo{{Address: "room-1@example.com"}}
	_, err := a.Ensure(t.Context(), "10", rooms)
	require.Equal(t, 30*time.Second, failure(t, err).Pause)
	exists, err := a.Describe(t.Context(), 9, meeting.Address("room-1@example.com"))
	require.Equal(t, engine.Throttled, failure(t, err).Class)
	require.False(t, exists)

	asked := len(f.requests())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = a.Ensure(ctx, "10", rooms)
	require.Equal(t, engine.Transient, failure(t, err).Class)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, f.requests(), asked)
}
