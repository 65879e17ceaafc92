package elionasim_test

import (
	"testing"

	"go.uber.org/goleak"

	"ews/db/dbtest"
)

func TestMain(m *testing.M) {
	// The default client of net/http keeps idle connections.
	goleak.VerifyTestMain(dbtest.Suite{M: m},
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}
