package conf

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// DefaultEWSURL is where Exchange Online offers Exchange Web Services.
const DefaultEWSURL = "https://outlook.office365.com/EWS/Exchange.asmx"

// Configuration is access to one Exchange organization with the rooms to
// synchronize. Values are as the administrator gave them, completed by the
// defaults; Validate tells whether the app can work with them.
type Configuration struct {
	// ID is the database's key, 0 before the configuration is stored.
	ID int64
	// Version grows with every change made through the API.
	Version int64

	ClientID     string
	ClientSecret Secret
	TenantID     string

	EWSURL   string
	Username string
	Password Secret

	ServiceUserUPN string
	RoomListUPN    string
	BookingAppURL  string

	Enable          bool
	Active          bool // reported by the app, never set by a client
	RefreshInterval time.Duration
	RequestTimeout  time.Duration
	AssetFilter     [][]FilterRule
	ProjectIDs      []string
	UserID          string // the Eliona user who last saved it

	AuthorityURL   string
	OAuthScope     string
	CACertificates string
	AllowPlainHTTP bool

	HorizonDays    int
	AnswerTimeout  time.Duration
	BookingSubject string
	NotifyUsers    bool
	Streaming      bool
	TimeZone       string // IANA name of where the rooms are; empty = that of the process

	// OrganizerDomains are the domains in whose mailboxes the app may work;
	// empty = all.
	OrganizerDomains []string

	// What Exchange is asked at most: calls at a time, and calls per minute.
	MaxConcurrentRequests int
	MaxRequestsPerMinute  int

	Status Status

	// SecretError holds a *SecretError for each stored secret that cannot be
	// opened, nil when all can. The app cannot work with such a configuration until the key is back or
	// the secret is entered again.
	SecretError error
}

// Status is why a configuration is not synchronized, or only in part. The zero
// value means that all is well.
type Status struct {
	Code  string
	Text  string
	Since time.Time
}

// Method is a way to prove an identity to Exchange.
type Method string

// The methods. MethodNone means that no set of credentials is complete.
const (
	MethodNone  Method = "none"
	MethodOAuth Method = "oauth"
	MethodNTLM  Method = "ntlm"
)

// Default returns a configuration with the documented default of every field.
func Default() Configuration {
	return Configuration{
		Enable:          true,
		RefreshInterval: 60 * time.Second,
		RequestTimeout:  120 * time.Second,
		AssetFilter:     [][]FilterRule{},
		ProjectIDs:      []string{},

		OrganizerDomains: []string{},
		AuthorityURL:     "https://login.microsoftonline.com",
		OAuthScope:       "https://outlook.office365.com/.default",
		HorizonDays:      180,
		AnswerTimeout:    60 * time.Second,
		BookingSubject:   "Eliona booking",
		NotifyUsers:      true,
		Streaming:        true,

		MaxConcurrentRequests: 10,
		MaxRequestsPerMinute:  6000,
	}
}

// Normalized returns the configuration without blanks around its values, and
// with the default for an empty text where emptiness has no meaning of its own.
func (c Configuration) Normalized() Configuration {
	for _, text := range []*string{
		&c.ClientID, &c.TenantID, &c.EWSURL, &c.Username, &c.ServiceUserUPN, &c.RoomListUPN, &c.BookingAppURL,
		&c.AuthorityURL, &c.OAuthScope, &c.CACertificates, &c.BookingSubject, &c.TimeZone,
	} {
		*text = strings.TrimSpace(*text)
	}
	projects := make([]string, 0, len(c.ProjectIDs))
	for _, id := range c.ProjectIDs {
		projects = append(projects, strings.TrimSpace(id))
	}
	c.ProjectIDs = projects
	domains := make([]string, 0, len(c.OrganizerDomains))
	for _, domain := range c.OrganizerDomains {
		domains = append(domains, strings.ToLower(strings.TrimPrefix(strings.TrimSpace(domain), "@")))
	}
	c.OrganizerDomains = domains
	if c.AssetFilter == nil {
		c.AssetFilter = [][]FilterRule{}
	}
	standard := Default()
	for text, fallback := range map[*string]string{
		&c.AuthorityURL:   standard.AuthorityURL,
		&c.OAuthScope:     standard.OAuthScope,
		&c.BookingSubject: standard.BookingSubject,
	} {
		if *text == "" {
			*text = fallback
		}
	}
	return c
}

// Method tells which credentials are used. With both sets complete, OAuth is.
func (c Configuration) Method() Method {
	switch {
	case c.ClientID != "" && c.ClientSecret != "" && c.TenantID != "":
		return MethodOAuth
	case c.EWSURL != "" && c.Username != "" && c.Password != "":
		return MethodNTLM
	default:
		return MethodNone
	}
}

// Endpoint is the address of Exchange Web Services to use: the one given, or
// that of Exchange Online.
func (c Configuration) Endpoint() string {
	if c.EWSURL == "" {
		return DefaultEWSURL
	}
	return c.EWSURL
}

// Discovers tells whether rooms are looked up in a room list.
func (c Configuration) Discovers() bool { return c.RoomListUPN != "" }

// Horizon is how far into the future meetings are synchronized.
func (c Configuration) Horizon() time.Duration {
	return time.Duration(c.HorizonDays) * 24 * time.Hour
}

// Zone is where the rooms are: the time zone in which people are told times.
func (c Configuration) Zone() *time.Location {
	if c.TimeZone == "" {
		return time.Local
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil { // Validate reports it
		return time.Local
	}
	return zone
}

// RootCAs returns the certification authorities to trust: those of the system
// and of CACertificates. It is nil, which means the system's, when there are
// none of our own.
func (c Configuration) RootCAs() (*x509.CertPool, error) {
	if c.CACertificates == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the certificates of the system: %w", err)
	}
	if !pool.AppendCertsFromPEM([]byte(c.CACertificates)) {
		return nil, errors.New("caCertificates contains no certificate")
	}
	return pool, nil
}

// setting is a value an administrator decides on, under its name in the API.
type setting struct {
	name  string
	value any
}

// settings lists everything an administrator decides on.
func (c Configuration) settings() []setting {
	return []setting{
		{"clientId", c.ClientID},
		{"clientSecret", c.ClientSecret},
		{"tenantId", c.TenantID},
		{"ewsURL", c.EWSURL},
		{"username", c.Username},
		{"password", c.Password},
		{"serviceUserUPN", c.ServiceUserUPN},
		{"roomListUPN", c.RoomListUPN},
		{"bookingAppURL", c.BookingAppURL},
		{"enable", c.Enable},
		{"refreshInterval", c.RefreshInterval},
		{"requestTimeout", c.RequestTimeout},
		{"assetFilter", c.AssetFilter},
		{"projectIDs", c.ProjectIDs},
		{"authorityURL", c.AuthorityURL},
		{"oauthScope", c.OAuthScope},
		{"caCertificates", c.CACertificates},
		{"allowPlainHTTP", c.AllowPlainHTTP},
		{"horizonDays", c.HorizonDays},
		{"answerTimeout", c.AnswerTimeout},
		{"bookingSubject", c.BookingSubject},
		{"notifyUsers", c.NotifyUsers},
		{"streaming", c.Streaming},
		{"maxConcurrentRequests", c.MaxConcurrentRequests},
		{"maxRequestsPerMinute", c.MaxRequestsPerMinute},
		{"timeZone", c.TimeZone},
		{"allowedOrganizerDomains", c.OrganizerDomains},
	}
}
