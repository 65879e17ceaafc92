package engine

import (
	"context"
	"log/slog"
	"testing"

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
