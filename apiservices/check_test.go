package apiservices_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/apiservices"
	"ews/conf"
)

func TestACheckStoresNothing(t *testing.T) {
	t.Parallel()
	a := serve(t)
	checked := a.call(t, http.MethodPost, "/v1/configs/check?mailbox=Alice%40example.com", minimal())
	require.Equal(t, http.StatusOK, checked.status, checked.text)
	require.Equal(t, "ok", checked.object(t)["status"])
	require.Len(t, a.checker.got, 1)
	require.Equal(t, "cl13nt-s3cr3t", a.checker.got[0].ClientSecret.Reveal())
	require.Equal(t, "Alice@example.com", a.checker.mailbox)
	require.Empty(t, a.call(t, http.MethodGet, "/v1/configs", nil).list(t))
	require.Empty(t, a.changed.all())
}

func TestWhatCouldNotBeAddedIsNotChecked(t *testing.T) {
	t.Parallel()
	a := serve(t)
	for name, c := range map[string]struct {
		path   string
		body   any
		status int
		fields []string
	}{
		"a masked secret":    {"", with(minimal(), "clientSecret", conf.Mask), http.StatusUnprocessableEntity, []string{"clientSecret"}},
		"no secret":          {"", without(minimal(), "clientSecret"), http.StatusUnprocessableEntity, []string{"clientSecret"}},
		"an unusable value":  {"", with(minimal(), "serviceUserUPN", "eliona"), http.StatusUnprocessableEntity, []string{"serviceUserUPN"}},
		"an unknown field":   {"", with(minimal(), "roomListUpnn", "x"), http.StatusBadRequest, []string{"roomListUpnn"}},
		"no body":            {"", nil, http.StatusBadRequest, []string{}},
		"a mailbox of none":  {"?mailbox=alice", minimal(), http.StatusUnprocessableEntity, []string{"mailbox"}},
		"a list as the body": {"", "[]", http.StatusBadRequest, []string{}},
	} {
		refused := a.call(t, http.MethodPost, "/v1/configs/check"+c.path, c.body)
		require.Equal(t, c.status, refused.status, name)
		require.ElementsMatch(t, c.fields, refused.faulty(t), name)
	}
	require.Empty(t, a.checker.got)
}

func TestAStoredConfigurationIsCheckedWithItsSecret(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, minimal())
	for name, body := range map[string]any{"no body": nil, "an empty object": "{}", "nulls": `{"mailbox": null, "configuration": null}`} {
		checked := a.call(t, http.MethodPost, path+"/check", body)
		require.Equal(t, http.StatusOK, checked.status, "%s: %s", name, checked.text)
		last := a.checker.got[len(a.checker.got)-1]
		require.Equal(t, a.only(t).ID, last.ID, name)
		require.Equal(t, "cl13nt-s3cr3t", last.ClientSecret.Reveal(), name)
		require.Empty(t, a.checker.mailbox, name)
	}
	a.call(t, http.MethodPost, path+"/check", map[string]any{"Mailbox": "alice@example.com"})
	require.Equal(t, "alice@example.com", a.checker.mailbox, "upper and lower case of names do not matter")
	require.Equal(t, http.StatusNotFound, a.call(t, http.MethodPost, "/v1/configs/4711/check", nil).status)
}

