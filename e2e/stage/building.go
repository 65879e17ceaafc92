package stage

import (
	"encoding/json"
	"fmt"
	"os"

	"ews/simulator/exchangesim"
)

// Building is an organization of any size, for a seed file of the simulators.
// It has the users, clients and rights of the default one besides.
type Building struct {
	Rooms   int
	PerList int // rooms of a room list; 0 means 100, the most that Exchange tells
	People  int // besides the default users
	Fill    exchangesim.Fill
}

func (b Building) perList() int {
	if b.PerList == 0 {
		return 100
	}
	return b.PerList
}

// Lists are the addresses of the room lists.
func (b Building) Lists() []string {
	var lists []string
	for n := 0; n < b.Rooms; n += b.perList() {
		lists = append(lists, fmt.Sprintf("floor-%d@example.com", n/b.perList()+1))
	}
	return lists
}

// Room is the address of a room, counted from 0.
func (b Building) Room(n int) string { return fmt.Sprintf("room-%d@example.com", n+1) }

// Person is the address of a user, counted from 0.
func (b Building) Person(n int) string { return fmt.Sprintf("person-%d@example.com", n+1) }

// Write writes the seed file.
func (b Building) Write(path string) error {
	seed := exchangesim.DefaultSeed()
	for n := range b.People {
		seed.Mailboxes = append(seed.Mailboxes, exchangesim.Mailbox{
			Address: b.Person(n), Name: fmt.Sprintf("Person %d", n+1), Password: "secret",
		})
	}
	seed.RoomLists, seed.Fill = nil, b.Fill
	for i, address := range b.Lists() {
		list := exchangesim.RoomList{Address: address, Name: fmt.Sprintf("Floor %d", i+1)}
		for n := i * b.perList(); n < min((i+1)*b.perList(), b.Rooms); n++ {
			list.Rooms = append(list.Rooms, exchangesim.SeedRoom{Address: b.Room(n), Name: fmt.Sprintf("Room %d", n+1)})
		}
		seed.RoomLists = append(seed.RoomLists, list)
	}
	raw, err := json.Marshal(seed)
	if err != nil {
		return fmt.Errorf("encoding a seed: %w", err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return fmt.Errorf("writing a seed: %w", err)
	}
	return nil
}
