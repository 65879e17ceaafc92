package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/db/store"
)

func (o *office) overview() store.Overview {
	o.t.Helper()
	list, err := o.db.Overviews(o.t.Context(), o.config)
	require.NoError(o.t, err)
	require.Len(o.t, list, 1)
	return list[0]
}

func (o *office) findings() []store.Finding {
	o.t.Helper()
	list, err := o.db.Findings(o.t.Context(), o.config)
	require.NoError(o.t, err)
	require.Len(o.t, list, o.overview().Findings, "the count is that of the list")
	return list
}

func (o *office) kinds() []store.FindingKind {
	o.t.Helper()
	var kinds []store.FindingKind
	for _, f := range o.findings() {
		kinds = append(kinds, f.Kind)
	}
	slices.Sort(kinds)
	return kinds
}

func (o *office) report(r store.Report) bool {
	o.t.Helper()
	compare, err := o.term.Report(o.t.Context(), r)
	require.NoError(o.t, err)
	return compare
}

func TestTheLeaderIsKnownWhileItHoldsTheLock(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	leader := o.overview().Leader
	require.True(t, leader.Here)
	require.NotEmpty(t, leader.Host)
	require.WithinDuration(t, time.Now(), leader.Since, time.Minute)

	at := o.clock.Now()
	report := store.Report{Connected: at, Heard: at, Compared: at, WaitUntil: at.Add(time.Hour), Watched: 5, WatchedAt: at}
	require.False(t, o.report(report))
	equal(t, report, o.overview().Report)
	require.False(t, o.report(store.Report{}))
	equal(t, store.Report{Heard: at, Compared: at}, o.overview().Report)

	stale := o.term
	o.term = o.usurp()
	_, err := stale.Report(t.Context(), store.Report{Connected: at, Watched: 5})
	require.ErrorIs(t, err, engine.ErrFenced)
	require.True(t, o.overview().Report.Connected.IsZero(), "the next owner connects anew")
	o.exec(`update ews.leader set pid = pid + 1`)
	require.False(t, o.overview().Leader.Here)

	require.NoError(t, o.term.Close(t.Context()))
	require.Nil(t, o.overview().Leader)
	other := o.configuration()
	list, err := o.db.Overviews(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, other, list[1].Config)
	require.Nil(t, list[1].Leader)
}

func TestTheBacklogIsCountedByPriority(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	require.Zero(t, o.overview().Waiting())
	entries := make([]meeting.Sighting, 0, 60)
	for i := range 60 {
		entries = append(entries, entry(meeting.UID(fmt.Sprint("import", i)), o.hour(i)))
	}
	o.read(room, entries...)
	o.exec(`update ews.meeting set priority = 0, wanted_at = now() - interval '1 hour' where uid = 'import1'`)
	o.exec(`update ews.meeting set priority = 1, attempts = 2, due_at = now() + interval '1 hour' where uid = 'import2'`)
	o.exec(`update ews.meeting set parked_code = 'x', wanted_at = now() - interval '2 hours' where uid = 'import3'`)
	now := o.overview()
	require.Equal(t, []int{1, 1, 57, 1, 1}, []int{now.People, now.Changes, now.Import, now.Repeated, now.Parked})
	require.InDelta(t, time.Hour.Seconds(), now.Waited.Seconds(), 60)
	n, err := o.term.Backlog(t.Context())
	require.NoError(t, err)
	require.Equal(t, now.Waiting(), n)
}

// A change is measured from when it was first seen until its meeting is at rest,
// however often it is worked on.
func TestAClaimTellsHowLongTheChangeWaits(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	o.exec(`update ews.meeting set wanted_at = wanted_at - interval '10 seconds'`)
	c := o.claim()
	require.InDelta(t, 10, c.Waited.Seconds(), 5)
	require.False(t, c.Import)
	o.release(c, o.load(c).Gen, engine.Release{Due: o.clock.Now().Add(time.Second)})
	c = o.claim()
	require.InDelta(t, 10, c.Waited.Seconds(), 5, "it waits for an answer: the change is not carried over")
	o.release(c, o.load(c).Gen, engine.Release{Due: o.clock.Now(), Failed: true, Code: "x"})
	c = o.claim()
	require.InDelta(t, 10, c.Waited.Seconds(), 5)
	o.release(c, o.load(c).Gen, engine.Release{})
	require.Equal(t, 1, value[int](o, `select count(*) from ews.meeting where uid = 'a' and wanted_at is null`))
}

