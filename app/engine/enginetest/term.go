package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
)

// The rules below are those of the product's database layer, see db/store.
const (
	claimTime       = 5 * time.Minute
	settle          = 500 * time.Millisecond
	priorityHuman   = 0
	priorityChange  = 1
	priorityArchive = 2
)

// Term is one process's time of ownership of the configuration.
type Term struct {
	*Database
	process  *Process
	epoch    int64
	unfenced bool // a mutant
}

var _ engine.Store = (*Term)(nil)

// clock is the process's clock, as the database's client uses it.
func (t *Term) clock() time.Time { return micros(t.process.now()) }

// until converts an instant of the process's clock to one of the database's.
func (t *Term) until(at time.Time) time.Time {
	return t.now().Add(max(0, at.Sub(t.clock())))
}

func (t *Term) fenced() error {
	if t.epoch != t.Database.epoch && !t.unfenced {
		return engine.ErrFenced
	}
	return nil
}

// query reads; tx changes, and only for the present owner.
func query[T any](ctx context.Context, t *Term, method string, f func() (T, error)) (T, error) {
	return call(ctx, t.process, Call{Port: Store, Method: method}, f)
}

func tx[T any](ctx context.Context, t *Term, method string, id meeting.ID, f func() (T, error)) (T, error) {
	return call(ctx, t.process, Call{Port: Store, Method: method, Meeting: id}, func() (T, error) {
		if err := t.fenced(); err != nil {
			var none T
			return none, fmt.Errorf("%s: %w", method, err)
		}
		if t.epoch != t.Database.epoch {
			t.world.violate("B8: %s stores by %s, though another process owns the configuration", t.process.Name, method)
		}
		return f()
	})
}

