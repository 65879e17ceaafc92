package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
)

// blocked waits until a connection waits for a lock of another.
func blocked(ctx context.Context, o *office) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		var n int
		err := o.db.Pool().QueryRow(ctx, `select count(*) from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock'`).Scan(&n)
		if err != nil || n > 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("nobody waits")
		case <-ticker.C:
		}
	}
}

func TestTheNextOwnerWaitsForWorkUnderWay(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	claim, next := o.claim(), o.open(o.url)
	require.NoError(t, o.term.Close(t.Context()))
	working, led := make(chan struct{}), atomic.Bool{}
	require.NoError(t, inParallel(t, 2, func(ctx context.Context, n int) error {
		if n == 0 {
			return o.term.Apply(ctx, claim, nil, func(m *meeting.Meeting, _ meeting.Moment) ([]engine.Notice, error) {
				close(working)
				err := blocked(ctx, o)
				if led.Load() {
					err = errors.New("two owners at a time")
				}
				m.Ref = "kept"
				return nil, err
			})
		}
		if err := wait(ctx, working); err != nil {
			return err
		}
		term, err := next.Lead(ctx, o.config)
		led.Store(true)
		if err == nil {
			o.closeAfter(term)
		}
		return err
	}))
	require.Equal(t, "kept", value[string](o, `select ref from ews.meeting`))
	require.ErrorIs(t, o.term.Apply(t.Context(), claim, nil, nil), engine.ErrFenced)
}

func TestWorkBegunDuringATakeoverIsRefused(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	ctx := soon(t)
	takeover, err := o.db.Pool().Begin(ctx)
	require.NoError(t, err)
	for _, sql := range []string{
		`select from ews.configuration for update`, `update ews.configuration set owner_epoch = owner_epoch + 1`,
	} {
		_, err = takeover.Exec(ctx, sql)
		require.NoError(t, err)
	}
	refused := make(chan error, 1)
	go func() { refused <- o.term.Notify(ctx, []engine.Notice{{Subject: "s", Code: "c"}}) }()
	require.NoError(t, blocked(ctx, o))
	require.NoError(t, takeover.Commit(ctx))
	require.ErrorIs(t, <-refused, engine.ErrFenced)
}

// Whoever edits the settings in the API need not wait for the work.
func TestSettingsAreChangedDuringWork(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	ctx := soon(t)
	require.NoError(t, o.term.Apply(ctx, o.claim(), nil, func(*meeting.Meeting, meeting.Moment) ([]engine.Notice, error) {
		_, err := o.db.Pool().Exec(ctx, `update ews.configuration set version = version + 1, refresh_interval = 30`)
		return nil, err
	}))
}

// The status shares its row with the mark that all transactions check.
func TestTheStatusIsStoredWhileOthersWork(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	failed := inParallel(t, 8, func(ctx context.Context, n int) error {
		for i := range 20 {
			if n%2 == 0 {
				if err := o.term.SetStatus(ctx, "code", string(rune('a'+i))); err != nil {
					return err
				}
				continue
			}
			if err := o.term.PollRooms(ctx, []meeting.RoomID{room}); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, failed)
	require.Equal(t, "t", value[string](o, `select status from ews.configuration`))
	require.Zero(t, value[int](o, `select deadlocks from pg_stat_database where datname = current_database()`))
}

// An owner that is busy and does not know that it was replaced must not keep
// the next one waiting, and learns of it with its next transaction.
func TestABusyOwnerIsReplaced(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	busy, next := o.term, o.open(o.url)
	require.NoError(t, busy.Close(t.Context()))
	started := make(chan struct{}, 1000)
	require.NoError(t, inParallel(t, 9, func(ctx context.Context, n int) error {
		if n == 0 {
			for range 50 {
				if err := wait(ctx, started); err != nil {
					return err
				}
			}
			term, err := next.Lead(ctx, o.config)
			if err == nil {
				o.closeAfter(term)
			}
			return err
		}
		return untilFenced(ctx, func() error {
			defer signal(started)
			return busy.PollRooms(ctx, []meeting.RoomID{room})
		})
	}))
}

func TestAConfigurationIsDeletedUnderWork(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	window, booking := o.window(room), o.booking()
	started := make(chan struct{}, 1000)
	require.NoError(t, inParallel(t, 7, func(ctx context.Context, n int) error {
		if n == 0 {
			for range 50 {
				if err := wait(ctx, started); err != nil {
					return err
				}
			}
			_, err := o.db.Pool().Exec(ctx, `delete from ews.configuration`)
			return err
		}
		return untilFenced(ctx, func() (err error) {
			defer signal(started)
			switch n {
			case 1, 2:
				w := window
				w.Sightings = []meeting.Sighting{entry("a", o.hour(n))}
				_, err = o.term.SaveWindow(ctx, w)
			case 3:
				_, err = o.term.ObserveBooking(ctx, booking)
			case 4:
				_, err = o.term.Claim(ctx, 1, nil)
			case 5:
				err = o.term.Notify(ctx, []engine.Notice{{Subject: "s", Code: "c"}})
			case 6:
				err = o.term.SetStatus(ctx, "code", time.Now().String())
			}
			return err
		})
	}))
	require.Zero(t, value[int](o, `select count(*) from ews.meeting`))
}

func wait(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// untilFenced works, with pauses as the network makes them, until it is told
// that another owns the configuration; that is the only way to fail.
func untilFenced(ctx context.Context, work func() error) error {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		if err := work(); errors.Is(err, engine.ErrFenced) {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("never fenced")
		case <-pause.C:
		}
	}
}
