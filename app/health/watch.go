package health

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
	"ews/db/store"
)

// Watch follows one configuration at work: it counts for the metrics, reports
// for the status, and tells the log how an import gets on.
type Watch struct {
	Meter
	log *slog.Logger

	mu     sync.Mutex
	report store.Report
	rested int // meetings that came to rest
}

var _ engine.Observer = (*Watch)(nil)

// NewWatch returns a watch over a configuration.
func (m *Metrics) NewWatch(config int64, log *slog.Logger) *Watch {
	return &Watch{Meter: m.Meter(config), log: log}
}

// Operated implements engine.Observer.
func (w *Watch) Operated(kind plan.Kind, code string, took time.Duration) {
	w.operated(kind, code, took)
}

// Settled implements engine.Observer.
func (w *Watch) Settled(to meeting.Origin, after time.Duration, imported bool) {
	w.metrics.settled.WithLabelValues(w.config).Inc()
	if to != "" && !imported {
		w.carried(to, after)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rested++
}

// Listening implements engine.Observer.
func (w *Watch) Listening(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !on {
		w.metrics.losses.WithLabelValues(w.config).Inc()
		w.report.Connected = time.Time{}
		return
	}
	w.metrics.connects.WithLabelValues(w.config).Inc()
	w.report.Connected = time.Now()
}

// Heard implements engine.Observer.
func (w *Watch) Heard(int) {
	w.metrics.messages.WithLabelValues(w.config).Inc()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.Heard = time.Now()
}

// Compared implements engine.Observer.
func (w *Watch) Compared() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.Compared = time.Now()
}

// Watching implements engine.Observer.
func (w *Watch) Watching(rooms int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rooms != w.report.Watched {
		w.report.Watched, w.report.WatchedAt = rooms, time.Now()
	}
}

// Post is where a watch reports to.
type Post interface {
	Report(ctx context.Context, r store.Report) (compare bool, err error)
	Backlog(ctx context.Context) (int, error)
}

const (
	reportEvery   = time.Second
	progressEvery = 10 * time.Second
	progressAbove = 20 // meetings; fewer are no import
)

// Run reports until ctx ends. notBefore tells until when Exchange asked for a
// pause; compare is called when an operator wants all bookings compared.
func (w *Watch) Run(ctx context.Context, post Post, notBefore func() time.Time, compare func()) {
	report, progress := time.NewTicker(reportEvery), time.NewTicker(progressEvery)
	defer report.Stop()
	defer progress.Stop()
	backlog := backlog{watch: w, done: w.settledSoFar()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-report.C:
			w.tell(ctx, post, notBefore(), compare)
		case <-progress.C:
			backlog.look(ctx, post)
		}
	}
}

func (w *Watch) tell(ctx context.Context, post Post, wait time.Time, compare func()) {
	w.mu.Lock()
	report := w.report
	w.mu.Unlock()
	report.WaitUntil = wait
	wanted, err := post.Report(ctx, report)
	switch {
	case err != nil && ctx.Err() == nil:
		w.log.DebugContext(ctx, "not reported", "error", err)
	case wanted:
		compare()
	}
}

func (w *Watch) settledSoFar() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rested
}

// backlog tells how a large number of meetings gets less.
type backlog struct {
	watch *Watch
	long  bool // there was one at the last look
	done  int  // meetings that had come to rest before it
}

func (b *backlog) look(ctx context.Context, post Post) {
	left, err := post.Backlog(ctx)
	if err != nil {
		return // whoever needs the database more will tell
	}
	done := b.watch.settledSoFar()
	switch {
	case left > progressAbove:
		b.watch.log.InfoContext(ctx, "meetings wait", "left", left, "done", done-b.done)
		b.long = true
	case b.long:
		b.watch.log.InfoContext(ctx, "no more than usual wait", "left", left, "done", done-b.done)
		b.long = false
		b.done = done
	default:
		b.done = done
	}
}
