package health

import (
	"time"

	"ews/apiserver"
	"ews/app/meeting"
	"ews/conf"
	"ews/db/store"
)

func presentStatus(c conf.Configuration, o store.Overview, f store.Flow) apiserver.ConfigurationStatus {
	status := c.Status
	text, fix := Explain(status.Code)
	answer := apiserver.ConfigurationStatus{
		State: apiserver.Running, StatusCode: status.Code, StatusText: text, StatusFix: fix, StatusSince: instant(status.Since),
		FromExchange: apiserver.FromExchange{
			LastPoll: instant(o.LastPoll), LastRead: instant(o.LastRead), NotBefore: instant(o.Report.WaitUntil),
			LastCarried: instant(f.ToBooking.Carried), Waiting: f.ToBooking.Waiting,
			Streaming: apiserver.Streaming{Enabled: c.Streaming, Rooms: o.Report.Watched, Since: instant(o.Report.WatchedAt)},
		},
		FromBookings: apiserver.FromBookings{
			Connected: !o.Report.Connected.IsZero(), ConnectedSince: instant(o.Report.Connected),
			LastMessage: instant(o.Report.Heard), LastComparison: instant(o.Report.Compared),
			LastCarried: instant(f.ToExchange.Carried), Waiting: f.ToExchange.Waiting, LagSeconds: seconds(f.ToExchange.Waited),
		},
		Work: apiserver.Work{
			Waiting: o.Waiting(), People: o.People, Changes: o.Changes, Import: o.Import, Failing: o.Repeated,
			Oldest: instant(o.Oldest), LagSeconds: seconds(o.Waited),
		},
		Import: presentImport(o),
		Counts: apiserver.Counts{
			Rooms: o.Rooms, RoomsRetired: o.Retired, RoomsElsewhere: o.Elsewhere, RoomsUnread: o.Unread,
			RoomsFailing: o.Failing, RoomsGuarded: o.Guarded, Meetings: o.Meetings, Findings: o.Findings,
		},
	}
	if o.Polled {
		answer.FromExchange.LagSeconds = new(seconds(o.OldestPoll))
	}
	if o.Leader != nil {
		answer.Owner = &apiserver.Owner{Here: o.Leader.Here, Host: o.Leader.Host, Pid: o.Leader.PID, Since: o.Leader.Since}
	}
	switch {
	case !o.Enabled:
		answer.State = apiserver.Disabled
	case status.Code != "":
		answer.State = apiserver.Broken
	case o.Leader == nil:
		answer.State = apiserver.Starting
	}
	return answer
}

// presentImport is nil unless rooms are still to be read, or much that was read
// at once waits.
func presentImport(o store.Overview) *apiserver.ImportProgress {
	if !o.Enabled || o.Unread == 0 && o.Import == 0 {
		return nil
	}
	p := apiserver.ImportProgress{Rooms: o.Rooms, RoomsRead: o.Rooms - o.Unread, Meetings: o.Meetings, MeetingsDone: o.Meetings - o.Import}
	if p.Rooms > 0 {
		p.Percent = 100 * p.RoomsRead / p.Rooms
	}
	if p.Meetings > 0 {
		p.Percent = p.Percent * p.MeetingsDone / p.Meetings
	}
	p.Percent = min(p.Percent, 99)
	return &p
}

// presentDirections adds what may be behind since the room was last asked.
func presentDirections(v store.RoomView, now time.Time) (fromExchange, fromBookings apiserver.RoomDirection) {
	show := func(d store.Direction) apiserver.RoomDirection {
		return apiserver.RoomDirection{LastCarried: instant(d.Carried), Waiting: d.Waiting, LagSeconds: new(seconds(d.Waited))}
	}
	fromExchange, fromBookings = show(v.Flow.ToBooking), show(v.Flow.ToExchange)
	if v.PolledAt.IsZero() {
		fromExchange.LagSeconds = nil
	} else {
		fromExchange.LagSeconds = new(max(seconds(now.Sub(v.PolledAt)), *fromExchange.LagSeconds))
	}
	return fromExchange, fromBookings
}

