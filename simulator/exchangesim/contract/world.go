package contract

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is one case: an account to send requests with, and rooms to book.
type world struct {
	*require.Assertions
	Target
	t       *testing.T
	ctx     context.Context
	service *account
	rooms   []string // addresses
	subject string   // of what the case makes
	days    int      // of slots given out
}

func newWorld(t *testing.T, target Target) *world {
	t.Helper()
	w := &world{Assertions: require.New(t), Target: target, t: t, ctx: t.Context(), subject: "Contract test " + rand.Text()}
	w.service = w.connect(w.Service)
	for _, room := range w.ok(w.ServiceUser, `<m:GetRooms><m:RoomList><t:EmailAddress>`+text(w.RoomList)+`</t:EmailAddress></m:RoomList></m:GetRooms>`)[0].at("Rooms").all("Room") {
		w.rooms = append(w.rooms, room.text("Id", "EmailAddress"))
	}
	w.GreaterOrEqual(len(w.rooms), 2, "the list needs two rooms")
	t.Cleanup(w.clear)
	return w
}

func (w *world) connect(c Credentials) *account {
	w.t.Helper()
	a, err := connect(w.ctx, w.Target, c)
	w.NoError(err)
	w.t.Cleanup(a.transport.CloseIdleConnections)
	return a
}

// without skips a case of a real organization that lacks something; a simulated
// one lacks nothing.
func (w *world) without(what string) {
	w.t.Helper()
	if w.simulated() {
		w.FailNow("the simulated organization lacks something", what)
	}
	w.t.Skip(what)
}

// needsFaults skips a case that only a simulator can be made to play, or should.
func (w *world) needsFaults() {
	w.t.Helper()
	if !w.simulated() {
		w.t.Skip("only a simulator can be made to answer so")
	}
}

// post sends an operation with the given header blocks.
func (w *world) post(a *account, header, operation string) answer {
	w.t.Helper()
	got, err := a.post(w.ctx, envelope(version+header, operation))
	w.NoError(err)
	w.NotNil(got.soap, "no SOAP but %d: %s", got.status, got.raw)
	return got
}

// as sends an operation of a mailbox.
func (w *world) as(mailbox, operation string) answer {
	w.t.Helper()
	return w.post(w.service, acting("SmtpAddress", mailbox), operation)
}

// succeeded requires an answer all of whose parts are successes.
func (w *world) succeeded(got answer) []*node {
	w.t.Helper()
	w.Equal(200, got.status, got.raw)
	w.NotEmpty(got.messages(), got.raw)
	for _, m := range got.messages() {
		w.Equal("Success NoError", m.attr("ResponseClass")+" "+m.text("ResponseCode"), got.raw)
	}
	return got.messages()
}

// ok sends an operation that has to succeed, and returns the parts of its answer.
func (w *world) ok(mailbox, operation string) []*node {
	w.t.Helper()
	return w.succeeded(w.as(mailbox, operation))
}

// until waits for a state of the far side.
func (w *world) until(what string, reached func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, w.Patience)
	defer cancel()
	ticker := time.NewTicker(w.Pace)
	defer ticker.Stop()
	for !reached() {
		select {
		case <-ctx.Done():
			w.FailNow("not reached", what)
		case <-ticker.C:
		}
	}
}

// slot returns an hour of a day on which the first two rooms are free for ten
// days to come.
func (w *world) slot() span {
	w.t.Helper()
	for range 10 {
		day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 30+w.days)
		w.days += 12
		busy := 0
		for _, room := range w.rooms[:2] {
			busy += len(w.view(room, span{day.AddDate(0, 0, -1), day.AddDate(0, 0, 11)}))
		}
		if busy == 0 {
			return span{day.Add(9 * time.Hour), day.Add(10 * time.Hour)}
		}
	}
	w.FailNow("the rooms are never free")
	return span{}
}

// book creates an appointment of the organizer.
func (w *world) book(a appointment) id {
	w.t.Helper()
	made := w.ok(w.Organizer, w.create(a))[0].at("Items").Children
	w.Len(made, 1)
	return idOf(made[0])
}

// get reads an item.
func (w *world) get(mailbox, ref string) *node {
	w.t.Helper()
	items := w.ok(mailbox, getItems(full, ref))[0].at("Items").Children
	w.Len(items, 1)
	return items[0]
}

// fresh reads the id again, with its change key of now.
func (w *world) fresh(mailbox string, i id) id {
	w.t.Helper()
	return idOf(w.get(mailbox, itemID(id{id: i.id})))
}

// view lists the appointments of a time.
func (w *world) view(mailbox string, s span) []*node {
	w.t.Helper()
	return w.ok(mailbox, search(calendarView(s, ""), "", calendarFolder))[0].at("RootFolder", "Items").Children
}

// copies finds the copies of a meeting in the calendar of a mailbox.
func (w *world) copies(mailbox, uid string) []*node {
	w.t.Helper()
	found := w.ok(mailbox, search("", equal(cleanObjectID, cleanGOID(uid)), calendarFolder))[0].at("RootFolder", "Items").Children
	var items []*node
	for _, f := range found {
		items = append(items, w.get(mailbox, itemID(idOf(f))))
	}
	return items
}

// copyIn waits for the copy in a room's calendar that fulfils a condition.
func (w *world) copyIn(room, uid, what string, fulfils func(*node) bool) *node {
	w.t.Helper()
	var found *node
	w.until(what, func() bool {
		for _, c := range w.copies(room, uid) {
			if fulfils(c) {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// responseOf is a room's answer as the organizer's item has it.
func responseOf(item *node, room string) string {
	for _, collection := range []string{"Resources", "RequiredAttendees"} {
		for _, a := range item.at(collection).all("Attendee") {
			if strings.EqualFold(a.text("Mailbox", "EmailAddress"), room) {
				return a.text("ResponseType")
			}
		}
	}
	return ""
}

// answered waits for a room's answer, and returns the organizer's item.
func (w *world) answered(i id, room, response string) *node {
	w.t.Helper()
	var item *node
	w.until(room+" answers "+response, func() bool {
		item = w.get(w.Organizer, itemID(id{id: i.id}))
		return responseOf(item, room) == response
	})
	return item
}

// change updates an item of the organizer, as it is now. An answer that comes in
// between changes it, too.
func (w *world) change(i id, changes ...string) {
	w.t.Helper()
	var got answer
	for range 3 {
		got = w.as(w.Organizer, update("AutoResolve", itemID(w.fresh(w.Organizer, i)), changes...))
		if !slices.Equal(got.codes(), []string{"ErrorIrresolvableConflict"}) {
			break
		}
	}
	w.succeeded(got)
}

// clear takes away what the case has left behind.
func (w *world) clear() {
	w.ctx = context.WithoutCancel(w.ctx)
	if w.Faults != nil {
		w.Faults.Clear("")
	}
	for _, folder := range []string{calendarFolder, `<t:DistinguishedFolderId Id="deleteditems"/>`} {
		page := `<m:IndexedPageItemView MaxEntriesReturned="100" Offset="0" BasePoint="Beginning"/>`
		for range 20 {
			got := w.as(w.Organizer, search(page, equal(bySubject, w.subject), folder))
			left := got.body().at("ResponseMessages", "FindItemResponseMessage", "RootFolder", "Items")
			if left == nil || len(left.Children) == 0 {
				break
			}
			var ids strings.Builder
			for _, item := range left.Children {
				ids.WriteString(itemID(idOf(item)))
			}
			w.ok(w.Organizer, erase("HardDelete", ids.String()))
		}
	}
}
