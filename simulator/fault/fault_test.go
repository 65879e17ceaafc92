package fault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ews/simulator/fault"
)

func TestWhatIsCertainComesBeforeWhatIsLeftToChance(t *testing.T) {
	r := fault.New(1)
	for _, rule := range []fault.Rule{
		{ID: "chance", Kind: fault.Truncate, Probability: 0.999},
		{ID: "certain", Kind: fault.Status, Mailbox: "alice@example.com", Count: 2},
		{ID: "later", Kind: fault.Throttle, Mailbox: "alice@example.com", Count: 1},
	} {
		_, err := r.Add(rule)
		require.NoError(t, err)
	}
	var hits []string
	for range 4 {
		rule, hit := r.Match("exchange", "CreateItem", "Alice@Example.com")
		require.True(t, hit)
		hits = append(hits, rule.ID)
	}
	require.Equal(t, []string{"certain", "certain", "later", "chance"}, hits)
	rule, hit := r.Match("exchange", "CreateItem", "bob@example.com")
	require.True(t, hit)
	require.Equal(t, "chance", rule.ID)
}
