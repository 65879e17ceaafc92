package health_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/health"
	"ews/app/meeting"
	"ews/app/plan"
	"ews/db/store"
	"ews/exchange/ews"
)

// family is a metric as a scrape shows it.
type family struct {
	kind, help string
	labels     []string
	everywhere bool // also of configurations that another process works with
}

// families makes every metric of ours appear once.
func (d *desk) families() map[string]family {
	d.t.Helper()
	w := d.metrics.NewWatch(1, slog.New(slog.DiscardHandler))
	w.Call(ews.Call{Operation: "GetItem", Code: "NoError"})
	w.Operated(plan.CreateMeeting, "", 0)
	w.Settled(meeting.Exchange, time.Second, false)
	w.Noticed("room_declined")
	w.Notified(nil)
	led := d.scrape()
	require.NoError(d.t, d.term.Close(d.t.Context()))
	elsewhere := d.scrape()
	found := map[string]family{}
	for _, match := range regexp.MustCompile(`(?m)^# HELP (ews_\w+) (.*)\n# TYPE \w+ (\w+)\n(\S+)`).FindAllStringSubmatch(led, -1) {
		f := family{help: match[2], kind: match[3]}
		for _, label := range regexp.MustCompile(`[{,](\w+)=`).FindAllStringSubmatch(match[4], -1) {
			if label[1] != "le" {
				f.labels = append(f.labels, "`"+label[1]+"`")
			}
		}
		f.everywhere = f.kind == "gauge" && strings.Contains(elsewhere, "\n"+match[1]+"{") || strings.Contains(elsewhere, "\n"+match[1]+" ")
		found[match[1]] = f
	}
	require.Greater(d.t, len(found), 20)
	return found
}

func TestWhatHappensIsCounted(t *testing.T) {
	t.Parallel()
	d := open(t)
	w := d.metrics.NewWatch(1, slog.New(slog.DiscardHandler))
	before := d.scrape()
	for _, zero := range []string{`ews_meetings_settled_total{config="1"} 0`, `ews_booking_connects_total{config="1"} 0`,
		`ews_change_latency_seconds_count{config="1",direction="booking_to_meeting"} 0`} {
		require.Contains(t, before, zero+"\n")
	}
	w.Call(ews.Call{Operation: "GetItem", Code: "NoError", Duration: time.Second})
	w.Call(ews.Call{Operation: "GetItem", HTTPStatus: 403})
	w.Call(ews.Call{Operation: "GetItem", Code: `alice@example.com, subject "Secret"`})
	w.Operated(plan.CreateMeeting, "", time.Second)
	w.Operated(plan.CreateMeeting, "ErrorServerBusy", time.Second)
	w.Settled(meeting.Exchange, 3*time.Second, false)
	w.Settled(meeting.Eliona, 3*time.Second, true)
	w.Settled("", 3*time.Second, false)
	w.Listening(true)
	w.Listening(false)
	w.Heard(2)
	w.Noticed("room_declined")
	w.Notified(nil)
	w.Notified(errors.New("refused"))
	after := d.scrape()
	for _, line := range []string{
		`ews_exchange_requests_total{code="NoError",config="1",operation="GetItem"} 1`,
		`ews_exchange_requests_total{code="HTTP403",config="1",operation="GetItem"} 1`,
		`ews_exchange_requests_total{code="other",config="1",operation="GetItem"} 1`,
		`ews_exchange_request_duration_seconds_count{config="1",operation="GetItem"} 3`,
		`ews_operations_total{config="1",kind="create_meeting",result="done"} 1`,
		`ews_operations_total{config="1",kind="create_meeting",result="ErrorServerBusy"} 1`,
		`ews_meetings_settled_total{config="1"} 3`,
		`ews_change_latency_seconds_sum{config="1",direction="booking_to_meeting"} 3`,
		`ews_change_latency_seconds_count{config="1",direction="meeting_to_booking"} 0`,
		`ews_booking_connects_total{config="1"} 1`, `ews_booking_disconnects_total{config="1"} 1`, `ews_booking_messages_total{config="1"} 1`,
		`ews_notices_total{code="room_declined",config="1"} 1`,
		`ews_notifications_total{config="1",result="accepted"} 1`, `ews_notifications_total{config="1",result="refused"} 1`,
	} {
		require.Contains(t, after, line+"\n")
	}
	require.NotContains(t, after, "alice")
	require.NotContains(t, after, "Secret")
	require.NotContains(t, after, "room-1")
}

// post is where a watch reports to in tests.
type post struct {
	mu       sync.Mutex
	reports  []store.Report
	backlog  int
	question bool // somebody wants a comparison
	err      error
}

func (p *post) Report(_ context.Context, r store.Report) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = append(p.reports, r)
	asked := p.question
	p.question = false
	return asked, p.err
}

func (p *post) Backlog(context.Context) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.backlog, p.err
}

func (p *post) set(backlog int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backlog = backlog
}

func TestAnImportIsFollowedInTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &bytes.Buffer{}
		w := health.NewMetrics(nil, "", "").NewWatch(1, slog.New(slog.NewTextHandler(log, nil)))
		p, compared := &post{backlog: 20, question: true}, 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		wait := time.Now().Add(time.Hour)
		go func() {
			defer close(ended)
			w.Run(ctx, p, func() time.Time { return wait }, func() { compared++ })
		}()
		settle := func(n int) {
			for range n {
				w.Settled(meeting.Eliona, 0, true)
			}
		}
		var _ engine.Observer = w
		w.Listening(true)
		began := time.Now()
		w.Watching(5)
		settle(7)
		after(15 * time.Second)
		require.Empty(t, log.String(), "20 are no import")
		p.set(300)
		settle(40)
		after(10 * time.Second)
		require.Contains(t, log.String(), `level=INFO msg="meetings wait" left=300 done=40`)
		p.set(100)
		settle(200)
		after(10 * time.Second)
		require.Contains(t, log.String(), "left=100 done=240")
		p.set(3)
		settle(97)
		after(20 * time.Second)
		require.Equal(t, 3, strings.Count(log.String(), "\n"), log.String())
		require.Contains(t, log.String(), "left=3 done=337")
		w.Watching(5)
		after(2 * time.Second)
		cancel()
		<-ended
		require.Equal(t, 1, compared)
		require.Greater(t, len(p.reports), 30)
		last := p.reports[len(p.reports)-1]
		require.False(t, last.Connected.IsZero())
		require.Equal(t, wait, last.WaitUntil)
		require.Equal(t, 5, last.Watched)
		require.Equal(t, began, last.WatchedAt)
	})
}

// after lets fake time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
