package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"ews/simulator/elionasim"
	"ews/simulator/exchangesim"
)

// seeds are what the simulators know at start.
type seeds struct {
	exchange exchangesim.Seed
	eliona   elionasim.Seed
}

// loadSeeds reads a seed file: the seed of the Exchange simulator with an
// optional member "eliona" for the seed of the Eliona simulator. Without the
// member Eliona has the default token, projects and apps, and a user for every
// mailbox. Without a file everything has its default.
func loadSeeds(path string) (seeds, error) {
	if path == "" {
		return seeds{exchange: exchangesim.DefaultSeed(), eliona: elionasim.DefaultSeed()}, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return seeds{}, fmt.Errorf("reading the seed: %w", err)
	}
	return parseSeeds(content)
}

func parseSeeds(content []byte) (seeds, error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(content, &members); err != nil {
		return seeds{}, fmt.Errorf("reading the seed: %w", err)
	}
	own, hasOwn := members["eliona"]
	delete(members, "eliona")
	rest, err := json.Marshal(members)
	if err != nil {
		return seeds{}, fmt.Errorf("reading the seed: %w", err)
	}
	var s seeds
	if s.exchange, err = exchangesim.LoadSeed(bytes.NewReader(rest)); err != nil {
		return seeds{}, err
	}
	if !hasOwn {
		s.eliona = elionaFor(s.exchange.Mailboxes)
		return s, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(own))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s.eliona); err != nil {
		return seeds{}, fmt.Errorf("reading eliona in the seed: %w", err)
	}
	if s.eliona.Token == "" {
		return seeds{}, fmt.Errorf("reading eliona in the seed: token is missing")
	}
	return s, nil
}

// elionaFor is the default seed with the users of these mailboxes.
func elionaFor(mailboxes []exchangesim.Mailbox) elionasim.Seed {
	seed := elionasim.DefaultSeed()
	seed.Users = seed.Users[:1] // the administrator
	first, err := strconv.Atoi(seed.Users[0].ID)
	if err != nil {
		first = 0
	}
	for i, mailbox := range mailboxes {
		given, family, _ := strings.Cut(mailbox.Name, " ")
		seed.Users = append(seed.Users, elionasim.User{
			ID: strconv.Itoa(first + 1 + i), Firstname: given, Lastname: family, Email: mailbox.Address,
		})
	}
	return seed
}
