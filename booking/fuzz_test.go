package booking

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// canned is a network that answers every request alike.
type canned struct {
	status int
	body   string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: c.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {c.body}},
		Body:   io.NopCloser(strings.NewReader(c.body)),
	}, nil
}

// plain tells whether a text can be stored and shown anywhere.
func plain(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

func requirePlausible(t *testing.T, b Booking) {
	t.Helper()
	if b.ID < 0 || b.Group < 0 || b.Assets == nil || len(b.Assets) > 0 && b.Assets[0] <= 0 || !plain(b.Organizer) {
		t.Fatalf("%+v", b)
	}
}

// FuzzAnswers: whatever the Booking app answers, a call ends with plausible
// values, or with an error that fits into one line of a log.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"id":17,"bookings":[{"id":201,"assetIds":[502],"start":"2025-03-03T09:00:00Z","end":"2025-03-03T10:00:00Z","organizerID":"ann@corp.test"}]}`,
		`[{"id":201,"assetIds":[502],"start":"2025-03-03T09:00:00Z","end":"2025-03-03T10:00:00Z"},{"id":202,"start":7}]`,
		`[{"id":-1,"groupID":-2,"assetIds":[-3,0,2147483647],"organizerID":"a\u0000b\n","cancelled":true}]`,
		`null`, `""`, `"Booking created successfully"`, `{"bookings":[null,1,{"id":null}]}`, `[{"id":99999999999}]`, `[[[[`, `<html>`, "\xff",
		`{"id":1,"ID":2,"bookings":[{"ID":3,"id":4,"bookingID":5},{"id":3},{"id":3}]}`,
	} {
		for operation := range uint8(4) {
			f.Add(operation, uint16(200), body)
			f.Add(operation, uint16(404), body)
		}
	}
	f.Fuzz(func(t *testing.T, operation uint8, status uint16, body string) {
		client, err := New(Options{
			BaseURL: "http://booking:3000/v1", Logger: slog.New(slog.DiscardHandler),
			HTTPClient: &http.Client{Transport: canned{status: 200 + int(status)%400, body: body}},
		})
		require.NoError(t, err)
		switch operation % 4 {
		case 0:
			var result GroupResult
			result, err = client.UpsertGroup(t.Context(), series(week(3)...))
			for _, id := range result.IDs {
				if id < 0 || err == nil && id == 0 {
					t.Fatalf("%+v", result)
				}
			}
		case 1:
			var list []Booking
			list, err = client.List(t.Context(), 502, at("2025-03-03T00:00:00Z"), at("2025-03-04T00:00:00Z"))
			for _, b := range list {
				requirePlausible(t, b)
				if b.ID == 0 {
					t.Fatalf("%+v", b)
				}
			}
		case 2:
			var b Booking
			var found bool
			if b, found, err = client.Get(t.Context(), 201); found {
				requirePlausible(t, b)
				if b.ID != 201 {
					t.Fatalf("%+v", b)
				}
			}
		case 3:
			err = client.Cancel(t.Context(), 201, ReasonConflict)
		}
		if err == nil || errors.Is(err, ErrUnmatched) {
			return
		}
		failure := asError(t, err)
		if text := failure.Error(); len(text) > 4*maxMessage+200 || !plain(text) || strings.Contains(failure.Message, "@") || failure.RetryAfter < 0 || failure.RetryAfter > maxRetryAfter {
			t.Fatalf("%q %v", text, failure.RetryAfter)
		}
	})
}

// FuzzMessages: whatever comes over the WebSocket, what is passed on is
// plausible.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"id":17,"bookings":[{"ID":201,"assetIds":[502],"organizerID":"ann@corp.test","start":"2025-03-03T09:00:00Z","end":"2025-03-03T10:00:00Z","cancelled":false}]}`))
	f.Add([]byte(`{"id":17,"bookings":[{"ID":0},{"ID":-5},{"id":1,"organizerID":"\u0000"},7,null,{"start":""}]}`))
	f.Add([]byte(`{"groupID":-1,"bookings":null}`))
	f.Add([]byte("\x00"))
	client, err := New(Options{BaseURL: "http://booking:3000/v1"})
	require.NoError(f, err)
	listening := &listening{Listener: client.NewListener(nil)}
	f.Fuzz(func(t *testing.T, data []byte) {
		group, some := listening.decode(t.Context(), data)
		if some != (len(group.Bookings) > 0) || group.ID < 0 {
			t.Fatalf("%v %+v", some, group)
		}
		for _, b := range group.Bookings {
			requirePlausible(t, b)
			if b.ID == 0 {
				t.Fatalf("%+v", b)
			}
		}
	})
}
