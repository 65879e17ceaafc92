package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ews/app"
	"ews/db/upgrade"
	"ews/e2e/stage"
)

// newStage starts everything but the app.
func newStage(t *testing.T, o stage.Options) *stage.Stage {
	t.Helper()
	s := start(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			raw, err := os.ReadFile(s.AppLog())
			t.Logf("the app's log (%v):\n%s", err, raw)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing the stage: %v", err)
		}
	})
	return s
}

// worldOf is the harness around a stage that was started by hand.
func worldOf(t *testing.T, s *stage.Stage) *world {
	t.Helper()
	return &world{Stage: s, t: t, day: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2)}
}

// logged returns the lines of the app's log that contain a text.
func logged(t *testing.T, s *stage.Stage, text string) []string {
	t.Helper()
	raw, err := os.ReadFile(s.AppLog())
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(raw)) {
		if strings.Contains(line, text) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// unquiet matches what monitoring takes for a failed app.
var unquiet = regexp.MustCompile(`(?m)^(ERROR|FATAL).*$`)

// requireQuiet checks that the app logged neither ERROR nor FATAL, nor a crash.
func requireQuiet(t *testing.T, s *stage.Stage) {
	t.Helper()
	raw, err := os.ReadFile(s.AppLog())
	require.NoError(t, err)
	require.Empty(t, unquiet.FindAllString(string(raw), -1))
	require.NotContains(t, string(raw), "panic: ")
	require.NotContains(t, string(raw), "goroutine ")
}

// connect opens a connection that ends with the test.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// one reads a single text from the app's database.
func one(t *testing.T, s *stage.Stage, query string, arguments ...any) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var text *string
	require.NoError(t, conn.QueryRow(t.Context(), query, arguments...).Scan(&text), query)
	if text == nil {
		return "null"
	}
	return *text
}

const initialized = `select coalesce(initialized_at::text, 'never') from public.eliona_app where app_name = 'ews'`

// dump tells everything about the schema: its objects, their definition and
// their rows, with the transactions that wrote them.
func dump(t *testing.T, s *stage.Stage) string {
	t.Helper()
	conn := connect(t, s.URL())
	var out strings.Builder
	lines := func(query string) []string {
		rows, err := conn.Query(t.Context(), query)
		require.NoError(t, err, query)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err, query)
		return found
	}
	for _, query := range []string{
		`select format('object %s %s %s', oid, relkind, relname) from pg_class where relnamespace = 'ews'::regnamespace order by relname`,
		`select format('column %s.%s %s %s', table_name, column_name, data_type, column_default)
			from information_schema.columns where table_schema = 'ews' order by table_name, ordinal_position`,
		`select format('constraint %s %s', conname, pg_get_constraintdef(oid)) from pg_constraint
			where connamespace = 'ews'::regnamespace order by conrelid, conname`,
		`select format('sequence %s %s', sequencename, last_value) from pg_sequences where schemaname = 'ews' order by 1`,
	} {
		out.WriteString(strings.Join(lines(query), "\n") + "\n")
	}
	for _, table := range lines(`select tablename::text from pg_tables where schemaname = 'ews' order by 1`) {
		name := pgx.Identifier{"ews", table}.Sanitize()
		for _, row := range lines(`select x.xmin::text || ' ' || x::text from ` + name + ` x order by 1`) {
			fmt.Fprintf(&out, "row %s %s\n", table, row)
		}
	}
	return out.String()
}

// requests returns how often the simulators were asked for something.
func requests(t *testing.T, s *stage.Stage, service string) map[string]int64 {
	t.Helper()
	all, err := s.Control.Stats(t.Context())
	require.NoError(t, err)
	counts := map[string]int64{}
	for operation, n := range all[service] {
		counts[operation] = n.Requests
	}
	return counts
}

