package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"ews/simulator/bookingsim"
	"ews/simulator/elionasim"
	"ews/simulator/fault"
	"ews/simulator/front"
)

// services are the names that a rule may select.
func services() []string { return []string{"exchange", "entra", elionasim.Service, bookingsim.Service} }

func (s *Server) getFaults(*http.Request) (answer, error) { return ok(s.opts.Faults.Rules()), nil }

// postFaults adds one rule or an array of them, all or none.
func (s *Server) postFaults(r *http.Request) (answer, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20))
	if err != nil {
		return answer{}, fmt.Errorf("reading the rules: %w", err)
	}
	var rules []fault.Rule
	many := bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
	if many {
		err = front.DecodeJSON(body, &rules)
	} else {
		rules = make([]fault.Rule, 1)
		err = front.DecodeJSON(body, &rules[0])
	}
	if err != nil {
		return answer{}, err
	}
	for _, rule := range rules {
		if err := checkRule(rule); err != nil {
			return answer{}, err
		}
	}
	added := make([]fault.Rule, 0, len(rules))
	for _, rule := range rules {
		rule, err := s.addRule(rule)
		if err != nil {
			return answer{}, err
		}
		added = append(added, rule)
	}
	if many {
		return answer{http.StatusCreated, added}, nil
	}
	return answer{http.StatusCreated, added[0]}, nil
}

func checkRule(rule fault.Rule) error {
	if rule.Service != "" && !slices.Contains(services(), rule.Service) {
		return badInput("service", fmt.Sprintf("%q is not one of %q", rule.Service, services()))
	}
	for _, number := range []struct {
		field string
		value int
	}{
		{"count", rule.Count}, {"delayMilliseconds", rule.DelayMilliseconds},
		{"backOffMilliseconds", rule.BackOffMilliseconds}, {"retryAfterSeconds", rule.RetryAfterSeconds},
	} {
		if number.value < 0 {
			return badInput(number.field, "is negative")
		}
	}
	if rule.Status != 0 && (rule.Status < 200 || rule.Status > 599) {
		return badInput("status", "is not between 200 and 599")
	}
	// A registry of its own checks the rest without activating anything.
	if _, err := fault.New(0).Add(rule); err != nil {
		return inputError{err.Error()}
	}
	return nil
}

// addRule activates a rule. Dropping sockets is not the fault of a request:
// it happens now, and the rule does not stay.
func (s *Server) addRule(rule fault.Rule) (fault.Rule, error) {
	added, err := s.opts.Faults.Add(rule)
	if err != nil {
		return fault.Rule{}, inputError{err.Error()}
	}
	if added.Kind == fault.DropSockets {
		s.opts.Faults.Clear(added.ID)
		if added.Service == "" || added.Service == bookingsim.Service {
			added.Applied += s.opts.Booking.DropSockets()
		}
		if added.Service == "" || added.Service == "exchange" {
			added.Applied += s.opts.Exchange.DropStreams()
		}
	}
	return added, nil
}

func (s *Server) deleteFaults(r *http.Request) (answer, error) {
	s.opts.Faults.Clear(r.PathValue("id"))
	return answer{status: http.StatusNoContent}, nil
}

// allSwitches is the form of GET and PUT /switches.
type allSwitches struct {
	Booking bookingsim.Switches `json:"booking"`
	Eliona  elionasim.Switches  `json:"eliona"`
}

func (s *Server) currentSwitches() allSwitches {
	return allSwitches{Booking: s.opts.Booking.Switches(), Eliona: s.opts.Eliona.Switches()}
}

func (s *Server) getSwitches(*http.Request) (answer, error) { return ok(s.currentSwitches()), nil }

// putSwitches changes the switches that the request names and answers all.
func (s *Server) putSwitches(r *http.Request) (answer, error) {
	wanted := s.currentSwitches()
	if err := readBody(r, &wanted); err != nil {
		return answer{}, err
	}
	if err := wanted.Booking.Validate(); err != nil {
		return answer{}, badInput("booking", err.Error())
	}
	if err := wanted.Eliona.Validate(); err != nil {
		return answer{}, badInput("eliona", err.Error())
	}
	if err := s.opts.Booking.SetSwitches(wanted.Booking); err != nil {
		return answer{}, badInput("booking", err.Error())
	}
	if err := s.opts.Eliona.SetSwitches(wanted.Eliona); err != nil {
		return answer{}, badInput("eliona", err.Error())
	}
	return ok(wanted), nil
}

// readBody decodes a request; a body is required, unknown keys are refused.
func readBody(r *http.Request, v any) error {
	var raw json.RawMessage
	if err := front.ReadJSON(r, &raw); err != nil {
		return err
	}
	if len(raw) == 0 {
		return inputError{"the request has no body"}
	}
	return front.DecodeJSON(raw, v)
}
