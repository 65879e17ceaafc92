package health_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"ews/app/health"
)

// TestTheGuideIsUpToDate compares the tables of metrics and of codes with what
// the program knows.
func TestTheGuideIsUpToDate(t *testing.T) {
	want := text(t, guide)
	for name, table := range map[string]string{"metrics": metricsTable(t), "codes": codesTable()} {
		part := regexp.MustCompile(`(?s)(<!-- ` + name + `: [^\n]* -->\n).*?(<!-- end -->)`)
		require.Len(t, part.FindAllString(want, -1), 1, name)
		want = part.ReplaceAllStringFunc(want, func(old string) string {
			groups := part.FindStringSubmatch(old)
			return groups[1] + table + groups[2]
		})
	}
	if *update {
		require.NoError(t, os.WriteFile(guide, []byte(want), 0o600))
	}
	require.Equal(t, want, text(t, guide), "run: go test ./app/health -update")
}

func codesTable() string {
	out := &strings.Builder{}
	out.WriteString("| Code | Cause | What helps |\n|---|---|---|\n")
	for _, w := range health.Words() {
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", strings.Join(w.Codes, "` `"), escape(w.Text), escape(w.Fix))
	}
	return out.String()
}

func escape(s string) string { return strings.NewReplacer("<", `\<`, "|", `\|`).Replace(s) }

func metricsTable(t *testing.T) string {
	out := &strings.Builder{}
	out.WriteString("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n")
	families := open(t).families()
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		star := ""
		if f.everywhere {
			star = "*"
		}
		fmt.Fprintf(out, "| `%s`%s | %s | %s | %s |\n", name, star, f.kind, strings.Join(f.labels, ", "), f.help)
	}
	return out.String()
}

// TestWhatIsNamedElsewhereExists: alerts, dashboard and guide name metrics and
// alerts that exist.
func TestWhatIsNamedElsewhereExists(t *testing.T) {
	t.Parallel()
	families := open(t).families()
	for _, path := range []string{"../../deploy/prometheus-rules.yaml", "../../deploy/grafana-dashboard.json", guide, "../../openapi.yaml"} {
		named := regexp.MustCompile(`\bews_[a-z_]+`).FindAllString(text(t, path), -1)
		require.NotEmpty(t, named, path)
		for _, name := range named {
			name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			if name != "ews_root" && name != "ews_room" {
				require.Contains(t, families, name, path)
			}
		}
	}
	dashboard := text(t, "../../deploy/grafana-dashboard.json")
	for name := range families {
		require.Contains(t, dashboard, name, "the dashboard shows every metric")
	}
	var panels struct {
		Panels []struct {
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(dashboard), &panels))
	for _, panel := range panels.Panels {
		for _, target := range panel.Targets {
			labelsExist(t, families, target.Expr, target.LegendFormat)
		}
	}

	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(text(t, "../../deploy/prometheus-rules.yaml")), &rules))
	var alerts []string
	for _, rule := range rules.Groups[0].Rules {
		require.NotEmpty(t, rule.Expr, rule.Alert)
		require.NotEmpty(t, rule.For, rule.Alert)
		require.NotEmpty(t, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		labelsExist(t, families, rule.Expr, rule.Annotations["summary"])
		alerts = append(alerts, rule.Alert)
	}
	told := regexp.MustCompile("`(Ews[A-Za-z]+)`").FindAllStringSubmatch(text(t, guide), -1)
	var described []string
	for _, match := range told {
		if match[1] != "EwsAllowedAppIDs" {
			described = append(described, match[1])
		}
	}
	require.ElementsMatch(t, alerts, described)
}

// labelsExist checks that an expression selects and groups by labels that its
// metrics have, and that a text made of its result names no others.
func labelsExist(t *testing.T, families map[string]family, expr, words string) {
	t.Helper()
	known := map[string]bool{"le": true, "job": true, "instance": true} // given by Prometheus
	for _, metric := range regexp.MustCompile(`\b((?:ews|go|process)_[a-z_]+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(expr, -1) {
		own := map[string]bool{"job": true, "instance": true}
		for _, label := range families[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(metric[1], "")].labels {
			own[strings.Trim(label, "`")], known[strings.Trim(label, "`")] = true, true
		}
		for _, selected := range regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`).FindAllStringSubmatch(metric[2], -1) {
			require.True(t, own[selected[1]], "%s has no label %s: %s", metric[1], selected[1], expr)
		}
	}
	for _, group := range regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(group[1], ",") {
			require.True(t, known[strings.TrimSpace(label)], "%s: %s", label, expr)
		}
	}
	for _, label := range regexp.MustCompile(`\$labels\.(\w+)|\{\{(\w+)\}\}`).FindAllStringSubmatch(words, -1) {
		require.True(t, known[label[1]+label[2]], "%s: %s", words, expr)
	}
}

// TestTheExamplesOfTheGuideWork calls what the guide calls. The JSON below an
// example has the form of the answer.
func TestTheExamplesOfTheGuideWork(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.exec(`insert into ews.meeting (id, configuration_id, uid, origin, organizer, wanted_at, parked_code, parked_at)
		select 17, id, 'u', 'exchange', 'alice@example.com', now(), 'booking_clash', now() from ews.configuration`)
	d.exec(`insert into ews.occurrence (id, meeting_id, configuration_id, booking_id, bk_live, bk_start, bk_end, bk_assets)
		select 1, 17, configuration_id, 4711, true, now(), now() + interval '1 hour', '{17}' from ews.meeting`)
	d.exec(`insert into ews.cell (occurrence_id, room_id, seen, seen_start, seen_end) select 1, id, 'booked', now(), now() + interval '1 hour' from ews.room`)

	blocks := regexp.MustCompile("(?s)```(sh|json)\n(.*?)```").FindAllStringSubmatch(text(t, guide), -1)
	called, compared := 0, 0
	answer := ""
	for _, block := range blocks {
		if block[1] == "json" {
			sameForm(t, "", decode(t, block[2]), decode(t, answer))
			compared++
			continue
		}
		for line := range strings.Lines(block[2]) {
			command := regexp.MustCompile(`^curl (?:-X (POST) )?http://localhost:3000(/\S+)\n$`).FindStringSubmatch(line)
			require.NotNil(t, command, line)
			method := "GET"
			if command[1] != "" {
				method = command[1]
			}
			status, body := d.call(method, command[2])
			require.Less(t, status, 300, "%s: %s", line, body)
			answer = body
			called++
		}
	}
	require.Equal(t, 12, called)
	require.Equal(t, 6, compared)
}

// sameForm checks that an example has the fields of the answer, and values of
// the same types where both have one.
func sameForm(t *testing.T, at string, example, answer any) {
	t.Helper()
	switch e := example.(type) {
	case map[string]any:
		a, ok := answer.(map[string]any)
		require.True(t, ok || answer == nil, at)
		if !ok {
			return
		}
		require.ElementsMatch(t, slices.Collect(maps.Keys(e)), slices.Collect(maps.Keys(a)), at)
		for name := range e {
			sameForm(t, at+"."+name, e[name], a[name])
		}
	case []any:
		a, ok := answer.([]any)
		require.True(t, ok, at)
		require.NotEmpty(t, a, at)
		sameForm(t, at+"[0]", e[0], a[0])
	default:
		if example != nil && answer != nil {
			require.IsType(t, example, answer, at)
		}
	}
}
