package control

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"ews/simulator/bookingsim"
)

// personRequest is what a person does. Times are read as text, so that a
// mistake can be told with the name of its field.
type personRequest struct {
	Person     string             `json:"person"`
	Where      string             `json:"where"`
	Action     string             `json:"action"`
	Subject    string             `json:"subject"`
	Body       string             `json:"body"`
	Location   string             `json:"location"`
	AllDay     bool               `json:"allDay"`
	Private    bool               `json:"private"`
	ShowAs     string             `json:"showAs"`
	Start      string             `json:"start"`
	End        string             `json:"end"`
	Rooms      []string           `json:"rooms"`
	Attendees  []string           `json:"attendees"`
	Project    string             `json:"project"`
	AssetIDs   []int32            `json:"assets"`
	UID        string             `json:"uid"`
	BookingID  int32              `json:"bookingID"`
	GroupID    int32              `json:"groupID"`
	Occurrence string             `json:"occurrence"`
	Recurrence *recurrenceRequest `json:"recurrence"`
	TimeZone   string             `json:"timeZone"`
}

// personAnswer names what was created or changed.
type personAnswer struct {
	UID        string  `json:"uid,omitempty"`
	GroupID    int32   `json:"groupID,omitempty"`
	BookingIDs []int32 `json:"bookingIDs,omitempty"`
}

// deed is one thing that a person can do at one place.
type deed struct {
	// uses lists the fields it understands beyond person, where and action;
	// others are refused, because they would be silently without effect.
	uses string
	// creates tells whether the answer is 201.
	creates bool
	do      func(*Server, context.Context, personRequest) (personAnswer, error)
}

// deeds by "where action".
func deeds() map[string]deed {
	return map[string]deed{
		"outlook book":         {"subject body location allDay private showAs uid start end rooms attendees recurrence timeZone", true, (*Server).bookInOutlook},
		"outlook move":         {"uid occurrence start end", false, (*Server).moveInOutlook},
		"outlook change-rooms": {"uid occurrence rooms", false, (*Server).changeRoomsInOutlook},
		"outlook rename":       {"uid subject", false, (*Server).renameInOutlook},
		"outlook cancel":       {"uid occurrence", false, (*Server).cancelInOutlook},
		"eliona book":          {"subject start end rooms assets project recurrence timeZone", true, (*Server).bookInEliona},
		"eliona move":          {"bookingID start end", false, (*Server).moveInEliona},
		"eliona change-rooms":  {"bookingID rooms assets project", false, (*Server).changeRoomsInEliona},
		"eliona cancel":        {"bookingID groupID", false, (*Server).cancelInEliona},
		"eliona no-show":       {"bookingID", false, (*Server).noShow},
		"eliona ad-hoc":        {"start end rooms assets project", true, (*Server).adHoc},
	}
}

func (s *Server) postPeople(r *http.Request) (answer, error) {
	var p personRequest
	if err := readBody(r, &p); err != nil {
		return answer{}, err
	}
	if p.Where != "outlook" && p.Where != "eliona" {
		return answer{}, badInput("where", "is neither outlook nor eliona")
	}
	d, known := deeds()[p.Where+" "+p.Action]
	if !known {
		return answer{}, badInput("action", fmt.Sprintf("%q cannot be done in %s", p.Action, p.Where))
	}
	uses := strings.Fields(d.uses)
	for _, field := range p.given() {
		if !slices.Contains(uses, field) {
			return answer{}, badInput(field, fmt.Sprintf("has no effect on %s in %s", p.Action, p.Where))
		}
	}
	if p.Person == "" && (p.Where == "outlook" || p.Action == "book") {
		return answer{}, badInput("person", "is missing")
	}
	done, err := d.do(s, r.Context(), p)
	if err != nil {
		return answer{}, err
	}
	status := http.StatusOK
	if d.creates {
		status = http.StatusCreated
	}
	return answer{status, done}, nil
}

