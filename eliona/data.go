package eliona

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"unicode"
)

// Subtype is a section of an asset's data.
type Subtype string

// The subtypes this app writes. There is deliberately none for input: occupancy
// belongs to the Booking app, and a write replaces the whole section.
const (
	SubtypeInfo     Subtype = "info"
	SubtypeProperty Subtype = "property"
	SubtypeStatus   Subtype = "status"
)

// Data is the complete content of one section of one asset.
type Data struct {
	AssetID    AssetID
	Subtype    Subtype
	AssetType  string
	Attributes map[string]any
}

// WriteData replaces a section of an asset's data. A deleted asset is NotFound.
func (c *Client) WriteData(ctx context.Context, data Data) error {
	const operation = "write_data"
	body, err := data.body(operation)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, request{operation: operation, method: http.MethodPut, path: "data", body: body})
	return err
}

// WriteBulk replaces sections of several assets' data at once. If one of the
// assets was deleted the answer is NotFound, and none is to be relied upon.
func (c *Client) WriteBulk(ctx context.Context, sections []Data) error {
	const operation = "write_data_bulk"
	all := make([]map[string]any, 0, len(sections))
	for _, data := range sections {
		body, err := data.body(operation)
		if err != nil {
			return err
		}
		all = append(all, body)
	}
	if len(all) == 0 {
		return nil
	}
	_, err := c.do(ctx, request{operation: operation, method: http.MethodPut, path: "data-bulk", body: all})
	return err
}

func (d Data) body(operation string) (map[string]any, error) {
	switch d.Subtype {
	case SubtypeInfo, SubtypeProperty, SubtypeStatus:
	default:
		return nil, bug(operation, "this app writes only the subtypes info, property and status")
	}
	if d.AssetID <= 0 || len(d.Attributes) == 0 {
		return nil, bug(operation, "no asset id or no attributes")
	}
	return map[string]any{
		"assetId":         d.AssetID,
		"subtype":         d.Subtype,
		"assetTypeName":   d.AssetType,
		"clientReference": ClientReference,
		"data":            d.Attributes,
	}, nil
}

// UserID names a user of Eliona: an internal id or a mail address.
type UserID string

// Translation is a text in the languages of Eliona.
type Translation struct {
	De string `json:"de,omitempty"`
	En string `json:"en,omitempty"`
	Fr string `json:"fr,omitempty"`
	It string `json:"it,omitempty"`
}

// Notify sends a notification and gives its receipt, which is empty when the
// answer does not tell it. The project may be empty.
func (c *Client) Notify(ctx context.Context, user UserID, project ProjectID, message Translation) (string, error) {
	content := map[string]any{"user": user, "message": message}
	if project != "" {
		content["projectId"] = project
	}
	r := request{operation: "notify", method: http.MethodPost, path: "send-notification", body: content}
	if user == "" || message == (Translation{}) {
		return "", bug(r.operation, "no user or no text")
	}
	body, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	return receiptOf(body), nil
}

// maxReceipt is longer than any receipt.
const maxReceipt = 200

// receiptOf reads the receipt, a text or a number. An answer that cannot be
// read has none and is no failure: the notification is sent all the same.
func receiptOf(body []byte) string {
	var answer struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	var id any
	if json.Unmarshal(answer.ID, &id) != nil {
		return ""
	}
	switch id := id.(type) {
	case string:
		if len(id) > maxReceipt || strings.ContainsFunc(id, unicode.IsControl) {
			return ""
		}
		return id
	case float64:
		return strconv.FormatInt(int64(id), 10)
	default:
		return ""
	}
}
