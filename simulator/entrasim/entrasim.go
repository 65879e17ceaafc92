// Package entrasim is an authority like Microsoft Entra ID, as far as an
// application needs it that authenticates itself with a client secret: OpenID
// Connect metadata, instance discovery and the token endpoint for the client
// credentials grant ("Microsoft identity platform and the OAuth 2.0 client
// credentials flow" on Microsoft Learn).
//
// Tokens are JWTs signed with a secret of the process. Verify is what a
// resource, here the Exchange simulator, checks them with.
package entrasim

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"ews/simulator/fault"
	"ews/simulator/stats"
)

// Service is the name under which rules of package fault and counters of
// package stats address this simulator.
const Service = "entra"

// Scopes that the authority knows; tokens for other resources are refused, as
// for a tenant in which no such service exists.
var knownResources = []string{
	"https://outlook.office365.com", "https://outlook.office.com", "https://graph.microsoft.com",
}

// Client is a registered application.
type Client struct {
	Tenant string   `json:"tenant"`
	ID     string   `json:"id"`
	Secret string   `json:"secret"`
	Roles  []string `json:"roles,omitempty"` // application permissions; nil means full_access_as_app
}

// Options configure an authority.
type Options struct {
	Clients  []Client
	Lifetime time.Duration    // of access tokens; default one hour
	Clock    func() time.Time // default time.Now
	Faults   *fault.Registry
	Stats    *stats.Counters
}

// Claims are what an access token says.
type Claims struct {
	jwt.RegisteredClaims
	TenantID string   `json:"tid"`
	AppID    string   `json:"appid"`
	Roles    []string `json:"roles,omitempty"`
	Version  string   `json:"ver"`
}

// The reasons why Verify refuses a token.
var (
	ErrInvalidToken = errors.New("token is malformed or not signed by this authority")
	ErrExpiredToken = errors.New("token has expired")
	ErrRevokedToken = errors.New("token was revoked")
)

// Authority answers token requests. Its methods may be called concurrently.
type Authority struct {
	options Options
	key     []byte

	mu       sync.Mutex
	clients  []Client
	lifetime time.Duration
	serial   uint64 // tokens up to this serial are refused
	issued   uint64
}

// New returns an authority with its own signing key.
func New(o Options) (*Authority, error) {
	if o.Lifetime == 0 {
		o.Lifetime = time.Hour
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	for _, c := range o.Clients {
		if c.Tenant == "" || c.ID == "" || c.Secret == "" {
			return nil, fmt.Errorf("client %q: tenant, id and secret are required", c.ID)
		}
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("draw signing key: %w", err)
	}
	return &Authority{options: o, key: key, clients: slices.Clone(o.Clients), lifetime: o.Lifetime}, nil
}

// SetLifetime changes how long tokens issued from now on are valid.
func (a *Authority) SetLifetime(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lifetime = d
}

// SetRoles changes the application permissions of a client for tokens issued
// from now on; an empty, non-nil list takes all of them away.
func (a *Authority) SetRoles(clientID string, roles []string) error {
	return a.change(clientID, func(c *Client) { c.Roles = slices.Clone(roles) })
}

// SetSecret changes the secret of a client.
func (a *Authority) SetSecret(clientID, secret string) error {
	return a.change(clientID, func(c *Client) { c.Secret = secret })
}

func (a *Authority) change(clientID string, f func(*Client)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.clients {
		if a.clients[i].ID == clientID {
			f(&a.clients[i])
			return nil
		}
	}
	return fmt.Errorf("no client %q", clientID)
}

// Revoke makes Verify refuse every token issued so far.
func (a *Authority) Revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serial = a.issued
}

// Verify checks an access token's signature, lifetime and revocation. What the
// audience and the roles allow is the resource's decision.
func (a *Authority) Verify(token string) (Claims, error) {
	var claims Claims
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return a.key, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(a.options.Clock), jwt.WithExpirationRequired())
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Claims{}, ErrExpiredToken
	case err != nil:
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	_, number, _ := strings.Cut(claims.ID, ".")
	var serial uint64
	if _, err := fmt.Sscan(number, &serial); err != nil {
		return Claims{}, ErrInvalidToken
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if serial <= a.serial {
		return Claims{}, ErrRevokedToken
	}
	return claims, nil
}

