package exchangesim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/exchangesim/soap"
)

// The delays of a server with jitter differ, stay within their bounds, and are
// the same for the same seed.
func TestJitter(t *testing.T) {
	play := func(seed uint64) (decisions, responses []time.Duration) {
		clock := newClock()
		s, err := New(Options{
			Clock: clock.Now, RandomSeed: seed, DecisionDelay: time.Second, DecisionJitter: 10 * time.Second,
			ResponseDelay: 2 * time.Second, ResponseJitter: 20 * time.Second,
		})
		require.NoError(t, err)
		due := func() time.Duration {
			next, pending := s.RunDue()
			require.True(t, pending)
			wait := next.Sub(clock.Now())
			clock.Advance(wait)
			return wait
		}
		for n := range 8 {
			_, err := s.Book(t.Context(), Person{Organizer: alice, Subject: "s", Start: at(2, 9+n), End: at(2, 10+n), Rooms: []string{room1}})
			require.NoError(t, err)
			decisions = append(decisions, due())
			responses = append(responses, due())
			require.NoError(t, s.Settle(t.Context()))
		}
		require.Equal(t, []string{"Accept", "Accept", "Accept", "Accept", "Accept", "Accept", "Accept", "Accept"}, answer(s, alice))
		return decisions, responses
	}
	decisions, responses := play(1)
	require.NotEqual(t, decisions[0], decisions[1])
	require.NotEqual(t, responses[0], responses[1])
	for n := range decisions {
		require.GreaterOrEqual(t, decisions[n], time.Second)
		require.Less(t, decisions[n], 11*time.Second)
		require.GreaterOrEqual(t, responses[n], 2*time.Second)
		require.Less(t, responses[n], 22*time.Second)
	}
	again, too := play(1)
	require.Equal(t, decisions, again)
	require.Equal(t, responses, too)
	other, _ := play(2)
	require.NotEqual(t, decisions, other)
}

// An answer that was overtaken by a later one of the same room changes nothing.
func TestAnswersOvertakeEachOther(t *testing.T) {
	s, clock := model(t, Options{ResponseDelay: time.Hour})
	uid := book(t, s, Person{Organizer: alice, Subject: "s", Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}})
	s.mu.Lock()
	defer s.mu.Unlock()
	organizer, room := s.lookup(alice), s.lookup(room1)
	appt := room.folders[folderCalendar].items
	require.Len(t, appt, 1)
	for _, it := range appt {
		require.Equal(t, uid, it.appt.uid)
		later := clock.Now().Add(time.Minute)
		require.True(t, s.track(organizer, room, it.appt.goid, time.Time{}, it.appt.sequence, responseDecline, later))
		require.False(t, s.track(organizer, room, it.appt.goid, time.Time{}, it.appt.sequence, responseAccept, later.Add(-time.Second)))
	}
}

// A server may answer less than was asked for: who reads on gets everything.
func TestPageSize(t *testing.T) {
	f := start(t, Options{PageSize: 2})
	for range 5 {
		f.create(alice, simple(2))
	}
	var all []string
	state, last := "", false
	for pages := 0; !last; pages++ {
		require.Less(t, pages, 4)
		var changes []string
		changes, state, last = f.sync(alice, state, 100)
		require.LessOrEqual(t, len(changes), 2)
		all = append(all, changes...)
	}
	require.Len(t, all, 5)

	root := func(view string) *soap.Element {
		return f.ok(alice, `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>`+view+
			`<m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>`)[0].Child("RootFolder")
	}
	page := root(`<m:IndexedPageItemView MaxEntriesReturned="100" Offset="2" BasePoint="Beginning"/>`)
	require.Len(t, page.Child("Items").Children, 2)
	require.Equal(t, "false 4", page.Attr("IncludesLastItemInRange")+" "+page.Attr("IndexedPagingOffset"))
	const window = `StartDate="2026-12-01T00:00:00Z" EndDate="2027-01-01T00:00:00Z"/>`
	page = root(`<m:CalendarView MaxEntriesReturned="100" ` + window)
	require.Len(t, page.Child("Items").Children, 2)
	require.Equal(t, "false", page.Attr("IncludesLastItemInRange"))
	page = root(`<m:CalendarView ` + window)
	require.Len(t, page.Child("Items").Children, 5, "nobody asked for a page")
}
