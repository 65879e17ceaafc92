package exchangesim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ews/simulator/exchangesim/recurrence"
	"ews/simulator/ledger"
)

// Entry is one appearance of a meeting in a mailbox's calendar, series
// expanded.
type Entry struct {
	UID       string     `json:"uid"`
	ItemID    string     `json:"itemId"`
	Subject   string     `json:"subject,omitempty"`
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	Original  time.Time  `json:"original,omitzero"` // original start, for occurrences of a series
	Organizer string     `json:"organizer"`
	Rooms     []Response `json:"rooms,omitempty"`
	Attendees []Response `json:"attendees,omitempty"`
	Cancelled bool       `json:"cancelled,omitempty"`
	Type      string     `json:"type"`     // Single, Occurrence or Exception
	Response  string     `json:"response"` // of the mailbox's owner
	FreeBusy  string     `json:"freeBusy"`
	Sequence  int        `json:"sequence"`
	Folder    string     `json:"folder"` // calendar or deleteditems
}

// Response is an attendee with the answer that the organizer knows.
type Response struct {
	Address  string `json:"address"`
	Response string `json:"response"`
}

// Person is a meeting as a person makes it in Outlook.
type Person struct {
	Organizer  string           `json:"organizer"`
	Subject    string           `json:"subject,omitempty"`
	Body       string           `json:"body,omitempty"`
	Location   string           `json:"location,omitempty"`
	Start      time.Time        `json:"start"`
	End        time.Time        `json:"end"`
	Zone       string           `json:"zone,omitempty"` // Windows name; default UTC
	AllDay     bool             `json:"allDay,omitempty"`
	Private    bool             `json:"private,omitempty"`
	ShowAs     string           `json:"showAs,omitempty"` // Free, Tentative, Busy (default), OOF
	UID        string           `json:"uid,omitempty"`    // as other calendar programs choose it; default one like Outlook's
	Rooms      []string         `json:"rooms,omitempty"`
	Attendees  []string         `json:"attendees,omitempty"`
	Recurrence *recurrence.Rule `json:"recurrence,omitempty"` // its start defaults to the day of Start
}

// The errors of the model.
var (
	ErrNoMailbox    = errors.New("no such mailbox")
	ErrNoMeeting    = errors.New("no such meeting")
	ErrNoOccurrence = errors.New("no such occurrence")
	ErrNotOrganizer = errors.New("mailbox is not the organizer")
)

// Calendars returns what stands in a mailbox's calendar from a week ago for a
// year, in the order of starts; nothing for an unknown mailbox.
func (s *Server) Calendars(smtp string) []Entry {
	now := s.now()
	entries, err := s.Calendar(smtp, now.AddDate(0, 0, -7), now.AddDate(1, 0, 0))
	if err != nil {
		return nil
	}
	return entries
}

// Calendar returns what stands in a mailbox's calendar between two moments.
func (s *Server) Calendar(smtp string, from, to time.Time) ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.lookup(smtp)
	if b == nil {
		return nil, fmt.Errorf("calendar of %s: %w", smtp, ErrNoMailbox)
	}
	entries := []Entry{}
	for _, v := range b.folders[folderCalendar].appearances(from, to) {
		entries = append(entries, s.entry(v))
	}
	return entries, nil
}

// Deleted returns the cancelled and deleted meetings of a mailbox.
func (s *Server) Deleted(smtp string) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.lookup(smtp)
	if b == nil {
		return nil
	}
	entries := []Entry{}
	for _, it := range b.folders[folderDeleted].items {
		if it.class == calendarItem {
			entries = append(entries, s.entry(whole(it)))
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ItemID, b.ItemID)) })
	return entries
}

func (s *Server) entry(v view) Entry {
	a := v.appt
	e := Entry{
		UID: a.uid, ItemID: s.idOf(v), Subject: a.subject, Start: a.start, End: a.end, Original: a.original, Organizer: a.organizer,
		Cancelled: a.cancelled, Type: v.kind(), Response: a.myResponse, FreeBusy: a.freeBusy, Sequence: a.sequence, Folder: v.item.folder.name,
	}
	for _, x := range a.attendees {
		r := Response{Address: x.address, Response: x.response}
		if b := s.lookup(x.address); x.role == roleResource || b != nil && b.room != nil {
			e.Rooms = append(e.Rooms, r)
		} else {
			e.Attendees = append(e.Attendees, r)
		}
	}
	return e
}

