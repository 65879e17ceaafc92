package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ews/e2e/stage"
)

const (
	outlook  = "outlook"
	eliona   = "eliona"
	service  = "service"
	nobody   = "nobody"
	canceled = "canceled"
)

// clientReference is what every booking bears that the app makes.
const clientReference = "ews-app"

// answers are the words for what Exchange says of an invitation.
var answers = map[string]string{
	"Accept": "accepted", "Tentative": "tentative", "Decline": "declined", "Organizer": "organizer",
	"Unknown": "unanswered", "NoResponseReceived": "unanswered",
}

// entry is what shall stand in a calendar, or in several places of it.
type entry struct {
	line    int
	side    string
	mailbox string // outlook
	nothing bool
	when    when
	subject string
	rooms   []string // outlook: with their answers
	who     string   // eliona: booked by; outlook: invited by
	answer  string   // of a room
	invited bool
	reason  string // eliona: of a cancellation
	loose   bool   // eliona: only the name and the reason count

	name    string // that very meeting or booking
	group   string // a booking of that group
	as      string // gives it a name
	asGroup bool
}

// place is the calendar it stands in.
func (e *entry) place() string {
	if e.side == eliona {
		return eliona
	}
	return outlook + " " + e.mailbox
}

// texts are the lines that the entry stands for.
func (e *entry) texts(a almanac) []string {
	if e.loose {
		return []string{e.place() + ": " + e.name + " cancelled " + e.reason}
	}
	var texts []string
	for _, s := range e.when.on(a) {
		var text string
		switch {
		case e.side == eliona:
			text = elionaText(e.rooms, e.who, e.reason)
		case isRoom(e.mailbox):
			text = e.who + " " + e.answer
		case e.invited:
			text = "invited by " + e.who
		case len(e.rooms) == 0:
			text = "no room"
		default:
			text = strings.Join(e.rooms, ", ")
		}
		texts = append(texts, e.place()+": "+a.text(s)+" "+text)
	}
	return texts
}

func elionaText(rooms []string, who, reason string) string {
	text := strings.Join(rooms, ", ") + " " + who
	if reason != "" {
		text += " cancelled " + reason
	}
	return text
}

// sight is what stands in a calendar.
type sight struct {
	place   string
	text    string // as entry.texts has it
	span    span
	live    bool
	subject string
	meeting meeting // outlook
	booking stage.Booking
}

// meeting names a meeting in Outlook.
type meeting struct{ organizer, uid string }

// name is the local name of an address.
func (p *Play) name(address string) string {
	switch {
	case address == "":
		return nobody
	case strings.EqualFold(address, serviceBy):
		return service
	}
	if local, ok := strings.CutSuffix(strings.ToLower(address), p.suffix+"@"+domain); ok {
		return local
	}
	return address
}

// bookings are all bookings that the scenario's rooms ever had.
func (p *Play) bookings(ctx context.Context) ([]sight, error) {
	all, err := p.world.watch.bookings(ctx)
	if err != nil {
		return nil, err
	}
	if len(p.assets) < len(p.scenario.Rooms) { // one joined later
		if err := p.findAssets(ctx); err != nil {
			return nil, err
		}
	}
	if err := p.world.watch.doubles(p.assets); err != nil {
		return nil, err
	}
	rooms := map[int32]string{}
	for address, asset := range p.assets {
		rooms[asset] = p.name(address)
	}
	var sights []sight
	for _, b := range all {
		var names []string
		mine := false
		for _, asset := range b.AssetIDs {
			name, known := rooms[asset]
			mine = mine || known
			if !known {
				name = "asset " + strconv.Itoa(int(asset))
			}
			names = append(names, name)
		}
		if !mine && !p.knows(b.ID) {
			continue
		}
		if !p.made[b.ID] && b.ClientReference != clientReference {
			return nil, fmt.Errorf("booking %d was made with the client reference %q", b.ID, b.ClientReference)
		}
		slices.Sort(names)
		s := span{b.Start, b.End}
		reason := ""
		if b.Cancelled {
			reason = b.Reason
		}
		sights = append(sights, sight{
			place: eliona, text: eliona + ": " + p.almanac.text(s) + " " + elionaText(names, p.name(b.Organizer), reason),
			span: s, live: !b.Cancelled, booking: b,
		})
	}
	return sights, nil
}

