package exchange

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

// directory turns legacy distinguished names into SMTP addresses and remembers
// the answers.
type directory struct {
	client  *ews.Client
	service meeting.Address
	log     *slog.Logger
	now     func() time.Time

	mu    sync.Mutex
	known map[string]entry
}

// entry is what is known of a name.
type entry struct {
	address meeting.Address // empty: nobody, or not one person
	failed  bool            // the directory could not tell
	fails   int             // lookups in a row that may succeed later
	until   time.Time       // not asked again before
}

const (
	foundFor  = 24 * time.Hour
	nobodyFor = 6 * time.Hour
	failedFor = time.Hour
	// patience is how many lookups of an organizer may fail before its room is
	// read without.
	patience = 3
)

func newDirectory(client *ews.Client, service meeting.Address, log *slog.Logger) *directory {
	return &directory{client: client, service: service, log: log, now: time.Now, known: map[string]entry{}}
}

// smtp returns the SMTP address of a mailbox. The empty address without an
// error means that the directory knows none, as for somebody who left, or
// cannot tell.
func (d *directory) smtp(ctx context.Context, a ews.Address) (meeting.Address, error) {
	e, err := d.lookup(ctx, a, false)
	return e.address, err
}

// organizer is smtp for the organizer of an entry among others: one that
// cannot be told, now or ever, must not keep the others from being read. certain
// is false if asking again later may bring an answer.
func (d *directory) organizer(ctx context.Context, a ews.Address) (address meeting.Address, certain bool, err error) {
	e, err := d.lookup(ctx, a, true)
	return e.address, !e.failed, err
}

func (d *directory) lookup(ctx context.Context, a ews.Address, amongOthers bool) (entry, error) {
	if address := meeting.AddressOf(a.Address); !strings.EqualFold(a.RoutingType, "EX") && address.Valid() {
		return entry{address: address}, nil
	}
	name := a.Address
	if name == "" {
		return entry{}, nil // only a display name: no identity
	}
	d.mu.Lock()
	e := d.known[name]
	d.mu.Unlock()
	if d.now().Before(e.until) {
		return e, nil
	}
	found, err := d.client.ResolveNames(ctx, ews.Mailbox(d.service), name)
	if err != nil {
		return d.unanswered(ctx, name, convert(err), amongOthers)
	}
	e = entry{address: only(found, name), until: d.now().Add(foundFor)}
	if e.address == "" {
		e.until = d.now().Add(nobodyFor)
	}
	d.remember(name, e)
	return e, nil
}

// unanswered tells a failure that concerns this name from one that concerns
// everything.
func (d *directory) unanswered(ctx context.Context, name string, failure *engine.Error, amongOthers bool) (entry, error) {
	switch failure.Class {
	case engine.NoMailbox:
		failure.Class = engine.Broken // it is the service user who has none
		return entry{}, failure
	case engine.Broken, engine.Throttled:
		return entry{}, failure
	case engine.Transient:
		if !amongOthers || ctx.Err() != nil {
			return entry{}, failure
		}
		d.mu.Lock()
		e := d.known[name]
		e.fails++
		d.known[name] = e
		d.mu.Unlock()
		if e.fails < patience {
			return entry{}, failure
		}
	case engine.Refused, engine.NotFound, engine.Stale, engine.InvalidToken, engine.Unmatched:
	}
	d.log.WarnContext(ctx, "a name in a calendar cannot be looked up and counts as unknown for a while",
		"code", failure.Code, "retry_in", failedFor)
	e := entry{failed: true, until: d.now().Add(failedFor)}
	d.remember(name, e)
	return e, nil
}

func (d *directory) remember(name string, e entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[name] = e
}

// only returns the one address meant by name: the sole candidate of a complete
// answer, or the one that is the name itself.
func only(found ews.Resolution, name string) meeting.Address {
	if len(found.Candidates) == 1 && found.Complete {
		return valid(found.Candidates[0].Mailbox)
	}
	for _, c := range found.Candidates {
		if strings.EqualFold(c.Mailbox.Address, name) {
			return valid(c.Mailbox)
		}
	}
	return ""
}

func valid(a ews.Address) meeting.Address {
	if address := meeting.AddressOf(a.Address); address.Valid() {
		return address
	}
	return ""
}
