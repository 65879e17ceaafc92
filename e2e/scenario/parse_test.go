package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMistakes: what cannot be understood is told with file and line.
func TestMistakes(t *testing.T) {
	const good = "calendars:\n  eliona: nothing\n"
	for text, wanted := range map[string]string{
		"":                       "f.txt:0: no scenario",
		"bob is late\n":          "f.txt:1: a scenario begins with a line \"scenario P39: title\"",
		"scenario 39: x\n":       "f.txt:1: \"39\" is not a number such as P39",
		"scenario P39:\n" + good: "f.txt:1: the title is missing",
		"scenario P39: x\nscenario P40: y\n" + good:                                                                "f.txt:2: the scenario of line 1 has no steps",
		"scenario P39: x\nwait 1s\n":                                                                               "f.txt:2: the scenario of line 1 does not end with calendars",
		"scenario P39: x\n" + good + "\nscenario P40: x\n" + good:                                                  "f.txt:5: this title is in line 1 already",
		"scenario P39: x\nwait soon\n":                                                                             "f.txt:2: \"soon\" is not a duration such as 3s",
		"scenario P39: x\nbob books desk-1 in outlook tue 10:00-11:00 as m\n":                                      "f.txt:2: \"desk-1\" is not a room",
		"scenario P39: x\nbob books room-1 in teams tue 10:00-11:00 as m\n":                                        "f.txt:2: \"teams\" where outlook or eliona belongs",
		"scenario P39: x\n# why\nbob books room-1 in outlook tues 10:00-11:00 as m\n":                              "f.txt:3: \"tues\" is not a day",
		"scenario P39: x\nbob books room-1 in outlook tue 10:00-25:00 as m\n":                                      "f.txt:2: \"10:00-25:00\" is not a time such as 10:00-11:00",
		"scenario P39: x\nbob books room-1 in outlook tue 11:00-10:00 as m\n":                                      "f.txt:2: \"11:00-10:00\" ends before it begins",
		"scenario P39: x\nbob books room-1 in outlook tue 10:00-11:00\n":                                           "f.txt:2: \"as\" is missing at the end of the line",
		"scenario P39: x\nbob books room-1 in outlook tue 10:00-11:00 as m now\n":                                  "f.txt:2: \"now\" is too much",
		"scenario P39: x\nbob books room-1 in outlook tue 10:00-11:00 \"Plan as m\n":                               "f.txt:2: a quotation mark is missing",
		"scenario P39: x\nbob books room-1 in outlook tue 10:00-11:00 every month on the fifth tue 3 times as m\n": "f.txt:2: which one is not first ... fourth, last",
		"scenario P39: x\nbob cancels m in outlook\n":                                                              "f.txt:2: there is no \"m\"",
		"scenario P39: x\nbob dances\n":                                                                            "f.txt:2: nobody can do that: bob dances",
		"scenario P39: x\nsomebody takes room-1 on tue 10:00-11:00 as b\nbob renames b in eliona \"x\"\n":          "f.txt:3: this cannot be done in eliona",
		"scenario P39: x\nthe app is sleeping\n":                                                                   "f.txt:2: \"sleeping\" where stopped, killed or started belongs",
		"scenario P39: x\nfault service\n":                                                                         "f.txt:2: \"service\" is not key=value",
		"scenario P39: x\n  eliona: nothing\n":                                                                     "f.txt:2: an indented line belongs to nothing",
		"scenario P39: x\ncalendars:\n  outlook bob: tue 10:00-11:00 room-1 perhaps\n":                             "f.txt:3: \"perhaps\" is not an answer",
		"scenario P39: x\ncalendars:\n  outlook bob tue 10:00-11:00\n":                                             "f.txt:3: a colon is missing after \"bob\"",
	} {
		t.Run(wanted, func(t *testing.T) {
			_, err := Parse("f.txt", text)
			mistake := &Mistake{}
			require.ErrorAs(t, err, &mistake)
			require.Equal(t, wanted, err.Error())
		})
	}
}

