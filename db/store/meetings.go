package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ews/app/engine"
	"ews/app/meeting"
)

// claimTime is how long a claim lasts without being given back. It is longer
// than any operation may take.
const claimTime = 5 * time.Minute

// owned is true for who owns the configuration, and keeps the next owner waiting
// until the statement is carried out. It stands for the check of a transaction
// where one statement is all.
const owned = `with owner as materialized (
	select true from ews.configuration where id = $1 and owner_epoch = $2 for key share) `

// Claim implements engine.Store.
func (t *Term) Claim(ctx context.Context, limit int, again []engine.Claim) ([]engine.Claim, error) {
	return t.claim(ctx, limit, again, priorityArchive)
}

// ClaimUrgent implements engine.Store.
func (t *Term) ClaimUrgent(ctx context.Context, limit int, again []engine.Claim) ([]engine.Claim, error) {
	return t.claim(ctx, limit, again, priorityChange)
}

func (t *Term) claim(ctx context.Context, limit int, again []engine.Claim, lowest int) ([]engine.Claim, error) {
	tokens := make([]string, 0, len(again))
	for _, c := range again {
		tokens = append(tokens, c.Token)
	}
	var claims []engine.Claim
	err := repeated(func() error {
		rows, err := t.db.pool.Query(ctx,
			owned+`, claimed as (
			   update ews.meeting m
			   set claim_token = gen_random_uuid(), claimed_until = now() + $4::interval
			   from (select id from ews.meeting
			         where configuration_id = $1 and due_at <= now() and priority <= $6
			           and (claimed_until is null or claimed_until < now() or claim_token = any($7::text[]::uuid[]))
			           and exists (select from owner)
			         order by priority, due_at limit $3 for update skip locked) due
			   where m.id = due.id
			   returning m.*)
			 select coalesce(id, 0), coalesce(claim_token::text, ''), coalesce(attempts, 0), failing_since,
			        coalesce(extract(epoch from now() - wanted_at), 0)::float8, coalesce(priority = $5, false)
			 from owner left join claimed on true order by priority, due_at`,
			t.config, t.epoch, limit, claimTime, priorityArchive, lowest, tokens)
		if err != nil {
			return err
		}
		claims, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c engine.Claim, err error) {
			var failing *time.Time
			var waited float64
			err = row.Scan(&c.Meeting, &c.Token, &c.Attempts, &failing, &waited, &c.Import)
			c.Failing, c.Waited = orZero(failing), time.Duration(waited*float64(time.Second))
			return c, err
		})
		if err == nil && len(claims) == 0 {
			return engine.ErrFenced
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming meetings: %w", err)
	}
	return slices.DeleteFunc(claims, func(c engine.Claim) bool { return c.Meeting == 0 }), nil
}

// isClaimed is the condition for a meeting that is still ours to work on.
const isClaimed = `configuration_id = $2 and claim_token = $3 and claimed_until > now()`

// queueClaimed checks that, and locks the meeting.
func (t *Term) queueClaimed(batch *pgx.Batch, c engine.Claim) {
	batch.Queue(`select 1 from ews.meeting where id = $1 and `+isClaimed+` for update`, c.Meeting, t.config, c.Token).
		QueryRow(found(engine.ErrClaimLost))
}

// Load implements engine.Store. It locks nothing: who stores a result looks
// again.
func (t *Term) Load(ctx context.Context, c engine.Claim) (engine.Loaded, error) {
	var out engine.Loaded
	err := t.db.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		tx := &transaction{conn, &pgx.Batch{}}
		err := t.load(ctx, tx, c, &out, false)
		if err != nil {
			tx.rollBack(ctx)
		}
		return err
	})
	if err != nil {
		return engine.Loaded{}, fmt.Errorf("loading a meeting: %w", err)
	}
	return out, nil
}

// load reads all of it as it is at one moment, in one round trip unless there
// are bookings of an earlier app: then once more, together with what is known of
// those.
func (t *Term) load(ctx context.Context, tx *transaction, c engine.Claim, out *engine.Loaded, inherited bool) error {
	batch, l := &pgx.Batch{}, newReading()
	batch.Queue(beginSnapshot)
	t.queueOwner(batch, "")
	l.queue(batch, c.Meeting, isClaimed, "", t.config, c.Token)
	t.queueOpenOperation(batch, c.Meeting, out)
	if !inherited {
		batch.Queue("commit")
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if len(l.records) == 0 {
		return engine.ErrClaimLost
	}
	r := l.done()[0]
	out.Meeting, out.Gen = r.Meeting, r.wantGen
	switch {
	case !inherited && len(r.Legacy) > 0:
		return t.load(ctx, tx, c, out, true)
	case !inherited:
		return nil
	}
	var err error
	if out.Takeover, err = t.takeover(ctx, tx); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "commit")
	return err
}

