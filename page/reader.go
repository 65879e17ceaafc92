package page

import (
	"strings"
	"time"
)

// reader tells times to people: in their language, in the time zone of now.
type reader struct {
	*speech
	now time.Time
}

// number is a number with the separators of the language.
func (r reader) number(n int) string { return r.printer.Sprint(n) }

func (r reader) local(t time.Time) time.Time { return t.In(r.now.Location()) }

// zone names the time zone of the reader, and its distance to UTC at an instant.
func (r reader) zone(t time.Time) string {
	t = r.local(t)
	offset := "UTC" + t.Format("-07:00")
	name := t.Location().String()
	if name == "Local" { // that of the process, which may be known by an abbreviation only
		name, _ = t.Zone()
	}
	if name == "UTC" || !strings.ContainsAny(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return offset
	}
	return name + ", " + offset
}

// second is a time of day with its seconds, and its date unless that is today.
func (r reader) second(t time.Time) moment { return r.moment(t, "15:04:05") }

// minute is a time of day, and its date unless that is today.
func (r reader) minute(t time.Time) moment { return r.moment(t, "15:04") }

func (r reader) moment(t time.Time, layout string) moment {
	t = r.local(t)
	text := t.Format(layout)
	if !sameDay(t, r.now) {
		text = r.shortDate(t) + " " + text
	}
	return moment{Text: text, Machine: t.UTC().Format(time.RFC3339)}
}

// span is from when until when; the date stands once if it is one day.
func (r reader) span(start, end time.Time) string {
	start, end = r.local(start), r.local(end)
	to := end.Format("15:04")
	if !sameDay(start, end) && !end.Equal(midnight(start, 1)) {
		to = r.shortDate(end) + " " + to
	}
	return r.minute(start).Text + "–" + to
}

// since is empty for an instant that is not known.
func (r reader) since(t *time.Time) string {
	if t == nil {
		return ""
	}
	return r.say("since %s", r.minute(*t).Text)
}

// ago is how long ago something was.
func (r reader) ago(t time.Time) string {
	return r.say("%s ago", r.length(r.now.Sub(t)))
}

func (r reader) agoOrNever(t *time.Time) string {
	if t == nil {
		return r.say("never")
	}
	return r.ago(*t)
}

// length is a duration in its largest unit, cut off.
func (r reader) length(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 2*time.Minute:
		return r.say("%d s", int(d/time.Second))
	case d < 2*time.Hour:
		return r.say("%d min", int(d/time.Minute))
	case d < 48*time.Hour:
		return r.say("%d h", int(d/time.Hour))
	}
	return r.say("%d days", int(d/(24*time.Hour)))
}

func (r reader) shortDate(t time.Time) string {
	switch r.tag {
	case "de":
		return t.Format("2.1.2006")
	case "fr", "it":
		return t.Format("02/01/2006")
	}
	return t.Format("2 Jan 2006")
}

// longDate names the day of the week and the month.
func (r reader) longDate(t time.Time) string {
	weekday, month := r.say(t.Weekday().String()), r.say(t.Month().String())
	if r.tag == "de" {
		return weekday + t.Format(", 2. ") + month + t.Format(" 2006")
	}
	return weekday + t.Format(" 2 ") + month + t.Format(" 2006")
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}

// midnight begins the day some days after that of t, in its zone.
func midnight(t time.Time, days int) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day+days, 0, 0, 0, 0, t.Location())
}
