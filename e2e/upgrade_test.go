package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// commonTables are what all earlier releases have.
const commonTables = `
create schema ews;
create table ews.configuration (
	id bigserial primary key, client_id text not null, client_secret text not null, tenant_id text not null,
	ews_url text not null, username text not null, password text not null,
	service_user_upn text not null, room_list_upn text not null, booking_app_url text not null,
	refresh_interval integer not null default 60, request_timeout integer not null default 120,
	asset_filter json, active boolean default false, enable boolean default false, project_ids text[], user_id text);
create table ews.asset (
	id bigserial primary key,
	configuration_id bigint not null references ews.configuration (id) on delete cascade,
	project_id text not null, global_asset_id text not null, provider_id text not null, asset_id integer, sync_state text not null);
`

// mapping is a meeting with its bookings, as an earlier release knew it.
type mapping struct {
	uid, organizer string
	group          int32
	bookings       []int32
}

// release is how a generation of releases stored mappings.
type release struct {
	tables string
	store  func(m mapping) []string
	series bool
}

var releases = map[string]release{
	"0.1": {
		tables: `create table ews.booking (id bigserial primary key, exchange_id text unique, exchange_uid text, exchange_mailbox text, booking_id integer)`,
		store: func(m mapping) []string {
			return []string{fmt.Sprintf(`insert into ews.booking (exchange_id, exchange_uid, exchange_mailbox, booking_id)
				values ('a%[3]d', '%[1]s', '%[2]s', %[3]d), ('b%[3]d', '%[1]s', '%[2]s', %[3]d)`, m.uid, m.organizer, m.bookings[0])}
		},
	},
	"0.2": {
		tables: `create table ews.unified_booking (
				id bigserial primary key, exchange_uid text unique, exchange_organizer_mailbox text, booking_id integer unique);
			create table ews.room_booking (
				id bigserial primary key, unified_booking_id bigint not null references ews.unified_booking (id) on delete cascade, exchange_id text unique)`,
		store: func(m mapping) []string {
			return []string{fmt.Sprintf(`insert into ews.unified_booking (exchange_uid, exchange_organizer_mailbox, booking_id)
				values ('%s', '%s', %d)`, m.uid, m.organizer, m.bookings[0])}
		},
	},
	"0.4": {
		series: true,
		tables: `create table ews.booking_group (
				id bigserial primary key, exchange_uid text unique, exchange_organizer_mailbox text, eliona_group_id integer unique);
			create table ews.booking_occurrence (
				id bigserial primary key, booking_group_id bigint not null references ews.booking_group (id) on delete cascade,
				exchange_instance_index integer not null, eliona_booking_id integer unique, unique (booking_group_id, exchange_instance_index));
			create table ews.room_booking (
				id bigserial primary key, booking_occurrence_id bigint not null references ews.booking_occurrence (id) on delete cascade, exchange_id text unique);
			create table ews.unified_booking (
				id bigserial primary key, exchange_uid text unique, exchange_organizer_mailbox text, booking_id integer unique)`,
		store: func(m mapping) []string {
			// The numbers of rows were copied without their sequences.
			out := []string{fmt.Sprintf(`insert into ews.booking_group values (%[1]d, '%[2]s', '%[3]s', %[1]d)`, m.group, m.uid, m.organizer)}
			for i, id := range m.bookings {
				index := i + 1
				if len(m.bookings) == 1 {
					index = 0
				}
				out = append(out, fmt.Sprintf(`insert into ews.booking_occurrence values (%[1]d, %[2]d, %[3]d, %[1]d)`, id, m.group, index))
			}
			return out
		},
	},
}

// predecessor is a world that an earlier release has left, with its database.
type predecessor struct {
	*world
	release release
}

func newPredecessor(t *testing.T, r release) *predecessor {
	t.Helper()
	s := newStage(t, stage.Options{Verbose: true})
	p := &predecessor{worldOf(t, s), r}
	for _, kind := range []string{"ews_root", "ews_room"} {
		require.NoError(t, s.Eliona(t.Context(), http.MethodPut, "/asset-types", map[string]any{"name": kind}, nil))
	}
	p.exec(commonTables, r.tables, fmt.Sprintf(
		`insert into ews.configuration (client_id, client_secret, tenant_id, ews_url, username, password, service_user_upn,
			room_list_upn, booking_app_url, refresh_interval, enable, active, project_ids, user_id)
		 values ('', '', '', '%s', 'EXAMPLE\eliona', 'secret', 'eliona@example.com', 'first.floor@example.com', '%s', 1, true, true, '{10}', '42')`,
		s.Addresses["EXCHANGE_HTTPS"], s.Addresses["BOOKING"]))
	for _, room := range []string{room1, room2} {
		var made stage.Asset
		require.NoError(t, s.Eliona(t.Context(), http.MethodPut, "/assets", map[string]any{
			"projectId": "10", "globalAssetIdentifier": "ews_room_" + room, "assetType": "ews_room", "name": "Renamed " + room,
		}, &made))
		p.exec(fmt.Sprintf(`insert into ews.asset (configuration_id, project_id, global_asset_id, provider_id, asset_id, sync_state)
			values (1, '10', 'ews_room_%[1]s', '%[1]s', null, ''), (1, '10', 'ews_room_%[1]s', '%[1]s', %[2]d, 'H4sI')`, room, made.ID))
	}
	require.NoError(t, s.Eliona(t.Context(), http.MethodPatch, "/apps/ews?registered=true", nil, nil))
	return p
}

