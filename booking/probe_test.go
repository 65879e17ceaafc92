package booking

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReachingTheBookingApp(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		class  Class // 0: it is the Booking app
	}{
		"the parameters are missing": {says(http.StatusUnprocessableEntity, `"required field 'start' is zero value."`), 0},
		"the request is malformed":   {says(http.StatusBadRequest, `"strconv.ParseInt"`), 0},
		"an empty list":              {says(http.StatusOK, "null"), 0},
		"a web page":                 {page(http.StatusOK), Bug},
		"an error page":              {page(http.StatusBadRequest), Bug},
		"another path":               {says(http.StatusNotFound, "404 page not found"), Bug},
		"another method":             {says(http.StatusMethodNotAllowed, ""), Bug},
		"a proxy that wants a token": {says(http.StatusUnauthorized, ""), Bug},
		"a redirect":                 {says(http.StatusFound, ""), Bug},
		"a gateway":                  {says(http.StatusBadGateway, ""), Transient},
		"too many requests":          {says(http.StatusTooManyRequests, ""), Transient},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, c.answer)
			requireClass(t, c.class, a.client(t).Reach(t.Context()))
			require.Equal(t, []call{{http.MethodGet, "/v1/bookings", "", ""}}, a.seen())
		})
	}
	gone := newApp(t, says(http.StatusOK, ""))
	client := gone.client(t)
	gone.Close()
	requireClass(t, Transient, client.Reach(t.Context()))
}

func TestABookingAppThatKnowsGroups(t *testing.T) {
	for status, class := range map[int]Class{
		http.StatusBadRequest: 0, http.StatusUnprocessableEntity: 0, http.StatusNotFound: TooOld, http.StatusMethodNotAllowed: TooOld,
		http.StatusServiceUnavailable: Transient,
	} {
		a := newApp(t, says(status, `"no"`))
		requireClass(t, class, a.client(t).Groups(t.Context()))
		require.Equal(t, []call{{http.MethodPost, "/v1/bookings/group", "clientReference=ews-app", "{"}}, a.seen(), "a body that can have no effect")
	}
}

func TestTryingToListen(t *testing.T) {
	h := newHub(t)
	require.NoError(t, newClient(t, Options{BaseURL: h.URL + "/v1"}).TryListening(t.Context()))
	for _, status := range []int{http.StatusNotFound, http.StatusOK, http.StatusBadGateway} {
		err := newApp(t, says(status, "")).client(t).TryListening(t.Context())
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, status, e.Status)
	}
}

func page(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html></html>"))
	}
}

func requireClass(t *testing.T, want Class, err error) {
	t.Helper()
	if want == 0 {
		require.NoError(t, err)
		return
	}
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Class)
}
