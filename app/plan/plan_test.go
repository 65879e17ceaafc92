package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
	"ews/app/plan"
)

// The cases below are set in one morning: it is nine, the meeting is at ten,
// or was moved to eleven or twelve.
var (
	nine   = time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC)
	ten    = hour(10)
	eleven = hour(11)
	twelve = hour(12)
	early  = hour(7) // over by nine
)

func hour(h int) meeting.Span {
	start := time.Date(2026, time.May, 4, h, 0, 0, 0, time.UTC)
	return meeting.SpanOf(start, start.Add(time.Hour))
}

// Rooms 1 to 3 stand for an asset in each of two projects; room 4 has no asset
// yet, room 5 has left the room list. Asset 99 is no room of ours.
var rooms = map[meeting.RoomID]meeting.Room{
	1: {ID: 1, Assets: []meeting.AssetID{10, 11}},
	2: {ID: 2, Assets: []meeting.AssetID{20, 21}},
	3: {ID: 3, Assets: []meeting.AssetID{30, 31}},
	4: {ID: 4},
	5: {ID: 5, Assets: []meeting.AssetID{50, 51}, Retired: true},
}

// part describes one aspect of an occurrence.
type part func(*meeting.Occurrence)

func cell(o *meeting.Occurrence, room meeting.RoomID) *meeting.Cell {
	if o.CellOf(room) == nil {
		o.Cells = append(o.Cells, meeting.Cell{Room: room, Seen: meeting.None, Answer: meeting.NoAnswer})
	}
	return o.CellOf(room)
}

func agreed(s meeting.Span, in ...meeting.RoomID) part {
	return func(o *meeting.Occurrence) {
		o.BaseLive, o.Base = true, s
		for _, room := range in {
			cell(o, room).BaseIn = true
		}
	}
}

// shown: the rooms' calendars show it since an hour.
func shown(s meeting.Span, in ...meeting.RoomID) part { return seen(meeting.Booked, s, 1, in...) }

func pending(s meeting.Span, in ...meeting.RoomID) part { return seen(meeting.Pending, s, 2, in...) }

func seen(p meeting.Presence, s meeting.Span, sequence int, in ...meeting.RoomID) part {
	return func(o *meeting.Occurrence) {
		for _, room := range in {
			c := cell(o, room)
			c.Seen, c.SeenSpan, c.Sequence, c.SeenAt = p, s, sequence, nine.Add(-time.Hour)
		}
	}
}

// showsSince sets when the room's calendar last changed.
func showsSince(ago time.Duration, room meeting.RoomID) part {
	return func(o *meeting.Occurrence) { cell(o, room).SeenAt = nine.Add(-ago) }
}

func booked(s meeting.Span, assets ...meeting.AssetID) part {
	return func(o *meeting.Occurrence) { o.Booking, o.BookingLive, o.BookingSpan, o.Assets = 7, true, s, assets }
}

// unbooked: the booking was cancelled in Eliona.
func unbooked() part { return func(o *meeting.Occurrence) { o.Booking = 7 } }

// copied: the organizer's copy was looked at half an hour ago.
func copied(s meeting.Span, invited ...meeting.RoomID) part {
	return func(o *meeting.Occurrence) {
		o.Copy, o.CopySpan, o.CopyCheckedAt = meeting.CopyLive, s, nine.Add(-30*time.Minute)
		for _, room := range invited {
			cell(o, room).Invited = true
		}
	}
}

func unreachable() part {
	return func(o *meeting.Occurrence) { o.CopyCheckedAt = nine.Add(-time.Minute) }
}

func gone(ago time.Duration) part {
	return func(o *meeting.Occurrence) { o.Copy, o.CopyCheckedAt = meeting.CopyGone, nine.Add(-ago) }
}

// asked: a change was sent; the copy was last checked some time after that.
func asked(by meeting.Asker, ago, checkedAfter time.Duration) part {
	return func(o *meeting.Occurrence) {
		o.AskedBy, o.AskedAt = by, nine.Add(-ago)
		o.CopyCheckedAt = o.AskedAt.Add(checkedAfter)
	}
}

func answers(a meeting.Answer, in ...meeting.RoomID) part {
	return func(o *meeting.Occurrence) {
		for _, room := range in {
			cell(o, room).Answer = a
		}
	}
}

func refused(reason meeting.Reason, withdraw bool) part {
	return func(o *meeting.Occurrence) { o.Refusal, o.Withdraw = reason, withdraw }
}

func occurrence(id meeting.OccurrenceID, parts ...part) *meeting.Occurrence {
	o := &meeting.Occurrence{ID: id, Copy: meeting.CopyUnknown}
	for _, p := range parts {
		p(o)
	}
	return o
}

func outlook(parts ...part) *meeting.Meeting {
	return &meeting.Meeting{ID: 1, Origin: meeting.Exchange, Occurrences: []*meeting.Occurrence{occurrence(1, parts...)}}
}

func eliona(parts ...part) *meeting.Meeting {
	m := outlook(parts...)
	m.Origin = meeting.Eliona
	return m
}

func decide(m *meeting.Meeting) plan.Plan { return decideAt(nine, m) }

func decideAt(now time.Time, m *meeting.Meeting) plan.Plan {
	return plan.For(plan.Input{Meeting: m, Rooms: rooms, Now: now, Policy: plan.DefaultPolicy()})
}

// expect compares the whole plan: operations, findings and wake.
func expect(t *testing.T, got, want plan.Plan) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("plan differs (-want +got):\n%s", diff)
	}
}

type ids = []meeting.RoomID

func do(ops ...plan.Op) plan.Plan { return plan.Plan{Ops: ops} }

func wait(d time.Duration) plan.Plan { return plan.Plan{Wake: nine.Add(d)} }

func nothing() plan.Plan { return plan.Plan{} }

func settled(s meeting.Span, in ...meeting.RoomID) plan.Op {
	return plan.Op{Kind: plan.Settle, Occurrence: 1, Agreed: true, Span: s, Rooms: in}
}

