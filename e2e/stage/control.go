package stage

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Control speaks to the control API of the simulators.
type Control struct{ base string }

// Action is something a person does.
type Action struct {
	Person     string         `json:"person,omitempty"`
	Where      string         `json:"where"` // outlook or eliona
	Action     string         `json:"action"`
	Subject    string         `json:"subject,omitempty"`
	Body       string         `json:"body,omitempty"`
	Location   string         `json:"location,omitempty"`
	Private    bool           `json:"private,omitempty"`
	Start      *time.Time     `json:"start,omitempty"`
	End        *time.Time     `json:"end,omitempty"`
	Rooms      []string       `json:"rooms,omitempty"`
	Assets     []int32        `json:"assets,omitempty"`
	Attendees  []string       `json:"attendees,omitempty"`
	Project    string         `json:"project,omitempty"`
	UID        string         `json:"uid,omitempty"`
	BookingID  int32          `json:"bookingID,omitempty"`
	GroupID    int32          `json:"groupID,omitempty"`
	Occurrence *time.Time     `json:"occurrence,omitempty"`
	Recurrence map[string]any `json:"recurrence,omitempty"`
}

// At sets the time of an action.
func (a Action) At(start time.Time, d time.Duration) Action {
	end := start.Add(d)
	a.Start, a.End = &start, &end
	return a
}

// Made is what an action created.
type Made struct {
	UID        string  `json:"uid"`
	GroupID    int32   `json:"groupID"`
	BookingIDs []int32 `json:"bookingIDs"`
}

// Act acts as a person.
func (c *Control) Act(ctx context.Context, a Action) (Made, error) {
	var made Made
	err := call(ctx, http.MethodPost, c.base+"/people", a, &made, nil)
	return made, err
}

// Booking is a booking of the Booking app, cancelled ones included.
type Booking struct {
	ID              int32     `json:"id"`
	GroupID         int32     `json:"groupID"`
	AssetIDs        []int32   `json:"assetIds"`
	Organizer       string    `json:"organizerID"`
	Start           time.Time `json:"start"`
	End             time.Time `json:"end"`
	Cancelled       bool      `json:"cancelled"`
	Reason          string    `json:"reason"`
	ClientReference string    `json:"clientReference"` // of who created it
	Created         time.Time `json:"created"`
	History         []struct {
		Time            time.Time `json:"time"`
		Action          string    `json:"action"` // created, updated, unchanged, cancelled
		ClientReference string    `json:"clientReference"`
	} `json:"history"`
}

// Bookings returns all bookings, in the order of their ids.
func (c *Control) Bookings(ctx context.Context) ([]Booking, error) {
	var out []Booking
	err := call(ctx, http.MethodGet, c.base+"/bookings", nil, &out, nil)
	slices.SortFunc(out, func(a, b Booking) int { return int(a.ID - b.ID) })
	return out, err
}

