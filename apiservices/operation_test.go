package apiservices_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ews/apiservices"
	"ews/app/engine"
	"ews/app/meeting"
	"ews/db/store"
)

// led adds a configuration and leads it, as the app does with one that runs.
func (a *api) led(t *testing.T) (path string, term *store.Term) {
	t.Helper()
	path = a.add(t, minimal())
	term, err := a.state.Lead(t.Context(), meeting.ConfigID(a.only(t).ID))
	require.NoError(t, err)
	t.Cleanup(func() { _ = term.Close(t.Context()) })
	_, err = term.SyncRooms(t.Context(), []engine.RoomInfo{{Address: "lake@example.com", Name: "Lake"}, {Address: "hill@example.com", Name: "Hill"}})
	require.NoError(t, err)
	require.NoError(t, term.SaveAssets(t.Context(), []engine.Asset{{Project: "10", GAI: "lake", Room: "lake@example.com", ID: 17}}))
	return path, term
}

func (a *api) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := a.state.Pool().Exec(t.Context(), sql)
	require.NoError(t, err)
}

func (a *api) value(t *testing.T, sql string) any {
	t.Helper()
	rows, err := a.state.Pool().Query(t.Context(), sql)
	require.NoError(t, err)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[any])
	require.NoError(t, err)
	return v
}

// list returns an answer that is a list of objects.
func (r answer) list(t *testing.T) []map[string]any {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, r.text)
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.text), &list), r.text)
	require.NotNil(t, list, "an empty list, not null")
	return list
}

func TestTheStatusTellsWhoWorks(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path, term := a.led(t)
	status := a.call(t, http.MethodGet, path+"/status", nil).object(t)
	require.Equal(t, "running", status["state"])
	require.Equal(t, true, status["owner"].(map[string]any)["here"])
	require.NotEmpty(t, status["owner"].(map[string]any)["host"])
	require.InDelta(t, 2, status["counts"].(map[string]any)["rooms"], 0)
	require.InDelta(t, 2, status["counts"].(map[string]any)["roomsUnread"], 0)
	require.Nil(t, status["fromExchange"].(map[string]any)["lagSeconds"])
	require.Equal(t, false, status["fromBookings"].(map[string]any)["connected"])

	_, err := term.Report(t.Context(), store.Report{Connected: time.Now(), WaitUntil: time.Now().Add(time.Minute)})
	require.NoError(t, err)
	require.NoError(t, a.repository.SetStatus(t.Context(), a.only(t).ID, "HTTP403", "foreign text of 10.1.2.3"))
	status = a.call(t, http.MethodGet, path+"/status", nil).object(t)
	require.Equal(t, "broken", status["state"])
	require.Equal(t, "HTTP403", status["statusCode"])
	require.Contains(t, status["statusText"], "blocked")
	require.Contains(t, status["statusFix"], "EwsAllowedAppIDs")
	require.NotContains(t, fmt.Sprint(status), "10.1.2.3")
	require.NotNil(t, status["statusSince"])
	require.Equal(t, true, status["fromBookings"].(map[string]any)["connected"])
	require.NotNil(t, status["fromExchange"].(map[string]any)["notBefore"])

	require.NoError(t, a.repository.SetStatus(t.Context(), a.only(t).ID, "", ""))
	a.exec(t, `update ews.leader set host = 'elsewhere', pid = 7`)
	owner := a.call(t, http.MethodGet, path+"/status", nil).object(t)["owner"].(map[string]any)
	require.Equal(t, false, owner["here"])
	require.Equal(t, "elsewhere", owner["host"])

	require.NoError(t, term.Close(t.Context()))
	status = a.call(t, http.MethodGet, path+"/status", nil).object(t)
	require.Equal(t, "starting", status["state"], "whoever lost the lock does not work")
	require.Nil(t, status["owner"])
	require.Equal(t, false, status["fromBookings"].(map[string]any)["connected"])

	require.Equal(t, http.StatusOK, a.call(t, http.MethodPut, path, with(minimal(), "enable", false)).status)
	require.Equal(t, "disabled", a.call(t, http.MethodGet, path+"/status", nil).object(t)["state"])
}

