// Package soap reads, checks and writes the SOAP 1.1 messages of Exchange Web
// Services for a server.
//
// A message is a tree of Elements that remember where they stood in the
// request, so that a schema violation can name its line. The grammar in this
// package describes the requests a server accepts; it follows the "EWS XML
// elements in Exchange" reference on Microsoft Learn.
package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The namespaces of an EWS message.
const (
	NSEnvelope  = "http://schemas.xmlsoap.org/soap/envelope/"
	NSMessages  = "http://schemas.microsoft.com/exchange/services/2006/messages"
	NSTypes     = "http://schemas.microsoft.com/exchange/services/2006/types"
	NSErrors    = "http://schemas.microsoft.com/exchange/services/2006/errors"
	nsXMLPrefix = "xml" // marks attributes like xml:lang
)

// Attr is an attribute. Space is empty for unqualified attributes, which all
// attributes of EWS itself are.
type Attr struct {
	Space, Name, Value string
}

// Element is a node of a message. The zero Position is that of elements made
// by the server.
type Element struct {
	Space, Name string
	Attrs       []Attr
	Children    []*Element
	Text        string
	Line, Col   int
}

// New returns an element of the types namespace with the given children; nil
// children are left out.
func New(name string, children ...*Element) *Element {
	return (&Element{Space: NSTypes, Name: name}).Add(children...)
}

// NewM returns an element of the messages namespace.
func NewM(name string, children ...*Element) *Element {
	return (&Element{Space: NSMessages, Name: name}).Add(children...)
}

// Text returns an element of the types namespace with character content.
func Text(name, text string) *Element {
	return &Element{Space: NSTypes, Name: name, Text: text}
}

// TextM returns an element of the messages namespace with character content.
func TextM(name, text string) *Element {
	return &Element{Space: NSMessages, Name: name, Text: text}
}

// Bool returns an element of the types namespace holding an xs:boolean.
func Bool(name string, v bool) *Element { return Text(name, strconv.FormatBool(v)) }

// Int returns an element of the types namespace holding an xs:int.
func Int(name string, v int) *Element { return Text(name, strconv.Itoa(v)) }

// Time returns an element of the types namespace holding an xs:dateTime in UTC.
func Time(name string, t time.Time) *Element {
	return Text(name, t.UTC().Format("2006-01-02T15:04:05Z"))
}

// Add appends children, leaving out nil ones, and returns the element.
func (e *Element) Add(children ...*Element) *Element {
	for _, c := range children {
		if c != nil {
			e.Children = append(e.Children, c)
		}
	}
	return e
}

// With sets an unqualified attribute and returns the element.
func (e *Element) With(name, value string) *Element {
	e.Attrs = append(e.Attrs, Attr{Name: name, Value: value})
	return e
}

// Attr returns the value of an unqualified attribute, or "" if it is absent.
func (e *Element) Attr(name string) string {
	v, _ := e.LookupAttr(name)
	return v
}

// LookupAttr returns an unqualified attribute and whether it is present.
func (e *Element) LookupAttr(name string) (string, bool) {
	if e == nil {
		return "", false
	}
	for _, a := range e.Attrs {
		if a.Space == "" && a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// Child follows a path of local names and returns the first match, or nil.
// It may be called on a nil element.
func (e *Element) Child(path ...string) *Element {
	for _, name := range path {
		if e == nil {
			return nil
		}
		var next *Element
		for _, c := range e.Children {
			if c.Name == name {
				next = c
				break
			}
		}
		e = next
	}
	return e
}

// ChildText returns the text of the element at path, or "" if there is none.
func (e *Element) ChildText(path ...string) string {
	if c := e.Child(path...); c != nil {
		return c.Text
	}
	return ""
}

// ParseError tells that a request is not well-formed XML.
type ParseError struct{ Err error }

func (e *ParseError) Error() string { return "request is not well-formed XML: " + e.Err.Error() }

// Unwrap returns the decoder's error.
func (e *ParseError) Unwrap() error { return e.Err }

// maxDepth bounds the nesting of a request; EWS itself never goes beyond 30.
const maxDepth = 100

// Parse reads one document. Character data between child elements is dropped.
func Parse(r io.Reader) (*Element, error) {
	dec := xml.NewDecoder(r)
	var stack []*Element
	var root *Element
	for {
		line, col := dec.InputPos()
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &ParseError{err}
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := &Element{Space: t.Name.Space, Name: t.Name.Local, Line: line, Col: col}
			for _, a := range t.Attr {
				if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
					continue
				}
				e.Attrs = append(e.Attrs, Attr{Space: a.Name.Space, Name: a.Name.Local, Value: a.Value})
			}
			if len(stack) > 0 {
				parent := stack[len(stack)-1]
				parent.Children = append(parent.Children, e)
			} else if root != nil {
				return nil, &ParseError{errors.New("more than one root element")}
			} else {
				root = e
			}
			if stack = append(stack, e); len(stack) > maxDepth {
				return nil, &ParseError{fmt.Errorf("nested deeper than %d", maxDepth)}
			}
		case xml.EndElement:
			e := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if len(e.Children) > 0 {
				e.Text = ""
			}
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(t)
			}
		case xml.Directive:
			return nil, &ParseError{errors.New("document type declarations are not allowed")}
		}
	}
	if root == nil {
		return nil, &ParseError{io.ErrUnexpectedEOF}
	}
	return root, nil
}

// prefixes are the ones that Exchange itself uses in its answers.
var prefixes = map[string]string{NSEnvelope: "s", NSMessages: "m", NSTypes: "t", NSErrors: "e"}

// Marshal writes a document. Namespaces are declared where they are first
// needed, the way Exchange does.
func Marshal(root *Element) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>`)
	write(&b, root, nil)
	return b.Bytes()
}

func write(b *bytes.Buffer, e *Element, declared []string) {
	name := e.Name
	var declare []string
	need := func(space string) {
		if slices.Contains(declared, space) {
			return
		}
		declared = append(slices.Clip(declared), space)
		declare = append(declare, space)
	}
	if e.Space != "" {
		need(e.Space)
		name = prefixes[e.Space] + ":" + name
	}
	if e.Space == NSMessages {
		need(NSTypes)
	}
	b.WriteByte('<')
	b.WriteString(name)
	for _, space := range declare {
		fmt.Fprintf(b, ` xmlns:%s="%s"`, prefixes[space], space)
	}
	for _, a := range e.Attrs {
		b.WriteByte(' ')
		if a.Space == nsXMLPrefix {
			b.WriteString("xml:")
		}
		b.WriteString(a.Name)
		b.WriteString(`="`)
		escape(b, a.Value)
		b.WriteByte('"')
	}
	if len(e.Children) == 0 && e.Text == "" {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	escape(b, e.Text)
	for _, c := range e.Children {
		write(b, c, declared)
	}
	b.WriteString("</")
	b.WriteString(name)
	b.WriteByte('>')
}

// escape replaces what XML cannot carry in a text or attribute. Control
// characters that XML 1.0 forbids become U+FFFD; a stored subject may hold
// them, and Exchange's own habit of sending them as references is a fault that
// has to be asked for.
func escape(b *bytes.Buffer, s string) {
	if strings.ContainsAny(s, "<>&\"'\r\n\t") || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		_ = xml.EscapeText(b, []byte(s)) // bytes.Buffer does not fail
		return
	}
	b.WriteString(s)
}

// Empty tells whether an element is absent or has no children.
func (e *Element) Empty() bool { return e == nil || len(e.Children) == 0 }