func (p *predecessor) exec(statements ...string) {
	p.t.Helper()
	conn := connect(p.t, p.URL())
	for _, statement := range statements {
		_, err := conn.Exec(p.t.Context(), statement)
		require.NoError(p.t, err, statement)
	}
}

// both makes a meeting and its booking, as the earlier release kept them.
func (p *predecessor) both(start time.Time, recurrence map[string]any, rooms ...string) mapping {
	p.t.Helper()
	what := stage.Action{Person: bob, Action: "book", Rooms: rooms, Recurrence: recurrence}.At(start, time.Hour)
	what.Where = "eliona"
	booked := p.act(what)
	what.Where, what.Subject = "outlook", "Kept"
	met := p.act(what)
	for _, room := range rooms {
		p.until("the room accepts", func() bool {
			return slices.ContainsFunc(p.meetings(room), func(e stage.Entry) bool { return e.UID == met.UID })
		})
	}
	m := mapping{uid: strings.ToLower(met.UID), organizer: bob, group: booked.GroupID, bookings: booked.BookingIDs}
	p.exec(p.release.store(m)...)
	m.uid = met.UID
	return m
}

func (p *predecessor) waiting() string {
	return one(p.t, p.Stage, `select count(*)::text from ews.legacy_booking where linked_at is null`)
}

func (p *predecessor) untouched(ids ...int32) {
	p.t.Helper()
	for _, id := range ids {
		require.Len(p.t, p.booking(id).History, 1, "booking %d", id)
	}
}

// TestUpgrade is P03: the databases of all earlier releases.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for name, r := range releases {
		t.Run(name, func(t *testing.T) { p := newPredecessor(t, r); p.play() })
	}
}

func (p *predecessor) play() {
	t := p.t
	single := p.both(p.at(8), nil, room1)
	wide := p.both(p.at(10), nil, room1, room2)
	gone := p.both(p.at(12), nil, room2)
	moved := p.both(p.at(14), nil, room2)
	kept := append(slices.Concat(single.bookings, wide.bookings), moved.bookings...)
	var series mapping
	if p.release.series {
		series = p.both(p.at(16), map[string]any{"pattern": "weekly", "count": 4}, room1)
		require.Len(t, series.bookings, 4)
		kept = append(kept, series.bookings...)
	}
	assets, all := p.rooms("10"), len(p.bookings())

	// While no release runs, one meeting is cancelled and one moved.
	p.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: gone.uid})
	p.act(stage.Action{Person: bob, Where: "outlook", Action: "move", UID: moved.uid}.At(p.at(15), time.Hour))
	p.until("the rooms know", func() bool {
		m := p.meetings(room2)
		return len(m) == 2 && slices.ContainsFunc(m, func(e stage.Entry) bool { return e.Start.Equal(p.at(15)) })
	})
	meetings := len(p.meetings(bob))
	require.NoError(t, p.StartApp(t.Context()))

	p.until("what was cancelled meanwhile is cancelled", func() bool { return p.booking(gone.bookings[0]).Cancelled })
	require.Equal(t, "cancelled", p.booking(gone.bookings[0]).Reason)
	p.until("what was moved meanwhile is moved", func() bool { return p.booking(moved.bookings[0]).Start.Equal(p.at(15)) })
	p.until("every booking is linked", func() bool { return p.waiting() == "0" })
	p.settles(3*time.Second, "nothing is made or cancelled", func() bool {
		return len(p.bookings()) == all && len(p.live()) == all-1 && len(p.meetings(bob)) == meetings
	})
	p.untouched(slices.Concat(single.bookings, wide.bookings, series.bookings)...)
	require.Equal(t, strconv.Itoa(len(kept)), one(t, p.Stage, `select count(*)::text from ews.occurrence where bk_live and base_live and base_start = bk_start`))
	for _, before := range assets {
		require.Contains(t, p.names("10"), fmt.Sprint(before.ID, " ", before.Name))
	}

	p.act(stage.Action{Person: bob, Where: "outlook", Action: "move", UID: single.uid}.At(p.at(9), time.Hour))
	p.until("a move in Outlook moves the booking", func() bool { return p.booking(single.bookings[0]).Start.Equal(p.at(9)) })
	p.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: wide.bookings[0]})
	p.until("a cancellation in Eliona cancels the meeting", func() bool {
		for _, mailbox := range []string{bob, room1, room2} {
			if slices.ContainsFunc(p.meetings(mailbox), func(e stage.Entry) bool { return e.UID == wide.uid }) {
				return false
			}
		}
		return true
	})
	if p.release.series {
		p.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: series.bookings[1]})
		p.until("one date of the series is cancelled, the others stay", func() bool {
			var dates []time.Time
			for _, e := range p.meetings(room1) {
				if e.UID == series.uid {
					dates = append(dates, e.Start.UTC())
				}
			}
			slices.SortFunc(dates, time.Time.Compare)
			at := func(week int) time.Time { return p.at(16).AddDate(0, 0, 7*week) }
			return slices.Equal(dates, []time.Time{at(0), at(2), at(3)})
		})
		third := p.at(16).AddDate(0, 0, 14)
		p.act(stage.Action{Person: bob, Where: "outlook", Action: "move", UID: series.uid, Occurrence: &third}.At(third.Add(time.Hour), time.Hour))
		p.until("a move of one date moves its booking", func() bool {
			return p.booking(series.bookings[2]).Start.Equal(third.Add(time.Hour))
		})
	}

	p.act(stage.Action{Person: alice, Where: "outlook", Action: "book", Subject: "New", Rooms: []string{room1}}.At(p.at(11), time.Hour))
	p.until("a new meeting is a booking", func() bool { return p.slots(room1)[p.at(11)] == 1 })
	p.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room2}}.At(p.at(11), time.Hour))
	p.until("a new booking is a meeting", func() bool { return p.slotsOf(p.meetings(room2))[p.at(11)] == 1 })
	p.settles(3*time.Second, "two bookings more, not one twice", func() bool { return len(p.bookings()) == all+2 })
	requireQuiet(t, p.Stage)
}

