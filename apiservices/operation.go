package apiservices

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"ews/apiserver"
	"ews/conf"
)

// What an Operations refuses.
var (
	// ErrNoRoom tells that the configuration has no room with this address.
	ErrNoRoom = errors.New("there is no such room")
	// ErrNoFinding tells that there is no such finding, or no longer.
	ErrNoFinding = errors.New("there is no such finding")
	// ErrNoRetry tells that trying again would change nothing.
	ErrNoRetry = errors.New("trying again changes nothing")
)

// Operations shows how the synchronisation is going. A configuration that is
// not known is answered with conf.ErrNotFound.
type Operations interface {
	// Summaries returns the status of all configurations, the oldest first.
	Summaries(ctx context.Context) ([]apiserver.ConfigurationSummary, error)
	Status(ctx context.Context, config int64) (apiserver.ConfigurationStatus, error)
	Rooms(ctx context.Context, config int64) ([]apiserver.RoomStatus, error)
	// Room fails with ErrNoRoom.
	Room(ctx context.Context, config int64, address string) (apiserver.RoomStatus, error)
	Findings(ctx context.Context, config int64) ([]apiserver.Finding, error)
	// Retry fails with ErrNoFinding and ErrNoRetry.
	Retry(ctx context.Context, config int64, finding string) error
	Resync(ctx context.Context, config int64) error
	// ResyncRoom fails with ErrNoRoom.
	ResyncRoom(ctx context.Context, config int64, address string) error
	// Ready tells whether the app can do its work.
	Ready(ctx context.Context) apiserver.Health
	// WriteMetrics writes the metrics of this process for Prometheus.
	WriteMetrics(ctx context.Context, to io.Writer) error
}

// operations answers the operations on what runs.
type operations struct{ of Operations }

// GetSummary tells how all configurations are doing.
func (s operations) GetSummary(ctx context.Context, _ apiserver.GetSummaryRequestObject) (apiserver.GetSummaryResponseObject, error) {
	summaries, err := s.of.Summaries(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the status of all configurations: %w", err)
	}
	return apiserver.GetSummary200JSONResponse(summaries), nil
}

// GetStatus tells how a configuration is doing.
func (s operations) GetStatus(ctx context.Context, request apiserver.GetStatusRequestObject) (apiserver.GetStatusResponseObject, error) {
	status, err := s.of.Status(ctx, request.ConfigId)
	if missing, ok := notThere(err, request.ConfigId, ""); ok {
		return apiserver.GetStatus404JSONResponse{NotFoundJSONResponse: missing}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a configuration's status: %w", err)
	}
	return apiserver.GetStatus200JSONResponse(status), nil
}

// GetRooms lists the rooms of a configuration.
func (s operations) GetRooms(ctx context.Context, request apiserver.GetRoomsRequestObject) (apiserver.GetRoomsResponseObject, error) {
	rooms, err := s.of.Rooms(ctx, request.ConfigId)
	if missing, ok := notThere(err, request.ConfigId, ""); ok {
		return apiserver.GetRooms404JSONResponse{NotFoundJSONResponse: missing}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the rooms: %w", err)
	}
	return apiserver.GetRooms200JSONResponse(rooms), nil
}

// GetRoomByAddress shows a room.
func (s operations) GetRoomByAddress(ctx context.Context, request apiserver.GetRoomByAddressRequestObject) (apiserver.GetRoomByAddressResponseObject, error) {
	room, err := s.of.Room(ctx, request.ConfigId, request.Address)
	if missing, ok := notThere(err, request.ConfigId, request.Address); ok {
		return apiserver.GetRoomByAddress404JSONResponse{NotFoundJSONResponse: missing}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a room: %w", err)
	}
	return apiserver.GetRoomByAddress200JSONResponse(room), nil
}

// PostRoomResync has a room read anew.
func (s operations) PostRoomResync(ctx context.Context, request apiserver.PostRoomResyncRequestObject) (apiserver.PostRoomResyncResponseObject, error) {
	err := s.of.ResyncRoom(ctx, request.ConfigId, request.Address)
	if missing, ok := notThere(err, request.ConfigId, request.Address); ok {
		return apiserver.PostRoomResync404JSONResponse{NotFoundJSONResponse: missing}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("having a room read anew: %w", err)
	}
	return apiserver.PostRoomResync202Response{}, nil
}

