// Command generate writes the database models in db/generated from the schema
// in db/init.sql, on a throw-away PostgreSQL server. Run it in the root of the
// repository.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"ews/db/postgres"
)

const (
	schema = "db/init.sql"
	config = "db/sqlboiler.toml"
	tools  = "-modfile=go.tool.mod"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.ErrorContext(ctx, "generating the database models failed", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	server, err := postgres.Start(ctx, postgres.Options{})
	if err != nil {
		return err
	}
	return errors.Join(generate(ctx, server), server.Stop())
}

func generate(ctx context.Context, server *postgres.Server) error {
	if err := apply(ctx, server.URL("postgres")); err != nil {
		return err
	}
	// sqlboiler takes its driver by path, so nothing has to be on PATH.
	driver, err := exec.CommandContext(ctx, "go", "tool", tools, "-n", "sqlboiler-psql").Output()
	if err != nil {
		return fmt.Errorf("building the sqlboiler driver: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "tool", tools, "sqlboiler", "--config", config, strings.TrimSpace(string(driver)))
	cmd.Env = append(os.Environ(),
		"PSQL_HOST=127.0.0.1", "PSQL_PORT="+strconv.Itoa(server.Port()), "PSQL_DBNAME=postgres",
		"PSQL_USER=postgres", "PSQL_PASS=secret", "PSQL_SSLMODE=disable")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running sqlboiler: %w", err)
	}
	return nil
}

func apply(ctx context.Context, url string) error {
	sql, err := os.ReadFile(schema)
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connecting to the throw-away server: %w", err)
	}
	_, err = conn.Exec(ctx, string(sql))
	if err != nil {
		err = fmt.Errorf("applying %s: %w", schema, err)
	}
	return errors.Join(err, conn.Close(ctx))
}
