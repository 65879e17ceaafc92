package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"ews/app/meeting"
)

// Waiting while bookings are linked.
const (
	linkStep     = time.Second      // between two looks at what was set aside, at least
	linkTime     = 10 * time.Minute // after which a booking is a wish, whatever the rooms show
	listFailures = 3                // of a list before it holds nobody up any more
)

func (e *Engine) beginLinking(ctx context.Context) error {
	fresh, err := e.store.Fresh(ctx)
	if fresh {
		e.linking.Store(newLinking())
	}
	return err
}

// linkGained begins to link when a room got an asset: another configuration may
// have worked on it until now. What was gained before the first look at the
// rooms is up to Fresh.
func (e *Engine) linkGained(before, now map[meeting.RoomID]meeting.Room) {
	if len(before) == 0 {
		return
	}
	gained := false
	l := newLinking()
	for id, room := range now {
		for _, asset := range room.Assets {
			l.listed[asset] = slices.Contains(before[id].Assets, asset)
			gained = gained || !l.listed[asset] && !room.Retired
		}
	}
	if gained && e.linking.CompareAndSwap(nil, l) {
		wake(e.wakeLink)
	}
}

// setAside takes those bookings of an asset's list that nobody knows, and
// returns the others.
func (e *Engine) setAside(ctx context.Context, asset meeting.AssetID, list []Booking) ([]Booking, error) {
	l := e.linking.Load()
	if l == nil {
		return list, nil
	}
	ids := make([]meeting.BookingID, 0, len(list))
	for _, b := range list {
		ids = append(ids, b.ID)
	}
	unknown, err := e.store.Unknown(ctx, ids)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return list, nil
	}
	l.listed[asset] = true
	return slices.DeleteFunc(slices.Clone(list), func(b Booking) bool {
		l.highest = max(l.highest, b.ID)
		if !slices.Contains(unknown, b.ID) || l.wishes[b.ID] {
			return false
		}
		l.put(b, e.reference(b.ID))
		return true
	}), nil
}

// setAsideShown takes a booking that somebody told of, if nobody knows it and a
// room shows its meeting.
func (e *Engine) setAsideShown(ctx context.Context, b Booking) (bool, error) {
	l := e.linking.Load()
	if l == nil {
		return false, nil
	}
	l.forget(b.ID) // what was listed is outdated
	if b.Cancelled || !b.Span.Valid() {
		return false, nil
	}
	unknown, err := e.store.Unknown(ctx, []meeting.BookingID{b.ID})
	if err != nil || len(unknown) == 0 || l.isWish(b.ID) {
		return false, err
	}
	shown, _, err := e.shown(ctx, b)
	if err != nil || !shown {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false, nil
	}
	l.put(b, e.reference(b.ID))
	return true, nil
}

// shown tells whether a room shows the meeting of a booking that nobody knows,
// or may do so once it is read.
func (e *Engine) shown(ctx context.Context, b Booking) (shown, unread bool, err error) {
	uid := e.calendar.UIDFor(e.reference(b.ID))
	by, unread, err := e.store.Shown(ctx, e.roomsHeld(b.Assets), b.Span, uid)
	if err != nil {
		return false, false, err
	}
	return slices.ContainsFunc(by, func(k Known) bool {
		return k.UID == uid || e.speaksOf(b, &meeting.Meeting{Organizer: k.Organizer, Private: k.Private, Origin: meeting.Exchange})
	}), unread, nil
}

// roomsHeld are the rooms of the list that assets stand for.
func (e *Engine) roomsHeld(assets []meeting.AssetID) []meeting.RoomID {
	rooms := *e.rooms.Load()
	return slices.DeleteFunc(roomsOf(assets, rooms), func(id meeting.RoomID) bool { return rooms[id].Retired })
}

// speaksOf tells whether the booking's organizer is the meeting's. The service
// user organizes for others.
func (e *Engine) speaksOf(b Booking, m *meeting.Meeting) bool {
	return strings.EqualFold(b.Organizer, string(e.organizerOf(m))) || m.Organizer == e.calendar.ServiceUser()
}

// linkingLeft looks now and then at what was set aside: what no room shows, once
// all were read, is a person's wish.
func (e *Engine) linkingLeft(ctx context.Context) error {
	for {
		l := e.linking.Load()
		if l == nil {
			if !pauseOr(ctx, time.Hour, e.wakeLink) {
				return nil
			}
			continue
		}
		began := time.Now()
		over, err := e.linkLeft(ctx, l)
		if err != nil && fatal(ctx, err) {
			return err
		}
		if err != nil {
			e.log.WarnContext(ctx, "bookings not linked", "error", err)
		}
		if over {
			e.linkedUpTo.Store(max(e.linkedUpTo.Load(), int64(l.highestListed())))
			e.linking.Store(nil)
			continue
		}
		if !pause(ctx, max(linkStep, 2*time.Since(began))) {
			return nil
		}
	}
}

func (e *Engine) linkLeft(ctx context.Context, l *linking) (over bool, err error) {
	for _, b := range l.all() {
		shown, unread, err := e.shown(ctx, b.Booking)
		switch {
		case err != nil:
			return false, err
		case time.Since(b.since) > linkTime:
		case unread:
			return false, nil
		case shown:
			continue
		}
		l.giveUp(b.ID)
		e.inbox.put(hint{Booking: b.Booking, told: true}) // what was listed is outdated
	}
	if !e.allListed(l) || len(l.all()) > 0 {
		return false, nil
	}
	if left, err := e.findCancelled(ctx, l); err != nil || left {
		return false, err
	}
	if !l.end() {
		return false, nil // a list was read meanwhile
	}
	return true, e.store.Linked(ctx)
}

