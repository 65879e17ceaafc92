package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that was started and is waited for.
type process struct {
	cmd   *exec.Cmd
	lines chan string   // of standard output; closed at its end
	done  chan struct{} // closed when the program has ended
}

// startProcess starts a program. Its standard error is appended to the log,
// its standard output can be read line by line.
func startProcess(binary string, args, env []string, log string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	cmd := exec.Command(binary, args...) //nolint:noctx // stopped by signals
	cmd.Env, cmd.Stderr = env, file
	// In a group of its own it does not hear the Ctrl-C that is meant for us: we
	// stop it in our order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", filepath.Base(binary), err), file.Close())
	}
	p := &process{cmd: cmd, lines: make(chan string, 64), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.read(out)
		_ = cmd.Wait()
		_ = file.Close()
	}()
	return p, nil
}

func (p *process) read(out io.Reader) {
	defer close(p.lines)
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		select {
		case p.lines <- scanner.Text():
		default: // nobody listens any more
		}
	}
}

// addresses reads NAME=value lines until READY.
func (p *process) addresses(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	found := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return nil, errors.New("the simulators did not get ready")
		case line, ok := <-p.lines:
			if !ok {
				return nil, errors.New("the simulators ended at start")
			}
			if line == "READY" {
				return found, nil
			}
			if name, value, ok := strings.Cut(line, "="); ok {
				found[name] = value
			}
		}
	}
}

// pid is the number of the process, for who looks at what it uses.
func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// stop asks the program to end, and insists after a while.
func (p *process) stop() error {
	if p.ended() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(12 * time.Second):
		return errors.Join(fmt.Errorf("%s did not end when asked to", filepath.Base(p.cmd.Path)), p.kill())
	}
}

// builds remembers what this process has built.
type builds struct {
	once sync.Once
	dir  string
	err  error
	mu   sync.Mutex
	made map[string]string
}

var built = &builds{made: map[string]string{}} // programs are built once per process

// build builds a program of the repository, once.
func build(ctx context.Context, root, target, name string) (string, error) {
	built.once.Do(func() { built.dir, built.err = os.MkdirTemp("", "ews-build-") })
	if built.err != nil {
		return "", fmt.Errorf("making a folder: %w", built.err)
	}
	built.mu.Lock()
	defer built.mu.Unlock()
	if path, ok := built.made[name]; ok {
		return path, nil
	}
	path := filepath.Join(built.dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, target)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", target, err, out)
	}
	built.made[name] = path
	return path, nil
}

// Clean removes the programs that were built.
func Clean() error {
	if built.dir == "" {
		return nil
	}
	return os.RemoveAll(built.dir)
}

// repository finds the folder with go.mod, from the working folder upwards.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("finding the repository: no go.mod above the working folder")
	}
}
