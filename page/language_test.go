package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/health"
)

// TestEverythingIsTranslated looks for texts in the program, in the templates
// and among the words of package health.
func TestEverythingIsTranslated(t *testing.T) {
	t.Parallel()
	texts := slices.Concat(saidByProgram(t), saidByTemplates(t), saidByHealth())
	for d := time.Sunday; d <= time.Saturday; d++ {
		texts = append(texts, d.String())
	}
	for m := time.January; m <= time.December; m++ {
		texts = append(texts, m.String())
	}
	verbs := regexp.MustCompile(`%[a-z]`)
	for _, l := range spoken()[1:] {
		translated, err := translation(l.tag)
		require.NoError(t, err)
		for _, text := range texts {
			to := translated[text]
			if to == "" {
				t.Errorf("no words in %s for %q: add them to languages/%[1]s.json, or words-%[1]s.json", l.tag, text)
				continue
			}
			require.Equal(t, verbs.FindAllString(text, -1), verbs.FindAllString(to, -1), "%s: %s", l.tag, text)
		}
		unused := slices.DeleteFunc(slices.Collect(maps.Keys(translated)), func(text string) bool { return slices.Contains(texts, text) })
		require.Empty(t, unused, "said by nobody, in %s", l.tag)
	}
}

// saidByProgram are the texts in calls of say. Others than literals come from
// package health, or are names of days and months.
func saidByProgram(t *testing.T) (texts []string) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if called, ok := call.Fun.(*ast.SelectorExpr); !ok || called.Sel.Name != "say" {
				return true
			}
			switch argument := call.Args[0].(type) {
			case *ast.BasicLit:
				text, err := strconv.Unquote(argument.Value)
				require.NoError(t, err)
				texts = append(texts, text)
			case *ast.SelectorExpr:
				require.Contains(t, []string{"Text", "Fix", "Title", "StatusText", "StatusFix"}, argument.Sel.Name, name)
			case *ast.CallExpr:
				require.Equal(t, "String", argument.Fun.(*ast.SelectorExpr).Sel.Name, name)
			default:
				require.Fail(t, "a text that cannot be looked for", "%s: %T", name, argument)
			}
			return true
		})
	}
	require.Contains(t, texts, "Try again now", "the search works")
	return texts
}

func saidByTemplates(t *testing.T) (texts []string) {
	require.NoError(t, fs.WalkDir(os.DirFS("templates"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join("templates", name))
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`\{\{-?\s*t "([^"]*)"`).FindAllStringSubmatch(string(raw), -1) {
			texts = append(texts, found[1])
		}
		plain := regexp.MustCompile(`(?s)\{\{.*?\}\}|<[^>]*>`).ReplaceAllString(string(raw), " ")
		for _, word := range regexp.MustCompile(`\pL{2,}`).FindAllString(plain, -1) {
			require.Contains(t, []string{"Exchange", "Eliona"}, word, "a word that is not translated")
		}
		return nil
	}))
	require.Contains(t, texts, "Findings", "the search works")
	return texts
}

func saidByHealth() (texts []string) {
	for _, w := range health.Words() {
		texts = append(texts, w.Text, w.Fix)
	}
	texts = append(texts, slices.Collect(maps.Values(health.StepTitles()))...)
	for _, unknown := range []string{"HTTP418", "ErrorNeverHeardOf", "never heard of"} {
		text, fix := health.Explain(unknown)
		texts = append(texts, text, fix)
	}
	return texts
}