func (p *predecessor) names(project string) []string {
	var out []string
	for _, a := range p.rooms(project) {
		out = append(out, fmt.Sprint(a.ID, " ", a.Name))
	}
	return out
}

// TestUpgradeWithAnotherExchange: if Exchange shows none of the meetings, it is
// more likely another Exchange than that all were cancelled.
func TestUpgradeWithAnotherExchange(t *testing.T) {
	t.Parallel()
	p := newPredecessor(t, releases["0.2"])
	for n := range 7 {
		made := p.act(stage.Action{Person: bob, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(p.at(6+n), time.Hour))
		p.exec(p.release.store(mapping{uid: fmt.Sprint("foreign-", n, "@google.com"), organizer: bob, bookings: made.BookingIDs})...)
	}
	require.NoError(t, p.StartApp(t.Context()))
	p.until("a warning is logged", func() bool {
		return len(logged(t, p.Stage, "many meetings of the earlier release are not in Exchange")) == 1
	})
	p.always(4*time.Second, "nothing is done to the bookings", func() bool { return len(p.live()) == 7 && len(p.meetings(bob)) == 0 })
	require.Equal(t, "7", p.waiting())
	made := p.act(stage.Action{Person: alice, Where: "outlook", Action: "book", Subject: "New", Rooms: []string{room1}}.At(p.at(15), time.Hour))
	require.NotEmpty(t, made.UID)
	p.until("all else works", func() bool { return p.slots(room1)[p.at(15)] == 1 })
	requireQuiet(t, p.Stage)
}

// TestUpgradeSurvivesCrashes kills the app again and again while it links.
func TestUpgradeSurvivesCrashes(t *testing.T) {
	t.Parallel()
	p := newPredecessor(t, releases["0.4"])
	var all []mapping
	for n := range 6 {
		all = append(all, p.both(p.at(6+2*n), nil, room1))
	}
	meetings := len(p.meetings(bob))
	for n := range 8 {
		require.NoError(t, p.SpawnApp())
		wait := afterDelay(300 + 350*n)
		p.until("some time has passed", func() bool { yes, _ := wait(); return yes })
		require.NoError(t, p.KillApp())
	}
	require.NoError(t, p.StartApp(t.Context()))
	p.until("every booking is linked", func() bool { return p.waiting() == "0" })
	p.settles(3*time.Second, "nothing is made or cancelled", func() bool {
		return len(p.bookings()) == len(all) && len(p.live()) == len(all) && len(p.meetings(bob)) == meetings
	})
	for _, m := range all {
		p.untouched(m.bookings...)
	}
}
