package health

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ews/app/meeting"
	"ews/db/store"
)

// Overviews tells how configurations are doing; 0 means all.
type Overviews interface {
	Overviews(ctx context.Context, config meeting.ConfigID) ([]store.Overview, error)
}

// gauges show the state of all configurations. What concerns the work on a
// configuration only its owner tells, so that sums over replicas are right.
type gauges struct {
	database *prometheus.Desc
	every    []gauge // of every configuration
	owned    []gauge // of those that this process works on
	waiting  *prometheus.Desc
}

type gauge struct {
	desc  *prometheus.Desc
	value func(store.Overview) float64
}

func newGauges() *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{labelConfig}, labels...), nil)
	}
	count := func(name, help string, value func(store.Overview) int) gauge {
		return gauge{desc(name, help), func(o store.Overview) float64 { return float64(value(o)) }}
	}
	yes := func(name, help string, value func(store.Overview) bool) gauge {
		return gauge{desc(name, help), func(o store.Overview) float64 {
			if value(o) {
				return 1
			}
			return 0
		}}
	}
	seconds := func(name, help string, value func(store.Overview) time.Duration) gauge {
		return gauge{desc(name, help), func(o store.Overview) float64 { return max(0, value(o).Seconds()) }}
	}
	return &gauges{
		database: prometheus.NewDesc("ews_database_up", "Whether the database answers: 1 or 0.", nil, nil),
		waiting: desc("ews_meetings_waiting",
			"Meetings that wait to be carried to the other side, by priority: people, changes, import.", labelPriority),
		every: []gauge{
			yes("ews_configuration_enabled", "Whether the configuration is enabled.", func(o store.Overview) bool { return o.Enabled }),
			yes("ews_configuration_broken", "Whether something keeps the configuration from working that an administrator must know of: its statusCode.",
				func(o store.Overview) bool { return o.Broken }),
			yes("ews_configuration_running", "Whether this process works with the configuration.",
				here),
		},
		owned: []gauge{
			yes("ews_booking_connected", "Whether messages of the Booking app are heard.",
				func(o store.Overview) bool { return !o.Report.Connected.IsZero() }),
			seconds("ews_exchange_backoff_seconds", "How long Exchange asked the app to wait before the next request.",
				func(o store.Overview) time.Duration {
					if o.Report.WaitUntil.IsZero() {
						return 0
					}
					return time.Until(o.Report.WaitUntil)
				}),
			count("ews_meetings", "Meetings known; a series counts once.", func(o store.Overview) int { return o.Meetings }),
			count("ews_meetings_failing", "Meetings among those that wait that failed at least once.",
				func(o store.Overview) int { return o.Repeated }),
			count("ews_meetings_parked", "Meetings that one side refused.", func(o store.Overview) int { return o.Parked }),
			seconds("ews_meetings_oldest_seconds", "How long the meeting waits that waits longest.",
				func(o store.Overview) time.Duration { return o.Waited }),
			count("ews_findings", "Findings: what needs the attention of a person.", func(o store.Overview) int { return o.Findings }),
			count("ews_rooms", "Rooms worked on.", func(o store.Overview) int { return o.Rooms }),
			count("ews_rooms_due", "Rooms to be asked for changes now.", func(o store.Overview) int { return o.Due }),
			count("ews_rooms_failing", "Rooms that could not be read the last time.", func(o store.Overview) int { return o.Failing }),
			count("ews_rooms_guarded", "Rooms from which suspiciously many entries vanished.",
				func(o store.Overview) int { return o.Guarded }),
			count("ews_rooms_unread", "Rooms that were never read.", func(o store.Overview) int { return o.Unread }),
			count("ews_rooms_watched", "Rooms whose changes Exchange tells at once.", func(o store.Overview) int { return o.Report.Watched }),
			seconds("ews_rooms_oldest_poll_seconds", "How long ago the room was asked for changes for which that is longest ago.",
				func(o store.Overview) time.Duration { return o.OldestPoll }),
		},
	}
}

func here(o store.Overview) bool { return o.Leader != nil && o.Leader.Here }

// Describe implements prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	to <- g.database
	to <- g.waiting
	for _, list := range [][]gauge{g.every, g.owned} {
		for _, one := range list {
			to <- one.desc
		}
	}
}

// reading is what the database says at one moment.
type reading struct {
	*gauges
	up        float64
	overviews []store.Overview
}

// scrapeTime bounds what reading the database may take.
const scrapeTime = 5 * time.Second

func (m *Metrics) reading(ctx context.Context) reading {
	ctx, cancel := context.WithTimeout(ctx, scrapeTime)
	defer cancel()
	overviews, err := m.db.Overviews(ctx, 0)
	if err != nil {
		return reading{gauges: m.gauges}
	}
	return reading{gauges: m.gauges, up: 1, overviews: overviews}
}

// Collect implements prometheus.Collector.
func (g reading) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.MustNewConstMetric(g.database, prometheus.GaugeValue, g.up)
	for _, o := range g.overviews {
		config := strconv.FormatInt(int64(o.Config), 10)
		tell := func(list []gauge) {
			for _, one := range list {
				to <- prometheus.MustNewConstMetric(one.desc, prometheus.GaugeValue, one.value(o), config)
			}
		}
		tell(g.every)
		if !here(o) {
			continue
		}
		tell(g.owned)
		for priority, n := range map[string]int{"people": o.People, "changes": o.Changes, "import": o.Import} {
			to <- prometheus.MustNewConstMetric(g.waiting, prometheus.GaugeValue, float64(n), config, priority)
		}
	}
}
