package conf_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ews/conf"
)

func TestASecretIsNeverShown(t *testing.T) {
	t.Parallel()
	c := complete()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("test", "configuration", c, "secret", c.Password)
	text, err := json.Marshal(c) // that this shows no secret is the point
	require.NoError(t, err)
	shown := log.String() + string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, c.Password) + fmt.Sprintf(verb, &c)
	}
	require.NotContains(t, shown, c.Password.Reveal())
	require.NotContains(t, shown, c.ClientSecret.Reveal())
	require.NotContains(t, shown, fmt.Sprintf("%x", c.Password.Reveal()))
	require.Contains(t, shown, conf.Mask)
	require.Empty(t, conf.Secret("").String(), "that there is no secret can be seen")
}

func TestASealedSecretOpensOnlyInItsPlace(t *testing.T) {
	t.Parallel()
	keys, err := conf.NewKeys(key(1))
	require.NoError(t, err)
	sealed := keys.Seal(7, "password", "s3cr3t")
	require.True(t, strings.HasPrefix(sealed, "ews-sealed:v1:"), sealed)
	require.NotContains(t, sealed, "s3cr3t")
	require.NotEqual(t, sealed, keys.Seal(7, "password", "s3cr3t"), "equal secrets do not look equal")

	secret, err := keys.Open(7, "password", sealed)
	require.NoError(t, err)
	require.Equal(t, "s3cr3t", secret.Reveal())

	other, err := conf.NewKeys(key(2))
	require.NoError(t, err)
	none, err := conf.NewKeys(nil)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		open func() (conf.Secret, error)
		want error
	}{
		"another configuration": {func() (conf.Secret, error) { return keys.Open(8, "password", sealed) }, conf.ErrDamaged},
		"another field":         {func() (conf.Secret, error) { return keys.Open(7, "clientSecret", sealed) }, conf.ErrDamaged},
		"another key":           {func() (conf.Secret, error) { return other.Open(7, "password", sealed) }, conf.ErrUnknownKey},
		"no key":                {func() (conf.Secret, error) { return none.Open(7, "password", sealed) }, conf.ErrNoKey},
		"a changed character":   {func() (conf.Secret, error) { return keys.Open(7, "password", sealed[:len(sealed)-2]+"AA") }, conf.ErrDamaged},
		"cut off":               {func() (conf.Secret, error) { return keys.Open(7, "password", sealed[:30]) }, conf.ErrDamaged},
		"no base64":             {func() (conf.Secret, error) { return keys.Open(7, "password", sealed+"!") }, conf.ErrDamaged},
		"a later version":       {func() (conf.Secret, error) { return keys.Open(7, "password", "ews-sealed:v2:x") }, conf.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept, err := tc.open()
			var failure *conf.SecretError
			require.ErrorAs(t, err, &failure)
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, "ews-sealed:", kept.Reveal()[:11], "the stored form is not lost")
		})
	}
}

// The stored form is a promise to later releases.
func TestTheSealedFormStaysReadable(t *testing.T) {
	t.Parallel()
	keys, err := conf.NewKeys(key(1))
	require.NoError(t, err)
	secret, err := keys.Open(7, "password", "ews-sealed:v1:32f68469:O1izKegdxymq74AqbMuPdJRHtkbd1AqZK3t+wQAgW64EAg")
	require.NoError(t, err)
	require.Equal(t, "s3cr3t", secret.Reveal())
}

func TestAnEarlierKeyStillOpens(t *testing.T) {
	t.Parallel()
	before, err := conf.NewKeys(key(1))
	require.NoError(t, err)
	after, err := conf.NewKeys(key(2), key(3), key(1))
	require.NoError(t, err)
	secret, err := after.Open(7, "password", before.Seal(7, "password", "s3cr3t"))
	require.NoError(t, err)
	require.Equal(t, "s3cr3t", secret.Reveal())
}

func TestWithoutAKeySecretsAreStoredAsTheyAre(t *testing.T) {
	t.Parallel()
	var keys conf.Keys
	require.False(t, keys.Configured())
	require.Equal(t, "s3cr3t", keys.Seal(7, "password", "s3cr3t"))
	withKey, err := conf.NewKeys(key(1))
	require.NoError(t, err)
	secret, err := withKey.Open(7, "password", "s3cr3t")
	require.NoError(t, err, "plain values of earlier releases are read with a key, too")
	require.Equal(t, "s3cr3t", secret.Reveal())
	require.Empty(t, withKey.Seal(7, "password", ""), "no secret stays no secret")
}

func TestKeysComeFromTheEnvironment(t *testing.T) {
	t.Parallel()
	encoded, older := base64.StdEncoding.EncodeToString(key(1)), base64.StdEncoding.EncodeToString(key(2))
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(encoded+"\n"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, tc := range map[string]struct {
		environment map[string]string
		configured  bool
		fault       string
	}{
		"nothing set":                {nil, false, ""},
		"key":                        {map[string]string{"SECRET_KEY": encoded}, true, ""},
		"key in a file":              {map[string]string{"SECRET_KEY_FILE": file}, true, ""},
		"with earlier keys":          {map[string]string{"SECRET_KEY": encoded, "SECRET_KEY_PREVIOUS": older + ", " + older}, true, ""},
		"both forms":                 {map[string]string{"SECRET_KEY": encoded, "SECRET_KEY_FILE": file}, false, "both set"},
		"file missing":               {map[string]string{"SECRET_KEY_FILE": file + "x"}, false, "SECRET_KEY_FILE"},
		"file empty":                 {map[string]string{"SECRET_KEY_FILE": empty}, false, "is empty"},
		"too short":                  {map[string]string{"SECRET_KEY": "c2hvcnQ="}, false, "openssl rand -base64 32"},
		"no base64":                  {map[string]string{"SECRET_KEY": "pass phrase"}, false, "openssl rand -base64 32"},
		"earlier key without a key":  {map[string]string{"SECRET_KEY_PREVIOUS": older}, false, "SECRET_KEY_PREVIOUS is set without"},
		"earlier key that is no key": {map[string]string{"SECRET_KEY": encoded, "SECRET_KEY_PREVIOUS": "old"}, false, "SECRET_KEY_PREVIOUS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := conf.KeysFromEnvironment(func(name string) string { return tc.environment[name] })
			if tc.fault != "" {
				require.ErrorContains(t, err, tc.fault)
				require.NotContains(t, err.Error(), "pass phrase")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.configured, keys.Configured())
		})
	}
	_, err := conf.NewKeys(key(1)[:31])
	require.Error(t, err)
}
