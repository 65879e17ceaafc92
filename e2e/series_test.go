package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// TestSeries plays P58-P63: a recurring meeting made in Outlook.
func TestSeries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, nil)
	weekly := map[string]any{"pattern": "weekly", "count": 10}
	made := w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "book", Subject: "Weekly", Rooms: []string{room1}, Recurrence: weekly,
	}.At(w.at(9), time.Hour))
	w.until("P58 ten bookings in one group exist", func() bool { return len(w.live()) == 10 })
	group := w.live()[0].GroupID
	for i, b := range w.byStart() {
		require.Equal(t, group, b.GroupID)
		require.True(t, b.Start.Equal(w.at(9).AddDate(0, 0, 7*i)), "occurrence %d starts at %v", i, b.Start)
	}

	third := w.at(9).AddDate(0, 0, 14)
	t.Run("P59 a moved occurrence moves its booking only", func(t *testing.T) {
		id := w.byStart()[2].ID
		w.act(stage.Action{
			Person: bob, Where: "outlook", Action: "move", UID: made.UID, Occurrence: &third,
		}.At(third.Add(3*time.Hour), time.Hour))
		w.until("only that booking is moved", func() bool {
			return w.booking(id).Start.Equal(third.Add(3*time.Hour)) && !w.booking(id).Cancelled && len(w.live()) == 10
		})
	})

	fifth := w.at(9).AddDate(0, 0, 28)
	t.Run("P60 a cancelled occurrence cancels its booking only", func(t *testing.T) {
		id := w.byStart()[4].ID
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: made.UID, Occurrence: &fifth})
		w.until("only that booking is cancelled", func() bool { return w.booking(id).Cancelled })
		require.Len(t, w.live(), 9)
		require.Equal(t, "cancelled", w.booking(id).Reason)
	})

	t.Run("P63 one occurrence cancelled in Eliona is cancelled in Exchange, the others stay", func(t *testing.T) {
		b := w.byStart()[6]
		w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: b.ID})
		w.until("exactly that occurrence is gone", func() bool {
			m := w.meetings(room1)
			return len(m) == 8 && !slices.ContainsFunc(m, func(e stage.Entry) bool { return e.Start.Equal(b.Start) })
		})
		w.settles(3*time.Second, "eight bookings and eight occurrences", func() bool {
			return len(w.live()) == 8 && len(w.meetings(room1)) == 8 && len(w.meetings(bob)) == 8
		})
	})

	t.Run("P62 the series is cancelled", func(t *testing.T) {
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: made.UID})
		w.until("no booking is left", func() bool { return len(w.live()) == 0 })
	})
}

func (w *world) byStart() []stage.Booking {
	live := w.live()
	slices.SortFunc(live, func(a, b stage.Booking) int { return a.Start.Compare(b.Start) })
	return live
}

// TestSeveralRooms plays P65-P67.
func TestSeveralRooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, nil)
	both := []string{room1, room2}
	assets := []int32{w.asset(room1), w.asset(room2)}
	slices.Sort(assets)

	t.Run("P65 a meeting with two rooms is one booking with both assets, whatever the order of answers", func(t *testing.T) {
		require.NoError(t, w.Control.SetRoom(ctx(t), map[string]any{"room": room2, "decisionDelayMilliseconds": 4000}))
		made := w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Both", Rooms: both}.At(w.at(8), time.Hour))
		w.until("one booking has both", func() bool { return len(w.live()) == 1 && slices.Equal(w.live()[0].AssetIDs, assets) })
		id := w.live()[0].ID
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "change-rooms", UID: made.UID, Rooms: []string{room1}})
		w.until("P66 the booking keeps the other room", func() bool {
			return len(w.live()) == 1 && w.live()[0].ID == id && slices.Equal(w.live()[0].AssetIDs, []int32{w.asset(room1)})
		})
		w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: id})
		w.until("P67 all rooms follow", func() bool {
			return len(w.meetings(bob))+len(w.meetings(room1))+len(w.meetings(room2)) == 0
		})
		require.NoError(t, w.Control.SetRoom(ctx(t), map[string]any{"room": room2, "decisionDelayMilliseconds": 500}))
	})

	t.Run("a booking of two rooms is one meeting; a room added and removed in Eliona follows", func(t *testing.T) {
		made := w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: both}.At(w.at(10), time.Hour))
		w.until("both rooms accept", func() bool { return accepted(w.meetings(alice)) == 2 && len(w.meetings(alice)) == 1 })
		w.act(stage.Action{Where: "eliona", Action: "change-rooms", BookingID: made.BookingIDs[0], Rooms: []string{room2}})
		w.until("one room is left", func() bool {
			m := w.meetings(alice)
			return len(m) == 1 && response(m[0], room1) == "" && response(m[0], room2) == "Accept" && len(w.meetings(room1)) == 0
		})
		w.settles(3*time.Second, "the booking has that room", func() bool {
			return slices.Equal(w.booking(made.BookingIDs[0]).AssetIDs, []int32{w.asset(room2)})
		})
		w.act(stage.Action{Where: "eliona", Action: "change-rooms", BookingID: made.BookingIDs[0], Rooms: both})
		w.until("both again", func() bool { return accepted(w.meetings(alice)) == 2 })
		w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: made.BookingIDs[0]})
		w.until("all gone", func() bool { return len(w.meetings(alice))+len(w.meetings(room1))+len(w.meetings(room2)) == 0 })
	})

	t.Run("one declining room withdraws a booking made in Eliona", func(t *testing.T) {
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Taken", Rooms: []string{room2}}.At(w.at(12), time.Hour))
		w.until("room 2 is taken", func() bool { return len(w.live()) == 1 })
		made := w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: both}.At(w.at(12), time.Hour))
		w.until("the booking is cancelled", func() bool { return w.booking(made.BookingIDs[0]).Cancelled })
		require.Equal(t, "conflict", w.booking(made.BookingIDs[0]).Reason)
		w.until("the meeting is withdrawn", func() bool { return len(w.meetings(alice)) == 0 && len(w.meetings(room1)) == 0 })
		require.Len(t, w.live(), 1)
	})
}

// TestALongSeriesIsWrittenInParts: the Booking app takes a hundred dates at once,
// and fails after the first hundred.
func TestALongSeriesIsWrittenInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, nil)
	require.NoError(t, w.Control.Switch(t.Context(), map[string]any{"booking": map[string]any{"delayMilliseconds": 400}}))
	w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "book", Subject: "Stand-up", Rooms: []string{room1},
		Recurrence: map[string]any{"pattern": "daily", "count": 130},
	}.At(w.at(8), 15*time.Minute))
	w.until("the first part is written", func() bool { return len(w.bookings()) == 100 })
	w.fault(map[string]any{"service": "booking", "operation": "POST /bookings/group", "kind": "status", "status": 503, "count": 1})
	w.until("the rest is written, too", func() bool { return len(w.live()) >= 130 })
	w.settles(3*time.Second, "once, and as one group", func() bool {
		groups := map[int32]bool{}
		for _, b := range w.bookings() {
			groups[b.GroupID] = true
		}
		return len(w.bookings()) == 130 && len(groups) == 1
	})
	hits, err := w.Control.Applied(t.Context(), "POST /bookings/group")
	require.NoError(t, err)
	require.Equal(t, 1, hits)
}