func cleared() plan.Op { return plan.Op{Kind: plan.Settle, Occurrence: 1, Agreed: true} }

func answered(s meeting.Span, agreed bool, in ...meeting.RoomID) plan.Op {
	return plan.Op{Kind: plan.Settle, Occurrence: 1, Answered: true, Agreed: agreed, Span: s, Rooms: in}
}

func create(s meeting.Span, in ...meeting.RoomID) plan.Op {
	return plan.Op{Kind: plan.CreateMeeting, Occurrence: 1, Span: s, Rooms: in}
}

func update(s meeting.Span, add, remove ids) plan.Op {
	return plan.Op{Kind: plan.UpdateMeeting, Occurrence: 1, Span: s, Add: add, Remove: remove}
}

func cancelMeeting(in ...meeting.RoomID) plan.Op {
	return plan.Op{Kind: plan.CancelMeeting, Occurrence: 1, Rooms: in}
}

func cancelBooking(r meeting.Reason) plan.Op {
	return plan.Op{Kind: plan.CancelBooking, Occurrence: 1, Reason: r}
}

func write(id meeting.BookingID, s meeting.Span, assets ...meeting.AssetID) plan.Op {
	return plan.Op{Kind: plan.WriteBookings, Items: []plan.Item{{Occurrence: 1, Booking: id, Span: s, Assets: assets}}}
}

// beside: Exchange shows something else when it is written.
func beside(s meeting.Span, in ids, op plan.Op) plan.Op {
	op.Items[0].Shown, op.Items[0].In = s, in
	return op
}

func ask() plan.Op { return plan.Op{Kind: plan.AskOrganizer, Occurrence: 1} }

func declinedBy(room meeting.RoomID, withdraw bool) plan.Op {
	return plan.Op{
		Kind: plan.Refuse, Occurrence: 1, Reason: meeting.ReasonConflict,
		Code: plan.CodeDeclined, Room: room, Withdraw: withdraw,
	}
}

type planCase struct {
	name string
	m    *meeting.Meeting
	want plan.Plan
}

func run(t *testing.T, cases []planCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { expect(t, decide(c.m), c.want) })
	}
}

// Which side has it (x: Exchange, e: Eliona, b: the base), and what follows
// when nobody changed anything but its presence.
func TestPresences(t *testing.T) {
	const lost, conflict = meeting.ReasonCancelled, meeting.ReasonConflict
	run(t, []planCase{
		{"outlook ...: nothing", outlook(), nothing()},
		{"outlook ..b: both sides ended it", outlook(unbooked(), agreed(ten, 1)), do(cleared())},
		{"outlook .e.: P42 cancelled before both sides were proven equal", outlook(booked(ten, 10, 11)), do(cancelBooking(lost))},
		{"outlook .eb: P42 cancelled in Outlook", outlook(booked(ten, 10, 11), agreed(ten, 1)), do(cancelBooking(lost))},
		{"outlook x..: P39 new in Outlook", outlook(shown(ten, 1)), do(write(0, ten, 10, 11))},
		{"outlook x.b: P55 cancelled in Eliona", outlook(shown(ten, 1), unbooked(), agreed(ten, 1)), do(cancelMeeting(1))},
		{"outlook xe.: both have it", outlook(shown(ten, 1), booked(ten, 10, 11)), do(settled(ten, 1))},
		{"outlook xeb: at rest", outlook(shown(ten, 1), booked(ten, 10, 11), agreed(ten, 1)), nothing()},

		{"eliona ...: nothing", eliona(gone(time.Hour)), nothing()},
		{"eliona ...: P52 cancelled before it was ever made in Exchange", eliona(unbooked()), nothing()},
		{"eliona ..b: both sides ended it", eliona(gone(time.Hour), unbooked(), agreed(ten, 1)), do(cleared())},
		{"eliona .e.: P47 new in Eliona", eliona(booked(ten, 10, 11)), do(create(ten, 1))},
		{"eliona .e.: cancelled in Outlook before any room answered", eliona(gone(time.Hour), booked(ten, 10, 11)), do(cancelBooking(lost))},
		{"eliona .eb: cancelled in Outlook", eliona(gone(time.Hour), booked(ten, 10, 11), agreed(ten, 1)), do(cancelBooking(lost))},
		{"eliona .eb: its room taken out in Outlook", eliona(copied(ten), booked(ten, 10, 11), agreed(ten, 1)), do(cancelBooking(lost))},
		{"eliona .eb: P53 the room declines after all", eliona(copied(ten, 1), answers(meeting.Declined, 1), booked(ten, 10, 11), agreed(ten, 1)), do(declinedBy(1, true))},
		{"eliona .eb: the room declines what a person made of it", eliona(copied(eleven, 1), answers(meeting.Declined, 1), booked(ten, 10, 11), agreed(ten, 1)), do(cancelBooking(conflict))},
		{"eliona x..: a room came back to what we gave up", eliona(copied(ten, 1), shown(ten, 1)), do(write(0, ten, 10, 11))},
		{"eliona x.b: P52 cancelled in Eliona", eliona(copied(ten, 1), shown(ten, 1), unbooked(), agreed(ten, 1)), do(cancelMeeting(1))},
		{"eliona xe.: P46 our own meeting brings no second booking", eliona(copied(ten, 1), shown(ten, 1), booked(ten, 10, 11)), do(settled(ten, 1))},
		{"eliona xeb: at rest", eliona(copied(ten, 1), shown(ten, 1), booked(ten, 10, 11), agreed(ten, 1)), nothing()},
	})
}

