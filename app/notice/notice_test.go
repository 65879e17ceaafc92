package notice

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/health"
	"ews/app/plan"
	"ews/db/store"
	"ews/eliona"
)

// world is a ledger, and an Eliona that knows some users.
type world struct {
	waiting  []store.Message
	taken    int // looks at the ledger
	failing  error
	receipts map[int64]string
	unkept   error // receipts cannot be stored

	outage    error // Eliona is not there
	postponed map[int64]time.Time

	strangers map[eliona.UserID]bool
	sent      []sent
	logs      bytes.Buffer
}

type sent struct {
	user    eliona.UserID
	project eliona.ProjectID
	text    eliona.Translation
}

func (w *world) TakeMessages(_ context.Context, limit int) ([]store.Message, error) {
	w.taken++
	if w.failing != nil {
		return nil, w.failing
	}
	n := min(limit, len(w.waiting))
	due := w.waiting[:n]
	w.waiting = w.waiting[n:]
	return due, nil
}

func (w *world) SaveReceipt(_ context.Context, id int64, receipt string) error {
	if w.unkept != nil {
		return w.unkept
	}
	if w.receipts == nil {
		w.receipts = map[int64]string{}
	}
	w.receipts[id] = receipt
	return nil
}

func (w *world) Postpone(_ context.Context, id int64, by time.Duration) error {
	if w.unkept != nil {
		return w.unkept
	}
	if w.postponed == nil {
		w.postponed = map[int64]time.Time{}
	}
	w.postponed[id] = time.Now().Add(by)
	return nil
}

func (w *world) Notify(_ context.Context, user eliona.UserID, project eliona.ProjectID, text eliona.Translation) (string, error) {
	if w.outage != nil {
		return "", w.outage
	}
	if w.strangers[user] {
		return "", &eliona.Error{Operation: "notify", Class: eliona.NotFound}
	}
	w.sent = append(w.sent, sent{user, project, text})
	return "receipt for " + string(user), nil
}

func (w *world) office() *Office {
	return &Office{
		Config: 7, Owner: "owner", Projects: []string{"10", "11"}, Ledger: w, Sender: w,
		Log: slog.New(slog.NewTextHandler(&w.logs, nil)),
	}
}

// run lets an office work for some time.
func (w *world) run(t *testing.T, d time.Duration) {
	t.Helper()
	w.runOffice(t, w.office(), d)
}

func (w *world) runOffice(t *testing.T, o *Office, d time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), d+time.Millisecond)
		defer cancel()
		o.Run(ctx) // returns when ctx ends
		require.Error(t, ctx.Err())
	})
}

var (
	nine   = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	booked = eliona.BookedTime{Room: "Lake", Start: nine, End: nine.Add(time.Hour)}
)

// message is a notice about a booking of a person.
func message(id int64, code string) store.Message {
	return store.Message{ID: id, Subject: "booking 17", Code: code, Recipient: "alice@example.com", Room: booked.Room, Start: booked.Start, End: booked.End}
}

func TestThePersonConcernedIsTold(t *testing.T) {
	w := &world{waiting: []store.Message{message(1, plan.CodeDeclined)}}
	w.run(t, time.Second)
	require.Equal(t, []sent{{"alice@example.com", "10", eliona.BookingRefusedMessage(booked)}}, w.sent)
	require.Equal(t, map[int64]string{1: "receipt for alice@example.com"}, w.receipts)
	require.Empty(t, w.logs.String())
}

func TestTheCauseIsTold(t *testing.T) {
	full, unknown := message(1, engine.CodeFailed), message(2, engine.CodeFailed)
	full.Cause, unknown.Cause = "ErrorQuotaExceeded", "ErrorNobodyKnows"
	w := &world{waiting: []store.Message{full, unknown}}
	w.run(t, time.Second)
	require.Len(t, w.sent, 2)
	require.Equal(t, eliona.BookingFailedMessage(booked, eliona.FailureMailboxFull), w.sent[0].text)
	require.Equal(t, eliona.BookingFailedMessage(booked, eliona.FailureOther), w.sent[1].text)
}

func TestCausesAreCodesThatExist(t *testing.T) {
	var known []string
	for _, w := range health.Words() {
		known = append(known, w.Codes...)
	}
	for code := range failures {
		require.Contains(t, known, code)
	}
}

