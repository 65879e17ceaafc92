package exchangesim

import (
	"errors"
	"strconv"

	"ews/simulator/exchangesim/soap"
)

// maxRooms is how many rooms a list shows; there is no paging.
const maxRooms = 100

func (s *Server) opGetRoomLists(*call) *soap.Element {
	lists := soap.NewM("RoomLists")
	for _, l := range s.lists {
		lists.Add(soap.New("Address", soap.Text("Name", l.name), soap.Text("EmailAddress", l.address),
			soap.Text("RoutingType", "SMTP"), soap.Text("MailboxType", "PublicDL")))
	}
	return status(soap.NewM("GetRoomListsResponse"), nil).Add(lists)
}

func (s *Server) findList(address string) *roomList {
	for _, l := range s.lists {
		if l.address == normalize(address) {
			return l
		}
	}
	return nil
}

func (s *Server) opGetRooms(c *call) *soap.Element {
	answer := soap.NewM("GetRoomsResponse")
	l := s.findList(c.op.ChildText("RoomList", "EmailAddress"))
	if l == nil {
		return status(answer, fail("ErrorNameResolutionNoResults"))
	}
	rooms := soap.NewM("Rooms")
	for _, address := range l.rooms[:min(len(l.rooms), maxRooms)] {
		rooms.Add(soap.New("Room", s.mailboxElement("Id", address)))
	}
	return status(answer, nil).Add(rooms)
}

// maxCandidates is how many matches ResolveNames returns.
const maxCandidates = 100

func (s *Server) opResolveNames(c *call) *soap.Element {
	found, err := s.resolve(c.op.ChildText("UnresolvedEntry"))
	if errors.Is(err, errNoMatch) {
		return c.respond([]outcome{{err: fail("ErrorNameResolutionNoResults")}})
	}
	complete := len(found) <= maxCandidates
	found = found[:min(len(found), maxCandidates)]
	full := c.op.Attr("ReturnFullContactData") == "true" || c.op.Attr("ReturnFullContactData") == "1"
	set := soap.NewM("ResolutionSet").With("TotalItemsInView", strconv.Itoa(len(found))).
		With("IncludesLastItemInRange", strconv.FormatBool(complete))
	for _, b := range found {
		resolution := soap.New("Resolution", s.mailboxElement("Mailbox", b.Address))
		if full {
			contact := soap.New("Contact", soap.Text("DisplayName", b.Name),
				soap.New("EmailAddresses", soap.Text("Entry", "SMTP:"+b.Address).With("Key", "EmailAddress1")),
				soap.Text("ContactSource", "ActiveDirectory"))
			if b.Office != "" {
				contact.Add(soap.Text("OfficeLocation", b.Office))
			}
			resolution.Add(contact)
		}
		set.Add(resolution)
	}
	o := outcome{body: []*soap.Element{set}}
	if len(found) > 1 {
		o.err = failWith("ErrorNameResolutionMultipleResults", "Multiple results were found.")
		o.err.warning = true
	}
	return c.respond([]outcome{o})
}

func (s *Server) opExpandDL(c *call) *soap.Element {
	l := s.findList(c.op.ChildText("Mailbox", "EmailAddress"))
	if l == nil {
		return c.respond([]outcome{{err: fail("ErrorNameResolutionNoResults")}})
	}
	expansion := soap.NewM("DLExpansion").With("TotalItemsInView", strconv.Itoa(len(l.rooms))).With("IncludesLastItemInRange", "true")
	for _, address := range l.rooms {
		expansion.Add(s.mailboxElement("Mailbox", address))
	}
	return c.respond([]outcome{{body: []*soap.Element{expansion}}})
}

// opConvertID refuses every id: the formats it converts between do not exist
// here. Clients send it to learn the server's version.
func (s *Server) opConvertID(c *call) *soap.Element {
	var outcomes []outcome
	for range c.op.Child("SourceIds").Children {
		outcomes = append(outcomes, outcome{err: fail("ErrorInvalidIdMalformed")})
	}
	return c.respond(outcomes)
}
