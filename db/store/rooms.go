package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
	"ews/app/meeting"
)

// SyncRooms implements engine.Store.
func (t *Term) SyncRooms(ctx context.Context, list []engine.RoomInfo) (bool, error) {
	changed := false
	err := t.tx(ctx, "storing the room list", func(tx *transaction) error {
		mailboxes, names := make([]string, len(list)), make([]string, len(list))
		for i, room := range list {
			mailboxes[i], names[i] = string(room.Address), room.Name
		}
		returned, err := returning(ctx, tx, t.config, mailboxes)
		if err != nil {
			return err
		}
		added, err := tx.Exec(ctx,
			`insert into ews.room as r (configuration_id, mailbox, name)
			 select distinct on (l.mailbox) $1::bigint, l.mailbox, l.name
			 from unnest($2::text[], $3::text[]) as l (mailbox, name)
			 on conflict (configuration_id, mailbox) do update set name = excluded.name
			 where r.name <> excluded.name`, t.config, mailboxes, names)
		if err != nil {
			return err
		}
		retired, err := tx.Exec(ctx,
			`update ews.room set retired_at = now()
			 where configuration_id = $1 and retired_at is null and mailbox <> all($2)`, t.config, mailboxes)
		changed = returned || added.RowsAffected()+retired.RowsAffected() > 0
		return err
	})
	return changed, err
}

// returning lets retired rooms that are listed again begin anew. Their
// meetings, and those of bookings that cover them, are looked at once their
// calendars have been read: what happened to them in Eliona meanwhile was left
// alone.
func returning(ctx context.Context, tx *transaction, config meeting.ConfigID, mailboxes []string) (bool, error) {
	rows, err := tx.Query(ctx,
		`update ews.room set retired_at = null, sync_state = '', token_version = token_version + 1,
		   delta_gen = delta_gen + 1, poll_at = now(), fail_count = 0, error_code = '', guard_since = null, guard_gone = 0
		 where configuration_id = $1 and retired_at is not null and mailbox = any($2) returning id`, config, mailboxes)
	if err != nil {
		return false, err
	}
	rooms, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(rooms) == 0 {
		return false, err
	}
	rows, err = tx.Query(ctx,
		`select id from ews.meeting
		 where id in (select o.meeting_id from ews.cell c join ews.occurrence o on o.id = c.occurrence_id
		              where c.room_id = any($1)
		              union
		              select o.meeting_id from ews.room r
		              join ews.owned_asset a on a.configuration_id = r.configuration_id and a.provider_id = r.mailbox
		              join ews.occurrence o on o.configuration_id = r.configuration_id and o.bk_live and o.bk_assets @> array[a.asset_id]
		              where r.id = any($1))
		 order by id for update`, rooms)
	if err != nil {
		return false, err
	}
	meetings, err := pgx.CollectRows(rows, pgx.RowTo[meeting.ID])
	if err != nil {
		return false, err
	}
	makeDue(tx.last, meetings, priorityArchive, 60)
	return true, nil
}

// Rooms implements engine.Store.
func (t *Term) Rooms(ctx context.Context) (map[meeting.RoomID]meeting.Room, error) {
	rows, err := t.db.pool.Query(ctx,
		`select r.id, r.mailbox, r.name, not exists (select from ews.active_room x where x.id = r.id),
		        coalesce(array_agg(a.asset_id order by a.asset_id) filter (where a.asset_id is not null), '{}')
		 from ews.room r
		 left join ews.owned_asset a on a.configuration_id = r.configuration_id and a.provider_id = r.mailbox
		 where r.configuration_id = $1 group by r.id`, t.config)
	if err != nil {
		return nil, fmt.Errorf("reading rooms: %w", err)
	}
	rooms := map[meeting.RoomID]meeting.Room{}
	var room meeting.Room
	var assets []int32
	_, err = pgx.ForEachRow(rows, []any{&room.ID, &room.Address, &room.Name, &room.Retired, &assets}, func() error {
		room.Assets = assetIDs(assets)
		rooms[room.ID] = room
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading rooms: %w", err)
	}
	return rooms, nil
}

// DueRooms implements engine.Store.
func (t *Term) DueRooms(ctx context.Context, limit int) ([]engine.DueRoom, error) {
	rows, err := t.db.pool.Query(ctx,
		`select id, mailbox, sync_state, token_version, fail_count,
		        delta_gen > read_gen or audit_at <= now(), delta_gen, guard_since is not null,
		        coalesce((select c.seen_start < now() + interval '15 minutes' from ews.cell c
		                  where c.room_id = r.id and c.seen_end > now() and c.seen <> 'none'
		                  order by c.seen_end limit 1), false)
		 from ews.room r where configuration_id = $1 and retired_at is null and poll_at <= now()
		   and exists (select from ews.active_room x where x.id = r.id)
		 order by poll_at limit $2`, t.config, limit)
	if err != nil {
		return nil, fmt.Errorf("reading due rooms: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r engine.DueRoom, err error) {
		return r, row.Scan(&r.ID, &r.Address, &r.Token, &r.TokenVersion, &r.Fails, &r.Read, &r.DeltaGen, &r.Guarded, &r.Near)
	})
}

// PollRooms implements engine.Store. Rooms that fail and rooms whose last read
// was suspicious keep their time: they wait for something else.
func (t *Term) PollRooms(ctx context.Context, rooms []meeting.RoomID) error {
	return t.tx(ctx, "making rooms due", func(tx *transaction) error {
		tx.last.Queue(`update ews.room set poll_at = now() where id = any($1) and poll_at > now() and fail_count = 0 and guard_since is null`, rooms)
		return nil
	})
}

// SaveDelta implements engine.Store.
func (t *Term) SaveDelta(ctx context.Context, room engine.DueRoom, d engine.Delta, baseline bool, next time.Time) (engine.DueRoom, error) {
	now := room
	now.Token = d.Token
	err := t.txAfter(ctx, "storing a change feed", func(batch *pgx.Batch) {
		batch.Queue(
			`update ews.room set sync_state = $3, token_version = token_version + 1,
			   delta_gen = delta_gen + case when $4 then 1 else 0 end,
			   poll_at = now() + make_interval(secs => $5),
			   -- not where the room has passed to another configuration: that would be taken for the newer knowledge
			   polled_at = case when exists (
			       select from ews.active_room a join ews.configuration c on c.id = a.configuration_id
			       where a.id = room.id and c.enable) then now() else polled_at end,
			   -- a poll that leads to a read has succeeded when that has
			   fail_count = case when $4 or delta_gen > read_gen or audit_at <= now() then fail_count else 0 end,
			   error_code = case when $4 or delta_gen > read_gen or audit_at <= now() then error_code else '' end
			 where id = $1 and token_version = $2
			 returning token_version, delta_gen, delta_gen > read_gen or audit_at <= now()`,
			room.ID, room.TokenVersion, d.Token, d.Changed || baseline, t.until(next)).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&now.TokenVersion, &now.DeltaGen, &now.Read)
			if errors.Is(err, pgx.ErrNoRows) {
				return engine.ErrClaimLost
			}
			return err
		})
	}, func(tx *transaction) error {
		if len(d.Deleted) == 0 {
			return nil
		}
		items := make([]string, len(d.Deleted))
		for i, id := range d.Deleted {
			items[i] = string(id)
		}
		tx.last.Queue(
			`insert into ews.room_tombstone (room_id, item_id) select $1, unnest($2::text[]) on conflict do nothing`,
			room.ID, items)
		return nil
	})
	if err != nil {
		return room, err
	}
	return now, nil
}

