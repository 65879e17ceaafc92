package bookingsim

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Booking ids start at 1. Group ids start far from them, so that a client
// which mistakes one for the other is noticed.
const (
	firstBooking = 1
	firstGroup   = 1001
)

// booking is one occurrence of a group.
type booking struct {
	id        int32
	group     int32
	assets    []int32
	organizer string // e-mail address; empty for ad-hoc bookings
	start     time.Time
	end       time.Time
	cancelled bool
	reason    string
	reference string // client reference of the creation
	created   time.Time
	updated   time.Time
	history   []Change
}

// Change is one entry of the history of a booking: what was written, whether
// or not it differed from what was there.
type Change struct {
	Time            time.Time `json:"time"`
	Action          string    `json:"action"` // created, updated, unchanged, cancelled
	ClientReference string    `json:"clientReference,omitempty"`
	Reason          string    `json:"reason,omitempty"`
	AssetIDs        []int32   `json:"assetIds"`
	OrganizerID     string    `json:"organizerID"`
	Start           time.Time `json:"start"`
	End             time.Time `json:"end"`
	Cancelled       bool      `json:"cancelled"`
}

// Actions in a history.
const (
	actionCreated   = "created"
	actionUpdated   = "updated"
	actionUnchanged = "unchanged"
	actionCancelled = "cancelled"
)

// Record is everything known about a booking.
type Record struct {
	ID              int32     `json:"id"`
	GroupID         int32     `json:"groupID"`
	AssetIDs        []int32   `json:"assetIds"`
	OrganizerID     string    `json:"organizerID"`
	Start           time.Time `json:"start"`
	End             time.Time `json:"end"`
	Cancelled       bool      `json:"cancelled"`
	Reason          string    `json:"reason,omitempty"`
	ClientReference string    `json:"clientReference,omitempty"`
	Created         time.Time `json:"created"`
	Updated         time.Time `json:"updated"`
	History         []Change  `json:"history"`
}

func (b *booking) overlaps(assets []int32, start, end time.Time) bool {
	return !b.cancelled && b.start.Before(end) && b.end.After(start) && sharesAsset(b.assets, assets)
}

func sharesAsset(a, b []int32) bool {
	return slices.ContainsFunc(a, func(id int32) bool { return slices.Contains(b, id) })
}

func (b *booking) same(i intent) bool {
	return !b.cancelled && b.organizer == i.organizer && b.start.Equal(i.start) && b.end.Equal(i.end) &&
		slices.Equal(slices.Sorted(slices.Values(b.assets)), slices.Sorted(slices.Values(i.assets)))
}

func (b *booking) record(now time.Time, action, reference, reason string) {
	b.updated = now
	b.history = append(b.history, Change{
		Time: now, Action: action, ClientReference: reference, Reason: reason,
		AssetIDs: slices.Clone(b.assets), OrganizerID: b.organizer, Start: b.start, End: b.end, Cancelled: b.cancelled,
	})
}

// Bookings returns all bookings by id, also cancelled ones.
func (s *Server) Bookings() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Record, 0, len(s.bookings))
	for _, b := range s.sortedLocked() {
		out = append(out, Record{
			ID: b.id, GroupID: b.group, AssetIDs: slices.Clone(b.assets), OrganizerID: b.organizer,
			Start: b.start, End: b.end, Cancelled: b.cancelled, Reason: b.reason,
			ClientReference: b.reference, Created: b.created, Updated: b.updated, History: slices.Clone(b.history),
		})
	}
	return out
}

func (s *Server) sortedLocked() []*booking {
	return slices.SortedFunc(maps.Values(s.bookings), func(a, b *booking) int { return cmp.Compare(a.id, b.id) })
}
