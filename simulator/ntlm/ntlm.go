// Package ntlm is the server side of NT LAN Manager authentication as HTTP
// servers use it, after "[MS-NLMP]: NT LAN Manager (NTLM) Authentication
// Protocol". It accepts NTLMv2 only, verifies the message integrity code when
// the client sends one, and can demand channel bindings, which is what
// "Extended Protection for Authentication" does on Exchange Server.
//
// A Session belongs to one TCP connection; the protocol authenticates the
// connection, not the request. The package is for test servers: it needs the
// passwords in clear text.
package ntlm

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf16"
)

// The negotiate flags that this package looks at ([MS-NLMP] 2.2.2.5).
const (
	flagUnicode           = 1 << 0
	flagOEM               = 1 << 1
	flagRequestTarget     = 1 << 2
	flagSign              = 1 << 4
	flagSeal              = 1 << 5
	flagNTLM              = 1 << 9
	flagAlwaysSign        = 1 << 15
	flagTargetTypeDomain  = 1 << 16
	flagExtendedSecurity  = 1 << 19
	flagTargetInfo        = 1 << 23
	flagVersion           = 1 << 25
	flag128               = 1 << 29
	flagKeyExchange       = 1 << 30
	flag56                = 1 << 31
	serverFlags           = flagNTLM | flagTargetTypeDomain | flagExtendedSecurity | flagTargetInfo | flagVersion
	grantedOnRequestFlags = flagRequestTarget | flagSign | flagSeal | flagAlwaysSign | flag128 | flagKeyExchange | flag56
)

// The attribute/value pairs of target information ([MS-NLMP] 2.2.2.1).
const (
	avEOL             = 0
	avComputer        = 1
	avDomain          = 2
	avDNSComputer     = 3
	avDNSDomain       = 4
	avFlags           = 6
	avTimestamp       = 7
	avChannelBindings = 10
	avFlagMIC         = 0x2
)

var signature = []byte("NTLMSSP\x00")

// The reasons why an authentication fails.
var (
	ErrMalformed       = errors.New("malformed NTLM message")
	ErrOrder           = errors.New("NTLM message out of order")
	ErrCharset         = errors.New("client offers neither Unicode nor OEM characters")
	ErrVersion1        = errors.New("NTLMv1 and LM responses are refused")
	ErrAnonymous       = errors.New("anonymous logon is refused")
	ErrLogon           = errors.New("unknown user or wrong password")
	ErrIntegrity       = errors.New("message integrity code does not match")
	ErrChannelBindings = errors.New("channel bindings are missing or do not match")
	ErrClockSkew       = errors.New("client clock differs too much")
)

// maxSkew is how old an NTLMv2 response may be; Windows' own default.
const maxSkew = 36 * time.Hour

