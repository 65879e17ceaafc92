package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options choose how long and how hard.
type Options struct {
	Seed   uint64
	Length time.Duration // of all rounds together, without what the last one takes to come to rest
	Rounds int           // each of stress, then peace and a verdict; 0 means one in two and a half minutes
	Dir    string        // for logs; it is kept
	Binary string        // of the app; empty builds it
	Log    func(format string, args ...any)
}

// short runs have short outages.
func (o Options) scaled(d time.Duration) time.Duration {
	if o.Length < 3*time.Minute {
		return d / 4
	}
	return d
}

// Times of a round.
const (
	roundLength     = 150 * time.Second
	restLimit       = 200 * time.Second // until both sides agree
	quietTime       = 6 * time.Second   // without a writing request
	slowestDecision = 20 * time.Second  // of a room that was asked at the last moment
	doubtTime       = 100 * time.Second // until the app does not wait any longer for rooms that disagree
	actsPerSec      = 1.6               // of people
	lookEvery       = 300 * time.Millisecond
	forgetLimit     = 90 * time.Second // until all calendars were read anew
)

// Run puts the product under stress, and reports what was done and what was
// found. An error means that it could not be carried out.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Rounds == 0 {
		o.Rounds = max(1, int(o.Length/roundLength))
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making a folder for logs: %w", err)
	}
	began := time.Now()
	w, err := newWorld(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &Report{Seed: o.Seed, Began: began, world: w}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- w.watch(watching) }()
	err = w.rounds(ctx, r)
	stop()
	err = errors.Join(err, <-watched)
	r.Took = time.Since(began)
	r.finish(context.WithoutCancel(ctx))
	return r, errors.Join(err, w.Close())
}

