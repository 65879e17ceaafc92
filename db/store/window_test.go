package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
)

// work is how a meeting waits to be worked on.
type work struct {
	Want, Done int64
	Priority   int
	Wait       time.Duration // in whole seconds; -1 if it does not wait
}

func (o *office) work(uid meeting.UID) work {
	o.t.Helper()
	const sql = `select %s from ews.meeting where configuration_id = $1 and uid = $2`
	get := func(column string) int64 { return value[int64](o, fmt.Sprintf(sql, column), o.config, uid) }
	return work{
		Want: get("want_gen"), Done: get("done_gen"), Priority: int(get("priority")),
		Wait: time.Duration(get("coalesce(ceil(extract(epoch from due_at - now())), -1)::bigint")) * time.Second,
	}
}

func TestARoomIsReadAnewWhereSomethingMayHaveBeenMissed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room, other := o.room("lake@example.com", 10), o.room("sea@example.com", 20)
	for _, id := range []meeting.RoomID{room, other} {
		w := o.window(id, entry("a", o.hour(9)))
		d, err := o.term.SaveDelta(t.Context(), w.Room, engine.Delta{Token: "t"}, true, o.clock.Now().Add(time.Hour))
		require.NoError(t, err)
		w.Room = d
		o.save(w)
	}
	require.False(t, o.due(room).Read)
	c := o.claim()
	require.NoError(t, o.term.Apply(t.Context(), c, nil, func(m *meeting.Meeting, _ meeting.Moment) ([]engine.Notice, error) {
		m.Occurrences[0].CellOf(room).Reread = true
		return nil, nil
	}))
	require.True(t, o.isDue(room))
	require.True(t, o.due(room).Read)
	require.False(t, o.due(other).Read)
	require.False(t, o.load(c).Meeting.Occurrences[0].CellOf(room).Reread)
}

// What the feed has not told of may come and go between two polls: then it never
// will.
func TestWhatTheFeedDidNotTellIsReadAgainWithTheNextPoll(t *testing.T) {
	for name, after := range map[string]func(o *office, w engine.WindowRead){
		"shown by a read that came after the poll": func(o *office, w engine.WindowRead) {
			w.Ahead = true
			o.save(w)
		},
		"believed, as its organizer's copy says so": func(o *office, w engine.WindowRead) {
			o.save(w)
			o.exec(`update ews.room set poll_at = now() + interval '1 hour'`)
			c := o.claim()
			require.NoError(o.t, o.term.Apply(o.t.Context(), c, nil, func(m *meeting.Meeting, _ meeting.Moment) ([]engine.Notice, error) {
				m.Occurrences[0].CellOf(w.Room.ID).Believed = true
				return nil, nil
			}))
			require.False(o.t, o.isDue(w.Room.ID), "not at once")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			room := o.room("lake@example.com", 10)
			w := o.window(room, entry("a", o.hour(9)))
			w.Room = o.delta(w.Room, engine.Delta{Token: "t"}, true)
			after(o, w)
			polled := o.delta(o.due(room), engine.Delta{Token: "t1"}, false)
			require.True(t, polled.Read)
			w = o.window(room, entry("a", o.hour(9)))
			w.Room = polled
			o.save(w)
			require.False(t, o.due(room).Read, "once")
		})
	}
}

func TestAnEntryBecomesAMeeting(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	equal(t, engine.WindowResult{Changed: 1}, o.read(room, entry("a", o.hour(9))))
	equal(t, &meeting.Meeting{
		Config: o.config, UID: "a", Origin: meeting.Exchange, Organizer: "anna@example.com",
		Occurrences: []*meeting.Occurrence{{
			Copy: meeting.CopyUnknown,
			Cells: []meeting.Cell{{
				Room: room, Seen: meeting.Booked, SeenSpan: o.hour(9), Sequence: 1, Item: "item of a", ChangeKey: "1",
				Answer: meeting.NoAnswer, SeenAt: o.clock.Now(),
			}},
		}},
	}, o.meeting("a"), cmpopts.IgnoreFields(meeting.Meeting{}, "ID"), cmpopts.IgnoreFields(meeting.Occurrence{}, "ID"))
	w := o.work("a")
	require.Greater(t, w.Want, w.Done)
	require.Equal(t, 1, w.Priority)
	require.Equal(t, time.Second, w.Wait, "it settles first")
}

