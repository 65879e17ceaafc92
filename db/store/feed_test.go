package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
)

// delta stores a page of the change feed, with the next poll in an hour.
func (o *office) delta(room engine.DueRoom, d engine.Delta, baseline bool) engine.DueRoom {
	o.t.Helper()
	after, err := o.term.SaveDelta(o.t.Context(), room, d, baseline, o.clock.Now().Add(time.Hour))
	require.NoError(o.t, err)
	return after
}

// quiet brings a room to rest: its feed was followed, its calendar read.
func (o *office) quiet(room meeting.RoomID, sightings ...meeting.Sighting) {
	o.t.Helper()
	o.delta(o.due(room), engine.Delta{Token: "t0"}, true)
	o.read(room, sightings...)
	o.exec(`update ews.room set poll_at = now() + interval '1 hour' where id = $1`, room)
	o.settled()
}

func TestANewRoomIsDueForPollAndRead(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.room("lake@example.com", 10)
	rooms, err := o.term.DueRooms(t.Context(), 10)
	require.NoError(t, err)
	equal(t, []engine.DueRoom{{ID: id, Address: "lake@example.com", Read: true, DeltaGen: 1}}, rooms)
}

func TestTheMostOverdueRoomComesFirst(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	rooms := o.list("a@example.com", "b@example.com", "c@example.com")
	for address, ago := range map[meeting.Address]string{"a@example.com": "1s", "b@example.com": "3s", "c@example.com": "2s"} {
		o.exec(`update ews.room set poll_at = now() - $2::interval where id = $1`, rooms[address].ID, ago)
	}
	due, err := o.term.DueRooms(t.Context(), 2)
	require.NoError(t, err)
	require.Len(t, due, 2)
	require.EqualValues(t, "b@example.com", due[0].Address)
	require.EqualValues(t, "c@example.com", due[1].Address)
}

func TestTheFeedMovesOn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.room("lake@example.com", 10)
	first := o.due(id)
	second := o.delta(first, engine.Delta{Token: "t1", More: true}, true)
	want := first
	want.Token, want.TokenVersion, want.DeltaGen = "t1", first.TokenVersion+1, first.DeltaGen+1
	equal(t, want, second)
	equal(t, want, o.due(id))
	third := o.delta(second, engine.Delta{Token: "t2"}, false)
	require.Equal(t, second.DeltaGen, third.DeltaGen, "a page without changes is no reason to read")
	require.Equal(t, third.DeltaGen+1, o.delta(third, engine.Delta{Token: "t3", Changed: true}, false).DeltaGen)
	require.False(t, o.isDue(id), "the next poll has its time")

	for _, outdated := range []engine.DueRoom{first, second, third} {
		_, err := o.term.SaveDelta(t.Context(), outdated, engine.Delta{Token: "x", Changed: true, Deleted: []meeting.ItemID{"x"}},
			false, o.clock.Now())
		require.ErrorIs(t, err, engine.ErrClaimLost)
	}
	require.Equal(t, "t3", o.due(id).Token)
	require.Zero(t, value[int](o, `select count(*) from ews.room_tombstone`))
}

func TestDeletionsAreKeptUntilTheCalendarIsRead(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.room("lake@example.com", 10)
	room := o.delta(o.due(id), engine.Delta{Token: "t1", Changed: true, Deleted: []meeting.ItemID{"a", "b"}}, false)
	room = o.delta(room, engine.Delta{Token: "t2", Changed: true, Deleted: []meeting.ItemID{"b", "c"}}, false)
	items := func() string {
		return value[string](o, `select coalesce(string_agg(item_id, ' ' order by item_id), '') from ews.room_tombstone`)
	}
	require.Equal(t, "a b c", items())

	read := o.window(id)
	o.delta(room, engine.Delta{Token: "t3", Changed: true, Deleted: []meeting.ItemID{"d"}}, false)
	o.save(read)
	require.Contains(t, items(), "d", "deleted during the read")
	o.read(id)
	require.Empty(t, items())
}

