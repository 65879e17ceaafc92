package agenda

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
	"ews/db/store"
	"ews/eliona"
)

// house has rooms with agendas, and an Eliona in which assets may be missing.
type house struct {
	mu      sync.Mutex
	agendas []store.Agenda
	looks   int
	deleted map[eliona.AssetID]bool
	down    error

	bulks, singles int
	assets         map[eliona.AssetID]map[string]any
	logs           bytes.Buffer
}

func (h *house) Agendas(context.Context, time.Time) ([]store.Agenda, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looks++
	return slices.Clone(h.agendas), nil
}

func (h *house) WriteBulk(_ context.Context, sections []eliona.Data) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bulks++
	for _, s := range sections {
		if h.deleted[s.AssetID] {
			return &eliona.Error{Class: eliona.NotFound}
		}
	}
	for _, s := range sections {
		if err := h.store(s); err != nil {
			return err
		}
	}
	return nil
}

func (h *house) WriteData(_ context.Context, s eliona.Data) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.singles++
	if h.deleted[s.AssetID] {
		return &eliona.Error{Class: eliona.NotFound}
	}
	return h.store(s)
}

func (h *house) store(s eliona.Data) error {
	if h.down != nil {
		return h.down
	}
	if h.assets == nil {
		h.assets = map[eliona.AssetID]map[string]any{}
	}
	h.assets[s.AssetID] = s.Attributes
	return nil
}

// set changes something while a board works.
func (h *house) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// watched lets a board work while the test does something else.
func watched(t *testing.T, h *house, zone *time.Location, during func()) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &Board{Zone: zone, Source: h, Assets: h, Log: slog.New(slog.NewTextHandler(&h.logs, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Run(ctx)
		}()
		during()
		cancel()
		<-done
	})
}

// pass lets some time go by. It runs inside synctest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

var (
	nine    = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	hour    = meeting.Span{Start: nine, End: nine.Add(time.Hour)}
	another = meeting.Span{Start: nine.Add(3 * time.Hour), End: nine.Add(4 * time.Hour)}
)

func TestAgendasAreWrittenWhenTheyChange(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	require.NoError(t, err)
	h := &house{agendas: []store.Agenda{
		{Room: "lake@example.com", Assets: []meeting.AssetID{1, 2}, Current: hour, Next: another},
		{Room: "hill@example.com", Assets: []meeting.AssetID{3}},
	}}
	watched(t, h, zurich, func() {
		pass(every)
		lake := map[string]any{
			"current_end": "2026-12-01T11:00:00+01:00", "next_start": "2026-12-01T13:00:00+01:00", "next_end": "2026-12-01T14:00:00+01:00",
		}
		require.Equal(t, map[eliona.AssetID]map[string]any{
			1: lake, 2: lake, 3: {"current_end": "", "next_start": "", "next_end": ""},
		}, h.assets, "in all projects; a free room is told, too")
		pass(10 * every)
		require.Equal(t, 11, h.looks)
		require.Equal(t, 1, h.bulks, "nothing has changed")

		h.set(func() {
			h.agendas[0].Current = meeting.Span{}
			h.assets = nil
		})
		pass(every)
		require.Len(t, h.assets, 2, "only what has changed")
		require.Empty(t, h.assets[1]["current_end"])
	})
	require.Empty(t, h.logs.String())
}

func TestADeletedAssetKeepsNoOtherFromBeingWritten(t *testing.T) {
	h := &house{
		agendas: []store.Agenda{{Assets: []meeting.AssetID{1, 2, 3}, Next: hour}},
		deleted: map[eliona.AssetID]bool{2: true},
	}
	watched(t, h, nil, func() {
		pass(every)
		require.Contains(t, h.assets, eliona.AssetID(1))
		require.Contains(t, h.assets, eliona.AssetID(3))
		require.Equal(t, "2026-12-01T09:00:00Z", h.assets[1]["next_start"], "UTC without a zone")
		pass(10 * every)
		require.Equal(t, 1, h.bulks, "it is left alone")
		h.set(func() { h.deleted = nil })
		pass(absent)
		require.Contains(t, h.assets, eliona.AssetID(2), "it may have come back")
	})
	require.Empty(t, h.logs.String())
}

func TestManyAreWrittenInParts(t *testing.T) {
	h := &house{}
	for id := range meeting.AssetID(2*bulk + 1) {
		h.agendas = append(h.agendas, store.Agenda{Assets: []meeting.AssetID{id + 1}})
	}
	watched(t, h, nil, func() { pass(every) })
	require.Equal(t, 3, h.bulks)
	require.Len(t, h.assets, 2*bulk+1)
}

func TestAnElionaThatDoesNotAnswerIsAskedLessOften(t *testing.T) {
	h := &house{agendas: []store.Agenda{{Assets: []meeting.AssetID{1}}}, down: &eliona.Error{Class: eliona.Transient, Message: "no answer"}}
	watched(t, h, nil, func() {
		pass(time.Hour)
		require.Less(t, h.bulks, 20)
		h.set(func() { h.down = nil })
		pass(longest)
		require.Contains(t, h.assets, eliona.AssetID(1))
	})
	require.Contains(t, h.logs.String(), "no answer")
}

func TestADatabaseThatFailsIsNoEnd(t *testing.T) {
	h := &failing{house: &house{agendas: []store.Agenda{{Assets: []meeting.AssetID{1}}}}}
	synctest.Test(t, func(t *testing.T) {
		b := &Board{Source: h, Assets: h, Log: slog.New(slog.NewTextHandler(&h.logs, nil))}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		b.Run(ctx)
	})
	require.Contains(t, h.logs.String(), "database gone")
	require.Contains(t, h.assets, eliona.AssetID(1))
}

// failing fails once.
type failing struct {
	*house
	failed bool
}

func (f *failing) Agendas(ctx context.Context, at time.Time) ([]store.Agenda, error) {
	if !f.failed {
		f.failed = true
		return nil, errors.New("database gone")
	}
	return f.house.Agendas(ctx, at)
}
