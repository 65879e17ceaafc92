package ntlm

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"strings"

	"golang.org/x/crypto/md4" //nolint:staticcheck // NTLM is defined with MD4
)

// authenticate is a parsed AUTHENTICATE_MESSAGE ([MS-NLMP] 2.2.1.3).
type authenticate struct {
	ntResponse   []byte
	domain, user string
	sessionKey   []byte
	flags        uint32
}

// micOffset is where the MIC stands in a message that has a version field.
const micOffset = 72

func parseAuthenticate(m []byte) (authenticate, error) {
	if len(m) < 64 {
		return authenticate{}, ErrMalformed
	}
	ok := true
	field := func(at int) []byte {
		length := int(binary.LittleEndian.Uint16(m[at:]))
		offset := int(binary.LittleEndian.Uint32(m[at+4:]))
		if offset > len(m) || length > len(m)-offset {
			ok = false
			return nil
		}
		return m[offset : offset+length]
	}
	decode := decodeOEM
	if binary.LittleEndian.Uint32(m[60:])&flagUnicode != 0 {
		decode = decodeUTF16
	}
	a := authenticate{
		ntResponse: field(20),
		domain:     decode(field(28)),
		user:       decode(field(36)),
		sessionKey: field(52),
		flags:      binary.LittleEndian.Uint32(m[60:]),
	}
	if !ok {
		return authenticate{}, ErrMalformed
	}
	return a, nil
}

func (s *Session) onAuthenticate(message []byte) (string, error) {
	if s.challenge == nil {
		return "", ErrOrder
	}
	a, err := parseAuthenticate(message)
	if err != nil {
		return "", err
	}
	if a.user == "" {
		return "", ErrAnonymous
	}
	// An NTLMv1 response is exactly 24 bytes; an NTLMv2 one starts with the
	// proof, followed by a client blob of at least 28 bytes.
	if len(a.ntResponse) < 16+28 {
		return "", ErrVersion1
	}
	proof, blob := a.ntResponse[:16], a.ntResponse[16:]
	if blob[0] != 1 {
		return "", ErrVersion1
	}
	account, password, known := s.config.Password(a.user, a.domain)
	key := responseKeyV2(password, a.user, a.domain)
	if !hmac.Equal(proof, ntProof(key, s.nonce, blob)) || !known {
		return "", ErrLogon
	}
	pairs, err := parsePairs(blob[28:])
	if err != nil {
		return "", err
	}
	if err := s.checkTime(binary.LittleEndian.Uint64(blob[8:])); err != nil {
		return "", err
	}
	if f := pairs[avFlags]; len(f) == 4 && binary.LittleEndian.Uint32(f)&avFlagMIC != 0 {
		if err := s.checkMIC(message, a, hmacMD5(key, proof)); err != nil {
			return "", err
		}
	}
	return account, s.checkBindings(pairs[avChannelBindings])
}

func (s *Session) checkTime(ft uint64) error {
	skew := s.config.Clock().Sub(fromFileTime(ft))
	if max(skew, -skew) > maxSkew {
		return ErrClockSkew
	}
	return nil
}

// checkMIC verifies the code over all three messages ([MS-NLMP] 3.1.5.1.2).
// For NTLMv2 the key exchange key is the session base key.
func (s *Session) checkMIC(message []byte, a authenticate, baseKey []byte) error {
	if len(message) < micOffset+16 {
		return ErrMalformed
	}
	key := baseKey
	if a.flags&flagKeyExchange != 0 {
		if len(a.sessionKey) != 16 {
			return ErrMalformed
		}
		cipher, err := rc4.NewCipher(baseKey)
		if err != nil {
			return ErrMalformed
		}
		key = make([]byte, 16)
		cipher.XORKeyStream(key, a.sessionKey)
	}
	sent := message[micOffset : micOffset+16]
	blank := bytes.Clone(message)
	clear(blank[micOffset : micOffset+16])
	if !hmac.Equal(sent, hmacMD5(key, s.negotiate, s.challenge, blank)) {
		return ErrIntegrity
	}
	return nil
}

func (s *Session) checkBindings(sent []byte) error {
	absent := len(sent) == 0 || bytes.Equal(sent, make([]byte, len(sent)))
	switch {
	case absent && s.config.RequireChannelBindings:
		return ErrChannelBindings
	case absent || s.config.ChannelBindings == nil && !s.config.RequireChannelBindings:
		return nil
	case !hmac.Equal(sent, s.config.ChannelBindings):
		return ErrChannelBindings
	}
	return nil
}

func parsePairs(b []byte) (map[uint16][]byte, error) {
	pairs := map[uint16][]byte{}
	for len(b) >= 4 {
		id, length := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if id == avEOL {
			return pairs, nil
		}
		if length > len(b)-4 {
			return nil, ErrMalformed
		}
		pairs[id] = b[4 : 4+length]
		b = b[4+length:]
	}
	return pairs, nil
}

// responseKeyV2 is NTOWFv2 ([MS-NLMP] 3.3.2).
func responseKeyV2(password, user, domain string) []byte {
	h := md4.New()
	h.Write(encodeUTF16(password))
	return hmacMD5(h.Sum(nil), encodeUTF16(strings.ToUpper(user)), encodeUTF16(domain))
}

// ntProof is NTProofStr ([MS-NLMP] 3.3.2).
func ntProof(key, nonce, blob []byte) []byte { return hmacMD5(key, nonce, blob) }

func hmacMD5(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
