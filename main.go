// Command ews is the Exchange app of Eliona: it makes meeting rooms of
// Microsoft Exchange bookable in Eliona and keeps the bookings of both in step.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"ews/app"
)

// Set by the linker, see the Makefile.
var (
	gitCommit      string
	buildTimestamp string
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	log := app.NewLogger(os.Stderr, os.LookupEnv)
	options, err := app.OptionsFromEnvironment(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FATAL\t"+err.Error())
		os.Exit(1) //nolint:gocritic // nothing is open yet
	}
	options.Log, options.Commit, options.Built = log, gitCommit, buildTimestamp
	if err := app.Run(ctx, options); err != nil {
		fmt.Fprintln(os.Stderr, "FATAL\t"+err.Error())
		os.Exit(1)
	}
}
