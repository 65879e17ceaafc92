package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
	"ews/simulator/elionasim"
	"ews/simulator/exchangesim"
	"ews/simulator/exchangesim/schematest"
)

// Words that must not come up anywhere.
const (
	clientSecret    = "Client+Word/4711=="
	servicePassword = "Service-Wörd&4712"
	apiToken        = "token-word-4713"
	databaseWord    = "database-word-4714"
)

// secretSeed writes a seed in which every secret can be recognised.
func secretSeed(t *testing.T) string {
	t.Helper()
	seed := struct {
		exchangesim.Seed
		Eliona elionasim.Seed `json:"eliona"`
	}{exchangesim.DefaultSeed(), elionasim.DefaultSeed()}
	for i := range seed.Mailboxes {
		if seed.Mailboxes[i].Password != "" {
			seed.Mailboxes[i].Password = servicePassword
		}
	}
	for i := range seed.Clients {
		seed.Clients[i].Secret = clientSecret
	}
	seed.Eliona.Token = apiToken
	raw, err := json.Marshal(seed)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "seed.json")
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	return file
}

// TestTraffic plays a mixed day with OAuth and NTLM at once (P23), and looks at
// everything that went over the line.
func TestTraffic(t *testing.T) {
	t.Parallel()
	records := filepath.Join(t.TempDir(), "records")
	s := newStage(t, stage.Options{
		Simulator: []string{"-seed", secretSeed(t), "-record", records, "-decision-delay", "300ms"}, Verbose: true,
		Env: []string{"API_TOKEN=" + apiToken},
	})
	w := worldOf(t, s)
	require.NoError(t, s.SpawnApp("CONNECTION_STRING="+strings.Replace(s.URL(), ":secret@", ":"+databaseWord+"@", 1)))
	require.NoError(t, s.AwaitApp(t.Context()))
	cloud, own := s.Configuration(), s.Configuration()
	cloud["clientSecret"] = clientSecret
	withWindows(own, s.Addresses["EXCHANGE_HTTPS"], `EXAMPLE\eliona`, servicePassword)
	own["roomListUPN"], own["projectIDs"] = "second.floor@example.com", []string{"11"}
	for _, configuration := range []map[string]any{cloud, own} {
		_, err := s.Configure(t.Context(), configuration)
		require.NoError(t, err)
	}
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 && len(w.rooms("11")) == 3 })

	w.play()
	_, err := s.StopApp()
	require.NoError(t, err)
	requireQuiet(t, s)
	requested, err := filepath.Glob(filepath.Join(records, "*.request.xml"))
	require.NoError(t, err)
	answered, err := filepath.Glob(filepath.Join(records, "*.response.xml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(answered), len(requested), "streams have several answers")
	t.Logf("%d requests", len(requested))

	t.Run("the script is worth looking at", func(t *testing.T) {
		seen := map[string]int{}
		for _, file := range requested {
			_, operation, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".request.xml"), "-")
			seen[operation]++
		}
		t.Log(seen)
		for _, operation := range []string{"GetRooms", "SyncFolderItems", "FindItem", "GetItem", "CreateItem", "UpdateItem"} {
			require.Positive(t, seen[operation], operation)
		}
		require.Positive(t, seen["CancelCalendarItem"]+seen["DeleteItem"]+seen["CreateItem"])
	})
	t.Run("requests and answers have the published form", func(t *testing.T) {
		if schematest.Schemas() == "" {
			t.Skip(schematest.Unset)
		}
		n, err := follows(t.Context(), records)
		require.NoError(t, err)
		t.Logf(compared, n)
	})
	t.Run("every request names a version and the mailbox it is made for", func(t *testing.T) {
		impersonation := regexp.MustCompile(`<(\w+:)?ExchangeImpersonation[^>]*>\s*<(\w+:)?ConnectingSID>\s*` +
			`<(\w+:)?(PrimarySmtpAddress|SmtpAddress|PrincipalName)>[^<@]+@[^<@]+</`)
		for _, file := range requested {
			body := read(t, file)
			require.Regexp(t, impersonation, body, file)
			require.Contains(t, body, `RequestServerVersion`, file)
			require.NotContains(t, body, "<!DOCTYPE", file)
		}
	})
	t.Run("no secret is where it does not belong", func(t *testing.T) {
		forbidden := []string{clientSecret, servicePassword, apiToken, databaseWord}
		for _, word := range slices.Clone(forbidden) {
			forbidden = append(forbidden, url.QueryEscape(word), base64.StdEncoding.EncodeToString([]byte(word)))
		}
		forbidden = append(forbidden, strings.ReplaceAll(servicePassword, "&", "&amp;"), "Bearer ", "NTLM TlRM", "Negotiate TlRM")
		token := regexp.MustCompile(`eyJ[\w-]{10,}`)
		for _, file := range append(slices.Clone(requested), s.AppLog()) {
			body := read(t, file)
			for _, word := range forbidden {
				require.NotContains(t, body, word, file)
			}
			require.NotRegexp(t, token, body, file)
		}
	})
	t.Run("every request has an identifier of its own", func(t *testing.T) {
		ids := map[string]bool{}
		for _, line := range logged(t, s, "ews call") {
			_, id, _ := strings.Cut(line, "request_id=")
			require.Regexp(t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, id)
			require.False(t, ids[id], "%s is used twice", id)
			ids[id] = true
		}
		require.GreaterOrEqual(t, len(ids), len(requested))
	})
}

