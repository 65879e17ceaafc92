package control

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// roomRequest changes a room: its settings, its name, its lists.
type roomRequest struct {
	Room       string `json:"room"`
	Name       string `json:"name"`
	AddTo      string `json:"addTo"`
	RemoveFrom string `json:"removeFrom"`
	RoomChange
}

func (s *Server) getRooms(*http.Request) (answer, error) { return ok(s.opts.Exchange.Rooms()), nil }

func (s *Server) postRooms(r *http.Request) (answer, error) {
	var q roomRequest
	if err := readBody(r, &q); err != nil {
		return answer{}, err
	}
	if q.Room == "" {
		return answer{}, badInput("room", "is missing")
	}
	automatic := []string{"accept", "tentative", "decline", "none"}
	if q.Automate != nil && !slices.Contains(automatic, *q.Automate) {
		return answer{}, badInput("automate", fmt.Sprintf("%q is not one of %q", *q.Automate, automatic))
	}
	hasChange := q.RoomChange != RoomChange{}
	switch {
	case q.AddTo == "" && q.RemoveFrom == "" && !hasChange:
		return answer{}, inputError{"nothing to change: name a setting, addTo or removeFrom"}
	case q.Name != "" && q.AddTo == "":
		return answer{}, badInput("name", "has no effect without addTo")
	}
	// A room that is added may be new, so the list comes before the settings.
	if q.AddTo != "" {
		if err := s.opts.Exchange.AddRoom(q.AddTo, q.Room, q.Name); err != nil {
			return answer{}, fmt.Errorf("addTo: %w", err)
		}
	}
	if hasChange {
		if err := s.opts.Exchange.SetRoom(q.Room, q.RoomChange); err != nil {
			return answer{}, fmt.Errorf("room: %w", err)
		}
	}
	if q.RemoveFrom != "" {
		if err := s.opts.Exchange.RemoveRoom(q.RemoveFrom, q.Room); err != nil {
			return answer{}, fmt.Errorf("removeFrom: %w", err)
		}
	}
	return ok(s.opts.Exchange.Rooms()), nil
}

// mailboxRequest creates the mailbox of a user, or changes whether a mailbox
// is disabled.
type mailboxRequest struct {
	Address  string `json:"address"`
	Name     string `json:"name"`
	Password string `json:"password"`
	Disabled *bool  `json:"disabled"`
}

func (s *Server) getMailboxes(*http.Request) (answer, error) {
	return ok(s.opts.Exchange.Mailboxes()), nil
}

func (s *Server) postMailboxes(r *http.Request) (answer, error) {
	var q mailboxRequest
	if err := readBody(r, &q); err != nil {
		return answer{}, err
	}
	isNew := !slices.ContainsFunc(s.opts.Exchange.Mailboxes(), func(known string) bool { return strings.EqualFold(known, q.Address) })
	switch {
	case !strings.Contains(q.Address, "@"):
		return answer{}, badInput("address", "is not an address")
	case !isNew && (q.Name != "" || q.Password != ""):
		return answer{}, badInput("address", "exists already; only disabled can be changed")
	case !isNew && q.Disabled == nil:
		return answer{}, badInput("disabled", "is missing")
	}
	status := http.StatusOK
	if isNew {
		status = http.StatusCreated
		if err := s.opts.Exchange.AddMailbox(q.Address, q.Name, q.Password); err != nil {
			return answer{}, fmt.Errorf("address: %w", err)
		}
	}
	if q.Disabled != nil {
		if err := s.opts.Exchange.DisableMailbox(q.Address, *q.Disabled); err != nil {
			return answer{}, fmt.Errorf("address: %w", err)
		}
	}
	return answer{status, s.opts.Exchange.Mailboxes()}, nil
}

func (s *Server) revokeTokens(*http.Request) (answer, error) {
	s.opts.Entra.Revoke()
	return answer{status: http.StatusNoContent}, nil
}

// putTokens changes the lifetime of OAuth tokens issued from now on.
func (s *Server) putTokens(r *http.Request) (answer, error) {
	var q struct {
		LifetimeSeconds int `json:"lifetimeSeconds"`
	}
	if err := readBody(r, &q); err != nil {
		return answer{}, err
	}
	if q.LifetimeSeconds <= 0 {
		return answer{}, badInput("lifetimeSeconds", "is not positive")
	}
	s.opts.Entra.SetLifetime(time.Duration(q.LifetimeSeconds) * time.Second)
	return answer{status: http.StatusNoContent}, nil
}
