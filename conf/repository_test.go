package conf_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/conf"
	"ews/db/dbtest"
)

func TestWhatIsStoredIsReadBack(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]conf.Keys{"in plain": {}, "sealed": keysOf(t, key(1))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository := conf.NewRepository(open(t), keys)
			for _, c := range []conf.Configuration{complete(), different()} {
				stored, err := repository.Insert(t.Context(), c, "42")
				require.NoError(t, err)
				require.Positive(t, stored.ID)
				c.ID, c.Version = stored.ID, 1
				require.Equal(t, c, stored)
				read, err := repository.Get(t.Context(), stored.ID)
				require.NoError(t, err)
				require.Equal(t, c, read)
			}
			list, err := repository.List(t.Context())
			require.NoError(t, err)
			require.Len(t, list, 2)
			require.Less(t, list[0].ID, list[1].ID)
		})
	}
}

func TestAnEmptyTableIsAnEmptyList(t *testing.T) {
	t.Parallel()
	list, err := conf.NewRepository(open(t), conf.Keys{}).List(t.Context())
	require.NoError(t, err)
	require.NotNil(t, list)
	require.Empty(t, list)
}

func TestUnknownIdsAreNotFound(t *testing.T) {
	t.Parallel()
	repository := conf.NewRepository(open(t), conf.Keys{})
	_, err := repository.Get(t.Context(), 7)
	require.ErrorIs(t, err, conf.ErrNotFound)
	c := complete()
	c.ID = 7
	_, err = repository.Update(t.Context(), c, "")
	require.ErrorIs(t, err, conf.ErrNotFound)
	require.ErrorIs(t, repository.Delete(t.Context(), 7, ""), conf.ErrNotFound)
	require.ErrorIs(t, repository.SetActive(t.Context(), 7, true), conf.ErrNotFound)
	require.ErrorIs(t, repository.SetStatus(t.Context(), 7, "code", "text"), conf.ErrNotFound)
}

func TestAnUpdateReplacesTheSettingsAndRaisesTheVersion(t *testing.T) {
	t.Parallel()
	db := open(t)
	repository := conf.NewRepository(db, keysOf(t, key(1)))
	stored, err := repository.Insert(t.Context(), complete(), "42")
	require.NoError(t, err)
	require.NoError(t, repository.SetActive(t.Context(), stored.ID, true))
	require.NoError(t, repository.SetStatus(t.Context(), stored.ID, "auth", "The password is wrong."))

	c := different()
	c.ID, c.Version = stored.ID, stored.Version
	updated, err := repository.Update(t.Context(), c, "43")
	require.NoError(t, err)
	require.True(t, updated.Active, "a disabled configuration is active until its work has ended")
	require.Equal(t, "auth", updated.Status.Code, "what the app reports is not part of an update")
	c.Version, c.Active, c.Status = 2, true, updated.Status
	require.Equal(t, c, updated)

	c.Enable = true
	updated, err = repository.Update(t.Context(), c, "43")
	require.NoError(t, err)
	require.False(t, updated.Active, "the app does not work with the new settings yet")
	_, err = repository.Update(t.Context(), c, "43")
	require.ErrorIs(t, err, conf.ErrConflict, "based on a version that is no longer the stored one")
}

func TestTheAppReportsOnAConfiguration(t *testing.T) {
	t.Parallel()
	repository := conf.NewRepository(open(t), conf.Keys{})
	stored, err := repository.Insert(t.Context(), complete(), "")
	require.NoError(t, err)
	read := func() conf.Configuration {
		c, err := repository.Get(t.Context(), stored.ID)
		require.NoError(t, err)
		require.Equal(t, int64(1), c.Version, "workers need not restart")
		return c
	}
	require.False(t, read().Active)
	require.NoError(t, repository.SetActive(t.Context(), stored.ID, true))
	require.True(t, read().Active)

	require.Zero(t, read().Status)
	require.NoError(t, repository.SetStatus(t.Context(), stored.ID, "auth", "The password is wrong."))
	first := read().Status
	require.Equal(t, "auth", first.Code)
	require.Equal(t, "The password is wrong.", first.Text)
	require.WithinDuration(t, time.Now(), first.Since, time.Hour)
	require.NoError(t, repository.SetStatus(t.Context(), stored.ID, "auth", "The password is still wrong."))
	require.Equal(t, first.Since, read().Status.Since, "the same reason lasts")
	require.NoError(t, repository.SetStatus(t.Context(), stored.ID, "network", "Exchange does not answer."))
	require.True(t, read().Status.Since.After(first.Since))
	require.NoError(t, repository.SetStatus(t.Context(), stored.ID, "", ""))
	require.NoError(t, repository.SetStatus(t.Context(), stored.ID, "", ""), "nothing new is fine")
	require.Zero(t, read().Status)
}

