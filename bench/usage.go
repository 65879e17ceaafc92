package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what processes have used.
type usage struct {
	at  time.Time
	cpu time.Duration
}

// ticksPerSecond is the unit of the times in /proc, the same on all Linux
// platforms that Go knows.
const ticksPerSecond = 100

// used returns what the processes have used so far, those that ended and were
// waited for by them included.
func used(pids ...int) (usage, error) {
	u := usage{at: time.Now()}
	for _, pid := range pids {
		stat, err := statOf(pid)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it ended, and its time is its parent's
		}
		if err != nil {
			return u, err
		}
		for _, field := range stat[11:15] { // utime stime cutime cstime
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return u, fmt.Errorf("reading the times of process %d: %w", pid, err)
			}
			u.cpu += time.Duration(ticks) * time.Second / ticksPerSecond
		}
	}
	return u, nil
}

// statOf returns the fields of /proc/PID/stat from the state on.
func statOf(pid int) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	return strings.Fields(rest), nil
}

// share is the part of one core that was used between two moments.
func share(before, after usage) float64 {
	return (after.cpu - before.cpu).Seconds() / after.at.Sub(before.at).Seconds()
}

// resident is the memory of a process in megabytes.
func resident(pid int) (int, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.Atoi(strings.Fields(value)[0])
			return kilobytes / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d shows no resident memory", pid)
}

// family is a process and its children.
func family(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("looking at processes: %w", err)
	}
	pids := []int{pid}
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if stat, err := statOf(child); err == nil && len(stat) > 1 && stat[1] == strconv.Itoa(pid) {
			pids = append(pids, child)
		}
	}
	return pids, nil
}

func (b *bench) folder() (string, error) {
	dir, err := os.MkdirTemp("", "ews-bench-")
	if err == nil && b.keep {
		b.say("logs in %s", dir)
	}
	return dir, err
}

// costs is the processor time of the parts of an installation.
type costs struct{ app, database, simulators time.Duration }

func (o *site) bill() (costs, error) {
	postgres, err := family(o.Database.PID())
	if err != nil {
		return costs{}, err
	}
	var out costs
	for _, part := range []struct {
		time *time.Duration
		pids []int
	}{{&out.app, []int{o.App().PID()}}, {&out.database, postgres}, {&out.simulators, []int{o.SimulatorPID()}}} {
		u, err := used(part.pids...)
		if err != nil {
			return costs{}, err
		}
		*part.time = u.cpu
	}
	return out, nil
}

func (c costs) minus(o costs) costs {
	return costs{c.app - o.app, c.database - o.database, c.simulators - o.simulators}
}

func (c costs) String() string {
	return fmt.Sprintf("%.0f s, %.0f s, %.0f s", c.app.Seconds(), c.database.Seconds(), c.simulators.Seconds())
}
