package elionasim

import (
	"time"
)

// The models of API v2.8.2. Keys that are null or absent in a request are
// absent in the answer.

// App is an app as the registration sees it.
type App struct {
	Name       string         `json:"name"`
	Active     bool           `json:"active"`
	Registered bool           `json:"registered"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	Version    string         `json:"version,omitempty"`
}

// Patch is a patch of an app.
type Patch struct {
	AppName string `json:"appName"`
	Name    string `json:"name"`
	Active  *bool  `json:"active,omitempty"`
	Applied bool   `json:"applied"`
}

// Asset is an asset of one project.
type Asset struct {
	ResourceID                 *string      `json:"resourceId,omitempty"`
	ID                         *int32       `json:"id,omitempty"`
	DeviceIDs                  []string     `json:"deviceIds,omitempty"`
	ProjectID                  string       `json:"projectId"`
	GlobalAssetIdentifier      string       `json:"globalAssetIdentifier"`
	Name                       *string      `json:"name,omitempty"`
	AssetType                  string       `json:"assetType"`
	Latitude                   *float64     `json:"latitude,omitempty"`
	Longitude                  *float64     `json:"longitude,omitempty"`
	IsTracker                  *bool        `json:"isTracker,omitempty"`
	TrackerID                  *int32       `json:"trackerId,omitempty"`
	Description                *string      `json:"description,omitempty"`
	ParentFunctionalAssetID    *int32       `json:"parentFunctionalAssetId,omitempty"`
	FunctionalAssetIDPath      []int32      `json:"functionalAssetIdPath,omitempty"`
	ParentLocationalAssetID    *int32       `json:"parentLocationalAssetId,omitempty"`
	LocationalAssetIDPath      []int32      `json:"locationalAssetIdPath,omitempty"`
	ParentFunctionalIdentifier *string      `json:"parentFunctionalIdentifier,omitempty"`
	ParentLocationalIdentifier *string      `json:"parentLocationalIdentifier,omitempty"`
	Tags                       []string     `json:"tags,omitempty"`
	ChildrenInfo               []Asset      `json:"childrenInfo,omitempty"`
	Attachments                []Attachment `json:"attachments,omitempty"`
}

// Attachment is a file attached to an asset.
type Attachment struct {
	Name        string  `json:"name"`
	ContentType *string `json:"contentType,omitempty"`
	Encoding    *string `json:"encoding,omitempty"`
	Content     *string `json:"content,omitempty"`
}

// AssetType describes a kind of asset.
type AssetType struct {
	Name              string       `json:"name"`
	Custom            *bool        `json:"custom,omitempty"`
	Vendor            *string      `json:"vendor,omitempty"`
	Model             *string      `json:"model,omitempty"`
	Translation       *Translation `json:"translation,omitempty"`
	Urldoc            *string      `json:"urldoc,omitempty"`
	Icon              *string      `json:"icon,omitempty"`
	PayloadFunction   *string      `json:"payloadFunction,omitempty"`
	AllowedInactivity *string      `json:"allowedInactivity,omitempty"`
	IsTracker         *bool        `json:"isTracker,omitempty"`
	Attributes        []Attribute  `json:"attributes,omitempty"`
}

// Attribute is one attribute of an asset type.
type Attribute struct {
	AssetTypeName      *string          `json:"assetTypeName,omitempty"`
	Name               string           `json:"name"`
	Subtype            string           `json:"subtype"`
	Type               *string          `json:"type,omitempty"`
	Enable             *bool            `json:"enable,omitempty"`
	Translation        *Translation     `json:"translation,omitempty"`
	Unit               *string          `json:"unit,omitempty"`
	Precision          *int64           `json:"precision,omitempty"`
	Min                *float64         `json:"min,omitempty"`
	Max                *float64         `json:"max,omitempty"`
	AggregationMode    *string          `json:"aggregationMode,omitempty"`
	AggregationRasters []string         `json:"aggregationRasters,omitempty"`
	Viewer             *bool            `json:"viewer,omitempty"`
	Ar                 *bool            `json:"ar,omitempty"`
	Sequence           *int64           `json:"sequence,omitempty"`
	Virtual            *bool            `json:"virtual,omitempty"`
	Formula            *string          `json:"formula,omitempty"`
	Scale              *float32         `json:"scale,omitempty"`
	Zero               *float32         `json:"zero,omitempty"`
	Map                []map[string]any `json:"map,omitempty"`
	SourcePath         []string         `json:"sourcePath,omitempty"`
	IsDigital          *bool            `json:"isDigital,omitempty"`
}

// Data holds the values of one subtype of one asset.
type Data struct {
	AssetID         int32          `json:"assetId"`
	Subtype         string         `json:"subtype"`
	Timestamp       *time.Time     `json:"timestamp,omitempty"`
	Data            map[string]any `json:"data"`
	AssetTypeName   *string        `json:"assetTypeName,omitempty"`
	ClientReference *string        `json:"clientReference,omitempty"`
}

// Notification is a message to one user.
type Notification struct {
	User      string       `json:"user"`
	ProjectID *string      `json:"projectId,omitempty"`
	Message   *Translation `json:"message"`
}

// MessageReceipt tells what became of a message.
type MessageReceipt struct {
	ID          string     `json:"id"`
	ScheduledAt *time.Time `json:"scheduledAt,omitempty"`
	Status      string     `json:"status,omitempty"`
}

// Translation is a text in the languages of Eliona.
type Translation struct {
	De *string `json:"de,omitempty"`
	En *string `json:"en,omitempty"`
	Fr *string `json:"fr,omitempty"`
	It *string `json:"it,omitempty"`
}

// User is a user of Eliona.
type User struct {
	ID        string `json:"id,omitempty"`
	Firstname string `json:"firstname,omitempty"`
	Lastname  string `json:"lastname,omitempty"`
	Email     string `json:"email"`
}

// Project is a project of Eliona.
type Project struct {
	ID    string `json:"id,omitempty"`
	Title string `json:"title,omitempty"`
}

// WidgetType describes a kind of widget.
type WidgetType struct {
	ID           *int32          `json:"id,omitempty"`
	Name         string          `json:"name"`
	Custom       *bool           `json:"custom,omitempty"`
	Translation  *Translation    `json:"translation"`
	Icon         *string         `json:"icon,omitempty"`
	WithAlarm    *bool           `json:"withAlarm,omitempty"`
	WithTimespan *bool           `json:"withTimespan,omitempty"`
	Elements     []WidgetElement `json:"elements"`
}

// WidgetElement is one element of a widget type.
type WidgetElement struct {
	ID       *int32         `json:"id,omitempty"`
	Category string         `json:"category"`
	Sequence *int32         `json:"sequence,omitempty"`
	Config   map[string]any `json:"config,omitempty"`
}

// SentNotification is a notification that was accepted.
type SentNotification struct {
	Notification
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	// Email is the address of the user, whichever way the sender named him.
	Email string `json:"email"`
}

// KnownAsset is an asset with the data stored for it.
type KnownAsset struct {
	Asset
	Archived bool   `json:"archived"`
	Data     []Data `json:"data"`
}
