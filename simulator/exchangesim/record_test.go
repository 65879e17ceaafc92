package exchangesim

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/fault"
	"ews/simulator/ledger"
)

// told shows what a ledger tells, without what differs from run to run.
func told(l *ledger.Ledger) []string {
	var out []string
	for _, e := range l.After(0) {
		text := fmt.Sprintf("%s by %s", e.Kind, e.By)
		switch e.Kind {
		case ledger.Request:
			text += " " + e.Operation + " " + e.Status
		case ledger.Answered:
			text += " " + e.Answer
		case ledger.Created, ledger.Changed, ledger.Cancelled:
			text += fmt.Sprintf(" %s %v", e.Start.Format("15:04"), e.Rooms)
		}
		if e.Number > 0 {
			text += fmt.Sprintf(" in %d", e.Number)
		}
		out = append(out, text)
	}
	return out
}

func TestTheLedgerTellsWhatClientsChanged(t *testing.T) {
	l, faults := ledger.New(), fault.New(1)
	f := start(t, Options{Ledger: l, Faults: faults})
	made := f.create(alice, meeting("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", "", room1))
	f.settle()
	f.as(alice, `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:ItemIds><t:ItemId `+id(made)+`/></m:ItemIds></m:GetItem>`)
	cancel := `<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:CancelCalendarItem><t:ReferenceItemId ` + id(made) + `/></t:CancelCalendarItem></m:Items></m:CreateItem>`
	require.Equal(t, "ErrorStaleObject", f.code(alice, cancel), "the room's answer changed the item")
	_, err := faults.Add(fault.Rule{Kind: fault.ResetAfterBody, Count: 1})
	require.NoError(t, err)
	_, _, err = f.post("eliona@example.com", `<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>`+alice+`</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>`,
		meeting("2026-12-02T11:00:00Z", "2026-12-02T12:00:00Z", "", room1))
	require.Error(t, err)
	require.Equal(t, []string{
		"created by client 09:00 [room-1@example.com] in 1",
		"answered by room-1@example.com Accept",
		"request by client CreateItem NoError in 1",
		"request by client CancelCalendarItem ErrorStaleObject in 2",
		"created by client 11:00 [room-1@example.com] in 3",
		"answered by room-1@example.com Accept",
		"request by client CreateItem  in 3",
	}, told(l))
	for _, e := range l.After(0) {
		require.False(t, e.Kind == ledger.Request && (e.Began.After(e.Time) || e.Client == ""))
	}
}

func TestTheLedgerTellsWhatPeopleChanged(t *testing.T) {
	l := ledger.New()
	s, _ := model(t, Options{Ledger: l})
	uid := book(t, s, Person{Organizer: alice, Subject: "s", Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}})
	policy(t, s, room1, func(p *Policy) { p.Automate = AutoDecline })
	require.NoError(t, s.Move(alice, uid, time.Time{}, at(2, 11), at(2, 12)))
	require.NoError(t, s.Settle(t.Context()))
	require.NoError(t, s.Cancel(alice, uid, time.Time{}))
	require.Equal(t, []string{
		"created by person 09:00 [room-1@example.com]",
		"answered by room-1@example.com Accept",
		"changed by person 11:00 [room-1@example.com]",
		"answered by room-1@example.com Decline",
		"cancelled by person 11:00 [room-1@example.com]",
	}, told(l))
	require.Len(t, l.After(4), 1)
}

// A clock that is set back does not make an update older than what it updates.
func TestUpdatesStayInOrderWhenTheClockIsSetBack(t *testing.T) {
	s, clock := model(t, Options{})
	uid := book(t, s, Person{Organizer: alice, Subject: "s", Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}})
	clock.Advance(-time.Hour)
	require.NoError(t, s.ChangeRooms(alice, uid, time.Time{}, nil))
	require.NoError(t, s.Settle(t.Context()))
	require.Empty(t, s.Calendars(room1))
}

func TestOversizedAnswers(t *testing.T) {
	faults := fault.New(1)
	f := start(t, Options{Faults: faults})
	_, err := faults.Add(fault.Rule{Kind: fault.Oversize, Count: 1})
	require.NoError(t, err)
	resp, body := f.send(f.client, func(r *http.Request) { r.SetBasicAuth("alice@example.com", "secret") }, "", lists)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Greater(t, len(body), oversize, "it is much, and complete")
	require.Contains(t, body[oversize:], "</m:GetRoomListsResponse>")
}

// A room that keeps cancelled meetings shows that all of the series is, its
// exceptions included.
func TestExceptionsAreCancelledWithTheirSeries(t *testing.T) {
	s, _ := model(t, Options{})
	policy(t, s, room1, func(p *Policy) { p.KeepCancelled = true })
	uid := book(t, s, Person{
		Organizer: alice, Subject: "s", Start: at(2, 9), End: at(2, 10), Rooms: []string{room1},
		Recurrence: &recurrence.Rule{Kind: "DailyRecurrence", Interval: 1, Count: 3},
	})
	require.NoError(t, s.Move(alice, uid, at(3, 9), at(3, 14), at(3, 15)))
	require.NoError(t, s.Settle(t.Context()))
	require.NoError(t, s.Cancel(alice, uid, time.Time{}))
	require.NoError(t, s.Settle(t.Context()))
	entries := s.Calendars(room1)
	require.Len(t, entries, 3)
	for _, e := range entries {
		require.True(t, e.Cancelled, e.Start)
		require.Equal(t, "Free", e.FreeBusy)
	}
}

// A room of one occurrence only, which was moved more often than the series,
// is told of the end of the series as well.
func TestWhoHasOneOccurrenceIsToldOfTheEndOfItsSeries(t *testing.T) {
	s, _ := model(t, Options{})
	uid := book(t, s, Person{
		Organizer: alice, Subject: "s", Start: at(2, 9), End: at(2, 10), Rooms: []string{room1},
		Recurrence: &recurrence.Rule{Kind: "DailyRecurrence", Interval: 1, Count: 3},
	})
	require.NoError(t, s.ChangeRooms(alice, uid, at(3, 9), []string{room2}))
	for hour := 13; hour < 17; hour++ {
		require.NoError(t, s.Move(alice, uid, at(3, 9), at(3, hour), at(3, hour+1)))
	}
	require.NoError(t, s.Settle(t.Context()))
	require.Len(t, s.Calendars(room2), 1)
	require.NoError(t, s.Cancel(alice, uid, time.Time{}))
	require.NoError(t, s.Settle(t.Context()))
	require.Empty(t, s.Calendars(room2))
}
