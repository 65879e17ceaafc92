package engine

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// polling reads the change feeds of rooms that are due, and the calendars of
// those that changed.
func (e *Engine) polling(ctx context.Context) error {
	for {
		rooms, err := e.store.DueRooms(ctx, 4*e.Readers)
		if err != nil && fatal(ctx, err) {
			return err
		}
		if err != nil {
			e.log.WarnContext(ctx, "due rooms not read", "error", err)
		}
		group, polling := errgroup.WithContext(ctx)
		group.SetLimit(e.Readers)
		for _, room := range rooms {
			group.Go(func() error { return e.pollOrReport(polling, room) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if len(rooms) == 0 && !pauseOr(ctx, 500*time.Millisecond, e.wakePoll) {
			return nil
		}
	}
}

// pollOrReport isolates a room's failure: only losing the ownership of the
// configuration concerns the others.
func (e *Engine) pollOrReport(ctx context.Context, room DueRoom) error {
	err := e.poll(ctx, room)
	if err == nil {
		e.report(ctx, "exchange", nil)
		return nil
	}
	if fatal(ctx, err) {
		return err
	}
	if errors.Is(err, ErrClaimLost) {
		return nil // somebody else moved the feed on
	}
	failure := classOf(err)
	e.report(ctx, "exchange", failure)
	e.log.WarnContext(ctx, "room not polled", "room", room.Address, "code", failure.Code, "error", err)
	if err := e.store.RoomFailed(ctx, room.ID, failure.Code, e.retryAt(failure, room.Fails)); err != nil {
		if fatal(ctx, err) {
			return err
		}
		e.log.WarnContext(ctx, "room's failure not stored", "room", room.Address, "error", err)
		if !pause(ctx, time.Second) {
			return nil
		}
	}
	return nil
}

func (e *Engine) poll(ctx context.Context, room DueRoom) error {
	baseline := room.Token == ""
	for {
		delta, err := e.calendar.Changes(ctx, room.Address, room.Token)
		if err != nil && classOf(err).Class == InvalidToken && !baseline {
			// The feed starts anew. That deletes nothing: the full read that
			// follows compares with what is known.
			e.log.InfoContext(ctx, "change feed starts anew", "room", room.Address)
			baseline, room.Token = true, ""
			continue
		}
		if err != nil {
			return err
		}
		if room, err = e.store.SaveDelta(ctx, room, delta, baseline, e.now().Add(e.pollEvery())); err != nil {
			return err
		}
		baseline = false
		if !delta.More {
			break
		}
	}
	if !room.Read {
		return nil
	}
	return e.read(ctx, room)
}

// read compares a room's whole calendar with what is known of it. Its
// position in the change feed was stored before, so a change during the read
// leads to another one.
func (e *Engine) read(ctx context.Context, room DueRoom) error {
	since, err := e.store.Tick(ctx)
	if err != nil {
		return err
	}
	known, err := e.store.Known(ctx, room.ID)
	if err != nil {
		return err
	}
	span := e.window()
	sightings, err := e.calendar.Window(ctx, room.Address, span, known)
	if err != nil {
		return err
	}
	result, err := e.store.SaveWindow(ctx, WindowRead{
		Room: room, Since: since, Span: span, Sightings: sightings,
		Confirmed: room.Guarded, NextAudit: e.now().Add(jitter(24 * time.Hour)),
	})
	if err != nil {
		return err
	}
	if result.Suspected > 0 {
		e.log.WarnContext(ctx, "many entries vanished at once: looking again before believing it",
			"room", room.Address, "entries", result.Suspected)
		return nil
	}
	if result.Changed > 0 {
		e.log.DebugContext(ctx, "calendar read", "room", room.Address, "changed", result.Changed)
		wake(e.wakeWork)
	}
	return nil
}
