package eliona

import (
	"context"
	"strings"
)

// What the app's assets look like. Installations know these names.
const (
	RootType = "ews_root"
	RoomType = "ews_room"

	rootGAI = GAI("ews_root")

	rootName        = "Exchange"
	rootDescription = "Exchange rooms"
	roomDescription = "Exchange room"
)

// Room is a room mailbox that should have an asset.
type Room struct {
	Address string // primary SMTP address
	Name    string // empty = the address
}

// RoomGAI is the identifier of a room's asset. New ones are in lower case; older
// installations may hold the address as Exchange spelled it.
func RoomGAI(address string) GAI { return GAI(RoomType + "_" + normalAddress(address)) }

func normalAddress(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// RoomResult is the asset of a room.
type RoomResult struct {
	AssetID AssetID
	GAI     GAI // as Eliona spells it
	// Created is false for an asset that existed before and was adopted as it
	// is, with whatever name it has by now.
	Created bool
}

// EnsureRooms makes sure that every room has an asset below the project's root
// asset. It creates what is missing and touches nothing that exists. The results
// are in the order of the rooms; beside an error there are none.
//
// Give it only rooms whose asset id is not stored yet: for a room whose asset
// somebody deleted in Eliona it would create another.
func (c *Client) EnsureRooms(ctx context.Context, project ProjectID, rooms []Room) ([]RoomResult, error) {
	results := make([]RoomResult, len(rooms))
	if len(rooms) == 0 {
		return results, nil // and no root without rooms
	}
	existing, err := c.Assets(ctx, project, RoomType)
	if err != nil {
		return nil, err
	}
	found := make(map[GAI]Asset, len(existing))
	for _, asset := range existing {
		found[GAI(strings.ToLower(string(asset.GAI)))] = asset
	}
	var missing []Asset
	asked := map[GAI]bool{}
	for i, room := range rooms {
		gai := RoomGAI(room.Address)
		switch asset, exists := found[gai]; {
		case exists:
			results[i] = RoomResult{AssetID: asset.ID, GAI: asset.GAI}
		case normalAddress(room.Address) == "":
			return nil, bug("ensure_rooms", "room without address")
		case !asked[gai]:
			asked[gai] = true
			missing = append(missing, roomAsset(project, room))
		}
	}
	if len(missing) == 0 {
		return results, nil
	}
	ids, err := c.createBelowRoot(ctx, project, missing)
	if err != nil {
		return nil, err
	}
	for i, room := range rooms {
		if gai := RoomGAI(room.Address); results[i].AssetID == 0 {
			results[i] = RoomResult{AssetID: ids[gai], GAI: gai, Created: true}
		}
	}
	return results, nil
}

func (c *Client) createBelowRoot(ctx context.Context, project ProjectID, rooms []Asset) (map[GAI]AssetID, error) {
	roots, err := c.Assets(ctx, project, RootType)
	if err != nil {
		return nil, err
	}
	exists := false
	for _, root := range roots {
		exists = exists || root.GAI == rootGAI
	}
	if !exists { // an existing one may have been renamed: leave it alone
		rooms = append([]Asset{{
			Project: project, GAI: rootGAI, Name: rootName, Type: RootType, Description: rootDescription,
		}}, rooms...)
	}
	return c.UpsertAssets(ctx, rooms)
}

func roomAsset(project ProjectID, room Room) Asset {
	name := strings.TrimSpace(room.Name)
	if name == "" {
		name = normalAddress(room.Address)
	}
	return Asset{
		Project: project, GAI: RoomGAI(room.Address), Name: name, Type: RoomType,
		Description: roomDescription, Parent: rootGAI,
	}
}

// RoomInfo is the section info of a room's asset: its address, and where it is
// if that is known.
func RoomInfo(id AssetID, address, location string) Data {
	return Data{
		AssetID: id, Subtype: SubtypeInfo, AssetType: RoomType,
		Attributes: map[string]any{"email": normalAddress(address), "location": location},
	}
}

// RoomBookable is the section property of a room's asset: it makes the asset
// bookable.
func RoomBookable(id AssetID) Data {
	return Data{
		AssetID: id, Subtype: SubtypeProperty, AssetType: RoomType,
		Attributes: map[string]any{"bookable": 1},
	}
}

// Agenda is what stands next in a room's calendar: instants as in
// 2026-11-23T10:00:00+01:00, empty where there is none.
type Agenda struct{ CurrentEnd, NextStart, NextEnd string }

// RoomAgenda is the section status of a room's asset.
func RoomAgenda(id AssetID, a Agenda) Data {
	return Data{
		AssetID: id, Subtype: SubtypeStatus, AssetType: RoomType,
		Attributes: map[string]any{"current_end": a.CurrentEnd, "next_start": a.NextStart, "next_end": a.NextEnd},
	}
}
