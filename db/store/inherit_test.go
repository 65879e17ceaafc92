package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
)

// neighbour is another, younger configuration of the same database.
func (o *office) neighbour() *office {
	o.t.Helper()
	n := *o
	n.config = n.configuration()
	n.term = n.lead(o.db)
	return &n
}

func (o *office) enable(on bool) {
	o.t.Helper()
	o.exec(`update ews.configuration set enable = $2 where id = $1`, o.config, on)
}

// disable disables the configuration, and whoever leads it is done.
func (o *office) disable() {
	o.t.Helper()
	o.enable(false)
	require.NoError(o.t, o.term.Close(o.t.Context()))
}

func (o *office) enableAgain() {
	o.t.Helper()
	o.enable(true)
	o.term = o.lead(o.db)
}

// polled lets a room be polled now.
func (o *office) polled(room meeting.RoomID) {
	o.t.Helper()
	_, err := o.term.SaveDelta(o.t.Context(), o.due(room), engine.Delta{Token: "t"}, false, o.clock.Now())
	require.NoError(o.t, err)
}

func (o *office) takeRooms() (taken, waiting []meeting.RoomID) {
	o.t.Helper()
	taken, waiting, err := o.term.Inherit(o.t.Context())
	require.NoError(o.t, err)
	return taken, waiting
}

// change changes a meeting as a worker does.
func (o *office) change(uid meeting.UID, f func(*meeting.Meeting, meeting.Moment)) {
	o.t.Helper()
	o.exec(`update ews.meeting set due_at = case when uid = $2 then now() end where configuration_id = $1`, o.config, uid)
	claim := o.claim()
	require.NoError(o.t, o.term.Apply(o.t.Context(), claim, nil, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		f(m, at)
		return nil, nil
	}))
	o.release(claim, o.gen(uid), engine.Release{})
}

// linked gives the meeting that a room shows a booking, which says the same.
func (o *office) linked(uid meeting.UID, id meeting.BookingID, asset meeting.AssetID) {
	o.t.Helper()
	o.change(uid, func(m *meeting.Meeting, at meeting.Moment) {
		cell := m.Occurrences[0].Cells[0]
		m.Group = 3
		m.Occurrences[0].BookingWritten(id, cell.SeenSpan, []meeting.AssetID{asset}, at.Tick)
		m.Occurrences[0].Agreed(cell.SeenSpan, []meeting.RoomID{cell.Room})
	})
}

const lake = meeting.Address("lake@example.com")

// shared is a room of two configurations; the first works on it.
func shared(t *testing.T) (first, second *office, rooms [2]meeting.RoomID) {
	first = newOffice(t)
	second = first.neighbour()
	first.enable(true)
	second.enable(true)
	rooms = [2]meeting.RoomID{first.room(lake, 10), second.room(lake, 10)}
	first.read(rooms[0], entry("a", first.hour(9)), entry("b", first.hour(11)))
	first.linked("a", 7, 10)
	first.polled(rooms[0])
	return first, second, rooms
}

func TestARoomComesWithWhatWasKnownOfIt(t *testing.T) {
	t.Parallel()
	first, second, rooms := shared(t)
	taken, waiting := second.takeRooms()
	require.Empty(t, taken, "it belongs to the first")
	require.Empty(t, waiting)

	first.disable()
	taken, waiting = second.takeRooms()
	require.Equal(t, []meeting.RoomID{rooms[1]}, taken)
	require.Empty(t, waiting)
	for _, uid := range []meeting.UID{"a", "b"} {
		equal(t, first.meeting(uid), second.meeting(uid), cmpopts.IgnoreFields(meeting.Meeting{}, "ID", "Config"),
			cmpopts.IgnoreFields(meeting.Occurrence{}, "ID"), cmpopts.IgnoreFields(meeting.Cell{}, "Room"))
		require.Equal(t, rooms[1], second.only(uid).Cells[0].Room)
	}
	due := second.due(rooms[1])
	require.Empty(t, due.Token, "its calendar is read anew")
	require.True(t, due.Read)
	require.Equal(t, 2, value[int](second, `select count(*)::int from ews.meeting where configuration_id = $1 and due_at > now()`, second.config))

	taken, _ = second.takeRooms()
	require.Empty(t, taken, "once")
}

