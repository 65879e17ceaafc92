package apiservices_test

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/apiserver"
	"ews/conf"
)

// described are the fields of a configuration in openapi.yaml.
func described(t *testing.T) map[string]map[string]any {
	t.Helper()
	text, err := apiserver.GetSpecJSON()
	require.NoError(t, err)
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]map[string]any `json:"properties"`
				Default    any                       `json:"default"`
			} `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal(text, &document))
	fields := document.Components.Schemas["Configuration"].Properties
	require.NotEmpty(t, fields)
	fields["assetFilter"] = map[string]any{"type": "array", "default": document.Components.Schemas["AssetFilter"].Default}
	return fields
}

// allSettings has a value other than the default for every field a client can set.
func allSettings() map[string]any {
	return map[string]any{
		"clientId": "other", "clientSecret": "s3cr3t", "tenantId": "example.com",
		"ewsURL": "http://127.0.0.1:8080/EWS/Exchange.asmx", "username": `EXAMPLE\eliona`, "password": "pa55word",
		"serviceUserUPN": "eliona@example.com", "roomListUPN": "rooms@example.com", "bookingAppURL": "https://booking.example.com/v1",
		"enable": false, "refreshInterval": 86400.0, "requestTimeout": 600.0,
		"assetFilter":  []any{[]any{map[string]any{"parameter": "name", "regex": "^Room"}}},
		"projectIDs":   []any{"10", "11"},
		"authorityURL": "https://login.example.com", "oauthScope": "https://mail.example.com/.default",
		"caCertificates": certificate, "allowPlainHTTP": true,
		"horizonDays": 730.0, "answerTimeout": 3600.0, "bookingSubject": "Sitzung", "notifyUsers": false, "streaming": false, "timeZone": "Europe/Zurich",
		"allowedOrganizerDomains": []any{"example.com", "example.org"},
		"maxConcurrentRequests":   100.0, "maxRequestsPerMinute": 60000.0,
	}
}

func TestP72EveryDescribedFieldIsStoredAndShownUnderItsName(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, allSettings())
	shown := a.call(t, http.MethodGet, path, nil).object(t)
	for name, field := range described(t) {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, shown, name, "every field is shown")
			value, settable := allSettings()[name]
			if field["readOnly"] == true {
				require.False(t, settable)
				return
			}
			require.True(t, settable, "this test has to know the field")
			if field["writeOnly"] == true {
				value = conf.Mask
			}
			require.Equal(t, value, shown[name])
		})
	}
	require.Len(t, shown, len(described(t)), "nothing else is shown")
}

func TestP72TheDescribedDefaultsAreTheRealOnes(t *testing.T) {
	t.Parallel()
	a := serve(t)
	shown := a.call(t, http.MethodGet, a.add(t, minimal()), nil).object(t)
	for name, field := range described(t) {
		value, has := field["default"]
		_, given := minimal()[name]
		switch {
		case field["readOnly"] == true || field["writeOnly"] == true || name == "serviceUserUPN" || name == "bookingAppURL":
			require.False(t, has, "%s has no default", name)
		case given:
			require.Empty(t, value, name)
		default:
			require.True(t, has, "%s has a default", name)
			require.Equal(t, value, shown[name], name)
		}
	}
}

func TestP72TheDescribedLimitsAreTheRealOnes(t *testing.T) {
	t.Parallel()
	a := serve(t)
	limited := 0
	for name, field := range described(t) {
		least, has := field["minimum"].(float64)
		if !has {
			continue
		}
		limited++
		most := field["maximum"].(float64)
		for _, value := range []float64{least, most} {
			a.add(t, with(minimal(), name, value))
		}
		for _, value := range []float64{least - 1, most + 1, -1} {
			refused := a.call(t, http.MethodPost, "/v1/configs", with(minimal(), name, value))
			require.Equal(t, http.StatusUnprocessableEntity, refused.status, "%s = %v", name, value)
			require.Equal(t, []string{name}, refused.faulty(t))
		}
	}
	require.Equal(t, 6, limited)
	require.InDelta(t, conf.MaxSubjectLength, described(t)["bookingSubject"]["maxLength"], 0)
}

func TestP72EveryFieldRefusesWhatIsNotOfItsType(t *testing.T) {
	t.Parallel()
	a := serve(t)
	for name, field := range described(t) {
		if field["readOnly"] == true {
			a.add(t, with(minimal(), name, map[string]any{"ignored": true}))
			continue
		}
		for _, value := range []any{"text", 1.5, true, map[string]any{}, []any{1}} {
			if kind := reflect.TypeOf(value); field["type"] == "string" && kind.Kind() == reflect.String ||
				field["type"] == "boolean" && kind.Kind() == reflect.Bool {
				continue
			}
			refused := a.call(t, http.MethodPost, "/v1/configs", with(minimal(), name, value))
			require.Equal(t, http.StatusBadRequest, refused.status, "%s = %v", name, value)
			require.Equal(t, []string{name}, refused.faulty(t))
		}
	}
}

func TestP72TheDescribedExamplesCanBeStored(t *testing.T) {
	t.Parallel()
	a := serve(t)
	text, err := apiserver.GetSpecJSON()
	require.NoError(t, err)
	var document struct {
		Components struct {
			RequestBodies map[string]struct {
				Content map[string]struct {
					Examples map[string]struct{ Value any }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &document))
	examples := document.Components.RequestBodies["Configuration"].Content["application/json"].Examples
	require.Len(t, examples, 2)
	for _, example := range examples {
		a.add(t, example.Value)
	}
	single := map[string]any{}
	for name, field := range described(t) {
		if value, has := field["example"]; has {
			single[name] = value
		}
	}
	a.add(t, single)
}

func TestUnknownFieldsAreRefusedByNameAllAtOnce(t *testing.T) {
	t.Parallel()
	a := serve(t)
	body := with(with(minimal(), "roomListUpnn", "x"), "deviceTimeout", 1)
	refused := a.call(t, http.MethodPost, "/v1/configs", with(body, "horizonDays", "many"))
	require.Equal(t, http.StatusBadRequest, refused.status)
	faulty := refused.faulty(t)
	slices.Sort(faulty)
	require.Equal(t, []string{"deviceTimeout", "horizonDays", "roomListUpnn"}, faulty)

	rule := a.call(t, http.MethodPost, "/v1/configs", with(minimal(), "assetFilter", []any{[]any{map[string]any{"param": "name"}}}))
	require.Equal(t, http.StatusBadRequest, rule.status)
	require.Equal(t, []string{"assetFilter"}, rule.faulty(t))
	require.Contains(t, rule.text, `param`)
}

func TestUpperAndLowerCaseOfNamesDoNotMatter(t *testing.T) {
	t.Parallel()
	a := serve(t)
	body := without(minimal(), "clientId", "tenantId")
	a.add(t, with(with(body, "clientID", "id"), "tenantID", "example.com")) // as the guide's table spelled them
	twice := a.call(t, http.MethodPost, "/v1/configs", `{"clientId": "a", "clientID": "b"}`)
	require.Equal(t, http.StatusBadRequest, twice.status)
	require.Equal(t, []string{"clientID"}, twice.faulty(t))
}

func TestBodiesThatAreNoConfigurationAreRefused(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, minimal())
	valid, err := json.Marshal(minimal())
	require.NoError(t, err)
	for name, body := range map[string]string{
		"empty": "", "blank": " \n", "null": "null", "list": "[]", "text": `"x"`, "number": "1", "no JSON": "clientId=1",
		"cut off": string(valid[:len(valid)-1]), "cut off in a name": `{"clie`, "missing value": `{"clientId":}`, "missing colon": `{"clientId" "x"}`,
		"further content": string(valid) + "x", "second object": string(valid) + string(valid), "comma at the end": `{"clientId":"x",}`,
		"not UTF-8": `{"clientId":"` + "\xff" + `"}`,
	} {
		for _, request := range [][2]string{{http.MethodPost, "/v1/configs"}, {http.MethodPut, path}} {
			refused := a.call(t, request[0], request[1], body)
			require.Equal(t, http.StatusBadRequest, refused.status, "%s: %s", name, refused.text)
			require.NotEmpty(t, refused.object(t)["error"])
		}
	}
	a.add(t, "\ufeff"+string(valid)) // as some editors write files
}

func TestLargeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	a := serve(t)
	refused := a.call(t, http.MethodPost, "/v1/configs", with(minimal(), "caCertificates", strings.Repeat("x", 1<<20)))
	require.Equal(t, http.StatusRequestEntityTooLarge, refused.status)
	require.Contains(t, refused.object(t)["error"], "1 MiB")

	// Without an announced length, and where nobody asks for a body.
	config := a.add(t, minimal())
	for target, status := range map[string]int{"/v1/configs": http.StatusRequestEntityTooLarge, config + "/resync": http.StatusAccepted} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+target, io.LimitReader(endless{}, 1<<20+64<<10))
		require.NoError(t, err)
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, target)
	}
	refused = a.call(t, http.MethodPost, config+"/resync", strings.Repeat("x", 2<<20))
	require.Equal(t, http.StatusRequestEntityTooLarge, refused.status)
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '{'
	}
	return len(p), nil
}
