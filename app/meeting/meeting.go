// Package meeting holds the domain: meetings, their occurrences and rooms, and
// what Exchange and Eliona's Booking app each say of them.
//
// The types are plain values. They know no network and no database, so that
// the planner that decides on them can be tested without either. Everything
// that enters from outside is normalised here, once: addresses are lower
// case, instants are UTC in whole seconds, UIDs name a whole series.
package meeting

import (
	"slices"
	"strings"
	"time"
)

// ConfigID numbers a configuration of this app. It is the database's key.
type ConfigID int64

// RoomID numbers a room mailbox within one configuration; a database key.
type RoomID int64

// ID numbers a meeting; a database key.
type ID int64

// OccurrenceID numbers one occurrence of a meeting; a database key.
type OccurrenceID int64

// UID is the iCalendar identity of a meeting, equal for the organizer and all
// rooms, and the same for every occurrence of a series. The calendar adapter
// normalises it before it gets here.
type UID string

// Key tells the occurrences of one meeting apart: empty for a meeting that
// does not recur, else the original start of the occurrence. Unlike a
// position in the series it survives deletions and changes of the pattern.
type Key string

// KeyOf returns the key of the occurrence that originally started at t.
func KeyOf(t time.Time) Key { return Key(t.UTC().Format(time.RFC3339)) }

// Address is an SMTP address in lower case.
type Address string

// AddressOf normalises an address as it came from outside.
func AddressOf(s string) Address { return Address(strings.ToLower(strings.TrimSpace(s))) }

// Valid tells whether the address can name a mailbox: one "@" with text on
// both sides, a dot-separated domain, and no character that has a meaning in
// headers or markup.
func (a Address) Valid() bool {
	local, domain, ok := strings.Cut(string(a), "@")
	if !ok || local == "" || domain == "" || len(a) > 254 || strings.Contains(domain, "@") {
		return false
	}
	if strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.Contains(domain, "..") {
		return false
	}
	return !strings.ContainsFunc(string(a), func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>"(),:;\[]`, r)
	})
}

// ItemID names an item inside one mailbox; it changes when the item moves.
type ItemID string

// ChangeKey names a version of an item.
type ChangeKey string

// AssetID numbers an Eliona asset.
type AssetID int32

// BookingID numbers a booking of the Booking app, from 1; 0 means none.
type BookingID int32

// GroupID numbers a group of bookings, from 1; 0 means unknown or none.
type GroupID int32

// Tick is a point on the store's logical clock. What was learned by a call
// that began before a later write of ours must not overrule that write.
type Tick int64

// Span is a half-open interval of time.
type Span struct{ Start, End time.Time }

// SpanOf returns the span in UTC and whole seconds.
func SpanOf(start, end time.Time) Span {
	return Span{start.UTC().Truncate(time.Second), end.UTC().Truncate(time.Second)}
}

// Valid tells whether the span ends after it starts.
func (s Span) Valid() bool { return s.End.After(s.Start) }

// Equal compares the instants.
func (s Span) Equal(o Span) bool { return s.Start.Equal(o.Start) && s.End.Equal(o.End) }

// Overlaps tells whether the half-open spans share an instant.
func (s Span) Overlaps(o Span) bool { return s.Start.Before(o.End) && o.Start.Before(s.End) }

// Origin tells on which side a meeting was made.
type Origin string

// The two sides.
const (
	Exchange Origin = "exchange"
	Eliona   Origin = "eliona"
)

// Presence tells how a room's own calendar shows an occurrence.
type Presence string

// A pending item holds the slot while the room, or its delegate, has not
// decided; it is not a booking yet.
const (
	None    Presence = "none"
	Pending Presence = "pending"
	Booked  Presence = "booked"
)

// Answer is what the organizer's copy says a room answered.
type Answer string

// NoAnswer is never taken for Declined.
const (
	NoAnswer  Answer = "none"
	Accepted  Answer = "accepted"
	Tentative Answer = "tentative"
	Declined  Answer = "declined"
)

// CopyState tells what is known of the organizer's copy of an occurrence.
type CopyState string

// A copy is unknown until we made it or looked at it.
const (
	CopyUnknown CopyState = "none"
	CopyLive    CopyState = "live"
	CopyGone    CopyState = "gone"
)

// OrUnknown reads the zero value as CopyUnknown.
func (s CopyState) OrUnknown() CopyState {
	if s == "" {
		return CopyUnknown
	}
	return s
}

