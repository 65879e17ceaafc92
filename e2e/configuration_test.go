package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

const (
	carol = "carol@example.com"
	room3 = "room-3@example.com"
	room4 = "room-4@example.com"
	room5 = "room-5@example.com"
	room6 = "room-6@example.com"
	room7 = "room-7@example.com"
	room9 = "room-9@example.com"
)

// bareWorld starts the whole product without a configuration.
func bareWorld(t *testing.T, o stage.Options) *world {
	t.Helper()
	o.Verbose = true
	s := start(t, o)
	w := &world{Stage: s, t: t, day: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2)}
	t.Cleanup(func() {
		if t.Failed() {
			w.show()
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing the stage: %v", err)
		}
	})
	require.NoError(t, s.StartApp(t.Context()))
	return w
}

// configure posts the stage's configuration with changes and returns its path.
func (w *world) configure(change map[string]any) string {
	w.t.Helper()
	configuration := w.Configuration()
	maps.Copy(configuration, change)
	id, err := w.Configure(w.t.Context(), configuration)
	require.NoError(w.t, err)
	return "/configs/" + strconv.FormatInt(id, 10)
}

func (w *world) get(config string) map[string]any {
	w.t.Helper()
	var stored map[string]any
	require.NoError(w.t, w.Call(w.t.Context(), http.MethodGet, config, nil, &stored))
	return stored
}

// put changes a configuration: what GET returned is sent back with the change.
func (w *world) put(config string, change map[string]any) map[string]any {
	w.t.Helper()
	wanted := w.get(config)
	maps.Copy(wanted, change)
	var stored map[string]any
	require.NoError(w.t, w.Call(w.t.Context(), http.MethodPut, config, wanted, &stored))
	return stored
}

func (w *world) active(config string) bool { return w.get(config)["active"] == true }

// count adds up requests to the simulators; an empty service or operation means
// all of them.
func (w *world) count(service, operation string) (requests, failed int64) {
	w.t.Helper()
	stats, err := w.Control.Stats(w.t.Context())
	require.NoError(w.t, err)
	for s, operations := range stats {
		for o, n := range operations {
			if (service == "" || s == service) && (operation == "" || o == operation) {
				requests, failed = requests+n.Requests, failed+n.Errors
			}
		}
	}
	return requests, failed
}

func (w *world) requests(service, operation string) int64 {
	w.t.Helper()
	n, _ := w.count(service, operation)
	return n
}

// quiet checks that nothing is asked of any system.
func (w *world) quiet(d time.Duration, what string) {
	w.t.Helper()
	before := w.requests("", "")
	w.always(d, what, func() bool { return w.requests("", "") == before })
}

// discovered waits until the room list was read n more times.
func (w *world) discovered(n int64) {
	w.t.Helper()
	before := w.requests("exchange", "GetRooms")
	w.until(fmt.Sprintf("the room list is read %d times more", n), func() bool {
		return w.requests("exchange", "GetRooms") >= before+n
	})
}

