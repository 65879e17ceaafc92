package ews

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // NTLM is defined on it
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/Azure/go-ntlmssp"
	"golang.org/x/crypto/md4" //nolint:staticcheck,gosec // NTLM is defined on it
)

// go-ntlmssp neither sends channel bindings nor a message integrity code. Both
// can be had around it, because the NTLMv2 proof covers the target information
// it copies from the challenge: the client's own AV pairs are put into the
// challenge before go-ntlmssp answers it, and the MIC, which the proof does not
// cover, is inserted into the finished message. Layouts and rules: MS-NLMP
// 2.2.1.2, 2.2.1.3, 2.2.2.1 and 3.1.5.1.2.

// AV pair ids, MS-NLMP 2.2.2.1.
const (
	avEOL             = 0
	avFlags           = 6
	avTimestamp       = 7
	avChannelBindings = 10

	avFlagMIC = 2
)

// Offsets within the messages.
const (
	challengeTargetInfo = 40 // length, capacity, offset of the target information
	challengeMinLength  = 48
	fieldsStart         = 12 // six length/capacity/offset triples
	fieldsEnd           = 60
	ntResponseField     = 20
	sessionKeyField     = 52
	payloadStart        = 64 // where go-ntlmssp begins its payload
	micOffset           = 72
	micSize             = 16
	payloadShift        = micOffset + micSize - payloadStart // version and MIC
)

var ntlmSignature = []byte("NTLMSSP\x00")

// authenticateMessage answers challenge. binding is the channel binding token,
// or nil on plain http.
func authenticateMessage(negotiate, challenge []byte, username, password string, binding []byte) ([]byte, error) {
	enriched, withMIC, err := enrichChallenge(challenge, binding)
	if err != nil {
		return nil, err
	}
	message, err := ntlmssp.NewAuthenticateMessage(enriched, username, password, nil)
	if err != nil {
		return nil, fmt.Errorf("answer the challenge: %w", err)
	}
	if !withMIC {
		return message, nil
	}
	return insertMIC(message, negotiate, challenge, username, password)
}

// enrichChallenge adds the client's AV pairs to a copy of the challenge. A
// challenge without target information cannot carry any and stays as it is.
func enrichChallenge(challenge, binding []byte) (enriched []byte, withMIC bool, err error) {
	if len(challenge) < challengeMinLength || !bytes.HasPrefix(challenge, ntlmSignature) ||
		binary.LittleEndian.Uint32(challenge[8:]) != 2 {
		return nil, false, errors.New("the server's challenge is malformed")
	}
	info, err := field(challenge, challengeTargetInfo)
	if err != nil {
		return nil, false, err
	}
	if len(info) == 0 {
		return challenge, false, nil
	}
	var pairs []byte
	var flags uint32
	for rest := info; ; {
		if len(rest) < 4 {
			return nil, false, errors.New("the challenge's target information is cut off")
		}
		id, size := binary.LittleEndian.Uint16(rest), int(binary.LittleEndian.Uint16(rest[2:]))
		if id == avEOL {
			break
		}
		if len(rest) < 4+size {
			return nil, false, errors.New("the challenge's target information is cut off")
		}
		switch {
		case id == avFlags && size == 4:
			flags = binary.LittleEndian.Uint32(rest[4:])
		case id == avChannelBindings:
			// replaced by ours
		default:
			withMIC = withMIC || id == avTimestamp
			pairs = append(pairs, rest[:4+size]...)
		}
		rest = rest[4+size:]
	}
	// A client that sees a time stamp must send a MIC, and says so here.
	if withMIC {
		flags |= avFlagMIC
	}
	if flags != 0 {
		pairs = appendPair(pairs, avFlags, binary.LittleEndian.AppendUint32(nil, flags))
	}
	if binding != nil {
		pairs = appendPair(pairs, avChannelBindings, binding)
	}
	pairs = appendPair(pairs, avEOL, nil)
	if len(pairs) > 0xFFFF {
		return nil, false, errors.New("the challenge's target information is too long")
	}
	enriched = append(bytes.Clone(challenge), pairs...)
	putField(enriched, challengeTargetInfo, len(pairs), len(challenge))
	return enriched, withMIC, nil
}

func appendPair(b []byte, id uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, id)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value))) // values are short
	return append(b, value...)
}

