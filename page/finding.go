package page

import (
	"strconv"

	"ews/apiserver"
)

type findingView struct {
	ID, Title, Class    string
	Text, Fix, Code     string
	Room, When, Booking string
	Since               string
	Retry               string // words of the button; empty: there is none
}

func (r reader) finding(f apiserver.Finding) findingView {
	v := findingView{
		ID: f.Id, Class: "warn", Text: r.say(f.Text), Fix: r.say(f.Fix), Code: f.Code, Room: f.RoomName, Since: r.since(f.Since),
	}
	if v.Room == "" {
		v.Room = f.Room
	}
	if f.Start != nil && f.End != nil {
		v.When = r.span(*f.Start, *f.End)
	}
	if f.BookingId != nil {
		v.Booking = strconv.Itoa(int(*f.BookingId))
	}
	switch f.Kind {
	case apiserver.Parked:
		v.Title = r.say("Refused by one side")
	case apiserver.Failing:
		v.Title, v.Class = r.say("Fails again and again"), "bad"
	case apiserver.Clash:
		v.Title = r.say("Clash in Eliona")
	case apiserver.Refusal:
		v.Title = r.say("Booking refused by Exchange")
	case apiserver.Silent:
		v.Title = r.say("Room does not answer")
	case apiserver.Room:
		v.Title, v.Class = r.say("Room cannot be read"), "bad"
	case apiserver.Guard:
		v.Title, v.Class = r.say("Many entries vanished"), "bad"
	}
	if f.Retryable {
		v.Retry = r.say("Try again now")
		if f.Kind == apiserver.Guard {
			v.Retry = r.say("Look again and accept it")
		}
	}
	return v
}
