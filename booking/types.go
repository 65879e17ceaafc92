package booking

import "time"

// ID identifies one booking (one occurrence) in one Booking app. It lives as
// long as the installation; 0 means "none yet".
type ID int32

// GroupID identifies a group of bookings: an event, a series or an event with
// several rooms. It is never a booking id; 0 means "none yet" or "not told".
type GroupID int32

// AssetID identifies an asset in one Eliona installation.
type AssetID int32

// Reason tells the Booking app why a booking is cancelled. For conflict and
// error it informs the person who booked.
type Reason string

// The reasons that the Booking app knows.
const (
	ReasonCancelled Reason = "cancelled"
	ReasonConflict  Reason = "conflict"
	ReasonError     Reason = "error"
)

// Booking is what the Booking app says about one booking.
type Booking struct {
	ID    ID
	Group GroupID // 0 when the answer does not tell it
	// Assets are the booked assets, ascending and without duplicates.
	Assets []AssetID
	// Organizer is a mail address, empty for ad-hoc bookings, and may be
	// anything else that Eliona uses to name a person.
	Organizer  string
	Start, End time.Time // UTC
	Cancelled  bool
}

// Group is a pushed change. Bookings may be the whole group or only what
// changed, and may repeat what is known: compare, never count.
type Group struct {
	ID       GroupID
	Bookings []Booking
}

// Occurrence is one booking to write.
type Occurrence struct {
	ID         ID // 0 creates a booking
	Assets     []AssetID
	Start, End time.Time
	// Cancelled cancels the booking ID. Assets, Start and End should hold the
	// last known values: some servers validate them even then.
	Cancelled bool
}

// GroupRequest creates a group (Group is 0) or changes one. Occurrences that
// are not mentioned stay as they are.
type GroupRequest struct {
	Group GroupID
	// Organizer is a mail address, the same for the whole group, never empty.
	Organizer   string
	Occurrences []Occurrence
}

// GroupResult tells what is certain after a write, also beside an error.
type GroupResult struct {
	Group GroupID // 0 when the answer did not tell it
	// IDs holds the booking id per index of GroupRequest.Occurrences; 0 means
	// not known.
	IDs []ID
	// Acknowledged is the number of leading occurrences that the Booking app has
	// accepted. Large groups are sent in several requests, so an error may leave
	// a part of them done.
	Acknowledged int
}
