package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/db/postgres"
	"ews/e2e/stage"
)

// What must not be told. Each word is planted where the real thing would be.
const (
	plantedClient    = "Pl4nted-client~secret"
	plantedPassword  = "Pl4nted/pass+word"
	plantedToken     = "Pl4nted-api-token"
	plantedDatabase  = "Pl4nted-database-password"
	plantedWrong     = "Pl4nted-but-mistyped"
	plantedSubject   = "Pl4nted subject of a takeover"
	plantedLocation  = "Pl4nted corner"
	plantedBody      = "Pl4nted agenda"
	plantedElsewhere = "Pl4nted-in-the-wrong-field"
)

// plantedKey is SECRET_KEY.
var plantedKey = base64.StdEncoding.EncodeToString([]byte("Pl4nted key of thirty-two bytes!"))

// planted finds everything in a text that was planted, in the forms in which it
// travels.
func planted(text string) (found []string) {
	for _, planted := range []string{
		plantedClient, plantedPassword, plantedToken, plantedDatabase, plantedWrong, plantedKey,
		plantedSubject, plantedLocation, plantedBody, plantedElsewhere,
	} {
		for form, word := range map[string]string{
			"as it is": planted, "in a URL": url.QueryEscape(planted), "in base64": base64.StdEncoding.EncodeToString([]byte(planted)),
			"in hexadecimal": hex.EncodeToString([]byte(planted)),
		} {
			if i := strings.Index(text, word); i >= 0 {
				found = append(found, fmt.Sprintf("%q %s: …%s…", planted, form, text[max(0, i-200):min(len(text), i+len(word)+100)]))
			}
		}
	}
	for _, token := range []string{"Bearer ey", "eyJhbGciOi", "TlRMTVNTUA"} { // OAuth, Eliona, NTLM
		if strings.Contains(text, token) {
			found = append(found, token)
		}
	}
	return found
}

func requireUntold(t *testing.T, where, text string) {
	t.Helper()
	require.Empty(t, planted(text), where)
}

func TestWhatWasPlantedIsFound(t *testing.T) {
	t.Parallel()
	for _, told := range []string{
		"x " + plantedKey, url.QueryEscape(plantedPassword), "password=" + base64.StdEncoding.EncodeToString([]byte(plantedPassword)),
		`{"subject":"` + plantedSubject + `"}`, "Authorization: NTLM TlRMTVNTUAAD",
	} {
		require.Len(t, planted(told), 1, told)
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

// dumped is everything in the app's database.
func dumped(t *testing.T, s *stage.Stage) string {
	t.Helper()
	bin, err := postgres.FindBinaries(t.Context())
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "pg_dump"), s.URL()).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "COPY ews.configuration")
	return string(out)
}

