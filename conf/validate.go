package conf

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ews/app/meeting"
)

// The ranges of the numbers an administrator can set.
const (
	MinRefreshInterval = time.Second
	MaxRefreshInterval = 24 * time.Hour
	MinRequestTimeout  = time.Second
	MaxRequestTimeout  = 10 * time.Minute
	MinHorizonDays     = 1
	MaxHorizonDays     = 730
	MinAnswerTimeout   = 5 * time.Second
	MaxAnswerTimeout   = time.Hour
	MaxSubjectLength   = 200

	MinConcurrentRequests = 1
	MaxConcurrentRequests = 100
	MinRequestsPerMinute  = 60
	MaxRequestsPerMinute  = 60000
)

// FieldError tells what is wrong with a field, in words for an administrator.
type FieldError struct {
	// Field is the name in the API, with positions in lists.
	Field string
	// Message continues the name of the field to a sentence.
	Message string
}

// Error returns the sentence.
func (e FieldError) Error() string { return e.Field + " " + e.Message }

// Validate returns everything that is wrong with the configuration, nothing
// when the app can work with it.
func (c Configuration) Validate() []FieldError {
	v := &validation{}
	v.credentials(c)
	v.texts(c)
	v.addresses(c)
	v.locations(c)
	v.certificates(c.CACertificates)
	v.seconds("refreshInterval", c.RefreshInterval, MinRefreshInterval, MaxRefreshInterval)
	v.seconds("requestTimeout", c.RequestTimeout, MinRequestTimeout, MaxRequestTimeout)
	v.seconds("answerTimeout", c.AnswerTimeout, MinAnswerTimeout, MaxAnswerTimeout)
	v.number("horizonDays", c.HorizonDays, MinHorizonDays, MaxHorizonDays)
	v.number("maxConcurrentRequests", c.MaxConcurrentRequests, MinConcurrentRequests, MaxConcurrentRequests)
	v.number("maxRequestsPerMinute", c.MaxRequestsPerMinute, MinRequestsPerMinute, MaxRequestsPerMinute)
	v.zone(c.TimeZone)
	v.filter(c.AssetFilter)
	v.projects(c.ProjectIDs)
	v.domains(c.OrganizerDomains)
	return v.errors
}

type validation struct{ errors []FieldError }

