package main

import (
	"fmt"
	"slices"
	"time"
)

// occurrence is something that happened on one side, and how long the other
// took to follow.
type occurrence struct {
	ID      int       `json:"id"`
	Time    time.Time `json:"time"`
	Side    string    `json:"side"`
	Text    string    `json:"text"`
	Latency *int64    `json:"latency,omitempty"` // milliseconds until the other side had it; absent while it has not
	Waiting bool      `json:"waiting,omitempty"`
	Outcome string    `json:"outcome,omitempty"` // in words

	where  string // of what the other side shall show, or not show any more
	gone   bool   // it shall not show it any more
	echoed bool   // begun in Eliona: the change in Outlook that follows it was seen
}

// journal compares successive looks at both sides. Its precision is the time
// between two looks.
type journal struct {
	entries map[string]entry // of the last look, by key
	events  []occurrence
	last    int
	first   bool // the first look was taken: what it showed is no event
}

// kept is how many events are remembered.
const kept = 60

func (j *journal) note(e occurrence) {
	j.last++
	e.ID = j.last
	j.events = append(j.events, e)
	if len(j.events) > kept {
		j.events = slices.Delete(j.events, 0, len(j.events)-kept)
	}
}

// observe compares with the last look.
func (j *journal) observe(now time.Time, entries []entry) {
	before := j.entries
	j.entries = make(map[string]entry, len(entries))
	for _, e := range entries {
		j.entries[e.Key] = e
	}
	if !j.first {
		j.first = true
		return
	}
	held := holders(entries)
	for _, side := range []string{eliona, outlook} {
		for _, e := range entries {
			if e.Side == side {
				j.compare(now, e, before)
			}
		}
	}
	j.follow(now, held)
}

// compare notes what has become of an entry, unless it is the echo of what was
// done on the other side.
func (j *journal) compare(now time.Time, e entry, before map[string]entry) {
	old, known := before[e.Key]
	verb, gone := "", false
	switch {
	case e.live() && !(known && old.live()):
		verb = "booked"
	case e.live() && old.where() != e.where():
		verb = "moved"
	case !e.live() && known && old.live() && e.State == stateDeclined:
		verb, gone = "declined", true
	case !e.live() && known && old.live():
		verb, gone = "cancelled", true
	default:
		return
	}
	if e.Side == eliona && e.byApp || e.Side == outlook && e.State != stateDeclined && j.echo(e.where(), gone) {
		return
	}
	j.note(occurrence{
		Time: now, Side: e.Side, Text: fmt.Sprintf("%s: %s, %s, %s", verb, title(e.Room), title(e.Organizer), span(e)),
		Waiting: true, where: e.where(), gone: gone,
	})
}

// echo looks for the event in Eliona that a change in Outlook follows.
func (j *journal) echo(where string, gone bool) bool {
	for i := range j.events {
		if e := &j.events[i]; e.Side == eliona && e.where == where && e.gone == gone && !e.echoed {
			e.echoed = true
			return true
		}
	}
	return false
}

// holder tells which sides hold a time and place.
type holder struct{ outlook, accepted, eliona bool }

func (h holder) on(side string) bool {
	if side == outlook {
		return h.outlook
	}
	return h.eliona
}

func holders(entries []entry) map[string]holder {
	held := map[string]holder{}
	for _, e := range entries {
		if !e.live() {
			continue
		}
		h := held[e.where()]
		if e.Side == outlook {
			h.outlook = true
			h.accepted = h.accepted || e.State == stateAccepted
		} else {
			h.eliona = true
		}
		held[e.where()] = h
	}
	return held
}

func other(side string) string {
	if side == outlook {
		return eliona
	}
	return outlook
}

// follow ends the waiting for what the other side shows now. A booking counts
// as arrived in Outlook when the room has accepted it.
func (j *journal) follow(now time.Time, held map[string]holder) {
	for i := range j.events {
		e := &j.events[i]
		if !e.Waiting {
			continue
		}
		h := held[e.where]
		arrived := h.eliona
		if e.Side == eliona {
			arrived = h.accepted
		}
		switch {
		case e.gone && !h.on(other(e.Side)), !e.gone && arrived:
			took := now.Sub(e.Time).Milliseconds()
			e.Latency, e.Waiting = &took, false
		case !e.gone && !h.on(e.Side):
			e.Waiting, e.Outcome = false, "not there any more"
		}
	}
}

func span(e entry) string {
	return e.Start.Local().Format("Mon 15:04") + "–" + e.End.Local().Format("15:04")
}

// newest returns the events, the newest first.
func (j *journal) newest() []occurrence {
	out := slices.Clone(j.events)
	slices.Reverse(out)
	return out
}
