// Package stats counts what the simulators were asked and what they answered.
package stats

import "sync"

// Count is what happened to one operation of one service.
type Count struct {
	Requests int64 `json:"requests"`
	Errors   int64 `json:"errors"`
	BytesIn  int64 `json:"bytesIn"`
	BytesOut int64 `json:"bytesOut"`
}

// Counters collects counts per service and operation. Its methods may be
// called concurrently, and on a nil receiver.
type Counters struct {
	mu sync.Mutex
	m  map[string]map[string]*Count
}

// New returns empty counters.
func New() *Counters {
	return &Counters{m: map[string]map[string]*Count{}}
}

// Add counts one finished request. failed tells whether the answer was an
// error in the service's own terms (HTTP status, SOAP fault, response class).
func (c *Counters) Add(service, operation string, bytesIn, bytesOut int64, failed bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m[service] == nil {
		c.m[service] = map[string]*Count{}
	}
	n := c.m[service][operation]
	if n == nil {
		n = &Count{}
		c.m[service][operation] = n
	}
	n.Requests++
	n.BytesIn += bytesIn
	n.BytesOut += bytesOut
	if failed {
		n.Errors++
	}
}

// Snapshot returns the counts by service and operation.
func (c *Counters) Snapshot() map[string]map[string]Count {
	out := map[string]map[string]Count{}
	if c == nil {
		return out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for service, ops := range c.m {
		out[service] = map[string]Count{}
		for op, n := range ops {
			out[service][op] = *n
		}
	}
	return out
}
