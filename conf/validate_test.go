package conf_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/conf"
)

func TestAnUsableConfigurationHasNoFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]conf.Configuration{
		"P10 the example of the guide":         complete(),
		"every setting other than its default": different(),
		"P15 OAuth alone":                      with(func(c *conf.Configuration) { c.EWSURL, c.Username, c.Password = "", "", "" }),
		"P16 NTLM alone":                       with(func(c *conf.Configuration) { c.ClientID, c.ClientSecret, c.TenantID = "", "", "" }),
		"OAuth with an incomplete NTLM set":    with(func(c *conf.Configuration) { c.Password = "" }),
		"NTLM with an incomplete OAuth set":    with(func(c *conf.Configuration) { c.ClientSecret = "" }),
		"P36 no room list":                     with(func(c *conf.Configuration) { c.RoomListUPN = "" }),
		"no projects":                          with(func(c *conf.Configuration) { c.ProjectIDs = nil }),
		"plain http when it is allowed": with(func(c *conf.Configuration) {
			c.EWSURL, c.AllowPlainHTTP = "http://127.0.0.1:8080/EWS/Exchange.asmx", true
		}),
		"two certificates with text around":    with(func(c *conf.Configuration) { c.CACertificates = "# ours\n" + certificate + "\n# old\n" + certificate }),
		"a subject of 200 letters of any kind": with(func(c *conf.Configuration) { c.BookingSubject = strings.Repeat("ä", 200) }),
		"the least numbers": with(func(c *conf.Configuration) {
			c.RefreshInterval, c.RequestTimeout, c.AnswerTimeout, c.HorizonDays = time.Second, time.Second, 5*time.Second, 1
		}),
		"the greatest numbers": with(func(c *conf.Configuration) {
			c.RefreshInterval, c.RequestTimeout, c.AnswerTimeout, c.HorizonDays = 86400*time.Second, 600*time.Second, 3600*time.Second, 730
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, c.Validate())
		})
	}
}