// Both sides have it; who changed what decides, and origin does not.
func TestWhoChangedWhat(t *testing.T) {
	for _, origin := range []meeting.Origin{meeting.Exchange, meeting.Eliona} {
		of := func(parts ...part) *meeting.Meeting {
			m := outlook(parts...)
			if m.Origin = origin; origin == meeting.Eliona {
				copied(ten, 1, 2, 3)(m.Occurrences[0])
			}
			return m
		}
		t.Run("made in "+string(origin), func(t *testing.T) {
			run(t, []planCase{
				{"P40 moved in Outlook", of(shown(eleven, 1), booked(ten, 10, 11), agreed(ten, 1)), do(write(7, eleven, 10, 11))},
				{"P51 moved in Eliona", of(shown(ten, 1), booked(eleven, 10, 11), agreed(ten, 1)), do(update(eleven, nil, nil))},
				{"moved alike on both sides", of(shown(eleven, 1), booked(eleven, 10, 11), agreed(ten, 1)), do(settled(eleven, 1))},
				{"moved differently: Exchange decides", of(shown(eleven, 1), booked(twelve, 10, 11), agreed(ten, 1)), do(write(7, eleven, 10, 11))},
				{"differing from the start: Exchange decides", of(shown(eleven, 1), booked(ten, 10, 11)), do(write(7, eleven, 10, 11))},
				{"P41 room exchanged in Outlook", of(shown(ten, 2), booked(ten, 10, 11), agreed(ten, 1)), do(write(7, ten, 20, 21))},
				{"room exchanged in Eliona", of(shown(ten, 1), booked(ten, 20, 21), agreed(ten, 1)), do(update(ten, ids{2}, ids{1}))},
				{"room added in Outlook", of(shown(ten, 1, 2), booked(ten, 10, 11), agreed(ten, 1)), do(write(7, ten, 10, 11, 20, 21))},
				{"room added in Eliona", of(shown(ten, 1), booked(ten, 10, 11, 20, 21), agreed(ten, 1)), do(update(ten, ids{2}, nil))},
				{"P66 room removed in Outlook", of(shown(ten, 1), booked(ten, 10, 11, 20, 21), agreed(ten, 1, 2)), do(write(7, ten, 10, 11))},
				{"room removed in Eliona", of(shown(ten, 1, 2), booked(ten, 10, 11), agreed(ten, 1, 2)), do(update(ten, nil, ids{2}))},
				{"P67 moved in Outlook, room added in Eliona", of(shown(eleven, 1), booked(ten, 10, 11, 20, 21), agreed(ten, 1)), do(beside(eleven, ids{1}, write(7, eleven, 10, 11, 20, 21)))},
				{"then the room", of(shown(eleven, 1), booked(eleven, 10, 11, 20, 21), agreed(eleven, 1)), do(update(eleven, ids{2}, nil))},
				{"P67 moved in Eliona, room added in Outlook", of(shown(ten, 1, 2), booked(eleven, 10, 11), agreed(ten, 1)), do(beside(ten, ids{1, 2}, write(7, eleven, 10, 11, 20, 21)))},
				{"then the time, also if it is not known that the booking was written", of(shown(ten, 1, 2), booked(eleven, 10, 11, 20, 21), agreed(ten, 1)), do(update(eleven, nil, nil))},
				{"a room added on each side: both stay", of(shown(ten, 1, 2), booked(ten, 10, 11, 30, 31), agreed(ten, 1)), do(beside(ten, ids{1, 2}, write(7, ten, 10, 11, 20, 21, 30, 31)))},
				{"each side removed the other's room: Exchange decides", of(shown(ten, 1), booked(ten, 20, 21), agreed(ten, 1, 2)), do(write(7, ten, 10, 11))},
				{"P55 cancelled in Eliona, moved in Outlook: it ends", of(shown(eleven, 1), unbooked(), agreed(ten, 1)), do(cancelMeeting(1))},
				{"P42 cancelled in Outlook, moved in Eliona: it ends", of(gone(time.Hour), booked(eleven, 10, 11), agreed(ten, 1)), do(cancelBooking(meeting.ReasonCancelled))},
			})
		})
	}
}

