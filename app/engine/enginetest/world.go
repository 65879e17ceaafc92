package enginetest

import (
	"container/heap"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"ews/app/meeting"
)

// World is everything outside of the engine. Its methods may be called from
// several goroutines.
type World struct {
	mu     sync.Mutex
	start  time.Time
	clock  time.Time // of the event that happens now
	chance *rand.Rand
	late   []event // heap
	number int
	story  []line
	broken []string
	fates  map[Slot]*Fate
	writes int // calls with an effect on either side

	faults func(Call) *Fault
	delays bool // of calls
	mutant *Mutant
	idle   bool // nothing will happen by itself any more

	database *Database
	exchange exchange
	app      app
	assets   map[string]map[meeting.Address]meeting.AssetID
}

// Options describe a world.
type Options struct {
	Seed  uint64
	Rooms int
	// Resets: a move clears the answers in the organizer's copy.
	Resets bool
	// SendsAll: every change of attendees is sent to all of them.
	SendsAll bool
	// Echoes: the Booking app tells of what we did ourselves.
	Echoes bool
	// Hides: the Booking app does not show cancelled bookings.
	Hides bool
	// Delays: calls take a while.
	Delays bool
	// Mutant is the defect of all processes; nil if they have none.
	Mutant *Mutant
}

// Service is the mailbox that books for users without one. Whoever else has an
// address of example.com has a mailbox as well; other mailboxes are elsewhere.
const Service meeting.Address = "service@example.com"

// Slot names an occurrence for good.
type Slot struct {
	UID meeting.UID
	Key meeting.Key
}

// Fate is what really happened to an occurrence: the measure of what must
// become of it.
type Fate struct {
	Cancelled bool // by a person, on either side
	Declined  bool // by a room, at least once, or refused by Exchange
	Silent    bool // a message was lost or a room never decides
	Ghost     bool // deleted in Outlook without telling the rooms
	Unheard   bool // cancelled in Eliona when it was being cancelled by us as well, or before we knew it
	Touched   bool // changed in Outlook by a person
	Renewed   bool // changed in Outlook after it was cancelled in Eliona and had no room
	Emptied   bool // a person took a room out in Outlook
	Unlisted  bool // one of its rooms was out of the room list for a while
}

type line struct {
	at     time.Time
	format string
	args   []any
}

// New returns a world with rooms and nothing else.
func New(o Options) *World {
	w := &World{
		start: time.Now(), chance: rand.New(rand.NewPCG(o.Seed, 1)), delays: o.Delays, mutant: o.Mutant, //nolint:gosec // tests repeat their chances
		fates:  map[Slot]*Fate{},
		assets: map[string]map[meeting.Address]meeting.AssetID{},
	}
	w.database = newDatabase(w)
	w.exchange = newExchange(w, o)
	w.app = newApp(w, o)
	return w
}

// lock returns the function that unlocks. Everything that was due before has
// happened by then.
func (w *World) lock() func() {
	w.mu.Lock()
	w.happen()
	return w.mu.Unlock
}

// event is something that happens by itself.
type event struct {
	at    time.Time
	order int
	do    func()
}

type events struct{ list *[]event }

func (h events) Len() int { return len(*h.list) }
func (h events) Less(i, j int) bool {
	a, b := (*h.list)[i], (*h.list)[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.order < b.order
}
func (h events) Swap(i, j int) { (*h.list)[i], (*h.list)[j] = (*h.list)[j], (*h.list)[i] }
func (h events) Push(x any)    { *h.list = append(*h.list, x.(event)) } //nolint:forcetypeassert // a heap of events
func (h events) Pop() any {
	n := len(*h.list) - 1
	last := (*h.list)[n]
	*h.list = (*h.list)[:n]
	return last
}

// after lets something happen later. Nobody waits for it: it happens, at its
// time, when the world is looked at next.
func (w *World) after(d time.Duration, do func()) {
	heap.Push(events{&w.late}, event{w.clock.Add(d), w.next(), do})
}

func (w *World) happen() {
	until := time.Now()
	for len(w.late) > 0 && !w.late[0].at.After(until) {
		e := heap.Pop(events{&w.late}).(event) //nolint:forcetypeassert // a heap of events
		w.clock = e.at
		e.do()
	}
	w.clock = until
}

func (w *World) next() int { w.number++; return w.number }

// roll returns a number below n.
func (w *World) roll(n int) int { return w.chance.IntN(n) }

func (w *World) fate(s Slot) *Fate {
	if w.fates[s] == nil {
		w.fates[s] = &Fate{}
	}
	return w.fates[s]
}

func (w *World) note(format string, args ...any) {
	w.story = append(w.story, line{w.clock, format, args})
}

// violate notes what must never happen.
func (w *World) violate(format string, args ...any) {
	w.note("!!! "+format, args...)
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

// Broken tells what happened that must never happen.
func (w *World) Broken() []string {
	defer w.lock()()
	return w.broken
}

// Note adds a line to the story.
func (w *World) Note(format string, args ...any) {
	defer w.lock()()
	w.note(format, args...)
}

// Story tells the history so far.
func (w *World) Story() string {
	defer w.lock()()
	out := strings.Builder{}
	for _, l := range w.story {
		fmt.Fprintf(&out, "\n%9.3f %s", l.at.Sub(w.start).Seconds(), fmt.Sprintf(l.format, l.args...))
	}
	return strings.NewReplacer(" +0000 UTC", "", w.start.Format("2006-01-02 "), "").Replace(out.String())
}

// Log returns a logger that writes into the story.
func (w *World) Log(name string) *slog.Logger {
	return slog.New(slog.NewTextHandler(&pen{w, name}, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

type pen struct {
	w    *World
	name string
}

func (p *pen) Write(text []byte) (int, error) {
	p.w.Note("%s   %s", p.name, strings.TrimSpace(string(text)))
	return len(text), nil
}

// Calls sets how calls fail; nil means that they do not.
func (w *World) Calls(faults func(Call) *Fault) {
	defer w.lock()()
	w.faults = faults
}

// Rest tells that people do nothing from now on. The database then takes its
// time to say that there is nothing to do, or most of a test would be asking it.
func (w *World) Rest() {
	defer w.lock()()
	w.idle = true
}

func (w *World) resting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.idle
}

// Writes returns how many calls had an effect on either side.
func (w *World) Writes() int {
	defer w.lock()()
	return w.writes
}

// Dice is a finite source of chance: every roll takes a digit. The zero Dice
// always rolls zero, which means "at once, and no mishap", so that a failing
// history shrinks to the plainest one.
type Dice uint64

// Roll returns a number below n.
func (d *Dice) Roll(n int) int {
	v := int(uint64(*d) % uint64(n))
	*d = Dice(uint64(*d) / uint64(n))
	return v
}

// Mishap is true once in so many.
func (d *Dice) Mishap(oneIn int) bool { return d.Roll(oneIn) == oneIn-1 }

// delay is how long a message or an attendant takes.
func (d *Dice) delay() time.Duration {
	return [...]time.Duration{0, 0, 300 * time.Millisecond, time.Second, 4 * time.Second, 9 * time.Second}[d.Roll(6)]
}

// dice draws from the world's own chance.
func (w *World) dice() *Dice {
	if !w.delays {
		return new(Dice)
	}
	d := Dice(w.chance.Uint64())
	return &d
}
