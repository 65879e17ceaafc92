package bookingsim

import (
	"encoding/json"
	"fmt"
	"net/http"
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
	// GroupAnswer is the body after POST /bookings/group: "all" bookings of the
	// request, "missing": none, "shorter": not the last one, "longer": all that
	// the group has, a "string", or "nothing", with the status 204.
	GroupAnswer string `json:"groupAnswer"`
	// WriteStatus is the status of a successful POST: 0 chooses between 201 and
	// 200; 202.
	WriteStatus int `json:"writeStatus"`
	// GroupWrites tells whether there is POST /bookings/group at all.
	GroupWrites bool `json:"groupWrites"`
	// MaxOccurrences of one write; one with more times out. 0 means no limit.
	MaxOccurrences int `json:"maxOccurrences"`
	// DeleteScope is what DELETE cancels: the "booking", or its whole "group".
	DeleteScope string `json:"deleteScope"`
	// TimeFormat of answers and messages: "utc", with an "offset", or with
	// "fractions" of a second.
	TimeFormat string `json:"timeFormat"`
	// IdleSeconds is how long a subscription may be without a ping or a message
	// of the subscriber before it is cut; 0 means for ever.
	IdleSeconds int `json:"idleSeconds"`
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
	GroupAll        = "all"
	GroupMissing    = "missing"
	GroupShorter    = "shorter"
	GroupLonger     = "longer"
	GroupString     = "string"
	GroupNothing    = "nothing"
	DeleteBooking   = "booking"
	DeleteGroup     = "group"
	TimeUTC         = "utc"
	TimeOffset      = "offset"
	TimeFractions   = "fractions"
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
		GroupAnswer:               GroupAll,
		GroupWrites:               true,
		DeleteScope:               DeleteBooking,
		TimeFormat:                TimeUTC,
		NotifyOrganizer:           true,
		OccupancyWriter:           true,
		OccupancyLookAheadMinutes: 30,
	}
}

// Choice is a switch with its positions, the default first.
type Choice struct {
	Name      string
	Positions []any
}

// Choices lists the switches between behaviours, with every position. Numbers
// that may be anything are listed with one that matters.
func Choices() []Choice {
	return []Choice{
		{"pushContent", []any{FullGroup, ChangedOnly}},
		{"pushIDKey", []any{PushIDUpperCase, PushIDLowerCase}},
		{"duplicatesPerAsset", []any{false, true}},
		{"echoSuppression", []any{true, false}},
		{"replayOnSubscribe", []any{false, true}},
		{"overlapPolicy", []any{OverlapAccept, Overlap409, Overlap422}},
		{"cancelledValidation", []any{Lenient, Strict}},
		{"updateCancelled", []any{UpdateRefused, UpdateRevives}},
		{"getCancelled", []any{404, 200}},
		{"deleteStatus", []any{204, 200}},
		{"deleteScope", []any{DeleteBooking, DeleteGroup}},
		{"emptyList", []any{EmptyListNull, EmptyListArray}},
		{"responseOrder", []any{OrderAsSent, OrderShuffled}},
		{"createAnswer", []any{AnswerBooking, AnswerString}},
		{"groupAnswer", []any{GroupAll, GroupMissing, GroupShorter, GroupLonger, GroupString, GroupNothing}},
		{"writeStatus", []any{0, http.StatusAccepted}},
		{"groupWrites", []any{true, false}},
		{"maxOccurrences", []any{0, 100}},
		{"timeFormat", []any{TimeUTC, TimeOffset, TimeFractions}},
		{"idleSeconds", []any{0, 2}},
		{"extendedBooking", []any{false, true}},
		{"notifyOrganizer", []any{true, false}},
		{"occupancyWriter", []any{true, false}},
		{"occupancyLookAheadMinutes", []any{30, 0}},
		{"delayMilliseconds", []any{0, 300}},
	}
}

// Validate tells which switch has a value that does not exist.
func (s Switches) Validate() error {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the switches: %w", err)
	}
	var values map[string]any
	if err := json.Unmarshal(raw, &values); err != nil {
		return fmt.Errorf("decoding the switches: %w", err)
	}
	for _, choice := range Choices() {
		value := values[choice.Name]
		if number, ok := value.(float64); ok {
			if slices.Contains(anyNumber, choice.Name) {
				if number < 0 {
					return fmt.Errorf("%s: %v is negative", choice.Name, number)
				}
				continue
			}
			value = int(number)
		}
		if !slices.Contains(choice.Positions, value) {
			return fmt.Errorf("%s: %v is not one of %v", choice.Name, value, choice.Positions)
		}
	}
	return nil
}

// anyNumber are the switches that take any number that is not negative.
var anyNumber = []string{"maxOccurrences", "idleSeconds", "occupancyLookAheadMinutes", "delayMilliseconds"}
