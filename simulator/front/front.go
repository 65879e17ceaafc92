// Package front is what the REST simulators put before their routes: it
// counts requests, carries out the faults that the control API asked for, and
// reads and writes JSON as strictly as the real services do.
//
// An operation is named after the route that serves it: "METHOD /path"
// without the base path and with {} for variable segments, for example
// "GET /assets/{}".
package front

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"ews/simulator/fault"
	"ews/simulator/ledger"
	"ews/simulator/stats"
)

// Options configures a Front.
type Options struct {
	Service string          // name in faults and statistics
	Base    string          // base path, e.g. "/v2"
	Faults  *fault.Registry // may be nil
	Stats   *stats.Counters // may be nil
	Journal *Journal        // may be nil
	Ledger  *ledger.Ledger  // records requests that may change something; may be nil

	// Delay is asked once per request for the time to wait before it is
	// served. Nil means never.
	Delay func() time.Duration
}

// Front is an http.Handler before a ServeMux.
type Front struct {
	mux  *http.ServeMux
	opts Options
}

// New puts a front before mux.
func New(mux *http.ServeMux, opts Options) *Front {
	return &Front{mux: mux, opts: opts}
}

var pathVariable = regexp.MustCompile(`\{[^}]*\}`)

// Operation names the route that serves r; requests that no route serves
// share one name, so that a client cannot fill the statistics with paths.
func (f *Front) Operation(r *http.Request) string {
	_, pattern := f.mux.Handler(r)
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		return r.Method + " (unknown)"
	}
	return method + " " + pathVariable.ReplaceAllString(strings.TrimPrefix(path, f.opts.Base), "{}")
}

// ServeHTTP counts the request, lets the first matching fault have its way,
// and otherwise serves the route.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := f.Operation(r)
	began := time.Now()
	in := &countingBody{ReadCloser: r.Body}
	r.Body = in
	out := &countingWriter{ResponseWriter: w}
	if r.Method != http.MethodGet && f.opts.Ledger != nil {
		number := f.opts.Ledger.Open()
		r = r.WithContext(context.WithValue(r.Context(), numberKey{}, number))
		defer func() {
			e := ledger.Entry{
				Service: f.opts.Service, Kind: ledger.Request, By: client, Number: number, Began: began.UTC(),
				Client: r.RemoteAddr, Operation: operation,
			}
			if out.status != 0 {
				e.Status = strconv.Itoa(out.status)
			}
			f.opts.Ledger.Add(e)
		}()
	}
	record := sync.OnceFunc(func() {
		f.opts.Stats.Add(f.opts.Service, operation, in.n, out.n, out.failed)
		f.opts.Journal.add(Entry{
			Time: began.UTC(), Service: f.opts.Service, Operation: operation,
			URI: r.URL.RequestURI(), Status: out.status, Body: journalBody(in.head),
		})
	})
	// A WebSocket counts when it begins: it may never end. A fault aborts the
	// handler by panicking, which must be counted as well.
	out.taken = record
	defer record()

	if f.opts.Delay != nil && !pause(r, f.opts.Delay()) {
		return
	}
	rule, hit := f.opts.Faults.Match(f.opts.Service, operation, "")
	if hit {
		f.fail(out, r, rule)
	} else {
		f.mux.ServeHTTP(out, r)
	}
}

// client is the name in the ledger of whoever calls the API.
const client = "client"

type numberKey struct{}

// Author returns who a change is caused by: the client whose request has this
// context, with the request's number.
func Author(ctx context.Context) (name string, number int) {
	number, _ = ctx.Value(numberKey{}).(int)
	return client, number
}

// fail carries out one fault. Kinds that only mean something in EWS are
// answered as an internal server error.
func (f *Front) fail(w *countingWriter, r *http.Request, rule fault.Rule) {
	switch rule.Kind {
	case fault.Delay:
		if pause(r, time.Duration(rule.DelayMilliseconds)*time.Millisecond) {
			f.mux.ServeHTTP(w, r)
		}
	case fault.Throttle:
		seconds := max(rule.RetryAfterSeconds, (rule.BackOffMilliseconds+999)/1000, 1)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		discard(r)
		WriteError(w, http.StatusTooManyRequests, "too many requests")
	case fault.ResetBefore:
		discard(r)
		reset(w)
	case fault.ResetAfterBody:
		if !isUpgrade(r) {
			f.mux.ServeHTTP(httptest.NewRecorder(), r)
		}
		reset(w)
	case fault.Truncate:
		f.truncate(w, r)
	case fault.Oversize:
		f.inflate(w, r)
	default:
		status := rule.Status
		if status < 100 || status > 999 {
			status = http.StatusInternalServerError
		}
		discard(r)
		WriteError(w, status, "simulated fault")
	}
}

// truncate serves the request and sends the head and half of the body, then
// closes the connection. An upgrade cannot be cut in half: it is reset.
func (f *Front) truncate(w *countingWriter, r *http.Request) {
	if isUpgrade(r) {
		reset(w)
	}
	answer := httptest.NewRecorder()
	f.mux.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	if len(body) == 0 {
		reset(w)
	}
	maps.Copy(w.Header(), answer.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	w.failed = true
	_, _ = io.Copy(w, bytes.NewReader(body[:len(body)/2]))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// oversize is more than a client should read of one answer.
const oversize = 80 << 20

// inflate serves the request and answers with a lot of white space before the
// body, until the client has read enough.
func (f *Front) inflate(w *countingWriter, r *http.Request) {
	if isUpgrade(r) {
		reset(w)
	}
	answer := httptest.NewRecorder()
	f.mux.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.failed = true
	blank := bytes.Repeat([]byte(" "), 1<<20)
	for n := 0; n < oversize; n += len(blank) {
		if _, err := w.Write(blank); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	_, _ = w.Write(answer.Body.Bytes())
}

// reset closes the connection without an answer. With a linger time of zero
// the peer sees a reset rather than an orderly end. It never returns.
func reset(w *countingWriter) {
	w.failed = true
	if conn, _, err := http.NewResponseController(w.ResponseWriter).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// discard reads the request to its end: the fault hits a request that was
// received completely.
func discard(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

func isUpgrade(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// pause waits and tells whether the client is still there. That is noticed only
// once its request was received completely.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// countingBody counts what is read and keeps the beginning, one byte more than
// the journal takes, so that the journal notices what is too long.
type countingBody struct {
	io.ReadCloser
	n    int64
	head []byte
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	b.head = append(b.head, p[:min(n, journalMaxBody+1-len(b.head))]...)
	return n, err
}

type countingWriter struct {
	http.ResponseWriter
	status int
	failed bool
	n      int64
	taken  func() // called when a handler takes the connection over
}

func (w *countingWriter) WriteHeader(status int) {
	w.status = status
	w.failed = status >= http.StatusBadRequest
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

// Hijack hands the connection over to a WebSocket.
func (w *countingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.taken()
	}
	return conn, buffer, err
}

// Unwrap lets http.ResponseController reach what the writer does not offer.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
