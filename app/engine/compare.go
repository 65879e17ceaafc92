package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"ews/app/meeting"
)

// comparison is one round of comparing the lists of bookings with what is
// known.
type comparison struct {
	left  []meeting.AssetID   // whose list is still to be read
	known []meeting.BookingID // on the lists that were read
}

// giveUpAfter is how many lists that cannot be read in a row end a round for
// now: the Booking app is not there.
const giveUpAfter = 3

var errDoubtful = errors.New("suspiciously many bookings vanished")

// reconciling compares the lists of bookings with what is known: after each
// connect, and now and then. A list that cannot be read holds up no other.
func (e *Engine) reconciling(ctx context.Context) error {
	var round comparison
	fails, again := 0, time.Hour
	for {
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-e.inbox.audit:
			timer.Stop()
			round = comparison{}
		case <-timer.C:
		}
		if len(round.left) == 0 {
			round = comparison{left: e.assetsHeard()}
		}
		before := len(round.left)
		err := e.reconcile(ctx, &round)
		switch {
		case err == nil:
			fails, again = 0, jitter(time.Hour)
			e.watch.Compared()
			e.report(ctx, "booking", nil)
		case errors.Is(err, errDoubtful):
			again = 2 * time.Minute
		case fatal(ctx, err):
			return err
		default:
			failure := classOf(err)
			e.report(ctx, "booking", failure)
			e.log.WarnContext(ctx, "bookings not compared", "assets", len(round.left), "code", failure.Code, "error", err)
			if len(round.left) < before {
				fails = 0
			}
			again = retryIn(failure, fails)
			fails++
		}
	}
}

func (e *Engine) assetsHeard() []meeting.AssetID {
	var all []meeting.AssetID
	for _, room := range *e.rooms.Load() {
		if !room.Retired {
			all = append(all, room.Assets...)
		}
	}
	return all
}

// reconcile reads the lists that are left. Of those that could not be read it
// returns the first failure.
func (e *Engine) reconcile(ctx context.Context, round *comparison) error {
	span, todo := e.window(), round.left
	var missing []meeting.BookingID
	var failure error
	round.left = nil
	row := 0
	for i, asset := range todo {
		gone, of, err := e.reconcileAsset(ctx, asset, span)
		if err != nil && fatal(ctx, err) {
			return err
		}
		if err != nil {
			if failure == nil {
				failure = err
			}
			round.left = append(round.left, asset)
			if l := e.linking.Load(); l != nil {
				l.unlisted(asset)
			}
			if row++; row == giveUpAfter {
				round.left = append(round.left, todo[i+1:]...)
				break
			}
			continue
		}
		row = 0
		missing, round.known = append(missing, gone...), append(round.known, of...)
	}
	if failure == nil {
		e.compared.Store(true)
	}
	missing, round.known = distinct(missing), distinct(round.known) // a booking is one in each of its assets
	if n := len(missing); n > 5 && 2*n > len(round.known) && !e.doubted() {
		e.log.WarnContext(ctx, "many bookings vanished at once: looking again before believing it", "bookings", n)
		*round = comparison{}
		return errDoubtful
	}
	for _, id := range missing {
		e.inbox.put(hint{Booking: Booking{ID: id}})
	}
	if failure == nil {
		e.doubt = false
	}
	return failure
}

func distinct(ids []meeting.BookingID) []meeting.BookingID {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// reconcileAsset compares one list. It returns the bookings that are known and
// not on it, and all of both.
func (e *Engine) reconcileAsset(ctx context.Context, asset meeting.AssetID, span meeting.Span) (missing, known []meeting.BookingID, err error) {
	since, err := e.store.Tick(ctx)
	if err != nil {
		return nil, nil, err
	}
	listed, err := e.bookings.List(ctx, asset, span)
	if err != nil {
		return nil, nil, err
	}
	listed, err = e.setAside(ctx, asset, listed)
	if err != nil {
		return nil, nil, err
	}
	was, err := e.store.BookingsOf(ctx, asset, span)
	if err != nil {
		return nil, nil, err
	}
	missed := make(map[meeting.BookingID]Booking, len(was))
	for _, b := range was {
		missed[b.ID] = b
	}
	for _, b := range listed {
		known = append(known, b.ID)
		at, ok := missed[b.ID]
		delete(missed, b.ID)
		if ok && tellsNothing(b, at) {
			continue
		}
		deferred, err := e.observe(ctx, b, since)
		if err != nil {
			return nil, nil, err
		}
		if deferred {
			e.inbox.put(hint{Booking: b, told: true, at: time.Now().Add(2 * time.Second)})
		}
	}
	missing = slices.Collect(maps.Keys(missed))
	return missing, append(known, missing...), nil
}

// tellsNothing reports that a listed booking is as it is known, as nearly all
// are. To store an observation of it would change nothing.
func tellsNothing(listed, known Booking) bool {
	return !listed.Cancelled && listed.Group == 0 && listed.Span.Equal(known.Span) &&
		sameAssets(listed.Assets, known.Assets)
}

// doubted remembers that a reconciliation looked suspicious, and reports
// whether the one before did already.
func (e *Engine) doubted() bool {
	before := e.doubt
	e.doubt = true
	return before
}
