// Package docs_test checks the documents for people: their links lead
// somewhere, and what they say of the configuration is what the API says. Their
// examples are run by package e2e.
package docs_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write the generated parts of the documents")

const root = ".."

// documents are all texts for people in the repository, by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md", "simulator/*.md", "bench/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	texts := map[string]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		name, err := filepath.Rel(root, path)
		require.NoError(t, err)
		texts[name] = string(raw)
	}
	require.Greater(t, len(texts), 15)
	return texts
}

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	code    = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.*)$`)
)

// anchors are the names under which a document's headings can be linked to,
// after the rules of GitHub.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := strings.ToLower(strings.TrimSpace(match[1]))
		name = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(name, "$1")
		name = regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(name, "")
		name = strings.ReplaceAll(name, " ", "-")
		for unique, n := name, 0; ; unique = fmt.Sprintf("%s-%d", name, n) {
			if n++; !found[unique] {
				found[unique] = true
				break
			}
		}
	}
	return found
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	texts := documents(t)
	count := 0
	for name, text := range texts {
		plain := code.ReplaceAllString(fence.ReplaceAllString(text, ""), "")
		for _, match := range link.FindAllStringSubmatch(plain, -1) {
			target := match[1] + match[2]
			if strings.Contains(target, "://") {
				require.NotRegexp(t, `^http://`, target, name)
				continue
			}
			count++
			path, anchor, _ := strings.Cut(target, "#")
			file := name
			if path != "" {
				file = filepath.Join(filepath.Dir(name), path)
				_, err := os.Stat(filepath.Join(root, file))
				require.NoError(t, err, "%s links to %s", name, target)
			}
			if anchor != "" {
				require.Contains(t, texts, file, "%s links to %s", name, target)
				require.Contains(t, anchors(texts[file]), anchor, "%s links to %s", name, target)
			}
		}
	}
	require.Greater(t, count, 50)
}

// TestEveryExampleIsRun: a block of shell commands or of JSON is an example, and
// stands in a document whose examples a test runs; what is not meant to be run
// here is "console", "powershell" or "text".
func TestEveryExampleIsRun(t *testing.T) {
	t.Parallel()
	var runners string
	for _, path := range []string{"e2e/docs_test.go", "app/health/main_test.go"} {
		raw, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		runners += string(raw)
	}
	for name, text := range documents(t) {
		for _, match := range regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
			switch match[1] {
			case "json", "sh":
				if name != "simulator/README.md" || match[1] == "sh" {
					require.Contains(t, runners, name, "%s has examples that nobody runs", name)
				}
			case "yaml":
				var value any
				require.NoError(t, yaml.Unmarshal([]byte(match[2]), &value), name)
			default:
				require.Contains(t, []string{"", "console", "powershell", "text"}, match[1], name)
			}
		}
	}
}

// TestEveryGuideIsFound: who reads the front page finds the others.
func TestEveryGuideIsFound(t *testing.T) {
	t.Parallel()
	texts := documents(t)
	for name := range texts {
		// Reports that a make target writes come and go.
		report := slices.Contains([]string{"docs/acceptance.md", "docs/performance.md"}, name)
		if strings.HasPrefix(name, "docs/") && strings.Count(name, "/") == 1 && !report {
			require.Contains(t, texts["README.md"], "("+name, "the front page has no link to it")
		}
	}
}

// field is a field of the configuration as the API describes it.
type field struct {
	Type, Format, Description string
	ReadOnly                  bool `yaml:"readOnly"`
	Default                   any
	Minimum, Maximum          *int
	Ref                       string `yaml:"$ref"`
}

// fields returns the fields of the configuration in the order of the API's
// description.
func fields(t *testing.T) (names []string, all map[string]field) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "openapi.yaml"))
	require.NoError(t, err)
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties yaml.Node
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &document))
	schema := document.Components.Schemas["Configuration"]
	all = map[string]field{}
	for i := 0; i < len(schema.Properties.Content); i += 2 {
		name := schema.Properties.Content[i].Value
		var f field
		require.NoError(t, schema.Properties.Content[i+1].Decode(&f))
		if f.Ref != "" {
			referred := document.Components.Schemas[f.Ref[strings.LastIndex(f.Ref, "/")+1:]]
			require.NotNil(t, referred)
			f.Type, f.Description, f.Default = "array", "Limits which rooms of the room list become assets, see [asset filter](#asset-filter).", []any{}
		}
		if slices.Contains(schema.Required, name) {
			f.Default = "*required*"
		}
		names, all[name] = append(names, name), f
	}
	return names, all
}

// TestTheGuideHasEveryField compares the table of fields with the API's
// description, which is where they are described: P72.
func TestTheGuideHasEveryField(t *testing.T) {
	names, all := fields(t)
	table := &strings.Builder{}
	table.WriteString("| Field | Type | Default | Meaning |\n|---|---|---|---|\n")
	for _, name := range names {
		f := all[name]
		if f.ReadOnly {
			continue
		}
		fmt.Fprintf(table, "| `%s` | %s | %s | %s |\n", name, f.kind(), f.fallback(), strings.Join(strings.Fields(f.Description), " "))
	}
	table.WriteString("\nSet by the app, and ignored in what you send:\n\n| Field | Meaning |\n|---|---|\n")
	for _, name := range names {
		if f := all[name]; f.ReadOnly {
			fmt.Fprintf(table, "| `%s` | %s |\n", name, strings.Join(strings.Fields(f.Description), " "))
		}
	}
	const guide = "user-guide.md"
	raw, err := os.ReadFile(guide)
	require.NoError(t, err)
	part := regexp.MustCompile(`(?s)(<!-- fields: [^\n]* -->\n).*?(<!-- end -->)`)
	require.Len(t, part.FindAllString(string(raw), -1), 1)
	want := part.ReplaceAllStringFunc(string(raw), func(old string) string {
		groups := part.FindStringSubmatch(old)
		return groups[1] + table.String() + groups[2]
	})
	if *update {
		require.NoError(t, os.WriteFile(guide, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(raw), "run: go test ./docs -update")
}

func (f field) kind() string {
	switch {
	case f.Minimum != nil && f.Maximum != nil:
		return fmt.Sprintf("number, %d to %d", *f.Minimum, *f.Maximum)
	case f.Type == "boolean":
		return "true or false"
	case f.Type == "array":
		return "list"
	case f.Format == "password":
		return "secret"
	case f.Type == "string":
		return "text"
	}
	return f.Type
}

func (f field) fallback() string {
	switch value := f.Default.(type) {
	case nil:
		return "empty"
	case string:
		if value == "" {
			return "empty"
		}
		if strings.HasPrefix(value, "*") {
			return value
		}
		return "`" + value + "`"
	case []any:
		return "empty"
	default:
		return fmt.Sprintf("`%v`", value)
	}
}

// TestFieldsAreSpelledAlike: a field that a document names in the spelling of
// the configuration exists.
func TestFieldsAreSpelledAlike(t *testing.T) {
	t.Parallel()
	_, all := fields(t)
	folded := map[string]string{}
	for name := range all {
		folded[strings.ToLower(name)] = name
	}
	for name, text := range documents(t) {
		for _, match := range regexp.MustCompile("`([a-z][A-Za-z]+)`").FindAllStringSubmatch(text, -1) {
			if spelled, ok := folded[strings.ToLower(match[1])]; ok {
				require.Equal(t, spelled, match[1], name)
			}
		}
	}
}