// openOperation returns the operation in flight; a meeting has at most one.
// How long ago it was begun is told by the database's clock, since another
// process may have begun it.
func (t *Term) queueOpenOperation(batch *pgx.Batch, id meeting.ID, out *engine.Loaded) {
	batch.Queue(
		`select id, coalesce(occurrence_id, 0), side, kind, mailbox, assets, starts_at, ends_at, attempt,
		        extract(epoch from now() - started_at)::float8, floor, reason, coalesce(bookings, '[]')
		 from ews.operation where meeting_id = $1 and status = 'sending'`, id).QueryRow(func(row pgx.Row) error {
		var op engine.Operation
		var side string
		var assets []int32
		var start, end *time.Time
		var age float64
		var wanted []wantedBooking
		err := row.Scan(&op.ID, &op.Intent.Occurrence, &side, &op.Intent.Kind, &op.Intent.Mailbox, &assets,
			&start, &end, &op.Attempt, &age, &op.Floor, &op.Intent.Reason, &wanted)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the operation in flight: %w", err)
		}
		op.StartedAt = t.db.now().Add(-time.Duration(age * float64(time.Second)))
		op.Intent.Side = meeting.Exchange
		if side == sideBooking {
			op.Intent.Side = meeting.Eliona
		}
		op.Intent.Assets = assetIDs(assets)
		op.Intent.Span = meeting.Span{Start: orZero(start), End: orZero(end)}
		for _, w := range wanted {
			op.Intent.New = append(op.Intent.New, engine.NewBooking{
				Occurrence: w.Occurrence, Span: meeting.Span{Start: w.Start, End: w.End}, Assets: w.Assets,
			})
		}
		out.Open = &op
		return nil
	})
}

// wantedBooking is a booking to be made, as it is kept with its operation.
type wantedBooking struct {
	Occurrence meeting.OccurrenceID `json:"occurrence"`
	Start      time.Time            `json:"start"`
	End        time.Time            `json:"end"`
	Assets     []meeting.AssetID    `json:"assets"`
}

func wanted(items []engine.NewBooking) (out []wantedBooking) {
	for _, i := range items {
		out = append(out, wantedBooking{i.Occurrence, i.Span.Start, i.Span.End, i.Assets})
	}
	return out
}

// Begin implements engine.Store. A meeting has at most one operation in
// flight, which the schema enforces: one whose end is unknown has to be
// resolved before the next begins.
func (t *Term) Begin(ctx context.Context, c engine.Claim, i engine.Intent) (engine.Operation, error) {
	op := engine.Operation{Intent: i, Attempt: 1}
	err := repeated(func() error {
		var mine, claimed bool
		err := t.db.pool.QueryRow(ctx,
			owned+`, claim as materialized (
			   select true from ews.meeting
			   where id = $3 and configuration_id = $1 and claim_token = $4 and claimed_until > now() and exists (select from owner)
			   for update), operation as (
			   insert into ews.operation (meeting_id, occurrence_id, side, kind, mailbox, assets, starts_at, ends_at, reason, bookings, floor)
			   select $3, nullif($5::bigint, 0), $6, $7, $8, $9, $10, $11, $12, $13,
			          (select coalesce(max(booking_id), 0) from ews.occurrence where configuration_id = $1)
			   where exists (select from claim)
			   returning id, floor)
			 select exists (select from owner), exists (select from claim),
			        coalesce((select id from operation), 0), coalesce((select floor from operation), 0)`,
			t.config, t.epoch, c.Meeting, c.Token, int64(i.Occurrence), side(i.Side), i.Kind, i.Mailbox, assetInts(i.Assets),
			orNull(i.Span.Start), orNull(i.Span.End), i.Reason, wanted(i.New)).Scan(&mine, &claimed, &op.ID, &op.Floor)
		return denied(err, mine, claimed)
	})
	if err != nil {
		return op, fmt.Errorf("recording an operation: %w", err)
	}
	op.StartedAt = t.db.now()
	return op, nil
}

// denied tells who no longer owns the configuration, or no longer has the claim.
func denied(err error, mine, claimed bool) error {
	switch {
	case err != nil:
		return err
	case !mine:
		return engine.ErrFenced
	case !claimed:
		return engine.ErrClaimLost
	}
	return nil
}

