package booking

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// storing is an app that stores groups: it numbers new bookings from 201.
func storing(t *testing.T) *app {
	next := ID(200)
	return newApp(t, func(w http.ResponseWriter, r *http.Request) {
		var body groupRequestBody
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			say(w, http.StatusBadRequest, `"malformed"`)
			return
		}
		bookings := []map[string]any{}
		for _, o := range body.Occurrences {
			if o.BookingID == 0 {
				next++
				o.BookingID = next
			}
			bookings = append(bookings, map[string]any{
				"id": o.BookingID, "assetIds": o.AssetIDs, "start": o.Start, "end": o.End, "organizerID": o.OrganizerID,
			})
		}
		answer, err := json.Marshal(map[string]any{"id": 17, "bookings": bookings})
		if err != nil {
			t.Errorf("encoding the answer: %v", err)
		}
		say(w, http.StatusCreated, string(answer))
	})
}

func TestUpsertGroupCreatesAndUpdates(t *testing.T) {
	a := storing(t)
	client := a.client(t)
	result, err := client.UpsertGroup(t.Context(), series(week(2)...))
	require.NoError(t, err)
	require.Equal(t, GroupResult{Group: 17, IDs: []ID{201, 202}, Acknowledged: 2}, result)

	moved := week(2)
	moved[0].ID, moved[1].ID = 201, 202
	moved[0].Assets = []AssetID{503, 502, 503}
	_, err = client.UpsertGroup(t.Context(), GroupRequest{Group: 17, Organizer: "ann@corp.test", Occurrences: moved})
	require.NoError(t, err)

	calls := a.seen()
	require.Len(t, calls, 2)
	require.Equal(t, "/v1/bookings/group", calls[0].Path)
	require.Equal(t, "clientReference=ews-app", calls[0].Query)
	require.NotContains(t, calls[0].Body, "groupID")
	require.JSONEq(t, `{"groupID":17,"occurrences":[
		{"bookingID":201,"assetIds":[502,503],"organizerID":"ann@corp.test","start":"2025-03-03T09:00:00Z","end":"2025-03-03T10:00:00Z","cancelled":false},
		{"bookingID":202,"assetIds":[502],"organizerID":"ann@corp.test","start":"2025-03-10T09:00:00Z","end":"2025-03-10T10:00:00Z","cancelled":false}]}`,
		calls[1].Body)
}

func TestU08AnswersAreMatchedByIdentityThenContentThenPosition(t *testing.T) {
	first := `"start":"2025-03-03T09:00:00Z","end":"2025-03-03T10:00:00Z","assetIds":[502]`
	second := `"start":"2025-03-10T10:00:00.000+01:00","end":"2025-03-10T10:00:00Z","assetIds":[502]`
	known := week(2)
	known[0].ID = 301
	cancelled := week(2)
	cancelled[1].ID, cancelled[1].Cancelled = 401, true
	for _, test := range []struct {
		name        string
		occurrences []Occurrence
		answer      string
		want        []ID
	}{
		{"in order", week(2), `{"id":17,"bookings":[{"id":201,` + first + `},{"id":202,` + second + `}]}`, []ID{201, 202}},
		{"shuffled", week(2), `{"id":17,"bookings":[{"id":202,` + second + `},{"id":201,` + first + `}]}`, []ID{201, 202}},
		{"longer: the whole group", week(2), `{"id":17,"bookings":[{"id":7,"start":"2025-02-03T09:00:00Z","end":"2025-02-03T10:00:00Z","assetIds":[502]},{"id":202,` + second + `},{"id":201,` + first + `}]}`, []ID{201, 202}},
		{"shorter", week(2), `{"id":17,"bookings":[{"id":202,` + second + `}]}`, []ID{0, 202}},
		{"ids only", week(2), `{"id":17,"bookings":[{"id":201},{"id":202}]}`, []ID{201, 202}},
		{"ids only, wrong number", week(2), `{"id":17,"bookings":[{"id":201},{"id":202},{"id":203}]}`, []ID{0, 0}},
		{"ids only, one repeated", week(2), `{"id":17,"bookings":[{"id":201},{"id":201}]}`, []ID{0, 0}},
		{"position against content", week(2), `{"id":17,"bookings":[{"id":201,` + first + `},{"id":202,"start":"2025-03-11T09:00:00Z"}]}`, []ID{201, 0}},
		{"same content twice, one asked", week(1), `{"id":17,"bookings":[{"id":201,` + first + `},{"id":202,` + first + `}]}`, []ID{0}},
		{"sent id wins over content", known, `{"id":17,"bookings":[{"id":302,` + first + `},{"id":301,` + second + `}]}`, []ID{301, 0}},
		{"only the new one is told", known, `{"id":17,"bookings":[{"id":202,` + second + `}]}`, []ID{301, 202}},
		{"sent id contradicted", known[:1], `{"id":17,"bookings":[{"id":999}]}`, []ID{0}},
		{"cancelled one left out", cancelled, `{"id":17,"bookings":[{"id":201,` + first + `}]}`, []ID{201, 401}},
		{"cancelled one left out, ids only", cancelled, `{"id":17,"bookings":[{"id":201}]}`, []ID{201, 401}},
		{"one element unreadable", week(2), `{"id":17,"bookings":[{"id":"x"},{"id":202,` + second + `}]}`, []ID{0, 202}},
		{"no list", week(1), `{"id":17}`, []ID{0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newApp(t, says(http.StatusCreated, test.answer))
			result, err := a.client(t).UpsertGroup(t.Context(), series(test.occurrences...))
			require.Equal(t, test.want, result.IDs)
			require.Equal(t, GroupID(17), result.Group)
			require.Equal(t, len(test.want), result.Acknowledged)
			var missing []int
			for i, id := range test.want {
				if id == 0 {
					missing = append(missing, i)
				}
			}
			if missing == nil {
				require.NoError(t, err)
				return
			}
			var unmatched *UnmatchedError
			require.ErrorAs(t, err, &unmatched)
			require.ErrorIs(t, err, ErrUnmatched)
			require.Equal(t, missing, unmatched.Missing)
			require.Len(t, unmatched.Matched, len(test.want)-len(missing))
		})
	}
}

