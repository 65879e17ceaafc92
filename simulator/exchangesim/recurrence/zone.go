package recurrence

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the simulator must know the zones wherever it runs
)

// windowsZones maps Windows zone names to the IANA zone of their territory
// "001" in CLDR's windowsZones table.
var windowsZones = map[string]string{
	"UTC": "Etc/UTC", "GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik",
	"W. Europe Standard Time": "Europe/Berlin", "Central Europe Standard Time": "Europe/Budapest",
	"Romance Standard Time": "Europe/Paris", "Central European Standard Time": "Europe/Warsaw",
	"E. Europe Standard Time": "Europe/Chisinau", "FLE Standard Time": "Europe/Kiev", "GTB Standard Time": "Europe/Bucharest",
	"Turkey Standard Time": "Europe/Istanbul", "Russian Standard Time": "Europe/Moscow", "Belarus Standard Time": "Europe/Minsk",
	"Kaliningrad Standard Time": "Europe/Kaliningrad", "Morocco Standard Time": "Africa/Casablanca",
	"W. Central Africa Standard Time": "Africa/Lagos", "South Africa Standard Time": "Africa/Johannesburg",
	"Egypt Standard Time": "Africa/Cairo", "E. Africa Standard Time": "Africa/Nairobi", "Israel Standard Time": "Asia/Jerusalem",
	"Arab Standard Time": "Asia/Riyadh", "Arabian Standard Time": "Asia/Dubai", "Iran Standard Time": "Asia/Tehran",
	"Pakistan Standard Time": "Asia/Karachi", "India Standard Time": "Asia/Calcutta", "Sri Lanka Standard Time": "Asia/Colombo",
	"Nepal Standard Time": "Asia/Katmandu", "Central Asia Standard Time": "Asia/Almaty", "Bangladesh Standard Time": "Asia/Dhaka",
	"SE Asia Standard Time": "Asia/Bangkok", "China Standard Time": "Asia/Shanghai", "Singapore Standard Time": "Asia/Singapore",
	"Taipei Standard Time": "Asia/Taipei", "Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul",
	"W. Australia Standard Time": "Australia/Perth", "AUS Central Standard Time": "Australia/Darwin",
	"Cen. Australia Standard Time": "Australia/Adelaide", "AUS Eastern Standard Time": "Australia/Sydney",
	"E. Australia Standard Time": "Australia/Brisbane", "Tasmania Standard Time": "Australia/Hobart",
	"New Zealand Standard Time": "Pacific/Auckland", "Fiji Standard Time": "Pacific/Fiji",
	"Hawaiian Standard Time": "Pacific/Honolulu", "Alaskan Standard Time": "America/Anchorage",
	"Pacific Standard Time": "America/Los_Angeles", "US Mountain Standard Time": "America/Phoenix",
	"Mountain Standard Time": "America/Denver", "Central Standard Time": "America/Chicago",
	"Central Standard Time (Mexico)": "America/Mexico_City", "Canada Central Standard Time": "America/Regina",
	"Eastern Standard Time": "America/New_York", "US Eastern Standard Time": "America/Indianapolis",
	"SA Pacific Standard Time": "America/Bogota", "Atlantic Standard Time": "America/Halifax",
	"Venezuela Standard Time": "America/Caracas", "SA Western Standard Time": "America/La_Paz",
	"Pacific SA Standard Time": "America/Santiago", "Newfoundland Standard Time": "America/St_Johns",
	"E. South America Standard Time": "America/Sao_Paulo", "Argentina Standard Time": "America/Buenos_Aires",
	"SA Eastern Standard Time": "America/Cayenne", "Azores Standard Time": "Atlantic/Azores", "Cape Verde Standard Time": "Atlantic/Cape_Verde",
}

// Zone is a time zone under its Windows name.
type Zone struct {
	ID       string
	Location *time.Location
}

// LoadZone finds a zone by its Windows name, without regard to case.
func LoadZone(id string) (Zone, error) {
	for name, iana := range windowsZones {
		if strings.EqualFold(name, id) {
			loc, err := time.LoadLocation(iana)
			if err != nil {
				return Zone{}, fmt.Errorf("load zone %s: %w", iana, err)
			}
			return Zone{ID: name, Location: loc}, nil
		}
	}
	return Zone{}, fmt.Errorf("no time zone %q", id)
}

// UTC is the zone of appointments that name none.
func UTC() Zone { return Zone{ID: "UTC", Location: time.UTC} }

// ZoneIDs lists the Windows names that are known, in no particular order.
func ZoneIDs() []string {
	out := make([]string, 0, len(windowsZones))
	for id := range windowsZones {
		out = append(out, id)
	}
	return out
}

// Transition is a yearly change of a zone's offset.
type Transition struct {
	Month      time.Month
	Weekday    time.Weekday
	Occurrence int           // 1-4, or -1 for the last one in the month
	TimeOfDay  time.Duration // local time before the change
	To         time.Duration // offset from UTC afterwards
	Daylight   bool          // whether daylight saving time begins
}

// Transitions returns the changes of a zone in a year; none when its offset is
// constant.
func (z Zone) Transitions(year int) []Transition {
	var out []Transition
	at := time.Date(year, 1, 1, 0, 0, 0, 0, z.Location)
	for {
		_, next := at.ZoneBounds()
		if next.IsZero() || next.Year() != year {
			return out
		}
		_, before := next.Add(-time.Second).In(z.Location).Zone()
		_, after := next.In(z.Location).Zone()
		local := next.In(time.FixedZone("", before))
		occurrence := (local.Day()-1)/7 + 1
		if local.AddDate(0, 0, 7).Month() != local.Month() {
			occurrence = -1
		}
		out = append(out, Transition{
			Month: local.Month(), Weekday: local.Weekday(), Occurrence: occurrence,
			TimeOfDay: time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute,
			To:        time.Duration(after) * time.Second, Daylight: next.IsDST(),
		})
		at = next.In(z.Location)
	}
}