// runResetSQL executes the script as Eliona's tools do: one string with all statements.
func runResetSQL(t *testing.T, url string) {
	t.Helper()
	script, err := os.ReadFile("../reset.sql")
	require.NoError(t, err)
	database, err := sql.Open("postgres", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, database.Close()) }()
	_, err = database.ExecContext(t.Context(), string(script))
	require.NoError(t, err)
}

// get reads from an HTTP server and returns status and body.
func get(t *testing.T, url string, header ...string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, body
}

// eliona reads from the simulated Eliona.
func eliona(t *testing.T, s *stage.Stage, path string, into any) {
	t.Helper()
	status, body := get(t, s.Addresses["ELIONA"]+path, "X-API-Key", "secret")
	require.Equal(t, http.StatusOK, status, "%s: %s", path, body)
	require.NoError(t, json.Unmarshal(body, into))
}

// requireInitialised checks what P01 promises.
func requireInitialised(t *testing.T, s *stage.Stage) {
	t.Helper()
	require.NotEqual(t, "never", one(t, s, initialized))
	require.Equal(t, "true", one(t, s, `select (to_regclass('ews.configuration') is not null and to_regclass('ews.asset') is not null)::text`))
	var application struct {
		Name       string `json:"name"`
		Registered bool   `json:"registered"`
	}
	eliona(t, s, "/apps/ews", &application)
	require.True(t, application.Registered)
	type assetType struct {
		Name        string            `json:"name"`
		Custom      bool              `json:"custom"`
		Translation map[string]string `json:"translation"`
		Attributes  []struct {
			Name    string `json:"name"`
			Subtype string `json:"subtype"`
			Enable  bool   `json:"enable"`
			Digital bool   `json:"isDigital"`
		} `json:"attributes"`
	}
	var root, room assetType
	eliona(t, s, "/asset-types/ews_root?expansions=AssetType.attributes", &root)
	eliona(t, s, "/asset-types/ews_room?expansions=AssetType.attributes", &room)
	require.False(t, root.Custom || room.Custom)
	require.NotEmpty(t, room.Translation["en"])
	require.NotEmpty(t, room.Translation["de"])
	attributes := map[string]bool{}
	for _, a := range room.Attributes {
		require.True(t, a.Enable, a.Name)
		attributes[a.Name+" "+a.Subtype] = a.Digital
	}
	require.Equal(t, map[string]bool{
		"bookable property": true, "email info": false, "location info": false, "occupancy input": true,
		"current_end status": false, "next_start status": false, "next_end status": false,
	}, attributes)
}

