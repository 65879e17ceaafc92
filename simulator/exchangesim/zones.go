package exchangesim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/exchangesim/soap"
)

// periods are the ids that Exchange gives to the two halves of a zone's year.
const (
	periodURI = "trule:Microsoft/Registry/%s/2024-%s"
	ruleYear  = 2024
)

// showZone names a zone; the short form that appointments carry.
func showZone(name string, z recurrence.Zone) *soap.Element {
	if z.ID == "" {
		return nil
	}
	return soap.New(name).With("Id", z.ID).With("Name", z.ID)
}

// defineZone writes a full TimeZoneDefinition, computed from the zone's rules
// ("TimeZoneDefinition" and its children on Microsoft Learn).
func defineZone(z recurrence.Zone) *soap.Element {
	transitions := z.Transitions(ruleYear)
	_, offset := time.Date(ruleYear, 1, 1, 0, 0, 0, 0, z.Location).Zone()
	standard, daylight := time.Duration(offset)*time.Second, time.Duration(0)
	for _, t := range transitions {
		if t.Daylight {
			daylight = t.To
		} else {
			standard = t.To
		}
	}
	id := func(kind string) string { return fmt.Sprintf(periodURI, z.ID, kind) }
	periods := soap.New("Periods", period(id("Standard"), "Standard", standard))
	group := soap.New("TransitionsGroup").With("Id", "0")
	if len(transitions) == 2 {
		periods.Add(period(id("Daylight"), "Daylight", daylight))
		slices.SortFunc(transitions, func(a, b recurrence.Transition) int { return int(a.Month) - int(b.Month) })
		for _, t := range transitions {
			kind := "Standard"
			if t.Daylight {
				kind = "Daylight"
			}
			group.Add(soap.New("RecurringDayTransition",
				soap.Text("To", id(kind)).With("Kind", "Period"),
				soap.Text("TimeOffset", "PT"+strings.ToUpper(t.TimeOfDay.String())),
				soap.Int("Month", int(t.Month)), soap.Text("DayOfWeek", t.Weekday.String()), soap.Int("Occurrence", t.Occurrence)))
		}
	} else {
		group.Add(soap.New("Transition", soap.Text("To", id("Standard")).With("Kind", "Period")))
	}
	return soap.New("TimeZoneDefinition", periods, soap.New("TransitionsGroups", group),
		soap.New("Transitions", soap.New("Transition", soap.Text("To", "0").With("Kind", "Group")))).
		With("Id", z.ID).With("Name", zoneTitle(z, standard))
}

func period(id, name string, offset time.Duration) *soap.Element {
	return soap.New("Period").With("Bias", bias(offset)).With("Name", name).With("Id", id)
}

// bias is what has to be added to local time to get UTC.
func bias(offset time.Duration) string {
	minutes := int(-offset / time.Minute)
	if minutes < 0 {
		return fmt.Sprintf("-PT%dM", -minutes)
	}
	return fmt.Sprintf("PT%dM", minutes)
}

func zoneTitle(z recurrence.Zone, offset time.Duration) string {
	sign := "+"
	if offset < 0 {
		sign, offset = "-", -offset
	}
	return fmt.Sprintf("(UTC%s%02d:%02d) %s", sign, int(offset.Hours()), int(offset.Minutes())%60, z.ID)
}

// opGetServerTimeZones answers with the zones asked for, or all of them.
func (s *Server) opGetServerTimeZones(c *call) *soap.Element {
	ids := c.op.Child("Ids")
	var wanted []string
	if ids != nil {
		for _, id := range ids.Children {
			wanted = append(wanted, id.Text)
		}
	} else {
		wanted = recurrence.ZoneIDs()
		slices.Sort(wanted)
	}
	full := c.op.Attr("ReturnFullTimeZoneData") != "false" && c.op.Attr("ReturnFullTimeZoneData") != "0"
	list := soap.NewM("TimeZoneDefinitions")
	for _, id := range wanted {
		z, err := recurrence.LoadZone(id)
		if err != nil {
			continue // Exchange leaves unknown zones out
		}
		definition := defineZone(z)
		if !full {
			definition.Children = nil
		}
		list.Add(definition)
	}
	return c.respond([]outcome{{body: []*soap.Element{list}}})
}
