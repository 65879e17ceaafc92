package upgrade_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ews/db"
	"ews/db/dbtest"
	"ews/db/upgrade"
	"ews/exchange/ews"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// database is a database of its own with a connection.
func database(t *testing.T, statements ...string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dbtest.Empty(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	for _, s := range statements {
		_, err := conn.Exec(t.Context(), s)
		require.NoError(t, err)
	}
	return conn
}

// patch applies all patches, each in a transaction.
func patch(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, p := range upgrade.Patches() {
		require.Regexp(t, `^\d{6}$`, p.Name)
		require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return p.Run(t.Context(), tx) }))
	}
}

// texts are the rows of a query with one column.
func texts(t *testing.T, conn *pgx.Conn, query string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	require.NoError(t, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return out
}

// schema describes our tables without the order of their columns.
func schema(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	const ours = ` not in ('booking', 'unified_booking', 'room_booking', 'booking_group', 'booking_occurrence') `
	return texts(t, conn, `
		select format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
		from information_schema.columns where table_schema = 'ews' and table_name `+ours+`
		union all
		select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
		from pg_constraint where connamespace = 'ews'::regnamespace and conrelid::regclass::text not like 'ews.%booking%'
		union all
		select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
		from pg_constraint where conrelid in ('ews.legacy_booking'::regclass, 'ews.booking_tombstone'::regclass)
		union all
		select format('index %s', indexdef) from pg_indexes where schemaname = 'ews' and tablename `+ours+`
		union all
		select format('sequence %s', sequencename) from pg_sequences
		where schemaname = 'ews' and (sequencename not like '%booking%' or sequencename like '%legacy%')
		order by 1`)
}

func rows(t *testing.T, conn *pgx.Conn, table, columns string) string {
	t.Helper()
	return texts(t, conn, `select coalesce(json_agg(r)::text, '[]') from (select `+columns+` from `+table+` order by id) r`)[0]
}

// legacy is what is known of bookings of the earlier release.
func legacy(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	return texts(t, conn, `
		select coalesce(json_agg(json_build_array(booking_id, uid, group_id, organizer, instance_index, configuration_id) order by booking_id)::text, '[]')
		from ews.legacy_booking`)[0]
}

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func fresh(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := database(t)
	require.NoError(t, db.Init(t.Context(), conn))
	return conn
}

type legacyRow = []any

// Every state that an earlier release can have left.
func TestEveryEarlierStateIsTakenOver(t *testing.T) {
	t.Parallel()
	want := schema(t, fresh(t))
	const lake = "lake@example.com"
	for name, c := range map[string]struct {
		old    []string
		legacy []legacyRow
	}{
		"generation 1": {
			[]string{generation1, `insert into ews.booking (exchange_id, exchange_uid, exchange_mailbox, booking_id) values
				('a', '` + hexUID + `', 'Anna@Example.com', 5), ('b', '` + hexUID + `', 'Anna@Example.com', 5),
				('c', 'x@google.com', null, 6), ('d', null, null, 7), ('e', ' ', '', 8), ('f', 'y', '', null)`},
			[]legacyRow{{5, goodUID, nil, "anna@example.com", 0, 1}, {6, "x@google.com", nil, "", 0, 1}},
		},
		"generation 1 without the mailbox": {
			[]string{generation1, withoutMailbox, `insert into ews.booking (exchange_id, exchange_uid, booking_id) values ('a', 'u', 5)`},
			[]legacyRow{{5, "u", nil, "", 0, 1}},
		},
		"generation 2": {
			[]string{generation2, `
				insert into ews.unified_booking (exchange_uid, exchange_organizer_mailbox, booking_id) values ('u', '` + lake + `', 5), ('v', null, null);
				insert into ews.room_booking (unified_booking_id, exchange_id) values (1, 'a'), (1, 'b')`},
			[]legacyRow{{5, "u", nil, lake, 0, 1}},
		},
		"generation 3, some of it from generation 2, without advanced sequences": {
			[]string{generation3, stray, `
				insert into ews.unified_booking (exchange_uid, booking_id) values ('old', 5), ('gone', 99);
				insert into ews.booking_group values (1, 'u', '` + lake + `', 5), (2, '` + hexUID + `', 'A@b.c', 77);
				insert into ews.booking_occurrence values (1, 1, 0, 5), (2, 2, 1, 6), (3, 2, 2, 7), (4, 2, 3, null);
				insert into ews.room_booking values (1, 1, 'a'), (2, 2, 'b')`},
			[]legacyRow{
				{5, "u", nil, lake, 0, 1}, {6, goodUID, 77, "a@b.c", 1, 1}, {7, goodUID, 77, "a@b.c", 2, 1}, {99, "gone", nil, "", 0, 1},
			},
		},
		"generation 3, fresh, with the stray table": {[]string{generation3, stray}, nil},
		"no table of bookings":                      {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := database(t, append([]string{oldCommon, oldConfigurations, oldAssets}, c.old...)...)
			var tables []string
			for _, table := range texts(t, conn, `select tablename from pg_tables where schemaname = 'ews' and tablename like '%booking%' order by 1`) {
				tables = append(tables, "ews."+table)
			}
			var before []string
			for _, table := range tables {
				before = append(before, rows(t, conn, table, "*"))
			}
			for range 2 {
				patch(t, conn)
				require.Equal(t, want, schema(t, conn))
				require.JSONEq(t, encode(t, append([]legacyRow{}, c.legacy...)), legacy(t, conn))
				require.JSONEq(t, `[{"id":1,"client_id":"client","client_secret":"secret","tenant_id":"tenant","ews_url":"","username":"",
					"service_user_upn":"eliona@example.com","room_list_upn":"list@example.com","booking_app_url":"http://booking:3000/v1",
					"refresh_interval":1,"request_timeout":600,"active":false,"enable":true,"project_ids":["10","11"],"user_id":"42",
					"allow_plain_http":false,"horizon_days":180,"version":1}]`,
					rows(t, conn, "ews.configuration", `id, client_id, client_secret, tenant_id, ews_url, username, service_user_upn, room_list_upn,
						booking_app_url, refresh_interval, request_timeout, active, enable, project_ids, user_id, allow_plain_http, horizon_days, version`))
				require.JSONEq(t, `[{"id":1,"project_id":"10","provider_id":"","asset_id":1},
					{"id":3,"project_id":"10","provider_id":"lake@example.com","asset_id":7},
					{"id":5,"project_id":"11","provider_id":"lake@example.com","asset_id":9},
					{"id":6,"project_id":"10","provider_id":"hill@example.com","asset_id":10}]`,
					rows(t, conn, "ews.asset", "id, project_id, provider_id, asset_id"))
				require.Equal(t, []string{"hill@example.com", lake}, texts(t, conn, `select mailbox from ews.room order by 1`))
			}
			for i, table := range tables {
				require.JSONEq(t, before[i], rows(t, conn, table, "*"), "%s stays for a return", table)
			}
		})
	}
}

