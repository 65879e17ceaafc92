package engine

import (
	"time"

	"ews/app/meeting"
	"ews/app/plan"
)

// The planner's codes, for packages that do not plan.
const (
	CodeNoAnswer = plan.CodeNoAnswer
	CodeDeclined = plan.CodeDeclined
)

// Observer hears what the engine does, for metrics and for the status. Its
// methods return at once and may be called from several goroutines.
type Observer interface {
	// Operated tells of an operation; the code is empty if it succeeded.
	Operated(kind plan.Kind, code string, took time.Duration)
	// Settled tells that a meeting came to rest: both sides say the same. If a
	// change was carried over, to names the side it was carried to, and after is
	// the time since it was seen on the other; else to is empty.
	Settled(to meeting.Origin, after time.Duration, imported bool)
	// Listening tells that the Booking app is heard from now on, or no longer.
	Listening(on bool)
	// Heard tells of a message of the Booking app.
	Heard(bookings int)
	// Compared tells that all bookings were compared with what is known.
	Compared()
	// Watching tells of how many rooms the calendar tells changes at once from
	// now on.
	Watching(rooms int)
}

// unobserved is an engine's Observer that tells nobody.
type unobserved struct{}

func (unobserved) Operated(plan.Kind, string, time.Duration)   {}
func (unobserved) Settled(meeting.Origin, time.Duration, bool) {}
func (unobserved) Listening(bool)                              {}
func (unobserved) Heard(int)                                   {}
func (unobserved) Compared()                                   {}
func (unobserved) Watching(int)                                {}

// Compare has all bookings compared soon, as after a connect.
func (e *Engine) Compare() { wake(e.inbox.audit) }

// follow notes to which side the operation carries a change, for the measure
// of how long that takes. A booking that Exchange refuses went to Exchange,
// although the last thing that happens to it is its cancellation.
func (j *job) follow(op plan.Op) {
	switch op.Kind {
	case plan.CreateMeeting, plan.UpdateMeeting, plan.CancelMeeting, plan.Refuse:
		j.carried = meeting.Exchange
	case plan.Settle:
		if o := j.m.Occurrence(op.Occurrence); o != nil && op.Answered && o.AskedBy == meeting.Us {
			j.carried = meeting.Exchange
		}
	case plan.WriteBookings, plan.CancelBooking:
		if j.carried == "" {
			j.carried = meeting.Eliona
		}
	case plan.AskOrganizer, plan.ReleaseRooms:
	}
}

// settled reports that the meeting came to rest.
func (j *job) settled() {
	j.watch.Settled(j.carried, j.claim.Waited+time.Since(j.began), j.claim.Import)
}
