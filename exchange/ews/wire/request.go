package wire

import "encoding/xml"

// GetRoomLists is the operation of the same name; it has no content.
type GetRoomLists struct {
	XMLName xml.Name `xml:"m:GetRoomLists"`
}

// GetRooms asks for the members of one room list.
type GetRooms struct {
	XMLName xml.Name `xml:"m:GetRooms"`
	List    Text     `xml:"m:RoomList>t:EmailAddress"`
}

// ResolveNames asks the directory for one entry.
type ResolveNames struct {
	XMLName          xml.Name `xml:"m:ResolveNames"`
	FullContactData  bool     `xml:"ReturnFullContactData,attr"`
	SearchScope      string   `xml:"SearchScope,attr"`
	ContactDataShape string   `xml:"ContactDataShape,attr"`
	Entry            Text     `xml:"m:UnresolvedEntry"`
}

// FolderRef is t:DistinguishedFolderId, optionally in a named mailbox.
type FolderRef struct {
	Distinguished struct {
		ID    string     `xml:"Id,attr"`
		Owner *OwnerAddr `xml:"t:Mailbox"`
	} `xml:"t:DistinguishedFolderId"`
}

// OwnerAddr names the mailbox a folder belongs to.
type OwnerAddr struct {
	Address Text `xml:"t:EmailAddress"`
}

// NewFolderRef returns a reference to a distinguished folder; owner may be
// empty for the mailbox the call runs in.
func NewFolderRef(name, owner string) FolderRef {
	var f FolderRef
	f.Distinguished.ID = name
	if owner != "" {
		f.Distinguished.Owner = &OwnerAddr{Address: Text(owner)}
	}
	return f
}

// Path is t:FieldURI.
type Path struct {
	XMLName xml.Name `xml:"t:FieldURI"`
	URI     string   `xml:"FieldURI,attr"`
}

// ExtendedPath is t:ExtendedFieldURI.
type ExtendedPath struct {
	XMLName xml.Name `xml:"t:ExtendedFieldURI"`
	Set     string   `xml:"DistinguishedPropertySetId,attr,omitempty"`
	SetID   string   `xml:"PropertySetId,attr,omitempty"`
	Tag     string   `xml:"PropertyTag,attr,omitempty"`
	Name    Text     `xml:"PropertyName,attr,omitempty"`
	ID      int      `xml:"PropertyId,attr,omitempty"`
	Type    string   `xml:"PropertyType,attr"`
}

// ItemShape selects the properties to return; Properties holds Path and
// ExtendedPath values.
type ItemShape struct {
	BaseShape  string      `xml:"t:BaseShape"`
	BodyType   string      `xml:"t:BodyType,omitempty"`
	Properties *Properties `xml:"t:AdditionalProperties"`
}

// Properties is a list of property paths.
type Properties struct {
	Paths []any
}

// NewItemShape returns a shape of ids plus the given paths.
func NewItemShape(paths ...any) ItemShape {
	s := ItemShape{BaseShape: "IdOnly"}
	if len(paths) > 0 {
		s.Properties = &Properties{Paths: paths}
	}
	return s
}

// SyncFolderItems asks for one page of changes.
type SyncFolderItems struct {
	XMLName    xml.Name  `xml:"m:SyncFolderItems"`
	Shape      ItemShape `xml:"m:ItemShape"`
	Folder     FolderRef `xml:"m:SyncFolderId"`
	SyncState  Text      `xml:"m:SyncState,omitempty"`
	MaxChanges int       `xml:"m:MaxChangesReturned"`
}

// FindItem searches one folder, with a calendar view or with a page and a
// restriction.
type FindItem struct {
	XMLName      xml.Name      `xml:"m:FindItem"`
	Traversal    string        `xml:"Traversal,attr"`
	Shape        ItemShape     `xml:"m:ItemShape"`
	Page         *IndexedPage  `xml:"m:IndexedPageItemView"`
	CalendarView *CalendarView `xml:"m:CalendarView"`
	Restriction  *Restriction  `xml:"m:Restriction"`
	Folders      FolderRef     `xml:"m:ParentFolderIds"`
}

// IndexedPage is m:IndexedPageItemView.
type IndexedPage struct {
	Max       int    `xml:"MaxEntriesReturned,attr"`
	Offset    int    `xml:"Offset,attr"`
	BasePoint string `xml:"BasePoint,attr"`
}