// What a worker is about to store of a meeting must not replace what is handed
// over: the meeting has another room, on which it worked before.
func TestARoomWaitsForWhatItsNewOwnerHasBegun(t *testing.T) {
	t.Parallel()
	first, second, rooms := shared(t)
	hill := second.room("hill@example.com", 12)
	second.read(hill, entry("a", first.hour(9)))
	second.exec(`update ews.meeting set due_at = now() where configuration_id = $1`, second.config)
	claim := second.claim()
	first.disable()
	taken, waiting := second.takeRooms()
	require.Empty(t, taken)
	require.Equal(t, []meeting.RoomID{rooms[1]}, waiting)

	second.release(claim, second.gen("a"), engine.Release{})
	taken, waiting = second.takeRooms()
	require.Equal(t, []meeting.RoomID{rooms[1]}, taken)
	require.Empty(t, waiting)
}

// Who gets a room back knew of it what was true before.
func TestARoomThatComesBackReplacesWhatWasKnownOfIt(t *testing.T) {
	t.Parallel()
	first, second, rooms := shared(t)
	own := first.room("hill@example.com", 12)
	first.read(own, entry("mixed", first.hour(14)))
	first.change("mixed", func(m *meeting.Meeting, at meeting.Moment) {
		m.Occurrences[0].BookingWritten(9, first.hour(14), []meeting.AssetID{10, 12}, at.Tick)
		m.Occurrences[0].Agreed(first.hour(14), []meeting.RoomID{own})
	})
	first.disable()
	second.takeRooms()

	second.change("a", func(m *meeting.Meeting, at meeting.Moment) {
		m.Occurrences[0].BookingCancelled(at.Tick)
		m.Occurrences[0].BookingWritten(8, first.hour(10), []meeting.AssetID{10}, at.Tick)
		m.Occurrences[0].Agreed(first.hour(10), []meeting.RoomID{rooms[1]})
	})
	second.change("mixed", func(m *meeting.Meeting, at meeting.Moment) {
		m.Occurrences[0].BookingWritten(9, first.hour(15), []meeting.AssetID{10, 12}, at.Tick)
		m.Occurrences[0].Agreed(first.hour(15), []meeting.RoomID{rooms[1]})
	})
	second.polled(rooms[1])
	first.enableAgain()
	taken, _ := first.takeRooms()
	require.Equal(t, []meeting.RoomID{rooms[0]}, taken)

	a := first.only("a")
	require.EqualValues(t, 8, a.Booking)
	require.True(t, a.Base.Equal(first.hour(10)))
	unknown, err := first.term.Unknown(t.Context(), []meeting.BookingID{7, 8, 9, 10})
	require.NoError(t, err)
	require.Equal(t, []meeting.BookingID{10}, unknown, "the one that was cancelled stays so")
	mixed := first.only("mixed")
	require.True(t, mixed.Base.Equal(first.hour(15)))
	require.True(t, mixed.CellOf(own).BaseIn, "a room of its own is as it was")
	require.True(t, mixed.CellOf(rooms[0]).BaseIn)
}

func TestARoomWaitsForWorkUnderWay(t *testing.T) {
	t.Parallel()
	first, second, rooms := shared(t)
	first.disable()
	second.takeRooms()
	second.polled(rooms[1])
	second.exec(`update ews.meeting set due_at = case when uid = 'a' then now() end where configuration_id = $1`, second.config)
	claim := second.claim()
	first.enableAgain()
	taken, waiting := first.takeRooms()
	require.Empty(t, taken)
	require.Equal(t, []meeting.RoomID{rooms[0]}, waiting)

	second.release(claim, second.gen("a"), engine.Release{})
	taken, waiting = first.takeRooms()
	require.Equal(t, []meeting.RoomID{rooms[0]}, taken)
	require.Empty(t, waiting)
}

// Until it has noticed, the former owner may begin what the new one would not
// know of.
func TestARoomWaitsForWhoIsDisabledAndNotDone(t *testing.T) {
	t.Parallel()
	first, second, rooms := shared(t)
	first.enable(false)
	taken, waiting := second.takeRooms()
	require.Empty(t, taken)
	require.Equal(t, []meeting.RoomID{rooms[1]}, waiting)

	first.disable()
	taken, waiting = second.takeRooms()
	require.Equal(t, []meeting.RoomID{rooms[1]}, taken)
	require.Empty(t, waiting)
}

