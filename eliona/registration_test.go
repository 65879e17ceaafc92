package eliona

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"ews/db/dbtest"
)

// marks is an Eliona that keeps what is registered and applied.
type marks struct {
	mu         sync.Mutex
	registered string // "true", "false", "null", "" = the key is missing
	applied    map[string]string
	extra      string                           // further keys of every answer
	first      func(w http.ResponseWriter) bool // answers instead while it is true
}

func (m *marks) serve(w http.ResponseWriter, c call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.first != nil && m.first(w) {
		return
	}
	patch, isPatch := strings.CutPrefix(c.Path, "/v2/apps/ews/patches/")
	switch {
	case c.Method == http.MethodPut && c.Path == "/v2/asset-types":
		say(w, http.StatusOK, c.Body)
	case c.line() == "GET /v2/apps/ews" && m.registered == "":
		say(w, http.StatusOK, `{"name":"ews"`+m.extra+`}`)
	case c.line() == "GET /v2/apps/ews":
		say(w, http.StatusOK, `{"name":"ews","active":true,"registered":`+m.registered+m.extra+`}`)
	case c.line() == "PATCH /v2/apps/ews?registered=true":
		m.registered = "true"
	case isPatch && c.Method == http.MethodGet && m.applied[patch] == "":
		say(w, http.StatusNotFound, `"no such patch"`)
	case isPatch && c.Method == http.MethodGet:
		say(w, http.StatusOK, `{"appName":"ews","name":"`+patch+`","applied":`+m.applied[patch]+m.extra+`}`)
	case isPatch && c.Method == http.MethodPatch && c.Query == "apply=true":
		m.applied[patch] = "true"
	default:
		say(w, http.StatusTeapot, `"unexpected"`)
	}
}

// database is a PostgreSQL that only notes what is asked of it.
type database struct {
	mu       sync.Mutex
	log      []string
	open     int
	fail     map[string]error // by what is asked, once each
	connects int
}

func (d *database) note(what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, what)
	err := d.fail[what]
	delete(d.fail, what)
	return err
}

func (d *database) connect(context.Context) (session, error) {
	d.connects++
	if err := d.note("connect"); err != nil {
		return nil, err
	}
	d.open++
	return &fakeSession{d}, nil
}

type fakeSession struct{ d *database }

func (s *fakeSession) Exec(_ context.Context, sql string, _ ...any) (pgconn.CommandTag, error) {
	word, _, _ := strings.Cut(strings.TrimPrefix(sql, "select "), "(")
	return pgconn.CommandTag{}, s.d.note(word)
}

func (s *fakeSession) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errors.New("not needed")
}

func (s *fakeSession) Begin(context.Context) (pgx.Tx, error) {
	return &fakeTx{d: s.d}, s.d.note("begin")
}

func (s *fakeSession) Close(context.Context) error {
	s.d.open--
	return s.d.note("close")
}

type fakeTx struct {
	pgx.Tx
	d *database
}

func (t *fakeTx) Exec(_ context.Context, sql string, _ ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, t.d.note(sql)
}

func (t *fakeTx) Commit(context.Context) error { return t.d.note("commit") }

func step(sql string) Step {
	return func(ctx context.Context, conn Connection) error {
		_, err := conn.Exec(ctx, sql)
		return err
	}
}

func options(d *database) RegistrationOptions {
	return RegistrationOptions{
		Init:       step("init.sql"),
		AssetTypes: fstest.MapFS{"a.json": {Data: []byte(`{"name":"ews_root"}`)}},
		Patches:    []Patch{{Name: "010000", Func: step("010000.sql")}},
		MinBackoff: time.Microsecond, MaxBackoff: time.Millisecond,
		connect: d.connect,
	}
}

// throughLibrary points the library at the test server.
func throughLibrary(t *testing.T, a *api) {
	t.Helper()
	t.Setenv("API_ENDPOINT", a.URL+"/v2")
	t.Setenv("API_TOKEN", token)
	t.Setenv("CONNECTION_STRING", "postgres://app:secret@localhost:5432/x")
}

// without keeps the registration away from the library.
func without(t *testing.T, _ *api) {
	t.Helper()
	t.Setenv("API_ENDPOINT", "http://other.test/v2")
	t.Setenv("CONNECTION_STRING", "postgres://app:secret@localhost:5432/x")
}

func inBothWays(t *testing.T, run func(t *testing.T, way func(*testing.T, *api))) {
	t.Run("library", func(t *testing.T) { run(t, throughLibrary) })
	t.Run("ourselves", func(t *testing.T) { run(t, without) })
}

var errPostgres = &pgconn.PgError{Code: "42501", Message: "permission denied"}

