package soak

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ews/e2e/stage"
)

// sight is what both sides show at one moment.
type sight struct {
	copies   map[*thing]stage.Entry            // live copies of organizers
	held     map[*thing]map[string]stage.Entry // by room: accepted
	pending  map[*thing]map[string]bool        // by room: not decided
	strange  []string                          // entries that belong to nobody's wish
	bookings map[*thing][]*booked
}

// see looks at all calendars. Bookings are told by the ledger.
func (w *world) see(ctx context.Context) (*sight, error) {
	s := &sight{
		copies: map[*thing]stage.Entry{}, held: map[*thing]map[string]stage.Entry{}, pending: map[*thing]map[string]bool{},
		bookings: map[*thing][]*booked{},
	}
	rooms := flat(floors...)
	for _, mailbox := range slices.Concat(people, []string{partner, service}, rooms) {
		query := url.Values{
			"start": {time.Now().UTC().Format(time.RFC3339)}, "end": {time.Now().UTC().AddDate(0, 0, horizonDays).Format(time.RFC3339)},
		}
		var entries []stage.Entry
		if err := w.Control.Do(ctx, http.MethodGet, "/calendars/"+mailbox+"?"+query.Encode(), nil, &entries); err != nil {
			return nil, fmt.Errorf("looking into a calendar: %w", err)
		}
		w.mu.Lock()
		for _, e := range entries {
			if !e.Cancelled {
				s.add(w, mailbox, slices.Contains(rooms, mailbox), e)
			}
		}
		w.mu.Unlock()
	}
	if err := w.look(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.book.things {
		s.bookings[t] = w.history.of(t)
	}
	return s, nil
}

func (s *sight) add(w *world, mailbox string, isRoom bool, e stage.Entry) {
	m := w.history.meetings[e.UID]
	var t *thing
	if m != nil {
		t = m.date(stage.Change{Original: e.Original})
	}
	switch {
	case t == nil:
		s.strange = append(s.strange, fmt.Sprintf("%s has a meeting of %s at %s", name(mailbox), name(e.Organizer), e.Start.Format(minutes)))
	case !isRoom && e.Response == "Organizer":
		s.copies[t] = e
	case isRoom && e.Response == "Accept":
		if s.held[t] == nil {
			s.held[t] = map[string]stage.Entry{}
		}
		s.held[t][mailbox] = e
	case isRoom:
		if s.pending[t] == nil {
			s.pending[t] = map[string]bool{}
		}
		s.pending[t][mailbox] = true
	}
}

// judge compares what both sides show with each other and with the wishes.
type judge struct {
	*world
	*sight
	out []problem
	// unanswered are things whose rooms have not decided: nobody can tell what
	// becomes of them.
	unanswered int
}

func (j *judge) find(rule string, t *thing, format string, args ...any) {
	j.out = append(j.out, problem{rule, fmt.Sprintf(format, args...), t})
}

// differences tells what is not as it must be at rest (I1, I3, I4).
func (w *world) differences(ctx context.Context) ([]problem, int, error) {
	s, err := w.see(ctx)
	if err != nil {
		return nil, 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	j := &judge{world: w, sight: s}
	for _, text := range s.strange {
		j.find("I4", nil, "%s, which nobody wished for", text)
	}
	for _, t := range w.book.things {
		switch {
		case !t.live() && !j.tooLate(t):
			j.gone(t)
		case len(s.pending[t]) > 0:
			j.unanswered++
		default:
			j.same(t)
			j.there(t)
		}
	}
	return j.out, j.unanswered, nil
}

// gone: what a person cancelled is on neither side.
func (j *judge) gone(t *thing) {
	if j.askedAgain(t) {
		if len(j.bookings[t]) > 0 {
			j.same(t)
		}
		return
	}
	for _, b := range j.bookings[t] {
		j.find("I3", t, "it was cancelled in %s, and booking %d is alive", t.by, b.id)
	}
	var holding []string
	for room := range j.held[t] {
		holding = append(holding, room)
	}
	for room := range j.pending[t] {
		holding = append(holding, room)
	}
	if len(holding) > 0 {
		j.find("I3", t, "it was cancelled in %s, and stands in %s", t.by, names(holding))
	}
	if _, live := j.copies[t]; live && t.mailbox != partner {
		j.find("I3", t, "it was cancelled in %s, and stands in the calendar of %s", t.by, name(t.mailbox))
	}
}

// tooLate: a group was cancelled in Eliona when this date had no booking any more,
// because a room had declined it. What its organizer has of it is not cancelled.
func (j *judge) tooLate(t *thing) bool {
	if t.by != eliona || t.series == nil || !j.refused(t) {
		return false
	}
	for _, b := range j.history.bookings {
		if b.thing == t && (b.live || b.ended.By != client) {
			return false
		}
	}
	return true
}

// askedAgain: the app cannot cancel a meeting of a partner, only decline it in the
// rooms' names. If the partner changes it at the same time or later, the rooms are
// asked again, and accept.
func (j *judge) askedAgain(t *thing) bool {
	if t.mailbox != partner || t.by != eliona {
		return false
	}
	for _, w := range t.wishes[1:] {
		if w.side == outlook && t.cancelled.Sub(w.at) < time.Minute {
			return true
		}
	}
	return false
}

// same: the booking covers the rooms that hold the meeting, at the same time.
func (j *judge) same(t *thing) {
	bookings, held := j.bookings[t], j.held[t]
	if len(bookings) > 1 {
		j.find("I2", t, "it has %d bookings", len(bookings))
		return
	}
	holding := slices.Sorted(maps.Keys(held))
	if len(bookings) == 0 {
		if len(holding) > 0 {
			j.find("I1", t, "%s hold it, and there is no booking", names(holding))
		}
		return
	}
	b := bookings[0]
	if covers := j.roomsOf(b.assets); !slices.Equal(covers, holding) {
		j.find("I1", t, "booking %d covers %s, the meeting is held by %s", b.id, names(covers), names(holding))
	}
	for room, e := range held {
		if !e.Start.Equal(b.start) || !e.End.Equal(b.end) {
			j.find("I1", t, "booking %d is %s-%s, %s shows %s-%s", b.id, b.start.Format(minutes), b.end.Format("15:04"),
				name(room), e.Start.Format(minutes), e.End.Format("15:04"))
		}
	}
	if c, live := j.copies[t]; live && (!c.Start.Equal(b.start) || !c.End.Equal(b.end)) {
		j.find("I1", t, "booking %d is %s-%s, its organizer has %s-%s", b.id, b.start.Format(minutes), b.end.Format("15:04"),
			c.Start.Format(minutes), c.End.Format("15:04"))
	}
}

// there: what nobody cancelled and no room declined is there, as it was wished.
func (j *judge) there(t *thing) {
	declined := j.history.declined(t)
	c, live := j.copies[t]
	if !live {
		undone, ours := j.history.undone(t)
		if t.origin == outlook {
			j.find("I4", t, "nobody cancelled it, and its organizer has it no more (the app cancelled it: %v, at %s)", ours, clock(undone.Time))
			return
		}
		if len(declined) == 0 || !j.refused(t) {
			j.find("I4", t, "nobody cancelled it and no room declined it, and there is no meeting")
		}
		return
	}
	wishes := t.acceptable(len(declined) > 0)
	if !slices.ContainsFunc(wishes, func(w wish) bool { return w.start.Equal(c.Start) && w.end.Equal(c.End) }) {
		j.find("I4", t, "it is at %s-%s, nobody's last wish: %v", c.Start.Format(minutes), c.End.Format("15:04"), wishes)
	}
	allowed, wanted := union(wishes), intersection(wishes)
	maps.Copy(allowed, declined)
	for room := range j.held[t] {
		if !allowed[room] {
			j.find("I4", t, "%s holds it, where nobody wanted it: %v", name(room), wishes)
		}
	}
	for room := range wanted {
		if _, holds := j.held[t][room]; !holds && !declined[room] {
			j.find("I4", t, "%s does not hold it, and did not decline: %v", name(room), wishes)
		}
	}
}

// refused tells whether the app withdrew a booking made in Eliona because of a
// room, as it says.
func (j *judge) refused(t *thing) bool {
	for _, b := range j.history.bookings {
		if b.thing == t && !b.live && b.ended.By == client && b.ended.Reason == "conflict" {
			return true
		}
	}
	return false
}

func describe(all []problem) string {
	lines := make([]string, 0, len(all))
	for _, p := range all {
		text := p.rule + ": "
		if p.thing != nil {
			text += p.thing.String() + ": "
		}
		lines = append(lines, text+p.text)
	}
	return strings.Join(lines, "\n")
}
