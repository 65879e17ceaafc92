package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
)

// booking 7 of asset 10 tomorrow at nine, read just now.
func (o *office) booking() engine.BookingObservation {
	o.t.Helper()
	return engine.BookingObservation{
		Booking: engine.Booking{
			ID: 7, Group: 3, Assets: []meeting.AssetID{10}, Organizer: " Anna@Example.com", Span: o.hour(9),
		},
		Since: o.tick(), UID: "uid of 7", Ref: "ref of 7",
	}
}

func (o *office) observe(b engine.BookingObservation) engine.Observed {
	o.t.Helper()
	observed, err := o.term.ObserveBooking(o.t.Context(), b)
	require.NoError(o.t, err)
	return observed
}

// apply lets f change the occurrence of the one meeting there is to work on.
func (o *office) apply(f func(*meeting.Occurrence, meeting.Moment)) {
	o.t.Helper()
	c := o.claim()
	require.NoError(o.t, o.term.Apply(o.t.Context(), c, nil, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		f(m.Occurrences[0], at)
		return nil, nil
	}))
	o.release(c, o.load(c).Gen, engine.Release{})
}

func TestABookingBecomesAMeeting(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	b := o.booking()
	require.Equal(t, engine.Changed, o.observe(b))
	equal(t, &meeting.Meeting{
		Config: o.config, UID: "uid of 7", Ref: "ref of 7", Origin: meeting.Eliona, Organizer: "anna@example.com", Group: 3,
		Occurrences: []*meeting.Occurrence{{
			Booking: 7, BookingLive: true, BookingSpan: o.hour(9), Assets: []meeting.AssetID{10}, Copy: meeting.CopyUnknown,
			BookingTick: b.Since,
		}},
	}, o.meeting("uid of 7"), cmpopts.IgnoreFields(meeting.Meeting{}, "ID"), cmpopts.IgnoreFields(meeting.Occurrence{}, "ID", "BookingTick"))
	w := o.work("uid of 7")
	require.Greater(t, w.Want, w.Done)
	require.Zero(t, w.Priority, "somebody waits for it")
	require.LessOrEqual(t, w.Wait, time.Duration(0))
}

func TestBookersNeedNotHaveAnAddress(t *testing.T) {
	t.Parallel()
	for _, organizer := range []string{"", "front desk", "a@b@c", "<anna@example.com>"} {
		o := newOffice(t)
		o.room("lake@example.com", 10)
		b := o.booking()
		b.Booking.Organizer = organizer
		require.Equal(t, engine.Changed, o.observe(b))
		require.Empty(t, o.meeting("uid of 7").Organizer)
	}
}

func TestAKnownBookingIsObserved(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.observe(o.booking())
	o.settled()
	gen := o.gen("uid of 7")

	require.Equal(t, engine.Unchanged, o.observe(o.booking()))
	require.Equal(t, gen, o.gen("uid of 7"))
	require.Empty(t, claimsNow(o))

	moved := o.booking()
	moved.Booking.Span, moved.Booking.Assets = o.hour(11), []meeting.AssetID{99, 10}
	require.Equal(t, engine.Changed, o.observe(moved))
	occurrence := o.only("uid of 7")
	equal(t, o.hour(11), occurrence.BookingSpan)
	require.Equal(t, []meeting.AssetID{10, 99}, occurrence.Assets, "those of other apps included, in order")
	require.Equal(t, gen+1, o.gen("uid of 7"))

	moved.Booking.Assets = []meeting.AssetID{10, 99}
	moved.Since = o.tick()
	require.Equal(t, engine.Unchanged, o.observe(moved))

	cancelled := o.booking()
	cancelled.Booking = engine.Booking{ID: 7, Cancelled: true}
	require.Equal(t, engine.Changed, o.observe(cancelled))
	occurrence = o.only("uid of 7")
	require.False(t, occurrence.BookingLive)
	require.EqualValues(t, 7, occurrence.Booking, "it keeps its number until we are done with it")
	require.Equal(t, gen+2, o.gen("uid of 7"))
	require.Equal(t, engine.Unchanged, o.observe(cancelled))
	require.Equal(t, 1, value[int](o, `select count(*) from ews.meeting`))
}

func TestWhatIsReadBeforeOurWriteSaysNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.observe(o.booking())
	stale := o.booking()
	stale.Booking.Cancelled = true
	o.apply(func(occurrence *meeting.Occurrence, at meeting.Moment) {
		occurrence.BookingWritten(7, o.hour(11), []meeting.AssetID{10}, at.Tick)
	})
	gen := o.gen("uid of 7")
	require.Equal(t, engine.Outdated, o.observe(stale))
	require.True(t, o.only("uid of 7").BookingLive)
	equal(t, o.hour(11), o.only("uid of 7").BookingSpan)
	require.Equal(t, gen, o.gen("uid of 7"))

	stale.Since = o.tick()
	require.Equal(t, engine.Changed, o.observe(stale))
}

