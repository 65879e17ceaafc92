package engine_test

import (
	"testing"

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
			some := drawn(enginetest.Options{Rooms: 3, Mutant: &mutant}, plain, faults, crashes, crashes, replicas)
			for n := range mutantHistories {
				if found := playInBubble(t, some.Example(n)); found != nil {
					t.Logf("%s: found by history %d: %s", mutant.Name, n+1, found.text)
					return
				}
			}
			t.Fatalf("%d histories were as they should be", mutantHistories)
		})
	}
}