func fresh() []string {
	return []string{
		"connect", "pg_advisory_lock", "begin", "init.sql", "commit", "fixprivilege",
		"begin", "010000.sql", "commit", "fixprivilege", "close",
	}
}

func TestRegisterInitialisesAndPatchesOnce(t *testing.T) {
	inBothWays(t, func(t *testing.T, way func(*testing.T, *api)) {
		m, d := &marks{registered: "false", applied: map[string]string{}}, &database{}
		a := newAPI(t, m.serve)
		way(t, a)
		client := a.client(t)
		require.NoError(t, Register(t.Context(), client, options(d)))
		require.Equal(t, fresh(), d.log)
		require.Equal(t, "true", m.registered)
		require.Equal(t, "true", m.applied["010000"])
		require.Contains(t, a.lines(), "PUT /v2/asset-types?expansions=AssetType.attributes")

		again := &database{}
		before := len(a.seen())
		require.NoError(t, Register(t.Context(), client, options(again)))
		require.Equal(t, []string{"connect", "pg_advisory_lock", "close"}, again.log, "a role without rights will do")
		require.Equal(t, []string{"GET /v2/apps/ews", "GET /v2/apps/ews/patches/010000"}, a.lines()[before:])
	})
}

func TestRegisterAppliesPatchesToOlderInstallations(t *testing.T) {
	inBothWays(t, func(t *testing.T, way func(*testing.T, *api)) {
		m, d := &marks{registered: "true", applied: map[string]string{"010000": "false"}}, &database{}
		a := newAPI(t, m.serve)
		way(t, a)
		require.NoError(t, Register(t.Context(), a.client(t), options(d)))
		require.Equal(t, []string{
			"connect", "pg_advisory_lock", "begin", "010000.sql", "commit", "fixprivilege", "close",
		}, d.log)
		require.Equal(t, "true", m.applied["010000"])
	})
}

func TestRegisterSurvivesAnswersThatTheLibraryCannotRead(t *testing.T) {
	for name, m := range map[string]*marks{
		"unknown keys": {registered: "false", extra: `,"somethingNew":{}`},
		"null":         {registered: "null"},
		"missing":      {},
	} {
		t.Run(name, func(t *testing.T) {
			m.applied = map[string]string{"010000": "null"}
			d := &database{}
			a := newAPI(t, m.serve)
			throughLibrary(t, a)
			require.NoError(t, Register(t.Context(), a.client(t), options(d)))
			require.Equal(t, fresh(), d.log)
			require.Equal(t, "true", m.registered)
			require.Equal(t, "true", m.applied["010000"])
		})
	}
}

func TestRegisterWaitsWithWarningsOnly(t *testing.T) {
	inBothWays(t, func(t *testing.T, way func(*testing.T, *api)) {
		answers := []int{http.StatusBadGateway, http.StatusUnauthorized, http.StatusNotFound}
		m := &marks{registered: "false", applied: map[string]string{}}
		m.first = func(w http.ResponseWriter) bool {
			if len(answers) == 0 {
				return false
			}
			say(w, answers[0], `""`)
			answers = answers[1:]
			return true
		}
		d := &database{fail: map[string]error{"connect": fmt.Errorf("dial: %w", &pgconn.ConnectError{Config: &pgconn.Config{}})}}
		a := newAPI(t, m.serve)
		way(t, a)
		var log bytes.Buffer
		o := options(d)
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		require.NoError(t, Register(t.Context(), a.client(t), o))
		require.Equal(t, 5, d.connects)
		require.Equal(t, 0, d.open)
		require.Equal(t, 4, strings.Count(log.String(), "level=WARN"))
		require.NotContains(t, log.String(), "level=ERROR")
	})
}

func TestRegisterRepeatsWhatWasInterrupted(t *testing.T) {
	for _, where := range []string{"pg_advisory_lock", "begin", "init.sql", "commit", "fixprivilege"} {
		inBothWays(t, func(t *testing.T, way func(*testing.T, *api)) {
			m := &marks{registered: "false", applied: map[string]string{}}
			d := &database{fail: map[string]error{where: timeout{}}}
			a := newAPI(t, m.serve)
			way(t, a)
			require.NoError(t, Register(t.Context(), a.client(t), options(d)), where)
			require.Equal(t, 2, d.connects, where)
			require.Equal(t, 0, d.open)
			require.Equal(t, fresh(), d.log[len(d.log)-len(fresh()):])
			require.Equal(t, "true", m.registered)
		})
	}
}

type timeout struct{}

