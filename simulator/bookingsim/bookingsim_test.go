package bookingsim_test

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

	"ews/simulator/bookingsim"
	"ews/simulator/fault"
	"ews/simulator/stats"
)

// httpClient makes the requests of all tests here.
var httpClient = &http.Client{Timeout: 30 * time.Second}

// app is a served simulator and a client of it.
type app struct {
	*bookingsim.Server
	t      *testing.T
	url    string
	faults *fault.Registry
	stats  *stats.Counters
}

// start serves a simulator with the default switches, changed by each of the
// functions.
func start(t *testing.T, opts bookingsim.Options, changes ...func(*bookingsim.Switches)) *app {
	t.Helper()
	switches := bookingsim.DefaultSwitches()
	for _, change := range changes {
		change(&switches)
	}
	a := &app{t: t, faults: fault.New(1), stats: stats.New()}
	opts.Switches, opts.Faults, opts.Stats, opts.RandomSeed = &switches, a.faults, a.stats, 1
	server, err := bookingsim.New(opts)
	require.NoError(t, err)
	a.Server = server
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)
	t.Cleanup(server.Close)
	a.url = web.URL + "/v1"
	return a
}

// call returns status and body; a body other than a string is encoded.
func (a *app) call(method, path string, body any) (int, string) {
	a.t.Helper()
	content, ok := body.(string)
	if !ok && body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(a.t, err)
		content = string(encoded)
	}
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(content))
	require.NoError(a.t, err)
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

type answerBooking struct {
	ID            int32     `json:"id"`
	AssetIDs      []int32   `json:"assetIds"`
	Start         time.Time `json:"start"`
	End           time.Time `json:"end"`
	OrganizerID   string    `json:"organizerID"`
	OrganizerName string    `json:"organizerName"`
	GroupID       int32     `json:"groupID"`
	Cancelled     bool      `json:"cancelled"`
}

type answerGroup struct {
	ID       int32           `json:"id"`
	Bookings []answerBooking `json:"bookings"`
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&v), "body %s", body)
	return v
}

const day = "2031-03-03T"

// occurrence is an active occurrence of alice on 3 March 2031.
func occurrence(bookingID int, from, to string, assets ...int) map[string]any {
	return map[string]any{
		"bookingID": bookingID, "assetIds": assets, "organizerID": "alice@example.com",
		"start": day + from + ":00Z", "end": day + to + ":00Z", "cancelled": false,
	}
}

// cancelled is a cancelled occurrence with the dummies clients send.
func cancelled(bookingID int32) map[string]any {
	return map[string]any{
		"bookingID": bookingID, "assetIds": []int{}, "organizerID": "alice@example.com",
		"start": "0001-01-01T00:00:00Z", "end": "0001-01-01T00:00:00Z", "cancelled": true,
	}
}

func groupOf(groupID int32, occurrences ...any) map[string]any {
	request := map[string]any{"occurrences": occurrences}
	if groupID != 0 {
		request["groupID"] = groupID
	}
	return request
}

// putGroup writes a group as the app "ews-app" and expects success.
func (a *app) putGroup(groupID int32, occurrences ...any) answerGroup {
	a.t.Helper()
	status, body := a.call("POST", "/bookings/group?clientReference=ews-app", groupOf(groupID, occurrences...))
	require.Less(a.t, status, 300, "body %s", body)
	return decode[answerGroup](a.t, body)
}

func (a *app) list(asset int32, from, to string) string {
	a.t.Helper()
	status, body := a.call("GET", fmt.Sprintf("/bookings?start=%s%s:00Z&end=%s%s:00Z&assetId=%d", day, from, day, to, asset), nil)
	require.Equal(a.t, 200, status)
	return body
}

func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339, day+clock+":00Z")
	if err != nil {
		panic(err)
	}
	return t
}

