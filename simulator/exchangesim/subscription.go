package exchangesim

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"ews/simulator/exchangesim/soap"
)

// The kinds of events that the store reports.
const (
	eventCreated  = "CreatedEvent"
	eventModified = "ModifiedEvent"
	eventDeleted  = "DeletedEvent"
	eventMoved    = "MovedEvent"
)

// event is a change in a folder. old is set for moves: the item as it was.
type event struct {
	kind   string
	folder *folder
	item   *item
	old    *item
}

// subscription collects events of one mailbox for one streaming connection.
type subscription struct {
	id      string
	caller  string
	folders []*folder // nil means all of the mailbox
	box     *mailbox
	kinds   []string
	pending []*soap.Element
	signal  chan struct{}
}

// maxSubscriptions is how many subscriptions a mailbox may have.
const maxSubscriptions = 20

// publish hands an event to the subscriptions that want it.
func (s *Server) publish(e event) {
	for _, sub := range s.subscriptions {
		if sub.box != e.folder.box || !slices.Contains(sub.kinds, e.kind) {
			continue
		}
		watched := sub.folders == nil || slices.Contains(sub.folders, e.folder) || e.old != nil && slices.Contains(sub.folders, e.old.folder)
		if !watched {
			continue
		}
		sub.pending = append(sub.pending, s.showEvent(e))
		select {
		case sub.signal <- struct{}{}:
		default: // a reader has been told already
		}
	}
}

func (s *Server) showEvent(e event) *soap.Element {
	// Change keys in notifications are not those of the items.
	dummy := func(x *soap.Element) *soap.Element {
		x.Attrs[1].Value = "AQAAAA=="
		return x
	}
	out := soap.New(e.kind, soap.Time("TimeStamp", s.now()), dummy(s.itemID("ItemId", whole(e.item))), dummy(s.folderID("ParentFolderId", e.folder)))
	if e.old != nil {
		out.Add(dummy(s.itemID("OldItemId", whole(e.old))), dummy(s.folderID("OldParentFolderId", e.old.folder)))
	}
	return out
}

func (s *Server) opSubscribe(c *call) *soap.Element {
	request := c.op.Children[0]
	if request.Name != "StreamingSubscriptionRequest" {
		return c.respond([]outcome{{err: failWith("ErrorInvalidSubscriptionRequest", "Only streaming subscriptions are supported.")}})
	}
	all := isTrue(request.Attr("SubscribeToAllFolders"))
	list := request.Child("FolderIds")
	if all == (list != nil) {
		return c.respond([]outcome{{err: failWith("ErrorInvalidSubscriptionRequest", "Either folders or SubscribeToAllFolders are needed.")}})
	}
	sub := &subscription{caller: c.caller, box: c.box, signal: make(chan struct{}, 1)}
	if list != nil {
		for _, id := range list.Children {
			f, err := c.folderOf(id)
			if err != nil {
				return c.respond([]outcome{{err: err}})
			}
			sub.folders = append(sub.folders, f)
		}
	}
	count := 0
	for _, x := range s.subscriptions {
		if x.box == c.box {
			count++
		}
	}
	if count >= maxSubscriptions {
		return c.respond([]outcome{{err: failWith("ErrorExceededSubscriptionCount", "You have exceeded the available subscriptions for your account.")}})
	}
	for _, t := range request.Child("EventTypes").Children {
		sub.kinds = append(sub.kinds, t.Text)
	}
	s.lastSerial++
	sub.id = s.ids.encode(folderIDKind, c.box.guid, 0, s.lastSerial)
	s.subscriptions[sub.id] = sub
	return c.respond([]outcome{{body: []*soap.Element{soap.TextM("SubscriptionId", sub.id)}}})
}

func (s *Server) opUnsubscribe(c *call) *soap.Element {
	sub, err := s.subscription(c, c.op.ChildText("SubscriptionId"))
	if err == nil {
		delete(s.subscriptions, sub.id)
	}
	return c.respond([]outcome{{err: err}})
}

func (s *Server) subscription(c *call, id string) (*subscription, *ewsError) {
	sub := s.subscriptions[id]
	switch {
	case sub == nil:
		return nil, failWith("ErrorSubscriptionNotFound", "The specified subscription was not found.")
	case sub.caller != c.caller:
		return nil, failWith("ErrorSubscriptionAccessDenied", "Access to the subscription was denied.")
	}
	return sub, nil
}