func TestTimesAreToldInTheZoneOfTheRooms(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	require.NoError(t, err)
	w := &world{waiting: []store.Message{message(1, plan.CodeDeclined)}}
	o := w.office()
	o.Zone = zurich
	w.runOffice(t, o, time.Second)
	require.Len(t, w.sent, 1)
	require.Contains(t, w.sent[0].text.En, "1 December 2026, 10:00–11:00 CET")
	require.Contains(t, w.sent[0].text.De, "01.12.2026, 10:00–11:00 Uhr (CET)")
}

func TestTheOwnerIsToldInstead(t *testing.T) {
	of := message(1, engine.CodeFailed)
	of.Project = "11"
	nobody := message(2, engine.CodeFailed)
	nobody.Recipient = ""
	w := &world{waiting: []store.Message{of, nobody}, strangers: map[eliona.UserID]bool{"alice@example.com": true}}
	w.run(t, time.Second)
	text := eliona.BookingFailedMessage(booked, eliona.FailureOther)
	require.Equal(t, []sent{{"owner", "11", text}, {"owner", "10", text}}, w.sent)
	require.Equal(t, map[int64]string{1: "receipt for owner", 2: "receipt for owner"}, w.receipts)
	require.Contains(t, w.logs.String(), "notification not accepted")
	require.NotContains(t, w.logs.String(), "alice")
}

func TestWhenNobodyCanBeTold(t *testing.T) {
	w := &world{
		waiting:   []store.Message{message(1, plan.CodeDeclined), message(2, plan.CodeDeclined)},
		strangers: map[eliona.UserID]bool{"alice@example.com": true},
	}
	o := w.office()
	o.Owner, o.Projects = "", nil
	w.waiting[1].Recipient = "bob@example.com"
	w.runOffice(t, o, time.Second)
	require.Contains(t, w.logs.String(), "nobody could be notified")
	require.Equal(t, []sent{{"bob@example.com", "", eliona.BookingRefusedMessage(booked)}}, w.sent, "the next one is told all the same")
}

// TestElionaDoesNotAnswer: what surely was not delivered comes later, to the
// person concerned; what may have been delivered is not told twice.
func TestElionaDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		outage error
		later  bool
		nobody bool // the owner was tried as well
	}{
		"down":                {&eliona.Error{Class: eliona.Transient, Status: 503}, true, false},
		"wrong token":         {&eliona.Error{Class: eliona.Denied, Status: 401}, true, false},
		"perhaps it got it":   {&eliona.Error{Class: eliona.Transient, Ambiguous: true}, false, false},
		"it does not like it": {&eliona.Error{Class: eliona.Refused, Status: 422}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{waiting: []store.Message{message(1, plan.CodeDeclined)}, outage: c.outage}
			w.run(t, time.Second)
			require.Empty(t, w.sent)
			require.Equal(t, c.later, len(w.postponed) == 1)
			require.Equal(t, c.nobody, bytes.Contains(w.logs.Bytes(), []byte("nobody could be notified")))
		})
	}
	w := &world{waiting: []store.Message{message(1, plan.CodeDeclined)}, outage: &eliona.Error{Class: eliona.Transient}, unkept: errors.New("no database")}
	w.run(t, time.Second)
	require.Contains(t, w.logs.String(), "notice lost")
}

