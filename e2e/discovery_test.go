package e2e

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// attribute is a value of an asset; nil if it was never written.
func attribute(a stage.Asset, subtype, name string) any {
	for _, d := range a.Data {
		if d.Subtype == subtype && d.Data[name] != nil {
			return d.Data[name]
		}
	}
	return nil
}

// root returns the root asset of a project, and how many there are.
func (w *world) root(project string) (root stage.Asset, number int) {
	w.t.Helper()
	all, err := w.Control.Assets(w.t.Context())
	require.NoError(w.t, err)
	for _, a := range all {
		if a.Type == "ews_root" && a.Project == project {
			root = a
			number++
		}
	}
	return root, number
}

// added returns the notifications about new rooms in a project.
func (w *world) added(project string) []stage.Notification {
	w.t.Helper()
	return slices.DeleteFunc(w.told(), func(n stage.Notification) bool {
		return n.Project != project || !strings.Contains(n.Message["en"], "added as")
	})
}

// writes counts what was written through the Eliona API.
func (w *world) writes() int64 {
	w.t.Helper()
	stats, err := w.Control.Stats(w.t.Context())
	require.NoError(w.t, err)
	var n int64
	for operation, count := range stats["eliona"] {
		if !strings.HasPrefix(operation, "GET ") {
			n += count.Requests
		}
	}
	return n
}

// log is everything the app has logged.
func (w *world) log() string {
	w.t.Helper()
	raw, err := os.ReadFile(w.AppLog())
	require.NoError(w.t, err)
	return string(raw)
}

// TestAssetsTellWhereRoomsAre: others have more to do after the start, so it
// takes a minute.
func TestAssetsTellWhereRoomsAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, nil)
	require.NoError(t, stage.Until(t.Context(), time.Minute+patience, "all locations are known", func() (bool, error) {
		rooms := w.rooms("10")
		return len(rooms) == 5 && !slices.ContainsFunc(rooms, func(a stage.Asset) bool {
			return attribute(a, "info", "location") != "Main building, first floor"
		}), nil
	}))
	for _, a := range w.rooms("10") {
		require.Equal(t, strings.TrimPrefix(a.GAI, "ews_room_"), attribute(a, "info", "email"))
	}
	require.EqualValues(t, 5, w.requests("exchange", "ResolveNames"))
}

