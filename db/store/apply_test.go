package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
)

func TestEveryFieldIsKept(t *testing.T) {
	t.Parallel()
	o, lake := oneMeeting(t)
	hill := o.room("hill@example.com", 11)
	c := o.claim()
	at := func(n int) time.Time { return o.hour(n).Start.Add(123456 * time.Microsecond) }
	span := func(n int) meeting.Span { return meeting.Span{Start: at(n), End: at(n + 1)} }
	full := meeting.Occurrence{
		Booking: 7, BaseLive: true, Base: span(1), BookingLive: true, BookingSpan: span(2),
		Assets: []meeting.AssetID{10, 99}, BookingTick: 1001, Copy: meeting.CopyLive, CopySpan: span(3), CopyCheckedAt: at(4),
		ExchangeTick: 1002, AskedBy: meeting.Them, AskedAt: at(5), Refusal: meeting.ReasonConflict, RefusalCode: "code", Withdraw: true,
		Cells: []meeting.Cell{
			{
				Room: lake, BaseIn: true, Seen: meeting.Pending, SeenSpan: span(6), Sequence: 3, Item: "i", ChangeKey: "k",
				Invited: true, Answer: meeting.Tentative, AnsweredAt: at(7), SeenAt: at(8),
			},
			{Room: hill, Seen: meeting.None, Answer: meeting.Declined, SeenAt: at(9)},
		},
	}
	other := meeting.Occurrence{
		Key: "2030-01-01T00:00:00Z", Copy: meeting.CopyGone, AskedBy: meeting.Us, AskedAt: at(1), Refusal: meeting.ReasonError,
		Cells: []meeting.Cell{{Room: hill, Seen: meeting.Booked, SeenSpan: span(1), Answer: meeting.Accepted, SeenAt: at(9)}},
	}
	empty := meeting.Occurrence{Key: "2030-01-02T00:00:00Z", Copy: meeting.CopyUnknown}
	set := func(m *meeting.Meeting) {
		m.UID, m.Organizer, m.Group, m.Ref, m.CopyMailbox, m.CopyItem = "b", "ben@example.com", 4, "ref", "copy@example.com", "copy"
		id := m.Occurrences[0].ID
		*m.Occurrences[0] = full
		m.Occurrences[0].ID = id
		second, third := other, empty
		m.Occurrences = append(m.Occurrences, &second, &third)
	}
	want := o.load(c).Meeting
	set(want)
	require.NoError(t, o.term.Apply(t.Context(), c, nil, func(m *meeting.Meeting, _ meeting.Moment) ([]engine.Notice, error) {
		set(m)
		return nil, nil
	}))
	ignoreIDs := cmpopts.IgnoreFields(meeting.Occurrence{}, "ID")
	got := o.load(c).Meeting
	equal(t, want, got, ignoreIDs)
	for _, occurrence := range got.Occurrences {
		require.NotZero(t, occurrence.ID)
	}

	// And back to nothing, with zero times.
	clear := func(m *meeting.Meeting) {
		m.Organizer, m.Group, m.Ref, m.CopyMailbox, m.CopyItem = "", 0, "", "", ""
		for _, occurrence := range m.Occurrences {
			*occurrence = meeting.Occurrence{ID: occurrence.ID, Key: occurrence.Key, Copy: meeting.CopyUnknown, Cells: occurrence.Cells}
			for i, cell := range occurrence.Cells {
				occurrence.Cells[i] = meeting.Cell{Room: cell.Room, Seen: meeting.None, Answer: meeting.NoAnswer, SeenAt: cell.SeenAt}
			}
		}
	}
	clear(want)
	require.NoError(t, o.term.Apply(t.Context(), c, nil, func(m *meeting.Meeting, _ meeting.Moment) ([]engine.Notice, error) {
		clear(m)
		return nil, nil
	}))
	equal(t, want, o.load(c).Meeting, ignoreIDs)
}

func TestTheMomentOfAChange(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	c := o.claim()
	o.clock.Set(o.clock.Now().Add(1500 * time.Nanosecond))
	before := o.tick()
	require.NoError(t, o.term.Apply(t.Context(), c, nil, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		require.Greater(t, at.Tick, before)
		require.Equal(t, o.clock.Now().Truncate(time.Microsecond), at.Now, "no finer than it can be kept")
		m.Occurrences[0].Looked(meeting.Copy{Live: true, Span: o.hour(9)}, nil, at)
		return nil, nil
	}))
	require.Greater(t, o.tick(), o.load(c).Meeting.Occurrences[0].ExchangeTick)
	require.Equal(t, o.clock.Now().Truncate(time.Microsecond), o.load(c).Meeting.Occurrences[0].CopyCheckedAt)
}

func TestAChangeIsStoredAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	c := o.claim()
	operation, err := o.term.Begin(t.Context(), c, engine.Intent{Side: meeting.Eliona, Kind: plan.WriteBookings})
	require.NoError(t, err)
	before := o.load(c)
	trouble := errors.New("trouble")
	change := func(m *meeting.Meeting, at meeting.Moment) []engine.Notice {
		m.Group = 3
		m.Occurrences[0].BookingWritten(7, o.hour(9), []meeting.AssetID{10}, at.Tick)
		return []engine.Notice{{Subject: "booking 7", Code: "x"}}
	}
	for name, f := range map[string]func(*meeting.Meeting, meeting.Moment) ([]engine.Notice, error){
		"f fails": func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
			return change(m, at), trouble
		},
		"the database refuses": func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
			notices := change(m, at)
			m.Occurrences[0].BookingSpan.End = m.Occurrences[0].BookingSpan.Start
			return notices, nil
		},
	} {
		err := o.term.Apply(t.Context(), c, &operation, f)
		require.Error(t, err, name)
		if name == "f fails" {
			require.ErrorIs(t, err, trouble)
		}
		after := o.load(c)
		same(t, *before.Open, *after.Open)
		after.Open = before.Open
		equal(t, before, after)
		require.Zero(t, value[int](o, `select count(*) from ews.notice`), name)
	}

	require.NoError(t, o.term.Apply(t.Context(), c, &operation, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		return change(m, at), nil
	}))
	after := o.load(c)
	require.Nil(t, after.Open)
	require.EqualValues(t, 3, after.Meeting.Group)
	require.Equal(t, 1, value[int](o, `select count(*) from ews.notice`))
	require.Equal(t, before.Gen, after.Gen, "our own work is no reason to work")
}

func TestChangesToOneMeetingDoNotOverwriteOneAnother(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	c := o.claim()
	window := o.window(room, entry("a", o.hour(11)))
	b := o.booking()
	b.UID = "a"
	require.NoError(t, inParallel(t, 3, func(ctx context.Context, n int) (err error) {
		switch n {
		case 0:
			err = o.term.Apply(ctx, c, nil, func(m *meeting.Meeting, _ meeting.Moment) ([]engine.Notice, error) {
				m.CopyMailbox = "copy@example.com"
				return nil, nil
			})
		case 1:
			_, err = o.term.SaveWindow(ctx, window)
		case 2:
			_, err = o.term.ObserveBooking(ctx, b)
		}
		return err
	}))
	m := o.load(c).Meeting
	require.EqualValues(t, "copy@example.com", m.CopyMailbox)
	require.EqualValues(t, 7, m.Occurrences[0].Booking)
	equal(t, o.hour(11), m.Occurrences[0].Cells[0].SeenSpan)
}