func TestWhatAPersonShouldLookAtIsFound(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	o.read(room, entry("a", o.hour(9)), entry("b", o.hour(10)), entry("c", o.hour(11)), entry("d", o.hour(12)))
	require.Empty(t, o.findings())
	o.exec(`update ews.meeting set parked_code = 'booking_clash', parked_at = now() where uid = 'a'`)
	o.exec(`update ews.meeting set parked_code = 'ErrorAccessDenied', parked_at = now() where uid = 'b'`)
	o.exec(`update ews.meeting set attempts = 3, failing_since = now(), error_code = 'HTTP500' where uid = 'c'`)
	o.exec(`update ews.occurrence set asked_by = 'us', asked_at = now() - interval '2 minutes', copy_state = 'live', copy_checked_at = now(),
		copy_start = now() + interval '1 hour', copy_end = now() + interval '2 hours' where meeting_id = (select id from ews.meeting where uid = 'd')`)
	o.exec(`update ews.cell set invited = true, seen = 'pending' where occurrence_id in (select o.id from ews.occurrence o join ews.meeting m on m.id = o.meeting_id where uid = 'd')`)
	o.notify(engine.Notice{Subject: "booking 17", Code: engine.CodeDeclined, Room: room, Span: o.hour(13)},
		engine.Notice{Subject: "booking 18", Code: engine.CodeDeclined, Room: room, Span: meeting.SpanOf(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))})
	o.exec(`update ews.room set fail_count = 2, error_code = 'HTTP503', guard_since = now(), guard_gone = 7`)
	require.Equal(t, []store.FindingKind{"clash", "failing", "guard", "parked", "refusal", "room", "silent"}, o.kinds())

	byKind := map[store.FindingKind]store.Finding{}
	for _, f := range o.findings() {
		byKind[f.Kind] = f
	}
	clash := byKind[store.KindClash]
	require.Equal(t, engine.CodeClash, clash.Code)
	require.Equal(t, meeting.Address("lake@example.com"), clash.Room)
	require.True(t, clash.Span.Equal(o.hour(9)))
	require.EqualValues(t, 17, byKind[store.KindRefusal].Booking)
	require.Equal(t, "HTTP500", byKind[store.KindFailing].Code)

	ctx := t.Context()
	require.ErrorIs(t, o.db.Retry(ctx, o.config, byKind[store.KindRefusal].ID), store.ErrNoRetry)
	for _, kind := range []store.FindingKind{store.KindClash, store.KindParked, store.KindFailing, store.KindSilent, store.KindRoom, store.KindGuard} {
		require.NoError(t, o.db.Retry(ctx, o.config, byKind[kind].ID), kind)
	}
	require.Equal(t, []store.FindingKind{"guard", "refusal", "room", "silent"}, o.kinds(), "what does not succeed stays")
	require.Equal(t, 4, value[int](o, `select count(*) from ews.meeting where uid in ('a', 'b', 'c', 'd') and due_at <= now() and priority = 0`))
	require.Equal(t, 1, value[int](o, `select count(*) from ews.occurrence where asked_by = 'us' and copy_checked_at is null`))
	require.True(t, o.due(room).Guarded, "the next look is believed")
	for _, id := range []string{"", "meeting", "meeting-x", "meeting-0", "notice-" + clash.ID, "'; drop schema ews"} {
		require.ErrorIs(t, o.db.Retry(ctx, o.config, id), store.ErrNoFinding, id)
	}
	require.ErrorIs(t, o.db.Retry(ctx, o.configuration(), byKind[store.KindRoom].ID), store.ErrNoFinding, "of another configuration")
}

