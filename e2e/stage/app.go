package stage

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// App is one process of the app, or the place for one: it may be started,
// ended and started again.
type App struct {
	API string // base URL, ending in /v1
	Log string // the file with everything it logged

	stage   *Stage
	port    int
	process *process // the latest; nil before the first start
}

func (s *Stage) newApp(name string, port int) *App {
	return &App{
		stage: s, port: port, API: "http://127.0.0.1:" + strconv.Itoa(port) + "/v1", Log: filepath.Join(s.Dir, name+".log"),
	}
}

// Start starts the process and waits until its API answers.
func (a *App) Start(ctx context.Context) error {
	if err := a.Spawn(); err != nil {
		return err
	}
	return a.Await(ctx)
}

// Spawn starts the process and does not wait for anything. Further environment
// wins over that of the stage.
func (a *App) Spawn(further ...string) error {
	s := a.stage
	env := append(os.Environ(),
		"CONNECTION_STRING="+s.url, "API_ENDPOINT="+s.Addresses["ELIONA"], "API_TOKEN=secret",
		"API_SERVER_PORT="+strconv.Itoa(a.port), "SSL_CERT_FILE="+s.CA())
	if s.options.Verbose {
		env = append(env, "LOG_LEVEL=debug")
	}
	p, err := startProcess(s.appBinary, nil, append(append(env, s.options.Env...), further...), a.Log)
	if err != nil {
		return err
	}
	a.process = p
	return nil
}

// Await waits until the API answers.
func (a *App) Await(ctx context.Context) error {
	return Until(ctx, 30*time.Second, "the app's API answers", func() (bool, error) {
		if a.process.ended() {
			return false, fmt.Errorf("the app ended at start, see %s", a.Log)
		}
		return a.Call(ctx, http.MethodGet, "/version", nil, nil) == nil, nil
	})
}

// Healthy runs the binary as the health check of an image does.
func (a *App) Healthy(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, a.stage.appBinary, "-health")
	cmd.Env = append(os.Environ(), "API_SERVER_PORT="+strconv.Itoa(a.port))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("checking the app's health: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// Kill ends the process without giving it a chance to notice.
func (a *App) Kill() error { return a.process.kill() }

// Stop asks the process to end and reports how long it took.
func (a *App) Stop() (time.Duration, error) {
	began := time.Now()
	err := a.process.stop()
	return time.Since(began), err
}

// Pause stops the process where it stands, as an overloaded host does, until
// Resume.
func (a *App) Pause() error { return a.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on. It does nothing to another one.
func (a *App) Resume() { _ = a.signal(syscall.SIGCONT) }

func (a *App) signal(s syscall.Signal) error {
	if !a.Running() {
		return fmt.Errorf("signal %v: %w", s, os.ErrProcessDone)
	}
	return a.process.cmd.Process.Signal(s)
}

// Running tells whether the process was started and has not ended.
func (a *App) Running() bool { return a.process != nil && !a.process.ended() }

// PID is the number of the process; 0 before the first start.
func (a *App) PID() int {
	if a.process == nil {
		return 0
	}
	return a.process.cmd.Process.Pid
}

// ExitCode is how the process ended; false while it runs.
func (a *App) ExitCode() (int, bool) {
	if a.process == nil || !a.process.ended() {
		return 0, false
	}
	return a.process.cmd.ProcessState.ExitCode(), true
}

// Call calls the API in the name of the Eliona user 42.
func (a *App) Call(ctx context.Context, method, path string, in, out any) error {
	return call(ctx, method, a.API+path, in, out, http.Header{"Authorization": {"Bearer " + token}})
}