// TestDiscovery plays P26-P30, P33-P35, P37 and P38 in two projects.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	// Somebody made an asset for room 3 in project 11 before.
	mine := map[string]any{
		"projectId": "11", "globalAssetIdentifier": "ews_room_" + room3, "assetType": "ews_room", "name": "Mine",
	}
	require.NoError(t, w.Eliona(t.Context(), http.MethodPut, "/assets", mine, nil))
	w.fault(map[string]any{"service": "eliona", "operation": "PUT /data", "kind": "status", "status": 500, "count": 1})
	config := w.configure(map[string]any{"projectIDs": []string{"10", "11"}})

	t.Run("P26 P27 P28 one root and all rooms below it in each project, bookable although writing failed once", func(t *testing.T) {
		for _, project := range []string{"10", "11"} {
			w.until("the rooms are bookable assets", func() bool {
				rooms := w.rooms(project)
				return len(rooms) == 5 && !slices.ContainsFunc(rooms, func(a stage.Asset) bool {
					return attribute(a, "property", "bookable") != 1.0
				})
			})
			root, number := w.root(project)
			require.Equal(t, 1, number, "roots")
			require.Equal(t, "ews_root", root.GAI)
			for _, a := range w.rooms(project) {
				address := strings.TrimPrefix(a.GAI, "ews_room_")
				require.Equal(t, address, attribute(a, "info", "email"))
				if a.Name == "Mine" {
					continue
				}
				require.Equal(t, root.ID, a.Functional)
				require.Equal(t, root.ID, a.Locational)
				require.Equal(t, "Room "+address[5:6], a.Name)
			}
		}
		failed, err := w.Control.Applied(t.Context(), "PUT /data")
		require.NoError(t, err)
		require.Equal(t, 1, failed)
		var offered struct {
			Attributes []struct {
				Name    string `json:"name"`
				Subtype string `json:"subtype"`
			} `json:"attributes"`
		}
		require.NoError(t, w.Eliona(t.Context(), http.MethodGet, "/asset-types/ews_room?expansions=AssetType.attributes", nil, &offered))
		require.Contains(t, offered.Attributes, struct {
			Name    string `json:"name"`
			Subtype string `json:"subtype"`
		}{"occupancy", "input"})
	})

	t.Run("P29 one notification per project with the number of new rooms, in four languages", func(t *testing.T) {
		for project, number := range map[string]string{"10": "5 ", "11": "4 "} { // one of project 11 existed before
			w.until("the user is told", func() bool { return len(w.added(project)) > 0 })
			told := w.added(project)
			require.Len(t, told, 1)
			require.Equal(t, "42", told[0].User)
			for _, language := range []string{"de", "en", "fr", "it"} {
				require.True(t, strings.HasPrefix(told[0].Message[language], number), "%s: %s", language, told[0].Message[language])
			}
		}
	})

	t.Run("P30 P37 discovery is repeated and changes nothing", func(t *testing.T) {
		writes, told, data := w.writes(), w.told(), w.sql("select count(*) from ews.asset")
		began := stage.StartStopwatch()
		w.discovered(3)
		require.Less(t, began.Took(), 6*time.Second)
		require.Equal(t, writes, w.writes())
		require.Equal(t, told, w.told())
		require.Equal(t, data, w.sql("select count(*) from ews.asset"))
	})

	t.Run("a booking in one project covers the assets of both, and is one meeting", func(t *testing.T) {
		both := func(room string) []int32 {
			ids := []int32{w.assetIn("10", room).ID, w.assetIn("11", room).ID}
			slices.Sort(ids)
			return ids
		}
		covers := func(start time.Time, room string) bool {
			b := w.bookedAt(start)
			return len(b) == 1 && slices.Equal(slices.Sorted(slices.Values(b[0].AssetIDs)), both(room))
		}
		id := w.eliona(alice, w.at(8), room1)
		w.outlook(bob, w.at(8), room2)
		w.until("the meetings and bookings are there", func() bool {
			return w.acceptedAt(alice, w.at(8), room1) && slices.Equal(slices.Sorted(slices.Values(w.booking(id).AssetIDs)), both(room1)) &&
				len(w.bookedAt(w.at(8))) == 2
		})
		w.act(stage.Action{Where: "eliona", Action: "move", BookingID: id}.At(w.at(9), time.Hour))
		w.until("it is moved", func() bool { return w.acceptedAt(alice, w.at(9), room1) })
		w.settles(2*time.Second, "nothing is doubled", func() bool {
			return len(w.live()) == 2 && covers(w.at(8), room2) && covers(w.at(9), room1) &&
				len(w.meetings(room1)) == 1 && len(w.meetings(alice)) == 1 && len(w.meetings(room2)) == 1
		})
		require.EqualValues(t, 1, w.requests("exchange", "CreateItem"))
	})

	t.Run("P33 a renamed asset keeps its name", func(t *testing.T) {
		renamed := map[string]any{
			"projectId": "10", "globalAssetIdentifier": "ews_room_" + room1, "assetType": "ews_room", "name": "Aquarium",
		}
		require.NoError(t, w.Eliona(t.Context(), http.MethodPut, "/assets", renamed, nil))
		w.discovered(2)
		require.Equal(t, "Aquarium", w.assetIn("10", room1).Name)
		require.Equal(t, "Mine", w.assetIn("11", room3).Name)
	})

	t.Run("P34 a deleted asset is not made again, and nothing fails", func(t *testing.T) {
		id := w.assetIn("10", room5).ID
		require.NoError(t, w.Control.DeleteAsset(t.Context(), id))
		logged := len(w.log())
		w.discovered(2)
		require.True(t, w.assetIn("10", room5).Gone)
		require.NotContains(t, w.log()[logged:], "WARN")
		w.outlook(bob, w.at(8), room5)
		w.until("the room is booked in the other project", func() bool {
			return slices.ContainsFunc(w.bookedAt(w.at(8)), func(b stage.Booking) bool {
				return slices.Contains(b.AssetIDs, w.assetIn("11", room5).ID)
			})
		})
	})

	t.Run("P35 an asset whose mapping was deleted is adopted again", func(t *testing.T) {
		before, told := w.assetIn("10", room1), w.told()
		live := w.live()
		w.exec(`delete from ews.asset where project_id = '10' and provider_id = $1`, room1)
		w.until("the mapping is back", func() bool {
			return w.sql(`select coalesce(max(asset_id), 0) from ews.asset where project_id = '10' and provider_id = $1`, room1) == int(before.ID)
		})
		w.discovered(2)
		require.Equal(t, before.Name, w.assetIn("10", room1).Name)
		require.Equal(t, told, w.told())
		require.Equal(t, live, w.live())
		w.eliona(alice, w.at(10), room1)
		w.until("it is synchronised", func() bool { return w.acceptedAt(alice, w.at(10), room1) })
	})

	t.Run("P38 bookings of other assets are left alone", func(t *testing.T) {
		meetings := w.requests("exchange", "CreateItem")
		require.NoError(t, w.Eliona(t.Context(), http.MethodPut, "/asset-types", map[string]any{"name": "desk"}, nil))
		var desk struct {
			ID int32 `json:"id"`
		}
		require.NoError(t, w.Eliona(t.Context(), http.MethodPut, "/assets", map[string]any{
			"projectId": "10", "globalAssetIdentifier": "desk_1", "assetType": "desk", "name": "Desk",
		}, &desk))
		made := w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Assets: []int32{desk.ID}}.At(w.at(11), time.Hour))
		w.always(2*time.Second, "nothing happens to it", func() bool {
			return w.requests("exchange", "CreateItem") == meetings && len(w.booking(made.BookingIDs[0]).History) == 1
		})
	})

	t.Run("an Eliona that sends unknown fields changes nothing", func(t *testing.T) {
		require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"eliona": map[string]any{
			"unknownFields": "everywhere", "bulkShuffled": true,
		}}))
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room9, "name": "Room 9", "addTo": "first.floor@example.com"}))
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": "room-10@example.com", "name": "Room 10", "addTo": "first.floor@example.com"}))
		w.until("new rooms become assets", func() bool { return len(w.rooms("10")) == 7 && len(w.rooms("11")) == 7 })
		w.until("they are bookable", func() bool { return attribute(w.assetIn("11", room9), "property", "bookable") == 1.0 })
		w.until("the user is told", func() bool { return len(w.added("10")) > 1 })
		w.put(config, map[string]any{"refreshInterval": 1})
		w.eliona(alice, w.at(12), room9)
		w.until("bookings are synchronised", func() bool { return w.acceptedAt(alice, w.at(12), room9) })
		require.Len(t, w.rooms("10"), 7)
	})
}

