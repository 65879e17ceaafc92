package contract

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Cancelling and answering.

func cancelWithoutKey(w *world) answer {
	i := w.book(appointment{span: w.slot(), rooms: w.rooms[:1]})
	return w.as(w.Organizer, respond("CancelCalendarItem", id{id: i.id}))
}

func cancelOldKey(w *world) answer {
	i := w.book(appointment{span: w.slot(), rooms: w.rooms[:1]})
	return w.as(w.Organizer, respond("CancelCalendarItem", w.old(i)))
}

func updateDeleted(w *world) answer {
	w.ok(w.Organizer, erase("MoveToDeletedItems", itemID(w.book(appointment{span: w.slot()}))))
	left := w.deleted()
	w.Len(left, 1)
	return w.as(w.Organizer, update("AlwaysOverwrite", itemID(idOf(left[0])), elsewhere))
}

func cancelAsRoom(w *world) answer {
	i := w.book(appointment{span: w.slot(), rooms: w.rooms[:1]})
	uid := w.answered(i, w.rooms[0], "Accept").text("UID")
	return w.as(w.rooms[0], respond("CancelCalendarItem", idOf(w.copies(w.rooms[0], uid)[0])))
}

func cancelTwice(w *world) answer {
	i := w.book(appointment{span: w.slot(), rooms: w.rooms[:1]})
	w.ok(w.Organizer, respond("CancelCalendarItem", idOf(w.answered(i, w.rooms[0], "Accept"))))
	left := w.deleted()
	w.Len(left, 1)
	return w.as(w.Organizer, respond("CancelCalendarItem", idOf(left[0])))
}

// answerCancelled answers a meeting whose cancelled copy a room has kept, which
// is a setting of the room.
func answerCancelled(kind string) func(*world) answer {
	return func(w *world) answer {
		room := w.rooms[1]
		i := w.book(appointment{span: w.slot(), rooms: []string{room}})
		item := w.answered(i, room, "Accept")
		uid := item.text("UID")
		w.ok(w.Organizer, respond("CancelCalendarItem", idOf(item)))
		var kept []*node
		w.until("the room is told", func() bool {
			kept = w.copies(room, uid)
			return !slices.ContainsFunc(kept, func(c *node) bool { return c.text("IsCancelled") != "true" })
		})
		if len(kept) == 0 {
			w.without("a room that keeps cancelled meetings")
		}
		return w.as(room, respond(kind, idOf(kept[0])))
	}
}

func answerOwn(kind string) func(*world) answer {
	return func(w *world) answer {
		i := w.book(appointment{span: w.slot(), rooms: w.rooms[:1]})
		return w.as(w.Organizer, respond(kind, idOf(w.answered(i, w.rooms[0], "Accept"))))
	}
}

// answerOutdated accepts a request after the meeting has moved.
func answerOutdated(w *world) answer {
	if w.Attendee == "" {
		w.without("a person to invite")
	}
	s := w.slot()
	i := w.book(appointment{span: s, people: []string{w.Attendee}})
	requests := func() []*node {
		return w.ok(w.Attendee, search("", equal(bySubject, w.subject), inbox))[0].at("RootFolder", "Items").Children
	}
	w.until("the request has come", func() bool { return len(requests()) == 1 })
	first := idOf(requests()[0])
	w.change(i, moved(s.later(time.Hour)))
	w.until("the change has come", func() bool { return len(requests()) == 2 })
	return w.as(w.Attendee, respond("AcceptItem", first))
}

// Subscriptions.

func subscribeToBoth(w *world) answer {
	return w.as(w.Organizer, strings.Replace(subscribeCalendar, "<m:StreamingSubscriptionRequest>", `<m:StreamingSubscriptionRequest SubscribeToAllFolders="true">`, 1))
}

func subscribeTooOften(w *world) answer {
	for range 25 {
		got := w.as(w.Organizer, subscribeCalendar)
		if !slices.Equal(got.codes(), []string{"NoError"}) {
			return got
		}
		subscription := got.messages()[0].text("SubscriptionId")
		defer func() { w.ok(w.Organizer, unsubscribe(subscription)) }()
	}
	w.without("a limit of 20 subscriptions")
	return answer{}
}

func unsubscribeTwice(w *world) answer {
	subscription := w.subscribe()
	w.ok(w.Organizer, unsubscribe(subscription))
	return w.as(w.Organizer, unsubscribe(subscription))
}

// A subscription is the account's that made it.
func unsubscribeForeign(w *world) answer {
	if w.Scoped == nil {
		w.without("another account that may act as the organizer")
	}
	subscription := w.subscribe()
	defer func() { w.ok(w.Organizer, unsubscribe(subscription)) }()
	return w.post(w.connect(*w.Scoped), acting("SmtpAddress", w.Organizer), unsubscribe(subscription))
}

// One subscription that does not exist spoils the stream for all.
func streamUnknown(w *world) answer {
	good, gone := w.subscribe(), w.subscribe()
	w.ok(w.Organizer, unsubscribe(gone))
	defer func() { w.ok(w.Organizer, unsubscribe(good)) }()
	got := w.as(w.Organizer, getStreamingEvents(good, gone))
	w.Equal(http.StatusOK, got.status)
	w.Equal(gone, got.messages()[0].text("ErrorSubscriptionIds", "SubscriptionId"))
	w.Len(got.messages()[0].at("ErrorSubscriptionIds").Children, 1)
	return got
}

func showsSubscriptions(w *world, message *node) { w.Nil(message.at("Notifications")) }
