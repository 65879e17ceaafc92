package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
	"ews/simulator/exchangesim/schematest"
)

const python = "/usr/bin/python3" // the one Debian's packages belong to

// outlook is a user with an EWS client that knows nothing of this product.
type outlook struct {
	t       *testing.T
	in      io.Writer
	answers chan []byte
	errors  *output
}

// newOutlook logs a user on.
func newOutlook(t *testing.T, w *world, user, auth, mailbox string) *outlook {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "testdata/outlook.py",
		w.Addresses["EXCHANGE_HTTPS"], user, "secret", auth, w.CA(), mailbox)
	o := &outlook{t: t, answers: make(chan []byte), errors: &output{}}
	cmd.Stderr = o.errors
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	o.in = in
	go func() {
		defer close(o.answers)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			select {
			case o.answers <- bytes.Clone(lines.Bytes()):
			case <-t.Context().Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = in.Close() // the end of the input is its end
		for range o.answers {
			continue
		}
		_ = cmd.Wait()
	})
	require.NotEmpty(t, o.answer().Version)
	return o
}

// said is what the client answers.
type said struct {
	Error   string   `json:"error"`
	Version string   `json:"version"`
	Rooms   []string `json:"rooms"`
	UID     string   `json:"uid"`
	Entries []struct {
		UID       string            `json:"uid"`
		Subject   string            `json:"subject"`
		Start     int64             `json:"start"`
		End       int64             `json:"end"`
		Organizer string            `json:"organizer"`
		Location  string            `json:"location"`
		Rooms     map[string]string `json:"rooms"`
	} `json:"entries"`
}

func (o *outlook) answer() said {
	o.t.Helper()
	select {
	case line, ok := <-o.answers:
		require.True(o.t, ok, "the client ended: %s", o.errors)
		var s said
		require.NoError(o.t, json.Unmarshal(line, &s), "%s", line)
		require.Empty(o.t, s.Error)
		return s
	case <-time.After(patience):
		require.Fail(o.t, "the client does not answer", "%s", o.errors)
	}
	return said{}
}

// order is what the client is told.
type order struct {
	Do      string `json:"do"`
	Subject string `json:"subject,omitempty"`
	Room    string `json:"room,omitempty"`
	UID     string `json:"uid,omitempty"`
	Start   int64  `json:"start,omitempty"`
	End     int64  `json:"end,omitempty"`
}

func (o *outlook) do(what order) said {
	o.t.Helper()
	line, err := json.Marshal(what)
	require.NoError(o.t, err)
	_, err = o.in.Write(append(line, '\n'))
	require.NoError(o.t, err)
	return o.answer()
}

// TestForeignClient: a user of a third-party client and the app meet at the
// same server and get along, with P39, P40, P42 and P47.
func TestForeignClient(t *testing.T) {
	t.Parallel()
	if err := exec.CommandContext(t.Context(), python, "-c", "import exchangelib, requests_ntlm").Run(); err != nil {
		t.Skip("the Python package exchangelib is not installed (Debian: python3-exchangelib)")
	}
	// It asks for a version first that servers do not know.
	records := filepath.Join(t.TempDir(), "records")
	t.Cleanup(func() { schematest.Validate(t, records) })
	w := newWorld(t, stage.Options{Simulator: []string{"-record", records}}, nil)
	for _, kind := range []struct {
		auth, user, mailbox, room string
	}{
		{"NTLM", `EXAMPLE\alice`, alice, room1},
		{"BASIC", bob, bob, room2},
	} {
		t.Run(kind.auth, func(t *testing.T) {
			o := newOutlook(t, w, kind.user, kind.auth, kind.mailbox)
			rooms := o.do(order{Do: "rooms"}).Rooms
			require.Len(t, rooms, 8)
			require.Contains(t, rooms, kind.room)
			spans := func(start time.Time) order {
				return order{Start: start.Unix(), End: start.Add(time.Hour).Unix(), Room: kind.room, Subject: "Plans & <more>"}
			}
			before := len(w.bookings())

			book := spans(w.at(9))
			book.Do = "book"
			uid := o.do(book).UID
			require.NotEmpty(t, uid)
			w.until("P39 the meeting is a booking", func() bool { return len(w.live()) == 1 })
			b := w.live()[0]
			require.Equal(t, kind.mailbox, b.Organizer)
			require.Equal(t, []int32{w.asset(kind.room)}, b.AssetIDs)
			require.True(t, b.Start.Equal(w.at(9)) && b.End.Equal(w.at(10)))

			move := spans(w.at(11))
			move.Do, move.UID = "move", uid
			o.do(move)
			w.until("P40 the same booking is moved", func() bool {
				now := w.booking(b.ID)
				return len(w.live()) == 1 && !now.Cancelled && now.Start.Equal(w.at(11)) && now.End.Equal(w.at(12))
			})

			o.do(order{Do: "cancel", UID: uid})
			w.until("P42 the booking is cancelled", func() bool { return w.booking(b.ID).Cancelled })
			require.Equal(t, "cancelled", w.booking(b.ID).Reason)
			require.Len(t, w.bookings(), before+1, "there never was a second one")

			day := order{Do: "calendar", Start: w.day.Unix(), End: w.day.AddDate(0, 0, 1).Unix()}
			require.Empty(t, o.do(day).Entries)
			made := w.act(stage.Action{Person: kind.mailbox, Where: "eliona", Action: "book", Rooms: []string{kind.room}}.At(w.at(14), time.Hour))
			w.until("P47 a booking made in Eliona is in the user's calendar with the room", func() bool {
				seen := o.do(day).Entries
				return len(seen) == 1 && seen[0].Rooms[kind.room] == "Accept"
			})
			seen := o.do(day).Entries[0]
			require.Equal(t, w.at(14).Unix(), seen.Start)
			require.Equal(t, w.at(15).Unix(), seen.End)
			require.Equal(t, kind.mailbox, seen.Organizer)
			require.Equal(t, "Eliona booking", seen.Subject)
			require.Len(t, seen.Rooms, 1)
			w.act(stage.Action{Where: "eliona", Action: "cancel", BookingID: made.BookingIDs[0]})
			w.until("P52 and out of it when it is cancelled", func() bool { return len(o.do(day).Entries) == 0 })
		})
	}
	requireQuiet(t, w.Stage)
}
