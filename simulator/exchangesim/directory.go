package exchangesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// roomList is a distribution group whose members are rooms.
type roomList struct {
	address, name string
	rooms         []string
}

const legacyPrefix = "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn="

func (s *Server) load(seed Seed) error {
	for _, m := range seed.Mailboxes {
		if err := s.createMailbox(m, nil); err != nil {
			return err
		}
	}
	for _, l := range seed.RoomLists {
		if !strings.Contains(l.Address, "@") {
			return fmt.Errorf("room list %q is not an address", l.Address)
		}
		if len(l.Rooms) == 0 {
			s.list(l.Address, l.Name)
		}
		for _, r := range l.Rooms {
			policy := DefaultPolicy()
			if len(r.Policy) > 0 {
				dec := json.NewDecoder(bytes.NewReader(r.Policy))
				dec.DisallowUnknownFields()
				if err := dec.Decode(&policy); err != nil {
					return fmt.Errorf("policy of room %s: %w", r.Address, err)
				}
			}
			if err := s.addRoom(l.Address, l.Name, r, &policy); err != nil {
				return err
			}
		}
	}
	return s.fill(seed.Fill)
}

func (s *Server) createMailbox(m Mailbox, room *Policy) error {
	m.Address = normalize(m.Address)
	if !strings.Contains(m.Address, "@") {
		return fmt.Errorf("mailbox %q is not an address", m.Address)
	}
	if s.names[m.Address] != "" {
		return fmt.Errorf("mailbox %s exists already", m.Address)
	}
	if room != nil {
		if err := room.validate(); err != nil {
			return fmt.Errorf("policy of room %s: %w", m.Address, err)
		}
	}
	if m.Name == "" {
		m.Name = displayName(m.Address)
	}
	guid := s.newGUID()
	if m.LegacyDN == "" {
		local, _, _ := strings.Cut(m.Address, "@")
		m.LegacyDN = legacyPrefix + strings.ReplaceAll(guid, "-", "") + "-" + local
	}
	s.install(s.emptyMailbox(m, guid, room))
	for _, name := range append([]string{m.Address, m.LegacyDN}, m.Aliases...) {
		s.names[normalize(name)] = m.Address
	}
	return nil
}

func (s *Server) newGUID() string {
	var random [16]byte
	for i := range random {
		random[i] = byte(s.rng.UintN(256))
	}
	return uuid.UUID(random).String()
}

func (s *Server) emptyMailbox(m Mailbox, guid string, room *Policy) *mailbox {
	b := &mailbox{
		Mailbox: m, guid: guid, room: room, folders: map[string]*folder{}, items: map[uint64]*item{},
		meetings: map[string][]*item{}, withdrawn: map[string]time.Time{}, emit: s.publish,
	}
	for i, f := range folderTree {
		b.folders[f.name] = &folder{
			box: b, number: uint64(i + 1), name: f.name, display: f.display, class: f.class, base: f.parent,
			items: map[uint64]*item{}, gone: map[uint64]tombstone{},
		}
	}
	return b
}

func (s *Server) install(b *mailbox) {
	s.boxes[b.Address] = b
	s.byGUID[b.guid] = b
}

func normalize(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

func (s *Server) list(address, name string) *roomList {
	address = normalize(address)
	for _, l := range s.lists {
		if l.address == address {
			return l
		}
	}
	if name == "" {
		name = displayName(address)
	}
	l := &roomList{address: address, name: name}
	s.lists = append(s.lists, l)
	return l
}

func (s *Server) addRoom(listAddress, listName string, room SeedRoom, policy *Policy) error {
	address, name := normalize(room.Address), room.Name
	b := s.boxes[address]
	switch {
	case b == nil:
		if err := s.createMailbox(Mailbox{Address: address, Name: name, Office: room.Office}, policy); err != nil {
			return err
		}
	case b.room == nil:
		return fmt.Errorf("%s is a user's mailbox", address)
	case name != "":
		b.Name = name
	}
	l := s.list(listAddress, listName)
	if !slices.Contains(l.rooms, address) {
		l.rooms = append(l.rooms, address)
	}
	return nil
}

// lookup finds a mailbox by its primary address, a proxy address or its legacy
// DN.
func (s *Server) lookup(name string) *mailbox {
	return s.boxes[s.names[normalize(name)]]
}

// errNoMatch is the outcome of a name resolution that finds nobody.
var errNoMatch = errors.New("no results were found")

// resolve does ambiguous name resolution: prefixes of display names and of
// addresses, and exact legacy DNs. An address or a DN that belongs to one
// mailbox wins over prefixes of others.
func (s *Server) resolve(entry string) ([]*mailbox, error) {
	entry = strings.TrimSpace(entry)
	for _, prefix := range []string{"smtp:", "ex:", "sip:"} {
		if len(entry) > len(prefix) && strings.EqualFold(entry[:len(prefix)], prefix) {
			entry = entry[len(prefix):]
		}
	}
	if strings.Contains(entry, "@") || strings.HasPrefix(strings.ToLower(entry), "/o=") {
		if b := s.lookup(entry); b != nil {
			return []*mailbox{b}, nil
		}
		if !strings.Contains(entry, "@") {
			return nil, errNoMatch
		}
	}
	low := strings.ToLower(entry)
	var found []*mailbox
	for _, b := range s.boxes {
		name := strings.ToLower(b.Name)
		if strings.HasPrefix(b.Address, low) || strings.HasPrefix(name, low) ||
			slices.ContainsFunc(strings.Fields(name), func(w string) bool { return strings.HasPrefix(w, low) }) {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		return nil, errNoMatch
	}
	slices.SortFunc(found, func(a, b *mailbox) int { return strings.Compare(a.Address, b.Address) })
	return found, nil
}

// account finds who logs on as user, which is an address, DOMAIN\user or a bare
// user name.
func (s *Server) account(user, domain string) *mailbox {
	if d, u, ok := strings.Cut(user, `\`); ok {
		user, domain = u, d
	}
	if strings.Contains(user, "@") {
		return s.lookup(user)
	}
	if domain != "" && !s.isDomain(domain) {
		return nil
	}
	return s.lookup(user + "@" + s.domain())
}

func (s *Server) domain() string {
	if s.options.Seed.Domain != "" {
		return normalize(s.options.Seed.Domain)
	}
	return "example.com"
}

// netBIOS is the first label of the domain in upper case.
func (s *Server) netBIOS() string {
	label, _, _ := strings.Cut(s.domain(), ".")
	return strings.ToUpper(label)
}

func (s *Server) isDomain(name string) bool {
	return strings.EqualFold(name, s.domain()) || strings.EqualFold(name, s.netBIOS())
}

// mayImpersonate tells whether an account, or an OAuth client, may act as a
// mailbox. some tells whether it has the right for some mailbox.
func (s *Server) mayImpersonate(account, address string) (allowed, some bool) {
	for _, i := range s.impersonation {
		if normalize(i.Account) != normalize(account) {
			continue
		}
		some = true
		if len(i.Mailboxes) == 0 || slices.ContainsFunc(i.Mailboxes, func(m string) bool { return normalize(m) == address }) {
			return true, true
		}
	}
	return false, some
}
