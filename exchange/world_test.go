package exchange_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange"
	"ews/exchange/ews"
)

// subject marks what the suite makes.
const subject = "Conformance test of the Eliona Exchange app"

// organization is an Exchange organization to test with.
type organization struct {
	exchange.Settings
	organizer meeting.Address
	nobody    meeting.Address // an address without a mailbox
	patience  time.Duration   // until rooms have answered
	pace      time.Duration   // between two looks
}

// world is one case: a calendar under test, and a client to act with as people
// do in Outlook.
type world struct {
	*require.Assertions
	organization
	t        *testing.T
	ctx      context.Context
	calendar *exchange.Calendar
	outlook  *ews.Client
	rooms    []meeting.Room
	days     int // of slots given out

	mu    sync.Mutex
	calls map[string]int // by operation, of the calendar under test
}

func newWorld(t *testing.T, o organization) *world {
	t.Helper()
	w := &world{Assertions: require.New(t), organization: o, t: t, ctx: t.Context(), calls: map[string]int{}}
	w.Subject = subject
	w.Observe = func(c ews.Call) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls[c.Operation]++
	}
	w.calendar = w.connect(w.Settings)
	pool := x509.NewCertPool()
	if w.CACertificates == "" {
		pool = nil
	} else {
		w.True(pool.AppendCertsFromPEM([]byte(w.CACertificates)))
	}
	var auth ews.Auth = ews.NTLM{Username: w.Username, Password: w.Password}
	if w.ClientID != "" {
		auth = ews.OAuth{
			TenantID: w.TenantID, ClientID: w.ClientID, ClientSecret: w.ClientSecret,
			AuthorityHost: w.AuthorityURL, Scope: w.Scope,
		}
	}
	outlook, err := ews.New(ews.Options{URL: w.URL, Auth: auth, RootCAs: pool})
	w.NoError(err)
	t.Cleanup(outlook.Close)
	w.outlook = outlook
	list, err := w.calendar.Rooms(w.ctx)
	w.NoError(err)
	w.GreaterOrEqual(len(list), 2, "the list needs two rooms")
	for i, r := range list {
		w.rooms = append(w.rooms, meeting.Room{ID: meeting.RoomID(i + 1), Address: r.Address, Name: r.Name})
	}
	return w
}

// connect makes another calendar of the same organization.
func (w *world) connect(s exchange.Settings) *exchange.Calendar {
	w.t.Helper()
	c, err := exchange.New(s)
	w.NoError(err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) count(operation string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[operation]
}

// class requires an engine.Error of a class and returns what it says.
func (w *world) class(want engine.Class, err error) engine.Error {
	w.t.Helper()
	var e *engine.Error
	w.ErrorAs(err, &e)
	w.Equal(want, e.Class, "%v", err)
	w.NotEmpty(e.Code)
	return *e
}

// until waits for a state of the far side.
func (w *world) until(what string, reached func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, w.patience)
	defer cancel()
	ticker := time.NewTicker(w.pace)
	defer ticker.Stop()
	for !reached() {
		select {
		case <-ctx.Done():
			w.FailNow("not reached", what)
		case <-ticker.C:
		}
	}
}

// slot returns an hour of a day on which the first two rooms are free for some
// days to come.
func (w *world) slot() meeting.Span {
	w.t.Helper()
	for range 100 {
		day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 30+w.days)
		w.days += 12
		busy := 0
		for _, room := range w.rooms[:2] {
			busy += len(w.window(room, meeting.SpanOf(day.AddDate(0, 0, -1), day.AddDate(0, 0, 11))))
		}
		if busy == 0 {
			return hour(day.Add(9 * time.Hour))
		}
	}
	w.FailNow("the rooms are never free")
	return meeting.Span{}
}

func hour(start time.Time) meeting.Span { return meeting.SpanOf(start, start.Add(time.Hour)) }

func later(s meeting.Span, d time.Duration) meeting.Span {
	return meeting.SpanOf(s.Start.Add(d), s.End.Add(d))
}

func around(s meeting.Span) meeting.Span {
	return meeting.SpanOf(s.Start.AddDate(0, 0, -1), s.End.AddDate(0, 0, 11))
}

