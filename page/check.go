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
		Took: r.length(time.Duration(report.DurationMilliseconds) * time.Millisecond), Back: here.Query(),
	}
	for _, s := range report.Steps {
		v.Steps = append(v.Steps, stepView{
			Title: r.say(s.Title), About: s.About, Status: r.outcome(s.Status), Text: r.say(s.Text), Fix: r.say(s.Fix), Code: s.Code,
			Detail: s.Detail, Took: r.say("%d ms", s.DurationMilliseconds),
		})
	}
	return v
}

func (r reader) outcome(s apiserver.CheckStatus) mark {
	switch s {
	case apiserver.Failed:
		return mark{"bad", r.say("does not work")}
	case apiserver.Warning:
		return mark{"warn", r.say("in order, with a warning")}
	case apiserver.Skipped:
		return mark{"off", r.say("not tried")}
	case apiserver.Ok:
	}
	return mark{"good", r.say("in order")}
}
