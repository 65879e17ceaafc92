package ews

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const room = Mailbox("room1@contoso.test")

// seen is one request a fake server got.
type seen struct {
	operation string
	header    http.Header
	body      []byte
}

// fake is an EWS front end whose answers a test writes itself.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	seen    []seen
	respond func(n int, s seen, w http.ResponseWriter)
}

var operationName = regexp.MustCompile(`<soap:Body><m:(\w+)`)

func newFake(t testing.TB, respond func(n int, s seen, w http.ResponseWriter)) *fake {
	t.Helper()
	f := &fake{respond: respond}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(f.serve))
	f.Config.ErrorLog = quiet()
	t.Cleanup(f.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s := seen{header: r.Header.Clone(), body: body}
	if m := operationName.FindSubmatch(body); m != nil {
		s.operation = string(m[1])
	}
	f.mu.Lock()
	f.seen = append(f.seen, s)
	n := len(f.seen)
	f.mu.Unlock()
	f.respond(n, s, w)
}

func (f *fake) requests() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]seen(nil), f.seen...)
}

// answers returns a responder that sends the n-th text to the n-th request and
// repeats the last one.
func answers(texts ...string) func(int, seen, http.ResponseWriter) {
	return func(n int, _ seen, w http.ResponseWriter) {
		sendXML(w, http.StatusOK, texts[min(n, len(texts))-1])
	}
}

func sendXML(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("request-id", "server-id-1")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func envelope(body string) string {
	return `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">` +
		`<s:Header><h:ServerVersionInfo MajorVersion="15" xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header>` +
		`<s:Body xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">` +
		body + `</s:Body></s:Envelope>`
}

// messages wraps response messages of an operation.
func messages(operation string, list ...string) string {
	var b bytes.Buffer
	for _, m := range list {
		b.WriteString(m)
	}
	return envelope(fmt.Sprintf("<m:%[1]sResponse><m:ResponseMessages>%[2]s</m:ResponseMessages></m:%[1]sResponse>", operation, b.String()))
}

func success(operation, content string) string {
	return fmt.Sprintf(`<m:%[1]sResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>%[2]s</m:%[1]sResponseMessage>`, operation, content)
}

func failed(operation, class, code string) string {
	return fmt.Sprintf(`<m:%[1]sResponseMessage ResponseClass="%[2]s"><m:MessageText>Text.</m:MessageText><m:ResponseCode>%[3]s</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:Items/></m:%[1]sResponseMessage>`, operation, class, code)
}

func calendarItem(id, content string) string {
	return fmt.Sprintf(`<m:Items><t:CalendarItem><t:ItemId Id="%s" ChangeKey="CK"/>%s</t:CalendarItem></m:Items>`, id, content)
}

func fault(code, values string) string {
	return envelope(`<s:Fault><faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:` + code + `</faultcode>` +
		`<faultstring xml:lang="en-US">It failed.</faultstring><detail>` +
		`<e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">` + code + `</e:ResponseCode>` +
		`<e:Message xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">It failed.</e:Message>` +
		`<t:MessageXml>` + values + `</t:MessageXml></detail></s:Fault>`)
}

// pool returns a certificate pool that trusts the server.
func pool(s *httptest.Server) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(s.Certificate())
	return p
}

// newClient returns a client of the fake with Basic authentication.
func (f *fake) newClient(t testing.TB, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{URL: f.URL + "/EWS/Exchange.asmx", Auth: Basic{Username: "svc", Password: "secret-word"}, RootCAs: pool(f.Server)}
	for _, c := range change {
		c(&o)
	}
	c, err := New(o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func asError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	return e
}

// quiet keeps expected TLS failures of test servers out of the output.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