// names lists the names of the rooms' assets in a project.
func (w *world) names(project string) []string {
	w.t.Helper()
	var names []string
	for _, a := range w.rooms(project) {
		if !a.Gone {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names
}

// assetIn returns the asset of a room in a project.
func (w *world) assetIn(project, room string) stage.Asset {
	w.t.Helper()
	for _, a := range w.rooms(project) {
		if a.GAI == "ews_room_"+room {
			return a
		}
	}
	require.Fail(w.t, "no asset", "%s in project %s", room, project)
	return stage.Asset{}
}

// sql asks the app's database for a number.
func (w *world) sql(query string, args ...any) int {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.URL())
	require.NoError(w.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var n int
	require.NoError(w.t, conn.QueryRow(w.t.Context(), query, args...).Scan(&n))
	return n
}

func (w *world) outlook(person string, start time.Time, rooms ...string) stage.Made {
	w.t.Helper()
	return w.act(stage.Action{
		Person: person, Where: "outlook", Action: "book", Subject: "Meeting", Rooms: rooms,
	}.At(start, time.Hour))
}

// eliona books rooms, by the assets of project 10.
func (w *world) eliona(person string, start time.Time, rooms ...string) int32 {
	w.t.Helper()
	made := w.act(stage.Action{
		Person: person, Where: "eliona", Action: "book", Rooms: rooms, Project: "10",
	}.At(start, time.Hour))
	return made.BookingIDs[0]
}

// bookedAt returns the live bookings that start then.
func (w *world) bookedAt(start time.Time) []stage.Booking {
	w.t.Helper()
	var found []stage.Booking
	for _, b := range w.live() {
		if b.Start.Equal(start) {
			found = append(found, b)
		}
	}
	return found
}

// metAt returns what stands in a calendar then.
func (w *world) metAt(mailbox string, start time.Time) []stage.Entry {
	w.t.Helper()
	var found []stage.Entry
	for _, e := range w.meetings(mailbox) {
		if e.Start.Equal(start) {
			found = append(found, e)
		}
	}
	return found
}

// acceptedAt tells whether exactly one meeting stands in a calendar then, and
// all these rooms accepted it.
func (w *world) acceptedAt(mailbox string, start time.Time, rooms ...string) bool {
	w.t.Helper()
	found := w.metAt(mailbox, start)
	if len(found) != 1 {
		return false
	}
	for _, room := range rooms {
		if response(found[0], room) != "Accept" {
			return false
		}
	}
	return true
}

func (w *world) told() []stage.Notification {
	w.t.Helper()
	told, err := w.Control.Notifications(w.t.Context())
	require.NoError(w.t, err)
	return told
}

func (w *world) fault(rules ...map[string]any) {
	w.t.Helper()
	for _, rule := range rules {
		require.NoError(w.t, w.Control.Fault(w.t.Context(), rule))
	}
}

func (w *world) noFaults() {
	w.t.Helper()
	require.NoError(w.t, w.Control.NoFaults(w.t.Context()))
}

// TestConfigurationAtRunTime plays P13, P14, P20-P22 and P25 on one stage.
func TestConfigurationAtRunTime(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	config := w.configure(map[string]any{"assetFilter": [][]map[string]string{
		{{"parameter": "name", "regex": "^Room [12]$"}, {"parameter": "email", "regex": "(?i)@EXAMPLE\\.com$"}},
		{{"parameter": "email", "regex": "^room-4@"}},
	}})

	t.Run("P25 only rooms that match the filter become assets", func(t *testing.T) {
		w.until("the wanted rooms are assets", func() bool { return len(w.names("10")) >= 3 })
		w.discovered(2)
		require.Equal(t, []string{"Room 1", "Room 2", "Room 4"}, w.names("10"))
	})

	t.Run("P21 P22 active and userId belong to the app", func(t *testing.T) {
		w.until("active is true", func() bool { return w.active(config) })
		require.Equal(t, "42", w.get(config)["userId"])
		stored := w.put(config, map[string]any{"userId": "99", "active": false, "assetFilter": nil})
		require.Equal(t, "42", stored["userId"])
		w.until("active is true although the client sent false", func() bool { return w.active(config) })
		require.Equal(t, "42", w.get(config)["userId"])
	})

	t.Run("P13 without the filter the other rooms come", func(t *testing.T) {
		w.until("all rooms are assets", func() bool { return len(w.names("10")) == 5 })
	})

	t.Run("P13 refreshInterval", func(t *testing.T) {
		w.outlook(bob, w.at(6), room1)
		w.until("it arrives", func() bool { return len(w.bookedAt(w.at(6))) == 1 })
		w.put(config, map[string]any{"refreshInterval": 600, "streaming": false})
		w.discovered(1)
		w.until("nobody asks Exchange for a second", w.silent("exchange", time.Second))
		w.outlook(bob, w.at(7), room1)
		w.always(3*time.Second, "Exchange is not asked", w.silent("exchange", 0))
		w.put(config, map[string]any{"refreshInterval": 1})
		w.until("it arrives after the change, not after the old interval", func() bool { return len(w.bookedAt(w.at(7))) == 1 })
	})

	t.Run("P13 another service user", func(t *testing.T) {
		w.put(config, map[string]any{"serviceUserUPN": carol})
		w.discovered(2) // by now it counts
		start := w.at(8)
		w.eliona("guest@elsewhere.example", start, room2)
		w.until("the new service user has the meeting", func() bool { return w.acceptedAt(carol, start, room2) })
		require.Empty(t, w.meetings("eliona@example.com"))
		w.put(config, map[string]any{"serviceUserUPN": "eliona@example.com"})
	})

	t.Run("P13 another room list", func(t *testing.T) {
		w.put(config, map[string]any{"roomListUPN": "second.floor@example.com"})
		w.until("its rooms are assets", func() bool { return len(w.names("10")) == 8 })
		w.outlook(bob, w.at(9), room6)
		w.until("they are synchronised", func() bool { return len(w.bookedAt(w.at(9))) == 1 })
		w.eliona(alice, w.at(9), room7)
		w.until("in both directions", func() bool { return w.acceptedAt(alice, w.at(9), room7) })
		w.put(config, map[string]any{"roomListUPN": "first.floor@example.com"})
		w.outlook(bob, w.at(10), room1)
		w.until("the rooms of the first list are synchronised again", func() bool { return len(w.bookedAt(w.at(10))) == 1 })
	})

	t.Run("P20 enable false stops everything, and nothing is lost", func(t *testing.T) {
		underWay := w.eliona(alice, w.at(11), room1) // work in progress
		w.outlook(bob, w.at(12), room1)
		moved := w.outlook(bob, w.at(13), room2)
		w.until("it arrives", func() bool { return len(w.bookedAt(w.at(13))) == 1 })
		gone := w.eliona(alice, w.at(14), room2)
		w.until("it arrives", func() bool { return w.acceptedAt(alice, w.at(14), room2) })
		underWayToo := w.eliona(alice, w.at(15), room1, room2)

		w.put(config, map[string]any{"enable": false})
		require.NoError(t, stage.Until(t.Context(), 1500*time.Millisecond, "active is false", func() (bool, error) {
			return !w.active(config), nil
		}))
		w.quiet(2*time.Second, "nothing is read or written")
		w.eliona(alice, w.at(16), room2)
		w.outlook(bob, w.at(16), room1)
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "move", UID: moved.UID}.At(w.at(17), time.Hour))
		w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: gone})
		w.quiet(time.Second, "whatever people do")
		require.Empty(t, w.metAt(alice, w.at(16)))

		w.put(config, map[string]any{"enable": true})
		w.until("what was under way is done", func() bool {
			return w.acceptedAt(alice, w.at(11), room1) && w.acceptedAt(alice, w.at(15), room1, room2) &&
				len(w.bookedAt(w.at(12))) == 1
		})
		w.until("what happened meanwhile has arrived", func() bool {
			return w.acceptedAt(alice, w.at(16), room2) && len(w.bookedAt(w.at(16))) == 2 &&
				len(w.bookedAt(w.at(13))) == 0 && len(w.bookedAt(w.at(17))) == 1 && len(w.metAt(alice, w.at(14))) == 0
		})
		require.False(t, w.booking(underWay).Cancelled || w.booking(underWayToo).Cancelled)
		require.True(t, w.active(config))
		w.always(2*time.Second, "nothing is doubled", func() bool {
			return len(w.meetings(alice)) == len(slices.DeleteFunc(w.live(), func(b stage.Booking) bool { return b.Organizer != alice })) &&
				len(w.meetings(bob)) == len(slices.DeleteFunc(w.live(), func(b stage.Booking) bool { return b.Organizer != bob }))
		})
	})

	t.Run("P14 DELETE ends the work and forgets the mappings; assets stay", func(t *testing.T) {
		assets, live, meetings := len(w.names("10")), len(w.live()), len(w.meetings(alice))
		id := w.live()[0].ID
		require.NoError(t, w.Call(t.Context(), http.MethodDelete, config, nil, nil))
		w.until("nobody asks for anything", w.silent("", time.Second))
		w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: id})
		w.outlook(bob, w.at(18), room1)
		w.quiet(2*time.Second, "its work has stopped")
		for _, table := range []string{"asset", "room", "meeting", "occurrence", "cell", "operation", "notice", "booking_tombstone"} {
			require.Zero(t, w.sql("select count(*) from ews."+table), table)
		}
		require.Len(t, w.names("10"), assets)
		require.Len(t, w.live(), live-1)
		require.Len(t, w.meetings(alice), meetings)
		require.ErrorContains(t, w.Call(t.Context(), http.MethodGet, config, nil, nil), "404")
	})
}

