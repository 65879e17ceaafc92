package exchange

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	want := map[ews.Class]engine.Class{
		ews.ClassPermanent: engine.Refused, ews.ClassTransient: engine.Transient, ews.ClassThrottled: engine.Throttled,
		ews.ClassStale: engine.Stale, ews.ClassGone: engine.NotFound, ews.ClassNotFoundMailbox: engine.NoMailbox,
		ews.ClassDenied: engine.NoMailbox, ews.ClassAuth: engine.Broken, ews.ClassConfig: engine.Broken,
		ews.ClassInvalidSyncState: engine.InvalidToken, ews.ClassConflict: engine.Refused,
		ews.ClassTooLarge: engine.Refused, ews.ClassBug: engine.Refused,
	}
	for class := ews.ClassPermanent; class.String() != "unknown"; class++ {
		cause := &ews.Error{Operation: "CreateItem", Code: "ErrorX", Class: class, Ambiguous: true, BackOff: time.Second}
		e := convert(fmt.Errorf("wrapped: %w", cause))
		require.Contains(t, want, class)
		require.Equal(t, want[class], e.Class, class)
		require.Equal(t, "ErrorX", e.Code)
		require.True(t, e.Ambiguous)
		require.Equal(t, time.Second, e.Pause)
		require.ErrorIs(t, e, cause)
	}
	require.Equal(t, "HTTP403", convert(&ews.Error{HTTPStatus: 403, Class: ews.ClassConfig}).Code)
	long := &ews.Error{Code: ews.CodeAnswerTooLarge, Class: ews.ClassTooLarge}
	require.Equal(t, engine.Transient, convert(long).Class, "that is no refusal: nothing is withdrawn because of it")
	other := errors.New("no calendar")
	require.Equal(t, &engine.Error{Class: engine.Transient, Code: "exchange_unreachable", Err: other}, convert(other))
	done := &engine.Error{Class: engine.Broken, Code: "ErrorX", Err: &ews.Error{}}
	require.Same(t, done, convert(done))
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	for response, want := range map[ews.Response]meeting.Answer{
		ews.ResponseAccept: meeting.Accepted, ews.ResponseTentative: meeting.Tentative, ews.ResponseDecline: meeting.Declined,
		ews.ResponseUnknown: meeting.NoAnswer, ews.ResponseNotReceived: meeting.NoAnswer, ews.ResponseOrganizer: meeting.NoAnswer, "": meeting.NoAnswer,
	} {
		got := answerOf(ews.Attendee{Response: response, LastResponse: at})
		require.Equal(t, want, got.Answer, response)
		require.Equal(t, want == meeting.NoAnswer, got.At.IsZero())
	}
	for _, never := range []int{1, 1601, 4501} {
		got := answerOf(ews.Attendee{Response: ews.ResponseAccept, LastResponse: time.Date(never, 1, 1, 0, 0, 0, 0, time.UTC)})
		require.True(t, got.At.IsZero(), never)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		item ews.CalendarItem
		want meeting.Presence
	}{
		{"accepted", ews.CalendarItem{MyResponse: ews.ResponseAccept, FreeBusy: ews.Busy}, meeting.Booked},
		{"accepted, shown as tentative", ews.CalendarItem{MyResponse: ews.ResponseAccept, FreeBusy: ews.Tentative}, meeting.Booked},
		{"direct", ews.CalendarItem{MyResponse: ews.ResponseOrganizer, FreeBusy: ews.Busy}, meeting.Booked},
		{"direct, tentative", ews.CalendarItem{MyResponse: ews.ResponseOrganizer, FreeBusy: ews.Tentative}, meeting.Booked},
		{"nothing but a time", ews.CalendarItem{}, meeting.Booked},
		{"response unknown", ews.CalendarItem{MyResponse: ews.ResponseUnknown, FreeBusy: ews.Busy}, meeting.Booked},
		{"undecided", ews.CalendarItem{MyResponse: ews.ResponseNotReceived, FreeBusy: ews.Busy}, meeting.Pending},
		{"tentative", ews.CalendarItem{MyResponse: ews.ResponseTentative, FreeBusy: ews.Busy}, meeting.Pending},
		{"shown as tentative", ews.CalendarItem{MyResponse: ews.ResponseUnknown, FreeBusy: ews.Tentative}, meeting.Pending},
		{"free", ews.CalendarItem{MyResponse: ews.ResponseAccept, FreeBusy: ews.Free}, meeting.None},
		{"declined", ews.CalendarItem{MyResponse: ews.ResponseDecline, FreeBusy: ews.Busy}, meeting.None},
		{"cancelled by flag", ews.CalendarItem{IsCancelled: true, FreeBusy: ews.Busy}, meeting.None},
		{"cancelled by state", ews.CalendarItem{AppointmentState: 7, MyResponse: ews.ResponseAccept}, meeting.None},
		{"subject says nothing", ews.CalendarItem{Subject: "Canceled: x", AppointmentState: 3, MyResponse: ews.ResponseAccept}, meeting.Booked},
	} {
		require.Equal(t, c.want, presenceOf(c.item), c.name)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	moved := start.Add(26 * time.Hour)
	clean := ews.NewGlobalObjectID([16]byte{1, 2, 3}, start)
	dated := clean[:32] + "07EA0C01" + clean[40:]
	goid := ews.UIDToGlobalObjectID(clean)
	for _, c := range []struct {
		name string
		item ews.CalendarItem
		uid  string
		key  meeting.Key
	}{
		{"single", ews.CalendarItem{UID: " " + clean + " ", Type: ews.Single, Start: start}, clean, ""},
		{"foreign", ews.CalendarItem{UID: "x@calendar.test", Type: ews.Single, Start: start}, "x@calendar.test", ""},
		{"far too long", ews.CalendarItem{UID: strings.Repeat("x", 1001), Type: ews.Single}, "sha256:cbe4a2e86e808c9b51174c17d56b401791a6282036247a95c3fb2098f098ff79", ""},
		{"by its binary identifier", ews.CalendarItem{CleanGlobalObjectID: goid, Type: ews.Single}, clean, ""},
		{"by nothing", ews.CalendarItem{ItemID: ews.ItemID{ID: "AAMk"}, Type: ews.Single}, "item:AAMk", ""},
		{"by a broken identifier", ews.CalendarItem{ItemID: ews.ItemID{ID: "AAMk"}, CleanGlobalObjectID: []byte{1}}, "item:AAMk", ""},
		{"occurrence", ews.CalendarItem{UID: clean, Type: ews.OccurrenceItem, Start: start, OriginalStart: start}, clean, meeting.KeyOf(start)},
		{"exception", ews.CalendarItem{UID: dated, Type: ews.ExceptionItem, Start: moved, OriginalStart: start}, clean, meeting.KeyOf(start)},
		{"exception by its recurrence id", ews.CalendarItem{UID: dated, Type: ews.ExceptionItem, Start: moved, RecurrenceID: start}, clean, meeting.KeyOf(start)},
		{"occurrence without original start", ews.CalendarItem{UID: clean, Type: ews.OccurrenceItem, Start: start}, clean, meeting.KeyOf(start)},
		{"one date, moved", ews.CalendarItem{UID: clean, Type: ews.Single, Start: moved, RecurrenceID: start}, clean, meeting.KeyOf(start)},
		{"one date by a dated identifier", ews.CalendarItem{UID: dated, Type: ews.Single, Start: start}, clean, meeting.KeyOf(start)},
		{"one date by both", ews.CalendarItem{UID: dated, Type: ews.Single, Start: moved, RecurrenceID: start}, clean, meeting.KeyOf(start)},
	} {
		require.Equal(t, meeting.UID(c.uid), uidOf(&c.item), c.name)
		require.Equal(t, c.key, keyOf(&c.item), c.name)
	}
}

