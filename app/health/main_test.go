package health_test

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/apiserver"
	"ews/apiservices"
	"ews/app/check"
	"ews/app/engine"
	"ews/app/health"
	"ews/app/meeting"
	"ews/conf"
	"ews/db/dbtest"
	"ews/db/store"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// update writes the generated parts of the guide anew.
var update = flag.Bool("update", false, "write docs/operations.md")

const guide = "../../docs/operations.md"

func text(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// desk is the API of an installation with one configuration at work.
type desk struct {
	t       *testing.T
	url     string
	db      *store.DB
	term    *store.Term
	metrics *health.Metrics
	now     time.Time // zero: the system clock
}

func open(t *testing.T) *desk {
	t.Helper()
	url := dbtest.New(t)
	d := &desk{t: t}
	var err error
	d.db, err = store.Open(t.Context(), store.Options{URL: url})
	require.NoError(t, err)
	t.Cleanup(d.db.Close)
	repository := conf.NewRepository(dbtest.Open(t, url), conf.Keys{})
	c := conf.Default()
	c.ServiceUserUPN, c.BookingAppURL = "eliona@example.com", "http://booking:3000/v1"
	stored, err := repository.Insert(t.Context(), c, "")
	require.NoError(t, err)
	d.term, err = d.db.Lead(t.Context(), meeting.ConfigID(stored.ID))
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.term.Close(t.Context()) })
	d.metrics = health.NewMetrics(d.db, "3f2a1bc", "2026-11-22T09:00:00Z")
	front := health.NewDesk(health.DeskOptions{
		Configurations: repository, DB: d.db, Metrics: d.metrics, Supervised: func() bool { return true }, Now: d.clock,
	})
	handler, err := apiservices.NewHandler(apiservices.Deps{Configurations: repository, Operations: front, Rooms: front, Checker: checked{}})
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	d.url = server.URL
	_, err = d.term.SyncRooms(t.Context(), []engine.RoomInfo{{Address: "room-1@example.com", Name: "Room 1"}})
	require.NoError(t, err)
	require.NoError(t, d.term.SaveAssets(t.Context(), []engine.Asset{{Project: "10", GAI: "g", Room: "room-1@example.com", ID: 17, Described: true}}))
	return d
}

func (d *desk) clock() time.Time {
	if d.now.IsZero() {
		return time.Now()
	}
	return d.now
}

// checked finds that a secret is wrong.
type checked struct{}

func (checked) Check(context.Context, conf.Configuration, string) (apiserver.CheckReport, error) {
	return health.PresentCheck(check.Report{Duration: time.Second, Steps: []check.Step{
		{Name: check.NameToken, About: "login.microsoftonline.com", Status: check.Failed, Code: "AADSTS7000215"},
	}}), nil
}

func (d *desk) exec(sql string) {
	d.t.Helper()
	_, err := d.db.Pool().Exec(d.t.Context(), sql)
	require.NoError(d.t, err)
}

func (d *desk) call(method, path string) (int, string) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, nil)
	require.NoError(d.t, err)
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(d.t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(d.t, err)
	return answer.StatusCode, string(body)
}

func (d *desk) scrape() string {
	d.t.Helper()
	status, body := d.call(http.MethodGet, "/metrics")
	require.Equal(d.t, http.StatusOK, status)
	return body
}

func decode(t *testing.T, raw string) any {
	t.Helper()
	var v any
	require.NoError(t, json.NewDecoder(strings.NewReader(raw)).Decode(&v), raw)
	return v
}
