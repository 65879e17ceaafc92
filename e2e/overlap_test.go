package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// named is an asset filter that takes the rooms whose names match.
func named(regex string) [][]map[string]string {
	return [][]map[string]string{{{"parameter": "name", "regex": regex}}}
}

// sharedRoom is a building of two configurations with credentials of their own,
// of which the older one works on the room that both list.
type sharedRoom struct {
	*world
	first, second string
	mine          int32      // a booking of Eliona in the shared room
	theirs        stage.Made // a meeting of Outlook there
}

func newSharedRoom(t *testing.T) *sharedRoom {
	t.Helper()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	first := w.configure(map[string]any{"assetFilter": named("^Room [123]$")})
	w.until("its rooms are assets", func() bool { return len(w.names("10")) == 3 })
	second := w.configure(map[string]any{
		"clientId": "", "clientSecret": "", "tenantId": "", "username": `EXAMPLE\eliona`, "password": "secret",
		"assetFilter": named("^Room [345]$"),
	})
	w.until("each room is one asset", func() bool { return len(w.names("10")) == 5 })
	w.until("both are at work", func() bool { return w.active(first) && w.active(second) })
	return &sharedRoom{world: w, first: first, second: second}
}

// everythingOnce waits until each booking is one meeting, and there are so many.
func (w *sharedRoom) everythingOnce(what string, bookings int) {
	w.t.Helper()
	w.settles(2*time.Second, what, func() bool {
		live := w.live()
		for _, b := range live {
			if !w.once(b.Start) || len(w.metAt(b.Organizer, b.Start)) != 1 {
				return false
			}
		}
		return len(live) == bookings && w.agreed()
	})
}

// workedOnOnce books in the rooms of both, from both sides.
func (w *sharedRoom) workedOnOnce() {
	w.t.Helper()
	w.mine = w.eliona(alice, w.at(6), room3)
	w.theirs = w.outlook(bob, w.at(7), room3)
	w.outlook(bob, w.at(8), room2, room3)
	w.eliona(alice, w.at(9), room4)
	w.outlook(carol, w.at(10), room4, room5)
	w.until("Eliona's are meetings", func() bool { return w.acceptedAt(alice, w.at(6), room3) && w.acceptedAt(alice, w.at(9), room4) })
	w.until("Outlook's are bookings, also those with several rooms", func() bool {
		return w.once(w.at(7)) && w.once(w.at(8)) && len(w.bookedAt(w.at(8))[0].AssetIDs) == 2 && w.once(w.at(10))
	})
	w.everythingOnce("everything is there once", 5)
	require.EqualValues(w.t, 2, w.requests("exchange", "CreateItem"))
}

// TestOverlappingConfigurations is P23 where rooms belong to several
// configurations, with credentials of their own: the oldest enabled one works on
// a shared room, and nothing happens twice.
func TestOverlappingConfigurations(t *testing.T) {
	t.Parallel()
	w := newSharedRoom(t)
	t.Run("P23 P39 P46 P47 a shared room is worked on once", func(*testing.T) { w.workedOnOnce() })

	t.Run("P23 P40 P42 P51 P52 and followed by one", func(t *testing.T) {
		w.moveBooking(w.mine, w.at(11))
		w.moveMeeting(bob, w.theirs.UID, w.at(12))
		w.until("both move", func() bool { return w.acceptedAt(alice, w.at(11), room3) && w.once(w.at(12)) })
		w.everythingOnce("nothing is doubled", 5)
		w.cancelBooking(w.mine)
		w.cancelMeeting(bob, w.theirs.UID)
		w.everythingOnce("nothing is left", 3)
		require.Empty(t, w.get(w.first)["statusCode"])
		require.Empty(t, w.get(w.second)["statusCode"])
	})
}

// TestTwoProjectsOfTwoConfigurations is P23 and P26 where a room has an asset in
// a project of each: what happens to the room happens in both.
func TestTwoProjectsOfTwoConfigurations(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	w.configure(nil)
	w.configure(map[string]any{"projectIDs": []string{"11"}})
	w.until("the rooms are assets of both projects", func() bool { return len(w.names("10")) == 5 && len(w.names("11")) == 5 })
	in := func(project string, start time.Time) []stage.Booking {
		var found []stage.Booking
		for _, b := range w.bookedAt(start) {
			if len(b.AssetIDs) == 1 && b.AssetIDs[0] == w.assetIn(project, room1).ID {
				found = append(found, b)
			}
		}
		return found
	}
	both := func(start time.Time) bool {
		return len(in("10", start)) == 1 && len(in("11", start)) == 1 && len(w.bookedAt(start)) == 2
	}

	meeting := w.outlook(bob, w.at(6), room1)
	w.eliona(alice, w.at(7), room1)
	w.until("the room is taken in both projects", func() bool { return both(w.at(6)) && both(w.at(7)) && w.acceptedAt(alice, w.at(7), room1) })
	w.moveMeeting(bob, meeting.UID, w.at(8))
	w.until("both follow", func() bool { return both(w.at(8)) && len(w.bookedAt(w.at(6))) == 0 })
	w.cancelBooking(in("11", w.at(8))[0].ID)
	w.cancelBooking(in("11", w.at(7))[0].ID)
	w.settles(2*time.Second, "what is cancelled in one is cancelled in the other and in Exchange", func() bool {
		return len(w.live()) == 0 && len(w.meetings(alice)) == 0 && len(w.meetings(bob)) == 0 && len(w.meetings(room1)) == 0
	})
	for _, b := range w.bookings() {
		require.Equal(t, 1, created(b), "%+v", b)
	}
}
