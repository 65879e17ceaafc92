package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ews/db/postgres"
)

func TestAServerKeepsItsDataAndAddressOverACrashAndARestart(t *testing.T) {
	t.Parallel()
	server := start(t)
	url := server.URL("postgres")
	execute(t, url, `create table note (text text); insert into note values ('kept')`)

	require.NoError(t, server.Kill())
	_, err := pgx.Connect(t.Context(), url)
	require.Error(t, err, "a killed server does not answer")
	require.NoError(t, server.Restart(t.Context()))
	require.Equal(t, url, server.URL("postgres"))
	require.Equal(t, "kept", query(t, url, `select text from note`))

	require.NoError(t, server.Restart(t.Context()))
	require.Equal(t, "kept", query(t, url, `select text from note`))
}

func TestAStoppedServerLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	server := start(t)
	dir := server.SocketDir()
	require.FileExists(t, filepath.Join(dir, "data", "PG_VERSION"))
	require.NoError(t, server.Stop())
	require.NoDirExists(t, dir)
	require.NoError(t, server.Stop(), "stopping twice is harmless")
}

func TestAServerIsReachableThroughItsSocketToo(t *testing.T) {
	t.Parallel()
	server := start(t)
	url := strings.Replace(server.URL("postgres"), "127.0.0.1", "", 1) + "&host=" + server.SocketDir()
	require.Equal(t, "1", query(t, url, `select '1'`))
}

func TestAServerThatCannotStartTellsWhy(t *testing.T) {
	t.Parallel()
	_, err := postgres.Start(t.Context(), postgres.Options{
		Port:       start(t).Port(), // taken
		Parameters: map[string]string{"log_min_messages": "log"},
	})
	require.ErrorContains(t, err, "Address already in use")
}

func TestAServerDiesWithItsParent(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bin := filepath.Join(t.TempDir(), "postgres")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd").CombinedOutput()
	require.NoError(t, err, string(out))

	cmd := exec.CommandContext(ctx, bin, "-background")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	url := strings.TrimSpace(strings.TrimPrefix(line, "URL="))
	dir := filepath.Dir(query(t, url, `show data_directory`))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)

	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, cmd.Wait())
	_, err = conn.Exec(ctx, `select pg_sleep(60)`)
	require.Error(t, err, "the server ends and breaks its connections")
	require.NoError(t, ctx.Err())
}

func TestAMissingServerIsReportedWithItsRemedy(t *testing.T) {
	require.ErrorContains(t, postgres.ErrNotInstalled, "apt-get install postgresql")
	t.Setenv("PGBIN", t.TempDir())
	dir, err := postgres.FindBinaries(t.Context())
	if errors.Is(err, postgres.ErrNotInstalled) {
		return
	}
	require.NoError(t, err)
	require.NotEqual(t, os.Getenv("PGBIN"), dir, "a directory without the programs is passed over")
}

func start(t *testing.T) *postgres.Server {
	t.Helper()
	server, err := postgres.Start(t.Context(), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	return server
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	var text string
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&text))
	require.NoError(t, conn.Close(t.Context()))
	return text
}
