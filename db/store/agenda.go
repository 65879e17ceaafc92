package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// Agenda is what stands next in the calendar of a room.
type Agenda struct {
	Room    meeting.Address
	Assets  []meeting.AssetID // those that are bookable
	Current meeting.Span      // zero: the room is free now
	Next    meeting.Span      // zero: nothing is known to come
}

// Agendas returns the agendas of the rooms this configuration works on, at a
// moment, as their calendars in Exchange show them. Rooms whose calendar was not
// read yet, or that have no asset, are left out.
func (t *Term) Agendas(ctx context.Context, at time.Time) (agendas []Agenda, err error) {
	err = t.db.view(ctx, "agendas", func(tx pgx.Tx) error {
		// Most calendars have no overlaps, so that of the two entries that end
		// first one is the present one, if there is one, and one the next.
		rows, err := tx.Query(ctx,
			`select r.mailbox, o.assets, c.starts, c.ends
			 from ews.room r join ews.active_room x on x.id = r.id
			 cross join lateral (
			   select array_agg(distinct a.asset_id) as assets
			   from ews.asset a join ews.owned_asset w on w.configuration_id = a.configuration_id and w.asset_id = a.asset_id
			   where a.configuration_id = r.configuration_id and a.provider_id = r.mailbox and a.described_at is not null) o
			 cross join lateral (
			   select coalesce(array_agg(seen_start), '{}') as starts, coalesce(array_agg(seen_end), '{}') as ends
			   from (select seen_start, seen_end from ews.cell
			         where room_id = r.id and seen = 'booked' and seen_end > $2 order by seen_end limit 2) e) c
			 where r.configuration_id = $1 and r.read_at is not null and o.assets is not null
			 order by r.mailbox`, t.config, at)
		if err != nil {
			return err
		}
		agendas, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Agenda, err error) {
			var assets []int32
			var starts, ends []time.Time
			err = row.Scan(&a.Room, &assets, &starts, &ends)
			a.Assets = assetIDs(assets)
			for i := range starts {
				a.add(meeting.Span{Start: starts[i], End: ends[i]}, at)
			}
			return a, err
		})
		return err
	})
	return agendas, err
}

func (a *Agenda) add(s meeting.Span, at time.Time) {
	switch {
	case !s.Start.After(at):
		a.Current = s // the later one, if two overlap
	case a.Next.Start.IsZero() || s.Start.Before(a.Next.Start):
		a.Next = s
	}
}

// RoomAssets are the bookable assets of a room.
type RoomAssets struct {
	Room   meeting.Address
	Assets []meeting.AssetID
}

// RoomAssets returns the rooms this configuration works on that have assets.
func (t *Term) RoomAssets(ctx context.Context) (rooms []RoomAssets, err error) {
	err = t.db.view(ctx, "the assets of rooms", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx,
			`select r.mailbox, array_agg(distinct a.asset_id)
			 from ews.room r join ews.active_room x on x.id = r.id
			 join ews.asset a on a.configuration_id = r.configuration_id and a.provider_id = r.mailbox and a.described_at is not null
			 join ews.owned_asset w on w.configuration_id = a.configuration_id and w.asset_id = a.asset_id
			 where r.configuration_id = $1 group by r.mailbox order by r.mailbox`, t.config)
		if err != nil {
			return err
		}
		rooms, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (room RoomAssets, err error) {
			var assets []int32
			err = row.Scan(&room.Room, &assets)
			room.Assets = assetIDs(assets)
			return room, err
		})
		return err
	})
	return rooms, err
}

// ProjectRoom is a bookable asset that stands for a room.
type ProjectRoom struct {
	Asset meeting.AssetID
	Name  string // of the room in Exchange
}

// ProjectRooms returns the bookable assets of a project, by the names of their
// rooms. Rooms that are no longer in a room list are left out.
func (db *DB) ProjectRooms(ctx context.Context, project string) (rooms []ProjectRoom, err error) {
	err = db.view(ctx, "the rooms of a project", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx,
			`select a.asset_id, min(coalesce(nullif(r.name, ''), r.mailbox))
			 from ews.asset a join ews.room r on r.configuration_id = a.configuration_id and r.mailbox = a.provider_id
			 where a.project_id = $1 and a.asset_id is not null and a.described_at is not null and r.retired_at is null
			 group by a.asset_id order by 2, 1`, project)
		if err != nil {
			return err
		}
		rooms, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ProjectRoom])
		return err
	})
	return rooms, err
}