func TestRoomsAreShownWithTheirTrouble(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path, term := a.led(t)
	rooms := a.call(t, http.MethodGet, path+"/rooms", nil).list(t)
	require.Len(t, rooms, 2)
	require.Equal(t, "hill@example.com", rooms[0]["address"])
	require.Equal(t, []any{}, rooms[0]["assets"])
	require.Equal(t, []any{}, rooms[0]["today"])
	require.Equal(t, []any{map[string]any{"projectId": "10", "assetId": 17.0, "bookable": false}}, rooms[1]["assets"])

	a.exec(t, `update ews.room set fail_count = 3, error_code = 'ErrorNonExistentMailbox', guard_since = now(), guard_gone = 9 where mailbox like 'lake%'`)
	for _, address := range []string{"lake@example.com", "LAKE@example.com", "lake%40example.com"} {
		room := a.call(t, http.MethodGet, path+"/rooms/"+address, nil).object(t)
		require.Equal(t, "active", room["state"], address)
		require.Equal(t, "ErrorNonExistentMailbox", room["failure"].(map[string]any)["code"])
		require.Contains(t, room["failure"].(map[string]any)["text"], "no mailbox")
		require.InDelta(t, 9, room["guard"].(map[string]any)["entries"], 0)
	}
	_, err := term.SyncRooms(t.Context(), []engine.RoomInfo{{Address: "lake@example.com", Name: "Lake"}})
	require.NoError(t, err)
	hill := a.call(t, http.MethodGet, path+"/rooms/hill@example.com", nil).object(t)
	require.Equal(t, "retired", hill["state"])
	require.Nil(t, hill["nextPoll"])
}

func TestFindingsCanBeRetried(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path, _ := a.led(t)
	require.Empty(t, a.call(t, http.MethodGet, path+"/findings", nil).list(t))
	a.exec(t, `insert into ews.meeting (id, configuration_id, uid, origin, wanted_at, parked_code, parked_at, due_at)
		select 5, id, 'u', 'exchange', now(), 'booking_clash', now(), now() + interval '1 hour' from ews.configuration`)
	a.exec(t, `insert into ews.notice (id, configuration_id, subject, code, room, starts_at, ends_at)
		select 6, id, 'booking 4711', 'room_declined', 'Lake', now() + interval '1 hour', now() + interval '2 hours' from ews.configuration`)
	a.exec(t, `update ews.room set fail_count = 1, error_code = 'HTTP500', poll_at = now() + interval '1 hour' where mailbox like 'lake%'`)

	found := map[string]map[string]any{}
	for _, f := range a.call(t, http.MethodGet, path+"/findings", nil).list(t) {
		require.NotEmpty(t, f["text"])
		require.NotEmpty(t, f["fix"])
		found[f["kind"].(string)] = f
	}
	require.Len(t, found, 3)
	require.InDelta(t, 3, a.call(t, http.MethodGet, path+"/status", nil).object(t)["counts"].(map[string]any)["findings"], 0)
	require.InDelta(t, 4711, found["refusal"]["bookingId"], 0)
	require.Equal(t, false, found["refusal"]["retryable"])
	require.Equal(t, "lake@example.com", found["room"]["room"])
	retry := func(id any) int {
		return a.call(t, http.MethodPost, fmt.Sprintf("%s/findings/%v/retry", path, id), nil).status
	}
	require.Equal(t, http.StatusAccepted, retry(found["clash"]["id"]))
	require.Equal(t, http.StatusNotFound, retry(found["clash"]["id"]), "it is no finding while it is tried again")
	require.Equal(t, true, a.value(t, `select due_at <= now() from ews.meeting`))
	require.Equal(t, http.StatusConflict, retry(found["refusal"]["id"]))
	require.Equal(t, http.StatusAccepted, retry(found["room"]["id"]))
	require.Equal(t, true, a.value(t, `select poll_at <= now() from ews.room where mailbox like 'lake%'`))
	for _, id := range []string{"meeting-99", "meeting-", "meeting", "meeting-5-5", "room-x", "x-1", "-"} {
		require.Equal(t, http.StatusNotFound, retry(id), id)
	}
}

func TestEverythingCanBeComparedAnew(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path, term := a.led(t)
	a.exec(t, `update ews.room set read_gen = delta_gen, poll_at = now() + interval '1 day', audit_at = now() + interval '1 day', guard_since = now()`)
	const due = `select count(*) from ews.room where poll_at <= now() and delta_gen > read_gen and guard_since is null`
	require.Equal(t, http.StatusAccepted, a.call(t, http.MethodPost, path+"/rooms/lake@example.com/resync", nil).status)
	require.EqualValues(t, 1, a.value(t, due))
	asked := func() bool {
		compare, err := term.Report(t.Context(), store.Report{})
		require.NoError(t, err)
		return compare
	}
	require.False(t, asked())
	accepted := a.call(t, http.MethodPost, path+"/resync", "this body is not looked at")
	require.Equal(t, http.StatusAccepted, accepted.status)
	require.Empty(t, accepted.text)
	require.EqualValues(t, 2, a.value(t, due))
	require.True(t, asked())
	require.False(t, asked(), "once")
}

