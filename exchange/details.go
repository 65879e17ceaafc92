package exchange

import (
	"cmp"
	"context"
	"slices"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/exchange/ews"
)

// detailsBatch is how many entries one request asks for. What is asked of each
// is little.
const detailsBatch = 100

// details returns what a view does not tell of its entries. It is known for
// those whose version did not change; the dates of a series that were not
// changed one by one are alike, so that one of them is enough to know all. last
// is true if the calendar will not be looked at again.
func (c *Calendar) details(ctx context.Context, room meeting.Address, items []ews.CalendarItem,
	known map[meeting.ItemID]engine.Known, last bool,
) (map[meeting.ItemID]engine.Known, error) {
	d := &detailsRead{
		Calendar: c, room: room, known: known, last: last,
		out: make(map[meeting.ItemID]engine.Known, len(items)), dates: datesOf(known), like: map[date][]*ews.CalendarItem{},
	}
	var ask []*ews.CalendarItem
	for i := range items {
		item := &items[i]
		if presenceOf(*item) == meeting.None || d.isKnown(item) {
			continue
		}
		if at, ok := dateOf(item); ok {
			d.like[at] = append(d.like[at], item)
			if len(d.like[at]) > 1 {
				continue
			}
		}
		ask = append(ask, item)
	}
	for len(ask) > 0 {
		var err error
		if ask, err = d.read(ctx, ask); err != nil {
			return nil, err
		}
	}
	return d.out, d.unanswered
}

// date is a version of a series. Its dates share it, and who organizes them.
type date struct {
	uid meeting.UID
	key meeting.ChangeKey
}

// dateOf tells whether an entry is a date of a series that is as the series says.
func dateOf(item *ews.CalendarItem) (date, bool) {
	identified := item.UID != "" || len(item.CleanGlobalObjectID) > 0
	return date{uidOf(item), meeting.ChangeKey(item.ChangeKey)}, identified && item.Type == ews.OccurrenceItem && item.ChangeKey != ""
}

// datesOf returns one known date of each series.
func datesOf(known map[meeting.ItemID]engine.Known) map[date]engine.Known {
	out := map[date]engine.Known{}
	for _, k := range known {
		if k.Key != "" && k.ChangeKey != "" {
			out[date{k.UID, k.ChangeKey}] = k
		}
	}
	return out
}

// detailsRead is the reading of the details of one view.
type detailsRead struct {
	*Calendar
	room  meeting.Address
	known map[meeting.ItemID]engine.Known
	dates map[date]engine.Known
	last  bool

	out        map[meeting.ItemID]engine.Known
	like       map[date][]*ews.CalendarItem // the first one is asked for
	unanswered error                        // somebody's name could not be looked up
}

// isKnown notes what is known of the entry, and tells whether that is all.
func (d *detailsRead) isKnown(item *ews.CalendarItem) bool {
	id := meeting.ItemID(item.ID)
	k, ok := d.known[id]
	if ok && k.ChangeKey == meeting.ChangeKey(item.ChangeKey) {
		d.out[id] = k
		return true
	}
	if at, ok := dateOf(item); ok {
		if k, ok := d.dates[at]; ok {
			d.out[id] = alike(item, k)
			return true
		}
	}
	if organizer, ok := d.made.organizer(uidOf(item)); ok && item.Type == ews.Single {
		k = identity(item)
		k.Organizer = organizer
		d.out[id] = k
		return true
	}
	return false
}

// alike is what the entry has in common with another date of its series.
func alike(item *ews.CalendarItem, other engine.Known) engine.Known {
	k := identity(item)
	k.ChangeKey, k.Sequence, k.Organizer = other.ChangeKey, other.Sequence, other.Organizer
	k.Private = k.Private || other.Private
	return k
}

// items reads items, and fails if one of them may be read another time.
func (d *detailsRead) items(ctx context.Context, refs []ews.ItemRef) ([]ews.ItemResult, error) {
	results, err := d.client.GetItems(ctx, ews.Mailbox(d.room), refs, ews.GetOptions{Brief: true, BatchSize: detailsBatch})
	for _, r := range results {
		if r.Err != nil && r.Err.Class == ews.ClassTransient {
			return nil, r.Err
		}
	}
	return results, err
}

// read asks for the details of entries, and returns further ones to ask for.
func (d *detailsRead) read(ctx context.Context, ask []*ews.CalendarItem) (further []*ews.CalendarItem, _ error) {
	refs := make([]ews.ItemRef, len(ask))
	for i, item := range ask {
		refs[i] = ews.ByID(item.ItemID)
	}
	results := make([]ews.ItemResult, 0, len(refs))
	for some := range slices.Chunk(refs, detailsBatch) {
		part, err := again(ctx, func() ([]ews.ItemResult, error) { return d.items(ctx, some) })
		if err != nil {
			return nil, err
		}
		results = append(results, part...)
	}
	for i, r := range results {
		item := ask[i]
		id := meeting.ItemID(item.ID)
		at, _ := dateOf(item)
		others := d.like[at]
		delete(d.like, at)
		switch {
		case r.Err == nil:
			k, err := d.detail(ctx, r.Item)
			if err != nil && convert(err).Class != engine.Transient {
				return nil, err
			}
			// The other names are looked up all the same: each counts its failures.
			d.unanswered = cmp.Or(d.unanswered, err)
			d.out[id] = k
			for _, other := range others {
				if other != item {
					d.out[meeting.ItemID(other.ID)] = alike(other, k)
				}
			}
		case r.Err.Class == ews.ClassGone && !d.last:
			return nil, errMoved
		case !ofItem[r.Err.Class]:
			return nil, r.Err
		default:
			k, ok := d.known[id]
			if !ok {
				k = identity(item)
			}
			k.ChangeKey = ""
			d.out[id] = k
			d.log.WarnContext(ctx, "an entry of the room's calendar cannot be read and is taken as the calendar shows it",
				"room", d.room, "code", r.Err.Code, "start", item.Start)
			if len(others) > 1 {
				further = append(further, others[1:]...) // each for itself
			}
		}
	}
	return further, nil
}

// ofItem are the classes of failures that concern one entry. The slot is taken
// all the same, and the other entries of the room have nothing to do with it.
var ofItem = map[ews.Class]bool{
	ews.ClassPermanent: true, ews.ClassDenied: true, ews.ClassConflict: true, ews.ClassTooLarge: true,
	ews.ClassBug: true, ews.ClassStale: true, ews.ClassGone: true, ews.ClassNotFoundMailbox: true,
}

// identity is what an entry tells of itself without its people.
func identity(item *ews.CalendarItem) engine.Known {
	return engine.Known{
		ChangeKey: meeting.ChangeKey(item.ChangeKey), UID: uidOf(item), Key: keyOf(item),
		Sequence: item.SequenceNumber, Private: item.Sensitivity == "Private" || item.Sensitivity == "Confidential",
	}
}

func (c *Calendar) detail(ctx context.Context, item *ews.CalendarItem) (engine.Known, error) {
	k := identity(item)
	if item.Organizer == nil {
		return k, nil
	}
	organizer, certain, err := c.names.organizer(ctx, *item.Organizer)
	if err != nil {
		return engine.Known{}, err
	}
	if !certain {
		k.ChangeKey = ""
	}
	k.Organizer = organizer
	return k, nil
}
