package exchange_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
	"ews/simulator/exchangesim"
	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/fault"
)

// The cases of this file need an organization that can be told how to behave.

// open starts a simulation and a world in it.
func open(t *testing.T, s simulation) (*simulation, *world) {
	t.Helper()
	t.Parallel()
	sim := simulate(t, s)
	return sim, newWorld(t, sim.organization())
}

func TestLongRoomListsAreWarnedOf(t *testing.T) {
	sim, w := open(t, simulation{})
	require.Len(t, w.rooms, 5)
	require.Contains(t, w.rooms, meeting.Room{ID: 3, Address: "room-3@example.com", Name: "Room 3"})
	require.NotContains(t, sim.logs.String(), "WARN")
	for n := range 100 {
		require.NoError(t, sim.AddRoom(floor, fmt.Sprintf("extra-%d@example.com", n), ""))
	}
	rooms, err := w.calendar.Rooms(t.Context())
	require.NoError(t, err)
	require.Len(t, rooms, 100)
	require.Contains(t, sim.logs.String(), "some may be missing")
}

func TestTheDirectoryTellsWhereRoomsAre(t *testing.T) {
	sim, w := open(t, simulation{})
	location, err := w.calendar.Location(t.Context(), "room-3@example.com")
	require.NoError(t, err)
	require.Equal(t, "Main building, first floor", location)
	require.NoError(t, sim.AddRoom(floor, "lake@example.com", "Lake"))
	for _, address := range []meeting.Address{"lake@example.com", "nobody@example.com", "room-"} {
		location, err = w.calendar.Location(t.Context(), address)
		require.NoError(t, err)
		require.Empty(t, location, address)
	}
}

func TestRoomsWithoutAddressAreLeftOut(t *testing.T) {
	sim, w := open(t, simulation{rewrite: func(op, xml string) string {
		if op != "GetRooms" {
			return xml
		}
		return strings.Replace(xml, ">room-2@example.com<", ">/o=Contoso/cn=room-2<", 1)
	}})
	require.Len(t, w.rooms, 4)
	require.Contains(t, sim.logs.String(), `name="Room 2"`)
}

func TestChangesComeInPages(t *testing.T) {
	_, w := open(t, simulation{Options: exchangesim.Options{PageSize: 2}})
	span, room := w.slot(), w.rooms[0]
	start, err := w.calendar.Changes(w.ctx, room.Address, "")
	require.NoError(t, err)
	require.Equal(t, engine.Delta{Token: start.Token}, start)
	for n := range 5 {
		w.book(later(span, time.Duration(n)*time.Hour), []meeting.Room{room})
	}
	var more []bool
	var tokens []string
	for token, last := start.Token, false; !last; {
		page, err := w.calendar.Changes(w.ctx, room.Address, token)
		require.NoError(t, err)
		require.True(t, page.Changed)
		require.NotContains(t, tokens, page.Token)
		token, last = page.Token, !page.More
		more, tokens = append(more, page.More), append(tokens, token)
	}
	require.Equal(t, []bool{true, true, false}, more)
	again, err := w.calendar.Changes(w.ctx, room.Address, tokens[1])
	require.NoError(t, err)
	require.True(t, again.Changed, "each page's token is a place to go on from")
}

func TestWhatIsDeletedIsTold(t *testing.T) {
	sim, w := open(t, simulation{})
	sim.policy(t, room1, func(p *exchangesim.Policy) { p.ChangeIDOnAccept = true })
	room := w.rooms[0]
	h := w.book(w.slot(), []meeting.Room{room})
	first := w.accepted(room, h, 1)[""]
	token := w.drain(room, "").Token
	w.move(h, time.Time{}, later(h.span, time.Hour))
	second := w.accepted(room, h, 1)[""]
	require.NotEqual(t, first.Item, second.Item)
	delta := w.drain(room, token)
	require.True(t, delta.Changed)
	require.Equal(t, []meeting.ItemID{first.Item}, delta.Deleted)
	require.Equal(t, []meeting.ItemID{second.Item}, delta.Told)
	w.withdraw(h, time.Time{})
	require.Equal(t, []meeting.ItemID{second.Item}, w.drain(room, delta.Token).Deleted)
}

