package ews

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// ntlmServer is a minimal NTLMv2 server: it binds the logon to the TCP
// connection and checks proof, channel bindings and MIC.
type ntlmServer struct {
	*httptest.Server
	scheme      string // NTLM or Negotiate
	password    string // of the only user, jane
	userForms   []string
	required    bool // channel bindings are required; else those that are sent must be right
	elsewhere   bool // TLS ends before this server, which knows another certificate
	noInfo      bool // challenges carry no target information
	noTimestamp bool
	perRequest  bool // the logon does not last
	respond     http.HandlerFunc

	mu       sync.Mutex
	refuse   int // how many logons to refuse although they are right
	logons   int
	refusals []string
	bodies   []int // sizes of all bodies received
	basic    bool
	peak, in int
}

type ntlmConn struct {
	negotiate, challenge []byte
	loggedOn             bool
}

type connKey struct{}

func newNTLMServer(t *testing.T, secure bool, change func(*ntlmServer)) *ntlmServer {
	t.Helper()
	s := &ntlmServer{scheme: "NTLM", password: "pässword", userForms: []string{"CONTOSO|jane", "|jane@contoso.test"}}
	s.respond = func(w http.ResponseWriter, _ *http.Request) {
		sendXML(w, 200, messages("ResolveNames", success("ResolveNames", "")))
	}
	if change != nil {
		change(s)
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = quiet()
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, &ntlmConn{})
	}
	s.EnableHTTP2 = true
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *ntlmServer) client(t *testing.T, user, password string, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{URL: s.URL + "/EWS/Exchange.asmx", Auth: NTLM{Username: user, Password: password}, AllowPlainHTTP: true}
	if s.Certificate() != nil {
		o.RootCAs = pool(s.Server)
	}
	for _, c := range change {
		c(&o)
	}
	c, err := New(o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func (s *ntlmServer) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	conn := r.Context().Value(connKey{}).(*ntlmConn)
	authorization := r.Header.Get("Authorization")
	s.mu.Lock()
	s.bodies = append(s.bodies, len(body))
	s.basic = s.basic || strings.HasPrefix(authorization, "Basic")
	s.in++
	s.peak = max(s.peak, s.in)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.in--; s.mu.Unlock() }()
	if r.ProtoMajor != 1 {
		http.Error(w, "HTTP_1_1_REQUIRED", http.StatusHTTPVersionNotSupported)
		return
	}
	unauthorized := func(values ...string) {
		for _, v := range values {
			w.Header().Add("WWW-Authenticate", v)
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(401)
		_, _ = io.WriteString(w, "<html>"+strings.Repeat("401 ", 1000)+"</html>")
	}
	if authorization == "" {
		if conn.loggedOn {
			conn.loggedOn = !s.perRequest
			s.respond(w, r)
			return
		}
		unauthorized(s.scheme, `Basic realm="x"`)
		return
	}
	scheme, encoded, _ := strings.Cut(authorization, " ")
	token, err := base64.StdEncoding.DecodeString(encoded)
	if scheme != s.scheme || err != nil || len(token) < 12 {
		unauthorized(s.scheme, `Basic realm="x"`)
		return
	}
	if token[8] == 1 {
		conn.negotiate, conn.challenge, conn.loggedOn = token, s.challenge(), false
		unauthorized(s.scheme+" "+base64.StdEncoding.EncodeToString(conn.challenge), `Basic realm="x"`)
		return
	}
	err = s.verify(conn, token, r)
	s.mu.Lock()
	s.logons++
	if err == nil && s.refuse > 0 {
		s.refuse--
		err = fmt.Errorf("refused on purpose")
	}
	if err != nil {
		s.refusals = append(s.refusals, err.Error())
	}
	s.mu.Unlock()
	if err != nil {
		unauthorized(s.scheme, `Basic realm="x"`)
		return
	}
	conn.loggedOn = !s.perRequest
	s.respond(w, r)
}

func (s *ntlmServer) challenge() []byte {
	pair := func(id uint16, v []byte) []byte {
		b := binary.LittleEndian.AppendUint16(nil, id)
		return append(binary.LittleEndian.AppendUint16(b, uint16(len(v))), v...)
	}
	info := bytes.Join([][]byte{pair(2, utf16LE("CONTOSO")), pair(1, utf16LE("EX1")), pair(10, make([]byte, 16))}, nil)
	if !s.noTimestamp {
		info = append(info, pair(7, []byte{1, 2, 3, 4, 5, 6, 7, 8})...)
	}
	info = append(info, pair(0, nil)...)
	if s.noInfo {
		info = nil
	}
	name := utf16LE("CONTOSO")
	b := append([]byte{}, ntlmSignature...)
	b = binary.LittleEndian.AppendUint32(b, 2)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, 0xA2898205&^0x40000000)
	b = append(b, 0xDE, 0xAD, 0xBE, 0xEF, 1, 2, 3, 4)
	b = append(b, make([]byte, 24)...)
	putField(b, 12, len(name), len(b))
	b = append(b, name...)
	putField(b, 40, len(info), len(b))
	return append(b, info...)
}

