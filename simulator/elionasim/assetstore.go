package elionasim

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"ews/simulator/front"
)

// The ways an asset in a request is matched with a stored one.
const (
	byKey        = "gai-projId"
	byID         = "id"
	byResourceID = "resourceId"
	byDeviceID   = "deviceId"
)

// firstAssetID leaves room below, so that an index mistaken for an id is
// noticed.
const firstAssetID = 501

// assetKey identifies an asset in its project.
type assetKey struct{ project, gai string }

type storedAsset struct {
	Asset
	archived bool
}

// assetStore holds assets, also archived ones. Stored values are replaced,
// never changed, so that a clone is a snapshot.
type assetStore struct {
	next  int32
	rows  map[int32]storedAsset
	index map[assetKey]int32 // newest row of a key
}

func newAssetStore() *assetStore {
	return &assetStore{next: firstAssetID, rows: map[int32]storedAsset{}, index: map[assetKey]int32{}}
}

func (st *assetStore) clone() *assetStore {
	return &assetStore{next: st.next, rows: maps.Clone(st.rows), index: maps.Clone(st.index)}
}

// active returns the asset unless it is archived.
func (st *assetStore) active(id int32) (storedAsset, bool) {
	row, ok := st.rows[id]
	return row, ok && !row.archived
}

// sorted returns all rows by id.
func (st *assetStore) sorted() []storedAsset {
	return slices.SortedFunc(maps.Values(st.rows), func(a, b storedAsset) int { return cmp.Compare(*a.ID, *b.ID) })
}

// find returns the row, archived or not, that a request means.
func (st *assetStore) find(a Asset, identifyBy string) (storedAsset, bool) {
	switch identifyBy {
	case byID:
		if a.ID == nil {
			return storedAsset{}, false
		}
		row, ok := st.rows[*a.ID]
		return row, ok
	case byResourceID:
		if a.ResourceID == nil {
			return storedAsset{}, false
		}
		for _, row := range st.rows {
			if *row.ResourceID == *a.ResourceID {
				return row, true
			}
		}
		return storedAsset{}, false
	}
	id, ok := st.index[assetKey{a.ProjectID, a.GlobalAssetIdentifier}]
	return st.rows[id], ok
}

// upsert stores what was sent and returns the id. What the request leaves
// out of name, description, type and parents is cleared, as an insert with
// "on conflict do update" does it.
func (st *assetStore) upsert(sent Asset, identifyBy, archivedPolicy string) (id int32, created bool, err error) {
	functional, err := st.parent(sent, identifyBy, sent.ParentFunctionalIdentifier, sent.ParentFunctionalAssetID)
	if err != nil {
		return 0, false, err
	}
	locational, err := st.parent(sent, identifyBy, sent.ParentLocationalIdentifier, sent.ParentLocationalAssetID)
	if err != nil {
		return 0, false, err
	}

	row, found := st.find(sent, identifyBy)
	if found && row.archived {
		switch archivedPolicy {
		case ArchivedRefuse:
			return 0, false, front.Refuse(http.StatusUnprocessableEntity, "error: duplicate key value violates unique constraint")
		case ArchivedNew:
			found = false
		}
	}
	if !found {
		sent.ID = new(st.next)
		st.next++
		if sent.ResourceID == nil {
			name := fmt.Sprintf("%s/%s/%d", sent.ProjectID, sent.GlobalAssetIdentifier, *sent.ID)
			sent.ResourceID = new(uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String())
		}
		row = storedAsset{Asset: sent}
	}
	created = !found || row.archived
	row.archived = false
	row.ProjectID, row.GlobalAssetIdentifier = sent.ProjectID, sent.GlobalAssetIdentifier
	row.Name, row.Description, row.AssetType = sent.Name, sent.Description, sent.AssetType
	row.ParentFunctionalAssetID, row.ParentLocationalAssetID = functional, locational
	row.ParentFunctionalIdentifier, row.ParentLocationalIdentifier = nil, nil
	row.FunctionalAssetIDPath, row.LocationalAssetIDPath = nil, nil
	st.rows[*row.ID] = row
	st.index[assetKey{row.ProjectID, row.GlobalAssetIdentifier}] = *row.ID
	if st.path(*row.ID, functionalParent) == nil || st.path(*row.ID, locationalParent) == nil {
		return 0, false, front.Refuse(http.StatusUnprocessableEntity, "error: asset %s is its own ancestor", row.GlobalAssetIdentifier)
	}
	return *row.ID, created, nil
}

// parent resolves the parent that a request names by identifier or by id.
// An empty identifier and none at all mean that there is no parent.
func (st *assetStore) parent(sent Asset, identifyBy string, identifier *string, id *int32) (*int32, error) {
	if identifier != nil && *identifier != "" {
		wanted := Asset{ProjectID: sent.ProjectID, GlobalAssetIdentifier: *identifier, ResourceID: identifier}
		if n, err := strconv.ParseInt(*identifier, 10, 32); err == nil {
			wanted.ID = new(int32(n))
		}
		row, ok := st.find(wanted, identifyBy)
		if !ok {
			return nil, dependentMissing()
		}
		id = row.ID
	}
	if id == nil {
		return nil, nil
	}
	row, ok := st.active(*id)
	if !ok || row.ProjectID != sent.ProjectID {
		return nil, dependentMissing()
	}
	return row.ID, nil
}

func functionalParent(a Asset) *int32 { return a.ParentFunctionalAssetID }
func locationalParent(a Asset) *int32 { return a.ParentLocationalAssetID }

// path lists the ids from the root down to the asset; nil if it never ends.
func (st *assetStore) path(id int32, parent func(Asset) *int32) []int32 {
	path := []int32{id}
	for next := parent(st.rows[id].Asset); next != nil; next = parent(st.rows[*next].Asset) {
		if slices.Contains(path, *next) {
			return nil
		}
		path = append(path, *next)
	}
	slices.Reverse(path)
	return path
}

// view returns the asset as answers show it.
func (st *assetStore) view(id int32) Asset {
	asset := st.rows[id].Asset
	asset.FunctionalAssetIDPath = st.path(id, functionalParent)
	asset.LocationalAssetIDPath = st.path(id, locationalParent)
	return asset
}

// archive marks the asset as deleted and tells whether it was there.
func (st *assetStore) archive(id int32) bool {
	row, ok := st.active(id)
	if ok {
		row.archived = true
		st.rows[id] = row
	}
	return ok
}
