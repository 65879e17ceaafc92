// Package agenda writes to the rooms' assets in Eliona what stands next in
// their calendars, for dashboards, rules and displays at doors.
package agenda

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ews/app/meeting"
	"ews/db/store"
	"ews/eliona"
)

// Source knows the rooms' agendas.
type Source interface {
	Agendas(ctx context.Context, at time.Time) ([]store.Agenda, error)
}

// Assets writes sections of assets' data: all of them, or one by one. A deleted
// asset is eliona.NotFound, and then nothing of a bulk is written.
type Assets interface {
	WriteBulk(ctx context.Context, sections []eliona.Data) error
	WriteData(ctx context.Context, section eliona.Data) error
}

const (
	// every is the time between two looks; a look costs one statement.
	every = 10 * time.Second
	// longest is the time between two looks while Eliona does not answer.
	longest = 5 * time.Minute
	// bulk is how many sections are written at once.
	bulk = 100
	// absent is how long a deleted asset is left alone.
	absent = time.Hour
)

// Board writes the agendas of one configuration.
type Board struct {
	Zone   *time.Location // in which times are written; nil = UTC
	Source Source
	Assets Assets
	Log    *slog.Logger

	written map[meeting.AssetID]eliona.Agenda
	missing map[meeting.AssetID]time.Time // deleted in Eliona; when it was noticed
}

// Run writes agendas until ctx ends. What was written before is not known at
// first: everything is written once.
func (b *Board) Run(ctx context.Context) {
	b.written, b.missing = map[meeting.AssetID]eliona.Agenda{}, map[meeting.AssetID]time.Time{}
	wait := every
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		err := b.look(ctx)
		switch {
		case err == nil:
			wait = every
		case ctx.Err() != nil:
			return
		default:
			wait = min(2*wait, longest)
			b.Log.WarnContext(ctx, "agendas not written", "error", err, "retry_in", wait)
		}
	}
}

// look writes what has changed.
func (b *Board) look(ctx context.Context) error {
	now := time.Now()
	agendas, err := b.Source.Agendas(ctx, now)
	if err != nil {
		return err
	}
	var changed []eliona.Data
	var shown []eliona.Agenda
	for _, a := range agendas {
		wanted := b.shown(a)
		for _, id := range a.Assets {
			if was, ok := b.written[id]; ok && was == wanted || now.Sub(b.missing[id]) < absent {
				continue
			}
			changed = append(changed, eliona.RoomAgenda(eliona.AssetID(id), wanted))
			shown = append(shown, wanted)
		}
	}
	for len(changed) > 0 {
		n := min(bulk, len(changed))
		if err := b.write(ctx, changed[:n], shown[:n], now); err != nil {
			return err
		}
		changed, shown = changed[n:], shown[n:]
	}
	return nil
}

func (b *Board) write(ctx context.Context, sections []eliona.Data, shown []eliona.Agenda, now time.Time) error {
	err := b.Assets.WriteBulk(ctx, sections)
	if err == nil {
		for i, s := range sections {
			b.written[meeting.AssetID(s.AssetID)] = shown[i]
		}
		return nil
	}
	if !notFound(err) {
		return err
	}
	// One that was deleted keeps the others from being written.
	for i, s := range sections {
		id := meeting.AssetID(s.AssetID)
		switch err := b.Assets.WriteData(ctx, s); {
		case err == nil:
			b.written[id] = shown[i]
			delete(b.missing, id)
		case notFound(err):
			b.missing[id] = now
		default:
			return err
		}
	}
	return nil
}

func notFound(err error) bool {
	failure, ok := errors.AsType[*eliona.Error](err)
	return ok && failure.Class == eliona.NotFound
}

// shown writes the times as people and machines can read them.
func (b *Board) shown(a store.Agenda) eliona.Agenda {
	zone := b.Zone
	if zone == nil {
		zone = time.UTC
	}
	text := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format(time.RFC3339)
	}
	return eliona.Agenda{CurrentEnd: text(a.Current.End), NextStart: text(a.Next.Start), NextEnd: text(a.Next.End)}
}
