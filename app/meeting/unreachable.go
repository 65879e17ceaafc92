package meeting

import "time"

// Unreachable records that the organizer's copy cannot be read, as when its
// mailbox is elsewhere or gone: the rooms' own calendars are all there is then.
func (o *Occurrence) Unreachable(at Moment) {
	o.Copy, o.CopySpan, o.CopyCheckedAt = CopyUnknown, Span{}, at.Now
	o.AskedBy, o.AskedAt = Nobody, time.Time{}
}
