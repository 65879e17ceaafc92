package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// morning is when the meetings of the tests begin.
func morning() time.Time { return time.Date(2031, 3, 3, 9, 0, 0, 0, time.UTC) }

func inOutlook(state string, start time.Time) entry {
	return entry{Key: "uid", Side: outlook, Room: room(1), Organizer: alice, Start: start, End: start.Add(time.Hour), State: state}
}

func inEliona(state string, start time.Time, byApp bool) entry {
	return entry{
		Key: "booking", Side: eliona, Room: room(1), Organizer: alice, Start: start, End: start.Add(time.Hour), State: state, byApp: byApp,
	}
}

// watch lets a journal look at successive states, a second apart, and returns
// its events, the oldest first.
func watch(looks ...[]entry) []occurrence {
	var j journal
	j.observe(morning(), nil)
	var before []entry
	for i, entries := range looks {
		entries = withGone(append([]entry{}, entries...), before)
		j.observe(morning().Add(time.Duration(i)*time.Second), entries)
		before = entries
	}
	return j.events
}

func seconds(n int64) *int64 { n *= 1000; return &n }

func TestLatencies(t *testing.T) {
	ten := morning().Add(time.Hour)
	outlookNine, elionaNine := inOutlook(stateAccepted, morning()), inEliona(stateAccepted, morning(), false)
	for _, c := range []struct {
		name    string
		looks   [][]entry
		side    []string
		latency []*int64
	}{
		{
			"booked in Outlook: counts until the booking is there",
			[][]entry{{inOutlook(statePending, morning())}, {outlookNine}, {outlookNine, inEliona(stateAccepted, morning(), true)}},
			[]string{outlook}, []*int64{seconds(2)},
		},
		{
			"booked in Eliona: counts until the room has accepted",
			[][]entry{{elionaNine}, {elionaNine, inOutlook(statePending, morning())}, {elionaNine, outlookNine}},
			[]string{eliona}, []*int64{seconds(2)},
		},
		{
			"booked in Eliona, and there at the same look",
			[][]entry{{elionaNine, inOutlook(statePending, morning())}, {elionaNine, outlookNine}},
			[]string{eliona}, []*int64{seconds(1)},
		},
		{
			"moved in Outlook",
			[][]entry{
				{inOutlook(statePending, morning())},
				{outlookNine, inEliona(stateAccepted, morning(), true)},
				{inOutlook(statePending, ten), inEliona(stateAccepted, morning(), true)},
				{inOutlook(stateAccepted, ten), inEliona(stateAccepted, ten, true)},
			},
			[]string{outlook, outlook}, []*int64{seconds(1), seconds(1)},
		},
		{
			"declined: the booking is withdrawn",
			[][]entry{
				{elionaNine},
				{elionaNine, inOutlook(statePending, morning())},
				{elionaNine, inOutlook(stateDeclined, morning())},
				{inEliona(stateCancelled, morning(), true)},
			},
			[]string{eliona, outlook}, []*int64{nil, seconds(1)},
		},
		{
			"cancelled in Eliona",
			[][]entry{{elionaNine}, {elionaNine, outlookNine}, {inEliona(stateCancelled, morning(), false), outlookNine}, {inEliona(stateCancelled, morning(), false)}},
			[]string{eliona, eliona}, []*int64{seconds(1), seconds(1)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sides []string
			var latencies []*int64
			for _, e := range watch(c.looks...) {
				sides, latencies = append(sides, e.Side), append(latencies, e.Latency)
				require.False(t, e.Waiting, e.Text)
			}
			require.Equal(t, c.side, sides)
			require.Equal(t, c.latency, latencies)
		})
	}
}

func TestTheFirstLookIsNoEvent(t *testing.T) {
	var j journal
	j.observe(morning(), []entry{inOutlook(stateAccepted, morning())})
	require.Empty(t, j.events)
}

func TestEventsAreForgotten(t *testing.T) {
	var j journal
	for range 2 * kept {
		j.note(occurrence{})
	}
	require.Len(t, j.events, kept)
	require.Equal(t, 2*kept, j.newest()[0].ID)
}

func TestWhatVanishedIsCancelled(t *testing.T) {
	e := inOutlook(stateAccepted, morning())
	now := withGone(nil, []entry{e})
	require.Len(t, now, 1)
	require.Equal(t, stateCancelled, now[0].State)
	require.Equal(t, []entry{e}, withGone([]entry{e}, []entry{e}))
}

func TestOutlookEntries(t *testing.T) {
	calendar := []stage.Entry{{UID: "u", Subject: "Review", Start: morning(), End: morning().Add(time.Hour), Original: morning(), Organizer: alice}, {Organizer: bob}}
	calendar[0].Rooms = append(calendar[0].Rooms, struct {
		Address  string `json:"address"`
		Response string `json:"response"`
	}{"Room-1@example.com", "Unknown"})
	got := outlookEntries(alice, calendar)
	require.Len(t, got, 1, "the copy of Bob's meeting is not hers")
	require.Equal(t, statePending, got[0].State)
	require.Equal(t, room(1), got[0].Room)
	require.Equal(t, morning(), *got[0].Original)
}

func TestElionaEntries(t *testing.T) {
	b := stage.Booking{ID: 7, GroupID: 3, AssetIDs: []int32{11, 99}, Organizer: admin, Start: morning(), End: morning().Add(time.Hour), Cancelled: true, Reason: "conflict"}
	got := elionaEntries([]stage.Booking{b}, map[int32]string{11: room(1)})
	require.Len(t, got, 2)
	require.Equal(t, stateCancelled, got[0].State)
	require.Equal(t, "conflict", got[0].Reason)
	require.Contains(t, got[0].where(), serviceUser, "who has no mailbox is represented")
	require.Equal(t, "asset 99", got[1].Room)
}

func TestNames(t *testing.T) {
	require.Equal(t, "Room 1", title("room-1@example.com"))
	require.Equal(t, "nobody", title(""))
}
