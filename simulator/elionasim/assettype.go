package elionasim

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"ews/simulator/front"
)

// icons of asset types.
const icons = " blind building button closable elevator environment fallback filling gateway light mailbox" +
	" parking people power rack storey trash ventilation vibration water weather "

func (s *Server) putAssetType(w http.ResponseWriter, r *http.Request) error {
	var sent AssetType
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	if err := validateAssetType(sent); err != nil {
		return err
	}
	withAttributes := expanded(r, "AssetType.attributes")

	s.mu.Lock()
	stored := sent
	stored.Attributes = nil
	if old := s.types[sent.Name]; old != nil {
		stored.Attributes = slices.Clone(old.Attributes)
	}
	// Attributes are upserted; none is ever removed by leaving it out.
	if withAttributes {
		for _, attribute := range sent.Attributes {
			attribute.AssetTypeName = new(sent.Name)
			if attribute.Enable == nil {
				attribute.Enable = new(true)
			}
			i := slices.IndexFunc(stored.Attributes, func(a Attribute) bool {
				return a.Subtype == attribute.Subtype && a.Name == attribute.Name
			})
			if i < 0 {
				stored.Attributes = append(stored.Attributes, attribute)
			} else {
				stored.Attributes[i] = attribute
			}
		}
	}
	s.types[sent.Name] = &stored
	s.mu.Unlock()
	s.answer(w, http.StatusOK, expand(stored, withAttributes))
	return nil
}

func validateAssetType(sent AssetType) error {
	if sent.Name == "" {
		return front.Missing("name")
	}
	if sent.Icon != nil && (strings.ContainsRune(*sent.Icon, ' ') || !strings.Contains(icons, " "+*sent.Icon+" ")) {
		return front.Refuse(http.StatusUnprocessableEntity, "icon %q does not exist", *sent.Icon)
	}
	for _, attribute := range sent.Attributes {
		if attribute.Name == "" {
			return front.Missing("name")
		}
		if attribute.Subtype == "" {
			return front.Missing("subtype")
		}
		if !validSubtype(attribute.Subtype) {
			return front.Refuse(http.StatusUnprocessableEntity, "%s is not a valid DataSubtype", attribute.Subtype)
		}
		if name := attribute.AssetTypeName; name != nil && *name != "" && *name != sent.Name {
			return front.Refuse(http.StatusUnprocessableEntity, "attribute %s belongs to asset type %s", attribute.Name, *name)
		}
	}
	return nil
}

func (s *Server) getAssetTypes(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	answer := []AssetType{}
	for _, name := range slices.Sorted(maps.Keys(s.types)) {
		answer = append(answer, expand(*s.types[name], expanded(r, "AssetType.attributes")))
	}
	s.mu.Unlock()
	s.answer(w, http.StatusOK, answer)
	return nil
}

func (s *Server) getAssetType(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	stored := s.types[r.PathValue("name")]
	s.mu.Unlock()
	if stored == nil {
		return front.Refuse(http.StatusNotFound, "asset type not found")
	}
	s.answer(w, http.StatusOK, expand(*stored, expanded(r, "AssetType.attributes")))
	return nil
}

// expand shows attributes only if the request asked for them.
func expand(t AssetType, withAttributes bool) AssetType {
	if !withAttributes {
		t.Attributes = nil
	}
	return t
}

// expanded tells whether the query asks for an expansion, in one of the two
// spellings of lists in queries.
func expanded(r *http.Request, name string) bool {
	for _, value := range r.URL.Query()["expansions"] {
		if slices.Contains(strings.Split(value, ","), name) {
			return true
		}
	}
	return false
}

func (s *Server) putWidgetType(w http.ResponseWriter, r *http.Request) error {
	var sent WidgetType
	if err := front.ReadJSON(r, &sent); err != nil {
		return err
	}
	if sent.Name == "" {
		return front.Missing("name")
	}
	if sent.Translation == nil {
		return front.Missing("translation")
	}
	for i := range sent.Elements {
		if sent.Elements[i].Category == "" {
			return front.Missing("category")
		}
		sent.Elements[i].ID = new(int32(i + 1))
	}
	if sent.Elements == nil {
		sent.Elements = []WidgetElement{}
	}
	s.mu.Lock()
	sent.ID = new(int32(len(s.widgetTypes) + 1))
	if old := s.widgetTypes[sent.Name]; old != nil {
		sent.ID = old.ID
		if !expanded(r, "WidgetType.elements") {
			sent.Elements = old.Elements
		}
	}
	s.widgetTypes[sent.Name] = &sent
	s.mu.Unlock()
	s.answer(w, http.StatusOK, sent)
	return nil
}

func (s *Server) getWidgetType(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	stored := s.widgetTypes[r.PathValue("name")]
	s.mu.Unlock()
	if stored == nil {
		return front.Refuse(http.StatusNotFound, "widget type not found")
	}
	s.answer(w, http.StatusOK, *stored)
	return nil
}
