// Package apiservices implements the app's own API as openapi.yaml describes
// it: the configurations, how they are doing, and the version.
package apiservices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"ews/apiserver"
	"ews/conf"
)

// BasePath is where the API begins, as metadata.json and openapi.yaml say.
const BasePath = "/v1"

// ConfigurationStore is what the API needs to keep configurations. The caller
// is the Eliona user on whose behalf something is done, empty if unknown.
// Unknown ids are answered with conf.ErrNotFound, and a version that is no
// longer the stored one with conf.ErrConflict.
type ConfigurationStore interface {
	List(ctx context.Context) ([]conf.Configuration, error)
	Get(ctx context.Context, id int64) (conf.Configuration, error)
	Insert(ctx context.Context, c conf.Configuration, caller string) (conf.Configuration, error)
	Update(ctx context.Context, c conf.Configuration, caller string) (conf.Configuration, error)
	Delete(ctx context.Context, id int64, caller string) error
	// Audit returns the changes of a configuration, the latest first, also of
	// one that was deleted.
	Audit(ctx context.Context, id int64) ([]conf.AuditEntry, error)
}

// Version is the build to report; the linker sets it in package main.
type Version struct {
	Commit    string
	Timestamp string
}

// Deps is what the API works with.
type Deps struct {
	Configurations ConfigurationStore
	Operations     Operations
	Checker        Checker
	// Page, if set, answers browsers that ask for the status of everything, and
	// the page's forms.
	Page http.Handler
	// Rooms, if set, is what the dashboard shows.
	Rooms ProjectRooms
	// Callers, if set, decides who may call; else everybody may, as behind
	// Eliona's proxy.
	Callers Callers
	// AllowedOrigins are those of web pages, besides the ones that come by the
	// same host as the API, that may call it from a browser; see ValidateOrigin.
	AllowedOrigins []string
	// Changed, if set, is called after a configuration was stored or deleted.
	// It must not block.
	Changed func(id int64)
	Version Version
	// Logger gets what an administrator cannot be told; by default nothing is
	// logged.
	Logger *slog.Logger
}

// NewHandler returns the API below BasePath.
func NewHandler(deps Deps) (http.Handler, error) {
	if deps.Configurations == nil {
		return nil, errors.New("the API needs a store of configurations")
	}
	if deps.Operations == nil {
		return nil, errors.New("the API needs somebody who knows what runs")
	}
	if deps.Checker == nil {
		return nil, errors.New("the API needs somebody who checks configurations")
	}
	if deps.Changed == nil {
		deps.Changed = func(int64) {}
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	specification, err := specification()
	if err != nil {
		return nil, err
	}
	service := &service{
		configurations: configurations{store: deps.Configurations, changed: deps.Changed},
		checks:         checks{store: deps.Configurations, by: deps.Checker},
		operations:     operations{of: deps.Operations},
		dashboards:     dashboards{rooms: deps.Rooms},
		versions:       versions{version: deps.Version, specification: specification},
	}
	report := reporter{log: deps.Logger}

	router := mux.NewRouter().SkipClean(true) // cleanPath does it without a redirect
	router.NotFoundHandler = http.HandlerFunc(notFound)
	router.MethodNotAllowedHandler = methodNotAllowed(router)
	router.HandleFunc("/metrics", service.metricsAtRoot(report)).Methods(http.MethodGet)
	addPage(router, deps.Page)
	strict := apiserver.NewStrictHandlerWithOptions(service, nil, apiserver.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  malformed,
		ResponseErrorHandlerFunc: report.internal,
	})
	apiserver.HandlerWithOptions(strict, apiserver.GorillaServerOptions{
		BaseURL:          BasePath,
		BaseRouter:       router,
		Middlewares:      []apiserver.MiddlewareFunc{strictBody},
		ErrorHandlerFunc: malformed,
	})
	// From the outside in: everything below the guard has a caller who may call,
	// whatever serves it.
	api := report.identify(router)
	if deps.Callers != nil {
		api = guard{callers: deps.Callers, log: deps.Logger, next: api}
	}
	known, err := newOrigins(deps.AllowedOrigins, limitBody(cleanPath(api)))
	if err != nil {
		return nil, err
	}
	return report.recoverPanics(headers(known)), nil
}

// service answers all operations of the generated server.
type service struct {
	configurations
	checks
	operations
	dashboards
	versions
}

var _ apiserver.StrictServerInterface = (*service)(nil)

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotFound, apiserver.Error{Error: "there is nothing at this address"})
}

// methodNotAllowed tells the methods that the address does support.
func methodNotAllowed(router *mux.Router) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			probe := r.Clone(r.Context())
			probe.Method = method
			if match := (mux.RouteMatch{}); router.Match(probe, &match) && match.MatchErr == nil {
				allowed = append(allowed, method)
			}
		}
		list := strings.Join(allowed, ", ")
		w.Header().Set("Allow", list)
		writeError(w, http.StatusMethodNotAllowed, apiserver.Error{Error: "this address supports " + list + " only"})
	}
}

// malformed answers requests the generated code could not read.
func malformed(w http.ResponseWriter, _ *http.Request, err error) {
	answer := apiserver.Error{Error: "the request does not have the described form"}
	if parameter, ok := errors.AsType[*apiserver.InvalidParamFormatError](err); ok {
		answer.Fields = &[]apiserver.FieldError{{Field: parameter.ParamName, Message: "must be a whole number"}}
	}
	if parameter, ok := errors.AsType[*apiserver.RequiredParamError](err); ok {
		answer.Fields = &[]apiserver.FieldError{{Field: parameter.ParamName, Message: "is required"}}
	}
	writeError(w, http.StatusBadRequest, answer)
}

func writeError(w http.ResponseWriter, status int, answer apiserver.Error) {
	writeJSON(w, status, answer)
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil { // texts only: cannot happen
		body = fmt.Appendf(nil, `{"error":%q}`, http.StatusText(status))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client has gone: nobody is left to tell
}
