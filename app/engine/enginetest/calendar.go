package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ews/app/engine"
	"ews/app/meeting"
)

// calendar is one process's way to Exchange.
type calendar struct {
	w *World
	p *Process
}

var _ engine.Calendar = (*calendar)(nil)

const feedPage = 3 // entries, so that there are many pages

func (c *calendar) ServiceUser() meeting.Address { return Service }

func (c *calendar) UIDFor(ref string) meeting.UID { return meeting.UID("uid-" + ref) }

func (c *calendar) RefOf(uid meeting.UID) (string, bool) {
	return strings.CutPrefix(string(uid), "uid-")
}

func noMailbox() error { return &engine.Error{Class: engine.NoMailbox, Code: "no_mailbox"} }

// Rooms implements engine.Calendar.
func (c *calendar) Rooms(ctx context.Context) ([]engine.RoomInfo, error) {
	return call(ctx, c.p, Call{Port: Calendar, Method: "Rooms"}, func() ([]engine.RoomInfo, error) {
		var out []engine.RoomInfo
		for i, room := range c.w.exchange.rooms {
			if c.w.exchange.listed[room] {
				out = append(out, engine.RoomInfo{Address: room, Name: fmt.Sprintf("Room %d", i+1)})
			}
		}
		return out, nil
	})
}

// Changes implements engine.Calendar.
func (c *calendar) Changes(ctx context.Context, room meeting.Address, token string) (engine.Delta, error) {
	return call(ctx, c.p, Call{Port: Calendar, Method: "Changes", Room: room}, func() (engine.Delta, error) {
		f := c.w.exchange.feeds[room]
		life, from := f.life, 0
		if token != "" {
			if _, err := fmt.Sscanf(token, "%d/%d", &life, &from); err != nil || life != f.life {
				return engine.Delta{}, &engine.Error{Class: engine.InvalidToken, Code: "invalid_token"}
			}
		}
		to := min(from+feedPage, len(f.entries))
		out := engine.Delta{Token: fmt.Sprintf("%d/%d", life, to), More: to < len(f.entries)}
		for _, e := range f.entries[from:to] {
			if f.cameAndWent(e.item, from) {
				continue
			}
			out.Changed = true
			if e.deleted {
				out.Deleted = append(out.Deleted, meeting.ItemID(e.item))
			} else {
				out.Told = append(out.Told, meeting.ItemID(e.item))
			}
		}
		return out, nil
	})
}

// Window implements engine.Calendar.
func (c *calendar) Window(ctx context.Context, room meeting.Address, span meeting.Span,
	known map[meeting.ItemID]engine.Known,
) ([]meeting.Sighting, error) {
	return call(ctx, c.p, Call{Port: Calendar, Method: "Window", Room: room}, func() ([]meeting.Sighting, error) {
		var out []meeting.Sighting
		for _, it := range c.w.exchange.items[room] {
			if !it.span.Overlaps(span) {
				continue
			}
			s := meeting.Sighting{
				UID: it.UID, Key: it.Key, Item: meeting.ItemID(it.id), ChangeKey: meeting.ChangeKey(strconv.Itoa(it.version)),
				Span: it.span, Sequence: it.seq, Presence: it.presence, Organizer: it.organizer,
			}
			if k, ok := known[s.Item]; ok && k.ChangeKey == s.ChangeKey {
				s.UID, s.Key, s.Sequence, s.Organizer, s.Private = k.UID, k.Key, k.Sequence, k.Organizer, k.Private
			}
			out = append(out, s)
		}
		return out, nil
	})
}

// Create implements engine.Calendar.
func (c *calendar) Create(ctx context.Context, mailbox meeting.Address, d engine.Draft) (meeting.Copy, error) {
	what := Call{Port: Calendar, Method: "Create", Mailbox: mailbox, UID: d.UID, Writes: hasMailbox(mailbox)}
	return call(ctx, c.p, what, func() (meeting.Copy, error) {
		if !hasMailbox(mailbox) {
			return meeting.Copy{}, noMailbox()
		}
		made := c.w.exchange.invite(orgCopy{Slot: Slot{UID: d.UID}, mailbox: mailbox, ref: d.Ref, span: d.Span},
			addresses(d.Rooms), c.w.dice())
		return made.read(), nil
	})
}

func addresses(rooms []meeting.Room) []meeting.Address {
	out := make([]meeting.Address, 0, len(rooms))
	for _, r := range rooms {
		out = append(out, r.Address)
	}
	return out
}

// Find implements engine.Calendar.
func (c *calendar) Find(ctx context.Context, mailbox meeting.Address, d engine.Draft) (out meeting.Copy, found bool, err error) {
	_, err = call(ctx, c.p, Call{Port: Calendar, Method: "Find", Mailbox: mailbox, UID: d.UID}, func() (struct{}, error) {
		if !hasMailbox(mailbox) {
			return struct{}{}, noMailbox()
		}
		out = meeting.Copy{Mailbox: mailbox, UID: d.UID}
		for _, m := range c.w.exchange.copies {
			if m.mailbox != mailbox || m.ref != d.Ref {
				continue
			}
			found = true
			if m.live {
				out = m.read()
			}
		}
		return struct{}{}, nil
	})
	if err != nil {
		return meeting.Copy{}, false, err
	}
	return out, found, nil
}

