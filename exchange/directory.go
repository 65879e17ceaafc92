package exchange

import (
	"context"
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
	mu      sync.Mutex
	known   map[string]entry
}

type entry struct {
	address meeting.Address // empty: nobody, or not one person
	until   time.Time
}

const (
	foundFor  = 24 * time.Hour
	nobodyFor = 6 * time.Hour
)

func newDirectory(client *ews.Client, service meeting.Address) *directory {
	return &directory{client: client, service: service, known: map[string]entry{}}
}

// smtp returns the SMTP address of a mailbox. The empty address without an
// error means that the directory knows none, as for somebody who left.
func (d *directory) smtp(ctx context.Context, a ews.Address) (meeting.Address, error) {
	if address := meeting.AddressOf(a.Address); !strings.EqualFold(a.RoutingType, "EX") && address.Valid() {
		return address, nil
	}
	name := a.Address
	if name == "" {
		return "", nil // only a display name: no identity
	}
	d.mu.Lock()
	e, ok := d.known[name]
	d.mu.Unlock()
	if ok && time.Now().Before(e.until) {
		return e.address, nil
	}
	found, err := d.client.ResolveNames(ctx, ews.Mailbox(d.service), name)
	if err != nil {
		failure := convert(err)
		if failure.Class == engine.NoMailbox {
			failure.Class = engine.Broken // it is the service user who has none
		}
		return "", failure
	}
	e = entry{address: only(found, name), until: time.Now().Add(foundFor)}
	if e.address == "" {
		e.until = time.Now().Add(nobodyFor)
	}
	d.mu.Lock()
	d.known[name] = e
	d.mu.Unlock()
	return e.address, nil
}

// only returns the one address meant by name: the sole candidate of a complete
// answer, or the one that is the name itself.
func only(found ews.Resolution, name string) meeting.Address {
	if len(found.Candidates) == 1 && found.Complete {
		return valid(found.Candidates[0])
	}
	for _, c := range found.Candidates {
		if strings.EqualFold(c.Address, name) {
			return valid(c)
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