// PostResync has everything compared anew.
func (s operations) PostResync(ctx context.Context, request apiserver.PostResyncRequestObject) (apiserver.PostResyncResponseObject, error) {
	err := s.of.Resync(ctx, request.ConfigId)
	if missing, ok := notThere(err, request.ConfigId, ""); ok {
		return apiserver.PostResync404JSONResponse{NotFoundJSONResponse: missing}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("having everything compared anew: %w", err)
	}
	return apiserver.PostResync202Response{}, nil
}

// GetFindings lists what is not as it should be.
func (s operations) GetFindings(ctx context.Context, request apiserver.GetFindingsRequestObject) (apiserver.GetFindingsResponseObject, error) {
	findings, err := s.of.Findings(ctx, request.ConfigId)
	if missing, ok := notThere(err, request.ConfigId, ""); ok {
		return apiserver.GetFindings404JSONResponse{NotFoundJSONResponse: missing}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the findings: %w", err)
	}
	return apiserver.GetFindings200JSONResponse(findings), nil
}

// PostRetry tries again what a finding is about.
func (s operations) PostRetry(ctx context.Context, request apiserver.PostRetryRequestObject) (apiserver.PostRetryResponseObject, error) {
	err := s.of.Retry(ctx, request.ConfigId, request.FindingId)
	if missing, ok := notThere(err, request.ConfigId, request.FindingId); ok {
		return apiserver.PostRetry404JSONResponse{NotFoundJSONResponse: missing}, nil
	}
	if errors.Is(err, ErrNoRetry) {
		return apiserver.PostRetry409JSONResponse{
			Error: "trying again would change nothing: the booker was told, and decides; see fix of the finding",
		}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("trying a finding again: %w", err)
	}
	return apiserver.PostRetry202Response{}, nil
}

// GetLive tells that the process lives.
func (s operations) GetLive(context.Context, apiserver.GetLiveRequestObject) (apiserver.GetLiveResponseObject, error) {
	return apiserver.GetLive200JSONResponse(alive()), nil
}

// GetReady tells whether the app can do its work.
func (s operations) GetReady(ctx context.Context, _ apiserver.GetReadyRequestObject) (apiserver.GetReadyResponseObject, error) {
	health := s.of.Ready(ctx)
	if !health.Ok {
		return apiserver.GetReady503JSONResponse(health), nil
	}
	return apiserver.GetReady200JSONResponse(health), nil
}

// GetMetrics returns the metrics of this process.
func (s operations) GetMetrics(ctx context.Context, _ apiserver.GetMetricsRequestObject) (apiserver.GetMetricsResponseObject, error) {
	var text bytes.Buffer
	if err := s.of.WriteMetrics(ctx, &text); err != nil {
		return nil, fmt.Errorf("collecting the metrics: %w", err)
	}
	return metrics(text.Bytes()), nil
}

// metrics is an answer with the full content type of the text format, which
// the generated one lacks.
type metrics []byte

// VisitGetMetricsResponse implements apiserver.GetMetricsResponseObject.
func (m metrics) VisitGetMetricsResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, err := w.Write(m)
	return err
}

// metricsAtRoot answers where Prometheus looks by default.
func (s operations) metricsAtRoot(report reporter) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := s.GetMetrics(r.Context(), apiserver.GetMetricsRequestObject{})
		if err == nil {
			err = answer.VisitGetMetricsResponse(w)
		}
		if err != nil {
			report.internal(w, r, err)
		}
	}
}

func alive() apiserver.Health { return apiserver.Health{Ok: true, Checks: []apiserver.HealthCheck{}} }

// notThere answers requests for something that does not exist; what is the
// address or the name it was asked for by.
func notThere(err error, config int64, what string) (apiserver.NotFoundJSONResponse, bool) {
	switch {
	case errors.Is(err, conf.ErrNotFound):
		return unknown(config), true
	case errors.Is(err, ErrNoRoom):
		return apiserver.NotFoundJSONResponse{Error: fmt.Sprintf("configuration %d has no room with the address %s", config, what)}, true
	case errors.Is(err, ErrNoFinding):
		return apiserver.NotFoundJSONResponse{Error: fmt.Sprintf("configuration %d has no finding %s (any more)", config, what)}, true
	}
	return apiserver.NotFoundJSONResponse{}, false
}
