package ews

import (
	"context"
	"errors"
	"fmt"

	"ews/exchange/ews/wire"
)

// MaxSyncChanges is the most changes one SyncFolderItems call may ask for.
const MaxSyncChanges = 512

// ChangeKind says what happened to an item.
type ChangeKind string

// Values of ChangeKind. A Delete also appears when an item moves to another
// folder; ReadFlagChange can be ignored.
const (
	ChangeCreate   ChangeKind = "Create"
	ChangeUpdate   ChangeKind = "Update"
	ChangeDelete   ChangeKind = "Delete"
	ChangeReadFlag ChangeKind = "ReadFlagChange"
)

// Change is one entry of a synchronisation. ItemKind is the element name, such
// as CalendarItem or Message; it is empty for deletions.
type Change struct {
	Kind     ChangeKind
	ItemKind string
	ItemID
}

// SyncRequest asks for the changes of one folder since State.
type SyncRequest struct {
	Folder Folder // zero means the calendar
	// State is the opaque state of the page before, "" for the first call.
	State string
	// MaxChanges is 1..MaxSyncChanges; 0 means MaxSyncChanges.
	MaxChanges int
}

// SyncPage is one page of changes in the server's order.
type SyncPage struct {
	Changes []Change
	State   string // to be stored together with the effects of Changes
	Last    bool   // nothing more at the moment
}

// SyncFolderItems returns one page of changes, see "SyncFolderItems operation".
// Only ids are requested; series appear as their masters. An unusable state is
// an error of ClassInvalidSyncState.
func (c *Client) SyncFolderItems(ctx context.Context, mailbox Mailbox, r SyncRequest) (SyncPage, error) {
	if r.MaxChanges <= 0 || r.MaxChanges > MaxSyncChanges {
		r.MaxChanges = MaxSyncChanges
	}
	inv := &invocation{
		operation: "SyncFolderItems", mailbox: mailbox,
		request: wire.SyncFolderItems{
			Shape: wire.NewItemShape(), Folder: r.Folder.ref(), SyncState: wire.Text(r.State), MaxChanges: r.MaxChanges,
		},
		present: func(b *wire.Body) bool { return b.SyncFolderItems != nil && len(b.SyncFolderItems.Messages) > 0 },
	}
	body, err := c.do(ctx, inv)
	if err != nil {
		return SyncPage{}, err
	}
	m := body.SyncFolderItems.Messages[0]
	if failure := c.messageError(inv, m.ResponseMessage); failure != nil {
		return SyncPage{}, failure
	}
	if m.SyncState == "" {
		// Storing it would silently start over.
		return SyncPage{}, c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient}, "",
			nil, errors.New("the answer has no SyncState"))
	}
	page := SyncPage{State: m.SyncState, Last: wire.ParseBool(m.IncludesLast)}
	for _, entry := range m.Changes.Entries {
		ch := Change{Kind: ChangeKind(entry.Kind), ItemID: ItemID(entry.ItemID)}
		if entry.Item != nil {
			ch.ItemKind, ch.ItemID = entry.Item.Kind, ItemID(entry.Item.ItemID)
		}
		if ch.ID == "" {
			return SyncPage{}, c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient}, "",
				nil, errors.New("a change has no item id"))
		}
		page.Changes = append(page.Changes, ch)
	}
	return page, nil
}

// SyncAllFolderItems calls visit for every page until the server says that
// nothing is left. Each page's state is a valid checkpoint once its effects are
// stored. An error of visit ends the loop and is returned as it is.
func (c *Client) SyncAllFolderItems(ctx context.Context, mailbox Mailbox, r SyncRequest, visit func(SyncPage) error) error {
	for {
		page, err := c.SyncFolderItems(ctx, mailbox, r)
		if err != nil {
			return err
		}
		if err := visit(page); err != nil {
			return err
		}
		if page.Last {
			return nil
		}
		if page.State == r.State && len(page.Changes) == 0 {
			return &Error{
				Operation: "SyncFolderItems", Code: CodeRepeatedAnswer, Class: ClassTransient, HTTPStatus: 200,
				Err: fmt.Errorf("the server announces more changes but sends none"),
			}
		}
		r.State = page.State
	}
}
