package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"ews/e2e/stage"
	"ews/simulator/proxy"
)

// TestThroughAProxy: Exchange and Entra are reached through the proxy that the
// environment names, by host names that only the proxy knows.
func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	const host = "exchange.example.com"
	gate := proxy.New(proxy.Options{Names: map[string]string{host: "127.0.0.1"}, Username: "app", Password: "proxy-word-3391"})
	server := httptest.NewServer(gate)
	t.Cleanup(func() {
		server.Close()
		gate.Close()
	})
	through := "HTTPS_PROXY=" + strings.Replace(server.URL, "://", "://app:proxy-word-3391@", 1)
	w := bareWorld(t, stage.Options{Hostname: host, Simulator: []string{"-require-channel-binding"}, Env: []string{through}})
	config := w.configure(nil)
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	w.bothWays(8)
	want := []string{hostOf(t, w.Addresses["EXCHANGE_HTTPS"]), hostOf(t, w.Addresses["ENTRA"])}
	slices.Sort(want)
	require.Equal(t, want, slices.Compact(slices.Sorted(slices.Values(gate.Asked()))), "Eliona and the Booking app are not behind it")

	t.Run("NTLM reaches a server with Extended Protection, because the proxy passes TLS on", func(t *testing.T) {
		configuration := w.Configuration()
		withWindows(configuration, w.Addresses["EXCHANGE_HTTPS"], `EXAMPLE\eliona`, "secret")
		maps.Copy(configuration, map[string]any{"clientSecret": ""})
		require.NoError(t, w.Call(t.Context(), http.MethodPut, config, configuration, nil))
		w.until("it works", func() bool { return w.active(config) })
		w.bothWays(10)
	})
	t.Run("NO_PROXY exempts a host", func(t *testing.T) {
		_, err := w.StopApp()
		require.NoError(t, err)
		before := len(gate.Asked())
		require.NoError(t, w.SpawnApp("NO_PROXY="+host))
		require.NoError(t, w.AwaitApp(t.Context()))
		w.until("the name is looked up in vain", func() bool { return len(logged(t, w.Stage, "ClientNoAnswer")) > 0 })
		require.Len(t, gate.Asked(), before)
	})
	t.Run("a proxy that refuses is named as the cause", func(t *testing.T) {
		_, err := w.StopApp()
		require.NoError(t, err)
		require.NoError(t, w.SpawnApp(strings.Replace(through, "3391", "0000", 1)))
		require.NoError(t, w.AwaitApp(t.Context()))
		w.until("the configuration tells it", func() bool { return w.get(config)["statusCode"] == "ClientProxyRefused" })
		require.Contains(t, w.get(config)["statusText"], "HTTPS_PROXY")
	})
	require.Empty(t, logged(t, w.Stage, "proxy-word"))
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Host
}

// TestTheComposeFileWorks starts the app with what compose.yaml says and enters
// the configuration it enters, both translated to this machine.
func TestTheComposeFileWorks(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../compose.yaml")
	require.NoError(t, err)
	var compose struct {
		Services map[string]struct{ Environment map[string]string }
	}
	require.NoError(t, yaml.Unmarshal(raw, &compose))
	s := newStage(t, stage.Options{Verbose: true})
	w := worldOf(t, s)
	here := strings.NewReplacer(
		"simulators:8443", hostOf(t, s.Addresses["EXCHANGE_HTTPS"]), "simulators:8444", hostOf(t, s.Addresses["ENTRA"]),
		"simulators:8081", hostOf(t, s.Addresses["ELIONA"]), "simulators:8082", hostOf(t, s.Addresses["BOOKING"]),
		"postgres://postgres:secret@postgres:5432/postgres?sslmode=disable", s.URL(), "/certificates", s.Dir,
	).Replace
	require.ErrorContains(t, s.Healthy(t.Context()), "does not answer")
	env := []string{"SSL_CERT_FILE="} // the image has the public ones
	for name, value := range compose.Services["app"].Environment {
		if name != "API_SERVER_PORT" {
			env = append(env, name+"="+here(value))
		}
	}
	require.NoError(t, s.SpawnApp(env...))
	require.NoError(t, s.AwaitApp(t.Context()))
	require.NoError(t, s.Healthy(t.Context()))

	raw, err = os.ReadFile("../deploy/compose/configuration.json")
	require.NoError(t, err)
	var configuration map[string]any
	require.NoError(t, json.Unmarshal([]byte(here(string(raw))), &configuration))
	_, err = s.Configure(t.Context(), configuration)
	require.NoError(t, err)
	w.until("the rooms are assets", func() bool { return len(w.rooms("10")) == 5 })
	w.bothWays(8)
	require.Equal(t, 1, w.sql(`select count(*) from ews.configuration where client_secret like 'ews-sealed:%'`))

	w.until("the assets tell the next meeting", func() bool {
		assets, err := w.Control.Assets(t.Context())
		require.NoError(t, err)
		for _, a := range assets {
			for _, section := range a.Data {
				next, _ := section.Data["next_start"].(string)
				at, err := time.Parse(time.RFC3339, next)
				if strings.HasSuffix(a.GAI, room2) && section.Subtype == "status" && err == nil && at.Equal(w.at(8)) {
					return strings.HasSuffix(next, "+01:00") || strings.HasSuffix(next, "+02:00")
				}
			}
		}
		return false
	})

	// Nine o'clock in UTC is ten or eleven in Zurich.
	require.NoError(t, w.Control.SetRoom(t.Context(), map[string]any{"room": room3, "automate": "decline"}))
	w.eliona(alice, w.at(9), room3)
	var message map[string]string
	w.until("the booker is told", func() bool {
		for _, n := range w.told() {
			if n.Email == alice && strings.Contains(n.Message["en"], "could not be booked") {
				message = n.Message
			}
		}
		return message != nil
	})
	require.Regexp(t, `, 1[01]:00–1[12]:00 CES?T `, message["en"])
	require.Regexp(t, `, 1[01]:00–1[12]:00 Uhr \(CES?T\)`, message["de"])
}
