package health

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"ews/app/meeting"
	"ews/app/plan"
	"ews/exchange/ews"
)

// Metrics counts what this process does. The gauges beside the counters are
// read from the database when somebody asks.
type Metrics struct {
	db       Overviews
	registry *prometheus.Registry
	gauges   *gauges

	calls         *prometheus.CounterVec
	callTime      *prometheus.HistogramVec
	operations    *prometheus.CounterVec
	operationTime *prometheus.HistogramVec
	latency       *prometheus.HistogramVec
	settled       *prometheus.CounterVec
	connects      *prometheus.CounterVec
	losses        *prometheus.CounterVec
	messages      *prometheus.CounterVec
	notices       *prometheus.CounterVec
	notifications *prometheus.CounterVec
}

// The labels of metrics. Their values are numbers of configurations, and words
// from lists of the program.
const (
	labelConfig    = "config"
	labelOperation = "operation"
	labelCode      = "code"
	labelKind      = "kind"
	labelResult    = "result"
	labelDirection = "direction"
	labelPriority  = "priority"
)

// NewMetrics returns metrics on a registry of their own.
func NewMetrics(db Overviews, commit, built string) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{labelConfig}, labels...))
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets},
			append([]string{labelConfig}, labels...))
	}
	m := &Metrics{
		db: db, registry: prometheus.NewRegistry(), gauges: newGauges(),
		calls: counter("ews_exchange_requests_total", "Requests to Exchange, by operation and response code.", labelOperation, labelCode),
		callTime: histogram("ews_exchange_request_duration_seconds", "Duration of requests to Exchange.",
			[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}, labelOperation),
		operations: counter("ews_operations_total", "Operations on either side, by kind and result: done, or the code of the failure.",
			labelKind, labelResult),
		operationTime: histogram("ews_operation_duration_seconds", "Duration of operations on either side, by kind; failed ones included.",
			[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}, labelKind),
		latency: histogram("ews_change_latency_seconds",
			"Time from seeing a change on one side until both sides agree, imports left out.",
			[]float64{.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600}, labelDirection),
		settled:       counter("ews_meetings_settled_total", "Meetings that came to rest."),
		connects:      counter("ews_booking_connects_total", "Connections made to hear of bookings."),
		losses:        counter("ews_booking_disconnects_total", "Connections lost, or attempts to make one that failed."),
		messages:      counter("ews_booking_messages_total", "Messages about bookings that were heard."),
		notices:       counter("ews_notices_total", "Notices that became due, by code.", labelCode),
		notifications: counter("ews_notifications_total", "Notifications sent to Eliona, by result: accepted or refused.", labelResult),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ews_build_info", Help: "The running build; always 1.",
		ConstLabels: prometheus.Labels{"commit": commit, "built": built},
	})
	build.Set(1)
	m.registry.MustRegister(m.calls, m.callTime, m.operations, m.operationTime, m.latency, m.settled, m.connects, m.losses, m.messages,
		m.notices, m.notifications, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Write writes all metrics in the text format. If the database does not answer
// its part is missing, and ews_database_up is 0.
func (m *Metrics) Write(ctx context.Context, to io.Writer) error {
	read := prometheus.NewRegistry()
	read.MustRegister(m.reading(ctx))
	families, err := prometheus.Gatherers{m.registry, read}.Gather()
	if err != nil {
		return fmt.Errorf("gathering metrics: %w", err)
	}
	encoder := expfmt.NewEncoder(to, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return fmt.Errorf("writing metrics: %w", err)
		}
	}
	return nil
}

// Meter counts for one configuration.
type Meter struct {
	metrics *Metrics
	config  string
}

// Meter returns the meter of a configuration.
func (m *Metrics) Meter(config int64) Meter {
	meter := Meter{metrics: m, config: strconv.FormatInt(config, 10)}
	for _, c := range []*prometheus.CounterVec{m.settled, m.connects, m.losses, m.messages} {
		c.WithLabelValues(meter.config) // 0 from the start, so that a first increase is one
	}
	for _, direction := range []string{toExchange, toBooking} {
		m.latency.WithLabelValues(meter.config, direction)
	}
	return meter
}

// The directions of a change.
const (
	toExchange = "booking_to_meeting"
	toBooking  = "meeting_to_booking"
)

// Call counts a request to Exchange.
func (m Meter) Call(c ews.Call) {
	code := c.Code
	if code == "" {
		code = "HTTP" + strconv.Itoa(c.HTTPStatus)
	}
	m.metrics.calls.WithLabelValues(m.config, c.Operation, label(code)).Inc()
	m.metrics.callTime.WithLabelValues(m.config, c.Operation).Observe(c.Duration.Seconds())
}

func (m Meter) operated(kind plan.Kind, code string, took time.Duration) {
	if code == "" {
		code = "done"
	}
	m.metrics.operations.WithLabelValues(m.config, string(kind), label(code)).Inc()
	m.metrics.operationTime.WithLabelValues(m.config, string(kind)).Observe(max(0, took.Seconds()))
}

func (m Meter) carried(to meeting.Origin, after time.Duration) {
	direction := toBooking
	if to == meeting.Exchange {
		direction = toExchange
	}
	m.metrics.latency.WithLabelValues(m.config, direction).Observe(max(0, after.Seconds()))
}

// Noticed counts a notice that is due.
func (m Meter) Noticed(code string) { m.metrics.notices.WithLabelValues(m.config, label(code)).Inc() }

// Notified counts a notification that Eliona accepted or refused.
func (m Meter) Notified(err error) {
	result := "accepted"
	if err != nil {
		result = "refused"
	}
	m.metrics.notifications.WithLabelValues(m.config, result).Inc()
}

// longestCode is longer than any code of ours or of Exchange.
const longestCode = 80

// label keeps foreign text out of labels: a server may answer anything where a
// code belongs.
func label(code string) string {
	foreign := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_'
	}
	if code == "" || len(code) > longestCode || strings.ContainsFunc(code, foreign) {
		return "other"
	}
	return code
}
