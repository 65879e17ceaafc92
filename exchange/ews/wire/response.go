package wire

import (
	"encoding/xml"
	"errors"
	"strings"
)

// ResponseMessage is the status every response message starts with.
type ResponseMessage struct {
	ResponseClass string     `xml:"ResponseClass,attr"`
	MessageText   string     `xml:"MessageText"`
	ResponseCode  string     `xml:"ResponseCode"`
	MessageXML    MessageXML `xml:"MessageXml"`
}

// Ok reports the only success there is: class Success with code NoError.
func (m ResponseMessage) Ok() bool {
	return m.ResponseClass == "Success" && strings.TrimSpace(m.ResponseCode) == "NoError"
}

// EmailAddress is t:EmailAddressType.
type EmailAddress struct {
	Name         string `xml:"Name"`
	EmailAddress string `xml:"EmailAddress"`
	RoutingType  string `xml:"RoutingType"`
	MailboxType  string `xml:"MailboxType"`
}

// GetRoomListsResponse carries its status on the element itself.
type GetRoomListsResponse struct {
	ResponseMessage
	RoomLists *struct {
		Addresses []EmailAddress `xml:"Address"`
	} `xml:"RoomLists"`
}

// GetRoomsResponse carries its status on the element itself.
type GetRoomsResponse struct {
	ResponseMessage
	Rooms *struct {
		Rooms []struct {
			ID EmailAddress `xml:"Id"`
		} `xml:"Room"`
	} `xml:"Rooms"`
}

// ResolveNamesResponse holds one message, which may be a warning with content.
type ResolveNamesResponse struct {
	Messages []struct {
		ResponseMessage
		ResolutionSet struct {
			IncludesLast string `xml:"IncludesLastItemInRange,attr"`
			Resolutions  []struct {
				Mailbox EmailAddress `xml:"Mailbox"`
				Office  string       `xml:"Contact>OfficeLocation"`
			} `xml:"Resolution"`
		} `xml:"ResolutionSet"`
	} `xml:"ResponseMessages>ResolveNamesResponseMessage"`
}

// SyncFolderItemsResponse holds one message per request.
type SyncFolderItemsResponse struct {
	Messages []struct {
		ResponseMessage
		SyncState    string  `xml:"SyncState"`
		IncludesLast string  `xml:"IncludesLastItemInRange"`
		Changes      Changes `xml:"Changes"`
	} `xml:"ResponseMessages>SyncFolderItemsResponseMessage"`
}

// Change is one entry of m:Changes.
type Change struct {
	Kind   string // Create, Update, Delete or ReadFlagChange
	Item   *Item  // Create and Update
	ItemID ItemID // Delete and ReadFlagChange
}

// Changes keeps the entries in document order, which four separate slices
// would lose.
type Changes struct {
	Entries []Change
}

// UnmarshalXML implements xml.Unmarshaler.
func (c *Changes) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	return eachChild(d, func(start xml.StartElement) error {
		entry := Change{Kind: start.Name.Local}
		switch start.Name.Local {
		case "Create", "Update":
			var items Items
			if err := d.DecodeElement(&items, &start); err != nil {
				return err
			}
			if len(items.Entries) > 0 {
				entry.Item = &items.Entries[0]
			}
		case "Delete", "ReadFlagChange":
			var body struct {
				ItemID ItemID `xml:"ItemId"`
			}
			if err := d.DecodeElement(&body, &start); err != nil {
				return err
			}
			entry.ItemID = body.ItemID
		default:
			return d.Skip()
		}
		c.Entries = append(c.Entries, entry)
		return nil
	})
}

// Items is a list of items of any kind in document order.
type Items struct {
	Entries []Item
}

// UnmarshalXML implements xml.Unmarshaler.
func (i *Items) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	return eachChild(d, func(start xml.StartElement) error {
		var item Item
		if err := d.DecodeElement(&item, &start); err != nil {
			return err
		}
		item.Kind = start.Name.Local
		i.Entries = append(i.Entries, item)
		return nil
	})
}

// maxEntries bounds the items and changes of one answer. Nobody asks for as
// many; a few bytes of markup each become a large struct.
const maxEntries = 20_000

// ErrTooMany says that the answer has more items or changes than anybody asks for.
var ErrTooMany = errors.New("wire: the answer has more entries than anybody asks for")

// eachChild calls visit for every child element and returns at the parent's end.
func eachChild(d *xml.Decoder, visit func(xml.StartElement) error) error {
	for n := 0; ; {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if n++; n > maxEntries {
				return ErrTooMany
			}
			if err := visit(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// FindItemResponse holds one message per searched folder.
type FindItemResponse struct {
	Messages []struct {
		ResponseMessage
		RootFolder *struct {
			PagingOffset string `xml:"IndexedPagingOffset,attr"`
			IncludesLast string `xml:"IncludesLastItemInRange,attr"`
			Total        string `xml:"TotalItemsInView,attr"`
			Items        Items  `xml:"Items"`
		} `xml:"RootFolder"`
	} `xml:"ResponseMessages>FindItemResponseMessage"`
}

// ItemResponse is the answer of GetItem, CreateItem, UpdateItem and DeleteItem:
// response messages with items, in the order of the request. The element name
// of the messages differs per operation, hence the any match.
type ItemResponse struct {
	List struct {
		Messages []struct {
			XMLName xml.Name
			ResponseMessage
			Items Items `xml:"Items"`
		} `xml:",any"`
	} `xml:"ResponseMessages"`
}

// Messages returns the status of every response message of the answer.
func (b *Body) Messages() []ResponseMessage {
	var out []ResponseMessage
	if r := b.GetRoomLists; r != nil {
		out = append(out, r.ResponseMessage)
	}
	if r := b.GetRooms; r != nil {
		out = append(out, r.ResponseMessage)
	}
	if r := b.ResolveNames; r != nil {
		for i := range r.Messages {
			out = append(out, r.Messages[i].ResponseMessage)
		}
	}
	if r := b.SyncFolderItems; r != nil {
		for i := range r.Messages {
			out = append(out, r.Messages[i].ResponseMessage)
		}
	}
	if r := b.FindItem; r != nil {
		for i := range r.Messages {
			out = append(out, r.Messages[i].ResponseMessage)
		}
	}
	if r := b.Subscribe; r != nil {
		for i := range r.Messages {
			out = append(out, r.Messages[i].ResponseMessage)
		}
	}
	if r := b.Unsubscribe; r != nil {
		out = append(out, r.Messages...)
	}
	for _, r := range []*ItemResponse{b.GetItem, b.CreateItem, b.UpdateItem, b.DeleteItem} {
		if r != nil {
			for i := range r.List.Messages {
				out = append(out, r.List.Messages[i].ResponseMessage)
			}
		}
	}
	return out
}
