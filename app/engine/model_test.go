package engine_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/meeting"
	"ews/app/plan"
)

// TestMain makes 300 histories the default, a quarter for each of the Converge
// tests; -rapid.checks sets the number for each:
//
//	go test ./app/engine -run Converge -rapid.checks=25000
//
// A history that fails is printed, and its choices are stored below testdata,
// from where it is repeated by the next run. The engine's own chance (jitter)
// and the order in which goroutines run are not among those choices, so a
// repetition may need several runs to fail again (-count). The shortest story
// of all failures is kept in the file that ENGINE_STORY names.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" || f.Name == "rapid.seed" })
	if !asked {
		// The same histories every time: new ones are looked for by the long runs.
		for name, value := range map[string]string{"rapid.checks": "75", "rapid.seed": "20261122"} {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

func TestSingleMeetingsInOneRoomConverge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, histories(enginetest.Options{Rooms: 1}, plain))
}

func TestMeetingsInSeveralRoomsConvergeInSpiteOfFaults(t *testing.T) {
	t.Parallel()
	rapid.Check(t, histories(enginetest.Options{Rooms: 3}, plain, faults, crashes))
}

func TestSeriesConvergeInSpiteOfFaults(t *testing.T) {
	t.Parallel()
	rapid.Check(t, histories(enginetest.Options{Rooms: 2}, plain, series, faults, crashes))
}

func TestReplicasConverge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, histories(enginetest.Options{Rooms: 2}, plain, crashes, replicas))
}

// settings are those of a configuration whose people have little patience.
func settings() engine.Settings {
	return engine.Settings{
		Config: 1, Installation: "here", RefreshInterval: 10 * time.Second, Horizon: 7 * 24 * time.Hour,
		Policy:   plan.Policy{AnswerTimeout: 45 * time.Second, Confirm: 30 * time.Second},
		Projects: []string{"east", "west"}, Discover: true, NotifyUsers: true, Workers: 4,
	}
}

// arena is one history.
type arena struct {
	*enginetest.World
	t       *rapid.T
	lead    *enginetest.Process
	others  []*enginetest.Process // that were replaced
	started int
	series  int
	begin   time.Time
}

// deed is something that can happen.
type deed struct {
	name string
	do   func(*arena, *enginetest.Dice)
}

// The deeds of a history, each as often as it is listed.
var (
	plain = []deed{
		{"wait", (*arena).wait},
		{"wait", (*arena).wait},
		{"wait", (*arena).wait},
		{"wait long", func(_ *arena, d *enginetest.Dice) { pass(time.Duration(1+d.Roll(30)) * time.Second) }},
		{"invite", (*arena).invite},
		{"invite", (*arena).invite},
		{"move", (*arena).move},
		{"move", (*arena).move},
		{"swap room", (*arena).swapRoom},
		{"cancel", (*arena).cancel},
		{"delete", (*arena).deleteMeeting},
		{"book", (*arena).book},
		{"book", (*arena).book},
		{"move booking", (*arena).moveBooking},
		{"move booking", (*arena).moveBooking},
		{"change rooms", (*arena).changeRooms},
		{"cancel booking", (*arena).cancelBooking},
		{"drop connections", func(a *arena, d *enginetest.Dice) { a.DropConnections(d.Mishap(2)) }},
		{"connections", func(a *arena, _ *enginetest.Dice) { a.DropConnections(false) }},
		{"reset feed", func(a *arena, d *enginetest.Dice) { a.ResetFeed(a.someRoom(d)) }},
	}
	series = []deed{
		{"invite to series", (*arena).inviteToSeries},
		{"invite to series", (*arena).inviteToSeries},
		{"cancel series", (*arena).cancelSeries},
	}
	faults = []deed{
		{"faults", func(a *arena, d *enginetest.Dice) { a.Calls(a.Random(3+d.Roll(30), d.Roll(2)*40)) }},
		{"no faults", func(a *arena, _ *enginetest.Dice) { a.Calls(nil) }},
		{"clock", func(a *arena, d *enginetest.Dice) { a.lead.Skew(time.Duration(d.Roll(24)-20) * time.Second) }},
	}
	crashes = []deed{
		{"die", (*arena).die},
		{"die soon", func(a *arena, d *enginetest.Dice) { a.lead.KillAt(1+d.Roll(60), d.Roll(2) == 0) }},
		{"die soon", func(a *arena, d *enginetest.Dice) { a.lead.KillAt(1+d.Roll(20), d.Roll(2) == 0) }},
		{"restart", (*arena).restart},
	}
	replicas = []deed{
		{"replace", func(a *arena, _ *enginetest.Dice) { a.replace() }},
		{"pause and replace", func(a *arena, d *enginetest.Dice) {
			a.lead.Pause()
			pass(time.Duration(d.Roll(5)) * time.Second)
			a.replace()
		}},
		{"pause", func(a *arena, d *enginetest.Dice) {
			a.lead.Pause()
			pass(time.Duration(d.Roll(20)) * time.Second)
			a.lead.Resume()
		}},
		{"wake up", (*arena).wakeUp},
	}
)

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }

