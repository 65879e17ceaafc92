package booking

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Cancel cancels one booking; others of its group should stay, which is worth a
// look with [Client.Get]. A booking that does not exist counts as cancelled.
func (c *Client) Cancel(ctx context.Context, id ID, reason Reason) error {
	r := request{
		operation: "cancel",
		method:    http.MethodDelete,
		path:      bookingPath(id),
		query:     url.Values{"clientReference": {c.reference}, "reason": {string(reason)}},
	}
	if id <= 0 {
		return &Error{Operation: r.operation, Class: Bug, Message: "no booking id"}
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	if a.ok() {
		return nil
	}
	failure := c.failure(r, a)
	if failure.Class == NotFound {
		return nil
	}
	return failure
}

// Get reads one booking. It is false when the Booking app does not know the
// booking, which is how most versions answer for a cancelled one; others answer
// with Cancelled set. Both mean that it is not active.
func (c *Client) Get(ctx context.Context, id ID) (Booking, bool, error) {
	r := request{operation: "get", method: http.MethodGet, path: bookingPath(id)}
	if id <= 0 {
		return Booking{}, false, &Error{Operation: r.operation, Class: Bug, Message: "no booking id"}
	}
	a, err := c.read(ctx, r)
	if err != nil {
		var failure *Error
		if errors.As(err, &failure) && failure.Class == NotFound {
			return Booking{}, false, nil
		}
		return Booking{}, false, err
	}
	booking, err := decodeBooking(a.body, 0)
	if err != nil {
		return Booking{}, false, unreadable(r, a, err)
	}
	if booking.ID == 0 {
		booking.ID = id
	}
	if booking.ID != id {
		return Booking{}, false, unreadable(r, a, errors.New("answer is about another booking"))
	}
	return booking, true, nil
}

// List reads the active bookings of one asset that overlap the range; those
// that only touch it are included. Their order means nothing. A booking of which
// nothing but the id can be read has no times.
func (c *Client) List(ctx context.Context, asset AssetID, from, to time.Time) ([]Booking, error) {
	r := request{
		operation: "list",
		method:    http.MethodGet,
		path:      "bookings",
		query: url.Values{
			"start":   {timestamp(from)},
			"end":     {timestamp(to)},
			"assetId": {strconv.FormatInt(int64(asset), 10)},
		},
	}
	a, err := c.read(ctx, r)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNoContent {
		return []Booking{}, nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(a.body, &elements); err != nil { // null is an empty list
		return nil, unreadable(r, a, decodeProblem("list", err))
	}
	bookings := make([]Booking, 0, len(elements))
	for _, element := range elements {
		booking, err := decodeBooking(element, 0)
		if err != nil {
			// It is there, that much can be told, and the others have nothing to do
			// with it.
			booking = Booking{ID: idOf(element), Assets: []AssetID{asset}}
			c.log.WarnContext(ctx, "unreadable booking in a list of the booking app", "booking", booking.ID, "error", err)
		}
		if booking.ID == 0 {
			return nil, unreadable(r, a, errors.New("booking without an id"))
		}
		bookings = append(bookings, booking)
	}
	return bookings, nil
}

// read sends a GET and insists on a complete 2xx answer.
func (c *Client) read(ctx context.Context, r request) (answer, error) {
	a, err := c.do(ctx, r)
	if err != nil {
		return answer{}, err
	}
	if !a.ok() {
		return answer{}, c.failure(r, a)
	}
	if a.readErr != nil {
		return answer{}, unreadable(r, a, a.readErr)
	}
	return a, nil
}

// unreadable reports a 2xx answer to a reading request that makes no sense. It
// is worth another try: a proxy page or a cut connection look like this too.
func unreadable(r request, a answer, cause error) *Error {
	return &Error{
		Operation: r.operation, Status: a.status, Class: Transient,
		Message: "answer cannot be read", cause: cause,
	}
}

func bookingPath(id ID) string { return "bookings/" + strconv.FormatInt(int64(id), 10) }
