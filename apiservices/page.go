package apiservices

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
)

// pagePath is where the status of everything is shown: to programs as the
// description says, to people as a page with its forms.
const pagePath = BasePath + "/status"

// addPage lets a page answer those who want one. It has to come before the
// API's own routes.
func addPage(router *mux.Router, page http.Handler) {
	if page == nil {
		return
	}
	router.Path(pagePath).Methods(http.MethodGet, http.MethodHead).MatcherFunc(wantsPage).Handler(page)
	router.Path(pagePath).Methods(http.MethodPost).Handler(page)
}

// wantsPage tells whether a request asks for HTML at least as much as for JSON.
// Programs that accept anything get JSON.
func wantsPage(r *http.Request, _ *mux.RouteMatch) bool {
	html, json := 0., 0.
	for accepted := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, parameters, err := mime.ParseMediaType(accepted)
		if err != nil {
			continue
		}
		weight := 1.
		if q, given := parameters["q"]; given {
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		switch kind {
		case "text/html":
			html = max(html, weight)
		case "application/json":
			json = max(json, weight)
		}
	}
	return html > 0 && html >= json
}