func (a *arena) wait(d *enginetest.Dice) { pass(time.Duration(d.Roll(8)) * 700 * time.Millisecond) }

func (a *arena) someRoom(d *enginetest.Dice) meeting.Address {
	rooms := a.Rooms()
	return rooms[d.Roll(len(rooms))]
}

// someRooms draws a set of rooms that is not empty.
func (a *arena) someRooms(d *enginetest.Dice) []meeting.Address {
	first := a.someRoom(d)
	rooms := []meeting.Address{first}
	for _, room := range a.Rooms() {
		if room != first && d.Mishap(3) {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// hour is one of a few hours of the next day, few enough for rooms to decline.
func (a *arena) hour(i int) meeting.Span {
	start := a.begin.Truncate(time.Hour).Add(24*time.Hour + time.Duration(i%6)*time.Hour)
	return meeting.SpanOf(start, start.Add(time.Hour))
}

func someOf[T any](list []T, d *enginetest.Dice) (T, bool) {
	if len(list) == 0 {
		var none T
		return none, false
	}
	return list[d.Roll(len(list))], true
}

func (a *arena) nextUID() meeting.UID {
	a.series++
	return meeting.UID(fmt.Sprintf("outlook-%d", a.series))
}

// someOrganizer is somebody who organizes this meeting only. One in five has
// the mailbox elsewhere.
func (a *arena) someOrganizer(d *enginetest.Dice) meeting.Address {
	if d.Mishap(5) {
		return meeting.Address(fmt.Sprintf("guest%d@elsewhere.net", a.series))
	}
	return meeting.Address(fmt.Sprintf("anna%d@example.com", a.series))
}

func (a *arena) invite(d *enginetest.Dice) {
	if a.series < 8 {
		uid := a.nextUID()
		a.Invite(a.someOrganizer(d), enginetest.Slot{UID: uid}, a.hour(d.Roll(6)), a.someRooms(d), d)
	}
}

func (a *arena) inviteToSeries(d *enginetest.Dice) {
	if a.series >= 8 {
		return
	}
	uid, first, rooms, organizer := a.nextUID(), d.Roll(6), a.someRooms(d), a.someOrganizer(d)
	for i := range 2 + d.Roll(2) {
		span := a.hour(first + i)
		a.Invite(organizer, enginetest.Slot{UID: uid, Key: meeting.KeyOf(span.Start)}, span, rooms, d)
	}
}

func (a *arena) move(d *enginetest.Dice) {
	if s, ok := someOf(a.Meetings(), d); ok {
		a.Move(s, a.hour(d.Roll(6)), d)
	}
}

func (a *arena) swapRoom(d *enginetest.Dice) {
	if s, ok := someOf(a.Meetings(), d); ok {
		a.SwapRoom(s, a.someRoom(d), d)
	}
}

func (a *arena) cancel(d *enginetest.Dice) {
	if s, ok := someOf(a.Meetings(), d); ok {
		a.CancelMeeting(s, d)
	}
}

func (a *arena) cancelSeries(d *enginetest.Dice) {
	all := a.Meetings()
	s, ok := someOf(all, d)
	for _, other := range all {
		if ok && other.UID == s.UID {
			a.CancelMeeting(other, d)
		}
	}
}

func (a *arena) deleteMeeting(d *enginetest.Dice) {
	if s, ok := someOf(a.Meetings(), d); ok && d.Mishap(4) {
		a.DeleteMeeting(s)
	}
}

func (a *arena) book(d *enginetest.Dice) {
	booker := []string{"dora@example.com", "Dora@Example.com", "finn@elsewhere.net", "Carl from next door"}[d.Roll(4)]
	if a.LiveBookings() < 9 {
		a.Book(booker, a.hour(d.Roll(6)), a.someRooms(d), d)
	}
}

func (a *arena) moveBooking(d *enginetest.Dice) {
	if id, ok := someOf(a.Bookings(), d); ok {
		a.MoveBooking(id, a.hour(d.Roll(6)), d)
	}
}

func (a *arena) changeRooms(d *enginetest.Dice) {
	if id, ok := someOf(a.Bookings(), d); ok {
		a.ChangeRooms(id, a.someRooms(d), d)
	}
}

func (a *arena) cancelBooking(d *enginetest.Dice) {
	if id, ok := someOf(a.Bookings(), d); ok {
		a.CancelBooking(id, d)
	}
}

// Processes.

func (a *arena) start() {
	a.started++
	a.lead = a.Start(a.t.Context(), fmt.Sprintf("p%d", a.started), settings())
}

func (a *arena) die(*enginetest.Dice) {
	a.Note("%s is killed", a.lead.Name)
	a.lead.Kill()
	a.rise()
}

// rise starts another process if the present one came to its end.
func (a *arena) rise() {
	if err := a.lead.Wait(); err != nil && !errors.Is(err, engine.ErrFenced) {
		a.fail("Run failed: %v", err)
	}
	a.start()
}

func (a *arena) restart(*enginetest.Dice) {
	a.Note("%s is stopped", a.lead.Name)
	a.lead.Resume()
	asked := time.Now()
	a.lead.Stop()
	if err := a.lead.Wait(); err != nil && !errors.Is(err, engine.ErrFenced) {
		a.fail("Run failed: %v", err)
	}
	if took := time.Since(asked); took > 12*time.Second {
		a.fail("stopping took %v", took)
	}
	a.start()
}

// replace lets another process take over while the present one does not know.
func (a *arena) replace() {
	a.others = append(a.others, a.lead)
	a.start()
}

func (a *arena) wakeUp(*enginetest.Dice) {
	for _, p := range a.others {
		p.Resume()
	}
}

func (a *arena) fail(format string, args ...any) {
	a.t.Helper()
	story := a.Story() + "\n" + fmt.Sprintf(format, args...) + "\n"
	if path := os.Getenv("ENGINE_STORY"); path != "" {
		if known, err := os.Stat(path); err != nil || known.Size() > int64(len(story)) {
			_ = os.WriteFile(path, []byte(story), 0o600)
		}
	}
	a.t.Log(story)
	a.t.Fatalf(format, args...)
}

// check looks at what must hold after every step.
func (a *arena) check() {
	a.t.Helper()
	if broken := a.Broken(); len(broken) > 0 {
		a.fail("%s", strings.Join(broken, "\n"))
	}
}

// end leaves nothing running.
func (a *arena) end() {
	for _, p := range append(a.others, a.lead) {
		p.Kill()
		_ = p.Wait()
	}
}

type act struct {
	deed int
	dice enginetest.Dice
}

func histories(o enginetest.Options, kinds ...[]deed) func(*rapid.T) {
	deeds := slices.Concat(kinds...)
	one := rapid.Custom(func(t *rapid.T) act {
		v := rapid.Uint64().Draw(t, "v")
		if rapid.Bool().Draw(t, "wild") {
			v = mix(v) // rapid prefers small numbers, which know few deeds and mishaps
		}
		n := uint64(len(deeds))
		return act{int(v % n), enginetest.Dice(v / n)}
	})
	return func(t *rapid.T) {
		o := o
		o.Seed = rapid.Uint64().Draw(t, "seed")
		o.Resets, o.SendsAll = rapid.Bool().Draw(t, "resets"), rapid.Bool().Draw(t, "sends all")
		o.Echoes, o.Hides = rapid.Bool().Draw(t, "echoes"), rapid.Bool().Draw(t, "hides")
		o.Delays = rapid.Bool().Draw(t, "delays")
		history := rapid.SliceOfN(one, 20, 60).Draw(t, "history")
		rapid.SyncTest(t, func(t *rapid.T) {
			a := &arena{World: enginetest.New(o), t: t, begin: time.Now()}
			a.start()
			defer a.end()
			for !a.Ready(len(settings().Projects)) {
				pass(time.Second)
			}
			for _, act := range history {
				d := act.dice
				deeds[act.deed].do(a, &d)
				pass(time.Duration(d.Roll(5)) * 300 * time.Millisecond)
				if a.lead.Ended() {
					a.rise()
				}
				a.check()
			}
			a.rest()
		})
	}
}

// mix spreads a number over all bits (splitmix64).
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// rest lets time pass without people and faults. Everything must come to rest
// then, the same on both sides, and stay so.
func (a *arena) rest() {
	a.Note("- rest")
	a.Rest()
	a.Calls(nil)
	a.DropConnections(false)
	a.wakeUp(nil)
	a.lead.Resume()
	a.lead.KillAt(-1, false)
	pass(time.Second)
	if a.lead.Ended() {
		a.rise()
	}
	for _, p := range a.others {
		if err := p.Wait(); err != nil && !errors.Is(err, engine.ErrFenced) {
			a.fail("Run of a replaced process failed: %v", err)
		}
	}
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
	if err := a.lead.Wait(); err != nil {
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