// CalendarView is m:CalendarView.
type CalendarView struct {
	Max   int    `xml:"MaxEntriesReturned,attr,omitempty"`
	Start string `xml:"StartDate,attr"`
	End   string `xml:"EndDate,attr"`
}

// Restriction is one equality.
type Restriction struct {
	Equal struct {
		Path     ExtendedPath
		Constant struct {
			Value Text `xml:"Value,attr"`
		} `xml:"t:FieldURIOrConstant>t:Constant"`
	} `xml:"t:IsEqualTo"`
}

// GetItem asks for items; IDs holds ItemIDRef, OccurrenceIDRef and MasterIDRef.
type GetItem struct {
	XMLName xml.Name  `xml:"m:GetItem"`
	Shape   ItemShape `xml:"m:ItemShape"`
	IDs     IDs       `xml:"m:ItemIds"`
}

// IDs is a list of item identifiers of any kind.
type IDs struct {
	Refs []any
}

// ItemIDRef is t:ItemId.
type ItemIDRef struct {
	XMLName   xml.Name `xml:"t:ItemId"`
	ID        Text     `xml:"Id,attr"`
	ChangeKey Text     `xml:"ChangeKey,attr,omitempty"`
}

// OccurrenceIDRef is t:OccurrenceItemId.
type OccurrenceIDRef struct {
	XMLName   xml.Name `xml:"t:OccurrenceItemId"`
	MasterID  Text     `xml:"RecurringMasterId,attr"`
	ChangeKey Text     `xml:"ChangeKey,attr,omitempty"`
	Index     int      `xml:"InstanceIndex,attr"`
}

// MasterIDRef is t:RecurringMasterItemId.
type MasterIDRef struct {
	XMLName      xml.Name `xml:"t:RecurringMasterItemId"`
	OccurrenceID Text     `xml:"OccurrenceId,attr"`
	ChangeKey    Text     `xml:"ChangeKey,attr,omitempty"`
}

// CreateItem creates a calendar item or a response object.
type CreateItem struct {
	XMLName     xml.Name   `xml:"m:CreateItem"`
	Disposition string     `xml:"MessageDisposition,attr,omitempty"`
	Invitations string     `xml:"SendMeetingInvitations,attr,omitempty"`
	Folder      *FolderRef `xml:"m:SavedItemFolderId"`
	Items       ItemList   `xml:"m:Items"`
}

// ItemList holds CalendarItem, CancelCalendarItem or DeclineItem values.
type ItemList struct {
	Items []any
}

// CancelCalendarItem is the response object of the organiser.
type CancelCalendarItem struct {
	XMLName   xml.Name    `xml:"t:CancelCalendarItem"`
	Reference ReferenceID `xml:"t:ReferenceItemId"`
	NewBody   *BodyText   `xml:"t:NewBodyContent"`
}

// DeclineItem is the response object of an attendee.
type DeclineItem struct {
	XMLName   xml.Name    `xml:"t:DeclineItem"`
	Body      *BodyText   `xml:"t:Body"`
	Reference ReferenceID `xml:"t:ReferenceItemId"`
}

// ReferenceID is the content of t:ReferenceItemId.
type ReferenceID struct {
	ID        Text `xml:"Id,attr"`
	ChangeKey Text `xml:"ChangeKey,attr,omitempty"`
}

// UpdateItem changes properties of one item.
type UpdateItem struct {
	XMLName            xml.Name `xml:"m:UpdateItem"`
	ConflictResolution string   `xml:"ConflictResolution,attr"`
	Invitations        string   `xml:"SendMeetingInvitationsOrCancellations,attr"`
	Change             struct {
		Ref     any // ItemIDRef, OccurrenceIDRef or MasterIDRef
		Updates struct {
			Fields []any // SetItemField and DeleteItemField
		} `xml:"t:Updates"`
	} `xml:"m:ItemChanges>t:ItemChange"`
}

// SetItemField replaces one property; Item carries only that property.
type SetItemField struct {
	XMLName xml.Name `xml:"t:SetItemField"`
	Path    any      // Path or ExtendedPath
	Item    CalendarItem
}

// DeleteItemField removes one property.
type DeleteItemField struct {
	XMLName xml.Name `xml:"t:DeleteItemField"`
	Path    any      // Path or ExtendedPath
}

// DeleteItem removes one item.
type DeleteItem struct {
	XMLName       xml.Name `xml:"m:DeleteItem"`
	DeleteType    string   `xml:"DeleteType,attr"`
	Cancellations string   `xml:"SendMeetingCancellations,attr"`
	IDs           IDs      `xml:"m:ItemIds"`
}
