package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"text/template"
	"time"

	"ews/e2e/stage"
)

// A person who changes the pattern of a series does it here as Outlook does:
// with a request to Exchange.

const envelope = `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
  xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"
  xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<soap:Header><t:RequestServerVersion Version="Exchange2016"/></soap:Header><soap:Body>%s</soap:Body></soap:Envelope>`

var getMaster = template.Must(template.New("").Parse(
	`<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>` +
		`<m:ItemIds><t:RecurringMasterItemId OccurrenceId="{{.}}"/></m:ItemIds></m:GetItem>`))

var setPattern = template.Must(template.New("").Parse(
	`<m:UpdateItem ConflictResolution="AlwaysOverwrite" SendMeetingInvitationsOrCancellations="SendToAllAndSaveCopy"><m:ItemChanges><t:ItemChange>` +
		`<t:ItemId Id="{{.ID}}" ChangeKey="{{.ChangeKey}}"/><t:Updates><t:SetItemField><t:FieldURI FieldURI="calendar:Recurrence"/>` +
		`<t:CalendarItem><t:Recurrence>` +
		`{{if eq .Unit "day"}}<t:DailyRecurrence><t:Interval>{{.Interval}}</t:Interval></t:DailyRecurrence>` +
		`{{else if eq .Unit "week"}}<t:WeeklyRecurrence><t:Interval>{{.Interval}}</t:Interval><t:DaysOfWeek>{{.Days}}</t:DaysOfWeek></t:WeeklyRecurrence>` +
		`{{else}}<t:AbsoluteMonthlyRecurrence><t:Interval>{{.Interval}}</t:Interval><t:DayOfMonth>{{.DayOfMonth}}</t:DayOfMonth></t:AbsoluteMonthlyRecurrence>{{end}}` +
		`{{if .Until}}<t:EndDateRecurrence><t:StartDate>{{.Start}}</t:StartDate><t:EndDate>{{.Until}}</t:EndDate></t:EndDateRecurrence>` +
		`{{else if .Times}}<t:NumberedRecurrence><t:StartDate>{{.Start}}</t:StartDate><t:NumberOfOccurrences>{{.Times}}</t:NumberOfOccurrences></t:NumberedRecurrence>` +
		`{{else}}<t:NoEndRecurrence><t:StartDate>{{.Start}}</t:StartDate></t:NoEndRecurrence>{{end}}` +
		`</t:Recurrence></t:CalendarItem></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`))

var itemID = regexp.MustCompile(`ItemId Id="([^"]+)" ChangeKey="([^"]+)"`)

// repeat changes the pattern of a series.
func (c *change) repeat(ctx context.Context, p *Play, t *thing) error {
	if len(t.meetings) != 1 || c.series.nth > 0 || c.series.unit == "year" {
		return fmt.Errorf("the pattern of %s cannot be changed so", c.name)
	}
	m := t.meetings[0]
	occurrence, err := p.anyOccurrence(ctx, m)
	if err != nil {
		return err
	}
	answer, err := p.exchange(ctx, m.organizer, getMaster, occurrence)
	if err != nil {
		return err
	}
	id := itemID.FindStringSubmatch(answer)
	if id == nil {
		return fmt.Errorf("no series: %s", answer)
	}
	start := t.first.In(p.almanac.zone)
	values := map[string]any{
		"ID": id[1], "ChangeKey": id[2], "Unit": c.series.unit, "Interval": c.series.interval, "Times": c.series.times,
		"Start": start.Format(time.DateOnly), "Until": "", "Days": start.Weekday().String(), "DayOfMonth": start.Day(),
	}
	if c.series.until != nil {
		values["Until"] = c.series.until.on(p.almanac).Format(time.DateOnly)
	}
	if len(c.series.on) > 0 {
		var on []string
		for _, d := range c.series.on {
			on = append(on, d.String())
		}
		values["Days"] = strings.Join(on, " ")
	}
	if c.series.dom > 0 {
		values["DayOfMonth"] = c.series.dom
	}
	_, err = p.exchange(ctx, m.organizer, setPattern, values)
	return err
}

// anyOccurrence finds the item of an occurrence in the organizer's calendar.
func (p *Play) anyOccurrence(ctx context.Context, m meeting) (string, error) {
	query := url.Values{"end": {p.almanac.today.Add(calendarAhead).Format(time.RFC3339)}}
	var entries []stage.Entry
	if err := p.world.Control.Do(ctx, http.MethodGet, "/calendars/"+m.organizer+"?"+query.Encode(), nil, &entries); err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.UID == m.uid {
			return e.ItemID, nil
		}
	}
	return "", errors.New("the series is not in the organizer's calendar")
}

// exchange sends a request to Exchange as a user, again if an accident happens.
func (p *Play) exchange(ctx context.Context, user string, form *template.Template, values any) (string, error) {
	var body bytes.Buffer
	if err := form.Execute(&body, values); err != nil {
		return "", err
	}
	var err error
	for range 5 {
		var answer string
		if answer, err = p.post(ctx, user, fmt.Sprintf(envelope, body.String())); err == nil {
			return answer, nil
		}
		rest(ctx, 3*lookEvery)
	}
	return "", err
}

func (p *Play) post(ctx context.Context, user, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.world.Addresses["EXCHANGE_HTTP"], strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "text/xml; charset=utf-8")
	request.SetBasicAuth(user, "secret")
	answer, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(raw), `ResponseClass="Success"`) {
		return "", fmt.Errorf("%s: %s", answer.Status, raw)
	}
	return string(raw), nil
}