// Copy implements engine.Calendar.
func (c *calendar) Copy(ctx context.Context, p engine.Place) (meeting.Copy, error) {
	return call(ctx, c.p, Call{Port: Calendar, Method: "Copy", Mailbox: p.Mailbox, UID: p.UID}, func() (meeting.Copy, error) {
		if !hasMailbox(p.Mailbox) {
			return meeting.Copy{}, noMailbox()
		}
		if m := c.w.exchange.at(p); m != nil && m.live {
			return m.read(), nil
		}
		return meeting.Copy{Mailbox: p.Mailbox, UID: p.UID}, nil
	})
}

func (x *exchange) at(p engine.Place) *orgCopy {
	for _, m := range slices.Backward(x.copies) {
		if m.mailbox == p.Mailbox && m.Slot == (Slot{p.UID, p.Key}) {
			return m
		}
	}
	return nil
}

// Update implements engine.Calendar.
func (c *calendar) Update(ctx context.Context, p engine.Place, from meeting.Copy, change engine.Change) (meeting.Copy, error) {
	what := Call{Port: Calendar, Method: "Update", Mailbox: p.Mailbox, UID: p.UID, Writes: true}
	return call(ctx, c.p, what, func() (meeting.Copy, error) {
		m := c.w.exchange.at(p)
		switch {
		case m == nil || !m.live:
			return meeting.Copy{}, &engine.Error{Class: engine.NotFound, Code: "not_found"}
		case from.Version != m.read().Version:
			return meeting.Copy{}, &engine.Error{Class: engine.Stale, Code: "stale"}
		}
		c.w.note("    to %v, add %v, remove %v", change.Span, addresses(change.Add), addresses(change.Remove))
		c.w.exchange.change(m, change.Span, addresses(change.Add), addresses(change.Remove), c.w.dice())
		from.Version, from.Span = m.read().Version, change.Span
		return from, nil
	})
}

// Cancel implements engine.Calendar.
func (c *calendar) Cancel(ctx context.Context, p engine.Place) (bool, error) {
	what := Call{Port: Calendar, Method: "Cancel", Mailbox: p.Mailbox, UID: p.UID, Writes: true}
	return call(ctx, c.p, what, func() (bool, error) {
		if !hasMailbox(p.Mailbox) {
			return false, noMailbox()
		}
		m := c.w.exchange.at(p)
		if m == nil || !m.live {
			return false, nil
		}
		c.w.weCancel(m.Slot, "meeting", m.ref == "")
		c.w.exchange.cancel(m, c.w.dice())
		return true, nil
	})
}

// Release implements engine.Calendar.
func (c *calendar) Release(ctx context.Context, room meeting.Address, p engine.Place) error {
	what := Call{Port: Calendar, Method: "Release", Room: room, UID: p.UID, Writes: true}
	_, err := call(ctx, c.p, what, func() (struct{}, error) {
		s := seat{Slot{p.UID, p.Key}, room}
		if it := c.w.exchange.itemOf(s); it != nil {
			c.w.weCancel(s.Slot, "entry of a room", false)
			c.w.exchange.drop(room, it)
			c.w.exchange.answer(s, c.w.exchange.handled[s], meeting.Declined)
		}
		return struct{}{}, nil
	})
	return err
}

// assets is one process's way to Eliona's assets.
type assets struct {
	w *World
	p *Process
}

var _ engine.Assets = (*assets)(nil)

// Ensure implements engine.Assets.
func (a *assets) Ensure(ctx context.Context, project string, rooms []engine.RoomInfo) ([]engine.EnsuredAsset, error) {
	return call(ctx, a.p, Call{Port: Assets, Method: "Ensure"}, func() ([]engine.EnsuredAsset, error) {
		if a.w.assets[project] == nil {
			a.w.assets[project] = map[meeting.Address]meeting.AssetID{}
		}
		var out []engine.EnsuredAsset
		for _, room := range append([]engine.RoomInfo{{}}, rooms...) {
			id, exists := a.w.assets[project][room.Address]
			if !exists {
				id = meeting.AssetID(100 + a.w.next())
				a.w.assets[project][room.Address] = id
			}
			out = append(out, engine.EnsuredAsset{
				Asset:   engine.Asset{Project: project, GAI: "gai/" + string(room.Address), Room: room.Address, ID: id},
				Created: !exists,
			})
		}
		return out, nil
	})
}

// Describe implements engine.Assets.
func (a *assets) Describe(ctx context.Context, id meeting.AssetID, room meeting.Address) (bool, error) {
	return call(ctx, a.p, Call{Port: Assets, Method: "Describe", Room: room}, func() (bool, error) {
		for _, known := range a.w.assets {
			if known[room] == id {
				return true, nil
			}
		}
		return false, nil
	})
}
