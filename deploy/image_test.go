package deploy_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"ews/app"
)

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// described are the paths of the API.
func described(t *testing.T) map[string]any {
	t.Helper()
	var document struct{ Paths map[string]any }
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "../openapi.yaml")), &document))
	return document.Paths
}

// ofGo are variables that Go itself reads.
var ofGo = []string{"TZ", "SSL_CERT_DIR", "SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "GOMEMLIMIT"}

// variables are those that the app reads.
func variables(t *testing.T) []string {
	t.Helper()
	found := slices.Clone(ofGo)
	env := func(name string) (string, bool) {
		found = append(found, name)
		return "postgres://database/iot", name == "CONNECTION_STRING"
	}
	_, err := app.OptionsFromEnvironment(env)
	require.NoError(t, err)
	app.NewLogger(nil, env)
	slices.Sort(found)
	return slices.Compact(found)
}

func defaultPort(t *testing.T) int {
	t.Helper()
	o, err := app.OptionsFromEnvironment(func(name string) (string, bool) { return "postgres://database/iot", name == "CONNECTION_STRING" })
	require.NoError(t, err)
	return o.Port
}

func TestEveryVariableIsDocumented(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[A-Z_`, ]+) \\|").FindAllStringSubmatch(read(t, "../README.md"), -1) {
		for _, name := range regexp.MustCompile("[A-Z_]+").FindAllString(row[1], -1) {
			documented[name] = true
		}
	}
	known := variables(t)
	for _, name := range known {
		require.True(t, documented[name], "README says nothing of %s", name)
	}
	for name := range documented {
		require.Contains(t, known, name, "nobody reads it")
	}
	var metadata struct{ UseEnvironment []string }
	require.NoError(t, json.Unmarshal([]byte(read(t, "../metadata.json")), &metadata))
	for _, name := range metadata.UseEnvironment {
		require.Contains(t, known, name)
	}
}

func TestImagesArePinnedAndPoor(t *testing.T) {
	t.Parallel()
	goVersions := map[string]bool{}
	for _, path := range []string{"../Dockerfile", "../simulator/Dockerfile"} {
		text := read(t, path)
		for _, from := range regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)`).FindAllStringSubmatch(text, -1) {
			if from[1] != "scratch" {
				require.Regexp(t, `:\d+\.\d+\.\d+-[a-z]+$`, from[1], path)
				goVersions[from[1]] = true
			}
		}
		require.Regexp(t, `(?m)^FROM scratch$`, text)
		require.Regexp(t, `(?m)^USER 65532:65532$`, text)
		require.NotContains(t, text, "# syntax=", "that would be another image, not pinned")
	}
	require.Len(t, goVersions, 1, "one version of Go")

	text := read(t, "../Dockerfile")
	require.Contains(t, text, `HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 CMD ["/app/ews", "-health"]`)
	require.Contains(t, read(t, "../main.go"), `flag.Bool("health"`)
	require.Contains(t, text, "EXPOSE "+strconv.Itoa(defaultPort(t))+"\n")
	for _, name := range []string{"gitCommit", "buildTimestamp"} {
		require.Contains(t, read(t, "../Makefile"), "-X main."+name+"=")
		require.Regexp(t, `(?m)^\t`+name+` +string$`, read(t, "../main.go"), "the linker is silent about a name that does not exist")
	}
	for name := range strings.FieldsSeq(read(t, "../.dockerignore")) {
		require.NotContains(t, text, "COPY "+name)
	}
}

type composeFile struct {
	Name     string
	Services map[string]composeService
	Volumes  map[string]any
}

type composeService struct {
	Image string
	Build struct {
		Context, Dockerfile string
		Args                map[string]string
	}
	Command     []string
	Environment map[string]string
	Volumes     []string
	Tmpfs       []string
	Ports       []string
	Healthcheck struct {
		Test              []string
		Interval, Timeout string
		Retries           int
	}
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Restart     string
	DependsOn   map[string]struct {
		Condition string
		Restart   bool
	} `yaml:"depends_on"`
}

func compose(t *testing.T) composeFile {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "../compose.yaml")))
	decoder.KnownFields(true)
	var file composeFile
	require.NoError(t, decoder.Decode(&file))
	return file
}

func TestComposeFitsTheProgram(t *testing.T) {
	t.Parallel()
	file := compose(t)
	known := variables(t)
	simulators, ours := file.Services["simulators"], file.Services["app"]
	for name := range ours.Environment {
		require.Contains(t, known, name)
	}
	for name := range ours.Build.Args {
		require.Contains(t, read(t, "../Dockerfile"), "ARG "+name+"=")
	}
	for name, s := range file.Services {
		if s.Build.Context == "" {
			require.Regexp(t, `:\d+\.\d+(\.\d+)?(-[a-z]+)?$`, s.Image, name)
		}
		for on := range s.DependsOn {
			require.Contains(t, file.Services, on)
		}
		for _, published := range s.Ports {
			require.Regexp(t, `^127\.0\.0\.1:`, published, "reachable from this machine only")
		}
	}

	// Where the others are called, somebody listens.
	listens := map[string]bool{}
	help, _ := run(t, root(t), "go", "run", "./simulator", "-help")
	for _, argument := range simulators.Command {
		name, value, _ := strings.Cut(strings.TrimPrefix(argument, "-"), "=")
		require.Regexp(t, `(?m)^  -`+regexp.QuoteMeta(name)+` `, help)
		if _, port, ok := strings.Cut(value, "0.0.0.0:"); ok {
			listens["simulators:"+port] = true
			require.Regexp(t, `EXPOSE .*\b`+port+`\b`, read(t, "../simulator/Dockerfile"))
		}
	}
	listens["app:"+ours.Environment["API_SERVER_PORT"]], listens["postgres:5432"] = true, true
	configuration := read(t, "compose/configuration.json")
	called := regexp.MustCompile(`(?:simulators|app|postgres):\d+`).FindAllString(
		configuration+strings.Join(file.Services["configure"].Command, " ")+ours.Environment["API_ENDPOINT"]+ours.Environment["CONNECTION_STRING"], -1)
	require.GreaterOrEqual(t, len(called), 6)
	for _, address := range called {
		require.Contains(t, listens, address)
	}
	require.Contains(t, file.Services["configure"].Volumes, "./deploy/compose/configuration.json:/configuration.json:ro")
	require.Contains(t, simulators.Command, "-ca="+ours.Environment["SSL_CERT_DIR"]+"/ca.pem")
}
