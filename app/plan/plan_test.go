package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
				{"P67 moved in Outlook, room added in Eliona", of(shown(eleven, 1), booked(ten, 10, 11, 20, 21), agreed(ten, 1)), do(update(eleven, ids{2}, nil))},
				{"P67 moved in Eliona, room added in Outlook", of(shown(ten, 1, 2), booked(eleven, 10, 11), agreed(ten, 1)), do(update(eleven, nil, nil))},
				{"a room added on each side: both stay", of(shown(ten, 1, 2), booked(ten, 10, 11, 30, 31), agreed(ten, 1)), do(update(ten, ids{3}, nil))},
				{"each side removed the other's room: none is left", of(shown(ten, 1), booked(ten, 20, 21), agreed(ten, 1, 2)), do(cancelBooking(meeting.ReasonCancelled))},
				{"P55 cancelled in Eliona, moved in Outlook: it ends", of(shown(eleven, 1), unbooked(), agreed(ten, 1)), do(cancelMeeting(1))},
				{"P42 cancelled in Outlook, moved in Eliona: it ends", of(gone(time.Hour), booked(eleven, 10, 11), agreed(ten, 1)), do(cancelBooking(meeting.ReasonCancelled))},
			})
		})
	}
}