func seconds(d time.Duration) int64 { return int64(max(0, d) / time.Second) }

func presentRoom(v store.RoomView, now time.Time) apiserver.RoomStatus {
	answer := apiserver.RoomStatus{
		Address: string(v.Address), Name: v.Name, State: apiserver.Active,
		Assets: make([]apiserver.RoomAsset, 0, len(v.Assets)), LastPoll: instant(v.PolledAt), LastRead: instant(v.ReadAt),
		Today: make([]apiserver.RoomEntry, 0, len(v.Entries)),
	}
	answer.FromExchange, answer.FromBookings = presentDirections(v, now)
	for _, a := range v.Assets {
		answer.Assets = append(answer.Assets, apiserver.RoomAsset{
			ProjectId: a.Project, AssetId: number(int32(a.ID)), Bookable: a.Bookable,
		})
	}
	switch {
	case v.Retired:
		answer.State = apiserver.Retired
	case !v.Active:
		answer.State = apiserver.Elsewhere
		answer.OwnedBy = new(int64(v.OwnedBy))
	default:
		answer.NextPoll = instant(v.PollAt)
	}
	if v.Fails > 0 {
		text, fix := Explain(v.Code)
		answer.Failure = &apiserver.RoomFailure{Code: v.Code, Text: text, Fix: fix, Times: v.Fails}
	}
	if !v.Guard.IsZero() {
		answer.Guard = &apiserver.RoomGuard{Since: v.Guard, Entries: v.Gone}
	}
	for _, e := range v.Entries {
		answer.Today = append(answer.Today, presentEntry(e))
	}
	return answer
}

func presentEntry(e store.EntryView) apiserver.RoomEntry {
	answer := apiserver.RoomEntry{Private: e.Private, Exchange: presentExchange(e)}
	if !e.Private {
		answer.Organizer = string(e.Organizer)
	}
	if e.Booking != 0 {
		answer.Eliona = &apiserver.ElionaEntry{
			BookingId: int32(e.Booking), Start: e.BookingSpan.Start, End: e.BookingSpan.End, State: apiserver.Booked,
		}
		if e.Refused {
			answer.Eliona.State = apiserver.Refused
		}
	}
	return answer
}

// presentExchange prefers what the room's own calendar shows to what the
// organizer's copy says of the room.
func presentExchange(e store.EntryView) *apiserver.ExchangeEntry {
	shown := apiserver.ExchangeEntry{Start: e.SeenSpan.Start, End: e.SeenSpan.End}
	switch e.Seen {
	case meeting.Booked:
		shown.State = apiserver.Accepted
		return &shown
	case meeting.Pending:
		shown.State = apiserver.Pending
		return &shown
	case meeting.None:
	}
	if !e.Invited {
		return nil
	}
	shown = apiserver.ExchangeEntry{Start: e.CopySpan.Start, End: e.CopySpan.End, State: apiserver.Invited}
	switch e.Answer {
	case meeting.Accepted:
		shown.State = apiserver.Accepted
	case meeting.Tentative:
		shown.State = apiserver.Tentative
	case meeting.Declined:
		shown.State = apiserver.Declined
	case meeting.NoAnswer:
	}
	return &shown
}

// codeUnknown stands where a failure left no code.
const codeUnknown = "unexpected_error"

func presentFinding(f store.Finding) apiserver.Finding {
	code := f.Code
	if code == "" {
		code = codeUnknown
	}
	text, fix := Explain(code)
	return apiserver.Finding{
		Id: f.ID, Kind: apiserver.FindingKind(f.Kind), Code: code, Text: text, Fix: fix,
		Retryable: f.Kind != store.KindRefusal,
		Room:      string(f.Room), RoomName: f.RoomName, BookingId: number(int32(f.Booking)),
		Start: instant(f.Span.Start), End: instant(f.Span.End), Since: instant(f.Since),
	}
}

// instant is nil for an instant that is not known.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

// number is nil for 0.
func number(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}
