package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ews/simulator/control"
	"ews/simulator/exchangesim"
)

// calendars shows the Exchange simulator to the control API.
type calendars struct {
	exchange *exchangesim.Server
}

// notFound marks the errors that say that something does not exist.
func notFound(err error) error {
	for _, missing := range []error{exchangesim.ErrNoMailbox, exchangesim.ErrNoMeeting, exchangesim.ErrNoOccurrence} {
		if errors.Is(err, missing) {
			return fmt.Errorf("%w: %w", control.ErrNotFound, err)
		}
	}
	return err
}

func (c calendars) Calendar(address string, from, to time.Time) (any, error) {
	entries, err := c.exchange.Calendar(address, from, to)
	return entries, notFound(err)
}

func (c calendars) Book(ctx context.Context, m control.Meeting) (string, error) {
	uid, err := c.exchange.Book(ctx, exchangesim.Person{
		Organizer: m.Organizer, Subject: m.Subject, Body: m.Body, Location: m.Location, Start: m.Start, End: m.End,
		Zone: m.Zone.ID, AllDay: m.AllDay, Private: m.Private, ShowAs: m.ShowAs, UID: m.UID, Rooms: m.Rooms, Attendees: m.Attendees, Recurrence: m.Rule,
	})
	return uid, notFound(err)
}

func (c calendars) Move(ref control.MeetingRef, start, end time.Time) error {
	return notFound(c.exchange.Move(ref.Organizer, ref.UID, ref.Occurrence, start, end))
}

func (c calendars) ChangeRooms(ref control.MeetingRef, rooms []string) error {
	return notFound(c.exchange.ChangeRooms(ref.Organizer, ref.UID, ref.Occurrence, rooms))
}

func (c calendars) Rename(ref control.MeetingRef, subject string) error {
	return notFound(c.exchange.ChangeSubject(ref.Organizer, ref.UID, subject))
}

func (c calendars) Cancel(ref control.MeetingRef) error {
	return notFound(c.exchange.Cancel(ref.Organizer, ref.UID, ref.Occurrence))
}

func (c calendars) DropStreams() int {
	defer c.exchange.DropSubscriptions()
	return c.exchange.DropStreams()
}

func (c calendars) Mailboxes() []string { return c.exchange.Mailboxes() }

func (c calendars) AddMailbox(address, name, password string) error {
	return c.exchange.AddMailbox(exchangesim.Mailbox{Address: address, Name: name, Password: password})
}

func (c calendars) DisableMailbox(address string, disabled bool) error {
	return notFound(c.exchange.DisableMailbox(address, disabled))
}

// listAnswer and roomAnswer are the form of GET /rooms.
type listAnswer struct {
	Address string       `json:"address"`
	Rooms   []roomAnswer `json:"rooms"`
}

type roomAnswer struct {
	Room string `json:"room"`
	exchangesim.Policy
}

// automatics translates the values of the control API for Policy.Automate.
func automatics() map[string]string {
	return map[string]string{
		"accept":    exchangesim.AutoAccept,
		"tentative": exchangesim.Tentative,
		"decline":   exchangesim.AutoDecline,
		"none":      exchangesim.NoAutomatic,
	}
}

func (c calendars) Rooms() any {
	lists := c.exchange.RoomLists()
	answer := []listAnswer{}
	for _, address := range slices.Sorted(maps.Keys(lists)) {
		list := listAnswer{Address: address, Rooms: []roomAnswer{}}
		for _, room := range lists[address] {
			policy, _ := c.exchange.Room(room)
			for name, value := range automatics() {
				if policy.Automate == value {
					policy.Automate = name
					break
				}
			}
			list.Rooms = append(list.Rooms, roomAnswer{Room: room, Policy: policy})
		}
		answer = append(answer, list)
	}
	return answer
}

func (c calendars) SetRoom(room string, change control.RoomChange) error {
	policy, ok := c.exchange.Room(room)
	if !ok {
		return fmt.Errorf("%w: no room %s", control.ErrNotFound, room)
	}
	if change.Automate != nil {
		policy.Automate = automatics()[*change.Automate]
	}
	set(&policy.HorizonDays, change.HorizonDays)
	set(&policy.EnforceHorizon, change.EnforceHorizon)
	set(&policy.MaxMinutes, change.MaxMinutes)
	set(&policy.AllowConflicts, change.AllowConflicts)
	set(&policy.AllowRecurring, change.AllowRecurring)
	set(&policy.ConflictPercentage, change.ConflictPercentage)
	set(&policy.MaxConflicts, change.MaxConflicts)
	set(&policy.KeepSubject, change.KeepSubject)
	set(&policy.KeepBody, change.KeepBody)
	set(&policy.KeepPrivate, change.KeepPrivate)
	set(&policy.KeepCancelled, change.KeepCancelled)
	set(&policy.ChangeIDOnAccept, change.ChangeIDOnAccept)
	if change.DecisionDelayMilliseconds != nil {
		policy.DecisionDelay = change.DecisionDelayMilliseconds
	}
	if err := c.exchange.SetRoom(room, policy); err != nil || change.Replaced == nil {
		return notFound(err)
	}
	return notFound(c.exchange.ReplaceMailbox(room, *change.Replaced))
}

// set assigns a value if there is one.
func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

func (c calendars) AddRoom(list, room, name string) error {
	return c.exchange.AddRoom(list, room, name)
}

func (c calendars) RemoveRoom(list, room string) error {
	return notFound(c.exchange.RemoveRoom(list, room))
}
