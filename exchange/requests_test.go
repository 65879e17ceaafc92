package exchange_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
	"ews/simulator/entrasim"
	"ews/simulator/fault"
)

// This file counts: how many requests something takes, and how many logons.

// spent runs f and returns the requests that it made, by operation.
func (w *world) spent(f func()) map[string]int {
	w.t.Helper()
	w.mu.Lock()
	w.calls = map[string]int{}
	w.mu.Unlock()
	f()
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = map[string]int{}
	return calls
}

// look reads a room's calendar and returns what is known of it afterwards.
func (w *world) look(room meeting.Room, span meeting.Span, known map[meeting.ItemID]engine.Known) map[meeting.ItemID]engine.Known {
	w.t.Helper()
	seen, err := w.calendar.Window(w.ctx, room.Address, span, known)
	w.NoError(err)
	now := map[meeting.ItemID]engine.Known{}
	for _, s := range seen {
		w.Equal(meeting.Address(alice), s.Organizer)
		now[s.Item] = told(s)
	}
	return now
}

func TestRequestsOfARead(t *testing.T) {
	_, w := open(t, simulation{})
	room, span := w.rooms[0], w.slot()
	const singles, dates = 110, 8
	for n := range singles {
		w.book(later(span, time.Duration(n/10)*24*time.Hour+time.Duration(n%10+1)*time.Hour), []meeting.Room{room})
	}
	h := w.book(span, []meeting.Room{room}, daily(dates))
	short, long := around(span), meeting.SpanOf(span.Start.AddDate(0, 0, -1), span.Start.AddDate(0, 0, 20))
	w.until("the room has accepted", func() bool { return len(w.window(room, long)) == singles+dates })
	short.End = span.Start.AddDate(0, 0, dates-1)

	var known map[meeting.ItemID]engine.Known
	require.Equal(t, map[string]int{"SyncFolderItems": 1, "FindItem": 1, "GetItem": 1}, w.spent(func() {
		w.drain(room, "")
		known = w.look(room, short, nil)
	}), "a first read: one date of a series is enough to know all of them")
	require.Len(t, known, dates-1+10*(dates-1))

	require.Equal(t, map[string]int{"FindItem": 1}, w.spent(func() { known = w.look(room, short, known) }), "all is known")

	require.Equal(t, map[string]int{"FindItem": 1, "GetItem": 1}, w.spent(func() { known = w.look(room, long, known) }),
		"further dates of a known series are known")
	require.Len(t, known, singles+dates)

	second := span.Start.AddDate(0, 0, 1)
	w.move(h, second, hour(second.Add(-time.Hour)))
	w.until("the room follows", func() bool { return w.sightings(room, h)[meeting.KeyOf(second)].Span.Start.Before(second) })
	require.Equal(t, map[string]int{"FindItem": 1, "GetItem": 1}, w.spent(func() {
		now := w.look(room, long, known)
		changed := 0
		for id, k := range now {
			if known[id].ChangeKey != k.ChangeKey {
				changed++
			}
		}
		require.Equal(t, dates, changed, "one date that changes gives all of them another version")
	}))
}

// An entry that stands for a whole series and cannot be read leaves the others
// readable.
func TestADateThatCannotBeReadStandsForNoOther(t *testing.T) {
	sim, w := open(t, simulation{})
	room, span := w.rooms[0], w.slot()
	w.accepted(room, w.book(span, []meeting.Room{room}, daily(4)), 4)
	sim.fault(t, fault.Rule{Operation: "GetItem", Kind: fault.ResponseCode, Code: "ErrorCorruptData", Count: 1})
	seen, err := w.calendar.Window(w.ctx, room.Address, around(span), nil)
	require.NoError(t, err)
	organized := 0
	for _, s := range seen {
		if s.Organizer == alice && s.ChangeKey != "" {
			organized++
		}
	}
	require.Equal(t, []int{4, 3}, []int{len(seen), organized})
}