func exec(ctx context.Context, t *Term, method string, id meeting.ID, f func() error) error {
	_, err := tx(ctx, t, method, id, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// hesitate delays the answer that nothing is to do, see World.Rest.
func hesitate[T any](ctx context.Context, t *Term, list []T, err error) ([]T, error) {
	if err != nil || len(list) > 0 || !t.world.resting() {
		return list, err
	}
	return nil, t.process.travel(ctx, 3*time.Second)
}

// Tick implements engine.Store.
func (t *Term) Tick(ctx context.Context) (meeting.Tick, error) {
	return query(ctx, t, "Tick", func() (meeting.Tick, error) { return t.nextTick(), nil })
}

// Claim implements engine.Store.
func (t *Term) Claim(ctx context.Context, limit int, again []engine.Claim) ([]engine.Claim, error) {
	return t.claim(ctx, "Claim", limit, again, priorityArchive)
}

// ClaimUrgent implements engine.Store.
func (t *Term) ClaimUrgent(ctx context.Context, limit int, again []engine.Claim) ([]engine.Claim, error) {
	return t.claim(ctx, "ClaimUrgent", limit, again, priorityChange)
}

func (t *Term) claim(ctx context.Context, method string, limit int, again []engine.Claim, lowest int) ([]engine.Claim, error) {
	claims, err := tx(ctx, t, method, 0, func() ([]engine.Claim, error) {
		now := t.now()
		var due []*row
		for _, r := range t.sorted() {
			ours := slices.ContainsFunc(again, func(c engine.Claim) bool { return c.Token == r.token })
			if !r.due.IsZero() && !r.due.After(now) && r.priority <= lowest && (ours || r.claimed.Before(now)) {
				due = append(due, r)
			}
		}
		slices.SortStableFunc(due, func(a, b *row) int {
			return cmp.Or(cmp.Compare(a.priority, b.priority), a.due.Compare(b.due))
		})
		var claims []engine.Claim
		for _, r := range due[:min(limit, len(due))] {
			r.token, r.claimed = fmt.Sprintf("claim %d", t.key()), now.Add(claimTime)
			claims = append(claims, engine.Claim{Meeting: r.ID, Token: r.token, Attempts: r.attempts, Failing: r.failing, Import: r.priority == priorityArchive})
		}
		return claims, nil
	})
	return hesitate(ctx, t, claims, err)
}

func (t *Term) held(c engine.Claim) (*row, error) {
	r := t.meetings[c.Meeting]
	if r == nil || r.token != c.Token || !r.claimed.After(t.now()) {
		return nil, engine.ErrClaimLost
	}
	return r, nil
}

// Load implements engine.Store.
func (t *Term) Load(ctx context.Context, c engine.Claim) (engine.Loaded, error) {
	return tx(ctx, t, "Load", c.Meeting, func() (engine.Loaded, error) {
		r, err := t.held(c)
		if err != nil {
			return engine.Loaded{}, err
		}
		return t.loaded(r), nil
	})
}

func (t *Term) loaded(r *row) engine.Loaded {
	out := engine.Loaded{Meeting: r.Clone(), Gen: r.wantGen}
	if r.open != nil {
		open := *r.open
		open.StartedAt = t.clock().Add(-t.now().Sub(open.StartedAt))
		out.Open = &open
	}
	return out
}

// Begin implements engine.Store.
func (t *Term) Begin(ctx context.Context, c engine.Claim, i engine.Intent) (engine.Operation, error) {
	return tx(ctx, t, "Begin", c.Meeting, func() (engine.Operation, error) {
		r, err := t.held(c)
		if err != nil {
			return engine.Operation{}, err
		}
		if r.open != nil {
			t.world.violate("the schema refuses: a second operation %s while %s is in flight", i.Kind, r.open.Intent.Kind)
			return engine.Operation{}, fmt.Errorf("meeting %d has an operation in flight", r.ID)
		}
		op := engine.Operation{ID: t.key(), Intent: i, Attempt: 1, StartedAt: t.now()}
		for _, other := range t.meetings {
			for _, o := range other.Occurrences {
				op.Floor = max(op.Floor, o.Booking)
			}
		}
		stored := op
		r.open, op.StartedAt = &stored, t.clock()
		t.world.note("%s   begins %s of %s", t.process.Name, i.Kind, r.UID)
		return op, nil
	})
}

// Decided implements engine.Store.
func (t *Term) Decided(ctx context.Context, c engine.Claim, op engine.Operation) error {
	return exec(ctx, t, "Decided", c.Meeting, func() error {
		r, err := t.held(c)
		if err == nil && r.open != nil && r.open.ID == op.ID {
			r.open.Intent.Reason = op.Intent.Reason
		}
		return err
	})
}

// Apply implements engine.Store.
func (t *Term) Apply(ctx context.Context, c engine.Claim, op *engine.Operation,
	f func(*meeting.Meeting, meeting.Moment) ([]engine.Notice, error),
) error {
	_, err := t.conclude(ctx, "Apply", c, op, func(now engine.Loaded, at meeting.Moment) (engine.Outcome, error) {
		notices, err := f(now.Meeting, at)
		return engine.Outcome{Notices: notices}, err
	})
	return err
}

// Conclude implements engine.Store.
func (t *Term) Conclude(ctx context.Context, c engine.Claim, op *engine.Operation,
	f func(engine.Loaded, meeting.Moment) (engine.Outcome, error),
) (engine.Loaded, error) {
	return t.conclude(ctx, "Conclude", c, op, f)
}

func (t *Term) conclude(ctx context.Context, method string, c engine.Claim, op *engine.Operation,
	f func(engine.Loaded, meeting.Moment) (engine.Outcome, error),
) (engine.Loaded, error) {
	return tx(ctx, t, method, c.Meeting, func() (engine.Loaded, error) {
		r, err := t.held(c)
		if err != nil {
			return engine.Loaded{}, err
		}
		out, at := t.loaded(r), t.nextTick()
		if op != nil && out.Open != nil && out.Open.ID == op.ID {
			out.Open = nil
		}
		end, err := f(out, meeting.Moment{Now: t.clock(), Tick: at})
		if err != nil {
			return engine.Loaded{}, err
		}
		if _, err := t.save(out.Meeting, at); err != nil {
			return engine.Loaded{}, err
		}
		if op != nil {
			r.finish(*op)
		}
		t.notify(end.Notices)
		out.Meeting = r.Clone()
		if end.Release != nil {
			t.release(r, out.Gen, *end.Release)
		}
		return out, nil
	})
}

func (r *row) finish(op engine.Operation) {
	if r.open != nil && r.open.ID == op.ID {
		r.open = nil
	}
}

// Fail implements engine.Store.
func (t *Term) Fail(ctx context.Context, c engine.Claim, op engine.Operation, code string) error {
	return exec(ctx, t, "Fail", c.Meeting, func() error {
		r, err := t.held(c)
		if err == nil {
			t.world.note("%s   ends %s of %s: %s", t.process.Name, op.Intent.Kind, r.UID, code)
			r.finish(op)
		}
		return err
	})
}

// Release implements engine.Store.
func (t *Term) Release(ctx context.Context, c engine.Claim, gen int64, rel engine.Release) error {
	return exec(ctx, t, "Release", c.Meeting, func() error {
		r := t.meetings[c.Meeting]
		if r == nil || r.token != c.Token {
			return engine.ErrClaimLost
		}
		t.release(r, gen, rel)
		return nil
	})
}

func (t *Term) release(r *row, gen int64, rel engine.Release) {
	changed := r.wantGen > gen
	r.token, r.claimed = "", time.Time{}
	r.parked, r.code = rel.Parked, rel.Code
	switch {
	case changed:
		r.due, r.parked = t.now(), ""
	case rel.Due.IsZero():
		r.due, r.priority = time.Time{}, priorityChange
	default:
		r.due = t.until(rel.Due)
	}
	if rel.Failed {
		r.attempts++
		if r.failing.IsZero() {
			r.failing = t.now()
		}
		return
	}
	r.doneGen = max(r.doneGen, gen)
	r.attempts, r.failing = 0, time.Time{}
}

// Unknown implements engine.Store.
func (t *Term) Unknown(ctx context.Context, ids []meeting.BookingID) ([]meeting.BookingID, error) {
	return query(ctx, t, "Unknown", func() ([]meeting.BookingID, error) {
		out := slices.DeleteFunc(slices.Clone(ids), func(id meeting.BookingID) bool {
			r, _ := t.byBooking(id)
			_, ended := t.tombstones[id]
			return r != nil || ended
		})
		slices.Sort(out)
		return out, nil
	})
}

// Fresh implements engine.Store.
func (t *Term) Fresh(ctx context.Context) (bool, error) {
	return query(ctx, t, "Fresh", func() (bool, error) {
		for _, r := range t.meetings {
			if slices.ContainsFunc(r.Occurrences, func(o *meeting.Occurrence) bool { return o.Booking != 0 }) {
				return !t.linked, nil
			}
		}
		return true, nil
	})
}

// Linked implements engine.Store.
func (t *Term) Linked(ctx context.Context) error {
	return exec(ctx, t, "Linked", 0, func() error { t.linked = true; return nil })
}

// Shown implements engine.Store.
func (t *Term) Shown(ctx context.Context, rooms []meeting.RoomID, span meeting.Span, uid meeting.UID) (by []engine.Known, unread bool, err error) {
	by, err = query(ctx, t, "Shown", func() (out []engine.Known, _ error) {
		for _, id := range rooms {
			unread = unread || t.rooms[id].neverRead()
		}
		for _, r := range t.sorted() {
			if r.Origin == meeting.Exchange && slices.ContainsFunc(r.Occurrences, func(o *meeting.Occurrence) bool {
				return o.Booking == 0 && (o.ShownAt(span, rooms) && rooms != nil || r.UID == uid && shown(o))
			}) {
				out = append(out, engine.Known{UID: r.UID, Organizer: r.Organizer, Private: r.Private})
			}
		}
		return out, nil
	})
	return by, unread, err
}

func (r *roomRow) neverRead() bool { return !r.Retired && r.readGen == 0 && r.fails < 3 }

func shown(o *meeting.Occurrence) bool {
	return slices.ContainsFunc(o.Cells, func(c meeting.Cell) bool { return c.Seen != meeting.None })
}

// Unbooked implements engine.Store.
func (t *Term) Unbooked(ctx context.Context) ([]meeting.UID, error) {
	return query(ctx, t, "Unbooked", func() (out []meeting.UID, _ error) {
		for _, r := range t.sorted() {
			if r.Origin == meeting.Exchange && slices.ContainsFunc(r.Occurrences, func(o *meeting.Occurrence) bool {
				return o.Key == "" && o.Booking == 0 && shown(o)
			}) {
				out = append(out, r.UID)
			}
		}
		return out, nil
	})
}

// ObserveBooking implements engine.Store.
func (t *Term) ObserveBooking(ctx context.Context, o engine.BookingObservation) (engine.Observed, error) {
	return tx(ctx, t, "ObserveBooking", 0, func() (engine.Observed, error) {
		if r, known := t.byBooking(o.Booking.ID); r != nil {
			return t.observeKnown(r, known.ID, o)
		}
		if o.Booking.Cancelled || !o.Booking.Span.End.After(t.clock()) {
			return engine.Ignored, nil
		}
		if hold := t.heldBack(o); hold != "" {
			return hold, nil
		}
		return t.observeNew(o)
	})
}

func (t *Term) observeKnown(r *row, id meeting.OccurrenceID, o engine.BookingObservation) (engine.Observed, error) {
	m := r.Clone()
	changed, stale := m.Occurrence(id).SeeBooking(!o.Booking.Cancelled, o.Booking.Span, o.Booking.Assets, o.Since)
	if stale {
		return engine.Outdated, nil
	}
	if m.Group == 0 {
		m.Group = o.Booking.Group
	}
	if _, err := t.save(m, o.Since); err != nil {
		return "", err
	}
	if !changed {
		return engine.Unchanged, nil
	}
	t.makeDue([]*row{r}, priorityHuman, 0)
	return engine.Changed, nil
}

// heldBack tells why an unknown booking must not become a meeting now.
func (t *Term) heldBack(o engine.BookingObservation) engine.Observed {
	ours := slices.ContainsFunc(t.assets, func(a engine.Asset) bool {
		return slices.Contains(o.Booking.Assets, a.ID) && a.ID != 0 &&
			t.roomAt(a.Room) != nil && !t.roomAt(a.Room).Retired
	})
	ended, ok := t.tombstones[o.Booking.ID]
	if !ours || ok && ended > o.Since {
		return engine.Ignored
	}
	organizer := meeting.AddressOf(o.Booking.Organizer)
	for _, r := range t.meetings {
		if r.open == nil || r.open.Intent.Side != meeting.Eliona || r.open.Intent.Kind != plan.WriteBookings || o.Booking.ID <= r.open.Floor {
			continue
		}
		shares := slices.ContainsFunc(r.open.Intent.Assets, func(a meeting.AssetID) bool { return slices.Contains(o.Booking.Assets, a) })
		if shares || r.Organizer == "" || r.Organizer == organizer {
			return engine.Deferred
		}
	}
	return ""
}

func (t *Term) observeNew(o engine.BookingObservation) (engine.Observed, error) {
	m := &meeting.Meeting{UID: o.UID, Origin: meeting.Eliona, Ref: o.Ref, Group: o.Booking.Group}
	if organizer := meeting.AddressOf(o.Booking.Organizer); organizer.Valid() {
		m.Organizer = organizer
	}
	if r := t.byUID(o.UID); r != nil {
		m = r.Clone()
	}
	occurrence := occurrenceOf(m, "")
	if occurrence.Booking != 0 {
		return engine.Ignored, nil
	}
	if _, stale := occurrence.SeeBooking(true, o.Booking.Span, o.Booking.Assets, o.Since); stale {
		return engine.Outdated, nil
	}
	occurrence.Booking = o.Booking.ID
	if m.Origin == meeting.Exchange {
		for _, r := range t.rooms {
			if r.neverRead() {
				return engine.Deferred, nil
			}
		}
		m.Recover(occurrence, meeting.AddressOf(o.Booking.Organizer), o.Ref)
	}
	r, err := t.save(m, o.Since)
	if err != nil {
		return "", err
	}
	t.world.adopted(o.Booking.ID, Slot{UID: o.UID})
	t.makeDue([]*row{r}, priorityHuman, 0)
	return engine.Changed, nil
}

func occurrenceOf(m *meeting.Meeting, key meeting.Key) *meeting.Occurrence {
	for _, o := range m.Occurrences {
		if o.Key == key {
			return o
		}
	}
	o := &meeting.Occurrence{Key: key, Copy: meeting.CopyUnknown}
	m.Occurrences = append(m.Occurrences, o)
	return o
}

// BookingsOf implements engine.Store.
func (t *Term) BookingsOf(ctx context.Context, asset meeting.AssetID, span meeting.Span) ([]engine.Booking, error) {
	return query(ctx, t, "BookingsOf", func() ([]engine.Booking, error) {
		var out []engine.Booking
		for _, r := range t.sorted() {
			for _, o := range r.Occurrences {
				if !o.BookingLive || !slices.Contains(o.Assets, asset) || !o.BookingSpan.Overlaps(span) {
					continue
				}
				if r.open != nil {
					out = append(out, engine.Booking{ID: o.Booking})
				} else {
					out = append(out, engine.Booking{ID: o.Booking, Assets: slices.Clone(o.Assets), Span: o.BookingSpan})
				}
			}
		}
		return out, nil
	})
}

// Assets implements engine.Store.
func (t *Term) Assets(ctx context.Context) ([]engine.Asset, error) {
	return query(ctx, t, "Assets", func() ([]engine.Asset, error) { return slices.Clone(t.assets), nil })
}

// SaveAssets implements engine.Store.
func (t *Term) SaveAssets(ctx context.Context, list []engine.Asset) error {
	return exec(ctx, t, "SaveAssets", 0, func() error {
		for _, a := range list {
			i := slices.IndexFunc(t.assets, func(b engine.Asset) bool { return a.Project == b.Project && a.GAI == b.GAI })
			if i < 0 {
				t.assets = append(t.assets, a)
				continue
			}
			old := &t.assets[i]
			old.Room, old.Described = a.Room, old.Described || a.Described
			if a.ID != 0 {
				old.ID = a.ID
			}
		}
		return nil
	})
}

// Notify implements engine.Store.
func (t *Term) Notify(ctx context.Context, notices []engine.Notice) error {
	if len(notices) == 0 {
		return nil
	}
	return exec(ctx, t, "Notify", 0, func() error {
		t.notify(notices)
		return nil
	})
}

// notify opens episodes. A subject and code with an open one is silent.
func (d *Database) notify(notices []engine.Notice) {
	for _, n := range notices {
		number, open := 1, false
		for _, e := range d.ledger {
			if e.Subject == n.Subject && e.Code == n.Code {
				number = max(number, e.Number+1)
				open = open || e.Closed.IsZero()
			}
		}
		if !open {
			d.ledger = append(d.ledger, &Episode{Notice: n, Number: number, due: d.now().Add(n.Delay)})
		}
	}
}

// send tells people what is due.
func (d *Database) send() {
	for _, e := range d.ledger {
		if e.Sent.IsZero() && e.Closed.IsZero() && !e.due.After(d.now()) {
			e.Sent = e.due
		}
	}
}

// Resolve implements engine.Store.
func (t *Term) Resolve(ctx context.Context, subject, code string) (bool, error) {
	return tx(ctx, t, "Resolve", 0, func() (told bool, err error) {
		t.send()
		for _, e := range t.ledger {
			if e.Subject == subject && e.Closed.IsZero() && (e.Code == code || code == "" && e.Code != engine.CodeRecovered) {
				e.Closed = t.now()
				told = told || !e.Sent.IsZero()
			}
		}
		return told, nil
	})
}

// SetStatus implements engine.Store.
func (t *Term) SetStatus(ctx context.Context, code, _ string) error {
	return exec(ctx, t, "SetStatus", 0, func() error {
		t.status = code
		return nil
	})
}
