package contract

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/go-ntlmssp"
)

// The namespaces of a message.
const (
	nsEnvelope = "http://schemas.xmlsoap.org/soap/envelope/"
	nsMessages = "http://schemas.microsoft.com/exchange/services/2006/messages"
	nsTypes    = "http://schemas.microsoft.com/exchange/services/2006/types"
	nsErrors   = "http://schemas.microsoft.com/exchange/services/2006/errors"
)

const version = `<t:RequestServerVersion Version="Exchange2013_SP1"/>`

// envelope wraps the blocks of a header and an operation.
func envelope(header, operation string) string {
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="` + nsEnvelope + `" xmlns:m="` + nsMessages + `" xmlns:t="` + nsTypes +
		`"><soap:Header>` + header + `</soap:Header><soap:Body>` + operation + `</soap:Body></soap:Envelope>`
}

// acting is the header block that names the mailbox to act as.
func acting(kind, name string) string {
	return `<t:ExchangeImpersonation><t:ConnectingSID><t:` + kind + `>` + text(name) + `</t:` + kind + `></t:ConnectingSID></t:ExchangeImpersonation>`
}

// text writes a value for an element or attribute.
func text(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}

// node is an element of an answer.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []*node    `xml:",any"`
}

// at follows a path of local names; nil when there is no such element.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		found := n.all(name)
		if len(found) == 0 {
			return nil
		}
		n = found[0]
	}
	return n
}

// all returns the children of a local name.
func (n *node) all(name string) []*node {
	if n == nil {
		return nil
	}
	var found []*node
	for _, c := range n.Children {
		if c.XMLName.Local == name {
			found = append(found, c)
		}
	}
	return found
}

// text returns what stands at a path, "" when there is nothing.
func (n *node) text(path ...string) string {
	if n = n.at(path...); n == nil {
		return ""
	}
	return strings.TrimSpace(n.Text)
}

func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// having returns the elements with an attribute, wherever they are.
func (n *node) having(attr string) []*node {
	if n == nil {
		return nil
	}
	var found []*node
	if n.attr(attr) != "" {
		found = append(found, n)
	}
	for _, c := range n.Children {
		found = append(found, c.having(attr)...)
	}
	return found
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	soap   *node // the envelope; nil when the answer is none
}

// body is the operation's answer, or the fault.
func (a answer) body() *node {
	if b := a.soap.at("Body"); b != nil && len(b.Children) > 0 {
		return b.Children[0]
	}
	return nil
}

// messages are the parts of the answer that tell how something went.
func (a answer) messages() []*node { return a.body().having("ResponseClass") }

func (a answer) fault() *node {
	if b := a.body(); b != nil && b.XMLName.Local == "Fault" {
		return b
	}
	return nil
}

// codes returns what each part of the answer says; of a fault its only code.
func (a answer) codes() []string {
	if f := a.fault(); f != nil {
		return []string{f.text("detail", "ResponseCode")}
	}
	var codes []string
	for _, m := range a.messages() {
		codes = append(codes, m.text("ResponseCode"))
	}
	return codes
}

// account sends requests with one set of credentials.
type account struct {
	http      *http.Client
	transport *http.Transport
	url       string
	authorize func(*http.Request)
}

// connect logs on. HTTP/2 has no place for NTLM, and NTLM is one connection's.
func connect(ctx context.Context, t Target, c Credentials) (*account, error) {
	base := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: t.Roots, MinVersion: tls.VersionTLS12},
		TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
		Proxy:           http.ProxyFromEnvironment,
	}
	a := &account{transport: base, url: t.URL, http: &http.Client{
		Transport: base, Timeout: 2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if c.Logon() == Windows {
		base.MaxConnsPerHost = 1
		a.http.Transport = ntlmssp.Negotiator{RoundTripper: base}
		a.authorize = func(r *http.Request) { r.SetBasicAuth(c.Username, c.Password) }
		return a, nil
	}
	token, err := a.token(ctx, c)
	a.authorize = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	return a, err
}

// refusedToken is what an authority says when it gives none.
type refusedToken struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (r *refusedToken) Error() string {
	return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Description)
}

// token asks the authority for one.
func (a *account) token(ctx context.Context, c Credentials) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret}, "scope": {c.Scope}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got, err := a.do(r)
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	granted := struct {
		Type  string `json:"token_type"`
		Token string `json:"access_token"`
	}{}
	if got.status != http.StatusOK {
		refused := &refusedToken{Status: got.status}
		if err := json.Unmarshal([]byte(got.raw), refused); err != nil {
			return "", fmt.Errorf("read the authority's refusal: %w", err)
		}
		return "", refused
	}
	if err := json.Unmarshal([]byte(got.raw), &granted); err != nil || granted.Type != "Bearer" || granted.Token == "" {
		return "", errors.New("the authority's answer is no token")
	}
	return granted.Token, nil
}

// post sends a message as it is.
func (a *account) post(ctx context.Context, message string, set ...func(*http.Request)) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, strings.NewReader(message))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("Accept", "text/xml")
	a.authorize(r)
	for _, f := range set {
		f(r)
	}
	return a.do(r)
}

func (a *account) do(r *http.Request) (answer, error) {
	response, err := a.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	got := answer{status: response.StatusCode, header: response.Header, raw: string(content)}
	if err != nil {
		return got, err
	}
	var root node
	if xml.NewDecoder(bytes.NewReader(content)).Decode(&root) == nil && root.XMLName == (xml.Name{Space: nsEnvelope, Local: "Envelope"}) {
		got.soap = &root
	}
	return got, nil
}
