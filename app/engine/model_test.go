package engine_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/meeting"
)

// The model of the engine: the real loops work on worlds in memory (package
// enginetest), in which people do as they like on both sides, rooms answer or
// do not, calls fail, and processes are killed, paused and replaced.
//
// What is checked when:
//
//	I1  both sides are equal, and nothing is left to do   at rest (World.Differences)
//	I2  nothing exists twice                              when a meeting or booking is made or adopted
//	I3  a cancellation is not lost                        at rest
//	I4  no cancellation is invented                       when we cancel something, and at rest
//	    a wish is granted or refused                      at rest
//	I5  nothing is written at rest                        after two minutes of rest
//	I6  one notice for each booking that was refused      at rest
//	I7  the base was true                                 at every commit
//	I8  one writing call at a time for each meeting       at every call
//	I9  what fails delays nothing else                    TestARoomThatFails..., TestAMeetingThatFails...
//	I10 positions lost: nothing is written                at the end of every history
//	I10 mappings lost: nothing is written, and what       at the end of every history
//	    people changed in Eliona meanwhile is carried over
//	B8  a former owner stores nothing, and stops          at every commit, and at rest
//	    the schema's constraints                          at every commit
//
// A violation is noted when it happens, and ends the history after the step.
// Budgets are kept by the adapters, not by the engine, and are tested there.

// TestMain makes the same few hundred histories the default. Make plays more of
// them, and make soak-model looks for others.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" || f.Name == "rapid.seed" })
	if !asked {
		for name, value := range map[string]string{"rapid.checks": "60", "rapid.seed": strconv.Itoa(fixedSeed)} {
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
// since goroutines may run in another order. What is not seen again in many
// plays is left to the long runs, where every failure counts.
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
			found := playAgain(t, h, 5)
			if found != nil && playAgain(t, h, 40) == nil {
				t.Logf("seen once: %s", found.text)
				return
			}
			if found != nil {
				t.Fatal(found)
			}
		})
	}
}

// rest lets time pass without people and faults. Everything must come to rest
// then, the same on both sides, and stay so.
func (a *arena) rest(chance enginetest.Dice) {
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
	if a.skewed {
		pass(2 * maxSkew * time.Second) // what was to happen by a clock that was set back since
	}
	a.settle()
	if a.Silent() {
		pass(13 * time.Minute) // rooms that never answer are asked again every five minutes
	}
	a.quiet("rest", 2*time.Minute)
	if !a.Silent() { // what a room kept to itself is found then
		a.ForgetPositions()
		a.quiet("losing all positions in the change feeds (I10)", 30*time.Second)
		a.stop()
		a.LoseMappings()
		a.start()
		a.quiet("losing all mappings (I10)", 2*time.Minute)
		a.stop()
		a.LoseMappings()
		a.changeBookings(chance)
		a.start()
		pass(2 * time.Minute) // until all rooms have decided
		a.settle()
		if a.Silent() {
			pass(13 * time.Minute)
		}
		a.quiet("losing all mappings while people changed bookings", 2*time.Minute)
	}
	a.stop()
}

// settle waits until both sides are the same and nothing is written any more.
func (a *arena) settle() {
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
}

func (a *arena) stop() {
	a.lead.Stop()
	if err := a.lead.Wait(); err != nil && !errors.Is(err, engine.ErrFenced) {
		a.fail("Run failed: %v", err)
	}
}

// changeBookings lets people change up to three bookings of Eliona that are known
// to nobody. Which of Outlook's meetings a changed booking belongs to cannot be
// found out.
func (a *arena) changeBookings(d enginetest.Dice) {
	own := slices.DeleteFunc(a.Bookings(), func(id meeting.BookingID) bool {
		return !strings.HasPrefix(string(a.SlotOf(id).UID), "uid-")
	})
	for range d.Roll(4) {
		id, ok := someOf(own, &d)
		if !ok {
			return
		}
		switch d.Roll(3) {
		case 0:
			a.MoveBooking(id, a.hour(d.Roll(6)), &d)
		case 1:
			a.ChangeRooms(id, a.someRooms(&d), &d)
		case 2:
			a.CancelBooking(id, &d)
		}
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