func TestASeriesIsOneMeeting(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	var series []meeting.Sighting
	for n := range 3 {
		s := entry("a", o.hour(24*n))
		s.Key, s.Item = meeting.KeyOf(s.Span.Start), meeting.ItemID(fmt.Sprint(n))
		series = append(series, s)
	}
	require.Equal(t, 3, o.read(room, series...).Changed)
	m := o.meeting("a")
	require.Len(t, m.Occurrences, 3)
	for n, occurrence := range m.Occurrences {
		require.Equal(t, series[n].Key, occurrence.Key)
		equal(t, series[n].Span, occurrence.Cells[0].SeenSpan)
	}

	o.settled()
	series[1].Span = o.hour(30)
	require.Equal(t, 2, o.read(room, series[0], series[1]).Changed, "one moved, one vanished")
	m = o.meeting("a")
	require.Len(t, m.Occurrences, 3)
	equal(t, o.hour(30), m.Occurrences[1].Cells[0].SeenSpan)
	require.Equal(t, meeting.None, m.Occurrences[2].Cells[0].Seen)
}

func TestRoomsMeetInOneMeeting(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	lake, hill := o.room("lake@example.com", 10), o.room("hill@example.com", 11)
	o.read(lake, entry("a", o.hour(9)))
	o.read(hill, entry("a", o.hour(9)))
	cells := o.only("a").Cells
	require.Len(t, cells, 2)
	require.Equal(t, lake, cells[0].Room)
	require.Equal(t, hill, cells[1].Room)
	require.Len(t, claimsNow(o), 1)
}

func claimsNow(o *office) []engine.Claim {
	o.t.Helper()
	o.hurry()
	return claims(o)
}

// The rooms of a building are read at the same time, and share their meetings.
func TestRoomsAreReadAtTheSameTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const meetings = 30
	var reads []engine.WindowRead
	for n := range 8 {
		w := o.window(o.room(meeting.Address(fmt.Sprintf("room%d@example.com", n)), meeting.AssetID(n+1)))
		for m := range meetings {
			w.Sightings = append(w.Sightings, entry(meeting.UID(fmt.Sprint((m*7+n)%meetings)), o.hour(9)))
		}
		reads = append(reads, w)
	}
	require.NoError(t, inParallel(t, len(reads), func(ctx context.Context, n int) error {
		_, err := o.term.SaveWindow(ctx, reads[n])
		return err
	}))
	require.Equal(t, meetings, value[int](o, `select count(*) from ews.meeting`))
	require.Equal(t, meetings*len(reads), value[int](o, `select count(*) from ews.cell where seen = 'booked'`))
}

func TestAnUnchangedReadChangesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	a, b := entry("a", o.hour(9)), entry("b", o.hour(11))
	b.Presence = meeting.Pending
	o.quiet(room, a, b)
	gen, before := o.gen("a"), o.only("a")

	o.clock.Set(o.clock.Now().Add(time.Minute))
	equal(t, engine.WindowResult{}, o.read(room, b, a))
	equal(t, before, o.only("a"))
	require.Equal(t, gen, o.gen("a"))
	require.Empty(t, claimsNow(o))

	a.ChangeKey, a.Item, a.Sequence = "2", "other item of a", 3
	equal(t, engine.WindowResult{}, o.read(room, a, b)) // another version of the same
	cell := o.only("a").Cells[0]
	require.EqualValues(t, "2", cell.ChangeKey)
	require.EqualValues(t, "other item of a", cell.Item)
	require.Equal(t, 3, cell.Sequence)
	require.Equal(t, gen, o.gen("a"))
}