// DropStreams cuts the streaming connections that there are, without a word,
// and tells how many clients may notice.
func (s *Server) DropStreams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.dropped)
	s.dropped = make(chan struct{})
	return s.streams
}

// DropSubscriptions forgets all streaming subscriptions, as a server does that
// was restarted.
func (s *Server) DropSubscriptions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.subscriptions)
}

// stream answers GetStreamingEvents: one envelope after the other over a
// connection that stays open.
func (s *Server) stream(x *exchange, c *call) {
	subs, bad := s.subscriptionsOf(c)
	if len(bad) > 0 {
		message := soap.NewM("GetStreamingEventsResponseMessage")
		status(message, failWith("ErrorInvalidSubscription", "One or more subscriptions in the request are not valid."))
		ids := soap.NewM("ErrorSubscriptionIds")
		for _, id := range bad {
			ids.Add(soap.TextM("SubscriptionId", id)) // on the wire not in the namespace that the schema says
		}
		x.answer(200, soap.NewM("GetStreamingEventsResponse", soap.NewM("ResponseMessages", message.Add(ids))))
		return
	}
	minutes, _ := strconv.Atoi(c.op.ChildText("ConnectionTimeout")) // the schema has checked it
	end := time.NewTimer(time.Duration(minutes) * time.Minute)
	defer end.Stop()
	beat := time.NewTicker(s.options.Heartbeat)
	defer beat.Stop()
	x.w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	out := 0
	defer func() { x.count(out, false) }()
	write := func(parts ...*soap.Element) bool {
		message := status(soap.NewM("GetStreamingEventsResponseMessage"), nil).Add(parts...)
		n, ok := x.chunk(soap.NewM("GetStreamingEventsResponse", soap.NewM("ResponseMessages", message)))
		out += n
		return ok
	}
	if !write(soap.TextM("ConnectionStatus", "OK")) {
		return
	}
	dropped := s.enterStream()
	defer s.leaveStream()
	wake := make(chan struct{}, 1)
	done := make(chan struct{})
	defer close(done)
	for _, sub := range subs {
		go forward(sub.signal, wake, done)
	}
	for {
		if notifications := s.collect(subs); notifications != nil {
			if !write(notifications) {
				return
			}
		}
		select {
		case <-wake:
		case <-beat.C:
			if !write(soap.TextM("ConnectionStatus", "OK")) {
				return
			}
		case <-end.C:
			write(soap.TextM("ConnectionStatus", "Closed"))
			return
		case <-s.closed:
			write(soap.TextM("ConnectionStatus", "Closed"))
			return
		case <-dropped:
			panic(http.ErrAbortHandler)
		case <-x.r.Context().Done():
			return
		}
	}
}

// enterStream counts a streaming connection and returns what cuts it.
func (s *Server) enterStream() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams++
	return s.dropped
}

func (s *Server) leaveStream() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams--
}

// forward merges the signals of several subscriptions into one.
func forward(from, to chan struct{}, done <-chan struct{}) {
	for {
		select {
		case <-from:
			select {
			case to <- struct{}{}:
			default: // the reader has been told already
			}
		case <-done:
			return
		}
	}
}

func (s *Server) subscriptionsOf(c *call) (subs []*subscription, bad []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range c.op.Child("SubscriptionIds").Children {
		sub, err := s.subscription(c, id.Text)
		if err != nil {
			bad = append(bad, id.Text)
			continue
		}
		subs = append(subs, sub)
	}
	return subs, bad
}

// collect takes the waiting events of all subscriptions.
func (s *Server) collect(subs []*subscription) *soap.Element {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := soap.NewM("Notifications")
	for _, sub := range subs {
		if len(sub.pending) == 0 {
			continue
		}
		// On the wire the element is in the messages namespace, other than the schema says.
		list.Add(soap.NewM("Notification", soap.Text("SubscriptionId", sub.id)).Add(sub.pending...))
		sub.pending = nil
	}
	if len(list.Children) == 0 {
		return nil
	}
	return list
}
