package enginetest

import (
	"context"
	"slices"
	"time"

	"ews/app/engine"
	"ews/app/meeting"
)

var _ engine.Watcher = (*calendar)(nil)

// stream tells a process of rooms in whose calendars something changed.
type stream struct {
	rooms []meeting.Address
	engine.Lookout
	dropped chan struct{} // closed when the connection is lost
	over    bool
}

// Watch implements engine.Watcher.
func (c *calendar) Watch(ctx context.Context, rooms []meeting.Address, l engine.Lookout) error {
	for {
		s := c.w.stream(rooms, l)
		select {
		case <-ctx.Done():
		case <-c.p.dead:
		case <-s.dropped:
		}
		c.w.endStream(s)
		if err := c.p.travel(ctx, time.Second); err != nil {
			return nil //nolint:nilerr // being stopped is how watching ends
		}
	}
}

func (w *World) stream(rooms []meeting.Address, l engine.Lookout) *stream {
	defer w.lock()()
	s := &stream{rooms: rooms, Lookout: l, dropped: make(chan struct{})}
	w.exchange.streams = append(w.exchange.streams, s)
	l.Watched(rooms, true)
	for _, room := range rooms {
		l.Changed(room)
	}
	return s
}

func (w *World) endStream(s *stream) {
	defer w.lock()()
	s.over = true
	s.Watched(s.rooms, false)
	w.exchange.streams = slices.DeleteFunc(w.exchange.streams, func(other *stream) bool { return other == s })
}

// hint tells watchers of a change in a room. They may not hear of it, or late,
// or twice, or of a room where nothing changed.
func (x *exchange) hint(room meeting.Address) {
	for _, s := range x.streams {
		if !slices.Contains(s.rooms, room) {
			continue
		}
		d := x.w.dice()
		told := []meeting.Address{room}
		switch d.Roll(8) {
		case 5:
			told = append(told, room)
		case 6:
			told = append(told, s.rooms[d.Roll(len(s.rooms))])
		case 7:
			told = nil
		}
		for _, room := range told {
			x.w.after(d.delay(), func() {
				if !s.over {
					s.Changed(room)
				}
			})
		}
	}
}

// dropStreams ends all streams; what was not told yet is lost.
func (x *exchange) dropStreams() {
	for _, s := range x.streams {
		close(s.dropped)
		s.over = true
	}
	x.streams = nil
}
