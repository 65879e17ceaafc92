package exchange_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange"
	"ews/exchange/ews"
	"ews/simulator/exchangesim"
	"ews/simulator/fault"
)

const bob = "bob@example.com"

// Only some mailboxes may be acted as.
func TestMailboxesOutOfReach(t *testing.T) {
	sim, w := open(t, simulation{})
	d := w.draft(w.rooms[0])
	may := func(mailboxes ...string) {
		sim.SetImpersonation([]exchangesim.Impersonation{{Account: "client", Mailboxes: mailboxes}})
	}
	may(service, room1)
	_, err := w.calendar.Create(w.ctx, alice, d)
	require.Equal(t, "ErrorImpersonateUserDenied", w.class(engine.NoMailbox, err).Code)
	_, err = w.calendar.Copy(w.ctx, engine.Place{Mailbox: alice, UID: d.UID})
	w.class(engine.NoMailbox, err)
	_, err = w.calendar.Window(w.ctx, room2, d.Span, nil)
	w.class(engine.NoMailbox, err)

	may(service, room1, alice)
	h := w.book(d.Span, w.rooms[:1])
	sim.SetOrganizerStyle(exchangesim.OrganizerLegacyDN)
	may(room1, alice)
	_, err = w.calendar.Rooms(w.ctx)
	w.class(engine.Broken, err)
	_, err = w.calendar.Window(w.ctx, room1, around(h.span), nil)
	w.class(engine.Broken, err) // the room is in order, the directory is asked as the service user
	require.NoError(t, sim.DisableMailbox(room1, true))
	_, err = w.calendar.Changes(w.ctx, room1, "")
	w.class(engine.NoMailbox, err)
}

func TestLogonsThatFail(t *testing.T) {
	_, w := open(t, simulation{})
	for _, spoil := range []func(*exchange.Settings){
		func(s *exchange.Settings) { s.ClientSecret = "wrong" },
		func(s *exchange.Settings) { s.CACertificates = "" },
		func(s *exchange.Settings) { s.URL = strings.Replace(s.URL, "Exchange.asmx", "Elsewhere.asmx", 1) },
	} {
		s := w.Settings
		spoil(&s)
		_, err := w.connect(s).Rooms(w.ctx)
		w.class(engine.Broken, err)
		require.NotContains(t, err.Error(), "wrong")
	}
}

func TestPasswordsThatFail(t *testing.T) {
	_, w := open(t, simulation{ntlm: true})
	s := w.Settings
	s.Password = "forgotten"
	_, err := w.connect(s).Rooms(w.ctx)
	w.class(engine.Broken, err)
	require.NotContains(t, err.Error(), "forgotten")
}

// What became of a request without an answer is found out by its reference.
func TestWritesWithoutAnswer(t *testing.T) {
	sim, w := open(t, simulation{})
	d := w.draft(w.rooms[0])
	sim.fault(t, fault.Rule{Operation: "CreateItem", Kind: fault.ResetBefore, Count: 1})
	_, err := w.calendar.Create(w.ctx, alice, d)
	require.True(t, w.class(engine.Transient, err).Ambiguous)
	_, found, err := w.calendar.Find(w.ctx, alice, d)
	require.NoError(t, err)
	require.False(t, found)

	sim.fault(t, fault.Rule{Operation: "CreateItem", Kind: fault.ResetAfterBody, Count: 1})
	_, err = w.calendar.Create(w.ctx, alice, d)
	require.True(t, w.class(engine.Transient, err).Ambiguous)
	c, found, err := w.calendar.Find(w.ctx, alice, d)
	require.NoError(t, err)
	require.True(t, found && c.Live)

	sim.fault(t, fault.Rule{Operation: "GetItem", Kind: fault.Status, Status: 500, Count: 1})
	d.Ref = ref
	made, err := w.calendar.Create(w.ctx, alice, d)
	require.NoError(t, err, "not learning what was made is no failure")
	require.Equal(t, d.UID, made.UID)
	require.NotEmpty(t, made.Item)
}

func TestPauses(t *testing.T) {
	sim, w := open(t, simulation{})
	sim.fault(t, fault.Rule{Operation: "SyncFolderItems", Kind: fault.Throttle, BackOffMilliseconds: 60000, Count: 1})
	_, err := w.calendar.Changes(w.ctx, room1, "")
	e := w.class(engine.Throttled, err)
	require.GreaterOrEqual(t, e.Pause, time.Minute)
	require.Equal(t, "ErrorServerBusy", e.Code)
	require.False(t, e.Ambiguous)
}

