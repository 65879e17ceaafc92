package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience is how long a page may take for anything.
const patience = 20 * time.Second

// View is how somebody looks at a page.
type View struct {
	Width, Height int64   // in CSS pixels; 1280 by 800 by default
	Scale         float64 // pixels of the device per CSS pixel; 1 by default
	Dark          bool    // the person prefers dark colours
	Language      string  // "de", "fr-CH,fr"; "en" by default
	Zone          string  // time zone of the browser; that of the machine by default
	NoScript      bool
}

// Page is an open page.
type Page struct {
	t *testing.T
	*tab
}

type tab struct {
	ctx context.Context

	mu       sync.Mutex
	requests []string
	errors   []string
}

// Open opens an address in a tab of its own, which is closed with the test.
func (b *Browser) Open(t *testing.T, address string, v View) *Page {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx)
	t.Cleanup(end)
	p := &Page{t: t, tab: &tab{ctx: ctx}}
	if v.Width == 0 {
		v.Width, v.Height = 1280, 800
	}
	if v.Language == "" {
		v.Language = "en"
	}
	if v.Scale == 0 {
		v.Scale = 1
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	require.NoError(t, chromedp.Do(ctx), "opening a tab")
	require.NoError(t, chromedp.Listen(ctx, p.note))
	_, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": v.Language}})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: v.Width, Height: v.Height, DeviceScaleFactor: v.Scale,
	})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.NoScript})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: v.Zone})
	require.NoError(t, err)
	p.Go(address)
	return p
}

// As is the same page in the hands of another test.
func (p *Page) As(t *testing.T) *Page { return &Page{t: t, tab: p.tab} }

// note keeps what the page asked for and complained about.
func (p *tab) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.errors = append(p.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.errors = append(p.errors, text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			p.errors = append(p.errors, "console.error was called")
		}
	}
}

// Requests are the addresses the page asked for, data: left out.
func (p *tab) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, address := range p.requests {
		if !strings.HasPrefix(address, "data:") {
			out = append(out, address)
		}
	}
	return out
}

// Errors are what stands in the console.
func (p *tab) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.errors...)
}

// run runs an action, and ends the test if it fails.
func run[T any](p *Page, what string, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		require.NoError(p.t, err, "%s\n%s", what, strings.Join(p.Errors(), "\n"))
	}
	return value
}

// Failf ends the test.
func (p *Page) Failf(format string, args ...any) {
	p.t.Helper()
	require.Failf(p.t, "the page does not do what it should", format, args...)
}

// Go goes to an address and waits until the page is loaded.
func (p *Page) Go(address string) {
	p.t.Helper()
	run(p, "going to "+address, chromedp.Navigate(address))
}

// Address is where the page is.
func (p *Page) Address() string {
	p.t.Helper()
	return run(p, "reading the address", chromedp.Location())
}

// Click clicks on what a selector finds, once it is there.
func (p *Page) Click(selector string) {
	p.t.Helper()
	run(p, "clicking on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Submit clicks on what leads to another page, and waits for that.
func (p *Page) Submit(selector string) {
	p.t.Helper()
	p.following("clicking on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Enter presses the key on what leads to another page, and waits for that.
func (p *Page) Enter() {
	p.t.Helper()
	p.following("pressing Enter", chromedp.KeyEvent("\r"))
}

func (p *Page) following(what string, action chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, action)
	require.NoError(p.t, err, what)
}

// Press presses keys: characters, or constants of chromedp/kb.
func (p *Page) Press(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	run(p, "pressing a key", chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// Type puts text into a field.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	run(p, "typing into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Text is what people read in an element.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	text := run(p, "reading "+selector, chromedp.Text(chromedp.CSS(selector)))
	return strings.Join(strings.Fields(text), " ")
}

// Eval evaluates an expression in the page, and waits for its promise.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	return run(p, "evaluating "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Await waits until an expression is true in the page.
func (p *Page) Await(expression string, within time.Duration) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, within+patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](expression,
		chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(within)))
	if err != nil {
		require.NoError(p.t, err, "waiting for %s\n%s", expression, strings.Join(p.Errors(), "\n"))
	}
}

// Drag takes the pointer from one point to another with the button held, in
// steps, as a hand does. Points are in CSS pixels of the window.
func (p *Page) Drag(fromX, fromY, toX, toY float64) {
	p.t.Helper()
	run(p, "dragging", chromedp.DragAndDropXY(fromX, fromY, toX, toY, 12))
}

// Box is where an element is in the window.
type Box struct{ X, Y, Width, Height float64 }

// Middle is its centre.
func (b Box) Middle() (x, y float64) { return b.X + b.Width/2, b.Y + b.Height/2 }

// Box returns where the first element is that a selector finds.
func (p *Page) Box(selector string) Box {
	p.t.Helper()
	return Eval[Box](p, fmt.Sprintf(`(() => {
		const r = document.querySelector(%q).getBoundingClientRect();
		return { X: r.x, Y: r.y, Width: r.width, Height: r.height };
	})()`, selector))
}

// Screenshot writes what is in the window to a PNG file, or the whole page.
func (p *Page) Screenshot(file string, whole bool) {
	p.t.Helper()
	action := chromedp.CaptureScreenshot()
	if whole {
		action = chromedp.FullScreenshot(100)
	}
	picture := run(p, "taking a screenshot", action)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(file), 0o750))
	require.NoError(p.t, os.WriteFile(file, picture, 0o600))
}
