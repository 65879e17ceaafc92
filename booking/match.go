package booking

import (
	"fmt"
	"slices"
	"time"
)

// match finds the booking id of every occurrence in the answer to a write; 0
// where the answer leaves a doubt. Evidence, strongest first: the id that was
// sent; start, end and assets; the position, if both lists are equally long and
// nothing speaks against it.
func match(sent []Occurrence, said []Booking) []ID {
	ids := make([]ID, len(sent))
	positions := make([]int, len(sent)) // index into said, -1 = none
	taken := make([]bool, len(said))
	again := repeated(said)
	for i := range positions {
		positions[i] = -1
	}
	assign := func(i, j int) {
		ids[i], positions[i], taken[j] = said[j].ID, j, true
	}
	matchByID(sent, said, taken, assign)
	matchByContent(sent, said, again, taken, positions, assign)

	leftover := false
	for j := range said {
		leftover = leftover || !taken[j] && !again[j]
	}
	for i, o := range sent {
		// What was accepted and is not contradicted keeps its id: answers may
		// leave out the cancelled or the unchanged.
		if positions[i] < 0 && o.ID != 0 && (o.Cancelled || !leftover) {
			ids[i] = o.ID
		}
	}
	if leftover {
		matchByPosition(sent, said, again, taken, positions, assign)
	}
	return ids
}

func matchByID(sent []Occurrence, said []Booking, taken []bool, assign func(i, j int)) {
	at := map[ID]int{}
	for j, b := range said {
		if _, known := at[b.ID]; b.ID != 0 && !known {
			at[b.ID] = j
		}
	}
	for i, o := range sent {
		if j, known := at[o.ID]; known && o.ID != 0 && !taken[j] {
			assign(i, j)
		}
	}
}

// matchByContent pairs what has equal start, end and assets. When the answer
// holds more such bookings than were asked for it cannot tell which are ours.
func matchByContent(sent []Occurrence, said []Booking, again, taken []bool, positions []int, assign func(i, j int)) {
	free := map[string][]int{}
	for j, b := range said {
		if !taken[j] && b.ID != 0 && !b.Cancelled && !again[j] {
			key := contentKey(Occurrence{Assets: b.Assets, Start: b.Start, End: b.End})
			free[key] = append(free[key], j)
		}
	}
	wanting := map[string][]int{}
	for i, o := range sent {
		if positions[i] < 0 && !o.Cancelled {
			key := contentKey(o)
			wanting[key] = append(wanting[key], i)
		}
	}
	for key, indexes := range wanting {
		if found := free[key]; len(found) <= len(indexes) {
			for n, j := range found {
				assign(indexes[n], j)
			}
		}
	}
}

// matchByPosition pairs what is left by index, all or nothing.
func matchByPosition(sent []Occurrence, said []Booking, again, taken []bool, positions []int, assign func(i, j int)) {
	order := make([]int, 0, len(sent)) // indexes of sent in the order of the answer
	for i, o := range sent {
		if len(said) == len(sent) || !o.Cancelled {
			order = append(order, i)
		}
	}
	if len(order) != len(said) {
		return
	}
	for j, i := range order {
		if positions[i] == j {
			continue
		}
		if positions[i] >= 0 || taken[j] || contradicts(sent[i], said[j]) || again[j] {
			return
		}
	}
	for j, i := range order {
		if positions[i] < 0 {
			assign(i, j)
		}
	}
}

func contradicts(o Occurrence, b Booking) bool {
	switch {
	case b.ID == 0, o.ID != 0 && o.ID != b.ID, b.Cancelled != o.Cancelled:
		return true
	case !b.Start.IsZero() && seconds(b.Start) != seconds(o.Start):
		return true
	case !b.End.IsZero() && seconds(b.End) != seconds(o.End):
		return true
	}
	return len(b.Assets) > 0 && !slices.Equal(b.Assets, assetSet(o.Assets))
}

// repeated tells of each element whether an earlier one has the same id.
func repeated(said []Booking) []bool {
	again, seen := make([]bool, len(said)), make(map[ID]bool, len(said))
	for j, b := range said {
		again[j] = seen[b.ID]
		seen[b.ID] = b.ID != 0
	}
	return again
}

// contentKey compares instants, in whole seconds, and sets of assets.
func contentKey(o Occurrence) string {
	return fmt.Sprint(seconds(o.Start), seconds(o.End), assetSet(o.Assets))
}

func seconds(t time.Time) int64 { return t.Unix() }
