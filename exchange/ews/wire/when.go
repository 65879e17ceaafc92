package wire

import (
	"fmt"
	"strings"
	"time"
)

// timeLayouts are tried in order; values without a zone mean UTC here, as the
// page "Time zones and EWS in Exchange" states for requests without context.
var timeLayouts = [...]string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999",
	"2006-01-02Z07:00",
	"2006-01-02",
}

// FormatTime writes t as an xs:dateTime in UTC with whole seconds.
func FormatTime(t time.Time) string {
	return t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z")
}

// ParseTime reads an xs:dateTime or xs:date as servers send them: with zone,
// with offset, with fractions, or bare. The result is UTC in whole seconds. The
// values servers use for "never" (years before 1601 and from 4500 on) and the
// empty string give the zero time.
func ParseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range timeLayouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		t = t.UTC().Truncate(time.Second)
		if t.Year() < 1601 || t.Year() >= 4500 {
			return time.Time{}, nil
		}
		return t, nil
	}
	return time.Time{}, fmt.Errorf("wire: %.40q is not a date or time", s)
}

// ParseDate reads the calendar date of an xs:date. Its zone suffix is dropped:
// the date belongs to the zone of the series, not to the one it was printed in.
func ParseDate(s string) (year int, month time.Month, day int, err error) {
	s = strings.TrimSpace(s)
	if len(s) < len("2006-01-02") {
		return 0, 0, 0, fmt.Errorf("wire: %.40q is not a date", s)
	}
	t, err := time.Parse("2006-01-02", s[:10])
	if err != nil {
		return 0, 0, 0, fmt.Errorf("wire: %.40q is not a date", s)
	}
	return t.Year(), t.Month(), t.Day(), nil
}

// ParseBool reads an xs:boolean; anything else is false.
func ParseBool(s string) bool {
	s = strings.TrimSpace(s)
	return s == "true" || s == "1"
}
