package elionasim

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"ews/simulator/front"
)

// registration remembers which apps are installed, which of them initialised
// themselves, and which patches they applied. Methods that name an app which
// is not installed return errNotFound.
type registration interface {
	app(ctx context.Context, name string) (App, error)
	setRegistered(ctx context.Context, name string, registered bool) error
	patchApplied(ctx context.Context, app, patch string) (bool, error)
	setPatchApplied(ctx context.Context, app, patch string, applied bool) error
	close()
}

type memoryRegistration struct {
	mu      sync.Mutex
	apps    map[string]*App
	patches map[[2]string]bool
}

func newMemoryRegistration(apps []string) *memoryRegistration {
	m := &memoryRegistration{apps: map[string]*App{}, patches: map[[2]string]bool{}}
	for _, name := range apps {
		m.apps[name] = &App{Name: name, Active: true, Version: "v0.0.0"}
	}
	return m
}

func (m *memoryRegistration) app(_ context.Context, name string) (App, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if app := m.apps[name]; app != nil {
		return *app, nil
	}
	return App{}, errNotFound
}

func (m *memoryRegistration) setRegistered(_ context.Context, name string, registered bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	app := m.apps[name]
	if app == nil {
		return errNotFound
	}
	app.Registered = registered
	return nil
}

func (m *memoryRegistration) patchApplied(_ context.Context, app, patch string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.apps[app] == nil {
		return false, errNotFound
	}
	return m.patches[[2]string{app, patch}], nil
}

func (m *memoryRegistration) setPatchApplied(_ context.Context, app, patch string, applied bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.apps[app] == nil {
		return errNotFound
	}
	m.patches[[2]string{app, patch}] = applied
	return nil
}

func (m *memoryRegistration) close() {}

func (s *Server) getApp(w http.ResponseWriter, r *http.Request) error {
	app, err := s.apps.app(r.Context(), r.PathValue("app"))
	if err != nil {
		return appError(err)
	}
	s.answer(w, http.StatusOK, app)
	return nil
}

func (s *Server) patchApp(w http.ResponseWriter, r *http.Request) error {
	return s.setFlag(w, r, "registered", func(registered bool) error {
		return s.apps.setRegistered(r.Context(), r.PathValue("app"), registered)
	})
}

func (s *Server) getPatch(w http.ResponseWriter, r *http.Request) error {
	app, patch := r.PathValue("app"), r.PathValue("patch")
	applied, err := s.apps.patchApplied(r.Context(), app, patch)
	if err != nil {
		return appError(err)
	}
	s.answer(w, http.StatusOK, Patch{AppName: app, Name: patch, Applied: applied})
	return nil
}

func (s *Server) patchPatch(w http.ResponseWriter, r *http.Request) error {
	return s.setFlag(w, r, "apply", func(applied bool) error {
		return s.apps.setPatchApplied(r.Context(), r.PathValue("app"), r.PathValue("patch"), applied)
	})
}

// setFlag answers a PATCH whose whole content is one boolean in the query. A
// PATCH without it changes nothing, but still wants the app to exist.
func (s *Server) setFlag(w http.ResponseWriter, r *http.Request, parameter string, set func(bool) error) error {
	if !r.URL.Query().Has(parameter) {
		if _, err := s.apps.app(r.Context(), r.PathValue("app")); err != nil {
			return appError(err)
		}
		w.WriteHeader(http.StatusOK)
		return nil
	}
	value, err := strconv.ParseBool(r.URL.Query().Get(parameter))
	if err != nil {
		return front.Refuse(http.StatusBadRequest, "query parameter '%s' is not a boolean", parameter)
	}
	if err := set(value); err != nil {
		return appError(err)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func appError(err error) error {
	if errors.Is(err, errNotFound) {
		return front.Refuse(http.StatusNotFound, "app not found")
	}
	return err
}
