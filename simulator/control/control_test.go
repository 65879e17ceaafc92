package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/bookingsim"
	"ews/simulator/control"
	"ews/simulator/elionasim"
	"ews/simulator/fault"
	"ews/simulator/front"
	"ews/simulator/ledger"
	"ews/simulator/stats"
)

// memoryExchange is an Exchange that keeps meetings by UID.
type memoryExchange struct {
	meetings map[string]control.Meeting
	rooms    map[string][]string // by list
	settings map[string]control.RoomChange
	disabled map[string]bool
	last     control.MeetingRef
}

func (e *memoryExchange) Calendar(address string, _, _ time.Time) (any, error) {
	if !strings.HasSuffix(address, "@example.com") {
		return nil, fmt.Errorf("mailbox %s: %w", address, control.ErrNotFound)
	}
	return slices.Sorted(maps.Keys(e.meetings)), nil
}

func (e *memoryExchange) Book(_ context.Context, m control.Meeting) (string, error) {
	uid := fmt.Sprintf("UID-%d", len(e.meetings)+1)
	e.meetings[uid] = m
	return uid, nil
}

func (e *memoryExchange) change(ref control.MeetingRef, f func(*control.Meeting)) error {
	m, ok := e.meetings[ref.UID]
	if !ok {
		return fmt.Errorf("meeting %s: %w", ref.UID, control.ErrNotFound)
	}
	f(&m)
	e.meetings[ref.UID], e.last = m, ref
	return nil
}

func (e *memoryExchange) DropStreams() int { return 2 }

func (e *memoryExchange) Move(ref control.MeetingRef, start, end time.Time) error {
	return e.change(ref, func(m *control.Meeting) { m.Start, m.End = start, end })
}

func (e *memoryExchange) ChangeRooms(ref control.MeetingRef, rooms []string) error {
	return e.change(ref, func(m *control.Meeting) { m.Rooms = rooms })
}

func (e *memoryExchange) Rename(ref control.MeetingRef, subject string) error {
	return e.change(ref, func(m *control.Meeting) { m.Subject = subject })
}

func (e *memoryExchange) Cancel(ref control.MeetingRef) error {
	err := e.change(ref, func(*control.Meeting) {})
	delete(e.meetings, ref.UID)
	return err
}

func (e *memoryExchange) Rooms() any { return e.rooms }

func (e *memoryExchange) SetRoom(room string, change control.RoomChange) error {
	e.settings[room] = change
	return nil
}

func (e *memoryExchange) AddRoom(list, room, _ string) error {
	e.rooms[list] = append(e.rooms[list], room)
	return nil
}

func (e *memoryExchange) RemoveRoom(list, room string) error {
	if !slices.Contains(e.rooms[list], room) {
		return fmt.Errorf("room %s in list %s: %w", room, list, control.ErrNotFound)
	}
	e.rooms[list] = slices.DeleteFunc(e.rooms[list], func(r string) bool { return r == room })
	return nil
}

func (e *memoryExchange) Mailboxes() []string { return slices.Sorted(maps.Keys(e.disabled)) }

func (e *memoryExchange) AddMailbox(address, _, _ string) error {
	e.disabled[address] = false
	return nil
}

func (e *memoryExchange) DisableMailbox(address string, disabled bool) error {
	e.disabled[strings.ToLower(address)] = disabled
	return nil
}

// countingEntra counts revocations.
type countingEntra struct {
	revoked  int
	lifetime time.Duration
}

func (e *countingEntra) Revoke() { e.revoked++ }

// SetLifetime implements control.Entra.
func (e *countingEntra) SetLifetime(d time.Duration) { e.lifetime = d }

// httpClient makes the requests of all tests here.
var httpClient = &http.Client{Timeout: 30 * time.Second}

