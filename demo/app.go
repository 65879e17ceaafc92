package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"ews/e2e/stage"
)

// app is the running app, which the script and the page may kill and start.
type app struct {
	stage *stage.Stage

	mu      sync.Mutex
	running bool
}

var errRunning, errNotRunning = errors.New("the app is running"), errors.New("the app is not running")

func (a *app) start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running {
		return errRunning
	}
	err := a.stage.StartApp(ctx)
	a.running = err == nil
	return err
}

// kill ends the app as a power failure would.
func (a *app) kill() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.running {
		return errNotRunning
	}
	a.running = false
	return a.stage.KillApp()
}

// close stops the app and everything else on the stage, after a start that is
// under way.
func (a *app) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = false
	return a.stage.Close()
}

// tail returns the last lines of a log.
func tail(path string, lines int) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading a log: %w", err)
	}
	all := strings.Split(string(bytes.TrimRight(content, "\n")), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n"), nil
}
