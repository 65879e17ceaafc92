package bookingsim_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/bookingsim"
)

func TestSwitchOverlapPolicy(t *testing.T) {
	for policy, want := range map[string]int{
		bookingsim.OverlapAccept: 201, bookingsim.Overlap409: 409, bookingsim.Overlap422: 422,
	} {
		t.Run(policy, func(t *testing.T) {
			a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.OverlapPolicy = policy })
			a.putGroup(0, occurrence(0, "09:00", "10:00", 502))
			a.putGroup(0, occurrence(0, "10:00", "11:00", 502)) // back to back is no overlap
			a.putGroup(0, occurrence(0, "09:00", "10:00", 503)) // nor is another room
			a.putGroup(0, occurrence(1, "09:10", "10:00", 502)) // nor the booking itself

			status, _ := a.call("POST", "/bookings/group", groupOf(0, occurrence(0, "09:30", "09:45", 503, 502)))
			require.Equal(t, want, status)
			status, _ = a.call("POST", "/bookings/group",
				groupOf(0, occurrence(0, "15:00", "16:00", 502), occurrence(0, "15:30", "16:30", 502)))
			require.Equal(t, want, status, "overlap within the request")

			require.NoError(t, a.Cancel(2))
			_, err := a.Book("bob@example.com", slot("10:15", "10:20", 502))
			require.NoError(t, err, "a cancelled booking frees the room")
		})
	}
}

func TestSwitchStatuses(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) {
		s.DeleteStatus, s.GetCancelled, s.EmptyList, s.CreateAnswer, s.ExtendedBooking = 200, 200, "[]", "string", true
	})
	require.Equal(t, "[]", a.list(502, "06:00", "20:00"))
	status, body := a.call("POST", "/bookings", map[string]any{
		"assetIds": []int{502}, "organizerID": "alice@example.com", "start": day + "09:00:00Z", "end": day + "10:00:00Z",
	})
	require.Equal(t, 201, status)
	require.Equal(t, `"Booking created successfully"`, body)
	_, body = a.call("GET", "/bookings/1", nil)
	require.NotZero(t, decode[answerBooking](t, body).GroupID)
	status, body = a.call("DELETE", "/bookings/1", nil)
	require.Equal(t, 200, status)
	require.Empty(t, body)
	status, body = a.call("GET", "/bookings/1", nil)
	require.Equal(t, 200, status)
	require.True(t, decode[answerBooking](t, body).Cancelled)
}

func TestSwitchResponseOrder(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.ResponseOrder = bookingsim.OrderShuffled })
	group := a.putGroup(0, occurrence(0, "09:00", "10:00", 502), occurrence(0, "11:00", "12:00", 502), occurrence(0, "13:00", "14:00", 502))
	ids := []int32{}
	for _, b := range group.Bookings {
		ids = append(ids, b.ID)
	}
	require.ElementsMatch(t, []int32{1, 2, 3}, ids)
	require.NotEqual(t, []int32{1, 2, 3}, ids)
}

func TestSwitchCancelledValidation(t *testing.T) {
	for validation, want := range map[string]int{bookingsim.Lenient: 200, bookingsim.Strict: 422} {
		a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.CancelledValidation = validation })
		group := a.putGroup(0, occurrence(0, "09:00", "10:00", 502), occurrence(0, "11:00", "12:00", 502))
		status, _ := a.call("POST", "/bookings/group", groupOf(group.ID, cancelled(1)))
		require.Equal(t, want, status)
		full := occurrence(2, "11:00", "12:00", 502)
		full["cancelled"] = true
		status, _ = a.call("POST", "/bookings/group", groupOf(group.ID, full))
		require.Equal(t, 200, status, "complete cancellations pass either way")
	}
}

