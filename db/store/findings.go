package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ews/app/engine"
	"ews/app/meeting"
)

// What an operator's request meets.
var (
	// ErrNoFinding means that there is no such finding, or no longer.
	ErrNoFinding = errors.New("there is no such finding")
	// ErrNoRetry means that trying again would change nothing.
	ErrNoRetry = errors.New("trying again changes nothing")
)

// Finding is something that a person should look at.
type Finding struct {
	ID       string
	Kind     FindingKind
	Code     string
	Room     meeting.Address // empty: none in particular
	RoomName string
	Booking  meeting.BookingID // 0: none
	Span     meeting.Span      // may be zero
	Since    time.Time         // may be zero
}

// FindingKind tells what a finding is about. Kinds are stable: they are part of
// the API.
type FindingKind string

// The kinds of findings.
const (
	KindParked  FindingKind = "parked"  // a meeting that one side refused
	KindFailing FindingKind = "failing" // a meeting that failed several times
	KindClash   FindingKind = "clash"   // a meeting that the Booking app does not take
	KindRefusal FindingKind = "refusal" // a booking that Exchange did not take
	KindSilent  FindingKind = "silent"  // a room that does not answer
	KindRoom    FindingKind = "room"    // a room that cannot be read
	KindGuard   FindingKind = "guard"   // a room from which suspiciously much vanished
)

// CodeVanished is the code of findings of KindGuard.
const CodeVanished = "entries_vanished"

// findingLimit is how many findings are told at once.
const findingLimit = 1000

// troubled tells of a row of ews.meeting whether a person should look at it.
const troubled = `m.wanted_at is not null and (m.parked_code <> '' or m.attempts >= 3)`

// findings selects all there is, of all configurations. A meeting is shown with
// its next date, or its last, of those on which the sides differ.
const findings = `
	select 'meeting-' || m.id as id,
	       case when m.parked_code = '` + engine.CodeClash + `' then '` + string(KindClash) + `'
	            when m.parked_code <> '' then '` + string(KindParked) + `' else '` + string(KindFailing) + `' end as kind,
	       case when m.parked_code <> '' then m.parked_code else m.error_code end as code, m.configuration_id,
	       o.mailbox, o.name, o.booking_id, o.starts_at, o.ends_at, coalesce(m.failing_since, m.parked_at) as since
	from ews.meeting m
	left join lateral (
	  select o.booking_id, r.mailbox, r.name, coalesce(c.seen_start, o.bk_start, o.copy_start, o.base_start) as starts_at,
	         coalesce(c.seen_end, o.bk_end, o.copy_end, o.base_end) as ends_at
	  from ews.occurrence o left join ews.cell c on c.occurrence_id = o.id and (c.seen <> 'none' or c.invited)
	  left join ews.room r on r.configuration_id = o.configuration_id and (r.id = c.room_id or c.room_id is null and r.mailbox = (
	    select a.provider_id from ews.asset a
	    where a.configuration_id = o.configuration_id and a.asset_id = any(o.bk_assets) and a.provider_id <> ''
	    order by a.id limit 1))
	  where o.meeting_id = m.id
	  order by coalesce(o.bk_live and c.seen <> 'none' and (o.bk_start, o.bk_end) = (c.seen_start, c.seen_end), false),
	           coalesce(c.seen_end, o.bk_end, o.copy_end, o.base_end) > now() desc nulls last,
	           abs(extract(epoch from coalesce(c.seen_end, o.bk_end, o.copy_end, o.base_end) - now())), r.mailbox limit 1) o on true
	where ` + troubled + `
	union all` + otherFindings

// otherFindings are those that are not about a meeting as a whole.
const otherFindings = `
	select 'notice-' || n.id as id, '` + string(KindRefusal) + `' as kind, n.code, n.configuration_id, '' as mailbox, n.room as name,
	       substring(n.subject from '^booking (\d{1,9})$')::int as booking_id, n.starts_at, n.ends_at, n.opened_at as since
	from ews.notice n
	where n.code in ('` + engine.CodeDeclined + `', '` + engine.CodeFailed + `', '` + engine.CodeNotChanged + `') and n.ends_at > now()
	union all
	select 'answer-' || o.id || '-' || r.id, '` + string(KindSilent) + `', '` + engine.CodeNoAnswer + `', o.configuration_id, r.mailbox, r.name,
	       o.booking_id, o.copy_start, o.copy_end, o.asked_at
	from ews.occurrence o join ews.configuration c on c.id = o.configuration_id
	join ews.cell l on l.occurrence_id = o.id join ews.room r on r.id = l.room_id
	where o.asked_at is not null and o.asked_at < now() - make_interval(secs => c.answer_timeout) and o.copy_end > now()
	  and l.invited and l.answer = 'none' and l.seen <> 'booked' and exists (select from ews.active_room x where x.id = r.id)
	union all
	select 'room-' || r.id, '` + string(KindRoom) + `', r.error_code, r.configuration_id, r.mailbox, r.name, null, null, null,
	       case when r.delta_gen > r.read_gen then r.read_at else r.polled_at end
	from ews.room r where r.fail_count > 0 and exists (select from ews.active_room x where x.id = r.id)
	union all
	select 'guard-' || r.id, '` + string(KindGuard) + `', '` + CodeVanished + `', r.configuration_id, r.mailbox, r.name, null, null, null, r.guard_since
	from ews.room r where r.guard_since is not null and exists (select from ews.active_room x where x.id = r.id)`