func TestU09AnySuccessIsSuccessButUnreadableIDsAreTold(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
	}{
		{http.StatusOK, `"Booking created successfully"`},
		{http.StatusCreated, ``},
		{http.StatusAccepted, `<html>`},
		{http.StatusNoContent, ``},
		{http.StatusCreated, `null`},
		{http.StatusCreated, `{"id":17,"bookings":[`},
	} {
		t.Run(fmt.Sprint(test.status, test.body), func(t *testing.T) {
			a := newApp(t, says(test.status, test.body))
			result, err := a.client(t).UpsertGroup(t.Context(), series(week(2)...))
			var unmatched *UnmatchedError
			require.ErrorAs(t, err, &unmatched)
			require.Equal(t, []int{0, 1}, unmatched.Missing)
			require.Equal(t, 2, result.Acknowledged)
		})
	}
	t.Run("longer than allowed", func(t *testing.T) {
		a := newApp(t, says(http.StatusOK, `{"id":17,"bookings":[`+strings.Repeat(" ", 2000)+`]}`))
		client := newClient(t, Options{BaseURL: a.URL, MaxBodyBytes: 1000})
		_, err := client.UpsertGroup(t.Context(), series(week(1)...))
		require.ErrorIs(t, err, ErrUnmatched)
	})
	t.Run("an update needs no answer", func(t *testing.T) {
		a := newApp(t, says(http.StatusNoContent, ``))
		known := week(1)
		known[0].ID = 201
		result, err := a.client(t).UpsertGroup(t.Context(), GroupRequest{Group: 17, Organizer: "a@b.test", Occurrences: known})
		require.NoError(t, err)
		require.Equal(t, []ID{201}, result.IDs)
	})
}

func TestU16AnEmptyGroupIsNeverSent(t *testing.T) {
	a := storing(t)
	_, err := a.client(t).UpsertGroup(t.Context(), series())
	require.Equal(t, Bug, asError(t, err).Class)
	require.Empty(t, a.seen())
}

func TestU17CancelledOccurrencesCarryLastKnownValues(t *testing.T) {
	a := storing(t)
	occurrences := week(2)
	occurrences[1].ID, occurrences[1].Cancelled = 202, true
	result, err := a.client(t).UpsertGroup(t.Context(), series(occurrences...))
	require.NoError(t, err)
	require.Equal(t, []ID{201, 202}, result.IDs)
	sent := decodeBody(t, a.seen()[0].Body).Occurrences[1]
	require.Equal(t, occurrenceBody{
		BookingID: 202, AssetIDs: []AssetID{502}, OrganizerID: "ann@corp.test",
		Start: "2025-03-10T09:00:00Z", End: "2025-03-10T10:00:00Z", Cancelled: true,
	}, sent)
}

