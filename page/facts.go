package page

import (
	"slices"
	"strconv"
	"time"

	"ews/apiserver"
)

// fact is one line of what is known; Bad draws the eye.
type fact struct {
	Name, Value string
	More        []string
	Bad         bool
}

// count is a part of a fact that is left out when it is 0.
type count struct {
	n    int
	text string
	bad  bool
}

func (r reader) facts(s apiserver.ConfigurationStatus) []fact {
	return []fact{
		r.fromExchange(s), r.fromBookings(s), r.waiting(s), r.roomsKnown(s),
		r.streaming(s), r.bookings(s), r.throttled(s), r.owner(s),
	}
}

func (r reader) fromExchange(s apiserver.ConfigurationStatus) fact {
	f := fact{Name: r.say("Exchange → Eliona"), Value: r.success(s.FromExchange.LastCarried)}
	if lag := s.FromExchange.LagSeconds; lag != nil {
		f.More = r.behind(s.FromExchange.Waiting, *lag)
	}
	f.More = append(f.More, r.say("asked for changes: %s", r.agoOrNever(s.FromExchange.LastPoll)))
	return f
}

func (r reader) fromBookings(s apiserver.ConfigurationStatus) fact {
	f := fact{Name: r.say("Eliona → Exchange"), Value: r.success(s.FromBookings.LastCarried)}
	f.More = r.behind(s.FromBookings.Waiting, s.FromBookings.LagSeconds)
	return f
}

// behind is how much waits, and for how long.
func (r reader) behind(waiting int, lag int64) []string {
	late := r.say("at most %s behind", r.length(seconds(lag)))
	switch {
	case waiting > 0:
		return []string{r.say("waiting: %d", waiting), late}
	case lag > 0:
		return []string{late}
	}
	return []string{r.say("nothing waits")}
}

// success is when something was last carried to the other side.
func (r reader) success(last *time.Time) string {
	if last == nil {
		return r.say("no change in 30 days")
	}
	return r.say("last change %s", r.ago(*last))
}

func (r reader) throttled(s apiserver.ConfigurationStatus) fact {
	f := fact{Name: r.say("Throttling"), Value: r.say("none")}
	if until := s.FromExchange.NotBefore; until != nil {
		f.Value, f.Bad = r.say("pause until %s", r.second(*until).Text), true
		f.More = []string{r.say("Exchange asked for it")}
	}
	return f
}

// streaming is not bad without a connection: rooms are asked all the same.
func (r reader) streaming(s apiserver.ConfigurationStatus) fact {
	f := fact{Name: r.say("Exchange tells of changes"), Value: r.say("switched off")}
	told := s.FromExchange.Streaming
	switch {
	case !told.Enabled:
	case told.Rooms == 0:
		f.Value = r.say("not connected")
		f.More = []string{r.since(told.Since)}
	default:
		f.Value = r.say("connected")
		f.More = []string{r.since(told.Since), r.say("%d of %d rooms", told.Rooms, s.Counts.Rooms)}
	}
	if told.Rooms < s.Counts.Rooms {
		f.More = append(f.More, r.say("rooms are asked at intervals"))
	}
	f.More = slices.DeleteFunc(f.More, func(text string) bool { return text == "" })
	return f
}

func (r reader) bookings(s apiserver.ConfigurationStatus) fact {
	f := fact{
		Name: r.say("Booking app"), Value: r.say("not connected"),
		Bad: (s.State == apiserver.Running || s.State == apiserver.Broken) && s.Counts.Rooms > 0,
	}
	if s.FromBookings.Connected {
		f.Value, f.Bad = r.say("connected"), false
		f.More = append(f.More, r.since(s.FromBookings.ConnectedSince))
	}
	if at := s.FromBookings.LastMessage; at != nil {
		f.More = append(f.More, r.say("last message: %s", r.ago(*at)))
	}
	if at := s.FromBookings.LastComparison; at != nil {
		f.More = append(f.More, r.say("all bookings compared: %s", r.ago(*at)))
	}
	return f
}

func (r reader) waiting(s apiserver.ConfigurationStatus) fact {
	f := fact{Name: r.say("Waiting to be carried over"), Value: r.say("nothing")}
	if s.Work.Waiting == 0 {
		return f
	}
	f.Value = r.say("meetings: %d", s.Work.Waiting)
	f.add([]count{
		{s.Work.People, r.say("somebody waits for: %d", s.Work.People), false},
		{s.Work.Changes, r.say("changed in Outlook: %d", s.Work.Changes), false},
		{s.Work.Import, r.say("being imported: %d", s.Work.Import), false},
		{s.Work.Failing, r.say("failed and tried again: %d", s.Work.Failing), true},
	})
	f.More = append(f.More, r.say("the oldest for %s", r.length(seconds(s.Work.LagSeconds))))
	return f
}

func (r reader) roomsKnown(s apiserver.ConfigurationStatus) fact {
	f := fact{Name: r.say("Rooms"), Value: r.number(s.Counts.Rooms)}
	f.add([]count{
		{s.Counts.RoomsUnread, r.say("not read yet: %d", s.Counts.RoomsUnread), false},
		{s.Counts.RoomsFailing, r.say("cannot be read: %d", s.Counts.RoomsFailing), true},
		{s.Counts.RoomsGuarded, r.say("in doubt: %d", s.Counts.RoomsGuarded), true},
		{s.Counts.RoomsElsewhere, r.say("with another configuration: %d", s.Counts.RoomsElsewhere), false},
		{s.Counts.RoomsRetired, r.say("no longer in the room list: %d", s.Counts.RoomsRetired), false},
	})
	f.More = append(f.More, r.say("meetings known: %d", s.Counts.Meetings))
	return f
}

func (r reader) owner(s apiserver.ConfigurationStatus) fact {
	f := fact{Name: r.say("Worked on by"), Value: r.say("nobody"), Bad: s.State != apiserver.Disabled}
	if s.Owner == nil {
		return f
	}
	f.Value, f.Bad = s.Owner.Host, false
	f.More = []string{r.say("process %s", strconv.Itoa(s.Owner.Pid)), r.since(&s.Owner.Since)}
	if s.Owner.Here {
		f.More = append(f.More, r.say("it made this page"))
	}
	return f
}

func (f *fact) add(parts []count) {
	for _, part := range parts {
		if part.n > 0 {
			f.More = append(f.More, part.text)
			f.Bad = f.Bad || part.bad
		}
	}
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
