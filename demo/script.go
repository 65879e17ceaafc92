package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// step is one line of the script: something happens, and then something must
// be there to be seen.
type step struct {
	title  string // what is done
	expect string // what shall be there afterwards
	vital  bool   // without it the following steps make no sense
	limit  time.Duration
	act    func(ctx context.Context, p *play) error
	// seen looks whether it is there. It returns what is there instead, or
	// nothing; an error ends the waiting.
	seen func(ctx context.Context, p *play) (instead string, err error)
	undo func(ctx context.Context, p *play) error // may be nil
}

// outcome is what became of a step.
type outcome struct {
	step   step
	took   time.Duration
	detail string // to add to what was expected; may be empty
	reason string // why it failed; empty if it did not
}

// usualLimit is how long a step may take unless it says so itself.
const usualLimit = 15 * time.Second

// lookEvery is the time between two looks, and so the precision of latencies.
const lookEvery = 40 * time.Millisecond

// line writes an outcome in columns.
func (o outcome) line() string {
	took := fmt.Sprintf("%.1f s", o.took.Seconds())
	if o.reason != "" {
		return fmt.Sprintf("FAIL %7s  %s: expected: %s\n%14s %s", took, o.step.title, o.step.expect, "", o.reason)
	}
	text := o.step.title + ": " + o.step.expect
	if o.detail != "" {
		text += " (" + o.detail + ")"
	}
	return fmt.Sprintf("ok   %7s  %s", took, text)
}

// perform plays one step and measures from the action to the moment when the
// expected is there.
func perform(ctx context.Context, p *play, s step) outcome {
	if s.limit == 0 {
		s.limit = usualLimit
	}
	limited, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	o := outcome{step: s}
	p.detail = ""
	p.clock()
	instead, err := attempt(limited, p, s)
	o.took, o.detail = time.Since(p.since), p.detail
	switch {
	case ctx.Err() != nil:
		o.reason = "stopped"
	case errors.Is(err, context.DeadlineExceeded) && instead != "":
		o.reason = fmt.Sprintf("after %v there was: %s", s.limit, instead)
	case err != nil:
		o.reason = err.Error()
	}
	if s.undo != nil && ctx.Err() == nil {
		if err := s.undo(ctx, p); err != nil && o.reason == "" {
			o.reason = "afterwards: " + err.Error()
		}
	}
	return o
}

func attempt(ctx context.Context, p *play, s step) (instead string, err error) {
	if s.act != nil {
		if err := s.act(ctx, p); err != nil {
			return "", err
		}
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		there, err := s.seen(ctx, p)
		switch {
		case ctx.Err() != nil: // it was cut short, so what it says does not count
			return instead, ctx.Err()
		case err != nil || there == "":
			return there, err
		}
		instead = there
		select {
		case <-ctx.Done():
			return instead, ctx.Err()
		case <-ticker.C:
		}
	}
}

// playAll plays the steps in order and tells the outcome of each.
func playAll(ctx context.Context, out io.Writer, p *play, steps []step) (failed int) {
	began := time.Now()
	done := 0
	for _, s := range steps {
		o := perform(ctx, p, s)
		if ctx.Err() != nil {
			break
		}
		_, _ = fmt.Fprintln(out, o.line())
		done++
		if o.reason == "" {
			continue
		}
		failed++
		if s.vital {
			break
		}
	}
	_, _ = fmt.Fprintln(out, summary(len(steps), done, failed, time.Since(began)))
	return failed + len(steps) - done
}

func summary(steps, done, failed int, took time.Duration) string {
	text := fmt.Sprintf("\n%d of %d steps happened as expected, in %.1f s", done-failed, steps, took.Seconds())
	if failed > 0 {
		text += fmt.Sprintf("; %d did not", failed)
	}
	if done < steps {
		text += fmt.Sprintf("; %d not played", steps-done)
	}
	return text + "."
}
