package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ews/app/meeting"
)

// The codes of what this package finds itself.
const (
	CodeEarlierFailed  = "earlier_step_failed"
	CodeNotAskedFor    = "not_asked_for"
	CodeNoRoomList     = "no_room_list"
	CodeOutOfTime      = "check_out_of_time"
	CodeListEmpty      = "room_list_empty"
	CodeListFull       = "room_list_full"
	CodeUndecided      = "room_undecided"
	CodeFilterNone     = "filter_takes_none"
	CodeNoProjects     = "no_projects"
	CodeProjectMissing = "project_not_found"
	codeUnexpected     = "unexpected_error"
)

// Defaults of Chain. The whole check has to end before proxies lose patience.
const (
	DefaultTotal    = 50 * time.Second
	DefaultStep     = 15 * time.Second
	DefaultParallel = 5
)

// Chain is a check to be made.
type Chain struct {
	// Known are steps whose outcome is known already.
	Known []Step
	// Calendar and Bookings are nil when they cannot be asked; Known says why
	// then.
	Calendar Calendar
	RoomList bool // there is one
	// Wanted tells whether the asset filter takes a room.
	Wanted func(Room) bool
	// Mailbox is that of an ordinary user; empty: none is looked at.
	Mailbox  meeting.Address
	Bookings Bookings
	Eliona   Eliona
	Projects []string

	Total    time.Duration // for everything
	Step     time.Duration // for a single step
	Parallel int           // rooms at a time
}

// Run takes the steps. It always returns a complete report: steps for which no
// time is left, or that ctx ends, are skipped.
func (c Chain) Run(ctx context.Context) Report {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, positive(c.Total, DefaultTotal))
	defer cancel()
	c.Step = positive(c.Step, DefaultStep)
	branches := []*branch{{limit: c.Step}, {limit: c.Step}, {limit: c.Step}}
	var all sync.WaitGroup
	for i, walk := range []func(context.Context, *branch){c.calendar, c.bookings, c.eliona} {
		all.Go(func() { walk(ctx, branches[i]) })
	}
	all.Wait()
	report := Report{Steps: slices.Clone(c.Known)}
	for _, b := range branches {
		report.Steps = append(report.Steps, b.steps...)
	}
	report.Duration = time.Since(began)
	return report
}

func positive[T int | time.Duration](value, fallback T) T {
	if value <= 0 {
		return fallback
	}
	return value
}

// calendar goes to the provider and looks at what the configuration names there.
func (c Chain) calendar(ctx context.Context, b *branch) {
	if c.Calendar == nil {
		b.skip(CodeEarlierFailed, NameExchange, NameRoomList, NameRoom, NameAssetFilter)
		b.skip(c.mailboxSkipped(CodeEarlierFailed), NameUserMailbox)
		return
	}
	looks := c.Calendar.Approach()
	for i, look := range looks {
		if b.take(ctx, look) {
			continue
		}
		why := b.why()
		for _, missed := range looks[i+1:] {
			b.steps = append(b.steps, Step{Name: missed.Name, About: missed.About, Status: Skipped, Code: why})
		}
		b.skip(why, NameRoomList, NameRoom, NameAssetFilter)
		b.skip(c.mailboxSkipped(why), NameUserMailbox)
		return
	}
	c.rooms(ctx, b)
	if c.Mailbox == "" {
		b.skip(CodeNotAskedFor, NameUserMailbox)
		return
	}
	b.take(ctx, Look{Name: NameUserMailbox, About: string(c.Mailbox), Do: func(ctx context.Context) (Note, error) {
		return c.Calendar.Person(ctx, c.Mailbox)
	}})
}

func (c Chain) mailboxSkipped(why string) string {
	if c.Mailbox == "" {
		return CodeNotAskedFor
	}
	return why
}

// rooms looks at the room list, at each of its rooms, and at what the filter
// leaves of them.
func (c Chain) rooms(ctx context.Context, b *branch) {
	if !c.RoomList {
		b.skip(CodeNoRoomList, NameRoomList, NameRoom, NameAssetFilter)
		return
	}
	var found Rooms
	read := b.take(ctx, Look{Name: NameRoomList, Do: func(ctx context.Context) (Note, error) {
		var err error
		if found, err = c.Calendar.Rooms(ctx); err != nil {
			return Note{}, err
		}
		note := Note{Detail: count(len(found.List), "room")}
		switch {
		case len(found.List) == 0:
			return Note{}, &Problem{Code: CodeListEmpty}
		case found.Full:
			note.Code = CodeListFull
		}
		return note, nil
	}})
	if !read {
		b.skip(b.why(), NameRoom, NameAssetFilter)
		return
	}
	wanted := found.List
	if c.Wanted != nil {
		wanted = slices.DeleteFunc(slices.Clone(found.List), func(r Room) bool { return !c.Wanted(r) })
	}
	b.take(ctx, Look{Name: NameAssetFilter, Do: func(context.Context) (Note, error) {
		if len(wanted) == 0 {
			return Note{}, &Problem{Code: CodeFilterNone, Detail: "0 of " + count(len(found.List), "room")}
		}
		return Note{Detail: fmt.Sprintf("%d of %s", len(wanted), count(len(found.List), "room"))}, nil
	}})
	steps := make([]Step, len(wanted))
	var several errgroup.Group
	several.SetLimit(positive(c.Parallel, DefaultParallel))
	for i, room := range wanted {
		several.Go(func() error {
			steps[i] = take(ctx, c.Step, Look{Name: NameRoom, About: string(room.Address), Do: func(ctx context.Context) (Note, error) {
				return c.room(ctx, room.Address)
			}})
			return nil
		})
	}
	_ = several.Wait() // none fails
	b.steps = append(b.steps, steps...)
}

