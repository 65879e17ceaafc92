package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/meeting"
)

// lockClass is the first key of our advisory locks: "ews" in ASCII. The second
// is the number of a configuration; 0 is shared by all processes, see Standing.
const lockClass = 0x657773

// How soon a process is given up that is not heard of any more: because its host
// is gone, because it stands still, or because the network is cut. The database
// server ends the session that holds its locks, and with it the locks.
const (
	pingEvery    = 3 * time.Second
	pingTimeout  = 3 * time.Second
	silenceLimit = 10 * time.Second
)

// session is the connection on which a process holds its locks, one for all of
// them. It is watched from both ends: here lost is closed when it is in doubt,
// and the server ends it when it falls silent.
type session struct {
	conn *pgx.Conn
	log  *slog.Logger
	use  chan struct{} // holds one value while the connection is in use
	lost chan struct{}
	fail func()          // closes lost, once
	base context.Context // of its end, which is part of no call
	stop context.CancelFunc
	wait sync.WaitGroup

	mu   sync.Mutex
	held map[meeting.ConfigID]bool // the server would give a lock to us twice
}

// silence are the settings of a session that holds locks: the server asks the
// other end itself whether it is still there, and wants to hear of it.
var silence = map[string]string{
	"idle_session_timeout": milliseconds(silenceLimit),
	"tcp_keepalives_idle":  "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "2",
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// configure changes settings of this session. Servers that do not know one do
// without it.
func configure(ctx context.Context, conn *pgx.Conn, settings map[string]string) error {
	_, err := conn.Exec(ctx,
		`select set_config(s.name, w.value, false) from json_each_text($1::json) w join pg_settings s on s.name = w.key`, settings)
	if err != nil {
		return fmt.Errorf("setting up a connection: %w", err)
	}
	return nil
}

// session returns the session for locks, and makes one where there is none, or
// none any more.
func (db *DB) session(ctx context.Context) (*session, error) {
	db.connecting.Lock()
	defer db.connecting.Unlock()
	if s := db.locks; s != nil && !s.isLost() {
		return s, nil
	}
	if db.locks != nil {
		db.locks.close() //nolint:contextcheck // its end is part of no call
		db.locks = nil
	}
	conn, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("connecting for locks: %w", err)
	}
	err = configure(ctx, conn, silence)
	if err == nil {
		_, err = conn.Exec(ctx, `select pg_advisory_lock_shared($1, 0)`, int32(lockClass))
	}
	if err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("preparing the connection for locks: %w", err), conn.Close(closing))
	}
	base := context.WithoutCancel(ctx)
	watching, stop := context.WithCancel(base)
	s := &session{
		conn: conn, log: db.log, base: base, use: make(chan struct{}, 1), lost: make(chan struct{}), stop: stop, held: map[meeting.ConfigID]bool{},
	}
	s.fail = sync.OnceFunc(func() { close(s.lost) })
	s.wait.Go(func() { s.watch(watching) })
	db.locks = s
	return s, nil
}

// watch pings the server; the locks are gone when the connection is.
func (s *session) watch(ctx context.Context) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		ping, cancel := context.WithTimeout(ctx, pingTimeout)
		err := s.do(ping, func(conn *pgx.Conn) error { return conn.Ping(ping) })
		cancel()
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "lock connection lost", "error", err)
			s.fail()
			return
		}
	}
}

func (s *session) isLost() bool {
	select {
	case <-s.lost:
		return true
	default:
		return false
	}
}

// do uses the connection, which only one may at a time.
func (s *session) do(ctx context.Context, f func(*pgx.Conn) error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case s.use <- struct{}{}:
	}
	defer func() { <-s.use }()
	return f(s.conn)
}

// lock tries to lock a configuration.
func (s *session) lock(ctx context.Context, config meeting.ConfigID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[config] {
		return ErrTaken
	}
	var got bool
	err := s.do(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select pg_try_advisory_lock($1, $2)`, int32(lockClass), int32(config)).Scan(&got)
	})
	if err != nil {
		if s.conn.IsClosed() {
			s.fail()
		}
		return fmt.Errorf("locking configuration %d: %w", config, err)
	}
	if !got {
		return ErrTaken
	}
	s.held[config] = true
	return nil
}

// unlock frees a configuration. A lock that cannot be freed goes with its
// connection.
func (s *session) unlock(ctx context.Context, config meeting.ConfigID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held[config] {
		return nil
	}
	delete(s.held, config)
	if s.isLost() {
		return nil
	}
	err := s.do(ctx, func(conn *pgx.Conn) error {
		if conn.IsClosed() {
			return nil
		}
		_, err := conn.Exec(ctx, `select pg_advisory_unlock($1, $2)`, int32(lockClass), int32(config))
		if err != nil && !conn.IsClosed() {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			err = errors.Join(err, conn.Close(closing))
		}
		return err
	})
	if err != nil {
		s.fail()
		return fmt.Errorf("freeing configuration %d: %w", config, err)
	}
	return nil
}

// close ends the session. The server takes a moment to notice the end of a
// connection, so the locks are freed first where that is possible.
func (s *session) close() {
	s.stop()
	s.wait.Wait()
	closing, cancel := context.WithTimeout(s.base, time.Second)
	defer cancel()
	_ = s.do(closing, func(conn *pgx.Conn) error {
		if !conn.IsClosed() {
			_, _ = conn.Exec(closing, `select pg_advisory_unlock_all()`)
		}
		return conn.Close(closing)
	})
}

// Standing tells how the work on one database is shared.
type Standing struct {
	Processes int                       // that share the work, this one included
	Taken     map[meeting.ConfigID]bool // configurations somebody works on
}

// Standing announces this process to the others, and tells how things stand.
func (db *DB) Standing(ctx context.Context) (Standing, error) {
	if _, err := db.session(ctx); err != nil {
		return Standing{}, err
	}
	rows, err := db.pool.Query(ctx,
		`select objid::bigint, count(*) from pg_locks
		 where locktype = 'advisory' and classid::bigint = $1::bigint and objsubid = 2 and granted
		   and database = (select oid from pg_database where datname = current_database())
		 group by objid`, int64(lockClass))
	if err != nil {
		return Standing{}, fmt.Errorf("reading who works on what: %w", err)
	}
	now := Standing{Processes: 1, Taken: map[meeting.ConfigID]bool{}}
	var id, count int64
	_, err = pgx.ForEachRow(rows, []any{&id, &count}, func() error {
		if id == 0 {
			now.Processes = max(1, int(count))
		} else {
			now.Taken[meeting.ConfigID(id)] = true
		}
		return nil
	})
	if err != nil {
		return Standing{}, fmt.Errorf("reading who works on what: %w", err)
	}
	return now, nil
}
