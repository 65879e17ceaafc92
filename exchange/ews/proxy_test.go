package ews

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/simulator/proxy"
)

var roomListsAnswer = envelope(`<m:GetRoomListsResponse ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:RoomLists/></m:GetRoomListsResponse>`)

// behind makes all requests of the client pass a proxy. In the app the
// environment says which; a process reads it once.
func behind(t *testing.T, c *Client, o proxy.Options) *proxy.Proxy {
	t.Helper()
	p := proxy.New(o)
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		server.Close()
		p.Close()
	})
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	address.User = url.UserPassword("app", "secret-word")
	through := http.ProxyURL(address)
	switch s := c.scheme.(type) {
	case *basicScheme:
		s.transport.Proxy = through
	case *oauthScheme:
		s.endpoint.Proxy, s.authority.Proxy = through, through
	case *ntlmScheme:
		w := s.take()
		w.transport.Proxy = through
		s.put(w)
	}
	return p
}

func TestRequestsPassAProxy(t *testing.T) {
	t.Parallel()
	f := newFake(t, answers(roomListsAnswer))
	c := f.newClient(t)
	p := behind(t, c, proxy.Options{Username: "app", Password: "secret-word"})
	_, err := c.GetRoomLists(t.Context(), room)
	require.NoError(t, err)
	require.Equal(t, []string{f.Listener.Addr().String()}, p.Asked())
	require.NotContains(t, f.requests()[0].header, "Proxy-Authorization", "that is for the proxy alone")
}

// A proxy that does not let the app through is not Exchange refusing it.
func TestAProxyThatRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options proxy.Options
		class   Class
	}{
		"wrong credentials":        {proxy.Options{Username: "app", Password: "other"}, ClassConfig},
		"target not allowed":       {proxy.Options{Refuse: http.StatusForbidden}, ClassConfig},
		"target cannot be reached": {proxy.Options{Refuse: http.StatusBadGateway}, ClassTransient},
	} {
		for scheme, auth := range map[string]Auth{
			"Basic": Basic{Username: "svc", Password: "secret-word"},
			"NTLM":  NTLM{Username: "svc@contoso.test", Password: "secret-word"},
			"OAuth": OAuth{TenantID: "contoso.test", ClientID: "client", ClientSecret: "secret-word"},
		} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				t.Parallel()
				f := newFake(t, answers(roomListsAnswer))
				c := f.newClient(t, func(o *Options) {
					if oauth, ok := auth.(OAuth); ok {
						oauth.AuthorityHost = f.URL
						auth = oauth
					}
					o.Auth = auth
				})
				p := behind(t, c, tc.options)
				_, err := c.GetRoomLists(t.Context(), room)
				e := asError(t, err)
				require.Equal(t, CodeProxyRefused, e.Code)
				require.Equal(t, tc.class, e.Class)
				require.Zero(t, e.HTTPStatus)
				require.NotContains(t, e.Error(), "secret-word")
				require.NotEmpty(t, p.Asked())
				require.Empty(t, f.requests())
			})
		}
	}
}
