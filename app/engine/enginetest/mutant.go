package enginetest

import (
	"context"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
)

// Mutant is a deliberate defect. It is made of ports that behave as if the
// engine, or what it relies on behind the port, had the defect, so that the
// engine itself has no switch that could be thrown by accident.
//
// A suite that does not notice a mutant proves nothing.
type Mutant struct {
	Name   string
	breaks func(*Process, *engine.Ports)
}

// Mutants returns all mutants.
func Mutants() []Mutant {
	return []Mutant{
		{"a sync state is stored before its effects", func(_ *Process, p *engine.Ports) { p.Store = hasty{p.Store} }},
		{"a retry does not look for what was sent before", func(_ *Process, p *engine.Ports) { p.Store = careless{p.Store} }},
		{"no answer yet is taken for declined", func(_ *Process, p *engine.Ports) { p.Calendar = impatient{p.Calendar} }},
		{"a former owner may go on storing", func(p *Process, _ *engine.Ports) { p.term.unfenced = true }},
		{"a look for what was sent ignores cancelled entries", func(_ *Process, p *engine.Ports) { p.Calendar = blind{p.Calendar} }},
		{"an effect is not recorded before it is sent", func(_ *Process, p *engine.Ports) { p.Store = forgetful{p.Store} }},
		{"a read is dated when it ends, not when it begins", func(_ *Process, p *engine.Ports) { p.Store = late{p.Store} }},
	}
}

// hasty stores a position in a change feed without noting that the room's
// calendar has to be read because of it.
type hasty struct{ engine.Store }

func (s hasty) SaveDelta(ctx context.Context, room engine.DueRoom, d engine.Delta, baseline bool, next time.Time) (engine.DueRoom, error) {
	news := d.Changed || baseline
	d.Changed, d.Deleted = false, nil
	room, err := s.Store.SaveDelta(ctx, room, d, false, next)
	room.Read = room.Read || news
	return room, err
}

// careless forgets operations whose end is unknown.
type careless struct{ engine.Store }

func (s careless) Load(ctx context.Context, c engine.Claim) (engine.Loaded, error) {
	loaded, err := s.Store.Load(ctx, c)
	if err == nil && loaded.Open != nil {
		err = s.Fail(ctx, c, *loaded.Open, "forgotten")
		loaded.Open = nil
	}
	return loaded, err
}

// impatient reads silence as a refusal.
type impatient struct{ engine.Calendar }

func (c impatient) Copy(ctx context.Context, p engine.Place) (meeting.Copy, error) {
	out, err := c.Calendar.Copy(ctx, p)
	for room, line := range out.Rooms {
		if line.Answer == meeting.NoAnswer {
			out.Rooms[room] = meeting.RoomAnswer{Answer: meeting.Declined}
		}
	}
	return out, err
}

// blind does not see cancelled entries when it looks for a meeting of ours.
type blind struct{ engine.Calendar }

func (c blind) Find(ctx context.Context, mailbox meeting.Address, d engine.Draft) (meeting.Copy, bool, error) {
	out, found, err := c.Calendar.Find(ctx, mailbox, d)
	return out, found && out.Live, err
}

// forgetful records an operation only when it ended.
type forgetful struct{ engine.Store }

func (s forgetful) Begin(ctx context.Context, c engine.Claim, i engine.Intent) (engine.Operation, error) {
	op, err := s.Store.Begin(ctx, c, i)
	if err == nil {
		err = s.Fail(ctx, c, op, "forgotten")
	}
	return op, err
}

// late takes the tick of a read when it has been made, not before.
type late struct{ engine.Store }

func (s late) SaveWindow(ctx context.Context, w engine.WindowRead) (engine.WindowResult, error) {
	since, err := s.Tick(ctx)
	if err != nil {
		return engine.WindowResult{}, err
	}
	w.Since = since
	return s.Store.SaveWindow(ctx, w)
}

func (s late) ObserveBooking(ctx context.Context, o engine.BookingObservation) (engine.Observed, error) {
	since, err := s.Tick(ctx)
	if err != nil {
		return "", err
	}
	o.Since = since
	return s.Store.ObserveBooking(ctx, o)
}