// Book creates a meeting and sends the invitations, as Outlook does. It
// returns the meeting's UID; the rooms answer later.
func (s *Server) Book(ctx context.Context, p Person) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("book: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.lookup(p.Organizer)
	if b == nil {
		return "", fmt.Errorf("book for %s: %w", p.Organizer, ErrNoMailbox)
	}
	a, err := s.meetingOf(b, p)
	if err != nil {
		return "", fmt.Errorf("book for %s: %w", b.Address, err)
	}
	s.note(ledger.Created, b, a, time.Time{})
	s.publishNew(s.newItem(b.folders[folderCalendar], a, b.Name), sendMode{send: true})
	s.runDue()
	return a.uid, nil
}

func (s *Server) meetingOf(b *mailbox, p Person) (*appointment, error) {
	zone := recurrence.UTC()
	if p.Zone != "" {
		var err error
		if zone, err = recurrence.LoadZone(p.Zone); err != nil {
			return nil, err
		}
	}
	c := &call{server: s, box: b, zone: zone}
	a := c.blank()
	a.subject, a.body, a.bodyType, a.location, a.allDay = p.Subject, p.Body, "Text", p.Location, p.AllDay
	a.start, a.end = p.Start.UTC().Truncate(time.Second), p.End.UTC().Truncate(time.Second)
	if p.Private {
		a.sensitivity = "Private"
	}
	a.freeBusy = cmp.Or(p.ShowAs, a.freeBusy)
	a.uid = p.UID
	if a.uid == "" {
		a.uid = newUID(s.options.Clock(), s.rng)
	}
	a.goid = cleanGOID(a.uid)
	if p.Recurrence != nil {
		rule := *p.Recurrence
		if rule.Start.IsZero() {
			rule.Start = recurrence.Date(a.start.In(zone.Location))
		}
		a.rule = &rule
	}
	for _, address := range p.Attendees {
		a.attendees = append(a.attendees, s.row(address, roleRequired))
	}
	for _, address := range p.Rooms {
		a.attendees = append(a.attendees, s.row(address, roleResource))
	}
	w := &writer{call: c, appt: a, master: true}
	if fail := w.finish(); fail != nil {
		return nil, fail
	}
	return a, nil
}

func (s *Server) row(address, role string) attendee {
	address = normalize(address)
	if b := s.lookup(address); b != nil {
		address = b.Address
	}
	return attendee{address: address, name: s.nameOf(address), role: role, response: responseUnknown}
}

// meeting finds a meeting in its organizer's calendar. occurrence is an
// original start, or zero for the whole meeting.
func (s *Server) meeting(organizer, uid string, occurrence time.Time) (view, error) {
	b := s.lookup(organizer)
	if b == nil {
		return view{}, fmt.Errorf("organizer %s: %w", organizer, ErrNoMailbox)
	}
	it := b.find(cleanGOID(uid), time.Time{})
	if it == nil {
		return view{}, fmt.Errorf("meeting %s of %s: %w", uid, b.Address, ErrNoMeeting)
	}
	if it.appt.myResponse != responseOrganizer {
		return view{}, fmt.Errorf("meeting %s of %s: %w", uid, b.Address, ErrNotOrganizer)
	}
	if occurrence.IsZero() {
		return whole(it), nil
	}
	inst, ok := it.appt.at(occurrence.UTC())
	if !ok {
		return view{}, fmt.Errorf("meeting %s at %s: %w", uid, occurrence.Format(time.RFC3339), ErrNoOccurrence)
	}
	return view{item: it, inst: inst, appt: inst.appt}, nil
}

// Move gives a meeting, or one occurrence of it, new times and sends the
// updates. A zero occurrence means the whole meeting; moving a series takes
// start and end of its first occurrence.
func (s *Server) Move(organizer, uid string, occurrence, start, end time.Time) error {
	return s.change(organizer, uid, occurrence, false, func(a *appointment) {
		a.start, a.end = start.UTC().Truncate(time.Second), end.UTC().Truncate(time.Second)
		if a.rule != nil {
			a.rule.Start = recurrence.Date(a.start.In(a.zone()))
		}
	})
}

// ChangeRooms replaces the rooms of a meeting, or of one occurrence. Rooms that
// were removed get a cancellation, new ones an invitation.
func (s *Server) ChangeRooms(organizer, uid string, occurrence time.Time, rooms []string) error {
	return s.change(organizer, uid, occurrence, true, func(a *appointment) {
		var rows []attendee
		for _, x := range a.attendees {
			if b := s.lookup(x.address); x.role != roleResource && (b == nil || b.room == nil) {
				rows = append(rows, x)
			}
		}
		for _, room := range rooms {
			row := s.row(room, roleResource)
			if old := a.attendeeRow(row.address); old != nil {
				row = *old
			}
			rows = append(rows, row)
		}
		a.attendees = rows
	})
}

// ChangeSubject renames a meeting and tells nobody, as Outlook offers it.
func (s *Server) ChangeSubject(organizer, uid, subject string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.meeting(organizer, uid, time.Time{})
	if err != nil {
		return err
	}
	v.appt.subject = subject
	s.touch(v.item, v.item.box().Name, true)
	return nil
}