// One request of the many that read a calendar may fail.
func TestACalendarIsReadDespiteFailures(t *testing.T) {
	sim, w := open(t, simulation{})
	h := w.book(w.slot(), w.rooms[:1])
	w.accepted(w.rooms[0], h, 1)
	for _, operation := range []string{"FindItem", "GetItem"} {
		for _, broken := range []fault.Rule{
			{Operation: operation, Kind: fault.Status, Status: 500, Count: 2},
			{Operation: operation, Kind: fault.ResetAfterBody, Count: 1},
			{Operation: operation, Kind: fault.ResponseCode, Code: "ErrorTimeoutExpired", Count: 1},
		} {
			sim.fault(t, broken)
			seen, err := w.calendar.Window(w.ctx, room1, around(h.span), nil)
			require.NoError(t, err, "%+v", broken)
			require.Len(t, seen, 1)
		}
		sim.fault(t, fault.Rule{Operation: operation, Kind: fault.Status, Status: 500})
		before := w.count(operation)
		_, err := w.calendar.Window(w.ctx, room1, around(h.span), nil)
		w.class(engine.Transient, err)
		require.Equal(t, 3, w.count(operation)-before, "it is not tried forever")
		sim.Faults.Clear("")
	}
	sim.fault(t, fault.Rule{Operation: "FindItem", Kind: fault.Throttle, BackOffMilliseconds: 60000, Count: 1})
	_, err := w.calendar.Window(w.ctx, room1, around(h.span), nil)
	w.class(engine.Throttled, err)
}

// A copy that changes while it is cancelled is read again.
func TestCancellingWhatChanges(t *testing.T) {
	sim, w := open(t, simulation{})
	h := w.book(w.slot(), w.rooms[:1])
	stale := fault.Rule{Operation: "CancelCalendarItem", Kind: fault.ResponseCode, Code: "ErrorStaleObject", Count: 2}
	sim.fault(t, stale)
	require.True(t, w.cancel(h.place()))

	h = w.book(w.slot(), w.rooms[:1])
	stale.Count = 0
	sim.fault(t, stale)
	_, err := w.calendar.Cancel(w.ctx, h.place())
	w.class(engine.Stale, err)
	require.True(t, w.read(h.place()).Live)
}

// asDN shows an attendee by a directory name in place of an SMTP address.
func asDN(xml, address, dn string) string {
	shown := regexp.MustCompile(`<t:EmailAddress>` + regexp.QuoteMeta(address) + `</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>`)
	return shown.ReplaceAllString(xml, "<t:EmailAddress>"+dn+"</t:EmailAddress><t:RoutingType>EX</t:RoutingType>")
}

// Attendees may be shown by names that only the directory, or nobody, knows.
func TestAttendeesByDirectoryName(t *testing.T) {
	shown := map[string]string{}
	sim, w := open(t, simulation{rewrite: func(op, xml string) string {
		for address, dn := range shown {
			if op == "GetItem" {
				xml = asDN(xml, address, dn)
			}
		}
		return xml
	}})
	first, second := w.rooms[0], w.rooms[1]
	own := w.bookIn(second.Address, w.slot(), nil)
	sim.SetOrganizerStyle(exchangesim.OrganizerLegacyDN)
	dn := w.item(second.Address, own.id).Organizer.Address
	require.True(t, strings.HasPrefix(dn, "/o="))

	h := w.book(w.slot(), w.rooms[:2], func(m *ews.NewMeeting) { m.OptionalAttendees = []ews.Invitee{{Address: bob}} })
	want := accepts(first, second)
	want[bob] = meeting.NoAnswer
	w.answered(h.place(), want)
	shown[room2] = dn
	require.False(t, w.answered(h.place(), want).Partial)
	w.update(h.place(), engine.Change{Remove: w.rooms[1:2]})
	w.gone(second, h)
	delete(want, second.Address)
	w.answered(h.place(), want)

	shown[bob] = "/o=Contoso/cn=somebody-who-left"
	c := w.read(h.place())
	require.True(t, c.Partial)
	require.Len(t, c.Rooms, 1)
	require.Contains(t, c.Rooms, first.Address)
}

func TestAttendeesWhenTheDirectoryFails(t *testing.T) {
	hide := false
	sim, w := open(t, simulation{rewrite: func(op, xml string) string {
		if op == "GetItem" && hide {
			xml = asDN(xml, room1, "/o=Contoso/cn=room-1")
		}
		return xml
	}})
	h := w.book(w.slot(), w.rooms[:1])
	before := w.answered(h.place(), accepts(w.rooms[0]))
	hide = true
	sim.fault(t, fault.Rule{Operation: "ResolveNames", Kind: fault.ResponseCode, Code: "ErrorADUnavailable"})
	_, err := w.calendar.Copy(w.ctx, h.place())
	w.class(engine.Transient, err)
	other := w.connect(w.Settings) // which has not just read the copy
	_, err = other.Update(w.ctx, h.place(), before, engine.Change{Span: h.span, Add: w.rooms[1:2]})
	w.class(engine.Transient, err)
	require.Empty(t, w.sightings(w.rooms[1], h))
}