// Entry is what stands in a calendar.
type Entry struct {
	UID       string    `json:"uid"`
	ItemID    string    `json:"itemId"`
	Subject   string    `json:"subject"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Original  time.Time `json:"original"` // original start, for occurrences of a series
	Organizer string    `json:"organizer"`
	Type      string    `json:"type"`
	Response  string    `json:"response"`
	FreeBusy  string    `json:"freeBusy"`
	Cancelled bool      `json:"cancelled"`
	Rooms     []struct {
		Address  string `json:"address"`
		Response string `json:"response"`
	} `json:"rooms"`
}

// Calendar returns what stands in the calendar of a mailbox.
func (c *Control) Calendar(ctx context.Context, mailbox string) ([]Entry, error) {
	var out []Entry
	err := call(ctx, http.MethodGet, c.base+"/calendars/"+mailbox, nil, &out, nil)
	return out, err
}

// Asset is an asset of the simulated Eliona.
type Asset struct {
	ID      int32  `json:"id"`
	Project string `json:"projectId"`
	GAI     string `json:"globalAssetIdentifier"`
	Name    string `json:"name"`
	Type    string `json:"assetType"`
	Gone    bool   `json:"archived"`
	// Functional and Locational name the parents, 0 for none.
	Functional int32 `json:"parentFunctionalAssetId"`
	Locational int32 `json:"parentLocationalAssetId"`
	Data       []struct {
		Subtype string         `json:"subtype"`
		Data    map[string]any `json:"data"`
	} `json:"data"`
}

// Assets returns all assets.
func (c *Control) Assets(ctx context.Context) ([]Asset, error) {
	var out []Asset
	err := call(ctx, http.MethodGet, c.base+"/assets", nil, &out, nil)
	return out, err
}

// DeleteAsset deletes an asset as a user of Eliona does.
func (c *Control) DeleteAsset(ctx context.Context, id int32) error {
	return call(ctx, http.MethodDelete, c.base+"/assets/"+strconv.Itoa(int(id)), nil, nil, nil)
}

// Notification is what a user of Eliona was told.
type Notification struct {
	User    string            `json:"user"`
	Email   string            `json:"email"`
	Project string            `json:"projectId"`
	Message map[string]string `json:"message"`
}

// Notifications returns what users were told.
func (c *Control) Notifications(ctx context.Context) ([]Notification, error) {
	var out []Notification
	err := call(ctx, http.MethodGet, c.base+"/notifications", nil, &out, nil)
	return out, err
}

// Room is a room of a list with how it answers: accept, tentative, decline or
// none.
type Room struct {
	Address  string `json:"room"`
	Automate string `json:"automate"`
}

// Rooms returns the rooms by their lists.
func (c *Control) Rooms(ctx context.Context) (map[string][]Room, error) {
	var lists []struct {
		Address string `json:"address"`
		Rooms   []Room `json:"rooms"`
	}
	err := call(ctx, http.MethodGet, c.base+"/rooms", nil, &lists, nil)
	out := map[string][]Room{}
	for _, list := range lists {
		out[list.Address] = list.Rooms
	}
	return out, err
}

// SetRoom changes a room, see the simulators' README.
func (c *Control) SetRoom(ctx context.Context, change map[string]any) error {
	return call(ctx, http.MethodPost, c.base+"/rooms", change, nil, nil)
}

// Mailbox creates the mailbox of a user.
func (c *Control) Mailbox(ctx context.Context, address, name string) error {
	return call(ctx, http.MethodPost, c.base+"/mailboxes", map[string]any{"address": address, "name": name, "password": "secret"}, nil, nil)
}

// Fault makes something go wrong.
func (c *Control) Fault(ctx context.Context, rule map[string]any) error {
	return call(ctx, http.MethodPost, c.base+"/faults", rule, nil, nil)
}

// Applied counts how often the faults of an operation happened; an empty
// operation means all.
func (c *Control) Applied(ctx context.Context, operation string) (int, error) {
	var rules []struct {
		Operation string `json:"operation"`
		Applied   int    `json:"applied"`
	}
	err := call(ctx, http.MethodGet, c.base+"/faults", nil, &rules, nil)
	n := 0
	for _, rule := range rules {
		if operation == "" || rule.Operation == operation {
			n += rule.Applied
		}
	}
	return n, err
}

// RevokeTokens makes every OAuth token issued so far invalid.
func (c *Control) RevokeTokens(ctx context.Context) error {
	return call(ctx, http.MethodPost, c.base+"/tokens/revoke", nil, nil, nil)
}

// NoFaults removes all faults.
func (c *Control) NoFaults(ctx context.Context) error {
	return call(ctx, http.MethodDelete, c.base+"/faults", nil, nil, nil)
}

// Count is what the simulators counted of one operation.
type Count struct {
	Requests int64 `json:"requests"`
	Errors   int64 `json:"errors"`
}

// Stats returns counts by service and operation.
func (c *Control) Stats(ctx context.Context) (map[string]map[string]Count, error) {
	var out map[string]map[string]Count
	err := call(ctx, http.MethodGet, c.base+"/stats", nil, &out, nil)
	return out, err
}

// Switch changes how the simulated Booking app and Eliona behave.
func (c *Control) Switch(ctx context.Context, switches map[string]any) error {
	return call(ctx, http.MethodPut, c.base+"/switches", switches, nil, nil)
}

// Change is an entry of the simulators' ledger: something that changed, the
// answer of a room, or a request of a client that wanted to change something.
type Change struct {
	Seq       int       `json:"seq"`
	Time      time.Time `json:"time"`
	Service   string    `json:"service"` // exchange, booking or eliona
	Kind      string    `json:"kind"`    // created, changed, cancelled, answered, request
	By        string    `json:"by"`      // person, client, or a room
	Number    int       `json:"number"`  // of the request
	Began     time.Time `json:"began"`
	Client    string    `json:"client"` // network address
	Operation string    `json:"operation"`
	Status    string    `json:"status"`
	Mailbox   string    `json:"mailbox"`
	UID       string    `json:"uid"`
	Original  time.Time `json:"original"`
	Rooms     []string  `json:"rooms"`
	Answer    string    `json:"answer"`
	Booking   int32     `json:"booking"`
	Group     int32     `json:"group"`
	Assets    []int32   `json:"assets"`
	Reason    string    `json:"reason"`
	Organizer string    `json:"organizer"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
}

// Ledger returns what changed in the simulated systems since the entry with
// this number.
func (c *Control) Ledger(ctx context.Context, after int) ([]Change, error) {
	var out []Change
	err := call(ctx, http.MethodGet, c.base+"/ledger?after="+strconv.Itoa(after), nil, &out, nil)
	return out, err
}