// Findings returns what a person should look at, the latest first.
func (db *DB) Findings(ctx context.Context, config meeting.ConfigID) (list []Finding, err error) {
	err = db.view(ctx, "findings", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx,
			`select id, kind, code, coalesce(mailbox, ''), coalesce(name, ''), coalesce(booking_id, 0), starts_at, ends_at, since
			 from (`+findings+`) f where configuration_id = $1 order by since desc nulls last, id limit $2`, config, findingLimit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f Finding, err error) {
			var start, end, since *time.Time
			err = row.Scan(&f.ID, &f.Kind, &f.Code, &f.Room, &f.RoomName, &f.Booking, &start, &end, &since)
			f.Span, f.Since = meeting.Span{Start: orZero(start), End: orZero(end)}, orZero(since)
			return f, err
		})
		return err
	})
	return list, err
}

// Retry makes what a finding is about due now. It fails with ErrNoFinding and
// ErrNoRetry.
func (db *DB) Retry(ctx context.Context, config meeting.ConfigID, finding string) error {
	subject, number, _ := strings.Cut(finding, "-")
	number, _, _ = strings.Cut(number, "-")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return ErrNoFinding
	}
	return inTx(ctx, db.pool, nothing, func(tx *transaction) error {
		var exists bool
		err := tx.QueryRow(ctx,
			`select exists (select from (`+findings+`) f where configuration_id = $1 and id = $2)`, config, finding).Scan(&exists)
		switch {
		case err != nil:
			return fmt.Errorf("looking for finding %s: %w", finding, err)
		case !exists:
			return ErrNoFinding
		}
		switch subject {
		case "meeting":
			return retryMeeting(ctx, tx, meeting.ID(id))
		case "answer":
			return askAgain(ctx, tx, meeting.OccurrenceID(id))
		case "room", "guard": // a guarded room is believed when it is read again
			_, err := tx.Exec(ctx, `update ews.room set poll_at = now() where id = $1`, id)
			return err
		}
		return ErrNoRetry
	})
}

func retryMeeting(ctx context.Context, tx *transaction, id meeting.ID) error {
	if _, err := tx.Exec(ctx, `select from ews.meeting where id = $1 for update`, id); err != nil {
		return fmt.Errorf("locking a meeting: %w", err)
	}
	makeDue(tx.last, []meeting.ID{id}, priorityHuman, 0)
	return nil
}

// askAgain has the organizer's copy read at once, which the planner else does
// rarely for a room that stays silent.
func askAgain(ctx context.Context, tx *transaction, id meeting.OccurrenceID) error {
	var of meeting.ID
	err := tx.QueryRow(ctx,
		`select id from ews.meeting where id = (select meeting_id from ews.occurrence where id = $1) for update`, id).Scan(&of)
	if err != nil {
		return fmt.Errorf("locking a meeting: %w", err)
	}
	tx.last.Queue(`update ews.occurrence set copy_checked_at = null where id = $1`, id)
	makeDue(tx.last, []meeting.ID{of}, priorityHuman, 0)
	return nil
}

// Resync has the calendars of a configuration's rooms read anew, or that of one
// room, and reports how many rooms that are. A read that is under way does not
// count. Without an address all bookings are compared, too.
//
// A room that is guarded is read as if it were not: much that vanished is
// looked at twice again.
func (db *DB) Resync(ctx context.Context, config meeting.ConfigID, address meeting.Address) (int64, error) {
	var rooms int64
	err := inTx(ctx, db.pool, nothing, func(tx *transaction) error {
		tag, err := tx.Exec(ctx,
			`update ews.room set delta_gen = delta_gen + 1, poll_at = now(), guard_since = null, guard_gone = 0
			 where configuration_id = $1 and $2 in ('', mailbox)`, config, address)
		if err != nil {
			return fmt.Errorf("having rooms read: %w", err)
		}
		rooms = tag.RowsAffected()
		if address != "" {
			return nil
		}
		if _, err = tx.Exec(ctx, `update ews.leader set compare = true where configuration_id = $1`, config); err != nil {
			return fmt.Errorf("having bookings compared: %w", err)
		}
		return nil
	})
	return rooms, err
}