// RoomFailed implements engine.Store.
func (t *Term) RoomFailed(ctx context.Context, room meeting.RoomID, code string, retry time.Time) error {
	return t.tx(ctx, "storing a room's failure", func(tx *transaction) error {
		_, err := tx.Exec(ctx,
			`update ews.room set fail_count = fail_count + 1, error_code = $2,
			   poll_at = now() + make_interval(secs => $3) where id = $1`,
			room, code, t.until(retry))
		return err
	})
}

// until converts an instant of our clock to seconds from now, so that the
// database's clock alone orders the work.
func (t *Term) until(at time.Time) float64 { return max(0, at.Sub(t.db.now()).Seconds()) }

// Known implements engine.Store.
func (t *Term) Known(ctx context.Context, room meeting.RoomID) (map[meeting.ItemID]engine.Known, error) {
	rows, err := t.db.pool.Query(ctx,
		`select c.item_id, c.change_key, m.uid, o.recurrence_key, c.seen_sequence, m.organizer, m.private
		 from ews.cell c join ews.occurrence o on o.id = c.occurrence_id join ews.meeting m on m.id = o.meeting_id
		 where c.room_id = $1 and c.item_id <> ''`, room)
	if err != nil {
		return nil, fmt.Errorf("reading known items: %w", err)
	}
	known := map[meeting.ItemID]engine.Known{}
	var item meeting.ItemID
	var k engine.Known
	_, err = pgx.ForEachRow(rows, []any{&item, &k.ChangeKey, &k.UID, &k.Key, &k.Sequence, &k.Organizer, &k.Private}, func() error {
		known[item] = k
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading known items: %w", err)
	}
	return known, nil
}

// Assets implements engine.Store.
func (t *Term) Assets(ctx context.Context) ([]engine.Asset, error) {
	rows, err := t.db.pool.Query(ctx,
		`select project_id, global_asset_id, provider_id, coalesce(asset_id, 0), described_at is not null
		 from ews.asset where configuration_id = $1 order by id`, t.config)
	if err != nil {
		return nil, fmt.Errorf("reading assets: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a engine.Asset, err error) {
		return a, row.Scan(&a.Project, &a.GAI, &a.Room, &a.ID, &a.Described)
	})
}

// SaveAssets implements engine.Store.
func (t *Term) SaveAssets(ctx context.Context, assets []engine.Asset) error {
	return t.tx(ctx, "storing assets", func(tx *transaction) error {
		batch := &pgx.Batch{}
		for _, a := range assets {
			batch.Queue(
				`insert into ews.asset as a (configuration_id, project_id, global_asset_id, provider_id, asset_id, described_at)
				 values ($1, $2, $3, $4, nullif($5, 0), case when $6 then now() end)
				 on conflict (configuration_id, project_id, global_asset_id) do update set
				   provider_id = excluded.provider_id,
				   asset_id = coalesce(excluded.asset_id, a.asset_id),
				   described_at = coalesce(a.described_at, excluded.described_at)`,
				t.config, a.Project, a.GAI, a.Room, int32(a.ID), a.Described)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}