func TestEveryFaultNamesItsField(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*conf.Configuration)
		want   []string
	}{
		"P18 no credentials": {
			func(c *conf.Configuration) {
				c.ClientID, c.ClientSecret, c.TenantID, c.Username, c.Password = "", "", "", "", ""
			}, []string{"clientId", "username"},
		},
		"P18 half of OAuth": {
			func(c *conf.Configuration) { c.ClientSecret, c.TenantID, c.Username, c.Password = "", "", "", "" },
			[]string{"clientSecret", "tenantId"},
		},
		"P18 half of NTLM": {
			func(c *conf.Configuration) {
				c.ClientID, c.ClientSecret, c.TenantID, c.EWSURL, c.Password = "", "", "", "", ""
			},
			[]string{"ewsURL", "password"},
		},
		"P18 half of both":             {func(c *conf.Configuration) { c.TenantID, c.Password = "", "" }, []string{"tenantId", "password"}},
		"client ID with a blank":       {func(c *conf.Configuration) { c.ClientID = "a b" }, []string{"clientId"}},
		"secret with a line break":     {func(c *conf.Configuration) { c.ClientSecret = "a\n" }, []string{"clientSecret"}},
		"password with a NUL":          {func(c *conf.Configuration) { c.Password = "a\x00" }, []string{"password"}},
		"tenant with a slash":          {func(c *conf.Configuration) { c.TenantID = "a/b" }, []string{"tenantId"}},
		"user name with a tab":         {func(c *conf.Configuration) { c.Username = "a\tb" }, []string{"username"}},
		"no service user":              {func(c *conf.Configuration) { c.ServiceUserUPN = "" }, []string{"serviceUserUPN"}},
		"service user without domain":  {func(c *conf.Configuration) { c.ServiceUserUPN = "eliona" }, []string{"serviceUserUPN"}},
		"service user with markup":     {func(c *conf.Configuration) { c.ServiceUserUPN = "a<b>@example.com" }, []string{"serviceUserUPN"}},
		"room list that is a name":     {func(c *conf.Configuration) { c.RoomListUPN = "First floor" }, []string{"roomListUPN"}},
		"plain http not allowed":       {func(c *conf.Configuration) { c.EWSURL = "http://mail.example.com/" }, []string{"ewsURL"}},
		"plain HTTP in capitals":       {func(c *conf.Configuration) { c.EWSURL = "HTTP://mail.example.com/" }, []string{"ewsURL"}},
		"EWS by another protocol":      {func(c *conf.Configuration) { c.EWSURL, c.AllowPlainHTTP = "ftp://mail.example.com/", true }, []string{"ewsURL"}},
		"EWS without protocol":         {func(c *conf.Configuration) { c.EWSURL = "mail.example.com/EWS" }, []string{"ewsURL"}},
		"EWS without host":             {func(c *conf.Configuration) { c.EWSURL = "https:///EWS/Exchange.asmx" }, []string{"ewsURL"}},
		"EWS with a blank":             {func(c *conf.Configuration) { c.EWSURL = "https://mail.example.com/a b" }, []string{"ewsURL"}},
		"EWS with a password":          {func(c *conf.Configuration) { c.EWSURL = "https://u:p@mail.example.com/" }, []string{"ewsURL"}},
		"EWS with a query":             {func(c *conf.Configuration) { c.EWSURL = "https://mail.example.com/?a=b" }, []string{"ewsURL"}},
		"EWS with a port out of range": {func(c *conf.Configuration) { c.EWSURL = "https://mail.example.com:70000/" }, []string{"ewsURL"}},
		"authority by plain http":      {func(c *conf.Configuration) { c.AuthorityURL = "http://login.example.com" }, []string{"authorityURL"}},
		"authority without host":       {func(c *conf.Configuration) { c.AuthorityURL = "https://" }, []string{"authorityURL"}},
		"no Booking app":               {func(c *conf.Configuration) { c.BookingAppURL = "" }, []string{"bookingAppURL"}},
		"Booking app by WebSocket":     {func(c *conf.Configuration) { c.BookingAppURL = "ws://booking:3000/v1" }, []string{"bookingAppURL"}},
		"Booking app without host":     {func(c *conf.Configuration) { c.BookingAppURL = "http:///v1" }, []string{"bookingAppURL"}},
		"Booking app that is no URL":   {func(c *conf.Configuration) { c.BookingAppURL = "http://[::1" }, []string{"bookingAppURL"}},
		"scope that is a permission":   {func(c *conf.Configuration) { c.OAuthScope = "full_access_as_app" }, []string{"oauthScope"}},
		"two scopes":                   {func(c *conf.Configuration) { c.OAuthScope = "https://a/.default https://b/.default" }, []string{"oauthScope"}},
		"certificates that are none":   {func(c *conf.Configuration) { c.CACertificates = "MIIB" }, []string{"caCertificates"}},
		"certificates with NUL":        {func(c *conf.Configuration) { c.CACertificates = "\x00" + certificate }, []string{"caCertificates"}},
		"certificate cut off":          {func(c *conf.Configuration) { c.CACertificates = certificate + "\n" + certificate[:100] }, []string{"caCertificates"}},
		"certificate that is damaged":  {func(c *conf.Configuration) { c.CACertificates = strings.Replace(certificate, "MII", "AII", 1) }, []string{"caCertificates"}},
		"a private key": {func(c *conf.Configuration) {
			c.CACertificates = strings.ReplaceAll(certificate, "CERTIFICATE", "PRIVATE KEY")
		}, []string{"caCertificates"}},
		"refresh interval 0":        {func(c *conf.Configuration) { c.RefreshInterval = 0 }, []string{"refreshInterval"}},
		"refresh interval too long": {func(c *conf.Configuration) { c.RefreshInterval = 86401 * time.Second }, []string{"refreshInterval"}},
		"negative request timeout":  {func(c *conf.Configuration) { c.RequestTimeout = -time.Second }, []string{"requestTimeout"}},
		"request timeout too long":  {func(c *conf.Configuration) { c.RequestTimeout = 601 * time.Second }, []string{"requestTimeout"}},
		"answer timeout too short":  {func(c *conf.Configuration) { c.AnswerTimeout = 4 * time.Second }, []string{"answerTimeout"}},
		"answer timeout too long":   {func(c *conf.Configuration) { c.AnswerTimeout = 3601 * time.Second }, []string{"answerTimeout"}},
		"no horizon":                {func(c *conf.Configuration) { c.HorizonDays = 0 }, []string{"horizonDays"}},
		"horizon too far":           {func(c *conf.Configuration) { c.HorizonDays = 731 }, []string{"horizonDays"}},
		"no request at a time":      {func(c *conf.Configuration) { c.MaxConcurrentRequests = 0 }, []string{"maxConcurrentRequests"}},
		"requests without limit":    {func(c *conf.Configuration) { c.MaxConcurrentRequests = 101 }, []string{"maxConcurrentRequests"}},
		"too few requests":          {func(c *conf.Configuration) { c.MaxRequestsPerMinute = 59 }, []string{"maxRequestsPerMinute"}},
		"too many requests":         {func(c *conf.Configuration) { c.MaxRequestsPerMinute = 60001 }, []string{"maxRequestsPerMinute"}},
		"time zone of Windows":      {func(c *conf.Configuration) { c.TimeZone = "W. Europe Standard Time" }, []string{"timeZone"}},
		"time zone of the machine":  {func(c *conf.Configuration) { c.TimeZone = "Local" }, []string{"timeZone"}},
		"time zone that is a path":  {func(c *conf.Configuration) { c.TimeZone = "../../etc/passwd" }, []string{"timeZone"}},
		"organizers of bad domains": {
			func(c *conf.Configuration) {
				c.OrganizerDomains = []string{"example.com", "", "a b", "anna@example.com", "*.example.com", "example.com", "x\x00y"}
			},
			[]string{
				"allowedOrganizerDomains[1]", "allowedOrganizerDomains[2]", "allowedOrganizerDomains[3]", "allowedOrganizerDomains[4]",
				"allowedOrganizerDomains[5]", "allowedOrganizerDomains[6]",
			},
		},
		"subject too long":     {func(c *conf.Configuration) { c.BookingSubject = strings.Repeat("a", 201) }, []string{"bookingSubject"}},
		"subject of two lines": {func(c *conf.Configuration) { c.BookingSubject = "a\r\nb" }, []string{"bookingSubject"}},
		"empty project, repeated project": {
			func(c *conf.Configuration) { c.ProjectIDs = []string{"10", "", "10"} }, []string{"projectIDs[1]", "projectIDs[2]"},
		},
		"filter with faults of all kinds": {
			func(c *conf.Configuration) {
				c.AssetFilter = [][]conf.FilterRule{{}, {{Parameter: "floor", Regex: "1"}, {Parameter: "name", Regex: "("}, {Parameter: "email"}}}
			},
			[]string{"assetFilter[0]", "assetFilter[1][0].parameter", "assetFilter[1][1].regex", "assetFilter[1][2].regex"},
		},
		"several faults at once": {
			func(c *conf.Configuration) { c.ServiceUserUPN, c.BookingAppURL, c.HorizonDays = "", "", 0 },
			[]string{"serviceUserUPN", "bookingAppURL", "horizonDays"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, fault := range with(tc.change).Validate() {
				require.NotEmpty(t, fault.Message)
				got = append(got, fault.Field)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestDomainsMayBeWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	c := with(func(c *conf.Configuration) { c.OrganizerDomains = []string{" @Example.COM ", "example.org"} }).Normalized()
	require.Equal(t, []string{"example.com", "example.org"}, c.OrganizerDomains)
	require.Empty(t, c.Validate())
}

func TestTheTimeZoneIsThatOfTheRooms(t *testing.T) {
	t.Parallel()
	require.Equal(t, "America/New_York", with(func(c *conf.Configuration) { c.TimeZone = " America/New_York " }).Normalized().Zone().String())
	require.Equal(t, time.Local, conf.Default().Zone(), "without one, that of the app")
	require.Equal(t, time.Local, with(func(c *conf.Configuration) { c.TimeZone = "Mars/Phobos" }).Zone(), "Validate reports it")
}

func TestCredentialsDecideTheMethod(t *testing.T) {
	t.Parallel()
	require.Equal(t, conf.MethodOAuth, complete().Method(), "P17: OAuth wins when both sets are complete")
	require.Equal(t, conf.MethodNTLM, with(func(c *conf.Configuration) { c.TenantID = "" }).Method())
	require.Equal(t, conf.MethodNone, conf.Default().Method())
}

func TestOAuthUsesTheGivenAddressOrExchangeOnline(t *testing.T) {
	t.Parallel()
	require.Equal(t, "https://outlook.office365.com/EWS/Exchange.asmx", with(func(c *conf.Configuration) { c.EWSURL = "" }).Endpoint())
	require.Equal(t, "https://mail.example.com/", with(func(c *conf.Configuration) { c.EWSURL = "https://mail.example.com/" }).Endpoint())
}

func TestNormalizationTrimsAndFillsInDefaults(t *testing.T) {
	t.Parallel()
	c := conf.Configuration{ClientID: " id\n", Password: " blanks belong to it ", ProjectIDs: []string{" 10 "}}.Normalized()
	require.Equal(t, "id", c.ClientID)
	require.Equal(t, " blanks belong to it ", c.Password.Reveal())
	require.Equal(t, []string{"10"}, c.ProjectIDs)
	require.Equal(t, conf.Default().AuthorityURL, c.AuthorityURL)
	require.Equal(t, conf.Default().OAuthScope, c.OAuthScope)
	require.Equal(t, conf.Default().BookingSubject, c.BookingSubject)
	require.NotNil(t, c.AssetFilter)
}

func TestOwnCertificatesAreTrusted(t *testing.T) {
	t.Parallel()
	pool, err := with(func(c *conf.Configuration) { c.CACertificates = certificate }).RootCAs()
	require.NoError(t, err)
	require.NotNil(t, pool)
	pool, err = complete().RootCAs()
	require.NoError(t, err)
	require.Nil(t, pool, "nil means those of the system")
	_, err = with(func(c *conf.Configuration) { c.CACertificates = "none" }).RootCAs()
	require.Error(t, err)
}

// P25: rules within a group are joined by AND, groups by OR.
func TestFilterDecidesWhichRoomsBecomeAssets(t *testing.T) {
	t.Parallel()
	room := map[string]string{"email": "room-1@example.com", "name": "Meeting Room 1"}
	for name, tc := range map[string]struct {
		groups [][]conf.FilterRule
		want   bool
	}{
		"no filter takes all":           {nil, true},
		"a part of the value suffices":  {[][]conf.FilterRule{{{Parameter: "name", Regex: "Room"}}}, true},
		"anchors are respected":         {[][]conf.FilterRule{{{Parameter: "name", Regex: "^Room"}}}, false},
		"all rules of a group must fit": {[][]conf.FilterRule{{{Parameter: "name", Regex: "Room"}, {Parameter: "email", Regex: "^room-2"}}}, false},
		"one group suffices":            {[][]conf.FilterRule{{{Parameter: "name", Regex: "Desk"}}, {{Parameter: "email", Regex: "^room-1@"}}}, true},
		"a missing value never fits":    {[][]conf.FilterRule{{{Parameter: "floor", Regex: ".*"}}}, false},
		"upper and lower case differ":   {[][]conf.FilterRule{{{Parameter: "name", Regex: "meeting"}}}, false},
		"unless asked otherwise":        {[][]conf.FilterRule{{{Parameter: "name", Regex: "(?i)meeting"}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filter, err := conf.Configuration{AssetFilter: tc.groups}.Filter()
			require.NoError(t, err)
			require.Equal(t, tc.want, filter.Match(room))
		})
	}
	_, err := conf.Configuration{AssetFilter: [][]conf.FilterRule{{{Parameter: "name", Regex: "("}}}}.Filter()
	require.ErrorContains(t, err, "assetFilter[0][0].regex")
	require.True(t, conf.Filter{}.Match(room))
}

func with(change func(*conf.Configuration)) conf.Configuration {
	c := complete()
	change(&c)
	return c
}
