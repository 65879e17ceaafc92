package place

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

// house is a list of rooms, the directory that knows them, and their assets. The
// test holds it except while time elapses.
type house struct {
	mu     sync.Mutex
	rooms  []store.RoomAssets
	at     map[meeting.Address]string
	asked  []meeting.Address
	down   error // of the directory
	gone   eliona.AssetID
	broken error // of Eliona
	assets map[eliona.AssetID]map[string]any
	writes int
	logs   bytes.Buffer
}

func (h *house) RoomAssets(context.Context) ([]store.RoomAssets, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.rooms), nil
}

func (h *house) Location(_ context.Context, room meeting.Address) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, room)
	return h.at[room], h.down
}

func (h *house) WriteData(_ context.Context, section eliona.Data) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	switch {
	case section.AssetID == h.gone:
		return &eliona.Error{Class: eliona.NotFound}
	case h.broken != nil:
		return h.broken
	}
	h.assets[section.AssetID] = section.Attributes
	return nil
}

// play runs the sign of a house with two rooms, one of which is known in two
// projects, in simulated time.
func play(t *testing.T, act func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &house{
			rooms: []store.RoomAssets{
				{Room: "lake@example.com", Assets: []meeting.AssetID{10, 20}}, {Room: "hill@example.com", Assets: []meeting.AssetID{11}},
			},
			at:     map[meeting.Address]string{"lake@example.com": "Tower 2"},
			assets: map[eliona.AssetID]map[string]any{},
		}
		s := &Sign{Rooms: h, Directory: h, Assets: h, Log: slog.New(slog.NewTextHandler(&h.logs, nil))}
		h.mu.Lock()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Run(ctx)
		}()
		act(h)
		h.mu.Unlock()
		cancel()
		<-ended
	})
}

// elapse lets simulated time pass, and everything happen that is due then.
func (h *house) elapse(d time.Duration) {
	h.mu.Unlock()
	time.Sleep(d) //nolint:forbidigo // the clock is simulated
	synctest.Wait()
	h.mu.Lock()
}

func TestAssetsTellWhereRoomsAre(t *testing.T) {
	t.Parallel()
	play(t, func(h *house) {
		h.elapse(30 * time.Second)
		require.Empty(t, h.asked, "others have more to do after the start")
		h.elapse(time.Minute)
		there := map[string]any{"email": "lake@example.com", "location": "Tower 2"}
		require.Equal(t, map[eliona.AssetID]map[string]any{10: there, 20: there}, h.assets, "nothing is written where nothing is known")
		h.rooms = append(h.rooms, store.RoomAssets{Room: "new@example.com", Assets: []meeting.AssetID{12}})
		h.at["new@example.com"] = "Tower 3"
		h.elapse(20 * time.Minute)
		require.Equal(t, "Tower 3", h.assets[12]["location"])
		require.Equal(t, []meeting.Address{"lake@example.com", "hill@example.com", "new@example.com"}, h.asked, "each once a day")
		h.at["lake@example.com"] = ""
		h.elapse(24 * time.Hour)
		require.Empty(t, h.assets[10]["location"], "it is not known any more")
		require.Len(t, h.asked, 6)
		require.Equal(t, 5, h.writes, "only what is new")
		require.Empty(t, h.logs.String())
	})
}

func TestRoomsAreTriedAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	play(t, func(h *house) {
		h.down = errors.New("no answer")
		h.elapse(5 * time.Minute)
		require.Len(t, h.asked, 1, "the others wait as well")
		require.Contains(t, h.logs.String(), "no answer")
		h.down, h.broken = nil, errors.New("Eliona is down")
		h.elapse(10 * time.Minute)
		require.Contains(t, h.logs.String(), "Eliona is down")
		h.broken, h.gone = nil, 10
		h.elapse(10 * time.Minute)
		require.Equal(t, "Tower 2", h.assets[20]["location"], "an asset that was deleted keeps no other from being written")
	})
}