func TestAsked(t *testing.T) {
	const us, them, second = meeting.Us, meeting.Them, time.Second
	one := []meeting.AssetID{10, 11}
	both := []meeting.AssetID{10, 11, 20, 21}
	run(t, []planCase{
		{"P47 accepted: both share it now", eliona(booked(ten, one...), copied(ten, 1), answers(meeting.Accepted, 1), asked(us, 2*second, second)), do(answered(ten, true, 1))},
		{"the room's own calendar is an answer too", eliona(booked(ten, one...), copied(ten, 1), shown(ten, 1), asked(us, second, 0)), do(answered(ten, true, 1))},
		{"what the room showed before the move is none", eliona(booked(eleven, one...), agreed(ten, 1), copied(eleven, 1), shown(ten, 1), asked(us, second, 500*time.Millisecond)), do(ask())},
		{"P53 declined: refused and withdrawn", eliona(booked(ten, one...), copied(ten, 1), answers(meeting.Declined, 1), asked(us, 2*second, second)), do(declinedBy(1, true))},
		{"P53 one of two rooms declines: all or nothing", eliona(booked(ten, both...), copied(ten, 1, 2), answers(meeting.Accepted, 1), answers(meeting.Declined, 2), asked(us, 2*second, second)), do(declinedBy(2, true))},
		{"P53 one declines before the other answers", eliona(booked(ten, both...), copied(ten, 1, 2), answers(meeting.Declined, 2), asked(us, 2*second, second)), do(declinedBy(2, true))},
		{"P65 the first of two answers: nothing is decided yet", eliona(booked(ten, both...), copied(ten, 1, 2), answers(meeting.Accepted, 2), asked(us, 3*second, 2*second)), wait(second)},
		{"P65 the second answers", eliona(booked(ten, both...), copied(ten, 1, 2), answers(meeting.Accepted, 1, 2), asked(us, 3*second, 2*second)), do(answered(ten, true, 1, 2))},
		{"P51 accepted, but the room's calendar does not show it: held", eliona(booked(ten, one...), copied(ten, 1), answers(meeting.Accepted, 1), showsSince(45*second, 1), asked(us, 50*second, 45*second)), wait(10 * second)},
		{"P51 for a minute: then the copy is asked once more", eliona(booked(ten, one...), copied(ten, 1), answers(meeting.Accepted, 1), showsSince(55*second, 1), asked(us, 60*second, 55*second)), do(ask())},
		{"P51 and believed: the calendar may be one that cannot be read", eliona(booked(ten, one...), copied(ten, 1), answers(meeting.Accepted, 1), showsSince(55*second, 1), asked(us, 61*second, 60*second)), do(answered(ten, true, 1))},
		{"a tentative answer is no answer", eliona(booked(ten, one...), copied(ten, 1), answers(meeting.Tentative, 1), asked(us, 3*second, 2*second)), wait(second)},

		{"made in Outlook, the room declines our move: the meeting stays there", outlook(booked(eleven, one...), agreed(ten, 1), copied(eleven, 1), answers(meeting.Declined, 1), asked(us, 2*second, second)), do(declinedBy(1, false))},
		{"made in Outlook, one of two declines our move: the booking follows, first the base", outlook(booked(eleven, both...), agreed(ten, 1, 2), copied(eleven, 1, 2), answers(meeting.Accepted, 1), answers(meeting.Declined, 2), asked(us, 2*second, second)), do(settled(eleven, 1, 2))},
		{"then the answer", outlook(booked(eleven, both...), agreed(eleven, 1, 2), copied(eleven, 1, 2), answers(meeting.Accepted, 1), answers(meeting.Declined, 2), asked(us, 2*second, second)), do(answered(eleven, false, 1))},
		{"then the booking, and nobody asks again", outlook(booked(eleven, both...), agreed(eleven, 1, 2), copied(eleven, 1, 2), shown(eleven, 1), answers(meeting.Declined, 2)), do(write(7, eleven, one...))},
		{"made in Outlook, the room added in Eliona declines: it is not asked twice", outlook(booked(ten, both...), agreed(ten, 1), copied(ten, 1, 2), shown(ten, 1), answers(meeting.Declined, 2), asked(us, 2*second, second)), do(settled(ten, 1, 2))},
		{"P40 a person's move: what a room accepted that shows the old time may be that", outlook(booked(ten, one...), agreed(ten, 1), copied(eleven, 1), shown(ten, 1), answers(meeting.Accepted, 1), asked(them, 2*second, 2*second)), wait(2 * second)},
		{"P68 a person's move is answered in part: the room that accepted is in", outlook(booked(ten, both...), agreed(ten, 1, 2), copied(eleven, 1, 2), answers(meeting.Accepted, 1), answers(meeting.Declined, 2), asked(them, 2*second, second)), do(answered(eleven, false, 1))},
		{"a person's move is declined by all", eliona(booked(ten, one...), agreed(ten, 1), copied(eleven, 1), answers(meeting.Declined, 1), asked(them, 2*second, second)), do(answered(eleven, false))},

		{"P51 the booking moves while we wait", eliona(booked(eleven, one...), copied(ten, 1), asked(us, second, 0)), do(update(eleven, nil, nil))},
		{"the booking changes rooms while we wait", eliona(booked(ten, 20, 21), copied(ten, 1), asked(us, second, 0)), do(update(ten, ids{2}, ids{1}))},
		{"the booking moves while we wait for a person's change: theirs comes first", eliona(booked(twelve, one...), agreed(ten, 1), copied(eleven, 1), asked(them, second, 750*time.Millisecond)), wait(500*time.Millisecond - 250*time.Millisecond + 250*time.Millisecond)},
		{"a room that a person invited meanwhile is theirs", outlook(booked(ten, one...), agreed(ten, 1), copied(ten, 1, 2), shown(ten, 1), asked(us, second, 750*time.Millisecond)), wait(500 * time.Millisecond)},
		{"a person exchanges the room while we wait: the other one shows it", eliona(booked(ten, one...), copied(ten, 1), answers(meeting.Accepted, 1), shown(ten, 2), showsSince(2*second, 2), asked(them, 10*time.Minute, 2*time.Minute)), do(ask())},
		{"cancelled in Outlook while a silent room is waited for: the others let go of it", eliona(booked(ten, both...), agreed(ten, 1, 2), copied(ten, 1, 2), answers(meeting.Accepted, 1), showsSince(2*second, 1), asked(us, 10*time.Minute, 2*time.Minute)), do(ask())},
		{"a room that was taken out and still shows it tells nothing new", eliona(booked(ten, one...), copied(ten, 1), shown(ten, 2), asked(us, second, 750*time.Millisecond)), wait(500 * time.Millisecond)},
		{"P52 the booking is cancelled while we wait", eliona(unbooked(), copied(ten, 1), asked(us, second, 0)), do(cancelMeeting(1))},
		{"P55 the booking is cancelled while a person's change is open", outlook(unbooked(), agreed(ten, 1), copied(eleven, 1), asked(them, second, 0)), do(cancelMeeting(1))},
		{"cancelled in Outlook while we wait", eliona(booked(ten, one...), gone(second)), do(cancelBooking(meeting.ReasonCancelled))},
	})
}