func TestGroupLifecycle(t *testing.T) {
	a := start(t, bookingsim.Options{OrganizerName: func(string) string { return "Alice Example" }})

	status, body := a.call("POST", "/bookings/group?clientReference=ews-app",
		groupOf(0, occurrence(0, "09:00", "10:00", 502, 503), occurrence(0, "11:00", "12:00", 502)))
	require.Equal(t, 201, status)
	group := decode[answerGroup](t, body)
	require.Equal(t, []answerBooking{
		{ID: 1, AssetIDs: []int32{502, 503}, Start: at("09:00"), End: at("10:00"), OrganizerID: "alice@example.com", OrganizerName: "Alice Example"},
		{ID: 2, AssetIDs: []int32{502}, Start: at("11:00"), End: at("12:00"), OrganizerID: "alice@example.com", OrganizerName: "Alice Example"},
	}, group.Bookings)
	require.NotEqual(t, group.ID, group.Bookings[0].ID, "group ids are not booking ids")

	// An update replaces assets, adds, cancels, and leaves the rest alone.
	status, body = a.call("POST", "/bookings/group?clientReference=ews-app",
		groupOf(group.ID, occurrence(1, "13:00", "14:00", 503), occurrence(0, "15:00", "16:00", 502)))
	require.Equal(t, 200, status)
	updated := decode[answerGroup](t, body)
	require.Equal(t, group.ID, updated.ID)
	require.Equal(t, []int32{1, 3}, []int32{updated.Bookings[0].ID, updated.Bookings[1].ID})
	require.Equal(t, at("13:00"), updated.Bookings[0].Start)

	a.putGroup(group.ID, cancelled(2))
	records := a.Bookings()
	require.Len(t, records, 3)
	require.Equal(t, []bool{false, true, false}, []bool{records[0].Cancelled, records[1].Cancelled, records[2].Cancelled})
	require.Equal(t, at("11:00"), records[1].Start, "the dummies of a cancellation are not stored")
	require.Equal(t, "ews-app", records[2].ClientReference)
	var actions []string
	for _, change := range records[0].History {
		actions = append(actions, change.Action)
	}
	require.Equal(t, []string{"created", "updated"}, actions)

	// Without a group id a booking is changed inside its own group.
	require.Equal(t, group.ID, a.putGroup(0, occurrence(3, "15:00", "16:00", 502)).ID)
	history := a.Bookings()[2].History
	require.Equal(t, "unchanged", history[len(history)-1].Action, "writes without effect are recorded as such")
}

func TestGroupRefusals(t *testing.T) {
	valid := func() map[string]any { return occurrence(0, "09:00", "10:00", 502) }
	with := func(key string, value any) map[string]any {
		o := valid()
		o[key] = value
		return o
	}
	bob := with("organizerID", "bob@example.com")
	tests := map[string]struct {
		body   any
		status int
		text   string
	}{
		"malformed":             {`{`, 400, ""},
		"unknown key":           {`{"occurrences":[],"comment":"x"}`, 400, ""},
		"unknown nested key":    {groupOf(0, with("title", "x")), 400, ""},
		"empty body":            {``, 422, "required field 'occurrences' is zero value."},
		"null occurrences":      {`{"occurrences":null}`, 422, "required field 'occurrences' is zero value."},
		"no organizer":          {groupOf(0, with("organizerID", "")), 422, "required field 'organizerID' is zero value."},
		"no assets":             {groupOf(0, with("assetIds", []int{})), 422, "required field 'assetIds' is zero value."},
		"zero start":            {groupOf(0, with("start", "0001-01-01T00:00:00Z")), 422, "required field 'start' is zero value."},
		"zero end":              {groupOf(0, with("end", "0001-01-01T00:00:00Z")), 422, "required field 'end' is zero value."},
		"end is start":          {groupOf(0, with("end", day+"09:00:00Z")), 400, "end time must be after start time"},
		"not a time":            {groupOf(0, with("start", "tomorrow")), 400, ""},
		"asset zero":            {groupOf(0, with("assetIds", []int{0})), 422, ""},
		"id out of range":       {groupOf(0, with("bookingID", 1<<40)), 400, ""},
		"unknown booking":       {groupOf(0, with("bookingID", 77)), 404, ""},
		"unknown group":         {groupOf(77, valid()), 404, ""},
		"cancel without id":     {groupOf(0, cancelled(0)), 422, "required field 'bookingID' is zero value."},
		"two organizers":        {groupOf(0, valid(), bob), 422, ""},
		"one of two is invalid": {groupOf(0, valid(), with("organizerID", "")), 422, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := start(t, bookingsim.Options{})
			status, body := a.call("POST", "/bookings/group", test.body)
			require.Equal(t, test.status, status)
			text := decode[string](t, body)
			if test.text != "" {
				require.Equal(t, test.text, text)
			}
			require.Empty(t, a.Bookings(), "a refused request has no effect")
		})
	}
}

