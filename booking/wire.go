package booking

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// groupRequestBody and occurrenceBody hold exactly the keys that servers know:
// newer ones refuse any other key.
type groupRequestBody struct {
	GroupID     GroupID          `json:"groupID,omitempty"`
	Occurrences []occurrenceBody `json:"occurrences"`
}

type occurrenceBody struct {
	BookingID   ID        `json:"bookingID"`
	AssetIDs    []AssetID `json:"assetIds"`
	OrganizerID string    `json:"organizerID"`
	Start       string    `json:"start"`
	End         string    `json:"end"`
	Cancelled   bool      `json:"cancelled"`
}

// subscribeBody is the first message on a WebSocket. Mind the spelling of its
// key: assetIDs here, assetIds everywhere else.
type subscribeBody struct {
	AssetIDs        []AssetID `json:"assetIDs"`
	ClientReference string    `json:"clientReference"`
}

// bookingBody reads a booking from answers and pushed messages. encoding/json
// ignores the case of keys, so ID, id, assetIds and assetIDs are all read.
type bookingBody struct {
	ID          ID        `json:"id"`
	BookingID   ID        `json:"bookingID"`
	GroupID     GroupID   `json:"groupID"`
	AssetIDs    []AssetID `json:"assetIds"`
	OrganizerID string    `json:"organizerID"`
	Start       instant   `json:"start"`
	End         instant   `json:"end"`
	Cancelled   bool      `json:"cancelled"`
}

type groupBody struct {
	ID       GroupID           `json:"id"`
	GroupID  GroupID           `json:"groupID"`
	Bookings []json.RawMessage `json:"bookings"`
}

// instant is a time in any offset and with any fraction; null, an empty string
// and the zero time are no time.
type instant struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (i *instant) UnmarshalJSON(data []byte) error {
	i.Time = time.Time{}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errors.New("time is not a string")
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return errors.New("time is not RFC 3339")
	}
	if !parsed.IsZero() {
		i.Time = parsed.UTC()
	}
	return nil
}

// timestamp writes an instant as clients of the Booking app do: UTC, seconds.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (b bookingBody) booking(group GroupID) Booking {
	return Booking{
		ID:        firstPositive(b.ID, b.BookingID),
		Group:     firstPositive(b.GroupID, group),
		Assets:    assetSet(b.AssetIDs),
		Organizer: oneLine(b.OrganizerID),
		Start:     b.Start.Time,
		End:       b.End.Time,
		Cancelled: b.Cancelled,
	}
}

// decodeBooking reads one booking. The error never repeats content.
func decodeBooking(data []byte, group GroupID) (Booking, error) {
	if trimmed := bytes.TrimSpace(data); len(trimmed) == 0 || trimmed[0] != '{' {
		return Booking{}, errors.New("booking is not an object")
	}
	var body bookingBody
	if err := json.Unmarshal(data, &body); err != nil {
		return Booking{}, decodeProblem("booking", err)
	}
	return body.booking(group), nil
}

// idOf reads the id of a booking that cannot be read as a whole, 0 if it has
// none.
func idOf(data []byte) ID {
	var body struct{ ID, BookingID json.RawMessage }
	if json.Unmarshal(data, &body) != nil {
		return 0
	}
	for _, raw := range []json.RawMessage{body.ID, body.BookingID} {
		var id ID
		if json.Unmarshal(raw, &id) == nil && id > 0 {
			return id
		}
	}
	return 0
}

// decodeGroup reads a group from an answer or a pushed message. Bookings that
// cannot be read are left out and counted.
func decodeGroup(data []byte) (group Group, unreadable int, err error) {
	if trimmed := bytes.TrimSpace(data); len(trimmed) == 0 || trimmed[0] != '{' {
		return Group{}, 0, errors.New("group is not an object")
	}
	var body groupBody
	if err := json.Unmarshal(data, &body); err != nil {
		return Group{}, 0, decodeProblem("group", err)
	}
	group.ID = firstPositive(body.ID, body.GroupID)
	for _, raw := range body.Bookings {
		booking, err := decodeBooking(raw, group.ID)
		if err != nil {
			unreadable++
			continue
		}
		group.Bookings = append(group.Bookings, booking)
	}
	return group, unreadable, nil
}

// decodeProblem says where decoding stopped without repeating what was there.
func decodeProblem(what string, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%s is not valid JSON at byte %d", what, syntax.Offset)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s has a JSON %s in field %q", what, strings.Fields(kind.Value)[0], kind.Field)
	}
	return fmt.Errorf("%s cannot be read", what)
}

// oneLine takes away what no name or address contains and no database stores.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text))
}

// assetSet sorts, removes duplicates and drops what is no number of an asset.
// It is never nil.
func assetSet(assets []AssetID) []AssetID {
	set := make([]AssetID, 0, len(assets))
	for _, asset := range assets {
		if asset > 0 {
			set = append(set, asset)
		}
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// firstPositive returns the first number that is one: ids begin at 1.
func firstPositive[T ~int32](values ...T) T {
	for _, value := range values {
		if value > 0 {
			return value
		}
	}
	return 0
}
