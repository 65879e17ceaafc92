package front

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Limits of a Journal. Older requests give way to newer ones.
const (
	journalLength  = 5000
	journalMaxBody = 64 << 10
)

// Entry is a request as it was received and how it was answered.
type Entry struct {
	Time      time.Time `json:"time"`
	Service   string    `json:"service"`
	Operation string    `json:"operation"`
	URI       string    `json:"uri"`
	Status    int       `json:"status"` // 0 if the connection was taken over or cut
	// Body is the request body; a JSON string if it is not JSON, absent if it
	// is empty or too long.
	Body json.RawMessage `json:"body,omitempty"`
}

// Journal remembers the last requests. Its methods may be called
// concurrently, and on a nil receiver.
type Journal struct {
	mu      sync.Mutex
	entries []Entry
}

// NewJournal returns an empty journal.
func NewJournal() *Journal { return &Journal{} }

func (j *Journal) add(e Entry) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) == journalLength {
		j.entries = slices.Delete(j.entries, 0, journalLength/10)
	}
	j.entries = append(j.entries, e)
}

// Entries returns the requests to a service, or to all if it is empty, oldest
// first.
func (j *Journal) Entries(service string) []Entry {
	out := []Entry{}
	if j == nil {
		return out
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if service == "" || service == e.Service {
			out = append(out, e)
		}
	}
	return out
}

// Clear forgets everything.
func (j *Journal) Clear() {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = nil
}

// journalBody makes a request body fit into an Entry.
func journalBody(body []byte) json.RawMessage {
	if len(body) == 0 || len(body) > journalMaxBody {
		return nil
	}
	if json.Valid(body) {
		return slices.Clone(body)
	}
	text, err := json.Marshal(string(body))
	if err != nil {
		return nil
	}
	return text
}