// field returns the payload a length/capacity/offset triple at pos points to.
func field(message []byte, pos int) ([]byte, error) {
	size := uint64(binary.LittleEndian.Uint16(message[pos:]))
	offset := uint64(binary.LittleEndian.Uint32(message[pos+4:]))
	if size == 0 {
		return nil, nil
	}
	if offset+size > uint64(len(message)) {
		return nil, errors.New("an NTLM message points beyond its end")
	}
	return message[offset : offset+size], nil
}

func putField(message []byte, pos, size, offset int) {
	binary.LittleEndian.PutUint16(message[pos:], uint16(size))     // checked by the caller
	binary.LittleEndian.PutUint16(message[pos+2:], uint16(size))   // as above
	binary.LittleEndian.PutUint32(message[pos+4:], uint32(offset)) // as above
}

// insertMIC makes room for version and MIC behind the header and computes the
// MIC over all three messages. Without key exchange the exported session key is
// the session base key.
func insertMIC(message, negotiate, challenge []byte, username, password string) ([]byte, error) {
	if len(message) < payloadStart {
		return nil, errors.New("the authenticate message is too short")
	}
	response, err := field(message, ntResponseField)
	if err != nil {
		return nil, err
	}
	if len(response) < md5.Size {
		return nil, errors.New("the authenticate message has no NTLMv2 response")
	}
	key := hmacMD5(ntowfV2(username, password), response[:md5.Size])
	out := make([]byte, 0, len(message)+payloadShift)
	out = append(out, message[:payloadStart]...)
	out = append(out, make([]byte, payloadShift)...)
	out = append(out, message[payloadStart:]...)
	for pos := fieldsStart; pos < fieldsEnd; pos += 8 {
		offset := binary.LittleEndian.Uint32(out[pos+4:])
		switch {
		case pos == sessionKeyField && offset == 0:
			putField(out, pos, 0, len(out))
		case offset < payloadStart:
			return nil, errors.New("the authenticate message has an unexpected layout")
		default:
			binary.LittleEndian.PutUint32(out[pos+4:], offset+payloadShift)
		}
	}
	copy(out[micOffset:], hmacMD5(key, negotiate, challenge, out))
	return out, nil
}

// ntowfV2 derives the NTLMv2 key of a user, MS-NLMP 3.3.2.
func ntowfV2(username, password string) []byte {
	domain, user, ok := strings.Cut(username, `\`)
	if !ok {
		domain, user = "", username
	}
	h := md4.New() //nolint:gosec // NTLM is defined on it
	h.Write(utf16LE(password))
	return hmacMD5(h.Sum(nil), utf16LE(strings.ToUpper(user)+domain))
}

func utf16LE(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func hmacMD5(key []byte, parts ...[]byte) []byte {
	m := hmac.New(md5.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// endPointHashes maps the certificate's signature algorithm to the hash of the
// tls-server-end-point binding, RFC 5929 section 4.1; MD5 and SHA-1 become
// SHA-256, which is also used for algorithms that define no single hash.
var endPointHashes = map[x509.SignatureAlgorithm]crypto.Hash{
	x509.SHA384WithRSA:    crypto.SHA384,
	x509.SHA384WithRSAPSS: crypto.SHA384,
	x509.ECDSAWithSHA384:  crypto.SHA384,
	x509.SHA512WithRSA:    crypto.SHA512,
	x509.SHA512WithRSAPSS: crypto.SHA512,
	x509.ECDSAWithSHA512:  crypto.SHA512,
}

// channelBinding returns the value of MsvAvChannelBindings for a server
// certificate.
func channelBinding(certificate *x509.Certificate) []byte {
	hash, ok := endPointHashes[certificate.SignatureAlgorithm]
	if !ok {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write(certificate.Raw)
	return bindingToken(h.Sum(nil))
}

// bindingToken is the MD5 of the GSS channel bindings structure of RFC 2744
// with empty addresses and the certificate's hash as application data.
func bindingToken(certificateHash []byte) []byte {
	application := append([]byte("tls-server-end-point:"), certificateHash...)
	gss := make([]byte, 16, 20+len(application))
	gss = binary.LittleEndian.AppendUint32(gss, uint32(len(application))) // below 100
	sum := md5.Sum(append(gss, application...))                           //nolint:gosec // NTLM is defined on it
	return sum[:]
}
