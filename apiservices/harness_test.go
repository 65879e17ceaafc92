package apiservices_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/apiserver"
	"ews/apiservices"
	"ews/app/health"
	"ews/conf"
	"ews/db/dbtest"
	"ews/db/store"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// guide is the example of the user guide, word for word.
const guide = `{
  "clientId": "01234567-89ab-cdef-0123-456789abcdef",
  "clientSecret": "random-cl13nt-s3cr3t",
  "tenantId": "01234567-89ab-cdef-0123-456789abcdef",

  "ewsURL": "https://outlook.office365.com/EWS/Exchange.asmx",
  "username": "username",
  "password": "password",

  "serviceUserUPN": "eliona@example.com",
  "roomListUPN": "first.floor@example.com",

  "bookingAppURL": "http://booking:3000/v1",
  "enable": true,
  "refreshInterval": 60,
  "requestTimeout": 120,
  "projectIDs": [
    "10"
  ]
}`

// minimal is what an administrator has to give at least.
func minimal() map[string]any {
	return map[string]any{
		"clientId": "id", "clientSecret": "cl13nt-s3cr3t", "tenantId": "example.com",
		"serviceUserUPN": "eliona@example.com", "bookingAppURL": "http://booking:3000/v1",
	}
}

// api is the API of the app over real HTTP on a real database.
type api struct {
	url        string
	handler    http.Handler
	db         *sql.DB
	repository *conf.Repository
	state      *store.DB
	log        *syncBuffer
	changed    *changes
	operations apiservices.Operations
	checker    *checker
	unattended atomic.Bool // nobody looks after the configurations
}

// serve starts the API; change, if given, changes what it works with.
func serve(t testing.TB, change ...func(*apiservices.Deps)) *api {
	t.Helper()
	keys, err := conf.NewKeys(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	url := dbtest.New(t)
	db := dbtest.Open(t, url)
	repository := conf.NewRepository(db, keys)
	state, err := store.Open(t.Context(), store.Options{URL: url})
	require.NoError(t, err)
	t.Cleanup(state.Close)
	a := &api{}
	a.start(t, repository, health.NewDesk(health.DeskOptions{
		Configurations: repository, DB: state, Metrics: health.NewMetrics(state, "3f2a1bc", "2026-11-22T09:00:00Z"),
		Supervised: func() bool { return !a.unattended.Load() },
	}), change...)
	a.db, a.repository, a.state = db, repository, state
	return a
}

func serveStore(t *testing.T, store apiservices.ConfigurationStore) *api {
	t.Helper()
	a := &api{}
	a.start(t, store, struct{ apiservices.Operations }{})
	return a
}

func (a *api) start(t testing.TB, store apiservices.ConfigurationStore, operations apiservices.Operations, change ...func(*apiservices.Deps)) {
	t.Helper()
	a.log, a.changed, a.operations, a.checker = &syncBuffer{}, &changes{}, operations, &checker{}
	deps := apiservices.Deps{
		Configurations: store,
		Operations:     operations,
		Checker:        a.checker,
		Changed:        a.changed.add,
		Version:        apiservices.Version{Commit: "3f2a1bc", Timestamp: "2026-11-22T09:00:00Z"},
		Logger:         slog.New(slog.NewTextHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&deps)
	}
	handler, err := apiservices.NewHandler(deps)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	a.url, a.handler = server.URL, handler
}

type answer struct {
	status int
	header http.Header
	text   string
}

// object returns the answer as a JSON object.
func (r answer) object(t *testing.T) map[string]any {
	t.Helper()
	require.Equal(t, "application/json", r.header.Get("Content-Type"), r.text)
	var object map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.text), &object), r.text)
	return object
}

// faulty returns the names of the fields an error answer complains about.
func (r answer) faulty(t *testing.T) []string {
	t.Helper()
	object := r.object(t)
	require.NotEmpty(t, object["error"])
	names := []string{}
	list, _ := object["fields"].([]any)
	for _, item := range list {
		entry := item.(map[string]any)
		require.NotEmpty(t, entry["message"])
		names = append(names, entry["field"].(string))
	}
	return names
}

