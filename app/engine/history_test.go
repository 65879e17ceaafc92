package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ews/app/engine"
	"ews/app/engine/enginetest"
	"ews/app/meeting"
	"ews/app/plan"
)

// history is what happens in a world, as a value: it can be drawn, played,
// written down and played again. The order in which goroutines run and the
// engine's own chance (jitter) are no part of it.
type history struct {
	world  enginetest.Options
	stream bool // the calendar tells of changes at once
	acts   []act
}

// act is a deed with the chance of how it goes.
type act struct {
	deed string
	dice enginetest.Dice
}

// String writes the history down, a line for each act, as parseHistory reads it.
func (h history) String() string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "world %d rooms, seed %d", h.world.Rooms, h.world.Seed)
	for _, trait := range h.traits() {
		if *trait.on {
			out.WriteString(", " + trait.name)
		}
	}
	for _, a := range h.acts {
		fmt.Fprintf(out, "\n%s %d", a.deed, uint64(a.dice))
	}
	return out.String() + "\n"
}

// GoString is how rapid shows it.
func (h history) GoString() string { return "\n" + h.String() }

type trait struct {
	name string
	on   *bool
}

func (h *history) traits() []trait {
	return []trait{
		{"resets", &h.world.Resets},
		{"sends all", &h.world.SendsAll},
		{"echoes", &h.world.Echoes},
		{"hides", &h.world.Hides},
		{"delays", &h.world.Delays},
		{"stream", &h.stream},
	}
}

func parseHistory(text string) (history, error) {
	var h history
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if world, ok := strings.CutPrefix(line, "world "); ok {
			parts := strings.Split(world, ", ")
			if _, err := fmt.Sscanf(strings.Join(parts[:2], ", "), "%d rooms, seed %d", &h.world.Rooms, &h.world.Seed); err != nil {
				return h, fmt.Errorf("%q: %w", line, err)
			}
			for _, trait := range h.traits() {
				*trait.on = slices.Contains(parts[2:], trait.name)
			}
			continue
		}
		cut := strings.LastIndex(line, " ")
		dice, err := strconv.ParseUint(line[cut+1:], 10, 64)
		if err != nil || cut < 0 || deedNamed(line[:cut]) == nil {
			return h, fmt.Errorf("%q is no act", line)
		}
		h.acts = append(h.acts, act{line[:cut], enginetest.Dice(dice)})
	}
	return h, nil
}

// drawn draws histories of such deeds, each as often as it weighs.
func drawn(o enginetest.Options, kinds ...[]deed) *rapid.Generator[history] {
	var names []string
	for _, d := range slices.Concat(kinds...) {
		names = append(names, slices.Repeat([]string{d.name}, d.weight)...)
	}
	one := rapid.Custom(func(t *rapid.T) act {
		v := rapid.Uint64().Draw(t, "v")
		if rapid.Bool().Draw(t, "wild") {
			v = mix(v) // rapid prefers small numbers, which know few deeds and mishaps
		}
		n := uint64(len(names))
		return act{names[v%n], enginetest.Dice(v / n)}
	})
	return rapid.Custom(func(t *rapid.T) history {
		h := history{world: o}
		h.world.Seed = rapid.Uint64().Draw(t, "seed")
		for _, trait := range h.traits() {
			*trait.on = rapid.Bool().Draw(t, trait.name)
		}
		h.acts = rapid.SliceOfN(one, 20, 60).Draw(t, "acts")
		return h
	})
}

// mix spreads a number over all bits (splitmix64).
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// settings are those of a configuration whose people have little patience.
func settings() engine.Settings {
	return engine.Settings{
		Config: 1, Installation: "here", RefreshInterval: 10 * time.Second, Horizon: 7 * 24 * time.Hour,
		Policy:   plan.Policy{AnswerTimeout: 45 * time.Second, Confirm: 30 * time.Second},
		Projects: []string{"east", "west"}, Discover: true, NotifyUsers: true, Workers: 4,
	}
}

// finding is what is wrong with a history.
type finding struct {
	text    string
	history history
	story   string
}

func (f *finding) Error() string {
	return f.story + "\n" + f.text
}

// invariant is the one that was broken.
func (f *finding) invariant() string {
	name, _, _ := strings.Cut(f.text, ":")
	return name
}

// arena is a history under way.
type arena struct {
	*enginetest.World
	ctx      context.Context //nolint:containedctx // of the one history that is played
	settings engine.Settings
	lead     *enginetest.Process
	others   []*enginetest.Process // that were replaced
	started  int
	series   int
	skewed   bool // a clock was set while a process ran
	begin    time.Time
}

// play plays a history in the present bubble, and returns what is wrong with
// it, nil if nothing is.
func play(ctx context.Context, h history) (found *finding) {
	a := &arena{World: enginetest.New(h.world), ctx: ctx, settings: settings(), begin: time.Now()}
	a.settings.Stream = h.stream
	a.start()
	defer func() {
		switch f := recover().(type) {
		case nil:
		case *finding:
			f.history, f.story = h, a.Story()
			found = f
		default:
			panic(f)
		}
		a.end()
	}()
	for !a.Ready(len(a.settings.Projects)) {
		pass(time.Second)
	}
	for _, act := range h.acts {
		d := act.dice
		deedNamed(act.deed)(a, &d)
		pass(time.Duration(d.Roll(5)) * 300 * time.Millisecond)
		if a.lead.Ended() {
			a.rise()
		}
		a.check()
	}
	a.rest(enginetest.Dice(mix(h.world.Seed)))
	return nil
}

func (a *arena) fail(format string, args ...any) {
	panic(&finding{text: fmt.Sprintf(format, args...)})
}

// check looks at what must hold after every step.
func (a *arena) check() {
	if broken := a.Broken(); len(broken) > 0 {
		a.fail("%s", strings.Join(broken, "\n"))
	}
}

// end leaves nothing running.
func (a *arena) end() {
	for _, p := range append(a.others, a.lead) {
		p.Kill()
		_ = p.Wait()
	}
}

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }

// hour is one of a few hours of the next day, few enough for rooms to decline.
func (a *arena) hour(i int) meeting.Span {
	start := a.begin.Truncate(time.Hour).Add(24*time.Hour + time.Duration(i%6)*time.Hour)
	return meeting.SpanOf(start, start.Add(time.Hour))
}

func TestHistoriesAreWrittenDown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := drawn(enginetest.Options{Rooms: 3}, plain, series, faults, crashes, replicas, lists).Draw(t, "history")
		again, err := parseHistory(h.String())
		if err != nil || again.String() != h.String() {
			t.Fatalf("%v, %v, %v", h, again, err)
		}
	})
}
