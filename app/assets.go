package app

import (
	"context"
	"errors"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/eliona"
)

// assets gives the engine the asset side of Eliona.
type assets struct{ client *eliona.Client }

var _ engine.Assets = (*assets)(nil)

// Ensure implements engine.Assets.
func (a *assets) Ensure(ctx context.Context, project string, rooms []engine.RoomInfo) ([]engine.EnsuredAsset, error) {
	list := make([]eliona.Room, 0, len(rooms))
	for _, r := range rooms {
		list = append(list, eliona.Room{Address: string(r.Address), Name: r.Name})
	}
	found, err := a.client.EnsureRooms(ctx, eliona.ProjectID(project), list)
	if err != nil {
		return nil, elionaError(err)
	}
	out := make([]engine.EnsuredAsset, 0, len(found))
	for i, f := range found { // one per room
		out = append(out, engine.EnsuredAsset{Created: f.Created, Asset: engine.Asset{
			Project: project, GAI: string(f.GAI), Room: rooms[i].Address, ID: meeting.AssetID(f.AssetID), //nolint:gosec // see above
		}})
	}
	return out, nil
}

// Describe implements engine.Assets. What makes the asset bookable is written
// last: before that nobody can book it.
func (a *assets) Describe(ctx context.Context, asset meeting.AssetID, room meeting.Address) (bool, error) {
	id := eliona.AssetID(asset)
	for _, section := range []eliona.Data{eliona.RoomInfo(id, string(room), ""), eliona.RoomBookable(id)} {
		err := a.client.WriteData(ctx, section)
		var e *eliona.Error
		if errors.As(err, &e) && e.Class == eliona.NotFound {
			return false, nil
		}
		if err != nil {
			return false, elionaError(err)
		}
	}
	return true, nil
}

var elionaClasses = map[eliona.Class]struct {
	class engine.Class
	code  string
}{
	eliona.Transient: {engine.Transient, "eliona_unreachable"},
	eliona.Refused:   {engine.Broken, "eliona_refused"}, // a project or an asset type is missing
	eliona.NotFound:  {engine.NotFound, "eliona_not_found"},
	eliona.Denied:    {engine.Broken, "eliona_token_refused"},
	eliona.Bug:       {engine.Broken, "eliona_request_refused"},
}

func elionaError(err error) error {
	var e *eliona.Error
	if !errors.As(err, &e) {
		return &engine.Error{Class: engine.Transient, Code: "eliona_unreachable", Err: err}
	}
	known := elionaClasses[e.Class]
	out := &engine.Error{Class: known.class, Code: known.code, Ambiguous: e.Ambiguous, Pause: e.RetryAfter, Err: err}
	if e.RetryAfter > 0 && out.Class == engine.Transient {
		out.Class = engine.Throttled
	}
	return out
}