// play acts on both sides, with the rooms of both configurations.
func (w *world) play() {
	w.t.Helper()
	const room6, room7 = "room-6@example.com", "room-7@example.com"
	count := func(n int) func() bool { return func() bool { return len(w.live()) == n } }

	// Booked in Eliona, with and without a mailbox, in one room and in two.
	first := w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(7), time.Hour))
	w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1, room2}}.At(w.at(9), time.Hour))
	w.act(stage.Action{Person: "guest@elsewhere.example", Where: "eliona", Action: "book", Rooms: []string{room6}}.At(w.at(7), time.Hour))
	w.until("the meetings are accepted", func() bool {
		return accepted(w.meetings(alice)) == 3 && accepted(w.meetings("eliona@example.com")) == 1
	})
	w.act(stage.Action{Where: "eliona", Action: "move", BookingID: first.BookingIDs[0]}.At(w.at(8), 30*time.Minute))
	w.until("the meeting is moved", func() bool {
		return slices.ContainsFunc(w.meetings(room1), func(e stage.Entry) bool { return e.Start.Equal(w.at(8)) })
	})
	w.act(stage.Action{Where: "eliona", Action: "change-rooms", BookingID: first.BookingIDs[0], Rooms: []string{room2}})
	w.until("the room is changed", func() bool {
		return slices.ContainsFunc(w.meetings(room2), func(e stage.Entry) bool { return e.Start.Equal(w.at(8)) })
	})
	w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: first.BookingIDs[0]})
	w.until("the meeting is cancelled", func() bool { return len(w.meetings(alice)) == 1 })

	// Booked in Outlook, with characters that XML does not take as they are.
	made := w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "book", Subject: `<&> "Größe" 😀`, Rooms: []string{room7},
	}.At(w.at(10), time.Hour))
	w.until("it is a booking", count(3))
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "move", UID: made.UID}.At(w.at(11), time.Hour))
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "change-rooms", UID: made.UID, Rooms: []string{room6}})
	w.until("it is followed", func() bool {
		return slices.ContainsFunc(w.live(), func(b stage.Booking) bool { return b.Organizer == bob && b.Start.Equal(w.at(11)) })
	})
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: made.UID})
	w.until("and cancelled", count(2))

	// Declined.
	require.NoError(w.t, w.Control.SetRoom(w.t.Context(), map[string]any{"room": room2, "automate": "decline"}))
	declined := w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room2}}.At(w.at(14), time.Hour))
	w.until("the booking is withdrawn", func() bool { return w.booking(declined.BookingIDs[0]).Cancelled })

	// A series with a moved and two cancelled dates, one of them cancelled in Eliona.
	series := w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "book", Subject: "Weekly", Rooms: []string{room1},
		Recurrence: map[string]any{"pattern": "weekly", "count": 5},
	}.At(w.at(15), time.Hour))
	w.until("every date is a booking", count(7))
	second, third := w.at(15).AddDate(0, 0, 7), w.at(15).AddDate(0, 0, 14)
	w.act(stage.Action{
		Person: bob, Where: "outlook", Action: "move", UID: series.UID, Occurrence: &second,
	}.At(second.Add(2*time.Hour), time.Hour))
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: series.UID, Occurrence: &third})
	w.until("they are followed", func() bool {
		return len(w.live()) == 6 && slices.ContainsFunc(w.live(), func(b stage.Booking) bool { return b.Start.Equal(second.Add(2 * time.Hour)) })
	})
	last := w.byStart()[5]
	w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: last.ID})
	w.until("the date is cancelled in Exchange", func() bool {
		return !slices.ContainsFunc(w.meetings(room1), func(e stage.Entry) bool { return e.Start.Equal(last.Start) })
	})
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "cancel", UID: series.UID})
	w.until("the series is cancelled", count(2))

	var configurations []map[string]any
	require.NoError(w.t, w.Call(w.t.Context(), http.MethodGet, "/configs", nil, &configurations))
	require.Len(w.t, configurations, 2)
	for _, c := range configurations {
		require.Empty(w.t, c["statusCode"])
		for _, field := range []string{"clientSecret", "password"} {
			require.Contains(w.t, []any{nil, "", "********"}, c[field])
		}
	}
}

func (w *world) byStart() []stage.Booking {
	live := w.live()
	slices.SortFunc(live, func(a, b stage.Booking) int { return a.Start.Compare(b.Start) })
	return live
}

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(raw)
}
