package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// Flow is how a configuration, or one of its rooms, is doing in each direction.
type Flow struct {
	ToBooking  Direction // what is seen in Exchange becomes bookings
	ToExchange Direction // what people book in Eliona becomes meetings
}

// Direction is one direction of a flow.
type Direction struct {
	Carried time.Time     // when something was last carried with success; zero if never, or long ago
	Waiting int           // meetings that wait
	Waited  time.Duration // how long the one waits that waits longest; 0 if none
}

// Flows returns the flows of one configuration, or of all for 0, by their ids.
// One in which nothing ever happened may be missing.
func (db *DB) Flows(ctx context.Context, config meeting.ConfigID) (flows map[meeting.ConfigID]Flow, err error) {
	flows = map[meeting.ConfigID]Flow{}
	err = db.view(ctx, "how changes are carried", func(tx pgx.Tx) error {
		return readFlows(ctx, tx, flows,
			`select m.configuration_id, o.side, max(o.finished_at)
			 from ews.operation o join ews.meeting m on m.id = o.meeting_id
			 where o.status = 'done' and $1::bigint in (0, m.configuration_id) group by 1, 2`,
			`select configuration_id, priority = 0, count(*)::int, extract(epoch from now() - min(wanted_at))::float8
			 from ews.meeting where $1::bigint in (0, configuration_id) and `+waiting+` group by 1, 2`, int64(config))
	})
	return flows, err
}

// viewFlows reads the flows of rooms. An operation at the Booking app names its
// assets; one in Exchange is about the rooms of its date. What waits with the
// priority of people was made in Eliona.
func viewFlows(ctx context.Context, tx pgx.Tx, config meeting.ConfigID, rooms map[meeting.Address]*RoomView) error {
	addresses := make([]string, 0, len(rooms))
	for address := range rooms {
		addresses = append(addresses, string(address))
	}
	flows := map[meeting.Address]Flow{}
	err := readFlows(ctx, tx, flows,
		`with done as not materialized (
		   select o.side, o.occurrence_id, o.assets, o.finished_at
		   from ews.operation o join ews.meeting m on m.id = o.meeting_id
		   where m.configuration_id = $1 and o.status = 'done')
		 select mailbox, side, max(finished_at) from (
		   select a.provider_id as mailbox, d.side, d.finished_at
		   from done d cross join lateral unnest(d.assets) as x (asset_id)
		   join ews.asset a on a.configuration_id = $1 and a.asset_id = x.asset_id
		   where d.side = 'booking'
		   union all
		   select r.mailbox, d.side, d.finished_at
		   from done d join ews.cell c on c.occurrence_id = d.occurrence_id join ews.room r on r.id = c.room_id
		   where d.side = 'exchange') carried
		 where mailbox = any($2) group by 1, 2`,
		`select r.mailbox, m.priority = 0, count(distinct m.id)::int, extract(epoch from now() - min(m.wanted_at))::float8
		 from (select * from ews.meeting where configuration_id = $1 and `+waiting+`) m
		 join ews.occurrence o on o.meeting_id = m.id
		 cross join lateral (
		   select r.mailbox from ews.cell c join ews.room r on r.id = c.room_id
		   where c.occurrence_id = o.id and (c.seen <> 'none' or c.invited or c.base_in)
		   union
		   select a.provider_id from ews.asset a
		   where a.configuration_id = $1 and o.bk_live and a.asset_id = any(o.bk_assets)) r
		 where r.mailbox = any($2) group by 1, 2`, config, addresses)
	if err != nil {
		return fmt.Errorf("reading how changes of the rooms are carried: %w", err)
	}
	for address, flow := range flows {
		rooms[address].Flow = flow
	}
	return nil
}

// readFlows adds up flows by a key: from rows of key, side and when something
// was carried, and from rows of key, whether it goes to Exchange, how much waits
// and for how many seconds.
func readFlows[K comparable](ctx context.Context, tx pgx.Tx, flows map[K]Flow, carried, waits string, args ...any) error {
	change := func(key K, toExchange bool, f func(*Direction)) {
		flow := flows[key]
		if toExchange {
			f(&flow.ToExchange)
		} else {
			f(&flow.ToBooking)
		}
		flows[key] = flow
	}
	var key K
	var side string
	var at time.Time
	rows, err := tx.Query(ctx, carried, args...)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&key, &side, &at}, func() error {
		change(key, side == "exchange", func(d *Direction) { d.Carried = at })
		return nil
	})
	if err != nil {
		return err
	}
	var toExchange bool
	var n int
	var seconds float64
	if rows, err = tx.Query(ctx, waits, args...); err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&key, &toExchange, &n, &seconds}, func() error {
		change(key, toExchange, func(d *Direction) {
			d.Waiting, d.Waited = n, max(0, time.Duration(seconds*float64(time.Second)))
		})
		return nil
	})
	return err
}
