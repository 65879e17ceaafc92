package app

import (
	"context"

	"ews/app/health"
	"ews/app/notice"
	"ews/db/store"
	"ews/eliona"
)

// countedLedger counts the notices that become due.
type countedLedger struct {
	notice.Ledger
	watch *health.Watch
}

// TakeMessages implements notice.Ledger.
func (l countedLedger) TakeMessages(ctx context.Context, limit int) ([]store.Message, error) {
	messages, err := l.Ledger.TakeMessages(ctx, limit)
	for _, m := range messages {
		l.watch.Noticed(m.Code)
	}
	return messages, err
}

// countedSender counts the notifications that are sent.
type countedSender struct {
	notice.Sender
	watch *health.Watch
}

// Notify implements notice.Sender.
func (s countedSender) Notify(ctx context.Context, user eliona.UserID, project eliona.ProjectID, message eliona.Translation) (string, error) {
	receipt, err := s.Sender.Notify(ctx, user, project, message)
	s.watch.Notified(err)
	return receipt, err
}