// A read that began before does not count.
// Of a series, the date is told that keeps it from coming to rest.
func TestAFindingTellsTheDateThatIsNotAsItShouldBe(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	room := o.room("lake@example.com", 10)
	var dates []meeting.Sighting
	for n := range 3 {
		s := entry("series", o.hour(24*n))
		s.Key, s.Item = meeting.KeyOf(s.Span.Start), meeting.ItemID(fmt.Sprint(n))
		dates = append(dates, s)
	}
	o.read(room, dates...)
	c := o.claim()
	require.NoError(t, o.term.Apply(t.Context(), c, nil, func(m *meeting.Meeting, at meeting.Moment) ([]engine.Notice, error) {
		for n, id := range map[int]meeting.BookingID{0: 7, 2: 9} {
			m.Occurrences[n].BookingWritten(id, dates[n].Span, []meeting.AssetID{10}, at.Tick)
		}
		return nil, nil
	}))
	o.release(c, o.load(c).Gen, engine.Release{Failed: true, Parked: engine.CodeClash, Due: o.clock.Now().Add(time.Hour)})
	found := o.findings()
	require.Len(t, found, 1)
	require.Equal(t, store.KindClash, found[0].Kind)
	equal(t, dates[1].Span, found[0].Span)
	require.Zero(t, found[0].Booking)
}

func TestAResyncSurvivesAReadUnderWay(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	underWay := o.window(room, entry("a", o.hour(9)))
	n, err := o.db.Resync(t.Context(), o.config, "")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	o.save(underWay)
	require.True(t, o.due(room).Read)
	require.True(t, o.report(store.Report{}))
	require.False(t, o.report(store.Report{}))
	n, err = o.db.Resync(t.Context(), o.config, "sea@example.com")
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestARoomIsShownWithBothSides(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	today := meeting.Span{Start: o.hour(0).Start, End: o.hour(24).Start}
	secret := entry("b", o.hour(12))
	secret.Private = true
	o.read(room, entry("a", o.hour(9)), secret, entry("c", o.hour(30)))
	o.exec(`update ews.occurrence set booking_id = 7, bk_live = true, bk_start = $1, bk_end = $2, bk_assets = '{10}'
		where meeting_id = (select id from ews.meeting where uid = 'a')`, o.hour(8).Start, o.hour(9).Start)
	o.booked(9, o.hour(15))
	views, err := o.db.RoomViews(t.Context(), o.config, "lake@example.com", today)
	require.NoError(t, err)
	require.Len(t, views, 1)
	require.True(t, views[0].Active)
	equal(t, []store.RoomAsset{{Project: "1", ID: 10}}, views[0].Assets)
	entries := views[0].Entries
	require.Len(t, entries, 3)
	require.EqualValues(t, 7, entries[0].Booking)
	require.True(t, entries[0].BookingSpan.Equal(o.hour(8)))
	require.True(t, entries[0].SeenSpan.Equal(o.hour(9)), "they differ, and both are shown")
	require.True(t, entries[1].Private)
	require.Zero(t, entries[1].Booking)
	require.EqualValues(t, 9, entries[2].Booking)
	require.Equal(t, meeting.None, entries[2].Seen)

	other := o.configuration()
	o.exec(`update ews.configuration set enable = true`)
	o.exec(`insert into ews.room (configuration_id, mailbox) values ($1, 'lake@example.com')`, other)
	o.exec(`insert into ews.asset (configuration_id, project_id, global_asset_id, provider_id, asset_id) values ($1, '1', 'lake', 'lake@example.com', 10)`, other)
	views, err = o.db.RoomViews(t.Context(), other, "", today)
	require.NoError(t, err)
	require.Len(t, views, 1)
	require.False(t, views[0].Active)
	require.Equal(t, o.config, views[0].OwnedBy)
}

// booked stores a booking of the room's asset, as the Booking app tells it.
func (o *office) booked(id meeting.BookingID, span meeting.Span) {
	o.t.Helper()
	result, err := o.term.ObserveBooking(o.t.Context(), engine.BookingObservation{
		Booking: engine.Booking{ID: id, Assets: []meeting.AssetID{10}, Span: span, Organizer: "anna@example.com"},
		Since:   o.tick(), UID: meeting.UID(fmt.Sprint("booked", id)), Ref: fmt.Sprint("ref", id),
	})
	require.NoError(o.t, err)
	require.Equal(o.t, engine.Changed, result)
}
