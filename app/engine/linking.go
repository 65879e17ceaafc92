package engine

import (
	"maps"
	"slices"
	"sync"
	"time"

	"ews/app/meeting"
)

// linking is how a configuration that knows no bookings yet learns which of
// those that exist belong to meetings. It may be a new one; more often somebody
// deleted a configuration and entered it again, or lost the database. Taken for
// wishes of people, such bookings would ask for rooms that are taken, by their
// own meetings, and would be refused.
//
// So what the Booking app lists and nobody knows is set aside. No booking is
// made for a meeting before the lists of its rooms were read; one that was set
// aside and says the same is linked instead. What no room shows, once they were
// read, is a person's wish like any other.
type linking struct {
	began time.Time

	mu     sync.Mutex
	aside  map[meeting.BookingID]setAside
	wishes map[meeting.BookingID]bool    // not set aside again
	starts map[int64][]meeting.BookingID // those set aside, and former ones, by their start
	listed map[meeting.AssetID]bool      // lists that were read
	failed map[meeting.AssetID]int       // lists that could not be

	refs    map[string]meeting.BookingID // those set aside, and former ones, by the references of their meetings
	foreign map[string]bool              // references that are none of bookings to be linked
	highest meeting.BookingID            // that was listed
	live    int                          // bookings found for meetings of ours

	over bool // nothing is set aside any more
}

// setAside is a booking that may be linked.
type setAside struct {
	Booking
	ref   string
	since time.Time
}

func newLinking() *linking {
	return &linking{
		began: time.Now(), aside: map[meeting.BookingID]setAside{}, wishes: map[meeting.BookingID]bool{},
		starts: map[int64][]meeting.BookingID{}, listed: map[meeting.AssetID]bool{}, failed: map[meeting.AssetID]int{},
		refs: map[string]meeting.BookingID{}, foreign: map[string]bool{},
	}
}

func (l *linking) put(b Booking, ref string) {
	l.refs[ref] = b.ID
	if was, ok := l.aside[b.ID]; ok {
		l.aside[b.ID] = setAside{b, ref, was.since}
		if was.Span.Start.Equal(b.Span.Start) {
			return
		}
	} else {
		l.aside[b.ID] = setAside{b, ref, time.Now()}
	}
	start := b.Span.Start.Unix()
	l.starts[start] = append(l.starts[start], b.ID)
}

// at returns the bookings set aside that begin then.
func (l *linking) at(start time.Time) []setAside {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []setAside
	for _, id := range l.starts[start.Unix()] {
		if b, ok := l.aside[id]; ok && b.Span.Start.Equal(start) {
			out = append(out, b)
		}
	}
	return out
}

// unlisted notes that an asset's list could not be read.
func (l *linking) unlisted(asset meeting.AssetID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed[asset]++; l.failed[asset] >= listFailures {
		l.listed[asset] = true
	}
}

// end ends the linking, unless something is set aside.
func (l *linking) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = l.over || len(l.aside) == 0
	return l.over
}

// giveUp takes a booking for a person's wish from now on.
func (l *linking) giveUp(id meeting.BookingID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.aside, id)
	l.wishes[id] = true
}

func (l *linking) isWish(id meeting.BookingID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wishes[id]
}

func (l *linking) forget(ids ...meeting.BookingID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		delete(l.aside, id)
	}
}

// all returns what is set aside, in order.
func (l *linking) all() []setAside {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.aside), func(a, b setAside) int { return int(a.ID) - int(b.ID) })
}

// wait is how long a meeting waits for lists that are still to be read.
func (l *linking) wait() time.Duration {
	return jitter(max(linkStep, min(time.Since(l.began)/4, time.Minute)))
}

// known forgets those that are known by now: an attempt of unknown end may have
// made them.
func (l *linking) known(ids, unknown []meeting.BookingID) {
	l.forget(slices.DeleteFunc(slices.Clone(ids), func(id meeting.BookingID) bool { return slices.Contains(unknown, id) })...)
}

func (l *linking) wereListed(assets []meeting.AssetID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.ContainsFunc(assets, func(a meeting.AssetID) bool { return !l.listed[a] })
}

// of returns the booking set aside whose meeting has this reference.
func (l *linking) of(ref string) (Booking, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.aside[l.refs[ref]]
	return b.Booking, ok
}

// recovered counts the bookings that live.
func (l *linking) recovered(b Booking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !b.Cancelled {
		l.live++
	}
}

func (l *linking) isForeign(ref string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.foreign[ref]
}

func (l *linking) setForeign(ref string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.foreign[ref] = true
}

func (l *linking) highestListed() meeting.BookingID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.highest
}
