package scenario

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"

	"ews/e2e/stage"
)

// UnfriendlyFlags are those of simulators that take the liberties that real
// servers take: answers and rooms that take their time, each its own, and little
// in one answer. All that is left to chance follows the seed.
func UnfriendlyFlags(seed uint64) []string {
	return []string{
		"-random-seed", strconv.FormatUint(seed, 10), "-latency-jitter", "40ms", "-decision-jitter", "300ms", "-response-jitter", "500ms",
		"-page-size", "20",
	}
}

// Unfriendly sets what the seed makes of the other liberties: pushes that come
// late, twice, in parts and with the app's own writes, answers in any order, and
// fields that nobody knows.
func Unfriendly(ctx context.Context, control *stage.Control, seed uint64) error {
	dice := rand.New(rand.NewPCG(seed, 1))
	return control.Switch(ctx, map[string]any{"booking": map[string]any{
		"duplicatesPerAsset": true, "echoSuppression": false, "replayOnSubscribe": true, "responseOrder": "shuffled",
		"delayMilliseconds": 20, "pushContent": []string{"full-group", "changed-only"}[dice.IntN(2)],
		"pushIDKey": []string{"ID", "id"}[dice.IntN(2)], "emptyList": []string{"null", "[]"}[dice.IntN(2)],
	}, "eliona": map[string]any{"bulkShuffled": true, "unknownFields": "everywhere"}})
}

// accidents make a world unfriendly, in which rooms think for a while, too, and
// requests take long or fail now and then, some of them after they were carried
// out.
func (w *World) accidents(ctx context.Context, scenarios []*Scenario, seed uint64) error {
	if err := Unfriendly(ctx, w.Control, seed); err != nil {
		return err
	}
	dice := rand.New(rand.NewPCG(seed, 2))
	for _, s := range scenarios {
		for _, room := range s.Rooms {
			if slices.Contains(s.Late, room) {
				continue
			}
			change := map[string]any{"room": w.address(s, room), "decisionDelayMilliseconds": dice.IntN(1500)}
			if err := w.Control.SetRoom(ctx, change); err != nil {
				return err
			}
		}
	}
	rules := []map[string]any{
		{"service": "exchange", "kind": "status", "status": 500, "probability": 0.007},
		{"service": "exchange", "kind": "status", "status": 503, "probability": 0.003, "count": 1},                // makes the app pause
		{"service": "exchange", "kind": "throttle", "backOffMilliseconds": 300, "probability": 0.003, "count": 1}, // so does this, and longer each time
		{"service": "exchange", "kind": "responseCode", "code": "ErrorTimeoutExpired", "probability": 0.003},
		{"service": "exchange", "kind": "resetBefore", "probability": 0.003},
		{"service": "exchange", "kind": "resetAfterBody", "probability": 0.01},
		{"service": "exchange", "kind": "truncate", "probability": 0.005},
		{"service": "exchange", "kind": "delay", "delayMilliseconds": 1500, "probability": 0.01},
		{"service": "booking", "kind": "status", "status": 503, "probability": 0.03},
		{"service": "booking", "kind": "resetAfterBody", "probability": 0.02},
		{"service": "booking", "kind": "truncate", "probability": 0.02},
		{"service": "booking", "kind": "delay", "delayMilliseconds": 700, "probability": 0.05},
		{"service": "eliona", "kind": "status", "status": 503, "probability": 0.02},
		{"service": "eliona", "kind": "delay", "delayMilliseconds": 700, "probability": 0.05},
	}
	return w.Control.Do(ctx, http.MethodPost, "/faults", rules, nil)
}

// Accidents counts what went wrong so far.
func (w *World) Accidents(ctx context.Context) (int, error) { return w.Control.Applied(ctx, "") }