// held is a meeting in its organizer's mailbox.
type held struct {
	mailbox meeting.Address
	uid     meeting.UID
	id      ews.ItemID // when it was made
	span    meeting.Span
}

func (h held) place() engine.Place {
	return engine.Place{Mailbox: h.mailbox, UID: h.uid, Span: h.span}
}

// occurrence is the place of the occurrence that originally starts at t.
func (h held) occurrence(t time.Time) engine.Place {
	return engine.Place{Mailbox: h.mailbox, UID: h.uid, Key: meeting.KeyOf(t), Span: hour(t)}
}

func invite(rooms ...meeting.Room) []ews.Invitee {
	var out []ews.Invitee
	for _, r := range rooms {
		out = append(out, ews.Invitee{Name: r.Name, Address: string(r.Address)})
	}
	return out
}

// book makes a meeting as a person does. It is cancelled when the case ends.
func (w *world) book(span meeting.Span, rooms []meeting.Room, change ...func(*ews.NewMeeting)) held {
	w.t.Helper()
	return w.bookIn(w.organizer, span, rooms, change...)
}

func (w *world) bookIn(mailbox meeting.Address, span meeting.Span, rooms []meeting.Room, change ...func(*ews.NewMeeting)) held {
	w.t.Helper()
	m := ews.NewMeeting{
		UID: ews.NewGlobalObjectID(random(), time.Now()), Subject: subject, Start: span.Start, End: span.End, Resources: invite(rooms...),
	}
	for _, f := range change {
		f(&m)
	}
	id, err := w.outlook.CreateMeeting(w.ctx, ews.Mailbox(mailbox), m)
	w.NoError(err)
	h := held{mailbox: mailbox, uid: meeting.UID(ews.NormaliseUID(m.UID)), id: id, span: span}
	w.removeLater(h)
	return h
}

func random() (b [16]byte) {
	_, _ = rand.Read(b[:])
	return b
}

// removeLater takes a meeting away when the case ends.
func (w *world) removeLater(h held) {
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), time.Minute)
		defer cancel()
		for _, item := range w.copies(ctx, h.mailbox, h.uid) {
			err := w.outlook.DeleteItem(ctx, ews.Mailbox(h.mailbox), ews.ByID(item.ItemID), ews.DeleteOptions{})
			if err != nil && ews.ClassOf(err) != ews.ClassGone {
				w.t.Logf("left behind in %s: %v", h.mailbox, err)
			}
		}
	})
}

// copies finds a meeting in a mailbox's calendar.
func (w *world) copies(ctx context.Context, mailbox meeting.Address, uid meeting.UID) []ews.CalendarItem {
	items, err := w.outlook.FindByGlobalObjectID(ctx, ews.Mailbox(mailbox), ews.Calendar(), ews.UIDToGlobalObjectID(string(uid)))
	if err != nil {
		w.t.Logf("looking for a meeting in %s: %v", mailbox, err)
	}
	return items
}

// daily makes a meeting recur.
func daily(count int) func(*ews.NewMeeting) {
	return func(m *ews.NewMeeting) {
		y, mo, d := m.Start.UTC().Date()
		m.TimeZoneID = "UTC"
		m.Recurrence = &ews.Recurrence{Pattern: ews.Daily, Interval: 1, StartDate: ews.Date{Year: y, Month: mo, Day: d}, Count: count}
	}
}

// item reads an item of a mailbox as a person sees it.
func (w *world) item(mailbox meeting.Address, id ews.ItemID, extended ...ews.Property) *ews.CalendarItem {
	w.t.Helper()
	results, err := w.outlook.GetItems(w.ctx, ews.Mailbox(mailbox), []ews.ItemRef{ews.ByID(ews.ItemID{ID: id.ID})}, ews.GetOptions{Extended: extended})
	w.NoError(err)
	if results[0].Err != nil {
		w.NoError(results[0].Err)
	}
	return results[0].Item
}

