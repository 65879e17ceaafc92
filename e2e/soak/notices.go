package soak

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// told is a notice in the app's ledger.
type told struct {
	config    int64
	subject   string
	code      string
	episode   int
	recipient string
	sent      *time.Time
	receipt   string
}

func (w *world) notices(ctx context.Context) ([]told, error) {
	conn, err := pgx.Connect(ctx, w.URL())
	if err != nil {
		return nil, fmt.Errorf("reading the notices: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx,
		`select configuration_id, subject, code, episode, recipient, sent_at, receipt_id from ews.notice order by id`)
	if err != nil {
		return nil, fmt.Errorf("reading the notices: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (n told, err error) {
		return n, row.Scan(&n.config, &n.subject, &n.code, &n.episode, &n.recipient, &n.sent, &n.receipt)
	})
}

// unnoticed checks that each failure has exactly one notice, and that nobody was
// told anything twice (I6). A message may be lost with the process that was about
// to send it; its notice stays.
func (w *world) unnoticed(ctx context.Context) (out []problem, lost int, err error) {
	ledger, err := w.notices(ctx)
	if err != nil {
		return nil, 0, err
	}
	pushes, err := w.Control.Notifications(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("reading what people were told: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	find := func(t *thing, format string, args ...any) {
		out = append(out, problem{"I6", fmt.Sprintf(format, args...), t})
	}
	number := map[string]int{}
	sent, confirmed := 0, 0
	for _, n := range ledger {
		if n.code == "room_declined" || n.code == "booking_failed" {
			number[n.subject]++
		}
		if n.sent != nil {
			sent++
			if n.receipt != "" {
				confirmed++
			}
		}
	}
	for _, b := range w.history.bookings {
		subject := fmt.Sprintf("booking %d", b.id)
		refused := !b.live && b.ended.By == client && b.ended.Reason != "cancelled"
		switch n := number[subject]; {
		case refused && n != 1:
			find(b.thing, "booking %d was withdrawn (%s), and has %d notices", b.id, b.ended.Reason, n)
		case b.live && n > 0:
			find(b.thing, "booking %d is alive, and somebody was told that it failed", b.id)
		}
		delete(number, subject)
	}
	seen := map[string]bool{}
	for _, p := range pushes {
		text := p.Message["en"]
		if !strings.Contains(text, "could not be") {
			continue // about a configuration: may be repeated in another episode
		}
		if key := p.User + " " + text; seen[key] {
			find(nil, "%s was told twice: %s", p.User, text)
		} else {
			seen[key] = true
		}
	}
	if len(pushes) > sent {
		find(nil, "%d notices were sent, and people were told %d times", sent, len(pushes))
	}
	if len(pushes) < confirmed {
		find(nil, "%d notices have a receipt, and people were told %d times only", confirmed, len(pushes))
	}
	return out, sent - len(pushes), nil
}