// given lists the optional fields that the request has.
func (p personRequest) given() []string {
	var out []string
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"subject", p.Subject != ""}, {"body", p.Body != ""}, {"location", p.Location != ""},
		{"allDay", p.AllDay}, {"private", p.Private}, {"showAs", p.ShowAs != ""}, {"start", p.Start != ""}, {"end", p.End != ""},
		{"rooms", p.Rooms != nil}, {"attendees", p.Attendees != nil}, {"project", p.Project != ""},
		{"assets", p.AssetIDs != nil}, {"uid", p.UID != ""}, {"bookingID", p.BookingID != 0}, {"groupID", p.GroupID != 0},
		{"occurrence", p.Occurrence != ""}, {"recurrence", p.Recurrence != nil}, {"timeZone", p.TimeZone != ""},
	} {
		if field.given {
			out = append(out, field.name)
		}
	}
	return out
}

// times reads start and end.
func (p personRequest) times() (start, end time.Time, err error) {
	if start, err = parseTime("start", p.Start); err != nil {
		return
	}
	if end, err = parseTime("end", p.End); err != nil {
		return
	}
	if !end.After(start) {
		err = badInput("end", "is not after start")
	}
	return
}

// meeting reads uid and occurrence.
func (p personRequest) meeting() (MeetingRef, error) {
	ref := MeetingRef{Organizer: p.Person, UID: p.UID}
	if p.UID == "" {
		return ref, badInput("uid", "is missing")
	}
	if p.Occurrence == "" {
		return ref, nil
	}
	var err error
	ref.Occurrence, err = parseTime("occurrence", p.Occurrence)
	return ref, err
}

func (s *Server) bookInOutlook(ctx context.Context, p personRequest) (personAnswer, error) {
	start, end, err := p.times()
	if err != nil {
		return personAnswer{}, err
	}
	zone, err := p.zone()
	if err != nil {
		return personAnswer{}, err
	}
	rule, err := p.rule(start.In(zone.Location))
	if err != nil {
		return personAnswer{}, err
	}
	if p.ShowAs != "" && !slices.Contains([]string{"Free", "Tentative", "Busy", "OOF"}, p.ShowAs) {
		return personAnswer{}, badInput("showAs", "is not Free, Tentative, Busy or OOF")
	}
	uid, err := s.opts.Exchange.Book(ctx, Meeting{
		Organizer: p.Person, Subject: p.Subject, Body: p.Body, Location: p.Location, Start: start, End: end,
		AllDay: p.AllDay, Private: p.Private, ShowAs: p.ShowAs, UID: p.UID, Rooms: p.Rooms, Attendees: p.Attendees, Rule: rule, Zone: zone,
	})
	return personAnswer{UID: uid}, err
}

func (s *Server) moveInOutlook(_ context.Context, p personRequest) (personAnswer, error) {
	ref, err := p.meeting()
	if err != nil {
		return personAnswer{}, err
	}
	start, end, err := p.times()
	if err != nil {
		return personAnswer{}, err
	}
	return personAnswer{UID: p.UID}, s.opts.Exchange.Move(ref, start, end)
}

func (s *Server) changeRoomsInOutlook(_ context.Context, p personRequest) (personAnswer, error) {
	ref, err := p.meeting()
	if err != nil {
		return personAnswer{}, err
	}
	if p.Rooms == nil {
		return personAnswer{}, badInput("rooms", "is missing")
	}
	return personAnswer{UID: p.UID}, s.opts.Exchange.ChangeRooms(ref, p.Rooms)
}

func (s *Server) renameInOutlook(_ context.Context, p personRequest) (personAnswer, error) {
	ref, err := p.meeting()
	if err != nil {
		return personAnswer{}, err
	}
	if p.Subject == "" {
		return personAnswer{}, badInput("subject", "is missing")
	}
	return personAnswer{UID: p.UID}, s.opts.Exchange.Rename(ref, p.Subject)
}

func (s *Server) cancelInOutlook(_ context.Context, p personRequest) (personAnswer, error) {
	ref, err := p.meeting()
	if err != nil {
		return personAnswer{}, err
	}
	return personAnswer{UID: p.UID}, s.opts.Exchange.Cancel(ref)
}

func (s *Server) bookInEliona(_ context.Context, p personRequest) (personAnswer, error) {
	start, end, err := p.times()
	if err != nil {
		return personAnswer{}, err
	}
	assets, err := s.assetsOf(p)
	if err != nil {
		return personAnswer{}, err
	}
	slots, err := p.slots(start, end, assets)
	if err != nil {
		return personAnswer{}, err
	}
	return placed(s.opts.Booking.Book(p.Person, slots...))
}

