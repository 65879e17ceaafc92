// Package place writes to the rooms' assets in Eliona where the rooms are, as
// far as the directory of Exchange tells.
package place

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ews/app/meeting"
	"ews/db/store"
	"ews/eliona"
)

// Rooms knows the rooms and their assets.
type Rooms interface {
	RoomAssets(ctx context.Context) ([]store.RoomAssets, error)
}

// Directory knows where rooms are; empty means that it does not.
type Directory interface {
	Location(ctx context.Context, room meeting.Address) (string, error)
}

// Assets writes a section of an asset's data. A deleted asset is
// eliona.NotFound.
type Assets interface {
	WriteData(ctx context.Context, section eliona.Data) error
}

// Rooms hardly ever move: nobody waits for this, and it takes a request for each
// room.
const (
	first   = time.Minute      // before the first look, in which others have more to do
	every   = 10 * time.Minute // between looks for rooms that are due
	valid   = 24 * time.Hour   // of what the directory told of a room
	between = time.Second      // between two rooms
)

// Sign writes where the rooms of one configuration are.
type Sign struct {
	Rooms     Rooms
	Directory Directory
	Assets    Assets
	Log       *slog.Logger

	asked   map[meeting.Address]time.Time
	written map[meeting.AssetID]string
}

// Run writes until ctx ends.
func (s *Sign) Run(ctx context.Context) {
	s.asked, s.written = map[meeting.Address]time.Time{}, map[meeting.AssetID]string{}
	for wait := first; pause(ctx, wait); wait = every {
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			s.Log.InfoContext(ctx, "locations of rooms not written", "error", err, "retry_in", every)
		}
	}
}

func (s *Sign) look(ctx context.Context) error {
	rooms, err := s.Rooms.RoomAssets(ctx)
	if err != nil {
		return err
	}
	for _, room := range rooms {
		if time.Since(s.asked[room.Room]) < valid {
			continue
		}
		if err := s.write(ctx, room); err != nil {
			return err
		}
		s.asked[room.Room] = time.Now()
		if !pause(ctx, between) {
			return ctx.Err()
		}
	}
	return nil
}

func (s *Sign) write(ctx context.Context, room store.RoomAssets) error {
	location, err := s.Directory.Location(ctx, room.Room)
	if err != nil {
		return err
	}
	for _, id := range room.Assets {
		if s.written[id] == location {
			continue
		}
		err := s.Assets.WriteData(ctx, eliona.RoomInfo(eliona.AssetID(id), string(room.Room), location))
		if failure, ok := errors.AsType[*eliona.Error](err); ok && failure.Class == eliona.NotFound {
			continue // somebody deleted it
		}
		if err != nil {
			return err
		}
		s.written[id] = location
	}
	return nil
}

// pause reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