// TestFirstStartAndRestart plays P01, P02, P04, P06 and P08 on one stage.
func TestFirstStartAndRestart(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{Verbose: true})
	w := worldOf(t, s)
	runResetSQL(t, s.URL())
	require.Equal(t, "never", one(t, s, initialized))
	require.NoError(t, s.StartApp(t.Context()))

	t.Run("P01 a prepared database is initialised and the app registered", func(t *testing.T) {
		requireInitialised(t, s)
		require.Equal(t, "1", one(t, s, `select count(*)::text from ews.installation`))
	})

	t.Run("P06 it listens where API_SERVER_PORT says and logs debug lines with LOG_LEVEL=debug", func(t *testing.T) {
		require.NotEmpty(t, logged(t, s, "DEBUG\t"))
		require.Len(t, logged(t, s, "ready port="+portOf(t, s.API)), 1)
	})

	t.Run("P08 the description of the API is there, also with a doubled slash", func(t *testing.T) {
		for _, path := range []string{"/version/openapi.json", "//version/openapi.json"} {
			status, body := get(t, s.API+path)
			require.Equal(t, http.StatusOK, status, path)
			var document struct {
				OpenAPI string         `json:"openapi"`
				Paths   map[string]any `json:"paths"`
			}
			require.NoError(t, json.Unmarshal(body, &document), path)
			require.True(t, strings.HasPrefix(document.OpenAPI, "3."), path)
			require.Contains(t, document.Paths, "/configs")
		}
	})

	t.Run("P04 without configuration it idles: one information line, no ERROR, no request to anybody", func(t *testing.T) {
		before := requests(t, s, "eliona")
		w.always(4*time.Second, "it stays quiet", func() bool { return len(unquiet.FindAllString(whole(t, s), -1)) == 0 })
		lines := logged(t, s, "no configuration yet")
		require.Len(t, lines, 1)
		require.True(t, strings.HasPrefix(lines[0], "INFO\t"), lines[0])
		require.Equal(t, before, requests(t, s, "eliona"))
		for _, service := range []string{"exchange", "entra", "booking"} {
			require.Empty(t, requests(t, s, service), service)
		}
	})

	t.Run("P02 a restart runs no init step and changes nothing", func(t *testing.T) {
		before, asked := dump(t, s), requests(t, s, "eliona")
		_, err := s.StopApp()
		require.NoError(t, err)
		require.NoError(t, s.StartApp(t.Context()))
		w.until("it looked at its configurations again", func() bool { return len(logged(t, s, "no configuration yet")) == 2 })
		require.Equal(t, before, dump(t, s))
		asked["GET /apps/{}"]++                                           // the question whether it is registered
		asked["GET /apps/{}/patches/{}"] += int64(len(upgrade.Patches())) // and whether it is upgraded
		require.Equal(t, asked, requests(t, s, "eliona"))
		requireQuiet(t, s)
	})

	t.Run("reset.sql brings a used database back to the beginning", func(t *testing.T) {
		_, err := s.StopApp()
		require.NoError(t, err)
		runResetSQL(t, s.URL())
		runResetSQL(t, s.URL())
		require.Equal(t, "null", one(t, s, `select to_regclass('ews.configuration')::text`))
		require.NoError(t, s.StartApp(t.Context()))
		requireInitialised(t, s)
		requireQuiet(t, s)
	})
}

func whole(t *testing.T, s *stage.Stage) string {
	t.Helper()
	raw, err := os.ReadFile(s.AppLog())
	require.NoError(t, err)
	return string(raw)
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Port()
}

// TestRestartAtWork is P02 for an app that has something to keep.
func TestRestartAtWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, nil)
	w.until("the app hears of bookings", func() bool { // messages tell more of one than lists
		return w.get("/configs/1/status")["fromBookings"].(map[string]any)["connected"] == true
	})
	w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(8), time.Hour))
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Review", Rooms: []string{room2}}.At(w.at(9), time.Hour))
	settled := func() bool {
		return accepted(w.meetings(alice)) == 1 && len(w.live()) == 2 && one(t, w.Stage,
			`select count(*)::text from ews.meeting where done_gen < want_gen or due_at is not null`) == "0"
	}
	w.settles(2*time.Second, "all is done", settled)
	kept := func() string {
		return one(t, w.Stage, `select string_agg(x, E'\n' order by x) from (
			select concat('asset ', a.xmin, a) x from ews.asset a
			union all select concat_ws(' ', 'meeting', id, uid, booking_group_id, organizer, ref) from ews.meeting
			union all select concat_ws(' ', 'occurrence', id, booking_id, base_start, base_end, bk_start, copy_start) from ews.occurrence
			union all select concat('operation ', o) from ews.operation o
			union all select concat('notice ', n) from ews.notice n) all_of_it`)
	}
	writes := func() map[string]int64 {
		counts := map[string]int64{}
		for _, service := range []string{"eliona", "booking", "exchange"} {
			for operation, n := range requests(t, w.Stage, service) {
				if regexp.MustCompile(`^(PUT|POST|PATCH|DELETE|Create|Update|Delete)`).MatchString(operation) {
					counts[service+" "+operation] = n
				}
			}
		}
		return counts
	}
	before, written := kept(), writes()
	_, err := w.StopApp()
	require.NoError(t, err)
	require.NoError(t, w.StartApp(t.Context()))
	w.until("it works again", func() bool { return len(logged(t, w.Stage, "configuration runs")) == 2 })
	read := requests(t, w.Stage, "exchange")["SyncFolderItems"]
	w.until("it reads the rooms again", func() bool { return requests(t, w.Stage, "exchange")["SyncFolderItems"] > read+10 })
	require.Equal(t, before, kept())
	require.Equal(t, written, writes())
	require.Len(t, w.bookings(), 2)
	requireQuiet(t, w.Stage)
}

