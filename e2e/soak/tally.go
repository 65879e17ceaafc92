package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// tally counts what was done, by kind.
type tally struct {
	mu     sync.Mutex
	faults map[string]int // what went wrong on purpose
	deeds  map[string]int // what people did
	kills  int
}

func newTally() *tally { return &tally{faults: map[string]int{}, deeds: map[string]int{}} }

func (t *tally) fault(kind string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n > 0 {
		t.faults[kind] += n
	}
}

func (t *tally) deed(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deeds[kind]++
}

func (t *tally) killed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kills++
	t.faults["process: kill -9"]++
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// list shows counts, one per line.
func list(counts map[string]int) string {
	out := &strings.Builder{}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "  %6d  %s\n", counts[kind], kind)
	}
	return out.String()
}