// Handler serves the authority. It must be reached through https: clients
// refuse anything else.
func (a *Authority) Handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern, operation string, h func(*http.Request) (int, any)) {
		mux.Handle(pattern, a.observed(operation, h))
	}
	handle("GET /{tenant}/v2.0/.well-known/openid-configuration", "GET /{tenant}/v2.0/.well-known/openid-configuration", a.metadata)
	handle("GET /{tenant}/.well-known/openid-configuration", "GET /{tenant}/.well-known/openid-configuration", a.metadata)
	handle("GET /common/discovery/instance", "GET /common/discovery/instance", instanceDiscovery)
	handle("POST /{tenant}/oauth2/v2.0/token", "POST /{tenant}/oauth2/v2.0/token", a.token)
	return mux
}

func (a *Authority) observed(operation string, h func(*http.Request) (int, any)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rule, hit := a.options.Faults.Match(Service, operation, "")
		if hit && rule.Kind == fault.Delay {
			timer := time.NewTimer(time.Duration(rule.DelayMilliseconds) * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
				return
			}
			hit = false
		}
		if hit && a.fail(w, r, operation, rule, h) {
			return
		}
		status, answer := h(r)
		body, err := json.Marshal(answer)
		if err != nil {
			status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
		}
		a.options.Stats.Add(Service, operation, max(r.ContentLength, 0), int64(len(body)), status >= 400)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store, no-cache")
		w.WriteHeader(status)
		_, _ = w.Write(body) // a client that went away is not our error
	})
}

// fail carries out a fault; it reports false when the request shall be
// answered normally nevertheless.
func (a *Authority) fail(w http.ResponseWriter, r *http.Request, operation string, rule fault.Rule, h func(*http.Request) (int, any)) bool {
	a.options.Stats.Add(Service, operation, max(r.ContentLength, 0), 0, true)
	if rule.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(rule.RetryAfterSeconds))
	}
	switch rule.Kind {
	case fault.ResetAfterBody, fault.ResetBefore, fault.Truncate:
		if rule.Kind != fault.ResetBefore {
			h(r)
		}
		panic(http.ErrAbortHandler)
	case fault.Throttle:
		http.Error(w, `{"error":"temporarily_unavailable","error_description":"AADSTS90033: A transient error has occurred."}`, http.StatusTooManyRequests)
	default:
		status := rule.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}
		http.Error(w, `{"error":"server_error","error_description":"AADSTS90033: A transient error has occurred."}`, status)
	}
	return true
}

func base(r *http.Request) string { return "https://" + r.Host }

func (a *Authority) metadata(r *http.Request) (int, any) {
	tenant := r.PathValue("tenant")
	if !a.knowsTenant(tenant) {
		return refuse(http.StatusBadRequest, "invalid_tenant", 90002,
			fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", tenant))
	}
	root := base(r) + "/" + tenant
	issuer := root + "/v2.0"
	return http.StatusOK, map[string]any{
		"issuer": issuer, "token_endpoint": root + "/oauth2/v2.0/token",
		"authorization_endpoint":                root + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint":         root + "/oauth2/v2.0/devicecode",
		"jwks_uri":                              root + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"response_types_supported":              []string{"code", "id_token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"HS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"tenant_region_scope":                   "EU", "cloud_instance_name": r.Host,
	}
}

func instanceDiscovery(r *http.Request) (int, any) {
	authorization, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	if err != nil || authorization.Host == "" {
		return refuse(http.StatusBadRequest, "invalid_request", 900144, "The request parameter 'authorization_endpoint' is missing or invalid.")
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(authorization.Path, "/"), "/")
	return http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": fmt.Sprintf("%s/%s/v2.0/.well-known/openid-configuration", base(r), tenant),
		"api-version":               "1.1",
		"metadata": []map[string]any{{
			"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host},
		}},
	}
}

func (a *Authority) knowsTenant(tenant string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.clients, func(c Client) bool { return strings.EqualFold(c.Tenant, tenant) })
}

