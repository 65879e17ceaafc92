package exchangesim

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"ews/simulator/entrasim"
)

// Seed is what an organisation looks like when the simulator starts. Its JSON
// form is the seed file:
//
//	{
//	  "domain": "example.com",
//	  "mailboxes": [{"address": "alice@example.com", "name": "Alice Example", "password": "secret",
//	                 "aliases": ["al@example.com"], "legacyDN": "/o=...", "disabled": false}],
//	  "roomLists": [{"address": "first.floor@example.com", "name": "First floor",
//	                 "rooms": [{"address": "room-1@example.com", "name": "Room 1", "policy": {"horizonDays": 30}}]}],
//	  "impersonation": [{"account": "eliona@example.com", "mailboxes": ["room-1@example.com"]}],
//	  "clients": [{"tenant": "...", "id": "client", "secret": "secret", "roles": ["full_access_as_app"]}],
//	  "fill": {"singles": 100, "series": 4, "occurrences": 52}
//	}
//
// Names and legacy DNs may be left out; they are derived from the addresses.
// A policy changes only the settings it names, see DefaultPolicy. The same
// room may stand in several lists.
type Seed struct {
	Domain        string            `json:"domain"`
	Mailboxes     []Mailbox         `json:"mailboxes"`
	RoomLists     []RoomList        `json:"roomLists"`
	Impersonation []Impersonation   `json:"impersonation"`
	Clients       []entrasim.Client `json:"clients"`
	Fill          Fill              `json:"fill,omitzero"`
}

// Mailbox is a user of the organisation.
type Mailbox struct {
	Address  string   `json:"address"`
	Name     string   `json:"name,omitempty"`
	Password string   `json:"password,omitempty"` // rooms and shared mailboxes have none and cannot log on
	Aliases  []string `json:"aliases,omitempty"`  // proxy addresses
	LegacyDN string   `json:"legacyDN,omitempty"`
	Disabled bool     `json:"disabled,omitempty"`
	Office   string   `json:"office,omitempty"` // where it is, in the directory
}

// RoomList is a distribution group of rooms.
type RoomList struct {
	Address string     `json:"address"`
	Name    string     `json:"name,omitempty"`
	Rooms   []SeedRoom `json:"rooms"`
}

// SeedRoom is a room mailbox in a seed file. Policy holds settings that differ
// from DefaultPolicy.
type SeedRoom struct {
	Address string          `json:"address"`
	Name    string          `json:"name,omitempty"`
	Office  string          `json:"office,omitempty"` // where it is, in the directory
	Policy  json.RawMessage `json:"policy,omitempty"`
}

// Impersonation allows an account, or an OAuth client id, to act as other
// mailboxes; no mailboxes means all of them.
type Impersonation struct {
	Account   string   `json:"account"`
	Mailboxes []string `json:"mailboxes,omitempty"`
}

// Policy is how a room answers meeting requests; the settings are those of
// "Set-CalendarProcessing".
type Policy struct {
	Automate           string `json:"automate"`           // autoaccept, tentative (a delegate decides), none (never answers), decline
	HorizonDays        int    `json:"horizonDays"`        // BookingWindowInDays
	EnforceHorizon     bool   `json:"enforceHorizon"`     // EnforceSchedulingHorizon: decline series that go beyond, instead of cutting them
	MaxMinutes         int    `json:"maxMinutes"`         // MaximumDurationInMinutes; 0 means no limit
	AllowConflicts     bool   `json:"allowConflicts"`     // AllowConflicts
	AllowRecurring     bool   `json:"allowRecurring"`     // AllowRecurringMeetings
	ConflictPercentage int    `json:"conflictPercentage"` // ConflictPercentageAllowed
	MaxConflicts       int    `json:"maxConflicts"`       // MaximumConflictInstances
	KeepSubject        bool   `json:"keepSubject"`        // not DeleteSubject/AddOrganizerToSubject
	KeepBody           bool   `json:"keepBody"`           // not DeleteComments
	KeepPrivate        bool   `json:"keepPrivate"`        // not RemovePrivateProperty
	KeepCancelled      bool   `json:"keepCancelled"`      // not RemoveCanceledMeetings: "Canceled:" items stay
	ChangeIDOnAccept   bool   `json:"changeIdOnAccept"`   // accepting shows as Delete and Create in a synchronisation
	DecisionDelay      *int   `json:"decisionDelayMilliseconds,omitempty"`
}

// The values of Policy.Automate.
const (
	AutoAccept  = "autoaccept"
	Tentative   = "tentative"
	NoAutomatic = "none"
	AutoDecline = "decline"
)

// DefaultPolicy is that of a room created in the Exchange admin center.
func DefaultPolicy() Policy {
	return Policy{Automate: AutoAccept, HorizonDays: 180, EnforceHorizon: true, MaxMinutes: 1440, AllowRecurring: true}
}

func (p Policy) validate() error {
	if !slices.Contains([]string{AutoAccept, Tentative, NoAutomatic, AutoDecline}, p.Automate) {
		return fmt.Errorf("automate %q is not autoaccept, tentative, none or decline", p.Automate)
	}
	if p.HorizonDays < 0 || p.HorizonDays > 1080 {
		return fmt.Errorf("horizonDays %d is not between 0 and 1080", p.HorizonDays)
	}
	if p.MaxMinutes < 0 || p.ConflictPercentage < 0 || p.ConflictPercentage > 100 || p.MaxConflicts < 0 {
		return fmt.Errorf("maxMinutes, conflictPercentage or maxConflicts out of range")
	}
	if p.DecisionDelay != nil && *p.DecisionDelay < 0 {
		return fmt.Errorf("decisionDelayMilliseconds is negative")
	}
	return nil
}

// DefaultSeed is the organisation that the simulator starts with when it is
// given no other: four users, two room lists and eight rooms in example.com.
func DefaultSeed() Seed {
	const domain = "example.com"
	seed := Seed{
		Domain:        domain,
		Impersonation: []Impersonation{{Account: "eliona@" + domain}, {Account: "client"}},
		Clients: []entrasim.Client{{
			Tenant: "11111111-2222-3333-4444-555555555555", ID: "client", Secret: "secret", Roles: []string{"full_access_as_app"},
		}},
	}
	for _, user := range []struct{ local, name string }{
		{"alice", "Alice Example"}, {"bob", "Bob Example"}, {"carol", "Carol Example"}, {"eliona", "Eliona Service"},
	} {
		seed.Mailboxes = append(seed.Mailboxes, Mailbox{Address: user.local + "@" + domain, Name: user.name, Password: "secret"})
	}
	first := RoomList{Address: "first.floor@" + domain, Name: "First floor"}
	second := RoomList{Address: "second.floor@" + domain, Name: "Second floor"}
	for n := 1; n <= 8; n++ {
		list := &first
		if n > 5 {
			list = &second
		}
		list.Rooms = append(list.Rooms, SeedRoom{
			Address: fmt.Sprintf("room-%d@%s", n, domain), Name: fmt.Sprintf("Room %d", n), Office: "Main building, " + strings.ToLower(list.Name),
		})
	}
	seed.RoomLists = []RoomList{first, second}
	return seed
}

// LoadSeed reads a seed file. Unknown members are refused, because they are
// nearly always typing errors.
func LoadSeed(r io.Reader) (Seed, error) {
	var seed Seed
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&seed); err != nil {
		return Seed{}, fmt.Errorf("read seed: %w", err)
	}
	return seed, nil
}

// displayName derives a name from the local part of an address.
func displayName(address string) string {
	local, _, _ := strings.Cut(address, "@")
	words := strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune(".-_", r) })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}
