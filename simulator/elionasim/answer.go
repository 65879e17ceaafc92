package elionasim

import (
	"bytes"
	"encoding/json"
	"net/http"

	"ews/simulator/front"
)

// answer writes v, with the additional keys that the switch asks for.
func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	extra := s.Switches().UnknownFields
	if extra == FieldsNone {
		front.WriteJSON(w, status, v)
		return
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		front.WriteError(w, http.StatusInternalServerError, err.Error())
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		front.WriteError(w, http.StatusInternalServerError, err.Error())
		return
	}
	addFields(tree, extra == FieldsEverywhere, false)
	front.WriteJSON(w, status, tree)
}

// addFields adds the keys that newer releases send, and invented ones too if
// everywhere is set. Free-form objects stay as their owner stored them.
func addFields(node any, everywhere, isAttribute bool) {
	switch node := node.(type) {
	case []any:
		for _, element := range node {
			addFields(element, everywhere, isAttribute)
		}
	case map[string]any:
		for key, value := range node {
			if key != "data" && key != "metadata" && key != "config" && key != "map" {
				addFields(value, everywhere, key == "attributes")
			}
		}
		if _, isAsset := node["globalAssetIdentifier"]; isAsset {
			node["allowedInactivity"] = nil
		}
		if isAttribute {
			node["categoryName"] = "general"
		}
		if everywhere {
			node["futureField"] = "unknown"
		}
	}
}
