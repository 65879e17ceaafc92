package ews

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"ews/exchange/ews/wire"
)

// canned is a server without a network: it answers every request alike, and
// remembers the last one.
type canned struct {
	status int
	body   string
	last   []byte
}

func (c *canned) scheme(Options, *url.URL) (scheme, error) { return c, nil }

func (c *canned) send(_ context.Context, r *outgoing) (*http.Response, error) {
	r.delivered.Store(true)
	c.last = r.body
	return &http.Response{
		StatusCode: c.status, Header: http.Header{"Content-Type": {"text/xml"}, "Retry-After": {c.body[:min(5, len(c.body))]}},
		Body: io.NopCloser(strings.NewReader(c.body)),
	}, nil
}

func (*canned) close() {}

func (c *canned) client(t testing.TB) *Client {
	client, err := New(Options{URL: "https://mail.contoso.test/EWS/Exchange.asmx", Auth: c, BackOffBase: time.Microsecond, BackOffMax: time.Millisecond})
	require.NoError(t, err)
	return client
}

// FuzzAnswers: whatever a server sends, an operation ends with a result, or
// with an error that fits into one line of a log.
func FuzzAnswers(f *testing.F) {
	for i, c := range goldenCalls {
		f.Add(uint8(i), uint16(200), c.answer)
		f.Add(uint8(i), uint16(500), fault("ErrorServerBusy", `<t:Value Name="BackOffMilliseconds">1</t:Value>`))
	}
	f.Fuzz(func(t *testing.T, n uint8, status uint16, body string) {
		call := goldenCalls[int(n)%len(goldenCalls)]
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := call.call(ctx, (&canned{status: 100 + int(status)%500, body: body}).client(t))
		if err == nil {
			return
		}
		e := asError(t, err)
		if text := e.Error(); len(text) > 2000 || strings.ContainsFunc(text, unicode.IsControl) {
			t.Fatalf("not fit for a log: %q", text)
		}
		if len(e.Code) > maxCode || !utf8.ValidString(e.Code) || strings.ContainsAny(e.Code, " \t\r\n") {
			t.Fatalf("not a code: %q", e.Code)
		}
	})
}

// skeleton is a document without what people may have typed.
func skeleton(t testing.TB, document []byte) string {
	t.Helper()
	var b strings.Builder
	d := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		require.NoError(t, err, "%q", document)
		switch x := token.(type) {
		case xml.StartElement:
			b.WriteString("<" + x.Name.Local)
			for _, a := range x.Attr {
				b.WriteString(" " + a.Name.Local)
			}
			b.WriteString(">")
		case xml.EndElement:
			b.WriteString("</" + x.Name.Local + ">")
		case xml.ProcInst: // the declaration
			b.WriteString("<?" + x.Target)
		case xml.CharData:
		default:
			t.Fatalf("%T in a request", token)
		}
	}
}

// wordy are the operations that carry texts of people.
func wordy(text string) []func(context.Context, *Client) error {
	invitee := []Invitee{{Name: text, Address: text}}
	return []func(context.Context, *Client) error{
		func(ctx context.Context, c *Client) error {
			_, err := c.CreateMeeting(ctx, room, NewMeeting{
				Subject: text, Body: text, UID: text, Start: start, End: end, Location: text, TimeZoneID: text,
				Resources: invitee, RequiredAttendees: invitee, OptionalAttendees: invitee,
				Properties: []PropertyValue{{PublicString(text), text}},
			})
			return err
		},
		func(ctx context.Context, c *Client) error {
			_, err := c.UpdateItem(ctx, room, ByID(ItemID{ID: text, ChangeKey: text}), ItemUpdate{
				Subject: &text, Location: &text, Resources: &invitee, RequiredAttendees: &invitee, OptionalAttendees: &invitee,
			})
			return err
		},
		func(ctx context.Context, c *Client) error {
			return c.CancelMeeting(ctx, room, ItemID{ID: text, ChangeKey: text}, text)
		},
		func(ctx context.Context, c *Client) error {
			return c.DeclineItem(ctx, room, ItemID{ID: text, ChangeKey: text}, text)
		},
		func(ctx context.Context, c *Client) error {
			return c.DeleteItem(ctx, room, ByOccurrence(ItemID{ID: text, ChangeKey: text}, 1), DeleteOptions{})
		},
		func(ctx context.Context, c *Client) error {
			_, err := c.GetItems(ctx, room, []ItemRef{ByID(ItemID{ID: text}), MasterOf(ItemID{ID: text})}, GetOptions{Extended: []Property{NamedString(text, text)}})
			return err
		},
		func(ctx context.Context, c *Client) error {
			_, err := c.FindByString(ctx, room, Folder{Name: FolderCalendar, Owner: Mailbox(text)}, PublicString(text), text)
			return err
		},
		func(ctx context.Context, c *Client) error { _, err := c.ResolveNames(ctx, room, text); return err },
		func(ctx context.Context, c *Client) error { _, err := c.GetRooms(ctx, room, text); return err },
		func(ctx context.Context, c *Client) error {
			_, err := c.SyncFolderItems(ctx, room, SyncRequest{State: text})
			return err
		},
		func(ctx context.Context, c *Client) error {
			return c.Unsubscribe(ctx, room, SubscriptionID(text), nil)
		},
	}
}