// The organizer's copy is polled at growing intervals, then rarely.
func TestAwaitSchedule(t *testing.T) {
	const ms = time.Millisecond
	silent := []plan.Finding{{Occurrence: 1, Room: 1, Code: plan.CodeNoAnswer}}
	for _, c := range []struct {
		checked, next time.Duration // after the change
		findings      []plan.Finding
	}{
		{0, 500 * ms, nil},
		{500 * ms, time.Second, nil},
		{time.Second, 2 * time.Second, nil},
		{4 * time.Second, 8 * time.Second, nil},
		{29 * time.Second, 58 * time.Second, nil},
		{30 * time.Second, time.Minute, nil},
		{time.Minute, 6 * time.Minute, silent},
		{6 * time.Minute, 11 * time.Minute, silent},
	} {
		t.Run(c.checked.String(), func(t *testing.T) {
			m := eliona(booked(ten, 10, 11), copied(ten, 1), asked(meeting.Us, 0, c.checked))
			late := c.next - ms
			expect(t, decideAt(nine.Add(late), m), plan.Plan{Wake: nine.Add(c.next), Findings: c.findings})
			expect(t, decideAt(nine.Add(c.next), m), plan.Plan{Ops: []plan.Op{ask()}, Findings: c.findings})
		})
	}
	t.Run("a tentative room is asked on, but not reported", func(t *testing.T) {
		m := eliona(booked(ten, 10, 11), copied(ten, 1), answers(meeting.Tentative, 1), asked(meeting.Us, 2*time.Minute, 90*time.Second))
		expect(t, decide(m), wait(4*time.Minute+30*time.Second))
	})
	t.Run("that the copy could not be read says nothing of the room: it is read first", func(t *testing.T) {
		m := eliona(booked(ten, 10, 11), copied(ten, 1), asked(meeting.Us, 10*time.Minute, 30*time.Second))
		expect(t, decide(m), do(ask()))
	})
	t.Run("only the silent one of two rooms is reported", func(t *testing.T) {
		m := eliona(booked(ten, 10, 11, 20, 21), copied(ten, 1, 2), answers(meeting.Accepted, 2), asked(meeting.Us, 2*time.Minute, 90*time.Second))
		want := wait(4*time.Minute + 30*time.Second)
		want.Findings = silent
		expect(t, decide(m), want)
	})
}

// While a room is on its way to another state, nothing is decided for a while.
func TestDoubt(t *testing.T) {
	const s = time.Second
	held := []part{booked(ten, 10, 11, 20, 21), agreed(ten, 1, 2)}
	with := func(parts ...part) []part { return append(append([]part{}, held...), parts...) }
	late := func(parts ...part) []part {
		return with(append([]part{seen(meeting.Booked, eleven, 3, 1), showsSince(2*time.Minute, 1), shown(ten, 2)}, parts...)...)
	}
	run(t, []planCase{
		{"a moved room is pending: hold", outlook(booked(ten, 10, 11), agreed(ten, 1), pending(eleven, 1), showsSince(20*s, 1)), wait(300 * s)},
		{"P40 pending before the base was recorded: hold", outlook(booked(ten, 10, 11), pending(eleven, 1), showsSince(20*s, 1)), wait(300 * s)},
		{"pending for however long is no decline: hold", outlook(booked(ten, 10, 11), agreed(ten, 1), pending(eleven, 1), showsSince(3600*s, 1)), wait(300 * s)},
		{"P55 cancelled in Eliona while the room considers a move: it ends", outlook(unbooked(), agreed(ten, 1), pending(eleven, 1), showsSince(3600*s, 1)), do(cancelMeeting(1))},
		{"and in all its rooms", outlook(unbooked(), agreed(ten, 1, 2), shown(ten, 1), pending(ten, 2)), do(cancelMeeting(1, 2))},
		{"a room that left the list is left alone", outlook(unbooked(), agreed(ten, 1), pending(eleven, 5)), do(cleared())},
		{"one of several rooms that is pending for however long still has the slot", outlook(booked(ten, 10, 11, 20, 21), agreed(ten, 1, 2), shown(ten, 1), pending(ten, 2), showsSince(3600*s, 2)), nothing()},
		{"but not the time that the others have by now", outlook(booked(ten, 10, 11, 20, 21), agreed(ten, 1, 2), shown(eleven, 1), pending(ten, 2), showsSince(3600*s, 2)), do(write(7, eleven, 10, 11))},
		{"a pending room of nobody's booking is no reason to wait", outlook(shown(ten, 1), pending(ten, 2), booked(ten, 10, 11), agreed(ten, 1)), nothing()},
		{"P67 one room has moved, the other not yet: hold", outlook(with(seen(meeting.Booked, eleven, 3, 1), showsSince(5*s, 1), shown(ten, 2))...), wait(55 * s)},
		{"P67 it never does: the newer version counts", outlook(with(seen(meeting.Booked, eleven, 3, 1), showsSince(2*time.Minute, 1), shown(ten, 2))...), do(write(7, eleven, 10, 11))},
		{"P67 the one that has not is all that Eliona has left: ask", outlook(late(booked(ten, 20, 21), copied(ten, 1, 2))...), do(ask())},
		{"P67 and there is nobody to ask: it was not taken out in Exchange", outlook(late(booked(ten, 20, 21))...), wait(300 * s)},
		{"P67 it came later to another time than the newest: hold", outlook(late(booked(ten, 20, 21), showsSince(20*s, 2))...), wait(40 * s)},
		{"nor was one that is pending", outlook(booked(ten, 20, 21), agreed(ten, 1, 2), shown(ten, 1), pending(eleven, 2), showsSince(3600*s, 2)), wait(300 * s)},
		{"a pending meeting of people is not booked", outlook(pending(ten, 1)), nothing()},
		{"our meeting's room vanished after the last look: ask", eliona(copied(ten, 1), booked(ten, 10, 11), agreed(ten, 1), showsSince(s, 1)), do(ask())},
		{"the copy says it is still invited: hold", eliona(copied(ten, 1), booked(ten, 10, 11), agreed(ten, 1), showsSince(20*s, 1), lookedAgo(10*s)), wait(40 * s)},
		{"a room shows what the copy does not list: ask", eliona(copied(ten, 1), shown(ten, 1, 2), booked(ten, 10, 11), agreed(ten, 1), showsSince(s, 2)), do(ask())},
		{"the copy was looked at since: it is not in", eliona(copied(ten, 1), shown(ten, 1, 2), booked(ten, 10, 11), agreed(ten, 1)), nothing()},
	})
}

