package engine

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
)

// fresh is a Store that knows no booking; linked is called when all are linked.
type fresh struct {
	Store
	linked func(ctx context.Context)
}

func (*fresh) Unknown(_ context.Context, ids []meeting.BookingID) ([]meeting.BookingID, error) {
	return ids, nil
}

func (*fresh) Shown(context.Context, []meeting.RoomID, meeting.Span, meeting.UID) (by []Known, unread bool, err error) {
	return nil, false, nil
}

func (*fresh) Unbooked(context.Context) ([]meeting.UID, error) { return nil, nil }

func (f *fresh) Linked(ctx context.Context) error {
	f.linked(ctx)
	return nil
}

// A list is read while the linking ends: what is on it must not be set aside by
// what nobody looks at any more.
func TestNothingIsSetAsideOnceTheLinkingIsOver(t *testing.T) {
	s := &fresh{}
	e := New(Settings{}, Ports{Store: s, Log: slog.New(slog.DiscardHandler)})
	e.rooms.Store(&map[meeting.RoomID]meeting.Room{1: {ID: 1, Assets: []meeting.AssetID{10}}})
	l := newLinking()
	e.linking.Store(l)
	read := func(id meeting.BookingID) []Booking {
		left, err := e.setAside(t.Context(), 10, []Booking{{ID: id}})
		require.NoError(t, err)
		return left
	}
	s.linked = func(context.Context) { require.Len(t, read(8), 1) }
	require.Empty(t, read(7))
	l.forget(7)
	over, err := e.linkLeft(t.Context(), l)
	require.NoError(t, err)
	require.True(t, over)
	require.EqualValues(t, 7, l.highestListed())
}

// A room that is gained later has its own list, of lower numbers perhaps.
func TestWhatMayHaveAMeetingIsNotForgottenWhenARoomIsGained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &fresh{linked: func(context.Context) {}}
		e := New(Settings{}, Ports{Store: s, Log: slog.New(slog.DiscardHandler)})
		e.rooms.Store(&map[meeting.RoomID]meeting.Room{1: {ID: 1, Assets: []meeting.AssetID{10}}})
		ended := make(chan error)
		go func() { ended <- e.linkingLeft(ctx) }()
		for _, highest := range []meeting.BookingID{100, 60} {
			l := newLinking()
			l.listed[10], l.highest = true, highest
			e.linking.Store(l)
			wake(e.wakeLink)
			synctest.Wait()
			require.Nil(t, e.linking.Load())
		}
		cancel()
		require.NoError(t, <-ended)
		require.True(t, (&job{Engine: e}).mayBeMade(&meeting.Occurrence{Booking: 100}))
		require.False(t, (&job{Engine: e}).mayBeMade(&meeting.Occurrence{Booking: 101}))
	})
}
