package apiservices

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"ews/apiserver"
)

// What Callers refuses.
var (
	// ErrNotAdmitted tells that a credential is not, or no longer, valid.
	ErrNotAdmitted = errors.New("the credential is not valid")
	// ErrNotAllowed tells that a valid credential does not suffice.
	ErrNotAllowed = errors.New("the credential gives no right to this app")
)

// Credential is what a caller shows: an API key, or the token of a user.
type Credential struct{ Key, Token string }

// Callers decides who may call the API. It fails with ErrNotAdmitted or
// ErrNotAllowed; any other error means that it cannot tell at the moment.
type Callers interface {
	Admit(ctx context.Context, c Credential) error
}

// guard demands a credential for everything but the health checks, which a
// platform makes without any, and which tell nothing.
type guard struct {
	callers Callers
	log     *slog.Logger
	next    http.Handler
}

// tokenCookie is where Eliona keeps the token of a user of its front end.
const tokenCookie = "elionaAuthorization"

// maxCredential is longer than any credential of Eliona.
const maxCredential = 16 << 10

// ServeHTTP implements http.Handler.
func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == BasePath+"/health/live" || r.URL.Path == BasePath+"/health/ready" {
		g.next.ServeHTTP(w, r)
		return
	}
	c, found := credentialOf(r)
	if !found {
		refuse(w, http.StatusUnauthorized, "a token of Eliona (Authorization: Bearer ...) or an API key (X-API-Key) is required")
		return
	}
	err := g.callers.Admit(r.Context(), c)
	switch {
	case err == nil:
		g.next.ServeHTTP(w, provenOnly(r, c))
	case errors.Is(err, ErrNotAdmitted):
		refuse(w, http.StatusUnauthorized, "Eliona does not accept the token or API key, or it has expired")
	case errors.Is(err, ErrNotAllowed):
		refuse(w, http.StatusForbidden, "Eliona gives the owner of this token or API key no right to this app")
	default:
		g.log.DebugContext(r.Context(), "request refused, its caller is not known", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "Eliona cannot be asked whether the token or API key is valid; try again in a moment")
	}
}

func refuse(w http.ResponseWriter, status int, words string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="Eliona"`)
	}
	writeError(w, status, apiserver.Error{Error: words})
}

// credentialOf returns what a caller shows. A bearer token that has not the form
// of a JWT counts as an API key, for programs that can send nothing else.
func credentialOf(r *http.Request) (Credential, bool) {
	var c Credential
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	bearer = strings.TrimSpace(bearer)
	cookie, err := r.Cookie(tokenCookie)
	switch {
	case strings.EqualFold(scheme, "Bearer") && strings.Count(bearer, ".") == 2:
		c.Token = bearer
	case strings.EqualFold(scheme, "Bearer"):
		c.Key = bearer
	case r.Header.Get("X-API-Key") != "":
		c.Key = r.Header.Get("X-API-Key")
	case err == nil:
		c.Token = cookie.Value
	}
	size := len(c.Key) + len(c.Token)
	return c, size > 0 && size <= maxCredential
}

// provenOnly returns the request with the one credential that was looked at: who
// calls must not be read from another.
func provenOnly(r *http.Request, c Credential) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	r.Header.Del("X-API-Key")
	cookies := r.Cookies()
	r.Header.Del("Cookie")
	for _, cookie := range cookies {
		if cookie.Name != tokenCookie {
			r.AddCookie(cookie)
		}
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	return r
}
