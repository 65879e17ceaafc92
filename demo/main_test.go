package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOptions(t *testing.T) {
	env := func(value string) func(string) string { return func(string) string { return value } }

	o, err := parseOptions(nil, env(""), io.Discard)
	require.NoError(t, err)
	require.Equal(t, options{page: "127.0.0.1:8090"}, o)

	o, err = parseOptions([]string{"-page", ":9000", "-free", "-logs", "x"}, env("1"), io.Discard)
	require.NoError(t, err)
	require.Equal(t, options{page: ":9000", free: true, once: true, logs: "x"}, o)

	o, err = parseOptions(nil, env("0"), io.Discard)
	require.NoError(t, err)
	require.False(t, o.once)

	for _, args := range [][]string{{"-unknown"}, {"argument"}} {
		_, err = parseOptions(args, env(""), io.Discard)
		require.Error(t, err)
	}
}

func TestTheEndOfALogIsShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	var out strings.Builder
	require.NoError(t, showTail(&out, path, 2), "a log that was never written is nothing to tell of")
	require.Empty(t, out.String())

	require.NoError(t, os.WriteFile(path, []byte("first\nsecond\nthird\n"), 0o600))
	require.NoError(t, showTail(&out, path, 2))
	require.Equal(t, "\nThe last lines of "+path+":\nsecond\nthird\n\n", out.String())
}

func TestAUsedPortIsNoticed(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.Error(t, unused(t.Context(), address))
	require.NoError(t, listener.Close())
	require.NoError(t, unused(t.Context(), address))
}
