package wire

import (
	"strings"
	"unicode/utf8"
)

// Text is a string that leaves the process: characters which XML 1.0 does not
// allow are dropped when it is marshalled. encoding/xml alone would turn them
// into U+FFFD, which then shows up in calendars.
type Text string

// MarshalText implements encoding.TextMarshaler for element text and attributes.
func (t Text) MarshalText() ([]byte, error) {
	return []byte(CleanText(string(t))), nil
}

// CleanText returns s without invalid UTF-8 and without characters that XML 1.0
// forbids (C0 controls except tab, line feed and carriage return; surrogates;
// U+FFFE and U+FFFF).
func CleanText(s string) string {
	clean := utf8.ValidString(s)
	if clean {
		for _, r := range s {
			if !ValidRune(r) {
				clean = false
				break
			}
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !(r == utf8.RuneError && size == 1) && ValidRune(r) {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// ValidRune reports whether XML 1.0 allows r as a character.
func ValidRune(r rune) bool {
	return r == 0x09 || r == 0x0A || r == 0x0D ||
		r >= 0x20 && r <= 0xD7FF ||
		r >= 0xE000 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0x10FFFF
}
