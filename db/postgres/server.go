package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startLimit = 60 * time.Second
	stopLimit  = 20 * time.Second
	pollEvery  = 25 * time.Millisecond

	superuser = "postgres"
	// Every password is accepted; some clients insist on one in the URL.
	password = "secret"
)

// Options describe the server to start. The zero value is useful.
type Options struct {
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Dir is where the temporary directory of the server is made; by default
	// that of the system. The server's user must be able to enter it.
	Dir string
	// Parameters override settings of the server, by name.
	Parameters map[string]string
}

// Server is a running throw-away server. It ends at the latest with the
// process that started it. Its methods are not for concurrent use.
type Server struct {
	bin     string
	dir     string
	port    int
	options Options
	owner   *owner

	cmd    *exec.Cmd
	exited chan struct{}
}

// Start makes a fresh database cluster, starts a server on it and returns when
// it accepts connections. A root process runs it as the user postgres, or
// nobody, because PostgreSQL refuses to run as root.
func Start(ctx context.Context, options Options) (*Server, error) {
	bin, err := FindBinaries(ctx)
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, fmt.Errorf("finding a user for the PostgreSQL server: %w", err)
	}
	dir, err := os.MkdirTemp(options.Dir, "ews-postgres-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the PostgreSQL server: %w", err)
	}
	s := &Server{bin: bin, dir: dir, options: options, owner: owner}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.startAnywhere(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// URL returns the address of a database of the server, with the rights of the
// superuser.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SocketDir is the directory of the server's unix socket.
func (s *Server) SocketDir() string { return s.dir }

// Port is the TCP port of the server on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// PID is the number of the server's main process; its children do the work.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop ends the server, breaking its connections, and removes its data. A
// second call does nothing.
func (s *Server) Stop() error {
	err := s.end(syscall.SIGINT)
	if removeErr := os.RemoveAll(s.dir); removeErr != nil {
		err = errors.Join(err, fmt.Errorf("removing the data of the PostgreSQL server: %w", removeErr))
	}
	return err
}

// Kill ends the server without a shutdown, as a crash would. What was
// committed stays, and Restart recovers it from the log.
func (s *Server) Kill() error { return s.end(syscall.SIGQUIT) }

// Restart starts the server again on the same port and data, after ending it
// if it runs.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.end(syscall.SIGINT); err != nil {
		return err
	}
	return s.start(ctx)
}

// startAnywhere tries further ports when somebody else was faster to take the
// free one.
func (s *Server) startAnywhere(ctx context.Context) error {
	const attempts = 5
	var err error
	for range attempts {
		if s.port, err = s.choosePort(ctx); err != nil {
			return err
		}
		if err = s.start(ctx); err == nil || s.options.Port != 0 || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (s *Server) choosePort(ctx context.Context) (int, error) {
	if s.options.Port != 0 {
		return s.options.Port, nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("releasing the port found: %w", err)
	}
	return port, nil
}

func (s *Server) start(ctx context.Context) error {
	log, err := os.Create(s.logFile())
	if err != nil {
		return fmt.Errorf("creating the server's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the server has its own handle

	// The server outlives ctx: it ends by Stop, Kill or with this process.
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), s.arguments()...) //nolint:noctx // see above
	s.prepare(cmd)
	cmd.Stdout, cmd.Stderr = log, log
	// SIGQUIT lets the server end its own children; SIGKILL would not.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the PostgreSQL server: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is told by its log
		close(exited)
	}()
	s.cmd, s.exited = cmd, exited
	if err := s.await(ctx); err != nil {
		return errors.Join(err, s.end(syscall.SIGQUIT))
	}
	return nil
}

func (s *Server) arguments() []string {
	settings := map[string]string{
		"listen_addresses":           "127.0.0.1",
		"port":                       strconv.Itoa(s.port),
		"unix_socket_directories":    s.dir,
		"fsync":                      "off",
		"full_page_writes":           "off",
		"wal_level":                  "minimal",
		"max_wal_senders":            "0",
		"max_connections":            "200",
		"log_timezone":               "UTC",
		"timezone":                   "UTC",
		"dynamic_shared_memory_type": "mmap", // containers have a small /dev/shm
	}
	maps.Copy(settings, s.options.Parameters)
	args := []string{"-D", s.data()}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		// By the socket in its own directory: at the port, another server may
		// answer that was faster to take it.
		conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%d user=%s dbname=postgres", s.dir, s.port, superuser))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the PostgreSQL server did not start: %s", s.log())
		case <-ctx.Done():
			return fmt.Errorf("waiting for the PostgreSQL server (%w): %s", ctx.Err(), s.log())
		case <-ticker.C:
		}
	}
}

// end sends the signal and waits; a server that does not obey is killed.
func (s *Server) end(signal syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.cmd = nil
	for _, sig := range []syscall.Signal{signal, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("ending the PostgreSQL server: %w", err)
		}
		timer := time.NewTimer(stopLimit)
		select {
		case <-s.exited:
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
	return errors.New("the PostgreSQL server does not end")
}

func (s *Server) prepare(cmd *exec.Cmd) {
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	// A group of its own: an interrupt typed in the terminal reaches this
	// process, which then stops the server in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.owner != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(s.owner.uid), Gid: uint32(s.owner.gid)} // ids of the system
	}
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

func (s *Server) log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	const last = 2000
	return string(text[max(0, len(text)-last):])
}