// A name that the directory cannot tell keeps nothing else of the room from
// being read, and is asked for again later.
func TestOrganizersThatCannotBeLookedUp(t *testing.T) {
	for _, c := range []struct {
		name, code string
		fails      int // reads of the room that fail before
	}{
		{"never", "ErrorInvalidRequest", 0},
		{"never, for a reason unknown to us", "ErrorSomethingNew", 0},
		{"not now", "ErrorInternalServerError", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim, w := open(t, simulation{})
			room := w.rooms[0]
			h := w.book(w.slot(), w.rooms[:1])
			own := w.bookIn(room.Address, later(h.span, 2*time.Hour), nil)
			w.accepted(room, h, 1)
			sim.SetOrganizerStyle(exchangesim.OrganizerLegacyDN)
			sim.fault(t, fault.Rule{Operation: "ResolveNames", Kind: fault.ResponseCode, Code: c.code})
			for range c.fails {
				_, err := w.calendar.Window(w.ctx, room.Address, around(h.span), nil)
				w.class(engine.Transient, err)
			}
			seen := w.sightings(room, h)[""]
			require.Equal(t, meeting.Booked, seen.Presence)
			require.Empty(t, seen.Organizer)
			require.Empty(t, seen.ChangeKey, "it counts as unread")
			require.NotEmpty(t, w.sightings(room, own)[""].UID)
			asked := sim.requests("ResolveNames")
			w.sightings(room, h)
			require.Equal(t, asked, sim.requests("ResolveNames"), "not asked at every read")
			require.Contains(t, sim.logs.String(), "cannot be looked up")
			require.NotContains(t, sim.logs.String(), "/o=")

			sim.Faults.Clear("")
			again := w.connect(w.Settings) // as after the hour
			known := map[meeting.ItemID]engine.Known{seen.Item: told(seen)}
			list, err := again.Window(w.ctx, room.Address, h.span, known)
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.Equal(t, meeting.Address(alice), list[0].Organizer)
			require.NotEmpty(t, list[0].ChangeKey)
		})
	}
}

func TestTheWholeDirectoryIsOutOfOrder(t *testing.T) {
	sim, w := open(t, simulation{})
	h := w.book(w.slot(), w.rooms[:1])
	w.accepted(w.rooms[0], h, 1)
	sim.SetOrganizerStyle(exchangesim.OrganizerLegacyDN)
	sim.fault(t, fault.Rule{Operation: "ResolveNames", Kind: fault.SOAPFault, Code: "ErrorPasswordExpired"})
	for range 5 {
		_, err := w.calendar.Window(w.ctx, room1, around(h.span), nil)
		w.class(engine.Broken, err) // an administrator has to help, and everybody waits
	}
}

// Whoever enters an organizer in Eliona must not choose in whose name we act.
func TestOrganizersOfOtherDomains(t *testing.T) {
	sim, w := open(t, simulation{})
	require.NoError(t, sim.AddMailbox(exchangesim.Mailbox{Address: "ceo@example.org", Name: "Chief"}))
	s := w.Settings
	s.OrganizerDomains = []string{"example.net", "example.com"}
	limited := w.connect(s)
	d := w.draft(w.rooms[0])
	const outside meeting.Address = "ceo@example.org"
	before := sim.Stats.Snapshot()
	refused := func(err error) {
		t.Helper()
		require.Equal(t, "organizer_not_allowed", w.class(engine.NoMailbox, err).Code)
		require.Equal(t, before, sim.Stats.Snapshot(), "the server is not even asked")
	}
	_, err := limited.Create(w.ctx, outside, d)
	refused(err)
	_, _, err = limited.Find(w.ctx, outside, d)
	refused(err)
	place := engine.Place{Mailbox: outside, UID: d.UID, Span: d.Span}
	_, err = limited.Copy(w.ctx, place)
	refused(err)
	_, err = limited.Update(w.ctx, place, meeting.Copy{Span: d.Span}, engine.Change{Span: later(d.Span, time.Hour)})
	refused(err)
	_, err = limited.Cancel(w.ctx, place)
	refused(err)
	for _, other := range []meeting.Address{"anna@sub.example.com", "anna@example.com.evil.test", "anna@notexample.com", "example.com"} {
		_, err = limited.Create(w.ctx, other, d)
		refused(err)
	}

	made, err := limited.Create(w.ctx, alice, d)
	require.NoError(t, err)
	require.EqualValues(t, alice, made.Mailbox)
	s.OrganizerDomains = []string{"example.org"}
	d.Ref = ref
	_, err = w.connect(s).Create(w.ctx, service, d)
	require.NoError(t, err, "the service user may always")
	_, err = w.connect(s).Window(w.ctx, room1, around(d.Span), nil)
	require.NoError(t, err, "so may the rooms")
}
