// Package proxy is an HTTP proxy as companies have them on the way to the
// internet. It opens connections with CONNECT, and knows names that the machine
// it runs on does not.
package proxy

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options choose how the proxy behaves.
type Options struct {
	// Names tells the address behind a host name, without port; others are
	// looked up as usual.
	Names map[string]string
	// Username and Password are asked for, unless both are empty.
	Username, Password string
	// Refuse is answered to everybody instead of opening connections; 0 means
	// that connections are opened.
	Refuse int
}

// Proxy is a handler for a server of its own.
type Proxy struct {
	options Options

	mu     sync.Mutex
	asked  []string
	opened map[net.Conn]bool
	closed bool
	copies sync.WaitGroup
}

// New makes a proxy.
func New(o Options) *Proxy { return &Proxy{options: o, opened: map[net.Conn]bool{}} }

// Asked are the targets, host:port, that were asked for, in this order.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// Close ends all connections and waits for what is copied over them.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	for conn := range p.opened {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.copies.Wait()
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := r.Host
	p.mu.Lock()
	p.asked = append(p.asked, target)
	p.mu.Unlock()
	switch {
	case p.options.Refuse != 0:
		w.WriteHeader(p.options.Refuse)
	case !p.admits(r.Header.Get("Proxy-Authorization")):
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
	case r.Method != http.MethodConnect:
		w.WriteHeader(http.StatusNotImplemented)
	default:
		p.connect(r.Context(), w, target)
	}
}

func (p *Proxy) admits(authorization string) bool {
	if p.options.Username == "" && p.options.Password == "" {
		return true
	}
	given, ok := strings.CutPrefix(authorization, "Basic ")
	return ok && given == base64.StdEncoding.EncodeToString([]byte(p.options.Username+":"+p.options.Password))
}

func (p *Proxy) connect(ctx context.Context, w http.ResponseWriter, target string) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if address, ok := p.options.Names[host]; ok {
		host = address
	}
	far, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = far.Close()
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, err = near.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
	if !p.keep(near, far) || err != nil {
		_, _ = near.Close(), far.Close()
		return
	}
	// Whichever side ends, both do.
	for _, way := range []struct {
		to   net.Conn
		from io.Reader
	}{{far, buffered}, {near, far}} {
		go func() {
			defer p.copies.Done()
			_, err := io.Copy(way.to, way.from)
			if !errors.Is(err, net.ErrClosed) {
				_, _ = near.Close(), far.Close()
			}
		}()
	}
}

// keep remembers two connections that are about to be joined, unless the proxy
// is closed.
func (p *Proxy) keep(near, far net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.opened[near], p.opened[far] = true, true
	p.copies.Add(2)
	return true
}