func TestTheGroupMayBeLearnedLater(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	for _, step := range []struct{ told, want meeting.GroupID }{{0, 0}, {3, 3}, {0, 3}, {4, 3}} {
		b := o.booking()
		b.Booking.Group = step.told
		o.observe(b)
		require.Equal(t, step.want, o.meeting("uid of 7").Group)
	}
}

func TestForeignBookingsAreIgnored(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*office, *engine.Booking){
		"of other assets":  func(_ *office, b *engine.Booking) { b.Assets = []meeting.AssetID{99} },
		"of no assets":     func(_ *office, b *engine.Booking) { b.Assets = nil },
		"of a lost room":   func(o *office, _ *engine.Booking) { o.list() },
		"cancelled before": func(_ *office, b *engine.Booking) { b.Cancelled = true },
		"over": func(o *office, b *engine.Booking) {
			b.Span = meeting.Span{Start: o.clock.Now().Add(-time.Hour), End: o.clock.Now()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.room("lake@example.com", 10)
			b := o.booking()
			change(o, &b.Booking)
			require.Equal(t, engine.Ignored, o.observe(b))
			require.Zero(t, value[int](o, `select count(*) from ews.meeting`))
		})
	}
}

// Between sending a booking and storing its number we cannot tell our own from
// those of others.
func TestABookingThatMayBeOursIsDeferred(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.read(o.room("lake@example.com", 10), entry("a", o.hour(9)))
	o.room("hill@example.com", 11)
	c := o.claim()
	operation, err := o.term.Begin(t.Context(), c, engine.Intent{
		Side: meeting.Eliona, Kind: plan.WriteBookings, Assets: []meeting.AssetID{10, 12}, Span: o.hour(9),
	})
	require.NoError(t, err)

	another := func(id meeting.BookingID, organizer string, asset meeting.AssetID) engine.Observed {
		b := o.booking()
		b.UID = meeting.UID("uid of " + string(rune('0'+id)))
		b.Booking.ID, b.Booking.Organizer, b.Booking.Assets = id, organizer, []meeting.AssetID{asset}
		return o.observe(b)
	}
	require.Equal(t, engine.Deferred, o.observe(o.booking()))
	require.Equal(t, engine.Deferred, another(7, "ben@example.com", 10), "of its rooms")
	require.Equal(t, engine.Deferred, another(7, "Anna@example.com", 11), "of its organizer, perhaps moved to another room")
	require.Equal(t, engine.Changed, another(8, "ben@example.com", 11), "cannot be ours")
	require.Equal(t, engine.Ignored, another(9, "anna@example.com", 12), "of no room we know")

	require.NoError(t, o.term.Apply(t.Context(), c, &operation, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		m.Occurrences[0].BookingWritten(7, o.hour(9), []meeting.AssetID{10}, at.Tick)
		return nil, nil
	}))
	require.Equal(t, engine.Unchanged, o.observe(o.booking()), "it was ours")
	require.Equal(t, 2, value[int](o, `select count(*) from ews.meeting`))
}

// Numbers rise: what has a lower one than a booking that was known when a write
// began is none of that write's.
func TestABookingFromBeforeTheWriteIsNotDeferred(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.read(o.room("lake@example.com", 10), entry("a", o.hour(9)))
	c := o.claim()
	write := func() engine.Operation {
		operation, err := o.term.Begin(t.Context(), c, engine.Intent{Side: meeting.Eliona, Kind: plan.WriteBookings, Assets: []meeting.AssetID{10}})
		require.NoError(t, err)
		return operation
	}
	operation := write()
	require.Equal(t, engine.Deferred, o.observe(o.booking()))
	require.NoError(t, o.term.Apply(t.Context(), c, &operation, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		m.Occurrences[0].BookingWritten(8, o.hour(9), []meeting.AssetID{10}, at.Tick)
		return nil, nil
	}))
	write()
	later := o.booking()
	later.Booking.ID, later.UID = 9, "uid of 9"
	require.Equal(t, engine.Deferred, o.observe(later))
	require.Equal(t, engine.Changed, o.observe(o.booking()))
}

func TestOnlyOpenWritesOfBookingsDefer(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.read(o.room("lake@example.com", 10), entry("a", o.hour(9)))
	c := o.claim()
	for _, kind := range []plan.Kind{plan.CancelBooking, plan.WriteBookings} {
		operation, err := o.term.Begin(t.Context(), c, engine.Intent{Side: meeting.Eliona, Kind: kind, Assets: []meeting.AssetID{10}})
		require.NoError(t, err)
		if kind == plan.WriteBookings {
			require.Equal(t, engine.Deferred, o.observe(o.booking()))
		}
		require.NoError(t, o.term.Fail(t.Context(), c, operation, "x"))
	}
	require.Equal(t, engine.Changed, o.observe(o.booking()))
}

func TestABookingWeCancelledDoesNotComeBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.observe(o.booking())
	before := o.booking()
	o.apply(func(occurrence *meeting.Occurrence, at meeting.Moment) { occurrence.BookingCancelled(at.Tick) })
	require.Zero(t, o.only("uid of 7").Booking)
	gen := o.gen("uid of 7")

	require.Equal(t, engine.Ignored, o.observe(before), "read before we cancelled it")
	cancelled := o.booking()
	cancelled.Booking.Cancelled = true
	require.Equal(t, engine.Ignored, o.observe(cancelled))
	require.Equal(t, gen, o.gen("uid of 7"))

	require.Equal(t, engine.Changed, o.observe(o.booking()), "it is alive again")
	require.EqualValues(t, 7, o.only("uid of 7").Booking)
	require.Equal(t, 1, value[int](o, `select count(*) from ews.meeting`))
}

func TestBookingsOfAnAsset(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	for id, change := range map[meeting.BookingID]func(*engine.Booking){
		1: func(*engine.Booking) {},
		2: func(b *engine.Booking) { b.Span = o.hour(10) },
		3: func(b *engine.Booking) { b.Span.End = o.hour(9).Start.Add(time.Second); b.Span.Start = o.hour(7).Start },
		4: func(b *engine.Booking) { b.Span = o.hour(8) },
		5: func(b *engine.Booking) { b.Assets = []meeting.AssetID{10, 11} },
	} {
		b := o.booking()
		b.Booking.ID, b.UID = id, meeting.UID("uid of "+string(rune('0'+id)))
		change(&b.Booking)
		require.Equal(t, engine.Changed, o.observe(b))
	}
	of := func(asset meeting.AssetID) []engine.Booking {
		bookings, err := o.term.BookingsOf(t.Context(), asset, o.hour(9))
		require.NoError(t, err)
		slices.SortFunc(bookings, func(a, b engine.Booking) int { return int(a.ID) - int(b.ID) })
		return bookings
	}
	both := engine.Booking{ID: 5, Assets: []meeting.AssetID{10, 11}, Span: o.hour(9)}
	require.Equal(t, []engine.Booking{
		{ID: 1, Assets: []meeting.AssetID{10}, Span: o.hour(9)},
		{ID: 3, Assets: []meeting.AssetID{10}, Span: meeting.Span{Start: o.hour(7).Start, End: o.hour(9).Start.Add(time.Second)}},
		both,
	}, of(10))
	require.Equal(t, []engine.Booking{both}, of(11))
	require.Empty(t, of(12))

	claims, err := o.term.Claim(t.Context(), 10, nil)
	require.NoError(t, err)
	claim := claims[slices.IndexFunc(claims, func(c engine.Claim) bool { return o.load(c).Meeting.Occurrences[0].Booking == 5 })]
	open, err := o.term.Begin(t.Context(), claim, engine.Intent{Side: meeting.Eliona, Kind: plan.WriteBookings})
	require.NoError(t, err)
	require.Equal(t, []engine.Booking{{ID: 5}}, of(11), "what is being written is not known")
	require.NoError(t, o.term.Fail(t.Context(), claim, open, "x"))
	require.Equal(t, []engine.Booking{both}, of(11))

	cancelled := o.booking()
	cancelled.Booking = engine.Booking{ID: 5, Cancelled: true}
	o.observe(cancelled)
	require.Empty(t, of(11))
}

func TestUnknownBookings(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.observe(o.booking())
	o.apply(func(occurrence *meeting.Occurrence, at meeting.Moment) { occurrence.BookingCancelled(at.Tick) })
	known := o.booking()
	known.Booking.ID, known.UID = 8, "uid of 8"
	o.observe(known)
	unknown, err := o.term.Unknown(t.Context(), []meeting.BookingID{9, 8, 7, 2, 1})
	require.NoError(t, err)
	require.Equal(t, []meeting.BookingID{1, 2, 9}, unknown, "neither the one we cancelled nor the one of a meeting")
	unknown, err = o.term.Unknown(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, unknown)
}

// The messages about one booking can come in at the same time.
func TestABookingIsObservedOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	b := o.booking()
	require.NoError(t, inParallel(t, 8, func(ctx context.Context, _ int) error {
		_, err := o.term.ObserveBooking(ctx, b)
		return err
	}))
	require.Equal(t, 1, value[int](o, `select count(*) from ews.occurrence`))
}

func TestACancellationMayComeBeforeTheNumberIsStored(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	lake := o.room("lake@example.com", 10)
	o.read(lake, entry("made in Outlook", o.hour(9)))
	c := o.claim()
	op, err := o.term.Begin(t.Context(), c, engine.Intent{
		Side: meeting.Eliona, Kind: plan.WriteBookings, Assets: []meeting.AssetID{10}, Span: o.hour(9),
	})
	require.NoError(t, err)
	gone := o.booking()
	gone.Booking.Cancelled = true
	require.Equal(t, engine.Deferred, o.observe(gone), "it may be the one being written")
	require.NoError(t, o.term.Fail(t.Context(), c, op, "no_effect"))
	require.Equal(t, engine.Ignored, o.observe(gone))
}
