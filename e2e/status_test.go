package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// list asks the app's API for a list.
func (w *world) list(path string) []map[string]any {
	w.t.Helper()
	var list []map[string]any
	require.NoError(w.t, w.Call(w.t.Context(), http.MethodGet, path, nil, &list))
	return list
}

func (w *world) post(path string) {
	w.t.Helper()
	require.NoError(w.t, w.Call(w.t.Context(), http.MethodPost, path, nil, nil))
}

// streaming is what the status tells of the connections on which Exchange tells
// of changes.
func (w *world) streaming() map[string]any {
	w.t.Helper()
	return w.get("/configs/1/status")["fromExchange"].(map[string]any)["streaming"].(map[string]any)
}

// TestWhatOperatorsSee follows an installation through the operators' part of
// its API.
func TestWhatOperatorsSee(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	const path = "/configs/1"
	w.bothWays(8)

	t.Run("the status tells that all is well", func(t *testing.T) {
		w.until("it does", func() bool {
			s := w.get(path + "/status")
			work, bookings := s["work"].(map[string]any), s["fromBookings"].(map[string]any)
			return s["state"] == "running" && s["owner"].(map[string]any)["here"] == true && bookings["connected"] == true &&
				bookings["lastComparison"] != nil && work["waiting"] == 0.0 &&
				s["counts"].(map[string]any)["rooms"] == 5.0 && s["counts"].(map[string]any)["findings"] == 0.0 &&
				s["fromExchange"].(map[string]any)["lagSeconds"].(float64) < 10
		})
		w.until("Exchange tells of changes in all rooms", func() bool {
			streaming := w.streaming()
			return streaming["enabled"] == true && streaming["rooms"] == 5.0 && streaming["since"] != nil
		})
		w.eliona(alice, w.at(9), room5)
		w.until("the last success is known in either direction, of the whole and of each room", func() bool {
			whole, carried := w.get(path+"/status"), func(of map[string]any, direction string) bool {
				return of[direction].(map[string]any)["lastCarried"] != nil
			}
			return carried(whole, "fromExchange") && carried(whole, "fromBookings") && whole["import"] == nil &&
				carried(w.get(path+"/rooms/"+room2), "fromExchange") && carried(w.get(path+"/rooms/"+room1), "fromBookings") &&
				!carried(w.get(path+"/rooms/"+room4), "fromExchange")
		})
		w.until("the message about a booking is noted", func() bool {
			return w.get(path + "/status")["fromBookings"].(map[string]any)["lastMessage"] != nil
		})
		w.until("the room accepts", func() bool { return w.acceptedAt(alice, w.at(9), room5) })
		status, body := get(t, strings.TrimSuffix(w.API, "/v1")+"/v1/health/ready")
		require.Equal(t, http.StatusOK, status, "%s", body)
	})

	t.Run("rooms are listed with what both sides have today", func(t *testing.T) {
		now := time.Now().UTC().Truncate(time.Minute)
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Hush-hush 8841", Rooms: []string{room3}}.At(now, 20*time.Minute))
		var entry map[string]any
		w.until("the meeting of today is shown on both sides", func() bool {
			today := w.get(path + "/rooms/" + room3)["today"].([]any)
			if len(today) != 1 {
				return false
			}
			entry = today[0].(map[string]any)
			return entry["exchange"] != nil && entry["eliona"] != nil
		})
		require.Equal(t, bob, entry["organizer"])
		require.Equal(t, "accepted", entry["exchange"].(map[string]any)["state"])
		require.Equal(t, "booked", entry["eliona"].(map[string]any)["state"])
		rooms := w.list(path + "/rooms")
		require.Len(t, rooms, 5)
		for _, room := range rooms {
			require.Equal(t, "active", room["state"])
			require.NotNil(t, room["lastRead"])
			require.Len(t, room["assets"], 1)
		}
		raw, err := json.Marshal(rooms)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "Hush-hush")
	})

	t.Run("a browser gets a page of it", func(t *testing.T) {
		status, html := get(t, w.API+"/status?lang=de", "Accept", "text/html,*/*;q=0.8")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, string(html), bob)
		require.Contains(t, string(html), "auf beiden Seiten gleich")
		require.NotContains(t, string(html), "Hush-hush")
	})

	t.Run("and has the configuration checked", func(t *testing.T) {
		answer, err := (&http.Client{Timeout: time.Minute}).PostForm(w.API+"/status", url.Values{"do": {"check"}, "config": {"1"}, "mailbox": {alice}})
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		html, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.Contains(t, string(html), `Check of configuration 1</h2><span class="mark good">in order</span>`)
		require.Contains(t, string(html), `Calendar of a user: <span class="list">`+alice)
	})

	t.Run("a finding appears, and is gone once trying again succeeded", func(t *testing.T) {
		w.fault(map[string]any{"service": "booking", "operation": "POST /bookings/group", "kind": "status", "status": 409})
		w.outlook(bob, w.at(11), room4)
		var finding map[string]any
		w.until("the finding is there", func() bool {
			findings := w.list(path + "/findings")
			if len(findings) == 1 {
				finding = findings[0]
			}
			return finding != nil
		})
		require.Equal(t, "clash", finding["kind"])
		require.Equal(t, "booking_clash", finding["code"])
		require.Equal(t, room4, finding["room"])
		require.NotEmpty(t, finding["fix"])
		require.Empty(t, w.bookedAt(w.at(11)))
		w.noFaults()
		w.always(time.Second, "it is not tried again at once", func() bool { return len(w.bookedAt(w.at(11))) == 0 })
		w.post(path + "/findings/" + finding["id"].(string) + "/retry")
		w.until("the booking is made", func() bool { return len(w.bookedAt(w.at(11))) == 1 && len(w.list(path+"/findings")) == 0 })
		require.Error(t, w.Call(t.Context(), http.MethodPost, path+"/findings/"+finding["id"].(string)+"/retry", nil, nil))
	})

	t.Run("everything is compared anew", func(t *testing.T) {
		read := w.requests("exchange", "FindItem")
		compared := w.get(path + "/status")["fromBookings"].(map[string]any)["lastComparison"]
		w.post(path + "/rooms/" + room1 + "/resync")
		w.until("the room is read", func() bool { return w.requests("exchange", "FindItem") > read })
		w.post(path + "/resync")
		w.until("all rooms are read and all bookings compared", func() bool {
			return w.requests("exchange", "FindItem") >= read+6 &&
				w.get(path + "/status")["fromBookings"].(map[string]any)["lastComparison"] != compared
		})
	})

	t.Run("metrics count it and give nothing away", func(t *testing.T) {
		status, body := get(t, strings.TrimSuffix(w.API, "/v1")+"/metrics")
		require.Equal(t, http.StatusOK, status)
		text := string(body)
		for _, series := range []string{
			`ews_exchange_requests_total{code="NoError",config="1",operation="SyncFolderItems"} `,
			`ews_operations_total{config="1",kind="create_meeting",result="done"} 2`,
			`ews_operations_total{config="1",kind="write_bookings",result="booking_clash"} `,
			`ews_operation_duration_seconds_count{config="1",kind="create_meeting"} 2`,
			`ews_change_latency_seconds_count{config="1",direction="booking_to_meeting"} 2`,
			`ews_change_latency_seconds_count{config="1",direction="meeting_to_booking"} `,
			`ews_meetings_waiting{config="1",priority="people"} `,
			`ews_booking_connected{config="1"} 1`, `ews_booking_messages_total{config="1"} `,
			`ews_rooms{config="1"} 5`, `ews_rooms_failing{config="1"} 0`, `ews_meetings_parked{config="1"} 0`,
			`ews_configuration_running{config="1"} 1`, `ews_notices_total{code="rooms_added",config="1"} 1`, "ews_database_up 1",
		} {
			require.Contains(t, text, series)
		}
		for _, private := range []string{"@", "secret", "Hush-hush", "Review", "Talk", "Room 1"} {
			require.NotContains(t, text, private)
		}
	})
	requireQuiet(t, w.Stage)
}

// TestLivesWhileItWaits: the platform can tell a process that waits from one
// that is stuck.
func TestLivesWhileItWaits(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{})
	require.NoError(t, s.Control.Fault(t.Context(), map[string]any{"service": "eliona", "kind": "status", "status": 503}))
	require.NoError(t, s.SpawnApp())
	w := worldOf(t, s)
	w.until("it lives", func() bool { return s.Call(t.Context(), http.MethodGet, "/health/live", nil, nil) == nil })
	status, _ := get(t, s.API+"/health/ready")
	require.Equal(t, http.StatusServiceUnavailable, status)
	status, _ = get(t, s.API+"/configs")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NoError(t, s.Control.NoFaults(t.Context()))
	w.until("it is ready", func() bool { return s.Call(t.Context(), http.MethodGet, "/health/ready", nil, nil) == nil })
	requireQuiet(t, s)
}
