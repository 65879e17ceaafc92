package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ews/e2e/stage"
)

// The people and places of the simulated organisation.
const (
	alice       = "alice@example.com"
	bob         = "bob@example.com"
	carol       = "carol@example.com"
	admin       = "admin@example.com" // known to Eliona, without a mailbox
	serviceUser = "eliona@example.com"
	roomList    = "first.floor@example.com"

	roomGAI = "ews_room_"
	accept  = "Accept"
	decline = "Decline"
)

// room is the address of a room by its number.
func room(n int) string { return fmt.Sprintf("room-%d@example.com", n) }

// title writes the name before the @ as people do: "Room 1", "Alice".
func title(address string) string {
	name, _, _ := strings.Cut(address, "@")
	name = strings.ReplaceAll(name, "-", " ")
	if name == "" {
		return "nobody"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// world is what the simulators and the app show of themselves.
type world struct {
	control *stage.Control
	app     *app
}

// slot is what somebody booked.
type slot struct {
	person string
	rooms  []string
	start  time.Time
	end    time.Time
}

func (s slot) String() string {
	names := make([]string, 0, len(s.rooms))
	for _, r := range s.rooms {
		names = append(names, title(r))
	}
	return fmt.Sprintf("%s, %s, %s", title(s.person), strings.Join(names, " and "), clock(s.start))
}

// clock writes a time for people.
func clock(t time.Time) string { return t.Local().Format("Mon 15:04") }

// moved is the same, some hours later.
func (s slot) moved(hours int) slot {
	d := time.Duration(hours) * time.Hour
	s.start, s.end = s.start.Add(d), s.end.Add(d)
	return s
}

// book is the action that books the slot.
func (s slot) book(where, subject string) stage.Action {
	return stage.Action{Person: s.person, Where: where, Action: "book", Subject: subject, Rooms: s.rooms}.
		At(s.start, s.end.Sub(s.start))
}

// meeting looks for the one meeting in the organizer's calendar that fills the
// slot, accepted by all of its rooms and standing in their calendars.
func (w *world) meeting(ctx context.Context, s slot) (stage.Entry, string, error) {
	entries, err := w.control.Calendar(ctx, s.person)
	if err != nil {
		return stage.Entry{}, "", err
	}
	found := meetingsAt(entries, s)
	if len(found) != 1 {
		return stage.Entry{}, fmt.Sprintf("%d meetings in %s's calendar at %s: %s", len(found), title(s.person), clock(s.start), listed(found)), nil
	}
	e := found[0]
	if !sameMailbox(e.Organizer, s.person) || !e.End.Equal(s.end) || len(e.Rooms) != len(s.rooms) {
		return e, "a meeting that differs: " + listed(found), nil
	}
	for _, r := range s.rooms {
		if answerOf(e, r) != accept {
			return e, fmt.Sprintf("%s has not accepted: %s", title(r), listed(found)), nil
		}
		own, err := w.control.Calendar(ctx, r)
		if err != nil {
			return e, "", err
		}
		if at := entriesAt(own, s.start); len(at) != 1 || at[0].UID != e.UID {
			return e, fmt.Sprintf("%d entries in the calendar of %s at %s: %s", len(at), title(r), clock(s.start), listed(at)), nil
		}
	}
	return e, "", nil
}

// free tells what stands in the calendar of a mailbox at a time.
func (w *world) free(ctx context.Context, mailbox string, start time.Time) (string, error) {
	entries, err := w.control.Calendar(ctx, mailbox)
	if err != nil {
		return "", err
	}
	if at := entriesAt(entries, start); len(at) > 0 {
		return fmt.Sprintf("still in the calendar of %s: %s", title(mailbox), listed(at)), nil
	}
	return "", nil
}

// booking looks for the one live booking that fills the slot.
func (w *world) booking(ctx context.Context, s slot) (stage.Booking, string, error) {
	all, rooms, err := w.bookings(ctx)
	if err != nil {
		return stage.Booking{}, "", err
	}
	var at []stage.Booking
	for _, b := range all {
		shares := slices.ContainsFunc(s.rooms, func(r string) bool { return slices.Contains(roomsOf(b, rooms), r) })
		if !b.Cancelled && shares && b.Start.Equal(s.start) {
			at = append(at, b)
		}
	}
	if len(at) != 1 {
		return stage.Booking{}, fmt.Sprintf("%d bookings for %s: %s", len(at), s, bookingsListed(at, rooms)), nil
	}
	b := at[0]
	want, have := slices.Sorted(slices.Values(s.rooms)), slices.Sorted(slices.Values(roomsOf(b, rooms)))
	if !slices.Equal(want, have) || !b.End.Equal(s.end) || !sameMailbox(b.Organizer, s.person) {
		return b, "a booking that differs: " + bookingsListed(at, rooms), nil
	}
	return b, "", nil
}

// cancelled looks whether a booking was cancelled for a reason.
func (w *world) cancelled(ctx context.Context, id int32, reason string) (string, error) {
	all, rooms, err := w.bookings(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(b stage.Booking) bool { return b.ID == id })
	switch {
	case i < 0:
		return fmt.Sprintf("no booking %d", id), nil
	case !all[i].Cancelled:
		return "still there: " + bookingsListed(all[i:i+1], rooms), nil
	case all[i].Reason != reason:
		return fmt.Sprintf("cancelled with the reason %q", all[i].Reason), nil
	}
	return "", nil
}

// bookings returns all bookings, and the rooms by the ids of their assets.
func (w *world) bookings(ctx context.Context) ([]stage.Booking, map[int32]string, error) {
	assets, err := w.control.Assets(ctx)
	if err != nil {
		return nil, nil, err
	}
	all, err := w.control.Bookings(ctx)
	return all, assetRooms(assets), err
}

func assetRooms(assets []stage.Asset) map[int32]string {
	rooms := map[int32]string{}
	for _, a := range assets {
		if address, ok := strings.CutPrefix(a.GAI, roomGAI); ok && !a.Gone {
			rooms[a.ID] = address
		}
	}
	return rooms
}

// roomsOf names what is booked; an asset that is no room by its number.
func roomsOf(b stage.Booking, rooms map[int32]string) []string {
	var out []string
	for _, id := range b.AssetIDs {
		address, ok := rooms[id]
		if !ok {
			address = fmt.Sprintf("asset %d", id)
		}
		out = append(out, address)
	}
	return out
}

func meetingsAt(entries []stage.Entry, s slot) []stage.Entry {
	var out []stage.Entry
	for _, e := range entriesAt(entries, s.start) {
		if slices.ContainsFunc(s.rooms, func(r string) bool { return answerOf(e, r) != "" }) {
			out = append(out, e)
		}
	}
	return out
}

func entriesAt(entries []stage.Entry, start time.Time) []stage.Entry {
	var out []stage.Entry
	for _, e := range entries {
		if !e.Cancelled && e.Start.Equal(start) {
			out = append(out, e)
		}
	}
	return out
}

// answerOf is a room's answer; empty if it is not invited.
func answerOf(e stage.Entry, address string) string {
	for _, r := range e.Rooms {
		if sameMailbox(r.Address, address) {
			return r.Response
		}
	}
	return ""
}

func sameMailbox(a, b string) bool { return strings.EqualFold(a, b) }

func listed(entries []stage.Entry) string {
	if len(entries) == 0 {
		return "none"
	}
	var out []string
	for _, e := range entries {
		words := []string{fmt.Sprintf("%s–%s of %s", clock(e.Start), e.End.Local().Format("15:04"), title(e.Organizer))}
		for _, r := range e.Rooms {
			words = append(words, title(r.Address)+" "+r.Response)
		}
		out = append(out, strings.Join(words, ", "))
	}
	return strings.Join(out, "; ")
}

func bookingsListed(bookings []stage.Booking, rooms map[int32]string) string {
	if len(bookings) == 0 {
		return "none"
	}
	var out []string
	for _, b := range bookings {
		s := slot{person: b.Organizer, rooms: roomsOf(b, rooms), start: b.Start, end: b.End}
		out = append(out, fmt.Sprintf("%d of group %d (%s–%s)", b.ID, b.GroupID, s, b.End.Local().Format("15:04")))
	}
	return strings.Join(out, "; ")
}
