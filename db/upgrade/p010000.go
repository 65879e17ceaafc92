package upgrade

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ews/db"
)

//go:embed 010000.sql
var commonTables string

// takeOver takes a database of the releases 0.1 to 0.4 over. Their tables of
// bookings stay as they are, for a return to them; what they hold is copied to
// ews.legacy_booking, in one form for all three generations.
func takeOver(ctx context.Context, conn Connection) error {
	old, err := yes(ctx, conn,
		`select to_regclass('ews.configuration') is not null and not exists (
		   select from information_schema.columns
		   where table_schema = 'ews' and table_name = 'configuration' and column_name = 'version')`)
	if err != nil {
		return err
	}
	if old {
		if _, err := conn.Exec(ctx, commonTables); err != nil {
			return fmt.Errorf("bringing configurations and assets to the new schema: %w", err)
		}
	}
	if err := db.Init(ctx, conn); err != nil {
		return err
	}
	if old {
		// Rooms are read from the first moment, even if the room list cannot be.
		_, err := conn.Exec(ctx,
			`insert into ews.room (configuration_id, mailbox)
			 select distinct configuration_id, provider_id from ews.asset where provider_id <> ''
			 on conflict do nothing`)
		if err != nil {
			return fmt.Errorf("making rooms of assets: %w", err)
		}
	}
	for _, g := range generations() {
		if err := g.copy(ctx, conn); err != nil {
			return err
		}
	}
	return advanceSequences(ctx, conn)
}

// generation is one of the forms in which bookings were kept.
type generation struct {
	tables string // all of them exist
	query  string // uid, booking, group, organizer, position in the series
}

// generations lists the newest first: what is known from one is not taken from
// an older one, which may have been left behind.
func generations() []generation {
	const mailbox = `coalesce((to_jsonb(b) ->> 'exchange_mailbox'), '')` // the column was added later
	return []generation{
		{
			tables: "booking_group booking_occurrence",
			// A group that came from an older generation has the number of its
			// booking, which no group of the Booking app need have.
			query: `select g.exchange_uid, o.eliona_booking_id,
			          case when g.eliona_group_id = o.eliona_booking_id then 0 else coalesce(g.eliona_group_id, 0) end,
			          coalesce(g.exchange_organizer_mailbox, ''), o.exchange_instance_index
			        from ews.booking_group g join ews.booking_occurrence o on o.booking_group_id = g.id
			        where g.exchange_uid is not null and o.eliona_booking_id > 0
			        order by o.id desc`,
		},
		{
			tables: "unified_booking",
			query: `select exchange_uid, booking_id, 0, coalesce(exchange_organizer_mailbox, ''), 0
			        from ews.unified_booking where exchange_uid is not null and booking_id > 0 order by id desc`,
		},
		{
			tables: "booking",
			query: `select exchange_uid, booking_id, 0, ` + mailbox + `, 0
			        from ews.booking b where exchange_uid is not null and booking_id > 0 order by id desc`,
		},
	}
}

func (g generation) copy(ctx context.Context, conn Connection) error {
	present, err := yes(ctx, conn,
		`select bool_and(to_regclass('ews.' || name) is not null) from unnest(string_to_array($1, ' ')) as name`, g.tables)
	if err != nil || !present {
		return err
	}
	rows, err := conn.Query(ctx, g.query)
	if err != nil {
		return fmt.Errorf("reading %s: %w", g.tables, err)
	}
	var uids, organizers []string
	var bookings, groups, indexes []int32
	var uid, organizer string
	var booking, group, index int32
	_, err = pgx.ForEachRow(rows, []any{&uid, &booking, &group, &organizer, &index}, func() error {
		uids, organizers = append(uids, normaliseUID(uid)), append(organizers, organizer)
		bookings, groups, indexes = append(bookings, booking), append(groups, group), append(indexes, index)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", g.tables, err)
	}
	// The tables had no link to a configuration. With one there is no question.
	_, err = conn.Exec(ctx,
		`insert into ews.legacy_booking (uid, booking_id, group_id, organizer, instance_index, configuration_id)
		 select distinct on (l.booking) l.uid, l.booking, case when l.group_id > 0 then l.group_id end, lower(btrim(l.organizer)),
		        greatest(l.position, 0), (select min(id) from ews.configuration having count(*) = 1)
		 from unnest($1::text[], $2::int[], $3::int[], $4::text[], $5::int[]) with ordinality
		        as l (uid, booking, group_id, organizer, position, n)
		 where l.uid <> '' order by l.booking, l.n
		 on conflict (booking_id) do nothing`, uids, bookings, groups, organizers, indexes)
	if err != nil {
		return fmt.Errorf("copying %s: %w", g.tables, err)
	}
	return nil
}

// advanceSequences lets every table take new rows: some had rows copied into
// them with their numbers.
func advanceSequences(ctx context.Context, conn Connection) error {
	_, err := conn.Exec(ctx, `
		do $$
		declare
		  t record;
		  highest bigint;
		begin
		  for t in select table_name, column_name,
		                  pg_get_serial_sequence(format('ews.%I', table_name), column_name) as sequence
		           from information_schema.columns c join pg_class r on r.oid = to_regclass(format('ews.%I', table_name))
		           where table_schema = 'ews' and r.relkind = 'r' loop
		    continue when t.sequence is null;
		    execute format('select max(%I) from ews.%I', t.column_name, t.table_name) into highest;
		    -- last_value is null in pg_sequences as long as no number was taken.
		    if highest > coalesce((select last_value from pg_sequences
		                           where to_regclass(format('%I.%I', schemaname, sequencename)) = t.sequence::regclass), 0) then
		      perform setval(t.sequence, highest);
		    end if;
		  end loop;
		end $$`)
	if err != nil {
		return fmt.Errorf("advancing the sequences: %w", err)
	}
	return nil
}

func yes(ctx context.Context, conn Connection, query string, arguments ...any) (bool, error) {
	rows, err := conn.Query(ctx, query, arguments...)
	if err != nil {
		return false, fmt.Errorf("looking at the schema: %w", err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		return false, fmt.Errorf("looking at the schema: %w", err)
	}
	return found, nil
}
