package exchangesim

import (
	"slices"
	"strconv"

	"ews/simulator/exchangesim/soap"
)

// syncState is what a client holds between calls: it knows the folder as it
// was at base, and while pages remain, everything up to upper whose position is
// at or above cursor.
type syncState struct {
	folder, base, upper, cursor uint64
}

// syncChange is one change on its way to a client. position orders changes:
// the folder's counter at creation for new items, at the last change for
// others. An item that changes while pages remain keeps the position of its
// creation, and shows up again as an update afterwards.
type syncChange struct {
	position uint64
	kind     string // Create, Update or Delete
	item     *item
	number   uint64
}

func (s *Server) opSyncFolderItems(c *call) *soap.Element {
	f, err := c.folderOf(c.op.Child("SyncFolderId").Children[0])
	if err != nil {
		if err.code == "ErrorFolderNotFound" {
			err = failWith("ErrorSyncFolderNotFound", "The synchronization folder could not be found.")
		}
		return c.respond([]outcome{{err: err}})
	}
	shape := readShape(c.op.Child("ItemShape"))
	shape.list, shape.sync = true, true
	state, err := s.readState(f, c.op.ChildText("SyncState"))
	if err != nil {
		return c.respond([]outcome{{err: err}})
	}
	limit, _ := strconv.Atoi(c.op.ChildText("MaxChangesReturned")) // the schema has checked it
	page, next := f.changes(state, s.page(limit))
	r := c.renderer(shape)
	list := soap.NewM("Changes")
	for _, change := range page {
		if change.kind == "Delete" {
			id := s.ids.encode(itemIDKind, f.box.guid, change.number, 0)
			list.Add(soap.New("Delete", soap.New("ItemId").With("Id", id).With("ChangeKey", changeKey(change.number, change.position))))
			continue
		}
		list.Add(soap.New(change.kind, r.item(whole(change.item))))
	}
	return c.respond([]outcome{{body: []*soap.Element{
		soap.TextM("SyncState", s.writeState(f, next)), soap.TextM("IncludesLastItemInRange", strconv.FormatBool(next.cursor == 0)), list,
	}}})
}

// page is how much of what a client asks for goes into one answer.
func (s *Server) page(asked int) int {
	if s.options.PageSize > 0 {
		return min(asked, s.options.PageSize)
	}
	return asked
}

// changes returns the next page of changes and the state after it. Newer
// changes come first.
func (f *folder) changes(state syncState, limit int) ([]syncChange, syncState) {
	if state.cursor == 0 { // the last call reached the end; a new round begins
		state.upper, state.cursor = f.counter, f.counter+1
	}
	var all []syncChange
	for _, it := range f.items {
		switch {
		case it.createdAt > state.base:
			all = append(all, syncChange{it.createdAt, "Create", it, it.number})
		case it.changedAt > state.base:
			all = append(all, syncChange{it.changedAt, "Update", it, it.number})
		}
	}
	for number, t := range f.gone {
		if t.createdAt <= state.base && t.goneAt > state.base {
			all = append(all, syncChange{t.goneAt, "Delete", nil, number})
		}
	}
	all = slices.DeleteFunc(all, func(x syncChange) bool { return x.position > state.upper || x.position >= state.cursor })
	slices.SortFunc(all, func(a, b syncChange) int {
		if a.position > b.position {
			return -1
		}
		return 1
	})
	if len(all) > limit {
		all = all[:limit]
		state.cursor = all[limit-1].position
		return all, state
	}
	return all, syncState{folder: f.number, base: state.upper, upper: state.upper}
}

func (s *Server) writeState(f *folder, state syncState) string {
	return s.ids.encode(syncStateKind, f.box.guid, f.number, state.base, state.upper, state.cursor)
}

func (s *Server) readState(f *folder, text string) (syncState, *ewsError) {
	if text == "" {
		return syncState{folder: f.number}, nil
	}
	guid, n, err := s.ids.decode(syncStateKind, text, 4)
	if err != nil || guid != f.box.guid || n[0] != f.number || n[1] > f.counter {
		return syncState{}, fail("ErrorInvalidSyncStateData")
	}
	return syncState{folder: n[0], base: n[1], upper: n[2], cursor: n[3]}, nil
}
