package ews

import (
	"context"
	"errors"

	"ews/exchange/ews/wire"
)

// DefaultBatchSize is how many items GetItems asks for per request.
const DefaultBatchSize = 25

// ItemRef names an item: by its id, as the nth occurrence of a series, or as
// the master of an occurrence. Use the constructors.
type ItemRef struct {
	kind  refKind
	id    ItemID
	index int
}

type refKind int

const (
	refItem refKind = iota
	refOccurrence
	refMaster
)

// ByID refers to an item.
func ByID(id ItemID) ItemRef { return ItemRef{kind: refItem, id: id} }

// ByOccurrence refers to the nth occurrence of a series, counted from 1 over
// the original pattern including deleted occurrences. The index moves when the
// pattern changes: compare OriginalStart before destructive calls.
func ByOccurrence(master ItemID, index int) ItemRef {
	return ItemRef{kind: refOccurrence, id: master, index: index}
}

// MasterOf refers to the master of an occurrence.
func MasterOf(occurrence ItemID) ItemRef { return ItemRef{kind: refMaster, id: occurrence} }

// ItemID returns the id the reference was made from.
func (r ItemRef) ItemID() ItemID { return r.id }

func (r ItemRef) wire() any {
	id, key := wire.Text(r.id.ID), wire.Text(r.id.ChangeKey)
	switch r.kind {
	case refOccurrence:
		return wire.OccurrenceIDRef{MasterID: id, ChangeKey: key, Index: r.index}
	case refMaster:
		return wire.MasterIDRef{OccurrenceID: id, ChangeKey: key}
	case refItem: // below
	}
	return wire.ItemIDRef{ID: id, ChangeKey: key}
}

// GetOptions tune GetItems.
type GetOptions struct {
	// IDOnly asks for ids and change keys only, plus Extended.
	IDOnly bool
	// Brief leaves out attendees, recurrence and texts: what remains says which
	// meeting it is, whose, and when.
	Brief bool
	// Extended names properties to return besides the clean global object id.
	Extended []Property
	// BatchSize is the number of items per request; 0 means DefaultBatchSize.
	BatchSize int
}

// ItemResult is the outcome for one reference: an item or an error.
type ItemResult struct {
	Ref  ItemRef
	Item *CalendarItem // nil with Err
	Err  *Error        // nil with Item
}

// GetItems reads items, see "GetItem operation", and returns one result per
// reference in the order given. Items the server left out of a batch are asked
// for again, in smaller batches when it was busy or slow, or its answer too
// large; other failures of single items stand in their result. A non-nil error means that a whole request
// failed; the results so far are not returned then.
func (c *Client) GetItems(ctx context.Context, mailbox Mailbox, refs []ItemRef, o GetOptions) ([]ItemResult, error) {
	size := o.BatchSize
	if size <= 0 {
		size = DefaultBatchSize
	}
	fields := fullFields
	extended := append([]Property{CleanGlobalObjectID()}, o.Extended...)
	switch {
	case o.IDOnly:
		fields, extended = nil, o.Extended
	case o.Brief:
		fields = briefFields
	}
	itemShape := shape(fields, distinct(extended))

	results := make([]ItemResult, len(refs))
	open := make([]int, len(refs)) // indexes without a result yet
	for i := range refs {
		results[i].Ref, open[i] = refs[i], i
	}
	for len(open) > 0 {
		n := min(size, len(open))
		batch, rest := open[:n], open[n:]
		left, slow, err := c.getBatch(ctx, mailbox, itemShape, results, batch)
		switch {
		case err != nil && (isOverload(err.Code) || err.Class == ClassTooLarge) && n > 1:
			size = max(1, n/2)
			continue
		case err != nil && err.Class == ClassTooLarge:
			results[batch[0]].Err = err
			open = rest
			continue
		case err != nil:
			return nil, err
		case len(left) == n && n == 1:
			// Nothing smaller to try: the item keeps the error it got.
			open = rest
			continue
		case slow || len(left) == n:
			size = max(1, n/2)
		}
		for _, i := range left {
			results[i].Err = nil
		}
		open = append(left, rest...)
	}
	return results, nil
}

// isOverload tells codes that a smaller batch can avoid.
func isOverload(code string) bool {
	return code == "ErrorServerBusy" || code == "ErrorTimeoutExpired"
}

// getBatch fills the results of one request. It returns the indexes the server
// did not get to, each with a provisional error, and whether it was overloaded.
func (c *Client) getBatch(ctx context.Context, mailbox Mailbox, s wire.ItemShape, results []ItemResult, batch []int) (left []int, slow bool, _ *Error) {
	request := wire.GetItem{Shape: s}
	for _, i := range batch {
		request.IDs.Refs = append(request.IDs.Refs, results[i].Ref.wire())
	}
	inv := &invocation{
		operation: "GetItem", mailbox: mailbox, request: request,
		present: func(b *wire.Body) bool { return b.GetItem != nil },
	}
	body, err := c.do(ctx, inv)
	if err != nil {
		var e *Error
		errors.As(err, &e)
		return nil, false, e
	}
	messages := body.GetItem.List.Messages
	if len(messages) > len(batch) {
		return nil, false, c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient}, "",
			nil, errors.New("the answer has more response messages than ids were sent"))
	}
	for n, i := range batch {
		if n >= len(messages) {
			results[i].Err = c.newError(inv, CodeIncompleteAnswer, verdict{class: ClassTransient}, "", nil, nil)
			left = append(left, i)
			continue
		}
		m := &messages[n]
		if failure := c.messageError(inv, m.ResponseMessage); failure != nil {
			results[i].Err = failure
			overload := isOverload(failure.Code)
			slow = slow || overload
			if overload || failure.Code == "ErrorBatchProcessingStopped" {
				left = append(left, i)
			}
			continue
		}
		if len(m.Items.Entries) == 0 {
			results[i].Err = c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient}, "",
				nil, errors.New("the response message has no item"))
			continue
		}
		item, err := newCalendarItem(&m.Items.Entries[0])
		if err != nil {
			results[i].Err = c.newError(inv, CodeInvalidAnswer, verdict{class: ClassPermanent}, "", nil, err)
			continue
		}
		results[i].Item = item
	}
	return left, slow, nil
}