func TestDirectoryNames(t *testing.T) {
	t.Parallel()
	jane, other := ews.Address{Address: "Jane@Example.com"}, ews.Address{Address: "jane.other@example.com"}
	for _, c := range []struct {
		name       string
		resolution ews.Resolution
		entry      string
		want       meeting.Address
	}{
		{"nobody", ews.Resolution{Complete: true}, "jane", ""},
		{"one", ews.Resolution{Candidates: []ews.Candidate{{Mailbox: jane}}, Complete: true}, "/o=x", "jane@example.com"},
		{"one of more than were told", ews.Resolution{Candidates: []ews.Candidate{{Mailbox: jane}}}, "/o=x", ""},
		{"several", ews.Resolution{Candidates: []ews.Candidate{{Mailbox: other}, {Mailbox: jane}}, Complete: true}, "/o=x", ""},
		{"several, one is it", ews.Resolution{Candidates: []ews.Candidate{{Mailbox: other}, {Mailbox: jane}}, Complete: true}, "JANE@example.com", "jane@example.com"},
		{"no SMTP address", ews.Resolution{Candidates: []ews.Candidate{{Mailbox: ews.Address{Address: "/o=x/cn=jane"}}}, Complete: true}, "/o=x", ""},
	} {
		require.Equal(t, c.want, only(c.resolution, c.entry), c.name)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	good := Settings{Username: "u", Password: "forgotten", Log: slog.New(slog.DiscardHandler)}
	c, err := New(good)
	require.NoError(t, err, "Exchange Online by default")
	c.Close()
	for name, spoil := range map[string]func(*Settings){
		"no certificate":             func(s *Settings) { s.CACertificates = "forgotten" },
		"plain http":                 func(s *Settings) { s.URL = "http://mail.example.com/EWS/Exchange.asmx" },
		"no password":                func(s *Settings) { s.Password = "" },
		"no secret":                  func(s *Settings) { s.ClientID, s.TenantID = "client", "tenant" },
		"OAuth goes before NTLM":     func(s *Settings) { s.ClientID = "client" },
		"credentials in the address": func(s *Settings) { s.URL = "https://u:forgotten@mail.example.com/x" },
	} {
		s := good
		spoil(&s)
		_, err := New(s)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "forgotten", name)
	}
	good.URL, good.AllowPlainHTTP = "http://mail.example.com/EWS/Exchange.asmx", true
	c, err = New(good)
	require.NoError(t, err)
	c.Close()
}
