// Command cmd runs the soak test for as long as one likes, prints its report, and
// fails if anything did not hold. "make soak" starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ews/e2e/soak"
	"ews/e2e/stage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err = errors.Join(err, stage.Clean()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	seed := flag.Uint64("seed", 1, "of everything random")
	minutes := flag.Float64("minutes", 10, "of stress and rest together")
	out := flag.String("out", os.TempDir(), "`folder` for report and logs")
	flag.Parse()
	dir, err := soak.Folder(*out, *seed)
	if err != nil {
		return err
	}
	began := time.Now()
	report, err := soak.Run(ctx, soak.Options{
		Seed: *seed, Length: time.Duration(*minutes * float64(time.Minute)), Dir: dir,
		Log: func(format string, args ...any) {
			fmt.Printf("%6.0fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
		},
	})
	if report != nil {
		fmt.Printf("\n%s\n", report)
		fmt.Printf("Report and logs are in %s\n", dir)
	}
	if err == nil && !report.OK() {
		err = errors.New("not everything held")
	}
	return err
}