func TestWhatChangesIsDue(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		entry func(o *office, a *meeting.Sighting)
		want  meeting.Cell
	}{
		"moved": {
			func(o *office, a *meeting.Sighting) { a.Span, a.ChangeKey, a.Sequence = o.hour(15), "2", 2 },
			meeting.Cell{Seen: meeting.Booked, Item: "item of a", ChangeKey: "2", Sequence: 2},
		},
		"not decided any more": {
			func(_ *office, a *meeting.Sighting) { a.Presence, a.ChangeKey = meeting.Pending, "2" },
			meeting.Cell{Seen: meeting.Pending, Item: "item of a", ChangeKey: "2", Sequence: 1},
		},
		"vanished": {
			func(_ *office, a *meeting.Sighting) { a.UID = "another" },
			meeting.Cell{Seen: meeting.None},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			room := o.room("lake@example.com", 10)
			a, b := entry("a", o.hour(9)), entry("b", o.hour(11))
			o.quiet(room, a, b)
			gen, other := o.gen("a"), o.gen("b")

			o.clock.Set(o.clock.Now().Add(time.Minute))
			change.entry(o, &a)
			require.Positive(t, o.read(room, a, b).Changed)
			require.Equal(t, gen+1, o.gen("a"))
			require.Equal(t, other, o.gen("b"))
			want := change.want
			want.Room, want.Answer, want.SeenAt = room, meeting.NoAnswer, o.clock.Now()
			if want.Seen != meeting.None {
				want.SeenSpan = a.Span
			}
			equal(t, []meeting.Cell{want}, o.only("a").Cells)
			require.Equal(t, time.Second, o.work("a").Wait)
		})
	}
}

func TestACancelledAndRecreatedMeetingIsAnother(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	o.quiet(room, entry("a", o.hour(9)))
	equal(t, engine.WindowResult{Changed: 2}, o.read(room, entry("b", o.hour(9))))
	require.Equal(t, meeting.None, o.only("a").Cells[0].Seen)
	require.Equal(t, meeting.Booked, o.only("b").Cells[0].Seen)
	require.Len(t, claimsNow(o), 2)
}

// A room can hold several items of one occurrence for a while.
func TestTheLatestDecidedItemCounts(t *testing.T) {
	t.Parallel()
	old, decided, asked := entry("a", meeting.Span{}), entry("a", meeting.Span{}), entry("a", meeting.Span{})
	old.Item, decided.Item, asked.Item = "old", "decided", "asked"
	decided.Sequence, asked.Sequence, asked.Presence = 2, 3, meeting.Pending
	for _, order := range [][]meeting.Sighting{{old, decided, asked}, {asked, decided, old}, {decided, asked, old}} {
		o := newOffice(t)
		for i := range order {
			order[i].Span = o.hour(order[i].Sequence)
		}
		require.Equal(t, 1, o.read(o.room("lake@example.com", 10), order...).Changed)
		require.EqualValues(t, "decided", o.only("a").Cells[0].Item)
	}
}

func TestOnlyEntriesWithinTheSpanCanVanish(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	o.read(room, entry("inside", o.hour(3)), entry("across", o.hour(5)), entry("after", o.hour(6)))
	w := o.window(room)
	w.Span = meeting.Span{Start: o.hour(0).Start, End: o.hour(5).Start.Add(time.Minute)}
	equal(t, engine.WindowResult{Changed: 2}, o.save(w))
	require.Equal(t, meeting.None, o.only("inside").Cells[0].Seen)
	require.Equal(t, meeting.None, o.only("across").Cells[0].Seen)
	require.Equal(t, meeting.Booked, o.only("after").Cells[0].Seen)
}