func (p *Play) knows(booking int32) bool {
	for _, t := range p.things {
		if slices.Contains(t.bookings, booking) {
			return true
		}
	}
	return false
}

// calendarAhead is how far ahead calendars are looked at; nothing of a
// scenario is later.
const calendarAhead = 740 * 24 * time.Hour

// calendar is what stands in a calendar in Outlook. Of the service user's only
// what concerns the scenario's rooms.
func (p *Play) calendar(ctx context.Context, mailbox string) ([]sight, error) {
	query := url.Values{
		"start": {p.almanac.today.Add(-48 * time.Hour).Format(time.RFC3339)},
		"end":   {p.almanac.today.Add(calendarAhead).Format(time.RFC3339)},
	}
	address := p.address(mailbox)
	var entries []stage.Entry
	if err := p.world.Control.Do(ctx, http.MethodGet, "/calendars/"+address+"?"+query.Encode(), nil, &entries); err != nil {
		return nil, err
	}
	var sights []sight
	for _, e := range entries {
		var rooms []string
		mine := false
		for _, r := range e.Rooms {
			mine = mine || strings.Contains(r.Address, p.suffix+"@")
			rooms = append(rooms, p.name(r.Address)+" "+answers[r.Response])
		}
		if mailbox == service && !mine {
			continue
		}
		slices.Sort(rooms)
		var text string
		switch {
		case isRoom(mailbox) && e.Cancelled:
			text = p.name(e.Organizer) + " " + canceled
		case isRoom(mailbox):
			text = p.name(e.Organizer) + " " + answers[e.Response]
		case !strings.EqualFold(e.Organizer, address):
			text = "invited by " + p.name(e.Organizer)
		case len(rooms) == 0:
			text = "no room"
		default:
			text = strings.Join(rooms, ", ")
		}
		s := span{e.Start, e.End}
		place := outlook + " " + mailbox
		sights = append(sights, sight{
			place: place, text: place + ": " + p.almanac.text(s) + " " + text, span: s, live: !e.Cancelled,
			subject: e.Subject, meeting: meeting{e.Organizer, e.UID},
		})
	}
	return sights, nil
}

// everything is what both sides show of the scenario.
func (p *Play) everything(ctx context.Context) ([]sight, error) {
	sights, err := p.bookings(ctx)
	for _, mailbox := range slices.Concat(p.scenario.Rooms, p.scenario.People) {
		if err != nil {
			return nil, err
		}
		var more []sight
		more, err = p.calendar(ctx, mailbox)
		sights = append(sights, more...)
	}
	return sights, err
}

// comparison compares calendars with what was written.
type comparison struct {
	entries []*entry
	settled bool          // must last
	some    bool          // there may be more
	limit   time.Duration // 0: the scenario's patience
}

// lasting is how long settled calendars must stay as they are.
const lasting = 2 * time.Second

func (c *comparison) play(ctx context.Context, p *Play) error {
	p.acted = false
	limit, watch := p.limit(c.limit), stage.StartStopwatch()
	if c.settled {
		limit += lasting
	}
	var since time.Time
	instead := "nothing could be seen"
	for {
		began := time.Now()
		different, err := c.different(ctx, p)
		switch {
		case err != nil:
			return err
		case watch.Took() > limit:
			return fmt.Errorf("after %v\n%s%s", limit, instead, c.beside(ctx, p))
		case different == "" && (!c.settled || !since.IsZero() && time.Since(since) >= lasting):
			return nil
		case different == "" && since.IsZero():
			since = began
			instead = fmt.Sprintf("it did not last for %v", lasting)
		case different != "":
			if !since.IsZero() {
				p.log("what was reached after %v was left again:\n%s", time.Since(p.began).Round(time.Millisecond), different)
			}
			since, instead = time.Time{}, different
		}
		pause := lookEvery
		if !c.some {
			pause *= 2
		}
		rest(ctx, pause)
	}
}

// beside lists what both sides show, where only a part of it was looked at.
func (c *comparison) beside(ctx context.Context, p *Play) string {
	if !c.some {
		return ""
	}
	sights, err := p.everything(ctx)
	if err != nil {
		return "\n" + err.Error()
	}
	lines := []string{"\nall there is:"}
	for _, s := range sights {
		lines = append(lines, s.text+p.called(s))
	}
	return strings.Join(lines, "\n  ")
}