// TestRoomsComeAndGo plays P31, P32 and P36.
func TestRoomsComeAndGo(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	config := w.configure(nil)
	const list = "first.floor@example.com"
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	w.until("the user is told", func() bool { return len(w.added("10")) == 1 })
	var stays int32
	var moving stage.Made

	t.Run("P31 a room that is added is synchronised in both directions without restart", func(t *testing.T) {
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room9, "name": "Room 9", "addTo": list}))
		moving = w.outlook(bob, w.at(8), room9)
		w.until("its asset and its booking exist", func() bool { return len(w.bookedAt(w.at(8))) == 1 })
		stays = w.eliona(alice, w.at(9), room9)
		w.until("a booking of it is a meeting", func() bool { return w.acceptedAt(alice, w.at(9), room9) })
		w.until("the user is told of one room", func() bool { return len(w.added("10")) == 2 })
		require.True(t, strings.HasPrefix(w.added("10")[1].Message["en"], "1 Exchange room "))
	})

	t.Run("P32 a room that is removed keeps its asset and is not synchronised", func(t *testing.T) {
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room9, "removeFrom": list}))
		w.discovered(2)
		w.outlook(bob, w.at(10), room9)
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "move", UID: moving.UID}.At(w.at(14), time.Hour))
		id := w.eliona(alice, w.at(11), room9)
		w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: stays})
		w.outlook(bob, w.at(10), room1)
		w.until("other rooms are synchronised", func() bool { return len(w.bookedAt(w.at(10))) == 1 })
		w.always(3*time.Second, "neither side of the room changes", func() bool {
			return len(w.bookedAt(w.at(10))) == 1 && len(w.bookedAt(w.at(8))) == 1 && len(w.metAt(alice, w.at(11))) == 0 &&
				len(w.metAt(alice, w.at(9))) == 1 && len(w.booking(id).History) == 1
		})
		require.False(t, w.assetIn("10", room9).Gone)

		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room9, "addTo": list}))
		w.until("once it is back, everything is caught up with", func() bool {
			return len(w.bookedAt(w.at(10))) == 2 && w.acceptedAt(alice, w.at(11), room9) &&
				len(w.bookedAt(w.at(8))) == 0 && len(w.bookedAt(w.at(14))) == 1 && len(w.metAt(alice, w.at(9))) == 0
		})
		w.settles(2*time.Second, "nothing is doubled", func() bool { return len(w.live()) == 4 && len(w.meetings(room9)) == 3 })
		require.Len(t, w.rooms("10"), 6)
		require.Len(t, w.added("10"), 2, "nobody is told of a room that was known")
	})

	t.Run("P36 without a room list nothing is discovered, and existing assets are synchronised", func(t *testing.T) {
		w.put(config, map[string]any{"roomListUPN": ""})
		w.until("it runs", func() bool { return w.active(config) })
		asked := w.requests("exchange", "GetRooms")
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room9, "removeFrom": list}))
		require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": "room-10@example.com", "addTo": list}))
		w.eliona(alice, w.at(12), room9)
		w.outlook(bob, w.at(13), room9)
		w.until("both directions work", func() bool {
			return w.acceptedAt(alice, w.at(12), room9) && len(w.bookedAt(w.at(13))) == 1
		})
		w.always(2*time.Second, "nobody asks for the list", func() bool { return w.requests("exchange", "GetRooms") == asked })
		require.Len(t, w.rooms("10"), 6)
	})
}

