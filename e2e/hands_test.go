package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestASharedRoomChangesHands is P23 where the configuration that works on a
// shared room is disabled and enabled again: another takes over, with all that
// happened while nobody worked on the room, and nothing happens twice.
func TestASharedRoomChangesHands(t *testing.T) {
	t.Parallel()
	w := newSharedRoom(t)
	t.Run("P23 P39 P46 P47 a shared room is worked on once", func(*testing.T) { w.workedOnOnce() })

	t.Run("P23 P20 P40 P42 P51 P52 another configuration takes over", func(t *testing.T) {
		dropped := w.eliona(carol, w.at(17), room3)
		follows := w.outlook(bob, w.at(18), room3)
		w.outlook(carol, w.at(19), room3)
		w.until("they are in step", func() bool {
			return w.acceptedAt(carol, w.at(17), room3) && w.once(w.at(18)) && w.once(w.at(19))
		})
		w.put(w.second, map[string]any{"enable": false})
		w.put(w.first, map[string]any{"enable": false})
		w.until("both rest", func() bool { return !w.active(w.first) && !w.active(w.second) })
		w.moveBooking(w.mine, w.at(11))
		w.moveBooking(w.bookedAt(w.at(7))[0].ID, w.at(20))
		w.cancelBooking(dropped)
		w.moveMeeting(bob, follows.UID, w.at(21))
		w.cancelBooking(w.bookedAt(w.at(19))[0].ID)
		w.put(w.second, map[string]any{"enable": true})
		w.until("what happened in between is carried over", func() bool {
			return w.acceptedAt(alice, w.at(11), room3) && len(w.metAt(alice, w.at(6))) == 0 &&
				w.acceptedAt(bob, w.at(20), room3) && len(w.metAt(bob, w.at(7))) == 0 &&
				len(w.metAt(carol, w.at(17))) == 0 && w.once(w.at(21)) && len(w.metAt(carol, w.at(19))) == 0
		})
		w.outlook(bob, w.at(12), room3)
		later := w.eliona(alice, w.at(13), room3)
		w.until("the room is worked on", func() bool { return w.once(w.at(12)) && w.acceptedAt(alice, w.at(13), room3) })
		w.cancelBooking(later)
		w.until("and goes on to be", func() bool { return len(w.metAt(alice, w.at(13))) == 0 })
	})

	t.Run("P23 P21 P40 P42 and the first takes back", func(t *testing.T) {
		w.put(w.second, map[string]any{"enable": false})
		w.until("the other rests", func() bool { return !w.active(w.second) })
		w.moveBooking(w.mine, w.at(22))
		w.put(w.first, map[string]any{"enable": true})
		w.put(w.second, map[string]any{"enable": true})
		w.until("what happened in between is carried over", func() bool { return w.acceptedAt(alice, w.at(22), room3) && len(w.metAt(alice, w.at(11))) == 0 })
		w.until("it is at work", func() bool { return w.active(w.first) })
		taken := w.outlook(bob, w.at(14), room3)
		w.until("the room is worked on", func() bool { return w.once(w.at(14)) })
		w.moveMeeting(bob, taken.UID, w.at(15))
		w.moveBooking(w.mine, w.at(16))
		w.until("meetings of all times are followed", func() bool { return w.once(w.at(15)) && w.acceptedAt(alice, w.at(16), room3) })
		w.everythingOnce("nothing is doubled", 8)
		w.cancelBooking(w.mine)
		w.cancelMeeting(bob, taken.UID)
		w.everythingOnce("nothing is left", 6)
		require.Empty(t, w.get(w.first)["statusCode"])
		require.Empty(t, w.get(w.second)["statusCode"])
	})
}