func TestOldSequencesAdvance(t *testing.T) {
	t.Parallel()
	conn := database(t, oldCommon, generation3, `
		insert into ews.configuration values (4, '', '', '', '', '', '', '', '', '');
		insert into ews.asset values (9, 4, '10', 'g', 'p@example.com', 1, '');
		insert into ews.booking_group values (17, 'u', '', 5);
		insert into ews.booking_occurrence values (18, 17, 0, 5)`)
	patch(t, conn)
	for statement, id := range map[string]string{
		`insert into ews.configuration default values returning id::text`:                                                                "5",
		`insert into ews.asset (configuration_id, project_id, global_asset_id, provider_id) values (4, '1', 'x', '') returning id::text`: "10",
		`insert into ews.booking_group (exchange_uid) values ('v') returning id::text`:                                                   "18",
		`insert into ews.booking_occurrence (booking_group_id, exchange_instance_index) values (17, 1) returning id::text`:               "19",
	} {
		require.Equal(t, []string{id}, texts(t, conn, statement), statement)
	}
}

func TestConfigurationsWithoutTheColumnsOfNTLM(t *testing.T) {
	t.Parallel()
	conn := database(t, oldCommon, withoutColumns, generation1,
		`insert into ews.configuration (client_id, client_secret, tenant_id, service_user_upn, room_list_upn, booking_app_url) values ('c', 's', 't', 'e', 'r', 'b')`)
	patch(t, conn)
	require.Equal(t, schema(t, fresh(t)), schema(t, conn))
	require.JSONEq(t, `[{"client_secret":"s","ews_url":"","username":"","password":""}]`,
		rows(t, conn, "ews.configuration", "client_secret, ews_url, username, password"))
}

func TestAddressesOfExchange(t *testing.T) {
	t.Parallel()
	const insert = `insert into ews.configuration (client_id, client_secret, tenant_id, ews_url, username, password, service_user_upn, room_list_upn, booking_app_url, request_timeout) values `
	conn := database(t, oldCommon, insert+`
		('', '', '', 'http://mail/ews', 'u', 'p', '', '', '', -5), ('c', 's', 't', 'http://mail/ews', 'u', 'p', '', '', '', 30),
		('c', '', '', 'https://mail/ews', 'u', 'p', '', '', '', 30)`)
	patch(t, conn)
	require.JSONEq(t, `[{"ews_url":"http://mail/ews","allow_plain_http":true,"request_timeout":120},
		{"ews_url":"","allow_plain_http":false,"request_timeout":30},{"ews_url":"https://mail/ews","allow_plain_http":false,"request_timeout":30}]`,
		rows(t, conn, "ews.configuration", "ews_url, allow_plain_http, request_timeout"))
}

func TestBookingsOfSeveralConfigurationsHaveNoneYet(t *testing.T) {
	t.Parallel()
	conn := database(t, oldCommon, generation2, oldConfigurations, oldConfigurations,
		`insert into ews.unified_booking (exchange_uid, booking_id) values ('u', 5)`)
	patch(t, conn)
	require.JSONEq(t, `[[5, "u", null, "", 0, null]]`, legacy(t, conn))
}

