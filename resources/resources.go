// Package resources holds the files that describe the app to Eliona.
package resources

import (
	"embed"
	"io/fs"
)

//go:embed asset-types/*.json
var files embed.FS

// AssetTypes returns the folder of asset types.
func AssetTypes() (fs.FS, error) { return fs.Sub(files, "asset-types") }
