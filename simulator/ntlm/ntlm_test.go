package ntlm

import (
	"bytes"
	"crypto/rc4"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The common values of [MS-NLMP] 4.2.1 and the NTLMv2 examples of 4.2.4.
const (
	vectorUser, vectorPassword, vectorDomain = "User", "Password", "Domain"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestVectorsOfMSNLMP(t *testing.T) {
	key := responseKeyV2(vectorPassword, vectorUser, vectorDomain)
	require.Equal(t, "0c868a403bfd7a93a3001ef22ef02e3f", hex.EncodeToString(key), "NTOWFv2, 4.2.4.1.1")

	// The blob of 4.2.4.1.3: time 0, client challenge aa.., the target info of 4.2.4.
	info := unhex(t, "02000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000")
	blob := append(unhex(t, "01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000"), info...)
	nonce := unhex(t, "0123456789abcdef")
	proof := ntProof(key, nonce, blob)
	require.Equal(t, "68cd0ab851e51c96aabc927bebef6a1c", hex.EncodeToString(proof), "NTProofStr, 4.2.4.2.2")

	base := hmacMD5(key, proof)
	require.Equal(t, "8de40ccadbc14a82f15cb0ad0de95ca3", hex.EncodeToString(base), "session base key, 4.2.4.1.2")

	// 4.2.4.2.3: the random session key 55.. under RC4 of the session base key.
	c, err := rc4.NewCipher(base)
	require.NoError(t, err)
	sealed := make([]byte, 16)
	c.XORKeyStream(sealed, bytes.Repeat([]byte{0x55}, 16))
	require.Equal(t, "c5dad2544fc9799094ce1ce90bc9d03e", hex.EncodeToString(sealed))
}

// client is a small NTLMv2 client whose deviations a test chooses.
type client struct {
	user, domain, password string
	bindings               []byte
	mic, badMIC, v1        bool
	keyExchange            bool
	when                   time.Time
}

func (c client) negotiate() []byte {
	b := make([]byte, 32)
	copy(b, signature)
	binary.LittleEndian.PutUint32(b[8:], 1)
	flags := uint32(flagUnicode | flagNTLM | flagRequestTarget | flagExtendedSecurity)
	if c.keyExchange {
		flags |= flagKeyExchange | flag128
	}
	binary.LittleEndian.PutUint32(b[12:], flags)
	return b
}

func (c client) authenticate(negotiate, challenge []byte) []byte {
	nonce := challenge[24:32]
	length, offset := int(binary.LittleEndian.Uint16(challenge[40:])), int(binary.LittleEndian.Uint32(challenge[44:]))
	info := bytes.TrimSuffix(challenge[offset:offset+length], make([]byte, 4))
	pair := func(id uint16, v []byte) {
		info = binary.LittleEndian.AppendUint16(slices.Clip(info), id)
		info = binary.LittleEndian.AppendUint16(info, uint16(len(v)))
		info = append(info, v...)
	}
	if c.mic {
		pair(avFlags, binary.LittleEndian.AppendUint32(nil, avFlagMIC))
	}
	if c.bindings != nil {
		pair(avChannelBindings, c.bindings)
	}
	info = append(info, make([]byte, 8)...)
	blob := []byte{1, 1, 0, 0, 0, 0, 0, 0}
	blob = binary.LittleEndian.AppendUint64(blob, fileTime(c.when))
	blob = append(append(append(blob, bytes.Repeat([]byte{0xaa}, 8)...), 0, 0, 0, 0), info...)
	key := responseKeyV2(c.password, c.user, c.domain)
	proof := ntProof(key, nonce, blob)
	response := append(bytes.Clone(proof), blob...)
	if c.v1 {
		response = make([]byte, 24)
	}
	base := hmacMD5(key, proof)
	sessionKey, sealed := base, []byte(nil)
	flags := binary.LittleEndian.Uint32(challenge[20:])
	if c.keyExchange {
		sessionKey = bytes.Repeat([]byte{0x55}, 16)
		sealed = make([]byte, 16)
		cipher, _ := rc4.NewCipher(base)
		cipher.XORKeyStream(sealed, sessionKey)
	}
	const header = 88
	m := make([]byte, header)
	copy(m, signature)
	binary.LittleEndian.PutUint32(m[8:], 3)
	binary.LittleEndian.PutUint32(m[60:], flags)
	for _, f := range []struct {
		at    int
		value []byte
	}{{12, make([]byte, 24)}, {20, response}, {28, encodeUTF16(c.domain)}, {36, encodeUTF16(c.user)}, {44, encodeUTF16("PC")}, {52, sealed}} {
		putField(m[f.at:], len(f.value), len(m))
		m = append(m, f.value...)
	}
	if c.mic {
		copy(m[micOffset:], hmacMD5(sessionKey, negotiate, challenge, m))
	}
	if c.badMIC {
		m[micOffset] ^= 1
	}
	return m
}

func TestHandshake(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	bindings := ServerEndPoint(&x509.Certificate{Raw: []byte("certificate"), SignatureAlgorithm: x509.SHA256WithRSA})
	good := client{user: "alice", domain: "EXAMPLE", password: "secret", when: now}
	with := func(change func(*client)) client { c := good; change(&c); return c }
	tests := []struct {
		name    string
		client  client
		require bool
		want    error
	}{
		{"domain and user", good, false, nil},
		{"user principal name", with(func(c *client) { c.user, c.domain = "alice@example.com", "" }), false, nil},
		{"wrong password", with(func(c *client) { c.password = "Secret" }), false, ErrLogon},
		{"unknown user", with(func(c *client) { c.user = "mallory" }), false, ErrLogon},
		{"anonymous", with(func(c *client) { c.user = "" }), false, ErrAnonymous},
		{"NTLMv1", with(func(c *client) { c.v1 = true }), false, ErrVersion1},
		{"integrity code", with(func(c *client) { c.mic = true }), false, nil},
		{"integrity code with key exchange", with(func(c *client) { c.mic, c.keyExchange = true, true }), false, nil},
		{"broken integrity code", with(func(c *client) { c.mic, c.badMIC = true, true }), false, ErrIntegrity},
		{"old response", with(func(c *client) { c.when = now.Add(-48 * time.Hour) }), false, ErrClockSkew},
		{"bindings", with(func(c *client) { c.bindings = bindings }), true, nil},
		{"bindings missing", good, true, ErrChannelBindings},
		{"bindings all zero", with(func(c *client) { c.bindings = make([]byte, 16) }), true, ErrChannelBindings},
		{"bindings all zero, not required", with(func(c *client) { c.bindings = make([]byte, 16) }), false, nil},
		{"bindings of another certificate", with(func(c *client) { c.bindings = bytes.Repeat([]byte{1}, 16) }), false, ErrChannelBindings},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSession(Config{
				ChannelBindings: bindings, RequireChannelBindings: tt.require,
				Clock: func() time.Time { return now },
				Password: func(user, domain string) (string, string, bool) {
					ok := user == "alice" && domain == "EXAMPLE" || user == "alice@example.com" && domain == ""
					return "alice@example.com", "secret", ok
				},
			})
			negotiate := tt.client.negotiate()
			challenge, _, err := s.Step(negotiate)
			require.NoError(t, err)
			_, account, err := s.Step(tt.client.authenticate(negotiate, challenge))
			require.ErrorIs(t, err, tt.want)
			if tt.want == nil {
				require.Equal(t, "alice@example.com", account)
			}
			_, _, err = s.Step(tt.client.authenticate(negotiate, challenge))
			require.ErrorIs(t, err, ErrOrder, "a challenge serves once")
		})
	}
}

