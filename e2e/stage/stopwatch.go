package stage

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// Stopwatch measures how long something takes on a machine that has others to
// serve, too. Of the time in which somebody had to wait for a processor it counts
// only one half: what is promised within five seconds may take ten where there
// is always more to do than can be done, and five where there is not.
type Stopwatch struct {
	began   time.Time
	stalled time.Duration
}

// StartStopwatch starts one.
func StartStopwatch() Stopwatch { return Stopwatch{time.Now(), stalled()} }

// Took is the time since then. It is the time of clocks on a system that does not
// tell of stalls.
func (w Stopwatch) Took() time.Duration {
	return calm(time.Since(w.began), stalled()-w.stalled)
}

func calm(took, stalled time.Duration) time.Duration {
	return took - min(max(stalled, 0), took)/2
}

// stalled is for how long something had to wait for a processor since the system
// was started, after Linux's pressure stall information; 0 where there is none.
func stalled() time.Duration {
	raw, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	return parseStalled(raw)
}

func parseStalled(pressure []byte) time.Duration {
	var recent [3]float64
	var total int64
	const form = "some avg10=%f avg60=%f avg300=%f total=%d"
	if _, err := fmt.Fscanf(bytes.NewReader(pressure), form, &recent[0], &recent[1], &recent[2], &total); err != nil {
		return 0
	}
	return time.Duration(total) * time.Microsecond
}