// A meeting may leave its only room for another one.
func TestRoomExchange(t *testing.T) {
	const s = time.Second
	left := []part{booked(ten, 10, 11), agreed(ten, 1), showsSince(5*s, 1)}
	with := func(parts ...part) *meeting.Meeting { return outlook(append(append([]part{}, left...), parts...)...) }
	known := func(m *meeting.Meeting) *meeting.Meeting { m.Organizer = "anna@example.com"; return m }
	occurring := func(m *meeting.Meeting) *meeting.Meeting {
		m.Occurrences[0].Key = meeting.KeyOf(ten.Start)
		return m
	}
	run(t, []planCase{
		{"P41 the other room is pending: hold", with(pending(ten, 2), showsSince(20*s, 2)), wait(40 * s)},
		{"P41 the other room was invited, but has not answered: hold, and look again", with(copied(ten, 2), lookedAgo(s), showsSince(20*s, 2)), wait(18 * s)},
		{"P41 the other room, which decided, shows nothing any more: it may have declined", with(copied(ten, 2), lookedAgo(3*s), showsSince(s, 2)), do(ask())},
		{"P41 its answer is not in the copy yet: soon again", with(copied(ten, 2), lookedAgo(s/4), showsSince(s/2, 2)), wait(s / 4)},
		{"P41 the other room declined", with(copied(ten, 2), lookedAgo(s), answers(meeting.Declined, 2), showsSince(20*s, 2)), do(cancelBooking(meeting.ReasonCancelled))},
		{"P41 the other room takes too long", with(pending(ten, 2), showsSince(61*s, 2)), do(cancelBooking(meeting.ReasonCancelled))},
		{"P41 P42 exchanged or cancelled: a known organizer is asked", known(with()), do(ask())},
		{"P42 and it is gone", known(with(gone(s))), do(cancelBooking(meeting.ReasonCancelled))},
		{"P60 an occurrence is cancelled without asking", known(occurring(with())), do(cancelBooking(meeting.ReasonCancelled))},
		{"P66 another room is left: nobody is asked", known(with(shown(ten, 2))), do(write(7, ten, 20, 21))},
	})
}

// A meeting may move to where the rooms' calendars are not read.
func TestBeyondTheWindow(t *testing.T) {
	const s = time.Second
	far := meeting.SpanOf(ten.Start.AddDate(1, 0, 0), ten.End.AddDate(1, 0, 0))
	line := func(o *meeting.Occurrence) { cell(o, 1).AnsweredAt = nine.Add(-time.Hour) }
	moved := func(by meeting.Asker, ago time.Duration, a meeting.Answer) *meeting.Meeting {
		return outlook(booked(ten, 10, 11), agreed(ten, 1), copied(far, 1), line, answers(a, 1), showsSince(s, 1), asked(by, ago, ago))
	}
	decideIn := func(m *meeting.Meeting) plan.Plan {
		return plan.For(plan.Input{
			Meeting: m, Rooms: rooms, Now: nine, Policy: plan.DefaultPolicy(),
			Window: meeting.SpanOf(nine.AddDate(0, 0, -1), nine.AddDate(0, 6, 0)),
		})
	}
	for _, c := range []planCase{
		{"P40 an acceptance may be one of the old time: the copy is asked again", moved(meeting.Them, 2*s, meeting.Accepted), wait(2 * s)},
		{"P40 after a while it counts, although the room shows nothing", moved(meeting.Them, 61*s, meeting.Accepted), do(answered(far, false, 1))},
		{"a declined one is declined", moved(meeting.Them, 2*s, meeting.Declined), do(answered(far, false))},
		{"P51 an answer to our own request counts at once", eliona(booked(far, 10, 11), agreed(ten, 1), copied(far, 1), line, answers(meeting.Accepted, 1), showsSince(s, 1), asked(meeting.Us, 2*s, s)), do(answered(far, true, 1))},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, decideIn(c.m), c.want) })
	}
	t.Run("within it, a room that shows nothing has not answered", func(t *testing.T) {
		expect(t, decide(moved(meeting.Them, 61*s, meeting.Accepted)), plan.Plan{
			Wake: nine.Add(300 * s), Findings: []plan.Finding{{Occurrence: 1, Room: 1, Code: plan.CodeNoAnswer}},
		})
	})
}

func lookedAgo(d time.Duration) part {
	return func(o *meeting.Occurrence) { o.CopyCheckedAt = nine.Add(-d) }
}

func TestOrphans(t *testing.T) {
	const s = time.Second
	release := plan.Op{Kind: plan.ReleaseRooms, Occurrence: 1, Rooms: ids{1, 2}}
	run(t, []planCase{
		{"rooms need a moment for a cancellation", eliona(gone(20*s), shown(ten, 1, 2)), wait(40 * s)},
		{"P52 what they show later is freed", eliona(gone(61*s), shown(ten, 1, 2)), do(release)},
		{"a pending entry holds nothing", eliona(gone(61*s), pending(ten, 1)), nothing()},
		{"a retired room is left alone", eliona(gone(61*s), shown(ten, 5)), nothing()},
		{"a vanished copy ends the booking, after the rooms", outlook(gone(61*s), shown(ten, 1, 2), booked(ten, 10, 11, 20, 21), agreed(ten, 1, 2)), do(release)},
	})
}

func TestRefusal(t *testing.T) {
	conflict := refused(meeting.ReasonConflict, true)
	late := []part{booked(ten, 10, 11, 20, 21), agreed(ten, 1, 2), shown(ten, 1), answers(meeting.Declined, 2)}
	with := func(p part) []part { return append([]part{p}, late...) }
	run(t, []planCase{
		{"P53 one of two rooms declines after all: all or nothing", eliona(with(copied(ten, 1, 2))...), do(declinedBy(2, true))},
		{"P66 the same in a meeting of people: the other room stays", outlook(with(copied(ten, 1, 2))...), do(write(7, ten, 10, 11))},
		{"P66 the room was taken out in Outlook: the other room stays", eliona(with(copied(ten, 1))...), do(write(7, ten, 10, 11))},
		{"P53 first the meeting", eliona(conflict, booked(ten, 10, 11), copied(ten, 1, 2)), do(cancelMeeting(1, 2))},
		{"P53 then the booking", eliona(conflict, booked(ten, 10, 11), gone(time.Second)), do(cancelBooking(meeting.ReasonConflict))},
		{"P54 an error that left nothing in Exchange", eliona(refused(meeting.ReasonError, true), booked(ten, 10, 11)), do(cancelBooking(meeting.ReasonError))},
		{"a meeting of people stays", outlook(refused(meeting.ReasonConflict, false), booked(ten, 10, 11), copied(ten, 1)), do(cancelBooking(meeting.ReasonConflict))},
		{"P53 then it is dealt with", eliona(conflict, gone(time.Second)), do(plan.Op{Kind: plan.Settle, Occurrence: 1, Agreed: true, Answered: true, Forgiven: true})},
	})
}

