// Package check looks at a configuration step by step: the way to the calendar
// provider, the rooms, the Booking app and Eliona. Each step tells whether it
// succeeded and, if not, by a code what is wrong; what a failed step makes
// pointless is skipped. Nothing is stored and nothing is changed on any side.
//
// The package knows no protocol. A calendar provider says itself which steps
// lead to it, so that another one takes part with steps of its own.
package check

import (
	"context"
	"time"

	"ews/app/meeting"
)

// Status is how a step ended.
type Status string

// The statuses, from the best to the worst.
const (
	Skipped Status = "skipped" // not taken; the code says why
	OK      Status = "ok"
	Warning Status = "warning" // works, and somebody should look at it
	Failed  Status = "failed"
)

// The names of steps. They are part of the API; providers may add others.
const (
	NameConfiguration  = "configuration"
	NameResolution     = "name_resolution"
	NameConnection     = "connection"
	NameToken          = "token"
	NameLogon          = "logon"
	NameExchange       = "exchange"
	NameImpersonation  = "impersonation"
	NameRoomList       = "room_list"
	NameRoom           = "room"
	NameAssetFilter    = "asset_filter"
	NameUserMailbox    = "user_mailbox"
	NameBookingApp     = "booking_app"
	NameBookingGroups  = "booking_groups"
	NameBookingChanges = "booking_changes"
	NameEliona         = "eliona"
	NameProject        = "project"
	NameAssetCreation  = "asset_creation"
)

// Step is one look and what it brought.
type Step struct {
	Name     string
	About    string // the host, room or project that was looked at; may be empty
	Status   Status
	Code     string // what is wrong, or why it was skipped; empty if OK
	Detail   string // a fact besides: names, numbers, versions; may be empty
	Duration time.Duration
}

// Report is the outcome of a check.
type Report struct {
	Steps    []Step
	Duration time.Duration
}

// Status is the worst of the steps.
func (r Report) Status() Status {
	order := map[Status]int{OK: 1, Warning: 2, Failed: 3}
	worst := OK
	for _, s := range r.Steps {
		if order[s.Status] > order[worst] {
			worst = s.Status
		}
	}
	return worst
}

// First returns the first step with this status.
func (r Report) First(status Status) (Step, bool) {
	for _, s := range r.Steps {
		if s.Status == status {
			return s, true
		}
	}
	return Step{}, false
}

// Note is what a step tells that did not fail.
type Note struct {
	Code   string // of a warning; empty when all is well
	Detail string
}

// Problem is what the ports fail with. Err is for the log only: it may contain
// foreign text.
type Problem struct {
	Code   string
	Detail string
	Err    error
}

// Error returns the code and the cause.
func (p *Problem) Error() string {
	if p.Err == nil {
		return p.Code
	}
	return p.Code + ": " + p.Err.Error()
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Look is a step to be taken.
type Look struct {
	Name, About string
	Do          func(ctx context.Context) (Note, error)
}

// Calendar is a calendar provider. Its methods fail with a *Problem.
type Calendar interface {
	// Approach lists the steps that lead to the provider, up to acting for the
	// service user. Each needs all before it.
	Approach() []Look
	// Rooms reads the room list.
	Rooms(ctx context.Context) (Rooms, error)
	// Agenda looks into the calendar of a room. It may be called concurrently.
	Agenda(ctx context.Context, room meeting.Address) (Agenda, error)
	// Person tells whether meetings can be made in the name of a person.
	Person(ctx context.Context, mailbox meeting.Address) (Note, error)
}

// Rooms is the content of a room list.
type Rooms struct {
	List []Room
	Full bool // as many as the provider tells at once: some may be missing
}

// Room is a room of the list.
type Room struct {
	Address meeting.Address
	Name    string
}

// Agenda is what stands in a calendar in the days to come.
type Agenda struct {
	Decided   int // meetings the mailbox has accepted
	Undecided int // meetings it has not answered for a while
}

// Bookings is the Booking app. Its methods fail with a *Problem.
type Bookings interface {
	// Reach tells whether the API answers.
	Reach(ctx context.Context) error
	// Groups tells whether the app is new enough to know groups of bookings.
	Groups(ctx context.Context) error
	// Changes tells whether the app can tell of changes.
	Changes(ctx context.Context) error
}

// Eliona is the Eliona API. Its methods fail with a *Problem.
type Eliona interface {
	// Reach tells whether the API answers and accepts the app's token.
	Reach(ctx context.Context) error
	// Project tells whether a project exists.
	Project(ctx context.Context, id string) (bool, error)
	// Assets tells whether the app may make assets of rooms.
	Assets(ctx context.Context) error
}