// Config tells a session about its server. Password must be set.
type Config struct {
	Domain    string // NetBIOS name of the domain; default "EXAMPLE"
	Computer  string // NetBIOS name of the server; default "EXCHANGE"
	DNSDomain string // default "example.com"

	// Password returns the account behind a user name and its password. domain
	// is empty when the client sent a user principal name.
	Password func(user, domain string) (account, password string, ok bool)

	// ChannelBindings is the value for this TLS connection, see
	// ServerEndPoint; nil on a connection without TLS. A client that sends
	// other, non-zero bindings is refused. With RequireChannelBindings one
	// that sends none is refused as well.
	ChannelBindings        []byte
	RequireChannelBindings bool

	Clock func() time.Time // default time.Now
	Rand  io.Reader        // default crypto/rand
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *string
		value string
	}{{&c.Domain, "EXAMPLE"}, {&c.Computer, "EXCHANGE"}, {&c.DNSDomain, "example.com"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}

// Session is the state of one connection's handshake. It is not safe for
// concurrent use.
type Session struct {
	config    Config
	negotiate []byte
	challenge []byte
	nonce     []byte
}

// NewSession starts a handshake.
func NewSession(config Config) *Session {
	return &Session{config: config.withDefaults()}
}

// Step takes a client's message. After a NEGOTIATE_MESSAGE it returns the
// CHALLENGE_MESSAGE to send; after an AUTHENTICATE_MESSAGE it returns the
// account, or an error. The handshake starts again with every NEGOTIATE.
func (s *Session) Step(message []byte) (reply []byte, account string, err error) {
	if len(message) < 12 || !bytes.HasPrefix(message, signature) {
		return nil, "", ErrMalformed
	}
	switch binary.LittleEndian.Uint32(message[8:]) {
	case 1:
		reply, err = s.onNegotiate(message)
		return reply, "", err
	case 3:
		account, err = s.onAuthenticate(message)
		s.negotiate, s.challenge, s.nonce = nil, nil, nil
		return nil, account, err
	}
	return nil, "", ErrMalformed
}

func (s *Session) onNegotiate(message []byte) ([]byte, error) {
	if len(message) < 16 {
		return nil, ErrMalformed
	}
	asked := binary.LittleEndian.Uint32(message[12:])
	charset := asked & flagUnicode
	if charset == 0 {
		charset = asked & flagOEM
	}
	if charset == 0 {
		return nil, ErrCharset
	}
	s.nonce = make([]byte, 8)
	if _, err := io.ReadFull(s.config.Rand, s.nonce); err != nil {
		return nil, fmt.Errorf("draw server challenge: %w", err)
	}
	s.negotiate = bytes.Clone(message)
	s.challenge = s.buildChallenge(serverFlags | charset | asked&grantedOnRequestFlags)
	return bytes.Clone(s.challenge), nil
}

// buildChallenge lays out a CHALLENGE_MESSAGE ([MS-NLMP] 2.2.1.2).
func (s *Session) buildChallenge(flags uint32) []byte {
	const header = 56
	target := encodeUTF16(s.config.Domain)
	if flags&flagUnicode == 0 {
		target = []byte(s.config.Domain) // NetBIOS names are ASCII
	}
	info := s.targetInfo()
	b := make([]byte, header, header+len(target)+len(info))
	copy(b, signature)
	le := binary.LittleEndian
	le.PutUint32(b[8:], 2)
	putField(b[12:], len(target), header)
	le.PutUint32(b[20:], flags)
	copy(b[24:], s.nonce)
	putField(b[40:], len(info), header+len(target))
	copy(b[48:], []byte{10, 0, 0x63, 0x45, 0, 0, 0, 15}) // Windows 10.0.17763, NTLMSSP revision 15
	return append(append(b, target...), info...)
}

func (s *Session) targetInfo() []byte {
	var b []byte
	add := func(id uint16, value []byte) {
		b = binary.LittleEndian.AppendUint16(b, id)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, value...)
	}
	c := s.config
	add(avDomain, encodeUTF16(c.Domain))
	add(avComputer, encodeUTF16(c.Computer))
	add(avDNSDomain, encodeUTF16(c.DNSDomain))
	add(avDNSComputer, encodeUTF16(strings.ToLower(c.Computer)+"."+c.DNSDomain))
	add(avTimestamp, binary.LittleEndian.AppendUint64(nil, fileTime(c.Clock())))
	add(avEOL, nil)
	return b
}

func putField(b []byte, length, offset int) {
	binary.LittleEndian.PutUint16(b, uint16(length))
	binary.LittleEndian.PutUint16(b[2:], uint16(length))
	binary.LittleEndian.PutUint32(b[4:], uint32(offset))
}

func encodeUTF16(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func decodeUTF16(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

// decodeOEM reads the 8-bit names of clients that do not know Unicode. The
// code page of a server is a setting; this one takes ISO 8859-1.
func decodeOEM(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// fileTimeEpoch is 1601-01-01 in Unix seconds.
const fileTimeEpoch = -11644473600

func fileTime(t time.Time) uint64 {
	return uint64((t.Unix()-fileTimeEpoch)*1e7) + uint64(t.Nanosecond()/100)
}

func fromFileTime(ft uint64) time.Time {
	return time.Unix(int64(ft/1e7)+fileTimeEpoch, int64(ft%1e7)*100)
}