// Rooms' calendars hold messages now and then, and everything has a read flag.
func TestMessagesAndReadFlagsAreNoChanges(t *testing.T) {
	news := ""
	_, w := open(t, simulation{rewrite: func(op, xml string) string {
		if op != "SyncFolderItems" {
			return xml
		}
		return strings.NewReplacer("<m:Changes/>", "<m:Changes>"+news+"</m:Changes>", "<m:Changes></m:Changes>", "<m:Changes>"+news+"</m:Changes>").Replace(xml)
	}})
	for want, change := range map[string]string{
		"none": `<t:Create><t:Message><t:ItemId Id="m" ChangeKey="k"/></t:Message></t:Create>` +
			`<t:Update><t:MeetingRequest><t:ItemId Id="r" ChangeKey="k"/></t:MeetingRequest></t:Update>` +
			`<t:ReadFlagChange><t:ItemId Id="f" ChangeKey="k"/><t:IsRead>true</t:IsRead></t:ReadFlagChange>`,
		"changed": `<t:Update><t:CalendarItem><t:ItemId Id="c" ChangeKey="k"/></t:CalendarItem></t:Update>`,
		"deleted": `<t:Delete><t:ItemId Id="d" ChangeKey="k"/></t:Delete>`,
	} {
		news = change
		delta, err := w.calendar.Changes(w.ctx, room1, "")
		require.NoError(t, err)
		require.Equal(t, want != "none", delta.Changed, want)
		require.Equal(t, want == "deleted", len(delta.Deleted) == 1)
		require.NotEmpty(t, delta.Token)
	}
}

func TestHowARoomHoldsAMeeting(t *testing.T) {
	sim, w := open(t, simulation{})
	room := w.rooms[0]
	for automate, want := range map[string]meeting.Presence{
		exchangesim.AutoAccept: meeting.Booked, exchangesim.Tentative: meeting.Pending,
		exchangesim.NoAutomatic: meeting.Pending, exchangesim.AutoDecline: meeting.None,
	} {
		sim.policy(t, room.Address, func(p *exchangesim.Policy) { p.Automate = automate })
		h := w.book(w.slot(), []meeting.Room{room})
		seen := w.sightings(room, h)
		if want == meeting.None {
			require.Empty(t, seen, automate)
			require.Equal(t, meeting.Declined, w.read(h.place()).Rooms[room.Address].Answer)
			continue
		}
		require.Equal(t, want, seen[""].Presence, automate)
	}
	require.Len(t, w.window(room, meeting.SpanOf(time.Now(), time.Now().AddDate(1, 0, 0))), 3)
}

// A room may keep what was cancelled; it does not hold the room.
func TestCancelledEntriesAreAbsent(t *testing.T) {
	sim, w := open(t, simulation{})
	sim.policy(t, room1, func(p *exchangesim.Policy) { p.KeepCancelled, p.KeepPrivate = true, true })
	room := w.rooms[0]
	h := w.book(w.slot(), []meeting.Room{room}, func(m *ews.NewMeeting) { m.Sensitivity = "Private" })
	require.True(t, w.accepted(room, h, 1)[""].Private)
	w.withdraw(h, time.Time{})
	require.Len(t, sim.Calendars(room1), 1)
	require.Empty(t, w.sightings(room, h))
	w.release(room, h.place()) // there is nothing to free
	require.Len(t, sim.Calendars(room1), 1)
}

func TestOrganizersAreNamed(t *testing.T) {
	unknown := false
	sim, w := open(t, simulation{rewrite: func(_, xml string) string {
		if unknown {
			xml = strings.ReplaceAll(xml, "/cn=Recipients/cn=", "/cn=Recipients/cn=left-")
		}
		return xml
	}})
	room := w.rooms[0]
	h := w.book(w.slot(), []meeting.Room{room})
	for _, as := range []struct {
		style   exchangesim.OrganizerStyle
		unknown bool
		want    meeting.Address
		asked   int // in the directory, up to now
	}{
		{exchangesim.OrganizerSMTP, false, alice, 0},
		{exchangesim.OrganizerName, false, "", 0},
		{exchangesim.OrganizerMissing, false, "", 0},
		{exchangesim.OrganizerLegacyDN, false, alice, 1},
		{exchangesim.OrganizerLegacyDN, true, "", 2}, // somebody who left
	} {
		sim.SetOrganizerStyle(as.style)
		unknown = as.unknown
		for range 2 { // what the directory said is remembered
			s := w.accepted(room, h, 1)[""]
			require.Equal(t, as.want, s.Organizer, as.style)
		}
		require.Equal(t, as.asked, sim.requests("ResolveNames"), as.style)
	}
}

