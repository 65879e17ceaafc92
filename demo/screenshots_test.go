package main

import (
	"bytes"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/browsertest"
	"ews/e2e/stage"
)

// screenshots is where the pictures of the README go; "make screenshots" makes
// them.
var screenshots = flag.String("screenshots", "", "write screenshots to this folder")

// maxPicture is the size of the largest picture in bytes.
const maxPicture = 200 << 10

func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("only with -screenshots")
	}
	h := openTheatre(t)
	h.week()
	for _, scheme := range []string{"light", "dark"} {
		v := browsertest.View{Width: 1320, Height: 820, Dark: scheme == "dark"}
		p := h.browser.Open(t, h.address, v)
		p.Await(`document.querySelectorAll(".column .entry").length > 20`, 5*time.Second)
		browsertest.Eval[any](p, fmt.Sprintf(`document.querySelector(%q).focus()`, entryAt(eliona, 2, 9)))
		h.picture(p, "demo-"+scheme+".png")

		operators := h.browser.Open(t, h.stage.API+"/status?lang=en&day="+h.day.Format(time.DateOnly), v)
		operators.Await(`document.querySelectorAll(".bar").length > 20`, 5*time.Second)
		h.picture(operators, "status-"+scheme+".png")
	}
}

func (h *theatre) picture(p *browsertest.Page, name string) {
	h.t.Helper()
	file := filepath.Join(*screenshots, name)
	p.Screenshot(file, false)
	raw, err := os.ReadFile(file)
	require.NoError(h.t, err)
	picture, err := png.Decode(bytes.NewReader(raw))
	require.NoError(h.t, err)
	var smaller bytes.Buffer
	require.NoError(h.t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&smaller, picture))
	require.Less(h.t, smaller.Len(), maxPicture, file)
	require.NoError(h.t, os.WriteFile(file, smaller.Bytes(), 0o600))
}

// week fills some days as people do, one after the other.
func (h *theatre) week() {
	h.t.Helper()
	long := func(s slot, minutes int) slot {
		s.end = s.start.Add(time.Duration(minutes) * time.Minute)
		return s
	}
	standUp := long(h.slot(carol, 9, 1), 30).book(outlook, "Stand-up")
	standUp.Recurrence = map[string]any{"pattern": "daily", "count": 4}
	_, err := h.act(h.t.Context(), standUp)
	require.NoError(h.t, err)
	for i, b := range []struct {
		where, subject string
		slot           slot
	}{
		{outlook, "Planning", long(h.slot(bob, 8, 3), 90)}, {outlook, "Interview", h.slot(alice, 10, 1)},
		{eliona, "", long(h.slot(alice, 9, 2), 120)}, {outlook, "Review", h.slot(bob, 13, 4)}, {eliona, "", h.slot(admin, 11, 5)},
		{outlook, "Workshop", long(h.slot(carol, 13, 1, 2), 180)}, {eliona, "", long(h.slot(bob, 15, 4), 90)}, {outlook, "Jour fixe", h.slot(alice, 16, 3)},
		{eliona, "", long(h.slot(carol, 8, 5), 90)}, {outlook, "Budget", h.slot(bob, 11, 4)}, {eliona, "", h.slot(bob, 24+9, 2)}, {outlook, "Demo", h.slot(carol, 24+14, 1, 2)},
		{eliona, "", h.slot(alice, 48+10, 3)}, {outlook, "Retrospective", h.slot(bob, 48+15, 4)},
	} {
		h.book(b.where, b.subject, b.slot)
		h.until(fmt.Sprintf("booking %d is on both sides", i), func(now board) bool { return now.Differ == 0 && now.Same >= 5+i })
	}
	// And what just happened: something moves, and a room declines.
	moved, _, err := h.meeting(h.t.Context(), h.slot(alice, 16, 3))
	require.NoError(h.t, err)
	_, err = h.act(h.t.Context(), stage.Action{Person: alice, Where: outlook, Action: "move", UID: moved.UID}.At(h.slot(alice, 14, 3).start, time.Hour))
	require.NoError(h.t, err)
	h.until("it has moved", func(now board) bool { return now.Differ == 0 && !h.held(now, room(3), 16) })
	require.NoError(h.t, h.control.SetRoom(h.t.Context(), map[string]any{"room": room(5), "automate": "decline"}))
	h.book(eliona, "", h.slot(carol, 14, 5))
	h.until("it is taken back", func(now board) bool {
		return now.Differ == 0 && !h.held(now, room(5), 14) && strings.Contains(fmt.Sprint(now.Events), "Carol is told")
	})
	require.NoError(h.t, h.control.SetRoom(h.t.Context(), map[string]any{"room": room(5), "automate": "accept"}))
	h.book(eliona, "", h.slot(alice, 16, 5))
	h.until("the last one is on both sides", func(now board) bool { return now.Differ == 0 && h.held(now, room(5), 16) })
}

// held tells whether a room is booked at an hour of the day.
func (h *theatre) held(b board, address string, hour int) bool {
	for _, e := range b.Entries {
		if e.live() && e.Room == address && e.Start.Equal(h.slot("", hour).start) {
			return true
		}
	}
	return false
}