func TestAssets(t *testing.T) {
	run(t, []planCase{
		{"P26 a room is booked in every project", outlook(shown(ten, 2)), do(write(0, ten, 20, 21))},
		{"a booking that lacks a project's asset is completed", outlook(shown(ten, 1), booked(ten, 10), agreed(ten, 1)), do(write(7, ten, 10, 11))},
		{"P38 a booking without a room of ours is not ours", eliona(booked(ten, 99)), nothing()},
		{"P38 foreign assets are no difference", outlook(shown(ten, 1), booked(ten, 10, 11, 99), agreed(ten, 1)), nothing()},
		{"P38 foreign assets survive a change", outlook(shown(eleven, 1), booked(ten, 10, 11, 99), agreed(ten, 1)), do(write(7, eleven, 10, 11, 99))},
		{"a booking that moved to other assets frees its rooms", eliona(copied(ten, 1), shown(ten, 1), booked(ten, 99), agreed(ten, 1)), do(update(ten, nil, ids{1}))},
		{"so does that of a meeting of people", outlook(shown(ten, 1), booked(ten, 99), agreed(ten, 1)), do(update(ten, nil, ids{1}))},
		{"its meeting without a room is agreed on", eliona(copied(ten), booked(ten, 99), agreed(ten, 1), asked(meeting.Us, time.Second, 0)), do(answered(ten, true))},
		{"and stays", eliona(copied(ten), booked(ten, 99), agreed(ten)), nothing()},
		{"it follows the booking", eliona(copied(ten), booked(eleven, 99), agreed(ten)), do(update(eleven, nil, nil))},
		{"the booking comes back to a room", eliona(copied(ten), booked(ten, 10, 11), agreed(ten)), do(update(ten, ids{1}, nil))},
		{"the booking is cancelled there", eliona(copied(ten), unbooked(), agreed(ten)), do(cancelMeeting())},
		{"a person invites a room again", eliona(copied(ten, 1), shown(ten, 1), booked(ten, 99), agreed(ten)), do(write(7, ten, 10, 11, 99))},
		{"the meeting was cancelled meanwhile", eliona(gone(time.Hour), booked(ten, 99), agreed(ten)), do(cancelBooking(meeting.ReasonCancelled))},
		{"P32 a retired room is not written", outlook(shown(ten, 5)), nothing()},
		{"P32 a retired room stays in the booking", outlook(shown(eleven, 1), booked(ten, 10, 11, 50, 51), agreed(ten, 1, 5)), do(write(7, eleven, 10, 11, 50, 51))},
		{"P32 a retired room is not missed in Exchange", outlook(shown(ten, 1), booked(ten, 10, 11, 50, 51), agreed(ten, 1, 5)), nothing()},
		{"P32 what was only in a retired room may be there still", outlook(booked(ten, 10, 11, 50, 51), agreed(ten, 5), shown(ten, 5)), do(ask())},
		{"P32 its organizer has it: the other room is added", outlook(booked(ten, 10, 11, 50, 51), agreed(ten, 5), shown(ten, 5), copied(ten, 5)), do(update(ten, ids{1}, nil))},
		{"P32 its organizer cannot be asked: it is left alone", outlook(booked(ten, 10, 11, 50, 51), agreed(ten, 5), shown(ten, 5), unreachable()), nothing()},
		{"P32 a retired room is not asked", eliona(booked(eleven, 10, 11), agreed(ten, 1), copied(ten, 1, 5), shown(ten, 1)), do(update(eleven, nil, nil))},
		{"the room's assets are not made yet", outlook(shown(ten, 4)), wait(30 * time.Second)},
	})
}

func TestPast(t *testing.T) {
	eight := meeting.SpanOf(nine.Add(-time.Hour), nine)
	run(t, []planCase{
		{"a past meeting brings no booking", outlook(shown(early, 1)), nothing()},
		{"a past meeting that vanished keeps its booking", outlook(booked(early, 10, 11), agreed(early, 1)), nothing()},
		{"a past booking that was cancelled keeps its meeting", outlook(shown(early, 1), unbooked(), agreed(early, 1)), nothing()},
		{"what ends now is past", outlook(shown(eight, 1)), nothing()},
		{"P57 a no-show: what runs is not past", outlook(shown(span(8, 10), 1), unbooked(), agreed(span(8, 10), 1)), do(cancelMeeting(1))},
		{"moved from the past to the future", outlook(shown(ten, 1), booked(early, 10, 11), agreed(early, 1)), do(write(7, ten, 10, 11))},
		{"moved by a person while we were away", eliona(unbooked(), copied(early, 1), shown(ten, 1), asked(meeting.Us, 2*time.Hour, 0)), do(cancelMeeting(1))},
	})
}

func span(from, to int) meeting.Span { return meeting.SpanOf(hour(from).Start, hour(to).Start) }

// series is a meeting of several occurrences, numbered from 1.
func series(origin meeting.Origin, occurrences ...[]part) *meeting.Meeting {
	m := &meeting.Meeting{ID: 1, Origin: origin, Group: 3}
	for i, parts := range occurrences {
		m.Occurrences = append(m.Occurrences, occurrence(meeting.OccurrenceID(i+1), parts...))
	}
	return m
}

