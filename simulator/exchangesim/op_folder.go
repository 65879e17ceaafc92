package exchangesim

import (
	"slices"
	"strconv"

	"ews/simulator/exchangesim/soap"
)

// folderOf finds the folder that a FolderId or DistinguishedFolderId names.
func (c *call) folderOf(id *soap.Element) (*folder, *ewsError) {
	s, box := c.server, c.box
	if id.Name == "FolderId" {
		guid, numbers, err := s.ids.decode(folderIDKind, id.Attr("Id"), 1)
		if err != nil {
			return nil, fail("ErrorInvalidIdMalformed")
		}
		if box = s.byGUID[guid]; box != nil {
			for _, f := range box.folders {
				if f.number == numbers[0] {
					return f, c.mayOpen(box)
				}
			}
		}
		return nil, fail("ErrorFolderNotFound")
	}
	if m := id.Child("Mailbox"); m != nil {
		if box = s.lookup(m.ChildText("EmailAddress")); box == nil {
			return nil, fail("ErrorNonExistentMailbox")
		}
	}
	if err := c.mayOpen(box); err != nil {
		return nil, err
	}
	f := box.folders[id.Attr("Id")]
	if f == nil {
		return nil, fail("ErrorFolderNotFound")
	}
	return f, nil
}

// mayOpen refuses stores of others: to read a room's calendar a client acts as
// the room.
func (c *call) mayOpen(box *mailbox) *ewsError {
	if box != c.box {
		return fail("ErrorAccessDenied")
	}
	return nil
}

func (s *Server) showFolder(f *folder, e *soap.Element) *soap.Element {
	shape := readShape(e)
	name := "Folder"
	if f.name == folderCalendar {
		name = "CalendarFolder"
	}
	out := soap.New(name, s.folderID("FolderId", f))
	wants := func(uri string) bool {
		return shape.uris[uri] || shape.base == "Default" || shape.base == "AllProperties"
	}
	if parent := f.box.folders[f.base]; parent != nil && wants("folder:ParentFolderId") {
		out.Add(s.folderID("ParentFolderId", parent))
	}
	if f.class != "" && wants("folder:FolderClass") {
		out.Add(soap.Text("FolderClass", f.class))
	}
	if wants("folder:DisplayName") {
		out.Add(soap.Text("DisplayName", f.display))
	}
	if wants("folder:TotalCount") {
		out.Add(soap.Int("TotalCount", len(f.items)))
	}
	if wants("folder:ChildFolderCount") {
		out.Add(soap.Int("ChildFolderCount", len(f.children())))
	}
	if wants("folder:EffectiveRights") {
		out.Add(rights("EffectiveRights"))
	}
	if shape.uris["folder:DistinguishedFolderId"] {
		out.Add(soap.Text("DistinguishedFolderId", f.name))
	}
	if name == "Folder" && wants("folder:UnreadCount") {
		unread := 0
		for _, it := range f.items {
			if it.class != calendarItem && !it.read {
				unread++
			}
		}
		out.Add(soap.Int("UnreadCount", unread))
	}
	return out
}

func (f *folder) children() []*folder {
	var out []*folder
	for _, c := range folderTree {
		if c.parent == f.name && f.name != "" {
			out = append(out, f.box.folders[c.name])
		}
	}
	return out
}

func (f *folder) descendants() []*folder {
	var out []*folder
	for _, c := range f.children() {
		out = append(append(out, c), c.descendants()...)
	}
	return out
}

func (s *Server) opGetFolder(c *call) *soap.Element {
	var outcomes []outcome
	for _, id := range c.op.Child("FolderIds").Children {
		f, err := c.folderOf(id)
		if err != nil {
			outcomes = append(outcomes, outcome{err: err})
			continue
		}
		outcomes = append(outcomes, outcome{body: []*soap.Element{soap.NewM("Folders", s.showFolder(f, c.op.Child("FolderShape")))}})
	}
	return c.respond(outcomes)
}

func (s *Server) opFindFolder(c *call) *soap.Element {
	var outcomes []outcome
	for _, id := range c.op.Child("ParentFolderIds").Children {
		parent, err := c.folderOf(id)
		if err != nil {
			outcomes = append(outcomes, outcome{err: err})
			continue
		}
		found := parent.children()
		if c.op.Attr("Traversal") == "Deep" {
			found = parent.descendants()
		}
		total := len(found)
		offset, limit := 0, total
		if page := c.op.Child("IndexedPageFolderView"); page != nil {
			if offset, limit, err = readPage(page, total); err != nil {
				outcomes = append(outcomes, outcome{err: err})
				continue
			}
		}
		found = slices.Clone(found[offset:min(offset+limit, total)])
		list := soap.New("Folders")
		for _, f := range found {
			list.Add(s.showFolder(f, c.op.Child("FolderShape")))
		}
		outcomes = append(outcomes, outcome{body: []*soap.Element{rootFolder(offset+len(found), total, list)}})
	}
	return c.respond(outcomes)
}

// rootFolder wraps the results of a find operation. next is the offset of the
// next page.
func rootFolder(next, total int, list *soap.Element) *soap.Element {
	root := soap.NewM("RootFolder", list)
	root.With("IndexedPagingOffset", strconv.Itoa(next)).With("TotalItemsInView", strconv.Itoa(total)).
		With("IncludesLastItemInRange", strconv.FormatBool(next >= total))
	return root
}

// readPage reads an indexed view.
func readPage(view *soap.Element, total int) (offset, limit int, err *ewsError) {
	offset, _ = strconv.Atoi(view.Attr("Offset")) // the schema has checked it
	limit = total
	if n, ok := view.LookupAttr("MaxEntriesReturned"); ok {
		limit, _ = strconv.Atoi(n)
		if limit < 1 {
			return 0, 0, failWith("ErrorInvalidPagingMaxRows", "Paging max rows must be greater than zero.")
		}
	}
	if offset < 0 {
		return 0, 0, failWith("ErrorInvalidIndexedPagingParameters", "The offset must not be negative.")
	}
	offset = min(offset, total)
	if view.Attr("BasePoint") == "End" {
		offset = max(total-offset-limit, 0)
	}
	return offset, limit, nil
}
