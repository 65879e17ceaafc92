package eliona

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
)

// mark is one yes-or-no that Eliona keeps about the app: registered, or a patch
// applied.
type mark struct {
	set bool
	// plain tells that the strict decoder of the library can read the answer;
	// other answers make it log an error or panic.
	plain bool
}

// appMark asks whether the app is registered. An app that is not installed in
// Eliona is NotFound.
func (c *Client) appMark(ctx context.Context, app string) (mark, error) {
	r := request{operation: "app", method: http.MethodGet, path: appPath(app)}
	body, err := c.do(ctx, r)
	if err != nil {
		return mark{}, err
	}
	return decodeMark(r, body, "registered", "name", "active", "registered", "metadata", "version")
}

// patchMark asks whether a patch is applied; an unknown one is not.
func (c *Client) patchMark(ctx context.Context, app, patch string) (mark, error) {
	r := request{operation: "patch", method: http.MethodGet, path: patchPath(app, patch)}
	body, err := c.do(ctx, r)
	if hasClass(err, NotFound) {
		return mark{plain: true}, nil
	}
	if err != nil {
		return mark{}, err
	}
	return decodeMark(r, body, "applied", "appName", "name", "active", "applied")
}

func decodeMark(r request, body []byte, key string, known ...string) (mark, error) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(body, &keys) != nil || keys == nil {
		return mark{}, unreadable(r, "no object")
	}
	m := mark{plain: true}
	for name := range keys {
		m.plain = m.plain && slices.Contains(known, name)
	}
	if value, given := keys[key]; given {
		m.plain = m.plain && string(value) != "null"
		if json.Unmarshal(value, &m.set) != nil {
			return mark{}, unreadable(r, key+" is neither true nor false")
		}
	}
	return m, nil
}

func (c *Client) setRegistered(ctx context.Context, app string) error {
	_, err := c.do(ctx, request{
		operation: "register", method: http.MethodPatch, path: appPath(app), query: url.Values{"registered": {"true"}},
	})
	return err
}

func (c *Client) setApplied(ctx context.Context, app, patch string) error {
	_, err := c.do(ctx, request{
		operation: "apply_patch", method: http.MethodPatch, path: patchPath(app, patch), query: url.Values{"apply": {"true"}},
	})
	return err
}

func appPath(app string) string { return "apps/" + url.PathEscape(app) }

func patchPath(app, patch string) string { return appPath(app) + "/patches/" + url.PathEscape(patch) }

// PutAssetTypes creates or updates the asset types that the JSON files of a
// folder describe, attributes included.
func (c *Client) PutAssetTypes(ctx context.Context, folder fs.FS) error {
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return fmt.Errorf("listing asset types: %w", err)
	}
	if len(names) == 0 {
		return errors.New("listing asset types: there is none")
	}
	for _, name := range names {
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			return fmt.Errorf("reading asset type: %w", err)
		}
		if !json.Valid(content) {
			return fmt.Errorf("reading asset type: %s is no JSON", name)
		}
		_, err = c.do(ctx, request{
			operation: "put_asset_type", method: http.MethodPut, path: "asset-types",
			query: url.Values{"expansions": {"AssetType.attributes"}}, body: json.RawMessage(content),
		})
		if err != nil {
			return fmt.Errorf("writing asset type %s: %w", name, err)
		}
	}
	return nil
}
