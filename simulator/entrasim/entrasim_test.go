package entrasim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"ews/simulator/fault"
)

const tenant = "11111111-2222-3333-4444-555555555555"

func start(t *testing.T, o Options) (*Authority, *httptest.Server) {
	t.Helper()
	if o.Clients == nil {
		o.Clients = []Client{{Tenant: tenant, ID: "client", Secret: "secret"}}
	}
	a, err := New(o)
	require.NoError(t, err)
	server := httptest.NewTLSServer(a.Handler())
	t.Cleanup(server.Close)
	return a, server
}

func request(t *testing.T, server *httptest.Server, tenant string, form url.Values) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return resp.StatusCode, answer
}

func form(change map[string]string) url.Values {
	v := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"client"}, "client_secret": {"secret"},
		"scope": {"https://outlook.office365.com/.default"},
	}
	for k, x := range change {
		v.Set(k, x)
	}
	return v
}

func TestTokenErrors(t *testing.T) {
	_, server := start(t, Options{})
	tests := []struct {
		name, tenant string
		change       map[string]string
		status       int
		code, number string
	}{
		{"unknown tenant", "nobody", nil, 400, "invalid_request", "AADSTS90002:"},
		{"unknown client", tenant, map[string]string{"client_id": "x"}, 400, "unauthorized_client", "AADSTS700016:"},
		{"wrong secret", tenant, map[string]string{"client_secret": "x"}, 401, "invalid_client", "AADSTS7000215:"},
		{"scope without default", tenant, map[string]string{"scope": "https://outlook.office365.com/EWS.AccessAsUser.All"}, 400, "invalid_scope", "AADSTS70011:"},
		{"resource with a path", tenant, map[string]string{"scope": "https://outlook.office365.com/EWS/.default"}, 400, "invalid_resource", "AADSTS500011:"},
		{"other grant", tenant, map[string]string{"grant_type": "password"}, 400, "unsupported_grant_type", "AADSTS70003:"},
		{"missing scope", tenant, map[string]string{"scope": ""}, 400, "invalid_request", "AADSTS900144:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := request(t, server, tt.tenant, form(tt.change))
			require.Equal(t, tt.status, status)
			require.Equal(t, tt.code, answer["error"])
			require.Contains(t, answer["error_description"], tt.number)
		})
	}
}

func TestTokenLife(t *testing.T) {
	now := time.Now()
	a, server := start(t, Options{Clock: func() time.Time { return now }})
	get := func() string {
		status, answer := request(t, server, tenant, form(nil))
		require.Equal(t, 200, status)
		return answer["access_token"].(string)
	}
	token := get()
	claims, err := a.Verify(token)
	require.NoError(t, err)
	require.Equal(t, []string{"full_access_as_app"}, claims.Roles)
	require.Equal(t, tenant, claims.TenantID)
	require.Equal(t, "client", claims.AppID)
	require.Equal(t, "https://outlook.office365.com", claims.Audience[0])

	now = now.Add(61 * time.Minute)
	_, err = a.Verify(token)
	require.ErrorIs(t, err, ErrExpiredToken)

	token = get()
	a.Revoke()
	_, err = a.Verify(token)
	require.ErrorIs(t, err, ErrRevokedToken)
	token = get()
	_, err = a.Verify(token)
	require.NoError(t, err)
	_, err = a.Verify(token + "x")
	require.ErrorIs(t, err, ErrInvalidToken)

	require.NoError(t, a.SetRoles("client", []string{}))
	a.SetLifetime(time.Minute)
	claims, err = a.Verify(get())
	require.NoError(t, err)
	require.Empty(t, claims.Roles)
	require.Equal(t, now.Add(time.Minute).Unix(), claims.ExpiresAt.Unix())
}

func TestAzidentity(t *testing.T) {
	a, server := start(t, Options{})
	credential, err := azidentity.NewClientSecretCredential(tenant, "client", "secret", &azidentity.ClientSecretCredentialOptions{
		DisableInstanceDiscovery: true,
		ClientOptions: azcore.ClientOptions{
			Transport: server.Client(),
			Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: server.URL},
			Retry:     policy.RetryOptions{MaxRetries: -1},
		},
	})
	require.NoError(t, err)
	token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://outlook.office365.com/.default"}})
	require.NoError(t, err)
	_, err = a.Verify(token.Token)
	require.NoError(t, err)
}

func TestFaults(t *testing.T) {
	faults := fault.New(1)
	_, server := start(t, Options{Faults: faults})
	_, err := faults.Add(fault.Rule{Service: Service, Operation: "POST /{tenant}/oauth2/v2.0/token", Kind: fault.Status, Status: 503, Count: 1})
	require.NoError(t, err)
	status, _ := request(t, server, tenant, form(nil))
	require.Equal(t, 503, status)
	status, _ = request(t, server, tenant, form(nil))
	require.Equal(t, 200, status)
}