func (a *api) call(t *testing.T, method, path string, body any, headers ...string) answer {
	t.Helper()
	var reader io.Reader
	switch content := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(content)
	default:
		text, err := json.Marshal(content)
		require.NoError(t, err)
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, a.url+path, reader)
	require.NoError(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	// A redirect would lose the body of a POST: none may be needed.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirected") }}
	response, err := client.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return answer{status: response.StatusCode, header: response.Header, text: string(text)}
}

// add stores a configuration and returns the path it is found at.
func (a *api) add(t *testing.T, body any, headers ...string) string {
	t.Helper()
	created := a.call(t, http.MethodPost, "/v1/configs", body, headers...)
	require.Equal(t, http.StatusCreated, created.status, created.text)
	id, err := json.Marshal(created.object(t)["id"])
	require.NoError(t, err)
	return "/v1/configs/" + string(id)
}

// only returns the one stored configuration, with its secrets.
func (a *api) only(t *testing.T) conf.Configuration {
	t.Helper()
	list, err := a.repository.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
}

// token is a token as Eliona issues it, for a user.
func token(user string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		encode([]byte(`{"user_id":"`+user+`","proj_id":"10","role":"admin","cust_id":"1","exp":4102444800}`)) + "." + encode([]byte("signature"))
}

func without(object map[string]any, names ...string) map[string]any {
	for _, name := range names {
		delete(object, name)
	}
	return object
}

func with(object map[string]any, name string, value any) map[string]any {
	object[name] = value
	return object
}

type changes struct {
	mutex sync.Mutex
	ids   []int64
}

func (c *changes) add(id int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ids = append(c.ids, id)
}

func (c *changes) all() []int64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return append([]int64{}, c.ids...)
}

type syncBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

// checker notes what it is to check.
type checker struct {
	mutex   sync.Mutex
	got     []conf.Configuration
	mailbox string
	err     error
}

func (c *checker) Check(_ context.Context, configuration conf.Configuration, mailbox string) (apiserver.CheckReport, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.got, c.mailbox = append(c.got, configuration), mailbox
	return apiserver.CheckReport{Status: apiserver.Ok, Steps: []apiserver.CheckStep{}}, c.err
}

// failing is a store whose every call goes wrong in the given way.
type failing struct{ do func() error }

func (f failing) List(context.Context) ([]conf.Configuration, error) { return nil, f.do() }

func (f failing) Get(context.Context, int64) (conf.Configuration, error) {
	return conf.Configuration{ID: 1}, nil
}

func (f failing) Insert(context.Context, conf.Configuration, string) (conf.Configuration, error) {
	return conf.Configuration{}, f.do()
}

func (f failing) Update(context.Context, conf.Configuration, string) (conf.Configuration, error) {
	return conf.Configuration{}, f.do()
}

func (f failing) Delete(context.Context, int64, string) error { return f.do() }

func (f failing) Audit(context.Context, int64) ([]conf.AuditEntry, error) { return nil, f.do() }

// certificate is one of a certification authority made for this test.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUIvwYsteYn2MDGyM4JzF1QdjIEh4wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjIwOTE5MzRaGA8yMTI2MTAyOTA5
MTkzNFowEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABGMzuV50sVIg1ZtMsV/uYvQCB38Va5Vy3jy57sFuTQyEtU1zeQJH+yx+6Box
FUfMDWX8qvLvL4QDUriJEm92GpmjUzBRMB0GA1UdDgQWBBQuQVTmErR7HRfiqPj7
J/76j9tyaDAfBgNVHSMEGDAWgBQuQVTmErR7HRfiqPj7J/76j9tyaDAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIFJBChIQ6iuqkVBk0yWse5tYPQVs
/MGM5w5/WAxapZlEAiEAqzRgTUpsuywZ0T1C92T58zNvb16O/CQwUcQ89iv9uaA=
-----END CERTIFICATE-----`