func TestSwitchUpdateCancelled(t *testing.T) {
	for policy, want := range map[string]int{bookingsim.UpdateRefused: 404, bookingsim.UpdateRevives: 200} {
		a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.UpdateCancelled = policy })
		group := a.putGroup(0, occurrence(0, "09:00", "10:00", 502))
		require.NoError(t, a.Cancel(1))
		status, _ := a.call("POST", "/bookings/group", groupOf(group.ID, occurrence(1, "09:00", "10:00", 502)))
		require.Equal(t, want, status)
		require.Equal(t, want == 404, a.Bookings()[0].Cancelled)
	}
}

func TestSwitchGroupAnswer(t *testing.T) {
	for answer, want := range map[string]struct {
		status int
		body   string
		ids    []int32
	}{
		bookingsim.GroupAll:     {status: 200, ids: []int32{2, 3}},
		bookingsim.GroupShorter: {status: 200, ids: []int32{2}},
		bookingsim.GroupLonger:  {status: 200, ids: []int32{1, 2, 3}},
		bookingsim.GroupMissing: {status: 200, body: `{"id":1001}`},
		bookingsim.GroupString:  {status: 200, body: `"Group saved successfully"`},
		bookingsim.GroupNothing: {status: 204},
	} {
		t.Run(answer, func(t *testing.T) {
			a := start(t, bookingsim.Options{})
			group := a.putGroup(0, occurrence(0, "09:00", "10:00", 502), occurrence(0, "11:00", "12:00", 502))
			switches := a.Switches()
			switches.GroupAnswer = answer
			require.NoError(t, a.SetSwitches(switches))
			status, body := a.call("POST", "/bookings/group", groupOf(group.ID, occurrence(2, "11:00", "12:30", 502), occurrence(0, "13:00", "14:00", 502)))
			require.Equal(t, want.status, status)
			require.Len(t, a.Bookings(), 3, "it is carried out, whatever is told")
			if want.ids == nil {
				require.Equal(t, want.body, body)
				return
			}
			var ids []int32
			for _, b := range decode[answerGroup](t, body).Bookings {
				ids = append(ids, b.ID)
			}
			require.Equal(t, want.ids, ids)
		})
	}
}

func TestSwitchWriteStatus(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.WriteStatus = 202 })
	status, _ := a.call("POST", "/bookings/group", groupOf(0, occurrence(0, "09:00", "10:00", 502)))
	require.Equal(t, 202, status)
	status, _ = a.call("POST", "/bookings", map[string]any{
		"assetIds": []int{502}, "organizerID": "alice@example.com", "start": day + "11:00:00Z", "end": day + "12:00:00Z",
	})
	require.Equal(t, 202, status)
}

func TestSwitchGroupWrites(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.GroupWrites = false })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/bookings/group", http.NoBody)
	require.NoError(t, err)
	response, err := httpClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, 404, response.StatusCode)
	require.Contains(t, response.Header.Get("Content-Type"), "text/plain", "as a router answers that has no such path")
	require.Empty(t, a.Bookings())
}

func TestSwitchMaxOccurrences(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.MaxOccurrences = 1 })
	a.putGroup(0, occurrence(0, "09:00", "10:00", 502))
	status, _ := a.call("POST", "/bookings/group", groupOf(0, occurrence(0, "11:00", "12:00", 502), occurrence(0, "13:00", "14:00", 502)))
	require.Equal(t, 504, status)
	require.Len(t, a.Bookings(), 1)
}

func TestSwitchDeleteScope(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.DeleteScope = bookingsim.DeleteGroup })
	a.putGroup(0, occurrence(0, "09:00", "10:00", 502), occurrence(0, "11:00", "12:00", 502), occurrence(0, "13:00", "14:00", 502))
	a.putGroup(0, occurrence(0, "15:00", "16:00", 502))
	require.NoError(t, a.Cancel(3), "what a person cancels is that booking")
	require.False(t, a.Bookings()[0].Cancelled)
	status, _ := a.call("DELETE", "/bookings/1?reason=cancelled", nil)
	require.Equal(t, 204, status)
	for i, b := range a.Bookings() {
		require.Equal(t, i < 3, b.Cancelled)
	}
	require.Equal(t, "user", a.Bookings()[2].Reason)
}

