package engine

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
)

// land is a Store of which only the rooms are used.
type land struct {
	Store
	rooms   map[meeting.RoomID]meeting.Room
	waiting []meeting.RoomID
}

func (l *land) Inherit(context.Context) (taken, waiting []meeting.RoomID, err error) {
	return nil, l.waiting, nil
}

func (l *land) Rooms(context.Context) (map[meeting.RoomID]meeting.Room, error) { return l.rooms, nil }

// Who had the room may be deleted, with all it knew, before it could be taken over.
func TestBookingsAreLinkedWhereNothingWasTakenOverAfterAll(t *testing.T) {
	rooms := func(second meeting.Room) map[meeting.RoomID]meeting.Room {
		second.ID, second.Address = 2, "hill@example.com"
		return map[meeting.RoomID]meeting.Room{1: {ID: 1, Address: "lake@example.com", Assets: []meeting.AssetID{10}}, 2: second}
	}
	s := &land{rooms: rooms(meeting.Room{Retired: true})}
	e := New(Settings{}, Ports{Store: s, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, e.loadRooms(t.Context()))

	s.rooms, s.waiting = rooms(meeting.Room{Assets: []meeting.AssetID{20}}), []meeting.RoomID{2}
	require.NoError(t, e.loadRooms(t.Context()))
	require.True(t, e.room(2).Retired)
	require.True(t, e.handover.Load())
	require.Nil(t, e.linking.Load())

	s.rooms, s.waiting = rooms(meeting.Room{Assets: []meeting.AssetID{20}}), nil
	require.NoError(t, e.loadRooms(t.Context()))
	require.False(t, e.room(2).Retired)
	l := e.linking.Load()
	require.NotNil(t, l)
	require.True(t, l.wereListed([]meeting.AssetID{10}))
	require.False(t, l.wereListed([]meeting.AssetID{20}))
}

// What a booking's assets stand for is not known before all of them are there.
func TestRoomsAreCompleteWithAnAssetInEachProject(t *testing.T) {
	for name, test := range map[string]struct {
		room     meeting.Room
		handover bool
		missing  bool
	}{
		"in each":                     {room: meeting.Room{Assets: []meeting.AssetID{10, 11}}},
		"in one of two":               {room: meeting.Room{Assets: []meeting.AssetID{10}}, missing: true},
		"in none: it is not wanted":   {room: meeting.Room{}},
		"retired":                     {room: meeting.Room{Assets: []meeting.AssetID{10}, Retired: true}},
		"others are about to be ours": {room: meeting.Room{Assets: []meeting.AssetID{10, 11}}, handover: true, missing: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(Settings{Projects: []string{"east", "west"}}, Ports{})
			e.rooms.Store(&map[meeting.RoomID]meeting.Room{1: test.room})
			e.handover.Store(test.handover)
			require.Equal(t, test.missing, e.assetsMissing())
		})
	}
}
