package exchange

import (
	"slices"
	"sync"

	"ews/app/meeting"
	"ews/exchange/ews"
)

// recent keeps the organizer's copies that were read last: who changes one has
// just read it, and need not read it again.
type recent struct {
	mu    sync.Mutex
	items []*ews.CalendarItem // oldest first
}

// recently is how many copies are kept: more than are worked on at a time.
const recently = 32

func (r *recent) put(item *ews.CalendarItem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items) == recently {
		r.items = slices.Delete(r.items, 0, 1)
	}
	r.items = append(r.items, item)
}

// take returns this version of an item, and forgets it; nil if there is none.
func (r *recent) take(id ews.ItemID) *ews.CalendarItem {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.items, func(item *ews.CalendarItem) bool { return item.ItemID == id })
	if i < 0 {
		return nil
	}
	item := r.items[i]
	r.items = slices.Delete(r.items, i, i+1)
	return item
}

// made are the meetings made last, by their organizers: their rooms' calendars
// tell nothing new of them.
type made struct {
	mu         sync.Mutex
	organizers map[meeting.UID]meeting.Address
}

// manyMade is how many meetings are remembered before all are forgotten.
const manyMade = 1000

func (m *made) put(uid meeting.UID, organizer meeting.Address) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.organizers == nil || len(m.organizers) >= manyMade {
		m.organizers = map[meeting.UID]meeting.Address{}
	}
	m.organizers[uid] = organizer
}

func (m *made) forget(uid meeting.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.organizers, uid)
}

// organizer returns who organizes a meeting that was made a while ago.
func (m *made) organizer(uid meeting.UID) (meeting.Address, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	organizer, ok := m.organizers[uid]
	return organizer, ok
}
