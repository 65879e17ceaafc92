package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// waitFor bounds what must happen soon.
const waitFor = 10 * time.Second

// running is a started program and a client of it.
type running struct {
	t      *testing.T
	names  map[string]string // printed addresses
	client *http.Client
}

// startProgram runs the command on free ports until the test ends.
func startProgram(t *testing.T, args ...string) *running {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	args = append(args, "-ca", ca, "-random-seed", "7", "-decision-delay", "10ms")
	for _, name := range []string{"exchange-https", "exchange-http", "entra", "eliona", "booking", "control"} {
		args = append(args, "-"+name, "127.0.0.1:0")
	}
	ctx, cancel := context.WithCancel(t.Context())
	output, input := io.Pipe()
	var log bytes.Buffer
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, input, &log)
		_ = input.CloseWithError(err)
		done <- err
	}()
	r := &running{t: t, names: map[string]string{}}
	lines := bufio.NewScanner(output)
	for lines.Scan() && lines.Text() != "READY" {
		name, value, found := strings.Cut(lines.Text(), "=")
		require.True(t, found, "line %q", lines.Text())
		r.names[name] = value
	}
	require.NotEmpty(t, r.names)
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		cancel()
		printed := lines.Scan()
		err := <-done
		require.False(t, printed, "nothing is printed after READY")
		require.NoError(t, err, log.String())
	})

	pem, err := os.ReadFile(ca)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	r.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: waitFor}
	return r
}

// call makes a request; the headers are pairs of name and value.
func (r *running) call(method, url, body string, headers ...string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	require.NoError(r.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := r.client.Do(request)
	require.NoError(r.t, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return response.StatusCode, string(answer)
}

func (r *running) control(status int, method, path, body string) string {
	r.t.Helper()
	got, answer := r.call(method, r.names["CONTROL"]+path, body)
	require.Equal(r.t, status, got, "%s %s %s: %s", method, path, body, answer)
	return answer
}

func TestPrintedAddressesAnswer(t *testing.T) {
	r := startProgram(t)
	require.Len(t, r.names, 6)
	for _, name := range []string{"EXCHANGE_HTTPS", "EXCHANGE_HTTP"} {
		require.True(t, strings.HasSuffix(r.names[name], "/EWS/Exchange.asmx"), r.names[name])
		status, _ := r.call("POST", r.names[name], "<x/>")
		require.Equal(t, 401, status)
	}
	status, body := r.call("POST", r.names["ENTRA"]+"/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token",
		"grant_type=client_credentials&client_id=client&client_secret=secret&scope=https%3A%2F%2Foutlook.office365.com%2F.default",
		"Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, 200, status, body)
	require.Contains(t, body, "access_token")
	status, _ = r.call("GET", r.names["ELIONA"]+"/apps/ews", "", "X-API-Key", "secret")
	require.Equal(t, 200, status)
	status, _ = r.call("GET", r.names["BOOKING"]+"/version", "")
	require.Equal(t, 200, status)
	require.Contains(t, r.control(200, "GET", "/stats", ""), `"GET /apps/{}"`)
}

// getFolder is a request that any client may send.
const getFolder = `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<soap:Header><t:RequestServerVersion Version="Exchange2013_SP1"/></soap:Header>
<soap:Body><m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>
<m:FolderIds><t:DistinguishedFolderId Id="calendar"/></m:FolderIds></m:GetFolder></soap:Body></soap:Envelope>`

func TestRecords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "records")
	r := startProgram(t, "-record", dir)
	request, err := http.NewRequestWithContext(t.Context(), "POST", r.names["EXCHANGE_HTTPS"], strings.NewReader(getFolder))
	require.NoError(t, err)
	request.SetBasicAuth("alice@example.com", "secret")
	request.Header.Set("Content-Type", "text/xml; charset=utf-8")
	response, err := r.client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode, string(body))
	require.Contains(t, string(body), "NoError")
	files, err := filepath.Glob(filepath.Join(dir, "*-GetFolder.*.xml"))
	require.NoError(t, err)
	require.Len(t, files, 2)
}

const slot = `"start":"2031-03-03T09:00:00Z","end":"2031-03-03T10:00:00Z"`