// world is a served control API over running simulators.
type world struct {
	t        *testing.T
	url      string
	exchange *memoryExchange
	entra    countingEntra
	eliona   *elionasim.Server
	booking  *bookingsim.Server
	faults   *fault.Registry
	ahead    time.Duration
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, faults: fault.New(1), exchange: &memoryExchange{
		meetings: map[string]control.Meeting{}, rooms: map[string][]string{}, settings: map[string]control.RoomChange{},
		disabled: map[string]bool{},
	}}
	counters, journal, changes := stats.New(), front.NewJournal(), ledger.New()
	now := func() time.Time { return at("08:00") }
	var err error
	w.eliona, err = elionasim.New(t.Context(), elionasim.Options{Faults: w.faults, Stats: counters, Journal: journal})
	require.NoError(t, err)
	t.Cleanup(w.eliona.Close)
	w.booking, err = bookingsim.New(bookingsim.Options{Faults: w.faults, Stats: counters, Journal: journal, Ledger: changes, Now: now})
	require.NoError(t, err)
	t.Cleanup(w.booking.Close)
	server := httptest.NewServer(control.New(control.Options{
		Exchange: w.exchange, Entra: &w.entra, Eliona: w.eliona, Booking: w.booking, Faults: w.faults, Stats: counters, Journal: journal, Now: now,
		Ledger: changes, SetClock: func(ahead time.Duration) { w.ahead = ahead },
	}).Handler())
	t.Cleanup(server.Close)
	w.url = server.URL
	w.addAssets()
	return w
}

// addAssets creates room-1 and room-2 in project 10 and room-2 in project 11.
func (w *world) addAssets() {
	w.t.Helper()
	for _, call := range [][2]string{
		{"/v2/asset-types", `{"name":"ews_room"}`},
		{"/v2/assets-bulk", `[
			{"projectId":"10","globalAssetIdentifier":"ews_room_room-1@example.com","assetType":"ews_room"},
			{"projectId":"10","globalAssetIdentifier":"ews_room_room-2@example.com","assetType":"ews_room"},
			{"projectId":"11","globalAssetIdentifier":"ews_room_room-2@example.com","assetType":"ews_room"}]`},
	} {
		request := httptest.NewRequestWithContext(w.t.Context(), "PUT", call[0], strings.NewReader(call[1]))
		request.Header.Set("X-API-Key", "secret")
		recorder := httptest.NewRecorder()
		w.eliona.Handler().ServeHTTP(recorder, request)
		require.Equal(w.t, 200, recorder.Code, recorder.Body.String())
	}
}

func (w *world) call(method, path, body string) (int, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	response, err := httpClient.Do(request)
	require.NoError(w.t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(w.t, "*", response.Header.Get("Access-Control-Allow-Origin"))
	answer, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return response.StatusCode, string(answer)
}

func (w *world) expect(status int, method, path, body string) string {
	w.t.Helper()
	got, answer := w.call(method, path, body)
	require.Equal(w.t, status, got, "%s %s %s: %s", method, path, body, answer)
	return answer
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(body), &v), "body %s", body)
	return v
}

const day = "2031-03-03T"

func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339, day+clock+":00Z")
	if err != nil {
		panic(err)
	}
	return t
}

type ids struct {
	UID        string  `json:"uid"`
	GroupID    int32   `json:"groupID"`
	BookingIDs []int32 `json:"bookingIDs"`
}

const times = `"start":"2031-03-03T09:00:00Z","end":"2031-03-03T10:00:00Z"`

func TestPeopleInOutlook(t *testing.T) {
	w := start(t)
	body := w.expect(201, "POST", "/people",
		`{"person":"alice@example.com","where":"outlook","action":"book","subject":"Review",`+times+`,"rooms":["room-1@example.com"]}`)
	require.Equal(t, ids{UID: "UID-1"}, decode[ids](t, body))
	require.Equal(t, "Review", w.exchange.meetings["UID-1"].Subject)
	require.Equal(t, []string{"room-1@example.com"}, w.exchange.meetings["UID-1"].Rooms)

	w.expect(200, "POST", "/people",
		`{"person":"alice@example.com","where":"outlook","action":"move","uid":"UID-1","occurrence":"2031-03-10T09:00:00Z","start":"2031-03-03T11:00:00+01:00","end":"2031-03-03T12:00:00+01:00"}`)
	require.True(t, at("10:00").Equal(w.exchange.meetings["UID-1"].Start))
	require.Equal(t, time.Date(2031, 3, 10, 9, 0, 0, 0, time.UTC), w.exchange.last.Occurrence)
	w.expect(200, "POST", "/people", `{"person":"alice@example.com","where":"outlook","action":"change-rooms","uid":"UID-1","rooms":[]}`)
	require.Empty(t, w.exchange.meetings["UID-1"].Rooms)
	w.expect(200, "POST", "/people", `{"person":"alice@example.com","where":"outlook","action":"rename","uid":"UID-1","subject":"Retro"}`)
	require.Equal(t, "Retro", w.exchange.meetings["UID-1"].Subject)
	require.JSONEq(t, `["UID-1"]`, w.expect(200, "GET", "/calendars/alice@example.com?start=2031-03-01T00:00:00Z", ""))
	w.expect(200, "POST", "/people", `{"person":"alice@example.com","where":"outlook","action":"cancel","uid":"UID-1"}`)
	w.expect(404, "POST", "/people", `{"person":"alice@example.com","where":"outlook","action":"cancel","uid":"UID-1"}`)
	w.expect(404, "GET", "/calendars/alice@elsewhere.test", "")
	w.expect(400, "GET", "/calendars/alice@example.com?start=monday", "")
}