func TestEveryChangeLeavesAnAuditRow(t *testing.T) {
	t.Parallel()
	db := open(t)
	repository := conf.NewRepository(db, conf.Keys{})
	c := conf.Default()
	c.ClientID, c.ServiceUserUPN = "id", "eliona@example.com"
	stored, err := repository.Insert(t.Context(), c, "42")
	require.NoError(t, err)
	stored.Enable, stored.Password = false, "s3cr3t"
	stored, err = repository.Update(t.Context(), stored, "43")
	require.NoError(t, err)
	require.NoError(t, repository.Delete(t.Context(), stored.ID, ""))

	rows, err := db.QueryContext(t.Context(), `select action || ' by <' || user_id || '> ' || fields::text from ews.api_audit where configuration_id = $1 order by id`, stored.ID)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var got []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		got = append(got, line)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, []string{"create by <42> {clientId,serviceUserUPN}", "update by <43> {password,enable}", "delete by <> {}"}, got)
}

func TestWithAKeyTheTableHoldsNoSecret(t *testing.T) {
	t.Parallel()
	db := open(t)
	repository := conf.NewRepository(db, keysOf(t, key(1)))
	stored, err := repository.Insert(t.Context(), complete(), "")
	require.NoError(t, err)
	row := rowText(t, db, stored.ID)
	require.NotContains(t, row, stored.Password.Reveal())
	require.NotContains(t, row, stored.ClientSecret.Reveal())
}

func TestALostKeyConcernsOnlyItsConfigurations(t *testing.T) {
	t.Parallel()
	db := open(t)
	before, err := conf.NewRepository(db, keysOf(t, key(1))).Insert(t.Context(), complete(), "")
	require.NoError(t, err)
	repository := conf.NewRepository(db, keysOf(t, key(2)))
	fresh, err := repository.Insert(t.Context(), complete(), "")
	require.NoError(t, err)

	list, err := repository.List(t.Context())
	require.NoError(t, err)
	var failure *conf.SecretError
	require.ErrorAs(t, list[0].SecretError, &failure)
	require.Equal(t, before.ID, failure.ConfigID)
	require.ErrorIs(t, list[0].SecretError, conf.ErrUnknownKey)
	require.NoError(t, list[1].SecretError)
	require.Equal(t, fresh.Password, list[1].Password)

	list[0].HorizonDays = 30
	_, err = repository.Update(t.Context(), list[0], "")
	require.NoError(t, err, "it can be changed without entering the secrets")
	back, err := conf.NewRepository(db, keysOf(t, key(1))).Get(t.Context(), before.ID)
	require.NoError(t, err)
	require.NoError(t, back.SecretError, "and works again with the right key")
	require.Equal(t, before.Password, back.Password)

	list[0].Version, list[0].Password, list[0].ClientSecret = back.Version, "n3w", "n3w"
	healed, err := repository.Update(t.Context(), list[0], "")
	require.NoError(t, err)
	require.NoError(t, healed.SecretError, "or with secrets entered again")
}

func TestStoredSecretsFollowTheKeyAtStart(t *testing.T) {
	t.Parallel()
	db := open(t)
	plain, err := conf.NewRepository(db, conf.Keys{}).Insert(t.Context(), complete(), "")
	require.NoError(t, err)
	foreign, err := conf.NewRepository(db, keysOf(t, key(9))).Insert(t.Context(), complete(), "")
	require.NoError(t, err)
	foreignRow := rowText(t, db, foreign.ID)

	require.Contains(t, reseal(t, db, conf.Keys{}), "secrets are stored unencrypted")
	require.Contains(t, rowText(t, db, plain.ID), plain.Password.Reveal())

	require.Contains(t, reseal(t, db, keysOf(t, key(1))), "newly_encrypted=1")
	require.NotContains(t, rowText(t, db, plain.ID), plain.Password.Reveal())
	sealed := rowText(t, db, plain.ID)
	require.Contains(t, reseal(t, db, keysOf(t, key(1))), "newly_encrypted=0")
	require.Equal(t, sealed, rowText(t, db, plain.ID))

	reseal(t, db, keysOf(t, key(2), key(1)))
	rotated, err := conf.NewRepository(db, keysOf(t, key(2))).Get(t.Context(), plain.ID)
	require.NoError(t, err)
	require.NoError(t, rotated.SecretError, "the earlier key is no longer needed")
	require.Equal(t, plain, rotated, "neither content nor version changed")
	require.Equal(t, foreignRow, rowText(t, db, foreign.ID), "what cannot be opened is left alone")
}