// Asker tells whose change the rooms are asked about.
type Asker string

// Nobody means that no answer is outstanding.
const (
	Nobody Asker = ""
	Us     Asker = "us"
	Them   Asker = "them"
)

// Reason is why a booking is cancelled, in the words of the Booking app.
type Reason string

// The reasons the Booking app knows.
const (
	ReasonCancelled Reason = "cancelled"
	ReasonConflict  Reason = "conflict"
	ReasonError     Reason = "error"
)

// Room is a room mailbox with the assets that stand for it, one per project.
type Room struct {
	ID      RoomID
	Address Address
	Name    string
	Assets  []AssetID
	Retired bool // no longer in the room list: neither side of it is touched
}

// Meeting is the unit of work and of order: one UID in one configuration.
type Meeting struct {
	ID          ID
	Config      ConfigID
	UID         UID
	Origin      Origin
	Organizer   Address // empty when unknown, or for an ad-hoc booking
	Private     bool    // who organizes it is nobody's business
	Group       GroupID
	Ref         string  // reference stored with the meeting in Exchange; empty if we did not make it
	CopyMailbox Address // mailbox that holds the organizer's copy; empty if unknown
	CopyItem    ItemID  // a hint: it changes when the copy moves
	Occurrences []*Occurrence
	Legacy      []Legacy // bookings an earlier app knew, until they are linked
}

// Occurrence is one date of a meeting: what each side says, and the base, the
// last state that both sides were proven to share.
type Occurrence struct {
	ID      OccurrenceID
	Key     Key
	Booking BookingID // 0 once the booking was cancelled by us

	BaseLive bool
	Base     Span

	BookingLive bool
	BookingSpan Span
	Assets      []AssetID // as the Booking app has them, those of other apps included
	BookingTick Tick      // of the last write of ours to the booking, or change seen of it

	Copy          CopyState
	CopySpan      Span
	CopyCheckedAt time.Time
	ExchangeTick  Tick // of the last write of ours to Exchange, or look at the organizer's copy

	AskedBy Asker
	AskedAt time.Time

	Refusal     Reason // why Exchange does not take it; empty if it does
	RefusalCode string
	Withdraw    bool // the refused meeting is ours and must not stay in Exchange

	Cells []Cell
}

// Cell is one room of one occurrence.
type Cell struct {
	Room      RoomID
	BaseIn    bool
	Seen      Presence // in the room's own calendar
	SeenSpan  Span
	Sequence  int // of the room's item; higher is newer
	Item      ItemID
	ChangeKey ChangeKey
	Invited   bool // listed in the organizer's copy
	Answer    Answer
	// AnsweredAt and AnsweredAs are the room's line in the organizer's copy as
	// it was last read: its time and its answer. A line that still says the
	// same is no answer to a later change.
	AnsweredAt time.Time
	AnsweredAs Answer
	SeenAt     time.Time // when Seen or SeenSpan last changed, or the entry was made anew
	// Believed asks whoever stores the cell to have the room's calendar read with
	// its next poll, whatever that tells: what was believed of an entry may be gone
	// by then, and the feed tells nothing of one that came and went in between. It
	// is not stored itself.
	Believed bool
	// Reread asks whoever stores the cell to have the room's calendar read
	// anew, whatever its change feed says; it is not stored itself.
	Reread bool
}

// CellOf returns the cell of a room, or nil.
func (o *Occurrence) CellOf(room RoomID) *Cell {
	i := slices.IndexFunc(o.Cells, func(c Cell) bool { return c.Room == room })
	if i < 0 {
		return nil
	}
	return &o.Cells[i]
}

// Occurrence returns the occurrence with this id, or nil.
func (m *Meeting) Occurrence(id OccurrenceID) *Occurrence {
	i := slices.IndexFunc(m.Occurrences, func(o *Occurrence) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return m.Occurrences[i]
}

// Clone returns a copy that shares nothing with the meeting.
func (m *Meeting) Clone() *Meeting {
	c := *m
	c.Legacy = slices.Clone(m.Legacy)
	c.Occurrences = make([]*Occurrence, len(m.Occurrences))
	for i, o := range m.Occurrences {
		copied := *o
		copied.Cells = slices.Clone(o.Cells)
		copied.Assets = slices.Clone(o.Assets)
		c.Occurrences[i] = &copied
	}
	return &c
}
