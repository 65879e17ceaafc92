package exchangesim

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/exchangesim/recurrence"
)

const (
	alice = "alice@example.com"
	bob   = "bob@example.com"
	room2 = "room-2@example.com"
)

func at(day, hour int) time.Time { return time.Date(2026, 12, day, hour, 0, 0, 0, time.UTC) }

// model is a server without a protocol in front.
func model(t *testing.T, o Options) (*Server, *testClock) {
	t.Helper()
	clock := newClock()
	o.Clock, o.RandomSeed = clock.Now, 1
	s, err := New(o)
	require.NoError(t, err)
	return s, clock
}

func book(t *testing.T, s *Server, p Person) string {
	t.Helper()
	uid, err := s.Book(t.Context(), p)
	require.NoError(t, err)
	require.NoError(t, s.Settle(t.Context()))
	return uid
}

func policy(t *testing.T, s *Server, room string, change func(*Policy)) {
	t.Helper()
	p, ok := s.Room(room)
	require.True(t, ok)
	change(&p)
	require.NoError(t, s.SetRoom(room, p))
}

// answer is what the organizer knows about a room in each occurrence.
func answer(s *Server, organizer string) []string {
	var out []string
	for _, e := range s.Calendars(organizer) {
		for _, r := range e.Rooms {
			out = append(out, r.Response)
		}
	}
	return out
}

func TestPolicies(t *testing.T) {
	single := Person{Organizer: alice, Subject: "s", Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}}
	series := single
	series.Recurrence = &recurrence.Rule{Kind: recurrence.Daily, Count: 3}
	endless := single
	endless.Recurrence = &recurrence.Rule{Kind: recurrence.Daily}
	tests := []struct {
		name   string
		policy func(*Policy)
		person Person
		want   string
		inRoom int
	}{
		{"accept", func(*Policy) {}, single, "Accept", 1},
		{"delegate decides", func(p *Policy) { p.Automate = Tentative }, single, "Tentative", 1},
		{"never answers", func(p *Policy) { p.Automate = NoAutomatic }, single, "Unknown", 1},
		{"always declines", func(p *Policy) { p.Automate = AutoDecline }, single, "Decline", 0},
		{"too long", func(p *Policy) { p.MaxMinutes = 59 }, single, "Decline", 0},
		{"just short enough", func(p *Policy) { p.MaxMinutes = 60 }, single, "Accept", 1},
		{"no limit of duration", func(p *Policy) { p.MaxMinutes = 0 }, single, "Accept", 1},
		{"beyond the window", func(p *Policy) { p.HorizonDays = 1 }, single, "Decline", 0},
		{"no series", func(p *Policy) { p.AllowRecurring = false }, series, "Decline", 0},
		{"series", func(*Policy) {}, series, "Accept", 3},
		{"endless series", func(*Policy) {}, endless, "Decline", 0},
		{"endless series, cut", func(p *Policy) { p.EnforceHorizon, p.HorizonDays = false, 3 }, endless, "Accept", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := model(t, Options{})
			policy(t, s, room1, tt.policy)
			book(t, s, tt.person)
			require.Equal(t, tt.want, answer(s, alice)[0])
			require.Len(t, s.Calendars(room1), tt.inRoom)
		})
	}
}

func TestMovingAMeeting(t *testing.T) {
	s, _ := model(t, Options{DecisionDelay: time.Second})
	uid := book(t, s, Person{Organizer: alice, Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}})
	book(t, s, Person{Organizer: bob, Start: at(2, 12), End: at(2, 13), Rooms: []string{room1}})

	require.NoError(t, s.Move(alice, uid, time.Time{}, at(2, 10), at(2, 11)))
	require.Equal(t, []string{"Unknown"}, answer(s, alice), "rows are reset until the room answers")
	require.NoError(t, s.Settle(t.Context()))
	require.Equal(t, []string{"Accept"}, answer(s, alice))
	require.Equal(t, at(2, 10), s.Calendars(room1)[0].Start)
	require.Equal(t, 1, s.Calendars(room1)[0].Sequence)

	require.NoError(t, s.Move(alice, uid, time.Time{}, at(2, 12), at(2, 13)))
	require.NoError(t, s.Settle(t.Context()))
	require.Equal(t, []string{"Decline"}, answer(s, alice))
	require.Len(t, s.Calendars(room1), 1, "the old booking is released")
	require.ErrorIs(t, s.Move(bob, uid, time.Time{}, at(3, 9), at(3, 10)), ErrNoMeeting)
}

