package booking

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

const (
	// chunkSize bounds the occurrences of one request: servers take long over
	// hundreds, and a request that times out leaves everything in doubt.
	chunkSize   = 100
	groupPath   = "bookings/group"
	upsertGroup = "upsert_group"
)

// UpsertGroup creates or changes a group of bookings.
//
// Without an error every id is known. An [UnmatchedError] means that the
// Booking app accepted the write and the caller has to look ids up. An [Error]
// that is Ambiguous means that the occurrences from GroupResult.Acknowledged on
// may or may not have been written: look before writing again. A group or
// booking that does not exist any more is NotFound: drop the mapping and create
// once.
//
// Cancelled occurrences are part of the request as long as the server takes
// them; where it does not, or where their last values are unknown, they are
// deleted one by one, before the others are written.
func (c *Client) UpsertGroup(ctx context.Context, group GroupRequest) (GroupResult, error) {
	result := GroupResult{Group: group.Group, IDs: make([]ID, len(group.Occurrences))}
	if problem := group.problem(); problem != "" {
		return result, &Error{Operation: upsertGroup, Class: Bug, Message: problem}
	}
	var missing []int
	for from := 0; from < len(group.Occurrences); from = result.Acknowledged {
		if from > 0 && result.Group == 0 {
			break // nobody told to which group the rest belongs
		}
		to := min(from+chunkSize, len(group.Occurrences))
		part := GroupRequest{Group: result.Group, Organizer: group.Organizer, Occurrences: group.Occurrences[from:to]}
		done, err := c.upsertPart(ctx, part)
		if err != nil {
			return result, err
		}
		result.Group = firstPositive(done.group, result.Group)
		copy(result.IDs[from:to], done.ids)
		for i, id := range done.ids {
			if id == 0 {
				missing = append(missing, from+i)
			}
		}
		result.Acknowledged = to
	}
	if len(missing) > 0 || result.Group == 0 || result.Acknowledged < len(group.Occurrences) {
		return result, unmatched(result, missing)
	}
	return result, nil
}

func unmatched(result GroupResult, missing []int) *UnmatchedError {
	problem := &UnmatchedError{Group: result.Group, Matched: map[int]ID{}, Missing: missing}
	for i, id := range result.IDs {
		switch {
		case i >= result.Acknowledged:
			problem.Unsent = append(problem.Unsent, i)
		case id != 0:
			problem.Matched[i] = id
		}
	}
	return problem
}

// problem finds what no server could accept.
func (g GroupRequest) problem() string {
	if len(g.Occurrences) == 0 {
		return "group without occurrences"
	}
	if strings.TrimSpace(g.Organizer) == "" {
		return "group without organizer"
	}
	for _, o := range g.Occurrences {
		switch {
		case o.Cancelled && o.ID == 0:
			return "cancelled occurrence without booking id"
		case !o.Cancelled && !o.complete():
			return "occurrence without assets or with an end that is not after its start"
		}
	}
	return ""
}

// complete tells whether an occurrence passes the validation of servers that
// do not spare cancelled ones.
func (o Occurrence) complete() bool {
	return len(assetSet(o.Assets)) > 0 && !o.Start.IsZero() && o.End.After(o.Start)
}

// partResult holds the id per occurrence of one part, 0 where unknown.
type partResult struct {
	group GroupID
	ids   []ID
}

func (c *Client) upsertPart(ctx context.Context, part GroupRequest) (partResult, error) {
	done, err := c.writePart(ctx, part, func(o Occurrence) bool { return o.Cancelled && !o.complete() })
	var failure *Error
	if errors.As(err, &failure) && failure.Operation == upsertGroup && part.cancelsAny() &&
		(failure.Status == http.StatusBadRequest || failure.Status == http.StatusUnprocessableEntity ||
			failure.Class == NotFound) { // perhaps what is to be cancelled is gone already
		return c.writePart(ctx, part, func(o Occurrence) bool { return o.Cancelled })
	}
	return done, err
}

