package engine_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/engine/enginetest"
)

// TestMain makes the same few hundred histories the default; others are looked
// for by the long runs, which print their seed:
//
//	go test ./app/engine -run Converge -rapid.checks=25000
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" || f.Name == "rapid.seed" })
	if !asked {
		for name, value := range map[string]string{"rapid.checks": "75", "rapid.seed": "20261122"} {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

func TestSingleMeetingsInOneRoomConverge(t *testing.T) {
	converge(t, enginetest.Options{Rooms: 1}, plain)
}

func TestMeetingsInSeveralRoomsConvergeInSpiteOfFaults(t *testing.T) {
	converge(t, enginetest.Options{Rooms: 3}, plain, faults, crashes)
}

func TestSeriesConvergeInSpiteOfFaults(t *testing.T) {
	converge(t, enginetest.Options{Rooms: 2}, plain, series, faults, crashes)
}

func TestReplicasConverge(t *testing.T) {
	converge(t, enginetest.Options{Rooms: 2}, plain, crashes, replicas)
}

func TestEverythingTogetherConverges(t *testing.T) {
	converge(t, enginetest.Options{Rooms: 3}, plain, series, faults, crashes, replicas, lists)
}

// Histories that once were not as they should be. Each is played several times,
// since goroutines may run in another order.
func TestKeptHistories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/histories/*")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			h, err := parseHistory(string(text))
			require.NoError(t, err)
			if found := playAgain(t, h, 5); found != nil {
				t.Fatal(found)
			}
		})
	}
}

// rest lets time pass without people and faults. Everything must come to rest
// then, the same on both sides, and stay so.
func (a *arena) rest() {
	a.Note("- rest")
	a.Rest()
	a.Calls(nil)
	a.DropConnections(false)
	for _, room := range a.Rooms() {
		a.ListRoom(room, true)
	}
	a.wakeUp(nil)
	a.lead.Resume()
	a.lead.Spare()
	pass(time.Second)
	if a.lead.Ended() {
		a.rise()
	}
	a.replaced()
	pass(2 * time.Minute) // until all messages have arrived and all rooms have decided
	var differences []string
	for range 60 {
		before := a.Writes()
		pass(25 * time.Second)
		if a.lead.Ended() {
			a.rise() // its last call was to kill it
		}
		a.check()
		if differences = a.Differences(); len(differences) == 0 && a.Writes() == before {
			break
		}
	}
	if len(differences) > 0 {
		a.fail("%s", strings.Join(differences, "\n"))
	}
	if a.Silent() {
		pass(13 * time.Minute) // rooms that never answer are asked again every five minutes
	}
	a.quiet("rest", 2*time.Minute)
	if !a.Silent() { // what a room kept to itself is found then
		a.ForgetPositions()
		a.quiet("losing all positions in the change feeds (I10)", 30*time.Second)
	}
	a.lead.Stop()
	if err := a.lead.Wait(); err != nil && !errors.Is(err, engine.ErrFenced) {
		a.fail("Run failed: %v", err)
	}
}

// quiet: nothing is written (I5), and nothing changes.
func (a *arena) quiet(after string, d time.Duration) {
	before := a.Writes()
	pass(d)
	a.check()
	if a.Writes() != before {
		a.fail("I5: writes after %s", after)
	}
	if differences := a.Differences(); len(differences) > 0 {
		a.fail("after %s: %s", after, strings.Join(differences, "\n"))
	}
}