// room looks into a room's calendar. A room that leaves meetings undecided does
// not answer by itself.
func (c Chain) room(ctx context.Context, address meeting.Address) (Note, error) {
	agenda, err := c.Calendar.Agenda(ctx, address)
	if err != nil {
		return Note{}, err
	}
	if agenda.Undecided == 0 {
		return Note{}, nil
	}
	return Note{Code: CodeUndecided, Detail: fmt.Sprintf("%d of %s of the next weeks", agenda.Undecided,
		count(agenda.Undecided+agenda.Decided, "meeting"))}, nil
}

// bookings looks at the Booking app.
func (c Chain) bookings(ctx context.Context, b *branch) {
	if c.Bookings == nil {
		b.skip(CodeEarlierFailed, NameBookingApp, NameBookingGroups, NameBookingChanges)
		return
	}
	if !b.take(ctx, Look{Name: NameBookingApp, Do: plain(c.Bookings.Reach)}) {
		b.skip(b.why(), NameBookingGroups, NameBookingChanges)
		return
	}
	b.take(ctx, Look{Name: NameBookingGroups, Do: plain(c.Bookings.Groups)})
	b.take(ctx, Look{Name: NameBookingChanges, Do: plain(c.Bookings.Changes)})
}

// eliona looks at the projects.
func (c Chain) eliona(ctx context.Context, b *branch) {
	if !b.take(ctx, Look{Name: NameEliona, Do: plain(c.Eliona.Reach)}) {
		b.skip(b.why(), NameProject, NameAssetCreation)
		return
	}
	if len(c.Projects) == 0 {
		b.steps = append(b.steps, Step{Name: NameProject, Status: Warning, Code: CodeNoProjects})
	}
	for _, id := range c.Projects {
		b.take(ctx, Look{Name: NameProject, About: id, Do: func(ctx context.Context) (Note, error) {
			exists, err := c.Eliona.Project(ctx, id)
			if err == nil && !exists {
				err = &Problem{Code: CodeProjectMissing}
			}
			return Note{}, err
		}})
	}
	b.take(ctx, Look{Name: NameAssetCreation, Do: plain(c.Eliona.Assets)})
}

func plain(do func(context.Context) error) func(context.Context) (Note, error) {
	return func(ctx context.Context) (Note, error) { return Note{}, do(ctx) }
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// branch is a row of steps; branches do not depend on each other.
type branch struct {
	limit time.Duration
	steps []Step
}

// take takes a step and tells whether those that need it can follow.
func (b *branch) take(ctx context.Context, look Look) bool {
	step := take(ctx, b.limit, look)
	b.steps = append(b.steps, step)
	return step.Status == OK || step.Status == Warning
}

// why is the code of the steps that cannot follow the last one.
func (b *branch) why() string {
	if last := b.steps[len(b.steps)-1]; last.Status == Skipped {
		return last.Code
	}
	return CodeEarlierFailed
}

func (b *branch) skip(code string, names ...string) {
	for _, name := range names {
		b.steps = append(b.steps, Step{Name: name, Status: Skipped, Code: code})
	}
}

func take(ctx context.Context, limit time.Duration, look Look) Step {
	step := Step{Name: look.Name, About: look.About, Status: Skipped, Code: CodeOutOfTime}
	if ctx.Err() != nil {
		return step
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	note, err := look.Do(ctx)
	step.Duration = time.Since(began)
	var p *Problem
	switch {
	case errors.As(err, &p):
		step.Status, step.Code, step.Detail = Failed, p.Code, p.Detail
	case err != nil && ctx.Err() != nil:
		step.Status, step.Code = Failed, CodeOutOfTime
	case err != nil:
		step.Status, step.Code = Failed, codeUnexpected
	case note.Code != "":
		step.Status, step.Code, step.Detail = Warning, note.Code, note.Detail
	default:
		step.Status, step.Code, step.Detail = OK, "", note.Detail
	}
	return step
}
