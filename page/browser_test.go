package page_test

import (
	"cmp"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"ews/apiserver"
	"ews/browsertest"
)

// languages are those of the page.
func languages() []string { return []string{"en", "de", "fr", "it"} }

func TestThePageInABrowser(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)

	t.Run("loads with nothing from elsewhere", func(t *testing.T) {
		address := serve(t, busy()) + "?config=1"
		p := browser.Open(t, address, browsertest.View{})
		require.Equal(t, []string{address}, p.Requests())
		require.Empty(t, p.Errors())
		require.Equal(t, "Configuration 1: first.floor@example.com", p.Text("#chosen"))
	})

	t.Run("a meeting is on the timeline of both sides", func(t *testing.T) {
		p := browser.Open(t, serve(t, quiet()), browsertest.View{})
		exchange, eliona := p.Box("#room-1 .exchange .bar rect"), p.Box("#room-1 .eliona .bar rect")
		require.InDelta(t, exchange.X, eliona.X, 0.5, "at the same time")
		require.InDelta(t, exchange.Width, eliona.Width, 0.5, "as long")
		require.Greater(t, eliona.Y, exchange.Y+exchange.Height-1, "Eliona is below")
		line := p.Box("#room-1 .line")
		require.InDelta(t, line.X+line.Width*2/12, exchange.X, 1, "nine is two hours after the beginning at seven")
	})

	t.Run("the keyboard reaches the buttons, and they work", func(t *testing.T) {
		w := busy()
		p := browser.Open(t, serve(t, w)+"?config=1", browsertest.View{})
		tabTo(p, "retry-meeting-17")
		require.NotEqual(t, "none", browsertest.Eval[string](p, `getComputedStyle(document.activeElement).outlineStyle`), "the focus is seen")
		p.Enter()
		require.Equal(t, []string{"retry 1 meeting-17"}, w.done())
		require.Contains(t, p.Text(".feedback"), "It is tried again now.")
		require.NotContains(t, p.Address(), "done=", "it is said once")
		require.Empty(t, p.Errors())
	})

	t.Run("the keyboard opens a room and has it read", func(t *testing.T) {
		w := quiet()
		p := browser.Open(t, serve(t, w), browsertest.View{})
		tabTo(p, "room-1-summary")
		p.Press(" ")
		p.Await(`document.getElementById("room-1-details").open`, time.Second)
		require.Contains(t, p.Text("#room-1 table"), "alice@example.com")
		tabTo(p, "room-1-resync")
		p.Enter()
		require.Equal(t, []string{"resync 1 room-1@example.com"}, w.done())
	})

	t.Run("works without scripts", func(t *testing.T) {
		w := busy()
		p := browser.Open(t, serve(t, w)+"?config=1", browsertest.View{NoScript: true})
		p.Submit("#retry-guard-6")
		p.Submit("#resync")
		require.Equal(t, []string{"retry 1 guard-6", "resync 1"}, w.done())
		require.Contains(t, p.Text(".feedback"), "All calendars are read")
		require.Contains(t, p.Text("body"), "Refresh")
		require.NotContains(t, p.Text("body"), "update automatically", "what needs scripts is not offered")
	})

	t.Run("a configuration is checked, again with somebody's mailbox", func(t *testing.T) {
		w := quiet()
		p := browser.Open(t, serve(t, w), browsertest.View{})
		p.Submit("#check")
		require.Contains(t, p.Text("body"), "Check of configuration 1")
		p.Audit()
		p.Type("[name=mailbox]", "alice@example.com")
		p.Enter()
		require.Equal(t, []string{"check 1 ", "check 1 alice@example.com"}, w.done())
		p.Submit("main p a")
		require.Contains(t, p.Text("body"), "Compare everything anew")
	})

	t.Run("works below a path of a proxy", func(t *testing.T) {
		w := busy()
		address := strings.Replace(serve(t, w), "/v1/status", "/apps/ews/v1/status", 1)
		p := browser.Open(t, address, browsertest.View{})
		p.Submit("#configuration-1")
		p.Submit("#later")
		p.Submit("#resync")
		require.Equal(t, []string{"resync 1"}, w.done())
		require.Equal(t, address+"?config=1&day=2026-11-23", p.Address())
	})

	t.Run("keeps itself current, and the reader's place", func(t *testing.T) {
		w := quiet()
		p := browser.Open(t, serve(t, w), browsertest.View{})
		p.Click("#room-2-summary")
		w.change(func(w *world) {
			w.findings = append(w.findings, finding("meeting-20", apiserver.Clash, "booking_clash"))
		})
		browsertest.Eval[bool](p, `document.dispatchEvent(new Event("visibilitychange"))`)
		p.Await(`document.getElementById("retry-meeting-20") !== null`, 5*time.Second)
		require.True(t, browsertest.Eval[bool](p, `document.getElementById("room-2-details").open`), "what was open stays open")
		require.Equal(t, "room-2-summary", focused(p))

		w.change(func(w *world) { w.broken = errors.New("the database is away") })
		browsertest.Eval[bool](p, `document.dispatchEvent(new Event("visibilitychange"))`)
		p.Await(`!document.getElementById("offline").hidden`, 5*time.Second)
	})

	t.Run("is dark for those who want it", func(t *testing.T) {
		address := serve(t, quiet())
		require.Greater(t, brightness(browser.Open(t, address, browsertest.View{})), 200.)
		require.Less(t, brightness(browser.Open(t, address, browsertest.View{Dark: true})), 50.)
	})

	t.Run("fits a phone", func(t *testing.T) {
		for _, language := range languages() {
			p := browser.Open(t, serve(t, busy())+"?config=1&lang="+language, browsertest.View{Width: 360, Height: 700})
			require.LessOrEqual(t, browsertest.Eval[int](p, `document.documentElement.scrollWidth`), 360, language)
		}
	})
}

func TestThePageKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)
	views := []browsertest.View{{Dark: true}, {Width: 360, Height: 700, Language: "de"}}
	for _, language := range languages() {
		views = append(views, browsertest.View{Language: language})
	}
	for _, v := range views {
		p := browser.Open(t, serve(t, busy())+"?config=1&done=retry", v)
		require.Equal(t, cmp.Or(v.Language, "en"), browsertest.Eval[string](p, `document.documentElement.lang`))
		browsertest.Eval[int](p, `document.querySelectorAll("details").forEach(d => d.open = true), 0`)
		p.Audit()
	}
	for name, address := range map[string]string{
		"nothing there yet": serve(t, &world{}), "all is well": serve(t, quiet()), "nothing chosen": serve(t, busy()), "refused": serve(t, busy()) + "?config=99",
	} {
		t.Log(name)
		browser.Open(t, address, browsertest.View{}).Audit()
	}
}

// tabTo presses the tabulator until an element has the focus.
func tabTo(p *browsertest.Page, id string) {
	for range 100 {
		if focused(p) == id {
			return
		}
		p.Press(kb.Tab)
	}
	p.Failf("the keyboard does not reach %s", id)
}

func focused(p *browsertest.Page) string {
	return browsertest.Eval[string](p, `document.activeElement.id`)
}

// brightness of the page's ground, from 0 to 255.
func brightness(p *browsertest.Page) float64 {
	return browsertest.Eval[float64](p, `getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).reduce((sum, c) => sum + Number(c), 0) / 3`)
}