func TestAReadIsDueUntilOneOfItsGenerationIsStored(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.room("lake@example.com", 10)
	require.True(t, o.due(id).Read)
	o.read(id)
	require.False(t, o.due(id).Read)

	o.delta(o.due(id), engine.Delta{Token: "t1", Changed: true}, false)
	require.True(t, o.due(id).Read)
	read := o.window(id)
	o.delta(o.due(id), engine.Delta{Token: "t2", Changed: true}, false)
	o.save(read)
	require.True(t, o.due(id).Read, "something changed during the read")
	o.read(id)
	require.False(t, o.due(id).Read)
	o.save(read)
	require.False(t, o.due(id).Read, "an older generation takes nothing back")
}

func TestAReadIsDueAtItsAudit(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.room("lake@example.com", 10)
	read := o.window(id)
	read.NextAudit = o.clock.Now()
	o.save(read)
	require.True(t, o.due(id).Read)
	require.True(t, o.delta(o.due(id), engine.Delta{Token: "t1"}, false).Read)
	o.read(id)
	require.False(t, o.delta(o.due(id), engine.Delta{Token: "t2"}, false).Read)
}

func TestRoomsCanBeMadeDue(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	lake, hill, pond := o.room("lake@example.com", 10), o.room("hill@example.com", 11), o.room("pond@example.com", 12)
	for _, id := range []meeting.RoomID{lake, hill, pond} {
		o.quiet(id)
	}
	require.NoError(t, o.term.RoomFailed(t.Context(), hill, "down", o.clock.Now().Add(time.Hour)))
	require.NoError(t, o.term.PollRooms(t.Context(), []meeting.RoomID{lake, hill}))
	require.True(t, o.isDue(lake))
	require.False(t, o.isDue(hill), "a room that fails keeps its time")
	require.False(t, o.isDue(pond))
}

func TestAFailingRoomBacksOff(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.room("lake@example.com", 10)
	fail := func() {
		require.NoError(t, o.term.RoomFailed(t.Context(), id, "down", o.clock.Now().Add(time.Minute)))
	}
	fail()
	require.False(t, o.isDue(id))
	fail()
	require.Equal(t, 2, o.due(id).Fails)
	require.Equal(t, "down", value[string](o, `select error_code from ews.room`))

	room := o.delta(o.due(id), engine.Delta{Token: "t1"}, true)
	require.Equal(t, 2, o.due(id).Fails, "the feed answers, but the calendar that has to be read may not")
	read := o.window(id)
	read.Room = room
	o.save(read)
	require.Zero(t, o.due(id).Fails)
	require.Empty(t, value[string](o, `select error_code from ews.room`))

	fail()
	o.delta(o.due(id), engine.Delta{Token: "t2"}, false)
	require.Zero(t, o.due(id).Fails, "nothing to read: the poll succeeded")
}

// What a read says of an occurrence is void if it began before our last write
// to it. The rest of the read counts, and the room is read again.
func TestARoomWithAStaleReadIsReadAgain(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.room("lake@example.com", 10)
	a, b := entry("a", o.hour(9)), entry("b", o.hour(11))
	o.quiet(id, a, b)
	require.False(t, o.due(id).Read)

	a.Span, b.Span = o.hour(14), o.hour(15)
	read := o.window(id, a, b)
	o.exec(`update ews.occurrence o set ex_tick = nextval('ews.tick') from ews.meeting m where m.id = o.meeting_id and m.uid = 'a'`)
	equal(t, engine.WindowResult{Changed: 1, Stale: true}, o.save(read))
	equal(t, o.hour(9), o.only("a").Cells[0].SeenSpan)
	equal(t, o.hour(15), o.only("b").Cells[0].SeenSpan)
	require.True(t, o.due(id).Read)

	equal(t, engine.WindowResult{Changed: 1}, o.read(id, a, b))
	equal(t, o.hour(14), o.only("a").Cells[0].SeenSpan)
	require.False(t, o.due(id).Read)
}
