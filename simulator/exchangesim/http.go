package exchangesim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/exchangesim/soap"
	"ews/simulator/fault"
)

// maxRequest is the size beyond which Exchange answers
// ErrorRequestStreamTooBig.
const maxRequest = 400 * 1024

// serve answers one HTTP request to the EWS endpoint.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	echoCorrelation(w, r)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusMethodNotAllowed)
		_, _ = io.WriteString(w, "<html><head><title>Exchange Web Services</title></head><body>The service accepts POST requests only.</body></html>")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		http.Error(w, "request could not be read", http.StatusBadRequest)
		return
	}
	who, ok := s.authenticate(w, r)
	if !ok {
		return
	}
	x := &exchange{server: s, w: w, r: r, request: body, operation: "unknown", began: began}
	if len(body) > maxRequest {
		_, _ = io.Copy(io.Discard, r.Body)
		x.fault(failWith("ErrorRequestStreamTooBig", "The request stream size exceeds the allowed limit."))
		return
	}
	x.run(who)
}

// echoCorrelation sets the headers that the "Instrumenting client requests"
// page describes.
func echoCorrelation(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	id := r.Header.Get("client-request-id")
	if id != "" && strings.EqualFold(r.Header.Get("return-client-request-id"), "true") {
		h.Set("client-request-id", id)
	}
	h.Set("request-id", fmt.Sprintf("%08x-0000-4000-8000-%012x", time.Now().UnixNano()>>32&0xffffffff, time.Now().UnixNano()&0xffffffffffff))
	h.Set("X-FEServer", "EXCHANGESIM")
	h.Set("X-DiagInfo", "EXCHANGESIM")
}

// exchange is one request with its answer on the way.
type exchange struct {
	server    *Server
	w         http.ResponseWriter
	r         *http.Request
	request   []byte
	operation string
	began     time.Time
	status    string // for the ledger
	cut       bool   // fault.Truncate
	silent    bool   // fault.ResetAfterBody
	oversized bool   // fault.Oversize
	streaming bool   // the first of several envelopes is sent
}

func (x *exchange) run(who identity) {
	envelope, err := soap.Parse(strings.NewReader(string(x.request)))
	if err != nil {
		x.server.log.Info("request is not XML", "reason", err)
		x.count(0, true)
		x.w.WriteHeader(http.StatusBadRequest)
		return
	}
	c, fail := x.open(who, envelope)
	if fail != nil {
		x.fault(fail)
		return
	}
	if writes(c.op.Name) {
		c.actor = actor{name: client, request: x.server.options.Ledger.Open()}
		defer x.enterInLedger(c)
	}
	if c.op.Name != "GetStreamingEvents" { // hanging connections have a budget of their own
		defer x.server.enter(who.account)()
		if fail := x.server.overloaded(who.account); fail != nil {
			x.fault(fail)
			return
		}
	}
	if !x.applyFault(c) {
		return
	}
	if !x.wait(x.server.latency()) {
		return
	}
	if c.op.Name == "GetStreamingEvents" {
		x.server.stream(x, c)
		return
	}
	x.answer(http.StatusOK, x.server.perform(c))
}

// perform carries an operation out.
func (s *Server) perform(c *call) *soap.Element {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	s.actor = c.actor
	answer := handlers[c.op.Name](s, c)
	s.actor = actor{}
	s.runDue() // what needs no time has happened when the answer arrives
	return answer
}

// open checks the envelope and finds out what is asked for, by whom.
func (x *exchange) open(who identity, envelope *soap.Element) (*call, *ewsError) {
	if envelope.Space != soap.NSEnvelope || envelope.Name != "Envelope" {
		return nil, schemaError(&soap.Violation{Line: envelope.Line, Col: envelope.Col, Message: "The root element is not a SOAP 1.1 envelope."})
	}
	header, body := envelope.Child("Header"), envelope.Child("Body")
	if body == nil || len(body.Children) != 1 || body.Space != soap.NSEnvelope {
		return nil, fail("ErrorInvalidRequest")
	}
	op := body.Children[0]
	x.operation = op.Name
	c := &call{ctx: x.r.Context(), server: x.server, op: op, caller: who.account}
	blocks, err := readHeader(header)
	if err != nil {
		return nil, err
	}
	if !soap.Known(op.Name) || op.Space != soap.NSMessages {
		return nil, failWith("ErrorInvalidRequest", "The request is invalid: operation "+op.Name+" is not supported.")
	}
	if err := asSchemaError(soap.CheckOperation(op)); err != nil {
		return nil, err
	}
	c.operation = operationName(op)
	x.operation = c.operation
	if c.zone, c.local, err = zoneContext(blocks["TimeZoneContext"]); err != nil {
		return nil, err
	}
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	if c.box, err = x.server.actAs(who, blocks["ExchangeImpersonation"]); err != nil {
		return nil, err
	}
	if c.box == nil {
		return nil, fail("ErrorNonExistentMailbox")
	}
	return c, nil
}

