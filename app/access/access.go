// Package access finds out who may call the app's API: it asks Eliona whether it
// accepts what a caller shows, and remembers the answer for some seconds.
package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"ews/apiservices"
)

// Ask asks Eliona whether it accepts a credential. It fails with
// apiservices.ErrNotAdmitted or apiservices.ErrNotAllowed; any other error means
// that Eliona did not tell.
type Ask func(ctx context.Context, c apiservices.Credential) error

// How long an answer counts, how long Eliona may take to give it, and how many
// are remembered and waited for at most.
const (
	AdmittedFor = 15 * time.Second
	RefusedFor  = 5 * time.Second
	askTime     = 5 * time.Second
	maxKept     = 10_000
	maxAsked    = 16
)

// Door admits callers. It is safe for concurrent use.
type Door struct {
	ask   Ask
	log   *slog.Logger
	asked singleflight.Group
	free  chan struct{} // holds a value per question under way

	mu     sync.Mutex
	kept   map[fingerprint]verdict
	silent bool // Eliona did not answer the last question
}

var _ apiservices.Callers = (*Door)(nil)

// fingerprint stands for a credential, which is not kept.
type fingerprint [sha256.Size]byte

type verdict struct {
	err   error // nil: admitted
	until time.Time
}

// New returns a door at which nobody was yet.
func New(ask Ask, log *slog.Logger) *Door {
	return &Door{ask: ask, log: log, free: make(chan struct{}, maxAsked), kept: map[fingerprint]verdict{}}
}

// Admit implements apiservices.Callers. Callers with the same credential wait
// for one answer. When Eliona does not answer nobody new is admitted.
func (d *Door) Admit(ctx context.Context, c apiservices.Credential) error {
	mark := fingerprint(sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(c.Key), c.Key, c.Token)))
	if v, ok := d.remembered(mark); ok {
		return v.err
	}
	// Whoever asks first may go before the others have their answer.
	asking := context.WithoutCancel(ctx)
	answer := d.asked.DoChan(string(mark[:]), func() (any, error) {
		return nil, d.find(asking, mark, c)
	})
	select {
	case a := <-answer:
		return a.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Door) remembered(mark fingerprint) (verdict, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.kept[mark]
	return v, ok && time.Now().Before(v.until)
}

// find asks Eliona, and remembers what it says.
func (d *Door) find(ctx context.Context, mark fingerprint, c apiservices.Credential) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	select {
	case d.free <- struct{}{}:
		defer func() { <-d.free }()
	case <-ctx.Done():
		return errors.New("too many unknown credentials at a time")
	}
	err := d.ask(ctx, c)
	told := err == nil || errors.Is(err, apiservices.ErrNotAdmitted) || errors.Is(err, apiservices.ErrNotAllowed)
	d.report(ctx, told, err)
	if told {
		d.remember(mark, err)
	}
	return err
}

// remember keeps a verdict. When there are too many, refused ones are not kept:
// anybody can make them up.
func (d *Door) remember(mark fingerprint, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if len(d.kept) >= maxKept {
		for other, v := range d.kept {
			if v.err != nil || !now.Before(v.until) {
				delete(d.kept, other)
			}
		}
		if len(d.kept) >= maxKept {
			return
		}
	}
	v := verdict{err: err, until: now.Add(AdmittedFor)}
	if err != nil {
		v.until = now.Add(RefusedFor)
	}
	d.kept[mark] = v
}

// report tells the log once when Eliona stops answering, and once when it goes
// on.
func (d *Door) report(ctx context.Context, told bool, err error) {
	d.mu.Lock()
	changed := d.silent == told
	d.silent = !told
	d.mu.Unlock()
	switch {
	case changed && !told:
		d.log.WarnContext(ctx, "callers cannot be told from strangers: Eliona does not say whether it accepts them", "error", err)
	case changed:
		d.log.InfoContext(ctx, "callers are told from strangers again")
	}
}
