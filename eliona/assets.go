package eliona

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// AssetID identifies an asset in one Eliona installation; 0 means none.
type AssetID int32

// ProjectID identifies a project in one Eliona installation.
type ProjectID string

// GAI is a global asset identifier: chosen by an app, unique within a project,
// lasting as long as the asset.
type GAI string

// Asset is what this app knows of an asset.
type Asset struct {
	ID          AssetID // set by Eliona
	Project     ProjectID
	GAI         GAI
	Name        string
	Type        string
	Description string
	// Parent is the asset above, in the functional and the locational tree.
	// Empty means none, or not told.
	Parent GAI
}

// assetBody is the JSON of an asset, for reading and writing. Keys that other
// versions add are ignored, null is the same as absent.
type assetBody struct {
	ID                         *AssetID `json:"id,omitempty"`
	ProjectID                  string   `json:"projectId"`
	GlobalAssetIdentifier      string   `json:"globalAssetIdentifier"`
	Name                       string   `json:"name"`
	AssetType                  string   `json:"assetType"`
	Description                string   `json:"description"`
	ParentFunctionalIdentifier string   `json:"parentFunctionalIdentifier,omitempty"`
	ParentLocationalIdentifier string   `json:"parentLocationalIdentifier,omitempty"`
	ParentFunctionalAssetID    *AssetID `json:"parentFunctionalAssetId,omitempty"`
	ParentLocationalAssetID    *AssetID `json:"parentLocationalAssetId,omitempty"`
}

func (b assetBody) asset() Asset {
	asset := Asset{
		Project: ProjectID(b.ProjectID), GAI: GAI(b.GlobalAssetIdentifier), Name: b.Name, Type: b.AssetType,
		Description: b.Description, Parent: GAI(b.ParentLocationalIdentifier),
	}
	if b.ID != nil && *b.ID > 0 { // ids begin at 1
		asset.ID = *b.ID
	}
	return asset
}

func (a Asset) body() assetBody {
	return assetBody{
		ProjectID: string(a.Project), GlobalAssetIdentifier: string(a.GAI), Name: a.Name, AssetType: a.Type,
		Description: a.Description, ParentFunctionalIdentifier: string(a.Parent),
		ParentLocationalIdentifier: string(a.Parent),
	}
}

// bulkSize bounds the assets of one request.
const bulkSize = 500

// Assets reads the assets of a type in a project; an empty type means all.
func (c *Client) Assets(ctx context.Context, project ProjectID, assetType string) ([]Asset, error) {
	r := request{
		operation: "assets", method: http.MethodGet, path: "assets",
		query: url.Values{"projectId": {string(project)}},
	}
	if assetType != "" {
		r.query.Set("assetTypeName", assetType)
	}
	if project == "" {
		return nil, bug(r.operation, "no project")
	}
	body, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	elements, err := decodeAssets(r, body)
	if err != nil {
		return nil, err
	}
	// A server that ignores a filter must not make others' assets ours.
	return slices.DeleteFunc(elements, func(a Asset) bool {
		return a.ID == 0 || a.Project != project || assetType != "" && a.Type != assetType
	}), nil
}

// decodeAssets reads a list; null and nothing are an empty list.
func decodeAssets(r request, body []byte) ([]Asset, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var elements []assetBody
	if err := json.Unmarshal(body, &elements); err != nil {
		return nil, unreadable(r, "no list of assets")
	}
	assets := make([]Asset, 0, len(elements))
	for _, element := range elements {
		assets = append(assets, element.asset())
	}
	return assets, nil
}

// UpsertAssets creates assets, or overwrites those with the same identifier,
// and gives the id of each. All belong to one project; parents come before
// their children or exist already. No assets means no request.
func (c *Client) UpsertAssets(ctx context.Context, assets []Asset) (map[GAI]AssetID, error) {
	ids := make(map[GAI]AssetID, len(assets))
	for _, asset := range assets {
		if asset.Project != assets[0].Project || asset.Project == "" || asset.GAI == "" || asset.Type == "" {
			return nil, bug("upsert_assets", "assets need one project, an identifier and a type")
		}
	}
	for part := range slices.Chunk(assets, bulkSize) {
		done, err := c.upsertBulk(ctx, part)
		var failure *Error
		if errors.As(err, &failure) &&
			(failure.Status == http.StatusNotFound || failure.Status == http.StatusMethodNotAllowed) {
			c.log.InfoContext(ctx, "this Eliona has no bulk call for assets, writing them one by one")
			done, err = c.upsertEach(ctx, part, ids)
		}
		maps.Copy(ids, done)
		if err != nil {
			return ids, err
		}
	}
	return ids, nil
}