func TestU17CancelledOccurrencesFallBackToDelete(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotFound} {
		a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
			var body groupRequestBody
			switch {
			case r.Method == http.MethodDelete:
				say(w, http.StatusNotFound, `"no such booking"`)
			case json.NewDecoder(r.Body).Decode(&body) != nil:
				say(w, http.StatusBadRequest, `"malformed"`)
			case len(body.Occurrences) == 2:
				say(w, status, `"no cancelled ones please"`)
			default:
				say(w, http.StatusCreated, `{"id":17,"bookings":[{"id":201}]}`)
			}
		})
		occurrences := week(2)
		occurrences[0].ID, occurrences[0].Cancelled = 202, true
		result, err := a.client(t).UpsertGroup(t.Context(), series(occurrences...))
		require.NoError(t, err)
		require.Equal(t, []ID{202, 201}, result.IDs)
		calls := a.seen()
		last := calls[len(calls)-2:]
		require.Equal(t, http.MethodDelete, last[0].Method, "what can be repeated comes first")
		require.Equal(t, "/v1/bookings/202", last[0].Path)
		require.Len(t, decodeBody(t, last[1].Body).Occurrences, 1)
	}
	t.Run("without last values", func(t *testing.T) {
		a := newApp(t, says(http.StatusOK, `{"id":17,"bookings":[{"id":201}]}`))
		occurrences := append(week(1), Occurrence{ID: 202, Cancelled: true})
		result, err := a.client(t).UpsertGroup(t.Context(), series(occurrences...))
		require.NoError(t, err)
		require.Equal(t, []ID{201, 202}, result.IDs)
		require.Equal(t, http.MethodDelete, a.seen()[0].Method)
		require.Len(t, decodeBody(t, a.seen()[1].Body).Occurrences, 1)
	})
}

func TestU18OneOrganizerPerGroup(t *testing.T) {
	a := storing(t)
	_, err := a.client(t).UpsertGroup(t.Context(), series(week(3)...))
	require.NoError(t, err)
	for _, o := range decodeBody(t, a.seen()[0].Body).Occurrences {
		require.Equal(t, "ann@corp.test", o.OrganizerID)
	}
}

func TestU19LargeGroupsAreSentInChunks(t *testing.T) {
	a := storing(t)
	result, err := a.client(t).UpsertGroup(t.Context(), series(week(250)...))
	require.NoError(t, err)
	require.Equal(t, 250, result.Acknowledged)
	require.Equal(t, ID(201), result.IDs[0])
	require.Equal(t, ID(450), result.IDs[249])
	var sizes []int
	var groups []GroupID
	for _, c := range a.seen() {
		body := decodeBody(t, c.Body)
		sizes = append(sizes, len(body.Occurrences))
		groups = append(groups, body.GroupID)
	}
	require.Equal(t, []int{100, 100, 50}, sizes)
	require.Equal(t, []GroupID{0, 17, 17}, groups)
}

func TestU19AFailingChunkLeavesWhatIsCertain(t *testing.T) {
	requests := 0
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests > 1 {
			w.Header().Set("Retry-After", "7")
			say(w, http.StatusServiceUnavailable, `"restarting"`)
			return
		}
		var ids []string
		for i := range 100 {
			ids = append(ids, fmt.Sprintf(`{"id":%d}`, 201+i))
		}
		say(w, http.StatusCreated, `{"id":17,"bookings":[`+strings.Join(ids, ",")+`]}`)
	})
	result, err := a.client(t).UpsertGroup(t.Context(), series(week(101)...))
	failure := asError(t, err)
	require.Equal(t, Transient, failure.Class)
	require.False(t, failure.Ambiguous)
	require.InDelta(t, 7, failure.RetryAfter.Seconds(), 0)
	require.Equal(t, GroupID(17), result.Group)
	require.Equal(t, 100, result.Acknowledged)
	require.Equal(t, ID(300), result.IDs[99])
}

func TestU19WithoutAGroupIDTheRestIsNotSent(t *testing.T) {
	a := newApp(t, says(http.StatusCreated, `"created"`))
	_, err := a.client(t).UpsertGroup(t.Context(), series(week(101)...))
	var unmatched *UnmatchedError
	require.ErrorAs(t, err, &unmatched)
	require.Len(t, unmatched.Missing, 100)
	require.Equal(t, []int{100}, unmatched.Unsent)
	require.Len(t, a.seen(), 1)
}

func TestU20AnEmptyOrganizerIsNeverSent(t *testing.T) {
	a := storing(t)
	_, err := a.client(t).UpsertGroup(t.Context(), GroupRequest{Organizer: " ", Occurrences: week(1)})
	require.Equal(t, Bug, asError(t, err).Class)
	require.Empty(t, a.seen())
}

func TestU25OnlyKnownKeysAreSent(t *testing.T) {
	a := storing(t)
	_, err := a.client(t).UpsertGroup(t.Context(), GroupRequest{Group: 17, Organizer: "a@b.test", Occurrences: week(1)})
	require.NoError(t, err)
	var keys map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.seen()[0].Body), &keys))
	require.ElementsMatch(t, []string{"groupID", "occurrences"}, mapKeys(keys))
	occurrence, ok := keys["occurrences"].([]any)[0].(map[string]any)
	require.True(t, ok)
	require.ElementsMatch(t, []string{"bookingID", "assetIds", "organizerID", "start", "end", "cancelled"}, mapKeys(occurrence))
}

func mapKeys(m map[string]any) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}
