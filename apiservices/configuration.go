package apiservices

import (
	"context"
	"errors"
	"fmt"

	"ews/apiserver"
	"ews/conf"
)

// attempts is how often a change is tried when others change the same
// configuration at the same moment.
const attempts = 3

// configurations answers the operations on configurations.
type configurations struct {
	store   ConfigurationStore
	changed func(id int64)
}

// GetConfigurations lists the configurations.
func (s configurations) GetConfigurations(ctx context.Context, _ apiserver.GetConfigurationsRequestObject) (apiserver.GetConfigurationsResponseObject, error) {
	list, err := s.store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the configurations: %w", err)
	}
	answer := make(apiserver.GetConfigurations200JSONResponse, 0, len(list))
	for _, c := range list {
		answer = append(answer, present(c))
	}
	return answer, nil
}

// PostConfiguration adds a configuration.
func (s configurations) PostConfiguration(ctx context.Context, request apiserver.PostConfigurationRequestObject) (apiserver.PostConfigurationResponseObject, error) {
	c, problems := accept(*request.Body, conf.Configuration{})
	if len(problems) > 0 {
		return apiserver.PostConfiguration422JSONResponse{InvalidJSONResponse: invalid(problems)}, nil
	}
	user := caller(ctx)
	c.UserID = user
	stored, err := s.store.Insert(ctx, c, user)
	if err != nil {
		return nil, fmt.Errorf("adding a configuration: %w", err)
	}
	s.changed(stored.ID)
	return apiserver.PostConfiguration201JSONResponse(present(stored)), nil
}

// GetConfigurationById shows a configuration.
func (s configurations) GetConfigurationById(ctx context.Context, request apiserver.GetConfigurationByIdRequestObject) (apiserver.GetConfigurationByIdResponseObject, error) { //nolint:revive // the name is generated
	c, err := s.store.Get(ctx, request.ConfigId)
	if errors.Is(err, conf.ErrNotFound) {
		return apiserver.GetConfigurationById404JSONResponse{NotFoundJSONResponse: unknown(request.ConfigId)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a configuration: %w", err)
	}
	return apiserver.GetConfigurationById200JSONResponse(present(c)), nil
}

// PutConfigurationById replaces a configuration. What is replaced includes
// what the client left out, so a change by somebody else in between is simply
// what it started from.
func (s configurations) PutConfigurationById(ctx context.Context, request apiserver.PutConfigurationByIdRequestObject) (apiserver.PutConfigurationByIdResponseObject, error) { //nolint:revive // the name is generated
	user := caller(ctx)
	for range attempts {
		current, err := s.store.Get(ctx, request.ConfigId)
		if errors.Is(err, conf.ErrNotFound) {
			return apiserver.PutConfigurationById404JSONResponse{NotFoundJSONResponse: unknown(request.ConfigId)}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the configuration to change: %w", err)
		}
		c, problems := accept(*request.Body, current)
		if len(problems) > 0 {
			return apiserver.PutConfigurationById422JSONResponse{InvalidJSONResponse: invalid(problems)}, nil
		}
		if user != "" {
			c.UserID = user
		}
		stored, err := s.store.Update(ctx, c, user)
		switch {
		case errors.Is(err, conf.ErrConflict):
			continue
		case errors.Is(err, conf.ErrNotFound):
			return apiserver.PutConfigurationById404JSONResponse{NotFoundJSONResponse: unknown(request.ConfigId)}, nil
		case err != nil:
			return nil, fmt.Errorf("changing a configuration: %w", err)
		}
		s.changed(stored.ID)
		return apiserver.PutConfigurationById200JSONResponse(present(stored)), nil
	}
	return apiserver.PutConfigurationById409JSONResponse{ConflictJSONResponse: apiserver.ConflictJSONResponse{
		Error: "the configuration was changed at the same time; read it again and repeat the change",
	}}, nil
}

// DeleteConfigurationById removes a configuration.
func (s configurations) DeleteConfigurationById(ctx context.Context, request apiserver.DeleteConfigurationByIdRequestObject) (apiserver.DeleteConfigurationByIdResponseObject, error) { //nolint:revive // the name is generated
	err := s.store.Delete(ctx, request.ConfigId, caller(ctx))
	if errors.Is(err, conf.ErrNotFound) {
		return apiserver.DeleteConfigurationById404JSONResponse{NotFoundJSONResponse: unknown(request.ConfigId)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("removing a configuration: %w", err)
	}
	s.changed(request.ConfigId)
	return apiserver.DeleteConfigurationById204Response{}, nil
}

// GetAudit tells who changed a configuration.
func (s configurations) GetAudit(ctx context.Context, request apiserver.GetAuditRequestObject) (apiserver.GetAuditResponseObject, error) {
	entries, err := s.store.Audit(ctx, request.ConfigId)
	if errors.Is(err, conf.ErrNotFound) {
		return apiserver.GetAudit404JSONResponse{NotFoundJSONResponse: unknown(request.ConfigId)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading who changed a configuration: %w", err)
	}
	answer := make(apiserver.GetAudit200JSONResponse, 0, len(entries))
	for _, e := range entries {
		answer = append(answer, apiserver.AuditEntry{
			At: e.At.UTC(), UserId: e.User, Action: apiserver.AuditEntryAction(e.Action), Fields: e.Fields,
		})
	}
	return answer, nil
}

func unknown(id int64) apiserver.NotFoundJSONResponse {
	return apiserver.NotFoundJSONResponse{Error: fmt.Sprintf("there is no configuration with the id %d", id)}
}

func invalid(problems []conf.FieldError) apiserver.InvalidJSONResponse {
	list := make([]apiserver.FieldError, 0, len(problems))
	for _, problem := range problems {
		list = append(list, apiserver.FieldError{Field: problem.Field, Message: problem.Message})
	}
	return apiserver.InvalidJSONResponse{Error: "the configuration cannot be used", Fields: &list}
}