func identifyByGAI() url.Values { return url.Values{"identifyBy": {"gai-projId"}} }

func (c *Client) upsertBulk(ctx context.Context, assets []Asset) (map[GAI]AssetID, error) {
	bodies := make([]assetBody, 0, len(assets))
	for _, asset := range assets {
		bodies = append(bodies, asset.body())
	}
	r := request{
		operation: "upsert_assets", method: http.MethodPut, path: "assets-bulk", query: identifyByGAI(), body: bodies,
	}
	answer, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	said, err := decodeAssets(r, answer)
	if err != nil {
		return nil, err
	}
	ids := make(map[GAI]AssetID, len(assets))
	for _, asset := range said {
		if asset.ID != 0 && (asset.Project == "" || asset.Project == assets[0].Project) {
			ids[asset.GAI] = asset.ID
		}
	}
	var missing []string
	for _, asset := range assets {
		if ids[asset.GAI] == 0 {
			missing = append(missing, string(asset.GAI))
		}
	}
	if len(missing) > 0 {
		return ids, unreadable(r, fmt.Sprintf("no id for %s", strings.Join(missing, ", ")))
	}
	return ids, nil
}

// upsertEach is for an Eliona that knows neither the bulk call nor parents by
// identifier: one request per asset with the numbers of its parent.
func (c *Client) upsertEach(ctx context.Context, assets []Asset, known map[GAI]AssetID) (map[GAI]AssetID, error) {
	ids := make(map[GAI]AssetID, len(assets))
	parents := make(map[GAI]AssetID, len(known))
	maps.Copy(parents, known)
	looked := false
	for _, asset := range assets {
		if asset.Parent != "" && parents[asset.Parent] == 0 && !looked {
			looked = true
			existing, err := c.Assets(ctx, asset.Project, "")
			if err != nil {
				return ids, err
			}
			for _, other := range existing {
				if parents[other.GAI] == 0 {
					parents[other.GAI] = other.ID
				}
			}
		}
		body := asset.body()
		body.ParentFunctionalIdentifier, body.ParentLocationalIdentifier = "", ""
		if asset.Parent != "" {
			parent := parents[asset.Parent]
			if parent == 0 {
				return ids, &Error{
					Operation: "upsert_assets", Class: Refused, Message: fmt.Sprintf("no parent %s", asset.Parent),
				}
			}
			body.ParentFunctionalAssetID, body.ParentLocationalAssetID = &parent, &parent
		}
		id, err := c.upsertOne(ctx, body)
		if err != nil {
			return ids, err
		}
		ids[asset.GAI], parents[asset.GAI] = id, id
	}
	return ids, nil
}

func (c *Client) upsertOne(ctx context.Context, body assetBody) (AssetID, error) {
	r := request{operation: "upsert_assets", method: http.MethodPut, path: "assets", query: identifyByGAI(), body: body}
	answer, err := c.do(ctx, r)
	if err != nil {
		return 0, err
	}
	var said assetBody
	if json.Unmarshal(answer, &said) != nil || said.asset().ID == 0 {
		return 0, unreadable(r, fmt.Sprintf("no id for %s", body.GlobalAssetIdentifier))
	}
	return said.asset().ID, nil
}

// AssetExists tells whether an asset exists; a deleted one does not.
func (c *Client) AssetExists(ctx context.Context, id AssetID) (bool, error) {
	r := request{operation: "asset_exists", method: http.MethodGet, path: "assets/" + strconv.Itoa(int(id))}
	if id <= 0 {
		return false, bug(r.operation, "no asset id")
	}
	_, err := c.do(ctx, r)
	if hasClass(err, NotFound) {
		return false, nil
	}
	return err == nil, err
}
