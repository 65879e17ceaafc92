package elionasim

import (
	"net/http"
	"slices"
	"strconv"

	"ews/simulator/front"
)

// subtypes lists those of data and of attributes.
func subtypes() []string { return []string{"input", "info", "status", "output", "property"} }

func validSubtype(subtype string) bool { return slices.Contains(subtypes(), subtype) }

// dataKey identifies the values that are replaced together.
type dataKey struct {
	asset   int32
	subtype string
}

func (s *Server) putData(w http.ResponseWriter, r *http.Request) error {
	var sent Data
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	return s.storeData(w, []Data{sent})
}

func (s *Server) putDataBulk(w http.ResponseWriter, r *http.Request) error {
	var sent []Data
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	return s.storeData(w, sent)
}

// storeData replaces the values of each (asset, subtype), all or none.
func (s *Server) storeData(w http.ResponseWriter, sent []Data) error {
	for _, data := range sent {
		if data.AssetID == 0 {
			return front.Missing("assetId")
		}
		if data.Subtype == "" {
			return front.Missing("subtype")
		}
		if !validSubtype(data.Subtype) {
			return front.Refuse(http.StatusUnprocessableEntity, "%s is not a valid DataSubtype", data.Subtype)
		}
		if data.Data == nil {
			return front.Missing("data")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, data := range sent {
		if _, ok := s.assets.active(data.AssetID); !ok {
			return front.Refuse(http.StatusNotFound, "asset not found")
		}
		if data.AssetTypeName != nil && *data.AssetTypeName != "" && s.types[*data.AssetTypeName] == nil {
			return dependentMissing()
		}
	}
	for _, data := range sent {
		key := dataKey{data.AssetID, data.Subtype}
		status := http.StatusOK
		if _, ok := s.data[key]; !ok {
			status = http.StatusCreated
		}
		if data.Timestamp == nil {
			data.Timestamp = new(s.now().UTC())
		}
		if data.AssetTypeName == nil || *data.AssetTypeName == "" {
			data.AssetTypeName = new(s.assets.rows[data.AssetID].AssetType)
		}
		s.data[key] = data
		s.listen.data(data, status)
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *Server) getData(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	wanted, err := optionalID(r, "assetId")
	if err != nil {
		return err
	}
	subtype := query.Get("dataSubtype")
	if subtype != "" && !validSubtype(subtype) {
		return front.Refuse(http.StatusBadRequest, "%s is not a valid DataSubtype", subtype)
	}
	s.mu.Lock()
	rows := s.assets.sorted()
	if wanted != 0 {
		rows = nil
		if row, ok := s.assets.active(wanted); ok {
			rows = []storedAsset{row}
		}
	}
	answer := []Data{}
	for _, row := range rows {
		if row.archived || !matches(query.Get("assetTypeName"), row.AssetType) {
			continue
		}
		for _, data := range s.dataOfLocked(*row.ID) {
			if matches(subtype, data.Subtype) {
				answer = append(answer, data)
			}
		}
	}
	s.mu.Unlock()
	s.answer(w, http.StatusOK, answer)
	return nil
}

// dataOfLocked returns the data of an asset by subtype.
func (s *Server) dataOfLocked(asset int32) []Data {
	out := []Data{}
	for _, subtype := range subtypes() {
		if data, ok := s.data[dataKey{asset, subtype}]; ok {
			out = append(out, data)
		}
	}
	return out
}

// optionalID reads an id from the query; 0 if it is not there.
func optionalID(r *http.Request, parameter string) (int32, error) {
	text := r.URL.Query().Get(parameter)
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, front.Refuse(http.StatusBadRequest, "query parameter '%s' is not an id", parameter)
	}
	return int32(id), nil
}