// TestDefaults is P05.
func TestDefaults(t *testing.T) {
	t.Parallel()
	environment := map[string]string{"CONNECTION_STRING": "postgres://u:p@db:5432/eliona", "API_ENDPOINT": "http://api:3000/v2", "API_TOKEN": "token"}
	lookup := func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}
	o, err := app.OptionsFromEnvironment(lookup)
	require.NoError(t, err)
	require.Equal(t, 3000, o.Port)
	require.Equal(t, o.ConnectionString, o.InitConnectionString)
	require.Equal(t, "http://api:3000/v2", o.APIEndpoint)
	require.Equal(t, "token", o.APIToken)

	environment["INIT_CONNECTION_STRING"], environment["API_SERVER_PORT"] = "postgres://root:p@db:5432/eliona", "3039"
	o, err = app.OptionsFromEnvironment(lookup)
	require.NoError(t, err)
	require.Equal(t, "postgres://root:p@db:5432/eliona", o.InitConnectionString)
	require.Equal(t, 3039, o.Port)
}

// TestWithoutInstructions is P05 for the process: without LOG_LEVEL it logs at
// level info, and what it cannot start with it tells without the password.
func TestWithoutInstructions(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{})
	require.NoError(t, s.StartApp(t.Context()))
	require.NotEmpty(t, logged(t, s, "INFO\t"))
	require.Empty(t, logged(t, s, "DEBUG\t"))
	_, err := s.StopApp()
	require.NoError(t, err)

	for _, wrong := range []string{"CONNECTION_STRING=host=db password=hidden-word", "API_SERVER_PORT=http"} {
		require.NoError(t, s.SpawnApp(wrong))
		worldOf(t, s).until("it ends", func() bool { _, ended := s.ExitCode(); return ended })
		code, _ := s.ExitCode()
		require.Equal(t, 1, code)
		lines := logged(t, s, "FATAL\t")
		require.Contains(t, lines[len(lines)-1], strings.SplitN(wrong, "=", 2)[0])
	}
	require.NotContains(t, whole(t, s), "hidden-word")
}

