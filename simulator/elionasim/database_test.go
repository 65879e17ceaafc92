package elionasim_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ews/db/dbtest"
	"ews/simulator/elionasim"
)

func TestRegistrationInDatabase(t *testing.T) {
	database := dbtest.Empty(t)
	checkRegistration(t, startWith(t, elionasim.Options{Database: database}))

	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	var initialized bool
	require.NoError(t, conn.QueryRow(t.Context(),
		`select initialized_at is not null from public.eliona_app where app_name = 'ews'`).Scan(&initialized))
	require.True(t, initialized)

	// What an app and its installer do with the database directly.
	for _, statement := range []string{
		`create schema ews; create table ews.thing (id int)`,
		`create role reader_of_things`,
		`select fixprivilege('ews', 'reader_of_things')`,
		`select fixprivilege('no-such-schema', 'reader_of_things')`,
		`update public.eliona_store set metadata = '{"name":"ews"}', icon = 'data:'`,
		`update public.eliona_app set initialized_at = null where app_name = 'ews'`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	var granted bool
	require.NoError(t, conn.QueryRow(t.Context(),
		`select has_table_privilege('reader_of_things', 'ews.thing', 'insert')`).Scan(&granted))
	require.True(t, granted)
	for _, statement := range []string{`drop owned by reader_of_things`, `drop role reader_of_things`} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}

	// A second simulator finds everything in place and sees the reset.
	again := startWith(t, elionasim.Options{Database: database})
	require.JSONEq(t, `{"name":"ews","active":true,"registered":false,"version":"v0.0.0","metadata":{"name":"ews"}}`,
		again.expect(200, "GET", "/apps/ews", ""))
}

func TestUnreachableDatabase(t *testing.T) {
	_, err := elionasim.New(t.Context(), elionasim.Options{Database: "postgres://nobody@127.0.0.1:1/none?connect_timeout=2"})
	require.ErrorContains(t, err, "registration database")
}
