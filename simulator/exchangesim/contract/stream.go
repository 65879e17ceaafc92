package contract

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"time"
)

// subscribeCalendar watches it.
const subscribeCalendar = `<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>` + calendarFolder + `</t:FolderIds><t:EventTypes>` +
	`<t:EventType>CreatedEvent</t:EventType><t:EventType>ModifiedEvent</t:EventType><t:EventType>DeletedEvent</t:EventType>` +
	`<t:EventType>MovedEvent</t:EventType></t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>`

// subscribe watches the organizer's calendar.
func (w *world) subscribe() string {
	w.t.Helper()
	m := w.ok(w.Organizer, subscribeCalendar)[0]
	w.Nil(m.at("Watermark"), "streams have none")
	w.NotEmpty(m.text("SubscriptionId"))
	return m.text("SubscriptionId")
}

func unsubscribe(subscription string) string {
	return `<m:Unsubscribe><m:SubscriptionId>` + text(subscription) + `</m:SubscriptionId></m:Unsubscribe>`
}

func getStreamingEvents(subscriptions ...string) string {
	var b strings.Builder
	for _, s := range subscriptions {
		b.WriteString(`<t:SubscriptionId>` + text(s) + `</t:SubscriptionId>`)
	}
	return `<m:GetStreamingEvents><m:SubscriptionIds>` + b.String() + `</m:SubscriptionIds><m:ConnectionTimeout>1</m:ConnectionTimeout></m:GetStreamingEvents>`
}

// A stream is one envelope after the other: first that it stands, then what
// happens.
func streamEvents(w *world) {
	subscription := w.subscribe()
	listener := w.connect(w.Service)
	listener.http.Timeout = 0
	ctx, cancel := context.WithTimeout(w.ctx, w.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, strings.NewReader(envelope(version+acting("SmtpAddress", w.Organizer), getStreamingEvents(subscription))))
	w.NoError(err)
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("Accept-Encoding", "identity")
	listener.authorize(r)
	response, err := listener.http.Do(r)
	w.NoError(err)
	defer func() { _ = response.Body.Close() }()
	w.Equal(http.StatusOK, response.StatusCode)
	decoder := xml.NewDecoder(response.Body)
	next := func() *node {
		var e node
		w.NoError(decoder.Decode(&e))
		got := answer{status: http.StatusOK, soap: &e}
		return w.succeeded(got)[0]
	}
	w.Equal("OK", next().text("ConnectionStatus"))
	i := w.book(appointment{span: w.slot()})
	for {
		n := next().at("Notifications", "Notification")
		if n == nil {
			continue // a sign of life
		}
		w.Equal(subscription, n.text("SubscriptionId"))
		if event := n.at("CreatedEvent"); event != nil && idOf(event).id == i.id {
			_, err := time.Parse(time.RFC3339, event.text("TimeStamp"))
			w.NoError(err)
			w.NotEmpty(event.at("ParentFolderId").attr("Id"))
			break
		}
	}
	cancel()
	_, _ = io.Copy(io.Discard, response.Body)
	w.ok(w.Organizer, unsubscribe(subscription))
	w.Equal([]string{"ErrorSubscriptionNotFound"}, w.as(w.Organizer, unsubscribe(subscription)).codes())
}