// The former owner ends a poll that began before.
func TestAPollThatEndsAfterTheHandoverTakesNothingBack(t *testing.T) {
	t.Parallel()
	late := func(o *office, room engine.DueRoom) {
		_, err := o.term.SaveDelta(t.Context(), room, engine.Delta{Token: "late"}, false, o.clock.Now())
		require.NoError(t, err)
	}
	first, second, rooms := shared(t)
	under := first.due(rooms[0])
	first.disable()
	second.takeRooms()
	second.polled(rooms[1])
	second.linked("b", 8, 10)
	late(first, under)
	taken, _ := second.takeRooms()
	require.Empty(t, taken, "what is known since is newer")
	require.EqualValues(t, 8, second.only("b").Booking)

	under = second.due(rooms[1])
	first.enableAgain()
	taken, _ = first.takeRooms()
	require.Len(t, taken, 1)
	first.polled(rooms[0])
	late(second, under)
	taken, _ = first.takeRooms()
	require.Empty(t, taken)
}

// A process that died left a claim, and an effect of unknown end.
func TestARoomComesWithWhatADeadProcessBegan(t *testing.T) {
	t.Parallel()
	first, second, _ := shared(t)
	first.exec(`update ews.meeting set due_at = case when uid = 'b' then now() end`)
	claim, b := first.claim(), first.only("b")
	first.exec(`update ews.meeting set claim_token = $1, claimed_until = now() + interval '5 minutes' where uid = 'b'`, claim.Token)
	_, err := first.term.Begin(t.Context(), claim, engine.Intent{
		Occurrence: b.ID, Side: meeting.Eliona, Kind: plan.WriteBookings, Assets: []meeting.AssetID{10}, Span: first.hour(11),
		New: []engine.NewBooking{{Occurrence: b.ID, Span: first.hour(11), Assets: []meeting.AssetID{10}}},
	})
	require.NoError(t, err)
	require.NoError(t, first.term.Close(t.Context()))
	first.enable(false)
	taken, _ := second.takeRooms()
	require.Len(t, taken, 1)

	theirs := second.only("b")
	second.exec(`update ews.meeting set due_at = null where uid <> 'b'`)
	open := second.load(second.claim()).Open
	require.NotNil(t, open)
	require.Equal(t, theirs.ID, open.Intent.Occurrence)
	require.Equal(t, plan.WriteBookings, open.Intent.Kind)
	require.EqualValues(t, 7, open.Floor)
	require.Len(t, open.Intent.New, 1)
	require.Equal(t, theirs.ID, open.Intent.New[0].Occurrence)
	require.True(t, open.Intent.New[0].Span.Equal(first.hour(11)))
	require.Equal(t, 1, value[int](first, `select count(*)::int from ews.operation where status = 'sending'`), "it is not carried on twice")
}

func TestWhatIsNotTheSameRoomInElionaIsNotTakenOver(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"an asset of another project": `update ews.asset set asset_id = 11 where configuration_id = (select max(id) from ews.configuration)`,
		"another Booking app":         `update ews.configuration set booking_app_url = 'http://other' where id = (select max(id) from ews.configuration)`,
		"polled later itself":         `update ews.room set polled_at = now() + interval '1 minute' where configuration_id = (select max(id) from ews.configuration)`,
	}
	for name, sql := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second, _ := shared(t)
			first.disable()
			second.exec(sql)
			taken, waiting := second.takeRooms()
			require.Empty(t, taken)
			require.Empty(t, waiting)
		})
	}
}

// Where a room is an asset of a project of its own as well, there are bookings of
// its own.
func TestBookingsOfAnotherProjectAreKept(t *testing.T) {
	t.Parallel()
	first, second, rooms := shared(t)
	require.NoError(t, second.term.SaveAssets(t.Context(), []engine.Asset{{Project: "2", GAI: string(lake), Room: lake, ID: 11}}))
	second.read(rooms[1], entry("a", first.hour(9)))
	second.linked("a", 20, 11)
	first.exec(`update ews.room set polled_at = now() + interval '1 second' where id = $1`, rooms[0])
	first.disable()
	taken, _ := second.takeRooms()
	require.Len(t, taken, 1)
	require.EqualValues(t, 20, second.only("a").Booking)
	require.True(t, second.only("a").CellOf(rooms[1]).BaseIn)
}

func TestAFormerOwnerTakesNothingOver(t *testing.T) {
	t.Parallel()
	first, second, _ := shared(t)
	first.enable(false)
	second.usurp()
	_, _, err := second.term.Inherit(t.Context())
	require.ErrorIs(t, err, engine.ErrFenced)
}