// different tells what is not as it was written, line by line; empty when all
// is. It gives names where everything is there.
func (c *comparison) different(ctx context.Context, p *Play) (string, error) {
	var sights []sight
	var err error
	switch e := c.entries; {
	case !c.some:
		sights, err = p.everything(ctx)
	case e[0].side == eliona:
		sights, err = p.bookings(ctx)
	default:
		sights, err = p.calendar(ctx, e[0].mailbox)
	}
	if err != nil {
		return "", err
	}
	var lines []string
	taken := make([]bool, len(sights))
	found := map[*entry][]sight{}
	for _, e := range c.entries {
		if e.nothing && c.some {
			for _, s := range sights {
				if s.live {
					lines = append(lines, "  there is: "+s.text)
				}
			}
			continue
		}
		for _, text := range e.texts(p.almanac) {
			i := p.find(e, text, sights, taken)
			if i < 0 {
				lines = append(lines, "  missing:  "+text+e.demand())
				continue
			}
			taken[i] = true
			found[e] = append(found[e], sights[i])
		}
	}
	lines = append(lines, c.surplus(p, sights, taken, len(lines) > 0)...)
	if len(lines) > 0 {
		return strings.Join(lines, "\n"), nil
	}
	for _, e := range c.entries {
		if err := p.baptise(e, found[e]); err != nil {
			return "  " + err.Error(), nil //nolint:nilerr // it may still become right
		}
	}
	return "", nil
}

// surplus lists what there is beyond what was written, as far as it matters:
// of some entries only a second one of the same, or all where one is missing.
func (c *comparison) surplus(p *Play, sights []sight, taken []bool, missing bool) []string {
	wanted := map[string]bool{}
	for _, e := range c.entries {
		for _, text := range e.texts(p.almanac) {
			wanted[text] = true
		}
	}
	var lines []string
	for i, s := range sights {
		if !taken[i] && (!c.some || missing || s.live && wanted[s.text]) {
			lines = append(lines, "  there is: "+s.text+p.called(s))
		}
	}
	return lines
}

func (e *entry) demand() string {
	text := ""
	if e.subject != "" {
		text += fmt.Sprintf(" %q", e.subject)
	}
	if e.name != "" {
		text += " = " + e.name
	}
	if e.group != "" {
		text += " in group " + e.group
	}
	return text
}

// find looks for a line that is not taken yet, and for the one that was named.
func (p *Play) find(e *entry, text string, sights []sight, taken []bool) int {
	for i, s := range sights {
		same := s.text == text || e.loose && s.booking.Cancelled && s.booking.Reason == e.reason
		if !taken[i] && same && (e.subject == "" || e.subject == s.subject) && p.is(s, e.name, e.group) {
			return i
		}
	}
	return -1
}

// is tells whether something is what a name stands for.
func (p *Play) is(s sight, name, group string) bool {
	if name != "" {
		t, err := p.thing(name)
		if err != nil {
			return false
		}
		if s.place == eliona {
			return slices.Contains(t.bookings, s.booking.ID)
		}
		return slices.ContainsFunc(t.meetings, func(m meeting) bool { return m.uid == s.meeting.uid })
	}
	if group != "" {
		t, err := p.thing(group)
		return err == nil && t.group == s.booking.GroupID
	}
	return true
}

// called are the names of something, for people.
func (p *Play) called(s sight) string {
	text := ""
	if s.subject != "" {
		text = fmt.Sprintf(" %q", s.subject)
	}
	for name := range p.things {
		if p.is(s, name, "") {
			text += " = " + name
		}
	}
	if s.place == eliona {
		text += fmt.Sprintf(" (booking %d of group %d)", s.booking.ID, s.booking.GroupID)
	}
	return text
}

// baptise gives the name that the line has for what was found.
func (p *Play) baptise(e *entry, found []sight) error {
	if e.as == "" || len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b sight) int { return a.span.start.Compare(b.span.start) })
	t := &thing{first: found[0].span.start}
	for _, s := range found {
		if s.place != eliona {
			if m := s.meeting; !slices.Contains(t.meetings, m) {
				t.meetings = append(t.meetings, m)
			}
			continue
		}
		t.bookings = append(t.bookings, s.booking.ID)
		if e.asGroup && t.group != 0 && t.group != s.booking.GroupID {
			return fmt.Errorf("the bookings are in the groups %d and %d", t.group, s.booking.GroupID)
		}
		t.group = s.booking.GroupID
	}
	p.things[e.as] = t
	return nil
}
