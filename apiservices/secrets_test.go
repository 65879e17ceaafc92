package apiservices_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/conf"
)

func TestSecretsAreNeverShownAndNeverStoredInPlain(t *testing.T) {
	t.Parallel()
	a := serve(t)
	const password, clientSecret = "pa55-never-shown", "cl13nt-never-shown"
	body := with(with(allSettings(), "password", password), "clientSecret", clientSecret)
	created := a.call(t, http.MethodPost, "/v1/configs", body)
	require.Equal(t, http.StatusCreated, created.status)
	path := "/v1/configs/1"
	var row string
	require.NoError(t, a.db.QueryRowContext(t.Context(), `select c::text from ews.configuration c`).Scan(&row))
	seen := created.text + row +
		a.call(t, http.MethodGet, path, nil).text +
		a.call(t, http.MethodGet, "/v1/configs", nil).text +
		a.call(t, http.MethodPut, path, body).text +
		a.call(t, http.MethodPut, path, with(body, "horizonDays", 0)).text +
		a.call(t, http.MethodPut, path, with(body, "typo", 0)).text +
		a.log.String()
	require.NotContains(t, seen, password)
	require.NotContains(t, seen, clientSecret)
	require.Equal(t, conf.Mask, created.object(t)["password"])
	require.Equal(t, password, a.only(t).Password.Reveal())
}

func TestAChangeKeepsReplacesOrRemovesTheSecret(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(map[string]any) map[string]any
		want   string
	}{
		"left out":   {func(b map[string]any) map[string]any { return without(b, "password") }, "0ld"},
		"null":       {func(b map[string]any) map[string]any { return with(b, "password", nil) }, "0ld"},
		"the mask":   {func(b map[string]any) map[string]any { return with(b, "password", "********") }, "0ld"},
		"another":    {func(b map[string]any) map[string]any { return with(b, "password", "n3w") }, "n3w"},
		"empty text": {func(b map[string]any) map[string]any { return with(b, "password", "") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t)
			path := a.add(t, with(allSettings(), "password", "0ld"))
			changed := a.call(t, http.MethodPut, path, tc.change(allSettings()))
			require.Equal(t, http.StatusOK, changed.status, changed.text)
			require.Equal(t, tc.want, a.only(t).Password.Reveal())
			require.Equal(t, a.only(t).Password.String(), changed.object(t)["password"])
		})
	}
}

func TestTheMaskIsNoSecretForANewConfiguration(t *testing.T) {
	t.Parallel()
	a := serve(t)
	refused := a.call(t, http.MethodPost, "/v1/configs", with(minimal(), "clientSecret", conf.Mask))
	require.Equal(t, http.StatusUnprocessableEntity, refused.status)
	require.Equal(t, []string{"clientSecret"}, refused.faulty(t))
}

func TestASealedFormIsNotTakenForASecret(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, minimal())
	for _, request := range [][2]string{{http.MethodPost, "/v1/configs"}, {http.MethodPut, path}} {
		refused := a.call(t, request[0], request[1], with(minimal(), "clientSecret", "ews-sealed:v1:x"))
		require.Equal(t, http.StatusUnprocessableEntity, refused.status)
		require.Equal(t, []string{"clientSecret"}, refused.faulty(t))
	}
}

func TestRemovingTheOnlyCredentialsIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	a := serve(t)
	path := a.add(t, minimal())
	before := a.only(t)
	refused := a.call(t, http.MethodPut, path, with(with(minimal(), "clientSecret", ""), "horizonDays", 30))
	require.Equal(t, http.StatusUnprocessableEntity, refused.status)
	require.Equal(t, before, a.only(t))
	require.Len(t, a.changed.all(), 1)
}