func placed(p bookingsim.Placed, err error) (personAnswer, error) {
	return personAnswer{GroupID: p.GroupID, BookingIDs: p.BookingIDs}, err
}

func (s *Server) moveInEliona(_ context.Context, p personRequest) (personAnswer, error) {
	if p.BookingID == 0 {
		return personAnswer{}, badInput("bookingID", "is missing")
	}
	start, end, err := p.times()
	if err != nil {
		return personAnswer{}, err
	}
	return p.oneBooking(), s.opts.Booking.Move(p.BookingID, start, end)
}

func (p personRequest) oneBooking() personAnswer {
	return personAnswer{BookingIDs: []int32{p.BookingID}}
}

func (s *Server) changeRoomsInEliona(_ context.Context, p personRequest) (personAnswer, error) {
	if p.BookingID == 0 {
		return personAnswer{}, badInput("bookingID", "is missing")
	}
	assets, err := s.assetsOf(p)
	if err != nil {
		return personAnswer{}, err
	}
	return p.oneBooking(), s.opts.Booking.ChangeAssets(p.BookingID, assets)
}

func (s *Server) cancelInEliona(_ context.Context, p personRequest) (personAnswer, error) {
	switch {
	case p.BookingID != 0 && p.GroupID != 0:
		return personAnswer{}, badInput("groupID", "excludes bookingID")
	case p.GroupID != 0:
		return personAnswer{GroupID: p.GroupID}, s.opts.Booking.CancelGroup(p.GroupID)
	case p.BookingID != 0:
		return p.oneBooking(), s.opts.Booking.Cancel(p.BookingID)
	}
	return personAnswer{}, badInput("bookingID", "is missing, and so is groupID")
}

func (s *Server) noShow(_ context.Context, p personRequest) (personAnswer, error) {
	if p.BookingID == 0 {
		return personAnswer{}, badInput("bookingID", "is missing")
	}
	return p.oneBooking(), s.opts.Booking.NoShow(p.BookingID)
}

// adHocLength is how long an ad-hoc booking lasts unless the request says.
const adHocLength = 30 * time.Minute

func (s *Server) adHoc(_ context.Context, p personRequest) (personAnswer, error) {
	assets, err := s.assetsOf(p)
	if err != nil {
		return personAnswer{}, err
	}
	start := s.opts.Now().UTC().Truncate(time.Second)
	if p.Start != "" {
		if start, err = parseTime("start", p.Start); err != nil {
			return personAnswer{}, err
		}
	}
	end := start.Add(adHocLength)
	if p.End != "" {
		if end, err = parseTime("end", p.End); err != nil {
			return personAnswer{}, err
		}
	}
	if !end.After(start) {
		return personAnswer{}, badInput("end", "is not after start")
	}
	return placed(s.opts.Booking.AdHoc(bookingsim.Slot{AssetIDs: assets, Start: start, End: end}))
}

// roomGAI is the global asset identifier of the asset for a room mailbox.
func roomGAI(address string) string { return "ews_room_" + strings.ToLower(address) }

// assetsOf finds the assets that the request names, by id or by the address
// of the room.
func (s *Server) assetsOf(p personRequest) ([]int32, error) {
	ids := slices.Clone(p.AssetIDs)
	known := s.opts.Eliona.Assets()
	for _, address := range p.Rooms {
		var found []int32
		var projects []string
		for _, asset := range known {
			if !asset.Archived && strings.EqualFold(asset.GlobalAssetIdentifier, roomGAI(address)) &&
				(p.Project == "" || p.Project == asset.ProjectID) {
				found = append(found, *asset.ID)
				projects = append(projects, asset.ProjectID)
			}
		}
		switch len(found) {
		case 0:
			return nil, badInput("rooms", fmt.Sprintf("no asset %s in Eliona", roomGAI(address)))
		case 1:
			ids = append(ids, found[0])
		default:
			return nil, badInput("project", fmt.Sprintf("room %s has assets in the projects %q, name one", address, projects))
		}
	}
	if len(ids) == 0 {
		return nil, badInput("rooms", "is missing, and so is assets")
	}
	return ids, nil
}
