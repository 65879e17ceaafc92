package bookingsim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ownReference is the client reference of what the Booking app writes to
// Eliona.
const ownReference = "booking-app"

// elionaTimeout bounds one call to Eliona.
const elionaTimeout = 10 * time.Second

// elionaClient writes to the Eliona API.
type elionaClient struct {
	url   string
	token string
	http  *http.Client
}

func newElionaClient(opts Options) *elionaClient {
	c := &elionaClient{url: strings.TrimSuffix(opts.ElionaURL, "/"), token: opts.ElionaToken, http: opts.Client}
	if c.http == nil {
		c.http = &http.Client{Timeout: elionaTimeout}
	}
	return c
}

func (c *elionaClient) configured() bool { return c.url != "" }

// send makes one call whose answer does not matter beyond its status.
func (c *elionaClient) send(ctx context.Context, method, path string, body any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding the body of %s %s: %w", method, path, err)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("calling %s %s: %w", method, path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-API-Key", c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("calling %s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("calling %s %s: %w", method, path, statusError(response.StatusCode))
	}
	return nil
}

// statusError is an answer of Eliona that is not a success.
type statusError int

func (e statusError) Error() string { return "status " + strconv.Itoa(int(e)) }

// text is a message in the languages of Eliona.
type text struct {
	De string `json:"de,omitempty"`
	En string `json:"en,omitempty"`
	Fr string `json:"fr,omitempty"`
	It string `json:"it,omitempty"`
}

// notice is a notification that waits to be sent.
type notice struct {
	user string
	text text
}

// reasonTexts are the messages for cancellations that the organizer did not
// want; the placeholder is the start of the booking.
func reasonTexts(reason string) (text, bool) {
	switch reason {
	case "conflict":
		return text{
			En: "Your booking on %s could not be made: the room is not available.",
			De: "Ihre Buchung am %s war nicht möglich: Der Raum ist nicht verfügbar.",
		}, true
	case "error":
		return text{
			En: "Your booking on %s could not be made because of a technical problem.",
			De: "Ihre Buchung am %s war wegen eines technischen Problems nicht möglich.",
		}, true
	}
	return text{}, false
}

func (s *Server) noteCancellation(b booking, reason string) {
	texts, ok := reasonTexts(reason)
	if !ok || !s.Switches().NotifyOrganizer {
		return
	}
	when := b.start.UTC().Format("2006-01-02 15:04 MST")
	s.note(notice{user: b.organizer, text: text{En: fmt.Sprintf(texts.En, when), De: fmt.Sprintf(texts.De, when)}})
}

// note queues a notification for Run.
func (s *Server) note(n notice) {
	if n.user == "" || !s.eliona.configured() {
		return
	}
	s.mu.Lock()
	s.notices = append(s.notices, n)
	s.mu.Unlock()
	select {
	case s.noticed <- struct{}{}:
	default:
	}
}

func (s *Server) sendNotices(ctx context.Context) {
	s.mu.Lock()
	notices := s.notices
	s.notices = nil
	s.mu.Unlock()
	for _, n := range notices {
		err := s.eliona.send(ctx, http.MethodPost, "/send-notification", map[string]any{"user": n.user, "message": n.text})
		if err != nil {
			s.opts.Log.Warn("notifying a user", "user", n.user, "error", err)
		}
	}
}

// occupancy is what was last written per asset.
type occupancy map[int32]int

// isRefusal tells whether the same call would fail again.
func isRefusal(err error) bool {
	var status statusError
	return errors.As(err, &status) && status < http.StatusInternalServerError && status != http.StatusTooManyRequests
}

// writeOccupancy writes 1 for assets with a booking now or soon and 0 for
// all others that were ever booked, as far as that is a change.
func (s *Server) writeOccupancy(ctx context.Context, written occupancy) {
	s.mu.Lock()
	on := s.switches.OccupancyWriter && s.eliona.configured()
	now := s.opts.Now()
	soon := now.Add(time.Duration(s.switches.OccupancyLookAheadMinutes) * time.Minute)
	wanted := occupancy{}
	for _, b := range s.bookings {
		for _, asset := range b.assets {
			value := 0
			if !b.cancelled && !b.start.After(soon) && b.end.After(now) {
				value = 1
			}
			wanted[asset] = max(wanted[asset], value)
		}
	}
	s.mu.Unlock()
	if !on {
		return
	}
	for asset, value := range wanted {
		if last, ok := written[asset]; ok && last == value {
			continue
		}
		err := s.eliona.send(ctx, http.MethodPut, "/data", map[string]any{
			"assetId": asset, "subtype": "input", "clientReference": ownReference,
			"data": map[string]int{"occupancy": value},
		})
		if err != nil {
			s.opts.Log.Warn("writing occupancy", "asset", asset, "error", err)
		}
		// An asset that does not exist would fail every second, so a refusal
		// counts as written; anything else is tried again.
		if err == nil || isRefusal(err) {
			written[asset] = value
		}
	}
}
