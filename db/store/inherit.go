package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// formerRooms are rooms of the configuration $1 that another one worked on
// since: o was polled later, for an asset that is r's now.
const formerRooms = `ews.active_room a
	join ews.room r on r.id = a.id
	join ews.configuration mine on mine.id = r.configuration_id
	join ews.room o on o.mailbox = r.mailbox and o.id <> r.id and o.polled_at > coalesce(r.polled_at, '-infinity')
	join ews.configuration theirs on theirs.id = o.configuration_id and theirs.booking_app_url = mine.booking_app_url
	where a.configuration_id = $1 and exists (
	  select from ews.owned_asset x join ews.asset y on y.asset_id = x.asset_id
	  where x.configuration_id = r.configuration_id and x.provider_id = r.mailbox
	    and y.configuration_id = o.configuration_id and y.provider_id = o.mailbox)`

// handover is what comes from one configuration.
type handover struct {
	from, to meeting.ConfigID
	rooms    []meeting.RoomID // of the new owner
	former   []meeting.RoomID // the same rooms, of the former one
	assets   []int32          // all that the former one has
	meetings []meeting.ID     // of the former one
	busy     bool
}

// Inherit implements engine.Store. The records of the former owner are copied,
// over what this one knew of the same meetings at an earlier time. So it goes on
// where the other one stopped, and what happened since is found as after any
// time in which nobody worked.
func (t *Term) Inherit(ctx context.Context) (taken, waiting []meeting.RoomID, err error) {
	there, err := t.exists(ctx, formerRooms)
	if err != nil || !there {
		return nil, nil, err
	}
	err = t.tx(ctx, "taking rooms over", func(tx *transaction) error {
		taken, waiting = nil, nil
		handovers, err := t.handovers(ctx, tx)
		if err != nil {
			return err
		}
		for _, h := range handovers {
			if err := h.lock(ctx, tx); err != nil {
				return err
			}
			if h.busy {
				waiting = append(waiting, h.rooms...)
				continue
			}
			taken = append(taken, h.rooms...)
			if err := h.carry(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	return taken, waiting, err
}

func (t *Term) handovers(ctx context.Context, tx *transaction) ([]*handover, error) {
	rows, err := tx.Query(ctx,
		`select distinct on (r.id) r.id, o.id, o.configuration_id from `+formerRooms+` order by r.id, o.polled_at desc`, t.config)
	if err != nil {
		return nil, err
	}
	var all []*handover
	var room, former meeting.RoomID
	var from meeting.ConfigID
	_, err = pgx.ForEachRow(rows, []any{&room, &former, &from}, func() error {
		i := slices.IndexFunc(all, func(h *handover) bool { return h.from == from })
		if i < 0 {
			i, all = len(all), append(all, &handover{from: from, to: t.config})
		}
		all[i].rooms, all[i].former = append(all[i].rooms, room), append(all[i].former, former)
		return nil
	})
	return all, err
}

// led tells whether somebody leads the configuration $1; $2 is the class of our
// locks.
const led = ` exists (select from pg_locks where locktype = 'advisory' and classid::bigint = $2 and objid::bigint = $1 and objsubid = 2
	and granted and database = (select oid from pg_database where datname = current_database())) `

// lock finds the meetings and keeps the former owner from beginning with them.
// It is busy as long as somebody leads it and has begun with one, or has not
// noticed yet that it is disabled: until then it works on all of its rooms.
func (h *handover) lock(ctx context.Context, tx *transaction) error {
	err := tx.QueryRow(ctx,
		`select (select coalesce(array_agg(asset_id), '{}') from ews.asset where configuration_id = $1 and asset_id is not null),
		        enable is not true and`+led+`from ews.configuration where id = $1`, h.from, int64(lockClass)).Scan(&h.assets, &h.busy)
	if err != nil || h.busy {
		return err
	}
	rows, err := tx.Query(ctx,
		`select id, claim_token is not null and claimed_until > now() and`+led+`
		 from ews.meeting
		 where configuration_id = $1 and id in (
		   select o.meeting_id from ews.cell c join ews.occurrence o on o.id = c.occurrence_id where c.room_id = any($3)
		   union
		   select o.meeting_id from ews.room r
		   join ews.asset a on a.configuration_id = $1 and a.provider_id = r.mailbox and a.asset_id is not null
		   join ews.occurrence o on o.configuration_id = $1 and o.bk_live and o.bk_assets @> array[a.asset_id]
		   where r.id = any($4))
		 order by id for update`, h.from, int64(lockClass), h.former, h.rooms)
	if err != nil {
		return err
	}
	var id meeting.ID
	var busy bool
	_, err = pgx.ForEachRow(rows, []any{&id, &busy}, func() error {
		h.meetings, h.busy = append(h.meetings, id), h.busy || busy
		return nil
	})
	if err != nil || h.busy {
		return err
	}
	// Nor may a worker of the new owner store over what is handed over.
	return tx.QueryRow(ctx,
		`select count(*) filter (where claim_token is not null and claimed_until > now()) > 0
		 from (select mine.claim_token, mine.claimed_until from `+pair+` where theirs.id = any($2) order by mine.id for update of mine) own`,
		h.to, h.meetings).Scan(&h.busy)
}

// pair joins meetings of the former owner, theirs, with those of the new one.
const pair = ` ews.meeting theirs join ews.meeting mine on mine.configuration_id = $1 and mine.uid = theirs.uid `

// handedCells are all columns of a cell but its place.
const handedCells = cellColumns + `, seen_at`

// carry copies the records. What is at rest is looked at once the rooms had time
// to be read.
func (h *handover) carry(ctx context.Context, tx *transaction) error {
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`insert into ews.meeting as m (configuration_id, uid, origin, organizer, private, booking_group_id, ref,
		    copy_mailbox, copy_item, due_at, priority, wanted_at)
		  select $1, uid, origin, organizer, private, booking_group_id, ref, copy_mailbox, copy_item,
		         case when due_at is null then now() + interval '1 minute' else now() end,
		         case when due_at is null then $3 else priority end, wanted_at
		  from ews.meeting where id = any($2) order by uid
		  on conflict (configuration_id, uid) do update set
		    origin = excluded.origin, organizer = excluded.organizer, private = excluded.private,
		    booking_group_id = excluded.booking_group_id, ref = excluded.ref,
		    copy_mailbox = excluded.copy_mailbox, copy_item = excluded.copy_item,
		    want_gen = m.want_gen + 1, due_at = least(m.due_at, excluded.due_at), wanted_at = coalesce(m.wanted_at, excluded.wanted_at),
		    parked_code = '', parked_at = null, attempts = 0, failing_since = null`,
			[]any{h.to, h.meetings, priorityArchive}},
		// A number this one knew as that of another date, at an earlier time.
		{`update ews.occurrence o set booking_id = null, bk_live = false, base_live = false
		  from ews.occurrence x join ews.meeting t on t.id = x.meeting_id
		  where x.meeting_id = any($2) and o.configuration_id = $1 and o.booking_id = x.booking_id
		    and not exists (select from ews.meeting m where m.id = o.meeting_id and m.uid = t.uid and o.recurrence_key = x.recurrence_key)`,
			[]any{h.to, h.meetings}},
		// A date has a booking of its own where this one works for other assets.
		{`insert into ews.occurrence as o (meeting_id, configuration_id, recurrence_key, ` + occurrenceColumns + `)
		  select mine.id, $1, x.recurrence_key, ` + prefixed("x", occurrenceColumns) + `
		  from ` + pair + ` join ews.occurrence x on x.meeting_id = theirs.id
		  where theirs.id = any($2) order by mine.uid, x.recurrence_key
		  on conflict (meeting_id, recurrence_key) do update set (` + occurrenceColumns + `) = (` + prefixed("excluded", occurrenceColumns) + `)
		  where not o.bk_live or o.booking_id is not distinct from excluded.booking_id or o.bk_assets <@ $3`,
			[]any{h.to, h.meetings, h.assets}},
		{`insert into ews.cell (occurrence_id, room_id, ` + handedCells + `)
		  select o.id, w.room, ` + prefixed("y", handedCells) + `
		  from ` + pair + ` join ews.occurrence x on x.meeting_id = theirs.id
		  join ews.occurrence o on o.meeting_id = mine.id and o.recurrence_key = x.recurrence_key
		    and o.booking_id is not distinct from x.booking_id
		  join ews.cell y on y.occurrence_id = x.id
		  join unnest($3::bigint[], $4::bigint[]) as w (room, former) on w.former = y.room_id
		  where theirs.id = any($2)
		  on conflict (occurrence_id, room_id) do update set (` + handedCells + `) = (` + prefixed("excluded", handedCells) + `)`,
			[]any{h.to, h.meetings, h.rooms, h.former}},
		// How these ended is found out by whoever works on the meeting.
		{`insert into ews.operation (meeting_id, occurrence_id, side, kind, mailbox, assets, starts_at, ends_at,
		    attempt, floor, reason, started_at, bookings)
		  select mine.id, o.id, p.side, p.kind, p.mailbox, p.assets, p.starts_at, p.ends_at, p.attempt, p.floor, p.reason, p.started_at,
		    (select jsonb_agg(jsonb_set(b, '{occurrence}', to_jsonb(oo.id)))
		     from jsonb_array_elements(case jsonb_typeof(p.bookings) when 'array' then p.bookings else '[]' end) b
		     join ews.occurrence xx on xx.id = (b ->> 'occurrence')::bigint
		     join ews.occurrence oo on oo.meeting_id = mine.id and oo.recurrence_key = xx.recurrence_key)
		  from ` + pair + ` join ews.operation p on p.meeting_id = theirs.id and p.status = 'sending'
		  left join ews.occurrence x on x.id = p.occurrence_id
		  left join ews.occurrence o on o.meeting_id = mine.id and o.recurrence_key = x.recurrence_key
		  where theirs.id = any($2)
		  on conflict do nothing`,
			[]any{h.to, h.meetings}},
		{`update ews.operation set status = 'failed', result_code = 'end_unknown', finished_at = now(), bookings = null
		  where meeting_id = any($1) and status = 'sending'`,
			[]any{h.meetings}},
		{`insert into ews.booking_tombstone as b (configuration_id, booking_id, tick, at)
		  select $1, booking_id, tick, at from ews.booking_tombstone where configuration_id = $2
		  on conflict (configuration_id, booking_id) do update set tick = greatest(b.tick, excluded.tick), at = greatest(b.at, excluded.at)`,
			[]any{h.to, h.from}},
		// The calendars are read anew. A room counts as taken over once it was
		// polled as late as by the former owner.
		{`update ews.room r set polled_at = o.polled_at, read_at = null, sync_state = '', token_version = r.token_version + 1,
		    delta_gen = r.delta_gen + 1, poll_at = now(), fail_count = 0, error_code = '', guard_since = null, guard_gone = 0
		  from unnest($1::bigint[], $2::bigint[]) as w (room, former) join ews.room o on o.id = w.former
		  where r.id = w.room`,
			[]any{h.rooms, h.former}},
	} {
		if _, err := tx.Exec(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("from configuration %d: %w", h.from, err)
		}
	}
	return nil
}

// prefixed names columns as those of a table.
func prefixed(table, columns string) string {
	names := strings.Split(columns, ",")
	for i, name := range names {
		names[i] = table + "." + strings.TrimSpace(name)
	}
	return strings.Join(names, ", ")
}
