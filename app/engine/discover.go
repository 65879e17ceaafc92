package engine

import (
	"context"
	"slices"
	"time"

	"ews/app/meeting"
)

// Codes of notices.
const (
	CodeRoomsAdded = "rooms_added"
	CodeRecovered  = "recovered"
	CodeFailed     = "booking_failed"
	CodeNotChanged = "change_refused"
	CodeClash      = "booking_clash"
)

// Assets is the asset side of Eliona. Methods fail with an *Error.
type Assets interface {
	// Ensure makes sure that each room has an asset in the project, below the
	// root. Assets that exist already are adopted.
	Ensure(ctx context.Context, project string, rooms []RoomInfo) ([]EnsuredAsset, error)
	// Describe writes the attributes that make a room's asset bookable. It
	// reports false if the asset no longer exists.
	Describe(ctx context.Context, asset meeting.AssetID, room meeting.Address) (bool, error)
}

// EnsuredAsset is an asset that exists now; Created tells that it did not before.
type EnsuredAsset struct {
	Asset
	Created bool
}

// discovery keeps rooms and assets as the room list has them.
func (e *Engine) discovery(ctx context.Context) error {
	fails := 0
	for {
		err := e.discover(ctx)
		wait := jitter(e.RefreshInterval)
		switch {
		case err == nil:
			fails = 0
		case fatal(ctx, err):
			return err
		default:
			failure := classOf(err)
			e.log.WarnContext(ctx, "rooms not discovered", "code", failure.Code, "error", err)
			wait = retryIn(failure, fails)
			fails++
		}
		if err := e.awaitDiscovery(ctx, time.Now().Add(wait)); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// handoverStep is how often it is tried to take rooms over.
const handoverStep = time.Second

// awaitDiscovery waits until it is time for the next discovery. Meanwhile rooms
// may come from another configuration, or go to one.
func (e *Engine) awaitDiscovery(ctx context.Context, until time.Time) error {
	for {
		wait := max(0, time.Until(until))
		if e.handover.Load() {
			wait = min(wait, handoverStep)
		}
		if !pauseOr(ctx, wait, e.wakeRooms) || !time.Now().Before(until) {
			return nil
		}
		if err := e.loadRooms(ctx); err != nil {
			if fatal(ctx, err) {
				return err
			}
			e.log.WarnContext(ctx, "rooms not read", "error", err)
		}
	}
}

// retryStore repeats what the engine cannot begin without.
func (e *Engine) retryStore(ctx context.Context, f func(context.Context) error) error {
	for attempt := 0; ; attempt++ {
		err := f(ctx)
		if err == nil || fatal(ctx, err) {
			return err
		}
		e.log.WarnContext(ctx, "database not available", "error", err)
		if !pause(ctx, backoff(attempt)) {
			return nil
		}
	}
}

func (e *Engine) discover(ctx context.Context) error {
	if e.Discover {
		found, err := e.calendar.Rooms(withUrgency(ctx, ForChange))
		if err != nil {
			e.report(ctx, "exchange", classOf(err))
			return err
		}
		e.report(ctx, "exchange", nil)
		if e.Wanted != nil {
			found = slices.DeleteFunc(found, func(r RoomInfo) bool { return !e.Wanted(r) })
		}
		if err := e.syncRooms(ctx, found); err != nil {
			return err
		}
		if err := e.ensureAssets(ctx, found); err != nil {
			return err
		}
	}
	// Other configurations may have changed what is ours, too.
	if err := e.loadRooms(ctx); err != nil {
		return err
	}
	if e.relisted {
		// What was told of bookings in a room that was not listed was ignored, and
		// the listener may not have noticed that it was gone and returned.
		e.relisted = false
		e.Compare()
	}
	return e.describe(ctx)
}

// syncRooms stores the room list. While rooms return nothing is planned: what the
// database knows of is planned again later, but a booking that is told right
// afterwards must not be planned as if it covered less than it does.
func (e *Engine) syncRooms(ctx context.Context, found []RoomInfo) error {
	if !e.returning(found) {
		return e.storeList(ctx, found)
	}
	renewal := make(chan struct{})
	defer close(renewal)
	e.renewal.Store(&renewal)
	err := e.storeList(ctx, found)
	if failed := e.retryStore(ctx, e.loadRooms); failed != nil {
		return failed
	}
	if ctx.Err() == nil {
		e.renewal.Store(nil)
	}
	return err
}

func (e *Engine) storeList(ctx context.Context, found []RoomInfo) error {
	changed, err := e.store.SyncRooms(ctx, found)
	first := len(*e.rooms.Load()) == 0 // nobody was listening yet
	e.relisted = e.relisted || !first && (changed || err != nil)
	return err
}

// returning tells whether rooms are listed that are not worked on.
func (e *Engine) returning(found []RoomInfo) bool {
	retired := map[meeting.Address]bool{}
	for _, room := range *e.rooms.Load() {
		retired[room.Address] = room.Retired
	}
	return slices.ContainsFunc(found, func(r RoomInfo) bool { return retired[r.Address] })
}

// ensureAssets makes the assets that have no record yet. One that has a record
// is left alone, whatever became of it in Eliona: it may have been renamed,
// moved or deleted there on purpose.
func (e *Engine) ensureAssets(ctx context.Context, rooms []RoomInfo) error {
	known, err := e.store.Assets(ctx)
	if err != nil {
		return err
	}
	for _, project := range e.Projects {
		missing := slices.DeleteFunc(slices.Clone(rooms), func(r RoomInfo) bool {
			return slices.ContainsFunc(known, func(a Asset) bool { return a.Project == project && a.Room == r.Address && a.ID != 0 })
		})
		if len(missing) == 0 {
			continue
		}
		ensured, err := e.assets.Ensure(ctx, project, missing)
		if err != nil {
			e.report(ctx, "eliona", classOf(err))
			return err
		}
		e.report(ctx, "eliona", nil)
		if err := e.saveEnsured(ctx, project, ensured); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) saveEnsured(ctx context.Context, project string, ensured []EnsuredAsset) error {
	created := 0
	assets := make([]Asset, 0, len(ensured))
	for _, a := range ensured {
		assets = append(assets, a.Asset)
		if a.Created && a.Room != "" {
			created++
		}
	}
	if err := e.store.SaveAssets(ctx, assets); err != nil {
		return err
	}
	if err := e.loadRooms(ctx); err != nil {
		return err
	}
	e.log.InfoContext(ctx, "assets ensured", "project", project, "assets", len(assets), "created", created)
	if created == 0 {
		return nil
	}
	subject := "project " + project
	if _, err := e.store.Resolve(ctx, subject, CodeRoomsAdded); err != nil {
		return err
	}
	return e.store.Notify(ctx, []Notice{{Subject: subject, Code: CodeRoomsAdded, Project: project, Amount: created}})
}

// describe writes the attributes of assets until it succeeded once.
func (e *Engine) describe(ctx context.Context) error {
	known, err := e.store.Assets(ctx)
	if err != nil {
		return err
	}
	for _, a := range known {
		if a.Described || a.ID == 0 || a.Room == "" {
			continue
		}
		exists, err := e.assets.Describe(ctx, a.ID, a.Room)
		if err != nil {
			e.report(ctx, "eliona", classOf(err))
			return err
		}
		if !exists {
			e.log.InfoContext(ctx, "asset was deleted in Eliona", "asset", a.ID, "room", a.Room)
		}
		a.Described = true
		if err := e.store.SaveAssets(ctx, []Asset{a}); err != nil {
			return err
		}
	}
	e.report(ctx, "eliona", nil)
	return nil
}