func TestSeries(t *testing.T) {
	day := func(i int) meeting.Span {
		s := hour(10)
		return meeting.SpanOf(s.Start.AddDate(0, 0, 7*i), s.End.AddDate(0, 0, 7*i))
	}
	t.Run("P58 ten occurrences are one group, written at once", func(t *testing.T) {
		var parts [][]part
		want := plan.Op{Kind: plan.WriteBookings}
		for i := range 10 {
			parts = append(parts, []part{shown(day(i), 1)})
			want.Items = append(want.Items, plan.Item{Occurrence: meeting.OccurrenceID(i + 1), Span: day(i), Assets: []meeting.AssetID{10, 11}})
		}
		expect(t, decide(series(meeting.Exchange, parts...)), do(want))
	})
	rest := func(i int) []part { return []part{shown(day(i), 1), booked(day(i), 10, 11), agreed(day(i), 1)} }
	t.Run("at rest", func(t *testing.T) {
		expect(t, decide(series(meeting.Exchange, rest(0), rest(1), rest(2))), nothing())
	})
	t.Run("P59 one is moved, P60 one cancelled, P61 one added in Outlook", func(t *testing.T) {
		m := series(meeting.Exchange, rest(0),
			[]part{shown(eleven, 1), booked(day(1), 10, 11), agreed(day(1), 1)},
			[]part{booked(day(2), 10, 11), agreed(day(2), 1)},
			[]part{shown(day(3), 1)})
		expect(t, decide(m), do(
			plan.Op{Kind: plan.WriteBookings, Items: []plan.Item{
				{Occurrence: 2, Booking: 7, Span: eleven, Assets: []meeting.AssetID{10, 11}},
				{Occurrence: 4, Span: day(3), Assets: []meeting.AssetID{10, 11}},
			}},
			plan.Op{Kind: plan.CancelBooking, Occurrence: 3, Reason: meeting.ReasonCancelled},
		))
	})
	t.Run("P62 all are cancelled: the past one stays", func(t *testing.T) {
		ended := func(s meeting.Span) []part { return []part{booked(s, 10, 11), agreed(s, 1)} }
		m := series(meeting.Exchange, ended(early), ended(day(1)), ended(day(2)))
		expect(t, decide(m), do(
			plan.Op{Kind: plan.CancelBooking, Occurrence: 2, Reason: meeting.ReasonCancelled},
			plan.Op{Kind: plan.CancelBooking, Occurrence: 3, Reason: meeting.ReasonCancelled},
		))
	})
	t.Run("P63 one is cancelled in Eliona, the others stay", func(t *testing.T) {
		m := series(meeting.Exchange, rest(0), []part{shown(day(1), 1), unbooked(), agreed(day(1), 1)}, rest(2))
		expect(t, decide(m), do(plan.Op{Kind: plan.CancelMeeting, Occurrence: 2, Rooms: ids{1}}))
	})
	t.Run("P64 P68 each occurrence has the rooms that accepted, none where all declined", func(t *testing.T) {
		m := series(meeting.Exchange, []part{shown(day(0), 1, 2)}, []part{shown(day(1), 2)}, nil)
		expect(t, decide(m), do(plan.Op{Kind: plan.WriteBookings, Items: []plan.Item{
			{Occurrence: 1, Span: day(0), Assets: []meeting.AssetID{10, 11, 20, 21}},
			{Occurrence: 2, Span: day(1), Assets: []meeting.AssetID{20, 21}},
		}}))
	})
}

// What frees rooms comes first, Exchange before the Booking app.
func TestOrderOfOperations(t *testing.T) {
	m := series(meeting.Eliona,
		[]part{booked(ten, 10, 11), agreed(ten, 1), gone(time.Hour)},                   // cancel the booking
		[]part{copied(ten, 1), shown(eleven, 1), booked(ten, 10, 11), agreed(ten, 1)},  // write it
		[]part{copied(ten, 1), booked(ten, 10, 11), asked(meeting.Us, time.Second, 0)}, // ask
		[]part{booked(ten, 10, 11)}, // create
		[]part{copied(ten, 1), shown(ten, 1), booked(eleven, 10, 11), agreed(ten, 1)},                                          // update
		[]part{gone(time.Hour), shown(ten, 1)},                                                                                 // release
		[]part{copied(ten, 1), shown(ten, 1), unbooked(), agreed(ten, 1)},                                                      // cancel the meeting
		[]part{copied(ten, 1), booked(ten, 10, 11), answers(meeting.Declined, 1), asked(meeting.Us, time.Second, time.Second)}, // refuse
		[]part{gone(time.Hour), agreed(ten, 1)},                                                                                // settle
	)
	var kinds []plan.Kind
	for _, op := range decide(m).Ops {
		kinds = append(kinds, op.Kind)
	}
	want := []plan.Kind{
		plan.Settle, plan.Refuse, plan.CancelMeeting, plan.ReleaseRooms, plan.UpdateMeeting,
		plan.CreateMeeting, plan.AskOrganizer, plan.WriteBookings, plan.CancelBooking,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("order differs (-want +got):\n%s", diff)
	}
}

// Rooms that tell by themselves when they accept need not be asked about before.
func TestTheOrganizersCopyIsAskedLaterWhereRoomsTell(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	span := meeting.SpanOf(now.Add(time.Hour), now.Add(2*time.Hour))
	m := &meeting.Meeting{ID: 1, UID: "u", Origin: meeting.Eliona, Organizer: "alice@example.com", Occurrences: []*meeting.Occurrence{{
		ID: 1, Booking: 7, BookingLive: true, BookingSpan: span, Assets: []meeting.AssetID{10},
		Copy: meeting.CopyLive, CopySpan: span, CopyCheckedAt: now, AskedBy: meeting.Us, AskedAt: now,
		Cells: []meeting.Cell{{Room: 1, Invited: true}},
	}}}
	rooms := map[meeting.RoomID]meeting.Room{1: {ID: 1, Address: "room-1@example.com", Assets: []meeting.AssetID{10}}}
	for told, wait := range map[bool]time.Duration{false: 500 * time.Millisecond, true: 2 * time.Second} {
		in := plan.Input{Meeting: m, Rooms: rooms, Now: now, Policy: plan.DefaultPolicy(), Told: told}
		require.Equal(t, now.Add(wait), plan.For(in).Wake)
		in.Now = now.Add(wait)
		require.Equal(t, []plan.Op{ask()}, plan.For(in).Ops)
	}
}
