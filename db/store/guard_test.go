package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
)

// crowd is a quiet room with n entries.
func crowd(t *testing.T, n int) (*office, meeting.RoomID, []meeting.Sighting) {
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	entries := make([]meeting.Sighting, n)
	for i := range entries {
		entries[i] = entry(meeting.UID(fmt.Sprint("u", i)), o.hour(i))
	}
	o.quiet(room, entries...)
	return o, room, entries
}

func (o *office) seen() int {
	o.t.Helper()
	return value[int](o, `select count(*) from ews.cell where seen <> 'none'`)
}

func TestManyEntriesThatVanishNeedASecondLook(t *testing.T) {
	t.Parallel()
	o, room, entries := crowd(t, 12)
	o.delta(o.due(room), engine.Delta{Token: "t1", Changed: true}, false)
	before := value[string](o, `select json_agg(m order by id)::text from ews.meeting m`)
	read := o.window(room, append(entries[:5:5], entry("new", o.hour(50)))...)
	equal(t, engine.WindowResult{Suspected: 7}, o.save(read))

	require.Equal(t, 12, o.seen(), "nothing of a suspicious read is stored")
	require.Equal(t, before, value[string](o, `select json_agg(m order by id)::text from ews.meeting m`))
	require.False(t, o.isDue(room), "the second look has time")
	require.NoError(t, o.term.PollRooms(t.Context(), []meeting.RoomID{room}))
	require.False(t, o.isDue(room))
	again := o.due(room)
	require.True(t, again.Guarded)
	require.True(t, again.Read)

	read = o.window(room, read.Sightings...)
	read.Confirmed = again.Guarded
	equal(t, engine.WindowResult{Changed: 8}, o.save(read))
	require.Equal(t, 6, o.seen())
	require.False(t, o.due(room).Guarded)
	require.False(t, o.due(room).Read)
}

func TestASuspicionPasses(t *testing.T) {
	t.Parallel()
	o, room, entries := crowd(t, 12)
	require.Equal(t, 12, o.read(room).Suspected)
	require.Equal(t, 12, o.read(room).Suspected, "as long as it is not confirmed")
	equal(t, engine.WindowResult{}, o.read(room, entries...))
	require.False(t, o.due(room).Guarded)
}

func TestSomeEntriesMayVanish(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ of, stay, suspected int }{
		"few":              {5, 0, 0},
		"half":             {12, 6, 0},
		"more than half":   {12, 5, 7},
		"many, not enough": {40, 21, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, room, entries := crowd(t, c.of)
			require.Equal(t, c.suspected, o.read(room, entries[:c.stay]...).Suspected)
		})
	}
}

func TestNewEntriesExplainNoneThatVanished(t *testing.T) {
	t.Parallel()
	o, room, entries := crowd(t, 10)
	for i := range entries {
		entries[i].UID, entries[i].Item = "other "+entries[i].UID, "other "+entries[i].Item
	}
	require.Equal(t, 10, o.read(room, entries...).Suspected)
}

func TestDeletionsThatWereToldAreBelieved(t *testing.T) {
	t.Parallel()
	o, room, entries := crowd(t, 12)
	deleted := engine.Delta{Token: "t1", Changed: true}
	for _, e := range entries[:7] {
		deleted.Deleted = append(deleted.Deleted, e.Item)
	}
	o.delta(o.due(room), deleted, false)
	equal(t, engine.WindowResult{Changed: 12}, o.read(room)) // five without evidence are not many
	require.Zero(t, o.seen())
}

func TestEvidenceLastsThroughASuspicion(t *testing.T) {
	t.Parallel()
	o, room, entries := crowd(t, 20)
	o.delta(o.due(room), engine.Delta{Token: "t1", Changed: true, Deleted: []meeting.ItemID{entries[0].Item}}, false)
	require.Equal(t, 19, o.read(room).Suspected)
	require.Equal(t, 19, o.read(room).Suspected)
}

// A series that is cancelled is one decision of one person.
func TestASeriesVanishesAsOneMeeting(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	single := entry("single", o.hour(0))
	entries := []meeting.Sighting{single}
	for n := range 30 {
		s := entry("series", o.hour(24*n+1))
		s.Key, s.Item = meeting.KeyOf(s.Span.Start), meeting.ItemID(fmt.Sprint(n))
		entries = append(entries, s)
	}
	o.quiet(room, entries...)
	equal(t, engine.WindowResult{Changed: 30}, o.read(room, single))
}
