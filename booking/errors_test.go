package booking

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestU10OverlapsAreRefusedNotRetried(t *testing.T) {
	for _, status := range []int{http.StatusConflict, http.StatusUnprocessableEntity} {
		a := newApp(t, says(status, `"asset 502 is taken by bob@corp.test"`))
		_, err := a.client(t).UpsertGroup(t.Context(), series(week(1)...))
		failure := asError(t, err)
		assert.Equal(t, Refused, failure.Class)
		assert.Equal(t, status, failure.Status)
		assert.False(t, failure.Ambiguous)
		assert.NotContains(t, err.Error(), "bob")
		assert.Len(t, a.seen(), 1)
	}
}

// modern knows the path of groups, but not the ids of the request.
func modern(w http.ResponseWriter, r *http.Request) {
	var body groupRequestBody
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		say(w, http.StatusBadRequest, `"malformed"`)
		return
	}
	say(w, http.StatusNotFound, `"group not found"`)
}

func TestU11AnUnknownGroupIsNotFound(t *testing.T) {
	a := newApp(t, modern)
	_, err := a.client(t).UpsertGroup(t.Context(), GroupRequest{Group: 17, Organizer: "a@b.test", Occurrences: week(1)})
	failure := asError(t, err)
	assert.Equal(t, NotFound, failure.Class)
	assert.Equal(t, "group not found", failure.Message)
	assert.False(t, failure.Ambiguous)
}

func TestU26AnAppWithoutGroupsIsTooOld(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed} {
		for _, body := range []string{"", "404 page not found\n"} {
			a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && r.URL.Path == "/v1/bookings" {
					say(w, http.StatusUnprocessableEntity, `"required field 'start' is zero value."`)
					return
				}
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			})
			_, err := a.client(t).UpsertGroup(t.Context(), series(week(1)...))
			failure := asError(t, err)
			assert.Equal(t, TooOld, failure.Class)
			assert.Contains(t, err.Error(), "too old")
		}
	}
}

func TestU26AnAddressThatLeadsElsewhereIsNotTooOld(t *testing.T) {
	a := newApp(t, says(http.StatusNotFound, ""))
	_, err := a.client(t).UpsertGroup(t.Context(), series(week(1)...))
	assert.Equal(t, Transient, asError(t, err).Class)
}

func TestU26AProbeThatFailsDecidesNothing(t *testing.T) {
	requests := 0
	a := newApp(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests == 1 {
			say(w, http.StatusNotFound, `""`)
			return
		}
		say(w, http.StatusBadGateway, "")
	})
	_, err := a.client(t).UpsertGroup(t.Context(), series(week(1)...))
	failure := asError(t, err)
	assert.Equal(t, Transient, failure.Class)
	assert.False(t, failure.Ambiguous, "the write itself was refused")
}

func TestU24AnAppThatIsDownIsTransient(t *testing.T) {
	a := newApp(t, says(http.StatusOK, ""))
	client := a.client(t)
	a.Close()
	_, err := client.UpsertGroup(t.Context(), series(week(1)...))
	failure := asError(t, err)
	assert.Equal(t, Transient, failure.Class)
	assert.False(t, failure.Ambiguous, "nothing was sent")
	assert.NotContains(t, err.Error(), a.URL)
	assert.Equal(t, Transient, asError(t, client.Cancel(t.Context(), 1, ReasonCancelled)).Class)
}

func TestALostAnswerIsAmbiguous(t *testing.T) {
	a := newApp(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if assert.NoError(t, err) {
			assert.NoError(t, conn.(*net.TCPConn).SetLinger(0))
			_ = conn.Close()
		}
	})
	client := a.client(t)
	_, err := client.UpsertGroup(t.Context(), series(week(1)...))
	assert.True(t, asError(t, err).Ambiguous)
	_, _, err = client.Get(t.Context(), 1)
	failure := asError(t, err)
	assert.Equal(t, Transient, failure.Class)
	assert.False(t, failure.Ambiguous, "reading changes nothing")
}

func TestATimeoutIsTransientAndAmbiguous(t *testing.T) {
	release := make(chan struct{})
	a := newApp(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	client := newClient(t, Options{BaseURL: a.URL, Timeout: 20 * time.Millisecond})
	_, err := client.UpsertGroup(t.Context(), series(week(1)...))
	failure := asError(t, err)
	assert.Equal(t, Transient, failure.Class)
	assert.True(t, failure.Ambiguous)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestStatusesMapToClasses(t *testing.T) {
	for status, want := range map[int]struct {
		class     Class
		ambiguous bool
	}{
		400: {Bug, false}, 401: {Bug, false}, 302: {Bug, false}, 408: {Transient, false},
		409: {Refused, false}, 422: {Refused, false}, 429: {Transient, false},
		500: {Transient, true}, 502: {Transient, true}, 503: {Transient, false}, 504: {Transient, true},
	} {
		a := newApp(t, says(status, `"text"`))
		_, err := a.client(t).UpsertGroup(t.Context(), series(week(1)...))
		failure := asError(t, err)
		assert.Equal(t, want.class, failure.Class, status)
		assert.Equal(t, want.ambiguous, failure.Ambiguous, status)
		assert.Equal(t, status, failure.Status)
	}
}

func TestRetryAfter(t *testing.T) {
	now := at("2025-03-03T09:00:00Z")
	for header, want := range map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		"-5":                            0,
		"soon":                          0,
		"Mon, 03 Mar 2025 09:01:00 GMT": time.Minute,
		"Mon, 03 Mar 2025 08:00:00 GMT": 0,
	} {
		assert.Equal(t, want, retryAfter(header, now), header)
	}
}

func TestMessagesNameNoPerson(t *testing.T) {
	assert.Equal(t, "user <address> is unknown", cleanMessage("user\n ann@corp.test is\tunknown "))
	assert.LessOrEqual(t, len([]rune(cleanMessage(string(make([]rune, 50))+"ab"+string([]rune{'é'})))), maxMessage)
	long := make([]byte, 5000)
	for i := range long {
		long[i] = 'x'
	}
	assert.Len(t, []rune(cleanMessage(string(long))), maxMessage+1)
}

func TestNewChecksTheAddress(t *testing.T) {
	for _, bad := range []string{"", "booking", "ftp://booking/v1", "http://", "http:///v1", "http://user:secret@%zz", "http://b/v1?x=1"} {
		_, err := New(Options{BaseURL: bad})
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), "secret")
	}
	for _, good := range []string{"http://booking:3000/v1", "https://booking/v1/", " http://127.0.0.1:1 "} {
		_, err := New(Options{BaseURL: good})
		require.NoError(t, err, good)
	}
}
