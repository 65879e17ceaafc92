package enginetest

import (
	"context"
	"slices"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
)

func (d *Database) roomAt(address meeting.Address) *roomRow {
	for _, r := range d.rooms {
		if r.Address == address {
			return r
		}
	}
	return nil
}

// SyncRooms implements engine.Store.
func (t *Term) SyncRooms(ctx context.Context, list []engine.RoomInfo) (bool, error) {
	return tx(ctx, t, "SyncRooms", 0, func() (changed bool, err error) {
		for _, info := range list {
			r := t.roomAt(info.Address)
			switch {
			case r == nil:
				id := meeting.RoomID(t.key())
				t.rooms[id] = &roomRow{
					Room: meeting.Room{ID: id, Address: info.Address, Name: info.Name}, deltaGen: 1,
					poll: t.now(), audit: t.now(), deleted: map[meeting.ItemID]bool{},
				}
				changed = true
			case r.Retired:
				t.comeBack(r)
				changed = true
			}
		}
		for _, r := range t.rooms {
			listed := slices.ContainsFunc(list, func(i engine.RoomInfo) bool { return i.Address == r.Address })
			if !listed && !r.Retired {
				r.Retired, changed = true, true
			}
		}
		return changed, nil
	})
}

// comeBack lets a retired room that is listed again begin anew.
func (t *Term) comeBack(r *roomRow) {
	r.Retired, r.token, r.poll, r.fails, r.code, r.guard = false, "", t.now(), 0, "", time.Time{}
	r.version++
	r.deltaGen++
	var touched []*row
	assets := t.roomMap()[r.ID].Assets
	for _, m := range t.sorted() {
		if slices.ContainsFunc(m.Occurrences, func(o *meeting.Occurrence) bool {
			return o.CellOf(r.ID) != nil ||
				o.BookingLive && slices.ContainsFunc(assets, func(a meeting.AssetID) bool { return slices.Contains(o.Assets, a) })
		}) {
			touched = append(touched, m)
		}
	}
	t.makeDue(touched, priorityArchive, time.Minute)
}

// Inherit implements engine.Store: there is no other configuration.
func (t *Term) Inherit(context.Context) (taken, waiting []meeting.RoomID, err error) {
	return nil, nil, nil
}

// Rooms implements engine.Store.
func (t *Term) Rooms(ctx context.Context) (map[meeting.RoomID]meeting.Room, error) {
	return query(ctx, t, "Rooms", func() (map[meeting.RoomID]meeting.Room, error) { return t.roomMap(), nil })
}

func (d *Database) roomMap() map[meeting.RoomID]meeting.Room {
	out := map[meeting.RoomID]meeting.Room{}
	for id, r := range d.rooms {
		room := r.Room
		for _, a := range d.assets {
			if a.Room == r.Address && a.ID != 0 {
				room.Assets = append(room.Assets, a.ID)
			}
		}
		slices.Sort(room.Assets)
		out[id] = room
	}
	return out
}

// DueRooms implements engine.Store.
func (t *Term) DueRooms(ctx context.Context, limit int) ([]engine.DueRoom, error) {
	rooms, err := query(ctx, t, "DueRooms", func() ([]engine.DueRoom, error) {
		var due []*roomRow
		for _, r := range t.rooms {
			if !r.Retired && !r.poll.After(t.now()) {
				due = append(due, r)
			}
		}
		slices.SortFunc(due, func(a, b *roomRow) int {
			if c := a.poll.Compare(b.poll); c != 0 {
				return c
			}
			return int(a.ID - b.ID)
		})
		var out []engine.DueRoom
		for _, r := range due[:min(limit, len(due))] {
			out = append(out, engine.DueRoom{
				ID: r.ID, Address: r.Address, Token: r.token, TokenVersion: r.version, Fails: r.fails,
				Read: t.toRead(r), DeltaGen: r.deltaGen, Guarded: !r.guard.IsZero(),
			})
		}
		return out, nil
	})
	return hesitate(ctx, t, rooms, err)
}

func (d *Database) toRead(r *roomRow) bool { return r.deltaGen > r.readGen || !r.audit.After(d.now()) }

// PollRooms implements engine.Store.
func (t *Term) PollRooms(ctx context.Context, rooms []meeting.RoomID) error {
	return exec(ctx, t, "PollRooms", 0, func() error {
		for _, id := range rooms {
			if r := t.rooms[id]; r.poll.After(t.now()) && r.fails == 0 && r.guard.IsZero() {
				r.poll = t.now()
			}
		}
		return nil
	})
}

// SaveDelta implements engine.Store.
func (t *Term) SaveDelta(ctx context.Context, room engine.DueRoom, d engine.Delta, baseline bool, next time.Time) (engine.DueRoom, error) {
	return tx(ctx, t, "SaveDelta", 0, func() (engine.DueRoom, error) {
		r := t.rooms[room.ID]
		if r.version != room.TokenVersion {
			return room, engine.ErrClaimLost
		}
		if news := d.Changed || baseline; !news && !t.toRead(r) {
			r.fails, r.code = 0, "" // a poll that leads to a read has succeeded when that has
		} else if news {
			r.deltaGen++
		}
		r.token, r.poll = d.Token, t.until(next)
		r.version++
		for _, id := range d.Deleted {
			r.deleted[id] = true
		}
		room.Token, room.TokenVersion, room.DeltaGen, room.Read = r.token, r.version, r.deltaGen, t.toRead(r)
		return room, nil
	})
}

// RoomFailed implements engine.Store.
func (t *Term) RoomFailed(ctx context.Context, room meeting.RoomID, code string, retry time.Time) error {
	return exec(ctx, t, "RoomFailed", 0, func() error {
		r := t.rooms[room]
		r.fails++
		r.code, r.poll = code, t.until(retry)
		return nil
	})
}

// Known implements engine.Store.
func (t *Term) Known(ctx context.Context, room meeting.RoomID) (map[meeting.ItemID]engine.Known, error) {
	return query(ctx, t, "Known", func() (map[meeting.ItemID]engine.Known, error) {
		known := map[meeting.ItemID]engine.Known{}
		for _, r := range t.sorted() {
			for _, o := range r.Occurrences {
				if c := o.CellOf(room); c != nil && c.Item != "" {
					known[c.Item] = engine.Known{
						ChangeKey: c.ChangeKey, UID: r.UID, Key: o.Key, Sequence: c.Sequence, Organizer: r.Organizer,
						Private: r.Private,
					}
				}
			}
		}
		return known, nil
	})
}
