package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/db/store"
)

// An owner that stands still in a transaction loses its rows: the next one need
// not wait until somebody ends the process.
func TestATransactionThatStandsStillIsEnded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	db, err := store.Open(t.Context(), store.Options{URL: o.url})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	tx, err := db.Pool().Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(t.Context()) })
	_, err = tx.Exec(t.Context(), `select from ews.configuration where id = $1 for key share`, o.config)
	require.NoError(t, err)
	require.NoError(t, o.term.Close(t.Context()))

	began := time.Now()
	next, err := o.open(o.url).Lead(t.Context(), o.config)
	require.NoError(t, err, "it waits for the transaction of the former owner, which the server ends")
	o.closeAfter(next)
	require.Less(t, time.Since(began), 13*time.Second)
	require.Error(t, tx.Commit(t.Context()))
}

func TestAnOwnerThatIsHeardOfStays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	select {
	case <-o.term.Lost():
		require.Fail(t, "its session was ended")
	case <-time.After(12 * time.Second):
	}
	require.NoError(t, o.term.SetStatus(t.Context(), "x", "x"))
	_, err := o.open(o.url).Lead(t.Context(), o.config)
	require.ErrorIs(t, err, store.ErrTaken)
}
