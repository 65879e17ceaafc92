package health

import (
	"time"

	"ews/apiserver"
	"ews/app/check"
)

// PresentCheck puts the outcome of a check into words.
func PresentCheck(r check.Report) apiserver.CheckReport {
	answer := apiserver.CheckReport{
		Status: apiserver.CheckStatus(r.Status()), DurationMilliseconds: r.Duration.Milliseconds(),
		Steps: make([]apiserver.CheckStep, 0, len(r.Steps)),
	}
	names := StepTitles()
	for _, s := range r.Steps {
		text, fix := Explain(s.Code)
		title := names[s.Name]
		if title == "" {
			title = s.Name
		}
		answer.Steps = append(answer.Steps, apiserver.CheckStep{
			Name: s.Name, Title: title, About: s.About, Status: apiserver.CheckStatus(s.Status), Code: s.Code, Text: text, Fix: fix,
			Detail: s.Detail, DurationMilliseconds: int64(s.Duration / time.Millisecond),
		})
	}
	return answer
}
