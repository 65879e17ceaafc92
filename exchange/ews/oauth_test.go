package ews

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const tenant = "11111111-2222-3333-4444-555555555555"

// authority is a fake token service.
type authority struct {
	*httptest.Server
	mu     sync.Mutex
	forms  []url.Values
	paths  []string
	answer func(n int, w http.ResponseWriter)
}

func newAuthority(t *testing.T, answer func(n int, w http.ResponseWriter)) *authority {
	t.Helper()
	a := &authority{answer: answer}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(a.serve))
	a.Config.ErrorLog = quiet()
	t.Cleanup(a.Close)
	return a
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.paths = append(a.paths, r.URL.Path)
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		_, _ = fmt.Fprintf(w, `{"token_endpoint":"%[1]s/%[2]s/oauth2/v2.0/token","authorization_endpoint":"%[1]s/%[2]s/oauth2/v2.0/authorize","issuer":"%[1]s/%[2]s/v2.0"}`, a.URL, tenant)
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		_ = r.ParseForm()
		a.mu.Lock()
		a.forms = append(a.forms, r.PostForm)
		n := len(a.forms)
		a.mu.Unlock()
		a.answer(n, w)
	default:
		http.NotFound(w, r)
	}
}

func token(n int) string {
	claims := base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf(`{"n":%d,"roles":["full_access_as_app"]}`, n)))
	return "e30." + claims + ".c2ln"
}