func (timeout) Error() string   { return "connection reset" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

func TestRegisterReturnsWhatWaitingDoesNotMend(t *testing.T) {
	for _, where := range []string{"begin", "init.sql", "commit"} {
		inBothWays(t, func(t *testing.T, way func(*testing.T, *api)) {
			m := &marks{registered: "false", applied: map[string]string{}}
			d := &database{fail: map[string]error{where: errPostgres}}
			a := newAPI(t, m.serve)
			way(t, a)
			err := Register(t.Context(), a.client(t), options(d))
			require.ErrorIs(t, err, errPostgres)
			require.Equal(t, 1, d.connects)
			require.Equal(t, 0, d.open)
			require.Equal(t, "false", m.registered)
		})
	}
}

func TestRegisterDoesNotNeedFixprivilege(t *testing.T) {
	inBothWays(t, func(t *testing.T, way func(*testing.T, *api)) {
		m := &marks{registered: "false", applied: map[string]string{}}
		d := &database{fail: map[string]error{"fixprivilege": &pgconn.PgError{Code: "42883", Message: "function does not exist"}}}
		a := newAPI(t, m.serve)
		way(t, a)
		require.NoError(t, Register(t.Context(), a.client(t), options(d)))
		require.Equal(t, fresh(), d.log)
	})
}

func TestRegisterReportsAPanickingStep(t *testing.T) {
	inBothWays(t, func(t *testing.T, way func(*testing.T, *api)) {
		m, d := &marks{registered: "false", applied: map[string]string{}}, &database{}
		a := newAPI(t, m.serve)
		way(t, a)
		o := options(d)
		o.Init = func(context.Context, Connection) error { panic("oops") }
		require.ErrorContains(t, Register(t.Context(), a.client(t), o), "oops")
		require.Equal(t, "false", m.registered)
		require.Equal(t, 0, d.open)
	})
}

func TestRegisterEndsWithItsContext(t *testing.T) {
	a := newAPI(t, says(http.StatusBadGateway, ""))
	ctx, stop := context.WithCancel(t.Context())
	d := &database{}
	o := options(d)
	o.MinBackoff, o.MaxBackoff = time.Hour, time.Hour
	o.Logger = slog.New(onWarning{Handler: slog.DiscardHandler, do: stop})
	require.ErrorIs(t, Register(ctx, a.client(t), o), context.Canceled)
	require.Equal(t, 0, d.open)
}

// onWarning does something at the first line logged.
type onWarning struct {
	slog.Handler
	do func()
}

func (h onWarning) Enabled(context.Context, slog.Level) bool { return true }
func (h onWarning) Handle(context.Context, slog.Record) error {
	h.do()
	return nil
}

func TestRegisterRefusesABadConnectionString(t *testing.T) {
	a := newAPI(t, says(http.StatusOK, ""))
	err := Register(t.Context(), a.client(t), RegistrationOptions{InitConnectionString: "postgres://app:secret@host:port/x"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}

func TestPutAssetTypes(t *testing.T) {
	a := newAPI(t, says(http.StatusOK, `{"categoryName":"new"}`))
	client := a.client(t)
	require.NoError(t, client.PutAssetTypes(t.Context(), os.DirFS("../resources/asset-types")))
	calls := a.seen()
	require.Len(t, calls, 2)
	require.JSONEq(t, string(storeFile(t, "resources/asset-types/ews_room.json")), calls[0].Body)
	require.Error(t, client.PutAssetTypes(t.Context(), fstest.MapFS{}), "a missing folder is a broken installation")
	require.Error(t, client.PutAssetTypes(t.Context(), fstest.MapFS{"a.json": {Data: []byte("{")}}))
}

func TestRegisterOnPostgreSQL(t *testing.T) {
	inBothWays(t, func(t *testing.T, way func(*testing.T, *api)) {
		m := &marks{registered: "false", applied: map[string]string{}}
		a := newAPI(t, m.serve)
		way(t, a)
		database := dbtest.Empty(t)
		conn, err := pgx.Connect(t.Context(), database)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		o := RegistrationOptions{
			InitConnectionString: database,
			Init:                 step("create schema ews; create table ews.a (id int); commit and chain; insert into ews.a values (1)"),
			Patches:              []Patch{{Name: "010000", Func: step("insert into ews.a values (2)")}},
		}
		require.NoError(t, Register(t.Context(), a.client(t), o))
		var sum int
		require.NoError(t, conn.QueryRow(t.Context(), "select sum(id) from ews.a").Scan(&sum))
		require.Equal(t, 3, sum)

		o.Patches = append(o.Patches, Patch{Name: "020000", Func: step("insert into ews.a values (3); select 1/0")})
		var refused *pgconn.PgError
		require.ErrorAs(t, Register(t.Context(), a.client(t), o), &refused)
		require.NoError(t, conn.QueryRow(t.Context(), "select sum(id) from ews.a").Scan(&sum))
		require.Equal(t, 3, sum, "all or nothing")
		require.Empty(t, m.applied["020000"])
	})
}
