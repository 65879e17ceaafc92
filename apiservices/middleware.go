package apiservices

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/eliona-smart-building-assistant/go-eliona/frontend"

	"ews/apiserver"
)

// headers keeps answers out of caches, and browsers from guessing what they are.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// cleanPath takes repeated and trailing slashes out of the path. Eliona joins
// "v1" and "/version/openapi.json" with a slash, and a redirect would lose the
// body of a POST.
func cleanPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !storable(r.URL.Path) { // nothing here has such a name, and the database would refuse to look
			notFound(w, r)
			return
		}
		if path := clean(r.URL.Path); path != r.URL.Path {
			location := *r.URL
			location.Path, location.RawPath = path, ""
			r = withURL(r, &location)
		}
		next.ServeHTTP(w, r)
	})
}

// storable tells whether PostgreSQL takes the text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

func clean(path string) string {
	parts := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	return "/" + strings.Join(parts, "/")
}

func withURL(r *http.Request, location *url.URL) *http.Request {
	clone := *r
	clone.URL = location
	return &clone
}

// reporter tells the log what the client must not or need not know.
type reporter struct{ log *slog.Logger }

// identify makes the user of Eliona known to the services. The library logs an
// error for every token it cannot read; such requests pass without a user.
func (p reporter) identify(next http.Handler) http.Handler {
	known := frontend.NewEnvironmentHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := frontend.ParseEnvironment(r); err != nil {
			if !errors.Is(err, http.ErrNoCookie) {
				p.log.DebugContext(r.Context(), "request with an unreadable token: the user stays unknown", "path", r.URL.Path)
			}
			next.ServeHTTP(w, r)
			return
		}
		known.ServeHTTP(w, r)
	})
}

// maxUserID is longer than the id of any user of Eliona.
const maxUserID = 200

// caller returns the id of the Eliona user, empty if unknown. Who signed the
// token is the business of the gateway; that it names somebody is ours.
func caller(ctx context.Context) string {
	if environment := frontend.GetEnvironment(ctx); environment != nil {
		if id := environment.UserId; len(id) <= maxUserID && storable(id) {
			return id
		}
	}
	return ""
}

// internal answers what a service could not do, and logs why.
func (p reporter) internal(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		p.log.DebugContext(r.Context(), "request was abandoned", "method", r.Method, "path", r.URL.Path)
	} else {
		p.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	p.answerInternal(w)
}

func (p reporter) answerInternal(w http.ResponseWriter) {
	writeError(w, http.StatusInternalServerError, apiserver.Error{Error: "internal error; the log of the app has the details"})
}

// recoverPanics keeps a programming error in one request from ending the app.
func (p reporter) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				p.panicked(w, r, cause)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (p reporter) panicked(w http.ResponseWriter, r *http.Request, cause any) {
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause) // net/http asks for this
	}
	p.log.ErrorContext(r.Context(), "request panicked",
		"method", r.Method, "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
	p.answerInternal(w)
}
