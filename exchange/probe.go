package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ews/app/check"
	"ews/app/meeting"
	"ews/exchange/ews"
)

// Probe looks at the way to Exchange step by step, and at what is there. It is
// made for one check, because a step goes by what an earlier one saw.
type Probe struct {
	*Calendar
	online bool     // by OAuth: Exchange Online, or a server in a hybrid organization
	roles  []string // application permissions in the token; nil: not known
	failed error    // how the first call ended
}

var _ check.Calendar = (*Probe)(nil)

// NewProbe checks the settings. It contacts nobody.
func NewProbe(s Settings) (*Probe, error) {
	calendar, err := New(s)
	if err != nil {
		return nil, err
	}
	return &Probe{Calendar: calendar, online: s.ClientID != ""}, nil
}

// Codes of what only the steps together tell.
const (
	codeConsentMissing   = "consent_missing"
	codeBlocked          = "exchange_blocked"
	codeRetirement       = "exchange_retirement"
	codeTokenRefused     = "exchange_token_refused"
	codeNotEncrypted     = "not_encrypted"
	codeExpiresSoon      = "certificate_expires_soon"
	codeRoomListNotFound = "room_list_not_found"
	codeNotARoomList     = "not_a_room_list"
)

// permission is the application permission that EWS wants in a token.
const permission = "full_access_as_app"

// Approach implements check.Calendar.
func (p *Probe) Approach() []check.Look {
	looks := p.reach(p.client.Endpoint())
	if authority, ok := p.client.Authority(); ok {
		looks = append(looks, p.reach(authority)...)
		looks = append(looks, check.Look{Name: check.NameToken, About: authority.Host(), Do: p.token})
	} else {
		looks = append(looks, check.Look{Name: check.NameLogon, About: p.client.Endpoint().Host(), Do: p.logon})
	}
	return append(looks,
		check.Look{Name: check.NameExchange, About: p.client.Endpoint().Host(), Do: p.answers},
		check.Look{Name: check.NameImpersonation, About: string(p.service), Do: p.impersonates},
	)
}

// reach are the steps to a server.
func (p *Probe) reach(s ews.Server) []check.Look {
	return []check.Look{
		{Name: check.NameResolution, About: s.Host(), Do: func(ctx context.Context) (check.Note, error) {
			route, err := s.Resolve(ctx)
			note := check.Note{}
			if route.Proxy {
				note.Detail = "by the proxy " + route.Host
			}
			return note, problem(err)
		}},
		{Name: check.NameConnection, About: s.Host(), Do: func(ctx context.Context) (check.Note, error) {
			greeting, err := s.Greet(ctx)
			if err != nil {
				return check.Note{}, problem(err)
			}
			return connected(s, greeting, time.Now()), nil
		}},
	}
}

// soon is how long before its end a certificate should be renewed.
const soon = 14 * 24 * time.Hour

func connected(s ews.Server, g ews.Greeting, now time.Time) check.Note {
	if !s.Secure() {
		return check.Note{Code: codeNotEncrypted}
	}
	note := check.Note{Detail: fmt.Sprintf("%s, certificate valid until %s", g.TLS, g.NotAfter.UTC().Format(time.DateOnly))}
	if g.NotAfter.Sub(now) < soon {
		note.Code = codeExpiresSoon
	}
	return note
}

// token gets an access token.
func (p *Probe) token(ctx context.Context) (check.Note, error) {
	roles, err := p.client.TokenRoles(ctx)
	if err != nil {
		failure := problem(err)
		if code := ews.EntraCode(err); code != "" {
			failure = &check.Problem{Code: code, Err: err}
		}
		return check.Note{}, failure
	}
	p.roles = roles
	return check.Note{}, nil
}

func (p *Probe) logon(ctx context.Context) (check.Note, error) {
	return check.Note{}, problem(p.client.TryLogon(ctx))
}

// lacksPermission tells whether the token is known to be without the
// permission. That alone is no failure: Exchange can grant the right by itself
// (RBAC for Applications).
func (p *Probe) lacksPermission() bool {
	return p.roles != nil && !slices.Contains(p.roles, permission)
}

// answers tells whether Exchange Web Services answer, be it by refusing to act
// for the service user.
func (p *Probe) answers(ctx context.Context) (check.Note, error) {
	_, p.failed = p.Calendar.agenda(ctx, p.service)
	var e *ews.Error
	if errors.As(p.failed, &e) && !concernsMailbox(e) {
		return check.Note{}, p.refusal(e)
	}
	if p.online && retires(p.client.Endpoint().Host()) {
		return check.Note{Code: codeRetirement}, nil
	}
	return check.Note{}, nil
}

// concernsMailbox tells answers about the mailbox from those about the account,
// the server or the way to it.
func concernsMailbox(e *ews.Error) bool {
	switch e.Class {
	case ews.ClassTransient, ews.ClassThrottled, ews.ClassAuth, ews.ClassBug:
		return false
	case ews.ClassConfig:
		return e.Code == "ErrorImpersonationDenied"
	default:
		return strings.HasPrefix(e.Code, "Error")
	}
}

