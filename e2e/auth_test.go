package e2e

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// withWindows makes a configuration use Windows authentication.
func withWindows(configuration map[string]any, url, user, password string) {
	for _, field := range []string{"clientId", "clientSecret", "tenantId", "authorityURL"} {
		delete(configuration, field)
	}
	configuration["ewsURL"], configuration["username"], configuration["password"] = url, user, password
}

// bothWays books in both directions and waits for the other side.
func (w *world) bothWays(hour int) {
	w.t.Helper()
	w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(hour), time.Hour))
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Talk", Rooms: []string{room2}}.At(w.at(hour), time.Hour))
	w.until("both directions work", func() bool {
		return w.slots(room1)[w.at(hour)] == 1 && w.slots(room2)[w.at(hour)] == 1 &&
			slices.ContainsFunc(w.meetings(alice), func(e stage.Entry) bool {
				return e.Start.Equal(w.at(hour)) && response(e, room1) == "Accept"
			})
	})
}

// TestWindowsAuthentication is P16, in the forms in which servers are found.
func TestWindowsAuthentication(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, address, user string
		simulator           []string
		plain               bool
	}{
		{name: "domain and name", address: "EXCHANGE_HTTPS", user: `EXAMPLE\eliona`},
		{name: "Extended Protection", address: "EXCHANGE_HTTPS", user: "eliona@example.com", simulator: []string{"-require-channel-binding"}},
		{name: "plain http", address: "EXCHANGE_HTTP", user: `EXAMPLE\eliona`, plain: true},
	} {
		t.Run("P16 "+c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stage.Options{Simulator: c.simulator, Verbose: true})
			w := worldOf(t, s)
			require.NoError(t, s.StartApp(t.Context()))
			configuration := s.Configuration()
			withWindows(configuration, s.Addresses[c.address], c.user, "secret")
			if c.plain {
				_, err := s.Configure(t.Context(), configuration)
				require.ErrorContains(t, err, "422")
				require.ErrorContains(t, err, "ewsURL")
				require.ErrorContains(t, err, "allowPlainHTTP")
				require.Equal(t, "0", one(t, s, `select count(*)::text from ews.configuration`))
				configuration["allowPlainHTTP"] = true
			}
			id, err := s.Configure(t.Context(), configuration)
			require.NoError(t, err)
			w.until("the rooms are assets", func() bool { return len(w.rooms("10")) >= 5 })
			w.bothWays(8)
			require.Empty(t, requests(t, s, "entra"), "nobody asked for a token")
			w.until("all is well", func() bool { return w.status(id).Active && w.status(id).Code == "" })
			requireQuiet(t, s)
		})
	}
}

// TestOAuthWins is P15 and P17: with both sets of credentials OAuth is used, as
// the wrong password of the other set proves.
func TestOAuthWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, func(configuration map[string]any) {
		configuration["username"], configuration["password"] = `EXAMPLE\eliona`, "not-the-password"
	})
	w.bothWays(8)
	tokens := int64(0)
	for operation, n := range requests(t, w.Stage, "entra") {
		if strings.Contains(operation, "token") {
			tokens += n
		}
	}
	require.Positive(t, tokens, "Entra was asked for a token")
	require.LessOrEqual(t, tokens, int64(2), "a token is used as long as it is valid")
}

// status is what a configuration tells about itself.
type status struct {
	Enable bool    `json:"enable"`
	Active bool    `json:"active"`
	Code   string  `json:"statusCode"`
	Text   string  `json:"statusText"`
	Since  *string `json:"statusSince"`
}

func (w *world) status(id int64) status {
	w.t.Helper()
	var s status
	require.NoError(w.t, w.Call(w.t.Context(), http.MethodGet, "/configs/"+strconv.FormatInt(id, 10), nil, &s))
	return s
}