func TestPersonInOutlook(t *testing.T) {
	r := startProgram(t)
	start := time.Now().UTC().AddDate(0, 0, 7).Truncate(time.Hour)
	span := func(at time.Time) string {
		return fmt.Sprintf(`"start":%q,"end":%q`, at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))
	}
	var booked struct{ UID string }
	require.NoError(t, json.Unmarshal([]byte(r.control(201, "POST", "/people",
		`{"person":"alice@example.com","where":"outlook","action":"book","subject":"Review",`+span(start)+`,"rooms":["room-1@example.com"]}`)), &booked))
	require.NotEmpty(t, booked.UID)
	calendar := func(address string) string { return r.control(200, "GET", "/calendars/"+address, "") }
	require.Contains(t, calendar("alice@example.com"), booked.UID)
	require.Eventually(t, func() bool { return strings.Contains(calendar("room-1@example.com"), booked.UID) }, waitFor, 10*time.Millisecond)

	ref := `{"person":"alice@example.com","where":"outlook","uid":"` + booked.UID + `",`
	moved := start.Add(24 * time.Hour)
	r.control(200, "POST", "/people", ref+`"action":"move",`+span(moved)+`}`)
	require.Eventually(t, func() bool {
		return strings.Contains(calendar("room-1@example.com"), moved.Format("2006-01-02T15:04:05"))
	}, waitFor, 10*time.Millisecond)
	r.control(200, "POST", "/people", ref+`"action":"change-rooms","rooms":["room-2@example.com"]}`)
	require.Eventually(t, func() bool {
		return strings.Contains(calendar("room-2@example.com"), booked.UID)
	}, waitFor, 10*time.Millisecond)
	r.control(200, "POST", "/people", ref+`"action":"cancel"}`)
	r.control(404, "POST", "/people", `{"person":"alice@example.com","where":"outlook","action":"cancel","uid":"nothing"}`)
	r.control(404, "GET", "/calendars/nobody@example.com", "")
}

func TestSeriesInOutlook(t *testing.T) {
	r := startProgram(t)
	start := time.Now().UTC().AddDate(0, 0, 7).Truncate(time.Hour)
	times := fmt.Sprintf(`"start":%q,"end":%q`, start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339))
	var booked struct{ UID string }
	require.NoError(t, json.Unmarshal([]byte(r.control(201, "POST", "/people",
		`{"person":"bob@example.com","where":"outlook","action":"book","subject":"Weekly",`+times+
			`,"rooms":["room-1@example.com"],"recurrence":{"pattern":"weekly","count":3}}`)), &booked))
	second := start.AddDate(0, 0, 7).Format(time.RFC3339)
	r.control(200, "POST", "/people", `{"person":"bob@example.com","where":"outlook","action":"cancel","uid":"`+booked.UID+`","occurrence":"`+second+`"}`)
	calendar := r.control(200, "GET", "/calendars/bob@example.com", "")
	require.Equal(t, 2, strings.Count(calendar, booked.UID), calendar)
}

func TestRoomsOverControl(t *testing.T) {
	r := startProgram(t)
	require.Contains(t, r.control(200, "GET", "/rooms", ""), "room-8@example.com")
	body := r.control(200, "POST", "/rooms", `{"room":"room-9@example.com","name":"Room 9","addTo":"second.floor@example.com","automate":"decline"}`)
	require.Contains(t, body, `"room":"room-9@example.com","automate":"decline"`)
	body = r.control(200, "POST", "/rooms", `{"room":"room-9@example.com","removeFrom":"second.floor@example.com"}`)
	require.NotContains(t, body, "room-9@example.com")
	r.control(404, "POST", "/rooms", `{"room":"nobody@example.com","automate":"decline"}`)
	r.control(400, "POST", "/rooms", `{"room":"room-1@example.com","horizonDays":-1}`)
	r.control(404, "POST", "/rooms", `{"room":"room-1@example.com","removeFrom":"third.floor@example.com"}`)
}

func TestMailboxesOverControl(t *testing.T) {
	r := startProgram(t)
	r.control(201, "POST", "/mailboxes", `{"address":"dave@example.com","password":"secret"}`)
	r.control(200, "POST", "/mailboxes", `{"address":"dave@example.com","disabled":true}`)
	require.Contains(t, r.control(200, "GET", "/mailboxes", ""), "dave@example.com")
	r.control(204, "POST", "/tokens/revoke", "")
}

