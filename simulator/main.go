// Command simulator starts everything an app that synchronises meeting rooms
// talks to, in one process: Exchange with its Entra authority, the Eliona API
// and the Booking app, and a control API to look into them, to act as people
// and to make things go wrong.
//
// It keeps its state in memory and is meant for tests and demonstrations; see
// README.md beside this file.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// errUsage is a mistake in the command line; it has been printed.
var errUsage = errors.New("usage")

// run starts the simulators, prints their addresses, and stops them when ctx
// ends or one of them fails.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: c.logLevel}))
	p, err := start(ctx, c, log)
	if err != nil {
		return err
	}
	for _, line := range p.addresses() {
		_, _ = fmt.Fprintln(stdout, line)
	}
	_, _ = fmt.Fprintln(stdout, "READY")
	return p.wait(ctx)
}
