package ews

import (
	"context"
	"strings"

	"ews/exchange/ews/wire"
)

// roomsLimit is how many rooms one list request returns at most, see "Create
// and manage room mailboxes".
const roomsLimit = 100

// Rooms is the content of a room list.
type Rooms struct {
	Rooms []Address
	// Truncated is true when the answer has the maximum size, so that further
	// rooms may be missing; there is no paging.
	Truncated bool
}

// GetRoomLists returns the organisation's room lists, see "GetRoomLists
// operation".
func (c *Client) GetRoomLists(ctx context.Context, mailbox Mailbox) ([]Address, error) {
	inv := &invocation{
		operation: "GetRoomLists", mailbox: mailbox, request: wire.GetRoomLists{},
		present: func(b *wire.Body) bool { return b.GetRoomLists != nil },
	}
	body, err := c.do(ctx, inv)
	if err != nil {
		return nil, err
	}
	r := body.GetRoomLists
	if failure := c.messageError(inv, r.ResponseMessage); failure != nil {
		return nil, failure
	}
	var out []Address
	if r.RoomLists != nil {
		for _, a := range r.RoomLists.Addresses {
			out = append(out, newAddress(a))
		}
	}
	return out, nil
}

// GetRooms returns the rooms of the list with this address, see "GetRooms
// operation". An unknown list is an error of ClassConfig; rooms hidden from
// address lists are not returned.
func (c *Client) GetRooms(ctx context.Context, mailbox Mailbox, list string) (Rooms, error) {
	inv := &invocation{
		operation: "GetRooms", mailbox: mailbox, request: wire.GetRooms{List: wire.Text(list)},
		present: func(b *wire.Body) bool { return b.GetRooms != nil },
	}
	body, err := c.do(ctx, inv)
	if err != nil {
		return Rooms{}, err
	}
	r := body.GetRooms
	if failure := c.messageError(inv, r.ResponseMessage); failure != nil {
		return Rooms{}, failure
	}
	var out Rooms
	if r.Rooms != nil {
		for _, room := range r.Rooms.Rooms {
			out.Rooms = append(out.Rooms, newAddress(room.ID))
		}
	}
	// More than the documented maximum says that this server has none.
	out.Truncated = len(out.Rooms) == roomsLimit
	return out, nil
}

// Candidate is somebody whom ResolveNames found.
type Candidate struct {
	Mailbox Address
	Office  string // contacts:OfficeLocation in the directory, empty if not told
}

// Resolution is what ResolveNames found: nothing, one mailbox or several
// candidates.
type Resolution struct {
	Candidates []Candidate
	Complete   bool // false: the server knows more candidates than it returned
}

// ResolveNames looks an entry (a directory name, an address or a part of it) up
// in the directory, see "ResolveNames operation". No match is an empty
// Resolution without error.
func (c *Client) ResolveNames(ctx context.Context, mailbox Mailbox, entry string) (Resolution, error) {
	inv := &invocation{
		operation: "ResolveNames", mailbox: mailbox,
		request: wire.ResolveNames{
			FullContactData: true, SearchScope: "ActiveDirectory", ContactDataShape: "Default", Entry: wire.Text(entry),
		},
		present: func(b *wire.Body) bool { return b.ResolveNames != nil && len(b.ResolveNames.Messages) > 0 },
	}
	body, err := c.do(ctx, inv)
	if err != nil {
		// Some servers report this outcome as a fault.
		if e, ok := err.(*Error); ok && e.Code == "ErrorNameResolutionNoResults" { //nolint:errorlint // do returns it bare
			return Resolution{Complete: true}, nil
		}
		return Resolution{}, err
	}
	m := body.ResolveNames.Messages[0]
	switch code := strings.TrimSpace(m.ResponseCode); {
	case code == "ErrorNameResolutionNoResults":
		return Resolution{Complete: true}, nil
	case code == "ErrorNameResolutionMultipleResults" && m.ResponseClass == "Warning":
	default:
		if failure := c.messageError(inv, m.ResponseMessage); failure != nil {
			return Resolution{}, failure
		}
	}
	out := Resolution{Complete: m.ResolutionSet.IncludesLast == "" || wire.ParseBool(m.ResolutionSet.IncludesLast)}
	for _, r := range m.ResolutionSet.Resolutions {
		out.Candidates = append(out.Candidates, Candidate{Mailbox: newAddress(r.Mailbox), Office: strings.TrimSpace(r.Office)})
	}
	return out, nil
}
