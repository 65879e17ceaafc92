package elionasim

import (
	"fmt"
	"slices"
)

// The policies for an upsert that meets an archived asset of the same key.
const (
	ArchivedRevive = "revive" // the asset comes back with its id
	ArchivedRefuse = "422"    // the request is refused
	ArchivedNew    = "new"    // a new asset with a new id
)

// What answers hold beyond the models of v2.8.2.
const (
	FieldsNone       = "none"
	FieldsDocumented = "documented" // Asset.allowedInactivity (null) and AssetTypeAttribute.categoryName, as newer releases send
	FieldsEverywhere = "everywhere" // additionally one invented key in every object
)

// When an asset disappears by itself, as if a user deleted it at that moment.
const (
	DeleteNever       = "never"
	DeleteAfterGet    = "afterGet"    // after it was read by id
	DeleteAfterUpsert = "afterUpsert" // after it was created or updated
)

// Switches are the behaviours that differ between installations, or that a
// test wants to provoke. They may be changed at run time.
type Switches struct {
	ArchivedPolicy      string `json:"archivedPolicy"`
	UnknownFields       string `json:"unknownFields"`
	AssetDeletion       string `json:"assetDeletion"`
	BulkShuffled        bool   `json:"bulkShuffled"`   // assets-bulk answers in another order than asked
	BulkIncomplete      bool   `json:"bulkIncomplete"` // assets-bulk leaves the last element out of its answer
	LatencyMilliseconds int    `json:"latencyMilliseconds"`
}

// DefaultSwitches returns the switches a simulator starts with.
func DefaultSwitches() Switches {
	return Switches{ArchivedPolicy: ArchivedRevive, UnknownFields: FieldsNone, AssetDeletion: DeleteNever}
}

// Validate tells which switch has a value that does not exist.
func (s Switches) Validate() error {
	for _, choice := range []struct {
		name, value string
		allowed     []string
	}{
		{"archivedPolicy", s.ArchivedPolicy, []string{ArchivedRevive, ArchivedRefuse, ArchivedNew}},
		{"unknownFields", s.UnknownFields, []string{FieldsNone, FieldsDocumented, FieldsEverywhere}},
		{"assetDeletion", s.AssetDeletion, []string{DeleteNever, DeleteAfterGet, DeleteAfterUpsert}},
	} {
		if !slices.Contains(choice.allowed, choice.value) {
			return fmt.Errorf("%s: %q is not one of %q", choice.name, choice.value, choice.allowed)
		}
	}
	if s.LatencyMilliseconds < 0 {
		return fmt.Errorf("latencyMilliseconds: %d is negative", s.LatencyMilliseconds)
	}
	return nil
}
