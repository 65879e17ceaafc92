// Package exchange makes Exchange Web Services the calendar of the engine.
//
// It translates between the engine's terms (rooms, sightings, organizer's
// copies) and those of the protocol package ews. It keeps no state but a
// connection and a cache of directory names: what has to survive belongs to
// the engine's store. Another provider, such as Microsoft Graph, stands beside
// it by implementing engine.Calendar as well.
package exchange

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/budget"
	"ews/exchange/ews"
)

// DefaultURL is the endpoint of Exchange Online.
const DefaultURL = "https://outlook.office365.com/EWS/Exchange.asmx"

// referenceProperty is the named property that holds our reference on the
// organizer's item. The name is known to existing installations of no other
// product, and Microsoft Graph can search for it too.
const referenceProperty = "ElionaBookingKey"

// Settings say how to reach Exchange.
type Settings struct {
	URL     string // empty means DefaultURL
	Timeout time.Duration

	// OAuth client credentials; used when ClientID is set.
	ClientID, ClientSecret, TenantID string
	AuthorityURL, Scope              string
	// Windows authentication otherwise.
	Username, Password string

	CACertificates string // PEM, added to the system's; empty for none
	AllowPlainHTTP bool

	ServiceUser meeting.Address
	RoomList    meeting.Address // empty: there is none
	// OrganizerDomains are the domains of the people in whose mailboxes may be
	// worked, in lower case; empty: all. Others are as people without a mailbox.
	OrganizerDomains []string
	Subject          string // of meetings made for bookings

	// What the server is asked at most, 0 means the default of package budget.
	InFlight  int // calls at a time
	PerMinute int // calls that begin within a minute

	Watching Watching // how Watch works

	Log     *slog.Logger
	Observe func(ews.Call) // may be nil
}

// Calendar is a connection to one Exchange organization.
type Calendar struct {
	client  *ews.Client
	service meeting.Address
	list    meeting.Address
	subject string
	domains []string
	log     *slog.Logger
	names   *directory
	recent  recent
	made    made

	// keepsUIDs is set once the server kept a UID of ours: it need not be asked
	// each time.
	keepsUIDs atomic.Bool

	watching Watching
}

var _ engine.Calendar = (*Calendar)(nil)

// New checks the settings. It does not contact the server.
func New(s Settings) (*Calendar, error) {
	options := ews.Options{
		URL: s.URL, RequestTimeout: s.Timeout, AllowPlainHTTP: s.AllowPlainHTTP,
		UserAgent: "eliona-exchange-app", Logger: s.Log, Observe: s.Observe,
		MaySend: engine.MaySend, SendBy: engine.SendBy,
		Budget:  budget.New(budget.Options{InFlight: s.InFlight, PerMinute: s.PerMinute, Patience: maxPause}),
		Urgency: urgency,
	}
	if options.URL == "" {
		options.URL = DefaultURL
	}
	if s.ClientID != "" {
		options.Auth = ews.OAuth{
			TenantID: s.TenantID, ClientID: s.ClientID, ClientSecret: s.ClientSecret,
			AuthorityHost: s.AuthorityURL, Scope: s.Scope,
		}
	} else {
		options.Auth = ews.NTLM{Username: s.Username, Password: s.Password}
	}
	if s.CACertificates != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // the configured ones must do
		}
		if !pool.AppendCertsFromPEM([]byte(s.CACertificates)) {
			return nil, errors.New("caCertificates holds no PEM certificate")
		}
		options.RootCAs = pool
	}
	client, err := ews.New(options)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection to Exchange: %w", err)
	}
	return &Calendar{
		client: client, service: s.ServiceUser, list: s.RoomList, subject: s.Subject, log: s.Log,
		domains: slices.Clone(s.OrganizerDomains),
		names:   newDirectory(client, s.ServiceUser, s.Log), watching: s.Watching,
	}, nil
}

// maxPause is the longest pause of the server that a call waits for. If it is
// longer, whoever called has something better to do.
const maxPause = 2 * time.Second

// urgency is the class of a call in the budget.
func urgency(ctx context.Context) budget.Class {
	switch engine.UrgencyOf(ctx) {
	case engine.ForChange:
		return budget.Change
	case engine.ForRecords:
		return budget.Background
	default:
		return budget.Human
	}
}

// Close closes idle connections.
func (c *Calendar) Close() { c.client.Close() }

// ServiceUser implements engine.Calendar.
func (c *Calendar) ServiceUser() meeting.Address { return c.service }

// codeNotAllowed says that an organizer's mailbox is none to work in.
const codeNotAllowed = "organizer_not_allowed"

// mayOpen fails for the mailbox of an organizer whose domain is not allowed:
// whoever can enter an organizer elsewhere must not choose in whose name we
// act. Rooms are of the room list and not meant.
func (c *Calendar) mayOpen(mailbox meeting.Address) error {
	_, domain, _ := strings.Cut(string(mailbox), "@")
	if len(c.domains) == 0 || mailbox == c.service || slices.Contains(c.domains, domain) {
		return nil
	}
	return &engine.Error{Class: engine.NoMailbox, Code: codeNotAllowed}
}

