package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
)

// feed is a calendar, and a store, of rooms that are polled and read.
type feed struct {
	mu     sync.Mutex
	due    map[meeting.RoomID]time.Time
	rooms  map[meeting.RoomID]DueRoom
	calls  []string
	answer func(room meeting.Address, token string) (Delta, error)
}

func (f *feed) said(what string, u Urgency) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, what+map[Urgency]string{ForPeople: " for people", ForChange: " for a change", ForRecords: " for the records"}[u])
}

func (f *feed) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *feed) Changes(ctx context.Context, room meeting.Address, token string) (Delta, error) {
	f.said("poll", UrgencyOf(ctx))
	return f.answer(room, token)
}

func (f *feed) Window(ctx context.Context, _ meeting.Address, _ meeting.Span, _ map[meeting.ItemID]Known) ([]meeting.Sighting, error) {
	f.said("read", UrgencyOf(ctx))
	return nil, nil
}

func (f *feed) DueRooms(context.Context, int) ([]DueRoom, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due []DueRoom
	for id, at := range f.due {
		if !at.After(time.Now()) {
			due = append(due, f.rooms[id])
		}
	}
	return due, nil
}

func (f *feed) PollRooms(_ context.Context, rooms []meeting.RoomID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range rooms {
		f.due[id] = time.Now()
	}
	return nil
}

func (f *feed) SaveDelta(_ context.Context, room DueRoom, d Delta, baseline bool, next time.Time) (DueRoom, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	room.Token, room.Read = d.Token, room.Read || d.Changed || baseline
	f.rooms[room.ID], f.due[room.ID] = DueRoom{ID: room.ID, Address: room.Address, Token: d.Token}, next
	return room, nil
}

func (f *feed) Tick(context.Context) (meeting.Tick, error) { return 1, nil }
func (f *feed) Known(context.Context, meeting.RoomID) (map[meeting.ItemID]Known, error) {
	return nil, nil
}
func (f *feed) SaveWindow(context.Context, WindowRead) (WindowResult, error) {
	return WindowResult{}, nil
}
func (f *feed) Resolve(context.Context, string, string) (bool, error) { return false, nil }
func (f *feed) SetStatus(context.Context, string, string) error       { return nil }

func (f *feed) RoomFailed(context.Context, meeting.RoomID, string, time.Time) error {
	return errors.New("the room did not fail")
}

// What a feed does not do is never called.
type (
	noCalendar struct{ Calendar }
	noStore    struct{ Store }
)

// polling runs an engine that does nothing but to poll one room.
func polling(t *testing.T, room DueRoom, f *feed, play func(e *Engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f.rooms, f.due = map[meeting.RoomID]DueRoom{room.ID: room}, map[meeting.RoomID]time.Time{room.ID: time.Now()}
		e := New(Settings{RefreshInterval: time.Minute}, Ports{
			Calendar: struct {
				*feed
				noCalendar
			}{feed: f},
			Store: struct {
				*feed
				noStore
			}{feed: f},
			Log: slog.New(slog.DiscardHandler)})
		e.rooms.Store(&map[meeting.RoomID]meeting.Room{room.ID: {ID: room.ID, Address: room.Address}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.polling(ctx) }()
		synctest.Wait()
		play(e)
		cancel()
		require.NoError(t, <-ended)
	})
}

func quiet(meeting.Address, string) (Delta, error) { return Delta{Token: "t"}, nil }

func TestChangesAreReadBeforeImportsAndAudits(t *testing.T) {
	changed := func(meeting.Address, string) (Delta, error) { return Delta{Token: "t", Changed: true}, nil }
	for name, test := range map[string]struct {
		room   DueRoom
		answer func(meeting.Address, string) (Delta, error)
		want   []string
	}{
		"first import":    {DueRoom{}, changed, []string{"poll for the records", "read for the records"}},
		"nothing changed": {DueRoom{Token: "s"}, quiet, []string{"poll for a change"}},
		"a change":        {DueRoom{Token: "s"}, changed, []string{"poll for a change", "read for a change"}},
		"an audit":        {DueRoom{Token: "s", Read: true}, quiet, []string{"poll for a change", "read for the records"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.room.ID = 1
			f := &feed{answer: test.answer}
			polling(t, test.room, f, func(*Engine) {
				require.Equal(t, test.want, f.heard())
			})
		})
	}
}

