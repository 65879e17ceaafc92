package bookingsim

import (
	"fmt"
	"slices"
)

// Switches choose between behaviours that the real app might show. They may
// be changed at run time.
type Switches struct {
	// PushContent: "full-group" pushes the whole group after any change in
	// it, also what was cancelled earlier; "changed-only" what changed.
	PushContent string `json:"pushContent"`
	// PushIDKey is the spelling of a booking's id in pushed messages: "ID" or "id".
	PushIDKey string `json:"pushIDKey"`
	// DuplicatesPerAsset pushes once for each watched asset concerned.
	DuplicatesPerAsset bool `json:"duplicatesPerAsset"`
	// EchoSuppression keeps a change from subscriptions that announced the
	// client reference it was made with.
	EchoSuppression bool `json:"echoSuppression"`
	// ReplayOnSubscribe pushes the active groups of newly announced assets.
	ReplayOnSubscribe bool `json:"replayOnSubscribe"`
	// OverlapPolicy: "accept", or the status that refuses overlaps: "409", "422".
	OverlapPolicy string `json:"overlapPolicy"`
	// CancelledValidation: "lenient" looks at nothing but the id of a
	// cancelled occurrence; "strict" validates it like any other.
	CancelledValidation string `json:"cancelledValidation"`
	// UpdateCancelled: what an update of a cancelled booking does: "404" or "revive".
	UpdateCancelled string `json:"updateCancelled"`
	// GetCancelled is the status for reading a cancelled booking: 404, or 200
	// with a flag.
	GetCancelled int `json:"getCancelled"`
	// DeleteStatus is the status of a successful DELETE: 204 or 200.
	DeleteStatus int `json:"deleteStatus"`
	// EmptyList is the body of a list without elements: "null" or "[]".
	EmptyList string `json:"emptyList"`
	// ResponseOrder of groups and lists: "as-sent" or "shuffled".
	ResponseOrder string `json:"responseOrder"`
	// CreateAnswer is the body after POST /bookings: the "booking" or a "string".
	CreateAnswer string `json:"createAnswer"`
	// ExtendedBooking adds groupID to bookings in HTTP answers.
	ExtendedBooking bool `json:"extendedBooking"`
	// NotifyOrganizer sends an Eliona notification for the reasons conflict
	// and error.
	NotifyOrganizer bool `json:"notifyOrganizer"`
	// OccupancyWriter keeps the attribute occupancy of booked assets.
	OccupancyWriter           bool `json:"occupancyWriter"`
	OccupancyLookAheadMinutes int  `json:"occupancyLookAheadMinutes"`
	// DelayMilliseconds delays every request.
	DelayMilliseconds int `json:"delayMilliseconds"`
}

// Values of switches.
const (
	FullGroup       = "full-group"
	ChangedOnly     = "changed-only"
	OverlapAccept   = "accept"
	Overlap409      = "409"
	Overlap422      = "422"
	Lenient         = "lenient"
	Strict          = "strict"
	UpdateRefused   = "404"
	UpdateRevives   = "revive"
	OrderAsSent     = "as-sent"
	OrderShuffled   = "shuffled"
	AnswerBooking   = "booking"
	AnswerString    = "string"
	EmptyListNull   = "null"
	EmptyListArray  = "[]"
	PushIDUpperCase = "ID"
	PushIDLowerCase = "id"
)

// DefaultSwitches returns the switches a simulator starts with.
func DefaultSwitches() Switches {
	return Switches{
		PushContent:               FullGroup,
		PushIDKey:                 PushIDUpperCase,
		EchoSuppression:           true,
		OverlapPolicy:             OverlapAccept,
		CancelledValidation:       Lenient,
		UpdateCancelled:           UpdateRefused,
		GetCancelled:              404,
		DeleteStatus:              204,
		EmptyList:                 EmptyListNull,
		ResponseOrder:             OrderAsSent,
		CreateAnswer:              AnswerBooking,
		NotifyOrganizer:           true,
		OccupancyWriter:           true,
		OccupancyLookAheadMinutes: 30,
	}
}

// Validate tells which switch has a value that does not exist.
func (s Switches) Validate() error {
	for _, choice := range []struct {
		name    string
		value   any
		allowed []any
	}{
		{"pushContent", s.PushContent, []any{FullGroup, ChangedOnly}},
		{"pushIDKey", s.PushIDKey, []any{PushIDUpperCase, PushIDLowerCase}},
		{"overlapPolicy", s.OverlapPolicy, []any{OverlapAccept, Overlap409, Overlap422}},
		{"cancelledValidation", s.CancelledValidation, []any{Lenient, Strict}},
		{"updateCancelled", s.UpdateCancelled, []any{UpdateRefused, UpdateRevives}},
		{"getCancelled", s.GetCancelled, []any{404, 200}},
		{"deleteStatus", s.DeleteStatus, []any{204, 200}},
		{"emptyList", s.EmptyList, []any{EmptyListNull, EmptyListArray}},
		{"responseOrder", s.ResponseOrder, []any{OrderAsSent, OrderShuffled}},
		{"createAnswer", s.CreateAnswer, []any{AnswerBooking, AnswerString}},
	} {
		if !slices.Contains(choice.allowed, choice.value) {
			return fmt.Errorf("%s: %v is not one of %v", choice.name, choice.value, choice.allowed)
		}
	}
	if s.OccupancyLookAheadMinutes < 0 {
		return fmt.Errorf("occupancyLookAheadMinutes: %d is negative", s.OccupancyLookAheadMinutes)
	}
	if s.DelayMilliseconds < 0 {
		return fmt.Errorf("delayMilliseconds: %d is negative", s.DelayMilliseconds)
	}
	return nil
}