func TestTheLedgerIsReadOn(t *testing.T) {
	w := start(t)
	for range 2 {
		w.expect(201, "POST", "/people", `{"person":"alice@example.com","where":"eliona","action":"book",`+times+`,"rooms":["room-1@example.com"]}`)
	}
	all := decode[[]ledger.Entry](t, w.expect(200, "GET", "/ledger", ""))
	require.Len(t, all, 2)
	require.Equal(t, ledger.Created, all[0].Kind)
	require.Equal(t, int32(2), decode[[]ledger.Entry](t, w.expect(200, "GET", "/ledger?after=1", ""))[0].Booking)
	require.JSONEq(t, "[]", w.expect(200, "GET", "/ledger?after=9", ""))
	w.expect(400, "GET", "/ledger?after=x", "")
}

func TestClocksTokensAndStreams(t *testing.T) {
	w := start(t)
	w.expect(204, "PUT", "/clock", `{"aheadMilliseconds":-1500}`)
	require.Equal(t, -1500*time.Millisecond, w.ahead)
	w.expect(204, "PUT", "/tokens", `{"lifetimeSeconds":90}`)
	require.Equal(t, 90*time.Second, w.entra.lifetime)
	w.expect(400, "PUT", "/tokens", `{"lifetimeSeconds":0}`)
	require.Equal(t, 2, decode[fault.Rule](t, w.expect(201, "POST", "/faults", `{"service":"exchange","kind":"dropSockets"}`)).Applied)
	require.Empty(t, w.faults.Rules(), "it happened, and is over")
}

func TestPeopleInEliona(t *testing.T) {
	w := start(t)
	first := decode[ids](t, w.expect(201, "POST", "/people",
		`{"person":"alice@example.com","where":"eliona","action":"book",`+times+`,"rooms":["Room-1@example.com"]}`))
	require.Equal(t, []int32{1}, first.BookingIDs)
	w.expect(200, "POST", "/people", `{"where":"eliona","action":"move","bookingID":1,"start":"2031-03-03T11:00:00Z","end":"2031-03-03T12:00:00Z"}`)
	w.expect(200, "POST", "/people", `{"where":"eliona","action":"change-rooms","bookingID":1,"rooms":["room-2@example.com"],"project":"11","assets":[501]}`)
	record := w.booking.Bookings()[0]
	require.Equal(t, []int32{501, 503}, record.AssetIDs)
	require.Equal(t, at("11:00"), record.Start)
	w.expect(200, "POST", "/people", `{"where":"eliona","action":"no-show","bookingID":1}`)
	require.Equal(t, "no-show", w.booking.Bookings()[0].Reason)
	w.expect(404, "POST", "/people", `{"where":"eliona","action":"cancel","bookingID":77}`)

	adHoc := decode[ids](t, w.expect(201, "POST", "/people", `{"where":"eliona","action":"ad-hoc","assets":[502]}`))
	record = w.booking.Bookings()[1]
	require.Equal(t, []int32{record.ID}, adHoc.BookingIDs)
	require.Equal(t, []any{"", at("08:00"), at("08:30")}, []any{record.OrganizerID, record.Start, record.End})

	series := decode[ids](t, w.expect(201, "POST", "/people",
		`{"person":"bob@example.com","where":"eliona","action":"book",`+times+`,"assets":[501],"recurrence":{"pattern":"daily","count":3}}`))
	require.Len(t, series.BookingIDs, 3)
	w.expect(200, "POST", "/people", fmt.Sprintf(`{"where":"eliona","action":"cancel","bookingID":%d}`, series.BookingIDs[0]))
	w.expect(200, "POST", "/people", fmt.Sprintf(`{"where":"eliona","action":"cancel","groupID":%d}`, series.GroupID))
	records := decode[[]bookingsim.Record](t, w.expect(200, "GET", "/bookings", ""))
	require.Len(t, records, 5)
	for _, record := range records[2:] {
		require.True(t, record.Cancelled)
	}
}

