package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The two sides on which people act.
const (
	outlook = "outlook"
	eliona  = "eliona"
)

// thing is a meeting, or one date of a series, that somebody wished for.
type thing struct {
	number int
	origin string // outlook or eliona
	person string // who organizes or books; empty for an ad-hoc booking
	floor  int    // all its rooms are on one floor, and so of one configuration
	series *series
	// original is the start by which Exchange knows one date of a series.
	original time.Time

	// The keys of both sides, as far as they are known.
	uid     string // of the meeting
	mailbox string // that has the organizer's copy
	booking int32  // of the latest live booking; 0 for none
	group   int32  // of bookings made together in Eliona

	shown     wish // what the organizer's copy says
	wishes    []wish
	cancelled time.Time // by a person; zero if not
	by        string    // where it was cancelled
	deeds     []string  // what people did, for people
	touched   time.Time // when somebody last did something to it
}

// series are dates of one meeting in Outlook.
type series struct {
	things []*thing
	moved  time.Time // as a whole; zero if never
}

// wish is a state that somebody wished for.
type wish struct {
	at         time.Time
	side       string
	start, end time.Time
	rooms      []string
	// settled: both sides had come to rest before, so that this wish replaces all
	// others instead of competing with them.
	settled bool
}

func (t *thing) last() wish { return t.wishes[len(t.wishes)-1] }

func (t *thing) live() bool { return t.cancelled.IsZero() }

// key names the unit that the app works on: a meeting with all its dates.
func (t *thing) key() int {
	if t.series != nil && t.origin == outlook {
		return t.series.things[0].number
	}
	return t.number
}

// acceptable are the wishes that may have come true: the last one that was made
// in peace, and those after it. Where a room declined, also those before.
func (t *thing) acceptable(declined bool) []wish {
	if declined {
		return t.wishes
	}
	for i := len(t.wishes) - 1; i > 0; i-- {
		if t.wishes[i].settled {
			return t.wishes[i:]
		}
	}
	return t.wishes
}

func (t *thing) String() string {
	text := fmt.Sprintf("#%d of %s in %s", t.number, name(t.person), t.origin)
	if t.series != nil {
		text += fmt.Sprintf(" (series of #%d, originally %s)", t.series.things[0].number, t.original.Format(minutes))
	}
	return text
}

const minutes = "01-02 15:04"

func (w wish) String() string {
	return fmt.Sprintf("%s-%s %s", w.start.Format(minutes), w.end.Format("15:04"), names(w.rooms))
}

func name(address string) string {
	if address == "" {
		return "nobody"
	}
	local, _, _ := strings.Cut(address, "@")
	return local
}

func names(addresses []string) string {
	var out []string
	for _, a := range addresses {
		out = append(out, name(a))
	}
	slices.Sort(out)
	return strings.Join(out, "+")
}

// note remembers a deed for people to read.
func (t *thing) note(format string, args ...any) {
	t.touched = time.Now()
	t.deeds = append(t.deeds, t.touched.UTC().Format("15:04:05.000")+" "+fmt.Sprintf(format, args...))
}

// book keeps all things, and which minute is whose.
type book struct {
	things []*thing
	minute map[int64]*thing
}

func newBook() *book { return &book{minute: map[int64]*thing{}} }

// add enters a new thing with its first wish.
func (b *book) add(t *thing, first wish) *thing {
	b.things = append(b.things, t)
	t.number = len(b.things)
	b.wish(t, first)
	return t
}

// wish adds a wish, and gives its minute to the thing.
func (b *book) wish(t *thing, w wish) {
	w.at = time.Now()
	slices.Sort(w.rooms)
	t.wishes = append(t.wishes, w)
	b.minute[w.start.Unix()] = t
}

// at returns the thing that somebody wished to begin then, or nil.
func (b *book) at(start time.Time) *thing { return b.minute[start.Unix()] }

// union are all rooms of some wishes, intersection those of every one.
func union(wishes []wish) map[string]bool {
	out := map[string]bool{}
	for _, w := range wishes {
		for _, r := range w.rooms {
			out[r] = true
		}
	}
	return out
}

func intersection(wishes []wish) map[string]bool {
	out := union(wishes)
	maps.DeleteFunc(out, func(room string, _ bool) bool {
		return slices.ContainsFunc(wishes, func(w wish) bool { return !slices.Contains(w.rooms, room) })
	})
	return out
}
