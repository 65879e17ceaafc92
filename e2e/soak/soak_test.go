package soak_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/soak"
	"ews/e2e/stage"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := stage.Clean(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// TestSoak is the short form of "make soak".
func TestSoak(t *testing.T) {
	seed := uint64(1)
	if text := os.Getenv("SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	began := time.Now()
	report, err := soak.Run(t.Context(), soak.Options{
		Seed: seed, Length: time.Minute, Dir: t.TempDir(),
		Log: func(format string, args ...any) {
			t.Logf("%4.0fs  %s", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
		},
	})
	if report != nil {
		t.Logf("\n%s", report)
	}
	require.NoError(t, err)
	require.True(t, report.OK(), "not everything held, see the report")
	require.GreaterOrEqual(t, report.Kills, 8)
	require.GreaterOrEqual(t, report.Faults, 80)
}
