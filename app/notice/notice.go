// Package notice tells people what the engine recorded for them: each failure
// once, each recovery once.
package notice

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ews/app/engine"
	"ews/app/plan"
	"ews/db/store"
	"ews/eliona"
)

// Ledger is where notices wait to be sent.
type Ledger interface {
	TakeMessages(ctx context.Context, limit int) ([]store.Message, error)
	SaveReceipt(ctx context.Context, id int64, receipt string) error
	// Postpone puts a message back that certainly was not delivered.
	Postpone(ctx context.Context, id int64, by time.Duration) error
}

// Sender delivers a notification and returns its receipt.
type Sender interface {
	Notify(ctx context.Context, user eliona.UserID, project eliona.ProjectID, message eliona.Translation) (string, error)
}

// Office sends the notices of one configuration.
type Office struct {
	Config   int64
	Owner    string // Eliona user who saved the configuration; may be empty
	Projects []string
	Zone     *time.Location // in which people are told times; nil = UTC
	Ledger   Ledger
	Sender   Sender
	Log      *slog.Logger
}

const (
	every  = time.Second      // between two looks at the ledger
	atOnce = 20               // notices after one look
	again  = 15 * time.Second // between two attempts while Eliona does not answer
)

// Run sends notices until ctx ends.
func (o *Office) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for range atOnce {
			if ctx.Err() != nil || !o.sendNext(ctx) {
				break
			}
		}
	}
}

// sendNext sends the next notice that is due, if there is one. Notices are taken
// one by one: what was taken counts as sent, and is lost with the process.
func (o *Office) sendNext(ctx context.Context) bool {
	messages, err := o.Ledger.TakeMessages(ctx, 1)
	if err != nil {
		if ctx.Err() == nil {
			o.Log.WarnContext(ctx, "notices not read", "error", err)
		}
		return false
	}
	for _, m := range messages {
		o.send(ctx, m)
	}
	return len(messages) > 0
}

// send tries the person concerned, then the configuration's owner: a booker
// whom Eliona does not know must not keep the failure a secret.
func (o *Office) send(ctx context.Context, m store.Message) {
	text, ok := o.text(m)
	if !ok {
		o.Log.WarnContext(ctx, "not as it should be", "subject", m.Subject, "code", m.Code, "room", m.Room)
		return
	}
	project := m.Project
	if project == "" && len(o.Projects) > 0 {
		project = o.Projects[0]
	}
	for _, user := range []string{m.Recipient, o.Owner} {
		if user == "" {
			continue
		}
		receipt, err := o.Sender.Notify(ctx, eliona.UserID(user), eliona.ProjectID(project), text)
		if err == nil {
			if err := o.Ledger.SaveReceipt(ctx, m.ID, receipt); err != nil {
				o.Log.WarnContext(ctx, "receipt not stored", "notice", m.ID, "error", err)
			}
			return
		}
		if undelivered(err) {
			o.postpone(ctx, m, err)
			return
		}
		o.Log.WarnContext(ctx, "notification not accepted", "notice", m.ID, "code", m.Code, "error", err)
		if e, ok := errors.AsType[*eliona.Error](err); ok && e.Ambiguous {
			return // it may have arrived: nobody else is told besides
		}
	}
	o.Log.WarnContext(ctx, "nobody could be notified", "notice", m.ID, "subject", m.Subject, "code", m.Code)
}

// undelivered tells whether a message did not arrive, for a reason that will
// pass. What may have arrived is not repeated.
func undelivered(err error) bool {
	e, ok := errors.AsType[*eliona.Error](err)
	return ok && !e.Ambiguous && (e.Class == eliona.Transient || e.Class == eliona.Denied)
}

func (o *Office) postpone(ctx context.Context, m store.Message, reason error) {
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := o.Ledger.Postpone(saving, m.ID, again); err != nil {
		o.Log.WarnContext(ctx, "notice lost", "notice", m.ID, "code", m.Code, "error", errors.Join(reason, err))
		return
	}
	o.Log.InfoContext(ctx, "notification comes later", "notice", m.ID, "code", m.Code, "error", reason)
}

