// Package fault decides which requests to the simulators go wrong, and how.
//
// Rules are added through the control API and consulted by each simulator
// once per request. The package only decides; carrying a fault out is the
// business of the protocol front, which knows what a broken answer looks like
// on its wire.
package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Kind names what happens to a request that a rule matches.
type Kind string

// The kinds of faults. Those marked "EWS" mean nothing to the other services,
// which answer them as Status 500.
const (
	Status         Kind = "status"         // answer with HTTP status Rule.Status, the request has no effect
	SOAPFault      Kind = "soapFault"      // EWS: SOAP fault with Rule.Code, no effect
	ResponseCode   Kind = "responseCode"   // EWS: every response message fails with Rule.Code, no effect
	Throttle       Kind = "throttle"       // EWS: ErrorServerBusy with BackOffMilliseconds; elsewhere 429 with Retry-After
	Delay          Kind = "delay"          // answer normally, but late
	ResetBefore    Kind = "resetBefore"    // close the connection after reading the request, no effect
	ResetAfterBody Kind = "resetAfterBody" // carry the request out, then close the connection without an answer
	Truncate       Kind = "truncate"       // carry the request out, send half of the answer
	Oversize       Kind = "oversize"       // carry the request out, answer more than a client should read
	DropSockets    Kind = "dropSockets"    // close every open WebSocket or streaming connection of the service at once; not a request fault
)

// Kinds lists every kind that a rule may carry.
var kinds = []Kind{Status, SOAPFault, ResponseCode, Throttle, Delay, ResetBefore, ResetAfterBody, Truncate, Oversize, DropSockets}

// Rule describes one fault. Empty selectors match everything; Mailbox is
// compared without regard to case.
type Rule struct {
	ID                  string  `json:"id"`
	Service             string  `json:"service,omitempty"`   // exchange, entra, eliona, booking
	Operation           string  `json:"operation,omitempty"` // EWS operation, or "METHOD /path" with {} for variable segments
	Mailbox             string  `json:"mailbox,omitempty"`
	Kind                Kind    `json:"kind"`
	Status              int     `json:"status,omitempty"`
	Code                string  `json:"code,omitempty"`
	BackOffMilliseconds int     `json:"backOffMilliseconds,omitempty"`
	RetryAfterSeconds   int     `json:"retryAfterSeconds,omitempty"`
	DelayMilliseconds   int     `json:"delayMilliseconds,omitempty"`
	Count               int     `json:"count,omitempty"`       // how many requests it hits; 0 means no limit
	Probability         float64 `json:"probability,omitempty"` // 0 means always
	Applied             int     `json:"applied"`
}

// Registry holds the active rules. Its methods may be called concurrently.
type Registry struct {
	mu    sync.Mutex
	rules []*Rule
	rng   *rand.Rand
	next  int
}

// New returns an empty registry whose probabilities follow seed.
func New(seed uint64) *Registry {
	return &Registry{rng: rand.New(rand.NewPCG(seed, seed))}
}

// Add checks the rule, gives it an id if it has none, and activates it.
func (r *Registry) Add(rule Rule) (Rule, error) {
	if !slices.Contains(kinds, rule.Kind) {
		return Rule{}, fmt.Errorf("kind %q is not one of %v", rule.Kind, kinds)
	}
	if rule.Probability < 0 || rule.Probability > 1 {
		return Rule{}, fmt.Errorf("probability %v is not between 0 and 1", rule.Probability)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	if rule.ID == "" {
		rule.ID = strconv.Itoa(r.next)
	}
	rule.Applied = 0
	r.rules = append(r.rules, &rule)
	return rule, nil
}

// Clear removes the rule with this id, or all rules if id is empty.
func (r *Registry) Clear(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = slices.DeleteFunc(r.rules, func(x *Rule) bool { return id == "" || x.ID == id })
}

// Rules returns a copy of the rules with their counts of application.
func (r *Registry) Rules() []Rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Rule, 0, len(r.rules))
	for _, x := range r.rules {
		out = append(out, *x)
	}
	return out
}

// Match returns the rule that hits this request and counts it: the first of those
// that always apply, else the first that chance chooses. A rule whose count is
// used up stays listed but matches no more. DropSockets rules never match a
// request.
func (r *Registry) Match(service, operation, mailbox string) (Rule, bool) {
	if r == nil {
		return Rule{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, certain := range []bool{true, false} {
		for _, x := range r.rules {
			if x.certain() != certain || !x.concerns(service, operation, mailbox) {
				continue
			}
			if !certain && r.rng.Float64() >= x.Probability {
				continue
			}
			x.Applied++
			return *x, true
		}
	}
	return Rule{}, false
}

func (x *Rule) certain() bool { return x.Probability == 0 || x.Probability == 1 }

func (x *Rule) concerns(service, operation, mailbox string) bool {
	return x.Kind != DropSockets &&
		(x.Service == "" || x.Service == service) &&
		(x.Operation == "" || x.Operation == operation) &&
		(x.Mailbox == "" || strings.EqualFold(x.Mailbox, mailbox)) &&
		(x.Count == 0 || x.Applied < x.Count)
}
