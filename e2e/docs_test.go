package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// guides are the documents whose examples are run here. Those of
// docs/operations.md are run in app/health, where there is something to find.
var guides = []string{"README.md", "docs/user-guide.md", "docs/admin-guide.md", "docs/installation.md"}

// TestTheExamplesOfTheGuidesWork does what the guides say, with the process as
// it ships: commands are run by a shell, configurations are entered and have to
// work, JSON after a command has to have the form of its answer. Only addresses
// and credentials are those of the simulators.
func TestTheExamplesOfTheGuidesWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, nil)
	for _, name := range guides {
		t.Run(name, func(t *testing.T) {
			g := &guide{world: w, t: t}
			g.play("../" + name)
			require.Positive(t, g.played, "it has examples")
		})
	}
	// These come last: they make things go wrong.
	t.Run("simulator/README.md", func(t *testing.T) {
		g := &guide{world: w, t: t}
		raw, err := os.ReadFile("../simulator/README.md")
		require.NoError(t, err)
		for _, block := range blocks(string(raw), "sh") {
			g.run(block.text)
		}
		require.Equal(t, 4, g.played)
	})
}

type block struct{ language, text string }

// blocks returns the fenced blocks of a document in these languages.
func blocks(text string, languages ...string) []block {
	var found []block
	for _, match := range regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
		if slices.Contains(languages, match[1]) {
			found = append(found, block{match[1], match[2]})
		}
	}
	return found
}

// guide plays the examples of a document.
type guide struct {
	*world
	t      *testing.T
	answer string // of the latest command
	played int
}

func (g *guide) play(path string) {
	g.t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(g.t, err)
	for _, b := range blocks(string(raw), "sh", "json") {
		if b.language == "sh" {
			g.run(b.text)
			continue
		}
		var example any
		require.NoError(g.t, json.Unmarshal([]byte(b.text), &example), b.text)
		g.played++
		switch e := example.(type) {
		case []any: // a value of the configuration
			g.enter(map[string]any{"assetFilter": e})
		case map[string]any:
			switch {
			case e["bookingAppURL"] != nil:
				g.enter(e)
			case e["requiredResourceAccess"] != nil:
				require.Contains(g.t, b.text, `"00000002-0000-0ff1-ce00-000000000000"`)
				require.Contains(g.t, b.text, `"dc890d15-9560-4a4c-9b7f-a736ec74ec40"`)
			default:
				var answer any
				require.NoError(g.t, json.Unmarshal([]byte(g.answer), &answer), g.answer)
				sameForm(g.t, "", example, answer)
			}
		}
	}
}

// run lets a shell do what the guide says.
func (g *guide) run(text string) {
	g.t.Helper()
	script := strings.NewReplacer(
		"http://localhost:3000/v1", g.API, "http://localhost:3000", strings.TrimSuffix(g.API, "/v1"),
		"http://localhost:8089", g.Addresses["CONTROL"], "localhost:8089", g.Addresses["CONTROL"],
		`"clientId": "01234567-89ab-cdef-0123-456789abcdef"`,
		`"clientId": "client", "ewsURL": "`+g.Addresses["EXCHANGE_HTTPS"]+`", "authorityURL": "`+g.Addresses["ENTRA"]+`"`,
		`"clientSecret": "..."`, `"clientSecret": "secret"`,
		"89abcdef-0123-4567-89ab-cdef01234567", "11111111-2222-3333-4444-555555555555",
		"http://booking:3000/v1", g.Addresses["BOOKING"],
	).Replace(text)
	for _, address := range regexp.MustCompile(`https?://[^/\s"']+`).FindAllString(script, -1) {
		require.Contains(g.t, address, "//127.0.0.1:", "nobody else is called: %s", text)
	}
	const prelude = "set -euo pipefail\ncurl() { command curl --silent --show-error --fail-with-body \"$@\"; }\n"
	cmd := exec.CommandContext(g.t.Context(), "bash", "-c", prelude+script)
	out, err := cmd.CombinedOutput()
	require.NoError(g.t, err, "%s\n%s", text, out)
	g.answer = string(out)
	g.played++
}

// enter adds the configuration of an example, as it is except for addresses and
// credentials, waits until it works, and removes it.
func (g *guide) enter(example map[string]any) {
	g.t.Helper()
	configuration := g.Configuration()
	if example["username"] != nil {
		withWindows(configuration, g.Addresses["EXCHANGE_HTTPS"], example["username"].(string), "secret")
	}
	for name, value := range example {
		if _, ours := configuration[name]; !ours || name == "projectIDs" {
			configuration[name] = value
		}
	}
	for name := range maps.Clone(configuration) {
		if _, said := example[name]; !said && example["bookingAppURL"] != nil && !slices.Contains([]string{"ewsURL", "authorityURL"}, name) {
			delete(configuration, name) // the default has to do
		}
	}
	delete(configuration, "oauthScope") // the simulated authority has one
	id, err := g.Configure(g.t.Context(), configuration)
	require.NoError(g.t, err)
	path := "/configs/" + strconv.FormatInt(id, 10)
	g.until("the configuration of the example works", func() bool {
		stored := g.get(path)
		rooms := g.list(path + "/rooms")
		return stored["active"] == true && stored["statusCode"] == "" && (len(rooms) == 5 || example["assetFilter"] != nil)
	})
	require.NoError(g.t, g.Call(g.t.Context(), http.MethodDelete, path, nil, nil))
}

// sameForm checks that an example has the fields of the answer, and values of
// the same types where both have one.
func sameForm(t *testing.T, at string, example, answer any) {
	t.Helper()
	switch e := example.(type) {
	case map[string]any:
		a, ok := answer.(map[string]any)
		require.True(t, ok, at)
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
