package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/scenario"
)

// TestAcceptance plays the scenarios of scenarios/*.txt, side by side on a few
// stages: first with everything as it should be, then with accidents. The seed
// of the accidents is printed, and taken from ACCEPTANCE_SEED. ACCEPTANCE_APP
// names another binary of the app than the one of this source, ACCEPTANCE_LOGS
// a folder for what the processes logged.
func TestAcceptance(t *testing.T) {
	scenarios, err := scenario.Files("scenarios/*.txt")
	require.NoError(t, err)
	t.Run("friendly", func(t *testing.T) { playAll(t, scenarios, scenario.Options{}) })
	t.Run("unfriendly", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes two minutes")
		}
		seed := rand.Uint64()
		if text := os.Getenv("ACCEPTANCE_SEED"); text != "" {
			seed, err = strconv.ParseUint(text, 10, 64)
			require.NoError(t, err)
		}
		t.Logf("ACCEPTANCE_SEED=%d", seed)
		playAll(t, scenarios, scenario.Options{Unfriendly: true, Seed: seed})
	})
}

// aloneWorlds is how many stages there are for scenarios that want to be
// alone; each plays its share one after the other.
const aloneWorlds = 3

// playAll plays scenarios as subtests. Subtests that are parallel in the sense
// of package testing would be limited to the number of processors, but these
// mostly wait.
func playAll(t *testing.T, scenarios []*scenario.Scenario, o scenario.Options) {
	alone := make([][]*scenario.Scenario, aloneWorlds)
	var together []*scenario.Scenario
	n := 0
	for _, s := range scenarios {
		switch {
		case o.Unfriendly && s.Friendly:
		case s.Alone:
			alone[n%aloneWorlds] = append(alone[n%aloneWorlds], s)
			n++
		default:
			together = append(together, s)
		}
	}
	var all sync.WaitGroup
	for _, share := range alone {
		w := &lazyWorld{t: t, scenarios: share, options: o}
		t.Cleanup(w.close)
		all.Go(func() {
			for _, s := range share {
				t.Run(s.Name(), func(t *testing.T) { w.play(t, s) })
			}
		})
	}
	for _, share := range scenario.Share(together) {
		w := &lazyWorld{t: t, scenarios: share, options: o}
		t.Cleanup(w.close)
		for _, s := range share {
			all.Go(func() {
				t.Run(s.Name(), func(t *testing.T) { w.play(t, s) })
			})
		}
	}
	all.Wait()
}

// lazyWorld is put up when the first of its scenarios is really played, so that
// "go test -run" does not wait for others.
type lazyWorld struct {
	t         *testing.T
	scenarios []*scenario.Scenario
	options   scenario.Options

	once sync.Once
	*scenario.World
	err error
}

func (w *lazyWorld) play(t *testing.T, s *scenario.Scenario) {
	w.once.Do(func() {
		w.options.Dir, w.options.Binary = w.t.TempDir(), os.Getenv("ACCEPTANCE_APP")
		w.World, w.err = scenario.NewWorld(w.t.Context(), w.scenarios, w.options)
	})
	require.NoError(t, w.err)
	began := time.Now()
	err := w.Play(t.Context(), s, t.Logf)
	t.Logf("played in %v", time.Since(began).Round(100*time.Millisecond))
	if err != nil {
		t.Error(err)
	}
}

func (w *lazyWorld) close() {
	if w.World == nil || w.err != nil {
		return
	}
	if w.options.Unfriendly {
		n, err := w.Accidents(context.WithoutCancel(w.t.Context()))
		w.t.Logf("%d accidents happened to %d scenarios, %v", n, len(w.scenarios), err)
	}
	if dir := os.Getenv("ACCEPTANCE_LOGS"); dir != "" {
		for _, name := range []string{"app.log", "simulator.log"} {
			raw, err := os.ReadFile(filepath.Join(w.Dir, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(w.t.Name(), "/", "-")+"-"+filepath.Base(w.Dir)+"-"+name), raw, 0o600)
			}
			if err != nil {
				w.t.Error(err)
			}
		}
	}
	if err := w.World.Close(); err != nil {
		w.t.Error(err)
	}
}
