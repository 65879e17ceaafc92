package exchange_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/check"
	"ews/exchange"
	"ews/simulator/exchangesim"
	"ews/simulator/fault"
)

// walk takes the steps to Exchange until one fails. It returns the probe with
// what it knows by then.
func walk(t *testing.T, s exchange.Settings) (*exchange.Probe, []string) {
	t.Helper()
	p, err := exchange.NewProbe(s)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	var told []string
	for _, look := range p.Approach() {
		note, err := look.Do(t.Context())
		if err != nil {
			return p, append(told, look.Name+" "+codeOf(t, err))
		}
		told = append(told, strings.TrimSpace(look.Name+" "+note.Code))
	}
	return p, told
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	var p *check.Problem
	require.ErrorAs(t, err, &p)
	return p.Code
}

func last(list []string) string { return list[len(list)-1] }

func TestTheWayToExchange(t *testing.T) {
	t.Parallel()
	_, told := walk(t, simulate(t, simulation{}).settings)
	require.Equal(t, []string{"name_resolution", "connection", "name_resolution", "connection", "token", "exchange", "impersonation"}, told)
	_, told = walk(t, simulate(t, simulation{ntlm: true}).settings)
	require.Equal(t, []string{"name_resolution", "connection", "logon", "exchange", "impersonation"}, told)
}

