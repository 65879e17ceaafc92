package front_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/fault"
	"ews/simulator/front"
	"ews/simulator/stats"
)

// httpClient makes the requests of all tests here.
var httpClient = &http.Client{Timeout: 30 * time.Second}

// fixture is a served front before one route that answers ten bytes.
type fixture struct {
	url    string
	faults *fault.Registry
	stats  *stats.Counters
	served *atomic.Int32
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	served := new(atomic.Int32)
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v2/things/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		served.Add(1)
		_, _ = io.WriteString(w, "0123456789")
	})
	f := fixture{faults: fault.New(1), stats: stats.New(), served: served}
	server := httptest.NewServer(front.New(mux, front.Options{Service: "thing", Base: "/v2", Faults: f.faults, Stats: f.stats}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// put returns the status and the body; the error is that of the transport.
func (f fixture) put(t *testing.T, path string) (int, string, http.Header, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, f.url+path, strings.NewReader("abc"))
	require.NoError(t, err)
	response, err := httpClient.Do(request)
	if err != nil {
		return 0, "", nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), response.Header, err
}

// A request that is held up goes with its client, as in a queue before a server.
func TestADelayEndsWithItsClient(t *testing.T) {
	f := newFixture(t)
	_, err := f.faults.Add(fault.Rule{Service: "thing", Kind: fault.Delay, DelayMilliseconds: 60_000})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, f.url+"/v2/things/1", strings.NewReader("abc"))
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, cancel)
	response, err := httpClient.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool { return f.stats.Snapshot()["thing"]["PUT /things/{}"].Requests == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Zero(t, f.served.Load())
}

func TestFaultKinds(t *testing.T) {
	tests := map[string]struct {
		rule      fault.Rule
		status    int
		transport bool // the transport fails
		served    int32
	}{
		"status":           {fault.Rule{Kind: fault.Status, Status: 503}, 503, false, 0},
		"status default":   {fault.Rule{Kind: fault.Status}, 500, false, 0},
		"foreign kind":     {fault.Rule{Kind: fault.SOAPFault, Code: "ErrorServerBusy"}, 500, false, 0},
		"throttle":         {fault.Rule{Kind: fault.Throttle, RetryAfterSeconds: 7}, 429, false, 0},
		"delay":            {fault.Rule{Kind: fault.Delay, DelayMilliseconds: 30}, 200, false, 1},
		"reset before":     {fault.Rule{Kind: fault.ResetBefore}, 0, true, 0},
		"reset after body": {fault.Rule{Kind: fault.ResetAfterBody}, 0, true, 1},
		"truncate":         {fault.Rule{Kind: fault.Truncate}, 200, true, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			test.rule.Service, test.rule.Operation, test.rule.Count = "thing", "PUT /things/{}", 1
			_, err := f.faults.Add(test.rule)
			require.NoError(t, err)

			began := time.Now()
			status, body, header, err := f.put(t, "/v2/things/1")
			require.Equal(t, test.transport, err != nil, "transport error: %v", err)
			require.Equal(t, test.status, status)
			require.Equal(t, test.served, f.served.Load())
			// A cut connection may be noticed before it is counted.
			require.Eventually(t, func() bool {
				count := f.stats.Snapshot()["thing"]["PUT /things/{}"]
				return count.Requests == 1 && (count.Errors == 1) == (test.rule.Kind != fault.Delay)
			}, 5*time.Second, time.Millisecond)
			switch test.rule.Kind {
			case fault.Throttle:
				require.Equal(t, "7", header.Get("Retry-After"))
			case fault.Delay:
				require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
			case fault.Truncate:
				require.Equal(t, "01234", body)
			default: // the others show in the status alone
			}

			status, body, _, err = f.put(t, "/v2/things/2")
			require.NoError(t, err, "a used-up rule hits no more")
			require.Equal(t, 200, status)
			require.Equal(t, "0123456789", body)
		})
	}
}

func TestCounts(t *testing.T) {
	f := newFixture(t)
	_, _, _, err := f.put(t, "/v2/things/1")
	require.NoError(t, err)
	_, _, _, err = f.put(t, "/v2/nothing")
	require.NoError(t, err)
	counts := f.stats.Snapshot()["thing"]
	require.Equal(t, stats.Count{Requests: 1, BytesIn: 3, BytesOut: 10}, counts["PUT /things/{}"])
	require.Equal(t, int64(1), counts["PUT (unknown)"].Errors)
}

func TestDecodeJSON(t *testing.T) {
	tests := map[string]bool{
		`{"a":1}`:       true,
		``:              true,
		` `:             true,
		`{"b":1}`:       false,
		`{"a":"x"}`:     false,
		`{"a":1} {}`:    false,
		`{"a":1`:        false,
		`{"a":1}garble`: false,
	}
	for body, ok := range tests {
		var v struct {
			A int `json:"a"`
		}
		require.Equal(t, ok, front.DecodeJSON([]byte(body), &v) == nil, "body %q", body)
	}
}
