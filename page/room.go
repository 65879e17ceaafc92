package page

import (
	"strconv"
	"time"

	"ews/apiserver"
)

// dayView is the day that the timelines show.
type dayView struct {
	Title          string
	Zone           string
	Earlier, Later string // addresses of the days around it
	Today          string // address of today; empty: it is today
	Hours          []hourView
}

func (r reader) day(d day, line axis, here place) dayView {
	on := func(days int) string {
		there := here
		there.Day = midnight(d.start, days).Format(time.DateOnly)
		if sameDay(midnight(d.start, days), r.now) {
			there.Day = ""
		}
		return there.Query()
	}
	v := dayView{Title: r.longDate(d.start), Zone: r.zone(d.start.Add(12 * time.Hour)), Earlier: on(-1), Later: on(1), Hours: line.hours()}
	if !sameDay(d.start, r.now) {
		here.Day = ""
		v.Today = here.Query()
	}
	return v
}

type roomView struct {
	Anchor   string // names it within the page
	Config   string
	Address  string
	Name     string
	State    mark
	Timeline timeline
	Summary  string // of the timeline
	Entries  []entryView
	Assets   []string
	Facts    []fact
	Trouble  *trouble
	Acting   bool // the app works on it here
}

type entryView struct {
	Time             string
	Organizer        string
	Exchange, Eliona string
	Agreement        mark
}

func (r reader) room(config string, i int, room apiserver.RoomStatus, line axis) roomView {
	v := roomView{
		Anchor: "room-" + strconv.Itoa(i+1), Config: config, Address: room.Address, Name: room.Name, State: r.roomState(room),
		Timeline: r.timeline(line, room.Today), Acting: room.State == apiserver.Active,
	}
	if v.Name == "" {
		v.Name = room.Address
	}
	differing, undecided := 0, 0
	for _, e := range room.Today {
		entry := r.entry(e)
		switch entry.Agreement.Class {
		case differs:
			differing++
		case open:
			undecided++
		}
		v.Entries = append(v.Entries, entry)
	}
	v.Summary = r.say("entries: %d, different on both sides: %d, not accepted: %d", len(room.Today), differing, undecided)
	if v.State.Class == "good" && differing > 0 {
		v.State = mark{"warn", r.say("differences: %d", differing)}
	}
	for _, a := range room.Assets {
		v.Assets = append(v.Assets, r.asset(a))
	}
	v.Facts = r.roomFacts(room)
	if f := room.Failure; f != nil {
		v.Trouble = &trouble{Text: r.say(f.Text), Fix: r.say(f.Fix), Code: f.Code, Since: r.say("times in a row: %d", f.Times)}
	}
	return v
}

func (r reader) roomState(room apiserver.RoomStatus) mark {
	switch {
	case room.State == apiserver.Retired:
		return mark{"off", r.say("no longer in the room list")}
	case room.State == apiserver.Elsewhere && room.OwnedBy != nil:
		return mark{"off", r.say("with configuration %s", strconv.FormatInt(*room.OwnedBy, 10))}
	case room.State == apiserver.Elsewhere:
		return mark{"off", r.say("with another configuration")}
	case room.Failure != nil:
		return mark{"bad", r.say("cannot be read")}
	case room.Guard != nil:
		return mark{"bad", r.say("vanished at once: %d", room.Guard.Entries)}
	case room.LastRead == nil:
		return mark{"wait", r.say("not read yet")}
	}
	return mark{"good", r.say("in sync")}
}

func (r reader) roomFacts(room apiserver.RoomStatus) []fact {
	facts := []fact{
		r.direction(r.say("Exchange → Eliona"), room.FromExchange), r.direction(r.say("Eliona → Exchange"), room.FromBookings),
		{Name: r.say("Asked for changes"), Value: r.agoOrNever(room.LastPoll)},
		{Name: r.say("Read as a whole"), Value: r.agoOrNever(room.LastRead)},
	}
	if room.NextPoll != nil {
		facts = append(facts, fact{Name: r.say("Asked next"), Value: r.second(*room.NextPoll).Text})
	}
	return facts
}

func (r reader) direction(name string, d apiserver.RoomDirection) fact {
	f := fact{Name: name, Value: r.success(d.LastCarried)}
	if d.LagSeconds != nil {
		f.More = r.behind(d.Waiting, *d.LagSeconds)
	}
	return f
}

func (r reader) asset(a apiserver.RoomAsset) string {
	switch {
	case a.AssetId == nil:
		return r.say("project %s: not made yet", a.ProjectId)
	case !a.Bookable:
		return r.say("project %s: asset %s, not bookable yet", a.ProjectId, strconv.Itoa(int(*a.AssetId)))
	}
	return r.say("project %s: asset %s", a.ProjectId, strconv.Itoa(int(*a.AssetId)))
}

func (r reader) entry(e apiserver.RoomEntry) entryView {
	v := entryView{Organizer: r.organizer(e), Exchange: "–", Eliona: "–"}
	both := e.Exchange != nil && e.Eliona != nil
	if x := e.Exchange; x != nil {
		v.Time, v.Exchange = r.span(x.Start, x.End), r.exchangeState(x.State)
	}
	if b := e.Eliona; b != nil {
		v.Eliona = r.elionaState(b.State) + " (" + r.say("number %s", strconv.Itoa(int(b.BookingId))) + ")"
		if both && !sameTimes(e.Exchange, b) {
			v.Eliona = r.span(b.Start, b.End) + ", " + v.Eliona
		} else if !both {
			v.Time = r.span(b.Start, b.End)
		}
	}
	v.Agreement = r.agreement(e)
	return v
}

func (r reader) organizer(e apiserver.RoomEntry) string {
	switch {
	case e.Private:
		return r.say("private")
	case e.Organizer == "":
		return r.say("unknown")
	}
	return e.Organizer
}

func (r reader) exchangeState(s apiserver.ExchangeEntryState) string {
	switch s {
	case apiserver.Pending:
		return r.say("not decided")
	case apiserver.Tentative:
		return r.say("tentative")
	case apiserver.Declined:
		return r.say("declined")
	case apiserver.Invited:
		return r.say("invited")
	case apiserver.Accepted:
	}
	return r.say("accepted")
}

func (r reader) elionaState(s apiserver.ElionaEntryState) string {
	if s == apiserver.Refused {
		return r.say("refused")
	}
	return r.say("booked")
}