func (g GroupRequest) cancelsAny() bool {
	for _, o := range g.Occurrences {
		if o.Cancelled && o.complete() {
			return true
		}
	}
	return false
}

// writePart deletes the occurrences chosen by direct and posts the others.
// Deleting comes first: it can be repeated without harm, creating cannot.
func (c *Client) writePart(ctx context.Context, part GroupRequest, direct func(Occurrence) bool) (partResult, error) {
	done := partResult{group: part.Group, ids: make([]ID, len(part.Occurrences))}
	posted := GroupRequest{Group: part.Group, Organizer: part.Organizer}
	var indexes []int
	for i, o := range part.Occurrences {
		if !direct(o) {
			posted.Occurrences = append(posted.Occurrences, o)
			indexes = append(indexes, i)
			continue
		}
		if err := c.Cancel(ctx, o.ID, ReasonCancelled); err != nil {
			return done, err
		}
		done.ids[i] = o.ID
	}
	if len(posted.Occurrences) == 0 {
		return done, nil
	}
	group, ids, err := c.postGroup(ctx, posted)
	if err != nil {
		return done, err
	}
	done.group = firstPositive(group, part.Group)
	for i, id := range ids {
		done.ids[indexes[i]] = id
	}
	return done, nil
}

// postGroup sends one request. Any 2xx is success; ids that the answer does not
// tell stay 0.
func (c *Client) postGroup(ctx context.Context, group GroupRequest) (GroupID, []ID, error) {
	body, err := json.Marshal(group.body())
	if err != nil {
		return 0, nil, &Error{Operation: upsertGroup, Class: Bug, Message: "cannot encode the request"}
	}
	r := request{
		operation: upsertGroup, method: http.MethodPost, path: groupPath,
		query: url.Values{"clientReference": {c.reference}}, body: body,
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	if !a.ok() {
		return 0, nil, c.groupFailure(ctx, r, a)
	}
	var said Group
	if a.readErr == nil {
		said, _, _ = decodeGroup(a.body) // what cannot be read stays unmatched
	}
	return said.ID, match(group.Occurrences, said.Bookings), nil
}

func (g GroupRequest) body() groupRequestBody {
	body := groupRequestBody{GroupID: g.Group, Occurrences: make([]occurrenceBody, 0, len(g.Occurrences))}
	for _, o := range g.Occurrences {
		body.Occurrences = append(body.Occurrences, occurrenceBody{
			BookingID:   o.ID,
			AssetIDs:    assetSet(o.Assets),
			OrganizerID: g.Organizer,
			Start:       timestamp(o.Start),
			End:         timestamp(o.End),
			Cancelled:   o.Cancelled,
		})
	}
	return body
}

// groupFailure tells an unknown id from a Booking app without groups and from
// an address that leads somewhere else: all three may answer 404.
func (c *Client) groupFailure(ctx context.Context, r request, a answer) error {
	failure := c.failure(r, a)
	if !unknownPath(a) {
		return failure
	}
	path, err := c.askPath(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case classOf(path.status) == Transient:
		return undecided(c.failure(r, path))
	case !unknownPath(path):
		return &Error{Operation: r.operation, Status: a.status, Class: NotFound, Message: errorText(a)}
	}
	// The list needs parameters; the app refuses their absence, never the path.
	list, err := c.do(ctx, request{operation: r.operation, method: http.MethodGet, path: "bookings"})
	if err != nil {
		return err
	}
	switch {
	case classOf(list.status) == Transient:
		return undecided(c.failure(r, list))
	case unknownPath(list):
		return &Error{
			Operation: r.operation, Status: a.status, Class: Transient,
			Message: "the address does not lead to the Booking app's API",
		}
	}
	return tooOld(r, a.status)
}

// undecided is the failure of a probe: the write itself was refused.
func undecided(failure *Error) *Error {
	failure.Ambiguous = false
	return failure
}
