package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"image"
	_ "image/jpeg" // formats an icon may have
	_ "image/png"  // formats an icon may have
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// output collects what a program writes on both of its channels.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// goRun starts the app from its sources, as developers and the suite do.
func goRun(t *testing.T, env ...string) *output {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	out := &output{}
	cmd := exec.Command("go", "run", ".") // its whole group is stopped below
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output:\n%s", out)
		}
		// The program is a child of "go run": the group has both.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = cmd.Wait() // also waits for the output, which the child holds open
		}()
		select {
		case <-ended:
		case <-time.After(12 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			t.Error("the app did not end")
			<-ended
		}
	})
	return out
}

// TestLikeTheOfficialSuite does step by step what Eliona's test suite for apps
// does before an app is accepted: P01, P04, P07, P08 and P09.
func TestLikeTheOfficialSuite(t *testing.T) {
	t.Parallel()
	s := newStage(t, stage.Options{})
	// The address has the form of the suite: no database, no parameters.
	connection := "postgres://postgres:secret@127.0.0.1:" + portOf(t, s.URL())
	database, err := sql.Open("postgres", connection+"?sslmode=disable")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Close()) })
	initializedAt := func() (at sql.NullTime) {
		t.Helper()
		row := database.QueryRowContext(t.Context(), `select initialized_at from public.eliona_app where app_name = 'ews'`)
		require.NoError(t, row.Scan(&at))
		return at
	}

	// 1. reset.sql prepares the database.
	runResetSQL(t, connection+"?sslmode=disable")
	require.False(t, initializedAt().Valid)

	// 2. The app answers within 60 seconds.
	port := freePort(t)
	out := goRun(t, "CONNECTION_STRING="+connection, "API_ENDPOINT="+s.Addresses["ELIONA"], "API_TOKEN=secret",
		"API_SERVER_PORT="+strconv.Itoa(port), "APPNAME=ews", "START_MODE=direct")
	api := "http://127.0.0.1:" + strconv.Itoa(port) + "/v1"
	require.NoError(t, every200ms(t.Context(), func(ctx context.Context) bool { return answers(ctx, api+"/version") }), "%s", out)

	// 3. It is initialised now.
	require.True(t, initializedAt().Valid)

	// 4. Metadata and icon go to the store.
	metadata, err := os.ReadFile("../metadata.json")
	require.NoError(t, err)
	icon, err := os.ReadFile("../icon")
	require.NoError(t, err)
	result, err := database.ExecContext(t.Context(),
		`update public.eliona_store set metadata = $1, icon = $2, version = 'v1.0.0' where app_name = 'ews'`, metadata, icon)
	require.NoError(t, err)
	stored, err := result.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, stored)

	// 5. The rules for both.
	requireMetadata(t, metadata)
	requireIcon(t, icon)

	// 6. and 7. Version and description.
	var version struct{ Commit, Timestamp *string }
	status, body := get(t, api+"/version")
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, json.Unmarshal(body, &version))
	require.NotNil(t, version.Commit)
	require.NotNil(t, version.Timestamp)
	var names struct {
		APIURL               string `json:"apiUrl"`
		APISpecificationPath string `json:"apiSpecificationPath"`
	}
	require.NoError(t, json.Unmarshal(metadata, &names))
	status, body = get(t, strings.TrimSuffix(api, "v1")+names.APIURL+"/"+names.APISpecificationPath)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, json.Unmarshal(body, new(map[string]any)))

	// 8. Schema and asset types.
	requireInitialised(t, s)

	// 9. Nothing it wrote begins with ERROR or FATAL.
	require.Empty(t, unquiet.FindAllString(out.String(), -1))
	require.Equal(t, 1, strings.Count(out.String(), "no configuration yet"))
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// every200ms asks for a minute.
func every200ms(ctx context.Context, ask func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for !ask(ctx) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

// answers tells whether there is a 200 within a tenth of a second.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := (&http.Client{}).Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode == http.StatusOK
}

// requireMetadata checks what P09 promises of metadata.json.
func requireMetadata(t *testing.T, raw []byte) {
	t.Helper()
	var metadata struct {
		Name                   string            `json:"name"`
		ElionaMinVersion       string            `json:"elionaMinVersion"`
		DisplayName            map[string]string `json:"displayName"`
		Description            map[string]string `json:"description"`
		DashboardTemplateNames []string          `json:"dashboardTemplateNames"`
		APIURL                 string            `json:"apiUrl"`
		APISpecificationPath   string            `json:"apiSpecificationPath"`
		DocumentationURL       string            `json:"documentationUrl"`
		UseEnvironment         []string          `json:"useEnvironment"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&metadata))
	require.Equal(t, "ews", metadata.Name)
	require.Regexp(t, `^v\d+\.\d+\.\d+$`, metadata.ElionaMinVersion)
	for _, language := range []string{"en", "de"} {
		require.NotEmpty(t, metadata.DisplayName[language])
		require.NotEmpty(t, metadata.Description[language])
	}
	require.NotNil(t, metadata.DashboardTemplateNames)
	require.Equal(t, "v1", metadata.APIURL)
	require.Equal(t, "/version/openapi.json", metadata.APISpecificationPath)
	require.True(t, strings.HasPrefix(metadata.DocumentationURL, "https://"))
	require.ElementsMatch(t, []string{"CONNECTION_STRING", "INIT_CONNECTION_STRING", "API_ENDPOINT", "API_TOKEN"}, metadata.UseEnvironment)
}

// requireIcon checks the rules of the store.
func requireIcon(t *testing.T, icon []byte) {
	t.Helper()
	require.LessOrEqual(t, len(icon), 63*1024)
	require.Regexp(t, `^data:image/(png|jpeg|webp);base64,`, string(icon))
	_, encoded, _ := strings.Cut(string(icon), ",")
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	require.NoError(t, err)
	require.NotContains(t, encoded, "\n")
	_, _, err = image.Decode(bytes.NewReader(decoded))
	require.NoError(t, err)
}
