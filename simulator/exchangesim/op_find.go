package exchangesim

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"ews/simulator/exchangesim/soap"
)

// The numbers of items that a find returns at most ("EWS throttling in
// Exchange", EWSFindCountLimit).
const (
	findLimit           = 1000
	restrictedFindLimit = 250
	maxViewRange        = 2 * 366 * 24 * time.Hour
)

func (s *Server) opFindItem(c *call) *soap.Element {
	var outcomes []outcome
	for _, id := range c.op.Child("ParentFolderIds").Children {
		root, err := c.findIn(id)
		if err != nil {
			outcomes = append(outcomes, outcome{err: err})
			continue
		}
		outcomes = append(outcomes, outcome{body: []*soap.Element{root}})
	}
	return c.respond(outcomes)
}

func (c *call) findIn(id *soap.Element) (*soap.Element, *ewsError) {
	f, err := c.folderOf(id)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"FractionalPageItemView", "SeekToConditionPageItemView", "ContactsView", "GroupBy", "DistinguishedGroupBy", "QueryString"} {
		if c.op.Child(name) != nil {
			return nil, failWith("ErrorInvalidOperation", name+" is not supported.")
		}
	}
	shape := readShape(c.op.Child("ItemShape"))
	shape.list = true
	r := c.renderer(shape)
	if view := c.op.Child("CalendarView"); view != nil {
		return c.calendarView(f, view, r)
	}
	return c.indexedFind(f, r)
}

func (c *call) calendarView(f *folder, v *soap.Element, r *renderer) (*soap.Element, *ewsError) {
	if f.name != folderCalendar {
		return nil, failWith("ErrorCalendarFolderIsInvalidForCalendarView", "CalendarView can be used on calendar folders only.")
	}
	if c.op.Child("Restriction") != nil || c.op.Child("SortOrder") != nil {
		return nil, failWith("ErrorInvalidOperation", "Restrictions and sort order may not be specified for a CalendarView.")
	}
	from, err1 := parseTime(v.Attr("StartDate"), c.zone.Location)
	to, err2 := parseTime(v.Attr("EndDate"), c.zone.Location)
	switch {
	case err1 != nil || err2 != nil:
		return nil, fail("ErrorInvalidRequest")
	case to.Before(from):
		return nil, fail("ErrorCalendarEndDateIsEarlierThanStartDate")
	case to.Sub(from) > maxViewRange:
		return nil, fail("ErrorCalendarViewRangeTooBig")
	}
	limit := findLimit
	if n, ok := v.LookupAttr("MaxEntriesReturned"); ok {
		limit, _ = strconv.Atoi(n) // the schema has checked it
		if limit < 1 {
			return nil, failWith("ErrorInvalidPagingMaxRows", "Paging max rows must be greater than zero.")
		}
		limit = c.server.page(min(limit, findLimit))
	}
	found := f.appearances(from, to)
	total := len(found)
	if _, paged := v.LookupAttr("MaxEntriesReturned"); !paged && total > findLimit {
		return nil, fail("ErrorExceededFindCountLimit")
	}
	list := soap.New("Items")
	for _, x := range found[:min(limit, total)] {
		list.Add(r.item(x))
	}
	root := soap.NewM("RootFolder", list)
	return root.With("TotalItemsInView", strconv.Itoa(total)).With("IncludesLastItemInRange", strconv.FormatBool(total <= limit)), nil
}

// appearances expands a calendar between two moments in the order of starts.
func (f *folder) appearances(from, to time.Time) []view {
	var found []view
	for _, it := range f.items {
		for _, inst := range it.appt.instances(from, to) {
			found = append(found, view{item: it, inst: inst, appt: inst.appt})
		}
	}
	slices.SortFunc(found, func(a, b view) int {
		return cmp.Or(a.appt.start.Compare(b.appt.start), cmp.Compare(a.item.number, b.item.number))
	})
	return found
}

func (c *call) indexedFind(f *folder, r *renderer) (*soap.Element, *ewsError) {
	var found []view
	restriction := c.op.Child("Restriction")
	if restriction != nil {
		if err := checkSearch(restriction.Children[0]); err != nil {
			return nil, err
		}
	}
	if c.op.Attr("Traversal") == "Shallow" {
		for _, it := range f.items {
			v := whole(it)
			if restriction == nil || matches(v, restriction.Children[0]) {
				found = append(found, v)
			}
		}
	}
	slices.SortFunc(found, func(a, b view) int { return cmp.Compare(b.item.number, a.item.number) })
	if err := sortViews(found, c.op.Child("SortOrder")); err != nil {
		return nil, err
	}
	most := findLimit
	if restriction != nil {
		most = restrictedFindLimit
	}
	total := len(found)
	offset, limit := 0, total
	if page := c.op.Child("IndexedPageItemView"); page != nil {
		var err *ewsError
		if offset, limit, err = readPage(page, total); err != nil {
			return nil, err
		}
		limit = c.server.page(min(limit, most))
	} else if total > most {
		return nil, fail("ErrorExceededFindCountLimit")
	}
	list := soap.New("Items")
	end := min(offset+limit, total)
	for _, v := range found[offset:end] {
		list.Add(r.item(v))
	}
	return rootFolder(end, total, list), nil
}

// sortViews orders results by a SortOrder.
func sortViews(found []view, order *soap.Element) *ewsError {
	if order == nil {
		return nil
	}
	for _, o := range order.Children {
		if err := checkPath(o.Children[0]); err != nil {
			return err
		}
	}
	slices.SortStableFunc(found, func(a, b view) int {
		for _, o := range order.Children {
			x, y := valueAt(a, o.Children[0]), valueAt(b, o.Children[0])
			n := compare(x, y)
			if o.Attr("Order") == "Descending" {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	return nil
}