// On our own database nothing happens, with rows or without.
func TestNothingHappensToADatabaseOfThisRelease(t *testing.T) {
	t.Parallel()
	conn := fresh(t)
	const all = `select coalesce(json_agg(c)::text, '') || coalesce((select json_agg(a)::text from ews.asset a), '') ||
		coalesce((select json_agg(r)::text from ews.room r), '') || (select json_agg(i)::text from ews.installation i) ||
		(select json_agg(s order by s)::text from (select sequencename, last_value from pg_sequences where schemaname = 'ews') s)
		from ews.configuration c`
	for _, statement := range []string{
		`select 1`,
		`insert into ews.configuration (client_id, client_secret, tenant_id, ews_url, refresh_interval) values ('c', 's', 't', 'http://stays', 1);
		 insert into ews.asset (configuration_id, project_id, global_asset_id, provider_id) values (1, '1', 'g', 'a@b.c')`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
		before, data := schema(t, conn), texts(t, conn, all)
		patch(t, conn)
		require.Equal(t, before, schema(t, conn))
		require.Equal(t, data, texts(t, conn, all))
	}
}

// What was linked stays linked when the patch is applied again, as after a
// return to the earlier release; what that added is taken over.
// The first installations of this app lack what was added since.
func TestWhatWasAddedSinceTheFirstStateOfThisApp(t *testing.T) {
	t.Parallel()
	want := schema(t, fresh(t))
	conn := fresh(t)
	_, err := conn.Exec(t.Context(), `
		alter table ews.configuration drop column streaming, drop column time_zone, drop column organizer_domains;
		drop table ews.leader;
		insert into ews.configuration (client_id, enable) values ('kept', true)`)
	require.NoError(t, err)
	var last upgrade.Patch
	for _, p := range upgrade.Patches() {
		if p.Name > "010000" { // that one was applied when the app was installed
			require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return p.Run(t.Context(), tx) }))
			last = p
		}
	}
	require.NotEmpty(t, last.Name)
	require.Equal(t, want, schema(t, conn))
	require.Equal(t, []string{"kept t {}"}, texts(t, conn, `select concat_ws(' ', client_id, streaming, organizer_domains) from ews.configuration`))
}

func TestAfterAReturnToTheEarlierRelease(t *testing.T) {
	t.Parallel()
	conn := database(t, oldCommon, oldConfigurations, generation2, `insert into ews.unified_booking (exchange_uid, booking_id) values ('u', 5)`)
	patch(t, conn)
	_, err := conn.Exec(t.Context(), `update ews.legacy_booking set linked_at = now();
		insert into ews.unified_booking (exchange_uid, booking_id) values ('v', 6)`)
	require.NoError(t, err)
	patch(t, conn)
	require.Equal(t, []string{"5 true", "6 false"}, texts(t, conn, `select booking_id || ' ' || (linked_at is not null) from ews.legacy_booking order by 1`))
}

// The earlier release goes on working on the upgraded tables.
func TestTheEarlierReleaseCanStillWrite(t *testing.T) {
	t.Parallel()
	conn := database(t, oldCommon, oldConfigurations, oldAssets, generation2)
	patch(t, conn)
	for _, statement := range []string{
		oldConfigurations,
		`insert into ews.asset (configuration_id, project_id, global_asset_id, provider_id, asset_id, sync_state) values (2, '1', 'g', 'A@b.c', 3, '')`,
		`insert into ews.unified_booking (exchange_uid, booking_id) values ('v', 6)`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
}

func TestUIDsAreThoseOfTheCalendars(t *testing.T) {
	t.Parallel()
	uids := []string{
		hexUID, goodUID, " " + hexUID + "\t", "x@google.com", "040000008200E00074C5B7101A82E008", hexUID + "0", hexUID[:70] + "zz" + hexUID[72:],
		"040000008200e00074c5b7101a82e00807e80a0f" + hexUID[40:], "1F2E3D",
	}
	conn := database(t, oldCommon, generation1)
	for i, uid := range uids {
		_, err := conn.Exec(t.Context(), `insert into ews.booking (exchange_uid, booking_id) values ($1, $2)`, uid, i+1)
		require.NoError(t, err)
	}
	patch(t, conn)
	var want []string
	for _, uid := range uids {
		want = append(want, ews.NormaliseUID(uid))
	}
	require.Equal(t, want, texts(t, conn, `select uid from ews.legacy_booking order by booking_id`))
}

// A patch that fails leaves nothing behind.
func TestAFailingPatchChangesNothing(t *testing.T) {
	t.Parallel()
	conn := database(t, oldCommon, oldConfigurations, generation2, `create table ews.room (id integer)`)
	before := schemaOfOld(t, conn)
	for _, p := range upgrade.Patches() {
		require.Error(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return p.Run(t.Context(), tx) }))
	}
	require.Equal(t, before, schemaOfOld(t, conn))
}

func schemaOfOld(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return texts(t, conn, `select format('%s.%s', table_name, column_name) from information_schema.columns where table_schema = 'ews' order by 1`)
}