func TestAPauseIsNotTheFailureOfARoom(t *testing.T) {
	pause := &Error{Class: Throttled, Code: "ErrorServerBusy", Pause: 90 * time.Second}
	f := &feed{answer: func(meeting.Address, string) (Delta, error) { return Delta{}, pause }}
	polling(t, DueRoom{ID: 1, Token: "s"}, f, func(e *Engine) {
		require.Len(t, f.heard(), 1)
		f.mu.Lock()
		f.answer = quiet
		f.mu.Unlock()
		elapse(89 * time.Second)
		require.Empty(t, f.heard(), "nobody is asked during the pause")
		elapse(2 * time.Second)
		require.Len(t, f.heard(), 1, "the room is polled as soon as it is over")
		about(t, time.Minute, time.Until(f.due[1])+time.Second)
	})
}

func TestRoomsWithAMeetingSoonArePolledMoreOften(t *testing.T) {
	f := &feed{answer: quiet}
	polling(t, DueRoom{ID: 1, Token: "s", Near: true}, f, func(*Engine) {
		require.Equal(t, []string{"poll for a change"}, f.heard())
		elapse(11 * time.Second)
		require.NotEmpty(t, f.heard())
	})
}

func TestAReadIsAheadOfTheFeed(t *testing.T) {
	single := func(id string) meeting.Sighting {
		return meeting.Sighting{Item: meeting.ItemID(id), UID: meeting.UID("of " + id)}
	}
	date := func(series, id string) meeting.Sighting {
		return meeting.Sighting{Item: meeting.ItemID(id), UID: meeting.UID(series), Key: meeting.Key(id)}
	}
	for name, test := range map[string]struct {
		shown  []meeting.Sighting
		known  map[meeting.ItemID]Known
		told   []meeting.ItemID
		untold []string
	}{
		"nothing is shown":                       {},
		"what is shown was told":                 {shown: []meeting.Sighting{single("a"), single("b")}, told: []meeting.ItemID{"b", "a"}},
		"it is known from a read before":         {shown: []meeting.Sighting{single("a")}, known: map[meeting.ItemID]Known{"a": {}}},
		"it is new, and was not told":            {shown: []meeting.Sighting{single("a"), single("b")}, told: []meeting.ItemID{"a"}, untold: []string{"b"}},
		"of a series, its master was told":       {shown: []meeting.Sighting{date("s", "1"), date("s", "2")}, told: []meeting.ItemID{"master"}},
		"of two series, one master was told":     {shown: []meeting.Sighting{date("s", "1"), date("r", "2")}, told: []meeting.ItemID{"master"}, untold: []string{"r", "s"}},
		"what was told is a single meeting":      {shown: []meeting.Sighting{single("a"), date("s", "1")}, told: []meeting.ItemID{"a"}, untold: []string{"s"}},
		"a date of a series that is known comes": {shown: []meeting.Sighting{date("s", "2")}, known: map[meeting.ItemID]Known{"1": {UID: "s"}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.ElementsMatch(t, test.untold, untold(test.shown, test.known, test.told))
		})
	}
	t.Run("a read is repeated once", func(t *testing.T) {
		r := newReaders(1)
		for i, step := range []struct {
			room   meeting.RoomID
			untold []string
			ahead  bool
		}{
			{1, nil, false},
			{1, []string{"a"}, true},
			{1, []string{"a"}, false}, // it is shown, but nobody wants it
			{1, []string{"a", "b"}, true},
			{2, []string{"a"}, true},
			{1, nil, false},
			{1, []string{"a"}, true},
		} {
			require.Equal(t, step.ahead, r.ahead(step.room, step.untold), i)
			r.showed(step.room, step.untold)
		}
	})
}
