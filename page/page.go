// Package page is what operators see in a browser: the configurations, their
// rooms with a day on both sides, and the findings with what can be done.
//
// The page is made here and needs nothing else, neither scripts nor anything
// from elsewhere. All its links are relative, so that it works behind a proxy
// under any address. It shows no subject of a meeting.
package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"ews/apiserver"
)

// Source is where the page gets what it shows, and what its buttons call. It
// refuses as an apiservices.Operations does.
type Source interface {
	// Summaries returns the status of all configurations, the oldest first.
	Summaries(ctx context.Context) ([]apiserver.ConfigurationSummary, error)
	// RoomsBetween returns the rooms of a configuration, and what both sides
	// have in them between two instants.
	RoomsBetween(ctx context.Context, config int64, from, to time.Time) ([]apiserver.RoomStatus, error)
	Findings(ctx context.Context, config int64) ([]apiserver.Finding, error)
	Retry(ctx context.Context, config int64, finding string) error
	Resync(ctx context.Context, config int64) error
	ResyncRoom(ctx context.Context, config int64, address string) error
	// Check tries a configuration out, and looks into a mailbox if one is given.
	// It fails with apiservices.ErrBusy.
	Check(ctx context.Context, config int64, mailbox string) (apiserver.CheckReport, error)
}

// Options are what a Page works with.
type Options struct {
	Source Source
	Now    func() time.Time // nil: the system clock; its location is where configurations are that name no time zone
	Logger *slog.Logger     // nil: nothing is logged
}

// Page answers GET with the page and POST with what its buttons ask for. It
// looks at the query of a request only, not at the path.
type Page struct {
	source    Source
	now       func() time.Time
	log       *slog.Logger
	languages *languages
	policy    string // Content-Security-Policy
	foreign   *http.CrossOriginProtection
}

// New returns a Page.
func New(o Options) (*Page, error) {
	if o.Source == nil {
		return nil, errors.New("the page needs a source")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	languages, err := newLanguages()
	if err != nil {
		return nil, err
	}
	return &Page{
		source: o.Source, now: o.Now, log: o.Logger, languages: languages, policy: policy(),
		foreign: http.NewCrossOriginProtection(),
	}, nil
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.secure(w.Header())
	speech := p.languages.choose(r)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		p.show(w, r, speech)
	case http.MethodPost:
		p.act(w, r, speech)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		p.refuse(w, r, speech, http.StatusMethodNotAllowed, speech.say("This address shows a page and takes its forms, nothing else."))
	}
}

// secure sets what keeps other pages away from this one. Eliona may show it in
// a frame of its own.
func (p *Page) secure(header http.Header) {
	header.Del("Access-Control-Allow-Origin")
	header.Set("Content-Security-Policy", p.policy)
	header.Set("X-Frame-Options", "SAMEORIGIN")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept, Accept-Language")
}

// show writes the page.
func (p *Page) show(w http.ResponseWriter, r *http.Request, speech *speech) {
	v, err := p.look(r.Context(), speech, placeOf(r.URL.Query()))
	switch {
	case errors.Is(err, errNoConfiguration):
		p.refuse(w, r, speech, http.StatusNotFound, speech.say("There is no such configuration, or no longer."))
	case err != nil:
		p.fail(w, r, speech, err)
	default:
		p.write(w, r, speech, http.StatusOK, "page", v)
	}
}

// fail tells the person that it went wrong, and the log why.
func (p *Page) fail(w http.ResponseWriter, r *http.Request, speech *speech, err error) {
	if r.Context().Err() == nil {
		p.log.ErrorContext(r.Context(), "page not made", "method", r.Method, "error", err)
	}
	p.refuse(w, r, speech, http.StatusInternalServerError,
		speech.say("This does not work now, for example because the database does not answer. The log of the app has the details."))
}

// refuse writes a page that says one thing.
func (p *Page) refuse(w http.ResponseWriter, r *http.Request, speech *speech, status int, text string) {
	here := placeOf(r.URL.Query())
	here.Done = ""
	p.write(w, r, speech, status, "refusal", refusal{Frame: frameOf(speech, here), Text: text})
}

func (p *Page) write(w http.ResponseWriter, r *http.Request, speech *speech, status int, name string, content any) {
	var text bytes.Buffer
	if err := speech.templates.ExecuteTemplate(&text, name, content); err != nil {
		p.log.ErrorContext(r.Context(), "page not made", "error", fmt.Errorf("filling in the template %s: %w", name, err))
		http.Error(w, "internal error; the log of the app has the details", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", speech.tag)
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client has gone: nobody is left to tell
}

// redirect shows the page again. The address is relative to the one the browser
// knows, which is not the one that arrives here when a proxy is in between.
func redirect(w http.ResponseWriter, to place) {
	location := to.Query()
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// parameters of a page's address.
const (
	inLang   = "lang"
	inConfig = "config"
	inDay    = "day"
	inDone   = "done"
)

// place is what the address of the page says.
type place struct {
	Lang   string // as asked for; empty: as the browser is set
	Config string // number of a configuration; empty: the only one, or none
	Day    string // 2006-01-02; empty: today
	Done   string // what a button just did
}

func placeOf(query url.Values) place {
	return place{Lang: query.Get(inLang), Config: query.Get(inConfig), Day: query.Get(inDay), Done: query.Get(inDone)}
}

// Query is the place as a relative address.
func (p place) Query() string {
	query := url.Values{}
	for name, value := range map[string]string{inLang: p.Lang, inConfig: p.Config, inDay: p.Day, inDone: p.Done} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "?" + query.Encode()
}