// refuse builds an error answer as the "Microsoft Entra authentication error
// codes" page describes it.
func refuse(status int, code string, number int, description string) (int, any) {
	trace, correlation := uuid.NewString(), uuid.NewString()
	now := time.Now().UTC().Format("2006-01-02 15:04:05Z")
	return status, map[string]any{
		"error":             code,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", number, description, trace, correlation, now),
		"error_codes":       []int{number}, "timestamp": now, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", number),
	}
}

func (a *Authority) token(r *http.Request) (int, any) {
	tenant := r.PathValue("tenant")
	if !a.knowsTenant(tenant) {
		return refuse(http.StatusBadRequest, "invalid_request", 90002,
			fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", tenant))
	}
	if err := r.ParseForm(); err != nil {
		return refuse(http.StatusBadRequest, "invalid_request", 900144, "The request body is not a form.")
	}
	for _, name := range []string{"grant_type", "client_id", "scope"} {
		if r.PostForm.Get(name) == "" {
			return refuse(http.StatusBadRequest, "invalid_request", 900144,
				fmt.Sprintf("The request body must contain the following parameter: '%s'.", name))
		}
	}
	if grant := r.PostForm.Get("grant_type"); grant != "client_credentials" {
		return refuse(http.StatusBadRequest, "unsupported_grant_type", 70003, fmt.Sprintf("The app requested an unsupported grant type '%s'.", grant))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := r.PostForm.Get("client_id")
	i := slices.IndexFunc(a.clients, func(c Client) bool { return c.ID == id && strings.EqualFold(c.Tenant, tenant) })
	if i < 0 {
		return refuse(http.StatusBadRequest, "unauthorized_client", 700016,
			fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'.", id, tenant))
	}
	client := a.clients[i]
	if subtle.ConstantTimeCompare([]byte(r.PostForm.Get("client_secret")), []byte(client.Secret)) == 0 {
		return refuse(http.StatusUnauthorized, "invalid_client", 7000215,
			"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '"+id+"'.")
	}
	resource, status, answer := resourceOf(r.PostForm.Get("scope"))
	if status != 0 {
		return status, answer
	}
	return a.issue(r, client, resource)
}

// resourceOf takes the resource out of the scope parameter. MSAL adds the
// OpenID Connect scopes to it in some flows; they do not matter here.
func resourceOf(scope string) (resource string, status int, answer any) {
	invalid := func() (string, int, any) {
		status, answer := refuse(http.StatusBadRequest, "invalid_scope", 70011,
			fmt.Sprintf("The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", scope))
		return "", status, answer
	}
	for part := range strings.FieldsSeq(scope) {
		if slices.Contains([]string{"openid", "profile", "offline_access"}, part) {
			continue
		}
		name, ok := strings.CutSuffix(part, "/.default")
		if !ok || resource != "" {
			return invalid()
		}
		resource = strings.TrimSuffix(name, "/")
	}
	if resource == "" {
		return invalid()
	}
	if !slices.Contains(knownResources, resource) {
		status, answer := refuse(http.StatusBadRequest, "invalid_resource", 500011,
			fmt.Sprintf("The resource principal named %s was not found in the tenant.", resource))
		return "", status, answer
	}
	return resource, 0, nil
}

// issue signs a token; the caller holds the lock.
func (a *Authority) issue(r *http.Request, client Client, resource string) (int, any) {
	roles := client.Roles
	if roles == nil {
		roles = []string{"full_access_as_app"}
	}
	now := a.options.Clock()
	a.issued++
	claims := Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: base(r) + "/" + client.Tenant + "/", Subject: client.ID, Audience: jwt.ClaimStrings{resource},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(a.lifetime)),
			ID: fmt.Sprintf("%s.%d", uuid.NewString(), a.issued),
		},
		TenantID: client.Tenant, AppID: client.ID, Roles: roles, Version: "1.0",
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(a.key)
	if err != nil {
		return refuse(http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred.")
	}
	seconds := int(a.lifetime.Seconds())
	return http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": signed,
	}
}