func TestWhatIsNotKnownIsNotFound(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path, _ := a.led(t)
	for _, request := range [][2]string{
		{http.MethodGet, "/status"}, {http.MethodGet, "/rooms"}, {http.MethodGet, "/findings"}, {http.MethodPost, "/resync"},
		{http.MethodGet, "/rooms/lake@example.com"}, {http.MethodPost, "/rooms/lake@example.com/resync"}, {http.MethodPost, "/findings/room-1/retry"},
	} {
		unknown := a.call(t, request[0], "/v1/configs/4711"+request[1], nil)
		require.Equal(t, http.StatusNotFound, unknown.status, request[1])
		require.Contains(t, unknown.object(t)["error"], "4711")
		malformed := a.call(t, request[0], "/v1/configs/abc"+request[1], nil)
		require.Equal(t, http.StatusBadRequest, malformed.status, request[1])
		require.Equal(t, []string{"config-id"}, malformed.faulty(t))
	}
	for _, request := range [][2]string{{http.MethodGet, "/rooms/sea@example.com"}, {http.MethodPost, "/rooms/sea@example.com/resync"}, {http.MethodGet, "/rooms/%20"}} {
		unknown := a.call(t, request[0], path+request[1], nil)
		require.Equal(t, http.StatusNotFound, unknown.status, request[1])
		require.NotEmpty(t, unknown.object(t)["error"])
	}
}

func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	a := serve(t)
	require.Equal(t, true, a.call(t, http.MethodGet, "/v1/health/live", nil).object(t)["ok"])
	require.Equal(t, http.StatusOK, a.call(t, http.MethodGet, "/v1/health/ready", nil).status)
	a.led(t)
	for _, path := range []string{"/metrics", "/v1/metrics"} {
		scraped := a.call(t, http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, scraped.status)
		require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", scraped.header.Get("Content-Type"))
		for _, series := range []string{"ews_database_up 1\n", `ews_configuration_running{config="1"} 1` + "\n", `ews_rooms{config="1"} 2` + "\n", `ews_build_info{`, "go_goroutines "} {
			require.Contains(t, scraped.text, series)
		}
		require.NotContains(t, scraped.text, "@")
	}
	a.unattended.Store(true)
	unready := a.call(t, http.MethodGet, "/v1/health/ready", nil)
	require.Equal(t, http.StatusServiceUnavailable, unready.status)
	require.Contains(t, unready.text, "nobody looks after the configurations")
	a.unattended.Store(false)
	a.state.Close()
	unready = a.call(t, http.MethodGet, "/v1/health/ready", nil)
	require.Equal(t, http.StatusServiceUnavailable, unready.status)
	require.Contains(t, unready.text, "the database does not answer")
	require.Equal(t, true, a.call(t, http.MethodGet, "/v1/health/live", nil).object(t)["ok"])
	require.Contains(t, a.call(t, http.MethodGet, "/metrics", nil).text, "ews_database_up 0\n")
	failed := a.call(t, http.MethodGet, "/v1/configs/1/rooms", nil)
	require.Equal(t, http.StatusInternalServerError, failed.status)
}

func TestTheGateLetsNobodyThroughBeforeTheAppIsReady(t *testing.T) {
	t.Parallel()
	gate := apiservices.NewGate()
	server := httptest.NewServer(gate)
	t.Cleanup(server.Close)
	a := &api{url: server.URL}
	require.Equal(t, true, a.call(t, http.MethodGet, "/v1/health/live", nil).object(t)["ok"])
	unready := a.call(t, http.MethodGet, "/v1//health/ready", nil)
	require.Equal(t, http.StatusServiceUnavailable, unready.status)
	require.Equal(t, false, unready.object(t)["ok"])
	for _, path := range []string{"/v1/version", "/v1/configs", "/metrics"} {
		closed := a.call(t, http.MethodGet, path, nil)
		require.Equal(t, http.StatusServiceUnavailable, closed.status)
		require.NotEmpty(t, closed.object(t)["error"])
		require.Equal(t, "5", closed.header.Get("Retry-After"))
	}
	gate.Open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	require.Equal(t, http.StatusTeapot, a.call(t, http.MethodGet, "/v1/health/live", nil).status)
}
