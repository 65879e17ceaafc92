// Package stage puts the whole product on its feet for tests and
// demonstrations: a throw-away PostgreSQL, the simulators as a process of
// their own, and the app as the binary that ships, all on loopback addresses.
package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ews/db/postgres"
)

// Options choose what is put on the stage.
type Options struct {
	Root      string   // of the repository; empty finds it
	Dir       string   // for binaries and logs; empty makes a temporary one
	Fixed     bool     // well-known ports, for people; otherwise free ones
	Simulator []string // further flags of the simulators
	Hostname  string   // of Exchange and Entra, in place of the loopback address; only a proxy knows it
	Env       []string // further environment of the app, NAME=value
	Binary    string   // of the app; empty builds it
	Verbose   bool     // the app logs at debug level

	// Database overrides settings of PostgreSQL, by name.
	Database map[string]string
}

// Stage is a running installation.
type Stage struct {
	Control *Control
	// Addresses are what the simulators print: EXCHANGE_HTTPS, ENTRA, ELIONA,
	// BOOKING, CONTROL and so on.
	Addresses map[string]string
	API       string // base URL of the app's API, ending in /v1
	Dir       string
	Database  *postgres.Server

	options   Options
	url       string // of the app's database
	appBinary string
	simulator *process
	first     *App
	replicas  []*App
	temporary bool
}

// Start starts PostgreSQL and the simulators. The app is started by StartApp.
// What was started is stopped again if Start fails.
func Start(ctx context.Context, o Options) (s *Stage, err error) {
	s = &Stage{options: o, Dir: o.Dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.options.Root == "" {
		if s.options.Root, err = repository(); err != nil {
			return s, err
		}
	}
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "ews-stage-"); err != nil {
			return s, fmt.Errorf("making a folder: %w", err)
		}
		s.temporary = true
	}
	if s.appBinary = o.Binary; s.appBinary == "" {
		if s.appBinary, err = build(ctx, s.options.Root, ".", "ews"); err != nil {
			return s, err
		}
	}
	simulator, err := build(ctx, s.options.Root, "./simulator", "simulator")
	if err != nil {
		return s, err
	}
	if s.Database, err = postgres.Start(ctx, postgres.Options{Parameters: o.Database}); err != nil {
		return s, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	s.url = s.Database.URL("postgres")
	if err = s.startSimulator(ctx, simulator); err != nil {
		return s, err
	}
	s.Control = &Control{base: s.Addresses["CONTROL"]}
	port := fixedPort
	if !o.Fixed {
		if port, err = choosePort(ctx); err != nil {
			return s, err
		}
	}
	s.first = s.newApp("app", port)
	s.API = s.first.API
	return s, nil
}

func (s *Stage) startSimulator(ctx context.Context, binary string) error {
	args := append([]string{"-eliona-db", s.url, "-ca", s.CA()}, s.options.Simulator...)
	if !s.options.Fixed {
		for _, flag := range []string{"-exchange-https", "-exchange-http", "-entra", "-eliona", "-booking", "-control"} {
			args = append(args, flag, "127.0.0.1:0")
		}
	}
	if s.options.Hostname != "" {
		args = append(args, "-hostname", s.options.Hostname)
	}
	var err error
	s.simulator, err = startProcess(binary, args, nil, filepath.Join(s.Dir, "simulator.log"))
	if err != nil {
		return err
	}
	if s.Addresses, err = s.simulator.addresses(ctx); err != nil || s.options.Hostname == "" {
		return err
	}
	for _, name := range []string{"ELIONA", "BOOKING", "CONTROL"} {
		s.Addresses[name] = strings.Replace(s.Addresses[name], s.options.Hostname, "127.0.0.1", 1)
	}
	return nil
}

// fixedPort is where people look for the app's API.
const fixedPort = 3039

func choosePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("choosing a port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// CA is the file with the certificate authority of the simulators.
func (s *Stage) CA() string { return filepath.Join(s.Dir, "ca.pem") }

// URL is the PostgreSQL URL of the app's database.
func (s *Stage) URL() string { return s.url }

// StartApp starts the app and waits until its API answers.
func (s *Stage) StartApp(ctx context.Context) error { return s.first.Start(ctx) }

// SpawnApp starts the app and does not wait for anything. Further environment
// wins over that of the stage.
func (s *Stage) SpawnApp(further ...string) error { return s.first.Spawn(further...) }

// AwaitApp waits until the app's API answers.
func (s *Stage) AwaitApp(ctx context.Context) error { return s.first.Await(ctx) }

// AppLog is the file with everything the app logged.
func (s *Stage) AppLog() string { return s.first.Log }

// KillApp ends the app without giving it a chance to notice.
func (s *Stage) KillApp() error { return s.first.Kill() }

// Healthy runs the app's binary as the health check of an image does.
func (s *Stage) Healthy(ctx context.Context) error { return s.first.Healthy(ctx) }

// StopApp asks the app to end and reports how long it took.
func (s *Stage) StopApp() (time.Duration, error) { return s.first.Stop() }

// SimulatorPID is the number of the simulators' process.
func (s *Stage) SimulatorPID() int { return s.simulator.pid() }

// ExitCode is how the app ended; false while it runs.
func (s *Stage) ExitCode() (int, bool) { return s.first.ExitCode() }

// App is the process that StartApp and its like are about.
func (s *Stage) App() *App { return s.first }

// Replica prepares a further process of the app, on the same database. It is
// not started.
func (s *Stage) Replica(ctx context.Context, name string) (*App, error) {
	port, err := choosePort(ctx)
	if err != nil {
		return nil, err
	}
	a := s.newApp(name, port)
	s.replicas = append(s.replicas, a)
	return a, nil
}

// Configuration is the JSON an administrator would enter, with OAuth against
// the simulated Exchange.
func (s *Stage) Configuration() map[string]any {
	return map[string]any{
		"clientId": "client", "clientSecret": "secret", "tenantId": "11111111-2222-3333-4444-555555555555",
		"ewsURL": s.Addresses["EXCHANGE_HTTPS"], "authorityURL": s.Addresses["ENTRA"],
		"serviceUserUPN": "eliona@example.com", "roomListUPN": "first.floor@example.com",
		"bookingAppURL": s.Addresses["BOOKING"], "refreshInterval": 1, "requestTimeout": 20,
		"projectIDs": []string{"10"},
	}
}

// Configure posts a configuration in the name of the Eliona user 42 and
// returns its id.
func (s *Stage) Configure(ctx context.Context, configuration map[string]any) (int64, error) {
	var stored struct {
		ID int64 `json:"id"`
	}
	err := s.Call(ctx, http.MethodPost, "/configs", configuration, &stored)
	return stored.ID, err
}

// token is an Eliona token of user 42; apps do not check its signature, which
// is the business of the proxy in front of them.
const token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." +
	"eyJ1c2VyX2lkIjoiNDIiLCJwcm9qX2lkIjoiMTAiLCJyb2xlIjoiYWRtaW4iLCJjdXN0X2lkIjoiMSIsImV4cCI6NDEwMjQ0NDgwMH0." +
	"c2lnbmF0dXJl"

// Call calls the app's API.
func (s *Stage) Call(ctx context.Context, method, path string, in, out any) error {
	return s.first.Call(ctx, method, path, in, out)
}

// Eliona calls the Eliona API as another program of the installation.
func (s *Stage) Eliona(ctx context.Context, method, path string, in, out any) error {
	return call(ctx, method, s.Addresses["ELIONA"]+path, in, out, http.Header{"X-Api-Key": {"secret"}})
}

// Close stops everything and removes what was temporary.
func (s *Stage) Close() error {
	var errs []error
	for _, a := range slices.Concat(s.replicas, []*App{s.first}) {
		if a != nil && a.process != nil {
			a.Resume()
			errs = append(errs, a.process.stop())
		}
	}
	if s.simulator != nil {
		errs = append(errs, s.simulator.stop())
	}
	if s.Database != nil {
		errs = append(errs, s.Database.Stop())
	}
	if s.temporary {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	return errors.Join(errs...)
}

// Until asks a question again and again until the answer is yes. It fails when
// the question fails, or when patience ends first.
func Until(ctx context.Context, patience time.Duration, what string, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		yes, err := ask()
		if err != nil {
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		if yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it did not happen within %v that %s", patience, what)
		case <-ticker.C:
		}
	}
}

func call(ctx context.Context, method, url string, in, out any, header http.Header) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return fmt.Errorf("preparing a request: %w", err)
	}
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{Timeout: 20 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, url, answer.Status, bytes.TrimSpace(raw))
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
}
