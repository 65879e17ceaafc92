package exchangesim

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"time"

	"ews/simulator/exchangesim/soap"
	"ews/simulator/ledger"
)

// client is the name in the ledger of whoever uses the web services.
const client = "client"

// actor is who causes what happens now: nobody in particular is a person.
type actor struct {
	name    string
	request int
}

// writes tells whether an operation may change a meeting.
func writes(operation string) bool {
	return slices.Contains([]string{"CreateItem", "UpdateItem", "DeleteItem"}, operation)
}

// note enters a change of a meeting into the ledger. The caller holds the lock.
func (s *Server) note(kind ledger.Kind, b *mailbox, a *appointment, original time.Time) {
	s.options.Ledger.Add(s.entryOf(kind, b, a, original))
}

func (s *Server) noteAnswer(b *mailbox, a *appointment, original time.Time, response string) {
	e := s.entryOf(ledger.Answered, b, a, original)
	e.Answer = response
	s.options.Ledger.Add(e)
}

func (s *Server) entryOf(kind ledger.Kind, b *mailbox, a *appointment, original time.Time) ledger.Entry {
	e := ledger.Entry{
		Service: Service, Kind: kind, By: s.actor.name, Number: s.actor.request, Mailbox: b.Address,
		UID: a.uid, Original: original, Organizer: a.organizer, Start: a.start, End: a.end,
	}
	if e.By == "" {
		e.By = ledger.Person
	}
	for _, x := range a.attendees {
		if room := s.lookup(x.address); room != nil && room.room != nil {
			e.Rooms = append(e.Rooms, x.address)
		}
	}
	return e
}

// enterInLedger enters a request that is over, however it ended.
func (x *exchange) enterInLedger(c *call) {
	if x.silent || x.cut {
		x.status = ""
	}
	x.server.options.Ledger.Add(ledger.Entry{
		Service: Service, Kind: ledger.Request, By: client, Number: c.actor.request, Began: x.began.UTC(),
		Client: x.r.RemoteAddr, Operation: c.operation, Mailbox: c.box.Address, Status: x.status,
	})
}

// codeIn is the first response code of an answer that is no success.
func codeIn(e *soap.Element) string {
	if e.Name == "ResponseCode" {
		return e.Text
	}
	found := ""
	for _, child := range e.Children {
		code := codeIn(child)
		if code != "" && code != "NoError" {
			return code
		}
		found = max(found, code)
	}
	return found
}

// oversize is more than a client should read of one answer.
const oversize = 80 << 20

// inflate sends an answer with a lot of white space in it, compressed where the
// client takes that: it is small on the wire and large when it is read.
func (x *exchange) inflate(code int, answer []byte) {
	at := bytes.Index(answer, []byte("Body>")) + len("Body>")
	blank := strings.Repeat(" ", 1<<20)
	h := x.w.Header()
	h.Set("Content-Type", "text/xml; charset=utf-8")
	var to io.Writer = x.w
	if strings.Contains(x.r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		compressed := gzip.NewWriter(x.w)
		defer func() { _ = compressed.Close() }()
		to = compressed
	}
	x.w.WriteHeader(code)
	_, err := to.Write(answer[:at])
	for n := 0; n < oversize && err == nil; n += len(blank) {
		_, err = io.WriteString(to, blank) // fails when the client has read enough
	}
	if err == nil {
		_, _ = to.Write(answer[at:])
	}
}