func (s *Server) change(organizer, uid string, occurrence time.Time, onlyChanged bool, edit func(a *appointment)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.meeting(organizer, uid, occurrence)
	if err != nil {
		return err
	}
	before, after := v.appt.clone(), v.appt.clone()
	edit(after)
	c := &call{server: s, box: v.item.box(), zone: recurrence.UTC()}
	w := &writer{call: c, appt: after, master: !v.isOccurrence()}
	if fail := w.finish(); fail != nil {
		return fail
	}
	mode := sendMode{send: true, changed: onlyChanged}
	if v.isOccurrence() {
		if _, fail := c.saveOccurrence(v, before, after, mode); fail != nil {
			return fail
		}
	} else {
		inherit(before, after)
		v.item.appt = after
		s.note(ledger.Changed, c.box, after, time.Time{})
		s.publishUpdate(before, after, time.Time{}, mode)
		s.touch(v.item, c.box.Name, true)
	}
	s.runDue()
	return nil
}

// Cancel withdraws a meeting, or one occurrence of it, and sends the
// cancellations.
func (s *Server) Cancel(organizer, uid string, occurrence time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.meeting(organizer, uid, occurrence)
	if err != nil {
		return err
	}
	if v.isOccurrence() {
		s.cancelOccurrence(v.item, v.inst, sendMode{send: true})
	} else {
		s.cancelMeeting(v.item)
	}
	s.runDue()
	return nil
}

// Room returns the policy of a room.
func (s *Server) Room(smtp string) (Policy, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.lookup(smtp)
	if b == nil || b.room == nil {
		return Policy{}, false
	}
	return *b.room, true
}

// SetRoom replaces the policy of a room. It counts for decisions from now on.
func (s *Server) SetRoom(smtp string, p Policy) error {
	if err := p.validate(); err != nil {
		return fmt.Errorf("policy of room %s: %w", smtp, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.lookup(smtp)
	if b == nil || b.room == nil {
		return fmt.Errorf("room %s: %w", smtp, ErrNoMailbox)
	}
	b.room = &p
	return nil
}

// AddRoom puts a room into a list; either is created when it does not exist.
func (s *Server) AddRoom(list, smtp, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	policy := DefaultPolicy()
	return s.addRoom(list, "", SeedRoom{Address: smtp, Name: name}, &policy)
}

// RemoveRoom takes a room out of a list; its mailbox stays.
func (s *Server) RemoveRoom(list, smtp string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.findList(list)
	if l == nil {
		return fmt.Errorf("room list %s: %w", list, ErrNoMailbox)
	}
	i := slices.Index(l.rooms, normalize(smtp))
	if i < 0 {
		return fmt.Errorf("room %s in list %s: %w", smtp, list, ErrNoMailbox)
	}
	l.rooms = slices.Delete(l.rooms, i, i+1)
	return nil
}

// RoomLists returns the lists with the addresses of their rooms.
func (s *Server) RoomLists() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]string{}
	for _, l := range s.lists {
		out[l.address] = slices.Clone(l.rooms)
	}
	return out
}

// AddMailbox creates a user's mailbox.
func (s *Server) AddMailbox(m Mailbox) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.createMailbox(m, nil)
}

// DisableMailbox disables or enables a mailbox: a disabled one cannot log on or
// be impersonated, and receives nothing.
func (s *Server) DisableMailbox(smtp string, disabled bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.lookup(smtp)
	if b == nil {
		return fmt.Errorf("disable %s: %w", smtp, ErrNoMailbox)
	}
	b.Disabled = disabled
	return nil
}

// ReplaceMailbox puts an empty mailbox in the place of another, as when it is
// set up anew under the same address: item ids and synchronization states of the
// former are worth nothing. With replaced false the former is back.
func (s *Server) ReplaceMailbox(smtp string, replaced bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxes[normalize(smtp)]
	if b == nil {
		return fmt.Errorf("replace %s: %w", smtp, ErrNoMailbox)
	}
	if replaced == (b.original != nil) {
		return nil
	}
	successor := b.original
	if replaced {
		successor = s.emptyMailbox(b.Mailbox, s.newGUID(), b.room)
		successor.original = b
	}
	delete(s.byGUID, b.guid)
	s.install(successor)
	return nil
}

// SetImpersonation replaces the impersonation rights of all accounts.
func (s *Server) SetImpersonation(rights []Impersonation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.impersonation = slices.Clone(rights)
}

// Mailboxes returns the addresses of all mailboxes, rooms included, in order.
func (s *Server) Mailboxes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, 0, len(s.boxes))
	for address := range s.boxes {
		out = append(out, address)
	}
	slices.Sort(out)
	return out
}
