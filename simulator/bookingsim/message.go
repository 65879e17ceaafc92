package bookingsim

import (
	"time"
)

// bookingAnswer is a booking in HTTP answers. Zero values are left out.
type bookingAnswer struct {
	ID            int32   `json:"id,omitempty"`
	AssetIDs      []int32 `json:"assetIds,omitempty"`
	Start         instant `json:"start"`
	End           instant `json:"end"`
	OrganizerID   string  `json:"organizerID,omitempty"`
	OrganizerName string  `json:"organizerName,omitempty"`
	GroupID       int32   `json:"groupID,omitempty"`
	Cancelled     bool    `json:"cancelled,omitempty"`
}

type groupAnswer struct {
	ID       int32           `json:"id"`
	Bookings []bookingAnswer `json:"bookings"`
}

// instant is a time as the switch TimeFormat wants it.
type instant string

// elsewhere is far from UTC, by more than whole hours.
var elsewhere = time.FixedZone("", 5*3600+45*60)

func (s Switches) instant(t time.Time) instant {
	switch s.TimeFormat {
	case TimeOffset:
		return instant(t.In(elsewhere).Format(time.RFC3339))
	case TimeFractions:
		return instant(t.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	}
	return instant(t.UTC().Format(time.RFC3339))
}

type createRequest struct {
	AssetIDs    []int32   `json:"assetIds"`
	OrganizerID string    `json:"organizerID"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
	BookingID   int32     `json:"bookingID"`
}

type groupRequest struct {
	GroupID     int32               `json:"groupID"`
	Occurrences []occurrenceRequest `json:"occurrences"`
}

type occurrenceRequest struct {
	BookingID   int32     `json:"bookingID"`
	AssetIDs    []int32   `json:"assetIds"`
	OrganizerID string    `json:"organizerID"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
	Cancelled   bool      `json:"cancelled"`
}

// subscribeRequest is the message a subscriber sends. Mind the spelling of
// assetIDs, which is another one everywhere else.
type subscribeRequest struct {
	AssetIDs        []int32 `json:"assetIDs"`
	ClientReference string  `json:"clientReference"`
}

type pushedGroup struct {
	ID       int32 `json:"id,omitempty"`
	Bookings []any `json:"bookings"` // pushedBooking or pushedBookingLower
}

type pushedBooking struct {
	ID          int32   `json:"ID"`
	AssetIDs    []int32 `json:"assetIds"`
	OrganizerID string  `json:"organizerID"`
	Start       instant `json:"start"`
	End         instant `json:"end"`
	Cancelled   bool    `json:"cancelled"`
}

// pushedBookingLower differs in the spelling of the id only.
type pushedBookingLower struct {
	ID          int32   `json:"id"`
	AssetIDs    []int32 `json:"assetIds"`
	OrganizerID string  `json:"organizerID"`
	Start       instant `json:"start"`
	End         instant `json:"end"`
	Cancelled   bool    `json:"cancelled"`
}

type guestRequest struct {
	NotificationRecipient string `json:"notificationRecipient"`
	MessageEn             string `json:"messageEn"`
	MessageDe             string `json:"messageDe"`
	MessageFr             string `json:"messageFr"`
	MessageIt             string `json:"messageIt"`
}

// Config is the configuration of the Booking app, in both spellings of its
// minutes. The simulator stores it; nothing acts on it.
type Config struct {
	DayStartHours         int    `json:"dayStartHours,omitempty"`
	DayStartMins          int    `json:"dayStartMins,omitempty"`
	DayStartMinutes       int    `json:"dayStartMinutes,omitempty"`
	MiddayStartHours      int    `json:"middayStartHours,omitempty"`
	MiddayStartMinutes    int    `json:"middayStartMinutes,omitempty"`
	MiddayEndHours        int    `json:"middayEndHours,omitempty"`
	MiddayEndMinutes      int    `json:"middayEndMinutes,omitempty"`
	DayEndHours           int    `json:"dayEndHours,omitempty"`
	DayEndMins            int    `json:"dayEndMins,omitempty"`
	DayEndMinutes         int    `json:"dayEndMinutes,omitempty"`
	NoShowMins            int    `json:"noShowMins,omitempty"`
	AdHocBookAfterMins    int    `json:"adHocBookAfterMins,omitempty"`
	AdHocBookForMins      int    `json:"adHocBookForMins,omitempty"`
	PresenceAttributeName string `json:"presenceAttributeName,omitempty"`
}

func defaultConfig() Config {
	return Config{
		DayStartHours: 8, MiddayStartHours: 12, MiddayEndHours: 13, DayEndHours: 17,
		NoShowMins: 15, AdHocBookAfterMins: 15, AdHocBookForMins: 30, PresenceAttributeName: "presence",
	}
}
