package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/browsertest"
)

// show serves a page and opens it.
func show(t *testing.T, html string, v browsertest.View) *browsertest.Page {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'unsafe-inline'; img-src 'none'")
		_, _ = fmt.Fprintf(w, "<!doctype html><html lang=en><title>t</title><body>%s", html)
	}))
	t.Cleanup(server.Close)
	return browsertest.Start(t).Open(t, server.URL, v)
}

func TestWhatPagesDoBehindTheScenesIsNoted(t *testing.T) {
	t.Parallel()
	p := show(t, `<img src="/picture.png" alt=""><script>fetch("/data"); throw new Error("mistake")</script>`, browsertest.View{})
	p.Await("document.readyState === 'complete'", time.Second)
	require.Len(t, p.Requests(), 3, "the page, the data, and the picture that its policy forbids")
	require.Contains(t, fmt.Sprint(p.Errors()), "Content Security Policy")
	require.Contains(t, fmt.Sprint(p.Errors()), "mistake")
}

func TestAnAuditFindsWhatKeepsPeopleOut(t *testing.T) {
	t.Parallel()
	p := show(t, `<main><h1>t</h1><button></button><p style="color:#bbb;background:#fff">pale</p></main>`, browsertest.View{})
	found := map[string]string{}
	for _, v := range p.Violations() {
		found[v.ID] = v.Impact
	}
	require.Equal(t, "critical", found["button-name"])
	require.Equal(t, "serious", found["color-contrast"])
}

func TestAViewIsAsAskedFor(t *testing.T) {
	t.Parallel()
	p := show(t, `<p id=p>one</p><script>p.onpointerup = e => p.textContent = e.clientX</script>`,
		browsertest.View{Width: 400, Height: 300, Dark: true, Language: "de", Zone: "Asia/Tokyo"})
	require.Equal(t, 400, browsertest.Eval[int](p, "innerWidth"))
	require.True(t, browsertest.Eval[bool](p, `matchMedia("(prefers-color-scheme: dark)").matches`))
	require.Equal(t, "Asia/Tokyo", browsertest.Eval[string](p, `Intl.DateTimeFormat().resolvedOptions().timeZone`))
	x, y := p.Box("#p").Middle()
	p.Drag(x, y, x-50, y)
	require.NotEqual(t, "one", p.Text("#p"))
	file := filepath.Join(t.TempDir(), "new", "picture.png")
	p.Screenshot(file, true)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Positive(t, info.Size())
}
