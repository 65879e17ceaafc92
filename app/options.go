package app

import (
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"

	"ews/apiservices"
	"ews/conf"
)

// Options are what the process is started with.
type Options struct {
	ConnectionString     string // PostgreSQL URL of the role that does the work
	InitConnectionString string // of the role that may create the schema; the same by default
	APIEndpoint          string // of the Eliona API v2
	APIToken             string
	Port                 int      // of the app's own API
	DemandToken          bool     // every call of the app's API needs a token of Eliona or an API key
	AllowedOrigins       []string // of web pages that may call the app's API from elsewhere
	Keys                 conf.Keys
	Commit, Built        string
	Log                  *slog.Logger
}

// OptionsFromEnvironment reads the variables that Eliona gives its apps.
func OptionsFromEnvironment(env func(string) (string, bool)) (Options, error) {
	get := func(name, fallback string) string { return valueOf(env, name, fallback) }
	o := Options{
		ConnectionString: get("CONNECTION_STRING", ""),
		APIEndpoint:      get("API_ENDPOINT", "http://api-v2:3000/v2"),
		APIToken:         get("API_TOKEN", "not defined"),
	}
	if u, err := url.Parse(o.ConnectionString); err != nil || u.Host == "" || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return Options{}, fmt.Errorf("CONNECTION_STRING must be a URL like postgres://user:password@host:5432/database")
	}
	o.InitConnectionString = get("INIT_CONNECTION_STRING", o.ConnectionString)
	var err error
	if o.Port, err = portOf(env); err != nil {
		return Options{}, err
	}
	switch how := get("API_AUTHENTICATION", "proxy"); how {
	case "proxy":
	case "token":
		o.DemandToken = true
	default:
		return Options{}, fmt.Errorf("API_AUTHENTICATION must be proxy or token, not %q", how)
	}
	for origin := range strings.FieldsFuncSeq(get("API_ALLOWED_ORIGINS", ""), func(r rune) bool { return r == ',' || r == ' ' }) {
		if err := apiservices.ValidateOrigin(origin); err != nil {
			return Options{}, fmt.Errorf("API_ALLOWED_ORIGINS: %w", err)
		}
		o.AllowedOrigins = append(o.AllowedOrigins, origin)
	}
	o.Keys, err = conf.KeysFromEnvironment(func(name string) string { return get(name, "") })
	if err != nil {
		return Options{}, fmt.Errorf("reading the key for secrets: %w", err)
	}
	return o, nil
}

// portOf is the port of the app's own API.
func portOf(env func(string) (string, bool)) (int, error) {
	text := valueOf(env, "API_SERVER_PORT", "3000")
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return 0, fmt.Errorf("API_SERVER_PORT must be a port number, not %q", text)
	}
	return port, nil
}

// valueOf is a variable's value, or the fallback if it has none.
func valueOf(env func(string) (string, bool), name, fallback string) string {
	if value, ok := env(name); ok && value != "" {
		return value
	}
	return fallback
}
