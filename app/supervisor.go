package app

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ews/app/health"
	"ews/conf"
	"ews/db/store"
	"ews/eliona"
)

// supervisor runs one synchronisation per enabled configuration, and starts it
// anew when its configuration changes. Several processes on one database share
// the configurations.
type supervisor struct {
	log            *slog.Logger
	configurations *conf.Repository
	database       *store.DB
	eliona         *eliona.Client
	metrics        *health.Metrics
	wake           chan struct{}
	looked         atomic.Int64 // when it last looked at the configurations, in Unix seconds

	running map[int64]*runner
	waiting map[int64]delay // after a start that failed
	share   share
	idle    bool            // the absence of configurations was logged
	enabled map[int64]int64 // configurations that are to run, and their versions
}

// delay keeps one version of a configuration from being started; a changed one
// may start at once.
type delay struct {
	version int64
	until   time.Time
}

func (d delay) holds(version int64) bool { return d.version == version && time.Now().Before(d.until) }

// lookEvery is how soon a change made by another process is noticed. One made
// through this process's API is noticed at once.
const lookEvery = 500 * time.Millisecond

func newSupervisor(log *slog.Logger, configurations *conf.Repository, database *store.DB, client *eliona.Client,
	metrics *health.Metrics,
) *supervisor {
	return &supervisor{
		log: log, configurations: configurations, database: database, eliona: client, metrics: metrics,
		wake: make(chan struct{}, 1), running: map[int64]*runner{}, waiting: map[int64]delay{},
	}
}

// look makes the supervisor look at the configurations now.
func (s *supervisor) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// asleepAfter is how long one look at the configurations may take, with all the
// starts and stops that follow from it.
const asleepAfter = 2 * time.Minute

// awake tells whether the supervisor looks after the configurations.
func (s *supervisor) awake() bool {
	return time.Now().Unix()-s.looked.Load() < int64(asleepAfter/time.Second)
}

// run supervises until ctx ends, and then waits for what it started.
func (s *supervisor) run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	defer func() { s.stop(ctx, maps.Clone(s.running)) }()
	for {
		s.looked.Store(time.Now().Unix())
		configurations, err := s.configurations.List(ctx)
		if err == nil {
			s.adjust(ctx, configurations)
		} else if ctx.Err() == nil {
			s.log.WarnContext(ctx, "configurations not read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-ticker.C:
		}
	}
}

// adjust makes what runs agree with the configurations.
func (s *supervisor) adjust(ctx context.Context, configurations []conf.Configuration) {
	if len(configurations) == 0 && !s.idle {
		s.log.InfoContext(ctx, "no configuration yet: enter one in Eliona under Apps > Exchange > Settings")
	}
	s.idle = len(configurations) == 0
	wanted := make(map[int64]conf.Configuration, len(configurations))
	for _, c := range configurations {
		if c.Enable {
			wanted[c.ID] = c
		} else if c.Active && s.running[c.ID] == nil {
			s.setActive(ctx, c.ID, false)
		}
		if r := s.running[c.ID]; c.Enable && !c.Active && r != nil && !r.ended() {
			s.setActive(ctx, c.ID, true) // the former owner noticed late that it is none any more
		}
	}
	s.handOver(wanted)
	outdated := map[int64]*runner{}
	for id, r := range s.running {
		if c, ok := wanted[id]; !ok || c.Version != r.version || r.ended() {
			outdated[id] = r
		}
	}
	s.stop(ctx, outdated)
	maps.DeleteFunc(s.waiting, func(id int64, _ delay) bool { _, ok := wanted[id]; return !ok })
	standing, err := s.database.Standing(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.WarnContext(ctx, "other processes not seen", "error", err)
		}
		return
	}
	take, give := s.share.decide(time.Now(), slices.Collect(maps.Keys(wanted)), slices.Collect(maps.Keys(s.running)),
		func(id int64) bool { return s.waiting[id].holds(wanted[id].Version) }, standing)
	for _, id := range take {
		s.start(ctx, wanted[id])
	}
	given := map[int64]*runner{}
	for _, id := range give {
		s.log.InfoContext(ctx, "configuration is given to another process", "config", id, "processes", standing.Processes)
		given[id] = s.running[id]
	}
	s.stop(ctx, given)
}

// handOver lets those that run look at their rooms when configurations were
// changed: rooms that several of them list may belong to another one now.
func (s *supervisor) handOver(wanted map[int64]conf.Configuration) {
	enabled := make(map[int64]int64, len(wanted))
	for id, c := range wanted {
		enabled[id] = c.Version
	}
	if maps.Equal(enabled, s.enabled) {
		return
	}
	s.enabled = enabled
	for _, r := range s.running {
		r.lookAtRooms()
	}
}

func (s *supervisor) start(ctx context.Context, c conf.Configuration) {
	log := s.log.With("config", c.ID)
	r, err := s.newRunner(ctx, c, log)
	if errors.Is(err, store.ErrTaken) {
		s.waiting[c.ID] = delay{c.Version, time.Now().Add(time.Second)}
		return
	}
	if err != nil {
		s.waiting[c.ID] = delay{c.Version, time.Now().Add(15 * time.Second)}
		if ctx.Err() != nil {
			return
		}
		log.WarnContext(ctx, "configuration does not run", "error", err)
		if c.Active {
			s.setActive(ctx, c.ID, false)
		}
		if err := s.configurations.SetStatus(ctx, c.ID, codeOfStart(err), err.Error()); err != nil {
			log.WarnContext(ctx, "status not stored", "error", err)
		}
		return
	}
	delete(s.waiting, c.ID)
	s.running[c.ID] = r
	s.setActive(ctx, c.ID, true)
	log.InfoContext(ctx, "configuration runs", "version", c.Version)
}

// codeOfStart names for people why a configuration cannot even begin.
func codeOfStart(err error) string {
	if _, ok := errors.AsType[*conf.SecretError](err); ok {
		return "secret_unreadable"
	}
	return "cannot_start"
}

// stop ends runners side by side; each may take a few seconds.
func (s *supervisor) stop(ctx context.Context, runners map[int64]*runner) {
	ctx = context.WithoutCancel(ctx)
	var mu sync.Mutex
	var all sync.WaitGroup
	for id, r := range runners {
		all.Go(func() {
			err := r.stop(ctx)
			if err != nil {
				s.log.WarnContext(ctx, "configuration ended", "config", id, "error", err)
			}
			if !r.replaced() {
				s.setActive(ctx, id, false)
			}
			s.log.InfoContext(ctx, "configuration stopped", "config", id)
			mu.Lock()
			defer mu.Unlock()
			delete(s.running, id)
			if err != nil {
				s.waiting[id] = delay{r.version, time.Now().Add(time.Second)}
			}
		})
	}
	all.Wait()
}

func (s *supervisor) setActive(ctx context.Context, id int64, active bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.configurations.SetActive(ctx, id, active); err != nil && !errors.Is(err, conf.ErrNotFound) {
		s.log.WarnContext(ctx, "active not stored", "config", id, "error", err)
	}
}
