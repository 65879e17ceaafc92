package health_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/app/health"
)

func TestEveryCodeHasOneExplanation(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, w := range health.Words() {
		require.NotEmpty(t, w.Codes)
		for _, text := range []string{w.Text, w.Fix} {
			require.Regexp(t, `^[A-Z].*\.$`, text, w.Codes)
		}
		for _, code := range w.Codes {
			require.False(t, seen[code], code)
			seen[code] = true
			if !strings.HasSuffix(code, "xx") {
				text, fix := health.Explain(code)
				require.Equal(t, [2]string{w.Text, w.Fix}, [2]string{text, fix})
			}
		}
	}
}

func TestUnknownCodesAreExplainedToo(t *testing.T) {
	t.Parallel()
	text, fix := health.Explain("HTTP502")
	same, _ := health.Explain("ErrorInternalServerError")
	require.Equal(t, same, text)
	require.NotEmpty(t, fix)
	for _, code := range []string{"HTTP418", "HTTP0", "ErrorNeverHeardOf", "never heard of"} {
		text, fix := health.Explain(code)
		require.NotEmpty(t, text, code)
		require.NotEmpty(t, fix, code)
	}
	text, fix = health.Explain("")
	require.Empty(t, text+fix)
}

// TestTheProgramProducesNoOtherCodes looks for codes in the sources.
func TestTheProgramProducesNoOtherCodes(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, w := range health.Words() {
		for _, code := range w.Codes {
			known[code] = true
		}
	}
	found := map[string]string{}
	for _, dir := range []string{"app", "exchange", "conf", "db/store"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("../..", dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "enginetest") || strings.Contains(path, "app/health") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, code := range codesOf(file) {
				found[code] = path
			}
			return nil
		}))
	}
	for _, sure := range []string{"ErrorServerBusy", "ClientNoAnswer", "booking_app_too_old", "room_not_answering", "cannot_start", "HTTP403", "end_unknown"} {
		require.Contains(t, found, sure, "the search works")
	}
	for code, path := range found {
		if !known[code] {
			require.Fail(t, "no words for "+code, path)
		}
	}
}

// codesOf returns what is a code by its form, or by where it stands: in a field
// Code, in a constant whose name begins with code, or as the reason of a failed
// operation.
func codesOf(file *ast.File) []string {
	var codes []string
	add := func(e ast.Expr, form string) {
		if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if s, err := strconv.Unquote(literal.Value); err == nil && regexp.MustCompile(form).MatchString(s) {
				codes = append(codes, s)
			}
		}
	}
	const anyCode = `^[A-Za-z0-9_]+$`
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			add(n, `^(Error[A-Z]\w+|Client[A-Z][a-z]\w+|HTTP\d{3}|(booking_app|booking|eliona|exchange|organizer|occurrence)_(unreachable|too_old|refused|not_found|clash|failed|unmatched|unknown|gone|token_refused|request_refused|app_unreachable|copy_not_found)\w*)$`)
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
				add(n.Value, anyCode)
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if strings.HasPrefix(strings.ToLower(name.Name), "code") && i < len(n.Values) {
					add(n.Values[i], anyCode)
				}
			}
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "Fail" && len(n.Args) > 0 {
				add(n.Args[len(n.Args)-1], anyCode)
			}
		case *ast.FuncDecl:
			if strings.HasPrefix(n.Name.Name, "codeOf") {
				ast.Inspect(n, func(inner ast.Node) bool {
					if result, ok := inner.(*ast.ReturnStmt); ok {
						add(result.Results[0], anyCode)
					}
					return true
				})
			}
		}
		return true
	})
	// Names of fields and client ids look alike.
	return slices.DeleteFunc(codes, func(code string) bool { return code == "ClientSecret" || code == "ClientID" })
}