// silent tells whether nothing was asked of a service for a while; with no time
// given, since the function was made.
func (w *world) silent(service string, d time.Duration) func() bool {
	w.t.Helper()
	before, since := w.requests(service, ""), time.Now()
	return func() bool {
		now := w.requests(service, "")
		if d > 0 && now != before {
			before, since = now, time.Now()
		}
		return now == before && time.Since(since) >= d
	}
}

// TestTwoConfigurations is P23, with a third configuration that does not work.
func TestTwoConfigurations(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	broken := w.configure(map[string]any{"clientSecret": "wrong", "projectIDs": []string{"11"}, "roomListUPN": "second.floor@example.com"})
	first := w.configure(nil)
	second := w.configure(map[string]any{
		"clientId": "", "clientSecret": "", "tenantId": "", "username": `EXAMPLE\eliona`, "password": "secret",
		"roomListUPN": "second.floor@example.com",
	})
	sealed := w.configure(map[string]any{"projectIDs": []string{"11"}, "enable": false})
	w.exec(`update ews.configuration set client_secret = 'ews-sealed:v1:unknown:AAAA', enable = true, version = version + 1 where id = $1`,
		strings.TrimPrefix(sealed, "/configs/"))

	w.until("the rooms of both lists are assets", func() bool { return len(w.names("10")) == 8 })
	require.Empty(t, w.names("11"))
	require.Equal(t, 3, w.sql(`select count(*) from ews.room where configuration_id = $1`, strings.TrimPrefix(second, "/configs/")))

	t.Run("a configuration with broken secrets says so and holds up nobody", func(t *testing.T) {
		w.until("the wrong secret is told", func() bool { return w.get(broken)["statusCode"] != "" })
		w.until("the unreadable secret is told", func() bool { return w.get(sealed)["statusCode"] == "secret_unreadable" })
		require.False(t, w.active(sealed))
		t.Logf("wrong secret: %v; unreadable: %v", w.get(broken)["statusText"], w.get(sealed)["statusText"])
	})

	t.Run("P23 each works on its own rooms, and a booking is made once", func(t *testing.T) {
		one, two := w.at(8), w.at(9)
		began := stage.StartStopwatch()
		w.eliona(alice, one, room1)
		w.eliona(bob, two, room6)
		w.until("both are meetings", func() bool {
			return w.acceptedAt(alice, one, room1) && w.acceptedAt(bob, two, room6)
		})
		require.Less(t, began.Took(), 8*time.Second)
		w.outlook(alice, w.at(10), room6)
		w.outlook(bob, w.at(11), room1)
		w.until("both are bookings", func() bool { return len(w.live()) == 4 })
		w.always(3*time.Second, "everything is there once", func() bool {
			return len(w.live()) == 4 && len(w.meetings(alice)) == 2 && len(w.meetings(bob)) == 2 &&
				len(w.meetings(room1)) == 2 && len(w.meetings(room6)) == 2
		})
		require.EqualValues(t, 2, w.requests("exchange", "CreateItem"))
		require.Empty(t, w.get(first)["statusCode"])
		require.Empty(t, w.get(second)["statusCode"])
	})

	t.Run("P13 mending the secrets makes them work", func(t *testing.T) {
		w.put(second, map[string]any{"enable": false})
		w.put(broken, map[string]any{"clientSecret": "secret", "roomListUPN": "second.floor@example.com"})
		w.until("it works", func() bool { return len(w.names("11")) == 3 && w.get(broken)["statusCode"] == "" })
		w.put(sealed, map[string]any{"clientSecret": "secret"})
		w.until("so does the other", func() bool { return len(w.names("11")) == 8 && w.get(sealed)["statusCode"] == "" })
	})
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.URL())
	require.NoError(w.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(w.t.Context(), query, args...)
	require.NoError(w.t, err)
}
