package booking

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestU10OverlapsAreRefusedNotRetried(t *testing.T) {
	for _, status := range []int{http.StatusConflict, http.StatusUnprocessableEntity} {
		a := newApp(t, says(status, `"asset 502 is taken by bob@corp.test"`))
		_, err := a.client(t).UpsertGroup(t.Context(), series(week(1)...))
		failure := asError(t, err)
		require.Equal(t, Refused, failure.Class)
		require.Equal(t, status, failure.Status)
		require.False(t, failure.Ambiguous)
		require.NotContains(t, err.Error(), "bob")
		require.Len(t, a.seen(), 1)
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
	require.Equal(t, NotFound, failure.Class)
	require.Equal(t, "group not found", failure.Message)
	require.False(t, failure.Ambiguous)
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
			require.Equal(t, TooOld, failure.Class)
			require.Contains(t, err.Error(), "too old")
		}
	}
}

func TestU26AnAddressThatLeadsElsewhereIsNotTooOld(t *testing.T) {
	a := newApp(t, says(http.StatusNotFound, ""))
	_, err := a.client(t).UpsertGroup(t.Context(), series(week(1)...))
	require.Equal(t, Transient, asError(t, err).Class)
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
	require.Equal(t, Transient, failure.Class)
	require.False(t, failure.Ambiguous, "the write itself was refused")
}

func TestU24AnAppThatIsDownIsTransient(t *testing.T) {
	a := newApp(t, says(http.StatusOK, ""))
	client := a.client(t)
	a.Close()
	_, err := client.UpsertGroup(t.Context(), series(week(1)...))
	failure := asError(t, err)
	require.Equal(t, Transient, failure.Class)
	require.False(t, failure.Ambiguous, "nothing was sent")
	require.NotContains(t, err.Error(), a.URL)
	require.Equal(t, Transient, asError(t, client.Cancel(t.Context(), 1, ReasonCancelled)).Class)
}

func TestALostAnswerIsAmbiguous(t *testing.T) {
	a := newApp(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("taking the connection over: %v", err)
			return
		}
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Errorf("preparing a reset: %v", err)
		}
		_ = conn.Close()
	})
	client := a.client(t)
	_, err := client.UpsertGroup(t.Context(), series(week(1)...))
	require.True(t, asError(t, err).Ambiguous)
	_, _, err = client.Get(t.Context(), 1)
	failure := asError(t, err)
	require.Equal(t, Transient, failure.Class)
	require.False(t, failure.Ambiguous, "reading changes nothing")
}

func TestATimeoutIsTransientAndAmbiguous(t *testing.T) {
	release := make(chan struct{})
	a := newApp(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	client := newClient(t, Options{BaseURL: a.URL, Timeout: 20 * time.Millisecond})
	_, err := client.UpsertGroup(t.Context(), series(week(1)...))
	failure := asError(t, err)
	require.Equal(t, Transient, failure.Class)
	require.True(t, failure.Ambiguous)
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
		require.Equal(t, want.class, failure.Class, status)
		require.Equal(t, want.ambiguous, failure.Ambiguous, status)
		require.Equal(t, status, failure.Status)
	}
}

func TestRetryAfter(t *testing.T) {
	now := at("2025-03-03T09:00:00Z")
	for header, want := range map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		"9999999999":                    time.Hour,
		"Mon, 03 Mar 2031 09:01:00 GMT": time.Hour,
		"-5":                            0,
		"soon":                          0,
		"Mon, 03 Mar 2025 09:01:00 GMT": time.Minute,
		"Mon, 03 Mar 2025 08:00:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(header, now), header)
	}
}

func TestMessagesNameNoPerson(t *testing.T) {
	require.Equal(t, "user <address> is unknown", cleanMessage("user\n ann@corp.test is\tunknown "))
	require.LessOrEqual(t, len([]rune(cleanMessage(string(make([]rune, 50))+"ab"+string([]rune{'é'})))), maxMessage)
	long := make([]byte, 5000)
	for i := range long {
		long[i] = 'x'
	}
	require.Len(t, []rune(cleanMessage(string(long))), maxMessage+1)
}

func TestNewChecksTheAddress(t *testing.T) {
	for _, bad := range []string{"", "booking", "ftp://booking/v1", "http://", "http:///v1", "http://user:secret@%zz", "http://b/v1?x=1"} {
		_, err := New(Options{BaseURL: bad})
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, good := range []string{"http://booking:3000/v1", "https://booking/v1/", " http://127.0.0.1:1 "} {
		_, err := New(Options{BaseURL: good})
		require.NoError(t, err, good)
	}
}
