package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/meeting"
)

// deed is something that can happen.
type deed struct {
	name   string
	weight int
	do     func(*arena, *enginetest.Dice)
}

// The deeds of histories.
var (
	plain = []deed{
		{"wait", 3, (*arena).wait},
		{"wait long", 1, func(_ *arena, d *enginetest.Dice) { pass(time.Duration(1+d.Roll(30)) * time.Second) }},
		{"invite", 2, (*arena).invite},
		{"move", 2, (*arena).move},
		{"swap room", 1, (*arena).swapRoom},
		{"cancel", 1, (*arena).cancel},
		{"delete", 1, (*arena).deleteMeeting},
		{"book", 2, (*arena).book},
		{"move booking", 2, (*arena).moveBooking},
		{"change rooms", 1, (*arena).changeRooms},
		{"cancel booking", 1, (*arena).cancelBooking},
		{"drop connections", 1, func(a *arena, d *enginetest.Dice) { a.DropConnections(d.Mishap(2)) }},
		{"connections", 1, func(a *arena, _ *enginetest.Dice) { a.DropConnections(false) }},
		{"reset feed", 1, func(a *arena, d *enginetest.Dice) { a.ResetFeed(a.someRoom(d)) }},
	}
	series = []deed{
		{"invite to series", 2, (*arena).inviteToSeries},
		{"extend series", 1, (*arena).extendSeries},
		{"cancel series", 1, (*arena).cancelSeries},
		{"book group", 2, (*arena).bookGroup},
		{"cancel group", 1, (*arena).cancelGroup},
	}
	faults = []deed{
		{"faults", 1, func(a *arena, d *enginetest.Dice) { a.Calls(a.Random(3+d.Roll(30), d.Roll(2)*40)) }},
		{"no faults", 1, func(a *arena, _ *enginetest.Dice) { a.Calls(nil) }},
		{"no database", 1, (*arena).noDatabase},
		{"clock", 1, (*arena).clock},
		{"forget positions", 1, func(a *arena, _ *enginetest.Dice) { a.ForgetPositions() }},
	}
	crashes = []deed{
		{"die", 1, (*arena).die},
		{"die soon", 2, func(a *arena, d *enginetest.Dice) { a.lead.KillAt(1+d.Roll([]int{60, 20}[d.Roll(2)]), d.Roll(2) == 0) }},
		{"die writing", 2, func(a *arena, d *enginetest.Dice) { a.lead.KillWriting(d.Roll(3) > 0) }},
		{"restart", 1, (*arena).restart},
	}
	replicas = []deed{
		{"replace", 1, func(a *arena, _ *enginetest.Dice) { a.replace() }},
		{"pause and replace", 1, func(a *arena, d *enginetest.Dice) {
			a.lead.Pause()
			pass(time.Duration(d.Roll(5)) * time.Second)
			a.replace()
		}},
		{"pause", 1, func(a *arena, d *enginetest.Dice) {
			a.lead.Pause()
			pass(time.Duration(d.Roll(20)) * time.Second)
			a.lead.Resume()
		}},
		{"wake up", 1, (*arena).wakeUp},
	}
	lists = []deed{
		{"unlist room", 1, func(a *arena, d *enginetest.Dice) { a.ListRoom(a.someRoom(d), false) }},
		{"list room", 2, func(a *arena, d *enginetest.Dice) { a.ListRoom(a.someRoom(d), true) }},
	}
)

func deedNamed(name string) func(*arena, *enginetest.Dice) {
	for _, kind := range [][]deed{plain, series, faults, crashes, replicas, lists} {
		for _, d := range kind {
			if d.name == name {
				return d.do
			}
		}
	}
	return nil
}

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

func someOf[T any](list []T, d *enginetest.Dice) (T, bool) {
	if len(list) == 0 {
		var none T
		return none, false
	}
	return list[d.Roll(len(list))], true
}

// People in Outlook.

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

// extendSeries adds a date to a series.
func (a *arena) extendSeries(d *enginetest.Dice) {
	if s, ok := someOf(a.Meetings(), d); ok && s.Key != "" {
		a.Extend(s, a.hour(d.Roll(6)), d)
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

// People in Eliona.

func someBooker(d *enginetest.Dice) string {
	return []string{"dora@example.com", "Dora@Example.com", "finn@elsewhere.net", "Carl from next door"}[d.Roll(4)]
}

func (a *arena) book(d *enginetest.Dice) {
	booker := someBooker(d)
	if a.LiveBookings() < 9 {
		a.Book(booker, a.hour(d.Roll(6)), a.someRooms(d), d)
	}
}

func (a *arena) bookGroup(d *enginetest.Dice) {
	if a.LiveBookings() >= 8 {
		return
	}
	booker, first, spans := someBooker(d), d.Roll(6), []meeting.Span(nil)
	for i := range 2 + d.Roll(2) {
		spans = append(spans, a.hour(first+i))
	}
	a.BookGroup(booker, spans, a.someRooms(d), d)
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

func (a *arena) cancelGroup(d *enginetest.Dice) {
	if id, ok := someOf(a.Bookings(), d); ok {
		a.CancelGroup(id, d)
	}
}

// Trouble.

// noDatabase: the database is lost for a while.
func (a *arena) noDatabase(d *enginetest.Dice) {
	a.Note("- no database")
	a.Calls(enginetest.NoDatabase)
	pass(time.Duration(d.Roll(40)) * time.Second)
	a.Calls(nil)
}

// clock: the clock of the process is set.
func (a *arena) clock(d *enginetest.Dice) {
	a.skewed = true
	a.lead.Skew(time.Duration(d.Roll(2*maxSkew)-maxSkew) * time.Second)
}

// maxSkew is by how many seconds a clock is wrong at most.
const maxSkew = 200

// Processes.

func (a *arena) start() {
	a.started++
	a.lead = a.Start(a.ctx, fmt.Sprintf("p%d", a.started), a.settings)
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

// replaced waits for the processes that were replaced to notice.
func (a *arena) replaced() {
	for range 120 {
		if !slices.ContainsFunc(a.others, func(p *enginetest.Process) bool { return !p.Ended() }) {
			break
		}
		pass(time.Second)
	}
	for _, p := range a.others {
		if !p.Ended() {
			a.fail("B8: %s was replaced, but goes on", p.Name)
		}
		if err := p.Wait(); err != nil && !errors.Is(err, engine.ErrFenced) {
			a.fail("Run of a replaced process failed: %v", err)
		}
	}
}
