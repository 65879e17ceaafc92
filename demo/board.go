package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ews/e2e/stage"
)

// The states of an entry.
const (
	stateAccepted  = "accepted"
	statePending   = "pending" // the room has not decided
	stateDeclined  = "declined"
	stateCancelled = "cancelled"
)

// The two sides.
const (
	outlook = "outlook"
	eliona  = "eliona"
)

// board is both sides as the page shows them.
type board struct {
	Now     time.Time    `json:"now"`
	Day     string       `json:"day"` // that the script plays
	App     bool         `json:"app"` // whether it answers
	Status  string       `json:"status"`
	People  []place      `json:"people"`
	Rooms   []place      `json:"rooms"`
	Entries []entry      `json:"entries"`
	Events  []occurrence `json:"events"` // the newest first
	Flow    []passage    `json:"flow"`   // the newest first
	Same    int          `json:"same"`   // times of rooms that both sides have
	Differ  int          `json:"differ"` // those that one side has, or whose room has not accepted
	Counts  traffic      `json:"counts"`
	Cut     int64        `json:"cut"`    // milliseconds for which the network stays cut
	Starts  int64        `json:"starts"` // milliseconds until the app is started again
	Page    string       `json:"page"`   // address of the app's own page
}

// traffic counts requests since the beginning, reading ones too.
type traffic struct {
	Exchange int64 `json:"exchange"`
	Booking  int64 `json:"booking"`
	Eliona   int64 `json:"eliona"`
}

// place is a room or a person, with the name to show.
type place struct {
	Address  string `json:"address"`
	Name     string `json:"name"`
	Declines bool   `json:"declines,omitempty"`
	Asset    bool   `json:"asset,omitempty"` // the room is an asset in Eliona
}

// entry is one room of a meeting or of a booking.
type entry struct {
	Key       string     `json:"key"` // stays the same when it is moved
	Side      string     `json:"side"`
	Room      string     `json:"room"`
	Organizer string     `json:"organizer"`
	Subject   string     `json:"subject,omitempty"` // only in Outlook
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	State     string     `json:"state"`
	Reason    string     `json:"reason,omitempty"`
	UID       string     `json:"uid,omitempty"`
	Original  *time.Time `json:"original,omitempty"` // of an occurrence of a series
	BookingID int32      `json:"bookingID,omitempty"`
	Group     int32      `json:"group,omitempty"`
	Pair      string     `json:"pair"` // what both sides share of it

	byApp bool // the app wrote it last, in Eliona
}

// live tells whether it holds the room, or is about to.
func (e entry) live() bool { return e.State == stateAccepted || e.State == statePending }

// where is what both sides share of an entry: room, organizer and time. In
// Outlook the service user stands for people without a mailbox.
func (e entry) where() string {
	organizer := e.Organizer
	if !slices.Contains(mailboxes(), organizer) {
		organizer = serviceUser
	}
	return strings.Join([]string{e.Room, organizer, e.Start.UTC().Format(time.RFC3339), e.End.UTC().Format(time.RFC3339)}, " ")
}

// mailboxes are the organizers whose calendars make the side of Outlook.
func mailboxes() []string { return []string{alice, bob, carol, serviceUser} }

// outlookEntries makes entries of the calendar of one organizer.
func outlookEntries(person string, calendar []stage.Entry) []entry {
	var out []entry
	for _, e := range calendar {
		if !sameMailbox(e.Organizer, person) {
			continue // a copy of somebody else's meeting
		}
		for _, r := range e.Rooms {
			room := strings.ToLower(r.Address)
			made := entry{
				Key: strings.Join([]string{e.UID, room}, " "), Side: outlook, Room: room, Organizer: person,
				Subject: e.Subject, Start: e.Start, End: e.End, State: answerState(r.Response), UID: e.UID,
			}
			if !e.Original.IsZero() {
				made.Original = &e.Original
				made.Key += " " + e.Original.UTC().Format(time.RFC3339)
			}
			if e.Cancelled {
				made.State = stateCancelled
			}
			out = append(out, made)
		}
	}
	return out
}

func answerState(response string) string {
	switch response {
	case accept:
		return stateAccepted
	case decline:
		return stateDeclined
	}
	return statePending
}

// elionaEntries makes entries of bookings.
func elionaEntries(bookings []stage.Booking, rooms map[int32]string) []entry {
	var out []entry
	for _, b := range bookings {
		for _, room := range roomsOf(b, rooms) {
			made := entry{
				Key: "booking " + strconv.Itoa(int(b.ID)) + " " + room, Side: eliona, Room: room, Organizer: b.Organizer,
				Start: b.Start, End: b.End, State: stateAccepted, BookingID: b.ID, Group: b.GroupID, byApp: writtenByApp(b),
			}
			if b.Cancelled {
				made.State, made.Reason = stateCancelled, b.Reason
			}
			out = append(out, made)
		}
	}
	return out
}

// appReference is how the app signs what it writes to the Booking app.
const appReference = "ews-app"

// writtenByApp tells whether the last change of a booking is the app's.
func writtenByApp(b stage.Booking) bool {
	for _, w := range slices.Backward(b.History) {
		if w.Action != "unchanged" {
			return w.ClientReference == appReference
		}
	}
	return b.ClientReference == appReference
}

// withGone keeps what vanished since the last look as cancelled: calendars and
// bookings do not show it any more, but people want to see where it was.
func withGone(now, before []entry) []entry {
	there := map[string]bool{}
	for _, e := range now {
		there[e.Key] = true
	}
	for _, e := range before {
		if !there[e.Key] {
			e.State = stateCancelled
			now = append(now, e)
		}
	}
	slices.SortFunc(now, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Side, b.Side), cmp.Compare(a.Room, b.Room), a.Start.Compare(b.Start), cmp.Compare(a.Key, b.Key))
	})
	return now
}

// agreement counts what both sides have, and what only one has.
func agreement(entries []entry) (same, differ int) {
	for _, h := range holders(entries) {
		if h.accepted && h.eliona {
			same++
		} else {
			differ++
		}
	}
	return same, differ
}

// roomPlaces lists the rooms with their names in Eliona, once they are there.
func roomPlaces(rooms []stage.Room, assets []stage.Asset) []place {
	var out []place
	for _, r := range rooms {
		p := place{Address: strings.ToLower(r.Address), Name: title(r.Address), Declines: r.Automate == "decline"}
		for _, a := range assets {
			if a.GAI == roomGAI+p.Address && !a.Gone {
				p.Name, p.Asset = a.Name, true
			}
		}
		out = append(out, p)
	}
	return out
}
