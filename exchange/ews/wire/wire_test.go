package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSanitizer(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"<a>plain &amp; \t\r\n text</a>", "<a>plain &amp; \t\r\n text</a>"},
		{"\xEF\xBB\xBF<a/>", "<a/>"},
		{"a\x00b\x1Ac\x0Bd\x1F", "abcd"},
		{"&#x1A;&#26;&#x0;&#x0000B;", ""},
		{"&#9;&#x0A;&#xD;&#x20;", "&#9;&#x0A;&#xD;&#x20;"},
		{"&#xD800;&#xDFFF;&#xFFFE;&#65535;&#x110000;&#99999999999;", ""},
		{"&#xFFFD;&#x10FFFF;&#xE000;", "&#xFFFD;&#x10FFFF;&#xE000;"},
		{"\xEF\xBF\xBEx\xEF\xBF\xBFy\xEF\xBF\xBD", "xy\xEF\xBF\xBD"},
		{"&lt;&#x;&#;&#zz;&#x1", "&lt;&#x;&#;&#zz;&#x1"},
		{"&", "&"},
		{"&&#2;&#x3;&", "&&"},
	} {
		for name, r := range map[string]io.Reader{
			"whole":  strings.NewReader(test.in),
			"bytes":  iotest.OneByteReader(strings.NewReader(test.in)),
			"halves": iotest.HalfReader(strings.NewReader(test.in)),
			"eof":    iotest.DataErrReader(strings.NewReader(test.in)),
		} {
			got, err := io.ReadAll(NewSanitizer(r))
			require.NoError(t, err)
			require.Equal(t, test.want, string(got), "%s of %q", name, test.in)
			one, err := io.ReadAll(iotest.OneByteReader(NewSanitizer(strings.NewReader(test.in))))
			require.NoError(t, err)
			require.Equal(t, test.want, string(one))
		}
	}
	broken := errors.New("reset")
	_, err := io.ReadAll(NewSanitizer(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))))
	require.ErrorIs(t, err, broken)
	long := strings.Repeat("x&#1;\x02y", 20000)
	got, err := io.ReadAll(NewSanitizer(strings.NewReader(long)))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("xy", 20000), string(got))
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                          "plain",
		"a\x00b\x1Fc\td\n":               "abc\td\n",
		"bad\xFFutf8\xC3":                "badutf8",
		"\uFFFE\uFFFF\uFFFDok\U0010FFFF": "\uFFFDok\U0010FFFF",
	} {
		require.Equal(t, want, CleanText(in))
	}
}

