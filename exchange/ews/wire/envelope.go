package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Namespaces of the envelope.
const (
	NamespaceSOAP     = "http://schemas.xmlsoap.org/soap/envelope/"
	NamespaceMessages = "http://schemas.microsoft.com/exchange/services/2006/messages"
	NamespaceTypes    = "http://schemas.microsoft.com/exchange/services/2006/types"
)

// Errors of DecodeEnvelope.
var (
	// ErrNotEnvelope says that the document's root is not a SOAP envelope.
	ErrNotEnvelope = errors.New("wire: the answer is not a SOAP envelope")
	// ErrTruncated says that the document ended before its root element did.
	ErrTruncated = errors.New("wire: the answer ends too early")
)

type requestEnvelope struct {
	XMLName xml.Name      `xml:"soap:Envelope"`
	SOAP    string        `xml:"xmlns:soap,attr"`
	M       string        `xml:"xmlns:m,attr"`
	T       string        `xml:"xmlns:t,attr"`
	Header  requestHeader `xml:"soap:Header"`
	Body    requestBody   `xml:"soap:Body"`
}

type requestHeader struct {
	Version struct {
		Version string `xml:"Version,attr"`
	} `xml:"t:RequestServerVersion"`
	Impersonation *impersonation `xml:"t:ExchangeImpersonation"`
}

type impersonation struct {
	SMTPAddress Text `xml:"t:ConnectingSID>t:SmtpAddress"`
}

type requestBody struct {
	Operation any
}

// Header is what the SOAP header of a request carries.
type Header struct {
	Version     string // RequestServerVersion, such as Exchange2013_SP1
	Impersonate string // SMTP address, or empty for no impersonation
}

// EncodeEnvelope marshals one operation into a complete SOAP document. The
// operation is one of this package's request structs.
func EncodeEnvelope(h Header, operation any) ([]byte, error) {
	e := requestEnvelope{SOAP: NamespaceSOAP, M: NamespaceMessages, T: NamespaceTypes}
	e.Header.Version.Version = h.Version
	if h.Impersonate != "" {
		e.Header.Impersonation = &impersonation{SMTPAddress: Text(h.Impersonate)}
	}
	e.Body.Operation = operation
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(e); err != nil {
		return nil, fmt.Errorf("wire: encode %T: %w", operation, err)
	}
	return b.Bytes(), nil
}

// Envelope is a decoded answer.
type Envelope struct {
	XMLName       xml.Name
	ServerVersion *ServerVersionInfo `xml:"Header>ServerVersionInfo"`
	Body          Body               `xml:"Body"`
}

// ServerVersionInfo is the build the server reports about itself.
type ServerVersionInfo struct {
	Major   string `xml:"MajorVersion,attr"`
	Minor   string `xml:"MinorVersion,attr"`
	Build   string `xml:"MajorBuildNumber,attr"`
	Version string `xml:"Version,attr"`
}

// Body is the content of soap:Body: a fault or one operation's response. All
// are nil when the server sent something else.
type Body struct {
	Fault           *Fault                   `xml:"Fault"`
	GetRoomLists    *GetRoomListsResponse    `xml:"GetRoomListsResponse"`
	GetRooms        *GetRoomsResponse        `xml:"GetRoomsResponse"`
	ResolveNames    *ResolveNamesResponse    `xml:"ResolveNamesResponse"`
	SyncFolderItems *SyncFolderItemsResponse `xml:"SyncFolderItemsResponse"`
	FindItem        *FindItemResponse        `xml:"FindItemResponse"`
	GetItem         *ItemResponse            `xml:"GetItemResponse"`
	CreateItem      *ItemResponse            `xml:"CreateItemResponse"`
	UpdateItem      *ItemResponse            `xml:"UpdateItemResponse"`
	DeleteItem      *ItemResponse            `xml:"DeleteItemResponse"`

	Subscribe          *SubscribeResponse          `xml:"SubscribeResponse"`
	Unsubscribe        *UnsubscribeResponse        `xml:"UnsubscribeResponse"`
	GetStreamingEvents *GetStreamingEventsResponse `xml:"GetStreamingEventsResponse"`
}

// Fault is a SOAP 1.1 fault.
type Fault struct {
	FaultCode   string `xml:"faultcode"`
	FaultString string `xml:"faultstring"`
	Detail      struct {
		ResponseCode string     `xml:"ResponseCode"`
		Message      string     `xml:"Message"`
		MessageXML   MessageXML `xml:"MessageXml"`
	} `xml:"detail"`
}

// Code returns the response code: the one in the detail, else the local part
// of the faultcode QName.
func (f *Fault) Code() string {
	if c := strings.TrimSpace(f.Detail.ResponseCode); c != "" {
		return c
	}
	c := strings.TrimSpace(f.FaultCode)
	return c[strings.LastIndexByte(c, ':')+1:]
}

// Text returns the server's explanation.
func (f *Fault) Text() string {
	if m := strings.TrimSpace(f.Detail.Message); m != "" {
		return m
	}
	return strings.TrimSpace(f.FaultString)
}

// MessageXML is the machine-readable appendix of a fault or response message.
type MessageXML struct {
	Values []struct {
		Name string `xml:"Name,attr"`
		Text string `xml:",chardata"`
	} `xml:"Value"`
	LineNumber   string `xml:"LineNumber"`
	LinePosition string `xml:"LinePosition"`
	Violation    string `xml:"Violation"`
	FieldURI     []struct {
		FieldURI string `xml:"FieldURI,attr"`
	} `xml:"FieldURI"`
}

// Map returns the appendix as name and value pairs.
func (m MessageXML) Map() map[string]string {
	out := make(map[string]string, len(m.Values))
	put := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			out[name] = value
		}
	}
	for _, v := range m.Values {
		put(v.Name, v.Text)
	}
	put("LineNumber", m.LineNumber)
	put("LinePosition", m.LinePosition)
	put("Violation", m.Violation)
	for _, f := range m.FieldURI {
		put("FieldURI", f.FieldURI)
	}
	return out
}

// DecodeEnvelope reads one SOAP document from r, cleaning it on the way. It
// fails with ErrNotEnvelope when the root is something else (an HTML page, for
// example), with ErrTruncated when the document is empty or incomplete, and with
// the parser's or reader's error otherwise.
func DecodeEnvelope(r io.Reader) (*Envelope, error) {
	e, err := NewStream(r).Next()
	if errors.Is(err, io.EOF) {
		return nil, ErrTruncated
	}
	return e, err
}

// tracker remembers why reading stopped. encoding/xml turns an early end into a
// syntax error, while the cause (a reset, a timeout, a size limit) decides what
// the caller may do next.
type tracker struct {
	r     io.Reader
	err   error
	ended bool // err is the regular end
}

func (t *tracker) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err != nil {
		t.err, t.ended = err, err == io.EOF
	}
	return n, err
}

func decodeError(err error, source *tracker, beforeRoot error) error {
	switch {
	case source.err != nil && !source.ended:
		return fmt.Errorf("wire: read the answer: %w", source.err)
	case source.ended && isEarlyEnd(err):
		return ErrTruncated
	case beforeRoot != nil:
		return beforeRoot
	}
	return fmt.Errorf("wire: decode the answer: %w", err)
}

func isEarlyEnd(err error) bool {
	var syntax *xml.SyntaxError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF")
}
