package page_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/apiserver"
	"ews/apiservices"
	"ews/app/health"
	"ews/page"
)

// zurich is where the app of the tests runs, and now is when: a Sunday.
func zurich() *time.Location {
	zone, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		panic(err)
	}
	return zone
}

func now() time.Time { return time.Date(2026, 11, 22, 10, 3, 12, 0, zurich()) }

// at is a time of day in Zurich.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 22, hour, minute, 0, 0, zurich()) }

// world is a source that keeps what it was asked to do.
type world struct {
	mu        sync.Mutex
	summaries []apiserver.ConfigurationSummary
	rooms     []apiserver.RoomStatus
	findings  []apiserver.Finding
	deeds     []string
	from, to  time.Time // what was last asked for
	broken    error
}

func (w *world) Summaries(context.Context) ([]apiserver.ConfigurationSummary, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.summaries), w.broken
}

func (w *world) RoomsBetween(_ context.Context, _ int64, from, to time.Time) ([]apiserver.RoomStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.from, w.to = from, to
	return slices.Clone(w.rooms), w.broken
}

func (w *world) Findings(context.Context, int64) ([]apiserver.Finding, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.findings), w.broken
}

func (w *world) Retry(_ context.Context, config int64, finding string) error {
	for _, f := range w.findings {
		switch {
		case f.Id == finding && !f.Retryable:
			return apiservices.ErrNoRetry
		case f.Id == finding:
			return w.did("retry %d %s", config, finding)
		}
	}
	return apiservices.ErrNoFinding
}

func (w *world) Resync(_ context.Context, config int64) error { return w.did("resync %d", config) }

func (w *world) ResyncRoom(_ context.Context, config int64, address string) error {
	return w.did("resync %d %s", config, address)
}

func (w *world) did(format string, args ...any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deeds = append(w.deeds, fmt.Sprintf(format, args...))
	return w.broken
}

func (w *world) Check(_ context.Context, config int64, mailbox string) (apiserver.CheckReport, error) {
	step := func(name, about string, status apiserver.CheckStatus, code, detail string) apiserver.CheckStep {
		text, fix := health.Explain(code)
		return apiserver.CheckStep{
			Name: name, Title: health.StepTitles()[name], About: about, Status: status, Code: code, Text: text, Fix: fix, Detail: detail, DurationMilliseconds: 12,
		}
	}
	return apiserver.CheckReport{Status: apiserver.Failed, DurationMilliseconds: 8420, Steps: []apiserver.CheckStep{
		step("name_resolution", "mail.example.com", apiserver.Ok, "", ""),
		step("connection", "mail.example.com", apiserver.Ok, "", "TLS 1.3, certificate valid until 2027-05-01"),
		step("room", "room-5@example.com", apiserver.Failed, "ErrorNonExistentMailbox", ""),
		step("booking_app", "", apiserver.Warning, "booking_app_unreachable", ""),
		step("user_mailbox", mailbox, apiserver.Skipped, "ErrorAccessDenied", ""),
	}}, w.did("check %d %s", config, mailbox)
}

// done is what it was asked to do.
func (w *world) done() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.deeds)
}

// change changes the world while the page shows it.
func (w *world) change(how func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	how(w)
}

// entry is what both sides have; the times are hours.
func entry(organizer string, exchange *apiserver.ExchangeEntry, eliona *apiserver.ElionaEntry) apiserver.RoomEntry {
	return apiserver.RoomEntry{Organizer: organizer, Exchange: exchange, Eliona: eliona}
}

func meets(start, end time.Time, state apiserver.ExchangeEntryState) *apiserver.ExchangeEntry {
	return &apiserver.ExchangeEntry{Start: start, End: end, State: state}
}

func booked(id int32, start, end time.Time) *apiserver.ElionaEntry {
	return &apiserver.ElionaEntry{BookingId: id, Start: start, End: end, State: apiserver.Booked}
}

func room(n int, today ...apiserver.RoomEntry) apiserver.RoomStatus {
	return apiserver.RoomStatus{
		Address: fmt.Sprintf("room-%d@example.com", n), Name: fmt.Sprintf("Room %d", n), State: apiserver.Active,
		Assets:   []apiserver.RoomAsset{{ProjectId: "10", AssetId: new(int32(16 + n)), Bookable: true}},
		LastPoll: new(now().Add(-12 * time.Second)), LastRead: new(now().Add(-34 * time.Minute)), NextPoll: new(now().Add(48 * time.Second)),
		FromExchange: apiserver.RoomDirection{LastCarried: new(now().Add(-7 * time.Minute)), LagSeconds: new(int64(12))},
		FromBookings: apiserver.RoomDirection{Waiting: 1, LagSeconds: new(int64(4))},
		Today:        today,
	}
}

