package plan_test
import ("testing";"fmt")
var histN int
var statKinds = map[string]int{}
func TestZStat(t *testing.T){ fmt.Println(histN, statKinds) }