// verify checks an authenticate message with formulas of its own.
func (s *ntlmServer) verify(conn *ntlmConn, token []byte, r *http.Request) error {
	if conn.challenge == nil {
		return fmt.Errorf("no challenge was given on this connection")
	}
	part := func(pos int) []byte { b, _ := field(token, pos); return b }
	text := func(b []byte) string {
		var u []uint16
		for ; len(b) > 1; b = b[2:] {
			u = append(u, binary.LittleEndian.Uint16(b))
		}
		return string(utf16.Decode(u))
	}
	domain, user, response := text(part(28)), text(part(36)), part(20)
	known := false
	for _, form := range s.userForms {
		known = known || form == domain+"|"+user
	}
	if !known || len(response) < 44 {
		return fmt.Errorf("unknown user %s|%s", domain, user)
	}
	name := user
	if domain != "" {
		name = domain + `\` + user
	}
	key := ntowfV2(name, s.password)
	if !bytes.Equal(response[:16], hmacMD5(key, conn.challenge[24:32], response[16:])) {
		return fmt.Errorf("wrong proof")
	}
	pairs := map[uint16][]byte{}
	for rest := response[44:]; len(rest) >= 4; {
		id, size := binary.LittleEndian.Uint16(rest), binary.LittleEndian.Uint16(rest[2:])
		if id == 0 {
			break
		}
		if _, twice := pairs[id]; twice {
			return fmt.Errorf("AV pair %d occurs twice", id)
		}
		pairs[id], rest = rest[4:4+size], rest[4+size:]
	}
	if bound := !bytes.Equal(pairs[10], make([]byte, len(pairs[10]))); s.required || bound {
		hash := sha256.Sum256(s.Certificate().Raw)
		data := fmt.Sprintf("%s%stls-server-end-point:%s", make([]byte, 16), "\x35\x00\x00\x00", hash[:])
		if r.TLS == nil || s.elsewhere || !bytes.Equal(pairs[10], md5Of(data)) {
			return fmt.Errorf("wrong channel bindings")
		}
	}
	var flags byte
	if len(pairs[6]) == 4 {
		flags = pairs[6][0]
	}
	if hasTime := pairs[7] != nil; hasTime != (flags&2 != 0) {
		return fmt.Errorf("MIC flag %d with time stamp %v", flags, hasTime)
	}
	if flags&2 == 0 {
		return nil
	}
	bare := bytes.Clone(token)
	clear(bare[72:88])
	if !bytes.Equal(token[72:88], hmacMD5(hmacMD5(key, response[:16]), conn.negotiate, conn.challenge, bare)) {
		return fmt.Errorf("wrong MIC")
	}
	return nil
}
