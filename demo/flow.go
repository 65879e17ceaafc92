package main

import (
	"slices"
	"strings"
	"time"

	"ews/e2e/stage"
)

// passage is what went between the app and one of the sides: a request of the
// app that wrote something, or the answer of a room.
type passage struct {
	ID     int       `json:"id"`
	Time   time.Time `json:"time"`
	Side   string    `json:"side"`
	Text   string    `json:"text"`             // in words
	Call   string    `json:"call,omitempty"`   // as the interface names it; empty for the answer of a room
	Status string    `json:"status,omitempty"` // response code or HTTP status
	Failed bool      `json:"failed,omitempty"`
	Took   int64     `json:"took"`  // milliseconds
	Times  int       `json:"times"` // how often in a row

	rooms []string // that answered alike
}

// flow is what the simulators' ledger tells of passages.
type flow struct {
	passages []passage
	last     int // number of the last entry of the ledger that was taken
}

// keptPassages is how many passages are remembered.
const keptPassages = 60

// together is how close requests follow each other that are told as one.
const together = 2 * time.Second

// take adds what the ledger tells.
func (f *flow) take(changes []stage.Change) {
	for _, c := range changes {
		f.last = max(f.last, c.Seq)
		p, ok := passageOf(c)
		if !ok {
			continue
		}
		if n := len(f.passages); n > 0 && f.passages[n-1].merge(p) {
			continue
		}
		f.passages = append(f.passages, p)
	}
	if extra := len(f.passages) - keptPassages; extra > 0 {
		f.passages = slices.Delete(f.passages, 0, extra)
	}
}

// merge makes one of what is alike and follows closely.
func (p *passage) merge(next passage) bool {
	if p.Call != next.Call || p.Status != next.Status || p.Failed != next.Failed || next.Time.Sub(p.Time) > together {
		return false
	}
	p.Times, p.Took = p.Times+1, max(p.Took, next.Took)
	if p.Call == "" {
		p.answeredBy(append(p.rooms, next.rooms...))
	}
	return true
}

// answeredBy puts the answer of some rooms in words.
func (p *passage) answeredBy(rooms []string) {
	slices.Sort(rooms)
	p.rooms = slices.Compact(rooms)
	verb := "accept"
	if p.Failed {
		verb = "decline"
	}
	p.Text = strings.Join(p.rooms, ", ") + " " + verb
	if len(p.rooms) == 1 {
		p.Text += "s"
	}
}

// newest returns the passages, the newest first.
func (f *flow) newest() []passage {
	out := slices.Clone(f.passages)
	slices.Reverse(out)
	return out
}

// inWords names the requests that carry something from one side to the other.
// Others are left out: reading, and what Eliona does within itself.
func inWords(operation string) (string, bool) {
	words, ok := map[string]string{
		"CreateItem":             "creates a meeting",
		"UpdateItem":             "changes a meeting",
		"CancelCalendarItem":     "cancels a meeting",
		"DeleteItem":             "cancels a meeting",
		"DeclineItem":            "declines a meeting",
		"POST /bookings":         "writes a booking",
		"PUT /bookings/{}":       "changes a booking",
		"POST /bookings/group":   "writes bookings",
		"PUT /bookings/group/{}": "changes bookings",
		"DELETE /bookings/{}":    "cancels a booking",
		"PUT /assets-bulk":       "makes assets of rooms",
	}[operation]
	return words, ok
}

func passageOf(c stage.Change) (passage, bool) {
	p := passage{ID: c.Seq, Time: c.Time, Side: eliona, Status: c.Status, Times: 1}
	if c.Service == "exchange" {
		p.Side = outlook
	}
	switch c.Kind {
	case "answered":
		p.Failed = c.Answer == decline
		p.answeredBy([]string{title(c.By)})
		return p, c.Answer == accept || p.Failed
	case "request":
		p.Call, p.Took = c.Operation, c.Time.Sub(c.Began).Milliseconds()
		var told bool
		p.Text, told = inWords(c.Operation)
		p.Failed = c.Status != "NoError" && !strings.HasPrefix(c.Status, "2")
		return p, told
	}
	return passage{}, false
}
