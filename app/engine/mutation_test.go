package engine_test

import (
	"testing"
	"testing/synctest"

	"ews/app/engine/enginetest"
)

// mutantHistories bounds the search for a history that shows a defect.
const mutantHistories = 2000

// The checks of the model can fail: with a deliberate defect they do, and soon.
// With -v it says which of them noticed it, and after how many histories.
func TestMutantsAreFound(t *testing.T) {
	t.Parallel()
	for _, mutant := range enginetest.Mutants() {
		t.Run(mutant.Name, func(t *testing.T) {
			t.Parallel()
			some := drawn(enginetest.Options{Rooms: 2, Mutant: &mutant}, plain, faults, crashes, replicas)
			for n := range mutantHistories {
				h := some.Example(n)
				var found *finding
				synctest.Test(t, func(t *testing.T) { found = play(t.Context(), h) })
				if found != nil {
					t.Logf("history %d: %s", n+1, found.text)
					return
				}
			}
			t.Fatalf("%d histories were as they should be", mutantHistories)
		})
	}
}
