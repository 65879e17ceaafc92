package wire

import (
	"encoding/xml"
	"io"
)

// Stream reads SOAP documents that follow one another, as GetStreamingEvents is
// answered. Each may begin with an XML declaration; where the parts of the
// transfer begin and end does not matter.
type Stream struct {
	source  *tracker
	decoder *xml.Decoder
}

// NewStream returns a Stream that reads from r.
func NewStream(r io.Reader) *Stream {
	source := &tracker{r: r}
	return &Stream{source: source, decoder: xml.NewDecoder(NewSanitizer(source))}
}

// Next returns the next document as soon as its last byte has arrived. It fails
// with io.EOF after the last one, and otherwise as DecodeEnvelope does; the
// Stream is of no further use then.
func (s *Stream) Next() (*Envelope, error) {
	for {
		token, err := s.decoder.Token()
		if err == io.EOF && s.source.ended { //nolint:errorlint // the decoder returns it bare between documents only
			return nil, io.EOF
		}
		if err != nil {
			return nil, decodeError(err, s.source, ErrNotEnvelope)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != "Envelope" || start.Name.Space != NamespaceSOAP {
			return nil, ErrNotEnvelope
		}
		var e Envelope
		if err := s.decoder.DecodeElement(&e, &start); err != nil {
			return nil, decodeError(err, s.source, nil)
		}
		return &e, nil
	}
}
