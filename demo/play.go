package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ews/e2e/stage"
)

// play is what the steps share: the world they look at and what earlier steps
// made in it.
type play struct {
	world
	stage *stage.Stage
	day   time.Time // midnight of the day on which the meetings are

	since  time.Time // when the step began that is played
	detail string    // what the step adds to its line

	eliona  made // booked in Eliona by Alice
	outlook made // booked in Outlook by Bob
	both    made // the meeting with two rooms
	refused made // what a room declines
	told    int  // notifications before the step
	many    []slot
	crash   []slot
}

// made is a booking or meeting with its identity on both sides.
type made struct {
	slot    slot
	uid     string
	booking int32
}

func newPlay(s *stage.Stage, a *app, now time.Time) *play {
	year, month, day := now.Local().Date()
	return &play{
		world: world{control: s.Control, app: a}, stage: s,
		day: time.Date(year, month, day+1, 0, 0, 0, 0, time.Local),
	}
}

// clock starts to measure.
func (p *play) clock() { p.since = time.Now() }

// slot is one hour of the day that is played.
func (p *play) slot(person string, hour int, rooms ...int) slot {
	s := slot{person: person, start: p.day.Add(time.Duration(hour) * time.Hour)}
	s.end = s.start.Add(time.Hour)
	for _, n := range rooms {
		s.rooms = append(s.rooms, room(n))
	}
	return s
}

func (p *play) act(ctx context.Context, a stage.Action) (stage.Made, error) {
	done, err := p.control.Act(ctx, a)
	if err != nil {
		return done, fmt.Errorf("acting as %s: %w", title(a.Person), err)
	}
	return done, nil
}

// bookInEliona books and keeps the id.
func (p *play) bookInEliona(ctx context.Context, s slot) (made, error) {
	done, err := p.act(ctx, s.book("eliona", ""))
	if err != nil {
		return made{}, err
	}
	if len(done.BookingIDs) != 1 {
		return made{}, fmt.Errorf("booking in Eliona made %d bookings", len(done.BookingIDs))
	}
	return made{slot: s, booking: done.BookingIDs[0]}, nil
}

// bookInOutlook books and keeps the UID.
func (p *play) bookInOutlook(ctx context.Context, s slot, subject string) (made, error) {
	done, err := p.act(ctx, s.book("outlook", subject))
	return made{slot: s, uid: done.UID}, err
}

// needs tells that an earlier step failed without which this one cannot be.
func needs(there bool, what string) error {
	if there {
		return nil
	}
	return fmt.Errorf("cannot be played: %s is missing", what)
}

// configure posts the configuration as an administrator does.
func (p *play) configure(ctx context.Context) error {
	c := p.stage.Configuration()
	c["roomListUPN"], c["refreshInterval"] = roomList, 2
	_, err := p.stage.Configure(ctx, c)
	return err
}

// roomsAreAssets looks for the assets with their attributes, and for the one
// notification that tells of them.
func (p *play) roomsAreAssets(ctx context.Context) (string, error) {
	assets, err := p.control.Assets(ctx)
	if err != nil {
		return "", err
	}
	roots, bookable := 0, 0
	for _, a := range assets {
		switch a.Type {
		case "ews_root":
			roots++
		case "ews_room":
			if attribute(a, "property", "bookable") == "1" && attribute(a, "info", "email") != "" {
				bookable++
			}
		}
	}
	told, err := p.notices(ctx, admin)
	if err != nil {
		return "", err
	}
	if roots != 1 || bookable != 5 || len(told) != 1 {
		return fmt.Sprintf("%d root assets, %d bookable rooms with address, %d notifications %q; %s",
			roots, bookable, len(told), told, p.status(ctx)), nil
	}
	p.detail = told[0]
	return "", nil
}

// status tells what the app says of its configurations.
func (p *play) status(ctx context.Context) string {
	configs, err := configurations(ctx, p.stage)
	if err != nil {
		return "the app does not answer"
	}
	out := []string{}
	for _, c := range configs {
		text := "all is well"
		if !c.Active {
			text = "not active"
		}
		if c.StatusText != "" {
			text = c.StatusText
		}
		out = append(out, text)
	}
	return fmt.Sprintf("the app says %q", out)
}

func attribute(a stage.Asset, subtype, name string) string {
	for _, d := range a.Data {
		if value, ok := d.Data[name]; ok && d.Subtype == subtype {
			return fmt.Sprint(value)
		}
	}
	return ""
}

// notices are the texts that somebody was sent.
func (p *play) notices(ctx context.Context, email string) ([]string, error) {
	all, err := p.control.Notifications(ctx)
	var texts []string
	for _, n := range all {
		if sameMailbox(n.Email, email) {
			texts = append(texts, n.Message["en"])
		}
	}
	return texts, err
}

