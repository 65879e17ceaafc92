package wire

import (
	"bufio"
	"io"
	"strconv"
)

// maxReference bounds how far the reader looks for the ';' of a numeric
// character reference. The longest useful one is "&#x10FFFF;"; leading zeros
// are tolerated up to this length.
const maxReference = 32

// Sanitizer is an io.Reader that removes what a strict XML parser refuses but
// Exchange sends all the same: raw control bytes, numeric references to
// characters XML 1.0 forbids (such as &#x1A; in subjects), the encoded
// non-characters U+FFFE and U+FFFF, and a leading UTF-8 byte order mark.
// Everything else passes unchanged. It works on the stream, with constant
// memory.
type Sanitizer struct {
	r       *bufio.Reader
	started bool
	pending []byte // accepted bytes that did not fit into the caller's buffer
}

// NewSanitizer returns a Sanitizer that reads from r.
func NewSanitizer(r io.Reader) *Sanitizer {
	return &Sanitizer{r: bufio.NewReaderSize(r, 16<<10)}
}

// Read implements io.Reader.
func (s *Sanitizer) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !s.started {
		s.started = true
		s.skip(0xEF, 0xBB, 0xBF)
	}
	n := 0
	for n < len(p) {
		if len(s.pending) > 0 {
			m := copy(p[n:], s.pending)
			s.pending = s.pending[m:]
			n += m
			continue
		}
		// Blocking for more while something can be delivered would stall readers of
		// slow streams.
		if n > 0 && s.r.Buffered() == 0 {
			return n, nil
		}
		b, err := s.r.ReadByte()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		switch {
		case b == '&':
			s.reference()
		case b < 0x20 && b != 0x09 && b != 0x0A && b != 0x0D:
			// forbidden by XML 1.0
		case b == 0xEF && (s.skip(0xBF, 0xBE) || s.skip(0xBF, 0xBF)):
			// U+FFFE, U+FFFF
		default:
			p[n] = b
			n++
		}
	}
	return n, nil
}

// skip consumes want when it is what comes next.
func (s *Sanitizer) skip(want ...byte) bool {
	got, _ := s.r.Peek(len(want))
	if string(got) != string(want) {
		return false
	}
	_, _ = s.r.Discard(len(want))
	return true
}

// reference decides on what follows an ampersand already consumed: a numeric
// reference to a forbidden character is dropped, anything else is passed on.
func (s *Sanitizer) reference() {
	s.pending = append(s.pending[:0], '&')
	if next, _ := s.r.Peek(1); len(next) == 0 || next[0] != '#' {
		return
	}
	window, _ := s.r.Peek(maxReference)
	for i := 1; i < len(window); i++ {
		c := window[i]
		if c == ';' {
			if !validReference(string(window[1:i])) {
				s.pending = s.pending[:0]
				_, _ = s.r.Discard(i + 1)
			}
			return
		}
		if !isReferenceByte(c) {
			return
		}
	}
}

func isReferenceByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == 'x' || c == 'X'
}

// validReference judges the text between "&#" and ";". Malformed references are
// left for the XML parser to report.
func validReference(digits string) bool {
	base := 10
	if len(digits) > 1 && (digits[0] == 'x' || digits[0] == 'X') {
		base, digits = 16, digits[1:]
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return true
	}
	return v <= 0x10FFFF && ValidRune(rune(v))
}
