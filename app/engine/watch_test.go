package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
)

// teller is a calendar that tells of changes.
type teller struct {
	Calendar
	mu      sync.Mutex
	watches [][]meeting.Address // all there were
	told    Lookout
	fail    error // ends the next watch at once
}

func (c *teller) Watch(ctx context.Context, rooms []meeting.Address, told Lookout) error {
	c.mu.Lock()
	c.watches, c.told = append(c.watches, rooms), told
	err := c.fail
	c.fail = nil
	c.mu.Unlock()
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (c *teller) tell(rooms ...meeting.Address) {
	for _, room := range rooms {
		c.told.Changed(room)
	}
}

// list is a store that only knows which rooms were made due, and when.
type list struct {
	Store
	begin time.Time
	mu    sync.Mutex
	due   []dueAt
	fail  error
}

type dueAt struct {
	after time.Duration
	rooms []meeting.RoomID
}

func (s *list) PollRooms(_ context.Context, rooms []meeting.RoomID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		err := s.fail
		s.fail = nil
		return err
	}
	s.due = append(s.due, dueAt{time.Since(s.begin), slices.Sorted(slices.Values(rooms))})
	return nil
}

func (s *list) take() []dueAt {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := s.due
	s.due = nil
	return due
}

// watching runs an engine that does nothing but to watch three rooms, of which
// one is retired.
func watching(t *testing.T, play func(e *Engine, c *teller, s *list)) error {
	t.Helper()
	var err error
	synctest.Test(t, func(t *testing.T) {
		c, s := &teller{}, &list{begin: time.Now()}
		e := New(Settings{Stream: true}, Ports{Calendar: c, Store: s, Log: slog.New(slog.DiscardHandler)})
		e.rooms.Store(&map[meeting.RoomID]meeting.Room{
			1: {ID: 1, Address: "b@x"}, 2: {ID: 2, Address: "a@x"}, 3: {ID: 3, Address: "c@x", Retired: true},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			err = e.watching(ctx)
		}()
		synctest.Wait()
		play(e, c, s)
		cancel()
		<-ended
	})
	return err
}

// elapse lets simulated time pass, and everything happen that is due then.
func elapse(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the clock is simulated
	synctest.Wait()
}

// A request of ours changes a room's calendar twice: when it arrives, and when
// the room has decided.
func TestRoomsThatDecideAboutARequestAreLookedAtAfterwards(t *testing.T) {
	require.NoError(t, watching(t, func(e *Engine, c *teller, s *list) {
		e.tempo.ask([]meeting.Room{{Address: "a@x"}})
		c.tell("a@x", "b@x")
		elapse(time.Second)
		c.tell("a@x")
		elapse(time.Minute)
		require.Equal(t, []dueAt{{gather, []meeting.RoomID{1}}, {decided, []meeting.RoomID{2}}}, s.take())
		c.tell("a@x")
		elapse(time.Minute)
		require.Len(t, s.take(), 1)
	}))
}

func TestHintsMakeRoomsDue(t *testing.T) {
	require.NoError(t, watching(t, func(_ *Engine, c *teller, s *list) {
		require.Equal(t, [][]meeting.Address{{"a@x", "b@x"}}, c.watches)
		c.tell("a@x", "a@x")
		elapse(100 * time.Millisecond)
		c.tell("a@x", "b@x", "c@x", "unknown@x")
		elapse(time.Minute)
		require.Equal(t, []dueAt{{gather, []meeting.RoomID{2}}, {gather + 100*time.Millisecond, []meeting.RoomID{1}}}, s.take())
		c.tell("a@x")
		elapse(time.Minute)
		require.Len(t, s.take(), 1)
	}))
}

// What a poll under way sees, and when it says the room is due next, is not
// known: the room becomes due once more when it is over.
func TestHintsWaitForTheReader(t *testing.T) {
	require.NoError(t, watching(t, func(e *Engine, c *teller, s *list) {
		require.True(t, e.reading.begin(context.WithoutCancel(t.Context()), 2))
		c.tell("a@x", "b@x")
		elapse(10 * time.Second)
		require.Equal(t, []dueAt{{gather, []meeting.RoomID{1}}}, s.take())
		e.reading.end(2)
		elapse(gather)
		require.Len(t, s.take(), 1)
	}))
}

func TestOtherRoomsAreWatchedAnew(t *testing.T) {
	require.NoError(t, watching(t, func(e *Engine, c *teller, _ *list) {
		wake(e.wakeWatch) // an asset changed
		synctest.Wait()
		require.Len(t, c.watches, 1)
		e.rooms.Store(&map[meeting.RoomID]meeting.Room{})
		wake(e.wakeWatch)
		synctest.Wait()
		require.Len(t, c.watches, 1)
		e.rooms.Store(&map[meeting.RoomID]meeting.Room{3: {ID: 3, Address: "c@x"}})
		wake(e.wakeWatch)
		synctest.Wait()
		require.Equal(t, []meeting.Address{"c@x"}, c.watches[1])
		require.Len(t, c.watches, 2)
	}))
}

func TestWatchingGoesOnInSpiteOfFailures(t *testing.T) {
	require.NoError(t, watching(t, func(e *Engine, c *teller, s *list) {
		c.fail = errors.New("broken")
		e.rooms.Store(&map[meeting.RoomID]meeting.Room{1: {ID: 1, Address: "b@x"}})
		wake(e.wakeWatch)
		elapse(2 * time.Minute)
		require.Len(t, c.watches, 3)
		s.fail = errors.New("no database")
		c.tell("b@x")
		elapse(10 * time.Second)
		require.Len(t, s.take(), 1)
	}))
	err := watching(t, func(_ *Engine, c *teller, s *list) {
		s.fail = ErrFenced
		c.tell("b@x")
		elapse(time.Second)
	})
	require.ErrorIs(t, err, ErrFenced)
}

// numbers are those of rooms watched.
type numbers struct {
	unobserved
	told []int
}

func (n *numbers) Watching(rooms int) { n.told = append(n.told, rooms) }

func TestItIsToldHowManyRoomsAreWatched(t *testing.T) {
	heard := &numbers{}
	require.NoError(t, watching(t, func(e *Engine, c *teller, _ *list) {
		l := &hints{tempo: e.tempo, observer: heard}
		l.Watched([]meeting.Address{"a@x", "b@x"}, true)
		l.Watched([]meeting.Address{"c@x"}, true)
		l.Watched([]meeting.Address{"a@x", "b@x"}, false)
	}))
	require.Equal(t, []int{2, 3, 1}, heard.told)
}

func TestNobodyIsAskedToWatch(t *testing.T) {
	for _, p := range []struct {
		settings Settings
		calendar Calendar
	}{{Settings{}, &teller{}}, {Settings{Stream: true}, struct{ Calendar }{}}} {
		e := New(p.settings, Ports{Calendar: p.calendar})
		require.NoError(t, e.watching(t.Context()))
	}
}
