package apiservices

import (
	"context"
	"errors"
	"fmt"

	"ews/apiserver"
	"ews/conf"
)

// ErrBusy is what a Checker refuses when it has enough to do.
var ErrBusy = errors.New("several checks are under way already")

// Checker tries a configuration out, and looks into the mailbox if one is
// given. It fails with ErrBusy.
type Checker interface {
	Check(ctx context.Context, c conf.Configuration, mailbox string) (apiserver.CheckReport, error)
}

// checks answers the requests to try a configuration out.
type checks struct {
	store ConfigurationStore
	by    Checker
}

// busyFor is after how many seconds another try may succeed.
const busyFor = 5

// PostCheck tries out a configuration that is not stored.
func (s checks) PostCheck(ctx context.Context, request apiserver.PostCheckRequestObject) (apiserver.PostCheckResponseObject, error) {
	c, problems := accept(*request.Body, conf.Configuration{})
	mailbox := mailboxOf(request.Params.Mailbox, &problems)
	if len(problems) > 0 {
		return apiserver.PostCheck422JSONResponse{InvalidJSONResponse: invalid(problems)}, nil
	}
	report, err := s.by.Check(ctx, c, mailbox)
	if errors.Is(err, ErrBusy) {
		return apiserver.PostCheck429JSONResponse{BusyJSONResponse: busy()}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checking a configuration: %w", err)
	}
	return apiserver.PostCheck200JSONResponse{CheckedJSONResponse: apiserver.CheckedJSONResponse(report)}, nil
}

// PostConfigurationCheck tries out a stored configuration, or what it is to
// become.
func (s checks) PostConfigurationCheck(ctx context.Context, request apiserver.PostConfigurationCheckRequestObject) (apiserver.PostConfigurationCheckResponseObject, error) {
	c, err := s.store.Get(ctx, request.ConfigId)
	if errors.Is(err, conf.ErrNotFound) {
		return apiserver.PostConfigurationCheck404JSONResponse{NotFoundJSONResponse: unknown(request.ConfigId)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration to check: %w", err)
	}
	var problems []conf.FieldError
	mailbox := ""
	if body := request.Body; body != nil {
		mailbox = mailboxOf(body.Mailbox, &problems)
		if body.Configuration != nil {
			c = changedTo(*body.Configuration, c, &problems)
		}
	}
	if len(problems) > 0 {
		return apiserver.PostConfigurationCheck422JSONResponse{InvalidJSONResponse: invalid(problems)}, nil
	}
	report, err := s.by.Check(ctx, c, mailbox)
	if errors.Is(err, ErrBusy) {
		return apiserver.PostConfigurationCheck429JSONResponse{BusyJSONResponse: busy()}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checking a stored configuration: %w", err)
	}
	return apiserver.PostConfigurationCheck200JSONResponse{CheckedJSONResponse: apiserver.CheckedJSONResponse(report)}, nil
}

// changedTo is what a stored configuration would be after a change. A check
// leaves no trace in the audit trail, so stored secrets go nowhere else than
// where they go already.
func changedTo(sent apiserver.Configuration, current conf.Configuration, problems *[]conf.FieldError) conf.Configuration {
	c, found := accept(sent, current)
	if c.Endpoint() != current.Endpoint() || c.AuthorityURL != current.AuthorityURL {
		const anew = "must be entered anew, because ewsURL or authorityURL differs from the stored one"
		for _, s := range []struct {
			field         string
			sent          *string
			used, current conf.Secret
		}{
			{"clientSecret", sent.ClientSecret, c.ClientSecret, current.ClientSecret},
			{"password", sent.Password, c.Password, current.Password},
		} {
			if s.used != "" && s.used == s.current && (s.sent == nil || *s.sent == conf.Mask) {
				found = append(found, conf.FieldError{Field: s.field, Message: anew})
			}
		}
	}
	for _, problem := range found {
		problem.Field = "configuration." + problem.Field
		*problems = append(*problems, problem)
	}
	return c
}

// mailboxOf returns the address of a mailbox that is to be looked into, if one
// was given.
func mailboxOf(sent *string, problems *[]conf.FieldError) string {
	if sent == nil || *sent == "" {
		return ""
	}
	if problem := conf.ValidateAddress("mailbox", *sent); problem != nil {
		*problems = append(*problems, *problem)
	}
	return *sent
}

func busy() apiserver.BusyJSONResponse {
	return apiserver.BusyJSONResponse{
		Body:    apiserver.Error{Error: ErrBusy.Error() + "; try again in a moment"},
		Headers: apiserver.BusyResponseHeaders{RetryAfter: new(busyFor)},
	}
}