func TestBookingAppReachesEliona(t *testing.T) {
	r := startProgram(t)
	status, answer := r.call("PUT", r.names["ELIONA"]+"/asset-types", `{"name":"ews_room"}`, "X-API-Key", "secret")
	require.Equal(t, 200, status, answer)
	status, answer = r.call("PUT", r.names["ELIONA"]+"/assets-bulk",
		`[{"projectId":"10","globalAssetIdentifier":"ews_room_room-1@example.com","assetType":"ews_room"}]`, "X-API-Key", "secret")
	require.Equal(t, 200, status, answer)
	r.control(201, "POST", "/people", `{"person":"alice@example.com","where":"eliona","action":"ad-hoc","rooms":["room-1@example.com"]}`)
	require.Eventually(t, func() bool {
		return strings.Contains(r.control(200, "GET", "/assets", ""), `"data":{"occupancy":1}`)
	}, waitFor, 20*time.Millisecond)

	r.control(201, "POST", "/people", `{"person":"alice@example.com","where":"eliona","action":"book","rooms":["room-1@example.com"],`+slot+`}`)
	status, _ = r.call("DELETE", r.names["BOOKING"]+"/bookings/2?clientReference=ews-app&reason=conflict", "")
	require.Equal(t, 204, status)
	require.Eventually(t, func() bool {
		return strings.Contains(r.control(200, "GET", "/notifications", ""), `"email":"alice@example.com"`)
	}, waitFor, 20*time.Millisecond)
	_, answer = r.call("GET", r.names["BOOKING"]+"/bookings/1", "")
	require.NotContains(t, answer, "organizerName")
}

func TestFailedStartReleasesEverything(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	c, err := parseFlags([]string{"-exchange-https", "127.0.0.1:0", "-exchange-http", "127.0.0.1:0", "-entra", "127.0.0.1:0",
		"-eliona", "127.0.0.1:0", "-booking", "127.0.0.1:0", "-control", "127.0.0.1:99999"}, io.Discard)
	require.NoError(t, err)
	_, err = start(t.Context(), c, log)
	require.ErrorContains(t, err, "CONTROL")
	c.seedFile = filepath.Join(t.TempDir(), "missing.json")
	_, err = start(t.Context(), c, log)
	require.ErrorContains(t, err, "seed")
}

func TestFlags(t *testing.T) {
	c, err := parseFlags(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8443", c.exchangeHTTPS)
	require.Equal(t, "127.0.0.1:8080", c.exchangeHTTP)
	require.Equal(t, "127.0.0.1:8444", c.entra)
	require.Equal(t, "127.0.0.1:8081", c.eliona)
	require.Equal(t, "127.0.0.1:8082", c.booking)
	require.Equal(t, "127.0.0.1:8089", c.control)
	require.Equal(t, time.Second, c.decisionDelay)
	require.Zero(t, c.responseDelay+c.latency)
	require.Zero(t, c.jitter)
	require.Zero(t, c.pageSize)
	require.NotZero(t, c.randomSeed)
	for _, args := range [][]string{
		{"-colour", "red"}, {"now"}, {"-latency", "-1s"}, {"-response-delay", "-1s"}, {"-latency-jitter", "-1s"}, {"-decision-jitter", "-1s"},
		{"-response-jitter", "-1s"}, {"-page-size", "-1"}, {"-page-size", "few"},
	} {
		_, err := parseFlags(args, io.Discard)
		require.ErrorIs(t, err, errUsage, "%v", args)
	}
}

func TestSeedFile(t *testing.T) {
	s, err := parseSeeds([]byte(`{"domain":"corp.test","mailboxes":[{"address":"ann@corp.test","name":"Ann Example","password":"x"}],
		"roomLists":[{"address":"floor@corp.test","rooms":[{"address":"blue@corp.test"}]}],"impersonation":[],"clients":[]}`))
	require.NoError(t, err)
	require.Equal(t, "corp.test", s.exchange.Domain)
	require.Equal(t, "secret", s.eliona.Token)
	require.Len(t, s.eliona.Users, 2)
	require.Equal(t, "ann@corp.test", s.eliona.Users[1].Email)

	s, err = parseSeeds([]byte(`{"domain":"corp.test","eliona":{"token":"t","projects":[{"id":"1"}],"users":[],"apps":["other"]}}`))
	require.NoError(t, err)
	require.Equal(t, []string{"other"}, s.eliona.Apps)

	for _, content := range []string{`[]`, `{"domains":[]}`, `{"eliona":{"tokens":"x"}}`, `{"eliona":{}}`} {
		_, err := parseSeeds([]byte(content))
		require.Error(t, err, content)
	}
}

func TestPrintedHost(t *testing.T) {
	c, err := parseFlags([]string{"-exchange-https", "127.0.0.1:0", "-exchange-http", "127.0.0.1:0", "-entra", "127.0.0.1:0",
		"-eliona", "0.0.0.0:0", "-booking", "127.0.0.1:0", "-control", "127.0.0.1:0", "-hostname", "simulator"}, io.Discard)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p, err := start(ctx, c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	for _, line := range p.addresses() {
		require.Contains(t, line, "://simulator:")
	}
	require.True(t, strings.HasPrefix(p.reachable("ELIONA"), "http://127.0.0.1:"))
	cancel()
	require.NoError(t, p.wait(ctx))
}