// P03: rows as earlier releases wrote them, with null where they did.
func TestRowsOfEarlierReleasesAreRead(t *testing.T) {
	t.Parallel()
	db := open(t)
	_, err := db.ExecContext(t.Context(), `insert into ews.configuration (client_id, client_secret, asset_filter, active, enable, project_ids, user_id)
		values ('id', 'secret', 'null', null, null, null, null), ('id', 'secret', null, true, true, '{10}', '42')`)
	require.NoError(t, err)
	list, err := conf.NewRepository(db, keysOf(t, key(1))).List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 2)
	want := conf.Default()
	want.ClientID, want.ClientSecret, want.Version = "id", "secret", 1
	want.ID, want.Enable = list[0].ID, false
	require.Equal(t, want, list[0])
	want.ID, want.Enable, want.Active, want.ProjectIDs, want.UserID = list[1].ID, true, true, []string{"10"}, "42"
	require.Equal(t, want, list[1])
}

func TestADamagedFilterConcernsOnlyItsConfiguration(t *testing.T) {
	t.Parallel()
	db := open(t)
	_, err := db.ExecContext(t.Context(), `insert into ews.configuration (asset_filter) values ('{"name": "x"}'), (null)`)
	require.NoError(t, err)
	list, err := conf.NewRepository(db, conf.Keys{}).List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 2)
	filter, err := list[0].Filter()
	require.NoError(t, err)
	require.False(t, filter.Match(map[string]string{"name": "x", "email": "x"}), "no room becomes an asset by accident")
	require.Contains(t, fmt.Sprint(list[0].Validate()), "assetFilter[0][0].parameter")
	require.NotContains(t, fmt.Sprint(list[1].Validate()), "assetFilter")
}

func TestColumnsOfLaterReleasesDoNotDisturb(t *testing.T) {
	t.Parallel()
	db := open(t)
	_, err := db.ExecContext(t.Context(), `alter table ews.configuration add column later text not null default 'x'`)
	require.NoError(t, err)
	repository := conf.NewRepository(db, conf.Keys{})
	stored, err := repository.Insert(t.Context(), complete(), "")
	require.NoError(t, err)
	_, err = repository.Update(t.Context(), stored, "")
	require.NoError(t, err)
	_, err = repository.List(t.Context())
	require.NoError(t, err)
}

func TestNothingIsStoredWithoutItsAuditRow(t *testing.T) {
	t.Parallel()
	db := open(t)
	repository := conf.NewRepository(db, conf.Keys{})
	stored, err := repository.Insert(t.Context(), complete(), "")
	require.NoError(t, err)
	before := rowText(t, db, stored.ID)
	_, err = db.ExecContext(t.Context(), `drop table ews.api_audit`)
	require.NoError(t, err)

	_, err = repository.Insert(t.Context(), complete(), "")
	require.Error(t, err)
	changed := stored
	changed.HorizonDays = 1
	_, err = repository.Update(t.Context(), changed, "")
	require.Error(t, err)
	require.Error(t, repository.Delete(t.Context(), stored.ID, ""))
	list, err := repository.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, before, rowText(t, db, stored.ID))
}

func open(t *testing.T) *sql.DB {
	t.Helper()
	return dbtest.Open(t, dbtest.New(t))
}

func keysOf(t *testing.T, current []byte, previous ...[]byte) conf.Keys {
	t.Helper()
	keys, err := conf.NewKeys(current, previous...)
	require.NoError(t, err)
	return keys
}

func reseal(t *testing.T, db *sql.DB, keys conf.Keys) string {
	t.Helper()
	var log bytes.Buffer
	require.NoError(t, conf.NewRepository(db, keys).Reseal(t.Context(), slog.New(slog.NewTextHandler(&log, nil))))
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "one line: %s", &log)
	require.Contains(t, log.String(), "level=INFO")
	return log.String()
}

func rowText(t *testing.T, db *sql.DB, id int64) string {
	t.Helper()
	var text string
	require.NoError(t, db.QueryRowContext(t.Context(), `select c::text from ews.configuration c where id = $1`, id).Scan(&text))
	return text
}
