// Command cmd runs a throw-away PostgreSQL server until its standard input
// closes or a signal ends it. It prints the address as URL=... when the server
// accepts connections.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5"

	"ews/db/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		slog.ErrorContext(ctx, "running PostgreSQL failed", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("postgres", flag.ContinueOnError)
	port := flags.Int("port", 0, "TCP port on 127.0.0.1; 0 takes a free one")
	schema := flags.String("schema", "", "SQL file to run first, for example db/init.sql")
	check := flags.Bool("check", false, "only tell whether a PostgreSQL server is installed")
	background := flags.Bool("background", false, "do not end when the standard input closes")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	if *check {
		dir, err := postgres.FindBinaries(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "PGBIN=%s\n", dir)
		return err
	}

	server, err := postgres.Start(ctx, postgres.Options{Port: *port})
	if err != nil {
		return err
	}
	err = serve(ctx, server, *schema, *background, in, out)
	return errors.Join(err, server.Stop())
}

func serve(ctx context.Context, server *postgres.Server, schema string, background bool, in io.Reader, out io.Writer) error {
	url := server.URL("postgres")
	if schema != "" {
		if err := execute(ctx, url, schema); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "URL=%s\n", url); err != nil {
		return fmt.Errorf("printing the address: %w", err)
	}
	closed := make(chan struct{})
	if !background {
		go func() { // ends with the process at the latest: nothing can wake a blocked read
			_, _ = io.Copy(io.Discard, in)
			close(closed)
		}()
	}
	select {
	case <-ctx.Done():
	case <-closed:
	}
	return nil
}

func execute(ctx context.Context, url, file string) error {
	sql, err := os.ReadFile(file) //nolint:gosec // the developer names the file
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connecting to the new server: %w", err)
	}
	_, err = conn.Exec(ctx, string(sql))
	if err != nil {
		err = fmt.Errorf("running %s: %w", file, err)
	}
	return errors.Join(err, conn.Close(ctx))
}