func TestSwitchTimeFormat(t *testing.T) {
	for format, want := range map[string]string{
		bookingsim.TimeUTC: "2031-03-03T09:00:00Z", bookingsim.TimeOffset: "2031-03-03T14:45:00+05:45", bookingsim.TimeFractions: "2031-03-03T09:00:00.000000Z",
	} {
		a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.TimeFormat = format })
		sub := a.subscribe("other", 502)
		_, body := a.call("POST", "/bookings/group", groupOf(0, occurrence(0, "09:00", "10:00", 502)))
		require.Contains(t, body, want)
		require.Contains(t, a.list(502, "06:00", "20:00"), want)
		require.Equal(t, want, sub.next().Bookings[0]["start"])
	}
}

func TestSwitchDelay(t *testing.T) {
	a := start(t, bookingsim.Options{}, func(s *bookingsim.Switches) { s.DelayMilliseconds = 40 })
	began := time.Now()
	a.call("GET", "/config", nil)
	require.GreaterOrEqual(t, time.Since(began), 40*time.Millisecond)
}

func TestChoicesNameEverySwitchWithItsDefaultFirst(t *testing.T) {
	raw, err := json.Marshal(bookingsim.DefaultSwitches())
	require.NoError(t, err)
	var defaults map[string]any
	require.NoError(t, json.Unmarshal(raw, &defaults))
	for _, choice := range bookingsim.Choices() {
		require.Contains(t, defaults, choice.Name)
		require.EqualValues(t, defaults[choice.Name], choice.Positions[0], choice.Name)
		require.Greater(t, len(choice.Positions), 1, choice.Name)
		delete(defaults, choice.Name)
	}
	require.Empty(t, defaults)
}

func TestSwitchesAtRunTime(t *testing.T) {
	a := start(t, bookingsim.Options{})
	switches := a.Switches()
	switches.EmptyList = bookingsim.EmptyListArray
	require.NoError(t, a.SetSwitches(switches))
	require.Equal(t, "[]", a.list(502, "06:00", "20:00"))
	switches.OverlapPolicy = "maybe"
	require.ErrorContains(t, a.SetSwitches(switches), "overlapPolicy")
	switches = bookingsim.DefaultSwitches()
	switches.DeleteStatus = 500
	require.ErrorContains(t, a.SetSwitches(switches), "deleteStatus")
}

// elionaCall is a request that a recording Eliona received.
type elionaCall struct {
	Route, Key string
	Body       map[string]any
}

// recordingEliona answers everything with 201 and remembers it.
type recordingEliona struct {
	mu    sync.Mutex
	calls []elionaCall
}

func (e *recordingEliona) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := elionaCall{Route: r.Method + " " + r.URL.Path, Key: r.Header.Get("X-API-Key")}
	_ = json.NewDecoder(r.Body).Decode(&call.Body)
	e.mu.Lock()
	e.calls = append(e.calls, call)
	e.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

func (e *recordingEliona) of(route string) []elionaCall {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []elionaCall
	for _, call := range e.calls {
		if call.Route == route {
			out = append(out, call)
		}
	}
	return out
}

