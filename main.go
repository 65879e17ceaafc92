// Command ews is the Exchange app of Eliona: it makes meeting rooms of
// Microsoft Exchange bookable in Eliona and keeps the bookings of both in step.
// All it needs to know it reads from the environment.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	_ "time/tzdata" // time zones are known wherever the app runs

	"ews/app"
)

// Set by the linker, see the Makefile.
var (
	gitCommit      string
	buildTimestamp string
)

func main() {
	health := flag.Bool("health", false, "ask the app that runs on this machine whether it lives; exit with status 1 if not")
	version := flag.Bool("version", false, "print commit and time of the build")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	err := func() error {
		defer stop()
		switch {
		case flag.NArg() > 0:
			return fmt.Errorf("unexpected argument %q", flag.Arg(0))
		case *version:
			_, err := fmt.Println(gitCommit, buildTimestamp)
			return err
		case *health:
			return app.Probe(ctx, os.LookupEnv)
		}
		return run(ctx)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "FATAL\t"+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	options, err := app.OptionsFromEnvironment(os.LookupEnv)
	if err != nil {
		return err
	}
	options.Log = app.NewLogger(os.Stderr, os.LookupEnv)
	options.Commit, options.Built = gitCommit, buildTimestamp
	return app.Run(ctx, options)
}