func grant(n int, w http.ResponseWriter) {
	_, _ = fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"%s"}`, token(n))
}

func (a *authority) client(t *testing.T, f *fake) *Client {
	t.Helper()
	return f.newClient(t, func(o *Options) {
		o.RootCAs.AddCert(a.Certificate())
		o.Auth = OAuth{TenantID: tenant, ClientID: "client-1", ClientSecret: "secret-word", AuthorityHost: a.URL, Scope: "https://ews.contoso.test/.default"}
	})
}

func TestOAuthCachesTheToken(t *testing.T) {
	a := newAuthority(t, grant)
	f := newFake(t, answers(messages("ResolveNames", success("ResolveNames", ""))))
	c := a.client(t, f)
	for range 3 {
		_, err := c.ResolveNames(t.Context(), room, "x")
		require.NoError(t, err)
	}
	require.Len(t, a.forms, 1)
	require.Equal(t, "client_credentials", a.forms[0].Get("grant_type"))
	require.Equal(t, "client-1", a.forms[0].Get("client_id"))
	require.Equal(t, "secret-word", a.forms[0].Get("client_secret"))
	require.Contains(t, a.forms[0].Get("scope"), "https://ews.contoso.test/.default")
	require.Equal(t, "Bearer "+token(1), f.requests()[2].header.Get("Authorization"))
	roles, err := c.TokenRoles(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"full_access_as_app"}, roles)
	roles, err = f.newClient(t).TokenRoles(t.Context())
	require.NoError(t, err)
	require.Nil(t, roles)
}

func TestOAuthRenewsARevokedToken(t *testing.T) {
	a := newAuthority(t, grant)
	f := newFake(t, func(_ int, s seen, w http.ResponseWriter) {
		if s.header.Get("Authorization") != "Bearer "+token(2) {
			w.Header().Set("x-ms-diagnostics", `2000001;reason="revoked";error_category="invalid_token"`)
			w.WriteHeader(401)
			return
		}
		sendXML(w, 200, messages("CreateItem", success("CreateItem", calendarItem("1", ""))))
	})
	c := a.client(t, f)
	require.NoError(t, create(t.Context(), c))
	require.NoError(t, create(t.Context(), c))
	require.Len(t, a.forms, 2)
	require.Len(t, f.requests(), 3)
}

func TestOAuthRenewsOnlyOnce(t *testing.T) {
	a := newAuthority(t, grant)
	f := newFake(t, func(_ int, _ seen, w http.ResponseWriter) {
		w.Header().Set("x-ms-diagnostics", `2000003;error_category="invalid_resource"`)
		w.WriteHeader(401)
	})
	err := create(t.Context(), a.client(t, f))
	e := asError(t, err)
	require.Equal(t, ClassAuth, e.Class)
	require.Equal(t, 401, e.HTTPStatus)
	require.Contains(t, e.Detail["X-Ms-Diagnostics"], "invalid_resource")
	require.False(t, e.Ambiguous)
	require.Len(t, f.requests(), 2)
	require.Len(t, a.forms, 2)
}

func TestOAuthRenewsOncePerGeneration(t *testing.T) {
	a := newAuthority(t, grant)
	f := newFake(t, func(_ int, s seen, w http.ResponseWriter) {
		if s.header.Get("Authorization") == "Bearer "+token(1) {
			w.WriteHeader(401)
			return
		}
		sendXML(w, 200, messages("ResolveNames", success("ResolveNames", "")))
	})
	c := a.client(t, f)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := c.ResolveNames(t.Context(), Mailbox(fmt.Sprintf("r%d@contoso.test", i)), "x"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, a.forms, 2)
}

func TestOAuthTokenFailures(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(int, http.ResponseWriter)
		class  Class
		code   string
		text   string
	}{
		{"wrong secret", func(_ int, w http.ResponseWriter) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret secret-word provided.","error_codes":[7000215]}`)
		}, ClassAuth, CodeCredentials, "AADSTS7000215"},
		{"other refusal", func(_ int, w http.ResponseWriter) { w.WriteHeader(400); _, _ = io.WriteString(w, `{"error":"x"}`) }, ClassAuth, CodeCredentials, "HTTP 400"},
		{"service down", func(_ int, w http.ResponseWriter) { w.WriteHeader(503) }, ClassTransient, CodeNoToken, "HTTP 503"},
		{"connection cut", func(int, http.ResponseWriter) { panic(http.ErrAbortHandler) }, ClassTransient, CodeNoToken, "cannot be reached"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t, test.answer)
			f := newFake(t, answers(""))
			err := create(t.Context(), a.client(t, f))
			e := asError(t, err)
			require.Equal(t, test.class, e.Class, "%v", err)
			require.Equal(t, test.code, e.Code)
			require.ErrorContains(t, err, test.text)
			require.NotContains(t, err.Error(), "secret-word")
			require.False(t, e.Ambiguous)
			require.Empty(t, f.requests())
			require.Len(t, a.forms, 1, "the token request is not repeated")
		})
	}
	t.Run("untrusted token service", func(t *testing.T) {
		a := newAuthority(t, grant)
		f := newFake(t, answers(""))
		c := f.newClient(t, func(o *Options) {
			// The test servers share a certificate: trust nothing instead.
			o.RootCAs = nil
			o.Auth = OAuth{TenantID: tenant, ClientID: "c", ClientSecret: "s", AuthorityHost: a.URL}
		})
		e := asError(t, create(t.Context(), c))
		require.Equal(t, ClassConfig, e.Class)
		require.Equal(t, CodeUntrustedServer, e.Code)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		free := make(chan struct{})
		a := newAuthority(t, func(int, http.ResponseWriter) { cancel(); <-free })
		defer close(free)
		err := create(ctx, a.client(t, newFake(t, answers(""))))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, ClassTransient, ClassOf(err))
	})
}

func TestAnswersOfTheTokenServiceAreLimited(t *testing.T) {
	a := newAuthority(t, func(_ int, w http.ResponseWriter) {
		_, _ = fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"%s"}`, strings.Repeat("x", maxTokenAnswer))
	})
	f := newFake(t, answers(messages("CreateItem", success("CreateItem", calendarItem("1", "")))))
	e := asError(t, create(t.Context(), a.client(t, f)))
	require.Equal(t, CodeNoToken, e.Code)
	require.Equal(t, ClassTransient, e.Class)
	require.Less(t, len(e.Error()), 500)
	require.Empty(t, f.requests())
}