// readHeader checks the header blocks and the asked version.
func readHeader(header *soap.Element) (map[string]*soap.Element, *ewsError) {
	blocks := map[string]*soap.Element{}
	if header == nil {
		return blocks, nil
	}
	for _, h := range header.Children {
		if blocks[h.Name] != nil {
			return nil, fail("ErrorDuplicateSOAPHeader")
		}
		blocks[h.Name] = h
		if h.Name == "ExchangeImpersonation" && h.Child("ConnectingSID").Empty() {
			return nil, failWith("ErrorInvalidExchangeImpersonationHeaderData", "The impersonation header does not name a mailbox.")
		}
		if err := asSchemaError(soap.CheckHeader(h)); err != nil {
			return nil, err
		}
	}
	if v := blocks["RequestServerVersion"]; v != nil && !slices.Contains(soap.Versions(), v.Attr("Version")) {
		return nil, fail("ErrorInvalidServerVersion")
	}
	return blocks, nil
}

func asSchemaError(err error) *ewsError {
	var v *soap.Violation
	switch {
	case err == nil:
		return nil
	case errors.As(err, &v):
		return schemaError(v)
	}
	return failWith("ErrorSchemaValidation", err.Error())
}

func schemaError(v *soap.Violation) *ewsError {
	e := failWith("ErrorSchemaValidation", "The request failed schema validation: "+v.Message)
	e.details = []*soap.Element{
		soap.Text("LineNumber", strconv.Itoa(v.Line)), soap.Text("LinePosition", strconv.Itoa(v.Col)), soap.Text("Violation", v.Message),
	}
	return e
}

func zoneContext(block *soap.Element) (recurrence.Zone, bool, *ewsError) {
	if block == nil {
		return recurrence.UTC(), false, nil
	}
	z, err := recurrence.LoadZone(block.Child("TimeZoneDefinition").Attr("Id"))
	if err != nil {
		return recurrence.Zone{}, false, failWith("ErrorTimeZone", "The time zone of the TimeZoneContext is not known.")
	}
	return z, true, nil
}

// enter counts a running request of an account and returns its end.
func (s *Server) enter(account string) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active[account]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.active[account]--; s.active[account] == 0 {
			delete(s.active, account)
		}
	}
}

// overloaded applies the limit of concurrent requests.
func (s *Server) overloaded(account string) *ewsError {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.options.MaxConcurrency
	if s.active[account] <= limit {
		return nil
	}
	text := "You have exceeded the available concurrent connections for your account.  Try again once your other requests have completed."
	e := failWith("ErrorExceededConnectionCount", text)
	e.details = []*soap.Element{
		value("Policy", "MaxConcurrency"), value("MaxConcurrencyLimit", strconv.Itoa(limit)),
		value("ErrorMessage", fmt.Sprintf("This operation exceeds the throttling budget for policy part 'MaxConcurrency', policy value '%d',  Budget type: 'Ews'.  Suggested backoff time 0 ms.", limit)),
	}
	return e
}

// applyFault carries out a fault rule, if one hits; it reports whether the
// request is to be carried out.
func (x *exchange) applyFault(c *call) bool {
	rule, hit := x.server.options.Faults.Match(Service, c.operation, c.box.Address)
	if !hit {
		return true
	}
	if rule.RetryAfterSeconds > 0 {
		x.w.Header().Set("Retry-After", strconv.Itoa(rule.RetryAfterSeconds))
	}
	switch rule.Kind {
	case fault.Delay:
		return x.wait(time.Duration(rule.DelayMilliseconds) * time.Millisecond)
	case fault.ResetBefore:
		x.count(0, true)
		panic(http.ErrAbortHandler)
	case fault.ResetAfterBody:
		x.silent = true
		return true
	case fault.Truncate:
		x.cut = true
		return true
	case fault.Oversize:
		x.oversized = true
		return true
	case fault.SOAPFault:
		x.fault(fail(rule.Code))
	case fault.ResponseCode:
		x.answer(http.StatusOK, c.refuseAll(fail(rule.Code)))
	case fault.Throttle:
		e := fail("ErrorServerBusy")
		if rule.BackOffMilliseconds > 0 {
			e.details = []*soap.Element{value("BackOffMilliseconds", strconv.Itoa(rule.BackOffMilliseconds))}
		}
		x.fault(e)
	default:
		x.plainStatus(rule)
	}
	return false
}

