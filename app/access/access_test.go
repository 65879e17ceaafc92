package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/apiservices"
	"ews/app/access"
)

// desk is Eliona as far as it is asked about callers.
type desk struct {
	mu    sync.Mutex
	know  map[string]error // by key
	takes time.Duration
	asked atomic.Int32
	most  atomic.Int32
	now   atomic.Int32
}

func (d *desk) ask(ctx context.Context, c apiservices.Credential) error {
	d.asked.Add(1)
	if n := d.now.Add(1); n > d.most.Load() {
		d.most.Store(n)
	}
	defer d.now.Add(-1)
	d.mu.Lock()
	err, takes := d.know[c.Key+c.Token], d.takes
	d.mu.Unlock()
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *desk) say(key string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.know == nil {
		d.know = map[string]error{}
	}
	d.know[key] = err
}

func key(name string) apiservices.Credential { return apiservices.Credential{Key: name} }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestAnswersAreRememberedForSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		eliona := &desk{}
		eliona.say("bad", apiservices.ErrNotAdmitted)
		eliona.say("weak", apiservices.ErrNotAllowed)
		door := access.New(eliona.ask, quiet())
		for range 3 {
			require.NoError(t, door.Admit(t.Context(), key("good")))
			require.ErrorIs(t, door.Admit(t.Context(), key("bad")), apiservices.ErrNotAdmitted)
			require.ErrorIs(t, door.Admit(t.Context(), key("weak")), apiservices.ErrNotAllowed)
		}
		require.EqualValues(t, 3, eliona.asked.Load(), "once each")

		// A key that was entered a moment too early works soon.
		eliona.say("bad", nil)
		eliona.say("good", apiservices.ErrNotAdmitted)
		time.Sleep(access.RefusedFor) //nolint:forbidigo // no real time passes
		require.NoError(t, door.Admit(t.Context(), key("bad")))
		require.NoError(t, door.Admit(t.Context(), key("good")), "still remembered")
		time.Sleep(access.AdmittedFor) //nolint:forbidigo // no real time passes
		require.ErrorIs(t, door.Admit(t.Context(), key("good")), apiservices.ErrNotAdmitted, "and withdrawn within seconds")
	})
}

func TestAKeyIsNoToken(t *testing.T) {
	t.Parallel()
	asked := 0
	door := access.New(func(_ context.Context, c apiservices.Credential) error {
		asked++
		if c.Token != "" {
			return apiservices.ErrNotAdmitted
		}
		return nil
	}, quiet())
	require.NoError(t, door.Admit(t.Context(), key("x")))
	require.Error(t, door.Admit(t.Context(), apiservices.Credential{Token: "x"}))
	require.Equal(t, 2, asked)
}

func TestManyCallersWaitForOneAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		eliona := &desk{takes: time.Second}
		door := access.New(eliona.ask, quiet())
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if err := door.Admit(first, key("k")); !errors.Is(err, context.Canceled) {
				t.Errorf("the first caller has gone: %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			all.Go(func() {
				if err := door.Admit(t.Context(), key("k")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		leave()
		all.Wait()
		require.EqualValues(t, 1, eliona.asked.Load())
	})
}

func TestNobodyIsAdmittedWhileElionaIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		eliona, log := &desk{}, &bytes.Buffer{}
		door := access.New(eliona.ask, slog.New(slog.NewTextHandler(log, nil)))
		require.NoError(t, door.Admit(t.Context(), key("known")))
		for _, name := range []string{"known", "new", "other"} {
			eliona.say(name, errors.New("no answer"))
		}
		require.NoError(t, door.Admit(t.Context(), key("known")), "as long as it is remembered")
		time.Sleep(access.AdmittedFor) //nolint:forbidigo // no real time passes
		for range 2 {
			for _, name := range []string{"known", "new", "other"} {
				err := door.Admit(t.Context(), key(name))
				require.Error(t, err)
				require.NotErrorIs(t, err, apiservices.ErrNotAdmitted)
			}
		}
		require.EqualValues(t, 7, eliona.asked.Load(), "not knowing is not remembered")
		eliona.say("new", nil)
		require.NoError(t, door.Admit(t.Context(), key("new")))
		require.Equal(t, 2, strings.Count(log.String(), "\n"), "it is told once that it began, and once that it ended:\n%s", log)
		require.NotContains(t, log.String(), "known")
	})
}

func TestAnElionaThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		eliona := &desk{takes: time.Hour}
		door := access.New(eliona.ask, quiet())
		began := time.Now()
		var all sync.WaitGroup
		for i := range 100 { // strangers that make credentials up
			all.Go(func() {
				if door.Admit(t.Context(), key(fmt.Sprint(i))) == nil {
					t.Error("admitted")
				}
			})
		}
		all.Wait()
		require.Equal(t, 5*time.Second, time.Since(began))
		require.EqualValues(t, 16, eliona.most.Load(), "and not asked by all of them at once")
	})
}

func TestStrangersDoNotFillTheMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		eliona := &desk{}
		door := access.New(func(ctx context.Context, c apiservices.Credential) error {
			if c.Key != "friend" {
				_ = eliona.ask(ctx, c)
				return apiservices.ErrNotAdmitted
			}
			return eliona.ask(ctx, c)
		}, quiet())
		require.NoError(t, door.Admit(t.Context(), key("friend")))
		for i := range 25_000 {
			require.ErrorIs(t, door.Admit(t.Context(), key(fmt.Sprint(i))), apiservices.ErrNotAdmitted)
		}
		asked := eliona.asked.Load()
		require.NoError(t, door.Admit(t.Context(), key("friend")))
		require.Equal(t, asked, eliona.asked.Load(), "a friend is not forgotten for them")
	})
}
