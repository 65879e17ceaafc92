package engine

import (
	"crypto/sha1" //nolint:gosec // the hash of version-5 UUIDs, no security depends on it
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"ews/app/meeting"
)

// reference names the meeting that belongs to a booking: a version-5 UUID
// (RFC 9562, section 5.5) of this installation and the booking's number. The
// same booking always gets the same reference, so a second attempt to make its
// meeting finds the first.
func (e *Engine) reference(id meeting.BookingID) string {
	sum := e.referenceBytes(nil, id)
	s := hex.EncodeToString(sum[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// referenceBytes are those of the reference; room is reused.
func (e *Engine) referenceBytes(room []byte, id meeting.BookingID) (sum [16]byte) {
	room = append(append(room[:0], e.Installation...), "/booking/"...)
	long := sha1.Sum(strconv.AppendInt(room, int64(id), 10)) //nolint:gosec // see above
	copy(sum[:], long[:])
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return sum
}

// numbersAtLeast is up to which number of a booking references are tried.
const numbersAtLeast = 1 << 20

// numbered finds the bookings that references were made of, by trying: a million
// numbers take a few tenths of a second. highest is a number known to exist.
func (e *Engine) numbered(refs map[string]bool, highest meeting.BookingID) map[string]meeting.BookingID {
	out := map[string]meeting.BookingID{}
	left := map[[16]byte]string{}
	for ref := range refs {
		if raw, err := hex.DecodeString(strings.ReplaceAll(ref, "-", "")); err == nil && len(raw) == 16 {
			left[[16]byte(raw)] = ref
		}
	}
	room := make([]byte, 0, len(e.Installation)+32)
	last := max(numbersAtLeast, 2*int64(highest))
	for id := int64(1); id <= min(last, math.MaxInt32) && len(left) > 0; id++ {
		sum := e.referenceBytes(room, meeting.BookingID(id))
		if ref, ok := left[sum]; ok {
			out[ref] = meeting.BookingID(id)
			delete(left, sum)
		}
	}
	return out
}
