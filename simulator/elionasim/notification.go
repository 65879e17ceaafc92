package elionasim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ews/simulator/front"
)

func (s *Server) postNotification(w http.ResponseWriter, r *http.Request) error {
	var sent Notification
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	if sent.User == "" {
		return front.Missing("user")
	}
	if sent.Message == nil {
		return front.Missing("message")
	}
	if !sent.Message.anyText() {
		return front.Refuse(http.StatusUnprocessableEntity, "message has no text in any language")
	}
	user, ok := s.user(sent.User)
	if !ok {
		return front.Refuse(http.StatusNotFound, "user not found")
	}
	if sent.ProjectID != nil && *sent.ProjectID != "" && !s.hasProject(*sent.ProjectID) {
		return dependentMissing()
	}
	s.mu.Lock()
	accepted := SentNotification{
		Notification: sent,
		ID:           "N-" + strconv.Itoa(len(s.notifications)+1),
		Time:         s.now().UTC(),
		Email:        user.Email,
	}
	s.notifications = append(s.notifications, accepted)
	s.mu.Unlock()
	s.answer(w, http.StatusCreated, accepted.receipt("scheduled"))
	return nil
}

func (n SentNotification) receipt(status string) MessageReceipt {
	return MessageReceipt{ID: n.ID, ScheduledAt: &n.Time, Status: status}
}

func (t Translation) anyText() bool {
	return slices.ContainsFunc([]*string{t.De, t.En, t.Fr, t.It}, func(text *string) bool {
		return text != nil && *text != ""
	})
}

func (s *Server) getMessageReceipt(w http.ResponseWriter, r *http.Request) error {
	for _, n := range s.Notifications() {
		if n.ID == r.PathValue("id") {
			s.answer(w, http.StatusOK, n.receipt("sent"))
			return nil
		}
	}
	return front.Refuse(http.StatusNotFound, "message not found")
}

// Notifications returns what was accepted, oldest first.
func (s *Server) Notifications() []SentNotification {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]SentNotification{}, s.notifications...)
}

// user finds a user by id or e-mail address. Users and projects do not change
// after start.
func (s *Server) user(name string) (User, bool) {
	i := slices.IndexFunc(s.users, func(u User) bool { return u.ID == name || strings.EqualFold(u.Email, name) })
	if i < 0 {
		return User{}, false
	}
	return s.users[i], true
}

// UserName returns the full name of the user with this address, or "".
func (s *Server) UserName(email string) string {
	user, _ := s.user(email)
	return strings.TrimSpace(user.Firstname + " " + user.Lastname)
}

func (s *Server) hasProject(id string) bool {
	return slices.ContainsFunc(s.projects, func(p Project) bool { return p.ID == id })
}

func (s *Server) getUsers(w http.ResponseWriter, _ *http.Request) error {
	s.answer(w, http.StatusOK, append([]User{}, s.users...))
	return nil
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) error {
	i := slices.IndexFunc(s.users, func(u User) bool { return u.ID == r.PathValue("id") })
	if i < 0 {
		return front.Refuse(http.StatusNotFound, "user not found")
	}
	s.answer(w, http.StatusOK, s.users[i])
	return nil
}

func (s *Server) getProjects(w http.ResponseWriter, _ *http.Request) error {
	s.answer(w, http.StatusOK, append([]Project{}, s.projects...))
	return nil
}

func (s *Server) getProject(w http.ResponseWriter, r *http.Request) error {
	i := slices.IndexFunc(s.projects, func(p Project) bool { return p.ID == r.PathValue("id") })
	if i < 0 {
		return front.Refuse(http.StatusNotFound, "project not found")
	}
	s.answer(w, http.StatusOK, s.projects[i])
	return nil
}