func TestStepsTellWhatTheySaw(t *testing.T) {
	t.Parallel()
	p, err := exchange.NewProbe(simulate(t, simulation{}).settings)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	connection := p.Approach()[1]
	require.Equal(t, "127.0.0.1:", connection.About[:10])
	note, err := connection.Do(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^TLS 1\.3, certificate valid until \d{4}-\d\d-\d\d$`, note.Detail)
}

// Whether the permission is missing shows in the token, unless Exchange grants
// the right by itself.
func TestWhyExchangeDoesNotAdmitTheApp(t *testing.T) {
	t.Parallel()
	forbidden := fault.Rule{Kind: fault.Status, Status: http.StatusForbidden}
	for name, c := range map[string]struct {
		roles []string
		fault *fault.Rule
		want  string
	}{
		"all is well":                     {nil, nil, "impersonation"},
		"no consent":                      {[]string{}, nil, "exchange consent_missing"},
		"another permission":              {[]string{"Mail.Read"}, nil, "exchange consent_missing"},
		"blocked":                         {nil, &forbidden, "exchange exchange_blocked"},
		"busy":                            {nil, &fault.Rule{Kind: fault.Throttle}, "exchange ErrorServerBusy"},
		"a gateway that fails":            {nil, &fault.Rule{Kind: fault.Status, Status: http.StatusBadGateway}, "exchange HTTP502"},
		"the token is refused":            {nil, &fault.Rule{Kind: fault.Status, Status: http.StatusUnauthorized}, "exchange exchange_token_refused"},
		"outside the access policy":       {nil, &fault.Rule{Kind: fault.SOAPFault, Code: "ErrorAccessDenied"}, "impersonation ErrorAccessDenied"},
		"the service user has no mailbox": {nil, &fault.Rule{Kind: fault.SOAPFault, Code: "ErrorNonExistentMailbox"}, "impersonation ErrorNonExistentMailbox"},
		"the account may act for nobody":  {nil, &fault.Rule{Kind: fault.SOAPFault, Code: "ErrorImpersonationDenied"}, "impersonation ErrorImpersonationDenied"},
		"too old a server":                {nil, &fault.Rule{Kind: fault.SOAPFault, Code: "ErrorInvalidServerVersion"}, "exchange ErrorInvalidServerVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulate(t, simulation{roles: c.roles})
			if c.fault != nil {
				s.fault(t, *c.fault)
			}
			_, told := walk(t, s.settings)
			require.Equal(t, c.want, last(told))
		})
	}
}

func TestAnAppOfRBACNeedsNoConsent(t *testing.T) {
	t.Parallel()
	s := simulate(t, simulation{roles: []string{}, rbac: true})
	_, told := walk(t, s.settings)
	require.Equal(t, "impersonation", last(told), "%v", told)
	s.fault(t, fault.Rule{Kind: fault.SOAPFault, Code: "ErrorAccessDenied"})
	_, told = walk(t, s.settings)
	require.Equal(t, "impersonation consent_missing", last(told), "%v", told)
}

func TestRoomListsOfACheck(t *testing.T) {
	t.Parallel()
	s := simulate(t, simulation{})
	for n := range 100 {
		require.NoError(t, s.AddRoom("large@example.com", fmt.Sprintf("r%d@example.com", n), ""))
	}
	for list, c := range map[string]struct {
		rooms        int
		full         bool
		code, detail string
	}{
		floor:                   {rooms: 5},
		"large@example.com":     {rooms: 100, full: true},
		"nowhere@example.com":   {code: "room_list_not_found", detail: "room lists of this organization: first.floor@example.com, second.floor@example.com, large@example.com"},
		alice:                   {code: "not_a_room_list", detail: "room lists of this organization: first.floor@example.com"},
		"alice.x@example.com":   {code: "room_list_not_found"},
		"room-1@example.com":    {code: "not_a_room_list"},
		"second.floor@example.": {code: "room_list_not_found"},
	} {
		settings := s.settings
		settings.RoomList = addressOf(list)
		p, err := exchange.NewProbe(settings)
		require.NoError(t, err)
		t.Cleanup(p.Close)
		found, err := p.Rooms(t.Context())
		if c.code == "" {
			require.NoError(t, err, list)
			require.Len(t, found.List, c.rooms, list)
			require.Equal(t, c.full, found.Full, list)
			continue
		}
		require.Equal(t, c.code, codeOf(t, err), list)
		var problem *check.Problem
		require.ErrorAs(t, err, &problem)
		require.Contains(t, problem.Detail, c.detail, list)
	}
}

// A room that does not answer by itself shows in what it left unanswered.
func TestRoomsThatLeaveMeetingsUndecided(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := now.Add(-time.Hour) // when the meetings are made
	s := simulate(t, simulation{Options: exchangesim.Options{Clock: func() time.Time { return clock }}})
	for room, automate := range map[string]string{room1: exchangesim.AutoAccept, room2: exchangesim.Tentative} {
		s.policy(t, addressOf(room), func(p *exchangesim.Policy) { p.Automate = automate })
		for day := 1; day <= 3; day++ {
			start := now.Truncate(24*time.Hour).AddDate(0, 0, day)
			_, err := s.Book(t.Context(), exchangesim.Person{Organizer: alice, Subject: "Talk", Start: start, End: start.Add(time.Hour), Rooms: []string{room}})
			require.NoError(t, err)
		}
	}
	s.RunDue()
	p, _ := walk(t, s.settings)
	accepts, err := p.Agenda(t.Context(), room1)
	require.NoError(t, err)
	require.Equal(t, check.Agenda{Decided: 3}, accepts)
	leaves, err := p.Agenda(t.Context(), room2)
	require.NoError(t, err)
	require.Equal(t, check.Agenda{Undecided: 3}, leaves)

	clock = now // a room that was asked just now may still answer
	start := now.Truncate(24*time.Hour).AddDate(0, 0, 5)
	_, err = s.Book(t.Context(), exchangesim.Person{Organizer: alice, Subject: "Talk", Start: start, End: start.Add(time.Hour), Rooms: []string{room2}})
	require.NoError(t, err)
	s.RunDue()
	leaves, err = p.Agenda(t.Context(), room2)
	require.NoError(t, err)
	require.Equal(t, check.Agenda{Undecided: 3}, leaves)
}

func TestPeopleInWhoseNameMeetingsCanBeMade(t *testing.T) {
	t.Parallel()
	s := simulate(t, simulation{})
	s.settings.OrganizerDomains = []string{"example.com"}
	p, err := exchange.NewProbe(s.settings)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	note, err := p.Person(t.Context(), alice)
	require.NoError(t, err)
	require.Equal(t, check.Note{}, note)
	_, err = p.Person(t.Context(), "nobody@example.com")
	require.Equal(t, "ErrorNonExistentMailbox", codeOf(t, err))

	before := s.requests("FindItem")
	note, err = p.Person(t.Context(), "ceo@example.org")
	require.NoError(t, err)
	require.Equal(t, "organizer_not_allowed", note.Code, "the service user books for them")
	require.Equal(t, before, s.requests("FindItem"), "the mailbox is not looked into")
}

func TestAWrongPasswordCostsTwoAttempts(t *testing.T) {
	t.Parallel()
	s := simulate(t, simulation{ntlm: true})
	s.settings.Password = "forgotten"
	_, told := walk(t, s.settings)
	require.Equal(t, "logon ClientLogonRefused", last(told))
	require.Equal(t, 0, s.requests("FindItem"))
	require.NotContains(t, strings.Join(told, " "), "forgotten")
}