// refusedAndTold looks whether the booking that a room refused was taken back
// on both sides, and whether its organizer knows.
func (p *play) refusedAndTold(ctx context.Context) (string, error) {
	if instead, err := p.cancelled(ctx, p.refused.booking, "conflict"); instead != "" || err != nil {
		return instead, err
	}
	if instead, err := p.free(ctx, p.refused.slot.person, p.refused.slot.start); instead != "" || err != nil {
		return instead, err
	}
	told, err := p.notices(ctx, p.refused.slot.person)
	if err != nil || len(told) <= p.told {
		return fmt.Sprintf("the booking is cancelled, but %s was not notified", title(p.refused.slot.person)), err
	}
	return "", nil
}

// series looks for the bookings of a weekly series.
func (p *play) series(ctx context.Context, first slot, count int) (string, error) {
	group := int32(0)
	for i := range count {
		s := first
		s.start, s.end = s.start.AddDate(0, 0, 7*i), s.end.AddDate(0, 0, 7*i)
		b, instead, err := p.booking(ctx, s)
		if instead != "" || err != nil {
			return instead, err
		}
		if group == 0 {
			group = b.GroupID
		}
		if b.GroupID != group {
			return fmt.Sprintf("booking %d is in group %d, the first one in group %d", b.ID, b.GroupID, group), nil
		}
	}
	all, rooms, err := p.bookings(ctx)
	in := 0
	for _, b := range all {
		if b.GroupID == group && !b.Cancelled {
			in++
		}
	}
	if err == nil && in != count {
		return fmt.Sprintf("%d bookings in the group: %s", in, bookingsListed(all, rooms)), nil
	}
	return "", err
}

// meetings looks for a meeting per slot; two in one place end the waiting,
// because that never heals.
func (p *play) meetings(ctx context.Context, slots []slot) (string, error) {
	calendars := map[string][]stage.Entry{}
	missing := 0
	for _, s := range slots {
		if calendars[s.person] == nil {
			entries, err := p.control.Calendar(ctx, s.person)
			if err != nil {
				return "", err
			}
			calendars[s.person] = entries
		}
		found := meetingsAt(calendars[s.person], s)
		if len(found) > 1 {
			return "", fmt.Errorf("doubled: %s", listed(found))
		}
		accepted := len(found) == 1
		for _, r := range s.rooms {
			accepted = accepted && answerOf(found[0], r) == accept
		}
		if !accepted {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Sprintf("%d of %d meetings, accepted by their rooms", len(slots)-missing, len(slots)), nil
	}
	return "", nil
}

// bookedOnce looks for one booking per slot, no more.
func (p *play) bookedOnce(ctx context.Context, slots []slot) (string, error) {
	for _, s := range slots {
		if _, instead, err := p.booking(ctx, s); instead != "" || err != nil {
			return instead, err
		}
	}
	return "", nil
}

// agree compares all rooms on both sides, and with the calendars of the people
// who organize the meetings.
func (p *play) agree(ctx context.Context) (string, error) {
	var held, organized, booked []string
	for n := 1; n <= 5; n++ {
		entries, err := p.control.Calendar(ctx, room(n))
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if !e.Cancelled {
				held = append(held, occupied(room(n), e.Start, e.End))
			}
		}
	}
	for _, person := range mailboxes() {
		entries, err := p.control.Calendar(ctx, person)
		if err != nil {
			return "", err
		}
		for _, e := range outlookEntries(person, entries) {
			if e.live() {
				organized = append(organized, occupied(e.Room, e.Start, e.End))
			}
		}
	}
	all, rooms, err := p.bookings(ctx)
	if err != nil {
		return "", err
	}
	for _, b := range all {
		for _, r := range roomsOf(b, rooms) {
			if !b.Cancelled {
				booked = append(booked, occupied(r, b.Start, b.End))
			}
		}
	}
	for _, list := range [][]string{held, organized, booked} {
		slices.Sort(list)
	}
	if !slices.Equal(held, booked) {
		return fmt.Sprintf("only in Outlook: %q, only in Eliona: %q", without(held, booked), without(booked, held)), nil
	}
	if !slices.Equal(organized, booked) {
		return fmt.Sprintf("only in calendars of people: %q, only in Eliona: %q", without(organized, booked), without(booked, organized)), nil
	}
	p.detail = fmt.Sprintf("%d bookings", len(booked))
	return "", nil
}

func occupied(address string, start, end time.Time) string {
	return strings.Join([]string{title(address), start.Local().Format("2 Jan 15:04"), end.Local().Format("15:04")}, " ")
}

// without returns what is in a and not in b; both are sorted, and what is
// there twice counts twice.
func without(a, b []string) []string {
	b = slices.Clone(b)
	var out []string
	for _, x := range a {
		if i, ok := slices.BinarySearch(b, x); ok {
			b = slices.Delete(b, i, i+1)
			continue
		}
		out = append(out, x)
	}
	return out
}