func finding(id string, kind apiserver.FindingKind, code string) apiserver.Finding {
	text, fix := health.Explain(code)
	return apiserver.Finding{
		Id: id, Kind: kind, Code: code, Text: text, Fix: fix, Retryable: kind != apiserver.Refusal,
		Room: "room-1@example.com", RoomName: "Room 1", Since: new(at(8, 15)),
	}
}

// quiet is a world with one configuration in which all is well.
func quiet() *world {
	running := apiserver.ConfigurationStatus{
		State: apiserver.Running, Owner: &apiserver.Owner{Here: true, Host: "ews-7d9f", Pid: 1, Since: at(6, 0)},
		FromExchange: apiserver.FromExchange{
			LastPoll: new(now().Add(-3 * time.Second)), LastRead: new(now().Add(-34 * time.Minute)), LastCarried: new(now().Add(-7 * time.Minute)), LagSeconds: new(int64(41)),
			Streaming: apiserver.Streaming{Enabled: true, Rooms: 2, Since: new(at(6, 2))},
		},
		FromBookings: apiserver.FromBookings{
			Connected: true, ConnectedSince: new(at(6, 1)), LastMessage: new(now().Add(-5 * time.Minute)), LastComparison: new(now().Add(-50 * time.Minute)),
		},
		Counts: apiserver.Counts{Rooms: 2, Meetings: 240},
	}
	return &world{
		summaries: []apiserver.ConfigurationSummary{{Id: 1, RoomListUPN: "first.floor@example.com", ProjectIDs: []string{"10"}, Status: running}},
		rooms: []apiserver.RoomStatus{
			room(1, entry("alice@example.com", meets(at(9, 0), at(10, 0), apiserver.Accepted), booked(4711, at(9, 0), at(10, 0)))),
			room(2),
		},
	}
}