func TestTextsByCode(t *testing.T) {
	problem := func(p eliona.Problem) eliona.Translation { return eliona.ConfigurationProblemMessage(7, p) }
	for _, c := range []struct {
		subject, code string
		want          eliona.Translation
	}{
		{"project 10", engine.CodeRoomsAdded, eliona.RoomsAddedMessage(3)},
		{"booking 17", plan.CodeDeclined, eliona.BookingRefusedMessage(booked)},
		{"booking 17", engine.CodeFailed, eliona.BookingFailedMessage(booked, eliona.FailureOther)},
		{"exchange", engine.CodeRecovered, eliona.ConfigurationRecoveredMessage(7)},
		{"exchange", "ClientCredentials", problem(eliona.ProblemCredentials)},
		{"exchange", "ErrorPasswordExpired", problem(eliona.ProblemCredentials)},
		{"exchange", "ErrorPasswordChangeRequired", problem(eliona.ProblemCredentials)},
		{"exchange", "HTTP401", problem(eliona.ProblemCredentials)},
		{"exchange", "HTTP403", problem(eliona.ProblemPermission)},
		{"exchange", "ErrorImpersonateUserDenied", problem(eliona.ProblemPermission)},
		{"exchange", "ErrorNameResolutionNoResults", problem(eliona.ProblemRoomList)},
		{"exchange", "HTTP404", problem(eliona.ProblemExchangeUnreachable)},
		{"exchange", "anything else", problem(eliona.ProblemExchangeUnreachable)},
		{"booking", "booking_app_too_old", problem(eliona.ProblemBookingTooOld)},
		{"booking", "anything else", problem(eliona.ProblemBookingUnreachable)},
		{"eliona", "eliona_token_refused", problem(eliona.ProblemOther)},
		{"booking 17", plan.CodeNoAnswer, eliona.Translation{}},
		{"booking 17", engine.CodeClash, eliona.Translation{}},
		{"booking 17", "a code of tomorrow", eliona.Translation{}},
		{"room 3", "a code of tomorrow", eliona.Translation{}},
	} {
		t.Run(c.subject+" "+c.code, func(t *testing.T) {
			m := message(1, c.code)
			m.Subject, m.Amount = c.subject, 3
			w := &world{waiting: []store.Message{m}}
			w.run(t, time.Second)
			if c.want == (eliona.Translation{}) {
				require.Empty(t, w.sent)
				require.Empty(t, w.receipts)
				return
			}
			require.Len(t, w.sent, 1)
			require.Equal(t, c.want, w.sent[0].text)
		})
	}
	w := &world{waiting: []store.Message{message(1, engine.CodeNotChanged)}}
	w.run(t, time.Second)
	require.Len(t, w.sent, 1)
	require.Contains(t, w.sent[0].text.En, "Lake")
}

func TestTroubleIsLoggedAndOver(t *testing.T) {
	w := &world{waiting: []store.Message{message(1, plan.CodeDeclined)}, unkept: errors.New("disk full")}
	w.run(t, time.Second)
	require.Len(t, w.sent, 1, "a receipt that is lost is no reason to tell twice")
	require.Contains(t, w.logs.String(), "receipt not stored")

	w = &world{failing: errors.New("no database")}
	w.run(t, 3*time.Second)
	require.Equal(t, 3, w.taken)
	require.Contains(t, w.logs.String(), "no database")
	w.failing, w.waiting = nil, []store.Message{message(1, plan.CodeDeclined)}
	w.run(t, time.Second)
	require.Len(t, w.sent, 1)
}

func TestManyNoticesAreTakenInTurn(t *testing.T) {
	w := &world{}
	for id := range int64(50) {
		w.waiting = append(w.waiting, message(id, plan.CodeDeclined))
	}
	w.run(t, time.Second)
	taken := len(w.sent)
	require.Positive(t, taken)
	require.Less(t, taken, 50)
	w.run(t, 5*time.Second)
	require.Len(t, w.sent, 50)
	require.Len(t, w.receipts, 50)
}

// What was taken counts as sent: a process that dies takes with it what it sends
// at that moment, and nothing that waits.
func TestNoticesAreTakenOneByOne(t *testing.T) {
	w := &world{}
	for id := range int64(5) {
		w.waiting = append(w.waiting, message(id, plan.CodeDeclined))
	}
	o := w.office()
	o.Sender = sender(func() {
		require.Equal(t, 5, len(w.waiting)+len(w.sent)+1)
	}, w)
	w.runOffice(t, o, 2*time.Second)
	require.Len(t, w.sent, 5)
}

// sender calls f before each notification.
func sender(f func(), next Sender) Sender { return &heard{f, next} }

type heard struct {
	before func()
	Sender
}

func (h *heard) Notify(ctx context.Context, user eliona.UserID, project eliona.ProjectID, text eliona.Translation) (string, error) {
	h.before()
	return h.Sender.Notify(ctx, user, project, text)
}

// interrupted is a ledger that is read while the office is stopped.
type interrupted struct {
	*world
	stop context.CancelFunc
}

func (i interrupted) TakeMessages(ctx context.Context, _ int) ([]store.Message, error) {
	i.stop()
	return nil, ctx.Err()
}

func TestStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{}
		o := w.office()
		o.Ledger = interrupted{w, cancel}
		ended := make(chan struct{})
		go func() { o.Run(ctx); close(ended) }()
		<-ended
		require.Empty(t, w.logs.String(), "being stopped is no trouble")
		o.Run(ctx) // ends at once
	})
}
