package elionasim

import (
	"net/http"
	"slices"
	"strconv"

	"ews/simulator/front"
)

func (s *Server) putAssetsBulk(w http.ResponseWriter, r *http.Request) error {
	identifyBy, err := identification(r)
	if err != nil {
		return err
	}
	// The body is an array, or null when a client has nothing to say.
	var sent []Asset
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	answer, err := s.upsertAssets(sent, identifyBy)
	if err != nil {
		return err
	}
	switches := s.Switches()
	if switches.BulkIncomplete && len(answer) > 0 {
		answer = answer[:len(answer)-1]
	}
	if n := len(answer); switches.BulkShuffled && n > 1 {
		// A rotation is never the order of the request.
		k := 1 + s.intN(n-1)
		answer = slices.Concat(answer[k:], answer[:k])
	}
	s.answer(w, http.StatusOK, answer)
	return nil
}

func (s *Server) putAsset(w http.ResponseWriter, r *http.Request) error {
	identifyBy, err := identification(r)
	if err != nil {
		return err
	}
	var sent Asset
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	answer, err := s.upsertAssets([]Asset{sent}, identifyBy)
	if err != nil {
		return err
	}
	s.answer(w, http.StatusOK, answer[0])
	return nil
}

func identification(r *http.Request) (string, error) {
	switch by := r.URL.Query().Get("identifyBy"); by {
	case "", byKey:
		return byKey, nil
	case byID, byResourceID:
		return by, nil
	case byDeviceID:
		return "", front.Refuse(http.StatusNotImplemented, "identifyBy %s is not simulated", by)
	default:
		return "", front.Refuse(http.StatusBadRequest, "%s is not a valid AssetIdentifyBy", by)
	}
}

func (s *Server) intN(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

// upsertAssets stores all assets or none. Parents may be earlier elements of
// the same list.
func (s *Server) upsertAssets(sent []Asset, identifyBy string) ([]Asset, error) {
	for _, asset := range sent {
		if err := requireAssetFields(asset); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	work := s.assets.clone()
	ids := make([]int32, 0, len(sent))
	events := make([]int, 0, len(sent))
	for _, asset := range sent {
		known := slices.ContainsFunc(s.projects, func(p Project) bool { return p.ID == asset.ProjectID })
		if !known || s.types[asset.AssetType] == nil {
			return nil, dependentMissing()
		}
		id, created, err := work.upsert(asset, identifyBy, s.switches.ArchivedPolicy)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
		event := http.StatusOK
		if created {
			event = http.StatusCreated
		}
		events = append(events, event)
	}
	s.assets = work
	answer := make([]Asset, 0, len(ids))
	for i, id := range ids {
		answer = append(answer, work.view(id))
		s.listen.asset(answer[i], events[i])
	}
	if s.switches.AssetDeletion == DeleteAfterUpsert {
		for _, id := range ids {
			s.archiveLocked(id)
		}
	}
	return answer, nil
}

func requireAssetFields(asset Asset) error {
	for _, field := range []struct{ name, value string }{
		{"projectId", asset.ProjectID},
		{"globalAssetIdentifier", asset.GlobalAssetIdentifier},
		{"assetType", asset.AssetType},
	} {
		if field.value == "" {
			return front.Missing(field.name)
		}
	}
	return nil
}

func (s *Server) getAsset(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	_, ok := s.assets.active(id)
	asset := s.assets.view(id)
	if ok && s.switches.AssetDeletion == DeleteAfterGet {
		s.archiveLocked(id)
	}
	s.mu.Unlock()
	if !ok {
		return front.Refuse(http.StatusNotFound, "asset not found")
	}
	s.answer(w, http.StatusOK, asset)
	return nil
}

func (s *Server) getAssets(w http.ResponseWriter, r *http.Request) error {
	project, assetType := r.URL.Query().Get("projectId"), r.URL.Query().Get("assetTypeName")
	s.mu.Lock()
	answer := []Asset{}
	for _, row := range s.assets.sorted() {
		if !row.archived && matches(project, row.ProjectID) && matches(assetType, row.AssetType) {
			answer = append(answer, s.assets.view(*row.ID))
		}
	}
	s.mu.Unlock()
	s.answer(w, http.StatusOK, answer)
	return nil
}

// matches tells whether a value passes a filter; an empty filter passes all.
func matches(filter, value string) bool { return filter == "" || filter == value }

func (s *Server) deleteAsset(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if !s.DeleteAsset(id) {
		return front.Refuse(http.StatusNotFound, "asset not found")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// DeleteAsset deletes an asset as a user of Eliona does: it is archived. It
// tells whether the asset was there.
func (s *Server) DeleteAsset(id int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.archiveLocked(id)
}

func (s *Server) archiveLocked(id int32) bool {
	ok := s.assets.archive(id)
	if ok {
		s.listen.asset(s.assets.view(id), http.StatusNoContent)
	}
	return ok
}

func pathID(r *http.Request) (int32, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 32)
	if err != nil {
		return 0, front.Refuse(http.StatusBadRequest, "%q is not an id", r.PathValue("id"))
	}
	return int32(id), nil
}

// Assets returns all assets, also archived ones, with their data.
func (s *Server) Assets() []KnownAsset {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []KnownAsset{}
	for _, row := range s.assets.sorted() {
		out = append(out, KnownAsset{Asset: s.assets.view(*row.ID), Archived: row.archived, Data: s.dataOfLocked(*row.ID)})
	}
	return out
}
