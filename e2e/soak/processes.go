package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"ews/e2e/stage"
)

// executioner starts, kills, stops and pauses processes of the app.
type executioner struct {
	*world
	dice *rand.Rand
}

// rage does that until ctx ends. Quiet times, in which work comes to its end,
// follow bad ones; for about half of the time there are two processes.
func (x *executioner) rage(ctx context.Context) error {
	for ctx.Err() == nil {
		pace := pick(x.dice, 800, 1500, 2500, 4000) // milliseconds between two attacks
		until := time.Now().Add(time.Duration(5+x.dice.IntN(15)) * time.Second)
		for time.Now().Before(until) && rest(ctx, time.Duration(x.dice.ExpFloat64()*float64(pace)*float64(time.Millisecond))) {
			if err := x.attack(context.WithoutCancel(ctx)); err != nil {
				return err
			}
		}
		if x.dice.IntN(3) == 0 {
			if err := x.double(); err != nil {
				return err
			}
		}
	}
	return nil
}

// attack does something to one process, after which at least one runs.
func (x *executioner) attack(ctx context.Context) error {
	a := pick(x.dice, x.apps...)
	if !a.Running() {
		a = x.runner()
	}
	switch n := x.dice.IntN(12); {
	case n < 9:
		if err := a.Kill(); err != nil {
			return fmt.Errorf("killing the app: %w", err)
		}
		x.tally.killed()
		rest(ctx, time.Duration(x.dice.IntN(400))*time.Millisecond)
		return a.Spawn()
	case n < 10:
		if _, err := a.Stop(); err != nil {
			return fmt.Errorf("stopping the app: %w", err)
		}
		x.tally.fault("process: graceful restart", 1)
		return a.Spawn()
	default:
		// Longer than the database is patient, at times: then the other process,
		// if there is one, takes over, and this one wakes up to a changed world.
		if err := a.Pause(); err != nil {
			return fmt.Errorf("pausing the app: %w", err)
		}
		x.tally.fault("process: paused (SIGSTOP)", 1)
		rest(ctx, time.Duration(200+x.dice.IntN(pick(x.dice, 2000, 2000, 14000)))*time.Millisecond)
		a.Resume()
	}
	return nil
}

// runner is a process that runs; the first is started if there is none.
func (x *executioner) runner() *stage.App {
	for _, a := range x.apps {
		if a.Running() {
			return a
		}
	}
	_ = x.apps[0].Spawn() // a failure shows with the next deed
	return x.apps[0]
}

// double starts the second process, or ends one of two.
func (x *executioner) double() error {
	for _, a := range x.apps {
		if !a.Running() {
			x.tally.fault("process: second one started", 1)
			return a.Spawn()
		}
	}
	a := pick(x.dice, x.apps...)
	x.tally.fault("process: one of two stopped", 1)
	if _, err := a.Stop(); err != nil {
		return fmt.Errorf("stopping one of two processes: %w", err)
	}
	return nil
}

// calm makes sure that a process runs, undisturbed.
func (x *executioner) calm(ctx context.Context) error {
	running := 0
	for _, a := range x.apps {
		if a.Running() {
			a.Resume()
			running++
		}
	}
	if running == 0 {
		return x.apps[0].Start(ctx)
	}
	return nil
}

// restart replaces all processes that run.
func (x *executioner) restart(ctx context.Context) error {
	for _, a := range x.apps {
		if !a.Running() {
			continue
		}
		if err := a.Kill(); err != nil {
			return fmt.Errorf("killing the app: %w", err)
		}
		x.tally.killed()
		if err := a.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}