// TestSecretsAreNotTold plants secrets and subjects, lets much go wrong while
// everything is logged, and then looks for them wherever somebody could read.
func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	seed := filepath.Join(t.TempDir(), "seed.json")
	mailbox := func(name string) map[string]any {
		return map[string]any{"address": name + "@example.com", "password": plantedPassword}
	}
	const tenant = "11111111-2222-3333-4444-555555555555"
	require.NoError(t, os.WriteFile(seed, encoded(t, map[string]any{
		"domain":        "example.com",
		"mailboxes":     []any{mailbox("alice"), mailbox("bob"), mailbox("eliona")},
		"roomLists":     []any{map[string]any{"address": "first.floor@example.com", "rooms": []any{map[string]any{"address": room1}, map[string]any{"address": room2}}}, map[string]any{"address": "second.floor@example.com", "rooms": []any{map[string]any{"address": room6}}}},
		"impersonation": []any{map[string]any{"account": "client"}, map[string]any{"account": "eliona@example.com"}},
		"clients":       []any{map[string]any{"tenant": tenant, "id": "client", "secret": plantedClient}},
		"eliona": map[string]any{
			"token": plantedToken, "projects": []any{map[string]any{"id": "10", "title": "HQ"}, map[string]any{"id": "11", "title": "Other"}},
			"users": []any{map[string]any{"id": "42", "email": "admin@example.com"}, map[string]any{"id": "43", "email": bob}}, "apps": []string{"ews"},
		},
	}), 0o600))
	s := newStage(t, stage.Options{Verbose: true, Simulator: []string{"-seed", seed, "-decision-delay", "200ms"}})
	w := worldOf(t, s)
	database := strings.Replace(s.URL(), ":secret@", ":"+plantedDatabase+"@", 1)
	require.Contains(t, database, plantedDatabase)

	// Starts that fail.
	for _, wrong := range []string{
		"CONNECTION_STRING=postgres://app:" + plantedDatabase + "@host:port/x", "CONNECTION_STRING=host=x password=" + plantedDatabase,
		"SECRET_KEY=" + plantedKey + plantedWrong, "API_ENDPOINT=http://u:" + plantedToken + "@[::1",
	} {
		require.NoError(t, s.SpawnApp("CONNECTION_STRING="+database, "API_TOKEN="+plantedToken, "SECRET_KEY="+plantedKey, wrong))
		w.until("it ends", func() bool { _, ended := s.ExitCode(); return ended })
	}
	require.NoError(t, s.SpawnApp("CONNECTION_STRING="+strings.Replace(database, "/postgres?", "/nowhere?", 1), "API_TOKEN="+plantedWrong, "SECRET_KEY="+plantedKey))
	w.until("it waits for the database", func() bool { return len(logged(t, s, "waiting")) > 0 })
	require.NoError(t, s.KillApp())
	require.NoError(t, s.SpawnApp("CONNECTION_STRING="+database, "API_TOKEN="+plantedWrong, "SECRET_KEY="+plantedKey))
	w.until("Eliona refuses the token", func() bool { return len(logged(t, s, "401")) > 0 })
	require.NoError(t, s.KillApp())

	start := func(key string) {
		require.NoError(t, s.SpawnApp("CONNECTION_STRING="+database, "API_TOKEN="+plantedToken, "SECRET_KEY="+key))
		require.NoError(t, s.AwaitApp(t.Context()))
	}
	start(plantedKey)

	var answers strings.Builder // of the API
	ask := func(method, path, body string) {
		request, err := http.NewRequestWithContext(t.Context(), method, s.API+path, strings.NewReader(body))
		require.NoError(t, err)
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		raw, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		fmt.Fprintf(&answers, "%s %s %s\n%v\n%s\n", method, path, response.Status, response.Header, raw)
	}

	oauth := s.Configuration()
	oauth["clientSecret"] = plantedClient
	mistyped := s.Configuration()
	mistyped["clientSecret"], mistyped["projectIDs"] = plantedWrong, []string{"11"}
	windows := s.Configuration()
	withWindows(windows, s.Addresses["EXCHANGE_HTTPS"], `EXAMPLE\eliona`, plantedPassword)
	windows["roomListUPN"], windows["projectIDs"] = "second.floor@example.com", []string{"11"}
	mistypedWindows := s.Configuration()
	withWindows(mistypedWindows, s.Addresses["EXCHANGE_HTTPS"], `EXAMPLE\eliona`, plantedWrong)
	lost := s.Configuration()
	lost["clientSecret"], lost["bookingAppURL"], lost["ewsURL"], lost["authorityURL"] = plantedClient, "http://127.0.0.1:9/v1", "https://127.0.0.1:9/x", "https://127.0.0.1:9"
	for _, c := range []map[string]any{oauth, windows, mistyped, mistypedWindows, lost} {
		_, err := s.Configure(t.Context(), c)
		require.NoError(t, err)
	}
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 2 && len(w.rooms("11")) >= 1 })
	for _, body := range []string{
		`{"clientSecret":{"` + plantedElsewhere + `":1}}`, `{"` + plantedElsewhere + ``, `{"clientSecret":["` + plantedElsewhere + `"],"x":1}`,
		`{"password":"` + plantedElsewhere + "\x01" + `"}`, `{"clientSecret":"` + plantedElsewhere + `\n","serviceUserUPN":"x"}`,
	} {
		ask(http.MethodPost, "/configs", body)
		ask(http.MethodPut, "/configs/1", body)
	}

	// People at work, and everything that may go wrong then.
	for i, person := range []string{alice, bob} {
		w.act(stage.Action{Person: person, Where: "outlook", Action: "book", Subject: plantedSubject, Location: plantedLocation, Body: plantedBody, Private: i == 0, Rooms: []string{room1}}.At(w.at(6+i), time.Hour))
	}
	w.eliona(alice, w.at(9), room2)
	w.until("all is in step", func() bool { return len(w.live()) == 3 && w.acceptedAt(alice, w.at(9), room2) })
	w.fault(
		map[string]any{"service": "exchange", "kind": "soapFault", "code": "ErrorSchemaValidation", "count": 3},
		map[string]any{"service": "exchange", "kind": "truncate", "count": 3},
		map[string]any{"service": "exchange", "kind": "status", "status": 401, "count": 4},
		map[string]any{"service": "exchange", "kind": "resetBefore", "count": 2},
		map[string]any{"service": "booking", "kind": "status", "status": 500, "count": 3},
		map[string]any{"service": "booking", "operation": "POST /bookings/group", "kind": "status", "status": 400, "count": 1},
		map[string]any{"service": "booking", "operation": "GET /bookings/{}", "kind": "truncate", "count": 1},
		map[string]any{"service": "eliona", "kind": "status", "status": 401, "count": 2},
	)
	require.NoError(t, w.Control.RevokeTokens(t.Context()))
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: plantedSubject, Body: plantedBody, Rooms: []string{room1}}.At(w.at(11), time.Hour))
	w.eliona(bob, w.at(12), room2)
	w.until("everything went wrong", func() bool {
		n, err := w.Control.Applied(t.Context(), "")
		require.NoError(t, err)
		return n == 3+3+4+2+3+1+1+2 && w.acceptedAt(bob, w.at(12), room2)
	})
	w.fault(map[string]any{"service": "exchange", "operation": "CreateItem", "mailbox": bob, "kind": "responseCode", "code": "ErrorInvalidRecipients"})
	refused := w.eliona(bob, w.at(13), room2)
	w.until("people are told", func() bool {
		return w.booking(refused).Cancelled && slices.ContainsFunc(w.told(), func(n stage.Notification) bool { return n.Email == bob || n.User == bob })
	})
	w.until("the configurations tell what is wrong", func() bool {
		broken := 0
		for _, c := range w.list("/configs") {
			if c["statusCode"] != "" {
				broken++
			}
		}
		return broken >= 2
	})
	require.NoError(t, s.Database.Restart(t.Context()))
	w.until("the API answers again", func() bool { return s.Call(t.Context(), http.MethodGet, "/configs", nil, nil) == nil })

	ask(http.MethodGet, "/configs", "")
	ask(http.MethodPost, "/configs/check", string(encoded(t, mistyped)))
	ask(http.MethodPost, "/configs/check", string(encoded(t, windows)))
	for id := 1; id <= 5; id++ {
		for _, part := range []string{"", "/status", "/rooms", "/findings", "/rooms/" + room1} {
			ask(http.MethodGet, fmt.Sprintf("/configs/%d%s", id, part), "")
		}
	}
	ask(http.MethodGet, "/metrics", "")
	ask(http.MethodGet, "/version", "")
	ask(http.MethodGet, "/health/ready", "")
	requireUntold(t, "the API", answers.String())
	require.Contains(t, answers.String(), `"clientSecret"`, "it was asked for something")
	requireUntold(t, "notifications", string(encoded(t, w.told())))
	requireUntold(t, "the database", dumped(t, s))
	require.Contains(t, dumped(t, s), "ews-sealed:")

	// Another key, and none: the secrets cannot be opened, and that is told.
	for _, key := range []string{base64.StdEncoding.EncodeToString(make([]byte, 32)), ""} {
		_, err := s.StopApp()
		require.NoError(t, err)
		start(key)
		w.until("the secrets cannot be opened", func() bool { return w.get("/configs/1")["statusCode"] == "secret_unreadable" })
		ask(http.MethodGet, "/configs", "")
	}
	requireUntold(t, "the API", answers.String())
	requireUntold(t, "the database", dumped(t, s))
	log := whole(t, s)
	requireUntold(t, "the log", log)
	for _, happened := range []string{"DEBUG", "ErrorSchemaValidation", "ErrorInvalidRecipients", "ClientCredentials", "ClientNoAnswer", "booking_request_refused"} {
		require.Contains(t, log, happened)
	}
}
