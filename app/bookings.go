package app

import (
	"context"
	"errors"
	"slices"
	"sync"

	"ews/app/engine"
	"ews/app/meeting"
	"ews/app/plan"
	"ews/booking"
)

// bookings gives the engine the Booking app.
type bookings struct{ client *booking.Client }

var _ engine.Bookings = (*bookings)(nil)

// Write implements engine.Bookings.
func (b *bookings) Write(ctx context.Context, group meeting.GroupID, organizer meeting.Address, items []plan.Item) (meeting.GroupID, []meeting.BookingID, error) {
	request := booking.GroupRequest{Group: booking.GroupID(group), Organizer: string(organizer)}
	for _, item := range items {
		request.Occurrences = append(request.Occurrences, booking.Occurrence{
			ID: booking.ID(item.Booking), Assets: convert[booking.AssetID](item.Assets),
			Start: item.Span.Start, End: item.Span.End,
		})
	}
	result, err := b.client.UpsertGroup(ctx, request)
	written := meeting.GroupID(result.Group)
	if written == 0 {
		written = group
	}
	return written, convert[meeting.BookingID](result.IDs), bookingError(err)
}

// Cancel implements engine.Bookings.
func (b *bookings) Cancel(ctx context.Context, id meeting.BookingID, reason meeting.Reason) error {
	return bookingError(b.client.Cancel(ctx, booking.ID(id), booking.Reason(reason)))
}

// Get implements engine.Bookings.
func (b *bookings) Get(ctx context.Context, id meeting.BookingID) (engine.Booking, bool, error) {
	found, ok, err := b.client.Get(ctx, booking.ID(id))
	return bookingOf(found), ok, bookingError(err)
}

// List implements engine.Bookings.
func (b *bookings) List(ctx context.Context, asset meeting.AssetID, span meeting.Span) ([]engine.Booking, error) {
	found, err := b.client.List(ctx, booking.AssetID(asset), span.Start, span.End)
	out := make([]engine.Booking, 0, len(found))
	for _, x := range found {
		out = append(out, bookingOf(x))
	}
	return out, bookingError(err)
}

// Listen implements engine.Bookings.
func (b *bookings) Listen(ctx context.Context, assets <-chan []meeting.AssetID, l engine.Listener) error {
	listener := b.client.NewListener(&ear{l})
	var feeding sync.WaitGroup
	feeding.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case list := <-assets:
				listener.SetAssets(convert[booking.AssetID](list))
			}
		}
	})
	err := listener.Run(ctx)
	feeding.Wait()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // being stopped is how it ends
	}
	return err
}

// ear hears for the engine.
type ear struct{ engine.Listener }

// Connected implements booking.Handler.
func (h *ear) Connected(ctx context.Context) error {
	h.Listener.Connected(ctx)
	return nil
}

// Disconnected implements booking.Handler.
func (h *ear) Disconnected(_ context.Context, err error) { h.Listener.Disconnected(err) }

// Changed implements booking.Handler.
func (h *ear) Changed(ctx context.Context, group booking.Group) error {
	list := make([]engine.Booking, 0, len(group.Bookings))
	for _, x := range group.Bookings {
		one := bookingOf(x)
		if one.Group == 0 {
			one.Group = meeting.GroupID(group.ID)
		}
		list = append(list, one)
	}
	h.Listener.Changed(ctx, list)
	return nil
}

func bookingOf(x booking.Booking) engine.Booking {
	return engine.Booking{
		ID: meeting.BookingID(x.ID), Group: meeting.GroupID(x.Group), Assets: convert[meeting.AssetID](x.Assets),
		Organizer: x.Organizer, Span: meeting.SpanOf(x.Start, x.End), Cancelled: x.Cancelled,
	}
}

// convert changes the type of numbers that mean the same.
func convert[To, From ~int32](in []From) []To {
	out := make([]To, len(in))
	for i, n := range in {
		out[i] = To(n)
	}
	return slices.Clip(out)
}

var bookingClasses = map[booking.Class]struct {
	class engine.Class
	code  string
}{
	booking.Transient: {engine.Transient, "booking_app_unreachable"},
	booking.Refused:   {engine.Refused, engine.CodeClash},
	booking.NotFound:  {engine.NotFound, "booking_not_found"},
	booking.TooOld:    {engine.Broken, "booking_app_too_old"},
	booking.Bug:       {engine.Refused, "booking_request_refused"},
}

func bookingError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, booking.ErrUnmatched) {
		return &engine.Error{Class: engine.Unmatched, Code: "booking_unmatched", Ambiguous: true, Err: err}
	}
	var e *booking.Error
	if !errors.As(err, &e) {
		return &engine.Error{Class: engine.Transient, Code: "booking_app_unreachable", Err: err}
	}
	if own, ok := errors.AsType[*engine.Error](err); ok { // why it was not sent
		return &engine.Error{Class: own.Class, Code: own.Code, Ambiguous: e.Ambiguous, Err: err}
	}
	known := bookingClasses[e.Class]
	out := &engine.Error{Class: known.class, Code: known.code, Ambiguous: e.Ambiguous, Pause: e.RetryAfter, Err: err}
	if e.RetryAfter > 0 && out.Class == engine.Transient {
		out.Class = engine.Throttled
	}
	return out
}