func TestRecurrenceInEliona(t *testing.T) {
	const first = `"start":"2031-03-24T09:00:00+01:00","end":"2031-03-24T10:00:00+01:00"` // a Monday before daylight saving time
	tests := map[string]struct {
		recurrence string
		want       []string
	}{
		"weekly keeps its wall-clock time": {`{"pattern":"weekly","count":2,"timeZone":"W. Europe Standard Time"}`,
			[]string{"2031-03-24T08:00:00Z", "2031-03-31T07:00:00Z"}},
		"IANA name": {`{"pattern":"weekly","count":2,"timeZone":"Europe/Berlin"}`,
			[]string{"2031-03-24T08:00:00Z", "2031-03-31T07:00:00Z"}},
		"weekly on two days": {`{"pattern":"weekly","interval":2,"daysOfWeek":["monday","Wednesday"],"count":3}`,
			[]string{"2031-03-24T08:00:00Z", "2031-03-26T08:00:00Z", "2031-04-07T08:00:00Z"}},
		"daily until":      {`{"pattern":"daily","interval":2,"until":"2031-03-26"}`, []string{"2031-03-24T08:00:00Z", "2031-03-26T08:00:00Z"}},
		"absolute monthly": {`{"pattern":"absoluteMonthly","count":2}`, []string{"2031-03-24T08:00:00Z", "2031-04-24T08:00:00Z"}},
		"relative monthly": {`{"pattern":"relativeMonthly","index":"last","daysOfWeek":["Monday"],"count":2}`,
			[]string{"2031-03-31T08:00:00Z", "2031-04-28T08:00:00Z"}},
		"absolute yearly": {`{"pattern":"absoluteYearly","count":2}`, []string{"2031-03-24T08:00:00Z", "2032-03-24T08:00:00Z"}},
		"relative yearly": {`{"pattern":"relativeYearly","index":"fourth","count":2}`, []string{"2031-03-24T08:00:00Z", "2032-03-22T08:00:00Z"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.expect(201, "POST", "/people",
				`{"person":"bob@example.com","where":"eliona","action":"book",`+first+`,"assets":[501],"recurrence":`+test.recurrence+`}`)
			var got []string
			for _, record := range w.booking.Bookings() {
				got = append(got, record.Start.Format(time.RFC3339))
				require.Equal(t, time.Hour, record.End.Sub(record.Start))
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestRecurrenceInOutlook(t *testing.T) {
	w := start(t)
	w.expect(201, "POST", "/people", `{"person":"alice@example.com","where":"outlook","action":"book",`+times+
		`,"rooms":["room-1@example.com"],"recurrence":{"pattern":"weekly","timeZone":"W. Europe Standard Time"}}`)
	meeting := w.exchange.meetings["UID-1"]
	require.NotNil(t, meeting.Rule)
	require.True(t, meeting.Rule.Endless(), "a series in Outlook may be endless")
	require.Equal(t, []string{"Monday"}, meeting.Rule.Days)
	require.Equal(t, "W. Europe Standard Time", meeting.Zone.ID)
}

func TestRefusedDeedsNameTheField(t *testing.T) {
	book := func(rest string) string {
		return `{"person":"alice@example.com","where":"eliona","action":"book",` + times + rest + `}`
	}
	tests := map[string]string{
		``:  "body",
		`{`: "EOF",
		`{"person":"a","where":"outlook","action":"book","colour":"red"}`:                                              "colour",
		`{"person":"a","where":"teams","action":"book"}`:                                                               "where",
		`{"person":"a","where":"outlook","action":"no-show"}`:                                                          "action",
		`{"where":"outlook","action":"book",` + times + `}`:                                                            "person",
		`{"where":"eliona","action":"book",` + times + `,"assets":[501]}`:                                              "person",
		`{"person":"a","where":"outlook","action":"book","end":"2031-03-03T10:00:00Z"}`:                                "start",
		`{"person":"a","where":"outlook","action":"book","start":"9:00","end":"10:00"}`:                                "start",
		`{"person":"a","where":"outlook","action":"book","start":"2031-03-03T10:00:00Z","end":"2031-03-03T10:00:00Z"}`: "end",
		`{"person":"a","where":"outlook","action":"book",` + times + `,"assets":[501]}`:                                "assets",
		`{"person":"a","where":"outlook","action":"move",` + times + `}`:                                               "uid",
		`{"person":"a","where":"outlook","action":"book","showAs":"Away",` + times + `}`:                               "showAs",
		`{"person":"a","where":"outlook","action":"cancel","uid":"x","occurrence":"monday"}`:                           "occurrence",
		`{"person":"a","where":"outlook","action":"change-rooms","uid":"x"}`:                                           "rooms",
		`{"where":"eliona","action":"cancel"}`:                                                                         "bookingID",
		`{"where":"eliona","action":"cancel","bookingID":1,"groupID":1}`:                                               "groupID",
		`{"where":"eliona","action":"no-show"}`:                                                                        "bookingID",
		`{"where":"eliona","action":"move","bookingID":1,"uid":"x"}`:                                                   "uid",
		book(``):                                                                                     "rooms",
		book(`,"rooms":["room-9@example.com"]`):                                                      "rooms",
		book(`,"rooms":["room-2@example.com"]`):                                                      "project",
		book(`,"rooms":["room-1@example.com"],"project":"11"`):                                       "rooms",
		book(`,"assets":[501],"recurrence":{"pattern":"hourly"}`):                                    "recurrence.pattern",
		book(`,"assets":[501],"recurrence":{"pattern":"daily"}`):                                     "recurrence.count",
		book(`,"assets":[501],"recurrence":{"pattern":"daily","until":"soon"}`):                      "recurrence.until",
		book(`,"assets":[501],"recurrence":{"pattern":"daily","until":"2031-03-01"}`):                "recurrence",
		book(`,"assets":[501],"recurrence":{"pattern":"daily","count":2,"timeZone":"Mars"}`):         "recurrence.timeZone",
		book(`,"assets":[501],"recurrence":{"pattern":"weekly","daysOfWeek":["Moonday"],"count":2}`): "recurrence",
		book(`,"assets":["x"]`):                                                                      "assets",
	}
	for body, field := range tests {
		t.Run(body, func(t *testing.T) {
			w := start(t)
			answer := decode[map[string]string](t, w.expect(400, "POST", "/people", body))
			require.Contains(t, answer["error"], field)
			require.Empty(t, w.booking.Bookings())
			require.Empty(t, w.exchange.meetings)
		})
	}
}

func TestRooms(t *testing.T) {
	w := start(t)
	w.expect(200, "POST", "/rooms", `{"room":"room-9@example.com","name":"Room 9","addTo":"first.floor@example.com","automate":"decline","horizonDays":30}`)
	change := w.exchange.settings["room-9@example.com"]
	require.Equal(t, "decline", *change.Automate)
	require.Equal(t, 30, *change.HorizonDays)
	require.Nil(t, change.MaxMinutes)
	require.JSONEq(t, `{"first.floor@example.com":["room-9@example.com"]}`, w.expect(200, "GET", "/rooms", ""))
	w.expect(200, "POST", "/rooms", `{"room":"room-9@example.com","removeFrom":"first.floor@example.com"}`)
	w.expect(404, "POST", "/rooms", `{"room":"room-9@example.com","removeFrom":"first.floor@example.com"}`)
	for body, field := range map[string]string{
		`{}`:                       "room",
		`{"room":"x@example.com"}`: "nothing to change",
		`{"room":"x@example.com","automate":"maybe"}`:         "automate",
		`{"room":"x@example.com","name":"X","horizonDays":1}`: "name",
		`{"room":"x@example.com","color":"red"}`:              "color",
		`{"room":"x@example.com","horizonDays":"many"}`:       "horizonDays",
	} {
		require.Contains(t, w.expect(400, "POST", "/rooms", body), field)
	}
}

func TestMailboxesAndTokens(t *testing.T) {
	w := start(t)
	w.expect(201, "POST", "/mailboxes", `{"address":"dave@example.com","name":"Dave","password":"secret"}`)
	w.expect(200, "POST", "/mailboxes", `{"address":"Dave@example.com","disabled":true}`)
	require.JSONEq(t, `["dave@example.com"]`, w.expect(200, "GET", "/mailboxes", ""))
	require.Contains(t, w.expect(400, "POST", "/mailboxes", `{"address":"dave@example.com"}`), "disabled")
	require.Contains(t, w.expect(400, "POST", "/mailboxes", `{"address":"dave@example.com","name":"D"}`), "address")
	require.Contains(t, w.expect(400, "POST", "/mailboxes", `{"address":"dave"}`), "address")
	w.expect(204, "POST", "/tokens/revoke", "")
	require.Equal(t, 1, w.entra.revoked)
}

func TestFaults(t *testing.T) {
	w := start(t)
	one := decode[fault.Rule](t, w.expect(201, "POST", "/faults", `{"service":"booking","operation":"DELETE /bookings/{}","kind":"status","status":503,"count":2}`))
	require.Equal(t, "1", one.ID)
	many := decode[[]fault.Rule](t, w.expect(201, "POST", "/faults", `[{"kind":"delay","delayMilliseconds":5},{"service":"exchange","kind":"throttle","probability":0.5}]`))
	require.Len(t, many, 2)
	require.Len(t, decode[[]fault.Rule](t, w.expect(200, "GET", "/faults", "")), 3)
	w.expect(204, "DELETE", "/faults/1", "")
	require.Len(t, w.faults.Rules(), 2)
	w.expect(204, "DELETE", "/faults", "")
	require.Equal(t, "[]", w.expect(200, "GET", "/faults", ""))

	for body, field := range map[string]string{
		`{"kind":"explode"}`:                     "kind",
		`{"kind":"status","probability":2}`:      "probability",
		`{"service":"outlook","kind":"status"}`:  "service",
		`{"kind":"status","status":42}`:          "status",
		`{"kind":"status","count":-1}`:           "count",
		`{"kind":"status","often":true}`:         "often",
		`[{"kind":"status"},{"kind":"explode"}]`: "kind",
		``:                                       "kind",
	} {
		require.Contains(t, w.expect(400, "POST", "/faults", body), field)
	}
	require.Empty(t, w.faults.Rules(), "all or none")

	dropped := decode[fault.Rule](t, w.expect(201, "POST", "/faults", `{"service":"booking","kind":"dropSockets"}`))
	require.Zero(t, dropped.Applied)
	require.Empty(t, w.faults.Rules(), "dropping happens at once")
}

func TestSwitches(t *testing.T) {
	w := start(t)
	answer := w.expect(200, "PUT", "/switches", `{"booking":{"overlapPolicy":"409"},"eliona":{"unknownFields":"documented"}}`)
	require.Equal(t, answer, w.expect(200, "GET", "/switches", ""))
	require.Equal(t, "409", w.booking.Switches().OverlapPolicy)
	require.True(t, w.booking.Switches().EchoSuppression, "what is not named stays")
	require.Equal(t, "documented", w.eliona.Switches().UnknownFields)
	for body, field := range map[string]string{
		`{"booking":{"overlapPolicy":"maybe"}}`:                                  "overlapPolicy",
		`{"booking":{"overlapPolicy":"422"},"eliona":{"archivedPolicy":"lost"}}`: "archivedPolicy",
		`{"booking":{"overlap":"409"}}`:                                          "overlap",
		`{"exchange":{}}`:                                                        "exchange",
		``:                                                                       "body",
	} {
		require.Contains(t, w.expect(400, "PUT", "/switches", body), field)
	}
	require.Equal(t, "409", w.booking.Switches().OverlapPolicy, "all or none")
}

func TestViews(t *testing.T) {
	w := start(t)
	assets := decode[[]elionasim.KnownAsset](t, w.expect(200, "GET", "/assets", ""))
	require.Len(t, assets, 3)
	w.expect(204, "DELETE", "/assets/503", "")
	w.expect(404, "DELETE", "/assets/503", "")
	w.expect(400, "DELETE", "/assets/x", "")
	require.Equal(t, "[]", w.expect(200, "GET", "/notifications", ""))
	require.Equal(t, "[]", w.expect(200, "GET", "/sockets", ""))
	require.JSONEq(t, `{"dropped":0}`, w.expect(200, "POST", "/sockets/drop", ""))
	counts := decode[map[string]map[string]stats.Count](t, w.expect(200, "GET", "/stats", ""))
	require.Equal(t, int64(1), counts["eliona"]["PUT /assets-bulk"].Requests)
	requests := decode[[]front.Entry](t, w.expect(200, "GET", "/requests?service=eliona", ""))
	require.Len(t, requests, 2)
	require.Equal(t, "PUT /asset-types", requests[0].Operation)
	require.Equal(t, "/v2/asset-types", requests[0].URI)
	require.Equal(t, 200, requests[0].Status)
	require.JSONEq(t, `{"name":"ews_room"}`, string(requests[0].Body))
	require.Equal(t, "[]", w.expect(200, "GET", "/requests?service=booking", ""))
	w.expect(204, "DELETE", "/requests", "")
	require.Equal(t, "[]", w.expect(200, "GET", "/requests", ""))
	require.Contains(t, w.expect(200, "GET", "/", ""), "POST /people")
	w.expect(404, "GET", "/nothing", "")
	status, _ := w.call("OPTIONS", "/people", "")
	require.Equal(t, 204, status)
}
