package engine

import (
	"crypto/sha1" //nolint:gosec // the hash of version-5 UUIDs, no security depends on it
	"encoding/hex"
	"fmt"

	"ews/app/meeting"
)

// reference names the meeting that belongs to a booking: a version-5 UUID
// (RFC 9562, section 5.5) of this installation and the booking's number. The
// same booking always gets the same reference, so a second attempt to make its
// meeting finds the first.
func (e *Engine) reference(id meeting.BookingID) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s/booking/%d", e.Installation, id)) //nolint:gosec // see above
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