// busy is a world with several configurations, and everything that can be
// shown in the first.
func busy() *world {
	w := quiet()
	first := &w.summaries[0].Status
	first.State, first.StatusCode, first.StatusSince = apiserver.Broken, "HTTP403", new(at(9, 40))
	first.StatusText, first.StatusFix = health.Explain(first.StatusCode)
	first.FromExchange.Streaming = apiserver.Streaming{Enabled: true, Rooms: 5, Since: new(at(6, 2))}
	first.FromExchange.NotBefore = new(now().Add(90 * time.Second))
	first.FromExchange.Waiting, first.FromBookings.Waiting, first.FromBookings.LagSeconds = 125, 1, 4
	first.Import = &apiserver.ImportProgress{Rooms: 6, RoomsRead: 5, Meetings: 1240, MeetingsDone: 1117, Percent: 90}
	first.Work = apiserver.Work{Waiting: 126, People: 1, Changes: 2, Import: 123, Failing: 4, Oldest: new(at(9, 0)), LagSeconds: 3792}
	first.Counts = apiserver.Counts{Rooms: 6, RoomsRetired: 1, RoomsElsewhere: 2, RoomsUnread: 1, RoomsFailing: 1, RoomsGuarded: 1, Meetings: 1240, Findings: 7}
	second, third, fourth, fifth := quiet().summaries[0], quiet().summaries[0], quiet().summaries[0], quiet().summaries[0]
	second.Id, second.RoomListUPN = 2, "second.floor@example.com"
	third.Id, third.RoomListUPN, third.Status.State, third.Status.Owner = 3, "warehouse@example.com", apiserver.Starting, nil
	fourth.Id, fourth.RoomListUPN, fourth.Status.State = 4, "", apiserver.Disabled
	fifth.Id, fifth.RoomListUPN, fifth.Status.Counts.Findings = 5, "a-very-long-name-of-a-room-list-in-the-headquarters@subsidiary.example.com", 3
	w.summaries = append(w.summaries, second, third, fourth, fifth)

	private := entry("", meets(at(15, 0), at(16, 30), apiserver.Accepted), booked(4720, at(15, 0), at(16, 30)))
	private.Private = true
	refused := entry("bob@example.com", nil, booked(4716, at(17, 0), at(18, 0)))
	refused.Eliona.State = apiserver.Refused
	clash := entry("", meets(at(14, 0), at(15, 0), apiserver.Accepted), booked(4721, at(14, 0), at(15, 0)))
	clash.Eliona.State = apiserver.Refused
	failing := room(5)
	text, fix := health.Explain("ErrorNonExistentMailbox")
	failing.Failure = &apiserver.RoomFailure{Code: "ErrorNonExistentMailbox", Text: text, Fix: fix, Times: 3}
	guarded := room(6)
	guarded.Guard = &apiserver.RoomGuard{Since: at(9, 30), Entries: 12}
	unread := room(7)
	unread.LastPoll, unread.LastRead, unread.Assets = nil, nil, []apiserver.RoomAsset{{ProjectId: "10"}, {ProjectId: "11", AssetId: new(int32(99))}}
	retired, elsewhere, somewhere := room(8), room(9), room(10)
	retired.State, retired.NextPoll, retired.Assets = apiserver.Retired, nil, nil
	elsewhere.State, elsewhere.NextPoll, elsewhere.OwnedBy = apiserver.Elsewhere, nil, new(int64(2))
	somewhere.State, somewhere.NextPoll, somewhere.Name = apiserver.Elsewhere, nil, ""
	w.rooms = []apiserver.RoomStatus{
		room(1,
			entry("alice@example.com", meets(at(8, 0), at(9, 0), apiserver.Accepted), booked(4711, at(8, 0), at(9, 0))),
			entry("bob@example.com", meets(at(9, 0), at(9, 30), apiserver.Accepted), booked(4712, at(9, 0), at(9, 30))),
			entry("carol@example.com", meets(at(10, 30), at(12, 0), apiserver.Invited), booked(4713, at(10, 30), at(12, 0))),
			entry("alice@example.com", meets(at(13, 0), at(14, 0), apiserver.Pending), nil), private),
		room(2,
			entry("alice@example.com", meets(at(9, 0), at(10, 0), apiserver.Accepted), nil),
			entry("bob@example.com", meets(at(11, 0), at(12, 0), apiserver.Accepted), booked(4714, at(11, 30), at(12, 30))),
			entry("carol@example.com", nil, booked(4715, at(13, 0), at(14, 0))), refused),
		room(3,
			entry("dora@example.com", meets(at(9, 0), at(11, 0), apiserver.Declined), nil),
			entry("alice@example.com", meets(at(10, 0), at(12, 0), apiserver.Tentative), booked(4717, at(10, 0), at(12, 0))), clash),
		room(4, entry("alice@example.com", meets(at(-3, 0), at(5, 30), apiserver.Accepted), booked(4718, at(-3, 0), at(5, 30))),
			entry("bob@example.com", meets(at(21, 0), at(26, 0), apiserver.Accepted), booked(4719, at(21, 0), at(26, 0)))),
		failing, guarded, unread, retired, elsewhere, somewhere,
	}
	w.findings = []apiserver.Finding{
		finding("meeting-17", apiserver.Clash, "booking_clash"), finding("meeting-18", apiserver.Parked, "ErrorOccurrenceCrossingBoundary"),
		finding("meeting-19", apiserver.Failing, "ErrorServerBusy"), finding("notice-3", apiserver.Refusal, "room_declined"),
		finding("answer-4-1", apiserver.Silent, "room_not_answering"), finding("room-5", apiserver.Room, "ErrorNonExistentMailbox"),
		finding("guard-6", apiserver.Guard, "entries_vanished"),
	}
	w.findings[0].Start, w.findings[0].End = new(at(24+9, 0)), new(at(24+10, 0))
	w.findings[3].Start, w.findings[3].End, w.findings[3].BookingId = new(at(17, 0)), new(at(18, 0)), new(int32(4716))
	w.findings[5].RoomName, w.findings[5].Since = "", nil
	return w
}

// serve serves the page of a world as the app does, and returns its address.
func serve(t *testing.T, w *world) string {
	t.Helper()
	p, err := page.New(page.Options{Source: w, Now: now})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/v1/status", p)
	// Some proxies put the app below a path.
	mux.Handle("/apps/ews/", http.StripPrefix("/apps/ews", mux))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/v1/status"
}