func TestOutdatedDecisionIsSkipped(t *testing.T) {
	s, clock := model(t, Options{DecisionDelay: 10 * time.Second})
	uid, err := s.Book(t.Context(), Person{Organizer: alice, Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}})
	require.NoError(t, err)
	clock.Advance(6 * time.Second)
	require.NoError(t, s.Move(alice, uid, time.Time{}, at(2, 14), at(2, 15)))
	clock.Advance(6 * time.Second) // the first decision would be due now
	s.RunDue()
	require.Equal(t, []string{"Unknown"}, answer(s, alice))
	require.Equal(t, "NoResponseReceived", s.Calendars(room1)[0].Response)
	clock.Advance(6 * time.Second)
	s.RunDue()
	require.Equal(t, []string{"Accept"}, answer(s, alice))
}

func TestRoomsAreChanged(t *testing.T) {
	s, _ := model(t, Options{})
	uid := book(t, s, Person{Organizer: alice, Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}, Attendees: []string{bob}})
	require.NoError(t, s.ChangeRooms(alice, uid, time.Time{}, []string{room2}))
	require.NoError(t, s.Settle(t.Context()))
	require.Empty(t, s.Calendars(room1))
	require.Len(t, s.Calendars(room2), 1)
	entry := s.Calendars(alice)[0]
	require.Equal(t, []Response{{room2, "Accept"}}, entry.Rooms)
	require.Equal(t, []Response{{bob, "Unknown"}}, entry.Attendees)
	require.Equal(t, "NoResponseReceived", s.Calendars(bob)[0].Response)
}

func TestCancelling(t *testing.T) {
	s, _ := model(t, Options{})
	policy(t, s, room2, func(p *Policy) { p.KeepCancelled = true })
	uid := book(t, s, Person{Organizer: alice, Subject: "s", Start: at(2, 9), End: at(2, 10), Rooms: []string{room1, room2}, Attendees: []string{bob}})
	before := s.Calendars(alice)[0].ItemID
	require.NoError(t, s.Cancel(alice, uid, time.Time{}))
	require.Empty(t, s.Calendars(alice))
	require.Empty(t, s.Calendars(room1))
	deleted := s.Deleted(alice)
	require.Len(t, deleted, 1)
	require.NotEqual(t, before, deleted[0].ItemID)
	for _, who := range []string{room2, bob} {
		kept := s.Calendars(who)[0]
		require.True(t, kept.Cancelled)
		require.Equal(t, "Free", kept.FreeBusy)
		require.True(t, strings.HasPrefix(kept.Subject, "Canceled: "))
	}
	book(t, s, Person{Organizer: bob, Start: at(2, 9), End: at(2, 10), Rooms: []string{room2}})
	require.Equal(t, "Accept", s.Calendars(room2)[1].Response, "a cancelled item does not block the room")
	require.ErrorIs(t, s.Cancel(alice, uid, time.Time{}), ErrNoMeeting)
}