// Unknown implements engine.Store.
func (t *Term) Unknown(ctx context.Context, ids []meeting.BookingID) ([]meeting.BookingID, error) {
	rows, err := t.db.pool.Query(ctx,
		`select b.id from unnest($2::int[]) as b (id)
		 where not exists (select from ews.occurrence where configuration_id = $1 and booking_id = b.id)
		   and not exists (select from ews.booking_tombstone where configuration_id = $1 and booking_id = b.id)
		   and not exists (select from ews.legacy_booking where booking_id = b.id)
		 order by b.id`, t.config, ids)
	if err != nil {
		return nil, fmt.Errorf("looking for unknown bookings: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[meeting.BookingID])
}

const sideBooking = "booking"

func side(s meeting.Origin) string {
	if s == meeting.Eliona {
		return sideBooking
	}
	return "exchange"
}

// Apply implements engine.Store.
func (t *Term) Apply(ctx context.Context, c engine.Claim, op *engine.Operation,
	f func(*meeting.Meeting, meeting.Moment) ([]engine.Notice, error),
) error {
	_, err := t.Conclude(ctx, c, op, func(now engine.Loaded, at meeting.Moment) (engine.Outcome, error) {
		notices, err := f(now.Meeting, at)
		return engine.Outcome{Notices: notices}, err
	})
	return err
}

// Conclude implements engine.Store.
func (t *Term) Conclude(ctx context.Context, c engine.Claim, op *engine.Operation,
	f func(engine.Loaded, meeting.Moment) (engine.Outcome, error),
) (engine.Loaded, error) {
	var l *reading
	var at meeting.Tick
	var out engine.Loaded
	var changed *record
	err := t.txAfter(ctx, "storing a result", func(batch *pgx.Batch) {
		l, out = newReading(), engine.Loaded{}
		l.queue(batch, c.Meeting, isClaimed, "for update", t.config, c.Token)
		t.queueOpenOperation(batch, c.Meeting, &out)
		batch.Queue(`select nextval('ews.tick')`).QueryRow(func(row pgx.Row) error { return row.Scan(&at) })
	}, func(tx *transaction) error {
		if len(l.records) == 0 {
			return engine.ErrClaimLost
		}
		r := l.done()[0]
		changed = r
		out.Meeting, out.Gen = r.Meeting, r.wantGen
		if op != nil && out.Open != nil && out.Open.ID == op.ID {
			out.Open = nil
		}
		end, err := f(out, meeting.Moment{Now: t.db.now().UTC(), Tick: at})
		if err != nil {
			return err
		}
		if err := t.save(ctx, tx, at, r); err != nil {
			return err
		}
		if op != nil {
			finish(tx.last, *op, "done", "")
		}
		t.openNotices(tx.last, end.Notices)
		if end.Release != nil {
			tx.last.Queue(release+`exists (select from ews.configuration where id = $1 and owner_epoch = $2)`, t.releaseArgs(c, out.Gen, *end.Release)...)
		}
		return nil
	})
	if err != nil {
		return engine.Loaded{}, err
	}
	return out, t.wakeRefused(ctx, changed)
}

func finish(batch *pgx.Batch, op engine.Operation, status, code string) {
	batch.Queue(
		`update ews.operation set status = $2, result_code = $3, finished_at = now(), bookings = null where id = $1`, op.ID, status, code)
}

// Decided implements engine.Store.
func (t *Term) Decided(ctx context.Context, c engine.Claim, op engine.Operation) error {
	return t.txAfter(ctx, "storing a decision", func(batch *pgx.Batch) { t.queueClaimed(batch, c) }, func(tx *transaction) error {
		tx.last.Queue(`update ews.operation set reason = $2 where id = $1`, op.ID, op.Intent.Reason)
		return nil
	})
}

// Fail implements engine.Store.
func (t *Term) Fail(ctx context.Context, c engine.Claim, op engine.Operation, code string) error {
	return t.txAfter(ctx, "storing a failure", func(batch *pgx.Batch) { t.queueClaimed(batch, c) }, func(tx *transaction) error {
		finish(tx.last, op, "failed", code)
		return nil
	})
}

// Release implements engine.Store.
func (t *Term) Release(ctx context.Context, c engine.Claim, gen int64, r engine.Release) error {
	err := repeated(func() error {
		var mine, claimed bool
		err := t.db.pool.QueryRow(ctx,
			owned+`, released as (`+release+`exists (select from owner) returning true)
			 select exists (select from owner), exists (select from released)`,
			t.releaseArgs(c, gen, r)...).Scan(&mine, &claimed)
		return denied(err, mine, claimed)
	})
	if err != nil {
		return fmt.Errorf("releasing a meeting: %w", err)
	}
	return nil
}

// release gives a claim back, under one condition more.
const release = `update ews.meeting set
	  claim_token = null, claimed_until = null,
	  done_gen = case when $7 then done_gen else greatest(done_gen, $5) end,
	  due_at = case when want_gen > $5 then now()
	                else now() + make_interval(secs => $6) end,
	  priority = case when want_gen > $5 or $6 is not null then priority else 1 end,
	  wanted_at = case when $6 is not null or $7 then wanted_at when want_gen > $5 then now() end,
	  attempts = case when $7 then attempts + 1 else 0 end,
	  failing_since = case when $7 then coalesce(failing_since, now()) end,
	  parked_code = case when want_gen > $5 then '' else $8 end,
	  parked_at = case when want_gen <= $5 and $8 <> '' then now() end,
	  error_code = $9
	where id = $3 and claim_token = $4 and configuration_id = $1 and `

// releaseArgs are its parameters, after those of the owner.
func (t *Term) releaseArgs(c engine.Claim, gen int64, r engine.Release) []any {
	var due *float64
	if !r.Due.IsZero() {
		seconds := t.until(r.Due)
		due = &seconds
	}
	return []any{t.config, t.epoch, c.Meeting, c.Token, gen, due, r.Failed, r.Parked, r.Code}
}