// A calendar with more entries than a view shows is read in parts.
func TestBusyCalendars(t *testing.T) {
	sim, w := open(t, simulation{})
	sim.policy(t, room1, func(p *exchangesim.Policy) { p.AllowConflicts = true; p.MaxMinutes = 0 })
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	for n := range 8 {
		_, err := sim.Book(t.Context(), exchangesim.Person{
			Organizer: alice, Rooms: []string{room1}, Start: day.Add(time.Duration(n) * time.Hour),
			End: day.Add(time.Duration(n+1) * time.Hour), Recurrence: &recurrence.Rule{Kind: recurrence.Daily, Count: 140},
		})
		require.NoError(t, err)
	}
	span := meeting.SpanOf(day, day.AddDate(0, 0, 140))
	_, err := sim.Book(t.Context(), exchangesim.Person{
		Organizer: alice, Rooms: []string{room1}, Start: day.AddDate(0, 0, 69), End: day.AddDate(0, 0, 71),
	})
	require.NoError(t, err)
	seen := w.window(w.rooms[0], span)
	require.Len(t, seen, 8*140+1, "the one across the middle counts once")
	type date struct {
		uid meeting.UID
		key meeting.Key
	}
	dates := map[date]bool{}
	for _, s := range seen {
		require.Equal(t, meeting.Booked, s.Presence)
		dates[date{s.UID, s.Key}] = true
	}
	require.Len(t, dates, len(seen))
	require.Equal(t, 3, sim.requests("FindItem"))
}

// A read is complete or an error: what cannot be seen is not absent.
func TestIncompleteReadsFail(t *testing.T) {
	var replace *strings.Replacer
	_, w := open(t, simulation{rewrite: func(op, xml string) string {
		if op != "FindItem" || replace == nil {
			return xml
		}
		return replace.Replace(xml)
	}})
	h := w.book(w.slot(), w.rooms[:1])
	w.accepted(w.rooms[0], h, 1)
	for _, r := range []*strings.Replacer{
		strings.NewReplacer(`IncludesLastItemInRange="true"`, `IncludesLastItemInRange="false"`),
		strings.NewReplacer("<t:Start>", "<t:Start>not a time "),
	} {
		replace = r
		seen, err := w.calendar.Window(w.ctx, room1, around(h.span), nil)
		w.class(engine.Transient, err)
		require.Empty(t, seen)
	}
}

// An entry may vanish between the view and the look at its details.
func TestCalendarsInMotion(t *testing.T) {
	sim, w := open(t, simulation{})
	h := w.book(w.slot(), w.rooms[:1])
	first := w.accepted(w.rooms[0], h, 1)[""]
	vanished := fault.Rule{Operation: "GetItem", Kind: fault.ResponseCode, Code: "ErrorItemNotFound", Count: 2}
	sim.fault(t, vanished)
	views := sim.requests("FindItem")
	require.Equal(t, first, w.sightings(w.rooms[0], h)[""])
	require.Equal(t, views+3, sim.requests("FindItem"), "read anew until it keeps still")

	// An entry that the view shows and nobody can open is a ghost: it holds the
	// slot, and the rest of the calendar is read.
	vanished.Count = 0
	sim.fault(t, vanished)
	ghost := w.sightings(w.rooms[0], h)[""]
	require.Equal(t, first.Span, ghost.Span)
	require.Equal(t, first.UID, ghost.UID)
	require.Empty(t, ghost.Organizer)
}

// A broken entry takes neither the room out of service, nor itself out of the
// calendar.
func TestBrokenEntries(t *testing.T) {
	sim, w := open(t, simulation{})
	h := w.book(w.slot(), w.rooms[:1])
	seen := w.accepted(w.rooms[0], h, 1)[""]
	for _, code := range []string{"ErrorItemCorrupt", "ErrorAccessDenied", "ErrorSomethingNew"} {
		sim.Faults.Clear("")
		sim.fault(t, fault.Rule{Operation: "GetItem", Kind: fault.ResponseCode, Code: code})
		broken := w.sightings(w.rooms[0], h)[""]
		require.Equal(t, seen.UID, broken.UID)
		require.Equal(t, seen.Span, broken.Span)
		require.Equal(t, meeting.Booked, broken.Presence)
		require.Empty(t, broken.ChangeKey, "it counts as unread")
		require.Contains(t, sim.logs.String(), code)

		known := told(seen)
		list, err := w.calendar.Window(w.ctx, room1, around(h.span), map[meeting.ItemID]engine.Known{seen.Item: known})
		require.NoError(t, err)
		require.Equal(t, []meeting.Sighting{seen}, list, "this version is known")
		known.ChangeKey = "another"
		list, err = w.calendar.Window(w.ctx, room1, around(h.span), map[meeting.ItemID]engine.Known{seen.Item: known})
		require.NoError(t, err)
		require.Equal(t, seen.Organizer, list[0].Organizer, "it is the same meeting")
	}
	sim.Faults.Clear("")
	sim.fault(t, fault.Rule{Operation: "GetItem", Kind: fault.ResponseCode, Code: "ErrorMailboxStoreUnavailable"})
	_, err := w.calendar.Window(w.ctx, room1, around(h.span), nil)
	w.class(engine.Transient, err)
}
