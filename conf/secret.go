package conf

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Mask stands for a stored secret wherever it would be shown.
const Mask = "********"

// Secret is a text that must not be shown. However it is printed, logged or
// marshalled, the mask appears; only Reveal gives the text.
type Secret string

// Reveal returns the text, to send it where it belongs.
func (s Secret) Reveal() string { return string(s) }

// Sealed tells whether the text is a sealed one that could not be opened. It
// stands for the secret until the key is back, but cannot be used as one.
func (s Secret) Sealed() bool { return strings.HasPrefix(string(s), sealPrefix) }

// String returns the mask, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Mask
}

// Format prints the mask whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // fmt has no way to report it
}

// LogValue shows the mask in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText shows the mask in JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
