package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
	"ews/db/store"
)

func TestAgendas(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	agendas := func(at time.Time) map[meeting.Address]store.Agenda {
		list, err := o.term.Agendas(t.Context(), at)
		require.NoError(t, err)
		found := map[meeting.Address]store.Agenda{}
		for _, a := range list {
			found[a.Room] = a
		}
		return found
	}
	lake, hill := o.room("lake@example.com", 10), o.room("hill@example.com", 11)
	o.room("unread@example.com", 12)
	o.exec(`update ews.asset set described_at = now()`)
	pending := entry("p", o.hour(1))
	pending.Presence = meeting.Pending
	o.read(lake, entry("a", o.hour(0)), pending, entry("b", o.hour(2)), entry("c", o.hour(4)))
	o.read(hill)

	at := func(minutes int) time.Time { return o.hour(0).Start.Add(time.Duration(minutes) * time.Minute) }
	now := agendas(at(-10))
	require.Equal(t, store.Agenda{Room: "hill@example.com", Assets: []meeting.AssetID{11}}, now["hill@example.com"])
	require.Len(t, now, 2, "a calendar that was not read is not known to be empty")
	require.Equal(t, []meeting.AssetID{10}, now["lake@example.com"].Assets)
	for _, c := range []struct {
		at            int
		current, next meeting.Span
		what          string
	}{
		{-10, meeting.Span{}, o.hour(0), "before the first"},
		{0, o.hour(0), o.hour(2), "at its start"},
		{59, o.hour(0), o.hour(2), "just before its end; what the room has not decided does not count"},
		{60, meeting.Span{}, o.hour(2), "at its end"},
		{250, o.hour(4), meeting.Span{}, "during the last"},
		{300, meeting.Span{}, meeting.Span{}, "after the last"},
	} {
		a := agendas(at(c.at))["lake@example.com"]
		require.Equal(t, []time.Time{c.current.Start, c.current.End, c.next.Start, c.next.End},
			[]time.Time{a.Current.Start.UTC(), a.Current.End.UTC(), a.Next.Start.UTC(), a.Next.End.UTC()}, c.what)
	}

	o.exec(`update ews.asset set described_at = null where asset_id = 10`)
	require.Len(t, agendas(at(0)), 1, "nobody can book it yet")
}

func TestAssetsOfRooms(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.room("hill@example.com", 11)
	o.exec(`update ews.asset set described_at = now()`)
	o.room("later@example.com", 12)
	rooms, err := o.term.RoomAssets(t.Context())
	require.NoError(t, err)
	require.Equal(t, []store.RoomAssets{
		{Room: "hill@example.com", Assets: []meeting.AssetID{11}}, {Room: "lake@example.com", Assets: []meeting.AssetID{10}},
	}, rooms)
}

func TestRoomsOfAProject(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.room("hill@example.com", 11)
	o.room("gone@example.com", 12)
	o.room("new@example.com", 13)
	o.exec(`update ews.asset set described_at = now() where asset_id <> 13`)
	o.exec(`update ews.room set retired_at = now() where mailbox = 'gone@example.com'`)
	o.exec(`update ews.room set name = '' where mailbox = 'lake@example.com'`)
	o.exec(`update ews.room set name = 'On the hill' where mailbox = 'hill@example.com'`)
	rooms, err := o.db.ProjectRooms(t.Context(), "1")
	require.NoError(t, err)
	require.ElementsMatch(t, []store.ProjectRoom{{Asset: 10, Name: "lake@example.com"}, {Asset: 11, Name: "On the hill"}}, rooms)
	rooms, err = o.db.ProjectRooms(t.Context(), "2")
	require.NoError(t, err)
	require.Empty(t, rooms)
}
