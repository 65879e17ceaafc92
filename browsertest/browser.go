// Package browsertest drives a real, headless Chromium in tests of pages:
// clicks, keys, the pointer, screenshots, and an audit of accessibility.
//
// It notes what a page does behind the scenes: every address it asks for, and
// every error in its console, among them violations of its own security policy.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Variable names the program in the environment; otherwise it is looked for.
const Variable = "CHROMIUM"

// Find returns the path of Chromium.
func Find() (string, error) {
	for _, name := range []string{os.Getenv(Variable), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no Chromium; \"make chromium\" installs it, or name it in %s", Variable)
}

// Browser is a running Chromium with a profile of its own.
type Browser struct{ ctx context.Context }

// Start starts a browser; it ends with the test.
func Start(t *testing.T) *Browser {
	t.Helper()
	path, err := Find()
	require.NoError(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true),
		// It visits our own pages only, and refuses to run as root otherwise.
		chromedp.NoSandbox,
	)
	allocator, endAllocator := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for its end
		end()
		endAllocator()
	})
	require.NoError(t, chromedp.Do(ctx), "starting Chromium")
	return &Browser{ctx: ctx}
}
