package bookingsim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/bookingsim"
	"ews/simulator/fault"
	"ews/simulator/ledger"
)

func TestTheLedgerTellsWhoWroteWhat(t *testing.T) {
	l := ledger.New()
	a := start(t, bookingsim.Options{Ledger: l})
	begin := time.Date(2031, 3, 3, 9, 0, 0, 0, time.UTC)
	placed, err := a.Book("alice@example.com", bookingsim.Slot{AssetIDs: []int32{5}, Start: begin, End: begin.Add(time.Hour)})
	require.NoError(t, err)
	require.NoError(t, a.Move(placed.BookingIDs[0], begin.Add(time.Hour), begin.Add(2*time.Hour)))
	group := `{"occurrences":[{"assetIds":[6],"organizerID":"bob@example.com","start":"2031-03-03T09:00:00Z","end":"2031-03-03T10:00:00Z"}]}`
	status, _ := a.call("POST", "/bookings/group?clientReference=us", group)
	require.Equal(t, 201, status)
	status, _ = a.call("GET", "/bookings/2", nil)
	require.Equal(t, 200, status)
	status, _ = a.call("DELETE", "/bookings/2?clientReference=us&reason=conflict", nil)
	require.Equal(t, 204, status)
	var got []string
	for _, e := range l.After(0) {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s by %s: booking %d of %q, %s%s %s in %d", e.Kind, e.By, e.Booking, e.Organizer, e.Operation, e.Reason, e.Status, e.Number)))
	}
	require.Equal(t, []string{
		`created by person: booking 1 of "alice@example.com",   in 0`,
		`changed by person: booking 1 of "alice@example.com",   in 0`,
		`created by client: booking 2 of "bob@example.com",   in 1`,
		`request by client: booking 0 of "", POST /bookings/group 201 in 1`,
		`cancelled by client: booking 2 of "bob@example.com", conflict  in 2`,
		`request by client: booking 0 of "", DELETE /bookings/{} 204 in 2`,
	}, got)
}

func TestOversizedAnswers(t *testing.T) {
	a := start(t, bookingsim.Options{})
	_, err := a.faults.Add(fault.Rule{Kind: fault.Oversize, Count: 1})
	require.NoError(t, err)
	status, body := a.call("GET", "/version", nil)
	require.Equal(t, 200, status)
	require.Greater(t, len(body), 64<<20)
	require.Contains(t, body[64<<20:], "simulator")
}
