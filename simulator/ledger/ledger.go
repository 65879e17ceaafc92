// Package ledger remembers what changed in the simulated systems, in the order
// in which it did: meetings, bookings and the answers of rooms, and the
// requests of clients that wanted to change something, with the time at which
// each arrived and the time at which it was answered.
//
// It is what tests look into that have to prove that something never happened,
// not even for a moment.
package ledger

import (
	"sync"
	"time"
)

// Kind is what an entry tells.
type Kind string

// The kinds of entries. All but Request tell of an effect, at the moment it
// took place; Request tells of a request, when it was answered or given up.
const (
	Created   Kind = "created"
	Changed   Kind = "changed"
	Cancelled Kind = "cancelled"
	Answered  Kind = "answered" // an attendee answered an invitation
	Request   Kind = "request"
)

// Person is who acts through no request of a client.
const Person = "person"

// Entry is one line of a Ledger. What does not apply is empty.
type Entry struct {
	Seq     int       `json:"seq"`
	Time    time.Time `json:"time"`
	Service string    `json:"service"` // exchange, booking or eliona
	Kind    Kind      `json:"kind"`
	// By is who caused an effect: Person, "client", or the address of a room.
	By string `json:"by,omitempty"`
	// Number tells the requests of clients apart; effects carry that of the
	// request that caused them.
	Number int `json:"number,omitempty"`

	// Of a request.
	Began     time.Time `json:"began,omitzero"`
	Client    string    `json:"client,omitempty"` // network address
	Operation string    `json:"operation,omitempty"`
	Status    string    `json:"status,omitempty"` // response code or HTTP status; empty if no answer was sent

	// Of a meeting, in the calendar of Mailbox. Original is set for one
	// occurrence of a series.
	Mailbox  string    `json:"mailbox,omitempty"`
	UID      string    `json:"uid,omitempty"`
	Original time.Time `json:"original,omitzero"`
	Rooms    []string  `json:"rooms,omitempty"`
	Answer   string    `json:"answer,omitempty"`

	// Of a booking.
	Booking int32   `json:"booking,omitempty"`
	Group   int32   `json:"group,omitempty"`
	Assets  []int32 `json:"assets,omitempty"`
	Reason  string  `json:"reason,omitempty"`

	// Of both.
	Organizer string    `json:"organizer,omitempty"`
	Start     time.Time `json:"start,omitzero"`
	End       time.Time `json:"end,omitzero"`
}

// Ledger keeps entries. Its methods may be called concurrently, and on a nil
// receiver, which keeps nothing.
type Ledger struct {
	mu       sync.Mutex
	entries  []Entry
	requests int
}

// New returns an empty ledger.
func New() *Ledger { return &Ledger{} }

// Add appends an entry, at the present time.
func (l *Ledger) Add(e Entry) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Seq, e.Time = len(l.entries)+1, time.Now().UTC()
	l.entries = append(l.entries, e)
}

// Open numbers a request that begins; the number is above 0.
func (l *Ledger) Open() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	return l.requests
}

// After returns the entries behind one, oldest first.
func (l *Ledger) After(seq int) []Entry {
	if l == nil {
		return []Entry{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	seq = min(max(seq, 0), len(l.entries))
	return append([]Entry{}, l.entries[seq:]...)
}