// referenceEpoch stands where a GlobalObjectId has its time of creation. It is
// constant, so that a reference always yields the same UID.
var referenceEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// UIDFor implements engine.Calendar: the UID has the form of a GlobalObjectId
// (MS-OXOCAL 2.2.1.27), which Exchange keeps as it is.
func (c *Calendar) UIDFor(ref string) meeting.UID {
	var content [16]byte
	raw, err := hex.DecodeString(strings.ReplaceAll(ref, "-", ""))
	if err != nil || copy(content[:], raw) != len(content) {
		return meeting.UID(ref) // not a UUID: a foreign UID is any text
	}
	return meeting.UID(ews.NewGlobalObjectID(content, referenceEpoch))
}

// RefOf implements engine.Calendar.
func (c *Calendar) RefOf(uid meeting.UID) (string, bool) {
	content, ok := ews.GlobalObjectIDContent(string(uid))
	if !ok {
		return "", false
	}
	text := hex.EncodeToString(content[:])
	ref := strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
	return ref, c.UIDFor(ref) == uid
}

// Rooms implements engine.Calendar.
func (c *Calendar) Rooms(ctx context.Context) ([]engine.RoomInfo, error) {
	found, err := c.client.GetRooms(ctx, ews.Mailbox(c.service), string(c.list))
	if err != nil {
		failure := convert(err)
		if failure.Class == engine.NoMailbox || failure.Class == engine.NotFound || failure.Class == engine.Refused {
			failure.Class = engine.Broken // without its service user a configuration cannot work
		}
		return nil, failure
	}
	if found.Truncated {
		c.log.WarnContext(ctx, "the room list has as many rooms as Exchange tells at once: some may be missing, use smaller lists",
			"list", c.list, "rooms", len(found.Rooms))
	}
	rooms := make([]engine.RoomInfo, 0, len(found.Rooms))
	for _, r := range found.Rooms {
		address := meeting.AddressOf(r.Address)
		if !address.Valid() {
			c.log.WarnContext(ctx, "room without an SMTP address left out", "name", r.Name)
			continue
		}
		rooms = append(rooms, engine.RoomInfo{Address: address, Name: r.Name})
	}
	return rooms, nil
}

// Location returns where a room is, as its directory entry says ("Office"); empty
// if it does not. Exchange Web Services tell neither capacity nor floor nor
// building. It is immediate, and nobody waits for it.
func (c *Calendar) Location(ctx context.Context, room meeting.Address) (string, error) {
	found, err := c.client.ResolveNames(engine.AtLeisure(ctx), ews.Mailbox(c.service), string(room))
	if err != nil {
		return "", convert(err)
	}
	for _, candidate := range found.Candidates {
		if meeting.AddressOf(candidate.Mailbox.Address) == room {
			return candidate.Office, nil
		}
	}
	return "", nil
}

// Changes implements engine.Calendar.
func (c *Calendar) Changes(ctx context.Context, room meeting.Address, token string) (engine.Delta, error) {
	page, err := c.client.SyncFolderItems(ctx, ews.Mailbox(room), ews.SyncRequest{State: token})
	if err != nil {
		return engine.Delta{}, convert(err)
	}
	delta := engine.Delta{Token: page.State, More: !page.Last}
	for _, change := range page.Changes {
		switch {
		case change.Kind == ews.ChangeReadFlag:
		case change.Kind == ews.ChangeDelete:
			delta.Changed = true
			delta.Deleted = append(delta.Deleted, meeting.ItemID(change.ID))
		case change.ItemKind == "CalendarItem":
			delta.Changed = true
			delta.Told = append(delta.Told, meeting.ItemID(change.ID))
		}
	}
	return delta, nil
}

// convert translates a failure of the protocol into the engine's terms.
func convert(err error) *engine.Error {
	if done, ok := errors.AsType[*engine.Error](err); ok {
		return done
	}
	var e *ews.Error
	if !errors.As(err, &e) {
		return &engine.Error{Class: engine.Transient, Code: "exchange_unreachable", Err: err}
	}
	code := e.Code
	if code == "" {
		code = fmt.Sprintf("HTTP%d", e.HTTPStatus)
	}
	class := classes[e.Class]
	switch code {
	case ews.CodeNotSent:
		class = engine.Throttled // it did not come to an attempt
	case ews.CodeAnswerTooLarge:
		class = engine.Transient // Exchange did not refuse: we did not take its answer
	}
	return &engine.Error{Class: class, Code: code, Ambiguous: e.Ambiguous, Pause: e.BackOff, Err: err}
}

// classes maps what a failure means for a call to what it means for a meeting.
var classes = map[ews.Class]engine.Class{
	ews.ClassPermanent:        engine.Refused,
	ews.ClassTransient:        engine.Transient,
	ews.ClassThrottled:        engine.Throttled,
	ews.ClassStale:            engine.Stale,
	ews.ClassGone:             engine.NotFound,
	ews.ClassNotFoundMailbox:  engine.NoMailbox,
	ews.ClassDenied:           engine.NoMailbox,
	ews.ClassAuth:             engine.Broken,
	ews.ClassConfig:           engine.Broken,
	ews.ClassInvalidSyncState: engine.InvalidToken,
	ews.ClassConflict:         engine.Refused,
	ews.ClassTooLarge:         engine.Refused,
	ews.ClassBug:              engine.Refused,
}