// startWithEliona runs a simulator that writes to the returned Eliona, at a
// clock that stands at 08:00.
func startWithEliona(t *testing.T, changes ...func(*bookingsim.Switches)) (*app, *recordingEliona) {
	t.Helper()
	eliona := &recordingEliona{}
	web := httptest.NewServer(eliona)
	t.Cleanup(web.Close)
	a := start(t, bookingsim.Options{
		ElionaURL: web.URL + "/v2", ElionaToken: "secret", OccupancyInterval: 5 * time.Millisecond,
		Now: func() time.Time { return at("08:00") },
	}, changes...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return a, eliona
}

func TestNotificationOfReasons(t *testing.T) {
	for reason, want := range map[string]int{"conflict": 1, "error": 1, "cancelled": 0, "": 0, "whatever": 0} {
		a, eliona := startWithEliona(t)
		a.putGroup(0, occurrence(0, "12:00", "13:00", 502), occurrence(0, "14:00", "15:00", 502))
		for range 2 { // the second one changes nothing
			status, _ := a.call("DELETE", "/bookings/1?clientReference=ews-app&reason="+reason, nil)
			require.Equal(t, 204, status)
		}
		// A notification that is certain to come marks the end.
		status, _ := a.call("POST", "/bookings/2/registerGuest", map[string]string{"messageEn": "Your guest is here"})
		require.Equal(t, 204, status)
		require.Eventually(t, func() bool { return len(eliona.of("POST /v2/send-notification")) == want+1 }, waitFor, time.Millisecond, reason)
		first := eliona.of("POST /v2/send-notification")[0]
		require.Equal(t, "alice@example.com", first.Body["user"])
		require.Equal(t, "secret", first.Key)
		if want == 1 {
			require.Contains(t, first.Body["message"].(map[string]any)["en"], "2031-03-03 12:00 UTC")
			require.Contains(t, first.Body["message"], "de")
		}
	}
}

func TestSwitchNotifyOrganizer(t *testing.T) {
	a, eliona := startWithEliona(t, func(s *bookingsim.Switches) { s.NotifyOrganizer = false })
	a.putGroup(0, occurrence(0, "12:00", "13:00", 502))
	a.call("DELETE", "/bookings/1?reason=conflict", nil)
	a.call("POST", "/bookings/1/registerGuest", map[string]string{"messageEn": "Your guest is here"})
	require.Eventually(t, func() bool { return len(eliona.of("POST /v2/send-notification")) == 1 }, waitFor, time.Millisecond)
	require.Equal(t, map[string]any{"en": "Your guest is here"}, eliona.of("POST /v2/send-notification")[0].Body["message"])
}

func TestOccupancyWriter(t *testing.T) {
	a, eliona := startWithEliona(t)
	values := func() map[float64][]float64 {
		out := map[float64][]float64{}
		for _, call := range eliona.of("PUT /v2/data") {
			// Errorf, because Eventually calls this in a goroutine of its own.
			if subtype := call.Body["subtype"]; subtype != "input" {
				t.Errorf("subtype is %v", subtype)
			}
			if reference := call.Body["clientReference"]; reference != "booking-app" {
				t.Errorf("client reference is %v", reference)
			}
			asset := call.Body["assetId"].(float64)
			out[asset] = append(out[asset], call.Body["data"].(map[string]any)["occupancy"].(float64))
		}
		return out
	}
	a.putGroup(0, occurrence(0, "08:30", "09:00", 502), occurrence(0, "08:31", "09:00", 503))
	require.Eventually(t, func() bool { return len(values()) == 2 }, waitFor, time.Millisecond)
	require.NoError(t, a.Cancel(1))
	require.Eventually(t, func() bool { return len(values()[502]) == 2 }, waitFor, time.Millisecond)
	require.Equal(t, map[float64][]float64{502: {1, 0}, 503: {0}}, values(), "only changes are written")

	switches := a.Switches()
	switches.OccupancyLookAheadMinutes = 31
	require.NoError(t, a.SetSwitches(switches))
	require.Eventually(t, func() bool { return len(values()[503]) == 2 }, waitFor, time.Millisecond)
}

func TestSwitchOccupancyWriter(t *testing.T) {
	a, eliona := startWithEliona(t, func(s *bookingsim.Switches) { s.OccupancyWriter = false })
	a.putGroup(0, occurrence(0, "08:00", "09:00", 502))
	switches := a.Switches()
	require.Never(t, func() bool { return len(eliona.of("PUT /v2/data")) > 0 }, 30*time.Millisecond, 5*time.Millisecond)
	switches.OccupancyWriter = true
	require.NoError(t, a.SetSwitches(switches))
	require.Eventually(t, func() bool { return len(eliona.of("PUT /v2/data")) == 1 }, waitFor, time.Millisecond)
}
