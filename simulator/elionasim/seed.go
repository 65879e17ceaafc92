package elionasim

// Seed is what the simulator knows at start.
type Seed struct {
	Token    string    `json:"token"`
	Projects []Project `json:"projects"`
	Users    []User    `json:"users"`
	Apps     []string  `json:"apps"` // installed, not yet initialised
}

// DefaultSeed returns the seed that goes with the default mailboxes of the
// Exchange simulator.
func DefaultSeed() Seed {
	return Seed{
		Token:    "secret",
		Projects: []Project{{ID: "10", Title: "Headquarters"}, {ID: "11", Title: "Branch office"}},
		Users: []User{
			{ID: "42", Firstname: "Ada", Lastname: "Admin", Email: "admin@example.com"},
			{ID: "43", Firstname: "Alice", Lastname: "Example", Email: "alice@example.com"},
			{ID: "44", Firstname: "Bob", Lastname: "Example", Email: "bob@example.com"},
			{ID: "45", Firstname: "Carol", Lastname: "Example", Email: "carol@example.com"},
			{ID: "46", Firstname: "Eliona", Lastname: "Service", Email: "eliona@example.com"},
		},
		Apps: []string{"ews"},
	}
}