// refusal explains why Exchange does not let the app in although it has a token
// or is logged on.
func (p *Probe) refusal(e *ews.Error) error {
	diagnostics := e.Detail["X-Ms-Diagnostics"]
	switch {
	case !p.online:
	case e.HTTPStatus == 403 && p.lacksPermission(), strings.Contains(diagnostics, "invalid_grant"):
		return &check.Problem{Code: codeConsentMissing, Err: e}
	case e.HTTPStatus == 403:
		return &check.Problem{Code: codeBlocked, Err: e}
	case e.HTTPStatus == 401 && strings.Contains(diagnostics, "invalid_resource"):
		return &check.Problem{Code: ews.CodeAudienceRefused, Err: e}
	case e.HTTPStatus == 401 && p.lacksPermission():
		return &check.Problem{Code: codeConsentMissing, Err: e}
	case e.HTTPStatus == 401:
		return &check.Problem{Code: codeTokenRefused, Err: e}
	}
	return problem(e)
}

// retires tells whether Microsoft ends EWS at this host.
func retires(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return slices.Contains([]string{"outlook.office365.com", "outlook.office.com"}, strings.ToLower(name))
}

// impersonates tells whether the account may act for the service user.
func (p *Probe) impersonates(context.Context) (check.Note, error) {
	var e *ews.Error
	if errors.As(p.failed, &e) && p.lacksPermission() && slices.Contains(denials(), e.Code) {
		return check.Note{}, &check.Problem{Code: codeConsentMissing, Err: e}
	}
	return check.Note{}, problem(p.failed)
}

// denials are the codes of Exchange for an account that has no right to a mailbox.
func denials() []string {
	return []string{"ErrorAccessDenied", "ErrorImpersonateUserDenied", "ErrorImpersonationDenied"}
}

// Rooms implements check.Calendar.
func (p *Probe) Rooms(ctx context.Context) (check.Rooms, error) {
	found, err := p.client.GetRooms(ctx, ews.Mailbox(p.service), string(p.list))
	var e *ews.Error
	if errors.As(err, &e) && e.Code == "ErrorNameResolutionNoResults" {
		return check.Rooms{}, p.noList(ctx, e)
	}
	if err != nil {
		return check.Rooms{}, problem(err)
	}
	rooms := check.Rooms{Full: found.Truncated}
	for _, r := range found.Rooms {
		if address := meeting.AddressOf(r.Address); address.Valid() {
			rooms.List = append(rooms.List, check.Room{Address: address, Name: r.Name})
		}
	}
	return rooms, nil
}

const maxLists = 10

// noList tells an address that is no room list from one that is nobody's, and
// which room lists there are.
func (p *Probe) noList(ctx context.Context, cause error) error {
	failure := &check.Problem{Code: codeRoomListNotFound, Err: cause}
	found, err := p.client.ResolveNames(ctx, ews.Mailbox(p.service), string(p.list))
	if err == nil && only(found, string(p.list)) == p.list {
		failure.Code = codeNotARoomList
	}
	lists, err := p.client.GetRoomLists(ctx, ews.Mailbox(p.service))
	if err != nil {
		return failure
	}
	names := make([]string, 0, maxLists+1)
	for _, list := range lists {
		if len(names) == maxLists {
			names = append(names, "…")
			break
		}
		names = append(names, string(meeting.AddressOf(list.Address)))
	}
	failure.Detail = "there is no room list at all"
	if len(names) > 0 {
		failure.Detail = "room lists of this organization: " + strings.Join(names, ", ")
	}
	return failure
}

// Agenda implements check.Calendar.
func (p *Probe) Agenda(ctx context.Context, room meeting.Address) (check.Agenda, error) {
	agenda, err := p.agenda(ctx, room)
	return agenda, problem(err)
}

// Person implements check.Calendar. The mailbox of somebody for whom the service
// user books anyway is not looked into.
func (p *Probe) Person(ctx context.Context, mailbox meeting.Address) (check.Note, error) {
	if p.mayOpen(mailbox) != nil {
		return check.Note{Code: codeNotAllowed}, nil //nolint:nilerr // that it is so is the news
	}
	_, err := p.agenda(ctx, mailbox)
	return check.Note{}, problem(err)
}

const (
	agendaDays  = 28
	agendaLimit = 100
	// answerGrace is how long a mailbox may take to answer.
	answerGrace = 5 * time.Minute
)

func (c *Calendar) agenda(ctx context.Context, mailbox meeting.Address) (check.Agenda, error) {
	now := time.Now()
	view, err := c.client.FindCalendarView(ctx, ews.Mailbox(mailbox), ews.Calendar(), now, now.AddDate(0, 0, agendaDays), agendaLimit)
	if err != nil {
		return check.Agenda{}, err
	}
	var agenda check.Agenda
	for _, item := range view.Items {
		if !item.IsMeeting || item.Start.Before(now) {
			continue
		}
		switch presenceOf(item) {
		case meeting.Booked:
			agenda.Decided++
		case meeting.Pending:
			if now.Sub(item.LastModified) > answerGrace {
				agenda.Undecided++
			}
		case meeting.None:
		}
	}
	return agenda, nil
}

// problem gives a failure the code for people; nil stays nil.
func problem(err error) error {
	var e *ews.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return err
	}
	p := &check.Problem{Code: e.Code, Err: err}
	if p.Code == "" {
		p.Code = fmt.Sprintf("HTTP%d", e.HTTPStatus)
	}
	for key, words := range map[string]string{
		ews.DetailStatus: "the proxy answers %s", ews.DetailIssuer: "the certificate is issued by %s",
		ews.DetailNames: "the certificate names %s", ews.DetailValid: "the certificate is valid from %s",
		ews.DetailOffered: "the server offers %s",
	} {
		if value := e.Detail[key]; value != "" {
			p.Detail = fmt.Sprintf(words, value)
		}
	}
	return p
}