func TestSeries(t *testing.T) {
	s, _ := model(t, Options{})
	weekly := Person{
		Organizer: alice, Start: time.Date(2027, 3, 23, 8, 0, 0, 0, time.UTC), End: time.Date(2027, 3, 23, 9, 0, 0, 0, time.UTC),
		Zone: "W. Europe Standard Time", Rooms: []string{room1},
		Recurrence: &recurrence.Rule{Kind: recurrence.Weekly, Days: []string{"Tuesday"}, Count: 4},
	}
	uid := book(t, s, weekly)
	starts := func(who string) (out []string) {
		for _, e := range s.Calendars(who) {
			out = append(out, e.Start.Format("01-02T15:04")+" "+e.Type)
		}
		return out
	}
	want := []string{"03-23T08:00 Occurrence", "03-30T07:00 Occurrence", "04-06T07:00 Occurrence", "04-13T07:00 Occurrence"}
	require.Equal(t, want, starts(alice), "the wall clock stays when summer time begins")
	require.Equal(t, want, starts(room1))

	second := time.Date(2027, 3, 30, 7, 0, 0, 0, time.UTC)
	require.NoError(t, s.Move(alice, uid, second, second.Add(24*time.Hour), second.Add(25*time.Hour)))
	require.NoError(t, s.Cancel(alice, uid, time.Date(2027, 4, 6, 7, 0, 0, 0, time.UTC)))
	require.NoError(t, s.Settle(t.Context()))
	want = []string{"03-23T08:00 Occurrence", "03-31T07:00 Exception", "04-13T07:00 Occurrence"}
	require.Equal(t, want, starts(alice))
	require.Equal(t, want, starts(room1))
	require.Equal(t, []string{"Accept", "Accept", "Accept"}, answer(s, alice))

	require.ErrorContains(t, s.Move(alice, uid, second, second.Add(15*24*time.Hour), second.Add(15*24*time.Hour+time.Hour)), "ErrorOccurrenceCrossingBoundary")
	require.NoError(t, s.ChangeRooms(alice, uid, second, []string{room2}))
	require.NoError(t, s.Settle(t.Context()))
	require.Equal(t, []string{"03-23T08:00 Occurrence", "04-13T07:00 Occurrence"}, starts(room1))
	require.Equal(t, []string{"03-31T07:00 Single"}, starts(room2), "a room of one occurrence holds a standalone item")
	require.Equal(t, "Accept", s.Calendars(room2)[0].Response)

	first := time.Date(2027, 3, 23, 10, 0, 0, 0, time.UTC)
	require.NoError(t, s.Move(alice, uid, time.Time{}, first, first.Add(time.Hour)))
	require.NoError(t, s.Settle(t.Context()))
	want = []string{"03-23T10:00 Occurrence", "03-30T09:00 Occurrence", "04-13T09:00 Occurrence"}
	require.Equal(t, want, starts(alice), "deleted days stay deleted, exceptions are lost")
	require.Equal(t, want, starts(room1))

	require.NoError(t, s.Cancel(alice, uid, time.Time{}))
	require.NoError(t, s.Settle(t.Context()))
	require.Empty(t, s.Calendars(room1))
}

func TestPartlyDeclinedSeries(t *testing.T) {
	s, _ := model(t, Options{})
	book(t, s, Person{Organizer: bob, Start: at(3, 9), End: at(3, 10), Rooms: []string{room1}})
	series := Person{Organizer: alice, Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}, Recurrence: &recurrence.Rule{Kind: recurrence.Daily, Count: 4}}
	uid := book(t, s, series)
	require.Equal(t, []string{"Decline", "Decline", "Decline", "Decline"}, answer(s, alice))
	require.NoError(t, s.Cancel(alice, uid, time.Time{}))

	policy(t, s, room1, func(p *Policy) { p.ConflictPercentage = 25 })
	book(t, s, series)
	require.Equal(t, []string{"Accept", "Decline", "Accept", "Accept"}, answer(s, alice))
	require.Len(t, s.Calendars(room1), 4, "three of the series and the one that was there")
}