func TestWhoTakesPart(t *testing.T) {
	all, err := Parse("x/f.txt", `
scenario P39 P40: First: with a colon, and a comma
alone
patience 30s
bob books room-2, room-1 in outlook tue 10:00-11:00 with carol as m
guest@elsewhere.example books room-1 in eliona tue 10:00-11:00 as b
room-9 joins the room list
calendars:
  outlook service: nothing
scenario P42: Second
friendly only
long
wait 1s
calendars:
  eliona: tue 10:00-11:00 room-3 nobody
`)
	require.NoError(t, err)
	require.Len(t, all, 2)
	first, second := all[0], all[1]
	require.Equal(t, "f/First: with a colon, and a comma", first.Name())
	require.Equal(t, []string{"P39", "P40"}, first.Proves)
	require.Equal(t, []string{"room-1", "room-2", "room-9"}, first.Rooms)
	require.Equal(t, []string{"room-9"}, first.Late)
	require.Equal(t, []string{"bob", "carol", "service"}, first.People)
	require.True(t, first.Alone && !first.Friendly && !first.Long && second.Friendly && second.Long)
	require.Equal(t, 30*time.Second, first.Patience)
	require.Equal(t, []string{"room-3"}, second.Rooms)
	require.Empty(t, second.People)
}

func TestDays(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	// A Sunday evening in UTC that is a Monday in Berlin.
	a := newAlmanac(time.Date(2031, 2, 23, 23, 30, 0, 0, time.UTC), berlin)
	for text, wanted := range map[string]string{
		"day+0":                "02-24",
		"mon":                  "03-10",
		"sun":                  "03-16",
		"tue+1":                "03-18",
		"mon..wed":             "03-10 03-11 03-12",
		"fri..mon+1":           "03-14 03-15 03-16 03-17",
		"tue..tue+3":           "03-11 03-18 03-25 04-01",
		"tue..tue+3 every 2":   "03-11 03-25",
		"mon..fri except wed":  "03-10 03-11 03-13 03-14",
		"mon, wed+1..fri+1":    "03-10 03-19 03-20 03-21",
		"dst":                  "03-30",
		"dst-1..dst+1":         "03-29 03-30 03-31",
		"dst2":                 "10-26",
		"15/m1..m3":            "04-15 05-15 06-15",
		"2tue/m1, last-fri/m2": "04-08 05-30",
		"1tue/m1":              "04-01",
	} {
		w := &words{file: "f.txt"}
		w.split(text)
		var got []string
		for _, date := range w.days().on(a) {
			got = append(got, date.Format("01-02"))
		}
		w.done()
		require.Equal(t, wanted, strings.Join(got, " "), text)
	}
}

func TestTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	a := newAlmanac(time.Date(2031, 2, 23, 12, 0, 0, 0, time.UTC), berlin)
	for text, wanted := range map[string]string{
		"dst-1 09:00-10:00":      "2031-03-29T08:00 2031-03-29T09:00 Sat 2031-03-29 09:00-10:00",
		"dst 09:00-10:15":        "2031-03-30T07:00 2031-03-30T08:15 Sun 2031-03-30 09:00-10:15",
		"dst 22:00-24:00":        "2031-03-30T20:00 2031-03-30T22:00 Sun 2031-03-30 22:00 to Mon 2031-03-31 00:00",
		"dst all day":            "2031-03-29T23:00 2031-03-30T22:00 Sun 2031-03-30 all day",
		"dst all day for 2 days": "2031-03-29T23:00 2031-03-31T22:00 Sun 2031-03-30 to Mon 2031-03-31",
	} {
		w := &words{file: "f.txt"}
		w.split(text)
		s := w.when().on(a)[0]
		const form = "2006-01-02T15:04"
		require.Equal(t, wanted, s.start.Format(form)+" "+s.end.Format(form)+" "+a.text(s), text)
	}
}

// TestAllScenariosAreUnderstood: the files of this repository.
func TestAllScenariosAreUnderstood(t *testing.T) {
	all, err := Files("../scenarios/*.txt")
	require.NoError(t, err)
	titles := map[string]bool{}
	for _, s := range all {
		require.False(t, titles[s.Title], "two scenarios are called %q", s.Title)
		titles[s.Title] = true
	}
	for _, share := range Share(all) {
		rooms := 0
		for _, s := range share {
			rooms += len(s.Rooms)
		}
		require.LessOrEqual(t, rooms, maxRooms)
	}
}
