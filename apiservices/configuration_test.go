package apiservices_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eliona-smart-building-assistant/go-utils/log"
	"github.com/stretchr/testify/require"

	"ews/conf"
)

func TestP10TheExampleOfTheGuideIsStoredWithAGeneratedId(t *testing.T) {
	t.Parallel()
	a := serve(t)
	created := a.call(t, http.MethodPost, "/v1/configs", guide)
	require.Equal(t, http.StatusCreated, created.status, created.text)
	id := created.object(t)["id"].(float64)
	require.Positive(t, id)
	require.Equal(t, created.text, a.call(t, http.MethodGet, fmt.Sprintf("/v1/configs/%v", id), nil).text)

	stored := a.only(t)
	want := conf.Default()
	want.ID, want.Version = int64(id), 1
	want.ClientID, want.TenantID = "01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"
	want.ClientSecret, want.Password = "random-cl13nt-s3cr3t", "password"
	want.EWSURL, want.Username = "https://outlook.office365.com/EWS/Exchange.asmx", "username"
	want.ServiceUserUPN, want.RoomListUPN = "eliona@example.com", "first.floor@example.com"
	want.BookingAppURL, want.ProjectIDs = "http://booking:3000/v1", []string{"10"}
	require.Equal(t, want, stored)
	require.Equal(t, conf.MethodOAuth, stored.Method(), "P17: OAuth wins")
	require.Equal(t, []int64{stored.ID}, a.changed.all(), "P13: effective at once")
}

func TestP11AllConfigurationsAreListed(t *testing.T) {
	t.Parallel()
	a := serve(t)
	none := a.call(t, http.MethodGet, "/v1/configs", nil)
	require.Equal(t, http.StatusOK, none.status)
	require.Equal(t, "[]", strings.TrimSpace(none.text), "an empty list, not null")

	a.add(t, guide)
	a.add(t, minimal())
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.call(t, http.MethodGet, "/v1/configs", nil).text), &list))
	require.Len(t, list, 2)
	require.Less(t, list[0]["id"], list[1]["id"])
}

func TestP12AnUnknownIdIsNotFound(t *testing.T) {
	t.Parallel()
	a := serve(t)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		var body any
		if method == http.MethodPut {
			body = minimal()
		}
		unknown := a.call(t, method, "/v1/configs/4711", body)
		require.Equal(t, http.StatusNotFound, unknown.status, method)
		require.Contains(t, unknown.object(t)["error"], "4711")
		for _, id := range []string{"abc", "1.5", "99999999999999999999"} {
			malformed := a.call(t, method, "/v1/configs/"+id, body)
			require.Equal(t, http.StatusBadRequest, malformed.status, "%s %s", method, id)
			require.Equal(t, []string{"config-id"}, malformed.faulty(t))
		}
	}
	list, err := a.repository.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, list, "P13: a PUT never creates")
	require.Empty(t, a.changed.all())
}

func TestP13AChangeIsStoredAndAnswered(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, guide)
	changed := a.call(t, http.MethodPut, path, with(minimal(), "refreshInterval", 5))
	require.Equal(t, http.StatusOK, changed.status, changed.text)
	require.InDelta(t, 5, changed.object(t)["refreshInterval"], 0)
	require.Equal(t, changed.text, a.call(t, http.MethodGet, path, nil).text)
	stored := a.only(t)
	require.Equal(t, 5*time.Second, stored.RefreshInterval)
	require.Equal(t, int64(2), stored.Version)
	require.Equal(t, []int64{stored.ID, stored.ID}, a.changed.all(), "effective without restart")
}

func TestWhatWasReadCanBeSentBack(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, guide, "Authorization", "Bearer "+token("42"))
	before := a.only(t)
	require.NoError(t, a.repository.SetStatus(t.Context(), before.ID, "code", "text"))
	read := a.call(t, http.MethodGet, path, nil)
	written := a.call(t, http.MethodPut, path, read.text)
	require.Equal(t, http.StatusOK, written.status, written.text)
	require.Equal(t, read.text, written.text)
	after := a.only(t)
	after.Version, after.Status = before.Version, before.Status
	require.Equal(t, before, after, "secrets included")
}

func TestP14ADeletedConfigurationIsGoneWithAllThatDependsOnIt(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, guide)
	id := a.only(t).ID
	_, err := a.db.ExecContext(t.Context(), `insert into ews.room (configuration_id, mailbox) values ($1, 'room@example.com')`, id)
	require.NoError(t, err)

	deleted := a.call(t, http.MethodDelete, path, nil)
	require.Equal(t, http.StatusNoContent, deleted.status)
	require.Empty(t, deleted.text)
	require.Equal(t, http.StatusNotFound, a.call(t, http.MethodGet, path, nil).status)
	require.Equal(t, http.StatusNotFound, a.call(t, http.MethodDelete, path, nil).status)
	var rooms int
	require.NoError(t, a.db.QueryRowContext(t.Context(), `select count(*) from ews.room`).Scan(&rooms))
	require.Zero(t, rooms)
	require.Equal(t, []int64{id, id}, a.changed.all())
}

