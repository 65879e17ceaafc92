// Command demo plays a demonstration of the Exchange app with simulated
// servers: it starts PostgreSQL, the simulators and the app as it ships, plays
// a script that prints what happens on both sides with the time it took, and
// then serves a page with both sides next to each other.
//
// With DEMO_EXIT=1 it ends after the script, with a status other than 0 if any
// step did not happen.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"ews/e2e/stage"
)

// options are what the command line and the environment say.
type options struct {
	page  string // address of the page
	free  bool   // free ports instead of the well-known ones
	once  bool   // end after the script
	debug bool
	logs  string // folder; empty makes one
}

func parseOptions(args []string, env func(string) string, out io.Writer) (options, error) {
	o := options{once: env("DEMO_EXIT") != "" && env("DEMO_EXIT") != "0"}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.page, "page", "127.0.0.1:8090", "address of the page")
	flags.BoolVar(&o.free, "free", false, "use free ports instead of the well-known ones of the simulators and the app")
	flags.BoolVar(&o.debug, "debug", false, "the app logs at debug level")
	flags.StringVar(&o.logs, "logs", "", "folder for the logs (default: a new temporary one)")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

// errFailed tells that a step did not happen; the reason is printed already.
var errFailed = errors.New("the demonstration did not go as expected")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := parseOptions(os.Args[1:], os.Getenv, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		stop()
		return
	case err == nil:
		err = run(ctx, o, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run plays the demonstration and stops everything it started.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.logs == "" {
		if o.logs, err = os.MkdirTemp("", "ews-demo-"); err != nil {
			return fmt.Errorf("making a folder for the logs: %w", err)
		}
	} else if err = os.MkdirAll(o.logs, 0o700); err != nil {
		return fmt.Errorf("making the folder for the logs: %w", err)
	}
	if !o.free {
		if err := unused(ctx, "127.0.0.1:3039"); err != nil {
			return fmt.Errorf("the port of the app's API: %w; -free takes free ports", err)
		}
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	say("Exchange app: meeting rooms of Exchange and bookings of Eliona, kept in step both ways.")
	say("Logs: %s", o.logs)
	say("Starting PostgreSQL, the simulators and the app ...\n")
	began := time.Now()
	s, err := stage.Start(ctx, stage.Options{Dir: o.logs, Fixed: !o.free, Verbose: o.debug})
	if err != nil {
		return interrupted(ctx, errors.Join(err, showTail(out, filepath.Join(o.logs, "simulator.log"), 10), stage.Clean()))
	}
	a := &app{stage: s}
	defer func() {
		say("Stopping everything ...")
		err = errors.Join(err, a.close(), stage.Clean())
	}()
	if err := a.start(ctx); err != nil {
		return interrupted(ctx, errors.Join(err, showTail(out, s.AppLog(), 30)))
	}
	say("ok   %5.1f s  PostgreSQL, simulators and app are up", time.Since(began).Seconds())

	if o.once {
		return playOnce(ctx, out, s, newPlay(s, a, time.Now()))
	}
	return stay(ctx, o, out, s, a)
}

// playOnce plays the script.
func playOnce(ctx context.Context, out io.Writer, s *stage.Stage, p *play) error {
	failed := playAll(ctx, out, p, steps())
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, ctx.Err())
	case failed > 0:
		return errors.Join(errFailed, showTail(out, s.AppLog(), 30))
	}
	return nil
}

// stay serves the page while the script is played and afterwards, until it is
// told to end.
func stay(ctx context.Context, o options, out io.Writer, s *stage.Stage, a *app) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.page)
	if err != nil {
		return fmt.Errorf("opening the port of the page: %w; -page chooses another", err)
	}
	control, err := url.Parse(s.Addresses["CONTROL"])
	if err != nil {
		return errors.Join(fmt.Errorf("reading the address of the control API: %w", err), listener.Close())
	}
	p := newPlay(s, a, time.Now())
	group, running := errgroup.WithContext(ctx)
	m := &mishaps{app: a, control: s.Control, group: group, ctx: running}
	w := newWatcher(s, p.day)
	w.left = m.left
	handler := (&page{control: control, watcher: w, app: a, mishaps: m, configs: func(ctx context.Context) (json.RawMessage, error) {
		var raw json.RawMessage
		err := s.Call(ctx, http.MethodGet, "/configs", nil, &raw)
		return raw, err
	}}).handler()
	group.Go(func() error { return serve(running, listener, handler) })
	group.Go(func() error {
		w.run(running)
		return nil
	})
	address := "http://" + listener.Addr().String()
	_, _ = fmt.Fprintf(out, "             watch it at %s\n", address)
	group.Go(func() error {
		if err := playOnce(running, out, s, p); err != nil && !errors.Is(err, errFailed) {
			return err
		}
		_, _ = fmt.Fprintf(out, "\nBoth sides next to each other: %s\nCtrl-C ends it.\n", address)
		<-running.Done()
		return nil
	})
	return group.Wait()
}

// unused checks that nobody listens on an address: the app of another run
// would be taken for ours.
func unused(ctx context.Context, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}

// showTail prints the end of a log.
func showTail(out io.Writer, path string, lines int) error {
	text, err := tail(path, lines)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	_, _ = fmt.Fprintf(out, "\nThe last lines of %s:\n%s\n\n", path, text)
	return err
}

// interrupted says in words that somebody ended it.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("stopped before the end")
	}
	return err
}