// plainStatus answers like a web server or proxy in front of EWS.
func (x *exchange) plainStatus(rule fault.Rule) {
	code := rule.Status
	if code == 0 {
		code = http.StatusInternalServerError
	}
	x.status = strconv.Itoa(code)
	switch code {
	case http.StatusUnauthorized:
		x.count(0, true)
		x.server.challenge(x.w)
		return
	case http.StatusFound:
		x.w.Header().Set("Location", "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx")
	}
	page := fmt.Sprintf("<html><head><title>%d %s</title></head><body>Server Error in '/EWS' Application.</body></html>", code, http.StatusText(code))
	x.count(len(page), code >= 300)
	x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	x.w.WriteHeader(code)
	_, _ = io.WriteString(x.w, page)
}

// latency is how long this answer takes.
func (s *Server) latency() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.about(s.options.Latency, s.options.LatencyJitter)
}

// about makes a delay longer by chance; the caller holds the lock.
func (s *Server) about(delay, jitter time.Duration) time.Duration {
	if jitter > 0 {
		delay += time.Duration(s.rng.Int64N(int64(jitter)))
	}
	return delay
}

// wait delays the answer; it reports false when the client has gone.
func (x *exchange) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// fault answers with a SOAP fault.
func (x *exchange) fault(e *ewsError) {
	a := "a:" + e.code
	f := (&soap.Element{Space: soap.NSEnvelope, Name: "Fault"}).Add(
		(&soap.Element{Name: "faultcode", Text: a}).With("xmlns:a", soap.NSTypes),
		(&soap.Element{Name: "faultstring", Text: e.text, Attrs: []soap.Attr{{Space: "xml", Name: "lang", Value: "en-US"}}}),
	)
	x.status = e.code
	code := http.StatusInternalServerError
	if x.server.options.PlainFaults {
		f.Children[0] = &soap.Element{Name: "faultcode", Text: e.code}
		code = http.StatusOK
	} else {
		detail := (&soap.Element{Name: "detail"}).Add(
			&soap.Element{Space: soap.NSErrors, Name: "ResponseCode", Text: e.code},
			&soap.Element{Space: soap.NSErrors, Name: "Message", Text: e.text},
		)
		if len(e.details) > 0 {
			detail.Add(soap.New("MessageXml", e.details...))
		}
		f.Add(detail)
	}
	x.send(code, f, true)
}

func (x *exchange) answer(code int, body *soap.Element) {
	x.status = codeIn(body)
	x.send(code, body, failed(body))
}

func (x *exchange) send(code int, body *soap.Element, bad bool) {
	out := soap.Marshal(envelope(body))
	x.count(len(out), bad)
	x.server.record(x.operation, x.request, out)
	if x.silent {
		panic(http.ErrAbortHandler)
	}
	if x.oversized {
		x.inflate(code, out)
		return
	}
	h := x.w.Header()
	h.Set("Content-Type", "text/xml; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	x.w.WriteHeader(code)
	if x.cut {
		_, _ = x.w.Write(out[:len(out)/2])
		if flusher, ok := x.w.(http.Flusher); ok {
			flusher.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	_, _ = x.w.Write(out) // a client that went away is not our error
}

func (x *exchange) count(out int, bad bool) {
	x.server.options.Stats.Add(Service, x.operation, int64(len(x.request)), int64(out), bad)
}

// envelope wraps an answer with the version header.
func envelope(body *soap.Element) *soap.Element {
	version := soap.New("ServerVersionInfo").With("MajorVersion", "15").With("MinorVersion", "20").
		With("MajorBuildNumber", "8000").With("MinorBuildNumber", "1").With("Version", "V2018_01_08")
	return (&soap.Element{Space: soap.NSEnvelope, Name: "Envelope"}).Add(
		(&soap.Element{Space: soap.NSEnvelope, Name: "Header"}).Add(version),
		(&soap.Element{Space: soap.NSEnvelope, Name: "Body"}).Add(body),
	)
}

// chunk sends one envelope of a streaming answer; it reports false when the
// client has gone.
func (x *exchange) chunk(body *soap.Element) (int, bool) {
	out := soap.Marshal(envelope(body))
	if x.streaming {
		x.server.record(x.operation, nil, out)
	} else {
		x.server.record(x.operation, x.request, out)
	}
	x.streaming = true
	n, err := x.w.Write(out)
	if err != nil {
		return n, false
	}
	return n, http.NewResponseController(x.w).Flush() == nil
}

// record writes a request and its answer to RecordDir. Without a request it is a
// further answer of a stream.
func (s *Server) record(operation string, request, response []byte) {
	if s.options.RecordDir == "" {
		return
	}
	s.mu.Lock()
	s.recorded++
	base := filepath.Join(s.options.RecordDir, fmt.Sprintf("%06d-%s", s.recorded, operation))
	s.mu.Unlock()
	for _, f := range []struct {
		suffix  string
		content []byte
	}{{".request.xml", request}, {".response.xml", response}} {
		if len(f.content) == 0 {
			continue
		}
		if err := os.WriteFile(base+f.suffix, f.content, 0o600); err != nil {
			s.log.Error("recording failed", "error", err)
		}
	}
}
