package apiservices

import (
	"context"
	"encoding/json"
	"fmt"

	"ews/apiserver"
)

// versions answers what is installed.
type versions struct {
	version       Version
	specification map[string]any
}

// GetVersion tells which build is running.
func (s versions) GetVersion(context.Context, apiserver.GetVersionRequestObject) (apiserver.GetVersionResponseObject, error) {
	return apiserver.GetVersion200JSONResponse{Commit: s.version.Commit, Timestamp: s.version.Timestamp}, nil
}

// GetOpenAPI returns the description of the API.
func (s versions) GetOpenAPI(context.Context, apiserver.GetOpenAPIRequestObject) (apiserver.GetOpenAPIResponseObject, error) {
	return apiserver.GetOpenAPI200JSONResponse(s.specification), nil
}

// specification decodes the description that the generated code contains.
func specification() (map[string]any, error) {
	text, err := apiserver.GetSpecJSON()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded API description: %w", err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("decoding the embedded API description: %w", err)
	}
	return document, nil
}
