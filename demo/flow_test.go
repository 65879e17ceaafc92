package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

func asked(seq int, service, operation, status string, at time.Duration) stage.Change {
	return stage.Change{
		Seq: seq, Service: service, Kind: "request", Operation: operation, Status: status,
		Began: morning().Add(at), Time: morning().Add(at + 30*time.Millisecond),
	}
}

func answered(seq, n int, answer string, at time.Duration) stage.Change {
	return stage.Change{Seq: seq, Service: "exchange", Kind: "answered", By: room(n), Answer: answer, Time: morning().Add(at)}
}

func TestWhatPassesIsToldInWords(t *testing.T) {
	var f flow
	f.take([]stage.Change{
		{Seq: 1, Service: "booking", Kind: "created", By: "person"},
		asked(2, "exchange", "CreateItem", "NoError", 0),
		answered(3, 1, accept, time.Second),
		asked(4, "exchange", "GetItem", "NoError", time.Second),
		asked(5, "booking", "POST /bookings/group", "409", 2*time.Second),
		answered(6, 2, decline, 3*time.Second),
		answered(7, 3, "Unknown", 3*time.Second),
	})
	require.Equal(t, 7, f.last)
	var got []string
	for _, p := range f.newest() {
		got = append(got, p.Side+": "+p.Text+" "+p.Call+" "+p.Status)
	}
	require.Equal(t, []string{
		"outlook: Room 2 declines  ", "eliona: writes bookings POST /bookings/group 409",
		"outlook: Room 1 accepts  ", "outlook: creates a meeting CreateItem NoError",
	}, got)
	require.True(t, f.passages[2].Failed)
	require.False(t, f.passages[0].Failed)
	require.Equal(t, int64(30), f.passages[0].Took)
}

func TestWhatIsAlikeIsToldOnce(t *testing.T) {
	var f flow
	f.take([]stage.Change{
		asked(1, "exchange", "CreateItem", "NoError", 0), asked(2, "exchange", "CreateItem", "NoError", time.Second),
		answered(3, 2, accept, 2*time.Second), answered(4, 1, accept, 2*time.Second), answered(5, 2, accept, 2*time.Second),
	})
	f.take([]stage.Change{asked(6, "exchange", "CreateItem", "NoError", 3*time.Second), asked(7, "exchange", "CreateItem", "NoError", time.Minute)})
	require.Len(t, f.passages, 4)
	require.Equal(t, 2, f.passages[0].Times)
	require.Equal(t, "Room 1, Room 2 accept", f.passages[1].Text)
	require.Equal(t, 1, f.passages[2].Times)
}

func TestPassagesAreForgotten(t *testing.T) {
	var f flow
	for i := range 2 * keptPassages {
		f.take([]stage.Change{asked(i+1, "exchange", "CreateItem", "NoError", time.Duration(i)*time.Minute)})
	}
	require.Len(t, f.passages, keptPassages)
	require.Equal(t, 2*keptPassages, f.newest()[0].ID)
}

func TestAgreementCountsBothSides(t *testing.T) {
	same, differ := agreement([]entry{
		inOutlook(stateAccepted, morning()), inEliona(stateAccepted, morning(), true),
		inOutlook(stateAccepted, morning().Add(time.Hour)),
		inOutlook(statePending, morning().Add(2*time.Hour)), inEliona(stateAccepted, morning().Add(2*time.Hour), false),
		inEliona(stateCancelled, morning().Add(3*time.Hour), false),
	})
	require.Equal(t, 1, same)
	require.Equal(t, 2, differ)
}
