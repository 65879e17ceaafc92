package exchangesim

import (
	"slices"
	"strings"
	"time"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/exchangesim/soap"
)

// view is an item as a client addresses it: the whole item, or one occurrence
// of a series.
type view struct {
	item *item
	inst instance
	appt *appointment
}

func whole(it *item) view {
	return view{item: it, appt: it.appt, inst: instance{appt: it.appt, original: it.appt.original}}
}

func (v view) kind() string {
	switch {
	case v.inst.kind == kindOccurrence || v.inst.kind == kindException:
		return v.inst.kind
	case v.appt.rule != nil:
		return kindMaster
	}
	return kindSingle
}

func (v view) isOccurrence() bool { return v.inst.index > 0 }

// zone is where the appointment's wall clock runs.
func (a *appointment) zone() *time.Location {
	if a.startZone.Location == nil {
		return time.UTC
	}
	return a.startZone.Location
}

// state is AppointmentState: 1 meeting, 2 received, 4 cancelled.
func (a *appointment) state() int {
	state := 0
	if a.isMeeting() {
		state |= 1
	}
	if a.myResponse != responseOrganizer {
		state |= 2
	}
	if a.cancelled {
		state |= 4
	}
	return state
}

// shape is what a client wants to see of items.
type shape struct {
	base     string
	uris     map[string]bool
	extended []*soap.Element
	bodyType string
	list     bool // FindItem and SyncFolderItems: no bodies, no attendees, organizers by name only
	sync     bool
}

func readShape(e *soap.Element) shape {
	s := shape{base: e.ChildText("BaseShape"), uris: map[string]bool{}, bodyType: e.ChildText("BodyType")}
	additional := e.Child("AdditionalProperties")
	if additional == nil {
		return s
	}
	for _, p := range additional.Children {
		switch p.Name {
		case "FieldURI":
			s.uris[p.Attr("FieldURI")] = true
		case "ExtendedFieldURI":
			s.extended = append(s.extended, p)
		}
	}
	return s
}

// check refuses properties of folders. Properties of other kinds of items are
// left out of the answer; clients that read mixed folders ask for them.
func (s shape) check() *ewsError {
	for uri := range s.uris {
		if strings.HasPrefix(uri, "folder:") {
			return failAt("ErrorInvalidPropertyRequest", "Property is not valid for this object type.", uri)
		}
	}
	return nil
}

// defaultURIs is the Default shape of calendar items and meeting messages.
var defaultURIs = []string{
	"item:ItemId", "item:Subject", "item:Sensitivity", "item:HasAttachments", "item:DateTimeCreated", "calendar:Start", "calendar:End",
	"calendar:LegacyFreeBusyStatus", "calendar:Location", "calendar:CalendarItemType", "calendar:Organizer", "calendar:IsAllDayEvent",
	"calendar:IsCancelled", "calendar:MyResponseType", "message:From", "message:IsRead", "meeting:AssociatedCalendarItemId",
	"meeting:IsDelegated", "meeting:IsOutOfDate", "meeting:HasBeenProcessed", "meeting:ResponseType",
}

// wants tells whether a property is shown.
func (s shape) wants(uri string) bool {
	switch {
	case s.uris[uri] || uri == "item:ItemId" || s.base == "AllProperties":
		return true
	case s.base == "Default":
		return slices.Contains(defaultURIs, uri)
	}
	return false
}

// renderer shows objects to one client.
type renderer struct {
	server *Server
	shape  shape
	zone   recurrence.Zone // from TimeZoneContext
	local  bool            // a TimeZoneContext was given
}

func (r *renderer) time(name string, t time.Time) *soap.Element {
	if t.IsZero() {
		return nil
	}
	if !r.local {
		return soap.Time(name, t)
	}
	return soap.Text(name, t.In(r.zone.Location).Truncate(time.Second).Format("2006-01-02T15:04:05-07:00"))
}

