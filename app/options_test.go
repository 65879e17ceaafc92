package app

import (
	"encoding/base64"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
	"ews/conf"
)

const database = "postgres://leicom:forgotten@database:5432/iot"

func TestOptionsHaveDefaults(t *testing.T) {
	t.Parallel()
	o, err := OptionsFromEnvironment(environment("CONNECTION_STRING", database, "API_TOKEN", "", "API_SERVER_PORT", ""))
	require.NoError(t, err)
	require.Equal(t, Options{
		ConnectionString: database, InitConnectionString: database,
		APIEndpoint: "http://api-v2:3000/v2", APIToken: "not defined", Port: 3000,
	}, o)
	require.False(t, o.Keys.Configured())
}

func TestOptionsAreRead(t *testing.T) {
	t.Parallel()
	o, err := OptionsFromEnvironment(environment(
		"CONNECTION_STRING", "postgresql://database/iot", "INIT_CONNECTION_STRING", database, "API_ENDPOINT", "https://eliona/v2",
		"API_TOKEN", "token", "API_SERVER_PORT", "0", conf.KeyVariable, base64.StdEncoding.EncodeToString(make([]byte, 32)),
	))
	require.NoError(t, err)
	require.Equal(t, "postgresql://database/iot", o.ConnectionString)
	require.Equal(t, database, o.InitConnectionString)
	require.Equal(t, "https://eliona/v2", o.APIEndpoint)
	require.Equal(t, "token", o.APIToken)
	require.Zero(t, o.Port)
	require.True(t, o.Keys.Configured())
	o, err = OptionsFromEnvironment(environment(
		"CONNECTION_STRING", database, "API_AUTHENTICATION", "token", "API_ALLOWED_ORIGINS", "https://eliona.example.com, http://localhost:8080,*",
	))
	require.NoError(t, err)
	require.True(t, o.DemandToken)
	require.Equal(t, []string{"https://eliona.example.com", "http://localhost:8080", "*"}, o.AllowedOrigins)
}

// The message of an error names the variable; it goes to a log that many read.
func TestOptionsThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ variable, value string }{
		{"CONNECTION_STRING", ""},
		{"CONNECTION_STRING", "host=database password=forgotten"},
		{"CONNECTION_STRING", "mysql://leicom:forgotten@database/iot"},
		{"CONNECTION_STRING", "postgres://leicom:forgotten%@database/iot"},
		{"CONNECTION_STRING", "postgres://leicom:forgotten@data base/iot"},
		{"CONNECTION_STRING", "postgres:///iot?password=forgotten"},
		{"API_SERVER_PORT", "http"},
		{"API_SERVER_PORT", "-1"},
		{"API_SERVER_PORT", "65536"},
		{"API_AUTHENTICATION", "yes"},
		{"API_ALLOWED_ORIGINS", "eliona.example.com"},
		{"API_ALLOWED_ORIGINS", "https://eliona.example.com, https://eliona.example.com/apps"},
		{conf.KeyVariable, "forgotten"},
		{conf.PreviousKeyVariable, "forgotten"},
		{conf.KeyFileVariable, "/does/not/exist"},
	} {
		env := environment("CONNECTION_STRING", database)
		_, err := OptionsFromEnvironment(func(name string) (string, bool) {
			if name == c.variable {
				return c.value, true
			}
			return env(name)
		})
		require.ErrorContains(t, err, c.variable, c.value)
		require.NotContains(t, err.Error(), "forgotten")
	}
}

func complete() conf.Configuration {
	c := conf.Default()
	c.ID, c.UserID = 7, "user"
	c.Username, c.Password = `EXAMPLE\eliona`, "password"
	c.EWSURL = "https://mail.example.com/EWS/Exchange.asmx"
	c.ServiceUserUPN, c.RoomListUPN = "Eliona@Example.com", "First.Floor@Example.com"
	c.AuthorityURL, c.OAuthScope = "https://login.example.com", "scope"
	c.RequestTimeout = 42 * time.Second
	c.CACertificates, c.AllowPlainHTTP, c.BookingSubject = "pem", true, "Booked"
	return c
}