// allListed tells whether there are rooms with assets, and the bookings of each
// were listed. A room that gets its first asset later is linked then.
func (e *Engine) allListed(l *linking) bool {
	found := false
	for _, room := range *e.rooms.Load() {
		if room.Retired || len(room.Assets) == 0 {
			continue
		}
		if found = true; !l.wereListed(room.Assets) {
			return false
		}
	}
	return found
}

// link gives the meeting's occurrences those bookings that were set aside and
// say the same. It reports whether the meeting has to be loaded again, or when
// to look again.
func (j *job) link(ctx context.Context, l *linking) (again bool, wait time.Time, err error) {
	if j.m.Origin != meeting.Exchange {
		return false, time.Time{}, nil
	}
	if ref, ours := j.calendar.RefOf(j.m.UID); ours && !l.isForeign(ref) {
		return j.recover(ctx, l, ref)
	}
	return j.linkShown(ctx, l)
}

// linkShown links what was set aside and says the same as the rooms.
func (j *job) linkShown(ctx context.Context, l *linking) (again bool, wait time.Time, err error) {
	links, taken := map[meeting.OccurrenceID]meeting.Inherited{}, map[meeting.BookingID]bool{}
	for _, o := range j.m.Occurrences {
		if o.Booking != 0 {
			continue
		}
		if !l.wereListed(j.assetsShowing(o)) {
			return false, j.now().Add(l.wait()), nil
		}
		b, ok := j.asideFor(o, l, taken)
		if !ok {
			continue
		}
		own, unread, err := j.ownShown(ctx, b)
		if err != nil || unread {
			return false, j.now().Add(l.wait()), err
		}
		// Its own meeting is waited for, unless that is this one, with more dates now.
		if own && j.calendar.UIDFor(j.reference(b.ID)) != j.m.UID {
			continue
		}
		taken[b.ID] = true
		links[o.ID] = meeting.Inherited{
			Legacy: meeting.Legacy{Booking: b.ID, Group: b.Group}, Live: true,
			Span: b.Span, Assets: b.Assets, Rooms: j.roomsHeld(b.Assets),
		}
	}
	if len(links) == 0 {
		return false, time.Time{}, nil
	}
	return true, time.Time{}, j.linked(ctx, l, links, func(m *meeting.Meeting, o *meeting.Occurrence, b meeting.Inherited, at meeting.Moment) {
		m.Link(o, b, at)
	})
}

// ownShown tells whether a room shows the meeting that was made for a booking,
// and whether one of the booking's rooms is still to be read.
func (e *Engine) ownShown(ctx context.Context, b Booking) (own, unread bool, err error) {
	by, unread, err := e.store.Shown(ctx, e.roomsHeld(b.Assets), meeting.Span{}, e.calendar.UIDFor(e.reference(b.ID)))
	return len(by) > 0, unread, err
}

// asideFor finds the booking set aside that says what a room shows.
func (j *job) asideFor(o *meeting.Occurrence, l *linking, taken map[meeting.BookingID]bool) (Booking, bool) {
	for _, c := range o.Cells {
		if c.Seen == meeting.None {
			continue
		}
		for _, b := range l.at(c.SeenSpan.Start) {
			rooms := j.roomsHeld(b.Assets)
			if !b.Cancelled && !taken[b.ID] && len(rooms) > 0 && j.speaksOf(b.Booking, j.m) && o.ShownAt(b.Span, rooms) {
				return b.Booking, true
			}
		}
	}
	return Booking{}, false
}

// linked stores what was found.
func (j *job) linked(ctx context.Context, l *linking, links map[meeting.OccurrenceID]meeting.Inherited,
	link func(*meeting.Meeting, *meeting.Occurrence, meeting.Inherited, meeting.Moment),
) error {
	ids := make([]meeting.BookingID, 0, len(links))
	for _, b := range links {
		ids = append(ids, b.Booking)
	}
	slices.Sort(ids)
	unknown, err := j.store.Unknown(ctx, ids)
	if err != nil {
		return err
	}
	if l.known(ids, unknown); len(unknown) < len(ids) {
		return nil
	}
	err = j.change(ctx, nil, func(m *meeting.Meeting, at meeting.Moment) ([]Notice, error) {
		for _, o := range m.Occurrences {
			if b, ok := links[o.ID]; ok && o.Booking == 0 {
				link(m, o, b, at)
			}
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		// It may have changed since it was listed, when it was nobody's yet.
		j.inbox.put(hint{Booking: Booking{ID: id}})
	}
	l.forget(ids...)
	j.log.InfoContext(ctx, "bookings linked with the meeting they belong to", "bookings", ids)
	return nil
}

// assetsShowing are the assets of the rooms that show an occurrence.
func (j *job) assetsShowing(o *meeting.Occurrence) []meeting.AssetID {
	var out []meeting.AssetID
	for _, c := range o.Cells {
		if room := j.room(c.Room); c.Seen != meeting.None && !room.Retired {
			out = append(out, room.Assets...)
		}
	}
	return out
}