// hostile are texts that try to be more than text.
var hostile = []string{
	`</t:Subject><t:Sensitivity>Private</t:Sensitivity>`, `"><t:X/>`, `' xmlns:t='urn:x`, `<!-- `, `]]>`, `<![CDATA[`, `<?xml version="1.0"?>`,
	`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>&b;`, "&#x0;&#26;&lt;&amp;", "\x00\x01\x08\x0b\x1f\x7f", "\xff\xfe\xc3\x28\xed\xa0\x80",
	"\ufffe\uffff\ufffd\u2028\u0085", "a\r\nb\tc", "😀\U0010ffff", strings.Repeat("x", 5000), "${jndi:ldap://x}", "' or 1=1 --",
}

// FuzzTextsStayTexts: no text of a person changes the form of a request.
func FuzzTextsStayTexts(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	sent := func(t testing.TB, call func(context.Context, *Client) error) []byte {
		server := &canned{status: http.StatusForbidden}
		_ = call(t.Context(), server.client(t))
		require.NotEmpty(t, server.last, "nothing was sent")
		return server.last
	}
	var harmless []string
	for _, call := range wordy("x") {
		harmless = append(harmless, skeleton(f, sent(f, call)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = "x" + text // an empty one may be left out
		for i, call := range wordy(text) {
			document := sent(t, call)
			if got := skeleton(t, document); harmless[i] != got {
				t.Fatalf("%q changes the request:\n%s\n%s", text, harmless[i], got)
			}
			if i > 0 {
				continue
			}
			var sent struct {
				Subject string `xml:"Body>CreateItem>Items>CalendarItem>Subject"`
				Room    string `xml:"Body>CreateItem>Items>CalendarItem>Resources>Attendee>Mailbox>EmailAddress"`
			}
			require.NoError(t, xml.Unmarshal(document, &sent))
			want := wire.CleanText(text) // line ends are escaped and so arrive as they were
			require.Equal(t, want, sent.Subject)
			require.Equal(t, want, sent.Room)
		}
	})
}

// FuzzChallenge: whatever a server calls a challenge is answered or refused.
func FuzzChallenge(f *testing.F) {
	for _, s := range []*ntlmServer{{}, {noInfo: true}, {noTimestamp: true}} {
		f.Add(s.challenge(), "NTLM realm=x", true)
	}
	f.Add([]byte("NTLMSSP\x00\x02\x00\x00\x00"), "NTLM !!, Negotiate TlRMTVNTUAAC", false)
	f.Fuzz(func(t *testing.T, challenge []byte, offer string, secure bool) {
		var binding []byte
		if secure {
			binding = bytes.Repeat([]byte{7}, 16)
		}
		before := bytes.Clone(challenge)
		message, err := authenticateMessage([]byte("negotiate"), challenge, `CONTOSO\jane`, "top-secret", binding)
		if !bytes.Equal(before, challenge) {
			t.Fatal("the challenge was written to")
		}
		switch {
		case err == nil && !bytes.HasPrefix(message, ntlmSignature):
			t.Fatalf("not an NTLM message: %x", message)
		case err != nil && strings.Contains(err.Error(), "top-secret"):
			t.Fatal(err)
		}
		_, offered := readChallenge(http.Header{"Www-Authenticate": {offer}}, "NTLM")
		otherScheme("NTLM", offered)
	})
}