func TestParseTime(t *testing.T) {
	at := func(h, m int) time.Time { return time.Date(2026, 12, 1, h, m, 0, 0, time.UTC) }
	for in, want := range map[string]time.Time{
		"2026-12-01T09:00:00Z":         at(9, 0),
		" 2026-12-01T09:00:00.987Z\n":  at(9, 0),
		"2026-12-01T10:00:00+01:00":    at(9, 0),
		"2026-12-01T09:00:00":          at(9, 0),
		"2026-12-01":                   at(0, 0),
		"2026-12-01Z":                  at(0, 0),
		"2026-12-01-08:00":             at(8, 0),
		"":                             {},
		"0001-01-01T00:00:00Z":         {},
		"4501-01-01T00:00:00Z":         {},
		"4500-09-01T00:00:00.0000000Z": {},
	} {
		got, err := ParseTime(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	_, err := ParseTime("next week")
	require.Error(t, err)
	require.Equal(t, "2026-12-01T08:59:59Z", FormatTime(at(10, 0).Add(-time.Nanosecond).In(time.FixedZone("", 3600)).Add(-time.Hour)))
	y, m, d, err := ParseDate("2014-03-08-08:00")
	require.NoError(t, err)
	require.Equal(t, []any{2014, time.March, 8}, []any{y, m, d}, "the zone does not move the day")
	for _, bad := range []string{"", "2014", "2014-13-40"} {
		_, _, _, err = ParseDate(bad)
		require.Error(t, err)
	}
}

const smallFault = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>a:ErrorX</faultcode><faultstring>no</faultstring></s:Fault></s:Body></s:Envelope>`

func TestDecodeEnvelope(t *testing.T) {
	e, err := DecodeEnvelope(strings.NewReader("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- c -->" + smallFault + "trailing \x00 rubbish"))
	require.NoError(t, err)
	require.Equal(t, "ErrorX", e.Body.Fault.Code())
	require.Equal(t, "no", e.Body.Fault.Text())

	for in, want := range map[string]error{
		"":            ErrTruncated,
		"  \n":        ErrTruncated,
		"<html/>":     ErrNotEnvelope,
		"<Envelope/>": ErrNotEnvelope,
		`<Envelope xmlns="https://schemas.xmlsoap.org/soap/envelope/"/>`: ErrNotEnvelope,
		"{}<":                          ErrTruncated,
		smallFault[:len(smallFault)-1]: ErrTruncated,
		smallFault[:150]:               ErrTruncated,
		"<a b=>":                       ErrNotEnvelope,
	} {
		_, err := DecodeEnvelope(strings.NewReader(in))
		require.ErrorIs(t, err, want, in)
	}
	reset := errors.New("reset")
	_, err = DecodeEnvelope(io.MultiReader(strings.NewReader(smallFault[:100]), iotest.ErrReader(reset)))
	require.ErrorIs(t, err, reset)
	_, err = DecodeEnvelope(strings.NewReader(strings.Replace(smallFault, "<s:Body>", "</s:Body>", 1)))
	require.ErrorContains(t, err, "decode the answer")
}

func TestEncodeKeepsMarkupOut(t *testing.T) {
	b, err := EncodeEnvelope(Header{Version: "Exchange2013_SP1", Impersonate: "a</t:SmtpAddress>@b"}, GetRooms{List: "\"<&>'\x01"})
	require.NoError(t, err)
	require.Contains(t, string(b), "a&lt;/t:SmtpAddress&gt;@b")
	require.Contains(t, string(b), "<t:EmailAddress>&#34;&lt;&amp;&gt;&#39;</t:EmailAddress>")
	_, err = EncodeEnvelope(Header{}, func() {})
	require.Error(t, err)
}

func FuzzDecodeEnvelope(f *testing.F) {
	f.Add([]byte(smallFault))
	f.Add([]byte("\xEF\xBB\xBF<html>&#x1A;"))
	f.Add([]byte(strings.Replace(smallFault, "<s:Fault>", `<m:GetItemResponse xmlns:m="m"><m:ResponseMessages><m:GetItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Items><CalendarItem><ItemId Id="&#1;x"/><Start>z</Start></CalendarItem></m:Items></m:GetItemResponseMessage></m:ResponseMessages></m:GetItemResponse><s:Fault>`, 1)))
	f.Add([]byte(strings.Replace(smallFault, "<s:Fault>", `<SyncFolderItemsResponse><ResponseMessages><SyncFolderItemsResponseMessage><Changes><Create><Message><ItemId Id="1"/></Message></Create><Delete><ItemId/></Delete><X/></Changes></SyncFolderItemsResponseMessage></ResponseMessages></SyncFolderItemsResponse><s:Fault>`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEnvelope(bytes.NewReader(b))
		if (e == nil) == (err == nil) {
			t.Fatalf("neither result nor error, or both: %v", err)
		}
		if e != nil {
			e.Body.Messages()
			if e.Body.Fault != nil {
				_ = e.Body.Fault.Code() + e.Body.Fault.Text()
				e.Body.Fault.Detail.MessageXML.Map()
			}
		}
		clean, err := io.ReadAll(NewSanitizer(bytes.NewReader(b)))
		if err != nil || len(clean) > len(b) {
			t.Fatalf("sanitising %d bytes gave %d, %v", len(b), len(clean), err)
		}
	})
}