// occurrence finds one date of a series in its organizer's calendar.
func (w *world) occurrence(h held, original time.Time) *ews.CalendarItem {
	w.t.Helper()
	items := w.copies(w.ctx, h.mailbox, h.uid)
	w.Len(items, 1)
	for i := 1; ; i++ {
		results, err := w.outlook.GetItems(w.ctx, ews.Mailbox(h.mailbox), []ews.ItemRef{ews.ByOccurrence(items[0].ItemID, i)}, ews.GetOptions{})
		w.NoError(err)
		if results[0].Err != nil {
			if results[0].Err.Code == "ErrorCalendarOccurrenceIsDeletedFromRecurrence" {
				continue
			}
			w.NoError(results[0].Err)
		}
		if results[0].Item.OriginalStart.Equal(original) {
			return results[0].Item
		}
	}
}

// change does what a person does to a meeting, or to one date of it. The item
// is read first: rooms that answer change it.
func (w *world) change(h held, original time.Time, u ews.ItemUpdate) {
	w.t.Helper()
	w.until("the change is taken", func() bool {
		_, err := w.outlook.UpdateItem(w.ctx, ews.Mailbox(h.mailbox), ews.ByID(w.present(h, original)), u)
		if err != nil && ews.ClassOf(err) == ews.ClassStale {
			return false
		}
		w.NoError(err)
		return true
	})
}

func (w *world) present(h held, original time.Time) ews.ItemID {
	w.t.Helper()
	if !original.IsZero() {
		return w.occurrence(h, original).ItemID
	}
	items := w.copies(w.ctx, h.mailbox, h.uid)
	w.NotEmpty(items)
	return items[0].ItemID
}

func (w *world) move(h held, original time.Time, to meeting.Span) {
	w.t.Helper()
	w.change(h, original, ews.ItemUpdate{Times: &ews.TimeSpan{Start: to.Start, End: to.End}})
}

func (w *world) withdraw(h held, original time.Time) {
	w.t.Helper()
	w.until("the cancellation is taken", func() bool {
		err := w.outlook.CancelMeeting(w.ctx, ews.Mailbox(h.mailbox), w.present(h, original), "")
		if err != nil && ews.ClassOf(err) == ews.ClassStale {
			return false
		}
		w.NoError(err)
		return true
	})
}

func (w *world) window(room meeting.Room, span meeting.Span) []meeting.Sighting {
	w.t.Helper()
	out, err := w.calendar.Window(w.ctx, room.Address, span, nil)
	w.NoError(err)
	return out
}

// sightings returns what a room shows of a meeting.
func (w *world) sightings(room meeting.Room, h held) map[meeting.Key]meeting.Sighting {
	w.t.Helper()
	out := map[meeting.Key]meeting.Sighting{}
	for _, s := range w.window(room, around(h.span)) {
		if s.UID == h.uid {
			w.NotContains(out, s.Key)
			out[s.Key] = s
		}
	}
	return out
}

// accepted waits until a room has booked a meeting a number of times.
func (w *world) accepted(room meeting.Room, h held, times int) map[meeting.Key]meeting.Sighting {
	w.t.Helper()
	var out map[meeting.Key]meeting.Sighting
	w.until("the room has accepted", func() bool {
		out = w.sightings(room, h)
		if len(out) != times {
			return false
		}
		for _, s := range out {
			if s.Presence != meeting.Booked {
				return false
			}
		}
		return true
	})
	return out
}

func (w *world) gone(room meeting.Room, h held) {
	w.t.Helper()
	w.until("the room is free", func() bool { return len(w.sightings(room, h)) == 0 })
}

// read returns the organizer's copy.
func (w *world) read(p engine.Place) meeting.Copy {
	w.t.Helper()
	c, err := w.calendar.Copy(w.ctx, p)
	w.NoError(err)
	return c
}

// answered waits until the organizer's copy holds these answers, which are all
// that it has, and returns it.
func (w *world) answered(p engine.Place, want map[meeting.Address]meeting.Answer) meeting.Copy {
	w.t.Helper()
	var c meeting.Copy
	w.until("the organizer knows the answers", func() bool {
		c = w.read(p)
		w.True(c.Live)
		got := map[meeting.Address]meeting.Answer{}
		for address, a := range c.Rooms {
			got[address] = a.Answer
		}
		return maps.Equal(want, got)
	})
	return c
}