// field is a property: its path and how to show its element. nil elements
// are left out.
type field struct {
	uri   string
	heavy bool // not available in lists
	show  func(r *renderer, v view) *soap.Element
}

// item shows an object in the asked shape, its elements in schema order.
func (r *renderer) item(v view) *soap.Element {
	e := soap.New(string(v.item.class))
	for _, f := range fieldsOf[v.item.class] {
		if f.uri == "" {
			e.Add(r.extended(v)...)
			continue
		}
		if r.shape.wants(f.uri) && !(f.heavy && r.shape.list) {
			e.Add(f.show(r, v))
		}
	}
	return e
}

func (r *renderer) extended(v view) []*soap.Element {
	var out []*soap.Element
	for _, uri := range r.shape.extended {
		k, fail := readPath(uri)
		if fail != nil {
			continue
		}
		if p, ok := v.property(k, uri.Attr("PropertyType")); ok {
			out = append(out, p.element(uri))
		}
	}
	return out
}

// itemID shows the id and change key of a view.
func (s *Server) itemID(name string, v view) *soap.Element {
	id, key := s.idOf(v), changeKey(v.item.number, v.item.version)
	return soap.New(name).With("Id", id).With("ChangeKey", key)
}

func (s *Server) idOf(v view) string {
	original := uint64(0)
	if v.isOccurrence() {
		original = uint64(v.inst.original.Unix())
	}
	return s.ids.encode(itemIDKind, v.item.box().guid, v.item.number, original)
}

func (s *Server) folderID(name string, f *folder) *soap.Element {
	return soap.New(name).With("Id", s.ids.encode(folderIDKind, f.box.guid, f.number)).
		With("ChangeKey", changeKey(f.number, f.counter+1))
}

// mailboxElement shows a recipient with its SMTP address.
func (s *Server) mailboxElement(name, address string) *soap.Element {
	e := soap.New(name)
	if b := s.lookup(address); b != nil {
		return e.Add(soap.Text("Name", b.Name), soap.Text("EmailAddress", b.Address), soap.Text("RoutingType", "SMTP"), soap.Text("MailboxType", "Mailbox"))
	}
	return e.Add(soap.Text("Name", address), soap.Text("EmailAddress", address), soap.Text("RoutingType", "SMTP"), soap.Text("MailboxType", "OneOff"))
}

// organizer shows who organizes a meeting. FindItem gives the name only, and
// SyncFolderItems the X.500 address, because both read the message store and
// not the directory.
func (r *renderer) organizer(v view) *soap.Element {
	style := r.server.style
	if style == OrganizerSMTP && r.shape.list {
		style = OrganizerName
		if r.shape.sync {
			style = OrganizerLegacyDN
		}
	}
	address := v.appt.organizer
	if address == "" {
		return nil
	}
	b := r.server.lookup(address)
	name := address
	if b != nil {
		name = b.Name
	}
	switch {
	case style == OrganizerMissing:
		return nil
	case style == OrganizerName:
		return soap.New("Organizer", soap.New("Mailbox", soap.Text("Name", name)))
	case style == OrganizerLegacyDN && b != nil:
		return soap.New("Organizer", soap.New("Mailbox", soap.Text("Name", name), soap.Text("EmailAddress", b.LegacyDN), soap.Text("RoutingType", "EX"), soap.Text("MailboxType", "Mailbox")))
	}
	return soap.New("Organizer", r.server.mailboxElement("Mailbox", address))
}

func (r *renderer) attendees(v view, role string) *soap.Element {
	list := soap.New(role)
	for _, a := range v.appt.attendees {
		if a.role != role {
			continue
		}
		response := a.response
		row := soap.New("Attendee", r.server.mailboxElement("Mailbox", a.address), soap.Text("ResponseType", response))
		list.Add(row.Add(r.time("LastResponseTime", a.responded)))
	}
	if len(list.Children) == 0 {
		return nil
	}
	return list
}