func (v *validation) report(field, format string, args ...any) {
	v.errors = append(v.errors, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// credentials wants one complete set. What is missing is reported for the set
// that was begun, or for both when none was.
func (v *validation) credentials(c Configuration) {
	if c.Method() != MethodNone {
		return
	}
	const oauth, ntlm = "is required for OAuth, together with clientId, clientSecret and tenantId",
		"is required for NTLM, together with ewsURL, username and password"
	begun := false
	if c.ClientID != "" || c.ClientSecret != "" || c.TenantID != "" {
		begun = true
		v.missing("clientId", c.ClientID, oauth)
		v.missing("clientSecret", c.ClientSecret.Reveal(), oauth)
		v.missing("tenantId", c.TenantID, oauth)
	}
	if c.Username != "" || c.Password != "" {
		begun = true
		v.missing("ewsURL", c.EWSURL, ntlm)
		v.missing("username", c.Username, ntlm)
		v.missing("password", c.Password.Reveal(), ntlm)
	}
	if !begun {
		const either = "is required: give one complete set of credentials, either clientId, clientSecret and tenantId (OAuth), " +
			"or ewsURL, username and password (NTLM)"
		v.report("clientId", either)
		v.report("username", either)
	}
}

func (v *validation) missing(field, value, message string) {
	if value == "" {
		v.report(field, "%s", message)
	}
}

func (v *validation) texts(c Configuration) {
	v.line("clientId", c.ClientID)
	v.line("clientSecret", c.ClientSecret.Reveal())
	v.line("tenantId", c.TenantID)
	v.line("username", c.Username)
	v.line("password", c.Password.Reveal())
	v.line("bookingSubject", c.BookingSubject)
	v.line("oauthScope", c.OAuthScope)
	if strings.ContainsFunc(c.ClientID, unicode.IsSpace) {
		v.report("clientId", "must not contain blanks")
	}
	if !regexp.MustCompile(`^[0-9A-Za-z.-]*$`).MatchString(c.TenantID) {
		v.report("tenantId", "must be the ID or a domain name of the organization: letters, digits, hyphens and dots")
	}
	if utf8.RuneCountInString(c.BookingSubject) > MaxSubjectLength {
		v.report("bookingSubject", "must have at most %d characters", MaxSubjectLength)
	}
	if strings.ContainsFunc(c.OAuthScope, unicode.IsSpace) || !strings.HasSuffix(c.OAuthScope, "/.default") {
		v.report("oauthScope", "must be one scope ending in /.default, as in %s", Default().OAuthScope)
	}
}

// line wants a text without line breaks and other control characters, which
// come in by copying and can be stored or sent nowhere.
func (v *validation) line(field, value string) {
	if strings.ContainsFunc(value, unicode.IsControl) {
		v.report(field, "must not contain line breaks or control characters")
	}
}

func (v *validation) addresses(c Configuration) {
	if c.ServiceUserUPN == "" {
		v.report("serviceUserUPN", "is required: the e-mail address of the service user")
	} else {
		v.address("serviceUserUPN", c.ServiceUserUPN)
	}
	if c.RoomListUPN != "" {
		v.address("roomListUPN", c.RoomListUPN)
	}
}

func (v *validation) address(field, value string) {
	if problem := ValidateAddress(field, value); problem != nil {
		v.errors = append(v.errors, *problem)
	}
}

// ValidateAddress returns what is wrong with an e-mail address, nil if it is one.
func ValidateAddress(field, value string) *FieldError {
	if meeting.AddressOf(value).Valid() {
		return nil
	}
	return &FieldError{Field: field, Message: "must be an e-mail address, as in rooms@example.com"}
}

func (v *validation) locations(c Configuration) {
	if c.EWSURL != "" && v.location("ewsURL", c.EWSURL, "https", "http") &&
		schemeOf(c.EWSURL) == "http" && !c.AllowPlainHTTP {
		v.report("ewsURL", "must start with https://; to send credentials unencrypted, set allowPlainHTTP to true")
	}
	v.location("authorityURL", c.AuthorityURL, "https")
	if c.BookingAppURL == "" {
		v.report("bookingAppURL", "is required: the address of the Booking app, as in http://booking:3000/v1")
	} else {
		v.location("bookingAppURL", c.BookingAppURL, "http", "https")
	}
}

func schemeOf(location string) string {
	scheme, _, _ := strings.Cut(location, ":")
	return strings.ToLower(scheme)
}

// location wants an absolute URL of one of the schemes that names a host and
// nothing that would show a secret or be lost on the way.
func (v *validation) location(field, value string, schemes ...string) bool {
	starts := strings.Join(schemes, ":// or ") + "://"
	u, err := url.Parse(value)
	if err != nil || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		v.report(field, "must be a URL that starts with %s", starts)
		return false
	}
	port, portErr := strconv.Atoi(u.Port())
	switch {
	case !slices.Contains(schemes, strings.ToLower(u.Scheme)):
		v.report(field, "must start with %s", starts)
	case u.Hostname() == "":
		v.report(field, "must name a host after %s://", u.Scheme)
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && (portErr != nil || port < 1 || port > 65535):
		v.report(field, "must have a port between 1 and 65535, or none")
	case u.User != nil:
		v.report(field, "must not contain a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		v.report(field, "must not contain ? or #")
	default:
		return true
	}
	return false
}

func (v *validation) certificates(text string) {
	const field = "caCertificates"
	if text == "" {
		return
	}
	if strings.ContainsRune(text, 0) {
		v.report(field, "must be text, not a binary file")
		return
	}
	rest, count := []byte(text), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		count++
		if block.Type != "CERTIFICATE" {
			v.report(field, "must contain nothing but certificates; part %d is %q", count, strings.ToLower(block.Type))
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			v.report(field, "has a part %d that is no valid certificate", count)
		}
	}
	if count == 0 || strings.TrimSpace(string(rest)) != "" {
		v.report(field, "must be certificates in PEM form, each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----")
	}
}

func (v *validation) number(field string, value, least, most int) {
	if value < least || value > most {
		v.report(field, "must be between %d and %d", least, most)
	}
}

func (v *validation) seconds(field string, value, least, most time.Duration) {
	if value < least || value > most {
		v.report(field, "must be between %d and %d", int(least.Seconds()), int(most.Seconds()))
	}
}

func (v *validation) zone(name string) {
	if name == "" {
		return
	}
	// "Local" is a name of the library for whatever the machine is set to.
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		v.report("timeZone", "must be a time zone of the IANA database, as in Europe/Zurich")
	}
}

func (v *validation) filter(groups [][]FilterRule) {
	for i, group := range groups {
		if len(group) == 0 {
			v.report(fmt.Sprintf("assetFilter[%d]", i), "must contain a rule; remove the group, or the filter, to take all rooms")
		}
		for j, r := range group {
			field := fmt.Sprintf("assetFilter[%d][%d]", i, j)
			if r.Parameter != FilterEmail && r.Parameter != FilterName {
				v.report(field+".parameter", "must be %s or %s", FilterEmail, FilterName)
			}
			if r.Regex == "" {
				v.report(field+".regex", "is required")
			} else if _, err := regexp.Compile(r.Regex); err != nil {
				v.report(field+".regex", "must be a regular expression (%v)", err)
			}
			v.line(field+".regex", r.Regex)
		}
	}
}

func (v *validation) domains(domains []string) {
	for i, domain := range domains {
		field := fmt.Sprintf("allowedOrganizerDomains[%d]", i)
		switch {
		case !meeting.Address("organizer@" + domain).Valid(), strings.ContainsAny(domain, "*?/"):
			v.report(field, "must be what follows the @ in e-mail addresses, as in example.com")
		case slices.Contains(domains[:i], domain):
			v.report(field, "repeats the domain %s", domain)
		}
	}
}

func (v *validation) projects(ids []string) {
	for i, id := range ids {
		field := fmt.Sprintf("projectIDs[%d]", i)
		switch {
		case id == "":
			v.report(field, "must not be empty")
		case slices.Contains(ids[:i], id):
			v.report(field, "repeats the project %s", id)
		}
		v.line(field, id)
	}
}