func TestRequestsOfABooking(t *testing.T) {
	_, w := open(t, simulation{})
	create := func(d engine.Draft) held {
		made, err := w.calendar.Create(w.ctx, w.organizer, d)
		w.NoError(err)
		h := held{mailbox: w.organizer, uid: made.UID, id: ews.ItemID{ID: string(made.Item)}, span: d.Span}
		w.removeLater(h)
		return h
	}
	first, second := w.draft(w.rooms[0]), w.draft(w.rooms[0])
	require.Equal(t, map[string]int{"CreateItem": 1, "GetItem": 1}, w.spent(func() { create(first) }),
		"the first one asks whether the server keeps the UID")
	var h held
	require.Equal(t, map[string]int{"CreateItem": 1}, w.spent(func() { h = create(second) }))
	place := h.place()
	place.Item = meeting.ItemID(h.id.ID)
	w.answered(place, accepts(w.rooms[0]))
	require.Equal(t, map[string]int{"GetItem": 1, "UpdateItem": 1}, w.spent(func() {
		_, err := w.calendar.Update(w.ctx, place, w.read(place), engine.Change{Span: h.span, Add: w.rooms[1:2]})
		w.NoError(err)
	}), "what was just read is not read again")
	require.Equal(t, map[string]int{"GetItem": 1, "CreateItem": 1}, w.spent(func() {
		cancelled, err := w.calendar.Cancel(w.ctx, place)
		w.NoError(err)
		w.True(cancelled)
	}))
}

// What a room shows of a meeting that we made is known, until we change it.
func TestRequestsToSeeAMeetingOfOurs(t *testing.T) {
	_, w := open(t, simulation{})
	room, d := w.rooms[0], w.draft(w.rooms[0])
	made, err := w.calendar.Create(w.ctx, w.organizer, d)
	w.NoError(err)
	h := held{mailbox: w.organizer, uid: made.UID, id: ews.ItemID{ID: string(made.Item)}, span: d.Span}
	w.removeLater(h)
	w.accepted(room, h, 1)
	require.Equal(t, map[string]int{"FindItem": 1}, w.spent(func() { require.Len(t, w.look(room, around(h.span), nil), 1) }))

	place := h.place()
	place.Item = made.Item
	w.update(place, engine.Change{Span: later(h.span, time.Hour)})
	w.until("the room follows", func() bool { return w.sightings(room, h)[""].Span == later(h.span, time.Hour) })
	require.Equal(t, map[string]int{"FindItem": 1, "GetItem": 1}, w.spent(func() { w.look(room, around(h.span), nil) }))
}

func TestManyCallsNeedOneToken(t *testing.T) {
	sim, w := open(t, simulation{})
	w.crowd(5)
	tokens := sim.Stats.Snapshot()[entrasim.Service]["POST /{tenant}/oauth2/v2.0/token"].Requests
	require.LessOrEqual(t, tokens, int64(2), "one for the calendar, one for the person in Outlook")
	require.Positive(t, tokens)
}

func TestManyCallsNeedOneLogonPerConnection(t *testing.T) {
	sim, w := open(t, simulation{ntlm: true})
	calls := w.spent(func() { w.crowd(20) })
	require.Greater(t, calls["SyncFolderItems"], 90)
	logons, connections := sim.network.logons.Load(), sim.network.connections.Load()
	t.Logf("%v, %d connections, %d logons", calls, connections, logons)
	require.LessOrEqual(t, connections, int64(len(w.rooms)+1), "no more than calls at a time")
	require.LessOrEqual(t, logons, connections)
}

// crowd looks at all rooms a number of times, at once.
func (w *world) crowd(times int) {
	var readers sync.WaitGroup
	for _, room := range w.rooms {
		readers.Go(func() {
			for range times {
				if _, err := w.calendar.Changes(w.ctx, room.Address, ""); err != nil {
					w.t.Error(fmt.Errorf("%s: %w", room.Address, err))
				}
			}
		})
	}
	readers.Wait()
}
