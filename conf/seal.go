package conf

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// The environment variables that give the key.
const (
	KeyVariable         = "SECRET_KEY"
	KeyFileVariable     = "SECRET_KEY_FILE"
	PreviousKeyVariable = "SECRET_KEY_PREVIOUS"
)

const (
	keySize = 32

	// A sealed secret is the prefix, the name of the key, a colon, and nonce
	// and ciphertext in base64.
	sealPrefix  = "ews-sealed:"
	sealVersion = sealPrefix + "v1:"
)

// Why a sealed secret cannot be opened.
var (
	ErrNoKey      = errors.New("it is encrypted, but no SECRET_KEY is set")
	ErrUnknownKey = errors.New("it is encrypted with another key than SECRET_KEY and SECRET_KEY_PREVIOUS")
	ErrDamaged    = errors.New("its encrypted form is damaged or belongs to another configuration")
)

// SecretError tells that a stored secret cannot be opened, and why.
type SecretError struct {
	ConfigID int64
	Field    string
	Err      error
}

// Error names the field and the reason, never the secret.
func (e *SecretError) Error() string {
	return fmt.Sprintf("the stored %s cannot be read: %v", e.Field, e.Err)
}

// Unwrap returns ErrNoKey, ErrUnknownKey or ErrDamaged.
func (e *SecretError) Unwrap() error { return e.Err }

// Keys are the keys that seal secrets: the current one, which may be missing,
// and earlier ones that still open what they sealed.
type Keys struct {
	current  *key
	previous []*key
}

type key struct {
	name string
	aead cipher.AEAD
}

// NewKeys takes 32 bytes per key. A nil current key means that secrets are not
// sealed.
func NewKeys(current []byte, previous ...[]byte) (Keys, error) {
	if current == nil {
		if len(previous) > 0 {
			return Keys{}, errors.New("earlier keys are of use only together with a current one")
		}
		return Keys{}, nil
	}
	var keys Keys
	var err error
	if keys.current, err = newKey(current); err != nil {
		return Keys{}, err
	}
	for _, secret := range previous {
		k, err := newKey(secret)
		if err != nil {
			return Keys{}, err
		}
		keys.previous = append(keys.previous, k)
	}
	return keys, nil
}

// KeysFromEnvironment reads the key from SECRET_KEY, or from the file named by
// SECRET_KEY_FILE, and earlier keys, separated by commas, from
// SECRET_KEY_PREVIOUS. Each is 32 random bytes in base64. A variable that is
// empty counts as not set.
func KeysFromEnvironment(getenv func(string) string) (Keys, error) {
	text, file := getenv(KeyVariable), getenv(KeyFileVariable)
	if text != "" && file != "" {
		return Keys{}, fmt.Errorf("%s and %s are both set: set one of them", KeyVariable, KeyFileVariable)
	}
	source := KeyVariable
	if file != "" {
		content, err := os.ReadFile(file) //nolint:gosec // the operator names the file
		if err != nil {
			return Keys{}, fmt.Errorf("reading the key named by %s: %w", KeyFileVariable, err)
		}
		text, source = string(content), "the file named by "+KeyFileVariable
		if strings.TrimSpace(text) == "" {
			return Keys{}, fmt.Errorf("%s is empty", source)
		}
	}
	var current []byte
	var err error
	if text != "" {
		if current, err = decodeKey(source, text); err != nil {
			return Keys{}, err
		}
	}
	var previous [][]byte
	if list := getenv(PreviousKeyVariable); list != "" {
		if current == nil {
			return Keys{}, fmt.Errorf("%s is set without %s", PreviousKeyVariable, KeyVariable)
		}
		for item := range strings.SplitSeq(list, ",") {
			secret, err := decodeKey(PreviousKeyVariable, item)
			if err != nil {
				return Keys{}, err
			}
			previous = append(previous, secret)
		}
	}
	return NewKeys(current, previous...)
}

func decodeKey(source, text string) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != keySize {
		// The cause would quote the key.
		return nil, fmt.Errorf("%s must be %d random bytes in base64, as \"openssl rand -base64 %d\" makes them", source, keySize, keySize)
	}
	return secret, nil
}

func newKey(secret []byte) (*key, error) {
	if len(secret) != keySize {
		return nil, fmt.Errorf("a key has %d bytes, not %d", keySize, len(secret))
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("preparing AES: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("preparing AES-GCM: %w", err)
	}
	sum := sha256.Sum256(append([]byte("ews key name\x00"), secret...))
	return &key{name: hex.EncodeToString(sum[:4]), aead: aead}, nil
}

// Configured tells whether secrets are sealed when they are stored.
func (k Keys) Configured() bool { return k.current != nil }

// Seal returns the form in which a secret of a configuration is stored.
// Without a key that is the secret itself; an empty secret stays empty, and
// one that could not be opened stays what it is.
func (k Keys) Seal(configID int64, field string, secret Secret) string {
	if k.current == nil || secret == "" || secret.Sealed() {
		return secret.Reveal()
	}
	sealed := k.current.aead.Seal(nil, nil, []byte(secret.Reveal()), binding(configID, field)) //nolint:gosec // the AEAD makes a random nonce itself
	return sealVersion + k.current.name + ":" + base64.RawStdEncoding.EncodeToString(sealed)
}

// Open returns the secret behind its stored form. With an error, which is a
// *SecretError, it returns the stored form, so that it is not lost when the
// configuration is stored again.
func (k Keys) Open(configID int64, field, stored string) (Secret, error) {
	if !Secret(stored).Sealed() {
		return Secret(stored), nil
	}
	plain, err := k.open(configID, field, stored)
	if err != nil {
		return Secret(stored), &SecretError{ConfigID: configID, Field: field, Err: err}
	}
	return Secret(plain), nil
}

func (k Keys) open(configID int64, field, stored string) ([]byte, error) {
	body, ok := strings.CutPrefix(stored, sealVersion)
	if !ok {
		return nil, ErrDamaged
	}
	name, text, _ := strings.Cut(body, ":")
	sealed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrDamaged
	}
	if k.current == nil {
		return nil, ErrNoKey
	}
	for _, candidate := range append([]*key{k.current}, k.previous...) {
		if candidate.name != name {
			continue
		}
		plain, err := candidate.aead.Open(nil, nil, sealed, binding(configID, field))
		if err != nil {
			return nil, ErrDamaged
		}
		return plain, nil
	}
	return nil, ErrUnknownKey
}

// stale tells whether a stored form should be replaced: a plain one, or one
// sealed with an earlier key.
func (k Keys) stale(stored string) bool {
	return k.current != nil && stored != "" && !strings.HasPrefix(stored, sealVersion+k.current.name+":")
}

// binding ties a sealed secret to its place: copied to another configuration
// or field it does not open.
func binding(configID int64, field string) []byte {
	return fmt.Appendf(nil, "ews/configuration/%d/%s", configID, field)
}
