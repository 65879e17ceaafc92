package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed style.css
var style string

//go:embed script.js
var script string

// The texts of the page stand in the program in English. Two files per further
// language translate them: one the page's own, one the words of package health.
//
//go:embed languages/*.json
var translations embed.FS

// policy is the Content-Security-Policy: this page's own style and script, by
// their digests, and nothing else.
func policy() string {
	digest := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return strings.Join([]string{
		"default-src 'none'", "style-src " + digest(style), "script-src " + digest(script), "img-src data:", "connect-src 'self'",
		"form-action 'self'", "base-uri 'none'", "frame-ancestors 'self'",
	}, "; ")
}

// speech is the page in one language.
type speech struct {
	tag       string // of the language
	printer   *message.Printer
	templates *template.Template
}

// say translates a text; arguments take the places of verbs, as in fmt.
func (s *speech) say(text string, args ...any) string {
	return s.printer.Sprintf(message.Key(text, text), args...)
}

// languages are all the page speaks.
type languages struct {
	matcher  language.Matcher
	speeches []*speech // the first one where none fits
}

// spoken are the languages, each by its own name.
func spoken() []struct{ tag, name string } {
	return []struct{ tag, name string }{{"en", "English"}, {"de", "Deutsch"}, {"fr", "Français"}, {"it", "Italiano"}}
}

func newLanguages() (*languages, error) {
	builder := catalog.NewBuilder(catalog.Fallback(language.English))
	var tags []language.Tag
	for _, l := range spoken() {
		tag := language.MustParse(l.tag)
		tags = append(tags, tag)
		if tag == language.English {
			continue
		}
		texts, err := translation(l.tag)
		if err != nil {
			return nil, err
		}
		for from, to := range texts {
			if err := builder.SetString(tag, from, to); err != nil {
				return nil, fmt.Errorf("reading %q in %s: %w", from, l.tag, err)
			}
		}
	}
	all := &languages{matcher: language.NewMatcher(tags)}
	for _, tag := range tags {
		s := &speech{tag: tag.String(), printer: message.NewPrinter(tag, message.Catalog(builder))}
		var err error
		s.templates, err = template.New("").Funcs(template.FuncMap{"t": s.say}).ParseFS(templates, "templates/*.html")
		if err != nil {
			return nil, fmt.Errorf("reading the templates of the page: %w", err)
		}
		all.speeches = append(all.speeches, s)
	}
	return all, nil
}

// translation returns the texts of a language by those in English.
func translation(tag string) (map[string]string, error) {
	texts := map[string]string{}
	for _, name := range []string{tag, "words-" + tag} {
		raw, err := translations.ReadFile(path.Join("languages", name+".json"))
		if err != nil {
			return nil, fmt.Errorf("reading a language of the page: %w", err)
		}
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("reading the language %s of the page: %w", name, err)
		}
	}
	return texts, nil
}

// choose returns the language the address names, or the browser prefers.
func (l *languages) choose(r *http.Request) *speech {
	_, i := language.MatchStrings(l.matcher, r.URL.Query().Get(inLang), r.Header.Get("Accept-Language"))
	return l.speeches[i]
}