// TestFailingDiscovery: whatever goes wrong with reading the room list, no room
// is taken for removed.
func TestFailingDiscovery(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	config := w.configure(nil)
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	w.discovered(1)
	for hour, rule := range map[int]map[string]any{
		6:  {"kind": "responseCode", "code": "ErrorNameResolutionNoResults"},
		7:  {"kind": "responseCode", "code": "ErrorNonExistentMailbox"},
		8:  {"kind": "responseCode", "code": "ErrorInternalServerError"},
		9:  {"kind": "soapFault", "code": "ErrorImpersonateUserDenied"},
		10: {"kind": "status", "status": 200},
		11: {"kind": "truncate"},
		12: {"kind": "resetBefore"},
	} {
		rule["service"], rule["operation"] = "exchange", "GetRooms"
		w.fault(rule)
		before := w.requests("exchange", "GetRooms")
		w.put(config, map[string]any{"refreshInterval": 1}) // it begins with reading the list
		w.until("the list was asked for", func() bool { return w.requests("exchange", "GetRooms") > before })
		w.outlook(bob, w.at(hour), room1)
		w.eliona(alice, w.at(hour), room2)
		w.until("P32 bookings are synchronised although the list cannot be read", func() bool {
			return len(w.bookedAt(w.at(hour))) == 2 && w.acceptedAt(alice, w.at(hour), room2)
		})
		require.Zero(t, w.sql("select count(*) from ews.room where retired_at is not null"), "%v", rule)
		w.noFaults()
	}
	w.put(config, map[string]any{"refreshInterval": 1})
	w.until("all is well again", func() bool { return w.get(config)["statusCode"] == "" })
	require.Len(t, w.live(), 14)
	require.Len(t, w.added("10"), 1)
}
