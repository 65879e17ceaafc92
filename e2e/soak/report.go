package soak

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Report is what was done, and what was found.
type Report struct {
	Seed     uint64
	Began    time.Time
	Took     time.Duration
	Verdicts []Verdict
	Problems []problem
	Kills    int
	Faults   int
	Deeds    int

	world *world
	text  string
}

// Verdict is the end of a round.
type Verdict struct {
	Round      int
	Rest       time.Duration // until everything was at rest
	Things     int           // meetings and dates that people wished for so far
	Writes     int           // requests of the app that wrote
	Unanswered int           // things that a room has not decided about
	Lost       int           // messages lost with a process; their notices stay
}

// OK tells whether everything held.
func (r *Report) OK() bool { return len(r.Problems) == 0 && len(r.Verdicts) > 0 }

func (r *Report) String() string { return r.text }

func (r *Report) has(p problem) bool { return slices.Contains(r.Problems, p) }

// finish writes the report.
func (r *Report) finish(ctx context.Context) {
	w := r.world
	w.tally.mu.Lock()
	r.Kills, r.Faults, r.Deeds = w.tally.kills, sum(w.tally.faults), sum(w.tally.deeds)
	faults, deeds := list(w.tally.faults), list(w.tally.deeds)
	w.tally.mu.Unlock()
	out := &strings.Builder{}
	fmt.Fprintf(out, "Soak, seed %d, %v\n\n", r.Seed, r.Took.Round(time.Second))
	fmt.Fprintf(out, "What went wrong on purpose: %d times, %d of them kills\n%s\n", r.Faults, r.Kills, faults)
	fmt.Fprintf(out, "What people did: %d times\n%s\n", r.Deeds, deeds)
	out.WriteString("Rounds\n")
	for _, v := range r.Verdicts {
		fmt.Fprintf(out, "  %d: at rest after %v; %d meetings and dates, %d of them undecided by a room; %d writing requests; %d messages lost with a process\n",
			v.Round, v.Rest.Round(100*time.Millisecond), v.Things, v.Unanswered, v.Writes, v.Lost)
	}
	w.mu.Lock()
	r.summary(out)
	w.mu.Unlock()
	fmt.Fprintf(out, "\nFound: %d problems\n", len(r.Problems))
	out.WriteString(describe(r.Problems) + "\n")
	const most = 12
	told := map[*thing]bool{}
	for _, p := range r.Problems {
		if p.thing == nil || told[p.thing] || len(told) == most {
			continue
		}
		told[p.thing] = true
		fmt.Fprintf(out, "\n%v\n%s", p.thing, w.story(ctx, p.thing))
	}
	r.text = out.String()
	if err := os.WriteFile(filepath.Join(w.dir, "report.txt"), []byte(r.text), 0o600); err != nil {
		w.options.Log("writing the report: %v", err)
	}
}

// summary counts what became of the wishes.
func (r *Report) summary(out *strings.Builder) {
	h := r.world.history
	live, cancelled, declined, settled := 0, 0, 0, 0
	for _, t := range r.world.book.things {
		switch {
		case !t.live():
			cancelled++
		case len(h.of(t)) > 0:
			live++
		case len(h.declined(t)) > 0:
			declined++
		}
		for _, w := range t.wishes[1:] {
			if w.settled {
				settled++
			}
		}
	}
	fmt.Fprintf(out, "In the end: %d are booked on both sides, %d were cancelled by people, %d were declined by rooms; %d wishes were made in peace and had to come true\n",
		live, cancelled, declined, settled)
}

// story is what happened to a thing: what people did, what the simulators saw,
// and what the app logged.
func (w *world) story(ctx context.Context, t *thing) string {
	w.mu.Lock()
	lines := slices.Clone(t.deeds)
	ids := map[int32]bool{}
	for _, b := range w.history.bookings {
		if b.thing == t {
			ids[b.id] = true
		}
	}
	numbers := map[int]bool{}
	for _, c := range w.history.changes {
		if c.Booking != 0 && ids[c.Booking] || c.UID != "" && c.UID == t.uid && (c.Original.IsZero() || c.Original.Equal(t.original)) {
			lines = append(lines, fmt.Sprintf("%s   %s: %s by %s (request %d) %s-%s %s%s%s%s", clock(c.Time), c.Service, c.Kind, name(c.By), c.Number,
				c.Start.Format(minutes), c.End.Format("15:04"), names(c.Rooms), strings.Join(w.roomsOf(c.Assets), "+"), " "+c.Answer, c.Reason))
			numbers[c.Number] = c.Number != 0
		}
	}
	for _, c := range w.history.changes {
		if c.Kind == "request" && numbers[c.Number] {
			lines = append(lines, fmt.Sprintf("%s   %s: request %d, %s, arrived %s, answered %q", clock(c.Time), c.Service, c.Number, c.Operation, clock(c.Began), c.Status))
		}
	}
	uid := t.uid
	w.mu.Unlock()
	lines = append(lines, w.logged(ctx, uid, ids)...)
	slices.Sort(lines)
	const most = 150
	if len(lines) > most {
		lines = append([]string{"..."}, lines[len(lines)-most:]...)
	}
	return "    " + strings.Join(append(lines, w.records(ctx, uid)), "\n    ") + "\n"
}

// records are what the app's database has of a meeting.
func (w *world) records(ctx context.Context, uid string) string {
	text, err := query[string](ctx, w, `
		select coalesce(string_agg(concat_ws(E'\n    ', (to_jsonb(m) - 'uid')::text,
		  (select string_agg(to_jsonb(o)::text, E'\n    ') from ews.occurrence o where o.meeting_id = m.id),
		  (select string_agg((to_jsonb(c) - 'item_id' - 'change_key')::text, E'\n    ') from ews.cell c join ews.occurrence o on o.id = c.occurrence_id where o.meeting_id = m.id),
		  (select string_agg((to_jsonb(p) - 'mailbox')::text, E'\n    ' order by id) from ews.operation p where p.meeting_id = m.id)), E'\n    '), 'no records')
		from ews.meeting m where uid = $1`, uid)
	if err != nil {
		return err.Error()
	}
	return text
}

var logTime = regexp.MustCompile(`^\S+\t\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d\.\d{3})\d*\t(.*)$`)

// logged are the lines of the app's logs about a meeting or its bookings.
func (w *world) logged(ctx context.Context, uid string, ids map[int32]bool) []string {
	var wanted []*regexp.Regexp
	if id, err := query[int64](ctx, w, `select id from ews.meeting where uid = $1 order by id desc limit 1`, uid); err == nil {
		wanted = append(wanted, regexp.MustCompile(fmt.Sprintf(`\bmeeting=%d\b`, id)))
	}
	for id := range ids {
		wanted = append(wanted, regexp.MustCompile(fmt.Sprintf(`(booking=|bookings="?\[([\d ]* )?)%d\b`, id)))
	}
	var lines []string
	for i, a := range w.apps {
		raw, err := os.ReadFile(a.Log)
		if err != nil {
			continue // it never ran
		}
		for line := range strings.Lines(string(raw)) {
			m := logTime.FindStringSubmatch(strings.TrimSpace(line))
			if m != nil && slices.ContainsFunc(wanted, func(r *regexp.Regexp) bool { return r.MatchString(line) }) {
				lines = append(lines, fmt.Sprintf("%s     app %d: %s", m[1], i+1, m[2]))
			}
		}
	}
	return lines
}
