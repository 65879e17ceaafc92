package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ews/browsertest"
	"ews/e2e/stage"
)

// theatre is the demonstration's page with everything behind it.
type theatre struct {
	*play
	t       *testing.T
	address string
	watcher *watcher
	browser *browsertest.Browser
	page    *browsertest.Page // that the parts of a test share
}

func openTheatre(t *testing.T) *theatre {
	t.Helper()
	s, err := stage.Start(t.Context(), stage.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	a := &app{stage: s}
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	group, running := errgroup.WithContext(ctx)
	t.Cleanup(func() {
		end()
		require.NoError(t, group.Wait())
		require.NoError(t, a.close())
	})
	require.NoError(t, a.start(t.Context()))
	p := newPlay(s, a, time.Now())
	require.NoError(t, p.configure(t.Context()))
	control, err := url.Parse(s.Addresses["CONTROL"])
	require.NoError(t, err)
	m := &mishaps{app: a, control: s.Control, group: group, ctx: running}
	w := newWatcher(s, p.day)
	w.left = m.left
	group.Go(func() error {
		w.run(running)
		return nil
	})
	server := httptest.NewServer((&page{control: control, watcher: w, app: a, mishaps: m}).handler())
	t.Cleanup(server.Close)
	h := &theatre{play: p, t: t, address: server.URL + "/", watcher: w, browser: browsertest.Start(t)}
	h.until("the rooms are assets", func(b board) bool { return len(b.Rooms) == 5 && b.Rooms[4].Asset })
	return h
}

// soon is how long both sides may take to agree, whatever happened.
const soon = 30 * time.Second

// until waits until both sides are as expected.
func (h *theatre) until(what string, condition func(board) bool) {
	h.t.Helper()
	err := stage.Until(h.t.Context(), soon, what, func() (bool, error) { return condition(h.watcher.snapshot()), nil })
	if err != nil {
		b := h.watcher.snapshot()
		require.NoError(h.t, err, "same %d, different %d, %s\n%+v", b.Same, b.Differ, b.Status, b.Entries)
	}
}

// agree waits until both sides hold these times of rooms and no others, and
// until the page shows them on both sides.
func (h *theatre) bothHold(p *browsertest.Page, slots ...slot) {
	h.t.Helper()
	want := map[string]bool{}
	for _, s := range slots {
		for _, r := range s.rooms {
			want[occupied(r, s.start, s.end)] = true
		}
	}
	h.until(fmt.Sprintf("both sides hold %v", slots), func(b board) bool {
		if b.Same != len(want) || b.Differ != 0 {
			return false
		}
		for _, e := range b.Entries {
			if e.live() && !want[occupied(e.Room, e.Start, e.End)] {
				return false
			}
		}
		return true
	})
	today := 0
	for _, s := range slots {
		if s.start.YearDay() == h.day.YearDay() {
			today += len(s.rooms)
		}
	}
	for _, side := range []string{outlook, eliona} {
		p.Await(fmt.Sprintf(`document.querySelectorAll("[data-side=%s] .entry.accepted").length === %d`, side, today), 5*time.Second)
	}
}

// empty cancels everything.
func (h *theatre) empty(p *browsertest.Page) {
	h.t.Helper()
	for _, e := range h.watcher.snapshot().Entries {
		if e.Side == eliona && e.live() {
			_, _ = h.control.Act(h.t.Context(), stage.Action{Where: eliona, Action: "cancel", BookingID: e.BookingID}) // it may be of two rooms
		}
	}
	h.bothHold(p)
}

func (h *theatre) book(where, subject string, s slot) {
	h.t.Helper()
	_, err := h.act(h.t.Context(), s.book(where, subject))
	require.NoError(h.t, err)
}

// show has the calendars show a day. Where the page moves under the pointer, on a
// busy machine, it clicks again, as a person does.
func show(p *browsertest.Page, day time.Time) {
	button := fmt.Sprintf("[data-day=%q]", day.Format(time.DateOnly))
	shown := fmt.Sprintf(`new Promise((answer) => {
		const began = Date.now();
		(function look() {
			const yes = document.querySelector(%q) !== null;
			if (yes || Date.now() - began > 1000) answer(yes); else setTimeout(look, 50);
		})();
	})`, button+"[aria-current=date]")
	for range 5 {
		p.Click(button)
		if browsertest.Eval[bool](p, shown) {
			return
		}
	}
	p.Failf("%s is not shown", button)
}

// entryAt selects the entry of a room at a time, on one side.
func entryAt(side string, n, hour int) string {
	return fmt.Sprintf(`[data-side=%s] [data-room=%q] .entry[title^="%02d:00"]`, side, room(n), hour)
}

// point is where an hour of a room is in the window.
func point(p *browsertest.Page, side string, n int, hour float64) (x, y float64) {
	box := p.Box(fmt.Sprintf(`[data-side=%s] [data-room=%q]`, side, room(n)))
	return box.X + box.Width/2, box.Y + box.Height*(hour-7)/13
}

func choose(p *browsertest.Page, selector, value string) {
	browsertest.Eval[string](p, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; return e.value; })()`, selector, value))
}

func TestTheDemonstrationInABrowser(t *testing.T) {
	h := openTheatre(t)
	h.page = h.browser.Open(t, h.address, browsertest.View{Width: 1440, Height: 900})
	h.page.Await(`document.querySelectorAll(".column").length === 10`, 5*time.Second)

	h.run("a meeting is booked by the keyboard alone", func(p *browsertest.Page) {
		browsertest.Eval[any](p, `document.querySelector("[data-new=outlook]").focus()`)
		p.Press(kb.Enter)
		p.Await(`document.getElementById("booking").open`, time.Second)
		p.Press(kb.Tab + kb.Tab + "9") // the start: nine is reached by typing
		choose(p, "#booking [name=start]", "540")
		p.Press(kb.Enter)
		browsertest.Eval[any](p, `document.querySelector("#booking [type=submit]").focus()`)
		p.Press(kb.Enter)
		h.bothHold(p, h.slot(alice, 9, 1))
		require.Contains(t, p.Text("#feed"), "Room 1 accepts")
		require.Contains(t, p.Text("#feed"), "POST /bookings/group")
		require.Contains(t, p.Text("#agree"), "both sides agree: 1 of 1")
	})

	h.run("dragging a booking in Eliona moves the meeting in Outlook", func(p *browsertest.Page) {
		h.book(eliona, "", h.slot(bob, 9, 2))
		h.bothHold(p, h.slot(bob, 9, 2))
		before := h.watcher.snapshot().Entries
		fromX, fromY := p.Box(entryAt(eliona, 2, 9)).Middle()
		toX, toY := point(p, eliona, 2, 11.5)
		p.Drag(fromX, fromY, toX, toY)
		h.bothHold(p, h.slot(bob, 11, 2))
		require.Equal(t, uids(before), uids(h.watcher.snapshot().Entries), "it is the same meeting")
	})

	h.run("dragging a meeting in Outlook to another room books that one", func(p *browsertest.Page) {
		h.book(outlook, "Review", h.slot(carol, 9, 2))
		h.bothHold(p, h.slot(carol, 9, 2))
		fromX, fromY := p.Box(entryAt(outlook, 2, 9)).Middle()
		toX, toY := point(p, outlook, 4, 14.5)
		p.Drag(fromX, fromY, toX, toY)
		h.bothHold(p, h.slot(carol, 14, 4))
	})

	h.run("arrow keys and Enter move it, Escape does not", func(p *browsertest.Page) {
		h.book(outlook, "Review", h.slot(carol, 9, 2))
		h.bothHold(p, h.slot(carol, 9, 2))
		browsertest.Eval[any](p, fmt.Sprintf(`document.querySelector(%q).focus()`, entryAt(outlook, 2, 9)))
		p.Press(kb.ArrowDown + kb.ArrowDown + kb.Escape)
		require.Empty(t, browsertest.Eval[[]string](p, `[...document.querySelectorAll(".ghost")].map(g => g.textContent)`))
		p.Press(strings.Repeat(kb.ArrowDown, 4) + kb.ArrowRight)
		require.Contains(t, p.Text("#live"), "10:00–11:00, Room 3")
		p.Press(kb.Enter)
		h.bothHold(p, h.slot(carol, 10, 3))
		p.Press(kb.Enter)
		p.Await(`document.getElementById("details").open`, time.Second)
		require.Equal(t, "Meeting of Carol: Review", p.Text("#details-title"))
		p.Click("#details [data-do=close]")
	})

	h.run("dragging over free hours books them", func(p *browsertest.Page) {
		fromX, fromY := point(p, eliona, 5, 13.1)
		toX, toY := point(p, eliona, 5, 14.9)
		p.Drag(fromX, fromY, toX, toY)
		p.Await(`document.getElementById("booking").open`, time.Second)
		p.Click("#booking [type=submit]")
		long := h.slot(alice, 13, 5)
		long.end = long.start.Add(2 * time.Hour)
		h.bothHold(p, long)
	})

	h.run("a second room is added on either side", func(p *browsertest.Page) {
		h.book(eliona, "", h.slot(bob, 9, 1))
		h.book(outlook, "Review", h.slot(alice, 11, 3))
		h.bothHold(p, h.slot(bob, 9, 1), h.slot(alice, 11, 3))
		p.Click(entryAt(eliona, 1, 9))
		p.Click(fmt.Sprintf("#details [value=%q]", room(2)))
		p.Click("#details [type=submit]")
		h.bothHold(p, h.slot(bob, 9, 1, 2), h.slot(alice, 11, 3))
		p.Click(entryAt(outlook, 3, 11))
		p.Click(fmt.Sprintf("#details [value=%q]", room(4)))
		p.Click("#details [type=submit]")
		h.bothHold(p, h.slot(bob, 9, 1, 2), h.slot(alice, 11, 3, 4))
	})

	h.run("a series is made, loses a date, and is cancelled", func(p *browsertest.Page) {
		p.Click("[data-new=outlook]")
		choose(p, "#booking [name=start]", "480")
		choose(p, "#booking [name=repeat]", "daily 3")
		p.Click("#booking [type=submit]")
		days := []slot{h.slot(alice, 8, 1), h.slot(alice, 24+8, 1), h.slot(alice, 48+8, 1)}
		h.bothHold(p, days...)
		p.Click(entryAt(eliona, 1, 8))
		p.Click("#details [data-do=cancel]")
		h.bothHold(p, days[1:]...)
		show(p, h.day.AddDate(0, 0, 1))
		p.Click(entryAt(outlook, 1, 8))
		p.Click("#details [data-do=series]")
		show(p, h.day)
		h.bothHold(p)
	})

	h.run("a room that declines takes the booking back", func(p *browsertest.Page) {
		p.Click(fmt.Sprintf(`[data-key="declines %s"]`, room(5)))
		h.until("it declines", func(b board) bool { return b.Rooms[4].Declines })
		h.book(eliona, "", h.slot(carol, 12, 5))
		h.until("Carol is told", func(b board) bool {
			return len(b.Events) > 0 && strings.Contains(fmt.Sprint(b.Events), "Carol is told")
		})
		h.bothHold(p)
		p.Await(`document.getElementById("feed").textContent.includes("Room 5 declines")`, 5*time.Second)
		p.Click("#cancelled")
		p.Await(fmt.Sprintf(`document.querySelector(%q) !== null`, `[data-side=eliona] .entry.cancelled[title*="conflict"]`), 5*time.Second)
		p.Click("#cancelled")
		p.Click(fmt.Sprintf(`[data-key="declines %s"]`, room(5)))
		h.until("it accepts", func(b board) bool { return !b.Rooms[4].Declines })
	})

	h.run("both sides agree again after the network was cut", func(p *browsertest.Page) {
		p.Click("[data-try=cut]")
		p.Await(`document.getElementById("state").textContent.startsWith("no network")`, 5*time.Second)
		h.book(eliona, "", h.slot(alice, 9, 1))
		h.book(outlook, "Review", h.slot(bob, 10, 2))
		require.Positive(t, h.watcher.snapshot().Cut, "they were booked meanwhile")
		h.bothHold(p, h.slot(alice, 9, 1), h.slot(bob, 10, 2))
		require.Zero(t, h.watcher.snapshot().Cut)
		p.Await(`document.getElementById("state").textContent === "running, all is well"`, 20*time.Second)
	})

	h.run("both sides agree again after the app was killed", func(p *browsertest.Page) {
		p.Click("[data-try=crash]")
		p.Await(`document.getElementById("state").textContent.startsWith("killed")`, 5*time.Second)
		h.book(eliona, "", h.slot(alice, 9, 1))
		h.book(outlook, "Review", h.slot(bob, 10, 2))
		h.bothHold(p, h.slot(alice, 9, 1), h.slot(bob, 10, 2))
		p.Await(`document.getElementById("state").textContent === "running, all is well"`, 20*time.Second)
	})

	h.run("it keeps nobody out", func(*browsertest.Page) {
		require.NoError(h.t, h.control.SetRoom(h.t.Context(), map[string]any{"room": room(4), "automate": "none"}))
		h.book(eliona, "", h.slot(alice, 9, 1))
		h.book(outlook, "Review", h.slot(bob, 10, 4))
		h.until("both are seen", func(b board) bool { return b.Same == 1 && b.Differ == 1 })
		for _, v := range []browsertest.View{{Width: 1440, Height: 900}, {Dark: true}, {Width: 360, Height: 700}} {
			p := h.browser.Open(h.t, h.address, v)
			p.Await(`document.querySelectorAll(".column .entry").length === 3`, 5*time.Second)
			p.Click("#cancelled")
			p.Audit()
			require.LessOrEqual(h.t, browsertest.Eval[int](p, `document.documentElement.scrollWidth - innerWidth`), 0, "it fits")
			p.Click(entryAt(eliona, 1, 9))
			p.Audit()
			p.Click("#details [data-do=close]")
			p.Click("[data-new=outlook]")
			p.Audit()
		}
		require.NoError(h.t, h.control.SetRoom(h.t.Context(), map[string]any{"room": room(4), "automate": "accept"}))
		_, err := h.act(h.t.Context(), stage.Action{Person: bob, Where: outlook, Action: "cancel", UID: h.uidOf(bob)})
		require.NoError(h.t, err)
	})

	h.run("what may be tried happens by one click", func(p *browsertest.Page) {
		held := 0
		for _, c := range []struct {
			name string
			adds int
		}{{"eliona", 1}, {"outlook", 1}, {"series", 3}, {"rooms", 2}, {"decline", 0}} {
			p.Click("[data-try=" + c.name + "]")
			held += c.adds
			h.until(c.name, func(b board) bool { return b.Same == held && b.Differ == 0 })
			p.Await(`!document.querySelector("[data-try=`+c.name+`]").disabled`, 10*time.Second)
		}
		require.Contains(t, fmt.Sprint(h.watcher.snapshot().Events), "is told", "of the room that declined")
	})
}

// run is a part of a test that begins and ends with nothing booked.
func (h *theatre) run(name string, part func(p *browsertest.Page)) {
	whole := h.t
	whole.Helper()
	whole.Run(name, func(t *testing.T) {
		h.t = t
		defer func() { h.t = whole }()
		p := h.page.As(t)
		if os.Getenv("LOOK") != "" {
			defer p.Screenshot(os.Getenv("LOOK")+"/"+strings.ReplaceAll(name, " ", "-")+".png", false)
		}
		part(p)
		require.Empty(t, p.Text("#trouble"))
		require.Empty(t, p.Errors())
		require.True(t, browsertest.Eval[bool](p, `import("/site/view.js").then(m => m.view.busy === null)`), "nothing is left in the hand")
		for _, address := range p.Requests() {
			require.True(t, strings.HasPrefix(address, h.address), address)
		}
		h.empty(p)
	})
}

// uidOf is the UID of somebody's only meeting.
func (h *theatre) uidOf(person string) string {
	h.t.Helper()
	for _, e := range h.watcher.snapshot().Entries {
		if e.Side == outlook && e.Organizer == person && e.live() {
			return e.UID
		}
	}
	require.Fail(h.t, "no meeting", person)
	return ""
}

func uids(entries []entry) map[string]bool {
	all := map[string]bool{}
	for _, e := range entries {
		if e.live() && e.UID != "" {
			all[e.UID] = true
		}
	}
	return all
}