// TestWrongCredentials: the configuration tells what is wrong, and what an
// administrator mends works at once (P13). Another configuration is not
// disturbed (P23).
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	const wrong = "mistyped-word-5517"
	for _, c := range []struct {
		name  string
		field string
		spoil func(w *world, configuration map[string]any)
		codes []string
	}{
		{
			name: "client secret", field: "clientSecret", codes: []string{"ClientCredentials"},
			spoil: func(_ *world, configuration map[string]any) { configuration["clientSecret"] = wrong },
		},
		{
			name: "password", field: "password", codes: []string{"ClientCredentials"},
			spoil: func(w *world, configuration map[string]any) {
				withWindows(configuration, w.Addresses["EXCHANGE_HTTPS"], `EXAMPLE\eliona`, wrong)
			},
		},
	} {
		t.Run("P13 "+c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stage.Options{Verbose: true})
			w := worldOf(t, s)
			require.NoError(t, s.StartApp(t.Context()))
			configuration := s.Configuration()
			c.spoil(w, configuration)
			id, err := s.Configure(t.Context(), configuration)
			require.NoError(t, err)
			w.until("the status tells why", func() bool { return w.status(id).Code != "" && w.status(id).Active })
			told := w.status(id)
			t.Logf("status: %+v", told)
			require.Contains(t, c.codes, told.Code)
			require.NotEmpty(t, told.Text)
			require.NotContains(t, told.Text, wrong)
			require.NotNil(t, told.Since)
			require.True(t, told.Enable)
			refused := requests(t, s, "entra")
			w.always(2*time.Second, "it goes on living and does not hammer", func() bool {
				_, ended := s.ExitCode()
				return !ended && s.Call(t.Context(), http.MethodGet, "/version", nil, nil) == nil
			})
			for operation, n := range requests(t, s, "entra") {
				require.LessOrEqual(t, n-refused[operation], int64(2), operation)
			}

			// One logon and one on a fresh connection, whatever the number of rooms:
			// more would lock the account.
			attempts, err := os.ReadFile(filepath.Join(s.Dir, "simulator.log"))
			require.NoError(t, err)
			require.LessOrEqual(t, strings.Count(string(attempts), "NTLM logon failed"), 2)

			mended := maps.Clone(configuration)
			mended[c.field] = "secret"
			require.NoError(t, s.Call(t.Context(), http.MethodPut, "/configs/"+strconv.FormatInt(id, 10), mended, nil))
			w.until("the rooms are assets without a restart", func() bool { return len(w.rooms("10")) >= 5 })
			w.until("the status is empty again", func() bool {
				now := w.status(id)
				return now.Active && now.Code == "" && now.Text == "" && now.Since == nil
			})
			w.bothWays(8)
			requireQuiet(t, s)
			require.NotContains(t, whole(t, s), wrong)
		})
	}
}

// TestSilentMailbox is P24: a room whose mailbox never answers costs the time
// of requestTimeout and nobody else anything.
func TestSilentMailbox(t *testing.T) {
	t.Parallel()
	const silent = "room-3@example.com"
	w := newWorld(t, stage.Options{}, func(configuration map[string]any) { configuration["requestTimeout"] = 2 })
	w.bothWays(8)
	require.Empty(t, one(t, w.Stage, `select error_code from ews.room where mailbox = $1`, silent))
	require.NoError(t, w.Control.Fault(ctx(t), map[string]any{
		"service": "exchange", "mailbox": silent, "kind": "delay", "delayMilliseconds": 600_000,
	}))
	made := w.act(stage.Action{Person: alice, Where: "outlook", Action: "book", Subject: "Unseen", Rooms: []string{silent}}.At(w.at(15), time.Hour))
	began := stage.StartStopwatch()
	failed := func() bool {
		return one(t, w.Stage, `select error_code from ews.room where mailbox = $1`, silent) != ""
	}
	w.until("the failure is recorded with the room", failed)
	require.Less(t, began.Took(), 8*time.Second, "after about two seconds")
	require.NotEmpty(t, logged(t, w.Stage, "room not polled config=1 room="+silent))

	quick := stage.StartStopwatch()
	w.bothWays(10)
	require.Less(t, quick.Took(), 10*time.Second, "other rooms go on")
	require.Empty(t, w.slots(silent))

	require.NoError(t, w.Control.NoFaults(ctx(t)))
	w.until("the room is read again", func() bool { return w.slots(silent)[w.at(15)] == 1 && !failed() })
	w.act(stage.Action{Person: alice, Where: "outlook", Action: "cancel", UID: made.UID})
	w.until("and followed", func() bool { return len(w.slots(silent)) == 0 })
	requireQuiet(t, w.Stage)
}