// text chooses the words. Findings without words are for the log only.
func (o *Office) text(m store.Message) (eliona.Translation, bool) {
	booked := eliona.BookedTime{Room: m.Room, Start: m.Start, End: m.End, Zone: o.Zone}
	switch m.Code {
	case engine.CodeRoomsAdded:
		return eliona.RoomsAddedMessage(m.Amount), true
	case plan.CodeDeclined:
		return eliona.BookingRefusedMessage(booked), true
	case engine.CodeFailed:
		return eliona.BookingFailedMessage(booked, failures[m.Cause]), true
	case engine.CodeNotChanged:
		return eliona.BookingUnchangedMessage(booked), true
	case engine.CodeRecovered:
		return eliona.ConfigurationRecoveredMessage(o.Config), true
	case plan.CodeNoAnswer, engine.CodeClash:
		return eliona.Translation{}, false
	}
	problem, ok := problemOf(m)
	if !ok {
		return eliona.Translation{}, false
	}
	return eliona.ConfigurationProblemMessage(o.Config, problem), true
}

// problemOf names the trouble of a configuration by where it was met; other
// findings concern no configuration as a whole.
func problemOf(m store.Message) (eliona.Problem, bool) {
	switch m.Subject {
	case "booking":
		if m.Code == "booking_app_too_old" {
			return eliona.ProblemBookingTooOld, true
		}
		return eliona.ProblemBookingUnreachable, true
	case "exchange":
		if p, ok := exchangeProblems[m.Code]; ok {
			return p, true
		}
		return eliona.ProblemExchangeUnreachable, true
	case "eliona":
		return eliona.ProblemOther, true
	}
	return 0, false
}

// failures are causes that tell a booker more than that something is wrong.
var failures = map[string]eliona.Failure{
	"ErrorQuotaExceeded":                         eliona.FailureMailboxFull,
	"ErrorSendAsDenied":                          eliona.FailureSending,
	"ErrorMessageSubmissionBlocked":              eliona.FailureSending,
	"ErrorSubmissionQuotaExceeded":               eliona.FailureSending,
	"ErrorExceededMessageLimit":                  eliona.FailureSending,
	"ErrorAccessDenied":                          eliona.FailurePermission,
	"ErrorCreateItemAccessDenied":                eliona.FailurePermission,
	"ErrorImpersonateUserDenied":                 eliona.FailurePermission,
	"ErrorNonExistentMailbox":                    eliona.FailurePermission,
	"ErrorInvalidRecipients":                     eliona.FailureRoomAddress,
	"ErrorMissingRecipients":                     eliona.FailureRoomAddress,
	"ErrorCalendarDurationIsTooLong":             eliona.FailureTimes,
	"ErrorCalendarEndDateIsEarlierThanStartDate": eliona.FailureTimes,
	"ErrorOccurrenceCrossingBoundary":            eliona.FailureTimes,
	"ErrorOccurrenceTimeSpanTooBig":              eliona.FailureTimes,
	"ClientNoAnswer":                             eliona.FailureUnreachable,
	"exchange_unreachable":                       eliona.FailureUnreachable,
}

var exchangeProblems = map[string]eliona.Problem{
	"ClientCredentials":            eliona.ProblemCredentials,
	"HTTP401":                      eliona.ProblemCredentials,
	"ErrorPasswordExpired":         eliona.ProblemCredentials,
	"ErrorPasswordChangeRequired":  eliona.ProblemCredentials,
	"ErrorAccountDisabled":         eliona.ProblemCredentials,
	"HTTP403":                      eliona.ProblemPermission,
	"ErrorAccessDenied":            eliona.ProblemPermission,
	"ErrorImpersonateUserDenied":   eliona.ProblemPermission,
	"ErrorImpersonationDenied":     eliona.ProblemPermission,
	"ErrorNonExistentMailbox":      eliona.ProblemPermission,
	"ErrorNameResolutionNoResults": eliona.ProblemRoomList,
}