func TestGroupBookingOfAnotherGroup(t *testing.T) {
	a := start(t, bookingsim.Options{})
	first := a.putGroup(0, occurrence(0, "09:00", "10:00", 502))
	second := a.putGroup(0, occurrence(0, "09:00", "10:00", 503))
	status, _ := a.call("POST", "/bookings/group", groupOf(first.ID, occurrence(int(second.Bookings[0].ID), "09:00", "10:00", 503)))
	require.Equal(t, 404, status)
	status, _ = a.call("POST", "/bookings/group", groupOf(0, occurrence(1, "09:00", "10:00", 502), occurrence(2, "09:00", "10:00", 503)))
	require.Equal(t, 404, status, "one request writes to one group")
	status, _ = a.call("POST", "/bookings/group", groupOf(0, occurrence(1, "09:00", "10:00", 502), occurrence(1, "09:00", "11:00", 502)))
	require.Equal(t, 422, status)
}

func TestCreateBooking(t *testing.T) {
	a := start(t, bookingsim.Options{})
	request := map[string]any{
		"assetIds": []int{502}, "organizerID": "alice@example.com", "start": day + "09:00:00Z", "end": day + "10:00:00Z",
	}
	status, body := a.call("POST", "/bookings?clientReference=widget&unknown=ignored", request)
	require.Equal(t, 201, status)
	require.Equal(t, int32(1), decode[answerBooking](t, body).ID)

	request["bookingID"], request["end"] = 1, day+"11:00:00Z"
	status, body = a.call("POST", "/bookings", request)
	require.Equal(t, 200, status)
	require.Equal(t, at("11:00"), decode[answerBooking](t, body).End)

	request["bookingID"] = 9
	status, _ = a.call("POST", "/bookings", request)
	require.Equal(t, 404, status)

	for _, key := range []string{"assetIds", "organizerID", "start", "end"} {
		incomplete := map[string]any{
			"assetIds": []int{502}, "organizerID": "alice@example.com", "start": day + "09:00:00Z", "end": day + "10:00:00Z",
		}
		delete(incomplete, key)
		status, body = a.call("POST", "/bookings", incomplete)
		require.Equal(t, 422, status, key)
		require.Equal(t, "required field '"+key+"' is zero value.", decode[string](t, body))
	}
}

func TestListBookings(t *testing.T) {
	a := start(t, bookingsim.Options{})
	a.putGroup(0, occurrence(0, "09:00", "10:00", 502, 503), occurrence(0, "12:00", "13:00", 502))

	require.Equal(t, "null", a.list(502, "06:00", "08:00"))
	require.Equal(t, "null", a.list(999, "06:00", "20:00"))
	require.Len(t, decode[[]answerBooking](t, a.list(502, "10:00", "11:00")), 1, "a booking that ends at the start is part of it")
	require.Len(t, decode[[]answerBooking](t, a.list(502, "10:00", "12:00")), 2, "so is one that starts at the end")
	require.NoError(t, a.Cancel(1))
	require.Equal(t, "null", a.list(503, "06:00", "20:00"))

	for query, want := range map[string]int{
		"":                            422,
		"?start=" + day + "09:00:00Z": 422,
		"?start=x&end=x&assetId=502":  400,
		"?start=" + day + "09:00:00Z&end=" + day + "10:00:00Z&assetId=x": 400,
		"?start=" + day + "09:00:00Z&end=" + day + "10:00:00Z":           422,
	} {
		status, _ := a.call("GET", "/bookings"+query, nil)
		require.Equal(t, want, status, query)
	}
}