func TestThePastStaysAsItIs(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	now := o.clock.Now()
	o.read(room, entry("over", meeting.Span{Start: now.Add(-time.Hour), End: now}),
		entry("on", meeting.Span{Start: now.Add(-time.Hour), End: now.Add(time.Minute)}))
	equal(t, engine.WindowResult{Changed: 1}, o.read(room))
	require.Equal(t, meeting.Booked, o.only("over").Cells[0].Seen)
	require.Equal(t, meeting.None, o.only("on").Cells[0].Seen)
}

func TestRoomsDoNotSpeakForOthers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	lake, hill := o.room("lake@example.com", 10), o.room("hill@example.com", 11)
	o.read(lake, entry("a", o.hour(9)))
	o.read(hill, entry("a", o.hour(9)))
	require.Equal(t, 1, o.read(hill).Changed)
	cells := o.only("a").Cells
	require.Equal(t, meeting.Booked, cells[0].Seen)
	require.Equal(t, meeting.None, cells[1].Seen)
}

func TestWhatWasToldIsKnown(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	lake, hill := o.room("lake@example.com", 10), o.room("hill@example.com", 11)
	s := entry("a", o.hour(9))
	s.Key, s.Sequence = meeting.KeyOf(s.Span.Start), 5
	o.read(lake, s, entry("b", o.hour(10)))
	o.read(hill, entry("c", o.hour(10)))
	o.read(lake, s)
	known, err := o.term.Known(t.Context(), lake)
	require.NoError(t, err)
	equal(t, map[meeting.ItemID]engine.Known{
		"item of a": {ChangeKey: "1", UID: "a", Key: s.Key, Sequence: 5, Organizer: "anna@example.com"},
	}, known)
}

func TestTheOrganizerMayBeToldLater(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	for _, step := range []struct{ told, want meeting.Address }{
		{"", ""}, {"anna@example.com", "anna@example.com"}, {"", "anna@example.com"}, {"ben@example.com", "ben@example.com"},
	} {
		s := entry("a", o.hour(9))
		s.Organizer = step.told
		o.read(room, s)
		require.Equal(t, step.want, o.meeting("a").Organizer)
	}
}

func TestPrioritiesOfWhatWasRead(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	var entries []meeting.Sighting
	for n := range 60 {
		entries = append(entries, entry(meeting.UID(fmt.Sprint("u", n)), o.hour(n)))
	}
	o.read(room, entries...)
	require.Equal(t, 2, o.work("u0").Priority, "a first import waits")
	o.settled()
	require.Equal(t, -time.Second, o.work("u0").Wait)

	entries[0].Span = o.hour(100)
	o.read(room, entries...)
	require.Equal(t, 1, o.work("u0").Priority, "a change in a busy room does not")

	o.settled()
	o.exec(`update ews.occurrence o set asked_by = 'us', asked_at = now() from ews.meeting m where m.id = o.meeting_id and m.uid = 'u1'`)
	entries[1].Span = o.hour(101)
	o.read(room, entries...)
	w := o.work("u1")
	require.Zero(t, w.Priority, "somebody waits for the room's answer")
	require.LessOrEqual(t, w.Wait, time.Duration(0))

	entries[1].Span = o.hour(102)
	o.exec(`update ews.occurrence set asked_by = '', asked_at = null`)
	o.read(room, entries...)
	require.Zero(t, o.work("u1").Priority, "a further change does not push it back")
	require.LessOrEqual(t, o.work("u1").Wait, time.Duration(0))
}

// The longest identity that a calendar may tell fits into the index, however
// badly it compresses.
func TestLongIdentitiesAreStored(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	raw := make([]byte, 1000)
	for i := range raw {
		raw[i] = byte('!' + (i*i*7919+i*104729)%90)
	}
	long := entry(meeting.UID(raw), o.hour(9))
	long.Item = meeting.ItemID(raw)
	equal(t, engine.WindowResult{Changed: 2}, o.read(room, long, entry("b", o.hour(10))))
	require.Equal(t, meeting.UID(raw), o.meeting(meeting.UID(raw)).UID)
}
