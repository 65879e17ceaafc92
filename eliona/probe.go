package eliona

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Reach tells whether the API answers, accepts the token, and knows the app.
func (c *Client) Reach(ctx context.Context) error {
	_, err := c.appMark(ctx, AppName)
	return err
}

// ProjectExists tells whether a project exists. An Eliona that does not tell of
// projects at all has every one.
func (c *Client) ProjectExists(ctx context.Context, id ProjectID) (bool, error) {
	r := request{operation: "project", method: http.MethodGet, path: "projects/" + url.PathEscape(string(id))}
	if id == "" {
		return false, bug(r.operation, "no project")
	}
	if _, err := c.do(ctx, r); !hasClass(err, NotFound) {
		return err == nil, err
	}
	_, err := c.do(ctx, request{operation: "projects", method: http.MethodGet, path: "projects"})
	if hasClass(err, NotFound) {
		return true, nil
	}
	return false, err
}

// MayWriteAssets tells whether the app may create rooms: its asset type exists,
// and Eliona takes a list of no assets from it. An error of class Refused says
// that the type is missing.
func (c *Client) MayWriteAssets(ctx context.Context) error {
	kind := request{operation: "asset_type", method: http.MethodGet, path: "asset-types/" + url.PathEscape(RoomType)}
	if _, err := c.do(ctx, kind); hasClass(err, NotFound) {
		return &Error{Operation: kind.operation, Status: http.StatusNotFound, Class: Refused, Message: "the asset type is missing"}
	} else if err != nil {
		return err
	}
	// Apps with nothing to tell have always sent null.
	_, err := c.do(ctx, request{
		operation: "upsert_assets", method: http.MethodPut, path: "assets-bulk", query: identifyByGAI(), body: json.RawMessage("null"),
	})
	if hasClass(err, Transient) || hasClass(err, Denied) {
		return err
	}
	return nil // refused for what it says, and not for who says it
}
