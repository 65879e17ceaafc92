package eliona

import (
	"io"
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

func plain(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

// FuzzAnswers: whatever Eliona answers, a call ends with plausible values, or
// with an error that fits into one line of a log.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`[{"id":17,"projectId":"10","globalAssetIdentifier":"ews_room_a@example.com","assetType":"ews_room","name":"Lake"}]`,
		`{"id":17,"globalAssetIdentifier":"ews_room_a@example.com"}`, `[{"id":-1,"projectId":"10","globalAssetIdentifier":"ews_room_a@example.com","assetType":"ews_room"}]`,
		`{"id":"receipt"}`, `{"id":4711}`, `{"id":1e300}`, `{"registered":null}`, `{"applied":true,"x":1}`, `null`, `[]`, `"no"`, `[null]`, `{`, "\xff", `<html>`,
	} {
		for operation := range uint8(6) {
			f.Add(operation, uint16(0), body)
			f.Add(operation, uint16(204), body)
		}
	}
	f.Fuzz(func(t *testing.T, operation uint8, status uint16, body string) {
		client, err := New(Options{
			Endpoint: "http://api-v2:3000/v2", Token: "top-secret",
			HTTPClient: &http.Client{Transport: canned{status: 200 + int(status)%400, body: body}},
		})
		require.NoError(t, err)
		ctx := t.Context()
		switch operation % 6 {
		case 0:
			var results []RoomResult
			results, err = client.EnsureRooms(ctx, "10", []Room{{Address: "a@example.com"}, {Address: "b@example.com"}})
			for _, r := range results {
				if r.AssetID <= 0 || !strings.EqualFold(string(r.GAI[:9]), "ews_room_") || !plain(string(r.GAI)) {
					t.Fatalf("%+v", results)
				}
			}
		case 1:
			_, err = client.AssetExists(ctx, 17)
		case 2:
			err = client.WriteData(ctx, RoomBookable(17))
		case 3:
			var receipt string
			receipt, err = client.Notify(ctx, "42", "10", RoomsAddedMessage(1))
			if len(receipt) > maxReceipt || !plain(receipt) {
				t.Fatalf("%q", receipt)
			}
		case 4:
			_, err = client.appMark(ctx, "ews")
		case 5:
			_, err = client.patchMark(ctx, "ews", "010000")
		}
		if err == nil {
			return
		}
		var failure *Error
		require.ErrorAs(t, err, &failure)
		text := failure.Error()
		if len(text) > 4*maxMessage+1000 || !plain(text) || strings.Contains(text, "top-secret") || failure.RetryAfter < 0 || failure.RetryAfter > maxRetryAfter {
			t.Fatalf("%q %v", text, failure.RetryAfter)
		}
	})
}

func TestAnswersAreLimited(t *testing.T) {
	a := newAPI(t, says(http.StatusOK, `[`+strings.Repeat(" ", 1000)+`]`))
	client, err := New(Options{Endpoint: a.URL + "/v2", Token: token, MaxBodyBytes: 1000})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	_, err = client.Assets(t.Context(), "10", RoomType)
	require.ErrorContains(t, err, "longer than 1000 bytes")
	require.True(t, hasClass(err, Transient))
	require.ErrorContains(t, client.WriteData(t.Context(), RoomBookable(17)), "longer than 1000 bytes")
}
