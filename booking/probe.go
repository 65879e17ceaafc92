package booking

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/coder/websocket"
)

// Reach tells whether the API of the Booking app answers. It asks for a list
// without saying of what, which the app refuses and nobody else does.
func (c *Client) Reach(ctx context.Context) error {
	r := request{operation: "reach", method: http.MethodGet, path: "bookings"}
	a, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case a.status == http.StatusBadRequest, a.status == http.StatusUnprocessableEntity:
		if !notTheApp(a) {
			return nil
		}
	case a.ok():
		if json.Valid(a.body) || len(a.body) == 0 {
			return nil
		}
	case classOf(a.status) == Transient:
		return c.failure(r, a)
	}
	return &Error{Operation: r.operation, Status: a.status, Class: Bug, Message: "the address does not lead to the Booking app's API"}
}

// Groups tells whether the Booking app knows groups of bookings; one that does
// not fails with TooOld. It presumes that Reach succeeded.
func (c *Client) Groups(ctx context.Context) error {
	r := request{operation: upsertGroup, method: http.MethodPost, path: groupPath, query: url.Values{"clientReference": {c.reference}}}
	a, err := c.askPath(ctx, r)
	switch {
	case err != nil:
		return err
	case classOf(a.status) == Transient:
		return undecided(c.failure(r, a))
	case unknownPath(a):
		return tooOld(r, a.status)
	}
	return nil
}

// askPath asks whether a path exists, by a body that is no JSON: it has no
// effect anywhere. A server that knows the path refuses the body, one that does
// not know it refuses the path.
func (c *Client) askPath(ctx context.Context, r request) (answer, error) {
	return c.do(ctx, request{operation: r.operation, method: r.method, path: r.path, query: r.query, body: []byte("{")})
}

func unknownPath(a answer) bool {
	return a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed
}

func tooOld(r request, status int) *Error {
	return &Error{
		Operation: r.operation, Status: status, Class: TooOld,
		Message: "this Booking app is too old: it has no groups of bookings",
	}
}

// TryListening opens the WebSocket on which the Booking app tells of changes,
// and closes it again without announcing any asset.
func (c *Client) TryListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	//nolint:bodyclose // Dial closes the body itself
	conn, response, err := websocket.Dial(ctx, c.socketURL(), &websocket.DialOptions{HTTPClient: c.http})
	if err != nil {
		return c.dialFailure(response, err)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "") // it was open: that is all
	return nil
}