// TestReleasedVersion is P07 with the linker flags that releases are built with.
func TestReleasedVersion(t *testing.T) {
	t.Parallel()
	const commit, timestamp = "1234abc", "2031-01-02T03:04:05Z"
	recipe := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-n", "build", "COMMIT="+commit, "TIMESTAMP="+timestamp)
	recipe.Dir = ".."
	out, err := recipe.Output()
	require.NoError(t, err)
	binary := filepath.Join(t.TempDir(), "ews")
	flags := regexp.MustCompile(`go build .*-ldflags "([^"]+)"`).FindSubmatch(out)
	require.NotNil(t, flags, "%s", out)
	dockerfile, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	require.Contains(t, string(dockerfile), `make build COMMIT="$GIT_COMMIT" TIMESTAMP="$BUILD_TIMESTAMP"`, "the image is built the same way")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", string(flags[1]), "-o", binary, ".")
	build.Dir = ".."
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)

	s := newStage(t, stage.Options{Binary: binary})
	require.NoError(t, s.StartApp(t.Context()))
	status, body := get(t, s.API+"/version")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"commit": "`+commit+`", "timestamp": "`+timestamp+`"}`, string(body))
}

// TestWaitsForItsNeighbours: PostgreSQL or Eliona may come up later than the app.
func TestWaitsForItsNeighbours(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{})
	w := worldOf(t, s)
	waits := func(t *testing.T, already int) {
		t.Helper()
		w.until("it says that it waits", func() bool {
			_, ended := s.ExitCode()
			require.False(t, ended, "it must not end")
			return len(logged(t, s, "waiting to register the app")) >= already+2
		})
		requireQuiet(t, s)
		require.Error(t, s.Call(t.Context(), http.MethodGet, "/version", nil, nil))
	}
	comesUp := func(t *testing.T) {
		t.Helper()
		require.NoError(t, s.AwaitApp(t.Context()))
		requireInitialised(t, s)
		took, err := s.StopApp()
		require.NoError(t, err)
		require.Less(t, took, 10*time.Second)
		code, _ := s.ExitCode()
		require.Zero(t, code)
		requireQuiet(t, s)
		runResetSQL(t, s.URL())
	}

	t.Run("PostgreSQL is not there yet", func(t *testing.T) {
		require.NoError(t, s.Database.Kill())
		require.NoError(t, s.SpawnApp())
		waits(t, 0)
		require.NoError(t, s.Database.Restart(t.Context()))
		comesUp(t)
	})

	t.Run("the Eliona API answers 503", func(t *testing.T) {
		before := len(logged(t, s, "waiting to register the app"))
		require.NoError(t, s.Control.Fault(t.Context(), map[string]any{"service": "eliona", "kind": "status", "status": 503}))
		require.NoError(t, s.SpawnApp())
		waits(t, before)
		require.NoError(t, s.Control.NoFaults(t.Context()))
		comesUp(t)
	})

	t.Run("the Eliona API refuses connections", func(t *testing.T) {
		before := len(logged(t, s, "waiting to register the app"))
		address, open := later(t, s.Addresses["ELIONA"])
		require.NoError(t, s.SpawnApp("API_ENDPOINT="+address+"/v2"))
		waits(t, before)
		open()
		comesUp(t)
	})

	t.Run("it can be stopped while it waits", func(t *testing.T) {
		before := len(logged(t, s, "waiting to register the app"))
		address, _ := later(t, s.Addresses["ELIONA"])
		require.NoError(t, s.SpawnApp("API_ENDPOINT="+address+"/v2"))
		waits(t, before)
		took, err := s.StopApp()
		require.NoError(t, err)
		require.Less(t, took, 2*time.Second)
		code, ended := s.ExitCode()
		require.True(t, ended)
		require.Zero(t, code)
	})
}

// later returns the address of a gateway that opens when told to.
func later(t *testing.T, target string) (address string, open func()) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	host := listener.Addr().String()
	require.NoError(t, listener.Close())
	behind, err := url.Parse(target)
	require.NoError(t, err)
	behind.Path = ""
	return "http://" + host, func() {
		again, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host)
		require.NoError(t, err)
		gateway := &http.Server{Handler: httputil.NewSingleHostReverseProxy(behind), ReadHeaderTimeout: time.Minute}
		go func() { _ = gateway.Serve(again) }()
		t.Cleanup(func() { _ = gateway.Close() })
	}
}

// TestKnowsItsRoomsBeforeItWorks: what was left over at the last stop is not
// taken up before it is known which rooms there are; it would seem to need none.
func TestKnowsItsRoomsBeforeItWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{}, nil)
	require.NoError(t, w.Control.Fault(ctx(t), map[string]any{"service": "exchange", "kind": "resetBefore"}))
	w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(8), time.Hour))
	w.until("the booking is known", func() bool {
		return one(t, w.Stage, `select count(*)::text from ews.meeting where due_at is not null`) == "1"
	})
	_, err := w.StopApp()
	require.NoError(t, err)
	require.NoError(t, w.Control.NoFaults(ctx(t)))

	hold := connect(t, w.URL())
	_, err = hold.Exec(t.Context(), `begin; lock table ews.asset in access exclusive mode`)
	require.NoError(t, err)
	require.NoError(t, w.StartApp(t.Context()))
	w.until("it runs", func() bool { return len(logged(t, w.Stage, "configuration runs")) == 2 })
	w.always(7*time.Second, "nothing is done", func() bool { return len(w.meetings(alice)) == 0 })
	_, err = hold.Exec(t.Context(), `rollback`)
	require.NoError(t, err)
	w.until("the room accepts", func() bool { return accepted(w.meetings(alice)) == 1 })
	w.always(2*time.Second, "and the booking stays", func() bool { return len(w.live()) == 1 && len(w.bookings()) == 1 })
}

// TestSlowAssets is P45 for an Eliona that takes its time to make assets:
// meetings read meanwhile become bookings.
func TestSlowAssets(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{Verbose: true})
	w := worldOf(t, s)
	w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Old", Rooms: []string{room2}}.At(w.at(8), time.Hour))
	w.until("the room has accepted", func() bool { return accepted(w.meetings(bob)) == 1 })
	require.NoError(t, s.StartApp(t.Context()))
	require.NoError(t, s.Control.Fault(t.Context(), map[string]any{
		"service": "eliona", "operation": "PUT /assets-bulk", "kind": "status", "status": 503,
	}))
	_, err := s.Configure(t.Context(), s.Configuration())
	require.NoError(t, err)
	w.until("assets were tried", func() bool { return requests(t, s, "eliona")["PUT /assets-bulk"] >= 2 })
	require.NoError(t, s.Control.NoFaults(t.Context()))
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	w.until("the meeting is a booking", func() bool { return w.slots(room2)[w.at(8)] == 1 })
	w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(8), time.Hour))
	w.until("a booking is a meeting", func() bool { return accepted(w.meetings(alice)) == 1 })
}

// TestUnprivilegedRole: only the role of INIT_CONNECTION_STRING may create
// something, and only the first start needs it.
func TestUnprivilegedRole(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{Verbose: true})
	w := worldOf(t, s)
	admin := connect(t, s.URL())
	_, err := admin.Exec(t.Context(), `create role runner login password 'walks'; revoke create on schema public from public;
		revoke create, temporary on database postgres from public`)
	require.NoError(t, err)
	limited := strings.Replace(s.URL(), "postgres:secret@", "runner:walks@", 1)
	_, err = connect(t, limited).Exec(t.Context(), `create schema ews`)
	require.ErrorContains(t, err, "permission denied")
	runResetSQL(t, s.URL())

	require.NoError(t, s.SpawnApp("CONNECTION_STRING="+limited, "INIT_CONNECTION_STRING="+s.URL()))
	require.NoError(t, s.AwaitApp(t.Context()))
	requireInitialised(t, s)
	_, err = s.Configure(t.Context(), s.Configuration())
	require.NoError(t, err)
	both := func(hour int) {
		t.Helper()
		n := len(w.bookings())
		w.act(stage.Action{Person: alice, Where: "eliona", Action: "book", Rooms: []string{room1}}.At(w.at(hour), time.Hour))
		w.act(stage.Action{Person: bob, Where: "outlook", Action: "book", Subject: "Talk", Rooms: []string{room2}}.At(w.at(hour), time.Hour))
		w.until("both directions work", func() bool {
			return len(w.bookings()) == n+2 && accepted(w.meetings(alice)) == len(w.meetings(alice)) && len(w.meetings(alice)) > n/2
		})
	}
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) >= 5 })
	both(8)

	_, err = s.StopApp()
	require.NoError(t, err)
	require.NoError(t, s.SpawnApp("CONNECTION_STRING="+limited))
	require.NoError(t, s.AwaitApp(t.Context()))
	both(10)
	requireQuiet(t, s)
	require.Empty(t, logged(t, s, "permission denied"))
	require.Equal(t, "postgres", one(t, s, `select nspowner::regrole::text from pg_namespace where nspname = 'ews'`))
}
