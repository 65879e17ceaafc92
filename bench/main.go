// Command bench measures how fast the Exchange app is and what it costs, with
// the program that ships and simulated servers, all on this machine. It prints
// a table: what was measured, what the delays put into the simulators alone
// would make of it, and the target.
//
//	go run ./bench [-quick] [-app bin/ews] [-markdown FILE] [SCENARIO ...]
//
// The scenarios are bookings, changes, import and rest, and scale if it is asked
// for; see the files named after them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"ews/e2e/stage"
)

// scenario is a part of the measurements.
type scenario struct {
	name  string
	run   func(ctx context.Context, b *bench) error
	asked bool // runs only when it is named
}

func scenarios() []scenario {
	return []scenario{
		{name: "bookings", run: bookings}, {name: "changes", run: changes}, {name: "import", run: imports}, {name: "rest", run: rest},
		{name: "scale", run: scale, asked: true},
	}
}

// bench is a run of the measurements.
type bench struct {
	quick bool   // small numbers, to see whether it works
	app   string // binary of the app; empty builds it
	keep  bool   // leave logs behind

	statements bool // show what the database worked on

	sizes []int // of the scenario rest
	out   io.Writer
	rows  []row
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	b := &bench{out: out}
	var markdown, sizes string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&b.quick, "quick", false, "small numbers, to see whether it works")
	flags.BoolVar(&b.keep, "keep", false, "leave the logs of the app and the simulators behind")
	flags.BoolVar(&b.statements, "statements", false, "show the statements that took most of the database's time")
	flags.StringVar(&b.app, "app", "", "`binary` of the app (default: build it)")
	flags.StringVar(&markdown, "markdown", "", "`file` to write the table to")
	flags.StringVar(&sizes, "rooms", "250,500,1000,2000", "`numbers` of rooms of the scenario rest; scale takes the last")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.sizes, err = numbers(sizes); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Clean()) }()
	wanted := flags.Args()
	for _, s := range scenarios() {
		if len(wanted) > 0 && !slices.Contains(wanted, s.name) || len(wanted) == 0 && s.asked {
			continue
		}
		_, _ = fmt.Fprintf(out, "%s ...\n", s.name)
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	printTable(out, b.rows)
	if markdown == "" {
		return nil
	}
	file, err := os.Create(markdown)
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	printMarkdown(file, b.rows)
	return file.Close()
}

func numbers(list string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(list, ",") {
		var n int
		if _, err := fmt.Sscan(part, &n); err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no list of numbers", list)
		}
		out = append(out, n)
	}
	return out, nil
}

// say tells how a scenario gets on.
func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.out, "  "+format+"\n", args...) }
