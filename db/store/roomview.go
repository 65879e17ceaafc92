package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// RoomView is a room as operators see it.
type RoomView struct {
	Address  meeting.Address
	Name     string
	Active   bool             // its configuration works on it
	Retired  bool             // it left the room list
	OwnedBy  meeting.ConfigID // the configuration that works on it instead; 0 if none
	Assets   []RoomAsset
	PolledAt time.Time
	ReadAt   time.Time
	PollAt   time.Time
	Fails    int
	Code     string // of the last failure
	Guard    time.Time
	Gone     int // entries that vanished, while it is guarded
	Entries  []EntryView
	Flow     Flow
}

// RoomAsset stands for a room in one project.
type RoomAsset struct {
	Project  string
	ID       meeting.AssetID // 0 before it was made
	Bookable bool
}

// EntryView is one date of a meeting as both sides show it for one room.
type EntryView struct {
	Organizer meeting.Address
	Private   bool

	Booking     meeting.BookingID // 0: the Booking app has none
	BookingSpan meeting.Span
	Refused     bool

	Seen     meeting.Presence
	SeenSpan meeting.Span
	Invited  bool // by an organizer's copy that is live
	Answer   meeting.Answer
	CopySpan meeting.Span
}

// RoomViews returns the rooms of a configuration by address, with the entries
// that overlap the span; only the one with this address, if one is given.
func (db *DB) RoomViews(ctx context.Context, config meeting.ConfigID, address meeting.Address, span meeting.Span) (views []RoomView, err error) {
	err = db.view(ctx, "rooms", func(tx pgx.Tx) error {
		if views, err = viewRooms(ctx, tx, config, address); err != nil {
			return err
		}
		byAddress := make(map[meeting.Address]*RoomView, len(views))
		for i := range views {
			byAddress[views[i].Address] = &views[i]
		}
		if err := viewAssets(ctx, tx, config, byAddress); err != nil {
			return err
		}
		if err := viewFlows(ctx, tx, config, byAddress); err != nil {
			return err
		}
		return viewEntries(ctx, tx, config, byAddress, span)
	})
	return views, err
}

func viewRooms(ctx context.Context, tx pgx.Tx, config meeting.ConfigID, address meeting.Address) ([]RoomView, error) {
	rows, err := tx.Query(ctx,
		`select r.mailbox, r.name, exists (select from ews.active_room x where x.id = r.id), r.retired_at is not null,
		        coalesce((select min(b.configuration_id) from ews.asset a
		                  join ews.asset b on b.asset_id = a.asset_id and b.configuration_id < a.configuration_id
		                  join ews.configuration c on c.id = b.configuration_id and c.enable
		                  join ews.room x on x.configuration_id = b.configuration_id and x.mailbox = b.provider_id and x.retired_at is null
		                  where a.configuration_id = r.configuration_id and a.provider_id = r.mailbox), 0),
		        r.polled_at, r.read_at, r.poll_at, r.fail_count, r.error_code, r.guard_since, r.guard_gone
		 from ews.room r where r.configuration_id = $1 and $2 in ('', r.mailbox) order by r.mailbox`, config, address)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (v RoomView, err error) {
		var polled, read, poll, guard *time.Time
		err = row.Scan(&v.Address, &v.Name, &v.Active, &v.Retired, &v.OwnedBy, &polled, &read, &poll, &v.Fails, &v.Code, &guard, &v.Gone)
		v.PolledAt, v.ReadAt, v.PollAt, v.Guard = orZero(polled), orZero(read), orZero(poll), orZero(guard)
		return v, err
	})
}

func viewAssets(ctx context.Context, tx pgx.Tx, config meeting.ConfigID, rooms map[meeting.Address]*RoomView) error {
	rows, err := tx.Query(ctx,
		`select provider_id, project_id, coalesce(asset_id, 0), described_at is not null
		 from ews.asset where configuration_id = $1 and provider_id <> '' order by provider_id, project_id`, config)
	if err != nil {
		return fmt.Errorf("reading the rooms' assets: %w", err)
	}
	var room meeting.Address
	var a RoomAsset
	_, err = pgx.ForEachRow(rows, []any{&room, &a.Project, &a.ID, &a.Bookable}, func() error {
		if v := rooms[room]; v != nil {
			v.Assets = append(v.Assets, a)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the rooms' assets: %w", err)
	}
	return nil
}

func viewEntries(ctx context.Context, tx pgx.Tx, config meeting.ConfigID, rooms map[meeting.Address]*RoomView, span meeting.Span) error {
	addresses, assets := make([]string, 0, len(rooms)), []int32{}
	for address, room := range rooms {
		addresses = append(addresses, string(address))
		for _, a := range room.Assets {
			assets = append(assets, int32(a.ID))
		}
	}
	rows, err := tx.Query(ctx,
		`with shown as (
		   select r.id as room_id, r.mailbox, c.occurrence_id
		   from ews.room r join ews.cell c on c.room_id = r.id join ews.occurrence o on o.id = c.occurrence_id
		   where r.configuration_id = $1 and r.mailbox = any($2)
		     and (c.seen <> 'none' and c.seen_end > $4 and c.seen_start < $5
		       or c.invited and o.copy_state = 'live' and o.copy_end > $4 and o.copy_start < $5)
		   union
		   select r.id, r.mailbox, o.id
		   from ews.occurrence o cross join lateral unnest(o.bk_assets) as booked (asset_id)
		   join ews.asset a on a.configuration_id = $1 and a.asset_id = booked.asset_id
		   join ews.room r on r.configuration_id = $1 and r.mailbox = a.provider_id and r.mailbox = any($2)
		   where o.configuration_id = $1 and o.bk_live and o.bk_assets && $3::int[] and o.bk_end > $4 and o.bk_start < $5)
		 select s.mailbox, m.organizer, m.private,
		        case when o.bk_live and exists (select from ews.asset a where a.configuration_id = $1
		                    and a.provider_id = s.mailbox and a.asset_id = any(o.bk_assets))
		             then coalesce(o.booking_id, 0) else 0 end,
		        o.bk_start, o.bk_end, o.refusal <> '',
		        coalesce(c.seen, 'none'), c.seen_start, c.seen_end,
		        coalesce(c.invited, false) and o.copy_state = 'live', coalesce(c.answer, 'none'), o.copy_start, o.copy_end
		 from shown s join ews.occurrence o on o.id = s.occurrence_id join ews.meeting m on m.id = o.meeting_id
		 left join ews.cell c on c.occurrence_id = o.id and c.room_id = s.room_id
		 order by s.mailbox, coalesce(c.seen_start, o.bk_start, o.copy_start), o.id`,
		config, addresses, assets, span.Start, span.End)
	if err != nil {
		return fmt.Errorf("reading the rooms' entries: %w", err)
	}
	var room meeting.Address
	var e EntryView
	var t [6]*time.Time
	_, err = pgx.ForEachRow(rows, []any{
		&room, &e.Organizer, &e.Private, &e.Booking, &t[0], &t[1], &e.Refused,
		&e.Seen, &t[2], &t[3], &e.Invited, &e.Answer, &t[4], &t[5],
	}, func() error {
		entry := e
		entry.BookingSpan = meeting.Span{Start: orZero(t[0]), End: orZero(t[1])}
		entry.SeenSpan = meeting.Span{Start: orZero(t[2]), End: orZero(t[3])}
		entry.CopySpan = meeting.Span{Start: orZero(t[4]), End: orZero(t[5])}
		rooms[room].Entries = append(rooms[room].Entries, entry)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the rooms' entries: %w", err)
	}
	return nil
}
