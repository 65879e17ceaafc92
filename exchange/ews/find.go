package ews

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"ews/exchange/ews/wire"
)

const (
	// findPage is the page size of searches; servers cap searches with a
	// restriction at 250 results.
	findPage = 100
	// maxFindPages stops a server that never reports the last page.
	maxFindPages = 100
)

// CalendarView is the content of a time window.
type CalendarView struct {
	// Items are singles, occurrences and exceptions, never masters, in the
	// server's order. They have no texts and no people.
	Items []CalendarItem
	// Unreadable are items that exist but whose answer made no sense (a time that
	// is none, for example). Their absence from Items proves nothing.
	Unreadable []ItemID
	// Complete is false when the server cut the answer: ask for smaller windows.
	// Missing items prove nothing then.
	Complete bool
}

// FindCalendarView returns what overlaps [from, to), see "FindItem operation"
// and "CalendarView". The window may span two years; limit caps the number of
// items, 0 leaves that to the server.
func (c *Client) FindCalendarView(ctx context.Context, mailbox Mailbox, folder Folder, from, to time.Time, limit int) (CalendarView, error) {
	request := wire.FindItem{
		Traversal: "Shallow", Shape: shape(viewFields, []Property{CleanGlobalObjectID()}),
		CalendarView: &wire.CalendarView{Max: limit, Start: wire.FormatTime(from), End: wire.FormatTime(to)},
		Folders:      folder.ref(),
	}
	found, err := c.find(ctx, mailbox, request)
	if err != nil {
		return CalendarView{}, err
	}
	view := CalendarView{Complete: found.last}
	for i, item := range found.items {
		if found.bad[i] || item.ID == "" || item.Start.IsZero() || item.End.IsZero() {
			view.Unreadable = append(view.Unreadable, item.ItemID)
			continue
		}
		view.Items = append(view.Items, item)
	}
	return view, nil
}

// FindByString returns the items of a folder whose property equals value.
// extended names further properties to return.
func (c *Client) FindByString(ctx context.Context, mailbox Mailbox, folder Folder, property Property, value string, extended ...Property) ([]CalendarItem, error) {
	return c.findEqual(ctx, mailbox, folder, property, value, extended)
}

// FindByGlobalObjectID returns the items of a folder whose clean global object
// id equals id, as UIDToGlobalObjectID makes it. There may be several, such as
// cancelled copies and orphaned instances.
func (c *Client) FindByGlobalObjectID(ctx context.Context, mailbox Mailbox, folder Folder, id []byte, extended ...Property) ([]CalendarItem, error) {
	return c.findEqual(ctx, mailbox, folder, CleanGlobalObjectID(), base64.StdEncoding.EncodeToString(id), extended)
}

func (c *Client) findEqual(ctx context.Context, mailbox Mailbox, folder Folder, property Property, value string, extended []Property) ([]CalendarItem, error) {
	request := wire.FindItem{
		Traversal: "Shallow", Shape: shape(findFields, distinct(append([]Property{CleanGlobalObjectID(), property}, extended...))),
		Page:        &wire.IndexedPage{Max: findPage, BasePoint: "Beginning"},
		Restriction: &wire.Restriction{}, Folders: folder.ref(),
	}
	request.Restriction.Equal.Path = property.path
	request.Restriction.Equal.Constant.Value = wire.Text(value)
	var all []CalendarItem
	for range maxFindPages {
		found, err := c.find(ctx, mailbox, request)
		if err != nil {
			return nil, err
		}
		all = append(all, found.items...)
		if found.last {
			return all, nil
		}
		next := found.next
		// A budget may cut a page short: continue behind what really came.
		if next <= request.Page.Offset {
			next = request.Page.Offset + len(found.items)
		}
		if next == request.Page.Offset {
			break
		}
		request.Page = &wire.IndexedPage{Max: findPage, Offset: next, BasePoint: "Beginning"}
	}
	return nil, &Error{
		Operation: "FindItem", Code: CodeRepeatedAnswer, Class: ClassTransient, HTTPStatus: 200,
		Err: errors.New("the server announces more items but sends none"),
	}
}

func distinct(list []Property) []Property {
	var out []Property
	seen := make(map[Property]bool)
	for _, p := range list {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// found is the answer of one FindItem.
type found struct {
	items []CalendarItem
	bad   map[int]bool // indexes of items that could be read in part only
	last  bool
	next  int // offset of the next page if the server names one
}

func (c *Client) find(ctx context.Context, mailbox Mailbox, request wire.FindItem) (*found, error) {
	inv := &invocation{
		operation: "FindItem", mailbox: mailbox, request: request,
		present: func(b *wire.Body) bool { return b.FindItem != nil && len(b.FindItem.Messages) > 0 },
	}
	body, err := c.do(ctx, inv)
	if err != nil {
		return nil, err
	}
	m := body.FindItem.Messages[0]
	if failure := c.messageError(inv, m.ResponseMessage); failure != nil {
		return nil, failure
	}
	if m.RootFolder == nil {
		return nil, c.newError(inv, CodeInvalidAnswer, verdict{class: ClassTransient}, "",
			nil, errors.New("the answer has no RootFolder"))
	}
	out := &found{bad: make(map[int]bool), next: number(m.RootFolder.PagingOffset)}
	for i := range m.RootFolder.Items.Entries {
		item, err := newCalendarItem(&m.RootFolder.Items.Entries[i])
		out.bad[i] = err != nil
		out.items = append(out.items, *item)
	}
	last := strings.TrimSpace(m.RootFolder.IncludesLast)
	out.last = last == "" || wire.ParseBool(last)
	return out, nil
}