// watch keeps the history up to date, so that what was broken is known soon.
func (w *world) watch(ctx context.Context) error {
	for rest(ctx, lookEvery) {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (w *world) rounds(ctx context.Context, r *Report) error {
	crowd := &crowd{world: w, dice: dice(w.options.Seed, "people")}
	weather := &weather{world: w, dice: dice(w.options.Seed, "weather"), outages: map[string]map[string]any{}}
	executioner := &executioner{world: w, dice: dice(w.options.Seed, "processes")}
	length := w.options.Length / time.Duration(w.options.Rounds)
	for round := 1; round <= w.options.Rounds && ctx.Err() == nil && len(r.Problems) == 0; round++ {
		w.options.Log("round %d of %d: stress", round, w.options.Rounds)
		storm, cancel := context.WithTimeout(ctx, length*7/10)
		group, raging := errgroup.WithContext(storm)
		group.Go(func() error { return crowd.act(raging, actsPerSec) })
		group.Go(func() error { return weather.rage(raging) })
		group.Go(func() error { return executioner.rage(raging) })
		err := group.Wait()
		cancel()
		if err != nil {
			return err
		}
		if err := weather.clear(ctx); err != nil {
			return err
		}
		if err := executioner.calm(ctx); err != nil {
			return err
		}
		if round%2 == 1 { // what waits for its next attempt is tried at once
			if err := executioner.restart(ctx); err != nil {
				return err
			}
		}
		w.options.Log("round %d of %d: rest (%s)", round, w.options.Rounds, w.state())
		if err := w.verdict(ctx, r, round); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) state() string {
	w.tally.mu.Lock()
	defer w.tally.mu.Unlock()
	return fmt.Sprintf("%d deeds of people, %d mishaps, %d of them kills", sum(w.tally.deeds), sum(w.tally.faults), w.tally.kills)
}

// verdict waits until everything has come to rest, and checks what must hold.
func (w *world) verdict(ctx context.Context, r *Report, round int) error {
	began := time.Now()
	left, unanswered, err := w.untilRest(ctx)
	if err != nil {
		return err
	}
	v := Verdict{Round: round, Rest: time.Since(began), Unanswered: unanswered}
	found := left
	if len(left) == 0 {
		more, err := w.atRest(ctx, &v)
		if err != nil {
			return err
		}
		found = append(found, more...)
	}
	if err := w.look(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	found = append(found, w.history.problems...)
	v.Things, v.Writes = len(w.book.things), w.history.writes
	w.mu.Unlock()
	r.Verdicts = append(r.Verdicts, v)
	for _, p := range found {
		if !r.has(p) {
			r.Problems = append(r.Problems, p)
		}
	}
	w.options.Log("round %d of %d: at rest after %v, %d problems", round, w.options.Rounds, v.Rest.Round(time.Second), len(found))
	return nil
}

// untilRest waits until both sides agree, the app has nothing to do, and nothing
// was written for a while. It returns what is wrong when it is not patient any
// longer.
func (w *world) untilRest(ctx context.Context) (left []problem, unanswered int, err error) {
	began := time.Now()
	deadline := began.Add(restLimit)
	var since time.Time
	writes := -1
	for {
		if left, unanswered, err = w.differences(ctx); err != nil {
			return nil, 0, err
		}
		busy, err := w.busy(ctx)
		if err != nil {
			return nil, 0, err
		}
		w.mu.Lock()
		now := w.history.writes
		w.mu.Unlock()
		switch quiet := len(left) == 0 && busy == "" && now == writes; {
		case !quiet:
			since, writes = time.Time{}, now
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > quietTime && time.Since(began) > undecidedTime(unanswered):
			return nil, unanswered, nil
		}
		if time.Now().After(deadline) {
			if busy != "" {
				left = append(left, problem{"I1", "the app does not come to rest: " + busy, nil})
			}
			if len(left) == 0 {
				left = append(left, problem{"I5", "it never stays quiet: requests that write go on", nil})
			}
			return left, unanswered, nil
		}
		if !rest(ctx, 700*time.Millisecond) {
			return nil, 0, ctx.Err()
		}
	}
}

// undecidedTime is how long things may change by themselves: those that no room
// has decided about are not compared, and may still be decided.
func undecidedTime(unanswered int) time.Duration {
	if unanswered > 0 {
		return doubtTime
	}
	return slowestDecision
}

// busy tells what the app still has to do; empty if nothing.
func (w *world) busy(ctx context.Context) (string, error) {
	return query[string](ctx, w, `
		select coalesce(string_agg(format('meeting %s (%s) %s', id, uid,
		         concat_ws(', ', case when want_gen > done_gen then 'changed' end, case when claim_token is not null then 'worked on' end,
		           nullif(parked_code, ''), case when attempts > 0 then attempts || ' attempts: ' || error_code end,
		           (select 'open: ' || kind from ews.operation p where p.meeting_id = m.id and p.status = 'sending'))), '; '), '')
		from (select * from ews.meeting m
		      where want_gen > done_gen or claim_token is not null or attempts > 0 or parked_code <> ''
		         or exists (select from ews.operation p where p.meeting_id = m.id and p.status = 'sending')
		      order by id limit 5) m`)
}

// atRest checks what can be checked only when nothing moves any more.
func (w *world) atRest(ctx context.Context, v *Verdict) ([]problem, error) {
	found, lost, err := w.unnoticed(ctx)
	if err != nil {
		return nil, err
	}
	v.Lost = lost
	w.mu.Lock()
	before := w.history.seq()
	w.mu.Unlock()
	if err := w.forget(ctx); err != nil {
		return nil, err
	}
	if err := w.look(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.history.changes[before:] {
		if c.By == client && c.Service != "eliona" {
			found = append(found, problem{"I10", fmt.Sprintf(
				"after all positions were lost: %s %s %s at %s", c.Service, c.Kind, c.Operation+c.UID, clock(c.Time)), nil})
		}
	}
	return found, nil
}

// forget takes from the app all positions in change feeds, and all it knows of
// the items in calendars, and waits until it has read everything again.
func (w *world) forget(ctx context.Context) error {
	when, err := query[time.Time](ctx, w, `
		with items as (update ews.cell set item_id = '', change_key = ''),
		     positions as (update ews.room set sync_state = '', token_version = token_version + 1, delta_gen = delta_gen + 1, poll_at = now())
		select now()`)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(forgetLimit)
	for {
		left, err := query[int](ctx, w, `
			select count(*) from ews.room where retired_at is null and (read_at is null or read_at <= $1 or read_gen < delta_gen)`, when)
		if err != nil {
			return err
		}
		if left == 0 {
			rest(ctx, 3*time.Second) // what follows from it follows at once
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d calendars were not read again within %v", left, forgetLimit)
		}
		if !rest(ctx, 300*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// Folder makes a folder for the logs of a run.
func Folder(parent string, seed uint64) (string, error) {
	dir := filepath.Join(parent, fmt.Sprintf("soak-%d-%s", seed, time.Now().UTC().Format("20060102-150405")))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a folder for logs: %w", err)
	}
	return dir, nil
}
