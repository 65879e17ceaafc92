package contract

import (
	"strings"
	"time"
)

const (
	berlin      = "W. Europe Standard Time"
	startZone   = `<t:StartTimeZone Id="` + berlin + `"/><t:EndTimeZone Id="` + berlin + `"/>`
	zoneContext = `<t:TimeZoneContext><t:TimeZoneDefinition Id="` + berlin + `"/></t:TimeZoneContext>`
)

// local writes the times of an appointment as a clock in the zone shows them.
func local(request string, s span, zone *time.Location) string {
	const layout = "2006-01-02T15:04:05"
	return strings.NewReplacer(utc(s.start), s.start.In(zone).Format(layout), utc(s.end), s.end.In(zone).Format(layout)).Replace(request)
}

func (w *world) zone() *time.Location {
	w.t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	w.NoError(err)
	return zone
}

// Times without an offset are in the zone of the item, else in that of the
// request, else in UTC; answers have an offset.
func timeOffsets(w *world) {
	s, zone := w.slot(), w.zone()
	for _, c := range []struct {
		why, header, behind string
		zone                *time.Location
	}{
		{"the item's zone", "", startZone, zone},
		{"the request's zone", zoneContext, "", zone},
		{"no zone", "", "", time.UTC},
	} {
		request := local(w.create(appointment{span: s, behind: c.behind}), s, c.zone)
		made := w.succeeded(w.post(w.service, acting("SmtpAddress", w.Organizer)+c.header, request))[0].at("Items", "CalendarItem")
		w.Equal(utc(s.start), w.get(w.Organizer, itemID(idOf(made))).text("Start"), c.why)
		shown := w.succeeded(w.post(w.service, acting("SmtpAddress", w.Organizer)+zoneContext, getItems(full, itemID(idOf(made)))))[0].text("Items", "CalendarItem", "Start")
		at, err := time.Parse(time.RFC3339, shown)
		w.NoError(err, shown)
		w.True(at.Equal(s.start))
		w.NotContains(shown, "Z", "a zone of the request is that of the answer")
	}
}

// A series stays at its hour of the day in its own zone.
func daylightSaving(w *world) {
	zone := w.zone()
	s := w.slot()
	series := `<t:Recurrence><t:AbsoluteMonthlyRecurrence><t:Interval>1</t:Interval><t:DayOfMonth>1</t:DayOfMonth></t:AbsoluteMonthlyRecurrence>` +
		`<t:NumberedRecurrence><t:StartDate>` + s.start.Format(time.DateOnly) + `</t:StartDate><t:NumberOfOccurrences>7</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence>`
	first := time.Date(s.start.Year(), s.start.Month(), 1, 9, 0, 0, 0, zone)
	if first.Before(s.start) {
		first = first.AddDate(0, 1, 0)
	}
	s = span{first.UTC(), first.Add(time.Hour).UTC()}
	request := local(w.create(appointment{span: s, behind: series + startZone}), s, zone)
	w.succeeded(w.as(w.Organizer, request))
	offsets := map[string]bool{}
	shown := w.mine(w.view(w.Organizer, span{first, first.AddDate(0, 7, 0)}))
	w.Len(shown, 7)
	for _, i := range shown {
		at, err := time.Parse(time.RFC3339, i.text("Start"))
		w.NoError(err)
		w.Equal("01 09:00", at.In(zone).Format("02 15:04"))
		offsets[at.UTC().Format("15:04")] = true
	}
	w.Len(offsets, 2, "half a year has both times")
}

// An all-day appointment lasts from midnight to midnight where it was made.
func allDay(w *world) {
	s, zone := w.slot(), w.zone()
	request := strings.Replace(w.create(appointment{span: s, behind: startZone}), `<t:LegacyFreeBusyStatus>`, `<t:IsAllDayEvent>true</t:IsAllDayEvent><t:LegacyFreeBusyStatus>`, 1)
	made := w.succeeded(w.as(w.Organizer, request))[0].at("Items", "CalendarItem")
	item := w.get(w.Organizer, itemID(idOf(made)))
	y, m, d := s.start.In(zone).Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, zone)
	w.Equal([]string{utc(midnight), utc(midnight.AddDate(0, 0, 1)), "true"}, []string{item.text("Start"), item.text("End"), item.text("IsAllDayEvent")})
	w.Equal(berlin, item.text("StartTimeZoneId"))
}
