package apiservices_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const plantedSecret = "pl4nted-s3cr3t"

// FuzzRequests: whatever is sent to the API, it answers, and never with a
// failure of its own; what it refuses leaves no trace; what it stores is
// something the app can work with.
func FuzzRequests(f *testing.F) {
	valid, err := json.Marshal(allSettings())
	require.NoError(f, err)
	for _, seed := range [][4]string{
		{"POST", "/v1/configs", string(valid), token("42")},
		{"PUT", "/v1/configs/1", guide, token("42")},
		{"PUT", "/v1/configs/1", `{"clientId":"a","clientSecret":"b","tenantId":"c","serviceUserUPN":"d@e","bookingAppURL":"http://f"}`, token(`\u0000`)},
		{"POST", "/v1/configs", `{"assetFilter":[[{"parameter":"name","regex":"(a+)+$"}]],"projectIDs":["\u0000","` + strings.Repeat("1", 300) + `"]}`, ""},
		{"POST", "/v1/configs", `{"clientId":"\ud800","refreshInterval":1e99,"horizonDays":-1,"enable":null,"caCertificates":"-----BEGIN CERTIFICATE-----"}`, "a.b.c"},
		{"POST", "/v1/configs", `{"allowedOrganizerDomains":["example.com","\u0000","@"],"timeZone":"../../etc/passwd"}`, ""},
		{"GET", "/v1/configs/1/rooms/%00", "", ""},
		{"GET", "/v1/configs/1/rooms/%ff", "", ""},
		{"POST", "/v1/configs/1/rooms/a%2fb@example.com/resync", "{", ""},
		{"POST", "/v1/configs/1/findings/meeting-1-%00/retry", "", ""},
		{"POST", "/v1/configs/1/findings/answer-1-2/retry", "x", ""},
		{"GET", "/v1/configs/9223372036854775808", "", ""},
		{"GET", "/v1/configs/-1/status", "", ""},
		{"DELETE", "/v1/configs/1", "", token(strings.Repeat("x", 1000))},
		{"GET", "//v1//version/openapi.json/?a=%zz", "", ""},
		{"OPTIONS", "*", "", ""},
		{"GET", "/metrics", "", "Bearer"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	a := serve(f)
	_, err = a.db.Exec(`insert into ews.configuration (id, client_id, client_secret, tenant_id, service_user_upn, booking_app_url)
		values (1, 'id', '` + plantedSecret + `', 'example.com', 'eliona@example.com', 'http://booking:3000/v1');
		select setval('ews.configuration_id_seq', 1);
		create table public.before as select * from ews.configuration`)
	require.NoError(f, err)
	stored := func(t *testing.T) string {
		var text string
		require.NoError(t, a.db.QueryRow(`select json_agg(c order by id) from ews.configuration c`).Scan(&text))
		return text
	}
	f.Fuzz(func(t *testing.T, method, target, body, bearer string) {
		location, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http answers it
		}
		request, err := http.NewRequestWithContext(t.Context(), method, "http://app"+"/", strings.NewReader(body))
		if err != nil {
			return
		}
		request.URL, request.RequestURI = location, target
		request.Header.Set("Authorization", "Bearer "+bearer)
		answer := httptest.NewRecorder()
		a.handler.ServeHTTP(answer, request)

		text := answer.Body.String()
		switch {
		case answer.Code >= 500:
			t.Fatalf("%d %s\n%s", answer.Code, text, a.log)
		case strings.Contains(text, plantedSecret):
			t.Fatal("tells a secret", text)
		case answer.Code >= 400:
			var refusal struct{ Error string }
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &refusal), text)
			require.NotEmpty(t, refusal.Error)
			var same bool
			require.NoError(t, a.db.QueryRow(`select (select count(*) from ews.configuration) = 1 and
				(select to_jsonb(c) from ews.configuration c) = (select to_jsonb(b) from public.before b)`).Scan(&same))
			if !same {
				t.Fatalf("refused with %d, and yet: %s", answer.Code, stored(t))
			}
			return
		}
		list, err := a.repository.List(t.Context())
		require.NoError(t, err)
		for _, c := range list {
			require.Empty(t, c.Validate(), "it cannot be used: %+v", c)
		}
		_, err = a.db.Exec(`delete from ews.configuration; insert into ews.configuration select * from public.before; delete from ews.api_audit`)
		require.NoError(t, err)
	})
}
