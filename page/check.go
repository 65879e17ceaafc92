package page

import (
	"strconv"
	"time"

	"ews/apiserver"
)

// checkView is what a check of a configuration found.
type checkView struct {
	Frame   frame
	ID      string
	Outcome mark
	Took    string
	Mailbox string
	Steps   []stepView
	Back    string // address of the page
}

type stepView struct {
	Title, About    string
	Status          mark
	Text, Fix, Code string
	Detail          string // a fact, in English
	Took            string
}

func checkOf(r reader, config int64, mailbox string, report apiserver.CheckReport, here place) checkView {
	here.Done = ""
	v := checkView{
		Frame: frameOf(r.speech, here), ID: strconv.FormatInt(config, 10), Outcome: r.outcome(report.Status), Mailbox: mailbox,
		Took: r.took(report.DurationMilliseconds), Back: here.Query(),
	}
	for _, s := range report.Steps {
		v.Steps = append(v.Steps, stepView{
			Title: r.say(s.Title), About: s.About, Status: r.outcome(s.Status), Text: r.say(s.Text), Fix: r.say(s.Fix), Code: s.Code,
			Detail: s.Detail, Took: r.took(s.DurationMilliseconds),
		})
	}
	return v
}

// took is a duration in milliseconds as far as they matter.
func (r reader) took(milliseconds int64) string {
	if milliseconds < 2000 {
		return r.say("%d ms", milliseconds)
	}
	return r.length(time.Duration(milliseconds) * time.Millisecond)
}

func (r reader) outcome(s apiserver.CheckStatus) mark {
	switch s {
	case apiserver.Failed:
		return mark{"bad", r.say("does not work")}
	case apiserver.Warning:
		return mark{"warn", r.say("warning")}
	case apiserver.Skipped:
		return mark{"off", r.say("not tried")}
	case apiserver.Ok:
	}
	return mark{"good", r.say("in order")}
}
