package dbtest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := dbtest.Open(t, dbtest.New(t))
			_, err := db.ExecContext(t.Context(), `insert into ews.configuration (client_id) values ($1)`, t.Name())
			require.NoError(t, err)
			var count int
			require.NoError(t, db.QueryRowContext(t.Context(), `select count(*) from ews.configuration`).Scan(&count))
			require.Equal(t, 1, count)
		})
	}
}

func TestAnEmptyDatabaseHasNoSchema(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Empty(t))
	var found bool
	require.NoError(t, db.QueryRowContext(t.Context(), `select exists (select from pg_namespace where nspname = 'ews')`).Scan(&found))
	require.False(t, found)
}