func TestBindingHashOfKnownCertificate(t *testing.T) {
	// The structure is 16 zero bytes, the length and the data of RFC 5929.
	require.Len(t, bindingHash([]byte("tls-server-end-point:x")), 16)
	require.NotEqual(t, bindingHash([]byte("a")), bindingHash([]byte("b")))
}

// zeros is a source of challenges that are always the same.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzStep: whatever a client sends, nobody is logged on who does not know the
// password.
func FuzzStep(f *testing.F) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	config := Config{
		Rand: zeros{}, Clock: func() time.Time { return now },
		Password: func(string, string) (string, string, bool) { return "alice@example.com", "never guessed", true },
	}
	good := client{user: "alice", domain: "EXAMPLE", password: "secret", when: now}
	f.Add(good.negotiate())
	for _, c := range []client{
		good, {user: "alice@example.com", password: "secret", when: now, mic: true}, {user: "alice", v1: true},
		{user: "alice", when: now, mic: true, keyExchange: true}, {bindings: bytes.Repeat([]byte{1}, 16), when: now},
	} {
		challenge, _, err := NewSession(config).Step(c.negotiate())
		require.NoError(f, err)
		f.Add(c.authenticate(c.negotiate(), challenge))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		s := NewSession(config)
		_, _, err := s.Step(good.negotiate())
		require.NoError(t, err)
		reply, account, err := s.Step(message)
		if account != "" || (err == nil) == (reply == nil) {
			t.Fatalf("%x %q %v", reply, account, err)
		}
	})
}
