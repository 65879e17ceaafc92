package booking

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestU12CancellingWhatIsGoneSucceeds(t *testing.T) {
	a := newApp(t, says(http.StatusNotFound, `"booking not found"`))
	require.NoError(t, a.client(t).Cancel(t.Context(), 201, ReasonConflict))
	calls := a.seen()
	require.Len(t, calls, 1)
	require.Equal(t, call{http.MethodDelete, "/v1/bookings/201", "clientReference=ews-app&reason=conflict", ""}, calls[0])
}

func TestU12ARoutersNotFoundIsNotABookingThatIsGone(t *testing.T) {
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	client := a.client(t)
	require.Equal(t, Transient, asError(t, client.Cancel(t.Context(), 201, ReasonCancelled)).Class)
	_, _, err := client.Get(t.Context(), 201)
	require.Equal(t, Transient, asError(t, err).Class)
}

func TestU13AnySuccessCancels(t *testing.T) {
	for _, status := range []int{200, 202, 204} {
		a := newApp(t, says(status, ""))
		require.NoError(t, a.client(t).Cancel(t.Context(), 201, ReasonCancelled))
	}
	a := newApp(t, says(200, ""))
	require.Error(t, a.client(t).Cancel(t.Context(), 0, ReasonCancelled))
	require.Empty(t, a.seen())
}

func TestU14SiblingsCanBeReadAfterACancellation(t *testing.T) {
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		say(w, http.StatusNotFound, `"gone too"`)
	})
	client := a.client(t)
	require.NoError(t, client.Cancel(t.Context(), 201, ReasonCancelled))
	_, found, err := client.Get(t.Context(), 202)
	require.NoError(t, err)
	require.False(t, found)
}

func TestU15BothAnswersForACancelledBooking(t *testing.T) {
	gone := newApp(t, says(http.StatusNotFound, `"not found"`))
	_, found, err := gone.client(t).Get(t.Context(), 201)
	require.NoError(t, err)
	require.False(t, found)

	flagged := newApp(t, says(http.StatusOK, `{"id":201,"groupID":17,"cancelled":true}`))
	booking, found, err := flagged.client(t).Get(t.Context(), 201)
	require.NoError(t, err)
	require.True(t, found)
	require.True(t, booking.Cancelled)
	require.Equal(t, GroupID(17), booking.Group)
}

func TestU03U27BookingsAreReadInAnySpelling(t *testing.T) {
	a := newApp(t, says(http.StatusOK, `{"ID":201,"AssetIDs":[503,502,502],"OrganizerID":" ann@corp.test ",
		"Start":"2025-03-03T10:00:00.5+01:00","end":"2025-03-03T10:00:00Z","organizerName":"Ann","new":{"x":[1]}}`))
	booking, found, err := a.client(t).Get(t.Context(), 201)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, Booking{
		ID: 201, Assets: []AssetID{502, 503}, Organizer: "ann@corp.test",
		Start: at("2025-03-03T09:00:00Z").Add(500 * time.Millisecond).UTC(), End: at("2025-03-03T10:00:00Z").UTC(),
	}, booking)
}

func TestGetRefusesNonsense(t *testing.T) {
	for _, body := range []string{``, `null`, `"text"`, `[]`, `{"id":"x"}`, `{"id":999}`, `{"id":201,"start":7}`, `{"id":201,"start":"noon"}`} {
		a := newApp(t, says(http.StatusOK, body))
		_, _, err := a.client(t).Get(t.Context(), 201)
		require.Equal(t, Transient, asError(t, err).Class, body)
	}
}

func TestU06ANullListIsEmpty(t *testing.T) {
	for _, body := range []string{`null`, `[]`} {
		a := newApp(t, says(http.StatusOK, body))
		bookings, err := a.client(t).List(t.Context(), 502, at("2025-03-03T00:00:00+01:00"), at("2025-03-04T00:00:00Z"))
		require.NoError(t, err)
		require.Empty(t, bookings)
		require.Equal(t, "assetId=502&end=2025-03-04T00%3A00%3A00Z&start=2025-03-02T23%3A00%3A00Z", a.seen()[0].Query)
	}
}

func TestU28BookingsInThePastAreListed(t *testing.T) {
	a := newApp(t, says(http.StatusOK, `[{"id":201,"assetIds":[502],"start":"2001-01-01T00:00:00Z","end":"2001-01-01T01:00:00Z"}]`))
	bookings, err := a.client(t).List(t.Context(), 502, at("2001-01-01T00:00:00Z"), at("2001-01-02T00:00:00Z"))
	require.NoError(t, err)
	require.Len(t, bookings, 1)
	require.Empty(t, bookings[0].Organizer, "an ad-hoc booking has none")
}

// A booking that cannot be read must not hide the others, nor count as gone.
func TestOneBrokenBookingInAList(t *testing.T) {
	a := newApp(t, says(http.StatusOK, `[{"id":201,"start":"yesterday"},{"id":202,"assetIds":[502],"start":"2025-03-03T09:00:00Z","end":"2025-03-03T10:00:00Z"},
		{"bookingID":203,"assetIds":"x"}]`))
	bookings, err := a.client(t).List(t.Context(), 502, at("2025-03-03T00:00:00Z"), at("2025-03-04T00:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, []Booking{
		{ID: 201, Assets: []AssetID{502}},
		{ID: 202, Assets: []AssetID{502}, Start: at("2025-03-03T09:00:00Z"), End: at("2025-03-03T10:00:00Z")},
		{ID: 203, Assets: []AssetID{502}},
	}, bookings)
}

func TestAnswersAreLimited(t *testing.T) {
	a := newApp(t, says(http.StatusOK, `[`+strings.Repeat(" ", 1000)+`]`))
	client := newClient(t, Options{BaseURL: a.URL + "/v1", MaxBodyBytes: 1000})
	_, err := client.List(t.Context(), 502, at("2025-03-03T00:00:00Z"), at("2025-03-04T00:00:00Z"))
	require.ErrorContains(t, err, "longer than 1000 bytes")
	require.Equal(t, Transient, asError(t, err).Class)
	_, _, err = client.Get(t.Context(), 201)
	require.ErrorContains(t, err, "longer than 1000 bytes")
}

func TestAPartialListIsAnError(t *testing.T) {
	for _, body := range []string{``, `{}`, `"text"`, `[{"id":1},`, `[{"id":1},{"id":"x"}]`, `[{"assetIds":[1]}]`} {
		a := newApp(t, says(http.StatusOK, body))
		_, err := a.client(t).List(t.Context(), 502, at("2025-03-03T00:00:00Z"), at("2025-03-04T00:00:00Z"))
		require.Equal(t, Transient, asError(t, err).Class, body)
	}
}
