package apiservices

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"ews/apiserver"
)

// AnyOrigin allows web pages from everywhere.
const AnyOrigin = "*"

// origins decides which web pages may call the API from a browser. Those that
// come through the same proxy as the API always may; of others only the allowed
// ones may read answers (CORS) and change anything.
type origins struct {
	allowed []string
	foreign *http.CrossOriginProtection
	next    http.Handler
}

// ValidateOrigin tells whether an origin can be allowed: "*", or scheme, host and
// port, as in https://eliona.example.com.
func ValidateOrigin(origin string) error {
	if origin == AnyOrigin {
		return nil
	}
	if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
		return fmt.Errorf("%q is no origin like https://eliona.example.com", origin)
	}
	return nil
}

func newOrigins(allowed []string, next http.Handler) (origins, error) {
	o := origins{allowed: allowed, foreign: http.NewCrossOriginProtection(), next: next}
	for _, origin := range allowed {
		if err := ValidateOrigin(origin); err != nil {
			return origins{}, err
		}
		if origin != AnyOrigin {
			_ = o.foreign.AddTrustedOrigin(origin) // was just tried
		}
	}
	return o, nil
}

// ServeHTTP implements http.Handler.
func (o origins) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	everybody := slices.Contains(o.allowed, AnyOrigin)
	origin := r.Header.Get("Origin")
	welcome := everybody || origin != "" && slices.Contains(o.allowed, origin)
	switch {
	case everybody:
		header.Set("Access-Control-Allow-Origin", AnyOrigin)
	case len(o.allowed) > 0:
		header.Set("Vary", "Origin")
		if welcome {
			header.Set("Access-Control-Allow-Origin", origin)
		}
	}
	if r.Method == http.MethodOptions {
		const methods = "GET, POST, PUT, DELETE, OPTIONS"
		header.Set("Allow", methods)
		if welcome {
			header.Set("Access-Control-Allow-Methods", methods)
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key")
		}
		w.WriteHeader(http.StatusOK)
		return
	}
	if !everybody && o.foreign.Check(asReceived(r)) != nil {
		writeError(w, http.StatusForbidden, apiserver.Error{
			Error: "a web page from another origin may not change anything; if it is one of Eliona, list its origin in API_ALLOWED_ORIGINS",
		})
		return
	}
	o.next.ServeHTTP(w, r)
}

// asReceived is the request with the host that the browser asked for, which a
// proxy passes on in a header of its own. A page of another site cannot set it.
func asReceived(r *http.Request) *http.Request {
	host, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Host"), ",")
	if host = strings.TrimSpace(host); host == "" {
		return r
	}
	clone := *r
	clone.Host = host
	return &clone
}