func TestAChangeIsCheckedWithTheStoredSecret(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, minimal())
	change := with(with(minimal(), "roomListUPN", "second@example.com"), "clientSecret", conf.Mask)
	checked := a.call(t, http.MethodPost, path+"/check", map[string]any{"configuration": with(change, "id", 7)})
	require.Equal(t, http.StatusOK, checked.status, checked.text)
	require.Equal(t, "second@example.com", a.checker.got[0].RoomListUPN)
	require.Equal(t, "cl13nt-s3cr3t", a.checker.got[0].ClientSecret.Reveal())
	require.Empty(t, a.only(t).RoomListUPN, "and not stored")

	for name, c := range map[string]struct {
		body   string
		status int
		fields []string
	}{
		"another authority": {
			`{"configuration": {"clientId": "id", "tenantId": "example.com", "serviceUserUPN": "eliona@example.com",
			  "bookingAppURL": "http://booking:3000/v1", "authorityURL": "https://login.example.net"}}`,
			http.StatusUnprocessableEntity, []string{"configuration.clientSecret"},
		},
		"another server": {
			`{"configuration": {"clientId": "id", "clientSecret": "********", "tenantId": "example.com", "serviceUserUPN": "eliona@example.com",
			  "bookingAppURL": "http://booking:3000/v1", "ewsURL": "https://mail.example.net/EWS/Exchange.asmx"}}`,
			http.StatusUnprocessableEntity, []string{"configuration.clientSecret"},
		},
		"an unusable value": {
			`{"configuration": {"clientId": "id", "tenantId": "example.com", "serviceUserUPN": "eliona", "bookingAppURL": "http://booking:3000/v1"}, "mailbox": "alice"}`,
			http.StatusUnprocessableEntity, []string{"configuration.serviceUserUPN", "mailbox"},
		},
		"unknown fields":         {`{"mailboxes": "x", "configuration": {"clientIdd": "id"}}`, http.StatusBadRequest, []string{"mailboxes", "configuration.clientIdd"}},
		"a text for an object":   {`{"configuration": "x"}`, http.StatusBadRequest, []string{"configuration"}},
		"a number for a text":    {`{"mailbox": 1}`, http.StatusBadRequest, []string{"mailbox"}},
		"a field twice":          {`{"mailbox": null, "mailbox": null}`, http.StatusBadRequest, []string{"mailbox"}},
		"something that is none": {`{"mailbox": `, http.StatusBadRequest, []string{}},
	} {
		refused := a.call(t, http.MethodPost, path+"/check", c.body)
		require.Equal(t, c.status, refused.status, "%s: %s", name, refused.text)
		require.ElementsMatch(t, c.fields, refused.faulty(t), name)
	}
	require.Len(t, a.checker.got, 1)

	given := with(with(minimal(), "clientSecret", "another"), "authorityURL", "https://login.example.net")
	require.Equal(t, http.StatusOK, a.call(t, http.MethodPost, path+"/check", map[string]any{"configuration": given}).status,
		"a secret that is entered goes where the configuration says")
}

func TestTooManyChecksAreRefused(t *testing.T) {
	t.Parallel()
	a := serve(t)
	a.checker.err = apiservices.ErrBusy
	path := a.add(t, minimal())
	for _, refused := range []answer{
		a.call(t, http.MethodPost, "/v1/configs/check", minimal()), a.call(t, http.MethodPost, path+"/check", nil),
	} {
		require.Equal(t, http.StatusTooManyRequests, refused.status)
		require.Equal(t, "5", refused.header.Get("Retry-After"))
		require.NotEmpty(t, refused.object(t)["error"])
	}
}

func TestTheAuditTrailTellsWhoChangedWhat(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, minimal(), "Authorization", "Bearer "+token("42"))
	changed := a.call(t, http.MethodPut, path, with(with(minimal(), "clientSecret", "s3cr3t-2"), "horizonDays", 90), "Authorization", "Bearer "+token("43"))
	require.Equal(t, http.StatusOK, changed.status)
	require.Equal(t, http.StatusNoContent, a.call(t, http.MethodDelete, path, nil).status)

	told := a.call(t, http.MethodGet, path+"/audit", nil)
	require.NotContains(t, told.text, "s3cr3t")
	entries := told.list(t)
	require.Len(t, entries, 3, "also of a configuration that is gone")
	for i, want := range []struct {
		user, action string
		fields       []any
	}{
		{"", "delete", []any{}},
		{"43", "update", []any{"clientSecret", "horizonDays"}},
		{"42", "create", []any{"clientId", "clientSecret", "tenantId", "serviceUserUPN", "bookingAppURL"}},
	} {
		require.Equal(t, want.user, entries[i]["userId"])
		require.Equal(t, want.action, entries[i]["action"])
		require.Equal(t, want.fields, entries[i]["fields"])
		require.NotEmpty(t, entries[i]["at"])
	}
	require.Equal(t, http.StatusNotFound, a.call(t, http.MethodGet, "/v1/configs/4711/audit", nil).status)

	kept := a.add(t, minimal())
	a.exec(t, "delete from ews.api_audit")
	require.Empty(t, a.call(t, http.MethodGet, kept+"/audit", nil).list(t), "of one from before there was a trail")
}