func TestP18WithoutCompleteCredentialsNothingIsStored(t *testing.T) {
	t.Parallel()
	a := serve(t)
	for _, tc := range []struct {
		body map[string]any
		want []string
	}{
		{without(minimal(), "clientId", "clientSecret", "tenantId"), []string{"clientId", "username"}},
		{without(minimal(), "clientSecret"), []string{"clientSecret"}},
		{with(minimal(), "clientSecret", ""), []string{"clientSecret"}},
		{with(without(minimal(), "clientId", "clientSecret", "tenantId"), "username", "u"), []string{"ewsURL", "password"}},
	} {
		refused := a.call(t, http.MethodPost, "/v1/configs", tc.body)
		require.Equal(t, http.StatusUnprocessableEntity, refused.status, refused.text)
		require.Equal(t, tc.want, refused.faulty(t))
	}
	list, err := a.repository.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
	require.NotContains(t, a.log.String(), "level=ERROR")
}

func TestP19OmittedFieldsGetTheirDefault(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, minimal())
	want := a.only(t)
	require.True(t, want.Enable)
	require.Equal(t, 60*time.Second, want.RefreshInterval)
	require.Equal(t, 120*time.Second, want.RequestTimeout)

	changed := a.call(t, http.MethodPut, path, allSettings())
	require.Equal(t, http.StatusOK, changed.status, changed.text)
	require.NotEqual(t, want.Enable, a.only(t).Enable)
	require.Equal(t, http.StatusOK, a.call(t, http.MethodPut, path, with(minimal(), "password", "")).status)
	got := a.only(t)
	got.Version = want.Version
	require.Equal(t, want, got, "a PUT sets what it omits to the default, too")

	nulls := minimal()
	for name := range allSettings() {
		if _, given := nulls[name]; !given {
			nulls[name] = nil
		}
	}
	require.Equal(t, http.StatusOK, a.call(t, http.MethodPut, path, nulls).status)
	got = a.only(t)
	got.Version = want.Version
	require.Equal(t, want, got, "null means the same")
}

func TestP20P21TheClientCannotSetActive(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, with(minimal(), "active", true))
	require.Equal(t, false, a.call(t, http.MethodGet, path, nil).object(t)["active"])
	require.NoError(t, a.repository.SetActive(t.Context(), a.only(t).ID, true))
	require.Equal(t, true, a.call(t, http.MethodGet, path, nil).object(t)["active"])
	changed := a.call(t, http.MethodPut, path, with(with(minimal(), "active", false), "enable", false))
	require.Equal(t, true, changed.object(t)["active"], "the app tells when it has ended its work")
	require.Equal(t, false, changed.object(t)["enable"])
	changed = a.call(t, http.MethodPut, path, with(minimal(), "active", true))
	require.Equal(t, false, changed.object(t)["active"], "the app tells when it works with the new settings")
}

func TestP22TheUserIsTheCallerAndCannotBeSet(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, with(minimal(), "userId", "1"), "Authorization", "Bearer "+token("42"))
	require.Equal(t, "42", a.only(t).UserID)
	read := func() any { return a.call(t, http.MethodGet, path, nil).object(t)["userId"] }
	require.Equal(t, "42", read())
	a.call(t, http.MethodPut, path, with(minimal(), "userId", "1"), "Cookie", "elionaAuthorization="+token("43"))
	require.Equal(t, "43", read())
	a.call(t, http.MethodPut, path, minimal())
	require.Equal(t, "43", read(), "an unknown caller does not erase whom to notify")
}

// Not parallel: it looks at what the library of Eliona logs, which is global.
func TestRequestsWithoutAUsableTokenWorkWithoutAUser(t *testing.T) {
	library := &syncBuffer{}
	log.SetOutput(library)
	defer log.SetOutput(os.Stderr)
	a := serve(t)
	for _, headers := range [][]string{
		nil,
		{"Authorization", "Bearer no.token.atall"},
		{"Authorization", "Bearer x"},
		{"Authorization", "Basic eA=="},
		{"Cookie", "elionaAuthorization="},
		{"Cookie", "elionaAuthorization=%%%"},
	} {
		created := a.call(t, http.MethodPost, "/v1/configs", minimal(), headers...)
		require.Equal(t, http.StatusCreated, created.status, created.text)
		require.Empty(t, created.object(t)["userId"])
	}
	require.NotContains(t, a.log.String(), "level=ERROR")
	require.NotContains(t, a.log.String(), "level=WARN")
	require.Empty(t, library.String(), "an ERROR line without cause alarms operators")
}

func TestChangesAtTheSameMomentAllSucceedOrSayWhy(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, minimal())
	var group sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		group.Go(func() { statuses[i] = a.call(t, http.MethodPut, path, with(minimal(), "horizonDays", i+1)).status })
	}
	group.Wait()
	succeeded := 0
	for _, status := range statuses {
		require.Contains(t, []int{http.StatusOK, http.StatusConflict}, status)
		if status == http.StatusOK {
			succeeded++
		}
	}
	require.Positive(t, succeeded)
	require.Equal(t, int64(1+succeeded), a.only(t).Version)
}