func TestGetAndDeleteBooking(t *testing.T) {
	a := start(t, bookingsim.Options{})
	a.putGroup(0, occurrence(0, "09:00", "10:00", 502), occurrence(0, "12:00", "13:00", 502))

	status, body := a.call("GET", "/bookings/1", nil)
	require.Equal(t, 200, status)
	require.Equal(t, `{"id":1,"assetIds":[502],"start":"2031-03-03T09:00:00Z","end":"2031-03-03T10:00:00Z","organizerID":"alice@example.com"}`, body) //nolint:testifylint // to the byte: the order of the fields counts too

	status, body = a.call("DELETE", "/bookings/1?clientReference=ews-app&reason=cancelled", nil)
	require.Equal(t, 204, status)
	require.Empty(t, body)
	status, _ = a.call("DELETE", "/bookings/1", nil)
	require.Equal(t, 204, status, "cancelling twice succeeds")
	status, _ = a.call("GET", "/bookings/1", nil)
	require.Equal(t, 404, status)
	status, _ = a.call("GET", "/bookings/2", nil)
	require.Equal(t, 200, status, "the rest of the group stays")
	require.Equal(t, "cancelled", a.Bookings()[0].Reason)

	for _, path := range []string{"/bookings/99", "/bookings/0"} {
		status, _ = a.call("GET", path, nil)
		require.Equal(t, 404, status)
		status, _ = a.call("DELETE", path, nil)
		require.Equal(t, 404, status)
	}
	status, _ = a.call("GET", "/bookings/one", nil)
	require.Equal(t, 400, status)
	status, _ = a.call("POST", "/sync/bookings", `[]`)
	require.Equal(t, 404, status)
}

func TestConfig(t *testing.T) {
	a := start(t, bookingsim.Options{})
	status, body := a.call("GET", "/config", nil)
	require.Equal(t, 200, status)
	require.NotContains(t, body, "dayStartMinutes", "zero values are left out")
	for _, method := range []string{"PUT", "POST"} {
		status, _ = a.call(method, "/config", `{"dayStartHours":7,"dayEndHours":16,"dayEndMins":30}`)
		require.Equal(t, 201, status)
	}
	_, body = a.call("GET", "/config", nil)
	require.JSONEq(t, `{"dayStartHours":7,"dayEndHours":16,"dayEndMins":30}`, body)
	status, _ = a.call("PUT", "/config", `{"dayStartHours":7,"dayEndHours":6}`)
	require.Equal(t, 400, status)
	status, _ = a.call("PUT", "/config", `{"lunch":12}`)
	require.Equal(t, 400, status)
	for _, path := range []string{"/version", "/version/openapi.json"} {
		status, _ = a.call("GET", path, nil)
		require.Equal(t, 200, status)
	}
}

func TestFaultsAndStats(t *testing.T) {
	a := start(t, bookingsim.Options{})
	_, err := a.faults.Add(fault.Rule{Service: "booking", Operation: "DELETE /bookings/{}", Kind: fault.Status, Status: 503, Count: 1})
	require.NoError(t, err)
	a.putGroup(0, occurrence(0, "09:00", "10:00", 502))
	status, _ := a.call("DELETE", "/bookings/1", nil)
	require.Equal(t, 503, status)
	require.False(t, a.Bookings()[0].Cancelled)
	status, _ = a.call("DELETE", "/bookings/1", nil)
	require.Equal(t, 204, status)
	counts := a.stats.Snapshot()["booking"]
	require.Equal(t, int64(2), counts["DELETE /bookings/{}"].Requests)
	require.Equal(t, int64(1), counts["DELETE /bookings/{}"].Errors)
	require.Equal(t, int64(1), counts["POST /bookings/group"].Requests)
}
