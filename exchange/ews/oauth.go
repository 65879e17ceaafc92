package ews

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Defaults of OAuth for the worldwide cloud.
const (
	DefaultAuthorityHost = "https://login.microsoftonline.com/"
	DefaultScope         = "https://outlook.office365.com/.default"
)

// OAuth is the client-credentials flow of Microsoft Entra ID, after
// "Authenticate an EWS application by using OAuth". Its calls must always name
// a mailbox.
type OAuth struct {
	TenantID, ClientID, ClientSecret string
	// AuthorityHost is the token service, https only; empty means
	// DefaultAuthorityHost. Any other value turns instance discovery off, so it
	// must be trustworthy.
	AuthorityHost string
	// Scope is empty for DefaultScope. National clouds have their own.
	Scope string
}

// String hides the secret.
func (a OAuth) String() string {
	return fmt.Sprintf("OAuth(tenant %s, client %s)", a.TenantID, a.ClientID)
}

// GoString hides the secret.
func (a OAuth) GoString() string { return a.String() }

func (a OAuth) scheme(o Options, _ *url.URL) (scheme, error) {
	if a.TenantID == "" || a.ClientID == "" || a.ClientSecret == "" {
		return nil, errors.New("tenant id, client id and client secret are required")
	}
	if a.AuthorityHost == "" {
		a.AuthorityHost = DefaultAuthorityHost
	}
	if a.Scope == "" {
		a.Scope = DefaultScope
	}
	s := &oauthScheme{auth: a, endpoint: newTransport(o), authority: newTransport(o)}
	cred, err := s.newCredential()
	if err != nil {
		return nil, err
	}
	s.cred = cred
	return s, nil
}

// oauthScheme keeps one credential, whose token azidentity caches and renews.
type oauthScheme struct {
	auth      OAuth
	endpoint  *http.Transport
	authority *http.Transport

	mu         sync.Mutex
	cred       azcore.TokenCredential
	generation int
}

func (s *oauthScheme) newCredential() (azcore.TokenCredential, error) {
	cred, err := azidentity.NewClientSecretCredential(s.auth.TenantID, s.auth.ClientID, s.auth.ClientSecret,
		&azidentity.ClientSecretCredentialOptions{
			ClientOptions: policy.ClientOptions{
				Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: s.auth.AuthorityHost},
				Retry:     policy.RetryOptions{MaxRetries: -1},
				Transport: transporter{s.authority},
			},
			DisableInstanceDiscovery: strings.TrimRight(s.auth.AuthorityHost, "/") != strings.TrimRight(DefaultAuthorityHost, "/"),
		})
	if err != nil {
		return nil, fmt.Errorf("build the client-secret credential: %w", err)
	}
	return cred, nil
}

// maxTokenAnswer bounds one answer of the token service. Tokens have a few
// kilobytes.
const maxTokenAnswer = 1 << 20

// transporter adapts a transport to azcore without following redirects, and
// bounds the answers, which azcore reads as a whole.
type transporter struct{ t *http.Transport }

func (t transporter) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.t.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{limitReader: limitReader{r: resp.Body, left: maxTokenAnswer}, body: resp.Body}
	return resp, nil
}

// limitedBody is a body that fails beyond a limit.
type limitedBody struct {
	limitReader
	body io.Closer
}

func (b *limitedBody) Close() error { return b.body.Close() }

func (s *oauthScheme) send(ctx context.Context, r *outgoing) (*http.Response, error) {
	token, generation, err := s.token(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := s.endpoint.RoundTrip(r.message(ctx, "Bearer "+token, true, nil))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	// A cached token may have been revoked; a fresh credential has no cache.
	r.refused()
	discard(resp)
	if err := s.renew(generation); err != nil {
		return nil, err
	}
	if token, _, err = s.token(ctx); err != nil {
		return nil, err
	}
	return s.endpoint.RoundTrip(r.message(ctx, "Bearer "+token, true, nil))
}

func (s *oauthScheme) token(ctx context.Context) (string, int, error) {
	s.mu.Lock()
	cred, generation := s.cred, s.generation
	s.mu.Unlock()
	t, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{s.auth.Scope}})
	if err != nil {
		return "", 0, newTokenError(ctx, err)
	}
	return t.Token, generation, nil
}

// renew replaces the credential once per refused generation, however many
// calls met the refusal.
func (s *oauthScheme) renew(generation int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != generation {
		return nil
	}
	cred, err := s.newCredential()
	if err != nil {
		return err
	}
	s.cred, s.generation = cred, generation+1
	return nil
}

func (s *oauthScheme) close() {
	s.endpoint.CloseIdleConnections()
	s.authority.CloseIdleConnections()
}

// tokenError is a failed token request, reduced to what may be shown: the
// original text quotes the whole exchange.
type tokenError struct {
	class  Class
	code   string // AADSTS code when there is one
	status int
	cause  error // network failure or end of the context, else nil
}

// aadCode finds the code of Microsoft Entra ID in its error text.
var aadCode = regexp.MustCompile(`AADSTS\d+`)

func newTokenError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &tokenError{class: ClassTransient, cause: context.Cause(ctx)}
	}
	// azidentity does not always wrap the cause.
	if match := proxyRefusal.FindStringSubmatch(err.Error()); match != nil {
		status, _ := strconv.Atoi(match[1])
		return &proxyError{status: status}
	}
	t := &tokenError{class: ClassAuth, code: aadCode.FindString(err.Error())}
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) && failed.RawResponse != nil {
		t.status = failed.RawResponse.StatusCode
	}
	switch {
	case t.status == http.StatusTooManyRequests || t.status >= 500:
		t.class = ClassTransient
	case t.code != "":
	case t.status == 0 && (isUntrusted(err) || strings.Contains(err.Error(), "x509: ")):
		t.class, t.cause = ClassConfig, errors.New("the certificate of the token service is not trusted")
	case t.status == 0:
		t.class, t.cause = ClassTransient, errors.New("the token service cannot be reached")
	}
	return t
}

func (t *tokenError) Error() string {
	switch {
	case t.cause != nil:
		return "get an access token: " + t.cause.Error()
	case t.code != "":
		return "get an access token: " + t.code
	case t.status != 0:
		return fmt.Sprintf("get an access token: HTTP %d", t.status)
	}
	return "get an access token: the token service refused"
}

func (t *tokenError) Unwrap() error { return t.cause }

// TokenRoles fetches an access token and returns the application roles in it,
// unverified, so that a missing full_access_as_app can be named. It returns nil
// without error when the client does not use OAuth or the token is opaque; a
// token without roles has an empty list.
func (c *Client) TokenRoles(ctx context.Context) ([]string, error) {
	s, ok := c.scheme.(*oauthScheme)
	if !ok {
		return nil, nil
	}
	token, _, err := s.token(ctx)
	if err != nil {
		return nil, c.transportError(&invocation{operation: "TokenRoles"}, err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, nil //nolint:nilerr // an opaque token is no failure
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil, nil //nolint:nilerr // as above
	}
	return append([]string{}, claims.Roles...), nil
}