func TestCalendarSettings(t *testing.T) {
	t.Parallel()
	s := calendarSettings(complete(), slog.New(slog.DiscardHandler))
	require.Equal(t, "https://mail.example.com/EWS/Exchange.asmx", s.URL)
	require.Equal(t, 42*time.Second, s.Timeout)
	require.Equal(t, `EXAMPLE\eliona`, s.Username)
	require.Equal(t, "password", s.Password)
	require.Empty(t, s.ClientID+s.ClientSecret+s.TenantID+s.AuthorityURL+s.Scope)
	require.Equal(t, meeting.Address("eliona@example.com"), s.ServiceUser)
	require.Equal(t, meeting.Address("first.floor@example.com"), s.RoomList)
	require.Equal(t, "pem", s.CACertificates)
	require.True(t, s.AllowPlainHTTP)
	require.Equal(t, "Booked", s.Subject)
	require.NotNil(t, s.Log)

	both := complete()
	both.ClientID, both.ClientSecret, both.TenantID = "client", "secret", "tenant"
	s = calendarSettings(both, slog.New(slog.DiscardHandler))
	require.Equal(t, []string{"client", "secret", "tenant", "https://login.example.com", "scope"},
		[]string{s.ClientID, s.ClientSecret, s.TenantID, s.AuthorityURL, s.Scope})
	require.Empty(t, s.Username+s.Password, "with both sets complete, OAuth wins")

	both.EWSURL, both.ClientSecret = "", ""
	s = calendarSettings(both, slog.New(slog.DiscardHandler))
	require.Equal(t, conf.DefaultEWSURL, s.URL)
	require.Empty(t, s.ClientID, "a set that is not complete does not count")
	require.Equal(t, "password", s.Password)
}

func TestEngineSettings(t *testing.T) {
	t.Parallel()
	c := complete()
	c.RefreshInterval, c.HorizonDays, c.AnswerTimeout, c.NotifyUsers = 90*time.Second, 10, 7*time.Minute, true
	c.ProjectIDs = []string{"10", "11"}
	c.AssetFilter = [][]conf.FilterRule{
		{{Parameter: conf.FilterEmail, Regex: "^room-[12]@"}, {Parameter: conf.FilterName, Regex: "Room"}},
		{{Parameter: conf.FilterName, Regex: "^Hall$"}},
	}
	for interval, confirm := range map[time.Duration]time.Duration{time.Second: time.Minute, 24 * time.Hour: 10 * time.Minute} {
		seldom := c
		seldom.RefreshInterval = interval
		s, err := engineSettings(seldom)
		require.NoError(t, err)
		require.Equal(t, confirm, s.Policy.Confirm)
	}
	s, err := engineSettings(c)
	require.NoError(t, err)
	require.Equal(t, meeting.ConfigID(7), s.Config)
	require.Equal(t, 90*time.Second, s.RefreshInterval)
	require.Equal(t, 10*24*time.Hour, s.Horizon)
	policy := plan.DefaultPolicy()
	policy.AnswerTimeout, policy.Confirm = 7*time.Minute, 112500*time.Millisecond
	require.Equal(t, policy, s.Policy)
	require.Equal(t, []string{"10", "11"}, s.Projects)
	require.True(t, s.Discover)
	require.True(t, s.NotifyUsers)
	for room, want := range map[engine.RoomInfo]bool{
		{Address: "room-1@example.com", Name: "Room 1"}: true, {Address: "room-1@example.com", Name: "Lake"}: false,
		{Address: "room-3@example.com", Name: "Room 3"}: false, {Address: "x@example.com", Name: "Hall"}: true,
	} {
		require.Equal(t, want, s.Wanted(room), room)
	}

	c.RoomListUPN, c.AssetFilter = "", nil
	s, err = engineSettings(c)
	require.NoError(t, err)
	require.False(t, s.Discover)
	require.True(t, s.Wanted(engine.RoomInfo{}))

	c.AssetFilter = [][]conf.FilterRule{{{Parameter: conf.FilterName, Regex: "("}}}
	_, err = engineSettings(c)
	require.ErrorContains(t, err, "asset filter")
}

func TestCodesOfStart(t *testing.T) {
	t.Parallel()
	require.Equal(t, "secret_unreadable", codeOfStart(&conf.SecretError{Err: conf.ErrNoKey}))
	require.Equal(t, "cannot_start", codeOfStart(conf.ErrNotFound))
}