func TestDisabledAndAddedMailboxes(t *testing.T) {
	s, _ := model(t, Options{})
	require.NoError(t, s.AddRoom("third.floor@example.com", "room-9@example.com", "Room 9"))
	require.Equal(t, []string{"room-9@example.com"}, s.RoomLists()["third.floor@example.com"])
	require.NoError(t, s.RemoveRoom("first.floor@example.com", room1))
	require.Error(t, s.RemoveRoom("first.floor@example.com", room1))
	require.NoError(t, s.AddMailbox(Mailbox{Address: "Dave@example.com", Aliases: []string{"d@example.com"}}))
	require.Error(t, s.AddMailbox(Mailbox{Address: "dave@example.com"}))
	require.NoError(t, s.DisableMailbox("room-9@example.com", true))
	book(t, s, Person{Organizer: "d@example.com", Start: at(2, 9), End: at(2, 10), Rooms: []string{"room-9@example.com"}})
	require.Equal(t, []string{"Unknown"}, answer(s, "dave@example.com"))
	_, err := s.Book(t.Context(), Person{Organizer: "nobody@example.com"})
	require.ErrorIs(t, err, ErrNoMailbox)
	require.Error(t, s.SetRoom(room1, Policy{Automate: "sometimes"}))
}

func TestSeedFile(t *testing.T) {
	written, err := json.Marshal(DefaultSeed())
	require.NoError(t, err)
	seed, err := LoadSeed(strings.NewReader(string(written)))
	require.NoError(t, err)
	s, _ := model(t, Options{Seed: seed})
	require.Len(t, s.Mailboxes(), 12)
	_, err = LoadSeed(strings.NewReader(`{"mailbox": []}`))
	require.Error(t, err)
	seed, err = LoadSeed(strings.NewReader(`{"domain":"b.test","roomLists":[{"address":"l@b.test","rooms":[{"address":"r@b.test","policy":{"automate":"decline"}}]}]}`))
	require.NoError(t, err)
	s, _ = model(t, Options{Seed: seed})
	p, ok := s.Room("r@b.test")
	require.True(t, ok)
	require.Equal(t, AutoDecline, p.Automate)
	require.Equal(t, 180, p.HorizonDays, "settings that are not named keep their default")
}

func TestSchedulerRuns(t *testing.T) {
	s, err := New(Options{DecisionDelay: 5 * time.Millisecond})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	start := time.Now().Add(time.Hour)
	_, err = s.Book(t.Context(), Person{Organizer: alice, Start: start, End: start.Add(time.Hour), Rooms: []string{room1}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.Pending() == 0 && answer(s, alice)[0] == "Accept" }, 5*time.Second, 2*time.Millisecond)
	s.Close()
	require.NoError(t, <-done)
}

func TestAMailboxIsReplaced(t *testing.T) {
	f := start(t, Options{})
	uid := book(t, f.Server, Person{Organizer: alice, Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}})
	f.settle()
	item := f.Calendars(room1)[0].ItemID
	_, state, _ := f.sync(room1, "", 512)
	require.NoError(t, f.ReplaceMailbox(room1, true))
	require.NoError(t, f.ReplaceMailbox(room1, true))
	require.Empty(t, f.Calendars(room1))
	get := `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:ItemIds><t:ItemId Id="` + item + `"/></m:ItemIds></m:GetItem>`
	require.Equal(t, "ErrorItemNotFound", f.code(room1, get))
	require.Equal(t, "ErrorInvalidSyncStateData", f.code(room1, `<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="calendar"/></m:SyncFolderId><m:SyncState>`+state+`</m:SyncState><m:MaxChangesReturned>5</m:MaxChangesReturned></m:SyncFolderItems>`))
	other := book(t, f.Server, Person{Organizer: bob, Start: at(2, 9), End: at(2, 10), Rooms: []string{room1}})
	f.settle()
	require.Equal(t, other, f.Calendars(room1)[0].UID, "it works as a room")

	require.NoError(t, f.ReplaceMailbox(room1, false))
	require.Equal(t, uid, f.Calendars(room1)[0].UID)
	require.Equal(t, "NoError", f.code(room1, get))
	require.ErrorIs(t, f.ReplaceMailbox("nobody@example.com", true), ErrNoMailbox)
}
